"""Reference solutions, block by block, and the mistakes that people make on the way.

solve.sh is literate. Its first paragraph is the preamble (``#!``, comments, ``set …``) and is not played. A block
begins at a blank line followed by a line that starts with ``# ``: its leading comment lines are the thought, the rest
is one action, verbatim. So ``bash solve.sh`` and an agent in an interactive shell do the same.

mistakes.toml holds ``[[mistake]]`` tables: step (a block's number, from 1), kind, thought, command, diagnosis, finding,
undo.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from .episode import Perturbation, PerturbationKind, Repair
from .errors import TaskError
from .task import Task

_BLOCK_START = re.compile(r"\n[ \t]*\n(?=# )")
_PREAMBLE_LINE = re.compile(r"#.*|set( .*)?|")


@dataclass(frozen=True)
class Block:
    """One step of a solution.

    Attributes:
        thought: what its author sees and wants, in the first person.
        command: the action, verbatim; may have many lines.
    """

    thought: str
    command: str


@dataclass(frozen=True)
class Mistake:
    """A mistake made instead of one block.

    Attributes:
        step: the block's number, from 1.
        perturbation: what runs instead, and how it is found and taken back.
    """

    step: int
    perturbation: Perturbation


def parse_solution(text: str, path: Path | str = "solve.sh") -> tuple[Block, ...]:
    """Split the text of a solve.sh into its blocks.

    Args:
        text: the script.
        path: named in errors.

    Raises:
        TaskError: the preamble has a command that would not be played, there is no block, or a block has no command.
    """
    parts = _BLOCK_START.split(text.replace("\r\n", "\n"))
    _check_preamble(parts[0], path)
    if len(parts) == 1:
        raise TaskError(
            f"{path}: expected at least one block after the preamble (a blank line, then a line that starts with "
            "'# '), found none"
        )
    return tuple(_block(part, number, path) for number, part in enumerate(parts[1:], start=1))


def _check_preamble(preamble: str, path: Path | str) -> None:
    for number, line in enumerate(preamble.split("\n"), start=1):
        if not _PREAMBLE_LINE.fullmatch(line.strip()):
            raise TaskError(
                f"{path}: line {number}: expected only '#!', comments and 'set …' in the first paragraph, which is not "
                f"played; found {line.strip()!r}; move it into a block"
            )


def _block(text: str, number: int, path: Path | str) -> Block:
    lines = text.split("\n")
    comments = 0
    while comments < len(lines) and re.match(r"#( |$)", lines[comments]):
        comments += 1
    thought = " ".join(line[1:].strip() for line in lines[:comments]).strip()
    command = "\n".join(lines[comments:]).strip("\n")
    if not command.strip():
        raise TaskError(f"{path}: block {number}: expected a command after the comment {thought!r}, found none")
    return Block(thought, command)


_Filled = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]


class _Row(BaseModel):
    """One ``[[mistake]]``: an unknown key is a misspelt one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    step: int = Field(ge=1)
    kind: PerturbationKind
    thought: _Filled
    command: _Filled
    diagnosis: _Filled
    finding: _Filled
    undo: list[_Filled]


class _File(BaseModel):
    """mistakes.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mistake: list[_Row] = []


def parse_mistakes(text: str, path: Path | str, blocks: int | None = None) -> tuple[Mistake, ...]:
    """Read the text of a mistakes.toml.

    Args:
        text: the file's text.
        path: named in errors.
        blocks: how many blocks the solution has; None where that is not to be checked.

    Raises:
        TaskError: not TOML, a key is missing, unknown or of a wrong type, a kind is unknown, a step is out of range.
    """
    try:
        rows = _File.model_validate(tomllib.loads(text)).mistake
    except tomllib.TOMLDecodeError as error:
        raise TaskError(f"{path}: expected TOML, found a syntax error: {error}") from None
    except ValidationError as error:
        raise TaskError("\n".join(_row_errors(error, path))) from None
    return tuple(_mistake(row, number, path, blocks) for number, row in enumerate(rows, start=1))


def _row_errors(error: ValidationError, path: Path | str) -> list[str]:
    lines = []
    for item in error.errors():
        where = [part + 1 if isinstance(part, int) else part for part in item["loc"]]
        lines.append(f"{path}: {' '.join(str(part) for part in where)}: {item['msg']} (found {item['input']!r})")
    return lines


def _mistake(row: _Row, number: int, path: Path | str, blocks: int | None) -> Mistake:
    if blocks is not None and row.step > blocks:
        raise TaskError(
            f"{path}: mistake {number}: step: expected 1 to {blocks}, the solution's blocks, found {row.step}"
        )
    return Mistake(
        row.step,
        Perturbation(
            kind=row.kind,
            action=row.command,
            thought=row.thought,
            reason=f"mistakes.toml: mistake {number}, step {row.step}",
            repair=Repair(row.diagnosis, row.finding, tuple(row.undo)),
        ),
    )


def solution_of(task: Task) -> tuple[Block, ...]:
    """Return the blocks of a task's reference solution.

    Raises:
        TaskError: the task has no solution, or as `parse_solution`.
    """
    if task.solution is None:
        raise TaskError(f"{task.paths.solve}: expected a reference solution for task {task.name!r}, found none")
    return parse_solution(task.solution, task.paths.solve)


def mistakes_of(task: Task) -> tuple[Mistake, ...]:
    """Return the mistakes written with a task's solution; none where it has no mistakes or no solution.

    Raises:
        TaskError: as `parse_mistakes` and `parse_solution`.
    """
    if task.mistakes is None or task.solution is None:
        return ()
    return parse_mistakes(task.mistakes, task.paths.mistakes, blocks=len(solution_of(task)))
