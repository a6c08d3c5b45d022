"""Every example in docs/terminal.md, typed in a terminal of every engine."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from termigen_gym.conformance import Stage
from termigen_gym.sandbox.base import Engine

TEXT = (Path(__file__).parent.parent / "docs" / "terminal.md").read_text()
BLOCKS = re.findall(r"```terminal\n(.*?)```", TEXT, re.DOTALL)
TURN = re.compile(r">>> (?P<typed>\"[^\n]*\")\n(?P<shown>.*?)\[(?P<state>\w+)(?: (?P<code>\d+))?\]\n", re.DOTALL)


@pytest.fixture(scope="module")
def stage(engine: Engine) -> Iterator[Stage]:
    with Stage(engine) as opened:
        yield opened


def test_there_are_examples() -> None:
    assert len(BLOCKS) >= 6


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_an_example_shows_what_it_says(block: str, stage: Stage) -> None:
    assert TURN.sub("", block) == ""
    with stage.terminal() as terminal:
        for turn in TURN.finditer(block):
            typed = ast.literal_eval(turn["typed"])
            reading = terminal.run(typed, 0.5 if "sleep" in typed else 30.0)
            shown = reading.output if reading.output.endswith("\n") or not reading.output else f"{reading.output}\n"
            found = (shown, reading.state, None if reading.exit_code is None else str(reading.exit_code))
            assert found == (turn["shown"], turn["state"], turn["code"])
