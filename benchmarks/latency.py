"""How fast steps, resets and verdicts are, as ratios to floors measured in the same run.

    python benchmarks/latency.py [--quick] [--json] [--sandbox docker|bubblewrap] [--peer harbor]

Floors: a step against bash under pexpect on this host; output against `cat` through a bare pseudo-terminal; a reset of
the embedded engine against an overlay, bubblewrap and bash with nothing of ours around it (needs root), one of Docker
against a container that is created, started and has run `true`. Ratios matter, not milliseconds: other work on the
machine slows both.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
from gymnasium.envs.registration import registry
from harbor_peer import compare, find_harbor

from termigen_gym import sandbox
from termigen_gym.env import TerminalEnv
from termigen_gym.errors import EngineMissing
from termigen_gym.registration import register_all
from termigen_gym.vector import ThreadVectorEnv

TASK = "rpn-make-graph"
REGISTERED = 3567
"""Tasks: as many as TermiGen's authors published, and one."""

ENVS = 64
OUTPUT_BYTES = 2_000_000
BETWEEN_RESETS_S = 1.0
_IN_TURN = 5
_MAKE_TREE = """
mount -t tmpfs tmpfs "$1" && mkdir "$1/upper" "$1/work" "$1/root" &&
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root" &&
exec bwrap --bind "$1/root" / --dev /dev --proc /proc --unshare-pid --unshare-net --unshare-ipc --unshare-uts \
  --die-with-parent bash -c true
"""
_SMALL = {
    "task.toml": "[verifier]\ntimeout_sec = 60\n",
    "instruction.md": "Nothing.\n",
    "environment/Dockerfile": "FROM debian:bookworm-slim\nWORKDIR /app\n",
    "tests/test.sh": "echo 1 > /logs/verifier/reward.txt\n",
}


def milliseconds(run: Callable[[], object], times: int, between: Callable[[], object] = lambda: None) -> list[float]:
    """Return the sorted durations of `times` runs; `between` runs before each and is not counted."""
    durations = []
    for _ in range(times):
        between()
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
    shell.delayafterterminate = 2.0  # pexpect gives a killed child 0.1 s to be gone, and fails where it needs more
    shell.close(force=True)
    return durations


def output_floor(times: int) -> list[float]:
    """`cat` of the same bytes through a bare pseudo-terminal."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(_lines())
        file.flush()

        def read_all() -> None:
            master, slave = pty.openpty()
            process = subprocess.Popen(["cat", file.name], stdout=slave)
            os.close(slave)
            try:
                while os.read(master, 65536):
                    pass
            except OSError:  # EIO: the other end is closed
                pass
            os.close(master)
            process.wait()

        return milliseconds(read_all, times)


def _lines() -> str:
    line = "x" * 79 + "\n"
    return line * (OUTPUT_BYTES // len(line))


def bubblewrap_floor(times: int) -> list[float] | None:
    """An overlay in a mount namespace, bubblewrap on it, bash in it; None where that needs root."""
    if os.geteuid() != 0:
        return None
    with tempfile.TemporaryDirectory() as folder:
        argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _MAKE_TREE, "sh", folder]
        return milliseconds(lambda: subprocess.run(argv, check=True), times)


def docker_floor(times: int) -> list[float]:
    """A container that is created, started, and has run one command."""
    import docker

    client = docker.from_env()
    made: list[Any] = []

    def run() -> None:
        made.append(client.containers.run("debian:bookworm-slim", ["sleep", "600"], detach=True, network_mode="none"))
        made[-1].exec_run(["true"])

    durations = milliseconds(run, times, lambda: [made.pop().remove(force=True) for _ in tuple(made)])
    made.pop().remove(force=True)
    client.close()
    return durations


FLOORS: dict[str, Callable[[int], list[float] | None]] = {"bubblewrap": bubblewrap_floor, "docker": docker_floor}


def of_engine(name: str, small: Path, steps: int, resets: int) -> dict[str, Any]:
    """Measure an engine, in ms.

    Steps are measured without a spare sandbox in the making beside them: that work is a reset's.
    """
    env = TerminalEnv(TASK, sandbox=name, warm_resets=False)
    env.prepare()
    env.reset(seed=0)
    taken = milliseconds(lambda: env.step("echo hi"), min(steps, 90))
    while len(taken) < steps:
        env.reset(seed=0)
        taken = sorted(taken + milliseconds(lambda: env.step("echo hi"), 90))
    env.reset(seed=0)
    env.step(f"yes {'x' * 79} | head -c {OUTPUT_BYTES} > /tmp/output")
    output = milliseconds(lambda: env.step("cat /tmp/output"), 10)
    env.close()
    cold = TerminalEnv(TASK, sandbox=name, warm_resets=False)
    FLOORS[name](2)
    floor: list[float] = []
    reset: list[float] = []
    while len(reset) < resets:  # in turn: a machine is not as fast at all times
        floor += FLOORS[name](_IN_TURN) or []
        reset += milliseconds(lambda: cold.reset(seed=0), _IN_TURN, cold.close)
    cold.close()
    warm = TerminalEnv(TASK, sandbox=name)
    warm.reset(seed=0)
    warm.reset(seed=0)
    pooled = milliseconds(lambda: warm.reset(seed=0), max(resets // 4, 5), lambda: time.sleep(BETWEEN_RESETS_S))
    warm.close()
    judged = TerminalEnv(str(small), sandbox=name)
    verify = milliseconds(lambda: judged.step("exit"), max(resets // 4, 5), lambda: judged.reset(seed=0))
    judged.close()
    return {
        "step_ms": statistics.median(taken),
        "step_p99_ms": taken[int(len(taken) * 0.99)],
        "output_ms": statistics.median(output),
        "reset_ms": statistics.median(reset),
        "reset_floor_ms": statistics.median(floor) if floor else None,
        "pooled_reset_ms": statistics.median(pooled),
        "verify_ms": statistics.median(verify),
    }


def of_many(rounds: int) -> dict[str, float]:
    """Measure 64 environments of the embedded engine in one process, in turn with one."""
    with_one = TerminalEnv(TASK, sandbox="bubblewrap", max_steps=10**6, warm_resets=False)
    with_one.reset(seed=0)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    envs = ThreadVectorEnv([lambda: TerminalEnv(TASK, sandbox="bubblewrap", max_steps=10**6, warm_resets=False)] * ENVS)
    envs.reset(seed=0)
    heap = (tracemalloc.get_traced_memory()[0] - before) / ENVS / 2**20
    tracemalloc.stop()
    one, many = [], []
    for _ in range(rounds):
        one += milliseconds(lambda: with_one.step("echo hi"), 50)
        many += milliseconds(lambda: envs.step(["echo hi"] * ENVS), 5)
    with_one.close()
    envs.close()
    cores = len(os.sched_getaffinity(0))
    return {"threads64_ratio": statistics.mean(one) * ENVS / statistics.mean(many) / cores, "heap_mb_per_env": heap}


def register_ms() -> float:
    """Register as many tasks as were ever published."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(REGISTERED):
            (Path(folder) / f"task-{number}").mkdir()
        before, os.environ["TERMIGEN_ENVS"] = os.environ.get("TERMIGEN_ENVS", ""), folder
        known = set(registry)
        try:
            return milliseconds(register_all, 1)[0]
        finally:
            os.environ["TERMIGEN_ENVS"] = before
            for id in set(registry) - known:
                del registry[id]


def import_ms(times: int) -> float:
    """`import termigen_gym` over `import gymnasium`, each in a new process, in turn."""
    taken: dict[str, list[float]] = {"termigen_gym": [], "gymnasium": []}
    for _ in range(times):
        for module, durations in taken.items():
            code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
            durations.append(float(subprocess.check_output([sys.executable, "-c", code])))
    return 1000 * (statistics.median(taken["termigen_gym"]) - statistics.median(taken["gymnasium"]))


def measure(names: list[str], quick: bool) -> dict[str, object]:
    """Return all figures: ratios by engine, and the milliseconds they came from."""
    steps, resets = (200, 8) if quick else (2000, 60)
    step, output = statistics.median(step_floor(steps)), statistics.median(output_floor(10))
    with tempfile.TemporaryDirectory() as folder:
        for name, text in _SMALL.items():
            path = Path(folder) / "small" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        found = {name: of_engine(name, Path(folder) / "small", steps, resets) for name in names}
    many = of_many(5 if quick else 40) if "bubblewrap" in names else {"threads64_ratio": None, "heap_mb_per_env": None}
    return {
        "step_ratio": {name: figures["step_ms"] / step for name, figures in found.items()},
        "step_p99_over_p50": {name: figures["step_p99_ms"] / figures["step_ms"] for name, figures in found.items()},
        "reset_ratio": {
            name: figures["reset_ms"] / figures["reset_floor_ms"] if figures["reset_floor_ms"] else None
            for name, figures in found.items()
        },
        "verify_overhead_ms": {name: figures["verify_ms"] for name, figures in found.items()},
        "output_ratio": {name: figures["output_ms"] / output for name, figures in found.items()},
        "docker_pooled_reset_ms": found["docker"]["pooled_reset_ms"] if "docker" in found else None,
        "register_ms": register_ms(),
        "import_ms": import_ms(5 if quick else 15),
        **many,
        "floors_ms": {"step": step, "output": output},
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
    parser.add_argument("--peer", choices=["harbor"], help="compare a whole episode with it (harbor_peer.py)")
    default = os.environ.get("HARBOR", "harbor")
    parser.add_argument("--harbor", metavar="COMMAND", default=default, help="runs Harbor (default: $HARBOR or harbor)")
    args = parser.parse_args()
    names = [args.sandbox] if args.sandbox else engines_that_answer()
    harbor = find_harbor(args.harbor) if args.peer else None
    peer = compare(harbor, names, trials=3 if args.quick else 7) if harbor else None
    figures = {
        **measure(names, args.quick),
        "harbor_speedup": max(peer["speedup"].values()) if peer else None,
        "harbor": peer,
    }
    if args.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:20} {json.dumps(value)}")


if __name__ == "__main__":
    main()
