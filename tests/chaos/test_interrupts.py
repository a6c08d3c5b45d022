"""Ctrl-C and SIGTERM at any moment: the command ends soon with 130, nothing is left, the run goes on as undisturbed."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from termigen_gym.sandbox.base import Engine
from termigen_gym.store import EpisodeStore
from tests.chaos.conftest import DOCKERFILE
from tests.chaos.stock import Family, hear, process_running, wait_for
from tests.waiting import Process

CALL = "import sys; from termigen_gym.cli import main; print('ready', flush=True); main()"
RUNS = {
    "collect": "collect --tasks word --episodes 6 --seed 4 --epsilon 0.3",
    "eval": "eval --tasks word --k 5 --agent oracle --critic rule",
}
OTHERS = {
    "play": "play word --agent oracle",
    "check": "check word",
}
SIGNALS = (signal.SIGINT, signal.SIGTERM)
SOON_S = 30.0
"""How long a command may take to end: only a failure takes as long."""


def start(family: Family, engine: Engine, task: Path, command: str, *more: str) -> Process:
    """Start a command and return it when it begins."""
    words = [*command.split(), "--sandbox", engine.name, *more]
    torch = str(task.parent.parent / "torch")  # a cache that torch keeps for good
    process = family.start("-c", CALL, *words, TERMIGEN_ENVS=str(task.parent), TORCHINDUCTOR_CACHE_DIR=torch)
    assert hear(process) == "ready"
    return process


def interrupt(process: subprocess.Popen[str], how: signal.Signals) -> None:
    """Interrupt a command as a terminal or an init system does; it ends soon and says so."""
    assert interrupted(process, how), "it came to its end"


def interrupted(process: subprocess.Popen[str], how: signal.Signals) -> bool:
    """Interrupt a command; False where that came too late, after all was done."""
    if how is signal.SIGINT:
        os.killpg(process.pid, how)
    else:
        process.send_signal(how)
    _, errors = process.communicate(timeout=SOON_S)
    if process.returncode == 0:
        return False
    assert process.returncode == 130, errors
    assert errors.rstrip().splitlines()[-1].startswith("termigen: interrupted"), errors
    return True


def interrupt_within(begin: Callable[[], Process], moment_s: float, how: signal.Signals) -> None:
    """Start a command and interrupt it after `moment_s`; where it has ended by then, once more and sooner."""
    while True:
        with begin() as process:
            try:
                process.wait(moment_s)
            except subprocess.TimeoutExpired:
                if interrupted(process, how):
                    return
            assert process.returncode == 0, process.communicate()
        moment_s /= 2


def finish(family: Family, engine: Engine, task: Path, command: str, *more: str) -> float:
    """Let a command come to its end; return the seconds it took."""
    started = time.monotonic()
    with start(family, engine, task, command, *more) as process:
        begun = time.monotonic() - started
        out, errors = process.communicate()
    assert process.returncode == 0, out + errors
    return time.monotonic() - started - begun


def played(run: Path) -> dict[str, Any]:
    """What a run's episodes were, without what differs from one playing to the next."""
    assert {path.name for path in run.iterdir()} - {"index.jsonl"} == {"episodes.jsonl", "run.json"}
    assert json.loads((run / "run.json").read_text())
    return {
        episode.id: (
            episode.seed,
            episode.reward,
            [(step.action, step.executed, step.exit_code) for step in episode.steps],
        )
        for episode in EpisodeStore(run)
    }


@pytest.mark.parametrize("name", RUNS)
def test_an_interrupted_run_goes_on(
    name: str, engine: Engine, family: Family, task: Path, tmp_path: Path, chance: random.Random
) -> None:
    before = family.stock()
    calm, run = tmp_path / "calm", tmp_path / "run"
    took_s = finish(family, engine, task, RUNS[name], "--out", str(calm))
    for how in SIGNALS:
        begin = partial(start, family, engine, task, RUNS[name], "--out", str(run))
        interrupt_within(begin, chance.uniform(0.05, 0.6) * took_s, how)
        family.expect(before)
    finish(family, engine, task, RUNS[name], "--out", str(run))
    assert played(run) == played(calm)
    family.expect(before)


@pytest.mark.parametrize("name", OTHERS)
def test_other_commands_leave_nothing(
    name: str, engine: Engine, family: Family, task: Path, chance: random.Random
) -> None:
    before = family.stock()
    took_s = finish(family, engine, task, OTHERS[name])
    for how in SIGNALS:
        begin = partial(start, family, engine, task, OTHERS[name])
        interrupt_within(begin, chance.uniform(0.05, 0.8) * took_s, how)
        family.expect(before)


@pytest.mark.parametrize("name", [*RUNS, *OTHERS])
def test_a_build_ends_with_its_command(
    name: str, engine: Engine, family: Family, task: Path, tmp_path: Path, chance: random.Random
) -> None:
    before = family.stock()
    nap = str(10**6 + secrets.randbelow(10**8))
    (task / "environment" / "Dockerfile").write_text(f"{DOCKERFILE}RUN sleep {nap}; true\n")
    more = ("--out", str(tmp_path / "run")) if name in RUNS else ()
    with start(family, engine, task, {**RUNS, **OTHERS}[name], *more) as process:
        wait_for(lambda: process_running("sleep", nap), "the build at work")
        interrupt(process, chance.choice(SIGNALS))
    wait_for(lambda: not process_running("sleep", nap), "the build gone")
    family.expect(before)


def test_the_demo_goes_on(engine: Engine, family: Family, task: Path, tmp_path: Path, chance: random.Random) -> None:
    before = family.stock()
    out = tmp_path / "demo"
    command = f"demo --tasks word --episodes 4 --out {out}"
    interrupt_within(partial(start, family, engine, task, command), chance.uniform(0, 4), chance.choice(SIGNALS))
    family.expect(before)
    with start(family, engine, task, command) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if line.startswith("fine-tune"))
        interrupt(process, chance.choice(SIGNALS))
    family.expect(before)
    assert sorted(played(out / "run")) == [f"{i:06d}" for i in range(4)]
    assert not list(out.glob("*.new"))
