"""What is said to a chat model and what comes back; plain JSON both ways, so that it can be recorded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from ..errors import ModelError

WHERE_ASKED = frozenset({"base_url", "api_key_env", "timeout_s", "retries", "concurrency"})
"""Options that say where, how long and how often a model is asked.

They decide nothing of what it says, and may hold secrets.
"""


@dataclass(frozen=True)
class Usage:
    """What one reply, or many, took. Adds up with ``+``.

    Attributes:
        prompt_tokens: read by the model; 0 where the endpoint does not tell.
        completion_tokens: written by it; 0 where the endpoint does not tell.
        dollars: 0 where the price is not known.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    dollars: float = 0.0

    @property
    def tokens(self) -> int:
        """Read and written together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.dollars + other.dollars,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Usage:
        """Rebuild it from `to_dict`'s result. Raises ModelError where a field is missing or of another type."""
        return cls(_field(data, "prompt_tokens", int), _field(data, "completion_tokens", int), _number(data, "dollars"))


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool that the model asks for.

    Attributes:
        id: names the call in the message that answers it; "" where the endpoint gives none.
        name: of the tool.
        arguments: the string that came, which should be a JSON object and may be anything.
    """

    id: str
    name: str
    arguments: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ToolCall:
        """Rebuild it from `to_dict`'s result. Raises ModelError where a field is missing or of another type."""
        return cls(_field(data, "id", str), _field(data, "name", str), _field(data, "arguments", str))


@dataclass(frozen=True)
class Request:
    """One question to a model.

    Attributes:
        purpose: who asks what, such as "task-0003/solver/2"; unique within a run. A recording knows requests by it.
        messages: of the chat, in OpenAI's form.
        tools: that the model may call, in OpenAI's form.
        temperature: None takes the endpoint's default, here and below.
        max_tokens: of the reply.
        seed: of the sampling.
        stop: texts that end the reply.
    """

    purpose: str
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Request:
        """Rebuild it from `to_dict`'s result. Raises ModelError where a field is missing, unknown or mistyped."""
        lists = {name: tuple(_field(data, name, list)) for name in ("messages", "tools", "stop")}
        try:
            return cls(**{**data, "purpose": _field(data, "purpose", str), **lists})
        except TypeError as error:
            raise ModelError(f"expected the fields of a request: {error}") from None

    @property
    def digest(self) -> str:
        """A SHA-256 over all that the model is told: equal requests of different purposes have the same."""
        told = self.to_dict()
        del told["purpose"]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Reply:
    """What a model answered.

    Attributes:
        text: "" where it only calls tools.
        tool_calls: in the order in which it wrote them.
        usage: what this reply took.
        model: that answered, as the endpoint names it.
        finish_reason: "stop", "length", "tool_calls" or what else the endpoint says.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    model: str = ""
    finish_reason: str = "stop"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {**asdict(self), "tool_calls": [call.to_dict() for call in self.tool_calls]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Reply:
        """Rebuild it from `to_dict`'s result. Raises ModelError where a field is missing or of another type."""
        return cls(
            text=_field(data, "text", str),
            tool_calls=tuple(ToolCall.from_dict(call) for call in _field(data, "tool_calls", list)),
            usage=Usage.from_dict(_field(data, "usage", dict)),
            model=_field(data, "model", str),
            finish_reason=_field(data, "finish_reason", str),
        )


class ChatModel(Protocol):
    """Whoever answers requests. Many threads may ask at once."""

    name: str
    """Of the model, for records."""

    def complete(self, request: Request) -> Reply:
        """Return the reply; waits for it.

        Raises:
            ModelRefused: asking again won't help.
            ModelUnavailable: it may at another time.
            ContextExceeded: the messages are too long for the model.
            BudgetSpent: nothing more may be spent.
            ModelError: there is no reply for another reason.
        """


def _field(data: Any, name: str, kind: type) -> Any:
    value = data.get(name) if isinstance(data, Mapping) else None
    if not isinstance(value, kind):
        raise ModelError(f"expected {name}, of type {kind.__name__}, found {type(value).__name__}")
    return value


def _number(data: Any, name: str) -> float:
    value = data.get(name)
    return float(value if isinstance(value, int) else _field(data, name, float))
