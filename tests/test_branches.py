"""Snapshots of an episode: branching, budgets, rewards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gymnasium.error import ResetNeeded

from termigen_gym.env import TerminalEnv
from termigen_gym.episode import TAKEN_BACK, Episode
from termigen_gym.errors import SandboxError
from termigen_gym.sandbox.base import Engine
from termigen_gym.store import EpisodeStore
from termigen_gym.wrappers import CriticWrapper, RecordEpisodes
from tests.critic.says import Says
from tests.samples import write_task

Make = Callable[..., TerminalEnv]


@pytest.fixture
def make(engine: Engine, tmp_path: Path) -> Iterator[Make]:
    made: list[TerminalEnv] = []

    def _make(toml: str = "", **kwargs: Any) -> TerminalEnv:
        folder = write_task(tmp_path / "sample", toml=toml)
        made.append(TerminalEnv(str(folder), sandbox=engine.name, **{"command_timeout_s": 10.0, **kwargs}))
        return made[-1]

    yield _make
    for env in made:
        env.close()


def test_a_branch_goes_on_from_where_it_began(make: Make) -> None:
    env = make()
    first, _ = env.reset(seed=1)
    root = env.snapshot()
    env.step("mkdir -p /srv/x && cd /srv/x && x=1; echo done > /app/out.txt")
    shown, _, _, _, info = env.step("ls /app; false")
    leaf = env.snapshot()
    env.step("rm /app/out.txt; sleep 1000 &")
    observation, found = env.restore(leaf)
    assert observation == shown == "out.txt\n"
    assert {**found, "duration_s": 0} == {**info, "duration_s": 0}
    assert (found["exit_code"], found["state"]) == (1, "prompt")
    assert env.step('pwd; cat /app/out.txt; echo "[$x]"; jobs; pgrep sleep')[0] == "/srv/x\ndone\n[]\n"
    assert env.restore(root)[0] == first
    assert env.step("pwd; ls -A")[0] == "/app\n"
    assert env.restore(leaf)[0] == shown


def test_a_reward_is_looked_at_and_the_episode_goes_on(make: Make) -> None:
    env = make()
    env.reset(seed=1)
    before = env.snapshot()
    assert env.step("exit")[1:3] == (0.0, True)
    with pytest.raises(ResetNeeded):
        env.step("ls")
    with pytest.raises(ResetNeeded):
        env.snapshot()
    for content, reward in (("done", 1.0), ("gone", 0.0), ("done", 1.0)):
        env.restore(before)
        assert env.step("ls /tests /logs/verifier; ls -A")[0].count("No such file") == 1  # only the log folder is there
        env.step(f"echo {content} > out.txt")
        assert env.step("exit")[1:3] == (reward, True)
    before.close()
    with pytest.raises(SandboxError, match="expected an open snapshot"):
        env.restore(before)
    with pytest.raises(ResetNeeded):
        env.step("ls")


def test_every_branch_has_the_budget_that_was_left(make: Make) -> None:
    env = make(max_steps=3)
    env.reset(seed=1)
    env.step("true")
    snapshot = env.snapshot()
    for _ in range(3):
        assert [env.step("true")[3] for _ in range(2)] == [False, True]
        env.restore(snapshot)


def test_every_branch_has_the_time_that_was_left(make: Make) -> None:
    env = make("[agent]\ntimeout_sec = 4\n")
    env.reset(seed=1)
    snapshot = env.snapshot()
    assert env.step("sleep 60")[3] is True
    env.restore(snapshot)
    assert env.step("echo there is time")[:4] == ("there is time\n", 0.0, False, False)


def test_a_program_in_the_foreground_is_not_kept(make: Make) -> None:
    env = make()
    env.reset(seed=1)
    env.step("cd /usr")
    assert env.step("cat")[4]["state"] == "running"
    snapshot = env.snapshot()
    assert env.step("typed")[0] == "typed\n"
    assert env.restore(snapshot)[1]["state"] == "prompt"
    assert env.step("pwd")[0] == "/usr\n"


def test_snapshots_of_earlier_episodes_are_refused_and_the_episode_goes_on(make: Make) -> None:
    env, other = make(), make()
    env.reset(seed=1)
    with pytest.raises(ResetNeeded):
        other.snapshot()
    old = env.snapshot()
    for _ in range(2):  # the second one comes from a spare
        env.reset(seed=1)
        env.step("echo done > out.txt")
        with pytest.raises(SandboxError, match="expected a snapshot of this episode"):
            env.restore(old)
        old.close()
        assert env.step("cat out.txt")[0] == "done\n"
    other.reset(seed=1)
    with pytest.raises(SandboxError, match="expected a snapshot of this episode"):
        other.restore(env.snapshot())


def test_a_record_of_branches_is_none_of_an_episode(make: Make) -> None:
    records: list[Episode] = []
    store = type("Store", (), {"append": lambda _, episode: records.append(episode)})()
    env = make()
    recorded = RecordEpisodes(env, store)
    for restores in (1, 0):
        recorded.reset(seed=1)
        before = env.snapshot()
        recorded.step("echo done > out.txt")
        for _ in range(restores):
            env.restore(before)
        recorded.step("exit")
    assert [(record.ended, record.error and record.error["type"]) for record in records] == [
        ("error", "Restored"),
        ("submitted", None),
    ]


def test_spares_are_as_they_were_made(make: Make) -> None:
    env = make()
    for _ in range(4):
        env.reset(seed=1)
        snapshot = env.snapshot()
        env.step("touch /app/trace")
        env.restore(snapshot)
        assert env.step("ls -A")[0] == ""
        env.step("touch /app/trace")


@pytest.mark.parametrize(
    ("mistake", "kept"),
    [("echo wrong > /app/out.txt", False), ("echo wrong | tee /app/out.txt", True), ("rm /app/none", True)],
)
def test_a_mistake_that_says_nothing_is_taken_back_where_that_is_asked_for(
    make: Make, tmp_path: Path, mistake: str, kept: bool
) -> None:
    store = EpisodeStore(tmp_path / "run")
    env = RecordEpisodes(CriticWrapper(make(), Says(mistake), 1.0, informative_only=True), store)
    env.reset(seed=1)
    observation, _, _, _, info = env.step("echo right; mkdir -p /app/made")
    assert info["executed"] == (mistake if kept else "echo right; mkdir -p /app/made")
    assert (info["perturbation"] is not None) is kept
    assert info["intent"]["wanted"] == "error"
    assert info["intent"]["note"] == ("" if kept else TAKEN_BACK)
    assert (observation == "right\n") is not kept
    env.step("exit")
    (episode,) = store
    store.close()
    assert (episode.error, len(episode.steps)) == (None, 2)
    assert episode.ended == "submitted"
