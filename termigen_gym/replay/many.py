"""The episodes of a run, replayed."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..episode import Episode
from ..errors import SandboxDied, StoreError
from ..executor import Job, run_jobs
from ..plan import OnProgress, Progress
from ..store import EpisodeStore
from ..wrappers import TextEnv
from .one import OUTCOMES, Replay, open_env, replay


@dataclass(frozen=True)
class TaskReplays:
    """The replays of one task's episodes.

    Attributes:
        task_id: of the task.
        outcomes: how many of each (see `Replay`).
        reasons: what differs first in those that are unsteady or differ, counted.
    """

    task_id: str
    outcomes: Mapping[str, int]
    reasons: Mapping[str, int]

    @property
    def episodes(self) -> int:
        """How many are on record."""
        return sum(self.outcomes.values())

    @property
    def share(self) -> float | None:
        """Of those that could be compared, the share that replays; None where none could."""
        compared = sum(self.outcomes[outcome] for outcome in ("same", "unsteady", "differs"))
        return self.outcomes["same"] / compared if compared else None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        reasons = dict(self.reasons)
        return {
            "task_id": self.task_id,
            "episodes": self.episodes,
            **self.outcomes,
            "share": self.share,
            "reasons": reasons,
        }


@dataclass(frozen=True)
class RunReplays:
    """The replays of a run.

    Attributes:
        run: the folder.
        replays: one for each episode, by id.
        wall_s: seconds that it took.
    """

    run: str
    replays: tuple[Replay, ...]
    wall_s: float

    @property
    def tasks(self) -> list[TaskReplays]:
        """By task, sorted."""
        ids = sorted({replay.task_id for replay in self.replays})
        return [_counted(id, [replay for replay in self.replays if replay.task_id == id]) for id in ids]

    @property
    def total(self) -> TaskReplays:
        """Over all tasks; its task_id is "all"."""
        return _counted("all", self.replays)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values, without the episodes that replay."""
        return {
            "run": self.run,
            "wall_s": round(self.wall_s, 3),
            "total": self.total.to_dict(),
            "tasks": [task.to_dict() for task in self.tasks],
            "replays": [replay.to_dict() for replay in self.replays if not replay.ok],
        }


def replay_run(
    store: EpisodeStore, sandbox: str, workers: int, *, twice: bool = False, on_progress: OnProgress | None = None
) -> RunReplays:
    """Replay all episodes of a run.

    Args:
        store: the run.
        sandbox: the engine.
        workers: episodes at a time.
        twice: as in `replay`.
        on_progress: told after each episode.

    Raises:
        StoreError: the run holds no episode, or is damaged. EngineMissing: there is no engine.
        KeyboardInterrupt: on Ctrl-C or SIGTERM.
    """
    total = sum(1 for _ in store)
    if not total:
        raise StoreError(f"{store.folder}: expected a run with episodes, found none")
    replays: list[Replay] = []

    def on_done(job: Job[Replay], done: Replay) -> Iterable[Job[Replay]]:
        replays.append(done)
        if on_progress is not None:
            on_progress(Progress("replays", len(replays), total, f"{done.task_id}: {done.outcome}"))
        return ()

    started = time.monotonic()
    run_jobs((_ReplayJob(episode, sandbox, twice) for episode in store), workers, on_done)
    by_id = sorted(replays, key=lambda replay: replay.episode_id)
    return RunReplays(str(store.folder), tuple(by_id), time.monotonic() - started)


def _counted(task_id: str, replays: Iterable[Replay]) -> TaskReplays:
    outcomes, reasons = Counter[str](dict.fromkeys(OUTCOMES, 0)), Counter[str]()
    for it in replays:
        outcomes[it.outcome] += 1
        if it.what is not None:
            reasons[it.what] += 1
    return TaskReplays(task_id, outcomes, reasons)


class _ReplayJob:
    """One episode."""

    def __init__(self, episode: Episode, sandbox: str, twice: bool) -> None:
        self._episode, self._sandbox, self._twice = episode, sandbox, twice
        self._closed = threading.Event()
        self._env: TextEnv | None = None

    def run(self) -> Replay:
        return replay(self._episode, self._open, self._twice)

    def close(self) -> None:
        self._closed.set()
        if self._env is not None:
            self._env.unwrapped.abort()  # type: ignore[attr-defined]

    def _open(self) -> TextEnv:
        if self._closed.is_set():
            raise SandboxDied("expected to replay an episode, found that it was called off")
        self._env = open_env(self._episode, self._sandbox)
        return self._env
