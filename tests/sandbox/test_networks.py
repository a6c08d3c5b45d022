"""The public network, and tasks that ask for a network; allowlists are in termigen_gym/conformance/networks.py."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from termigen_gym.conformance.case import output, sh
from termigen_gym.env import TerminalEnv
from termigen_gym.errors import EngineMissing, SandboxError
from termigen_gym.sandbox.allowlist import Allowlist
from termigen_gym.sandbox.base import Engine, Image, ImageSource, Limits
from termigen_gym.sandbox.images import BASE
from termigen_gym.sandbox.proxy import Proxy
from tests.samples import write_task
from tests.waiting import wait_until

PUBLIC = Limits(memory_mb=256, storage_mb=64, pids=64, network="public")


@pytest.fixture
def plain(engine: Engine) -> Image:
    return engine.build(ImageSource(None, "", reference=BASE))


@contextlib.contextmanager
def server(address: str) -> Iterator[int]:
    """Say "hello" to whoever connects to a port of this machine's `address`."""
    with socket.create_server((address, 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    with client:
                        client.sendall(b"hello\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def own_address() -> str:
    """An address of this machine that others use; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("192.0.2.1", 9))
        return str(one.getsockname()[0])


def asking(host: str, port: int) -> str:
    return f"timeout 10 bash -c 'exec 3<>/dev/tcp/{host}/{port} && head -n 1 <&3'"


def slirps() -> set[str]:
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "comm").read_text() == "slirp4netns\n" and os.stat(process).st_uid == os.geteuid():
                found.add(process.name)
    return found


def test_the_public_network_leads_out_and_not_to_the_loopback_of_the_host(engine: Engine, plain: Image) -> None:
    if engine.name == "bubblewrap" and not os.access("/dev/net/tun", os.W_OK):
        with pytest.raises(SandboxError, match="expected slirp4netns to bring up a network"):
            engine.start(plain, PUBLIC)
        return
    before = slirps()
    with server(own_address()) as outside, server("127.0.0.1") as inside, engine.start(plain, PUBLIC) as box:
        for _ in range(2):
            assert output(box, asking(own_address(), outside)) == "hello\n"
            gateway = output(box, "awk '$2 == \"00000000\" { print $3 }' /proc/net/route").split()[0]
            around = ".".join(str(int(gateway[place : place + 2], 16)) for place in (6, 4, 2, 0))
            for host in ("127.0.0.1", around, own_address()):
                assert sh(box, asking(host, inside)).exit_code != 0, host
            assert output(box, "grep -c ^nameserver /etc/resolv.conf") >= "1"
            box.restore(box.snapshot())
    wait_until(lambda: slirps() <= before)


def test_bubblewrap_says_what_the_public_network_needs(
    engine: Engine, plain: Image, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if engine.name != "bubblewrap":
        return
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        EngineMissing, match=r"expected the program slirp4netns for a task(.*)`apt-get install slirp4netns`"
    ):
        engine.start(plain, PUBLIC)
    broken = tmp_path / "slirp4netns"
    broken.write_text("#!/bin/sh\necho first >&2; echo 'it is broken' >&2; exit 1\n")
    broken.chmod(0o755)
    with pytest.raises(SandboxError, match="expected slirp4netns to bring up a network, found: it is broken"):
        engine.start(plain, PUBLIC)


def test_a_task_gets_the_hosts_that_it_asks_for_unless_it_is_played_without(engine: Engine, tmp_path: Path) -> None:
    toml = '[environment]\nnetwork_mode = "allowlist"\nallowed_hosts = ["127.0.0.1:9", "*.example.org"]\n'
    task = write_task(tmp_path / "sample", toml=toml)
    ask = (
        "exec 3<>/dev/tcp/127.0.0.1/3128 && printf 'CONNECT 127.0.0.1:9 HTTP/1.1\\r\\n\\r\\n' >&3 && head -n 1 <&3;"
        " echo $http_proxy"
    )
    env = TerminalEnv(str(task), sandbox=engine.name)
    for _ in range(3):  # the third one from a spare
        env.reset(seed=1)
        assert env.step(ask)[0] == "HTTP/1.1 502 Bad Gateway\nhttp://127.0.0.1:3128\n"
    env.close()
    without = TerminalEnv(str(task), sandbox=engine.name, network="none")
    without.reset(seed=1)
    assert "Connection refused" in without.step(ask)[0]
    assert without.step("env | grep -i proxy")[4]["exit_code"] == 1
    without.close()


def test_a_proxy_serves_so_many_at_once_and_the_next_when_one_is_done() -> None:
    with server("127.0.0.1") as port, socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(Allowlist([f"127.0.0.1:{port}"]))
        where = listener.getsockname()
        proxy.serve(listener)
        idle = [socket.create_connection(where) for _ in range(64)]
        request = f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode()
        with socket.create_connection(where) as late:
            late.sendall(request)
            late.settimeout(0.5)
            with pytest.raises(TimeoutError):
                late.recv(1)
            idle.pop().close()
            late.settimeout(20)
            with late.makefile("rb") as answer:
                assert answer.read().endswith(b"\r\n\r\nhello\n")
        proxy.close()
        proxy.close()
        for one in idle:
            assert one.recv(1) == b""
            one.close()
