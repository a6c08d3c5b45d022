"""The author that needs no model: blueprints draw worlds, what is asked about them, and solutions."""

from __future__ import annotations

import numpy as np

from .blueprints import BLUEPRINTS
from .coverage import Slot
from .making import Fallen, Making

SAME_FROM = 0.6
"""Similarity from which on two tasks of blueprints are the same: those of one blueprint share much of their wording."""


class FamiliesAuthor:
    """Writes a slot's task by a blueprint of its category.

    Args:
        seed: everything that it draws comes from this and the slot.
    """

    name = "families"

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def make(self, slot: Slot) -> Making:
        """See `Author.make`."""
        rng = np.random.default_rng([self._seed, slot.index])
        fitting = [one for one in BLUEPRINTS if one.category == slot.category]
        if not fitting:
            raise Fallen("seed", f"expected a blueprint of category {slot.category}, found none")
        evidence = yield fitting[int(rng.integers(len(fitting)))].compose(rng, slot.difficulty)
        if evidence is not None:
            raise Fallen(evidence.check, evidence.text)
