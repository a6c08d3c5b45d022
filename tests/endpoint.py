"""An OpenAI-compatible endpoint that does what a script says, well or badly; over real sockets.

with Endpoint([status(503), says("Hello")]) as endpoint:
    ...  # endpoint.url, and endpoint.bodies: what it was asked
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, TypeAlias

Body: TypeAlias = dict[str, Any]


class Exchange(BaseHTTPRequestHandler):
    """One connection; a behaviour answers through it."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        behave = self.server.endpoint.next(self.path, headers, json.loads(data))
        behave(self)

    def send(self, data: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Answer well."""
        self.head(len(data), status=status, headers=headers)
        self.wfile.write(data)

    def head(self, length: int, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Send the head of an answer of so many bytes."""
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(length),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()

    def rest(self, seconds: float | None = None) -> bool:
        """Wait, or hang; return whether the endpoint was left meanwhile."""
        return self.server.endpoint.left.wait(seconds)

    def log_message(self, format: str, *args: Any) -> None:
        pass


Behaviour: TypeAlias = Callable[[Exchange], None]
Script: TypeAlias = Iterable[Behaviour] | Callable[[Body], Behaviour]


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined at the end
    request_queue_size = 128

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.open: set[socket.socket] = set()
        self.wrong: list[BaseException] = []
        super().__init__(("127.0.0.1", 0), Exchange)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):  # the client may go away
            self.wrong.append(error)


class Endpoint:
    """Serves while the ``with`` block runs.

    Args:
        script: behaviours, one for each request in the order in which they come (a request after the last of them is
            refused with status 400), or a function from a request's body to one.

    Attributes:
        url: the base URL.
        bodies: what it was asked.
        headers: that came along; their names in lower case.
        most_at_once: requests that were being answered at the same time.
    """

    def __init__(self, script: Script) -> None:
        self.bodies: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.most_at_once = 0
        self.left = threading.Event()
        self._at_once = 0
        self._script = script if callable(script) else iter(script)
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="endpoint")

    def __enter__(self) -> Endpoint:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.left.set()
        self._server.shutdown()
        self._thread.join()
        for connection in list(self._server.open):  # those that clients keep for later
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._server.server_close()
        assert not self._server.wrong, self._server.wrong

    def next(self, path: str, headers: dict[str, str], body: Body) -> Behaviour:
        """Return what is to be done with a request."""
        with self._lock:
            self.bodies.append(body)
            self.headers.append(headers)
            if path != "/v1/chat/completions":
                return status(404, f"no such path: {path}")
            behaviour = (
                self._script(body)
                if callable(self._script)
                else next(self._script, status(400, "the script of this endpoint is at its end"))
            )
        return lambda exchange: self._count(behaviour, exchange)

    def _count(self, behaviour: Behaviour, exchange: Exchange) -> None:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            behaviour(exchange)
        finally:
            with self._lock:
                self._at_once -= 1


def completion(
    text: str | None = "", *, tools: Sequence[tuple[str, str]] = (), usage: tuple[int, int] = (7, 3), **fields: Any
) -> Body:
    """The body of an answer; `tools` are names and arguments, `fields` go in place of the body's own."""
    calls = [
        {"id": f"call-{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(tools)
    ]
    message = {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "tiny-1",
        "choices": [{"index": 0, "finish_reason": "tool_calls" if calls else "stop", "message": message}],
        "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)},
        **fields,
    }


def says(text: str | None = "", **fields: Any) -> Behaviour:
    """Answers; arguments as those of `completion`."""
    return sends(json.dumps(completion(text, **fields)).encode())


def sends(data: bytes, kind: str = "application/json") -> Behaviour:
    """Answers with status 200 and any bytes."""
    return lambda exchange: exchange.send(data, headers={"Content-Type": kind})


def page() -> Behaviour:
    """Answers with HTML, as a proxy does."""
    return sends(b"<html><body>It works!</body></html>", "text/html")


def status(number: int, message: str = "no", headers: Mapping[str, str] | None = None, **fields: Any) -> Behaviour:
    """Answers with an error; `fields` go beside its message."""
    data = json.dumps({"error": {"message": message, **fields}}).encode()
    return lambda exchange: exchange.send(data, status=number, headers=headers)


def hangs() -> Behaviour:
    """Takes the request and never answers."""

    def behave(exchange: Exchange) -> None:
        exchange.rest()
        exchange.close_connection = True

    return behave


def closes() -> Behaviour:
    """Closes the connection in place of an answer."""

    def behave(exchange: Exchange) -> None:
        exchange.close_connection = True

    return behave


def cuts(text: str = "Hello", code: int = 200) -> Behaviour:
    """Closes the connection in the middle of the body."""

    def behave(exchange: Exchange) -> None:
        data = json.dumps(completion(text)).encode()
        exchange.head(len(data), status=code)
        exchange.wfile.write(data[: len(data) // 2])
        exchange.close_connection = True

    return behave


def stalls(text: str = "Hello", code: int = 200) -> Behaviour:
    """Sends half of the body and no more."""

    def behave(exchange: Exchange) -> None:
        data = json.dumps(completion(text)).encode()
        exchange.head(len(data), status=code)
        exchange.wfile.write(data[: len(data) // 2])
        exchange.rest()
        exchange.close_connection = True

    return behave


def trickles(pause_s: float, *, head: bool = False) -> Behaviour:
    """Sends a byte now and then and never ends: of the body, or of the head."""

    def behave(exchange: Exchange) -> None:
        if head:
            exchange.wfile.write(b"HTTP/1.1 200 OK\r\nX-Padding: ")
        else:
            exchange.head(1_000_000)
        while not exchange.rest(pause_s):
            exchange.wfile.write(b" ")
        exchange.close_connection = True

    return behave


def waits_for(others: threading.Barrier, text: str = "Hello") -> Behaviour:
    """Answers when so many requests are there at once."""

    def behave(exchange: Exchange) -> None:
        others.wait(20)
        says(text)(exchange)

    return behave
