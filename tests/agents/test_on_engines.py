"""Agents that need no model in the real environment, on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from termigen_gym.agents import Echo, Null, Oracle
from termigen_gym.agents.base import Agent
from termigen_gym.env import TerminalEnv
from termigen_gym.episode import Episode
from termigen_gym.play import play
from termigen_gym.sandbox.base import Engine
from termigen_gym.wrappers import CriticWrapper
from tests.samples import write_task

SOLVE = """\
#!/bin/bash
set -euo pipefail

# I see what is given.
ls -l
cat words.txt

# The longest word is wanted. I go into the folder for results.
mkdir -p result && cd result
longest=$(awk '{ print length, $0 }' ../words.txt | sort -n | tail -n 1 | cut -d' ' -f2)

# It goes into the file, and no other does.
echo "$longest" > longest.txt

# I check.
cat longest.txt
"""
MISTAKES = """\
[[mistake]]
step = 3
kind = "analysis_error"
thought = "The longest word is the last one of the alphabet."
command = "sort ../words.txt | tail -n 1 > longest.txt"
diagnosis = "cat longest.txt ../words.txt"
finding = "The file has the last word; others are longer."
undo = ["rm longest.txt"]
"""
TEST_SH = """\
cd /app
[ "$(cat result/longest.txt)" = heronry ] && [ "$(find . -type f | sort | xargs)" = "./result/longest.txt ./words.txt" ]
echo $((1 - $?)) > /logs/verifier/reward.txt
"""
DOCKERFILE = """\
FROM debian:bookworm-slim
WORKDIR /app
RUN printf '%s\\n' heron heronry zebra > words.txt
"""


@pytest.fixture
def env(engine: Engine, tmp_path: Path) -> Iterator[TerminalEnv]:
    folder = write_task(
        tmp_path / "longest",
        test_sh=TEST_SH,
        instruction="Write the longest word of words.txt to `result/longest.txt`:\n\n```\nword\n```\n",
        files={"solution/solve.sh": SOLVE, "solution/mistakes.toml": MISTAKES},
        dockerfile=DOCKERFILE,
    )
    made = TerminalEnv(str(folder), sandbox=engine.name)
    yield made
    made.close()


def played(env: TerminalEnv, agent: Agent, epsilon: float = 0.0, seed: int = 0) -> Episode:
    return play(CriticWrapper(env, epsilon=epsilon), agent, episode_id="e", seed=seed)


def test_the_oracle_solves_it_and_the_others_do_not(env: TerminalEnv) -> None:
    rewards = {agent.name: played(env, agent).reward for agent in (Oracle(), Null(), Echo())}
    assert rewards == {"oracle": 1.0, "null": 0.0, "echo": 0.0}


def test_the_oracle_solves_it_under_the_critic_and_leaves_nothing_else(env: TerminalEnv) -> None:
    episodes = [played(env, Oracle(), epsilon=0.35, seed=seed) for seed in range(8)]
    assert [(episode.reward, episode.error) for episode in episodes] == [(1.0, None)] * 8
    assert sum(len(episode.perturbations) for episode in episodes) > 8
    assert any(mistake.reason.startswith("mistakes.toml") for e in episodes for mistake in e.perturbations)


def test_a_recorded_episode_can_be_played_again_from_its_record(env: TerminalEnv) -> None:
    first, second = (played(env, Oracle(), epsilon=0.35, seed=3) for _ in range(2))
    assert [(step.action, step.executed) for step in first.steps] == [
        (step.action, step.executed) for step in second.steps
    ]
