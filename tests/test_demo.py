"""The demo: every stage runs for real, on a task of one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from termigen_gym import demo, register_all
from termigen_gym.demo import DemoPlan, run_demo
from termigen_gym.errors import StoreError
from termigen_gym.plan import Progress
from termigen_gym.sandbox.base import Engine
from termigen_gym.store import EpisodeStore
from tests import samples

SOLVE = """#!/bin/bash

# I look around.
ls

# The word goes into the file.
echo done > /app/out.txt

# I check.
cat /app/out.txt
"""


@pytest.fixture
def plan(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> DemoPlan:
    samples.write_task(tmp_path / "envs" / f"word-{engine.name}", files={"solution/solve.sh": SOLVE})
    monkeypatch.setenv("TERMIGEN_ENVS", str(tmp_path / "envs"))
    monkeypatch.setattr(demo, "TRAIN_STEPS", 6)
    register_all()
    return DemoPlan(tmp_path / "demo", (f"termigen/word-{engine.name}-v0",), episodes=3, sandbox=engine.name)


def test_the_demo_does_what_it_says_and_resumes(plan: DemoPlan) -> None:
    told: list[Progress] = []
    result = run_demo(plan, told.append)
    assert [report.ok for report in result.checks] == [True]
    assert (result.collected.episodes, result.collected.solved, result.collected.errors) == (3, 3, 0)
    assert result.tokens.episodes == 3
    assert result.tokens.trained_tokens > 0
    assert result.training.steps == 6
    assert result.training.loss_last < result.training.loss_first
    assert (result.before.n, result.before.errors, result.before.solved.value) == (len(result.exam), 0, 0.0)
    assert (result.after.n, result.after.errors) == (len(result.exam), 0)
    seeds = {episode.id: episode.seed for episode in EpisodeStore(plan.out / "run")}
    for exam in ("before", "after"):
        for episode in EpisodeStore(plan.out / exam):
            assert episode.seed == seeds[episode.id]
    assert {step.stage for step in told} >= {"check", "images", "episodes", "export", "fine-tune", "before", "after"}
    again: list[Progress] = []
    assert json.dumps(run_demo(plan, again.append).to_dict()["training"]) == json.dumps(result.to_dict()["training"])
    assert {step.stage for step in again} == {"export"}  # nothing else was left to do


def test_a_foreign_folder_is_left_alone(plan: DemoPlan) -> None:
    plan.out.mkdir()
    (plan.out / "thesis.tex").write_text("mine")
    with pytest.raises(StoreError, match="found other files"):
        run_demo(plan, lambda step: None)
    assert [path.name for path in plan.out.iterdir()] == ["thesis.tex"]


def test_another_demos_folder_is_left_alone(plan: DemoPlan) -> None:
    plan.out.mkdir()
    (plan.out / "demo.json").write_text('{"demo": 1}')
    with pytest.raises(StoreError, match="found other arguments"):
        run_demo(plan, lambda step: None)
