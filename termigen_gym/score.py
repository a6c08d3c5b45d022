"""What episodes say about who played them: pass@k with its interval, mean reward, recovery rate.

Errors of ours are counted apart; they are no failures and enter no rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .episode import Episode

_Z_95 = 1.959963984540054


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return the unbiased estimate of "at least one of k attempts passes" from `c` passes in `n` (arXiv 2107.03374).

    Raises:
        ValueError: not 0 <= c <= n, or not 1 <= k <= n.
    """
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"expected 0 <= c <= n and 1 <= k <= n, found n={n}, c={c}, k={k}")
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def wilson(rate: float, n: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a rate seen in `n` trials; (0, 1) for none.

    It also covers the mean of `n` values in [0, 1], where it is conservative: none varies more than 0 and 1 do.
    """
    if n == 0:
        return 0.0, 1.0
    spread = _Z_95**2 / n
    middle = (rate + spread / 2) / (1 + spread)
    half = _Z_95 / (1 + spread) * math.sqrt(rate * (1 - rate) / n + spread / (4 * n))
    return max(middle - half, 0.0), min(middle + half, 1.0)


@dataclass(frozen=True)
class Rate:
    """A rate in [0, 1], its 95 % interval, and the number of independent trials behind it; None without any."""

    value: float | None
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, hits: int, n: int) -> Rate:
        """Return `hits` of `n`."""
        low, high = wilson(hits / n if n else 0.0, n)
        return cls(hits / n if n else None, low, high, n)


@dataclass
class Tally:
    """Counts over the attempts at one task.

    Attributes:
        n: attempts with a verdict. solved: those with reward 1. errors: attempts that our failures kept from a verdict.
        perturbed: attempts with at least one injected mistake. recovered: those of them with reward 1.
    """

    n: int = 0
    solved: int = 0
    errors: int = 0
    reward: float = 0.0
    steps: int = 0
    perturbed: int = 0
    recovered: int = 0

    def add(self, episode: Episode) -> None:
        """Count an episode that has a verdict."""
        self.n += 1
        self.solved += episode.solved
        self.reward += episode.reward or 0.0
        self.steps += len(episode.steps)
        if episode.perturbations:
            self.perturbed += 1
            self.recovered += episode.solved


@dataclass(frozen=True)
class TaskScore:
    """One task's row.

    Attributes:
        pass_at_k: None where fewer than k attempts have a verdict. mean_reward, mean_steps: None where none has.
    """

    task_id: str
    n: int
    solved: int
    errors: int
    pass_at_k: float | None
    mean_reward: float | None
    mean_steps: float | None
    perturbed: int
    recovered: int


@dataclass(frozen=True)
class Score:
    """What the episodes of a run say.

    Attributes:
        k: of pass@k. pass_at_k: mean over the tasks with at least k verdicts; its trials are the disjoint groups of k
            attempts, since the estimator is at least as sharp as their mean.
        solved: share of attempts with reward 1. recovery: share of attempts with an injected mistake that end at
            reward 1. mean_reward, mean_steps: over attempts with a verdict. errors: attempts without one.
        unscored: tasks left out of pass@k for want of verdicts.
    """

    k: int
    pass_at_k: Rate
    solved: Rate
    recovery: Rate
    mean_reward: float | None
    mean_steps: float | None
    n: int
    errors: int
    unscored: tuple[str, ...] = ()
    tasks: tuple[TaskScore, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


def score(episodes: Iterable[Episode], k: int = 1) -> Score:
    """Score episodes, read once; of an episode's several tries (see `base_id`) the one with a verdict counts.

    Raises:
        ValueError: k is less than 1.
    """
    if k < 1:
        raise ValueError(f"expected k of at least 1, found {k}")
    tallies: dict[str, Tally] = {}
    finished: set[str] = set()
    failed: dict[str, str] = {}
    for episode in episodes:
        tally = tallies.setdefault(episode.task_id, Tally())
        if episode.ended == "error":
            failed[base_id(episode.id)] = episode.task_id
        else:
            finished.add(base_id(episode.id))
            tally.add(episode)
    for base, task_id in failed.items():
        tallies[task_id].errors += base not in finished
    return _score(tallies, k)


def base_id(episode_id: str) -> str:
    """Return an episode's id without the suffix of a later try: "000012-2" is a try at "000012"."""
    base, _, suffix = episode_id.rpartition("-")
    return base if base.isdigit() and suffix.isdigit() else episode_id


def _score(tallies: dict[str, Tally], k: int) -> Score:
    rows = tuple(_row(task_id, tallies[task_id], k) for task_id in sorted(tallies))
    values = [row.pass_at_k for row in rows if row.pass_at_k is not None]
    groups = sum(row.n // k for row in rows)
    mean = sum(values) / len(values) if values else None
    low, high = wilson(mean or 0.0, groups)
    everything = tallies.values()
    n = sum(tally.n for tally in everything)
    return Score(
        k=k,
        pass_at_k=Rate(mean, low, high, groups),
        solved=Rate.of(sum(tally.solved for tally in everything), n),
        recovery=Rate.of(sum(t.recovered for t in everything), sum(t.perturbed for t in everything)),
        mean_reward=_mean([tally.reward for tally in everything], n),
        mean_steps=_mean([tally.steps for tally in everything], n),
        n=n,
        errors=sum(tally.errors for tally in everything),
        unscored=tuple(row.task_id for row in rows if row.pass_at_k is None),
        tasks=rows,
    )


def _row(task_id: str, tally: Tally, k: int) -> TaskScore:
    return TaskScore(
        task_id=task_id,
        n=tally.n,
        solved=tally.solved,
        errors=tally.errors,
        pass_at_k=pass_at_k(tally.n, tally.solved, k) if tally.n >= k else None,
        mean_reward=_mean([tally.reward], tally.n),
        mean_steps=_mean([tally.steps], tally.n),
        perturbed=tally.perturbed,
        recovered=tally.recovered,
    )


def _mean(totals: Sequence[float], n: int) -> float | None:
    return sum(totals) / n if n else None
