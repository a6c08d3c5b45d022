"""A bubblewrap sandbox, as its engine hands it out: the launcher holds it, and is asked for everything."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any

from ..errors import SandboxDied, SandboxError
from ..screen import COLUMNS, LINES
from .allowlist import Allowlist
from .base import (
    FETCH_LIMIT,
    OUTPUT_LIMIT,
    Change,
    ExecResult,
    Image,
    Limits,
    Sandbox,
    Shell,
    Snapshot,
    without,
)
from .client import Client, Pipe, collect_from, receive
from .master import PtyShell
from .memory import files_read, in_memory
from .proxy import PORT, Proxy

_MIB = 1024 * 1024
_COPY_TIMEOUT_S = 120.0
_ENTRYPOINT_S = 5.0
_HANDED_S = 30.0
_KILLED = 128 + signal.SIGKILL
_READY = "termigen: the entrypoint has come to its command"
# Each command carries a number of its own as a limit that the kernel does not enforce, and so does all that it starts.
_marks = itertools.count(1 << 50)


class BubblewrapSandbox(Sandbox):
    """One overlay and the namespaces around it, held by the launcher."""

    def __init__(
        self,
        client: Client,
        start: dict[str, Any],
        image: Image,
        limits: Limits,
        env: Mapping[str, str],
        allowed: Allowlist | None,
        held: IO[str],
    ) -> None:
        """Take over a sandbox that the launcher has started, and what keeps its image from being discarded."""
        self.image = image
        self._held = held
        self._client = client
        self._start = start
        self._name: str = start["box"]
        self._snapshots = itertools.count(1)
        self._allowed = allowed
        self._proxy: Proxy | None = None
        self._env = dict(env)
        self._rlimits = {"RLIMIT_CORE": 0, "RLIMIT_NOFILE": 65536}
        if not client.groups:
            self._rlimits |= {"RLIMIT_DATA": limits.memory_mb * _MIB, "RLIMIT_NPROC": limits.pids}
        self._stopped = False

    def exec(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        user: str | int | None = None,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        clean_env: bool = False,
    ) -> ExecResult:
        """See `Sandbox.exec`."""
        request = self._request("exec", user=user, cwd=cwd, env=env, clean_env=clean_env)
        mark = next(_marks)
        request |= {"argv": list(argv), "rlimits": {**self._rlimits, "RLIMIT_RSS": mark}}
        with Pipe() as pipe, self._send(request, [pipe.write_end]) as channel:
            pipe.close_write()
            result = collect_from(channel, pipe.read_end, timeout_s, lambda: self._kill_marked(mark))
        if result.exit_code == _KILLED and not self.alive():
            raise SandboxDied(f"sandbox {self._name}: expected {argv[0]!r} to end, found the sandbox gone")
        return result

    def exec_apart(
        self,
        argv: Sequence[str],
        archive: bytes,
        *,
        hidden: Sequence[str],
        read: Sequence[str],
        timeout_s: float,
        user: str | int | None = None,
        env: Mapping[str, str] | None = None,
        limit: int = OUTPUT_LIMIT,
    ) -> tuple[ExecResult, dict[str, bytes | None]] | None:
        """See `Sandbox.exec_apart`."""
        request = self._request("apart", user=user, cwd=None, env=env, clean_env=False)
        mark = next(_marks)
        request |= {"argv": list(argv), "rlimits": {**self._rlimits, "RLIMIT_RSS": mark}}
        request |= {"hidden": list(hidden), "read": list(read), "limit": limit}
        with in_memory(archive) as body, in_memory() as results, Pipe() as pipe:
            with self._send(request, [body, pipe.write_end, results]) as channel:
                pipe.close_write()
                result = collect_from(channel, pipe.read_end, timeout_s, lambda: self._kill_marked(mark))
            return result, files_read(results, read)

    def put(self, archive: bytes, to: str = "/", removing: Sequence[str] = ()) -> None:
        """See `Sandbox.put`."""
        request = {"op": "put", "box": self._name, "to": to, "removing": list(removing)}
        with in_memory(archive) as body, Pipe() as pipe, self._send(request, [body, pipe.write_end]) as channel:
            pipe.close_write()
            done = collect_from(channel, pipe.read_end, _COPY_TIMEOUT_S, _nothing)
        if done.exit_code != 0:
            raise self._failure(f"put below {to}: expected exit code 0, found {done.exit_code}")

    def read(self, path: str, limit: int = OUTPUT_LIMIT) -> bytes | None:
        """See `Sandbox.read`."""
        request = {"op": "read", "box": self._name, "path": path, "limit": limit}
        with Pipe() as pipe, self._send(request, [pipe.write_end]) as channel:
            pipe.close_write()
            done = collect_from(channel, pipe.read_end, _COPY_TIMEOUT_S, _nothing, limit)
        if done.exit_code == 3:
            return None
        if done.exit_code != 0:
            raise self._failure(f"read {path}: {done.exit_code}")
        return done.output

    def fetch(
        self, paths: Sequence[str], *, exclude: Sequence[str] = (), limit: int = FETCH_LIMIT, pristine: bool = False
    ) -> bytes:
        """See `Sandbox.fetch`."""
        request = {"op": "fetch", "paths": list(paths), "exclude": list(exclude), "limit": limit, "pristine": pristine}
        return self._taken("fetch", {**self._start, **request})

    def changes(self, below: Sequence[str] = ()) -> dict[str, Change]:
        """See `Sandbox.changes`."""
        lines = self._taken("changes", {**self._start, "op": "changes", "below": list(below)}).splitlines()
        found = {path: Change(kind, type, target) for path, kind, type, target in map(json.loads, lines)}
        return without(found, self._start["files"], (*self._start["folders"], "/sys/devices/system/cpu"))

    def _taken(self, what: str, request: dict[str, Any]) -> bytes:
        """Return what the launcher writes out of the sandbox."""
        with Pipe() as pipe, self._send(request, [pipe.write_end]) as channel:
            pipe.close_write()
            done = collect_from(channel, pipe.read_end, _COPY_TIMEOUT_S, _nothing, sys.maxsize)
        if done.exit_code != 0:
            raise self._failure(f"{what}: expected exit code 0, found {done.exit_code}")
        return done.output

    def open_shell(self, *, user: str | int | None = None, cwd: str | None = None, env: Mapping[str, str]) -> Shell:
        """See `Sandbox.open_shell`."""
        request = self._request("shell", user=user, cwd=cwd, env=env, clean_env=False)
        request |= {"argv": ["/bin/bash", "-i"], "cwd_or_root": True, "size": (LINES, COLUMNS)}
        master, pid = self._handed("open a shell", request)
        return PtyShell(master, pid)

    def _handed(self, what: str, request: dict[str, Any]) -> tuple[int, int]:
        """Return the descriptor that a process makes inside, and the number of that process."""
        pid, fds = 0, tuple[int, ...]()
        with self._send(request) as channel:
            channel.settimeout(_HANDED_S)
            try:
                while not (pid and fds):
                    reply = receive(channel)
                    pid, fds = reply.body.get("pid", pid), reply.fds or fds
            except TimeoutError:
                raise self._failure(f"{what}: expected a process to start, found it stopped by one inside") from None
            except SandboxDied as error:
                raise self._failure(f"{what}: {error}") from None
        return fds[0], pid

    def kill_processes(self) -> None:
        """See `Sandbox.kill_processes`."""
        with self._send({"op": "kill", "box": self._name, "mark": None}) as channel:
            receive(channel)

    def snapshot(self) -> Snapshot:
        """See `Sandbox.snapshot`."""
        number = next(self._snapshots)
        # All snapshots of a sandbox have as much room as its disk.
        self._copy("snapshot", number, room=self._start["limits"]["storage_bytes"])
        return Snapshot(self, str(number), lambda: self._copy("drop", number))

    def restore(self, snapshot: Snapshot) -> None:
        """See `Sandbox.restore`."""
        number = int(snapshot.name_for(self))
        try:
            self._copy("rewind", number)
            self._client.ask({**self._start, "again": True})
            self.open_network()
        except SandboxError as error:
            self.stop()  # half a tree is none
            raise SandboxDied(f"{error}; the sandbox is gone") from None
        except BaseException:
            self.stop()
            raise

    def _copy(self, operation: str, number: int, **more: int) -> None:
        """Let the launcher copy or remove a tree, and wait for it."""
        request = {"op": operation, "box": self._name, "snapshot": number, **more}
        with self._send(request) as channel:
            channel.settimeout(_COPY_TIMEOUT_S)
            try:
                code = receive(channel).body["exit"]
            except TimeoutError:
                code = None
            except SandboxError as error:
                kept = "; close snapshots that are not needed" if "No space left" in str(error) else ""
                raise type(error)(f"sandbox {self._name}: {operation}: {error}{kept}") from None
        if code != 0:
            raise SandboxError(f"sandbox {self._name}: {operation}: expected exit code 0, found {code}")

    def alive(self) -> bool:
        """See `Sandbox.alive`."""
        if self._stopped:
            return False
        try:
            with self._send({"op": "alive", "box": self._name}) as channel:
                receive(channel)
        except SandboxDied:
            return False
        return True

    def stop(self) -> None:
        """See `Sandbox.stop`."""
        if not self._stopped:
            self._stopped = True
            with contextlib.suppress(SandboxError):
                self._client.ask({"op": "stop", "box": self._name})
            self._close_network()
            self._held.close()

    def open_network(self) -> None:
        """Serve the sandbox's network namespace, which is new, by a proxy, where there is an allowlist.

        Raises:
            SandboxError: it can't be.
        """
        if self._allowed is not None:
            self._close_network()
            proxy = Proxy(self._allowed)
            listener, _ = self._handed("listen", {"op": "listen", "box": self._name, "port": PORT})
            proxy.serve(socket.socket(fileno=listener))
            self._proxy = proxy

    def _close_network(self) -> None:
        proxy, self._proxy = self._proxy, None
        if proxy is not None:
            proxy.close()

    def run_entrypoint(self) -> None:
        """Run the image's ENTRYPOINT with a command that waits, and return when it has come to that command.

        An entrypoint that does not come to it within a few seconds is a server of its own: it runs on.

        Raises:
            SandboxError: it failed.
        """
        request = self._request("exec", user=None, cwd=None, env=None, clean_env=False)
        # The launcher would hold the command's output open: it goes on alone once it is ready.
        waiting = ["/bin/sh", "-c", f"echo '{_READY}'; exec >/dev/null 2>&1; while :; do sleep 86400; done"]
        request["argv"] = [*self.image.entrypoint, *waiting]
        output = bytearray()
        deadline = time.monotonic() + _ENTRYPOINT_S
        with Pipe() as pipe, self._send(request, [pipe.write_end]) as channel:
            pipe.close_write()
            poll = select.poll()
            poll.register(channel, select.POLLIN)
            poll.register(pipe.read_end, select.POLLIN)
            while _READY.encode() not in output:
                ready = [fd for fd, _ in poll.poll(max(deadline - time.monotonic(), 0) * 1000)]
                if not ready:
                    return
                if pipe.read_end in ready and (part := os.read(pipe.read_end, 65536)):
                    output += part
                elif channel.fileno() in ready:
                    code = receive(channel).body["exit"]
                    shown = bytes(output[-800:]).decode("utf-8", "replace")
                    expected = f"ENTRYPOINT {list(self.image.entrypoint)}: expected it to run its arguments"
                    raise SandboxError(f"{expected}, found exit code {code}: {shown}")
                else:
                    poll.unregister(pipe.read_end)

    def _request(
        self, op: str, *, user: str | int | None, cwd: str | None, env: Mapping[str, str] | None, clean_env: bool
    ) -> dict[str, Any]:
        return {
            "op": op,
            "box": self._name,
            "user": self.image.user if user is None else str(user),
            "cwd": cwd or self.image.workdir,
            "cwd_or_root": cwd is None,
            "env": {**({} if clean_env else self._env), **(env or {})},
            "clean_env": clean_env,
            "rlimits": self._rlimits,
        }

    def _send(self, request: dict[str, Any], fds: Sequence[int] = ()) -> socket.socket:
        if self._stopped:
            raise SandboxDied(f"sandbox {self._name}: expected it running, found it stopped")
        return self._client.send(request, fds)

    def _kill_marked(self, mark: int) -> None:
        with contextlib.suppress(SandboxError):
            self._client.ask({"op": "kill", "box": self._name, "mark": mark})

    def _failure(self, text: str) -> SandboxError:
        return SandboxError(text) if self.alive() else SandboxDied(f"{text} (the sandbox is gone)")


def _nothing() -> None:
    """What is killed when a copy takes too long: the copy ends with its sandbox."""
