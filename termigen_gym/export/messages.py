"""Episodes as OpenAI chat messages, for trainers and viewers that do their own tokenising."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..agents.protocol import TOOL, Message
from ..agents.replies import key_name
from ..episode import Episode
from .conversation import Policy, conversation
from .selection import Selection, pass_rate


@dataclass(frozen=True)
class MessageStats:
    """What `write_messages` wrote: exported episodes, those without a verdict or a turn, those below the pass rate."""

    episodes: int
    errors: int
    below: int


def write_messages(
    episodes: Iterable[Episode], out: Path, *, policy: Policy = "no-errors", min_pass_rate: float = 0.0
) -> MessageStats:
    """Write one JSON line for each episode; an existing file is replaced.

    A line holds ``messages`` (OpenAI's, with ``tool_calls`` whose arguments are a JSON string, and ``train`` on each
    assistant message by `policy`), ``tools``, episode, task_id, task_digest, seed, agent, model, reward, pass_rate.

    Raises:
        ValueError: the policy or the pass rate is unknown or out of range.
    """
    selection = Selection(min_pass_rate)
    with out.open("w", encoding="utf-8") as file:
        for episode in selection.of(episodes):
            file.write(json.dumps(_row(episode, policy), ensure_ascii=False) + "\n")
    return MessageStats(selection.episodes, selection.errors, selection.below)


def _row(episode: Episode, policy: Policy) -> dict[str, Any]:
    return {
        "messages": openai_messages(episode, conversation(episode, policy)),
        "tools": [TOOL],
        "episode": episode.id,
        "task_id": episode.task_id,
        "task_digest": episode.task_digest,
        "seed": episode.seed,
        "agent": episode.agent,
        "model": episode.model,
        "reward": episode.reward,
        "pass_rate": None if episode.verdict is None else pass_rate(episode.verdict),
    }


def openai_messages(episode: Episode, messages: Sequence[Message]) -> list[Message]:
    """Return `messages`, `conversation`'s of the episode, with the calls taken out of the text into ``tool_calls``."""
    steps = iter(enumerate(episode.steps))
    converted: list[Message] = []
    call_id = ""
    for message in messages:
        if message["role"] == "assistant":
            index, step = next(steps)
            call_id = f"call_{index}"
            arguments = json.dumps({"command": key_name(step.executed)}, ensure_ascii=False)
            call = {"id": call_id, "type": "function", "function": {"name": "bash", "arguments": arguments}}
            message = {**message, "content": step.thought, "tool_calls": [call]}
        elif message["role"] == "tool":
            message = {**message, "tool_call_id": call_id}
        converted.append(message)
    return converted
