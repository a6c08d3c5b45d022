"""A critic for tests."""

from __future__ import annotations

import numpy as np

from termigen_gym.critic import Critic, Proposal, Situation
from termigen_gym.episode import Perturbation, Repair


class Says(Critic):
    """A critic with one mistake."""

    def __init__(self, command: str) -> None:
        self._mistake = Perturbation("command_error", command, "So it is.", "test", Repair("true", "It is not so.", ()))

    def propose(self, situation: Situation, rng: np.random.Generator) -> Proposal:
        """Propose it."""
        return Proposal(self._mistake)
