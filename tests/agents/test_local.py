"""The local agent: a tiny model learns to play a task from an oracle's episodes, and plays it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from transformers import AutoTokenizer

from termigen_gym.agents.base import Agent, Move
from termigen_gym.agents.local import LocalAgent
from termigen_gym.agents.oracle import Oracle
from termigen_gym.agents.replies import is_not_understood
from termigen_gym.critic import Critic, Proposal, Situation
from termigen_gym.episode import Episode
from termigen_gym.errors import ModelError
from termigen_gym.export import conversation, write_tokens
from termigen_gym.play import play
from termigen_gym.solution import mistakes_of
from termigen_gym.task import Task
from termigen_gym.wrappers import CriticWrapper
from tests.bash_env import register, write_task
from training.sft import SftArgs, train
from training.tiny import TinyShape, make_tiny

ID = "termigen/sum-v0"
SHAPE = TinyShape(vocabulary=700, hidden=64, layers=2, heads=2, feed_forward=128, positions=4096)


@dataclass(frozen=True)
class School:
    """A task, a model before and after it learned from `episodes`."""

    task: Task
    before: Path
    after: Path
    episodes: list[Episode]


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    folder = tmp_path_factory.mktemp("school")
    write_task(folder / "envs" / "tasks" / "sum")
    with pytest.MonkeyPatch.context() as patch:
        register(patch, folder / "envs", "sum")
        episodes = [played(Oracle(), trap) for trap in (False, True) for _ in range(3)]
        texts = [message["content"] for episode in episodes for message in conversation(episode)]
        before = make_tiny(folder / "before", texts, shape=SHAPE)
        write_tokens(episodes, AutoTokenizer.from_pretrained(before), folder / "tokens.jsonl")
        train(
            SftArgs(
                model=str(before),
                data=str(folder / "tokens.jsonl"),
                out=str(folder / "after"),
                epochs=16,
                learning_rate=4e-3,
                accumulate=1,
                recompute=False,
                save_steps=0,
                cpu=True,
                threads=1,
                quiet=True,
            )
        )
        yield School(Task.load(folder / "envs" / "tasks" / "sum"), before, folder / "after", episodes)


class Trap(Critic):
    """A critic that puts the task's own mistake in the place of the sum, once."""

    def propose(self, situation: Situation, rng: np.random.Generator) -> Proposal:
        mistake = mistakes_of(situation.task)[0].perturbation
        done = any(executed == mistake.action for executed, _ in situation.history)
        return Proposal(mistake if "17 + 25" in situation.action and not done else None)


def played(agent: Agent, trap: bool = False) -> Episode:
    with closing(CriticWrapper(gym.make(ID), Trap(), epsilon=float(trap))) as env:
        return play(env, agent, episode_id="0", seed=0)


def greedy(checkpoint: Path, **options: Any) -> LocalAgent:
    return LocalAgent(checkpoint, **{"temperature": 0.0, "max_new_tokens": 80, **options})


AT_PROMPT = {"exit_code": 0, "state": "prompt"}


def test_a_model_that_learned_the_task_solves_it(school: School) -> None:
    assert all(episode.solved for episode in school.episodes)
    episode = played(greedy(school.after))
    assert episode.error is None
    assert episode.solved
    assert [step.action for step in episode.steps] == ["ls", "echo $((17 + 25)) > answer", "cat answer", "exit"]
    assert episode.steps[0].thought == "I look around."
    assert episode.model == str(school.after)
    assert episode.usage["completion_tokens"] > 20
    assert episode.usage["prompt_tokens"] > episode.usage["cached_tokens"] > episode.usage["prompt_tokens"] / 2


def test_it_takes_back_a_mistake_that_it_was_made_to_do(school: School) -> None:
    episode = played(greedy(school.after), trap=True)
    assert [step.executed for step in episode.steps] == [
        "ls",
        "echo $((17 * 25)) > answer",  # the trap
        "cat answer numbers",
        "rm answer",
        "echo $((17 + 25)) > answer",
        "cat answer",
        "exit",
    ]
    assert episode.perturbations == school.episodes[-1].perturbations
    assert episode.solved


def test_a_model_that_learned_nothing_gives_up(school: School) -> None:
    agent = greedy(school.before, max_new_tokens=12, patience=2)
    episode = played(agent)
    assert episode.reward == 0.0
    assert [step.action for step in episode.steps] == ["true", "exit"]
    assert all(is_not_understood(step.thought) for step in episode.steps)
    assert episode.usage["not_understood"] == 2


def test_giving_up_interrupts_what_runs(school: School) -> None:
    agent = greedy(school.before, max_new_tokens=4, patience=2)
    agent.begin(school.task, "Do it.", AT_PROMPT)
    running = {"exit_code": None, "state": "running"}
    assert [agent.act("", info).action for info in (AT_PROMPT, running)] == ["true", "\x03"]


def test_what_is_kept_of_the_cache_changes_nothing(school: School) -> None:
    turns = [("Write the sum.\n", AT_PROMPT), ("numbers\n", AT_PROMPT), ("x\n" * 30, AT_PROMPT), ("y\n", AT_PROMPT)]
    kept = greedy(school.after)
    kept.begin(school.task, *turns[0])
    moves = [kept.act(*turn) for turn in turns]
    assert kept.usage()["cached_tokens"] > 0
    for number in range(len(turns)):
        fresh = greedy(school.after)
        fresh.begin(school.task, *turns[0])
        for turn, move in zip(turns[:number], moves, strict=False):
            fresh._turns.observe(*turn)
            fresh._turns.say(move)
        assert fresh.act(*turns[number]) == moves[number]


def test_an_agent_plays_the_next_episode_as_if_it_were_its_first(school: School) -> None:
    agent = greedy(school.after)
    episodes = [played(agent) for _ in range(2)]
    assert [step.action for step in episodes[0].steps] == [step.action for step in episodes[1].steps]
    assert episodes[0].usage["completion_tokens"] == episodes[1].usage["completion_tokens"]


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_a_seed_gives_the_same_moves(school: School, temperature: float) -> None:
    def moves(seed: int) -> list[Move]:
        agent = LocalAgent(school.after, seed=seed, temperature=temperature, max_new_tokens=20, patience=9)
        agent.begin(school.task, "Write the sum.", AT_PROMPT)
        return [agent.act("Write the sum.", AT_PROMPT) for _ in range(4)]

    assert moves(1) == moves(1)
    assert (moves(1) == moves(2)) == (temperature == 0.0)


def test_a_long_episode_is_shortened_to_the_context(school: School) -> None:
    agent = greedy(school.after, context=1000, max_new_tokens=40)
    agent.begin(school.task, "Write the sum.", AT_PROMPT)
    before = 0.0
    for number in range(8):
        agent.act("".join(f"line {n} of it\n" for n in range(60 * number)), AT_PROMPT)
        asked = agent.usage()["prompt_tokens"] - before
        assert asked <= 2 * 960  # the reply, and once more where it was not understood
        before += asked


def test_a_context_without_room_for_the_instruction_is_an_error(school: School) -> None:
    agent = greedy(school.after, context=50, max_new_tokens=40)
    agent.begin(school.task, "Write the sum.", AT_PROMPT)
    with pytest.raises(ModelError, match="found 10 tokens: give a larger context or a smaller max_new_tokens"):
        agent.act("Write the sum.", AT_PROMPT)


def test_agents_side_by_side_share_the_weights_until_they_are_written_anew(school: School, tmp_path: Path) -> None:
    one, other = greedy(school.after), greedy(school.after)
    assert one._loaded.model is other._loaded.model
    made = make_tiny(tmp_path, ["a"], 0, SHAPE)
    first = greedy(made)
    make_tiny(tmp_path, ["a"], 1, SHAPE)
    assert greedy(made)._loaded.model is not first._loaded.model


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"])
def test_an_incomplete_checkpoint_is_an_error(missing: str, tmp_path: Path) -> None:
    make_tiny(tmp_path, ["a"], 0, SHAPE)
    (tmp_path / missing).unlink()
    with pytest.raises(ModelError, match="expected a"):
        LocalAgent(tmp_path)
