"""Agents by name: the one table, and how a user's own class gets a part."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from .agents.base import Agent
from .errors import AgentError

AGENTS: Mapping[str, str] = {
    "oracle": "termigen_gym.agents.oracle:Oracle",
    "null": "termigen_gym.agents.simple:Null",
    "echo": "termigen_gym.agents.simple:Echo",
    "human": "termigen_gym.agents.human:Human",
    "local": "termigen_gym.agents.local:LocalAgent",
    "chat": "termigen_gym.agents.chat:ChatAgent",
}
"""Where each agent lives; a module is imported only when its agent plays, so that torch and clients stay out."""


def make_agent(name: str, options: Mapping[str, Any] | None = None) -> Agent:
    """Return a new agent.

    Args:
        name: of `AGENTS`, or "module:Class" for a class of one's own (the current directory is searched as well).
        options: keyword arguments of the class.

    Raises:
        AgentError: there is no such agent, module or class, or it does not take these options; names the near ones.
        ModelError: the agent's model can't be had.
        ImportError: the agent needs a package that is not installed.
    """
    module_name, _, class_name = _where(name).partition(":")
    module = importlib.import_module(module_name) if name in AGENTS else _import(module_name)
    made = getattr(module, class_name, None)
    if not callable(made):
        raise AgentError(f"agent {name!r}: expected a class {class_name!r} in {module.__name__}, found none")
    try:
        agent: Agent = made(**(options or {}))
    except (TypeError, ValueError) as error:
        raise AgentError(f"agent {name!r}: expected {class_name} to take {sorted(options or {})}: {error}") from error
    missing = [part for part in ("name", "model", "begin", "act", "usage") if not hasattr(agent, part)]
    if missing:
        raise AgentError(
            f"agent {name!r}: expected an agent (termigen_gym.agents.Agent), found no {', '.join(missing)}"
        )
    return agent


def _import(name: str) -> ModuleType:
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise AgentError(f"expected a module {name!r} that can be imported: {error}") from error


def _where(name: str) -> str:
    if ":" in name:
        return name
    if name in AGENTS:
        return AGENTS[name]
    near = difflib.get_close_matches(name, AGENTS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise AgentError(f"expected an agent of {', '.join(AGENTS)} or module:Class, found {name!r}{hint}")
