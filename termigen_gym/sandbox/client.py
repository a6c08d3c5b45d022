"""This process's end of the embedded engine's launcher: requests go out, replies, descriptors and output come back."""

from __future__ import annotations

import array
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EngineMissing, SandboxDied, SandboxError, TooLarge
from .base import OUTPUT_LIMIT, ExecResult
from .launcher.system import TOO_LARGE
from .memory import in_memory
from .output import collect
from .process import owner_id

# The launcher is imported by its own name: as termigen_gym.sandbox.launcher it would bring gymnasium along.
_LAUNCH = "import sys; sys.path.append(sys.argv[1]); from launcher.loop import main; main()"


@dataclass(frozen=True)
class Reply:
    """What the launcher answers, and the descriptors that come with it."""

    body: dict[str, Any]
    fds: tuple[int, ...]


class Client:
    """This process's end of the launcher: starts it, sends requests from any thread."""

    def __init__(self, bwrap: str, buildah: str, mountpoint: Path) -> None:
        self.owner = owner_id()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(Path(__file__).parent)]
        root = os.geteuid() == 0
        with theirs:
            self._process = subprocess.Popen(
                argv if root else [buildah, "unshare", *argv],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": os.environ.get("HOME", "/")},
                start_new_session=True,
            )
        self._socket = ours
        self._lock = threading.Lock()
        settings = {"root": root, "owner": self.owner, "bwrap": bwrap, "mountpoint": str(mountpoint)}
        try:
            ours.send(json.dumps(settings).encode())
            ready = json.loads(ours.recv(65536))
        except (OSError, ValueError):
            ours.close()
            errors = self._process.communicate()[1].decode("utf-8", "replace").strip()
            raise EngineMissing(
                "bubblewrap engine: expected namespaces and mounts to be allowed here, found: "
                f"{errors.rpartition(chr(10))[2][-400:]}; inside a container, run that with --privileged, or use the "
                "docker engine"
            ) from None
        self.groups: list[str] = ready["groups"]

    def send(self, request: dict[str, Any], fds: Sequence[int] = ()) -> socket.socket:
        """Send a request; its replies come on the socket returned."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, in_memory(json.dumps(request).encode("utf-8", "surrogateescape")) as body:
            packed = array.array("i", [theirs.fileno(), body, *fds])
            try:
                with self._lock:
                    self._socket.sendmsg([b"1"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, packed)])
            except OSError:
                ours.close()
                raise SandboxDied("expected the sandbox launcher to answer, found it gone") from None
        return ours

    def ask(self, request: dict[str, Any], fds: Sequence[int] = ()) -> Reply:
        """Send a request and wait for its one reply."""
        with self.send(request, fds) as channel:
            return receive(channel)

    def ended(self) -> bool:
        """Return whether the launcher is gone."""
        return self._process.poll() is not None

    def close(self) -> None:
        """End the launcher and, with it, every sandbox."""
        self._socket.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()


def receive(channel: socket.socket) -> Reply:
    """Read one reply; errors of the launcher become errors of the package."""
    data, ancillary, _, _ = channel.recvmsg(65536, socket.CMSG_LEN(16), socket.MSG_CMSG_CLOEXEC)
    if not data:
        raise SandboxDied("expected an answer from the sandbox launcher, found it gone")
    fds = array.array("i")
    for _, _, packed in ancillary:
        fds.frombytes(packed)
    body = json.loads(data)
    if "error" in body:
        raise {"died": SandboxDied, TOO_LARGE: TooLarge}.get(body["code"], SandboxError)(body["error"])
    return Reply(body, tuple(fds))


class Pipe:
    """A pipe to a command inside; each end is closed exactly once."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe2(os.O_CLOEXEC)

    def close_write(self) -> None:
        """Close our copy of the end that the command writes to."""
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def __enter__(self) -> Pipe:
        return self

    def __exit__(self, *_: object) -> None:
        self.close_write()
        os.close(self.read_end)


def collect_from(
    channel: socket.socket, read_end: int, timeout_s: float, kill: Callable[[], None], limit: int = OUTPUT_LIMIT
) -> ExecResult:
    """`output.collect` of a command whose end the launcher reports over `channel`."""
    return collect(read_end, channel.fileno(), lambda: receive(channel).body["exit"], timeout_s, kill, limit)
