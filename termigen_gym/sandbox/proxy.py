"""The proxy that is all of the network which a sandbox with an allowlist has: plain HTTP, and CONNECT for the rest.

It runs in threads of this process and listens on a socket that was made inside the sandbox's network namespace, which
has nothing else. What comes over it is hostile: everything is bounded in size, number and time. It does not look into
TLS: whatever an allowed host serves there, under whichever name, can be reached.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence

from .allowlist import Allowlist, Denied, split

PORT = 3128
"""Where it listens inside, on 127.0.0.1."""
THREADS = "termigen-proxy"
_CONNECTIONS = 64
_HEAD_LIMIT = 16 * 1024
_HEAD_S = 30.0
_CONNECT_S = 20.0
_IDLE_S = 300.0
_CHUNK = 1 << 16
_BUSY_S = 0.1
_CLOSE_S = 2.0

_REQUEST = re.compile(r"([A-Z]{1,20}) (\S+) HTTP/1\.[01]", re.ASCII)
_TARGET = re.compile(r"http://([^/?#@]+)((?:[/?][^#]*)?)", re.ASCII | re.IGNORECASE)
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*)", re.ASCII)
# Of one connection only, or told anew.
_DROPPED = {"host", "connection", "keep-alive", "te", "trailer", "upgrade", "proxy-connection", "proxy-authorization"}


def variables() -> dict[str, str]:
    """Return the environment variables by which programs inside find the proxy; the sandbox itself needs none."""
    here, around = f"http://127.0.0.1:{PORT}", "localhost,127.0.0.1,::1"
    pairs = {"http_proxy": here, "https_proxy": here, "no_proxy": around}
    return {**pairs, **{name.upper(): value for name, value in pairs.items()}}


class Proxy:
    """Serves one sandbox."""

    def __init__(self, allowed: Allowlist) -> None:
        """Take the hosts that may be reached."""
        self._allowed = allowed
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._room = threading.Semaphore(_CONNECTIONS)
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()

    def serve(self, listener: socket.socket) -> None:
        """Serve who connects to `listener`, in threads of its own, until `close`, which closes that as well."""
        self._keep(listener)
        self._start(threading.Thread(target=self._accept, args=(listener,), name=THREADS, daemon=True))

    def close(self) -> None:
        """End everything, and return when it has ended. Idempotent.

        A name that is being resolved meanwhile is not waited for long; nothing comes of it.
        """
        self._closed.set()
        deadline = time.monotonic() + _CLOSE_S
        while time.monotonic() < deadline:
            with self._lock:
                for one in self._open:
                    with contextlib.suppress(OSError):  # it was not connected yet, or is no more
                        one.shutdown(socket.SHUT_RDWR)
                threads = set(self._threads)
            if not threads:
                return
            for thread in threads:
                thread.join(_BUSY_S)

    def _start(self, thread: threading.Thread) -> None:
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _ended(self) -> None:
        with self._lock:
            self._threads.discard(threading.current_thread())

    def _keep(self, one: socket.socket) -> None:
        with self._lock:
            self._open.add(one)

    def _drop(self, one: socket.socket) -> None:
        with self._lock:
            self._open.discard(one)
        one.close()

    def _accept(self, listener: socket.socket) -> None:
        try:
            while not self._closed.is_set():
                self._room.acquire()
                try:
                    client, _ = listener.accept()
                except OSError:
                    self._room.release()
                    self._closed.wait(_BUSY_S)  # closed; or out of descriptors, of which some will be free again
                    continue
                self._keep(client)
                self._start(threading.Thread(target=self._serve, args=(client,), name=THREADS, daemon=True))
        finally:
            self._drop(listener)
            self._ended()

    def _serve(self, client: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):
                self._answer(client)
        finally:
            self._drop(client)
            self._room.release()
            self._ended()

    def _answer(self, client: socket.socket) -> None:
        """Carry out one request; what follows it on the same connection is not looked at."""
        try:
            head, rest = _head(client)
            method, target, headers = _parsed(head)
            if method == "CONNECT":
                host, port = split(target)
                with self._connected(host, port or 443) as server:
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    server.sendall(rest)
                    _relay(client, server, None)
                return
            host, port, opening, size = _rewritten(method, target, headers)
            with self._connected(host, port) as server:
                server.sendall(opening + rest[:size])
                _relay(client, server, size - len(rest[:size]))
        except ValueError as error:
            _refuse(client, "400 Bad Request", str(error))
        except Denied as error:
            _refuse(client, "403 Forbidden", str(error))
        except ConnectionRefusedError as error:
            _refuse(client, "502 Bad Gateway", str(error))

    @contextlib.contextmanager
    def _connected(self, host: str, port: int) -> Iterator[socket.socket]:
        """A connection to a host, at the first of its addresses that takes one.

        Raises:
            Denied: it is not allowed. ConnectionRefusedError: it can't be reached.
        """
        addresses = self._allowed.addresses(host, port)
        for number, (family, target) in enumerate(addresses, start=1):
            server = socket.socket(family, socket.SOCK_STREAM)
            self._keep(server)
            try:
                server.settimeout(_CONNECT_S)
                try:
                    server.connect(target)
                except OSError as error:
                    if number < len(addresses) and not self._closed.is_set():
                        continue
                    raise ConnectionRefusedError(f"expected {host} at port {port} to answer, found: {error}") from None
                if self._closed.is_set():
                    raise ConnectionRefusedError("expected the sandbox running, found it stopped")
                yield server
                return
            finally:
                self._drop(server)


def _head(client: socket.socket) -> tuple[str, bytes]:
    """Read to the end of a request's head; return that, and what came after it.

    Raises:
        ValueError: it is too long. OSError: it did not come in time.
    """
    deadline = time.monotonic() + _HEAD_S
    data = b""
    while b"\r\n\r\n" not in data:
        if len(data) > _HEAD_LIMIT:
            raise ValueError(f"expected a request's head of at most {_HEAD_LIMIT} bytes, found more")
        client.settimeout(max(deadline - time.monotonic(), 0.001))
        part = client.recv(_CHUNK)
        if not part:
            raise ConnectionResetError
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    if len(head) > _HEAD_LIMIT:
        raise ValueError(f"expected a request's head of at most {_HEAD_LIMIT} bytes, found more")
    return head.decode("latin-1"), rest


def _parsed(head: str) -> tuple[str, str, list[tuple[str, str]]]:
    """Return method, target and headers."""
    first, *lines = head.split("\r\n")
    request = _REQUEST.fullmatch(first)
    matches = [_HEADER.fullmatch(line) for line in lines]
    if request is None or None in matches:
        raise ValueError("expected a request of HTTP/1.1, found something else")
    return request[1], request[2], [(match[1], match[2].rstrip()) for match in matches if match is not None]


def _rewritten(method: str, target: str, headers: Sequence[tuple[str, str]]) -> tuple[str, int, bytes, int]:
    """Return host, port, the head to send there, and the size of the body that follows.

    The host is that of the target, whatever the request's own Host header says.
    """
    match = _TARGET.fullmatch(target)
    if match is None:
        raise ValueError(f"expected a target http://host/..., or the method CONNECT, found {target[:200]!r}")
    host, port = split(match[1])
    lower = [(name.lower(), value) for name, value in headers]
    sizes = {value for name, value in lower if name == "content-length"}
    if any(name == "transfer-encoding" for name, _ in lower) or len(sizes) > 1:
        raise ValueError("expected a body whose size one Content-Length tells, found another kind")
    size = sizes.pop() if sizes else "0"
    if re.fullmatch(r"\d{1,15}", size, re.ASCII) is None:
        raise ValueError(f"Content-Length: expected a number of bytes, found {size[:200]!r}")
    named = {word.strip().lower() for name, value in lower if name == "connection" for word in value.split(",")}
    kept = [f"{name}: {value}" for name, value in headers if name.lower() not in _DROPPED | named - {"content-length"}]
    path = match[2] if match[2].startswith("/") else f"/{match[2]}"
    opening = [f"{method} {path} HTTP/1.1", f"Host: {match[1]}", *kept, "Connection: close", "", ""]
    return host, port or 80, "\r\n".join(opening).encode("latin-1"), int(size)


class _Flow:
    """Bytes on their way from one socket to the other; at most `left` of them, None for all."""

    def __init__(self, source: socket.socket, target: socket.socket, left: int | None) -> None:
        self.source = source
        self.target = target
        self._left = left
        self._waiting = b""
        self._ended = left == 0

    @property
    def done(self) -> bool:
        """Whether all that there was to carry was carried."""
        return self._ended and not self._waiting

    def wants(self) -> tuple[int, int]:
        """Return what to wait for: a descriptor and its event."""
        if self._waiting:
            return self.target.fileno(), select.POLLOUT
        return (self.source.fileno(), 0 if self._ended else select.POLLIN)

    def move(self) -> None:
        """Carry what can be carried now."""
        try:
            if not self._waiting and not self._ended:
                self._waiting = self.source.recv(_CHUNK if self._left is None else min(self._left, _CHUNK))
                self._left = None if self._left is None else self._left - len(self._waiting)
                self._ended = not self._waiting or self._left == 0
                if not self._waiting:
                    self.target.shutdown(socket.SHUT_WR)
            if self._waiting:
                self._waiting = self._waiting[self.target.send(self._waiting) :]
        except BlockingIOError:
            return


def _relay(client: socket.socket, server: socket.socket, upward: int | None) -> None:
    """Carry bytes both ways until the server, or with `upward` None both, have come to their end.

    Of the client's at most `upward` bytes are taken.
    """
    down, up = _Flow(server, client, None), _Flow(client, server, upward)
    client.setblocking(False)
    server.setblocking(False)
    while not (down.done and (up.done or upward is not None)):
        poll = select.poll()
        wanted: dict[int, int] = {}
        for fd, event in (down.wants(), up.wants()):
            wanted[fd] = wanted.get(fd, 0) | event
        for fd, events in wanted.items():
            if events:
                poll.register(fd, events)
        if not poll.poll(_IDLE_S * 1000):
            return
        down.move()
        up.move()


def _refuse(client: socket.socket, status: str, why: str) -> None:
    body = f"termigen: {why}\n".encode("utf-8", "replace")
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with contextlib.suppress(OSError):
        client.settimeout(_HEAD_S)
        client.sendall(head.encode("ascii") + body)
