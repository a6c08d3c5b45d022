"""Episodes as OpenAI chat messages, for trainers and viewers that do their own tokenising."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ..agents.calls import openai_form
from ..agents.protocol import TOOL, Message
from ..agents.replies import key_name
from ..episode import Episode
from ..llm import ToolCall
from .conversation import Policy, conversation

_ROWS_AT_A_TIME = 200


def write_messages(
    episodes: Iterable[Episode],
    out: Path,
    *,
    policy: Policy = "no-errors",
    mistakes: Mapping[str, float] | None = None,
) -> int:
    """Write one row for each episode; an existing file is replaced.

    A row holds ``messages`` (OpenAI's, with ``tool_calls`` whose arguments are a JSON string, and ``train`` on each
    assistant message by `policy` and `mistakes`, see `trained_turns`), ``tools``, episode, task_id, task_digest, seed,
    agent, model, reward, pass_rate. In Parquet the columns have the same names and types, whatever the run holds.

    Args:
        episodes: with a verdict and a turn each.
        out: Parquet where its name ends with ".parquet", else JSON Lines.
        policy: of the turns that are trained on.
        mistakes: share of the injected mistakes that are, by kind.

    Returns:
        The number of rows.

    Raises:
        ValueError: the policy or a share is unknown or out of range.
    """
    # What UTF-8 can't hold (half of a surrogate pair) becomes "?": the readers of both formats would refuse it.
    lines = (
        json.dumps(_row(episode, policy, mistakes or {}), ensure_ascii=False).encode("utf-8", "replace")
        for episode in episodes
    )
    if out.suffix == ".parquet":
        return _write_parquet(lines, out)
    count = 0
    with out.open("wb") as file:
        for line in lines:
            file.write(line + b"\n")
            count += 1
    return count


def _row(episode: Episode, policy: Policy, mistakes: Mapping[str, float]) -> dict[str, Any]:
    return {
        "messages": openai_messages(episode, conversation(episode, policy, mistakes)),
        "tools": [TOOL],
        "episode": episode.id,
        "task_id": episode.task_id,
        "task_digest": episode.task_digest,
        "seed": episode.seed,
        "agent": episode.agent,
        "model": episode.model,
        "reward": episode.reward,
        "pass_rate": episode.pass_rate,
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
            call = ToolCall(call_id, TOOL["function"]["name"], arguments)
            message = {**message, "content": step.thought, "tool_calls": [openai_form(call)]}
        elif message["role"] == "tool":
            message = {**message, "tool_call_id": call_id}
        converted.append(message)
    return converted


def _write_parquet(lines: Iterator[bytes], out: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.string()
    call = pa.struct({"id": text, "type": text, "function": pa.struct({"name": text, "arguments": text})})
    message = {"role": text, "content": text, "train": pa.bool_(), "tool_calls": pa.list_(call), "tool_call_id": text}
    schema = pa.schema(
        {
            "messages": pa.list_(pa.struct(message)),
            "tools": pa.list_(pa.scalar(TOOL).type),
            **dict.fromkeys(("episode", "task_id", "task_digest"), text),
            "seed": pa.int64(),
            **dict.fromkeys(("agent", "model"), text),
            **dict.fromkeys(("reward", "pass_rate"), pa.float64()),
        }
    )
    count = 0
    with pq.ParquetWriter(out, schema) as writer:
        while rows := [json.loads(line) for line in islice(lines, _ROWS_AT_A_TIME)]:
            writer.write_table(pa.Table.from_pylist(rows, schema))
            count += len(rows)
    return count
