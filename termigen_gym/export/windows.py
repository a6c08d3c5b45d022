"""Cutting a conversation that is longer than a model's training length, so that none of its trained turns is lost.

Keeping the first tokens, as trainers do, would cut off the end of long episodes, which is where recoveries are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..agents.context import HEAD, clip_long, fit
from ..agents.protocol import Message
from ..agents.rendering import Renderer


@dataclass(frozen=True)
class Windows:
    """The windows of one conversation.

    Attributes:
        messages: of each window; ``train`` only on the turns that are its own.
        left_out: the number of trained turns that are too long for a window, even alone.
    """

    messages: tuple[list[Message], ...]
    left_out: int = 0


def windows(renderer: Renderer, messages: Sequence[Message], max_length: int) -> Windows:
    """Cut `messages` into windows of at most `max_length` tokens.

    Each trained turn is in the loss of exactly one window, together with the observation before it. A window begins
    with the system message and the instruction; then come as many of the turns before its own as fit (see
    `agents.context`); its own turns take up to half of the
    rest (in the first window, all). One window where all fits; none without trained turns.
    """
    trained = [index for index, message in enumerate(messages) if message.get("train")]
    if not trained:
        return Windows(())
    messages = list(messages[: trained[-1] + 1])
    costs = renderer.history(messages).costs
    if sum(costs) <= max_length:
        return Windows((messages,))
    messages = clip_long(renderer, messages, max_length)
    costs = renderer.history(messages).costs
    room = max_length - sum(costs[:HEAD])
    cut: list[list[Message]] = []
    left_out = 0
    while trained:
        begin = max(trained[0] - 1, HEAD)
        most = room if begin == HEAD else room // 2
        own = [index for index in trained if index == trained[0] or sum(costs[begin : index + 1]) <= most]
        window = fit(renderer, _own(messages[: own[-1] + 1], own), max_length, keep=own[-1] + 1 - begin)
        if window is None:
            left_out += 1
            own = own[:1]
        else:
            cut.append(window)
        trained = trained[len(own) :]
    return Windows(tuple(cut), left_out)


def _own(messages: Sequence[Message], own: Sequence[int]) -> list[Message]:
    return [
        {**message, "train": index in own} if message["role"] == "assistant" else message
        for index, message in enumerate(messages)
    ]
