"""Several agents and critics for one run, from a TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .options import CriticName


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Agent(_Strict):
    name: str
    options: dict[str, Any] = Field(default_factory=dict)


class _Critic(_Strict):
    name: CriticName
    epsilon: float = 0.2
    options: dict[str, Any] = Field(default_factory=dict)
    schedule: dict[str, Any] = Field(default_factory=dict)
    informative_only: bool = False


class _Casts(_Strict):
    agents: list[_Agent] = Field(min_length=1)
    critics: list[_Critic] = Field(min_length=1)


def read_casts(path: Path) -> list[dict[str, Any]]:
    """Return the fields of a plan that say who plays (`CASTING`), of each agent with each critic of a file.

        [[agents]]
        name = "chat"                    # as of --agent
        options = {model = "small", base_url = "http://127.0.0.1:8000/v1"}

        [[critics]]
        name = "rule"                    # as of --critic; so are epsilon, options, schedule, informative_only

    Raises:
        typer.BadParameter: it can't be read, or is another file.
    """
    try:
        casts = _Casts.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise typer.BadParameter(f"{path}: expected TOML: {error}", param_hint="--cast") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise typer.BadParameter(f"{path}: {where}: {first['msg']}", param_hint="--cast") from None
    return [
        {
            "agent": agent.name,
            "agent_options": agent.options,
            "critic": critic.name.value,
            "epsilon": critic.epsilon,
            "critic_options": critic.options,
            "schedule": critic.schedule,
            "informative_only": critic.informative_only,
        }
        for agent in casts.agents
        for critic in casts.critics
    ]
