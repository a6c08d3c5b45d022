"""What is to be played: a plan, which alone decides what each of its episodes is.

Episode i has its task, seed, options and id from the plan. So resuming a run means playing the ids that have no verdict
yet, and two runs of one plan hold the same attempts in whatever order they ended.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from .catalog import Entry, find
from .critic import Schedule, critic_named
from .executor import Job, run_jobs
from .family import DIFFICULTIES
from .llm.base import WHERE_ASKED
from .registration import make, task_name
from .task import folder_digest
from .wrappers import CriticWrapper, TextEnv

BUILDS = 2
"""Images that are built at a time."""


CASTING = ("agent", "agent_options", "critic", "epsilon", "critic_options", "schedule", "informative_only")
"""The fields of a plan that say who plays."""


@dataclass(frozen=True)
class Plan:
    """What is to be collected.

    Attributes:
        tasks: ids as ``gym.make`` takes them; episode i plays ``tasks[i % len(tasks)]``.
        episodes: how many. only: their indices, where not all of ``range(episodes)`` are wanted.
        agent: a name or "module:Class" (see `make_agent`). agent_options: its keyword arguments, JSON values.
        critic: "rule", "llm" or "none". epsilon: probability of a mistake at each step.
        critic_options, schedule, informative_only: as of `CriticWrapper`.
        others: who else plays each task and seed: of each the fields of `CASTING` that differ from the plan's own.
        seed: all seeds of the run come from it.
        difficulty: of family instances; None draws one for each episode.
        max_steps, command_timeout_s, output_limit: of the environment; None for its own.
        reuse_verdicts: ids of the tasks whose verdicts may be reused, see `TerminalEnv`.
        workers: episodes at a time. sandbox: the engine.
    """

    tasks: tuple[str, ...]
    episodes: int
    only: tuple[int, ...] | None = None
    agent: str = "oracle"
    agent_options: Mapping[str, Any] = field(default_factory=dict)
    critic: str = "rule"
    epsilon: float = 0.2
    critic_options: Mapping[str, Any] = field(default_factory=dict)
    schedule: Mapping[str, Any] = field(default_factory=dict)
    informative_only: bool = False
    others: tuple[Mapping[str, Any], ...] = ()
    seed: int = 0
    difficulty: str | None = None
    max_steps: int | None = None
    command_timeout_s: float | None = None
    output_limit: int | None = None
    reuse_verdicts: tuple[str, ...] = ()
    workers: int = 2
    sandbox: str = "auto"

    def __post_init__(self) -> None:
        """Refuse what can't be played.

        Raises:
            ValueError: a value is out of range, or there is no such critic. ModelRefused: its key is missing.
        """
        if not self.tasks:
            raise ValueError("expected at least one task, found none")
        if self.episodes < 1:
            raise ValueError(f"expected at least 1 episode, found {self.episodes}")
        Schedule.of(self.epsilon, self.schedule)
        if self.critic != "none":
            critic_named(self.critic, self.critic_options)
        for other in self.others:
            if unknown := sorted(other.keys() - CASTING):
                raise ValueError(f"others: expected {', '.join(CASTING)}, found {', '.join(unknown)}")
            replace(self, others=(), **other)  # refuses what can't be played

    @property
    def indices(self) -> Sequence[int]:
        """The episodes that are wanted."""
        return range(self.episodes) if self.only is None else self.only

    def task_of(self, index: int) -> str:
        """Return the id of the task that episode `index` plays."""
        return self.tasks[index % len(self.tasks)]

    @cached_property
    def casts(self) -> tuple[Plan, ...]:
        """One plan for each agent and critic that there is."""
        alone = replace(self, others=())
        return alone, *(replace(alone, **other) for other in self.others)

    def cast_of(self, index: int) -> Plan:
        """Return the plan whose agent and critic play episode `index`."""
        return self.casts[index // len(self.tasks) % len(self.casts)]

    def seed_of(self, index: int) -> int:
        """Return the seed of episode `index`; whoever plays a task for the n-th time has the same."""
        sequence = np.random.SeedSequence(entropy=self.seed, spawn_key=(self._round(index),))
        return int(sequence.generate_state(1)[0])

    def options_of(self, index: int) -> dict[str, Any]:
        """Return what episode `index` gives to ``reset``: a family's difficulty, drawn from the run's seed.

        Raises:
            TaskError: its task is unknown.
        """
        if entry_of(self.task_of(index)).kind != "family":
            return {}
        if self.difficulty is not None:
            return {"difficulty": self.difficulty}
        draw = np.random.default_rng(np.random.SeedSequence(entropy=self.seed, spawn_key=(self._round(index), 1)))
        return {"difficulty": DIFFICULTIES[int(draw.integers(len(DIFFICULTIES)))]}

    def _round(self, index: int) -> int:
        """Which task and seed episode `index` has, counted over all of them; each cast plays the same ones."""
        turn, task = divmod(index, len(self.tasks))
        return turn // len(self.casts) * len(self.tasks) + task

    def identity(self) -> dict[str, Any]:
        """Return what decides what an episode is, the tasks' digests included.

        The number of episodes, of workers, the engine and which verdicts are reused are left out: a run may be resumed
        with others. So are the options of agent and critic that say where, how long and how often a model is
        asked (`WHERE_ASKED`), which may hold what is secret.

        Raises:
            TaskError: a task is unknown.
        """
        free = ("episodes", "only", "reuse_verdicts", "workers", "sandbox")
        kept = {key: value for key, value in asdict(self).items() if key not in free}
        others = kept.pop("others")
        if others:
            kept["others"] = [_not_where_asked(other) for other in others]
        return {**_not_where_asked(kept), "digests": {id: folder_digest(entry_of(id).folder) for id in self.tasks}}


@dataclass(frozen=True)
class Progress:
    """How far a stage is.

    Attributes:
        stage: its name. done: how much of `total`. note: what was last.
        account: what has come of it so far, by name.
    """

    stage: str
    done: int
    total: int
    note: str
    account: Mapping[str, str] = field(default_factory=dict)


OnProgress = Callable[[Progress], None]


def entry_of(id: str) -> Entry:
    """Return the catalog's entry of an id. Raises TaskError where there is none."""
    return find(task_name(id))


def make_env(plan: Plan, id: str) -> TextEnv:
    """Return the environment of a task as `plan` wants it."""
    keys = ("max_steps", "command_timeout_s", "output_limit")
    wanted = {key: getattr(plan, key) for key in keys if getattr(plan, key) is not None}
    if id in plan.reuse_verdicts:
        wanted["reuse_verdicts"] = True
    env = make(id, sandbox=plan.sandbox, **wanted)
    if plan.critic == "none":
        return env
    return CriticWrapper(
        env,
        plan.critic,
        plan.epsilon,
        schedule=plan.schedule,
        critic_options=plan.critic_options,
        informative_only=plan.informative_only,
    )


class _BuildJob:
    """One task's image."""

    def __init__(self, plan: Plan, id: str) -> None:
        self.id = id
        self._env = make_env(plan, id)

    def run(self) -> str:
        with contextlib.closing(self._env):
            self._env.unwrapped.prepare()  # type: ignore[attr-defined]
        return self.id

    def close(self) -> None:
        self._env.unwrapped.abort()  # type: ignore[attr-defined]


def prepare(plan: Plan, on_progress: OnProgress) -> None:
    """Build the images of the plan's tasks, each once, the first alone, then at most `BUILDS` at a time.

    Raises:
        SandboxError: there is no engine, or an image does not build.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, after the builds are ended.
    """
    ids = list(dict.fromkeys(plan.task_of(index) for index in plan.indices))
    done: list[str] = []
    on_progress(Progress("images", 0, len(ids), ids[0]))

    def on_done(job: Job[str], id: str) -> Iterable[Job[str]]:
        done.append(id)
        on_progress(Progress("images", len(done), len(ids), id))
        return ()

    # Tasks share layers, which two builds at once would both make: the first image brings them for the others.
    for some in (ids[:1], ids[1:]):
        run_jobs((_BuildJob(plan, id) for id in some), BUILDS, on_done)


def _not_where_asked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of the options of an agent and a critic where their models are asked."""
    options = {name: values[name] for name in ("agent_options", "critic_options") if name in values}
    kept = {name: {key: v for key, v in of.items() if key not in WHERE_ASKED} for name, of in options.items()}
    return {**values, **kept}
