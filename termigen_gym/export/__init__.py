"""Exports: episodes as what trainers and other tools read."""

from .conversation import POLICIES, Policy, conversation, recovery_turns, trained_turns
from .messages import MessageStats, write_messages
from .selection import Selection, pass_rate
from .tokens import TokenStats, encode, turn_kinds, write_tokens
from .windows import Windows, windows

__all__ = [
    "POLICIES",
    "MessageStats",
    "Policy",
    "Selection",
    "TokenStats",
    "Windows",
    "conversation",
    "encode",
    "pass_rate",
    "recovery_turns",
    "trained_turns",
    "turn_kinds",
    "windows",
    "write_messages",
    "write_tokens",
]
