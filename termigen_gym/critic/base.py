"""What a critic is: it is asked for a mistake in place of an action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..episode import Perturbation
from ..task import Task


@dataclass(frozen=True)
class Situation:
    """Where an episode stands when a mistake is asked for.

    Attributes:
        task: the task or family instance.
        history: what ran so far and what the terminal showed after it, in order.
        action: what the agent is about to do.
    """

    task: Task
    history: Sequence[tuple[str, str]]
    action: str


class Critic(Protocol):
    """Writes mistakes."""

    def propose(self, situation: Situation, rng: np.random.Generator) -> Perturbation | None:
        """Return a plausible mistake that may run instead of the action, or None where there is none.

        All randomness comes from `rng`, so that a seed replays.

        Raises:
            TaskError: the task's own mistakes are malformed.
            ModelError: the model behind the critic failed.
        """
