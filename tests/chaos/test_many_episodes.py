"""Hundreds of episodes in a row: nothing grows."""

from __future__ import annotations

import gc
from pathlib import Path

from termigen_gym.env import TerminalEnv
from termigen_gym.sandbox.base import Engine
from tests.chaos.stock import Family, descriptors

EPISODES = {"bubblewrap": 500, "docker": 40}
SLACK_KIB = 4096
"""Of resident memory, between the middle and the end: what the allocator keeps goes up and down by as much."""


def resident_kib(path: Path) -> int:
    return next(int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith("VmRSS:"))


def test_nothing_grows(engine: Engine, family: Family, task: Path) -> None:
    env = TerminalEnv(str(task), sandbox=engine.name)

    def play(episodes: int) -> None:
        for seed in range(episodes):
            env.reset(seed=seed)
            env.step("echo done > /app/out.txt")
            assert env.step("exit")[1] == 1.0
        env.close()  # and the sandbox that is warm for the next episode
        gc.collect()

    def memory() -> int:
        launchers = [line.split()[0] for line in family.stock().processes if "launcher.loop" in line]
        return sum(resident_kib(Path(f"/proc/{pid}/status")) for pid in ("self", *launchers))

    play(EPISODES[engine.name] // 2)
    middle, open_then, memory_then = family.stock(), descriptors(), memory()
    play(EPISODES[engine.name] // 2)
    family.expect(middle)
    assert descriptors() == open_then
    assert memory() - memory_then <= SLACK_KIB
