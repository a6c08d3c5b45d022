"""Evaluation: what is played is scored, and only that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from termigen_gym.collect import collect
from termigen_gym.evaluate import evaluate
from termigen_gym.plan import Plan
from termigen_gym.store import EpisodeStore
from tests.bash_env import BashEnv, register, write_task

ADD, HARD = "termigen/add-v0", "termigen/hard-v0"
PLAN = Plan(tasks=(ADD, HARD), episodes=6, critic="none")


@pytest.fixture(autouse=True)
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    write_task(tmp_path / "envs" / "add")
    write_task(tmp_path / "envs" / "hard", test="echo 0 > reward")
    register(monkeypatch, tmp_path / "envs", "add", "hard")
    yield
    assert not BashEnv.open_now


def test_each_task_is_played_and_scored(tmp_path: Path) -> None:
    result = evaluate(PLAN, tmp_path / "run", k=2)
    assert [(row.task_id, row.n, row.solved, row.pass_at_k) for row in result.tasks] == [
        (ADD, 3, 3, 1.0),
        (HARD, 3, 0, 0.0),
    ]
    assert (result.pass_at_k.value, result.pass_at_k.n, result.mean_reward) == (0.5, 2, 0.5)
    assert result.recovery.value is None


def test_recovery_is_of_the_attempts_with_mistakes(tmp_path: Path) -> None:
    result = evaluate(replace(PLAN, critic="rule", epsilon=0.25), tmp_path / "run")
    perturbed = [episode for episode in EpisodeStore(tmp_path / "run") if episode.perturbations]
    assert perturbed
    assert result.recovery.n == len(perturbed)
    assert result.recovery.value == sum(episode.solved for episode in perturbed) / len(perturbed)


def test_two_agents_meet_the_same_instances(tmp_path: Path) -> None:
    for agent in ("oracle", "null"):
        evaluate(replace(PLAN, agent=agent), tmp_path / agent)
    seeds = [{episode.id: episode.seed for episode in EpisodeStore(tmp_path / name)} for name in ("oracle", "null")]
    assert seeds[0] == seeds[1]


def test_what_else_the_run_holds_is_not_scored(tmp_path: Path) -> None:
    collect(PLAN, tmp_path / "run")
    assert evaluate(replace(PLAN, episodes=2), tmp_path / "run").n == 2
    assert evaluate(replace(PLAN, only=(1, 3)), tmp_path / "run").solved.value == 0.0


def test_chosen_episodes_are_those_of_the_whole_plan(tmp_path: Path) -> None:
    collect(PLAN, tmp_path / "all")
    collect(replace(PLAN, only=(1, 4)), tmp_path / "some")
    some = {episode.id: episode for episode in EpisodeStore(tmp_path / "some")}
    assert sorted(some) == ["000001", "000004"]
    for id, episode in some.items():
        same = EpisodeStore(tmp_path / "all").get(id)
        assert (episode.task_id, episode.seed) == (same.task_id, same.seed)


def test_our_failures_are_counted_apart(tmp_path: Path) -> None:
    result = evaluate(replace(PLAN, agent="tests.agents_for_tests:Clumsy"), tmp_path / "run")
    assert (result.n, result.errors, result.mean_reward, result.unscored) == (0, 6, None, (ADD, HARD))
