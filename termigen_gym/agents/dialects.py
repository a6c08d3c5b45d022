"""Ways to talk with a model: ours, and that of the published agent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..llm import Reply
from ..text import clip
from .base import Move
from .calls import openai_form
from .protocol import SYSTEM, Conversation, Message, ParseFailure, defuse, parse_reply
from .turns import Last

BASHAGENT_SYSTEM = """You are a skilled engineer who solves hard technical problems with a bash tool. \
To run a command, write a call of it in this form:

<tool_call>
{"name": "bash", "arguments": {"command": "your_command_here"}}
</tool_call>

Think step by step: look at where things stand, then choose a command that brings the task forward. \
Run one command at a time and read its output before you decide on the next."""

_OUTPUT_LIMIT = 10_000
_DONE = re.compile(r"task[_ ]complete: ?true|task (?:is complete|completed|finished)|finished the task", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """A way to talk with a model.

    Attributes:
        system: the system message.
        converse: begins a conversation, given the system message and what ``reset`` returned.
        read: reads a reply.
        temperature: of the sampling, where nobody says another; None takes the endpoint's.
        max_tokens: of a reply, where nobody says another.
    """

    system: str
    converse: Callable[[str, str, Mapping[str, Any]], Conversation]
    read: Callable[[Reply], Move | ParseFailure | Last]
    temperature: float | None
    max_tokens: int


class BashAgentConversation(Conversation):
    """Shows output as Terminal-Bench 1 reads it off tmux: a header, no exit code, at most 10,000 characters."""

    def _shown(self, observation: str, info: Mapping[str, Any]) -> Message:
        first = all(message["role"] != "tool" for message in self.messages)
        header = "Current Terminal Screen" if first or not observation.strip() else "New Terminal Output"
        return {"role": "tool", "content": f"{header}:\n{clip(defuse(observation), _OUTPUT_LIMIT).text}"}


def _read(reply: Reply) -> Move | ParseFailure:
    calls = [openai_form(call) for call in reply.tool_calls]
    return parse_reply({"content": reply.text, "tool_calls": calls}, cut=reply.finish_reason == "length")


def _read_bashagent(reply: Reply) -> Move | ParseFailure | Last:
    if "<tool_call>" not in reply.text:
        return Last(None, reply.text.strip())
    read = _read(reply)
    return Last(read) if isinstance(read, Move) and _DONE.search(reply.text) else read


DIALECTS: Mapping[str, Dialect] = {
    "termigen": Dialect(
        SYSTEM, lambda system, observation, info: Conversation(observation, system), _read, None, max_tokens=1024
    ),
    "bashagent": Dialect(
        BASHAGENT_SYSTEM,
        lambda system, observation, info: BashAgentConversation(info["instruction"], system),
        _read_bashagent,
        temperature=0.6,
        max_tokens=5000,
    ),
}
"""By name.

termigen    the conversation of `agents.protocol`, which the exports are for
bashagent   that of the paper's BashAgent (bash_agent.py of ucsb-mlsec/terminal-bench-env), for its checkpoints: the
            instruction alone, one <tool_call> a turn, outputs as a tool's, temperature 0.6, replies of up to 5000
            tokens; a reply without a call, or one that says that the task is finished, is the last. The system message
            says the same in other words; the command and the prompt before it, which tmux shows, are not repeated; of
            several calls in a reply only the first is run; a call that is broken is asked for again and not mended.
"""
