"""What the checks share: a task under examination, and what is found on it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, TypeAlias

from ..agents import Agent
from ..catalog import Entry
from ..critic import Critic
from ..episode import Episode
from ..errors import EngineMissing, TermigenError
from ..family import DIFFICULTIES, Family
from ..play import play
from ..task import Task
from ..wrappers import CriticWrapper, TextEnv

_FAMILY_SEEDS = 2


@dataclass(frozen=True)
class Finding:
    """What a check found."""

    ok: bool
    detail: str


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

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"id": self.id, "ok": self.ok, "checks": {name: asdict(found) for name, found in self.checks.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """Rebuild it from `to_dict`'s result."""
        return cls(data["id"], {name: Finding(**found) for name, found in data["checks"].items()})


@dataclass(frozen=True)
class Variant:
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
        make_env: returns a new environment of it; each play has its own, so its own sandbox.
    """

    def __init__(self, entry: Entry, make_env: Callable[[], TextEnv]) -> None:
        self.entry = entry
        self.make_env = make_env
        self._env: TextEnv | None = None
        self._closed = threading.Event()

    @cached_property
    def tasks(self) -> dict[Variant, Task]:
        """What is to be played: the task, or a family's instances, some of each difficulty.

        Raises:
            TaskError: the folder is malformed.
        """
        if self.entry.kind == "task":
            return {Variant(): Task.load(self.entry.folder)}
        return self.instances([Variant(seed, level) for level in DIFFICULTIES for seed in range(_FAMILY_SEEDS)])

    def instances(self, variants: Iterable[Variant]) -> dict[Variant, Task]:
        """Return a family's instances, generated in this order by a generator imported anew."""
        family = Family.load(self.entry.folder)
        return {variant: family.instance(variant.seed, variant.difficulty) for variant in variants}

    def prepare(self) -> None:
        """Build the image.

        Raises:
            SandboxError: it does not build, or there is no engine.
        """
        with self._env_of_its_own() as env:
            env.unwrapped.prepare()  # type: ignore[attr-defined]

    def play(self, agent: Agent, variant: Variant, critic: Critic | None = None) -> Episode:
        """Play an episode in a sandbox of its own and return it with its verdict.

        Raises:
            EngineMissing: there is no engine. TermigenError: it has no verdict.
        """
        with self._env_of_its_own() as env:
            played = env if critic is None else CriticWrapper(env, critic, epsilon=1.0)
            episode = play(played, agent, episode_id=agent.name, seed=variant.seed, options=variant.options)
        if episode.error is not None:
            kind = EngineMissing if episode.error["type"] == EngineMissing.__name__ else TermigenError
            raise kind(f"{agent.name}, {variant}: no verdict: {episode.error['type']}: {episode.error['message']}")
        return episode

    def close(self) -> None:
        """End what is being played. Called from another thread; nothing can be played any more."""
        self._closed.set()
        if self._env is not None:
            self._env.unwrapped.abort()  # type: ignore[attr-defined]

    @contextlib.contextmanager
    def _env_of_its_own(self) -> Iterator[TextEnv]:
        with contextlib.closing(self.make_env()) as self._env:
            if self._closed.is_set():
                raise TermigenError("expected an open context, found it closed")
            yield self._env


Check: TypeAlias = Callable[[Context], Finding]


def finding(problems: Sequence[str], good: str) -> Finding:
    """Return no with the problems where there are any, else yes with what is `good`."""
    return Finding(not problems, "; ".join(problems) or good)
