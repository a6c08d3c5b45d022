"""What a critic is: it is asked for a mistake in place of an action, and what it thinks of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..episode import PERTURBATION_KINDS, Judgement, Perturbation, PerturbationKind
from ..llm.base import Usage
from ..task import Task


@dataclass(frozen=True)
class Situation:
    """Where an episode stands when a critic is asked.

    Attributes:
        task: the task or family instance.
        history: what ran so far and what the terminal showed after it, in order.
        action: what the agent is about to do.
        kinds: classes that a mistake may be of, the one that was drawn first.
        purpose: unique within a run; what a critic asks a model for begins with it.
        weighted: whether classes are asked for in other than equal shares, so that the one that was drawn counts more
            than that a mistake is the task's own.
        took: is to be told what each reply took, where the critic asks a model.
    """

    task: Task
    history: Sequence[tuple[str, str]]
    action: str
    kinds: Sequence[PerturbationKind] = PERTURBATION_KINDS
    purpose: str = ""
    weighted: bool = False
    took: Callable[[Usage], None] = lambda usage: None


@dataclass(frozen=True)
class Proposal:
    """A mistake that may run instead of the action, or none.

    Attributes:
        perturbation: the mistake; None where the critic has none.
        attempts: mistakes that it thought of. judgement: of the last one; None where nobody judged.
        note: why there is none; else "".
    """

    perturbation: Perturbation | None
    attempts: int = 1
    judgement: Judgement | None = None
    note: str = ""


class Critic(Protocol):
    """Writes mistakes, and may judge actions; a class of one's own inherits that it does not."""

    def propose(self, situation: Situation, rng: np.random.Generator) -> Proposal:
        """Return a plausible mistake of the first of the wanted classes for which there is one.

        All randomness comes from `rng`, so that a seed replays.

        Raises:
            TaskError: the task's own mistakes are malformed.
            ModelError: the model behind the critic failed.
        """

    def review(self, situation: Situation) -> Judgement | None:
        """Say whether an action, in whose place no mistake is wanted, advances the task; None: it can't tell.

        Raises:
            ModelError: the model behind the critic failed.
        """
        return None
