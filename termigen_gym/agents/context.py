"""Keeping a conversation within a number of tokens.

The system message and the instruction stay, and the latest turns in full. In what room is left, older turns stay
without their output; the oldest go. A single text that is too long is clipped in its middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..text import clip
from .protocol import Message

_BYTES_PER_TOKEN = 3
_TOKENS_AROUND = 6

HEAD = 2
"""The messages that always stay: the system's, and the instruction."""

OUTPUT_LEFT_OUT = "[output left out]"
TURNS_LEFT_OUT = "\n\n[earlier turns are left out]"


class Measure(Protocol):
    """Knows how many tokens texts have: a `Renderer` exactly, an `Estimate` about."""

    def count(self, text: str) -> int:
        """Return the number of tokens of a text alone."""

    def costs(self, messages: Sequence[Message]) -> list[int]:
        """Return the number of tokens of each message; together those of the prompt, or of the history."""


class Estimate:
    """Takes a token for three bytes of UTF-8: above what English text and code have, below what hex dumps have."""

    def count(self, text: str) -> int:
        """Return about the number of tokens of a text."""
        return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)

    def characters(self, tokens: int) -> int:
        """Return about how many characters of plain text have so many tokens."""
        return tokens * _BYTES_PER_TOKEN

    def costs(self, messages: Sequence[Message]) -> list[int]:
        """Return about the number of tokens of each message."""
        return [self.count(message["content"]) + _TOKENS_AROUND for message in messages]


def within(measure: Measure, messages: Sequence[Message], max_tokens: int) -> list[Message] | None:
    """Return `messages` as they are where they have at most `max_tokens` tokens, else after `clip_long` and `fit`.

    None where not even the head and the last message fit then.
    """
    if sum(measure.costs(messages)) <= max_tokens:
        return list(messages)
    return fit(measure, clip_long(measure, messages, max_tokens), max_tokens)


def whole(fitting: Sequence[Message]) -> int:
    """Return how many messages at the end of what `fit` returned have kept their content."""
    left_out = [index for index, message in enumerate(fitting) if message["content"] == OUTPUT_LEFT_OUT]
    return len(fitting) - max([HEAD - 1, *left_out]) - 1


def fit(measure: Measure, messages: Sequence[Message], max_tokens: int, keep: int = 1) -> list[Message] | None:
    """Return `messages`, shortened to at most `max_tokens` tokens where they are more.

    The last `keep` messages stay as they are, after `clip_long`. None where they and the head do not fit.
    """
    size = sum(measure.costs(messages))
    if size <= max_tokens:
        return list(messages)
    budget = max_tokens
    while size > max_tokens:
        # Where tokens merge over the bounds of messages the sum of costs is not quite the whole's.
        chosen = _choose(measure, messages, budget, keep)
        if chosen is None:
            return None
        size = sum(measure.costs(chosen))
        budget -= max(size - max_tokens, 0)
    return chosen


def _choose(measure: Measure, messages: Sequence[Message], budget: int, keep: int) -> list[Message] | None:
    head, middle, tail = messages[:HEAD], messages[HEAD : len(messages) - keep], messages[len(messages) - keep :]
    head = [head[0], {**head[1], "content": head[1]["content"] + TURNS_LEFT_OUT}]
    without_output = [
        {**message, "content": OUTPUT_LEFT_OUT} if message["role"] == "tool" else message for message in middle
    ]
    full = measure.costs([*head, *middle, *tail])
    short = measure.costs([*head, *without_output, *tail])
    room = budget - sum(full[:HEAD]) - sum(full[HEAD + len(middle) :])
    if room < 0:
        return None
    first, kept, shortened = len(middle), [], False
    while first > 0:
        index = first - 1
        shortened = shortened or full[HEAD + index] > room
        cost = short[HEAD + index] if shortened else full[HEAD + index]
        if cost > room:
            break
        kept.append(without_output[index] if shortened else middle[index])
        room -= cost
        first = index
    if kept and kept[-1]["role"] == "tool":  # an output without its command
        kept.pop()
    return [*(head if first else messages[:HEAD]), *reversed(kept), *tail]


def clip_long(measure: Measure, messages: Sequence[Message], max_tokens: int) -> list[Message]:
    """Return `messages` with what is not the model's own clipped: the head to 3/8 of `max_tokens`, outputs to 1/4."""
    limits = {"user": max_tokens * 3 // 8, "tool": max_tokens // 4}
    return [
        {**message, "content": _clip_tokens(measure, message["content"], limits[message["role"]])}
        if message["role"] in limits
        else message
        for message in messages
    ]


def _clip_tokens(measure: Measure, text: str, limit: int) -> str:
    clipped, room = text, len(text)
    while (count := measure.count(clipped)) > limit and room > 1:
        room = min(int(room * limit / count), room - 1)
        clipped = clip(text, room).text
    return clipped
