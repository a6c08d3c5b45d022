"""What an agent is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from ..task import Task


@dataclass(frozen=True)
class Move:
    """One turn of an agent.

    Attributes:
        action: what is typed into the terminal.
        thought: why.
    """

    action: str
    thought: str = ""


class Agent(Protocol):
    """Whoever plays an episode.

    Attributes:
        name: as it is recorded. model: the model's name, or None where there is none.
    """

    name: str
    model: str | None

    def begin(self, task: Task, observation: str, info: Mapping[str, Any]) -> None:
        """Start an episode anew.

        Args:
            task: that is played.
            observation: what ``reset`` returned.
            info: the same, and `play` adds ``episode_id``, which is unique within a run.
        """

    def act(self, observation: str, info: Mapping[str, Any]) -> Move:
        """Return the next move, given the last observation and info (at first those of ``reset``).

        Raises:
            ModelError: the model behind the agent failed.
        """

    def usage(self) -> Mapping[str, float]:
        """Return what this episode has used so far, such as tokens, by name."""


@runtime_checkable
class Closable(Protocol):
    """An agent that waits for somebody else, and can be told to stop."""

    def close(self) -> None:
        """Make an `act` that is under way end soon, with a ModelError. Idempotent; from any thread."""
