"""Models behind an OpenAI-compatible endpoint: OpenAI's own, vLLM, SGLang, `transformers serve`, most others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import re
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import ContextExceeded, ModelError, ModelRefused, ModelUnavailable, RequestFailed
from ..text import clean, clip
from .background import Background
from .base import Reply, Request, ToolCall, Usage

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState

_LONGEST_BACKOFF_S = 60.0
_LONGEST_WAIT_S = 600.0  # asked for by Retry-After; for longer than this a run should rather end and be resumed
_SHOWN = 600
_BUSY = frozenset({408, 425, 429, 502, 503, 504, 529})  # by which an endpoint says that it can't answer anybody now
_MAY_PASS = _BUSY | {409}
_HINTS = {
    401: "is the key in {key} right?",
    403: "may the key in {key} use this model?",
    404: "does the base URL end as the endpoint wants it, mostly in /v1, and does it serve a model of this name?",
}
_OF_THE_REQUEST = frozenset({400, 413, 422})  # what it holds, or how it is put, and then all are refused
_PROBE_S = 60.0
# OpenAI's code, and what vLLM, SGLang, llama.cpp and others say; they have no status of its own for it.
_LONGER = re.compile(
    r"context_length_exceeded|context (?:length|window|size)|maximum model length|prompt is too long|too many tokens",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_SHORTEST_SECRET = 8


@dataclass(frozen=True)
class Price:
    """Dollars per million tokens."""

    prompt: float
    completion: float

    def dollars(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return the price of so many tokens."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


class _Failed(Exception):
    """An attempt failed, which the endpoint or the request may be the cause of; its text says what was found.

    Attributes:
        hint: what to do about it where another attempt will not help; "" where one may.
        after_s: how long the endpoint asks to be left alone; None where it does not say.
        general: whether it fails all requests alike: it asks to be left alone, is busy, or refuses who asks.
    """

    def __init__(self, found: str, *, hint: str = "", after_s: float | None = None, general: bool = False) -> None:
        super().__init__(found)
        self.hint = hint
        self.after_s = after_s
        self.general = general or after_s is not None


class OpenAIModel:
    """Asks an endpoint, again and again where that may help. Any number of threads may share one.

    Statuses 408, 409, 425, 429 and 5xx, lost connections, cut or late answers and answers that are no chat completion
    are asked for again, after a random wait that doubles each time, or as long as the endpoint's Retry-After says.
    Any other status is final. Where a request has failed for good and it may be the request's own fault (a server that
    breaks at what the model wrote, a filter of contents), one of a few words is made to tell that from an endpoint
    that answers nobody.

    Args:
        model: its name at the endpoint.
        base_url: such as "http://127.0.0.1:8000/v1".
        api_key_env: the environment variable that holds the key; "" for an endpoint that needs none.
        timeout_s: of one attempt, from connecting to the last byte of the answer.
        retries: attempts after the first.
        backoff_s: the first wait between attempts is at most this long.
        concurrency: attempts under way at once; further threads wait for their turn, which costs no `timeout_s`.
        price: for `Usage.dollars`.
        extra: further fields of the request's body, such as {"top_p": 0.9}.
        max_tokens_field: what the endpoint calls the limit of a reply; OpenAI's newer models want
            "max_completion_tokens".

    Raises:
        ModelRefused: the key is missing, or `base_url` is none.
        ModuleNotFoundError: the package's extra ``llm`` is not installed.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        api_key_env: str = "OPENAI_API_KEY",
        *,
        timeout_s: float = 600.0,
        retries: int = 5,
        backoff_s: float = 1.0,
        concurrency: int = 16,
        price: Price | None = None,
        extra: Mapping[str, Any] | None = None,
        max_tokens_field: str = "max_tokens",
    ) -> None:
        from openai import AsyncOpenAI

        if timeout_s <= 0 or retries < 0 or backoff_s < 0 or concurrency < 1:
            raise ValueError(
                "expected timeout_s above 0, retries and backoff_s from 0, concurrency from 1, "
                f"found {timeout_s}, {retries}, {backoff_s}, {concurrency}"
            )
        self.name = model
        self._where = _without_secrets(base_url)
        self._key_env = api_key_env if _VARIABLE.fullmatch(api_key_env) else "the variable that api_key_env names"
        self._key = self._read_key(api_key_env)
        self._timeout_s = timeout_s
        self._price = price
        self._extra = dict(extra or {})
        self._max_tokens_field = max_tokens_field
        self._retrying = _retrying(retries, backoff_s)
        self._slots = asyncio.Semaphore(concurrency)
        # No time limit of the client's own: its limits begin anew with each byte.
        client = AsyncOpenAI(base_url=base_url, api_key=self._key or "none", timeout=None, max_retries=0)
        self._create = client.chat.completions.with_raw_response.create
        self._background = Background(at_end=client.close)
        self._finalizer = weakref.finalize(self, self._background.close)

    def complete(self, request: Request) -> Reply:
        """Return the model's reply; waits through all attempts.

        Raises:
            ModelRefused: the endpoint refuses the key, the name of the model or how it is asked.
            ModelUnavailable: no attempt brought a chat completion, or the endpoint asks for too long a wait.
            RequestFailed: it refused or failed this request, and answers another.
            ContextExceeded: it says that the messages are too long for the model.
            ModelError: the model is closed.
        """
        return self._background.run(self._complete(request))

    def close(self) -> None:
        """Close the connections; what threads wait for ends with ModelError. Idempotent; also done at collection."""
        self._finalizer()

    def __enter__(self) -> OpenAIModel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"OpenAIModel({self.name!r}, {self._where!r})"

    def _read_key(self, variable: str) -> str:
        if not variable:
            return ""
        key = os.environ.get(variable, "").strip()
        if not key:
            raise ModelRefused(
                f"{self._where}: expected an API key in {self._key_env}, found none; set that environment variable, "
                'or give api_key_env="" where the endpoint needs no key'
            )
        if not re.fullmatch(r"[!-~]+", key):
            raise ModelRefused(
                f"{self._where}: expected an API key in {self._key_env}, of printable ASCII without blanks, "
                "found other characters; set it anew"
            )
        return key

    async def _complete(self, request: Request) -> Reply:
        # A copy, since tenacity keeps what it is at in the object.
        retrying = self._retrying.copy()
        try:
            return await retrying(self._attempt, request)
        except _Failed as last:
            failed = last
        told = (
            f"{self._where}: expected {self.name} to answer {request.purpose!r}, found no answer in "
            f"{retrying.statistics['attempt_number']} attempts, the last: {failed}"
        )
        if not failed.general and await self._answers_another():
            raise RequestFailed(f"{told}; it answers another request, so see what is in this one")
        if failed.hint:
            raise ModelRefused(f"{told}; {failed.hint}")
        raise ModelUnavailable(f"{told}. See that the endpoint is well, then resume the run")

    async def _answers_another(self) -> bool:
        """Say whether the endpoint answers a request of a few words."""
        try:
            async with asyncio.timeout(_PROBE_S):
                await self._attempt(Request("probe", ({"role": "user", "content": "Answer: yes"},), max_tokens=16))
        except (_Failed, ModelError, TimeoutError):
            return False
        return True

    async def _attempt(self, request: Request) -> Reply:
        from openai import APIConnectionError, APIStatusError

        # Raised after the handlers: the client's errors hold the key, and must not hang on ours as their context.
        trouble: Exception
        try:
            async with self._slots, asyncio.timeout(self._timeout_s):
                raw = await self._create(**self._arguments(request))
        except APIStatusError as error:
            trouble = self._of_status(error.response.status_code, error.response.headers, error.response.text)
        except APIConnectionError as error:
            cause = error.__cause__ or error
            trouble = _Failed(self._shown(f"{type(cause).__name__}: {cause}"))
        except TimeoutError:
            trouble = _Failed(f"no whole answer within {self._timeout_s:g} s")
        else:
            return self._reply(raw.content)
        raise trouble

    def _arguments(self, request: Request) -> dict[str, Any]:
        optional = {
            "tools": list(request.tools) or None,
            "temperature": request.temperature,
            self._max_tokens_field: request.max_tokens,
            "seed": request.seed,
            "stop": list(request.stop) or None,
        }
        extra = {name: value for name, value in optional.items() if value is not None} | self._extra
        arguments = {"model": self.name, "messages": list(request.messages), "extra_body": extra}
        # Halves of surrogate pairs, which a terminal or a model may have written, can't be sent.
        text = json.dumps(arguments, ensure_ascii=False).encode("utf-8", "replace")
        return json.loads(text)  # type: ignore[no-any-return]

    def _of_status(self, status: int, headers: Mapping[str, str], body: str) -> Exception:
        found = f"status {status}: {self._shown(body)}"
        spent = status == 429 and "insufficient_quota" in body  # OpenAI's way to say that the account is empty
        if (status in _MAY_PASS or status >= 500) and not spent:
            return _Failed(found, after_s=_asked_wait_s(headers), general=status in _BUSY)
        if status in _OF_THE_REQUEST and _LONGER.search(body):
            return ContextExceeded(
                f"{self._where}: expected messages within the context of {self.name}, found {found}; "
                "give the model a longer context, or the agent a smaller one"
            )
        hint = _HINTS.get(status, "set right what it complains of").format(key=self._key_env)
        return _Failed(found, hint=hint, general=status not in _OF_THE_REQUEST)

    def _reply(self, content: bytes) -> Reply:
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            body = None
        match body:
            case {"choices": [{"message": {**message}} as choice, *_]}:
                text, calls = message.get("content") or "", message.get("tool_calls") or []
                if isinstance(text, str) and isinstance(calls, list) and all(map(_is_call, calls)):
                    return Reply(
                        text=text,
                        tool_calls=tuple(
                            ToolCall(str(call.get("id") or ""), call["function"]["name"], call["function"]["arguments"])
                            for call in calls
                        ),
                        usage=self._usage(body.get("usage")),
                        model=str(body.get("model") or self.name),
                        finish_reason=str(choice.get("finish_reason") or "stop"),
                    )
        raise _Failed(f"no chat completion: {self._shown(content.decode('utf-8', 'replace'))}")

    def _usage(self, told: Any) -> Usage:
        counts = [told.get(name) if isinstance(told, dict) else 0 for name in ("prompt_tokens", "completion_tokens")]
        prompt, completion = (max(count, 0) if isinstance(count, int) else 0 for count in counts)
        return Usage(prompt, completion, self._price.dollars(prompt, completion) if self._price else 0.0)

    def _shown(self, text: str) -> str:
        """`text` on one line, clipped, and without the key, which some endpoints repeat."""
        if len(self._key) >= _SHORTEST_SECRET:  # shorter ones are placeholders, and may be ordinary words
            text = text.replace(self._key, "***")
        return " ".join(clip(clean(text), _SHOWN).text.split()) or "nothing"


def _is_call(call: Any) -> bool:
    match call:
        case {"function": {"name": str(), "arguments": str()}}:
            return True
    return False


def _retrying(retries: int, backoff_s: float) -> AsyncRetrying:
    from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

    backoff = wait_random_exponential(multiplier=backoff_s, max=_LONGEST_BACKOFF_S)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.after_s if isinstance(error, _Failed) else None
        # Those who were told the same time should not all come back at that moment.
        return backoff(state) + (asked or 0.0)

    def may_pass(error: BaseException) -> bool:
        return isinstance(error, _Failed) and not error.hint and (error.after_s or 0.0) <= _LONGEST_WAIT_S

    return AsyncRetrying(
        stop=stop_after_attempt(1 + retries), wait=wait, retry=retry_if_exception(may_pass), reraise=True
    )


def _asked_wait_s(headers: Mapping[str, str]) -> float | None:
    """Seconds, from now on, of a response's Retry-After; None where there is none that can be understood."""
    asked = headers.get("retry-after", "")
    seconds = math.nan
    with contextlib.suppress(ValueError, OverflowError):
        seconds = parsedate_to_datetime(asked).timestamp() - time.time()
    with contextlib.suppress(ValueError):
        seconds = float(asked)
    return None if math.isnan(seconds) else max(seconds, 0.0)


def _without_secrets(base_url: str) -> str:
    """The URL without what may be a password in it. Raises ModelRefused where it is no URL."""
    try:
        parts = urlsplit(base_url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ModelRefused('expected base_url such as "http://127.0.0.1:8000/v1", found another form; set it right')
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
