"""A terminal environment without an engine: a real bash on a real terminal in a temporary directory of the host.

For the commands of our own tests only; nothing is isolated.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import pexpect

from termigen_gym.errors import ActionError
from termigen_gym.sandbox.base import Shell
from termigen_gym.sandbox.process import slept, stopped, waiting_for_input
from termigen_gym.spaces import TerminalText
from termigen_gym.task import Task, TaskConfig, TaskPaths
from termigen_gym.terminal import Terminal


class HostShell(Shell):
    """A bash of this machine."""

    def __init__(self, cwd: Path) -> None:
        env = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LANG": "C.UTF-8", "TERM": "dumb"}
        self._process = pexpect.spawn("bash", ["--norc", "--noprofile"], cwd=str(cwd), env=env, timeout=None)
        self._open = True

    def fileno(self) -> int:
        return int(self._process.child_fd)

    def waiting(self) -> int | None:
        return waiting_for_input(self._process.pid)

    def slept(self) -> int | None:
        return slept(self._process.pid)

    def stopped(self) -> bool:
        return stopped(self._process.pid)

    def close(self) -> None:
        if self._open:
            self._open = False
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.close(force=True)


def a_task(folder: Path, **changes: Any) -> Task:
    """A task without a folder on the disk."""
    values: dict[str, Any] = {"instruction": "Make /app/out.txt.", "digest": "0" * 64, "solution": None, **changes}
    return Task(name="scratch", paths=TaskPaths(folder), config=TaskConfig(), **values)


class ScratchEnv(gym.Env[str, str]):
    """Five-tuple, info and submission as TerminalEnv has them; the reward is 1 when out.txt holds `wanted`."""

    def __init__(
        self,
        folder: str,
        wanted: str = "done\n",
        solution: str | None = None,
        mistakes: str | None = None,
        instruction: str = "Make /app/out.txt.",
        files: Mapping[str, str] | None = None,
        max_steps: int = 200,
        command_timeout_s: float = 10.0,
    ) -> None:
        self.action_space = TerminalText(100_000)
        self.observation_space = TerminalText(100_000)
        self._root = self.folder = Path(folder)
        self._wanted = wanted
        self._files = dict(files or {})
        self._max_steps = max_steps
        self._timeout_s = command_timeout_s
        self._terminal: Terminal | None = None
        self.task = a_task(self._root, solution=solution, mistakes=mistakes, instruction=instruction)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.close()
        self.folder = Path(tempfile.mkdtemp(dir=self._root))
        for name, text in self._files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)
        self._terminal = Terminal(lambda cwd: HostShell(Path(cwd or self.folder)), 10_000)
        self._steps = 0
        return self.task.instruction, self._info(None, "prompt", 0.0, None)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if not self.action_space.contains(action):
            raise ActionError("action: not in the space")
        assert self._terminal is not None
        started = time.monotonic()
        self._steps += 1
        if action.strip() == "exit" and self._terminal.state == "prompt":
            return self._finish("", None, "closed", started, terminated=True)
        reading = self._terminal.run(action, self._timeout_s)
        if reading.state == "closed":
            self._terminal.reopen()
        if self._steps >= self._max_steps:
            return self._finish(reading.output, reading.exit_code, reading.state, started, terminated=False)
        info = self._info(reading.exit_code, self._terminal.state, time.monotonic() - started, None)
        return reading.output, 0.0, False, False, info

    def close(self) -> None:
        if self._terminal is not None:
            self._terminal.close()
            self._terminal = None

    def _finish(
        self, output: str, code: int | None, state: str, started: float, *, terminated: bool
    ) -> tuple[str, float, bool, bool, dict[str, Any]]:
        result = self.folder / "out.txt"
        reward = float(result.is_file() and result.read_text() == self._wanted)
        self.close()
        verdict = {
            "reward": reward,
            "tests": {"out": "passed" if reward else "failed"},
            "duration_s": 0.0,
            "output": "",
        }
        info = self._info(code, state, time.monotonic() - started, verdict)
        return output, reward, terminated, not terminated, info

    def _info(self, code: int | None, state: str, duration_s: float, verdict: dict[str, Any] | None) -> dict[str, Any]:
        return {
            "instruction": self.task.instruction,
            "task_digest": self.task.digest,
            "exit_code": code,
            "state": state,
            "duration_s": duration_s,
            "clipped": 0,
            "verdict": verdict,
        }
