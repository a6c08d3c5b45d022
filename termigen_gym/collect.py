"""Phase II: play many episodes and keep each one, in a run that can be interrupted and resumed.

Failures of ours are kept and tried again; they are never turned into a reward.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from .attempts import Cast, EpisodeJob, RemoteJob
from .cluster import Cluster
from .episode import PERTURBATION_KINDS, Episode
from .errors import (
    BudgetSpent,
    DiskFull,
    ModelError,
    ModelRefused,
    ModelUnavailable,
    RequestFailed,
    SandboxDied,
    SandboxError,
    TermigenError,
    TerminalError,
    VerifierError,
)
from .executor import Job, run_jobs
from .llm import Budget, Usage
from .plan import OnProgress, Plan, Progress, prepare
from .score import base_id
from .store import EpisodeStore

RETRIES = 2
"""Further tries at an episode that failed for reasons that may pass."""

PATIENCE = 10
"""So many failures in a row end the run: something is wrong that waiting will not mend."""

_PASSING: tuple[type[TermigenError], ...] = (
    SandboxError,
    SandboxDied,
    TerminalError,
    ModelError,
    VerifierError,
)
_MAY_PASS = frozenset(kind.__name__ for kind in (*_PASSING, *VerifierError.__subclasses__()))
_FINAL = frozenset({ModelRefused.__name__, BudgetSpent.__name__})

PAUSE_S = 5.0
"""The first pause where the disk is full or an endpoint does not answer; each further one is twice as long."""

LONGEST_PAUSE_S = 60.0
PAUSES = 60
"""So many in a row, about an hour, end the run."""


@dataclass(frozen=True)
class CollectSummary:
    """What a run holds.

    Attributes:
        run: the folder. episodes: those with a verdict. played: attempts of this call, failures included.
        solved: episodes with reward 1. errors: episodes still without a verdict. failures: failed attempts on record.
        injected: mistakes by class. perturbed: episodes with at least one. recovered: those of them with reward 1.
        made_good: mistakes, by class, that a later step made good.
        reused: episodes judged by a verdict on the very same end (`reuse_verdicts`).
        steps: of all episodes. env_s: seconds spent in the environment's steps. episodes_s: seconds of all episodes,
            which go on side by side; what is not the environment's is the agent's, the critic's, and the resets'.
        tokens: read and written by the models of agents and critics. dollars: what they cost.
        wall_s: seconds of this call. episodes_per_s: of this call.
        last_error: the last failure of this call, or None.
    """

    run: str
    episodes: int
    played: int
    solved: int
    errors: int
    failures: int
    injected: Mapping[str, int]
    perturbed: int
    recovered: int
    made_good: Mapping[str, int]
    reused: int
    steps: int
    env_s: float
    episodes_s: float
    tokens: int
    dollars: float
    wall_s: float
    episodes_per_s: float
    last_error: Mapping[str, str] | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


def collect(
    plan: Plan,
    folder: Path,
    on_progress: OnProgress | None = None,
    cluster: Cluster | None = None,
    budget: Budget | None = None,
) -> CollectSummary:
    """Play what `plan` asks for and `folder` lacks; each episode is on the disk as soon as it ends.

    Where the disk is full, or an endpoint does not answer, the run pauses and goes on when that has passed.
    An episode that fails for reasons that may pass is tried again up to `RETRIES` times; each try is kept, later ones
    with a suffix to the id. What still has no verdict is tried anew when the run is resumed. A request that alone is
    not answered (`RequestFailed`) has been made often enough: its episode is not tried again in this call.

    Args:
        plan: what to play.
        folder: of the run; made if need be.
        on_progress: told of each image and each episode.
        cluster: where episodes are played, `plan.workers` at a time; a machine builds an image when it first needs it,
            and what it had not ended when it goes down is played on another. It is closed where this is interrupted.
            None: they are played here.
        budget: of the run, what is on record included; when it is spent no further episode begins.

    Raises:
        StoreError: `folder` holds a run of another plan, or another process writes to it.
        TaskError: a task is unknown or malformed.
        SandboxError: there is no engine, or an image does not build.
        AgentError, ModelError: there is no such agent, or it can't be made.
        BudgetSpent: it was spent before all was played; what had begun was played to its end.
        TermigenError: a model refused, a budget of the agent's own was spent, or `PATIENCE` episodes in a row failed
            (for single requests only where there is no episode yet). What was played is kept.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, after the sandboxes are closed. What was played is kept.
    """
    with EpisodeStore(folder) as store:
        store.bind(plan.identity())
        return _Run(plan, store, on_progress or (lambda progress: None), cluster, budget or Budget()).go()


class _Record:
    """Counts of what a run holds."""

    def __init__(self) -> None:
        self.finished: set[int] = set()
        self.attempts: Counter[int] = Counter()
        self.injected: Counter[str] = Counter(dict.fromkeys(PERTURBATION_KINDS, 0))
        self.made_good: Counter[str] = Counter(dict.fromkeys(PERTURBATION_KINDS, 0))
        self.solved = self.failures = self.perturbed = self.recovered = self.reused = self.steps = 0
        self.tokens = 0
        self.env_s = self.episodes_s = self.dollars = 0.0

    def add(self, index: int, episode: Episode) -> None:
        self.attempts[index] += 1
        self.tokens += episode.tokens
        self.dollars += episode.dollars
        if episode.ended == "error":
            self.failures += 1
            return
        self.finished.add(index)
        self.solved += episode.solved
        self.reused += episode.verdict is not None and bool(episode.verdict.get("reused"))
        self.steps += len(episode.steps)
        self.env_s += sum(step.duration_s for step in episode.steps)
        self.episodes_s += episode.duration_s
        self.made_good.update(
            step.perturbation.kind for step in episode.steps if step.perturbation and step.recovered_at is not None
        )
        self.injected.update(perturbation.kind for perturbation in episode.perturbations)
        if episode.perturbations:
            self.perturbed += 1
            self.recovered += episode.solved

    def told(self) -> dict[str, str]:
        """Return the counts that there are, in words."""
        kinds = (f"{kind} {self.made_good[kind]}/{n}" for kind, n in self.injected.items() if n)
        made_good = f"{self.made_good.total()} of {self.injected.total()}: {', '.join(kinds)}".replace("_", " ")
        told = {
            "solved": f"{self.solved} of {len(self.finished)}",
            "mistakes made good": made_good if self.injected.total() else "",
            "failures": str(self.failures or ""),
            "environment": f"{self.env_s / self.episodes_s:.0%} of the time" if self.episodes_s else "",
            "tokens": f"{self.tokens:,}, ${self.dollars:.2f}" if self.tokens else "",
        }
        return {name: words for name, words in told.items() if words}


class _Run:
    """One call of `collect`."""

    def __init__(
        self, plan: Plan, store: EpisodeStore, on_progress: OnProgress, cluster: Cluster | None, budget: Budget
    ) -> None:
        self._plan = plan
        self._budget = budget
        self._cluster = cluster
        self._store = store
        self._on_progress = on_progress
        self._cast = Cast() if cluster is None else None
        self._record = _Record()
        self._missing: set[int] = set()
        self._failed_now: Counter[int] = Counter()
        self._played = self._failures_in_a_row = self._pauses = 0
        self._started = time.monotonic()
        self._steps_now = 0
        self._last_error: Mapping[str, str] | None = None

    def go(self) -> CollectSummary:
        for episode in self._store:
            self._count(int(base_id(episode.id)), episode)
        self._missing = set(self._plan.indices) - self._record.finished
        if not self._missing:
            return self._summary(0.0)
        if self._cast is not None:
            self._cast.call(self._plan)
            prepare(self._plan, self._on_progress)
        self._started = time.monotonic()
        affordable = takewhile(lambda index: not self._budget.is_spent, sorted(self._missing))
        run_jobs((self._job(index) for index in affordable), self._plan.workers, self._on_done)
        if self._missing:
            self._budget.check()
        return self._summary(time.monotonic() - self._started)

    def _count(self, index: int, episode: Episode) -> None:
        self._record.add(index, episode)
        self._budget.add(Usage(episode.tokens, dollars=episode.dollars))

    def _job(self, index: int) -> Job[Episode]:
        attempt = self._record.attempts[index]
        if self._cast is not None:
            return EpisodeJob(self._plan, index, attempt, self._cast)
        assert self._cluster is not None  # one of the two is there
        return RemoteJob(self._plan, index, attempt, self._cluster)

    def _on_done(self, job: Job[Episode], episode: Episode) -> Iterable[Job[Episode]]:
        index = int(base_id(episode.id))
        self._keep(episode)
        self._count(index, episode)
        self._played += 1
        self._steps_now += len(episode.steps)
        if episode.error is not None:
            self._tell(episode)
            return self._after_failure(index, episode.error)
        self._failures_in_a_row = self._pauses = 0
        self._missing.discard(index)
        self._tell(episode)
        return ()

    def _keep(self, episode: Episode) -> None:
        """Write an episode down, however long the disk is full."""
        while True:
            try:
                return self._store.append(episode)
            except DiskFull as error:
                self._pause(str(error))

    def _pause(self, why: str) -> None:
        self._pauses += 1
        if self._pauses > PAUSES:
            raise TermigenError(
                f"expected it to pass within {PAUSES} pauses, found still: {why}. What was played is kept; mend that, "
                "then resume with the same folder"
            )
        pause_s = min(PAUSE_S * 2 ** (self._pauses - 1), LONGEST_PAUSE_S)
        self._on_progress(self._progress(f"pauses for {pause_s:g} s: {why}"))
        time.sleep(pause_s)

    def _after_failure(self, index: int, error: Mapping[str, str]) -> Iterable[Job[Episode]]:
        self._last_error = error
        if error["type"] == ModelUnavailable.__name__:
            self._pause(error["message"])
            return [self._job(index)]
        self._failed_now[index] += 1
        self._failures_in_a_row += 1
        if error["type"] in _FINAL:
            raise TermigenError(
                f"expected a model that can be asked, found {error['type']}: {error['message']}. "
                "What was played is kept; mend that, then resume with the same folder"
            )
        # Where there are episodes all is set up well, however many more requests fail.
        harmless = error["type"] == RequestFailed.__name__ and self._record.finished
        if self._failures_in_a_row >= PATIENCE and not harmless:
            raise TermigenError(
                f"expected episodes to end with a verdict, found {PATIENCE} failures in a row, at last "
                f"{error['type']}: {error['message']}. Mend the cause, then resume with the same folder"
            )
        again = error["type"] in _MAY_PASS and self._failed_now[index] <= RETRIES
        return [self._job(index)] if again and not self._budget.is_spent else []

    def _tell(self, episode: Episode) -> None:
        how = f"reward {episode.reward:g}" if episode.reward is not None else f"{(episode.error or {}).get('type')}"
        self._on_progress(self._progress(f"{episode.task_id}: {how}"))

    def _progress(self, note: str) -> Progress:
        total = len(self._plan.indices)
        wall_s = max(time.monotonic() - self._started, 0.001)
        rate = f"{self._played / wall_s:.1f} episodes and {self._steps_now / wall_s:.1f} steps a second"
        account = {**self._record.told(), "rate": rate}
        return Progress("episodes", total - len(self._missing), total, note, account)

    def _summary(self, wall_s: float) -> CollectSummary:
        record = self._record
        return CollectSummary(
            run=str(self._store.folder),
            episodes=len(record.finished),
            played=self._played,
            solved=record.solved,
            errors=len(self._missing),
            failures=record.failures,
            injected=dict(record.injected),
            perturbed=record.perturbed,
            recovered=record.recovered,
            made_good=dict(record.made_good),
            reused=record.reused,
            steps=record.steps,
            env_s=round(record.env_s, 3),
            episodes_s=round(record.episodes_s, 3),
            tokens=record.tokens,
            dollars=round(record.dollars, 6),
            wall_s=round(wall_s, 3),
            episodes_per_s=round(self._played / wall_s, 3) if wall_s else 0.0,
            last_error=self._last_error,
        )
