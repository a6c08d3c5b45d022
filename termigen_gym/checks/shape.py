"""How a task folder of ours must look, beyond what makes it playable. No engine is needed to tell."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..catalog import Entry, roots
from ..episode import PERTURBATION_KINDS
from ..family import DIFFICULTIES
from ..solution import mistakes_of, solution_of
from ..task import Task

CATEGORIES = (
    "software-build",
    "system-administration",
    "security-forensics",
    "data-processing",
    "machine-learning",
    "algorithms-puzzles",
    "software-development",
    "scientific-computing",
    "interactive-environments",
    "distributed-parallel",
    "formal-verification",
)
"""TermiGen's eleven (arXiv 2602.07274, table 5)."""

MIN_BLOCKS = 4
"""A solution of fewer steps is no work."""

BASE_LAYER = """\
FROM debian:bookworm-slim
RUN apt-get update \\
 && apt-get install -y --no-install-recommends ca-certificates file less procps python3 python3-pytest \\
 && rm -rf /var/lib/apt/lists/*
"""
"""The first lines of every Dockerfile of ours, so that all images share one layer."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def is_own(entry: Entry) -> bool:
    """Return whether a task is one of ours, for which these rules were made."""
    return roots()[0].resolve() in entry.folder.resolve().parents


def shape_problems(entry: Entry, task: Task) -> list[str]:
    """Return what is wrong with the shape of one of our tasks or instances.

    Raises:
        TaskError: the solution or its mistakes are malformed.
    """
    return [*_folder(entry, task), *_solution(task)]


def _folder(entry: Entry, task: Task) -> Iterator[str]:
    metadata, environment = task.config.metadata, task.config.environment
    if not _NAME.fullmatch(entry.name):
        yield f"name: expected lower-case words joined by '-', found {entry.name!r}"
    if metadata.category not in CATEGORIES:
        yield f"[metadata] category: expected one of the {len(CATEGORIES)}, found {metadata.category!r}"
    if metadata.difficulty not in DIFFICULTIES:
        yield f"[metadata] difficulty: expected one of {DIFFICULTIES}, found {metadata.difficulty!r}"
    if not metadata.tools:
        yield "[metadata] tools: expected the tools that the solution uses, found none"
    if environment.network_mode != "no-network":
        yield f'[environment] network_mode: expected "no-network", found {environment.network_mode!r}'
    if not task.paths.dockerfile.read_text(encoding="utf-8").startswith(BASE_LAYER):
        yield "environment/Dockerfile: expected the common first lines (termigen_gym.shape.BASE_LAYER), found others"


def _solution(task: Task) -> Iterator[str]:
    blocks = len(solution_of(task))
    if blocks < MIN_BLOCKS:
        yield f"solution/solve.sh: expected at least {MIN_BLOCKS} blocks, found {blocks}"
    kinds = {mistake.perturbation.kind for mistake in mistakes_of(task)}
    if missing := [kind for kind in PERTURBATION_KINDS if kind not in kinds]:
        yield f"solution/mistakes.toml: expected all five kinds of mistakes, found none of {', '.join(missing)}"
