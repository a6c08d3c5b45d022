"""Reference solutions, block by block, the mistakes that people make on the way, and other ways than the solution's.

solve.sh is literate. Its first paragraph is the preamble (``#!``, comments, ``set …``) and is not played. A block
begins at a blank line followed by a line that starts with ``# ``: its leading comment lines are the thought, the rest
is one action, verbatim. So ``bash solve.sh`` and an agent in an interactive shell do the same.

mistakes.toml holds ``[[mistake]]`` tables: step (a block's number, from 1), kind, thought, command, diagnosis, finding,
undo.

variants.toml holds ``[[equivalents]]``, other correct ways, and ``[[mutants]]``, wrong ones: name, command, and step,
the block in whose place the command runs (without it: after the last block); ``[[cheats]]``, name and command, that
try to win in place of the whole solution; and ``[[harmless]]``: mutant (the name of one that is made automatically, or
a pattern of names, * and ? match) and why its end state is right as well.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from .episode import Perturbation, PerturbationKind, Repair
from .errors import TaskError
from .task import Task

_REMEMBERED = 64  # texts: an episode asks for those of its task again and again
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


@dataclass(frozen=True)
class Way:
    """A way to the end other than the solution's.

    Attributes:
        name: unique among a task's ways of its sort.
        command: an action.
        step: the number of the block in whose place it runs, from 1; None: it runs after the last one.
    """

    name: str
    command: str
    step: int | None = None


@dataclass(frozen=True)
class Harmless:
    """Mutants that are right although their end state is another.

    Attributes:
        mutant: their name, or a pattern of names.
        why: the reason.
    """

    mutant: str
    why: str


@dataclass(frozen=True)
class Variants:
    """What variants.toml says: `equivalents` must earn 1, `mutants` and `cheats` less, `harmless` may earn 1."""

    equivalents: tuple[Way, ...] = ()
    mutants: tuple[Way, ...] = ()
    cheats: tuple[Way, ...] = ()
    harmless: tuple[Harmless, ...] = ()


@lru_cache(_REMEMBERED)
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


class _Strict(BaseModel):
    """A table of ours: an unknown key is a misspelt one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Mistake(_Strict):
    """One ``[[mistake]]``."""

    step: int = Field(ge=1)
    kind: PerturbationKind
    thought: _Filled
    command: _Filled
    diagnosis: _Filled
    finding: _Filled
    undo: list[_Filled]


class _Mistakes(_Strict):
    """mistakes.toml."""

    mistake: list[_Mistake] = []


class _Way(_Strict):
    """One of ``[[equivalents]]`` or ``[[mutants]]``."""

    name: _Filled
    command: _Filled
    step: int | None = Field(default=None, ge=1)


class _Cheat(_Strict):
    """One of ``[[cheats]]``."""

    name: _Filled
    command: _Filled


class _Harmless(_Strict):
    """One ``[[harmless]]``."""

    mutant: _Filled
    why: _Filled


class _Variants(_Strict):
    """variants.toml."""

    equivalents: list[_Way] = []
    mutants: list[_Way] = []
    cheats: list[_Cheat] = []
    harmless: list[_Harmless] = []


_Model = TypeVar("_Model", bound=_Strict)


@lru_cache(_REMEMBERED)
def parse_mistakes(text: str, path: Path | str, blocks: int | None = None) -> tuple[Mistake, ...]:
    """Read the text of a mistakes.toml.

    Args:
        text: the file's text.
        path: named in errors.
        blocks: how many blocks the solution has; None where that is not to be checked.

    Raises:
        TaskError: not TOML, a key is missing, unknown or of a wrong type, a kind is unknown, a step is out of range.
    """
    rows = _read(_Mistakes, text, path).mistake
    for number, row in enumerate(rows, start=1):
        _check_step(row.step, blocks, f"{path}: mistake {number}")
    return tuple(_mistake(row, number) for number, row in enumerate(rows, start=1))


def parse_variants(text: str, path: Path | str, blocks: int | None = None) -> Variants:
    """Read the text of a variants.toml; arguments as of `parse_mistakes`.

    Raises:
        TaskError: as `parse_mistakes`; or two ways of one sort have the same name.
    """
    file = _read(_Variants, text, path)
    return Variants(
        _ways(file.equivalents, f"{path}: equivalents", blocks),
        _ways(file.mutants, f"{path}: mutants", blocks),
        _ways([_Way(name=row.name, command=row.command) for row in file.cheats], f"{path}: cheats", blocks),
        tuple(Harmless(row.mutant, row.why) for row in file.harmless),
    )


def _ways(rows: Sequence[_Way], where: str, blocks: int | None) -> tuple[Way, ...]:
    names = set()
    for number, row in enumerate(rows, start=1):
        _check_step(row.step, blocks, f"{where} {number}")
        if row.name in names:
            raise TaskError(f"{where} {number}: name: expected one of its own, found {row.name!r} again")
        names.add(row.name)
    return tuple(Way(row.name, row.command, row.step) for row in rows)


def _read(model: type[_Model], text: str, path: Path | str) -> _Model:
    try:
        return model.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise TaskError(f"{path}: expected TOML, found a syntax error: {error}") from None
    except ValidationError as error:
        raise TaskError("\n".join(_row_errors(error, path))) from None


def _row_errors(error: ValidationError, path: Path | str) -> list[str]:
    lines = []
    for item in error.errors():
        where = [part + 1 if isinstance(part, int) else part for part in item["loc"]]
        lines.append(f"{path}: {' '.join(str(part) for part in where)}: {item['msg']} (found {item['input']!r})")
    return lines


def _check_step(step: int | None, blocks: int | None, where: str) -> None:
    if step is not None and blocks is not None and step > blocks:
        raise TaskError(f"{where}: step: expected 1 to {blocks}, the solution's blocks, found {step}")


def _mistake(row: _Mistake, number: int) -> Mistake:
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


def variants_of(task: Task) -> Variants:
    """Return the other ways written with a task's solution; none where it has no variants or no solution.

    Raises:
        TaskError: as `parse_variants` and `parse_solution`.
    """
    if task.variants is None or task.solution is None:
        return Variants()
    return parse_variants(task.variants, task.paths.variants, blocks=len(solution_of(task)))
