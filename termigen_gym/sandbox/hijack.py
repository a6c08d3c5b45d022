"""The connection that a daemon gives up to a command's streams (an HTTP upgrade), and what comes over it."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

_CHUNK = 1 << 18
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_HEADER = 8  # of a frame: which stream, three zeros, the size in four bytes


class Stream:
    """The bytes of one command, both ways. Whoever made it closes it."""

    def __init__(self, response: Any) -> None:
        """Take over the connection of a `requests.Response` that the daemon has upgraded."""
        reader = response.raw._fp.fp
        self._response = response
        self._socket: socket.socket = reader.raw._sock
        self._socket.settimeout(0)
        self._relayed: tuple[socket.socket, threading.Thread] | None = None
        # What came along with the HTTP headers lies in the reader's buffer; from here on only the socket is read.
        try:
            self._early: bytes = reader.read1(_CHUNK) or b""
        except ssl.SSLWantReadError:
            self._early = b""

    def read(self, deadline: float, size: int = _CHUNK) -> bytes:
        """Return the next bytes, at most `size`; b"" at the end.

        Raises:
            TimeoutError: none came until the `deadline` on the monotonic clock.
        """
        if self._early:
            data, self._early = self._early[:size], self._early[size:]
            return data
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket.recv(size)

    def read_line(self, deadline: float) -> bytes:
        """Return the bytes up to a newline or the end, and not one more.

        Raises:
            TimeoutError: as `read`.
        """
        line = b""
        while not line.endswith(b"\n"):
            byte = self.read(deadline, 1)
            if not byte:
                break
            line += byte
        return line

    def write(self, data: bytes) -> None:
        """Send bytes to the command."""
        self._socket.settimeout(None)
        self._socket.sendall(data)

    def fileno(self) -> int:
        """Return a blocking descriptor of what has not been read yet and, the other way, of the command's input."""
        if isinstance(self._socket, ssl.SSLSocket):
            self._relayed = self._relayed or _relay(self._socket)
            return self._relayed[0].fileno()
        self._socket.settimeout(None)
        return self._socket.fileno()

    def close(self) -> None:
        """End the connection; the command is not told."""
        if self._relayed is not None:
            relayed, thread = self._relayed
            relayed.close()
            thread.join()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._response.close()


def _relay(encrypted: ssl.SSLSocket) -> tuple[socket.socket, threading.Thread]:
    """Return one end of a plain socket pair, and the thread that connects its other end with `encrypted`."""
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=_pump, args=(encrypted, theirs), daemon=True)
    thread.start()
    return ours, thread


def _pump(encrypted: ssl.SSLSocket, plain: socket.socket) -> None:
    """Carry bytes both ways until an end closes. One thread: two may not use an SSL connection at once."""
    inward = outward = b""
    encrypted.setblocking(False)
    plain.setblocking(False)
    with plain, contextlib.suppress(OSError, EOFError):
        while True:
            if inward or not encrypted.pending():
                sources = [*(() if inward else (encrypted,)), *(() if outward else (plain,))]
                targets = [*((plain,) if inward else ()), *((encrypted,) if outward else ())]
                select.select(sources, targets, [])
            inward = _send(plain, inward or _receive(encrypted))
            outward = _send(encrypted, outward or _receive(plain))


def _receive(source: socket.socket) -> bytes:
    """Return what is there, b"" for nothing yet; EOFError at the end."""
    try:
        data = source.recv(_CHUNK)
    except _NOT_NOW:
        return b""
    if not data:
        raise EOFError
    return data


def _send(target: socket.socket, data: bytes) -> bytes:
    """Send what can be sent at once and return the rest."""
    try:
        return data[target.send(data) :] if data else b""
    except _NOT_NOW:
        return data


class Output:
    """The first `limit` bytes of a command's output, taken out of the frames in which a daemon sends them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._header = b""
        self._left = 0
        self.truncated = False
        """Whether there was more."""

    @property
    def data(self) -> bytes:
        """What was kept."""
        return bytes(self._kept)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        for piece in self._payload(data):
            room = self._limit - len(self._kept)
            self._kept += piece[:room]
            self.truncated = self.truncated or len(piece) > room

    def _payload(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._left:
                piece, data = data[: self._left], data[self._left :]
                self._left -= len(piece)
                yield piece
                continue
            missing = _HEADER - len(self._header)
            self._header, data = self._header + data[:missing], data[missing:]
            if len(self._header) == _HEADER:
                self._left = int.from_bytes(self._header[4:], "big")
                self._header = b""


def drain(stream: Stream, output: Output, deadline: float) -> bool:
    """Take output until its end, or return False at the deadline."""
    try:
        while data := stream.read(deadline):
            output.feed(data)
    except TimeoutError:
        return False
    return True
