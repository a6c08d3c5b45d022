"""Recordings: nothing is paid for twice, nothing torn is replayed, nothing foreign is written to."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from termigen_gym.errors import ModelError, ModelUnavailable, RequestFailed
from termigen_gym.llm import (
    Budget,
    Budgeted,
    Cassette,
    OpenAIModel,
    Recorder,
    Reply,
    Request,
    Scripted,
    ToolCall,
    Usage,
)
from tests.endpoint import Endpoint, says
from tests.waiting import Process

ECHO = Scripted(lambda request: Reply(f"to {request.purpose}", usage=Usage(1, 1)), name="echo")
MUTE = Scripted({}, name="mute")  # asking it is an error


def ask(purpose: str, content: str = "Hi") -> Request:
    return Request(purpose, ({"role": "user", "content": content},))


def failing(error: ModelError) -> Scripted:
    def fails(request: Request) -> str:
        raise error

    return Scripted(fails)


def record(path: Path, *purposes: str) -> list[Reply]:
    with Recorder(ECHO, path) as model:
        return [model.complete(ask(purpose)) for purpose in purposes]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(
            "é✓\u2028\x85 \ud800 \x00\x1b line\r\nline\n",
            (ToolCall("1", "bash", "{"),),
            Usage(1, 2, 0.5),
            "m",
            "length",
        ),
        Reply(""),
        Reply("long " * 100_000),
    ],
)
def test_a_reply_comes_back_as_it_was(reply: Reply, tmp_path: Path) -> None:
    path = tmp_path / "made" / "calls.jsonl"
    with Recorder(Scripted(lambda _: reply, name="tiny"), path) as model:
        assert model.name == "tiny"
        assert model.complete(ask("a")) == reply
        assert model.complete(ask("b")) == reply
    assert path.read_bytes().count(b"\n") == 2
    cassette = Cassette(path)
    assert cassette.name == "tiny"
    assert [cassette.complete(ask(purpose)) for purpose in "baab"] == [reply] * 4


def test_what_is_recorded_is_not_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    before = record(path, "a", "b")
    with Recorder(MUTE, path) as model:
        assert [model.complete(ask(purpose)) for purpose in "ab"] == before
        with pytest.raises(ModelError, match="in the script"):
            model.complete(ask("c"))
    record(path, "a", "c")
    assert Cassette(path).complete(ask("c")).text == "to c"
    assert len(path.read_text().splitlines()) == 3


def test_a_line_says_what_was_asked(tmp_path: Path) -> None:
    record(tmp_path / "brief.jsonl", "a")
    with Recorder(ECHO, tmp_path / "full.jsonl", messages=True) as model:
        model.complete(ask("a"))
    brief, full = (json.loads((tmp_path / name).read_text()) for name in ("brief.jsonl", "full.jsonl"))
    assert list(brief) == ["schema", "purpose", "model", "request", "reply"]
    assert brief["request"] == ask("other purpose").digest
    assert full == {**brief, "messages": [{"role": "user", "content": "Hi"}]}


def test_requests_that_are_others_now_are_told(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    record(path, "a", "b")
    with Recorder(MUTE, path) as recorder:
        for model in (recorder, Cassette(path)):
            assert model.complete(ask("a", "another question")).text == "to a"
            model.complete(ask("b"))
            assert model.drifted == {"a"}


def test_a_missing_purpose_is_named(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    record(path, "a")
    with pytest.raises(ModelError, match="expected a reply to 'b', found a recording that does not hold it") as raised:
        Cassette(path).complete(ask("b"))
    assert str(path) in str(raised.value)


def test_a_cassette_needs_a_file_and_a_recorder_none(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"expected a recording: .*No such file"):
        Cassette(tmp_path / "none.jsonl")
    record(tmp_path / "empty.jsonl")
    assert Cassette(tmp_path / "empty.jsonl").name == "cassette"
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="expected a file to write to"):
        Recorder(ECHO, tmp_path / "file" / "calls.jsonl")


def test_a_failure_is_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    with Recorder(failing(ModelUnavailable("down")), path) as model, pytest.raises(ModelUnavailable):
        model.complete(ask("a"))
    assert path.read_bytes() == b""
    assert record(path, "a")[0].text == "to a"


def test_that_one_request_failed_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    with Recorder(failing(RequestFailed("not this one")), path) as model, pytest.raises(RequestFailed):
        model.complete(ask("a"))
    for replayed in (Recorder(MUTE, path), Cassette(path)):
        with pytest.raises(RequestFailed, match=r"^not this one$"):
            replayed.complete(ask("a"))
    path.write_text(path.read_text().replace('"not this one"', "7"))
    with pytest.raises(ModelError, match="line 1: expected failed, of type str, found int"):
        Cassette(path)


# Crashes


def test_a_line_that_was_cut_anywhere_is_as_if_never_written(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    record(path, "a")
    whole = path.read_bytes()
    record(path, "b")
    last = path.read_bytes()[len(whole) :]
    for cut in range(len(last)):
        path.write_bytes(whole + last[:cut])
        cassette = Cassette(path)
        assert cassette.complete(ask("a")).text == "to a"
        with pytest.raises(ModelError, match="does not hold it"):
            cassette.complete(ask("b"))
        record(path, "b")
        assert path.read_bytes() == whole + last


_WRITER = """
import sys
from termigen_gym.llm import Recorder, Request, Scripted
model = Recorder(Scripted(lambda request: request.purpose), sys.argv[1])
number = 0
while True:
    model.complete(Request(f"p{number}", ()))
    print(number, flush=True)
    number += 1
"""


def test_a_killed_recorder_loses_nothing_that_it_returned(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    argv = [sys.executable, "-c", _WRITER, str(path)]
    with Process(argv) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            last = int(writer.stdout.readline())
        with pytest.raises(ModelError, match="found one at work"):
            Recorder(MUTE, path)
        os.kill(writer.pid, signal.SIGKILL)
        for line in writer.stdout:
            last = int(line)
    with Recorder(MUTE, path) as model:  # the lock died with its owner
        for number in range(last + 1):
            assert model.complete(Request(f"p{number}", ())).text == f"p{number}"


def test_a_full_disk_leaves_nothing_of_the_call(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    record(path, "a")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Recorder(ECHO, path) as model:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 40, before[1]))
        try:
            with pytest.raises(ModelError, match="only 40 went: is the disk full"):
                model.complete(ask("b"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
        model.complete(ask("c"))
    assert [json.loads(line)["purpose"] for line in path.read_text().splitlines()] == ["a", "c"]


# Writers


def test_a_second_recorder_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    with Recorder(ECHO, path) as model:
        with pytest.raises(ModelError, match="expected no other writer, found one at work"):
            Recorder(ECHO, path)
        model.complete(ask("a"))
        assert Cassette(path).complete(ask("a")).text == "to a"  # reading needs no lock
    record(path, "b")
    with pytest.raises(ModelError, match="expected an open file, found it closed"):
        model.complete(ask("c"))


def test_threads_pay_for_a_purpose_once(tmp_path: Path) -> None:
    together = threading.Barrier(8)
    script = Scripted(lambda request: request.purpose)
    with Recorder(script, tmp_path / "calls.jsonl") as model, ThreadPoolExecutor(8) as threads:

        def work(thread: int) -> list[str]:
            together.wait(20)
            return [model.complete(ask(f"p{number}")).text for number in range(50)]

        texts = list(threads.map(work, range(8)))
    assert texts == [[f"p{number}" for number in range(50)]] * 8
    assert len(script.requests) == 50
    assert len((tmp_path / "calls.jsonl").read_text().splitlines()) == 50


def test_purposes_are_asked_side_by_side(tmp_path: Path) -> None:
    together = threading.Barrier(4)  # unless 4 are being asked at once, none of them is answered

    def answer(request: Request) -> str:
        together.wait(20)
        return "Hello"

    with Recorder(Scripted(answer), tmp_path / "calls.jsonl") as model, ThreadPoolExecutor(4) as threads:
        assert len(list(threads.map(model.complete, map(ask, "abcd")))) == 4


# Files that are no recordings

GOOD: dict[str, Any] = {"schema": 1, "purpose": "a", "model": "m", "request": "0", "reply": Reply("x").to_dict()}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("not json", "expected a recorded call as JSON"),
        ("[" * 100_000, "expected a recorded call as JSON"),
        ("", "expected a recorded call as JSON"),
        ("[]", "schema 1, found 'list'"),
        (json.dumps({**GOOD, "schema": 2}), "schema 1, found 2"),
        (json.dumps({**GOOD, "purpose": None}), "expected purpose, of type str, found NoneType"),
        (json.dumps({**GOOD, "request": 5}), "expected request, of type str"),
        (json.dumps({**GOOD, "reply": None}), "expected text, of type str"),
        (json.dumps({**GOOD, "reply": {"text": "x"}}), "expected tool_calls, of type list"),
        (json.dumps(GOOD), "expected each purpose once, found 'a' again"),
    ],
)
def test_a_malformed_line_is_named_and_left_alone(line: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n{line}\n{json.dumps({**GOOD, 'purpose': 'b'})}\n")
    before = path.read_bytes()
    for opens in (lambda: Cassette(path), lambda: Recorder(MUTE, path)):
        with pytest.raises(ModelError, match=complaint) as raised:
            opens()
        assert f"{path}, line 2: " in str(raised.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"my notes", b'{"schema": 1}\nmy notes', b"\xff\xfe", b'{"other": 1}'])
def test_a_file_of_something_else_is_not_cut(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"line [12]: expected"):
        Recorder(MUTE, path)
    assert path.read_bytes() == content


def test_a_recording_that_changes_under_its_reader_is_told(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    record(path, "a")
    cassette = Cassette(path)
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(ModelError, match="expected the recording as it was when it was opened"):
        cassette.complete(ask("a"))


# With the others


def test_a_budget_around_a_recorder_is_that_of_the_run(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    record(path, "a", "b")
    with Recorder(ECHO, path) as recorder:
        around = Budgeted(recorder, Budget())
        around.complete(ask("a"))
    inside = Budgeted(ECHO, Budget())
    with Recorder(inside, path) as recorder:
        recorder.complete(ask("a"))
    assert (around.spent.tokens, inside.spent.tokens) == (2, 0)


def test_the_key_is_not_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEY", "sk-test-5f1d8c3b9a")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    path = tmp_path / "calls.jsonl"
    with (
        Endpoint([says("Hello")]) as endpoint,
        OpenAIModel("tiny", endpoint.url, "MODEL_KEY", retries=0) as model,
        Recorder(model, path, messages=True) as recorder,
    ):
        assert recorder.complete(ask("a")).text == "Hello"
    assert "sk-test" not in path.read_text()
    assert Cassette(path).complete(ask("a")).text == "Hello"
