"""One episode: what is recorded, and what becomes of failures."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec, registry

from termigen_gym.agents.base import Move
from termigen_gym.critic import Critic, Proposal, Situation
from termigen_gym.episode import Episode, Perturbation, Repair
from termigen_gym.errors import ModelError
from termigen_gym.play import play
from termigen_gym.task import Task
from termigen_gym.wrappers import CriticWrapper
from tests.scratch import ScratchEnv


class Scripted:
    """An agent that says these moves; an exception among them is raised."""

    name = "scripted"
    model: str | None = "none-1"

    def __init__(self, *moves: Move | BaseException) -> None:
        self._moves = list(moves)
        self.seen: list[str] = []
        self.began: list[tuple[Task, str, Mapping[str, Any]]] = []

    def begin(self, task: Task, observation: str, info: Mapping[str, Any]) -> None:
        self.began.append((task, observation, info))

    def act(self, observation: str, info: Mapping[str, Any]) -> Move:
        self.seen.append(observation)
        move = self._moves.pop(0)
        if isinstance(move, BaseException):
            raise move
        return move

    def usage(self) -> Mapping[str, float]:
        return {"calls": len(self.seen)}


@pytest.fixture
def env(tmp_path: Path) -> Iterator[ScratchEnv]:
    made = ScratchEnv(str(tmp_path), files={"a.txt": "one\n"})
    yield made
    made.close()


def test_an_episode_holds_what_was_seen_thought_and_done(env: ScratchEnv) -> None:
    agent = Scripted(Move("cat a.txt", "I read it."), Move("echo done > out.txt; false"), Move("exit", "Done."))
    before = datetime.now(UTC)
    episode = play(env, agent, episode_id="e1", seed=4, options={"difficulty": "easy"})
    assert (episode.id, episode.agent, episode.model, episode.seed) == ("e1", "scripted", "none-1", 4)
    assert (episode.ended, episode.error, episode.reward, episode.solved) == ("submitted", None, 1.0, True)
    assert (episode.instruction, episode.task_digest) == (env.task.instruction, env.task.digest)
    assert (episode.options, episode.usage) == ({"difficulty": "easy"}, {"calls": 3})
    assert before <= datetime.fromisoformat(episode.started_at) <= datetime.now(UTC)
    assert [step.observation for step in episode.steps] == agent.seen == ["Make /app/out.txt.", "one\n", ""]
    assert [(step.thought, step.action, step.executed) for step in episode.steps] == [
        ("I read it.", "cat a.txt", "cat a.txt"),
        ("", "echo done > out.txt; false", "echo done > out.txt; false"),
        ("Done.", "exit", "exit"),
    ]
    assert [(step.exit_code, step.state, step.reward) for step in episode.steps] == [
        (0, "prompt", 0.0),
        (1, "prompt", 0.0),
        (None, "closed", 1.0),
    ]
    assert all(step.duration_s > 0 for step in episode.steps)
    assert agent.began[0][:2] == (env.task, "Make /app/out.txt.")
    assert agent.began[0][2]["episode_id"] == episode.id
    assert Episode.from_json(episode.to_json()) == episode


def test_a_spent_budget_ends_it_with_a_verdict(tmp_path: Path) -> None:
    env = ScratchEnv(str(tmp_path), max_steps=2)
    episode = play(env, Scripted(Move("ls"), Move("ls")), episode_id="e", seed=0)
    assert (episode.ended, episode.reward, len(episode.steps)) == ("budget", 0.0, 2)


class Slip(Critic):
    """A critic with one slip."""

    def propose(self, situation: Situation, rng: np.random.Generator) -> Proposal:
        repair = Repair("ls", "It is a.txt.", ())
        return Proposal(Perturbation("command_error", "cat b.txt", "b.txt has it.", "test", repair))


def test_a_perturbed_step_has_the_thought_and_action_that_ran(env: ScratchEnv) -> None:
    agent = Scripted(Move("cat a.txt", "a.txt has it."), Move("exit"))
    episode = play(CriticWrapper(env, critic=Slip(), epsilon=1.0), agent, episode_id="e", seed=0)
    step = episode.steps[0]
    assert (step.action, step.executed, step.thought) == ("cat a.txt", "cat b.txt", "b.txt has it.")
    assert step.perturbation is not None
    assert step.perturbation.repair == Repair("ls", "It is a.txt.", ())
    assert episode.steps[1].observation == "cat: b.txt: No such file or directory\n"


@pytest.fixture
def registered(tmp_path: Path) -> Iterator[str]:
    id = "scratch/two-v0"
    kwargs = {"folder": str(tmp_path)}
    registry[id] = EnvSpec(id=id, entry_point="tests.scratch:ScratchEnv", kwargs=kwargs, disable_env_checker=True)
    yield id
    del registry[id]


def test_the_environment_is_written_down_where_it_can_be(registered: str) -> None:
    named = CriticWrapper(gym.make(registered), epsilon=0.1)
    episode = play(named, Scripted(Move("exit")), episode_id="e")
    assert episode.task_id == registered
    assert episode.env_spec is not None
    wrappers = [wrapper["name"] for wrapper in episode.env_spec["additional_wrappers"]]
    assert wrappers == ["OrderEnforcing", "CriticWrapper"] or wrappers == ["CriticWrapper"]
    assert episode.env_spec["additional_wrappers"][-1]["kwargs"]["epsilon"] == 0.1
    named.close()
    nameless = CriticWrapper(gym.make(registered), critic=Slip())
    assert play(nameless, Scripted(Move("exit")), episode_id="e").env_spec is None
    nameless.close()


def test_without_a_seed_one_is_drawn_and_recorded(env: ScratchEnv) -> None:
    wrapped = CriticWrapper(env, epsilon=0.5)
    actions = [Move("ls"), Move("cat a.txt"), Move("pwd"), Move("exit")]
    first = play(wrapped, Scripted(*actions), episode_id="1")
    assert first.seed is not None
    again = play(wrapped, Scripted(*actions), episode_id="2", seed=first.seed)
    assert [step.executed for step in again.steps] == [step.executed for step in first.steps]
    other = play(wrapped, Scripted(*actions), episode_id="3")
    assert other.seed != first.seed


@pytest.mark.parametrize(
    ("failure", "type_name", "logged"),
    [(ModelError("expected an answer, found none"), "ModelError", False), (KeyError("bug"), "KeyError", True)],
)
def test_a_failure_is_an_error_and_no_reward(
    env: ScratchEnv, caplog: pytest.LogCaptureFixture, failure: Exception, type_name: str, logged: bool
) -> None:
    with caplog.at_level(logging.WARNING):
        episode = play(env, Scripted(Move("ls"), failure), episode_id="e", seed=0)
    assert (episode.ended, episode.reward, episode.verdict) == ("error", None, None)
    assert episode.error == {"type": type_name, "message": str(failure)}
    assert [step.action for step in episode.steps] == ["ls"]
    assert episode.final_observation == "a.txt\n"
    assert episode.usage == {"calls": 2}
    assert bool(caplog.records) is logged


def test_a_reset_that_fails_is_an_error_too(tmp_path: Path) -> None:
    env = ScratchEnv(str(tmp_path / "missing"))
    episode = play(env, Scripted(), episode_id="e", seed=0)
    assert episode.error is not None
    assert episode.error["type"] == "FileNotFoundError"
    assert (episode.steps, episode.task_digest, episode.instruction) == ((), "", "")


def test_an_action_out_of_the_space_is_an_error_of_the_episode(env: ScratchEnv) -> None:
    episode = play(env, Scripted(Move("\x00")), episode_id="e", seed=0)
    assert episode.error is not None
    assert episode.error["type"] == "ActionError"


def test_an_interrupt_of_the_user_goes_through(env: ScratchEnv) -> None:
    with pytest.raises(KeyboardInterrupt):
        play(env, Scripted(KeyboardInterrupt()), episode_id="e", seed=0)
