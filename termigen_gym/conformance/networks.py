"""Cases of `Limits.network`: an allowlist, and nothing beside it. The world is a server of this process."""

from __future__ import annotations

import base64
import contextlib
import functools
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ..errors import SandboxError
from ..sandbox.base import Engine, Image, Sandbox
from ..sandbox.proxy import PORT, THREADS
from . import world
from .case import LIMITS, Cases, equal, eventually, expect, output, raises, sh

cases = Cases()

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nworld"
# Sends what it was given in base64, and shows what comes back.
_SEND = """
use MIME::Base64; $| = 1; $SIG{ALRM} = sub { exit 3 }; alarm 30;
my $s = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1], Timeout => 20) or do { print "none"; exit };
print $s decode_base64($ARGV[2]); $s->flush; print while <$s>;
"""


class _World:
    """A server on the host's loopback interface that answers every request alike and keeps what it was sent."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.ended = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                data = client.recv(65536)
                self.heard.append(data)
                if b"stay" in data:
                    client.sendall(b"staying\n")
                    client.recv(1)
                    self.ended.set()
                else:
                    client.sendall(_ANSWER)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def _server() -> Iterator[_World]:
    served = _World()
    try:
        yield served
    finally:
        served.close()


def _where_it_can_be(function: Callable[[Engine, Image], None]) -> Callable[[Engine, Image], None]:
    """Let a case pass where the engine says that it can't have an allowlist here (docs/engines.md)."""

    @functools.wraps(function)
    def run(engine: Engine, image: Image) -> None:
        try:
            function(engine, image)
        except SandboxError as error:
            if "root on the daemon's machine" not in str(error):
                raise

    return run


def _start(engine: Engine, image: Image, hosts: Sequence[str]) -> Sandbox:
    return engine.start(image, replace(LIMITS, network="allowlist", allowed_hosts=tuple(hosts)))


def _sent(box: Sandbox, request: str, host: str = "127.0.0.1", port: int = PORT) -> str:
    packed = base64.b64encode(request.encode()).decode()
    return box.exec(["perl", "-MIO::Socket::INET", "-e", _SEND, host, str(port), packed], timeout_s=40).text


def _get(target: str, *headers: str) -> str:
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: other.example", *headers, "", ""])


@cases.add
@_where_it_can_be
def allowed_host(engine: Engine, image: Image) -> None:
    """An allowed host is reached by plain HTTP and by CONNECT, and programs are told of the proxy."""
    with _server() as served, _start(engine, image, [f"127.0.0.1:{served.port}", "example.org"]) as box:
        here = f"127.0.0.1:{served.port}"
        expect(_sent(box, _get(f"http://{here}/a?b=c", "X-Kept: yes")).endswith("world"), "the server's answer")
        lines = served.heard[-1].decode().split("\r\n")
        equal(lines, ["GET /a?b=c HTTP/1.1", f"Host: {here}", "X-Kept: yes", "Connection: close", "", ""])
        answer = _sent(box, f"CONNECT {here} HTTP/1.1\r\nHost: {here}\r\n\r\nGET / HTTP/1.0\r\n\r\n")
        expect(answer.startswith("HTTP/1.1 200 ") and answer.endswith("world"), f"a tunnel, not {answer!r}")
        equal(
            output(box, 'echo "$http_proxy $HTTPS_PROXY $no_proxy"').split(),
            [*[f"http://127.0.0.1:{PORT}"] * 2, "localhost,127.0.0.1,::1"],
        )
        box.restore(box.snapshot())
        expect(_sent(box, _get(f"http://{here}/")).endswith("world"), "the server's answer after a restore")


@cases.add
@_where_it_can_be
def other_hosts(engine: Engine, image: Image) -> None:
    """Hosts and ports that are not allowed are refused, and so is an allowed name that leads to an inner address."""
    with _server() as served, _start(engine, image, [f"localhost:{served.port}", "127.0.0.1", "*.example.org"]) as box:
        here = f"127.0.0.1:{served.port}"
        for target in (
            *(here, f"localhost:{served.port}", f"LOCALHOST.:{served.port}", "example.org", "example.org.evil.example"),
            *(f"127.1:{served.port}", f"2130706433:{served.port}", f"[::1]:{served.port}", "a.example.org:22"),
            *(f"[::ffff:127.0.0.1]:{served.port}", f"0.0.0.0:{served.port}", "169.254.169.254", "evilexample.org"),
        ):
            for request in (_get(f"http://{target}/"), f"CONNECT {target} HTTP/1.1\r\n\r\n"):
                expect(_sent(box, request).startswith("HTTP/1.1 403 "), f"{request.splitlines()[0]!r} to be refused")
        equal(served.heard, [])


@cases.add
@_where_it_can_be
def malformed_requests(engine: Engine, image: Image) -> None:
    """What is no request, is too big, or hides another request, is refused; the next one is served."""
    with _server() as served, _start(engine, image, [f"127.0.0.1:{served.port}"]) as box:
        here = f"127.0.0.1:{served.port}"
        for request in (
            *("nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", f"GET https://{here}/ HTTP/1.1\r\n\r\n"),
            *(_get(f"http://user@{here}/"), _get(f"http://{here}/", "Transfer-Encoding: chunked")),
            *(_get(f"http://{here}/", "Content-Length: 1", "Content-Length: 2"), f"CONNECT {here}/x HTTP/1.1\r\n\r\n"),
            *(_get(f"http://{here}/", "Content-Length: -1"), _get(f"http://{here}/", " folded: header")),
            *(_get(f"http://{here}/", "X: a\nHost: b"), _get(f"http://{here}/", "X: " + "x" * 20_000)),
        ):
            expect(_sent(box, request).startswith("HTTP/1.1 400 "), f"{request[:90]!r} to be refused")
        equal(served.heard, [])
        body = _get(f"http://{here}/", "Content-Length: 4") + "body" + _get(f"http://{here}/hidden")
        expect(_sent(box, body).endswith("world"), "the server's answer")
        expect(served.heard[0].endswith(b"\r\n\r\nbody"), f"one request to arrive, not {served.heard}")


@cases.add
@_where_it_can_be
def nothing_beside_the_allowlist(engine: Engine, image: Image) -> None:
    """With an allowlist there is no interface but the loopback, no host, no name server: only the proxy."""
    with _server() as served, _start(engine, image, [f"127.0.0.1:{served.port}"]) as box:
        world.no_network(box)
        equal(_sent(box, "stay", port=served.port), "none")
        udp = 'exit(!(my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "192.0.2.1:53")) || !$s->send("x"))'
        expect(sh(box, f"perl -MIO::Socket::INET -e '{udp}'").exit_code != 0, "no UDP")
        expect(sh(box, "getent hosts example.org").exit_code != 0, "no names")
    with _start(engine, image, []) as box:
        expect(_sent(box, _get("http://example.org/")).startswith("HTTP/1.1 403 "), "an empty list to allow nothing")


@cases.add
@_where_it_can_be
def end_of_a_proxy(engine: Engine, image: Image) -> None:
    """With its sandbox a proxy ends, and so do the connections through it."""
    before = threading.active_count()
    with _server() as served, _start(engine, image, [f"127.0.0.1:{served.port}"]) as box:
        here = f"127.0.0.1:{served.port}"
        packed = base64.b64encode(f"CONNECT {here} HTTP/1.1\r\n\r\nstay".encode()).decode()
        script = f"perl -MIO::Socket::INET -e '{_SEND}' 127.0.0.1 {PORT} {packed} >/tmp/said 2>&1 &"
        output(box, script)
        eventually(lambda: b"staying" in (box.read("/tmp/said") or b""), "the tunnel to stand")
        box.stop()
        expect(served.ended.wait(20), "the server to see the end")
    equal([thread for thread in threading.enumerate() if thread.name == THREADS], [])
    equal(threading.active_count(), before)


@cases.add
def malformed_allowlist(engine: Engine, image: Image) -> None:
    """An allowlist with an entry that is no host is an error, and nothing is started."""
    for entry in ("http://example.org", "example.org/path", "a b", "*", "*.", "ex*mple.org", "example.org:99999", ""):
        with raises(SandboxError, f"the entry {entry!r}") as found:
            _start(engine, image, [entry])
        expect(repr(entry) in str(found[0]), f"{entry!r} in the error, not {found[0]}")
