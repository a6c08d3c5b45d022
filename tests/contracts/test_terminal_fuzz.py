"""Hostile scripts in one shell: turns of the shipped talks in seeded order, after each of which the terminal works."""

from __future__ import annotations

import random

import pytest

from termigen_gym.conformance import TALKS, Stage
from termigen_gym.sandbox.base import Engine, Limits
from termigen_gym.terminal import Terminal

LIMITS = Limits(cpus=1, memory_mb=256, storage_mb=64, pids=128)
KEYS = ("\x03", "\x1c", "\x04", "q", "\x03", "exit\r")
# What takes long, fills the sandbox with processes, or takes away what the check below writes to.
LEFT_OUT = ("200M", "/dev/urandom", "yes", "seq 200000", "10000", "sleep 5", ":(){", "rm -f /dev/tty")
TURNS = sorted(
    {
        turn.typed
        for talk in TALKS
        if not talk.programs
        for turn in talk.turns
        if len(turn.typed) < 1000 and not any(word in turn.typed for word in LEFT_OUT)
    }
)


def test_there_is_enough_to_draw_from() -> None:
    assert len(TURNS) >= 200


@pytest.mark.parametrize("seed", range(5))
def test_after_each_hostile_turn_the_terminal_works(seed: int, engine: Engine) -> None:
    chance = random.Random(seed)
    typed: list[str] = []
    with Stage(engine) as stage, stage.terminal(limits=LIMITS) as terminal:
        for _ in range(40):
            typed.append(chance.choice(TURNS))
            terminal.run(typed[-1], 0.3)
            try:
                works(terminal, str(chance.randrange(10**9)))
            except AssertionError as error:
                raise AssertionError(f"after {typed[-6:]}: {error}") from error


def works(terminal: Terminal, nonce: str) -> None:
    """See that a command can be run: at once, after the keys that end a program, or in a new shell."""
    readings = []
    for key in KEYS * 3:
        if terminal.state != "running":
            break
        readings.append(terminal.run(key, 0.3).output)
    assert terminal.state != "running", (
        f"expected a prompt or a closed shell, found a program that no key ends: {readings}"
    )
    if terminal.state == "prompt":
        reading = terminal.run(f"\\builtin echo {nonce} >/dev/tty", 30.0)
        if reading.state == "prompt":
            assert f"{nonce}\n" in reading.output, f"expected {nonce}, found {reading}"
            return
        assert reading.state == "closed", f"expected a prompt or a closed shell, found {reading}"
    terminal.reopen()
    works(terminal, nonce)
