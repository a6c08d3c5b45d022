"""What the tasks of a run are about, slot by slot: towards what there is too little of."""

from __future__ import annotations

import threading

import numpy as np

from .coverage import Coverage, Slot


class Slots:
    """The slots of a run, by index, made as they are asked for; the same seed and coverage make the same.

    Args:
        coverage: of what there is.
        seed: of the run.
    """

    def __init__(self, coverage: Coverage, seed: int) -> None:
        self._coverage = coverage
        self._rng = np.random.default_rng([seed, 0x510])
        self._made: list[Slot] = []
        self._lock = threading.Lock()

    def __call__(self, index: int) -> Slot:
        """Return the slot of an index."""
        with self._lock:
            while len(self._made) <= index:
                self._made.append(self._coverage.next_slot(self._rng))
            return self._made[index]
