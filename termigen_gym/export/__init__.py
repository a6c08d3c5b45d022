"""Exports: episodes as what trainers and other tools read.

``write_minari`` is in `export.minari` and ``card`` in `export.card`, because they need packages that the others do not.
"""

from .asciicast import write_asciicast
from .atif import write_atif
from .conversation import POLICIES, Policy, conversation, mistake_shares, recovery_turns, trained_turns
from .figures import Figures
from .messages import write_messages
from .selection import REASONS, Chosen, Selection, category_of
from .tokens import TokenStats, encode, turn_kinds, write_tokens
from .windows import Windows, windows

__all__ = [
    "POLICIES",
    "REASONS",
    "Chosen",
    "Figures",
    "Policy",
    "Selection",
    "TokenStats",
    "Windows",
    "category_of",
    "conversation",
    "encode",
    "mistake_shares",
    "recovery_turns",
    "trained_turns",
    "turn_kinds",
    "windows",
    "write_asciicast",
    "write_atif",
    "write_messages",
    "write_tokens",
]
