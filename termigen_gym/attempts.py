"""Attempts at the episodes of a plan, as jobs: here, or on a machine of a cluster."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from queue import Empty, SimpleQueue
from typing import Any

from .agents.base import Agent, Closable
from .cluster import Cluster
from .critic import Critic, critic_named
from .episode import Episode
from .plan import Plan, make_env
from .play import play
from .roster import make_agent
from .wrappers import TextEnv


class Cast:
    """Agents between their episodes: one plays one episode at a time, and may hold a model worth keeping."""

    def __init__(self) -> None:
        self._idle: dict[str, SimpleQueue[Agent]] = {}
        self._critics: dict[str, Critic] = {}

    @contextlib.contextmanager
    def one(self, plan: Plan) -> Iterator[Agent]:
        """Give an agent of a plan's, one of its casts, that nobody else has meanwhile.

        Raises:
            AgentError, ModelError: there is no such agent, or it can't be made.
        """
        if plan.critic != "none":  # environments share a critic's connections for as long as anybody holds it
            key = _key(plan.critic, plan.critic_options)
            if key not in self._critics:
                self._critics[key] = critic_named(plan.critic, plan.critic_options)
        idle = self._idle.setdefault(_key(plan.agent, plan.agent_options), SimpleQueue())
        try:
            agent = idle.get_nowait()
        except Empty:
            agent = make_agent(plan.agent, plan.agent_options)
        try:
            yield agent
        finally:
            idle.put(agent)

    def call(self, plan: Plan) -> None:
        """Make one of each, so that an agent that can't be had is known before anything else is made."""
        for cast in plan.casts:
            with self.one(cast):
                pass


def _key(name: str, options: Mapping[str, Any]) -> str:
    return json.dumps([name, options], sort_keys=True)


class _Closed(Exception):
    """The job was closed before it began to play."""


class EpisodeJob:
    """One attempt at one episode of a plan, in this process; attempts are counted from 0."""

    def __init__(self, plan: Plan, index: int, attempt: int, cast: Cast) -> None:
        self.index = index
        self._plan = plan
        self._id = f"{index:06d}-{attempt}" if attempt else f"{index:06d}"
        self._cast = cast
        self._closed = threading.Event()
        self._env: TextEnv | None = None
        self._agent: Agent | None = None

    def run(self) -> Episode:
        """See `Job.run`."""
        plan = self._plan
        cast = plan.cast_of(self.index)
        with self._cast.one(cast) as self._agent:
            self._env = env = make_env(cast, plan.task_of(self.index))
            try:
                if self._closed.is_set():
                    raise _Closed
                seed, options = plan.seed_of(self.index), plan.options_of(self.index)
                return play(env, self._agent, episode_id=self._id, seed=seed, options=options)
            finally:
                env.close()

    def close(self) -> None:
        """See `Job.close`."""
        self._closed.set()
        if self._env is not None:
            self._env.unwrapped.abort()  # type: ignore[attr-defined]
        if isinstance(self._agent, Closable):
            self._agent.close()


class RemoteJob:
    """One attempt at one episode, on a machine of a cluster."""

    def __init__(self, plan: Plan, index: int, attempt: int, cluster: Cluster) -> None:
        self._what = plan, index, attempt
        self._cluster = cluster

    def run(self) -> Episode:
        """See `Job.run`."""
        return self._cluster.call(_play, *self._what)

    def close(self) -> None:
        """See `Job.close`; it ends all that the cluster does for this run."""
        self._cluster.close()


_cast = Cast()  # of this process, one of a cluster's: its agents are kept for the next episode


def _play(plan: Plan, index: int, attempt: int) -> Episode:
    return EpisodeJob(plan, index, attempt, _cast).run()
