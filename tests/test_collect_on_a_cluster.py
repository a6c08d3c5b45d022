"""Collecting on a real Ray cluster of which a machine goes down in mid-run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from termigen_gym.plan import Plan
from termigen_gym.sandbox.base import Engine
from termigen_gym.store import EpisodeStore
from tests.command import MAIN
from tests.machines import machines
from tests.waiting import Process, wait_until

EPISODES = 8


def test_a_machine_that_goes_down_loses_no_episode_and_repeats_none(one_engine: Engine, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["collect", "--out", str(run), "--tasks", "stock-terminal", "--episodes", str(EPISODES), "--seed", "5"]
    with machines(0) as cluster:
        dying, _ = cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)
        command = [*MAIN, *words, "--sandbox", one_engine.name, "--workers", "4", "--ray", cluster.address, "--json"]
        with Process(command, stderr=subprocess.PIPE) as process:
            wait_until(lambda: process.poll() is not None or len(list(EpisodeStore(run))) >= 2, 120)
            cluster.remove_node(dying, allow_graceful=False)
            told, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    summary = json.loads(told)
    assert (summary["episodes"], summary["played"], summary["solved"], summary["errors"]) == (8, 8, 8, 0)
    episodes = list(EpisodeStore(run))
    assert sorted(episode.id for episode in episodes) == [f"{index:06d}" for index in range(EPISODES)]
    plan = Plan(("termigen/stock-terminal-v0",), EPISODES, seed=5)
    for episode in episodes:
        assert episode.seed == plan.seed_of(int(episode.id))
    assert any(episode.perturbations for episode in episodes)
