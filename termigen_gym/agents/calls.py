"""Messages in the forms that endpoints want; a `Conversation` itself is plain text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..llm import ToolCall
from .base import Move
from .protocol import TOOL, Message, parse_reply
from .replies import key_name


def as_tool_calls(messages: Sequence[Message]) -> list[Message]:
    """Return `messages` with commands as ``tool_calls`` and outputs as answers to them.

    An output whose command is no longer there is left out, since endpoints refuse it.
    """
    shown: list[Message] = []
    call: str | None = None
    for number, message in enumerate(messages):
        if message["role"] == "assistant":
            move = parse_reply(message["content"])
            call = f"call_{number}" if isinstance(move, Move) else None
            shown.append(_said(move, call) if isinstance(move, Move) and call else message)
        elif message["role"] != "tool":
            shown.append(message)
        elif call is not None:
            shown.append({**message, "tool_call_id": call})
            call = None
    return shown


def _said(move: Move, call: str) -> Message:
    arguments = json.dumps({"command": key_name(move.action)}, ensure_ascii=False)
    return {
        "role": "assistant",
        "content": move.thought,
        "tool_calls": [openai_form(ToolCall(call, TOOL["function"]["name"], arguments))],
    }


def openai_form(call: ToolCall) -> dict[str, Any]:
    """Return a call as it stands in a message."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def as_users(messages: Sequence[Message]) -> list[Message]:
    """Return `messages` with outputs in the user's role, for models that have no other."""
    return [{**message, "role": "user"} if message["role"] == "tool" else message for message in messages]
