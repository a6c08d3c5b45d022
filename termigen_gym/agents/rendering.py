"""From messages to tokens, for any chat template: what a model is trained on and what it is prompted with are the same.

A chat template is a program: it may trim contents, drop what lies in the past (Qwen3 drops its thinking) or treat the
last message unlike the others, so that the rendering of the first k messages need not be a prefix of the whole. Hence
only a skeleton goes through it: marks in place of all contents, and one more message at the end, so that every
assistant message is rendered as history, as it will stand when the next turn is asked for. The contents are put between
the pieces afterwards, verbatim.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from ..errors import ModelError
from .protocol import Message

_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Tokenizer(Protocol):
    """What is used of a transformers tokenizer (a fast one, which knows offsets)."""

    all_special_tokens: list[str]

    def apply_chat_template(self, conversation: list[Message], **options: Any) -> Any:
        """Render messages with the model's template."""

    def __call__(self, text: str, **options: Any) -> Any:
        """Return ``input_ids`` and, if asked, ``offset_mapping``."""


@dataclass(frozen=True)
class Rendered:
    """Messages as tokens.

    Attributes:
        input_ids: the tokens.
        owner: for each token the index of its message, to which belongs what the template puts before its content.
        reply: for each token, whether the model itself writes it: an assistant's content and its end of turn.
    """

    input_ids: list[int]
    owner: list[int]
    reply: list[bool]

    @property
    def costs(self) -> list[int]:
        """The number of tokens of each message."""
        counts = Counter(self.owner)
        return [counts[index] for index in range(max(counts) + 1)]

    def labels(self, trained: Sequence[bool]) -> list[int]:
        """Return the labels: a token's id where its message is `trained` and the model writes it, else -100."""
        return [
            token if reply and trained[owner] else -100
            for token, owner, reply in zip(self.input_ids, self.owner, self.reply, strict=True)
        ]


class Renderer:
    """Renders messages with one tokenizer's chat template.

    Args:
        tokenizer: a fast tokenizer of transformers with a chat template.

    Raises:
        ModelError: at use, where the template drops, repeats or reorders messages, or has no token that ends a turn.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def count(self, text: str) -> int:
        """Return the number of tokens of a text alone."""
        return len(
            self._tokenizer(_SURROGATE.sub("\ufffd", text), add_special_tokens=False, verbose=False)["input_ids"]
        )

    def costs(self, messages: Sequence[Message]) -> list[int]:
        """Return the number of tokens of each message, rendered together."""
        return self.render(messages).costs

    def render(self, messages: Sequence[Message]) -> Rendered:
        """Return `history` of messages that end with the assistant's, else the `prompt` for its turn."""
        return self.history(messages) if messages[-1]["role"] == "assistant" else self.prompt(messages)

    def prompt(self, messages: Sequence[Message]) -> Rendered:
        """Return `messages` and the beginning of the model's next turn."""
        pieces = self._pieces(messages, reply=True)
        return self._tokens(messages, pieces)

    def history(self, messages: Sequence[Message]) -> Rendered:
        """Return `messages`, of which the last is the assistant's, as they stand when more follows, up to its end."""
        more: Message = {"role": "tool", "content": ""}
        pieces = self._pieces([*messages, more], reply=False)[:-1]
        return self._tokens(messages, [*pieces[:-1], self._end_of_turn(pieces[-1])])

    @cached_property
    def _reply_opening(self) -> str:
        """What a template adds to ask for a reply (``<|im_start|>assistant`` and a newline, in ChatML)."""
        asked: list[Message] = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
        before, after = self._render(asked, reply=False), self._render(asked, reply=True)
        if not after.startswith(before):
            raise ModelError(
                "expected a chat template that asks for a reply at its end, found one that rewrites the rest"
            )
        return after[len(before) :]

    def _render(self, messages: Sequence[Message], *, reply: bool) -> str:
        try:
            return str(self._tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=reply))
        except ValueError as error:
            raise ModelError(f"expected a tokenizer whose chat template takes our messages: {error}") from error

    def _pieces(self, messages: Sequence[Message], *, reply: bool) -> list[str]:
        """The template's own text before, between and after the contents."""
        marks = [f"@{index}@" for index in range(len(messages))]
        skeleton: list[Message] = [
            {"role": message["role"], "content": mark} for message, mark in zip(messages, marks, strict=True)
        ]
        rest = self._render(skeleton, reply=reply)
        pieces = []
        for message, mark in zip(messages, marks, strict=True):
            piece, found, rest = rest.partition(mark)
            if not found or mark in rest:
                raise ModelError(
                    f"expected a chat template that shows each message once, in order; a message of role "
                    f"{message['role']!r} is dropped, repeated or moved: use a template with a tool role, as Qwen's"
                )
            pieces.append(piece)
        return [*pieces, rest]

    def _end_of_turn(self, piece: str) -> str:
        """The beginning of `piece`, up to the token that ends the assistant's turn."""
        blank = len(piece) - len(piece.lstrip())
        ends = [token for token in self._tokenizer.all_special_tokens if piece.startswith(token, blank)]
        if not ends:
            raise ModelError(f"expected a special token at the end of the assistant's turn, found {piece[:40]!r}")
        return piece[: blank + len(max(ends, key=len))]

    def _tokens(self, messages: Sequence[Message], pieces: Sequence[str]) -> Rendered:
        text = ""
        starts: list[int] = []
        replies: list[tuple[int, int]] = []
        for index, message in enumerate(messages):
            opened = len(text) + self._opening_end(pieces[index])
            starts.append(replies[-1][1] if index and messages[index - 1]["role"] == "assistant" else len(text))
            text += pieces[index] + _SURROGATE.sub("\ufffd", message["content"])
            if message["role"] == "assistant":
                replies.append((opened, len(text) + len(self._end_of_turn(pieces[index + 1]))))
        text += pieces[-1]
        # Not verbose: that a text is longer than the model's context is what `agents.context` and windows are for.
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return _attribute(encoded["input_ids"], encoded["offset_mapping"], starts, replies)

    def _opening_end(self, piece: str) -> int:
        """Where in `piece` the template stops and the model begins to write."""
        at = piece.rfind(self._reply_opening)
        return len(piece) if at < 0 else at + len(self._reply_opening)


def _attribute(
    input_ids: list[int],
    offsets: Sequence[tuple[int, int]],
    starts: Sequence[int],
    replies: Sequence[tuple[int, int]],
) -> Rendered:
    owner, reply = [], []
    message = span = 0
    for begin, end in offsets:
        while message + 1 < len(starts) and begin >= starts[message + 1]:
            message += 1
        while span < len(replies) and begin >= replies[span][1]:
            span += 1
        owner.append(message)
        reply.append(span < len(replies) and replies[span][0] <= begin and end <= replies[span][1])
    return Rendered(list(input_ids), owner, reply)
