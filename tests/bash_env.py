"""A terminal environment without an engine: bash in a temporary folder. Real commands, real tests, no isolation."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec, registry

from termigen_gym.catalog import find
from termigen_gym.errors import SandboxDied
from termigen_gym.spaces import TerminalText
from termigen_gym.task import Task

CONFIG = """
[metadata]
category = "algorithms-puzzles"
difficulty = "easy"
tools = ["bash"]
[environment]
network_mode = "no-network"
"""
SOLVE = """#!/bin/bash
set -e

# I look around.
ls

# The answer is the sum of the numbers.
echo $((17 + 25)) > answer

# I check it.
cat answer
"""
MISTAKES = """
[[mistake]]
step = 2
kind = "analysis_error"
thought = "The answer is the product."
command = "echo $((17 * 25)) > answer"
diagnosis = "cat answer numbers"
finding = "425 is not the sum of 17 and 25."
undo = ["rm answer"]
"""
TEST = '#!/bin/bash\n[ "$(cat answer)" = 42 ] && echo 1 > reward || echo 0 > reward\n'


def write_task(folder: Path, **files: str) -> Path:
    """Write a task folder that `BashEnv` can play; `files` replaces some by their stems (config, solve, …)."""
    texts = {
        "task.toml": files.get("config", CONFIG),
        "instruction.md": files.get("instruction", "Write the sum of the file `numbers` into `answer`.\n"),
        "environment/Dockerfile": files.get("dockerfile", "FROM scratch\n"),
        "environment/numbers": "17\n25\n",
        "tests/test.sh": files.get("test", TEST),
        "solution/solve.sh": files.get("solve", SOLVE),
        "solution/mistakes.toml": files.get("mistakes", MISTAKES),
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def register(monkeypatch: pytest.MonkeyPatch, envs: Path, *names: str) -> None:
    """Make task folders below `envs` known, to be played by `BashEnv`; its counters start anew."""
    for name in names:
        id = f"termigen/{name}-v0"
        spec = EnvSpec(id, entry_point="tests.bash_env:BashEnv", kwargs={"task": name}, disable_env_checker=True)
        monkeypatch.setitem(registry, id, spec)
    monkeypatch.setenv("TERMIGEN_ENVS", str(envs))
    monkeypatch.setattr(BashEnv, "prepared", [])
    monkeypatch.setattr(BashEnv, "deaths", {})


class BashEnv(gym.Env[str, str]):
    """Plays a task folder. Over all environments: names prepared, ids open now, seeds whose resets fail so often."""

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012
    prepared: ClassVar[list[str]] = []
    open_now: ClassVar[set[int]] = set()
    deaths: ClassVar[dict[int, int]] = {}

    def __init__(self, task: str, *, sandbox: str = "auto", max_steps: int = 200) -> None:
        self.observation_space = self.action_space = TerminalText(1 << 16)
        self.task = Task.load(find(task).folder)
        self._max_steps = max_steps
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._running: subprocess.Popen[bytes] | None = None
        self._closed = threading.Event()

    def prepare(self) -> None:
        BashEnv.prepared.append(self.task.name)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None and BashEnv.deaths.get(seed, 0) > 0:
            BashEnv.deaths[seed] -= 1
            raise SandboxDied("expected a sandbox, found that it is gone")
        self._folder = tempfile.TemporaryDirectory()
        BashEnv.open_now.add(id(self))
        numbers = self.task.paths.context / "numbers"
        (Path(self._folder.name) / "numbers").write_bytes(numbers.read_bytes())
        self._steps = 0
        return self.task.instruction, self._info(None, "prompt", 0.0, None)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        started = time.monotonic()
        self._steps += 1
        if action == "exit" or self._steps >= self._max_steps:
            reward = self._verify()
            info = self._info(None, "closed", time.monotonic() - started, {"reward": reward, "tests": {}, "output": ""})
            return "", reward, action == "exit", action != "exit", info
        code, output = self._bash(action)
        return output, 0.0, False, False, self._info(code, "prompt", time.monotonic() - started, None)

    def abort(self) -> None:
        self._closed.set()
        if self._running is not None:
            self._running.kill()

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
        BashEnv.open_now.discard(id(self))

    def _bash(self, command: str) -> tuple[int, str]:
        if self._closed.is_set() or self._folder is None:
            raise SandboxDied("expected an open environment, found a closed one")
        with subprocess.Popen(
            ["bash", "-c", command],
            cwd=self._folder.name,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as self._running:
            output, _ = self._running.communicate()
        if self._closed.is_set():
            raise SandboxDied("expected the command to end, found the environment closed")
        return self._running.returncode, output.decode()

    def _verify(self) -> float:
        self._bash(f"bash {self.task.paths.test_script}")
        assert self._folder is not None
        return float((Path(self._folder.name) / "reward").read_text())

    def _info(self, exit_code: int | None, state: str, duration_s: float, verdict: Any) -> dict[str, Any]:
        return {
            "instruction": self.task.instruction,
            "task_digest": self.task.digest,
            "exit_code": exit_code,
            "state": state,
            "duration_s": duration_s,
            "clipped": 0,
            "verdict": verdict,
        }
