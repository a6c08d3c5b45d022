"""kill -9 of a process of ours: the next start removes what it left, and nothing of anybody else."""

from __future__ import annotations

import contextlib
import random
import secrets
import subprocess
from pathlib import Path

import pytest

from termigen_gym.sandbox.base import Engine
from termigen_gym.store import EpisodeStore
from tests.chaos.conftest import DOCKERFILE
from tests.chaos.stock import Family, hear, player, tell

NEXT_START = "import sys; from termigen_gym import sandbox; sandbox.engine(sys.argv[1])"
SLOW_TEST = "sleep 1000\n"


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.mark.parametrize("what", ["step", "reset", "verify", "build", "collect"])
def test_what_a_killed_process_left_is_removed(
    what: str, engine: Engine, family: Family, task: Path, tmp_path: Path, chance: random.Random
) -> None:
    with player(family, engine.name, task, "answer", str(tmp_path / "neighbour")) as neighbour:
        before = family.stock()
        if what == "verify":
            (task / "tests" / "test.sh").write_text(SLOW_TEST)
        for _ in range(2):
            if what == "build":
                recipe = f"{DOCKERFILE}RUN echo {secrets.token_hex(8)}; sleep 1000; true\n"
                (task / "environment" / "Dockerfile").write_text(recipe)
            run = str(tmp_path / "run")
            with player(family, engine.name, task, what, run, TERMIGEN_ENVS=str(task.parent)) as killed:
                with pytest.raises(subprocess.TimeoutExpired):
                    killed.wait(chance.uniform(0, 1.0))
                end(killed)
            family.run("-c", NEXT_START, engine.name)
            family.expect(before)
        tell(neighbour, "echo still here")
        assert hear(neighbour) == "still here"
        assert neighbour.communicate()[1] == ""
    if what == "collect":
        kept = list(EpisodeStore(tmp_path / "run"))
        assert kept
        assert all(episode.ended == "submitted" and episode.steps for episode in kept)


KILLS = 50


def test_a_run_that_is_killed_at_any_moment_loses_and_repeats_nothing(
    one_engine: Engine, task: Path, tmp_path: Path, chance: random.Random
) -> None:
    family, run, calm = Family(one_engine, tmp_path), tmp_path / "run", tmp_path / "calm"
    before, kept = family.stock(), dict[str, str]()
    for _ in range(KILLS):
        with player(family, one_engine.name, task, "collect", str(run), TERMIGEN_ENVS=str(task.parent)) as killed:
            with contextlib.suppress(subprocess.TimeoutExpired):
                killed.communicate(timeout=chance.uniform(0, 0.5))
            end(killed)
        now = {episode.id: episode.to_json() for episode in EpisodeStore(run)}
        assert {id: now.get(id) for id in kept} == kept
        kept = now
    episodes = str(len(kept) + 10)
    for folder in (run, calm):
        words = ["-m", "tests.chaos.player", one_engine.name, str(task), "collect", str(folder), episodes]
        family.run(*words, TERMIGEN_ENVS=str(task.parent))
    family.expect(before)
    assert len(kept) >= KILLS / 2
    assert actions(run) == actions(calm)
    assert len(list(EpisodeStore(run))) == int(episodes)


def actions(run: Path) -> dict[str, list[str]]:
    return {episode.id: [step.executed for step in episode.steps] for episode in EpisodeStore(run)}
