"""Fine-tuning for real, on a tiny model, for a few steps."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import trl
from transformers import AutoModelForCausalLM, AutoTokenizer

import training.sft
import training.tiny
from termigen_gym.episode import Episode
from termigen_gym.export import conversation, encode, write_messages, write_tokens
from tests.chat import a_mistake_at, of_steps, some_steps
from training.sft import SftArgs, parse_args, train
from training.tiny import TinyShape, make_tiny, texts_of

SHAPE = TinyShape(vocabulary=600, hidden=64, layers=2, heads=2, feed_forward=128, positions=2048)
ROOT = Path(__file__).parent.parent.parent
LITTLE = ("--max-steps", "1", "--cpu", "--quiet", "--threads", "1")


def episodes() -> list[Episode]:
    look, build, check, leave = some_steps("ls -la", "make", "make test", "exit")
    return [of_steps([look, a_mistake_at(build), build, check, leave], str(number)) for number in range(4)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_messages(episodes(), folder / "messages.jsonl")
    return make_tiny(folder / "model", texts_of(folder / "messages.jsonl"), shape=SHAPE)


@pytest.fixture(scope="module")
def data(tiny: Path) -> Path:
    path = tiny.parent / "tokens.jsonl"
    write_tokens(episodes(), AutoTokenizer.from_pretrained(tiny), path)
    return path


def arguments(tiny: Path, data: Path, out: Path, **changes: Any) -> SftArgs:
    args = SftArgs(
        model=str(tiny),
        data=str(data),
        out=str(out),
        max_steps=16,
        learning_rate=5e-3,
        accumulate=1,
        recompute=False,
        save_steps=0,
        cpu=True,
        threads=1,
        quiet=True,
    )
    return replace(args, **changes)


def losses_of(checkpoint: Path, policies: tuple[str, str]) -> tuple[float, float]:
    """Mean negative log-likelihoods: of what the first policy trains, and of what only the second trains."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    input_ids, trained = encode(tokenizer, conversation(episodes()[0], policies[0]))  # type: ignore[arg-type]
    _, every = encode(tokenizer, conversation(episodes()[0], policies[1]))  # type: ignore[arg-type]
    with torch.inference_mode():
        odds = model(torch.tensor([input_ids])).logits[0].log_softmax(-1)
    loss = [0.0, *(-float(odds[at, token]) for at, token in enumerate(input_ids[1:]))]
    chosen = [value for value, label in zip(loss, trained, strict=True) if label != -100]
    masked = [value for value, label, other in zip(loss, every, trained, strict=True) if label != -100 == other]
    return sum(chosen) / len(chosen), sum(masked) / len(masked)


def test_trained_turns_are_learned_and_masked_mistakes_are_not(tiny: Path, data: Path, tmp_path: Path) -> None:
    heard: list[tuple[int, float]] = []
    result = train(arguments(tiny, data, tmp_path / "out"), lambda step, loss: heard.append((step, loss)))
    before, masked_before = losses_of(tiny, ("no-errors", "all"))
    after, masked_after = losses_of(tmp_path / "out", ("no-errors", "all"))
    assert after < before - 3
    assert before - after > 1.5 * (masked_before - masked_after)

    rows = [json.loads(line) for line in data.read_text().splitlines()]
    assert result.lines == 4
    assert result.tokens == sum(len(row["labels"]) for row in rows)
    assert result.trained_tokens == sum(label != -100 for row in rows for label in row["labels"])
    assert result.steps == 16
    assert result.losses == tuple(heard)
    assert [step for step, _ in heard] == list(range(1, 17))
    assert result.loss_first == pytest.approx(before, abs=0.3)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["loss_last"] == result.loss_last < result.loss_first


def test_the_same_seed_gives_the_same_model(tiny: Path, data: Path, tmp_path: Path) -> None:
    results = [train(arguments(tiny, data, tmp_path / name, max_steps=3)) for name in ("a", "b")]
    assert results[0].losses == results[1].losses
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("a", "b")]
    assert weights[0] == weights[1]


def test_lines_in_one_batch_give_the_loss_of_lines_one_by_one(tiny: Path, data: Path, tmp_path: Path) -> None:
    one_by_one = train(arguments(tiny, data, tmp_path / "a", max_steps=2, batch=1, accumulate=4))
    at_once = train(arguments(tiny, data, tmp_path / "b", max_steps=2, batch=4))
    assert at_once.losses[0][1] == pytest.approx(one_by_one.losses[0][1], rel=1e-4)
    assert at_once.losses[1][1] == pytest.approx(one_by_one.losses[1][1], rel=1e-2)


def test_our_loss_on_a_cpu_is_trls(tiny: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = train(arguments(tiny, data, tmp_path / "ours", max_steps=3, accumulate=2))
    monkeypatch.setattr("training.sft._trainer_class", lambda use_cpu: trl.SFTTrainer)
    theirs = train(arguments(tiny, data, tmp_path / "theirs", max_steps=3, accumulate=2))
    assert [loss for _, loss in ours.losses] == pytest.approx([loss for _, loss in theirs.losses], rel=1e-3)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft's own
def test_adapters_are_trained_and_the_agent_can_load_them(tiny: Path, data: Path, tmp_path: Path) -> None:
    result = train(arguments(tiny, data, tmp_path, lora_r=4, max_steps=4))
    assert (tmp_path / "adapter_config.json").exists()
    assert not (tmp_path / "model.safetensors").exists()
    assert result.loss_last < result.loss_first
    before, _ = losses_of(tiny, ("no-errors", "all"))
    after, _ = losses_of(tmp_path, ("no-errors", "all"))
    assert after < before


def test_training_goes_on_from_the_last_checkpoint(tiny: Path, data: Path, tmp_path: Path) -> None:
    first = train(arguments(tiny, data, tmp_path, max_steps=3, save_steps=2, resume=True))
    assert first.steps == 3
    steps: list[int] = []
    train(arguments(tiny, data, tmp_path, max_steps=5, save_steps=2, resume=True), lambda step, _: steps.append(step))
    assert steps == [4, 5]


def test_recomputing_activations_changes_no_loss(tiny: Path, data: Path, tmp_path: Path) -> None:
    kept = train(arguments(tiny, data, tmp_path / "kept", max_steps=2))
    recomputed = train(arguments(tiny, data, tmp_path / "recomputed", max_steps=2, recompute=True))
    assert [loss for _, loss in recomputed.losses] == pytest.approx([loss for _, loss in kept.losses], rel=1e-4)


def test_from_the_command_line(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = f"--data {tiny.parent / 'messages.jsonl'} --out {tmp_path / 'tiny'}"
    monkeypatch.setattr(sys, "argv", ["tiny", *words.split()])
    training.tiny.main()
    write_tokens(episodes(), AutoTokenizer.from_pretrained(tmp_path / "tiny"), tmp_path / "tokens.jsonl")
    words = f"--model {tmp_path / 'tiny'} --data {tmp_path / 'tokens.jsonl'} --out {tmp_path / 'out'}"
    monkeypatch.setattr(
        sys, "argv", ["sft", *words.split(), *["--max-steps", "1", "--cpu", "--quiet", "--threads", "1"]]
    )
    training.sft.main()
    assert "1 steps in" in capsys.readouterr().out
    for name in ("model.safetensors", "tokenizer.json", "chat_template.jinja", "metrics.json"):
        assert (tmp_path / "out" / name).is_file()


def test_data_that_would_be_cut_are_refused(tiny: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"at most 64 tokens, found one of \d+"):
        train(arguments(tiny, data, tmp_path, max_length=64))


def test_data_of_another_tokenizer_are_refused(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "t").write_text('{"input_ids": [1, 151645], "labels": [-100, 151645]}\n')
    with pytest.raises(ValueError, match=r"ids below 600, found 151645 .* export again with --tokenizer"):
        train(arguments(tiny, tmp_path / "t", tmp_path / "out"))


def test_messages_are_no_tokens(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"input_ids and labels in .*, found \['agent', 'episode', 'messages'"):
        train(arguments(tiny, tiny.parent / "messages.jsonl", tmp_path))


def test_a_tiny_model_is_the_same_for_the_same_texts_and_seed(tmp_path: Path) -> None:
    texts = ["ls -la\n", "make\n"] * 9
    folders = [make_tiny(tmp_path / name, texts, seed, SHAPE) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    files = [
        {name: (folder / name).read_bytes() for name in ("model.safetensors", "tokenizer.json")} for folder in folders
    ]
    assert files[0] == files[1]
    assert files[0]["model.safetensors"] != files[2]["model.safetensors"]


@pytest.mark.parametrize(
    "text", ["ls -la\n", "new words: über 漢字 \U0001f40d\n\n\ttab  blanks ", "<tool_call>\n{}\n</tool_call>"]
)
def test_a_tiny_tokenizer_gives_every_text_back(text: str, tiny: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


CONFIGS = sorted((ROOT / "training" / "configs").glob("*.yaml"))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_configs_are_read_and_the_command_line_goes_first(config: Path) -> None:
    given = ["--config", str(config), "--data", "d", "--out", "o"]
    args = parse_args(given)
    assert args.model.startswith("Qwen/")
    assert (args.data, args.out, args.max_length) == ("d", "o", 20_000)
    assert parse_args([*given, "--model", "mine", "--epochs", "1", "--no-recompute"]) == replace(
        args, model="mine", epochs=1.0, recompute=False
    )


def test_the_papers_recipe_is_the_default() -> None:
    recipe = parse_args(
        ["--config", str(ROOT / "training/configs/qwen2.5-coder-32b.yaml"), "--data", "d", "--out", "o"]
    )
    assert recipe == SftArgs(model=recipe.model, data="d", out="o")


def test_a_config_with_a_wrong_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("lerning_rate: 1\n")
    with pytest.raises(ValueError, match="found also lerning_rate"):
        parse_args(["--config", str(tmp_path / "c.yaml"), "--model", "m", "--data", "d", "--out", "o"])


def test_help_names_every_argument_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from training.sft import main; sys.argv[1:] = ['--help']\n"
        "try: main()\n"
        "finally: assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    for item in fields(SftArgs):
        assert re.search(rf"--{item.name.replace('_', '-')}\b", done.stdout)
