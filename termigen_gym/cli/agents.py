"""Agents as the command line names them, and one that tells what it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from ..agents.base import Agent, Move
from ..task import Task


def agent_choice(
    agent: str | None, checkpoint: str | None, temperature: float | None = None, *, fallback: str = "oracle"
) -> tuple[str, dict[str, Any]]:
    """Return the agent's name and options; a checkpoint means local.

    Raises:
        typer.BadParameter: the options do not go with the agent.
    """
    name = agent or ("local" if checkpoint is not None else fallback)
    if (name == "local") != (checkpoint is not None):
        raise typer.BadParameter(f"expected --checkpoint with the agent local, and only there; the agent is {name!r}")
    if temperature is not None and checkpoint is None:
        raise typer.BadParameter(f"expected --temperature only where a model plays; the agent is {name!r}")
    options = {"checkpoint": checkpoint, "temperature": temperature}
    return name, {key: value for key, value in options.items() if value is not None}


class Narrated:
    """Plays as another agent does, and prints what it sees and does."""

    def __init__(self, agent: Agent, console: Console) -> None:
        self._agent = agent
        self._console = console
        self.name = agent.name
        self.model = agent.model

    def begin(self, task: Task, observation: str, info: Mapping[str, Any]) -> None:
        """Begin."""
        self._agent.begin(task, observation, info)

    def act(self, observation: str, info: Mapping[str, Any]) -> Move:
        """Print the observation and the move, return the move."""
        mistake = info.get("perturbation")
        if mistake is not None:
            self._console.print(Text(f"[{mistake['kind']}] {mistake['action']}", style="yellow"))
        self._console.print(Text(observation.rstrip("\n")))
        if info["exit_code"] not in (0, None):
            self._console.print(Text(f"exit code {info['exit_code']}", style="red"))
        move = self._agent.act(observation, info)
        self._console.print(Text(f"\n# {move.thought}" if move.thought else "", style="dim"))
        self._console.print(Text(f"$ {move.action}", style="bold"))
        return move

    def usage(self) -> Mapping[str, float]:
        """Return the agent's."""
        return self._agent.usage()
