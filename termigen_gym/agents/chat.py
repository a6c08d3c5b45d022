"""An agent that asks a chat model: any OpenAI-compatible endpoint, or a `ChatModel` of one's own."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ..errors import ContextExceeded
from ..llm import ChatModel, OpenAIModel, Price, Reply, Request
from ..task import Task
from .base import Move
from .calls import as_tool_calls, as_users
from .context import Estimate, within
from .dialects import DIALECTS
from .notes import Notes
from .protocol import SYSTEM_FOR_TOOLS, TOOL, Conversation, Message, ParseFailure
from .turns import Last, Turns

_SHORTER = 3 / 4


class ChatAgent:
    """Asks a model for each move; what it does where a reply has no command is as in `Turns`.

    Args:
        model: its name at the endpoint, or a `ChatModel`, which the arguments of the endpoint are not for.
        base_url: such as "http://127.0.0.1:8000/v1".
        api_key_env: the environment variable that holds the key; "" for an endpoint that needs none.
        temperature: None takes that of the protocol, which may be the endpoint's own.
        max_tokens: of a reply; None takes that of the protocol.
        context: tokens of prompt and reply together, about: they are estimated, at three bytes each. What is longer is
            cut (see `agents.context`). Where the endpoint says that it is still too long, it is cut further.
        tools: tell the endpoint of the tool and take its ``tool_calls``. Some servers fail where a model writes a
            malformed call, so text is the rule; OpenAI's own endpoint wants it.
        memory: keep notes (see `agents.notes`).
        patience: not-understood turns in a row until it gives up.
        seed: of the sampling; each request gets one of its own from it.
        protocol: a name of `DIALECTS`.
        system: a system message in place of the protocol's.
        output_role: "user" for models whose template has no role for a tool's output.
        price: dollars per million tokens read, and written.
        timeout_s: of one attempt at a request.
        endpoint: further arguments of `OpenAIModel`, such as {"extra": {"top_p": 0.9}}.

    Raises:
        ValueError: the options contradict each other.
        ModelRefused: the key is missing, or `base_url` is none.
        ModuleNotFoundError: the package's extra ``llm`` is not installed.
    """

    name = "chat"

    def __init__(
        self,
        model: str | ChatModel,
        base_url: str = "",
        api_key_env: str = "",
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        context: int = 32_768,
        tools: bool = False,
        memory: bool = False,
        patience: int = 3,
        seed: int | None = None,
        protocol: str = "termigen",
        system: str | None = None,
        output_role: Literal["tool", "user"] = "tool",
        price: Sequence[float] | None = None,
        timeout_s: float = 600.0,
        endpoint: Mapping[str, Any] | None = None,
    ) -> None:
        _check(protocol, output_role, tools)
        self._dialect = DIALECTS[protocol]
        self._max_tokens = self._dialect.max_tokens if max_tokens is None else max_tokens
        self._tools = (TOOL,) if tools else ()
        self._measure = Estimate()
        self._most = context - self._max_tokens - sum(self._measure.count(json.dumps(tool)) for tool in self._tools)
        if self._most <= 0:
            raise ValueError(f"expected a context above {self._max_tokens} tokens, those of a reply, found {context}")
        self._system = system or (SYSTEM_FOR_TOOLS if tools else self._dialect.system)
        self._temperature = self._dialect.temperature if temperature is None else temperature
        self._output_role = output_role
        self._patience = patience
        self._seed = seed
        self._memory = memory
        self._endpoint: OpenAIModel | None = None
        if isinstance(model, str):
            cost = None if price is None else Price(*price)
            model = self._endpoint = OpenAIModel(
                model, base_url, api_key_env, timeout_s=timeout_s, price=cost, **(endpoint or {})
            )
        self._model: ChatModel = model
        self.model: str | None = model.name
        self._begun = itertools.count()
        self._turns = Turns(Conversation(""), patience)
        self._notes: Notes | None = None
        self._episode = ""
        self._room = self._most
        self._usage: Counter[str] = Counter()

    def begin(self, task: Task, observation: str, info: Mapping[str, Any]) -> None:
        """Start a conversation."""
        number = next(self._begun)
        self._episode = info.get("episode_id") or f"{task.name}-{number}"
        self._turns = Turns(self._dialect.converse(self._system, observation, info), self._patience)
        self._notes = Notes() if self._memory else None
        self._room = self._most
        self._usage = Counter()

    def act(self, observation: str, info: Mapping[str, Any]) -> Move:
        """Return the model's move.

        Raises:
            ContextExceeded: there is no room for the instruction and one output.
            ModelError: as the model.
        """
        return self._turns.move(observation, info, self._answer)

    def close(self) -> None:
        """Close the connections to the endpoint; who waits for it gets a ModelError. A `ChatModel` given stays open."""
        if self._endpoint is not None:
            self._endpoint.close()

    def usage(self) -> Mapping[str, float]:
        """Return requests, prompt_tokens, completion_tokens, dollars (0 without a price), not_understood."""
        return {**self._usage, "not_understood": self._turns.not_understood}

    def _answer(self, messages: list[Message]) -> Move | ParseFailure | Last:
        return self._dialect.read(self._complete("move", self._remembering(messages)))

    def _remembering(self, messages: list[Message]) -> list[Message]:
        """`messages` with the notes, which are brought up to date before something is lost that they do not hold."""
        notes = self._notes
        if notes is None:
            return messages
        if notes.due(messages, self._fitting(notes.shown_in(messages))):
            asked = notes.request(messages, self._measure.characters(self._room // 2))
            notes.take(self._complete("notes", asked).text, messages)
        return notes.shown_in(messages)

    def _complete(self, what: str, messages: list[Message]) -> Reply:
        while True:
            fitting = self._fitting(messages)
            try:
                reply = self._model.complete(self._request(what, fitting))
            except ContextExceeded:
                self._room = int(sum(self._measure.costs(fitting)) * _SHORTER)
                if within(self._measure, messages, self._room) is None:
                    raise
                continue
            used = {**reply.usage.to_dict(), "requests": 1}
            self._usage.update(used)
            return reply

    def _fitting(self, messages: list[Message]) -> list[Message]:
        fitting = within(self._measure, messages, self._room)
        if fitting is None:
            raise ContextExceeded(
                f"expected a context with room for the instruction and one output, found about {self._room} tokens: "
                f"give a larger context or a smaller max_tokens (now {self._max_tokens})"
            )
        return fitting

    def _request(self, what: str, messages: list[Message]) -> Request:
        purpose = f"{self._episode}/{what}/{self._usage['requests']}"
        tools = self._tools if what == "move" else ()
        shown = as_tool_calls(messages) if tools else as_users(messages) if self._output_role == "user" else messages
        return Request(purpose, tuple(shown), tools, self._temperature, self._max_tokens, self._seed_of(purpose))

    def _seed_of(self, purpose: str) -> int | None:
        """One seed for all would give every attempt at a task the same moves."""
        if self._seed is None:
            return None
        return int.from_bytes(hashlib.sha256(f"{self._seed}/{purpose}".encode()).digest()[:4]) >> 1


def _check(protocol: str, output_role: str, tools: bool) -> None:
    if protocol not in DIALECTS:
        raise ValueError(f"expected a protocol of {', '.join(DIALECTS)}, found {protocol!r}")
    if output_role not in ("tool", "user"):
        raise ValueError(f"expected output_role 'tool' or 'user', found {output_role!r}")
    if tools and (protocol != "termigen" or output_role != "tool"):
        raise ValueError(
            "expected tools with the protocol termigen and the output role tool, "
            f"found {protocol!r} and {output_role!r}; give up one of them"
        )
