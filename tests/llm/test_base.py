"""What is said to models is plain JSON both ways."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from termigen_gym.errors import ModelError
from termigen_gym.llm import Reply, Request, ToolCall, Usage

REQUEST = Request(
    "task-0003/solver/2",
    ({"role": "user", "content": "é✓\u2028 \ud800"},),
    tools=({"type": "function", "function": {"name": "bash"}},),
    temperature=0.5,
    max_tokens=10,
    seed=7,
    stop=("\n",),
)
REPLY = Reply("Hello \ud800", (ToolCall("1", "bash", "{not json"),), Usage(1, 2, 0.5), "tiny", "tool_calls")


def test_requests_and_replies_come_back_as_they_were() -> None:
    assert Request.from_dict(json.loads(json.dumps(REQUEST.to_dict()))) == REQUEST
    assert Reply.from_dict(json.loads(json.dumps(REPLY.to_dict()))) == REPLY


def test_usage_adds_up() -> None:
    assert Usage(1, 2, 0.5) + Usage(10, 20, 0.25) == Usage(11, 22, 0.75)
    assert Usage(1, 2).tokens == 3
    assert Usage.from_dict({"prompt_tokens": 1, "completion_tokens": 2, "dollars": 1}) == Usage(1, 2, 1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"messages": ()},
        {"tools": ()},
        {"temperature": None},
        {"max_tokens": 11},
        {"seed": 8},
        {"stop": ()},
    ],
)
def test_a_digest_is_over_all_that_the_model_is_told(change: dict[str, Any]) -> None:
    assert replace(REQUEST, **change).digest != REQUEST.digest
    assert replace(REQUEST, purpose="another").digest == REQUEST.digest


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"text": None}, "expected text, of type str, found NoneType"),
        ({"usage": {}}, "expected prompt_tokens, of type int"),
        ({"usage": {"prompt_tokens": 1, "completion_tokens": 1, "dollars": "1"}}, "expected dollars, of type float"),
        ({"tool_calls": [5]}, "expected id, of type str"),
        ({"tool_calls": {}}, "expected tool_calls, of type list"),
    ],
)
def test_a_malformed_reply_is_named(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        Reply.from_dict({**REPLY.to_dict(), **change})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"purpose": 1}, "expected purpose, of type str, found int"),
        ({"messages": "x"}, "expected messages, of type list"),
        ({"top_p": 1}, "top_p"),
    ],
)
def test_a_malformed_request_is_named(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        Request.from_dict({**REQUEST.to_dict(), **change})


def test_the_package_is_light() -> None:
    code = "import sys, termigen_gym.llm; print(*{'openai', 'tenacity', 'httpx2', 'pydantic'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
