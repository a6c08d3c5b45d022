"""A running memory: a short list of what was learnt, for a model that is shown only the end of a long episode.

The paper's agent has none, and names that as its limit (arXiv 2602.07274, limitations).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..text import clip
from .context import HEAD, whole
from .protocol import Message, defuse

EVERY = 8
"""Turns after which the notes are brought up to date, if nothing makes it necessary before."""

SYSTEM = """You keep the notes of somebody who solves a task at a Linux terminal and forgets what lies far back.
You are given the task, the notes so far, and what has happened since. Write the notes anew, in at most 12 short lines:
what was found out and where, what works, what failed and why, what is done, what is left.
Write what will be needed and nothing else."""

HEADING = "\n\n[your notes on the turns so far]\n"
_LIMIT = 2000
_LONGEST, _SHORTEST = 3200, 200


class Notes:
    """The notes of one episode.

    Attributes:
        text: the list; "" as long as there is none.
    """

    def __init__(self) -> None:
        self.text = ""
        self._covered = HEAD

    def due(self, messages: Sequence[Message], fitting: Sequence[Message]) -> bool:
        """Return whether they have to be brought up to date before the model sees `fitting` in place of `messages`.

        So it is after `EVERY` turns, and where something was left out that they do not cover. Not in the midst of a
        question about a reply, which is not kept.
        """
        if messages[-1]["role"] != "tool":
            return False
        turns = sum(message["role"] == "tool" for message in messages[self._covered :])
        return turns >= EVERY or len(messages) - whole(fitting) > self._covered

    def request(self, messages: Sequence[Message], max_characters: int) -> list[Message]:
        """Return what a model is asked, so that it writes the notes anew.

        Each text is clipped in its middle, so that none is lost and all have about `max_characters` together.
        """
        limit = _LONGEST
        while sum(map(len, texts := self._texts(messages, limit))) > max_characters and limit > _SHORTEST:
            limit //= 2
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "\n\n".join(texts)}]

    def _texts(self, messages: Sequence[Message], limit: int) -> list[str]:
        since = [
            ("Output:\n" if message["role"] == "tool" else "") + clip(message["content"], limit).text
            for message in messages[self._covered :]
        ]
        task = clip(messages[1]["content"], 2 * limit).text
        return [task, f"Notes so far:\n{self.text or 'none'}", "Since then:", *since]

    def take(self, reply: str, messages: Sequence[Message]) -> None:
        """Take the notes that a model wrote on `messages`; where it wrote none, the old ones stay."""
        written = defuse(reply.rpartition("</think>")[2]).strip()
        self.text = clip(written, _LIMIT).text or self.text
        self._covered = len(messages)

    def shown_in(self, messages: Sequence[Message]) -> list[Message]:
        """Return `messages` with the notes after the instruction."""
        if not self.text:
            return list(messages)
        told = {**messages[1], "content": f"{messages[1]['content']}{HEADING}{self.text}"}
        return [messages[0], told, *messages[HEAD:]]
