"""How fast a step and a reset are, as ratios to floors measured in the same run.

    python benchmarks/latency.py [--quick] [--json] [--sandbox docker|bubblewrap]

Floors: a step against bash under pexpect on this host; a reset against an overlay, bubblewrap and bash with nothing of
ours around it (needs root). Ratios matter, not milliseconds: other work on the machine slows both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import pexpect

from termigen_gym import sandbox
from termigen_gym.env import TerminalEnv
from termigen_gym.errors import EngineMissing

TASK = "rpn-make-graph"
_MAKE_TREE = """
mount -t tmpfs tmpfs "$1" && mkdir "$1/upper" "$1/work" "$1/root" &&
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root" &&
exec bwrap --bind "$1/root" / --dev /dev --proc /proc --unshare-pid --unshare-net --unshare-ipc --unshare-uts \
  --die-with-parent bash -c true
"""


def milliseconds(run: Callable[[], object], times: int) -> list[float]:
    """Return the sorted durations of `times` runs."""
    durations = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        durations.append((time.perf_counter() - started) * 1000)
    return sorted(durations)


def step_floor(times: int) -> list[float]:
    """Bash under pexpect on this host, one command."""
    shell = pexpect.spawn("bash", ["--norc", "--noprofile"], env={"PATH": os.environ["PATH"], "PS1": "%>"}, echo=False)
    shell.delaybeforesend = None
    shell.sendline("PS1=@@floor@@")
    shell.expect_exact("@@floor@@")

    def step() -> None:
        shell.sendline("echo hi")
        shell.expect_exact("@@floor@@")

    step()
    durations = milliseconds(step, times)
    shell.close(force=True)
    return durations


def reset_floor(times: int) -> list[float]:
    """An overlay in a mount namespace, bubblewrap on it, bash in it."""
    with tempfile.TemporaryDirectory() as folder:
        argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _MAKE_TREE, "sh", folder]
        return milliseconds(lambda: subprocess.run(argv, check=True), times)


def of_engine(name: str, steps: int, resets: int) -> dict[str, float]:
    """Measure steps and resets of an engine, in ms."""
    env = TerminalEnv(TASK, sandbox=name)
    env.prepare()
    env.reset(seed=0)
    taken = milliseconds(lambda: env.step("echo hi"), min(steps, 90))
    while len(taken) < steps:
        env.reset(seed=0)
        taken = sorted(taken + milliseconds(lambda: env.step("echo hi"), 90))
    reset = milliseconds(lambda: env.reset(seed=0), resets)
    env.reset(seed=0)
    _, _, _, _, info = env.step("exit")
    env.close()
    verifying = (info["duration_s"] - info["verdict"]["duration_s"]) * 1000
    return {
        "step_ms": statistics.median(taken),
        "step_p99_ms": taken[int(len(taken) * 0.99)],
        "reset_ms": statistics.median(reset),
        "verify_overhead_ms": verifying,
    }


def measure(names: list[str], quick: bool) -> dict[str, object]:
    """Return all figures: ratios by engine, and the milliseconds they came from."""
    steps, resets = (200, 10) if quick else (2000, 100)
    step = statistics.median(step_floor(steps))
    reset = statistics.median(reset_floor(resets)) if os.geteuid() == 0 else None
    found = {name: of_engine(name, steps, resets) for name in names}
    return {
        "step_ratio": {name: figures["step_ms"] / step for name, figures in found.items()},
        "step_p99_over_p50": {name: figures["step_p99_ms"] / figures["step_ms"] for name, figures in found.items()},
        "reset_ratio": {name: figures["reset_ms"] / reset for name, figures in found.items()} if reset else None,
        "verify_overhead_ms": {name: figures["verify_overhead_ms"] for name, figures in found.items()},
        "floors_ms": {"step": step, "reset": reset},
        "engines_ms": found,
    }


def engines_that_answer() -> list[str]:
    """Return the names of the engines that answer here."""
    names = []
    for name in sandbox.NAMES:
        try:
            sandbox.engine(name)
        except EngineMissing as error:
            print(error, file=sys.stderr)
            continue
        names.append(name)
    return names


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: well under 40 s")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--sandbox", choices=sandbox.NAMES, help="only this engine")
    args = parser.parse_args()
    figures = measure([args.sandbox] if args.sandbox else engines_that_answer(), args.quick)
    if args.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:20} {json.dumps(value)}")


if __name__ == "__main__":
    main()
