"""An agent that runs a checkpoint in this process, with transformers.

For one worker and small models; several workers share one copy of the weights, but a served model (the chat agent) is
the way to speed.
"""

from __future__ import annotations

import inspect
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from ..errors import ModelError
from ..task import Task
from .base import Move
from .context import within
from .protocol import Conversation, Message, ParseFailure, parse_reply
from .rendering import Renderer
from .turns import Turns


@dataclass(eq=False)
class _Loaded:
    """A checkpoint in memory."""

    model: Any
    tokenizer: Any
    renderer: Renderer
    ends: frozenset[int]
    past: str


_loaded: WeakValueDictionary[tuple[str, str, int], _Loaded] = WeakValueDictionary()
_loading = threading.Lock()


class LocalAgent:
    """Asks a model for each move, in the conversation of `agents.protocol`; what is not understood is as in `Turns`.

    Args:
        checkpoint: a folder or a hub name, of a model or of a LoRA adapter.
        max_new_tokens: of one reply.
        temperature: 0 takes the likeliest token.
        seed: of the sampling, for the agent's whole life; None draws one, so that agents side by side differ.
        context: tokens of prompt and reply together; None takes the model's own limit.
        device: as torch names it; "auto" takes a GPU where there is one.
        patience: not-understood turns in a row until it gives up.

    Raises:
        ModelError: the checkpoint can't be loaded, or its chat template does not take our messages.
    """

    name = "local"

    def __init__(
        self,
        checkpoint: str | Path,
        *,
        max_new_tokens: int = 1024,
        temperature: float = 0.6,
        seed: int | None = None,
        context: int | None = None,
        device: str = "auto",
        patience: int = 3,
    ) -> None:
        self.model: str | None = str(checkpoint)
        self._loaded = _load(str(checkpoint), device)
        self._max_new_tokens = max_new_tokens
        self._temperature = temperature
        self._random = torch.Generator()
        if seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(seed)
        self._room = (context or self._loaded.model.config.max_position_embeddings) - max_new_tokens
        self._patience = patience
        self._turns = Turns(Conversation(""), patience)
        self._usage: Counter[str] = Counter()
        self._cached: list[int] = []
        self._cache = DynamicCache(config=self._loaded.model.config)

    def begin(self, task: Task, observation: str, info: Mapping[str, Any]) -> None:
        """Start a conversation."""
        self._turns = Turns(Conversation(observation), self._patience)
        self._usage = Counter()

    def act(self, observation: str, info: Mapping[str, Any]) -> Move:
        """Return the model's move.

        Raises:
            ModelError: the context is too small for the instruction, or the device is out of memory.
        """
        return self._turns.move(observation, info, self._answer)

    def usage(self) -> Mapping[str, float]:
        """Return prompt_tokens, cached_tokens (of the prompt, not computed anew), completion_tokens, not_understood."""
        return {**self._usage, "not_understood": self._turns.not_understood}

    def _answer(self, messages: list[Message]) -> Move | ParseFailure:
        return parse_reply(self._reply(messages))

    def _reply(self, messages: list[Message]) -> str:
        renderer = self._loaded.renderer
        fitting = within(renderer, messages, self._room)
        if fitting is None:
            raise ModelError(
                f"expected a context with room for the instruction and one output, found {self._room} tokens: "
                f"give a larger context or a smaller max_new_tokens (now {self._max_new_tokens})"
            )
        prompt = renderer.prompt(fitting).input_ids
        try:
            with torch.inference_mode():
                written = self._generate(prompt)
        except torch.OutOfMemoryError as error:
            raise ModelError(f"out of memory with a prompt of {len(prompt)} tokens: give a smaller context") from error
        self._usage.update(prompt_tokens=len(prompt), completion_tokens=len(written))
        return str(self._loaded.tokenizer.decode(written, skip_special_tokens=True))

    def _generate(self, prompt: list[int]) -> list[int]:
        """The tokens of a reply, the end of turn included if it came. Keeps the cache in step with `_cached`."""
        new = self._reuse(prompt)
        written: list[int] = []
        while len(written) < self._max_new_tokens:
            token = self._next(new)
            written.append(token)
            if token in self._loaded.ends:
                break
            new = [token]
        return written

    def _reuse(self, prompt: list[int]) -> list[int]:
        """Keep of the cache what `prompt` begins with; return the rest of `prompt`, at least its last token."""
        same = 0
        for known, wanted in zip(self._cached, prompt[:-1], strict=False):
            if known != wanted:
                break
            same += 1
        try:
            self._cache.crop(same - len(self._cached))
        except RuntimeError:  # layers with a state instead of a past (sliding window, linear attention) can't go back
            same = 0
        if same == 0:
            self._cache = DynamicCache(config=self._loaded.model.config)
        del self._cached[same:]
        self._usage["cached_tokens"] += same
        return prompt[same:]

    def _next(self, new: list[int]) -> int:
        model = self._loaded.model
        ids = torch.tensor([new], device=model.device)
        past = {self._loaded.past: self._cache}
        logits = model(input_ids=ids, use_cache=True, logits_to_keep=1, **past).logits[0, -1]
        self._cached += new
        if self._temperature <= 0:
            return int(logits.argmax())
        odds = torch.softmax(logits.float().cpu() / self._temperature, dim=-1)
        return int(torch.multinomial(odds, 1, generator=self._random))


def _load(checkpoint: str, device: str) -> _Loaded:
    """The checkpoint, from memory where another agent holds it and the folder was not written since."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    folder = Path(checkpoint)
    written = max((file.stat().st_mtime_ns for file in folder.iterdir()), default=0) if folder.is_dir() else 0
    with _loading:
        found = _loaded.get((checkpoint, device, written))
        if found is None:
            found = _loaded[checkpoint, device, written] = _read(checkpoint, device)
        return found


def _read(checkpoint: str, device: str) -> _Loaded:
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(checkpoint)
        dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
        model: Any = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=dtype)
    except (OSError, ValueError) as error:
        raise ModelError(f"expected a checkpoint with a tokenizer at {checkpoint}: {error}") from error
    model.to(device).eval()
    renderer = Renderer(tokenizer)
    turn: list[Message] = [{"role": role, "content": "x"} for role in ("system", "user", "assistant")]
    configured = model.generation_config.eos_token_id
    ends = configured if isinstance(configured, list) else [configured]
    ends += [tokenizer.eos_token_id, renderer.history(turn).input_ids[-1]]
    # transformers 5.24 gave the argument that carries the past a shorter name.
    past = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
    return _Loaded(model, tokenizer, renderer, frozenset(ends) - {None}, past)
