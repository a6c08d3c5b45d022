"""The turns of an agent that has a model: asked for a move, once more where it was not understood, given up at last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from .base import Move
from .protocol import Conversation, Message, ParseFailure

NO_TEXT = "(an empty reply)"
"""Shown to the model in place of one, since some endpoints refuse a message without text."""


@dataclass(frozen=True)
class Last:
    """A reply after which the model wants no other turn.

    Attributes:
        move: its last command; None where it has none.
        thought: what it says.
    """

    move: Move | None
    thought: str = ""


Answer: TypeAlias = Callable[[list[Message]], Move | ParseFailure | Last]
"""Whoever replies to messages, the reply as it was read."""


class Turns:
    """One episode of a model.

    A reply without a command is asked for once more, with what is wrong with it; that exchange is not kept. If it fails
    again, the turn is a no-op that has the reply in its thought, and after `patience` such turns in a row what there is
    is submitted, after an interrupt where a program is running.

    Args:
        conversation: as it begins.
        patience: not-understood turns in a row until it gives up.

    Attributes:
        conversation: as it has grown.
        not_understood: the number of such turns.
    """

    def __init__(self, conversation: Conversation, patience: int) -> None:
        self.conversation = conversation
        self.not_understood = 0
        self._patience = patience
        self._failures = 0
        self._begun = self._leaving = False

    def move(self, observation: str, info: Mapping[str, Any], answer: Answer) -> Move:
        """Return the next move, given what ``reset`` or ``step`` returned last, and whom to ask.

        Raises:
            ModelError: as `answer`.
        """
        self.observe(observation, info)
        move = _leave(info["state"]) if self._leaving else self._understood(info["state"], answer)
        self.say(move)
        return move

    def observe(self, observation: str, info: Mapping[str, Any]) -> None:
        """Take what the last turn led to; before the first one that is in the conversation already."""
        if self._begun:
            self.conversation.saw(observation, info)

    def say(self, move: Move) -> None:
        """Take a move as the model's own."""
        self.conversation.said(move)
        self._begun = True

    def _understood(self, state: str, answer: Answer) -> Move:
        messages = self.conversation.messages
        read = answer(messages)
        if isinstance(read, ParseFailure):
            said: Message = {"role": "assistant", "content": read.text if read.text.strip() else NO_TEXT}
            asked: Message = {"role": "user", "content": read.feedback}
            read = answer([*messages, said, asked])
        if isinstance(read, ParseFailure):
            return self._without_command(read, state)
        self._failures = 0
        if isinstance(read, Move):
            return read
        self._leaving = True
        return read.move or _leave(state, read.thought)

    def _without_command(self, failure: ParseFailure, state: str) -> Move:
        self._failures += 1
        self.not_understood += 1
        move = failure.as_move(state)
        return move if self._failures < self._patience else _leave(state, move.thought)


def _leave(state: str, thought: str = "") -> Move:
    """Submit; where a program would take that as input, interrupt it first."""
    return Move("\x03" if state == "running" else "exit", thought)
