"""The rules once more where agents work: the tools of a task image, on every engine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from termigen_gym.critic.rules import FOR_ANY, SPECIFIC
from termigen_gym.sandbox.base import Engine, Image, Limits, Sandbox, pack
from termigen_gym.task import TreeFile
from termigen_gym.terminal import Terminal
from tests.actions import COMMANDS, PROJECT

PLACE = "/srv/project"
STATE = [
    "sh",
    "-c",
    f"find {PLACE} /tmp /root /etc | sort; find {PLACE} -type f -print0 | sort -z | xargs -0 sha256sum",
]


@pytest.fixture
def sandbox(engine: Engine, plain_image: Image) -> Iterator[Sandbox]:
    with engine.start(plain_image, Limits()) as started:
        started.put(pack({f"{PLACE}/{name}": TreeFile(text.encode()) for name, text in PROJECT.items()}))
        yield started


def test_every_mistake_shows_itself_and_is_undone(sandbox: Sandbox) -> None:
    terminal = Terminal(lambda cwd: sandbox.open_shell(cwd=cwd or PLACE, env={"LANG": "C.UTF-8"}), 10_000)
    before = sandbox.exec(STATE, timeout_s=20).text
    for seed, command in enumerate(COMMANDS[::4]):  # all of them run on the host, see test_rules.py
        for rule in (*SPECIFIC, *FOR_ANY):
            mistake = rule(command, np.random.default_rng(seed))
            if mistake is None:
                continue
            assert mistake.repair is not None
            where = f"{rule.__name__} on {command!r}: {mistake.action!r}"
            result = terminal.run(mistake.action, 20)
            shown = terminal.run(mistake.repair.diagnosis, 20)
            assert (result.state, shown.state) == ("prompt", "prompt"), where
            assert shown.output.strip() or "command not found" in result.output, where
            if mistake.kind in ("command_error", "hallucination"):
                assert result.exit_code != 0 or "No such file" in result.output, where
            for undo in mistake.repair.undo:
                assert terminal.run(undo, 20).exit_code == 0, where
        assert sandbox.exec(STATE, timeout_s=20).text == before, command
        assert terminal.cwd == PLACE
    terminal.close()
