"""A tiny model and its tokenizer, made on the spot: for tests, demonstrations and smoke runs without a download.

    python -m training.tiny --data messages.jsonl --out tiny

The model has Qwen3's architecture and random weights; the tokenizer is a byte-level BPE learned from the given texts,
with Qwen's ChatML tokens and a chat template of the same shape as Qwen2.5's. It knows nothing before training, and
after training only what it was trained on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

END_OF_TURN = "<|im_end|>"
END_OF_TEXT = "<|endoftext|>"
_SPECIAL = (END_OF_TEXT, "<|im_start|>", END_OF_TURN)
_MARKS = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
_LONGEST_TOKEN = 48

CHAT_TEMPLATE = """\
{%- for message in messages -%}
{%- if message.role == 'tool' -%}
{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' -}}
{%- else -%}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\n' -}}
{%- endif -%}
"""


@dataclass(frozen=True)
class TinyShape:
    """The size of a tiny model: about 1.2 million parameters as it is."""

    vocabulary: int = 4096
    hidden: int = 128
    layers: int = 3
    heads: int = 4
    feed_forward: int = 384
    positions: int = 8192


def make_tiny(folder: Path, texts: Iterable[str], seed: int = 0, shape: TinyShape | None = None) -> Path:
    """Write a checkpoint to `folder` and return it.

    Args:
        folder: made where it does not exist.
        texts: what the tokenizer learns from; the more they are like the training texts, the fewer tokens those have.
        seed: of the weights. The same texts and seed give the same checkpoint.
        shape: the model's size.
    """
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    shape = shape or TinyShape()
    tokenizer = make_tokenizer(texts, shape)
    torch.manual_seed(seed)
    # Not Qwen2, beside which transformers 5 reads every tokenizer with Qwen2's own splitting into words.
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=shape.vocabulary,
            hidden_size=shape.hidden,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.heads,
            head_dim=shape.hidden // shape.heads,
            intermediate_size=shape.feed_forward,
            max_position_embeddings=shape.positions,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tokenizer(texts: Iterable[str], shape: TinyShape) -> Any:
    """Return a tokenizer of at most `shape.vocabulary` tokens, learned from `texts`."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    # Lines, not words: what is said often (a command, a sentence) becomes few tokens, and training is short.
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("\n", "merged_with_previous"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=shape.vocabulary - len(_MARKS),
        special_tokens=list(_SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=_LONGEST_TOKEN,
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    bpe.add_tokens([AddedToken(mark, normalized=False) for mark in _MARKS])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=END_OF_TURN,
        pad_token=END_OF_TEXT,
        additional_special_tokens=["<|im_start|>"],
        model_max_length=shape.positions,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def texts_of(file: Path) -> Iterable[str]:
    """Yield the contents of a messages JSONL (``termigen export --format messages``), for `make_tiny`."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            for message in json.loads(line)["messages"]:
                yield message["content"]
                yield from (call["function"]["arguments"] for call in message.get("tool_calls", ()))


def main() -> None:
    """Make a tiny checkpoint from an exported run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="messages JSONL, as termigen export writes it")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    make_tiny(args.out, texts_of(args.data), args.seed)


if __name__ == "__main__":
    main()
