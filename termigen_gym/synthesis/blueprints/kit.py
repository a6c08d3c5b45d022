"""What every blueprint is made of: steps with their mistakes, other ways, and the folder that they are put into.

A blueprint draws a world, what is asked about it, and a solution that is right by construction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from typing import TypeVar

import numpy as np

from ...checks.shape import BASE_LAYER
from ...episode import PerturbationKind
from ...task import TreeFile
from ..draft import Draft

T = TypeVar("T")

COMMON = ("bc", "gawk", "jq", "sqlite3", "unzip", "xz-utils")
"""Packages that most blueprints take, all of them, so that their images share one more layer."""


@dataclass(frozen=True)
class Blueprint:
    """A maker of tasks.

    Attributes:
        name: its module's, with ``-``. category: one of `termigen_gym.checks.shape.CATEGORIES`.
        compose: returns a draft of its own for every state of the generator; difficulty is easy, medium or hard. The
            same state and difficulty give the same draft everywhere.
    """

    name: str
    category: str
    compose: Callable[[np.random.Generator, str], Draft]


@dataclass(frozen=True)
class Slip:
    """A mistake that somebody of the field makes instead of a step; one ``[[mistake]]`` (docs/tasks.md).

    Attributes:
        thought: sincere. command: runs instead of the step's. diagnosis: a read-only command whose output shows the
            fault. finding: what that output shows. undo: commands back to the state before.
    """

    kind: PerturbationKind
    thought: str
    command: str
    diagnosis: str
    finding: str
    undo: Sequence[str] = ()


@dataclass(frozen=True)
class Step:
    """A block of the solution: what its author sees and wants, the command, and how it may go wrong."""

    thought: str
    command: str
    slips: Sequence[Slip] = ()


@dataclass(frozen=True)
class Other:
    """Another way, right or wrong: `command` runs in place of the solution's step `step`, from 1, or after the last."""

    name: str
    command: str
    step: int | None = None


@dataclass(frozen=True)
class Excuse:
    """An automatic mutant, or a pattern of their names, whose end state is right as well, and why."""

    mutant: str
    why: str


def assemble(
    *,
    name: str,
    category: str,
    difficulty: str,
    description: str,
    keywords: Sequence[str],
    tools: Sequence[str],
    instruction: str,
    files: Mapping[str, bytes | str],
    tests: str,
    steps: Sequence[Step],
    equivalents: Sequence[Other],
    mutants: Sequence[Other] = (),
    excuses: Sequence[Excuse] = (),
    packages: Sequence[str] = (),
    artifacts: Sequence[str] = ("/app",),
    test_data: Mapping[str, bytes | str] | None = None,
    runs_programs: bool = False,
    workdir: str = "/app",
) -> Draft:
    """Put a task folder together.

    Args:
        name: of the folder.
        category: one of `CATEGORIES`.
        difficulty: easy, medium or hard.
        description: one line for people who look for tasks.
        keywords: for the same.
        tools: those that the solution uses.
        instruction: the text of instruction.md.
        files: absolute path in the image to content; root-owned, 0644, or 0755 where it begins with ``#!``.
        tests: the text of tests/test_outputs.py: functions without arguments, which need nothing of pytest's.
        steps: the solution.
        equivalents: other right ways.
        mutants: wrong ways beyond those that are made automatically.
        excuses: of automatic mutants that are right.
        packages: of Debian, beyond those that every image has.
        artifacts: what the tests see of the agent's sandbox.
        test_data: further files under tests/.
        runs_programs: whether the tests run what the agent wrote, which they do by ``nobody.run``.
        workdir: where the agent begins.
    """
    tree: dict[str, bytes | str] = {
        "task.toml": task_toml(
            name=name,
            category=category,
            difficulty=difficulty,
            description=description,
            keywords=keywords,
            tools=tools,
            artifacts=artifacts,
        ),
        "instruction.md": instruction.strip() + "\n",
        "environment/Dockerfile": dockerfile(packages, workdir),
        "tests/test.sh": kit_file("run.sh"),
        "tests/run.py": kit_file("run.py"),
        "tests/artifacts.py": kit_file("artifacts.py"),
        "tests/test_outputs.py": tests.strip() + "\n",
        "solution/solve.sh": _solve(description, steps),
        "solution/mistakes.toml": _mistakes(steps),
        "solution/variants.toml": _variants(equivalents, mutants, excuses),
    }
    tree |= {f"environment/files/{path.lstrip('/')}": content for path, content in files.items()}
    tree |= {f"tests/{path}": content for path, content in (test_data or {}).items()}
    if runs_programs:
        tree["tests/nobody.py"] = kit_file("nobody.py")
    return Draft(name, {path: tree_file(path, content) for path, content in tree.items()})


def dockerfile(packages: Sequence[str], workdir: str = "/app") -> str:
    """Return a Dockerfile on our common layer that copies ``files/`` to the root; tasks of the same packages share all.

    `packages`: of Debian; sorted, so that their order makes no other layer.
    """
    install = ""
    if packages:
        install = (
            "RUN apt-get update \\\n"
            f" && apt-get install -y --no-install-recommends {' '.join(sorted(packages))} \\\n"
            " && rm -rf /var/lib/apt/lists/*\n"
        )
    return f"{BASE_LAYER}{install}WORKDIR {workdir}\nCOPY files/ /\n"


def kit_file(name: str) -> bytes:
    """Return one of the files that tasks share.

    ``test.sh``; ``run.sh`` and ``run.py`` in its place; ``artifacts.py``; ``nobody.py``, which needs the latter.
    """
    return (package_files("termigen_gym.synthesis") / "kit" / name).read_bytes()


def tree_file(path: str, content: bytes | str) -> TreeFile:
    """Return a file of a folder; scripts can be executed."""
    data = content.encode() if isinstance(content, str) else content
    return TreeFile(data, data.startswith(b"#!"))


def pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    """Return one of `items`."""
    return items[int(rng.integers(len(items)))]


def sample(rng: np.random.Generator, items: Sequence[T], count: int) -> list[T]:
    """Return `count` different ones of `items`, in a random order."""
    return [items[int(index)] for index in rng.permutation(len(items))[:count]]


def between(rng: np.random.Generator, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`, both included."""
    return int(rng.integers(low, high + 1))


def chance(rng: np.random.Generator, percent: int) -> bool:
    """Return True in so many of a hundred cases."""
    return int(rng.integers(100)) < percent


def hexes(rng: np.random.Generator, digits: int = 4) -> str:
    """Return a random hexadecimal number of so many digits."""
    return "".join("0123456789abcdef"[int(digit)] for digit in rng.integers(16, size=digits))


def bullets(items: Iterable[str]) -> str:
    """Return a Markdown list."""
    return "\n".join(f"- {item}" for item in items)


def numbered(items: Iterable[str]) -> str:
    """Return a numbered Markdown list."""
    return "\n".join(f"{number}. {item}" for number, item in enumerate(items, start=1))


def task_toml(
    *,
    name: str,
    category: str,
    difficulty: str,
    description: str,
    keywords: Sequence[str],
    tools: Sequence[str],
    artifacts: Sequence[str] = ("/app",),
) -> str:
    """Return the text of a task.toml in the strictest mode: no network, tests in a sandbox of their own."""
    return f"""\
schema_version = "1.4"
artifacts = {json.dumps(list(artifacts))}

[task]
name = "termigen/{name}"
description = {json.dumps(description)}
keywords = {json.dumps(list(keywords))}

[metadata]
processes_survive = false
category = "{category}"
difficulty = "{difficulty}"
tools = {json.dumps(list(tools))}
author_name = "termigen-gym"

[agent]
timeout_sec = 900.0

[verifier]
environment_mode = "separate"
timeout_sec = 120.0

[environment]
build_timeout_sec = 600.0
network_mode = "no-network"
cpus = 1
memory_mb = 2048
storage_mb = 2048
"""


def _solve(description: str, steps: Sequence[Step]) -> str:
    blocks = [f"# {' '.join(step.thought.split())}\n{step.command.strip(chr(10))}\n" for step in steps]
    return "\n".join([f"#!/bin/bash\n# {description}\nset -euo pipefail\n", *blocks])


def _mistakes(steps: Sequence[Step]) -> str:
    return "\n".join(
        _table(
            "mistake",
            step=number,
            kind=slip.kind,
            thought=slip.thought,
            command=slip.command,
            diagnosis=slip.diagnosis,
            finding=slip.finding,
            undo=list(slip.undo),
        )
        for number, step in enumerate(steps, start=1)
        for slip in step.slips
    )


def _variants(equivalents: Sequence[Other], mutants: Sequence[Other], excuses: Sequence[Excuse]) -> str:
    tables = [
        _table(sort, name=way.name, command=way.command, **({} if way.step is None else {"step": way.step}))
        for sort, ways in (("equivalents", equivalents), ("mutants", mutants))
        for way in ways
    ]
    return "\n".join([*tables, *(_table("harmless", mutant=one.mutant, why=one.why) for one in excuses)])


def _table(sort: str, **values: object) -> str:
    """One table of an array; a JSON string, number or list of strings is TOML too."""
    rows = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join([f"[[{sort}]]", *rows, ""])
