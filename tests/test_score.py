"""Figures from episodes: by hand, and against what they estimate."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from termigen_gym.score import Rate, base_id, pass_at_k, score, wilson
from tests.episodes import an_episode


@pytest.mark.parametrize(
    ("n", "c", "k", "expected"),
    [
        (1, 0, 1, 0.0),
        (1, 1, 1, 1.0),
        (4, 1, 1, 0.25),
        (4, 1, 2, 0.5),
        (4, 2, 2, 5 / 6),
        (4, 3, 2, 1.0),
        (5, 0, 5, 0.0),
        (5, 1, 5, 1.0),
        (200, 10, 10, 0.4085),
    ],
)
def test_pass_at_k(n: int, c: int, k: int, expected: float) -> None:
    assert pass_at_k(n, c, k) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("n", "c", "k"), [(5, 2, 3), (6, 1, 2), (7, 4, 4)])
def test_pass_at_k_is_the_share_of_groups_with_a_pass(n: int, c: int, k: int) -> None:
    groups = list(itertools.combinations(range(n), k))
    hits = sum(any(member < c for member in group) for group in groups)
    assert pass_at_k(n, c, k) == pytest.approx(hits / len(groups))


@pytest.mark.parametrize(("n", "c", "k"), [(0, 0, 1), (3, 4, 1), (3, -1, 1), (3, 1, 0), (3, 1, 4)])
def test_pass_at_k_refuses_what_it_can_not_estimate(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match="expected 0 <= c <= n"):
        pass_at_k(n, c, k)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),
        (50, 100, 0.4038, 0.5962),
    ],
)
def test_wilson_against_tabled_values(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits / n, n) == pytest.approx((low, high), abs=1e-4)


def test_no_trials_say_nothing() -> None:
    assert Rate.of(0, 0) == Rate(None, 0.0, 1.0, 0)


def test_the_interval_of_pass_at_k_covers_the_truth() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(12)
    k, n = 2, 6
    wanted = float(np.mean(1 - (1 - truth) ** k))
    covered = 0
    for _ in range(200):
        passes = rng.binomial(n, truth)
        mean = float(np.mean([pass_at_k(n, int(c), k) for c in passes]))
        low, high = wilson(mean, 12 * (n // k))
        covered += low <= wanted <= high
    assert covered >= 190


def test_a_run_is_scored_task_by_task_and_as_a_whole() -> None:
    episodes = [
        an_episode("000000", task_id="a", reward=1.0),
        an_episode("000002", task_id="a", reward=0.0, mistakes=1),
        an_episode("000001", task_id="b", reward=1.0, mistakes=2),
        an_episode("000003", task_id="b", reward=0.5),
    ]
    result = score(iter(episodes), k=2)
    assert [(row.task_id, row.n, row.solved, row.pass_at_k, row.mean_reward) for row in result.tasks] == [
        ("a", 2, 1, 1.0, 0.5),
        ("b", 2, 1, 1.0, 0.75),
    ]
    assert (result.pass_at_k.value, result.pass_at_k.n) == (1.0, 2)
    assert (result.solved.value, result.solved.n) == (0.5, 4)
    assert (result.recovery.value, result.recovery.n) == (0.5, 2)
    assert result.mean_reward == pytest.approx(0.625)
    assert result.mean_steps == pytest.approx((2 + 3 + 4 + 2) / 4)
    assert json.loads(json.dumps(result.to_dict()))["pass_at_k"]["value"] == 1.0


def test_failures_of_ours_are_no_failures_of_the_agent() -> None:
    result = score([an_episode("000000", reward=1.0), an_episode("000001", reward=None)])
    assert (result.solved.value, result.mean_reward, result.n, result.errors) == (1.0, 1.0, 1, 1)


def test_an_episode_that_failed_and_was_played_again_is_no_error() -> None:
    tries = [an_episode("000000", reward=None), an_episode("000000-1", reward=None), an_episode("000000-2", reward=1.0)]
    result = score(tries)
    assert (result.n, result.errors) == (1, 0)
    assert score(tries[:2]).errors == 1


def test_tasks_with_too_few_verdicts_are_named_not_guessed() -> None:
    episodes = [an_episode(f"00000{i}", task_id="a") for i in range(2)] + [
        an_episode("000002", task_id="b", reward=0.0)
    ]
    result = score(episodes, k=2)
    assert result.unscored == ("b",)
    assert (result.pass_at_k.value, result.pass_at_k.n) == (1.0, 1)


def test_no_episodes_give_no_figures() -> None:
    result = score([])
    assert (result.pass_at_k.value, result.recovery.value, result.mean_reward, result.tasks) == (None, None, None, ())


def test_k_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="k of at least 1, found 0"):
        score([], k=0)


@pytest.mark.parametrize(
    ("episode_id", "base"),
    [("000012", "000012"), ("000012-1", "000012"), ("3fa9c0", "3fa9c0"), ("my-run-2", "my-run-2"), ("", "")],
)
def test_base_id(episode_id: str, base: str) -> None:
    assert base_id(episode_id) == base
