"""The floor that collecting is measured against does what the episodes did."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import pytest

from benchmarks.collection import bare
from termigen_gym.agents.oracle import Oracle
from termigen_gym.play import play
from termigen_gym.sandbox.bubblewrap import BubblewrapEngine

ROOT = Path(__file__).parent.parent.parent


def test_a_round_has_both_sides() -> None:
    argv = [sys.executable, str(ROOT / "benchmarks" / "collection.py"), "--episodes", "4", "--rounds", "1", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    ((ours, floor),) = figures["rounds"]
    assert figures["cpu_ratio"] == ours["cpu_s"] / floor["cpu_s"]
    assert figures["episodes_per_s"] == 4 / ours["wall_s"]
    assert figures["floor_episodes_per_s"] == 4 / floor["wall_s"]


@pytest.mark.parametrize("task", ["termigen/stock-terminal-v0", "termigen/sqlite-audit-v0"])
def test_a_floor_that_ends_otherwise_is_no_floor(tmp_path: Path, task: str) -> None:
    env = gym.make(task, sandbox="bubblewrap")
    episode = play(env, Oracle(), episode_id="0", seed=0)
    env.close()
    engine = BubblewrapEngine()
    programs = bare(episode, engine, tmp_path / "whole")
    assert programs.reward == 1
    programs.run()
    of_none = bare(replace(episode, steps=()), engine, tmp_path / "none")
    with pytest.raises(RuntimeError, match=r"none: expected reward 1.0, found '0"):
        of_none.run()
    engine.close()
