"""A whole episode of ours beside a trial of the same task folder by Harbor, its oracle playing too.

    python benchmarks/latency.py --peer harbor                                          # `harbor` on PATH
    python benchmarks/latency.py --peer harbor --harbor benchmarks/harbor_container.sh  # in a container of its own

Harbor needs Python 3.12, Docker and Compose; harbor_container.sh brings all but Docker. Any other command that runs it
does as well (`--harbor`, else the variable HARBOR): it is called in a temporary folder that holds all it reads and
writes. Trials and episodes take turns, so that other work on the machine slows both.

Harbor's time is the one that it writes into result.json: Python's start, its imports and its command line are not in
it, and the task names a ready image, so that nothing is built on either side. Ours is a cold reset, the solution's
five steps, the submission, and a close that returns when the sandbox is gone.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from termigen_gym.agents.oracle import Oracle
from termigen_gym.env import TerminalEnv
from termigen_gym.play import play
from termigen_gym.sandbox import engine
from termigen_gym.sandbox.images import ensure_base

TASK = Path(__file__).parent / "harbor_task"
EPISODES = 4
"""Episodes of each engine to one trial."""

_TRIAL_S = 600.0
_PHASES = ("environment_setup", "agent_setup", "agent_execution", "verifier")


@dataclass(frozen=True)
class Trial:
    """What a trial of Harbor's took, in ms.

    Attributes:
        whole: from its start until its container is gone. until_verdict: from its start until its verifier has ended.
        phases: the parts that Harbor times itself, by its names for them.
    """

    whole: float
    until_verdict: float
    phases: Mapping[str, float]

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Trial:
        """Read a trial's result.json.

        Raises:
            ValueError: the trial did not earn 1, so that its time means nothing.
        """
        reward = ((result["verifier_result"] or {}).get("rewards") or {}).get("reward")
        if result["exception_info"] is not None or reward != 1:
            raise ValueError(
                f"{result['trial_name']}: expected a trial of Harbor's that earns 1, "
                f"found reward {reward} and exception {result['exception_info']}"
            )
        return cls(
            whole=_between(result, result),
            until_verdict=_between(result, result["verifier"]),
            phases={name: _between(result[name], result[name]) for name in _PHASES},
        )


def _between(first: Mapping[str, str], last: Mapping[str, str]) -> float:
    taken = datetime.fromisoformat(last["finished_at"]) - datetime.fromisoformat(first["started_at"])
    return taken.total_seconds() * 1000


def find_harbor(command: str) -> list[str] | None:
    """Return the words of `command`, the program by its whole path; None, and a word on it, where there is none."""
    program, *arguments = shlex.split(command)
    found = shutil.which(program)
    if found is None:
        print(
            f"harbor: expected a program {program!r}, found none; the comparison is left out. Install it "
            "(`pip install harbor`, Python 3.12 or newer) or pass --harbor benchmarks/harbor_container.sh",
            file=sys.stderr,
        )
        return None
    return [os.path.abspath(found), *arguments]


def compare(harbor: Sequence[str], engines: Sequence[str], trials: int) -> dict[str, Any]:
    """Play the task with Harbor and with our engines in turn.

    Args:
        harbor: the words by which it is run.
        engines: the names of ours.
        trials: how many of Harbor's count.

    Returns:
        Medians in ms, and for each engine how many of its episodes go into one trial.

    Raises:
        RuntimeError, ValueError: a trial of Harbor's or an episode of ours failed.
    """
    found: list[Trial] = []
    processes: list[float] = []
    episodes: dict[str, list[float]] = {name: [] for name in engines}
    for name in engines:
        ensure_base(engine(name))
        play_cold(name)  # what only a first one does is not counted, here and there
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copytree(TASK, folder / TASK.name)
        version = _output([*harbor, "--version"], folder).strip()
        _run_trial(harbor, folder, "first")
        for number in range(trials):
            started = time.perf_counter()
            found.append(_run_trial(harbor, folder, f"trial-{number}"))
            processes.append((time.perf_counter() - started) * 1000)
            for name in engines:
                episodes[name] += [play_cold(name) for _ in range(EPISODES)]
    whole = statistics.median(trial.whole for trial in found)
    until_verdict = statistics.median(trial.until_verdict for trial in found)
    ours = {name: statistics.median(taken) for name, taken in episodes.items()}
    return {
        "version": version,
        "trial_ms": whole,
        "trial_until_verdict_ms": until_verdict,
        "process_ms": statistics.median(processes),
        "phases_ms": {name: statistics.median(trial.phases[name] for trial in found) for name in _PHASES},
        "episode_ms": ours,
        "speedup": {name: whole / taken for name, taken in ours.items()},
        "speedup_until_verdict": {name: until_verdict / taken for name, taken in ours.items()},
    }


def _run_trial(harbor: Sequence[str], folder: Path, name: str) -> Trial:
    """Run one trial of the task in `folder`."""
    where = ["--path", TASK.name, "--trials-dir", "trials", "--trial-name", name]
    _output([*harbor, "trials", "start", "--agent", "oracle", *where], folder)
    return Trial.of(json.loads((folder / "trials" / name / "result.json").read_text(encoding="utf-8")))


def _output(argv: Sequence[str], folder: Path) -> str:
    env = {**os.environ, "HARBOR_TELEMETRY": "0"}
    run = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=_TRIAL_S)
    if run.returncode != 0:
        said = (run.stdout + run.stderr)[-2000:]
        raise RuntimeError(f"{shlex.join(argv)}: expected it to succeed, found exit code {run.returncode}:\n{said}")
    return run.stdout


def play_cold(name: str) -> float:
    """Play one cold episode and return how long it took, in ms."""
    env = TerminalEnv(str(TASK), sandbox=name, warm_resets=False)
    started = time.perf_counter()
    episode = play(env, Oracle(), episode_id="peer", seed=0)
    env.close()
    taken = (time.perf_counter() - started) * 1000
    if episode.verdict is None or episode.verdict["reward"] != 1:
        raise RuntimeError(f"{name}: expected an episode that earns 1, found {episode.verdict or episode.error}")
    return taken
