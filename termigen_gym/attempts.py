"""Attempts at the episodes of a plan, as jobs: here, or on a machine of a cluster."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue

from .agents.base import Agent, Closable
from .cluster import Cluster
from .critic import critic_named
from .episode import Episode
from .plan import Plan, make_env, options_of, seed_of
from .play import play
from .roster import make_agent
from .wrappers import TextEnv


class Cast:
    """Agents of a plan between their episodes: one plays one episode at a time, and may hold a model worth keeping."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._idle: SimpleQueue[Agent] = SimpleQueue()
        # Environments share a critic's connections for as long as anybody holds it.
        self._critic = None if plan.critic == "none" else critic_named(plan.critic, plan.critic_options)

    @contextlib.contextmanager
    def one(self) -> Iterator[Agent]:
        """Give an agent that nobody else has meanwhile.

        Raises:
            AgentError, ModelError: there is no such agent, or it can't be made.
        """
        try:
            agent = self._idle.get_nowait()
        except Empty:
            agent = make_agent(self._plan.agent, self._plan.agent_options)
        try:
            yield agent
        finally:
            self._idle.put(agent)

    def call(self) -> None:
        """Make one, so that an agent that can't be had is known before anything else is made."""
        with self.one():
            pass


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
        with self._cast.one() as self._agent:
            self._env = env = make_env(plan, plan.task_of(self.index))
            try:
                if self._closed.is_set():
                    raise _Closed
                seed, options = seed_of(plan.seed, self.index), options_of(plan, self.index)
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


_casts: dict[str, Cast] = {}


def _play(plan: Plan, index: int, attempt: int) -> Episode:
    """Play an attempt in this process, one of a cluster's; its agents are kept for the next one."""
    key = json.dumps([plan.agent, plan.agent_options], sort_keys=True)
    return EpisodeJob(plan, index, attempt, _casts.setdefault(key, Cast(plan))).run()
