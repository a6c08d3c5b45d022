"""A person at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from ..task import Task
from .base import Move

_HINT = "exit submits; ^C (two characters) interrupts what runs; end of input submits, or closes the input of what runs"


class Human:
    """Shows observations and asks for each action.

    Args:
        console: where observations are printed.
        read: asks for one line with a prompt, as `input` does. EOFError is the end of input.
    """

    name = "human"
    model: str | None = None

    def __init__(self, console: Console | None = None, read: Callable[[str], str] = input) -> None:
        self._console = console or Console(highlight=False)
        self._read = read

    def begin(self, task: Task, observation: str, info: Mapping[str, Any]) -> None:
        """Show the task's name and how to leave."""
        self._console.print(Panel(Text(_HINT), title=Text(task.name), title_align="left"))

    def act(self, observation: str, info: Mapping[str, Any]) -> Move:
        """Print the observation, read a line."""
        running = info["state"] == "running"
        if observation:
            self._console.print(Text(observation.rstrip("\n")))
        if info["exit_code"] not in (0, None):
            self._console.print(Text(f"exit code {info['exit_code']}"), style="red")
        try:
            line = self._read("(running) > " if running else "$ ")
        except EOFError:
            return Move("\x04" if running else "exit")
        return Move("\x03" if line.strip() == "^C" else line)

    def usage(self) -> Mapping[str, float]:
        """Return nothing: no model is used."""
        return {}
