"""OpenAIModel against a real server that behaves well, badly and not at all."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from termigen_gym.errors import ContextExceeded, ModelError, ModelRefused, ModelUnavailable, RequestFailed
from termigen_gym.llm import OpenAIModel, Price, Reply, Request, ToolCall, Usage
from tests.endpoint import (
    Behaviour,
    Body,
    Endpoint,
    closes,
    completion,
    cuts,
    hangs,
    page,
    says,
    sends,
    stalls,
    status,
    trickles,
    waits_for,
)
from tests.waiting import wait_until

KEY = "sk-test-5f1d8c3b9a"
SHORT_S = 0.5
LONG_S = 20.0  # how long a failure takes; nothing waits for it


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def ask(purpose: str = "task-1/solver/0", content: str = "Hi", **changes: Any) -> Request:
    return Request(purpose, ({"role": "user", "content": content},), **changes)


def a_model(endpoint: Endpoint | str, **options: Any) -> OpenAIModel:
    url = endpoint if isinstance(endpoint, str) else endpoint.url
    return OpenAIModel("tiny", url, "MODEL_KEY", **{"timeout_s": LONG_S, "retries": 2, "backoff_s": 0.01, **options})


@contextmanager
def serving(
    *script: Behaviour, answer: Callable[[Body], Behaviour] | None = None, **options: Any
) -> Iterator[tuple[OpenAIModel, Endpoint]]:
    with Endpoint(answer or script) as endpoint, a_model(endpoint, **options) as model:
        yield model, endpoint


def test_a_reply_comes_with_what_it_took() -> None:
    with serving(says("Hello ✓", usage=(1000, 500)), price=Price(prompt=2.0, completion=8.0)) as (model, endpoint):
        reply = model.complete(ask())
    assert reply == Reply("Hello ✓", usage=Usage(1000, 500, 0.006), model="tiny-1")
    assert endpoint.bodies == [{"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}]
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"


def test_all_that_a_request_says_is_sent() -> None:
    tools = ({"type": "function", "function": {"name": "bash", "parameters": {"type": "object"}}},)
    request = ask(tools=tools, temperature=0.0, max_tokens=5, seed=7, stop=("\n", "END"))
    with serving(says("a"), says("b"), extra={"top_p": 0.9}) as (model, endpoint):
        model.complete(request)
    with Endpoint([says("b")]) as other, a_model(other, max_tokens_field="max_completion_tokens") as model:
        model.complete(ask(max_tokens=5))
    assert endpoint.bodies[0] == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": list(tools),
        "temperature": 0.0,
        "max_tokens": 5,
        "seed": 7,
        "stop": ["\n", "END"],
        "top_p": 0.9,
    }
    assert other.bodies[0]["max_completion_tokens"] == 5
    assert "max_tokens" not in other.bodies[0]


def test_half_a_surrogate_pair_can_be_said_and_heard() -> None:
    with serving(says("bad \ud800")) as (model, endpoint):
        assert model.complete(ask(content="worse \udcff")).text == "bad \ud800"
    assert endpoint.bodies[0]["messages"][0]["content"] == "worse ?"


def test_tool_calls_come_with_their_arguments_as_they_were_written() -> None:
    with serving(says(None, tools=[("bash", '{"command": "ls"}'), ("bash", "{broken")])) as (model, _):
        reply = model.complete(ask())
    assert reply.text == ""
    assert reply.finish_reason == "tool_calls"
    assert reply.tool_calls == (
        ToolCall("call-0", "bash", '{"command": "ls"}'),
        ToolCall("call-1", "bash", "{broken"),
    )


@pytest.mark.parametrize("usage", [None, {}, [], {"prompt_tokens": None, "completion_tokens": "many"}])
def test_an_endpoint_that_tells_no_usage_is_well(usage: Any) -> None:
    with serving(sends(json.dumps({**completion("Hello"), "usage": usage}).encode())) as (model, _):
        assert model.complete(ask()).usage == Usage()


def test_a_huge_reply_comes_whole() -> None:
    text = "0123456789abcdef" * 500_000
    with serving(says(text)) as (model, _):
        assert model.complete(ask()).text == text


PASSES: dict[str, Behaviour] = {
    **{f"status {code}": status(code) for code in (408, 409, 425, 429, 500, 502, 503, 529)},
    "retry-after": status(429, headers={"Retry-After": "0"}),
    "retry-after that is nonsense": status(429, headers={"Retry-After": "soon"}),
    "retry-after nan": status(429, headers={"Retry-After": "nan"}),
    "retry-after in the past": status(503, headers={"Retry-After": "Mon, 01 Jan 2024 00:00:00 GMT"}),
    "closes at once": closes(),
    "body cut": cuts(),
    "body of an error cut": cuts(code=500),
    "a page": page(),
    "no JSON": sends(b'{"choices": ['),
    "no text": sends(b"\xff\xfe\x00"),
    "nested too deeply": sends(b"[" * 100_000),
    "nothing": sends(b""),
    "a list": sends(b"[]"),
    "null": sends(b"null"),
    "an error with status 200": sends(b'{"error": {"message": "overloaded"}}'),
    "no choices": sends(b'{"choices": []}'),
    "choices null": sends(b'{"choices": null}'),
    "no message": sends(b'{"choices": [{"index": 0}]}'),
    "message null": sends(b'{"choices": [{"message": null}]}'),
    "content no text": sends(b'{"choices": [{"message": {"content": 5}}]}'),
    "calls no list": sends(b'{"choices": [{"message": {"tool_calls": 5}}]}'),
    "a call without arguments": sends(b'{"choices": [{"message": {"tool_calls": [{"function": {"name": "x"}}]}}]}'),
    "packed wrongly": lambda exchange: exchange.send(b"plain", headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("trouble", PASSES)
def test_what_may_pass_is_asked_again(trouble: str) -> None:
    with serving(PASSES[trouble], PASSES[trouble], says("Hello")) as (model, endpoint):
        assert model.complete(ask()).text == "Hello"
    assert len(endpoint.bodies) == 3


@pytest.mark.parametrize(
    ("trouble", "found"),
    [
        (status(500, "engine dead"), "status 500: .*dead"),
        (closes(), "RemoteProtocolError: "),
        (cuts(), "RemoteProtocolError: "),
        (page(), "no chat completion: <html>"),
        (sends(b'{"choices": []}'), "no chat completion: .*choices"),
        (sends(b""), "no chat completion: nothing"),
    ],
)
def test_what_does_not_pass_is_unavailable(trouble: Behaviour, found: str) -> None:
    told = f"'task-1/solver/0', found no answer in 3 attempts, the last: {found}"
    with serving(*[trouble] * 4) as (model, endpoint), pytest.raises(ModelUnavailable, match=told) as raised:
        model.complete(ask())
    assert str(raised.value).endswith("then resume the run")
    assert str(raised.value).startswith(endpoint.url)
    assert len(endpoint.bodies) == 4  # the last of them to see whether it answers others


@pytest.mark.parametrize(
    "busy",
    [*map(status, (408, 425, 429, 502, 503, 504, 529)), status(500, headers={"Retry-After": "0"})],
    ids=lambda busy: "",
)
def test_an_endpoint_that_says_that_it_is_busy_is_unavailable_whatever_it_answers_next(busy: Behaviour) -> None:
    with (
        serving(busy, busy, busy, says("too late")) as (model, endpoint),
        pytest.raises(ModelUnavailable, match="found no answer in 3 attempts, the last: status "),
    ):
        model.complete(ask())
    assert len(endpoint.bodies) == 3


BREAKS: dict[str, tuple[Behaviour, int]] = {
    "500": (status(500, "can't parse what the model wrote"), 3),
    "closes": (closes(), 3),
    "page": (page(), 3),
    "hangs": (hangs(), 3),
    "filtered": (status(400, "the content filter"), 1),
    "too large": (status(413), 1),
    "422": (status(422), 1),
}


@pytest.mark.parametrize("trouble", BREAKS)
def test_a_request_that_fails_where_others_are_answered_is_told_apart(trouble: str) -> None:
    def answer(body: Body) -> Behaviour:
        asked = body["messages"][0]["content"]
        seen.append(asked)
        return behaviour if asked == "break" else says("yes")

    behaviour, attempts = BREAKS[trouble]
    seen: list[str] = []
    with (
        serving(answer=answer, timeout_s=2 * SHORT_S) as (model, _),
        pytest.raises(RequestFailed, match=f"found no answer in {attempts} attempts, .* it answers another request"),
    ):
        model.complete(ask(content="break"))
    assert seen == ["break"] * attempts + ["Answer: yes"]


def test_nobody_at_the_address_is_unavailable() -> None:
    with Endpoint([]) as endpoint:
        url = endpoint.url
    with (
        a_model(url) as model,
        pytest.raises(ModelUnavailable, match="found no answer in 3 attempts, the last: ConnectError"),
    ):
        model.complete(ask())


@pytest.mark.parametrize(
    ("trouble", "hint"),
    [
        (status(400, "context too long"), "status 400: .*context too long.*; set right what it complains of"),
        (status(401, "bad key"), "status 401: .*bad key.*; is the key in MODEL_KEY right"),
        (status(402, "pay"), "status 402"),
        (status(403, "not you"), "status 403: .*may the key in MODEL_KEY use this model"),
        (status(404, "no such model"), "status 404: .*no such model.*base URL.*/v1.*model of this name"),
        (status(422, "no"), "status 422"),
        (status(304), "status 304: nothing"),
        (status(429, "you exceeded your quota", code="insufficient_quota"), "status 429: .*quota"),
    ],
)
def test_what_the_endpoint_refuses_is_not_asked_again(trouble: Behaviour, hint: str) -> None:
    with serving(answer=lambda body: trouble) as (model, endpoint), pytest.raises(ModelRefused, match=hint):
        model.complete(ask())
    told = str(hint).startswith(("status 400", "status 422"))  # which may be about what this one holds
    assert [body["messages"][0]["content"] for body in endpoint.bodies] == ["Hi", "Answer: yes"][: 1 + told]


@pytest.mark.parametrize(
    "trouble",
    [hangs(), stalls(), stalls(code=500), trickles(0.05), trickles(0.05, head=True)],
    ids=["hangs", "stalls", "stalls in an error", "body trickles", "head trickles"],
)
def test_an_answer_that_does_not_end_is_given_up(trouble: Behaviour) -> None:
    # On a busy machine a good answer may be late as well.
    with serving(trouble, *[says("Hello")] * 9, timeout_s=SHORT_S, retries=9) as (model, _):
        assert model.complete(ask()).text == "Hello"
    with serving(trouble, trouble, trouble, timeout_s=SHORT_S, retries=1) as (model, _):
        begun = time.monotonic()
        with pytest.raises(ModelUnavailable, match=r"in 2 attempts, the last: no whole answer within 0\.5 s"):
            model.complete(ask())
        assert 2 * SHORT_S <= time.monotonic() - begun < LONG_S


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for(form: str) -> None:
    def busy(body: Body) -> Behaviour:
        came.append(time.time())
        then = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
        told = "1" if form == "seconds" else format_datetime(then, usegmt=True)
        return status(429, headers={"Retry-After": told}) if len(came) == 1 else says("Hello")

    came: list[float] = []
    with serving(answer=busy) as (model, _):
        assert model.complete(ask()).text == "Hello"
    assert 0.9 <= came[1] - came[0] < LONG_S


@pytest.mark.parametrize("asked", ["86400", "inf", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_a_wait_of_hours_ends_the_run(asked: str) -> None:
    busy = status(429, headers={"Retry-After": asked})
    with serving(busy, says("no")) as (model, endpoint), pytest.raises(ModelUnavailable, match="in 1 attempts"):
        model.complete(ask())
    assert len(endpoint.bodies) == 1


def test_threads_share_a_model_up_to_its_concurrency() -> None:
    barrier = threading.Barrier(4)  # 4 at once must be let in, or none of them is answered
    with (
        serving(answer=lambda body: waits_for(barrier, body["messages"][0]["content"]), concurrency=4) as (
            model,
            endpoint,
        ),
        ThreadPoolExecutor(16) as threads,
    ):
        requests = [ask(f"p{number}", f"n{number}") for number in range(32)]
        replies = list(threads.map(model.complete, requests))
    assert [reply.text for reply in replies] == [f"n{number}" for number in range(32)]
    assert endpoint.most_at_once == 4


def test_threads_ask_again_each_for_itself() -> None:
    def unwell(body: Body) -> Behaviour:
        told = body["messages"][0]["content"]
        asked[told] += 1
        return says(told) if asked[told] == 3 else status(503, told)

    asked: Counter[str] = Counter()
    requests = [ask(f"p{number}", f"n{number}") for number in range(40)]
    with serving(answer=unwell, retries=2) as (model, _), ThreadPoolExecutor(20) as threads:
        assert [reply.text for reply in threads.map(model.complete, requests)] == [f"n{n}" for n in range(40)]
    assert set(asked.values()) == {3}
    with (
        serving(answer=lambda body: status(503, body["messages"][0]["content"]), retries=2) as (model, _),
        ThreadPoolExecutor(20) as threads,
    ):
        for number, waiting in enumerate([threads.submit(model.complete, request) for request in requests]):
            with pytest.raises(ModelUnavailable, match=f"'p{number}', found no answer in 3 attempts, .*n{number}"):
                waiting.result(LONG_S)


def test_waiting_for_a_turn_costs_no_time_limit() -> None:
    def slow(body: Body) -> Behaviour:
        def behave(exchange: Any) -> None:
            exchange.rest(0.3)
            says("Hello")(exchange)

        return behave

    with (
        serving(answer=slow, concurrency=1, timeout_s=3.0, retries=0) as (model, endpoint),
        ThreadPoolExecutor(12) as threads,
    ):
        replies = list(threads.map(model.complete, [ask(f"p{number}") for number in range(12)]))  # 3.6 s in all
    assert len(replies) == 12
    assert endpoint.most_at_once == 1


def test_close_ends_what_is_waited_for() -> None:
    with Endpoint([hangs()]) as endpoint:
        model = a_model(endpoint)
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(model.complete, ask())
            wait_until(lambda: bool(endpoint.bodies))
            model.close()
            with pytest.raises(ModelError, match="found the model closed while it was waited for"):
                waiting.result(LONG_S)
        model.close()
        with pytest.raises(ModelError, match="expected a model that is open, found it closed"):
            model.complete(ask())


def test_a_model_that_is_let_go_of_ends_its_thread() -> None:
    def ours() -> set[str]:
        return {thread.name for thread in threading.enumerate() if thread.name == "chat-model"}

    with Endpoint([says("Hello")]) as endpoint:
        model = a_model(endpoint)
        assert model.complete(ask()).text == "Hello"
        assert ours()
        del model
        gc.collect()
        wait_until(lambda: not ours())


def test_a_model_that_is_left_open_lets_the_process_end() -> None:
    code = """if True:
        import sys
        from termigen_gym.llm import OpenAIModel, Request
        model = OpenAIModel("tiny", sys.argv[1], "")
        print(model.complete(Request("p", ({"role": "user", "content": "Hi"},))).text)
    """
    with Endpoint([says("Hello")]) as endpoint:
        argv = [sys.executable, "-W", "error", "-c", code, endpoint.url]
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        assert (ended.stdout, ended.stderr, ended.returncode) == ("Hello\n", "", 0)
        assert endpoint.headers[0]["authorization"] == "Bearer none"


def test_an_event_loop_in_the_asking_thread_does_not_matter() -> None:
    import asyncio

    async def within(model: OpenAIModel) -> str:  # as a notebook does
        return model.complete(ask()).text

    with serving(says("Hello")) as (model, _):
        assert asyncio.run(within(model)) == "Hello"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"timeout_s": 0}, "found 0, 5, 1.0, 16"),
        ({"retries": -1}, "retries"),
        ({"backoff_s": -1}, "backoff_s"),
        ({"concurrency": 0}, "concurrency"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        OpenAIModel("tiny", "http://127.0.0.1:1/v1", "", **options)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8000/v1", "file:///etc/passwd", "http://", "http://a:b:c/", "http://[x"]
)
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ModelRefused, match="expected base_url such as"):
        OpenAIModel("tiny", url, "")


# Secrets


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_a_missing_key_is_refused_by_the_name_of_its_variable(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODEL_KEY") if value is None else monkeypatch.setenv("MODEL_KEY", value)
    with pytest.raises(ModelRefused, match=r'in MODEL_KEY, found none; set .*api_key_env=""'):
        a_model("http://127.0.0.1:1/v1")


@pytest.mark.parametrize(
    ("number", "message", "fields"),
    [
        (400, "Please reduce the length of the messages.", {"code": "context_length_exceeded"}),
        (400, "This model's maximum context length is 4096 tokens. However, you requested 4100 tokens.", {}),
        (400, "The decoder prompt (length 9) is longer than the maximum model length of 8.", {}),
        (400, "The input (9 tokens) is longer than the model's context length (8 tokens).", {}),
        (400, "the request exceeds the available context size, try increasing it", {}),
        (413, "prompt is too long: 9 tokens > 8 maximum", {}),
    ],
)
def test_messages_that_are_too_long_for_the_model_are_an_error_of_their_own(
    number: int, message: str, fields: dict[str, Any]
) -> None:
    told = pytest.raises(ContextExceeded, match=f"found status {number}: .* give the model a longer context")
    with serving(status(number, message, **fields)) as (model, endpoint), told:
        model.complete(ask())
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize("value", [f"{KEY}\n{KEY}", f"{KEY} x", f"{KEY}é"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEY", value)
    with pytest.raises(ModelRefused, match="of printable ASCII") as raised:
        a_model("http://127.0.0.1:1/v1")
    assert KEY not in everything(raised.value)


def test_blanks_around_a_key_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEY", f" {KEY}\n")
    with serving(says("Hello")) as (model, endpoint):
        model.complete(ask())
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_key_in_place_of_its_variable_is_not_shown() -> None:
    with pytest.raises(ModelRefused, match="the variable that api_key_env names") as raised:
        OpenAIModel("tiny", "http://127.0.0.1:1/v1", "hf_aBcDeFgH")
    assert "hf_aBcDeFgH" not in everything(raised.value)


def everything(error: BaseException) -> str:
    """What anybody could print of an error."""
    texts = []
    found: BaseException | None = error
    while found is not None:
        texts += [str(found), repr(found), repr(vars(found))]
        found = found.__cause__ or found.__context__
    return "\n".join(texts)


@pytest.mark.parametrize(
    "trouble",
    [
        status(401, f"{'x' * 290}{KEY}{'x' * 290}"),  # where clipping would cut it in two
        status(401, f"Incorrect API key: {KEY}"),
        status(500, KEY),
        sends(KEY.encode()),
        closes(),
        cuts(),
        hangs(),
    ],
)
def test_no_error_shows_the_key(trouble: Behaviour) -> None:
    with serving(trouble, retries=0, timeout_s=SHORT_S) as (model, _):
        with pytest.raises(ModelError) as raised:
            model.complete(ask())
        assert KEY[:8] not in everything(raised.value)
        assert KEY not in repr(model)


def test_no_error_shows_a_password_of_the_address() -> None:
    url = "http://user:hunter22@127.0.0.1:1/v1?token=hunter22"
    with a_model(url, retries=0) as model:
        with pytest.raises(ModelUnavailable, match=r"http://127\.0\.0\.1:1/v1: ") as raised:
            model.complete(ask())
        assert "hunter22" not in everything(raised.value) + repr(model)


@pytest.mark.parametrize("missing", ["openai", "tenacity"])
def test_a_missing_package_is_told_where_a_model_is_made(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModuleNotFoundError) as raised:
        a_model("http://127.0.0.1:1/v1")
    assert raised.value.name == missing  # by which the command line says what to install
