"""Ids: ``termigen/<name>-v0`` for every task and family in the catalog."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec, registry

from .catalog import entries
from .errors import TaskError

NAMESPACE = "termigen"
_VERSION = 0


def env_id(name: str) -> str:
    """Return the id of a task or family by its folder's name."""
    return f"{NAMESPACE}/{name}-v{_VERSION}"


def task_name(id: str) -> str:
    """Return the folder's name of an id; the namespace and the version may be left out.

    Raises:
        TaskError: the id is of another namespace.
    """
    namespace, _, rest = id.rpartition("/")
    if namespace not in ("", NAMESPACE, f"termigen_gym:{NAMESPACE}"):
        raise TaskError(f"id {id!r}: expected {NAMESPACE}/<name>-v{_VERSION}, found the namespace {namespace!r}")
    head, _, version = rest.rpartition("-v")
    return head if head and version.isdigit() else rest


def register_all() -> int:
    """Register every task and family that is not registered yet; return how many were added.

    The registry is written directly: ``gymnasium.register`` compares each id with all others (7 s for 3,500 of them).
    """
    added = 0
    for name in entries():
        id = env_id(name)
        if id not in registry:
            registry[id] = EnvSpec(
                id=id,
                entry_point="termigen_gym.env:TerminalEnv",
                vector_entry_point="termigen_gym.vector:make_vector",
                kwargs={"task": name},
                nondeterministic=True,  # a terminal shows times and process ids
                disable_env_checker=True,  # it would run `reset` of every env once more
                order_enforce=True,
            )
            added += 1
    return added


def make(id: str, **kwargs: Any) -> gym.Env[str, str]:
    """Return ``gymnasium.make(id, **kwargs)``, for modules that do without gymnasium.

    Raises:
        TaskError, EngineMissing: as `TerminalEnv`.
    """
    return gym.make(id, **kwargs)


def task_ids() -> list[str]:
    """Return the ids of all tasks and families, sorted."""
    return sorted(env_id(name) for name in entries())
