"""Which episodes go into an export, and the count of those that do not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..episode import Episode


def pass_rate(verdict: Mapping[str, Any]) -> float:
    """Return the fraction of a verdict's tests that passed; its reward where it names no tests."""
    tests: Mapping[str, str] = verdict["tests"]
    if not tests:
        return float(verdict["reward"])
    return sum(outcome == "passed" for outcome in tests.values()) / len(tests)


@dataclass
class Selection:
    """Chooses episodes and counts.

    An episode without a verdict (an error of ours) or without a turn is never exported. Unsolved ones are, as in
    TermiGen, unless `min_pass_rate` asks for more.

    Args:
        min_pass_rate: the least fraction of tests passed, 0 to 1.

    Attributes:
        episodes: the number chosen. errors: without a verdict or a turn. below: with a lower pass rate.

    Raises:
        ValueError: `min_pass_rate` is not in [0, 1].
    """

    min_pass_rate: float = 0.0
    episodes: int = field(default=0, init=False)
    errors: int = field(default=0, init=False)
    below: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_pass_rate <= 1.0:
            raise ValueError(f"expected a min_pass_rate in [0, 1], found {self.min_pass_rate}")

    def of(self, episodes: Iterable[Episode]) -> Iterator[Episode]:
        """Yield those that are exported."""
        for episode in episodes:
            if episode.verdict is None or not episode.steps:
                self.errors += 1
            elif pass_rate(episode.verdict) < self.min_pass_rate:
                self.below += 1
            else:
                self.episodes += 1
                yield episode
