"""What a build says of itself, from the messages of a daemon's build stream.

BuildKit packs its progress into protobuf messages (``moby.buildkit.v1.StatusResponse``); the few fields that name a
step and hold its output are read here without a protobuf library. The plain text of Podman and of
Docker's old builder is understood as well.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from ..text import clean

_TAIL = 30
_LONGEST_LINE = 4096
_TRACE = "moby.buildkit.trace"
# Fields of StatusResponse, Vertex and VertexLog.
_VERTEX, _LOG = 1, 3
_VERTEX_DIGEST, _VERTEX_NAME, _VERTEX_ERROR = 1, 3, 7
_LOG_VERTEX, _LOG_MESSAGE = 1, 4


class BuildLog:
    """The steps of a build as they go by, with the last lines of each."""

    def __init__(self) -> None:
        self.error = ""
        """The daemon's last word on a failed build, else ""."""
        self._names: dict[bytes, str] = {}
        self._lines: dict[bytes, deque[str]] = {}
        self._latest = b""
        self._failed = b""

    def feed(self, message: Mapping[str, Any]) -> None:
        """Take one JSON message of the stream."""
        if message.get("id") == _TRACE:
            self._take_trace(base64.b64decode(message["aux"]))
        elif "stream" in message:
            self._take_text(message["stream"])
        if "error" in message:
            self.error = str(message["error"])

    def failure(self) -> str:
        """Return the step that failed, or else the last one begun, why it did, and its last lines."""
        step = self._failed or self._latest
        name = self._names.get(step, "[internal]")
        if name.startswith("[internal]"):
            return f"the reading of the Dockerfile: {self.error}"
        lines = clean("".join(self._lines.get(step, ()))).strip("\n").splitlines()
        return "\n".join([f"step {name}: {self.error}", *lines])

    def _take_trace(self, trace: bytes) -> None:
        for number, value in _fields(trace):
            if number == _VERTEX:
                fields = dict(_fields(value))
                self._begin(fields[_VERTEX_DIGEST], fields.get(_VERTEX_NAME, b""))
                # The steps beside the one that failed end with an error too: cancelled.
                if b"context canceled" not in fields.get(_VERTEX_ERROR, b"context canceled"):
                    self._failed = fields[_VERTEX_DIGEST]
            elif number == _LOG:
                fields = dict(_fields(value))
                self._add(fields[_LOG_VERTEX], fields.get(_LOG_MESSAGE, b"").decode("utf-8", "replace"))

    def _take_text(self, text: str) -> None:
        if text.lower().startswith("step "):
            self._begin(text.encode(), text.strip().encode())
        else:
            self._add(self._latest, text)

    def _begin(self, step: bytes, name: bytes) -> None:
        if step not in self._names:
            self._names[step] = name.decode("utf-8", "replace")
            self._lines[step] = deque(maxlen=_TAIL)
            self._latest = step

    def _add(self, step: bytes, text: str) -> None:
        lines = self._lines.get(step)
        if lines is None:
            return
        for piece in text.splitlines(keepends=True):
            # A program that does not buffer, as curl on stderr, sends a line in pieces.
            if lines and not lines[-1].endswith("\n"):
                lines[-1] = (lines[-1] + piece)[-_LONGEST_LINE:]
            else:
                lines.append(piece)


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a protobuf message by number; numbers and times are passed over."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 2:
            size, at = _varint(message, at)
            yield key >> 3, message[at : at + size]
            at += size
        elif kind == 0:
            _, at = _varint(message, at)
        else:
            at += {1: 8, 5: 4}[kind]


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
