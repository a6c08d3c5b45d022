"""The oracle: plays the reference solution, and takes back what a critic makes it do wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..episode import Perturbation
from ..solution import solution_of
from ..task import Task
from .base import Move

_COMPLAINT = re.compile(
    r"error|not found|no such|unrecogni[sz]ed|unknown|unexpected|invalid|cannot|can't|could not|failed|fatal|denied"
    r"|not a |is a directory|usage:|traceback|exception|undefined|refused|missing",
    re.IGNORECASE,
)
_QUOTE_LIMIT = 160


@dataclass(frozen=True)
class _Intent:
    """A move that is planned: why, and what there is to say when it comes to be tried again (None: the same)."""

    action: str
    reason: str
    preface: str = ""
    later: str | None = None

    @property
    def move(self) -> Move:
        return Move(self.action, f"{self.preface} {self.reason}".strip())


class Oracle:
    """Plays solve.sh block by block in the one session, then submits.

    Where ``info["perturbation"]`` says that something else ran, its `repair` goes first: the diagnosis, with a thought
    on what the terminal really showed, the undo commands, and the move again. Repairs may be perturbed in turn. It uses
    no randomness.
    """

    name = "oracle"
    model: str | None = None

    def __init__(self) -> None:
        self._plan: list[_Intent] = []
        self._last: _Intent | None = None

    def begin(self, task: Task, observation: str, info: Mapping[str, Any]) -> None:
        """Read the task's solution.

        Raises:
            TaskError: there is none, or it is malformed.
        """
        blocks = solution_of(task)
        self._plan = [_SUBMIT, *(_Intent(block.command, block.thought) for block in reversed(blocks))]
        self._last = None

    def act(self, observation: str, info: Mapping[str, Any]) -> Move:
        """Return the next block, or the next move of a repair; while a block is still running, wait for it."""
        running = info["state"] == "running"
        if self._last is not None and info.get("perturbation") is not None:
            perturbation = Perturbation.from_dict(info["perturbation"])
            self._plan += reversed(_repair(perturbation, self._last, _doubt(observation, info)))
            if running:
                self._plan.append(_INTERRUPT)
        elif running:
            return _WAIT
        self._last = self._plan.pop() if self._plan else _SUBMIT
        return self._last.move

    def usage(self) -> Mapping[str, float]:
        """Return nothing: no model is used."""
        return {}


_SUBMIT = _Intent("exit", "That was the last thing to do, and the result stands. I hand it in.")
_INTERRUPT = _Intent("\x03", "It neither ends nor says more, so I interrupt it.")
_WAIT = Move("", "It is still running; I wait for it.")


def _repair(perturbation: Perturbation, intended: _Intent, doubt: str) -> list[_Intent]:
    """The moves that take `perturbation` back and end with the one that was `intended`."""
    repair = perturbation.repair
    again = replace(intended, reason=intended.later or intended.reason, preface="")
    if repair is None:
        return [replace(again, preface=doubt)]
    diagnosis = _Intent(repair.diagnosis, doubt, later="Now the look that I was about to take.")
    if not repair.undo:
        return [diagnosis, replace(again, preface=repair.finding)]
    first = _Intent(repair.undo[0], repair.finding, later="Now I take back what I meant to take back.")
    rest = [_Intent(command, "The rest of it goes back as well.") for command in repair.undo[1:]]
    return [diagnosis, first, *rest, again]


def _doubt(observation: str, info: Mapping[str, Any]) -> str:
    """What one thinks on seeing `observation`, when it is not what one wanted to see."""
    lines = [line.strip() for line in observation.splitlines() if line.strip()]
    complaint = next((line for line in lines if _COMPLAINT.search(line)), None)
    code = info["exit_code"]
    if info["state"] == "running":
        return "That does not end by itself, which it should have. I look at what it was about to do."
    if code is None:
        return "That cost me the shell. I check what I am left with."
    if code != 0 and complaint is not None:
        return f"That failed: `{_quote(complaint)}`. I find out why before I go on."
    if code != 0 and lines:
        return f"Exit code {code}, and the last line is `{_quote(lines[-1])}`. I look closer."
    if code != 0:
        return f"Exit code {code} and not a word. I look what is the matter."
    if complaint is not None:
        return f"The output has `{_quote(complaint)}`, which I did not expect. I check what it means."
    if not lines:
        return "That printed nothing, so I do not know yet whether it did what I wanted. I check."
    return f"It ended without a complaint, but `{_quote(lines[-1])}` does not prove what I wanted. I check."


def _quote(line: str) -> str:
    text = line.replace("`", "'")
    return text if len(text) <= _QUOTE_LIMIT else f"{text[:_QUOTE_LIMIT]}…"
