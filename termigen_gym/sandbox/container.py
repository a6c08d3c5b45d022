"""A container as a sandbox."""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import docker
import requests

from ..errors import SandboxDied, SandboxError, TooLarge
from ..screen import COLUMNS, LINES
from . import inside
from .allowlist import Allowlist
from .base import FETCH_LIMIT, OUTPUT_LIMIT, Change, ExecResult, Image, Sandbox, Shell, Snapshot, without
from .beside import run_beside
from .commits import commit, discard
from .container_files import Files, is_below, over, reaching
from .container_shell import ContainerShell
from .daemon import API_TIMEOUT_S, Link, daemon, remove, restart, started
from .hijack import Output, Stream, drain
from .master import PtyShell, open_terminal
from .nearby import is_inside, kill_in, owner_of
from .netns import listener_in
from .proxy import PORT, Proxy

_KILL_S = 5.0
_SHELL_S = 30.0
_ENTRYPOINT_S = 5.0


class DockerSandbox(Sandbox):
    """One container."""

    def __init__(
        self, link: Link, container: str, again: Callable[[str], str], room: int, image: Image, folders: Sequence[str]
    ) -> None:
        """Take over a container that runs; `again` creates another like it of an image's id.

        A snapshot may have `room` bytes; `folders` are those that are made in it.
        """
        self.image = image
        self._folders = folders
        self._again = again
        self._room = room
        # By the name of each snapshot, how it differs from the image; None where it does so by too much.
        self._snapshots: dict[str, dict[str, Change] | None] = {}
        self._before: dict[str, Change] | None = {}
        self._closed_snapshots: set[str] = set()  # what the daemon could not remove yet
        self._allowed: Allowlist | None = None
        self._proxy: Proxy | None = None
        self._dialect = link.dialect
        self._owed = link.owed
        self._stopped = False
        self._client = link.client
        self._id = container
        self._name = f"sandbox {container[:12]}"
        self._nearby = link.nearby
        self._first = 0

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
        deadline = time.monotonic() + timeout_s
        mark = inside.new_mark()
        if clean_env:
            path = (env or {}).get("PATH") or self.image.env.get("PATH") or inside.DEFAULT_PATH
            command = inside.run_clean(argv, mark, env or {}, path, cwd or self.image.workdir)
        else:
            command = inside.run(argv, mark, cwd or self.image.workdir)
        output = Output(OUTPUT_LIMIT)
        with daemon(self._name):
            run = self._exec_create(command, user=user, cwd=cwd or "/", env={} if clean_env else env or {})
            with contextlib.closing(self._attach(run)) as stream:
                ended = drain(stream, output, deadline)
                code = self._exit_code(run, output, deadline) if ended else None
                if code is None:
                    self._kill_marked(mark)
                    if not drain(stream, output, time.monotonic() + _KILL_S):
                        self.kill_processes()  # it was stopped before it carried its mark
        return ExecResult(code, output.data, output.truncated)

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
        with self._files.tree() as top:
            if top is None:
                return None
            with daemon(self._name):
                described = self._client.inspect_container(self._id)
            own = dict(item.split("=", 1) for item in described["Config"]["Env"] or ())
            mark = inside.new_mark()
            request = {
                "argv": list(argv),
                "user": self.image.user if user is None else str(user),
                "cwd": self.image.workdir,
                "cwd_or_root": True,
                "env": {**own, **(env or {})},
                "clean_env": False,
                "rlimits": {"RLIMIT_RSS": inside.mark_in_bytes(mark), "RLIMIT_CORE": 0},
                "hidden": list(hidden),
                "read": list(read),
                "limit": limit,
            }
            return run_beside(self._first, request, archive, timeout_s, lambda: self._kill_marked(mark))

    def put(self, archive: bytes, to: str = "/", removing: Sequence[str] = ()) -> None:
        """See `Sandbox.put`."""
        self._files.put(archive, to, removing)

    def read(self, path: str, limit: int = OUTPUT_LIMIT) -> bytes | None:
        """See `Sandbox.read`."""
        return self._files.read(path, limit)

    def fetch(
        self, paths: Sequence[str], *, exclude: Sequence[str] = (), limit: int = FETCH_LIMIT, pristine: bool = False
    ) -> bytes:
        """See `Sandbox.fetch`."""
        if not pristine:
            return self._files.fetch(paths, exclude, limit)
        with daemon(f"{self._name}: look at its image"):
            image = self._again(self.image.id)  # a container has files before it is started
            try:
                return Files(self._client, image, self._name, lambda: None, self.exec).fetch(
                    paths, exclude, limit, True
                )
            finally:
                remove(self._client, image)

    def changes(self, below: Sequence[str] = ()) -> dict[str, Change]:
        """See `Sandbox.changes`."""
        if self._before is None:
            raise TooLarge(f"{self._name}: changes: there were too many when the snapshot was taken that was restored")
        before = {path: change for path, change in self._before.items() if not below or is_below(path, below)}
        return without(over(before, self._files.changes(below)), (), self._folders)

    def open_shell(self, *, user: str | int | None = None, cwd: str | None = None, env: Mapping[str, str]) -> Shell:
        """See `Sandbox.open_shell`."""
        command = inside.shell(cwd or self.image.workdir)
        env = {"TERM": "xterm-256color", **env}
        with self._files.tree() as top:
            if top is not None:
                return self._shell_in(top, command, user, env)
        deadline = time.monotonic() + _SHELL_S
        with daemon(f"{self._name}: open a shell"):
            run = self._exec_create(command, user=user, cwd="/", env=env, stdin=True, terminal=True)
            stream = self._attach(run, terminal=True)
            try:
                hello = stream.read_line(deadline).split()
                if hello[:1] != [b"shell"]:
                    raise self._no_shell(run, b" ".join(hello).decode("utf-8", "replace"))
                self._client.exec_resize(run, height=LINES, width=COLUMNS)
                stream.write(b"\n")
                stream.read_line(deadline)  # the terminal's echo of what woke it
            except BaseException:
                stream.close()
                raise
        return ContainerShell(stream, self._host_pid(run), functools.partial(self._hang_up, self._id, int(hello[1])))

    def _shell_in(self, top: int, command: Sequence[str], user: str | int | None, env: Mapping[str, str]) -> Shell:
        """Open a shell on a terminal that we make in the container's tree: nothing stands between it and us then."""
        deadline = time.monotonic() + _SHELL_S
        with daemon(f"{self._name}: open a shell"):
            run = self._exec_create(command, user=user, cwd="/", env=env, stdin=True)
            with contextlib.closing(self._attach(run)) as stream:
                said = Output(OUTPUT_LIMIT)
                while b"\n" not in said.data and (data := stream.read(deadline)):
                    said.feed(data)
                if not said.data.startswith(b"shell "):
                    raise self._no_shell(run, said.data.decode("utf-8", "replace").strip())
                pid = self._pid_of(run)
                with reaching(f"{self._name}: open a terminal"):
                    master, slave, name = open_terminal(top, owner_of(pid))
                try:
                    stream.write(f"{name}\n".encode())
                    while not _has_said_a_line(master):
                        if time.monotonic() > deadline or not self._client.exec_inspect(run)["Running"]:
                            drain(stream, said, time.monotonic())
                            raise self._no_shell(run, said.data.decode("utf-8", "replace").strip())
                except BaseException:
                    os.close(master)
                    raise
                finally:
                    os.close(slave)
        return PtyShell(master, pid)

    def kill_processes(self) -> None:
        """See `Sandbox.kill_processes`."""
        if self._kill_nearby():
            return
        with daemon(f"{self._name}: kill its processes"):
            if not self._process_1_kills(time.monotonic() + _KILL_S):
                # It does not answer: somebody inside holds it with ptrace. The daemon can.
                restart(self._client, self._id)

    def _kill_nearby(self, mark: int | None = None) -> bool:
        """Kill past the daemon, which waits for what it starts in a container, and that may have been stopped there."""
        return self._nearby and kill_in(self._id, self._first, mark)

    def _process_1_kills(self, deadline: float) -> bool:
        """Ask process 1 to kill everything else; True when it has said so and the daemon sees it alone.

        Asked once: a signal still under way when this returns would kill what is started next.
        """
        said = Output(OUTPUT_LIMIT)
        with contextlib.closing(self._upgrade(f"/containers/{self._id}/attach", stdout=1, stream=1)) as stream:
            self._client.kill(self._id, "USR1")
            with contextlib.suppress(TimeoutError):
                while inside.KILLED not in said.data and (data := stream.read(deadline)):
                    said.feed(data)
        while inside.KILLED in said.data and time.monotonic() < deadline:
            with contextlib.suppress(requests.JSONDecodeError):  # Podman, when a process ends as it looks
                if len(self._client.top(self._id, ps_args=self._dialect.process_columns)["Processes"]) <= 1:
                    return True
        return False

    def snapshot(self) -> Snapshot:
        """See `Sandbox.snapshot`."""
        changes = None
        with contextlib.suppress(TooLarge):
            changes = self.changes()
        with daemon(f"{self._name}: snapshot"):
            made = commit(self._client, self._id, self._room)
        self._snapshots[made] = changes
        return Snapshot(self, made, lambda: self._drop(made))

    def restore(self, snapshot: Snapshot) -> None:
        """See `Sandbox.restore`."""
        before, name = self._id, snapshot.name_for(self)
        with daemon(f"{self._name}: restore"):
            after = started(self._client, self._owed, lambda: self._again(name))
            try:
                if not remove(self._client, before):
                    raise SandboxDied(f"{self._name}: restore: expected it running, found it stopped")
            except BaseException:
                remove(self._client, after)
                raise
            self._id = after
            self._first_process()
            self._before = self._snapshots[name]
            if self._allowed is not None:
                self._close_network()
                self.serve_network(self._allowed)
            discard(self._client, self._closed_snapshots)

    def serve_network(self, allowed: Allowlist) -> None:
        """Serve the container's network namespace, which has nothing else, by a proxy to the `allowed` hosts.

        Raises:
            SandboxError: the namespace can't be entered.
        """
        proxy, self._allowed = Proxy(allowed), allowed
        pid = int(self._client.inspect_container(self._id)["State"]["Pid"])
        try:
            if not is_inside(pid, self._id):
                raise ProcessLookupError(f"process {pid} is none of it on this machine")
            proxy.serve(listener_in(pid, PORT))
        except OSError as error:
            raise SandboxError(
                f'{self._name}: network: expected this process to be root on the daemon\'s machine, as "allowlist" '
                f'needs on the docker engine, found: {error}; use sandbox="bubblewrap", or network="none"'
            ) from None
        self._proxy = proxy

    def _close_network(self) -> None:
        proxy, self._proxy = self._proxy, None
        if proxy is not None:
            proxy.close()

    def _drop(self, snapshot: str) -> None:
        self._snapshots.pop(snapshot, None)
        self._closed_snapshots.add(snapshot)
        with daemon(f"{self._name}: drop a snapshot"):
            discard(self._client, self._closed_snapshots)

    def alive(self) -> bool:
        """See `Sandbox.alive`."""
        try:
            with daemon(self._name):
                return bool(self._client.inspect_container(self._id)["State"]["Running"])
        except SandboxDied:
            return False

    def stop(self) -> None:
        """See `Sandbox.stop`."""
        self._stopped = True
        self._close_network()
        self._kill_nearby()
        try:
            remove(self._client, self._id)
            with daemon(f"{self._name}: remove snapshots"):
                self._closed_snapshots |= self._snapshots.keys()
                discard(self._client, self._closed_snapshots)
        except SandboxDied:
            self._owed.add(self._id)

    def begin(self) -> None:
        """Learn the container's process 1 while the daemon still answers about it."""
        self._first_process()

    def run_entrypoint(self) -> None:
        """Run the image's ENTRYPOINT with a command that waits, and return when it has come to that command.

        An entrypoint that does not come to it within a few seconds is a server of its own: it runs on.

        Raises:
            SandboxError: it failed.
        """
        run = self._exec_create(inside.entrypoint(self.image.entrypoint), user=None, cwd=None, env={})
        output, deadline = Output(OUTPUT_LIMIT), time.monotonic() + _ENTRYPOINT_S
        with contextlib.closing(self._attach(run)) as stream:
            while inside.READY not in output.data:
                try:
                    data = stream.read(deadline)
                except TimeoutError:
                    return
                if not data:
                    break
                output.feed(data)
            else:
                return
            code = self._exit_code(run, output, deadline)
            if code:
                raise SandboxError(
                    f"{self._name}: ENTRYPOINT {list(self.image.entrypoint)}: expected it to run its arguments, "
                    f"found exit code {code}: {output.data[-800:].decode('utf-8', 'replace')}"
                )

    def _hang_up(self, container: str, pid: int, host_pid: int | None) -> None:
        """Send SIGHUP to a shell of a container, by its number inside and, where it has one here, on this machine."""
        if container != self._id:
            return  # it went with the container that a restored snapshot replaced
        with contextlib.suppress(SandboxError), daemon(self._name):
            if host_pid is not None and is_inside(host_pid, self._id):
                with contextlib.suppress(PermissionError):
                    os.kill(host_pid, signal.SIGHUP)
                    return
            run = self._exec_create(inside.hang_up(pid), user=0, cwd="/", env={})
            self._client.exec_start(run, detach=True)

    @property
    def _files(self) -> Files:
        """The file tree of the container of now."""
        return Files(self._client, self._id, self._name, self._first_process, self.exec)

    def _first_process(self) -> int | None:
        """Return the number of process 1 on the daemon's machine; None where that is not to be used."""
        if not self._nearby:
            return None
        if not is_inside(self._first, self._id):
            with daemon(self._name):
                self._first = int(self._client.inspect_container(self._id)["State"]["Pid"])
        return self._first

    def _exec_create(
        self,
        command: Sequence[str],
        *,
        user: str | int | None,
        cwd: str | None,
        env: Mapping[str, str],
        stdin: bool = False,
        terminal: bool = False,
    ) -> str:
        created = self._client.exec_create(
            self._id,
            list(command),
            user=str(user if user is not None else self.image.user or 0),
            workdir=cwd or self.image.workdir,
            environment=dict(env),
            stdin=stdin,
            tty=terminal,
        )
        return str(created["Id"])

    def _attach(self, run: str, terminal: bool = False) -> Stream:
        """Start a command and take over its streams."""
        return self._upgrade(f"/exec/{run}/start", {"Tty": terminal, "Detach": False})

    def _upgrade(self, path: str, body: Mapping[str, Any] | None = None, **params: int) -> Stream:
        """Make a connection a stream; the SDK's own way loses what comes along with the headers."""
        response = self._client.post(
            self._client._url(path),
            params=params,
            json=body,
            headers={"Connection": "Upgrade", "Upgrade": "tcp"},
            stream=True,
            timeout=API_TIMEOUT_S,
        )
        self._client._raise_for_status(response)
        return Stream(response)

    def _exit_code(self, run: str, output: Output, deadline: float) -> int | None:
        """Wait for a command that has closed its output to end; None when it has not until the deadline."""
        pause = 0.001
        while True:
            state = self._client.exec_inspect(run)
            if not state["Running"]:
                break
            if time.monotonic() > deadline:
                return None
            time.sleep(pause)
            pause = min(pause * 2, 0.1)
        code = int(state["ExitCode"])
        if self._dialect.keeps_pids and not state["Pid"]:
            raise self._failure(f"expected a command to start, found: {output.data.decode('utf-8', 'replace').strip()}")
        if code == 128 + signal.SIGKILL:
            self._see_alive()
        return code

    def _see_alive(self) -> None:
        """Raise SandboxDied where a command died because its container did, which the daemon may not know yet."""
        if self._stopped:
            raise SandboxDied(f"{self._name}: expected it running, found it stopped")
        run = self._exec_create(["/bin/sh", "-c", ":"], user=0, cwd="/", env={})
        with contextlib.closing(self._attach(run)) as stream:
            drain(stream, Output(0), time.monotonic() + API_TIMEOUT_S)
        # Where there is no room for another process nothing starts either, but the container runs.
        if self._client.exec_inspect(run)["ExitCode"] != 0 and not self.alive():
            raise SandboxDied(f"{self._name}: expected it running, found it killed")

    def _kill_marked(self, mark: int) -> None:
        """Kill what a command has started; where not even that can be started any more, everything."""
        if self._kill_nearby(inside.mark_in_bytes(mark)):
            return
        try:
            run = self._exec_create(inside.kill_marked(mark), user=0, cwd="/", env={})
            output, deadline = Output(OUTPUT_LIMIT), time.monotonic() + _KILL_S
            with contextlib.closing(self._attach(run)) as stream:
                done = drain(stream, output, deadline) and self._exit_code(run, output, deadline) == 0
        except SandboxDied:
            raise
        except (SandboxError, docker.errors.APIError):
            done = False
        if not done:
            self.kill_processes()

    def _no_shell(self, run: str, said: str) -> SandboxError:
        if said == "no bash":
            return SandboxError(f"{self._name}: expected bash in the image, found none on its PATH; install bash in it")
        state = self._client.exec_inspect(run)
        return self._failure(f"expected a shell to start, found exit code {state['ExitCode']}: {said}")

    def _failure(self, text: str) -> SandboxError:
        return (SandboxError if self.alive() else SandboxDied)(f"{self._name}: {text}")

    def _host_pid(self, run: str) -> int | None:
        """Return a command's process number on this machine; None where the daemon runs elsewhere."""
        with daemon(self._name):
            pid = self._pid_of(run)
        return pid if is_inside(pid, self._id) else None

    def _pid_of(self, run: str) -> int:
        """Return a running command's number on the daemon's machine; Docker knows it a moment after its start."""
        deadline = time.monotonic() + _SHELL_S
        while not (state := self._client.exec_inspect(run))["Pid"] and state["Running"]:
            if time.monotonic() > deadline:
                raise self._failure(f"expected the process number of what runs, found none within {_SHELL_S:g} s")
            time.sleep(0.001)
        return int(state["Pid"])


def _has_said_a_line(master: int) -> bool:
    """Wait up to a second for a terminal to say something, and take its first line away."""
    poll = select.poll()
    poll.register(master, select.POLLIN)
    while poll.poll(1000):
        if os.read(master, 1) in (b"\n", b""):
            return True
    return False
