"""The conversation that a model sees: what it is told, how it answers, how its answer is read.

One place for it, so that a model is trained on what it will meet: `Conversation` grows it while an episode is played,
the export rebuilds the same messages from a recorded Episode.

    system      SYSTEM
    user        the instruction and the first screen
    assistant   a thought, then <tool_call>{"name": "bash", "arguments": {"command": "ls"}}</tool_call>
    tool        what the terminal showed, and the exit code where it is not 0
    assistant   …
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .base import Move
from .replies import ParseFailure, key_name, parse_reply

__all__ = [
    "SYSTEM",
    "SYSTEM_FOR_TOOLS",
    "TOOL",
    "Conversation",
    "Message",
    "ParseFailure",
    "assistant_message",
    "defuse",
    "parse_reply",
    "tool_message",
    "user_message",
]

Message = dict[str, Any]
"""A chat message: ``role`` and ``content``; the export adds ``train`` to assistant messages."""

_SYSTEM = """You are an expert at a Linux terminal. You are given a task, and you solve it in one bash session.

In each turn, think briefly about what you see and what to do next, then run one bash command{how}
You are shown its output, and its exit code where it is not 0. The command may have several lines.
While a program is running, the command is typed into it; a key is written C-c, C-d or C-z.
When the task is done and checked, run `exit` alone: it submits your work and cannot be undone."""
_AS_TEXT = """:
<tool_call>
{"name": "bash", "arguments": {"command": "ls -la"}}
</tool_call>"""

SYSTEM = _SYSTEM.format(how=_AS_TEXT)
SYSTEM_FOR_TOOLS = _SYSTEM.format(how=", by a call of the tool.")
"""Where the endpoint itself says how a tool is called."""

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": "Run one command in the bash session and return what the terminal shows.",
        "parameters": {
            "type": "object",
            "properties": {"command": {"type": "string", "description": "The command, or input to a running program."}},
            "required": ["command"],
        },
    },
}
"""The same tool as an OpenAI function, for endpoints and datasets that take tools apart from the text."""

# What would end or begin a turn, or a call, were it part of a text that somebody else wrote.
_FORGERY = re.compile(r"<(?=\|\w+\|>|/?(?:tool_call|tool_response|tools|think)>|function=)")


def user_message(observation: str) -> Message:
    """Return the first message to the model: the first observation, which holds the instruction."""
    return {"role": "user", "content": defuse(observation).strip("\n")}


def assistant_message(thought: str, action: str) -> Message:
    """Return the model's own turn in the form that it is asked for; `parse_reply` gives both parts back.

    A key is written by its name (C-c). Marks that would end the turn or begin another call are escaped in the action
    (losslessly) and defused in the thought.
    """
    call = json.dumps({"name": "bash", "arguments": {"command": key_name(action)}}, ensure_ascii=False)
    call = _FORGERY.sub(r"\\u003c", call)
    thought = defuse(thought).strip()
    return {"role": "assistant", "content": f"{thought}\n<tool_call>\n{call}\n</tool_call>".lstrip()}


def tool_message(observation: str, exit_code: int | None, state: str) -> Message:
    """Return what a command led to: its output, then what the output alone does not say."""
    notes = [f"[exit code {exit_code}]"] if exit_code else []
    notes += {"running": ["[still running]"], "closed": ["[the terminal is closed]"]}.get(state, [])
    shown = defuse(observation).strip("\n")
    return {"role": "tool", "content": "\n".join([shown if shown.strip() else "[no output]", *notes])}


def defuse(text: str) -> str:
    """Return a text that somebody else wrote without what would end or begin a turn, or a call, of the model's."""
    return _FORGERY.sub("< ", text)


class Conversation:
    """The messages of one episode, as they grow.

    Under the critic another command may have run than the one that was chosen. What ran, with the thought that belongs
    to it, then stands in the model's own turn: it has to live with the mistake as its own, and nothing says otherwise.

    Args:
        observation: what ``reset`` returned.
        system: the system message.
    """

    def __init__(self, observation: str, system: str = SYSTEM) -> None:
        self.messages: list[Message] = [{"role": "system", "content": system}, user_message(observation)]

    def said(self, move: Move) -> None:
        """Add the model's turn."""
        self.messages.append(assistant_message(move.thought, move.action))

    def saw(self, observation: str, info: Mapping[str, Any]) -> None:
        """Add what the last turn led to; `info` is what ``step`` returned."""
        perturbation = info.get("perturbation")
        if perturbation is not None:
            self.messages[-1] = assistant_message(perturbation["thought"], info["executed"])
        self.messages.append(self._shown(observation, info))

    def _shown(self, observation: str, info: Mapping[str, Any]) -> Message:
        return tool_message(observation, info["exit_code"], info["state"])
