"""Critics: what puts plausible mistakes in place of actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import Critic, Proposal, Situation
from .rule import RuleCritic
from .schedule import Schedule

__all__ = ["Critic", "Proposal", "RuleCritic", "Schedule", "Situation", "critic_named"]

NAMES = ("rule", "llm")


def critic_named(name: str, options: Mapping[str, Any] | None = None) -> Critic:
    """Return a critic: "rule", or "llm" with the keyword arguments of `termigen_gym.critic.llm.critic_at`.

    Raises:
        ValueError: there is none of that name, or it does not take these options.
        ModelRefused: the key of the model's endpoint is missing.
    """
    if name not in NAMES:
        raise ValueError(f"critic: expected one of {', '.join(NAMES)} or a Critic object, found {name!r}")
    if name == "rule":
        if options:
            raise ValueError(f"critic 'rule': expected no options, found {sorted(options)}")
        return RuleCritic()
    from .llm import critic_at

    try:
        return critic_at(**(options or {}))
    except TypeError as error:
        raise ValueError(f"critic 'llm': expected model and base_url: {error}") from None
