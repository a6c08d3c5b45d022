"""Small tasks of which episodes are recorded in real sandboxes, to be replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from gymnasium.envs.registration import EnvSpec, registry

from termigen_gym.episode import Episode
from termigen_gym.registration import make
from termigen_gym.wrappers import RecordEpisodes, TextEnv
from tests.samples import write_task

SOLVE = """#!/bin/bash
set -e

# I look around.
ls -l /app; date

# I write it.
echo done > out.txt

# I check it.
cat out.txt
"""


def register(monkeypatch: pytest.MonkeyPatch, envs: Path, *names: str) -> None:
    """Write task folders below `envs` and make them known."""
    for name in names:
        write_task(envs / name, files={"solution/solve.sh": SOLVE})
        id = f"termigen/{name}-v0"
        spec = EnvSpec(id, entry_point="termigen_gym.env:TerminalEnv", kwargs={"task": name}, disable_env_checker=True)
        monkeypatch.setitem(registry, id, spec)
    monkeypatch.setenv("TERMIGEN_ENVS", str(envs))


class Memory:
    """A store in a list."""

    def __init__(self) -> None:
        self.episodes: list[Episode] = []

    def append(self, episode: Episode) -> None:
        self.episodes.append(episode)


def record(
    actions: Sequence[str],
    *,
    sandbox: str,
    id: str = "termigen/one-v0",
    wrap: Callable[[TextEnv], TextEnv] = lambda env: env,
    **kwargs: Any,
) -> Episode:
    """Do these actions, which end an episode, and return its record."""
    memory = Memory()
    env = RecordEpisodes(wrap(make(id, sandbox=sandbox, **kwargs)), memory)
    try:
        env.reset(seed=7)
        for action in actions:
            env.step(action)
    finally:
        env.close()
    (episode,) = memory.episodes
    return episode
