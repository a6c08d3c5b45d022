"""Agents as the command line names them, and one that tells what it does."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from ..agents.base import Agent, Move
from ..task import Task

DEFAULT_URL = "http://127.0.0.1:8000/v1"
"""Where the agent chat asks when nothing else is said: where vLLM serves."""


def agent_choice(
    agent: str | None,
    *,
    checkpoint: str | None = None,
    model: str | None = None,
    base_url: str | None = None,
    api_key_env: str | None = None,
    temperature: float | None = None,
    options: Sequence[str] | None = None,
    fallback: str = "oracle",
) -> tuple[str, dict[str, Any]]:
    """Return the agent's name and options; a checkpoint means local, a model means chat.

    Raises:
        typer.BadParameter: the options do not go with the agent.
    """
    name = agent or ("local" if checkpoint is not None else "chat" if model is not None else fallback)
    if (name == "local") != (checkpoint is not None):
        raise typer.BadParameter(f"expected --checkpoint with the agent local, and only there; the agent is {name!r}")
    if (name == "chat") != (model is not None):
        raise typer.BadParameter(f"expected --model with the agent chat, and only there; the agent is {name!r}")
    if name != "chat" and (base_url, api_key_env) != (None, None):
        raise typer.BadParameter(
            f"expected --base-url and --api-key-env with the agent chat, and only there; the agent is {name!r}"
        )
    if temperature is not None and name not in ("local", "chat"):
        raise typer.BadParameter(f"expected --temperature only where a model plays; the agent is {name!r}")
    # Its name is not shown: it may be the key itself.
    if api_key_env and api_key_env not in os.environ:
        raise typer.BadParameter("expected an environment variable that is set, found none", param_hint="--api-key-env")
    url = DEFAULT_URL if name == "chat" and base_url is None else base_url
    flags = {
        "checkpoint": checkpoint,
        "model": model,
        "base_url": url,
        "api_key_env": api_key_env,
        "temperature": temperature,
    }
    return name, _options(options or ()) | {key: value for key, value in flags.items() if value is not None}


def _options(pairs: Sequence[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for pair in pairs:
        key, found, text = pair.partition("=")
        if not found or not key.isidentifier():
            raise typer.BadParameter(f"expected NAME=VALUE, found {pair!r}", param_hint="--option")
        try:
            options[key] = json.loads(text)
        except ValueError:
            options[key] = text
    return options


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
