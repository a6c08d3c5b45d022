"""The bytes of a command that a daemon hands over."""

from __future__ import annotations

import io
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from termigen_gym.sandbox.hijack import Output, Stream, drain


def frame(data: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


class Response:
    """As much of an upgraded HTTP response as a stream is made of: the connection, its headers read."""

    def __init__(self, connection: socket.socket) -> None:
        self.closed = False
        self._reader = connection.makefile("rb")
        assert self._reader.readline() == b"headers\n"
        self.raw = SimpleNamespace(_fp=SimpleNamespace(fp=self._reader))

    def close(self) -> None:
        self._reader.close()
        self.closed = True


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def soon() -> float:
    return time.monotonic() + 30


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 100])
def test_frames_may_come_in_any_pieces(size: int) -> None:
    data = frame(b"one") + frame(b"") + frame(b"two", 2) + frame(b"x" * 50)
    output = Output(1000)
    for at in range(0, len(data), size):
        output.feed(data[at : at + size])
    assert (output.data, output.truncated) == (b"onetwo" + b"x" * 50, False)


@pytest.mark.parametrize(("limit", "kept", "truncated"), [(6, b"onetwo", False), (5, b"onetw", True), (0, b"", True)])
def test_output_is_bounded(limit: int, kept: bytes, truncated: bool) -> None:
    output = Output(limit)
    output.feed(frame(b"one") + frame(b"two"))
    assert (output.data, output.truncated) == (kept, truncated)


def test_what_comes_along_with_the_headers_is_not_lost(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"headers\nearly ")
    stream = Stream(Response(ours))
    theirs.sendall(b"late")
    theirs.shutdown(socket.SHUT_WR)
    read = b""
    while data := stream.read(soon(), 3):
        read += data
    assert read == b"early late"
    stream.close()


def test_a_line_is_read_and_nothing_after_it(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"headers\nhal")
    stream = Stream(Response(ours))
    theirs.sendall(b"f\nrest")
    assert stream.read_line(soon()) == b"half\n"
    assert os.read(stream.fileno(), 100) == b"rest"
    stream.write(b"typed")
    assert theirs.recv(100) == b"typed"
    theirs.close()
    assert stream.read_line(soon()) == b""
    stream.close()


def test_silence_ends_at_the_deadline_and_the_stream_lives_on(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"headers\n" + frame(b"before"))
    stream, output = Stream(Response(ours)), Output(100)
    assert drain(stream, output, time.monotonic() + 0.05) is False
    theirs.sendall(frame(b" after"))
    theirs.shutdown(socket.SHUT_WR)
    assert drain(stream, output, soon()) is True
    assert output.data == b"before after"
    stream.close()


def test_closing_ends_the_connection(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"headers\n")
    response = Response(ours)
    Stream(response).close()
    assert response.closed
    assert theirs.recv(1) == b""


def anonymous(side: int) -> ssl.SSLContext:
    """TLS without certificates."""
    context = ssl.SSLContext(side)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AECDH-AES256-SHA:@SECLEVEL=0")
    return context


def receive(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += source.recv(size - len(data))
    return data


def write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def test_an_encrypted_stream_has_a_plain_descriptor(pair: tuple[socket.socket, socket.socket]) -> None:
    client, server = pair
    accepted: list[ssl.SSLSocket] = []
    wrap = anonymous(ssl.PROTOCOL_TLS_SERVER).wrap_socket
    thread = threading.Thread(target=lambda: accepted.append(wrap(server, server_side=True)))
    thread.start()
    with anonymous(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(client) as encrypted:
        thread.join()
        (theirs,) = accepted
        with theirs:
            theirs.sendall(b"headers\n")
            stream = Stream(Response(encrypted))
            theirs.sendall(b"a line\n")
            assert stream.read_line(soon()) == b"a line\n"
            descriptor = stream.fileno()
            theirs.sendall(b"x" * 100_000)
            with io.FileIO(descriptor, closefd=False) as file:
                read = b""
                while len(read) < 100_000:
                    read += file.read(100_000)
            assert read == b"x" * 100_000
            os.write(descriptor, b"typed")
            assert theirs.recv(100) == b"typed"
            echo = threading.Thread(target=lambda: theirs.sendall(receive(theirs, 3_000_000)))
            echo.start()
            writer = threading.Thread(target=lambda: write(descriptor, b"y" * 3_000_000))
            writer.start()
            with io.FileIO(descriptor, closefd=False) as file:
                count = 0
                while count < 3_000_000:
                    count += len(file.read(100_000))
            writer.join()
            echo.join()
            theirs.shutdown(socket.SHUT_RDWR)
            assert os.read(descriptor, 1) == b""
            stream.close()
