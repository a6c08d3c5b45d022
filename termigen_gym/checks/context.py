"""What the checks share: a task under examination, and what is found on it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, cast

from .. import errors
from ..agents import Agent
from ..catalog import Entry
from ..critic import Critic
from ..env import TerminalEnv
from ..episode import Episode
from ..errors import TermigenError
from ..family import DIFFICULTIES, Family
from ..play import play
from ..solution import solution_of
from ..task import Task
from ..wrappers import CriticWrapper, TextEnv
from .rehearsal import Rehearsal, rehearse
from .replays import LOOK_EVERY_S, Begin
from .shape import is_own

_FAMILY_SEEDS = 2
_STAGE_STEPS = 10_000


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        ok: whether all is well. detail: in words.
        figures: what was measured, by name; a name says its unit.
        tried: whether it could be looked for.
        evidence: of a no: what was run and what came of it, for whoever is to mend the task; kept nowhere.
    """

    ok: bool
    detail: str
    figures: Mapping[str, float] = field(default_factory=dict)
    tried: bool = True
    evidence: str = field(default="", compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values; figures only where there are some, `tried` only where it is False."""
        told: dict[str, Any] = {"ok": self.ok, "detail": self.detail}
        if self.figures:
            told["figures"] = dict(self.figures)
        if not self.tried:
            told["tried"] = False
        return told


@dataclass(frozen=True)
class Report:
    """What the checks found on one task.

    Attributes:
        id: as it was asked for. checks: by name, in the order in which they ran.
    """

    id: str
    checks: Mapping[str, Finding]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(finding.ok for finding in self.checks.values())

    def ordered(self, names: Iterable[str]) -> Report:
        """Return it with its checks in another order."""
        return Report(self.id, {name: self.checks[name] for name in names})

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"id": self.id, "ok": self.ok, "checks": {name: found.to_dict() for name, found in self.checks.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """Rebuild it from `to_dict`'s result."""
        return cls(data["id"], {name: Finding(**found) for name, found in data["checks"].items()})


@dataclass(frozen=True)
class Pick:
    """What is given to ``reset``: one for a task; for a family, seeds and difficulties."""

    seed: int = 0
    difficulty: str = ""

    @property
    def options(self) -> dict[str, str]:
        """The options of ``reset``."""
        return {"difficulty": self.difficulty} if self.difficulty else {}

    def __str__(self) -> str:
        return f"seed {self.seed}, {self.difficulty}" if self.difficulty else "the task"


class Context:
    """One task under examination.

    Args:
        entry: the task or family.
        make_env: returns a new environment of a task's folder, made with these options; each play has its own, so its
            own sandbox.
        sandbox: the engine of these environments.
        plays: how many the checks that play much may play at a time.
        on_play: told how many of those plays are done, and how many are known of.
        strict: whether the task must look and be as strong as ours do; None: if it is one of ours.

    Attributes:
        closed: set by `close`.
    """

    def __init__(
        self,
        entry: Entry,
        make_env: Callable[..., TextEnv],
        *,
        sandbox: str = "auto",
        plays: int = 1,
        on_play: Callable[[int, int], None] = lambda done, of: None,
        strict: bool | None = None,
    ) -> None:
        self.entry = entry
        self.strict = is_own(entry) if strict is None else strict
        self.make_env = make_env
        self.sandbox = sandbox
        self.plays = plays
        self.on_play = on_play
        self._rehearsals: dict[Pick, Rehearsal] = {}
        self._envs: set[TextEnv] = set()
        self._lock = threading.Lock()
        self.closed = threading.Event()

    @cached_property
    def tasks(self) -> dict[Pick, Task]:
        """What is to be played: the task, or a family's instances, some of each difficulty.

        Raises:
            TaskError: the folder is malformed.
        """
        if self.entry.kind == "task":
            return {Pick(): Task.load(self.entry.folder)}
        return self.instances([Pick(seed, level) for level in DIFFICULTIES for seed in range(_FAMILY_SEEDS)])

    def instances(self, picks: Iterable[Pick]) -> dict[Pick, Task]:
        """Return a family's instances, generated in this order by a generator imported anew."""
        family = Family.load(self.entry.folder)
        return {pick: family.instance(pick.seed, pick.difficulty) for pick in picks}

    @cached_property
    def sample(self) -> dict[Pick, Task]:
        """Of `tasks`, those on which much is played: of a family the first instance of each difficulty."""
        firsts: dict[str, Pick] = {}
        for pick in self.tasks:
            firsts.setdefault(pick.difficulty, pick)
        return {pick: self.tasks[pick] for pick in firsts.values()}

    def rehearsal(self, pick: Pick) -> Rehearsal:
        """Return the rehearsal of a task, played when it is first asked for.

        Raises:
            TaskError: the solution, or what was written with it, is malformed. EngineMissing: there is no engine.
        """
        if pick not in self._rehearsals:
            task = self.tasks[pick]
            begin = Begin(pick.seed, pick.options, solution_of(task))
            self._rehearsals[pick] = rehearse(task, begin, self._open_stage, self.plays, self.on_play)
        return self._rehearsals[pick]

    @contextlib.contextmanager
    def _open_stage(self) -> Iterator[TerminalEnv]:
        with self.open_env(max_steps=_STAGE_STEPS, command_timeout_s=LOOK_EVERY_S, warm_resets=False) as env:
            yield cast(TerminalEnv, env.unwrapped)

    def prepare(self) -> None:
        """Build the image.

        Raises:
            SandboxError: it does not build, or there is no engine.
        """
        with self.open_env() as env:
            env.unwrapped.prepare()  # type: ignore[attr-defined]

    def play(self, agent: Agent, pick: Pick, critic: Critic | None = None, **options: Any) -> Episode:
        """Play an episode in a sandbox of its own and return it with its verdict; `options` are those of `open_env`.

        Raises:
            TermigenError: it has no verdict; of the kind of what kept it from one.
        """
        with self.open_env(**options) as env:
            played = env if critic is None else CriticWrapper(env, critic, epsilon=1.0)
            episode = play(played, agent, episode_id=agent.name, seed=pick.seed, options=pick.options)
        if episode.error is not None:
            kind = _kind(episode.error["type"])
            raise kind(f"{agent.name}, {pick}: no verdict: {episode.error['type']}: {episode.error['message']}")
        return episode

    def close(self) -> None:
        """End what is being played. Called from another thread; nothing can be played any more."""
        self.closed.set()
        with self._lock:
            envs = list(self._envs)
        for env in envs:
            env.unwrapped.abort()  # type: ignore[attr-defined]

    @contextlib.contextmanager
    def open_env(self, folder: Path | None = None, **options: Any) -> Iterator[TextEnv]:
        """Make an environment that `close` can abort, and close it at the end.

        `folder`: the task's own where None. `options`: of the environment.

        Raises:
            TermigenError: the context is closed.
        """
        with contextlib.closing(self.make_env(str(folder or self.entry.folder), **options)) as env:
            with self._lock:
                self._envs.add(env)
            try:
                if self.closed.is_set():
                    raise TermigenError("expected an open context, found it closed")
                yield env
            finally:
                with self._lock:
                    self._envs.discard(env)


def _kind(name: str) -> type[TermigenError]:
    """The error of that name, where it is one of ours."""
    found = getattr(errors, name, None)
    return found if isinstance(found, type) and issubclass(found, TermigenError) else TermigenError


Check: TypeAlias = Callable[[Context], Finding]


def finding(
    problems: Sequence[str], good: str, figures: Mapping[str, float] | None = None, evidence: Sequence[str] = ()
) -> Finding:
    """Return no with the problems where there are any, else yes with what is `good`."""
    return Finding(not problems, "; ".join(problems) or good, figures or {}, evidence="\n".join(evidence))
