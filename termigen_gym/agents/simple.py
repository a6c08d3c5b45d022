"""Baselines that do no work: every sound task gives them 0."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..task import Task
from .base import Move

_FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n(.*?)^ {0,3}\1[ \t]*$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^|\n)[ \t]*\n((?:(?: {4}|\t)[^\n]*\n?|[ \t]*\n(?= {4}|\t))+)")
_ABSOLUTE = re.compile(r"(?<![\w/.:<~])/(?:[\w.+-]+/)*[\w+-](?:[\w.+-]*[\w+-])?(?![\w+/-])")
_RELATIVE = re.compile(r"(?<=`)(?:[\w.+-]+/)*[\w+-][\w.+-]*\.[A-Za-z]\w{0,7}(?=`)")
_SYSTEM = ("/bin/", "/dev/", "/lib/", "/proc/", "/sbin/", "/sys/", "/usr/bin/", "/usr/lib/", "/usr/sbin/")
_END = "END_OF_EXAMPLE"


class Null:
    """Submits at once."""

    name = "null"
    model: str | None = None

    def begin(self, task: Task, observation: str, info: Mapping[str, Any]) -> None:
        """Nothing to prepare."""

    def act(self, observation: str, info: Mapping[str, Any]) -> Move:
        """Return ``exit``."""
        return Move("exit")

    def usage(self) -> Mapping[str, float]:
        """Return nothing: no model is used."""
        return {}


@dataclass(frozen=True)
class Example:
    """A code block of an instruction and where it stands in the text."""

    text: str
    start: int
    end: int


class Echo:
    """Copies the example blocks of the instruction into the paths that it names, then submits.

    Each path gets one block: the next one after its first mention, else the last. A path that is the last one named
    before a block is overwritten; elsewhere the agent writes only where nothing is yet, so that inputs stay whole.

    Args:
        shift: take the block that many places further on. With 0 to ``len(examples(instruction)) - 1`` in turn every
            block has been copied into every path.
    """

    name = "echo"
    model: str | None = None

    def __init__(self, shift: int = 0) -> None:
        self._shift = shift
        self._plan: list[Move] = []

    def begin(self, task: Task, observation: str, info: Mapping[str, Any]) -> None:
        """Find blocks and paths."""
        self._plan = [*_copies(task.instruction, self._shift), Move("exit", "Every path holds what was shown.")]
        self._plan.reverse()

    def act(self, observation: str, info: Mapping[str, Any]) -> Move:
        """Return the next copy, at last ``exit``."""
        return self._plan.pop() if self._plan else Move("exit")

    def usage(self) -> Mapping[str, float]:
        """Return nothing: no model is used."""
        return {}


def examples(instruction: str) -> list[Example]:
    """Return the fenced and the indented code blocks of a Markdown text, in order."""
    found = [Example(match[2], match.start(), match.end()) for match in _FENCED.finditer(instruction)]
    for match in _INDENTED.finditer(instruction):
        if not any(block.start < match.end(1) and match.start(1) < block.end for block in found):
            lines = match[1].rstrip().split("\n")
            text = "".join(f"{line.expandtabs(4)[4:]}\n" for line in lines)
            found.append(Example(text, match.start(1), match.end(1)))
    return sorted(found, key=lambda block: block.start)


def paths(instruction: str) -> dict[str, list[int]]:
    """Return the files that a text names outside of its examples, with the places where each is named.

    Absolute paths count anywhere, relative ones in backticks and with a suffix. Directories are told apart in the
    sandbox only.
    """
    blocks = examples(instruction)
    named: dict[str, list[int]] = {}
    for match in sorted([*_ABSOLUTE.finditer(instruction), *_RELATIVE.finditer(instruction)], key=re.Match.start):
        inside = any(block.start <= match.start() < block.end for block in blocks)
        if not inside and not match[0].startswith(_SYSTEM):
            named.setdefault(match[0], []).append(match.start())
    return named


def _copies(instruction: str, shift: int) -> list[Move]:
    blocks, named = examples(instruction), paths(instruction)
    if not blocks:
        return []
    owners = {_owner(block, named) for block in blocks}
    moves = []
    for path, mentions in named.items():
        after = next((i for i, block in enumerate(blocks) if block.start > mentions[0]), len(blocks) - 1)
        chosen = blocks[(after + shift) % len(blocks)]
        thought = f"{path} has to look like the example, so it gets the example."
        moves.append(Move(_write(path, chosen.text, overwrite=path in owners), thought))
    return moves


def _owner(block: Example, named: Mapping[str, list[int]]) -> str | None:
    """The path that is named last before `block`."""
    before = [(at, path) for path, mentions in named.items() for at in mentions if at < block.start]
    return max(before)[1] if before else None


def _write(path: str, text: str, *, overwrite: bool) -> str:
    target = shlex.quote(path)
    keep = "-d" if overwrite else "-e"
    body = text if text.endswith("\n") else f"{text}\n"
    return (
        f"[ {keep} {target} ] || {{ mkdir -p -- $(dirname -- {target}) && cat > {target} <<'{_END}'\n{body}{_END}\n}}"
    )
