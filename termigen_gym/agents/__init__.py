"""Agents: whoever plays. Those of this module need no model."""

from .base import Agent, Move
from .oracle import Oracle
from .simple import Echo, Null

__all__ = ["Agent", "Echo", "Move", "Null", "Oracle"]
