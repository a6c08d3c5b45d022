"""Agents that are loaded by name."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Mapping
from typing import Any

from termigen_gym import errors
from termigen_gym.agents import Move, Oracle
from termigen_gym.task import Task


class Clumsy:
    """Fails in its own code."""

    name = "clumsy"
    model: str | None = None

    def begin(self, task: Task, observation: str, info: Mapping[str, Any]) -> None: ...

    def act(self, observation: str, info: Mapping[str, Any]) -> Move:
        return Move(str(1 / 0))

    def usage(self) -> Mapping[str, float]:
        return {}


class Failing:
    """Fails as models do, in the episodes whose ids are given."""

    name = "failing"
    model: str | None = None

    def __init__(self, error: str, ids: list[str]) -> None:
        self._error = getattr(errors, error)
        self._ids = ids
        self._fails = False

    def begin(self, task: Task, observation: str, info: Mapping[str, Any]) -> None:
        self._fails = info["episode_id"] in self._ids

    def act(self, observation: str, info: Mapping[str, Any]) -> Move:
        if self._fails:
            raise self._error("expected a reply, found none")
        return Move("exit")

    def usage(self) -> Mapping[str, float]:
        return {"requests": 1}


class Paid(Failing):
    """Hands in at once, for money."""

    def __init__(self) -> None:
        super().__init__("ModelError", [])

    def usage(self) -> Mapping[str, float]:
        return {"prompt_tokens": 70, "completion_tokens": 30, "dollars": 0.5}


class Waiting:
    """Waits in the first episode until it is closed; once it does, another episode is refused."""

    name = "waiting"
    model: str | None = None
    waits = threading.Event()
    closed = threading.Event()

    def begin(self, task: Task, observation: str, info: Mapping[str, Any]) -> None:
        self._first = info["episode_id"] == "000000"

    def act(self, observation: str, info: Mapping[str, Any]) -> Move:
        if self._first:
            self.waits.set()
            self.closed.wait()
            return Move("exit")
        self.waits.wait()
        raise errors.ModelRefused("expected a reply, found none")

    def usage(self) -> Mapping[str, float]:
        return {}

    def close(self) -> None:
        if self._first:
            self.closed.set()


class OnceThenWait(Oracle):
    """Plays two episodes, then sleeps in every later one unless $GO_ON is set."""

    _begun = itertools.count()

    def begin(self, task: Task, observation: str, info: Mapping[str, Any]) -> None:
        super().begin(task, observation, info)
        self._waits = next(self._begun) >= 2 and "GO_ON" not in os.environ

    def act(self, observation: str, info: Mapping[str, Any]) -> Move:
        return Move("sleep 100") if self._waits else super().act(observation, info)
