from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from termigen_gym.agents.protocol import TOOL, parse_reply
from termigen_gym.export import conversation, encode, write_messages, write_tokens
from tests.chat import a_mistake_at, a_random_episode, a_tokenizer, of_steps, some_steps


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_token_lines_are_what_encode_gives_and_the_counts_are_right(tmp_path: Path) -> None:
    episodes = [a_random_episode(random.Random(seed), turns=8, longest=900) for seed in range(4)]
    stats = write_tokens(episodes, a_tokenizer(), tmp_path / "t", max_length=1500)
    rows = lines(tmp_path / "t")
    assert stats.windows == len(rows) > len(episodes)
    assert stats.tokens == sum(len(row["input_ids"]) for row in rows)
    assert stats.longest == max(len(row["input_ids"]) for row in rows) <= 1500
    assert stats.trained_tokens == sum(label != -100 for row in rows for label in row["labels"])
    assert stats.trained_turns == sum(m.get("train", False) for e in episodes for m in conversation(e))
    assert stats.overlong_turns == 0
    assert sum(stats.turns.values()) == 4 * 8
    assert [row["window"] for row in rows if row["episode"] == rows[0]["episode"]][:2] == [0, 1]

    write_tokens(episodes[:1], a_tokenizer(), tmp_path / "t", policy="all", max_length=100_000)
    row = lines(tmp_path / "t")[0]
    assert (row["input_ids"], row["labels"]) == encode(a_tokenizer(), conversation(episodes[0], "all"))


def test_messages_are_openais(tmp_path: Path) -> None:
    look, build, leave = some_steps("ls", 'echo "a\n\u00e9"', "exit")
    episode = of_steps([look, a_mistake_at(build), build, leave], seed=3)
    write_messages([episode], tmp_path / "m", policy="no-errors")
    (row,) = lines(tmp_path / "m")
    assert {key: row[key] for key in row if key != "messages"} == {
        "tools": [TOOL],
        "episode": episode.id,
        "task_id": episode.task_id,
        "task_digest": episode.task_digest,
        "seed": 3,
        "agent": "oracle",
        "model": None,
        "reward": 1.0,
        "pass_rate": 1.0,
    }
    messages = row["messages"]
    assert [m["role"] for m in messages] == ["system", "user", *["assistant", "tool"] * 3, "assistant"]
    calls = [m["tool_calls"] for m in messages if m["role"] == "assistant"]
    assert [json.loads(call[0]["function"]["arguments"]) for call in calls] == [
        {"command": command} for command in ("ls", 'bad echo "a\n\u00e9"', 'echo "a\n\u00e9"', "exit")
    ]
    assert [call[0]["id"] for call in calls[:-1]] == [m["tool_call_id"] for m in messages if m["role"] == "tool"]
    assert [m["train"] for m in messages if m["role"] == "assistant"] == [True, False, True, True]
    read = [parse_reply(m) for m in messages if m["role"] == "assistant"]
    assert read == [parse_reply(m["content"]) for m in conversation(episode) if m["role"] == "assistant"]
