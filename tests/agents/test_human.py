"""A person at the terminal, played by pexpect."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
from rich.console import Console

from termigen_gym.agents.human import Human
from termigen_gym.play import play
from tests.scratch import ScratchEnv

SESSION = """
import sys
from tests.scratch import ScratchEnv
from termigen_gym.agents.human import Human
from termigen_gym.play import play
episode = play(ScratchEnv(sys.argv[1]), Human(), episode_id="e", seed=0)
print("actions", [step.action for step in episode.steps])
print("reward", episode.reward)
"""


def test_a_person_solves_it_at_a_real_terminal(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    person = pexpect.spawn(
        sys.executable, ["-c", SESSION, str(tmp_path)], cwd=str(root), encoding="utf-8", timeout=60, echo=False
    )
    person.expect("Make /app/out.txt")
    person.expect(r"\$ ")
    person.sendline("grep x missing.txt")
    person.expect("No such file or directory")
    person.expect("exit code 2")
    person.sendline("cat")
    person.expect(r"\(running\) > ")
    person.sendline("^C")
    person.expect(r"\$ ")
    person.sendline("echo done > out.txt")
    person.expect(r"\$ ")
    person.sendeof()
    person.expect_exact(f"actions {['grep x missing.txt', 'cat', chr(3), 'echo done > out.txt', 'exit']!r}")
    person.expect("reward 1.0")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 0


def reader(*lines: str) -> tuple[list[str], Callable[[str], str]]:
    left = list(lines)
    prompts: list[str] = []

    def read(prompt: str) -> str:
        prompts.append(prompt)
        if not left:
            raise EOFError
        return left.pop(0)

    return prompts, read


def test_what_is_shown_is_shown_as_it_is(tmp_path: Path) -> None:
    out = io.StringIO()
    prompts, read = reader("echo '[bold]x[/bold] :smile:'")
    human = Human(Console(file=out, width=80), read)
    env = ScratchEnv(str(tmp_path), instruction="Do [red]this[/red].")
    episode = play(env, human, episode_id="e", seed=0)
    assert "Do [red]this[/red]." in out.getvalue()
    assert "[bold]x[/bold] :smile:" in out.getvalue()
    assert "scratch" in out.getvalue()
    assert prompts == ["$ ", "$ "]
    assert episode.steps[-1].action == "exit"


def test_end_of_input_closes_the_input_of_what_runs(tmp_path: Path) -> None:
    prompts, read = reader("cat")
    human = Human(Console(file=io.StringIO()), read)
    episode = play(ScratchEnv(str(tmp_path)), human, episode_id="e", seed=0)
    assert [step.action for step in episode.steps] == ["cat", "\x04", "exit"]
    assert prompts == ["$ ", "(running) > ", "$ "]


@pytest.mark.parametrize("typed", ["^C", " ^C "])
def test_an_interrupt_is_two_characters(typed: str, tmp_path: Path) -> None:
    _, read = reader("cat", typed)
    human = Human(Console(file=io.StringIO()), read)
    assert play(ScratchEnv(str(tmp_path)), human, episode_id="e", seed=0).steps[1].action == "\x03"
