"""What rules share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

import numpy as np

from ...episode import Perturbation
from ..shell import Call, looks, single

Rule: TypeAlias = Callable[[str, np.random.Generator], Perturbation | None]
"""A rule: an action and randomness to a mistake, or None where the rule does not apply or is not sure of its undo."""

T = TypeVar("T")


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """Return one of `choices`, which is not empty."""
    return choices[int(rng.integers(len(choices)))]


def number(rng: np.random.Generator) -> int:
    """Return six digits, for names that nobody else uses."""
    return int(rng.integers(100_000, 1_000_000))


def stem_of(path: str) -> str:
    """Return a path's last name without its suffixes."""
    return path.rstrip("/").rsplit("/", 1)[-1].strip(".").partition(".")[0] or "project"


def one_call(command: str, rng: np.random.Generator) -> Call | None:
    """Return the action's only call, else one of those in it that only look, else None."""
    alone = single(command)
    if alone is not None:
        return alone
    return one_look(command, rng)


def one_look(command: str, rng: np.random.Generator) -> Call | None:
    """Return one of the calls in an action that only look, or None."""
    found = looks(command)
    return pick(rng, found) if found else None
