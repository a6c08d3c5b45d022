"""What differs between plays of the same commands, so that what their mutants change can be told from it."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..tree import Item, State


@dataclass(frozen=True)
class Noise:
    """What differs between plays of the same commands: times in logs, names of temporary files, hashes of commits.

    Attributes:
        contents: paths whose content differs from play to play.
        folders: paths below which other things lie from play to play. stable: paths that were there in each play.
    """

    contents: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    stable: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def of(cls, states: Sequence[State]) -> Noise:
        """Return the noise of at least one play."""
        stable = frozenset.intersection(*(frozenset(state) for state in states))
        passing = {path for state in states for path in state} - stable
        folders = frozenset(_standing(path, stable) for path in passing)
        contents = frozenset(path for path in stable if len({state[path] for state in states}) > 1)
        return cls(contents, folders, stable)

    def covers(self, path: str) -> bool:
        """Return whether what lies at `path` differs from play to play."""
        passing = path not in self.stable and _standing(path, self.stable) in self.folders
        return passing or path in self.contents

    def same(self, one: State, other: State) -> bool:
        """Return whether two states differ in nothing but noise."""
        return all(self._same_at(path, one.get(path), other.get(path)) for path in one.keys() | other.keys())

    def _same_at(self, path: str, one: Item | None, other: Item | None) -> bool:
        if not self.covers(path):
            return one == other
        if path not in self.stable:
            return True
        return one is not None and other is not None and one.like(other)


def _standing(path: str, stable: frozenset[str]) -> str:
    """The nearest folder above `path` that is there in each play."""
    while path != "/":
        path = posixpath.dirname(path)
        if path in stable:
            break
    return path
