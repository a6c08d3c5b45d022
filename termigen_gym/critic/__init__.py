"""Critics: what puts plausible mistakes in place of actions."""

from .base import Critic, Situation
from .rule import RuleCritic

__all__ = ["Critic", "RuleCritic", "Situation", "critic_named"]

_BY_NAME = {"rule": RuleCritic}


def critic_named(name: str) -> Critic:
    """Return the critic of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in _BY_NAME:
        raise ValueError(f"critic: expected one of {sorted(_BY_NAME)} or a Critic object, actual: {name!r}")
    return _BY_NAME[name]()
