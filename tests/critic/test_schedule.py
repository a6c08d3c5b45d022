"""Schedules: how often mistakes come, when, and of which class."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from termigen_gym.critic import Schedule
from termigen_gym.episode import PERTURBATION_KINDS


@pytest.mark.parametrize("shape", ["constant", "early", "late"])
def test_epsilon_is_the_mean_up_to_the_horizon(shape: Any) -> None:
    schedule = Schedule(0.2, shape=shape, horizon=10)
    turns = [schedule.probability(turn, 0) for turn in range(10)]
    assert sum(turns) / 10 == pytest.approx(0.2)
    assert sorted(turns, reverse=shape == "early") == turns
    assert schedule.probability(50, 0) == pytest.approx({"constant": 0.2, "early": 0.0, "late": 0.4}[shape])


def test_so_many_follow_each_other_and_no_more() -> None:
    schedule = Schedule(1.0, most_in_a_row=2)
    assert [schedule.probability(5, in_a_row) for in_a_row in range(4)] == [1, 1, 0, 0]


@pytest.mark.parametrize("weights", [{}, {"hallucination": 3.0, "analysis_error": 1.0}])
def test_classes_come_by_their_weights(weights: Any) -> None:
    rng = np.random.default_rng(5)
    schedule = Schedule(weights=weights)
    draws = [schedule.kinds(rng) for _ in range(2000)]
    named = dict(weights) or dict.fromkeys(PERTURBATION_KINDS, 1.0)
    assert all(sorted(order) == sorted(named) for order in draws)
    first = Counter(order[0] for order in draws)
    for kind, weight in named.items():
        share = weight / sum(named.values())
        assert abs(first[kind] - 2000 * share) < 4 * (2000 * share * (1 - share)) ** 0.5


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"epsilon": 1.5}, "epsilon: expected a probability"),
        ({"weights": {"typo": 1}}, "weights: expected some of analysis_error, .*, found typo"),
        ({"weights": {"hallucination": -1}}, "weights: expected none below 0"),
        ({"weights": {"hallucination": 0}}, "weights: expected none below 0 and one above"),
        ({"shape": "soon"}, "shape: expected one of constant, early, late, found 'soon'"),
        ({"horizon": 0}, "expected horizon and most_in_a_row from 1"),
        ({"most_in_a_row": 0}, "expected horizon and most_in_a_row from 1"),
    ],
)
def test_what_can_not_be_is_refused(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Schedule(**arguments)
