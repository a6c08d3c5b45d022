"""The contract of terminals, on every engine: the shipped talks as a test each, and what needs Python around it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from termigen_gym.conformance import TALKS, Stage, Talk
from termigen_gym.sandbox.base import Engine
from termigen_gym.terminal import Reading, Terminal


@pytest.fixture(scope="module")
def stage(engine: Engine) -> Iterator[Stage]:
    with Stage(engine) as opened:
        yield opened


@pytest.fixture
def terminal(stage: Stage) -> Iterator[Terminal]:
    with stage.terminal() as opened:
        yield opened


@pytest.mark.parametrize("talk", TALKS, ids=lambda talk: talk.name)
def test_talk(talk: Talk, stage: Stage) -> None:
    stage.play(talk)


def test_talks_have_names_of_their_own_and_say_what_they_show() -> None:
    assert len({talk.name for talk in TALKS}) == len(TALKS) >= 120
    assert all(talk.shows.endswith(".") for talk in TALKS)


def test_a_talk_that_is_not_as_it_says_is_an_error(stage: Stage) -> None:
    talk = next(talk for talk in TALKS if talk.name == "a_command")
    wrong = (
        replace(talk.turns[0], shown="ho\n"),
        replace(talk.turns[0], shown=re.compile("ho")),
        replace(talk.turns[0], exit_code=1),
        replace(talk.turns[0], state="running"),
        replace(talk.turns[0], typed="echo hi; exec sleep 0.1", exit_code=None, state="prompt"),
    )
    for turn in wrong:
        with pytest.raises(AssertionError, match="turn 1"):
            stage.play(replace(talk, turns=(turn,)))


def test_a_new_shell_opens_where_the_old_one_was(terminal: Terminal) -> None:
    terminal.run("cd /usr/share", 5)
    assert terminal.run("exec false", 5).state == "closed"
    terminal.reopen()
    assert terminal.run("pwd", 5) == Reading("/usr/share\n", 0, "prompt", 0)


def test_a_command_that_ends_between_two_steps_is_noticed(terminal: Terminal) -> None:
    assert terminal.run("sleep 1; echo slept; (exit 3)", 0.2).state == "running"
    deadline = time.monotonic() + 20
    while terminal.state == "running":
        assert time.monotonic() < deadline
        terminal.refresh()
    assert terminal.run("", 5) == Reading("slept\n", 3, "prompt", 0)
    assert terminal.run("echo on", 5) == Reading("on\n", 0, "prompt", 0)


def test_what_is_clipped_is_counted(terminal: Terminal) -> None:
    reading = terminal.run("head -c 1000000 /dev/zero | tr '\\0' x", 20)
    first, note, last = reading.output.split("\n")
    assert note == f"[... {reading.clipped} bytes left out ...]"
    assert len(reading.output) <= 10_000
    assert len(first) + len(last) + reading.clipped == 1_000_000
