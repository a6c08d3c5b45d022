"""Recordings of what models said: replayed without them, and resumed without paying twice.

A recording is a JSONL file, one call a line:

    {"schema": 1, "purpose": ..., "model": ..., "request": its digest, "reply": {...}, "messages": [...] where kept}

or, where the endpoint answers others but not this one, "failed" with what was said, in place of "reply".
A call is in it when its newline is. A last line without one is what a crash in mid-write left: readers pass over it,
and the next writer cuts it off. Replies are found by purpose alone, since what a terminal shows is seldom the same
twice; `drifted` tells which requests were not those that had been recorded.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import ModelError, RequestFailed
from ..lines import Lines
from .base import ChatModel, Reply, Request

SCHEMA = 1

_BEGINNING = b'{"schema": '


class Cassette:
    """Replays a recording; asks nobody. Many threads may share one, and a Recorder may go on writing meanwhile.

    Attributes:
        name: of the model that was recorded first; "cassette" where the recording is empty.
        drifted: the purposes whose requests were not the recorded ones.

    Raises:
        ModelError: the file can't be read or is not a recording; names the line.
    """

    def __init__(self, path: Path | str) -> None:
        self._tape = _Tape(Path(path))
        self.name = self._tape.model or "cassette"
        self.drifted = self._tape.drifted

    def complete(self, request: Request) -> Reply:
        """Return the recorded reply.

        Raises:
            ModelError: the recording holds none for this purpose. RequestFailed: as recorded.
        """
        reply = self._tape.find(request)
        if reply is None:
            raise ModelError(
                f"{self._tape.path}: expected a reply to {request.purpose!r}, found a recording that does not hold it; "
                "replay the run that was recorded, or record this one"
            )
        return reply


class Recorder:
    """A model whose replies are kept: what is in the recording is not asked for again.

    Many threads may share one; those that ask for the same purpose at once get one reply. It is the file's one writer,
    in all processes, until `close`.

    Args:
        model: asked for what the recording does not hold.
        path: of the recording; made where there is none.
        messages: keep them as well, for people to read; a recording of agents grows with the square of their turns.

    Attributes:
        name: the model's.
        drifted: the purposes that were answered from the recording although their requests are others now.

    Raises:
        ModelError: another recorder has the file, or it can't be written, or it is not a recording (it is left alone).
    """

    def __init__(self, model: ChatModel, path: Path | str, *, messages: bool = False) -> None:
        self.name = model.name
        self._model = model
        self._messages = messages
        self._path = Path(path)
        self._lock = threading.Lock()
        self._asking: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lines = Lines(self._path, ModelError)
        try:
            self._tape = _Tape(self._path)
            self._lines.cut()
        except BaseException:
            self.close()
            raise
        self.drifted = self._tape.drifted

    def complete(self, request: Request) -> Reply:
        """Return the recorded reply, or ask the model and record what it says; that is on the disk then.

        Raises:
            ModelError: as the model does, or the disk refused. RequestFailed is recorded too, no other failure is.
        """
        with self._lock:
            asking = self._asking[request.purpose]
        with asking:
            reply = self._tape.find(request)
            if reply is None:
                try:
                    reply = self._model.complete(request)
                except RequestFailed as failed:
                    self._append(request, {"failed": str(failed)})
                    raise
                self._append(request, {"reply": reply.to_dict()})
            return reply

    def close(self) -> None:
        """Let go of the file. Idempotent; replies that are not recorded yet are refused afterwards."""
        self._lines.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, request: Request, outcome: Mapping[str, Any]) -> None:
        call: dict[str, Any] = {
            "schema": SCHEMA,
            "purpose": request.purpose,
            "model": self.name,
            "request": request.digest,
            **outcome,
        }
        if self._messages:
            call["messages"] = request.to_dict()["messages"]
        line = json.dumps(call).encode() + b"\n"
        start = self._lines.append(line)
        with self._lock:
            self._tape.add(call, start, len(line))


class _Tape:
    """Where in the file each purpose is; replies stay on the disk, since there may be many.

    Attributes:
        model: of the first line; "" where there is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = ""
        self.drifted: set[str] = set()
        self._places: dict[str, tuple[int, int]] = {}
        try:
            with path.open("rb") as file:
                end = 0
                for number, line in enumerate(file, start=1):
                    self._take(number, line, end)
                    end += len(line)
        except OSError as error:
            raise ModelError(f"{path}: expected a recording: {error}") from None

    def add(self, call: dict[str, Any], start: int, length: int) -> None:
        self._places[call["purpose"]] = (start, length)
        self.model = self.model or call["model"]

    def find(self, request: Request) -> Reply | None:
        place = self._places.get(request.purpose)
        if place is None:
            return None
        start, length = place
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                call = _call(file.read(length))
        except (OSError, ModelError) as error:
            raise ModelError(f"{self.path}: expected the recording as it was when it was opened: {error}") from None
        if call["request"] != request.digest:
            self.drifted.add(request.purpose)
        if "failed" in call:
            raise RequestFailed(call["failed"])
        return Reply.from_dict(call["reply"])

    def _take(self, number: int, line: bytes, start: int) -> None:
        if not line.endswith(b"\n"):
            # Only what a recorder may have left is passed over, and cut off by the next: not somebody's other file.
            if not (line.startswith(_BEGINNING) or _BEGINNING.startswith(line)):
                raise ModelError(f"{self.path}, line {number}: expected a recorded call, found something else")
            return
        try:
            call = _call(line)
        except ModelError as error:
            raise ModelError(f"{self.path}, line {number}: {error}") from None
        if call["purpose"] in self._places:
            raise ModelError(f"{self.path}, line {number}: expected each purpose once, found {call['purpose']!r} again")
        self.add(call, start, len(line))


def _call(line: bytes) -> dict[str, Any]:
    """A line's call, of which all that is used later is there."""
    try:
        call = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"expected a recorded call as JSON: {error}") from None
    if not isinstance(call, dict) or call.get("schema") != SCHEMA:
        found = call.get("schema") if isinstance(call, dict) else type(call).__name__
        raise ModelError(f"expected a recorded call of schema {SCHEMA}, found {found!r}")
    for name in ("purpose", "model", "request", *(["failed"] if "failed" in call else [])):
        if not isinstance(call.get(name), str):
            raise ModelError(f"expected {name}, of type str, found {type(call.get(name)).__name__}")
    if "failed" not in call:
        Reply.from_dict(call.get("reply") or {})
    return call
