"""One episode, recorded and replayed in real sandboxes: what is as it was replays, what is not is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from termigen_gym.episode import Episode
from termigen_gym.errors import EngineMissing
from termigen_gym.replay import Replay, open_env, replay
from termigen_gym.sandbox.base import Engine
from termigen_gym.wrappers import CriticWrapper
from tests.critic.says import Says
from tests.replay.recording import record, register

ACTIONS = ("echo $$ $(date) > note; date; ps aux", "false", "cat note | wc -w", "echo done > out.txt", "exit")
NEVER_TWICE = "cat /proc/sys/kernel/random/uuid"

Recorded = Callable[..., Episode]
Replayed = Callable[..., Replay]


@pytest.fixture(autouse=True)
def envs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    register(monkeypatch, tmp_path / "envs", "one")
    return tmp_path / "envs"


@pytest.fixture
def recorded(one_engine: Engine) -> Recorded:
    def make(*actions: str, **kwargs: Any) -> Episode:
        return record(actions, sandbox=one_engine.name, **kwargs)

    return make


@pytest.fixture
def replayed(one_engine: Engine) -> Replayed:
    def run(episode: Episode, *, twice: bool = False) -> Replay:
        return replay(episode, lambda: open_env(episode, one_engine.name), twice)

    return run


def with_step(episode: Episode, index: int, **changes: Any) -> Episode:
    steps = [replace(step, **changes) if step.index == index else step for step in episode.steps]
    return replace(episode, steps=tuple(steps))


def test_what_was_recorded_replays(recorded: Recorded, replayed: Replayed) -> None:
    episode = recorded(*ACTIONS)
    assert episode.solved
    once, again = replayed(episode), replayed(episode, twice=True)
    assert once == again
    assert (once.ok, once.outcome, once.step, once.what) == (True, "same", None, None)
    assert len(once.tree) == 64


@pytest.mark.parametrize(
    ("index", "changes", "step", "what"),
    [
        (0, {"observation": "Something else.\n\n/app# "}, None, "observation"),
        (1, {"observation": "Something else.\n"}, 0, "observation"),
        (1, {"exit_code": 0}, 1, "exit_code"),
        (1, {"executed": "true"}, 1, "exit_code"),
        (2, {"executed": "cat note | wc -l"}, 2, "observation"),
        (2, {"state": "running"}, 2, "state"),
        (3, {"executed": "echo gone > out.txt"}, 4, "reward"),
        (4, {"reward": 0.5}, 4, "reward"),
        (4, {"executed": "echo exit"}, 4, "state"),
    ],
)
def test_what_is_not_as_on_record_is_named(
    recorded: Recorded, replayed: Replayed, index: int, changes: dict[str, Any], step: int | None, what: str
) -> None:
    found = replayed(with_step(recorded(*ACTIONS), index, **changes))
    assert (found.outcome, found.step, found.what) == ("differs", step, what)
    assert found.expected != found.found


def test_excerpts_are_of_where_texts_part(recorded: Recorded, replayed: Replayed) -> None:
    episode = recorded("seq 1 3000; false", "exit")
    altered = with_step(replace(episode, final_observation=""), 1, observation="")
    assert replayed(episode).ok
    text = episode.steps[1].observation.replace("\n2990\n", "\n2990 and more\n")
    found = replayed(with_step(episode, 1, observation=text))
    assert "2989\n2990\n2991" in found.found
    assert "2989\n2990 and more\n2991" in found.expected
    assert len(found.found) < 1000
    assert "[exit code 0]" in replayed(with_step(altered, 0, exit_code=0)).expected


def test_the_tree_is_of_what_was_left(recorded: Recorded, replayed: Replayed) -> None:
    trees = [
        replayed(recorded(command, "exit")).tree
        for command in ("date > a", "date -d tomorrow > a", "echo b > a", "date > a; chmod 700 a", "date > b")
    ]
    assert trees[0] == trees[1]
    assert len(set(trees)) == 4


def test_a_mistake_that_ran_is_what_runs_again(recorded: Recorded, replayed: Replayed) -> None:
    episode = recorded(*ACTIONS)
    assert replayed(with_step(episode, 2, action="cat nothing")).ok


def test_a_mistake_that_was_taken_back_took_the_shell_with_it(recorded: Recorded, replayed: Replayed) -> None:
    critic = partial(CriticWrapper, critic=Says("cd /tmp"), epsilon=1.0, informative_only=True)
    episode = recorded("a=1; pwd", "echo $a; pwd", "exit", wrap=critic)
    assert episode.steps[2].observation == "\n/app\n"
    assert replayed(episode).ok
    assert replayed(with_step(episode, 1, intent=None)).expected == "\n/app\n"


@pytest.mark.parametrize(
    "end",
    [("echo done > out.txt",), ("true",), ("sleep 1000",), ("sleep 1000", ""), ("sleep 5; echo done > out.txt",)],
)
def test_an_episode_that_spent_its_turns(recorded: Recorded, replayed: Replayed, end: tuple[str, ...]) -> None:
    episode = recorded("ls", *end, max_steps=1 + len(end), command_timeout_s=0.3)
    assert episode.ended == "budget"
    assert replayed(episode).ok
    other = with_step(episode, len(end), reward=0.5)
    assert (replayed(other).step, replayed(other).what) == (1, "reward")


def test_turns_that_a_replay_does_not_need_are_spent_waiting(recorded: Recorded, replayed: Replayed) -> None:
    episode = recorded("echo done > out.txt; sleep 1", *[""] * 9, max_steps=10, command_timeout_s=0.3)
    assert episode.steps[0].state == "running"
    assert (episode.steps[-1].state, episode.reward) == ("prompt", 1.0)
    quicker = {**(episode.env_spec or {}), "kwargs": {"command_timeout_s": 20.0}}
    assert replayed(replace(episode, env_spec=quicker)).ok


def test_an_episode_that_spent_its_time_replays_in_the_turns_that_it_took(
    recorded: Recorded, replayed: Replayed
) -> None:
    episode = recorded("ls", "echo done > out.txt", max_steps=2)
    assert "max_steps" in (episode.env_spec or {})["kwargs"]
    longer = {**(episode.env_spec or {}), "kwargs": {"max_steps": 100}}
    assert replayed(replace(episode, env_spec=longer)).ok


def test_input_to_programs_replays(recorded: Recorded, replayed: Replayed) -> None:
    episode = recorded("cat", "hello", "\x04", "sleep 1000", "\x03", "python3 -q", "6 * 7", "exit()", "exit",
                       command_timeout_s=0.5)  # fmt: skip
    assert {step.state for step in episode.steps} == {"running", "prompt", "closed"}
    assert replayed(episode).ok


@pytest.mark.parametrize(("then", "now"), [(0.5, 20.0), (20.0, 1.0)])
def test_how_long_a_command_takes_is_no_difference(
    recorded: Recorded, replayed: Replayed, then: float, now: float
) -> None:
    actions = ["echo a; sleep 2; echo b; false"]
    waits = 30 if then < 2 else 0
    episode = recorded(*actions, *[""] * waits, "exit", command_timeout_s=then)
    other = {**(episode.env_spec or {}), "kwargs": {"command_timeout_s": now}}
    assert replayed(replace(episode, env_spec=other)).ok


def test_a_replay_waits_as_long_as_the_agent_did(recorded: Recorded, replayed: Replayed) -> None:
    waits = [""] * 9
    episode = recorded("sleep 1; echo done > out.txt; cat", *waits, "\x03", "exit", command_timeout_s=0.3)
    assert episode.solved
    assert replayed(episode).ok


def test_what_ended_too_early_differs_in_its_state(recorded: Recorded, replayed: Replayed) -> None:
    episode = recorded("sleep 2", "\x03", "exit", command_timeout_s=0.3)
    other = {**(episode.env_spec or {}), "kwargs": {"command_timeout_s": 20.0}}
    found = replayed(replace(episode, env_spec=other))
    assert (found.outcome, found.step, found.what) == ("differs", 0, "state")
    assert (found.expected, found.found) == ("[running]\n", "[prompt]\n")


def test_what_is_never_the_same_twice_is_unsteady(recorded: Recorded, replayed: Replayed) -> None:
    episode = recorded(NEVER_TWICE, "echo here", "exit")
    found = replayed(episode)
    assert (found.ok, found.outcome, found.step, found.what) == (False, "unsteady", 0, "observation")
    altered = replayed(with_step(episode, 2, observation="there\n"))
    assert (altered.outcome, altered.step, altered.found) == ("differs", 1, "here\n")


def test_files_that_are_never_the_same_twice_are_named(recorded: Recorded, replayed: Replayed) -> None:
    found = replayed(recorded(f"{NEVER_TWICE} > id; date > when; gzip -k when", "exit"))
    assert (found.outcome, found.step, found.what) == ("unsteady", 1, "files")
    assert found.expected.startswith("/app/id: ")
    assert replayed(recorded("date > when; gzip -k when; rm -r /opt", "exit"), twice=True).ok


def test_other_files_than_on_record_are_a_difference(recorded: Recorded, replayed: Replayed) -> None:
    episode = recorded("echo one > note", "exit")
    assert replayed(episode).tree == (episode.verdict or {})["tree"]
    found = replayed(with_step(episode, 0, executed="echo two > note"))
    assert (found.outcome, found.step, found.what) == ("differs", 1, "files")
    assert (found.expected, found.found) == ((episode.verdict or {})["tree"], found.tree)
    older = replace(episode, verdict={key: value for key, value in (episode.verdict or {}).items() if key != "tree"})
    assert replayed(with_step(older, 0, executed="echo two > note")).ok


def test_a_task_that_has_changed_is_not_played(recorded: Recorded, replayed: Replayed, envs: Path) -> None:
    episode = recorded("exit")
    (envs / "one" / "instruction.md").write_text("Something else.\n")
    found = replayed(episode)
    assert (found.outcome, found.expected, found.tree) == ("changed", episode.task_digest, "")
    shutil.rmtree(envs / "one")
    assert replayed(episode).outcome == "changed"
    assert "expected one of the" in replayed(episode).found


def test_an_episode_without_a_verdict_has_nothing_to_compare_with(recorded: Recorded, replayed: Replayed) -> None:
    failed = replace(recorded("exit"), ended="error", error={"type": "SandboxDied", "message": "gone"})
    found = replayed(failed)
    assert (found.outcome, found.found) == ("error", "SandboxDied: gone")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"env_spec": {"kwargs": {"command_timeout_s": -1}}}, "command_timeout_s: expected more than 0"),
        ({"env_spec": {"kwargs": {"output_limit": "all"}}}, "env_spec"),
        ({"env_spec": {"kwargs": 7}}, "env_spec"),
        ({"options": {"colour": "red"}}, "options: expected only 'difficulty'"),
        ({"steps": ()}, "expected at least one step, found none"),
    ],
)
def test_a_record_that_can_not_be_played_is_no_difference(
    recorded: Recorded, replayed: Replayed, changes: dict[str, Any], text: str
) -> None:
    found = replayed(replace(recorded("exit"), **changes))
    assert (found.outcome, found.step, found.what) == ("failed", None, None)
    assert found.found.startswith("StoreError: episode ")
    assert text in found.found


def test_without_an_engine_nothing_is_replayed(recorded: Recorded) -> None:
    episode = recorded("exit")
    with pytest.raises(EngineMissing):
        replay(episode, lambda: open_env(episode, "chroot"))


def test_a_record_does_not_say_which_code_runs(recorded: Recorded, replayed: Replayed, tmp_path: Path) -> None:
    episode = recorded("exit")
    evil = {
        **(episode.env_spec or {}),
        "entry_point": "os:mkdir",
        "kwargs": {"task": str(tmp_path), "path": str(tmp_path / "made")},
        "additional_wrappers": [{"name": "W", "entry_point": "os:mkdir", "kwargs": {"path": str(tmp_path / "made")}}],
    }
    assert replayed(replace(episode, env_spec=evil)).ok
    assert not (tmp_path / "made").exists()


def test_the_engine_of_the_record_is_taken_unless_another_is_asked_for(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    episode = recorded("exit")
    asked: list[str] = []
    monkeypatch.setattr("termigen_gym.replay.one.make", lambda id, sandbox, **kwargs: asked.append(sandbox))
    for sandbox in ("auto", "docker"):
        open_env(episode, sandbox)
    assert asked == [(episode.env_spec or {})["kwargs"]["sandbox"], "docker"]
    assert asked[0] in ("docker", "bubblewrap")
