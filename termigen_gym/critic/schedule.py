"""When mistakes come, and of which class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from ..episode import PERTURBATION_KINDS, PerturbationKind

Shape = Literal["constant", "early", "late"]
SHAPES: tuple[Shape, ...] = get_args(Shape)


@dataclass(frozen=True)
class Schedule:
    """The probability of a mistake at each turn (arXiv 2602.07274, eq. 1, which has it constant), and of each class.

    Attributes:
        epsilon: the probability, over an episode's first `horizon` turns on average.
        weights: of the classes; those that are not named have none. Empty: all alike.
        most_in_a_row: mistakes that may follow each other; None for any number.
        shape: "constant"; "early" falls from twice epsilon to 0 at the horizon, "late" rises the same way and stays.
        horizon: turns; of no account for "constant".

    Raises:
        ValueError: a value is out of range.
    """

    epsilon: float = 0.2
    weights: Mapping[PerturbationKind, float] = field(default_factory=dict)
    most_in_a_row: int | None = None
    shape: Shape = "constant"
    horizon: int = 20

    def __post_init__(self) -> None:
        """Refuse what can't be."""
        if not 0 <= self.epsilon <= 1:
            raise ValueError(f"epsilon: expected a probability in [0, 1], found {self.epsilon!r}")
        unknown = sorted(set(self.weights) - set(PERTURBATION_KINDS))
        if unknown:
            raise ValueError(f"weights: expected some of {', '.join(PERTURBATION_KINDS)}, found {', '.join(unknown)}")
        if any(weight < 0 for weight in self.weights.values()) or (self.weights and not any(self.weights.values())):
            raise ValueError(f"weights: expected none below 0 and one above, found {dict(self.weights)}")
        if self.shape not in SHAPES:
            raise ValueError(f"shape: expected one of {', '.join(SHAPES)}, found {self.shape!r}")
        if self.horizon < 1 or (self.most_in_a_row is not None and self.most_in_a_row < 1):
            raise ValueError(f"expected horizon and most_in_a_row from 1, found {self.horizon}, {self.most_in_a_row}")

    @classmethod
    def of(cls, epsilon: float, more: Mapping[str, Any] | None) -> Schedule:
        """Return a schedule of JSON values.

        Raises:
            ValueError: one of them is unknown or out of range.
        """
        try:
            return cls(epsilon, **(more or {}))
        except TypeError as error:
            raise ValueError(f"schedule: expected arguments of Schedule, found another: {error}") from None

    def probability(self, turn: int, in_a_row: int) -> float:
        """Return that of a mistake at a turn, counted from 0, after so many mistakes in a row."""
        if self.most_in_a_row is not None and in_a_row >= self.most_in_a_row:
            return 0.0
        passed = min((turn + 0.5) / self.horizon, 1.0)
        factor = {"constant": 1.0, "early": 2 * (1 - passed), "late": 2 * passed}[self.shape]
        return min(self.epsilon * factor, 1.0)

    def kinds(self, rng: np.random.Generator) -> tuple[PerturbationKind, ...]:
        """Draw an order of the classes: the first by weight, then the next of those that are left, and so on."""
        weights = np.array([self.weights.get(kind, 0.0 if self.weights else 1.0) for kind in PERTURBATION_KINDS])
        with np.errstate(divide="ignore", invalid="ignore"):
            arrivals = -np.log1p(-rng.random(len(weights))) / weights  # of exponential clocks: the order is as promised
        order = np.argsort(arrivals, kind="stable")
        return tuple(PERTURBATION_KINDS[int(index)] for index in order if weights[index] > 0)
