"""Sandboxes by a Docker daemon, or by Podman's socket that speaks the same API; DOCKER_HOST says where.

What runs in a container besides what it is asked to run is one shell, process 1 (`_KEEPER`). It waits, reaps what
others leave, and on SIGUSR1 kills everything but itself with one system call: it needs no free process slot, and
nothing inside can kill it.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import secrets
import shlex
import signal
import tarfile
import threading
import time
import uuid
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import docker
import requests

from ..errors import BuildError, EngineMissing, SandboxDied, SandboxError
from .base import OUTPUT_LIMIT, Engine, ExecResult, Image, ImageSource, Limits, Sandbox, Shell
from .buildkit import BuildLog
from .cache import locked
from .hijack import Output, Stream
from .images import base_images
from .process import owner_alive, owner_id, reads_terminal

_MIB = 1024 * 1024
_API_TIMEOUT_S = 120.0
_CONNECTIONS = 128
_OWNER, _ENGINE, _DIGEST = "termigen.owner", "termigen.engine", "termigen.digest"
_HOSTNAME = "termigen"
_KILL_S = 5.0
_SHELL_S = 60.0
_ENTRYPOINT_S = 5.0
_READY = b"termigen: entrypoint done"
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Docker's own set without NET_RAW and MKNOD.
_CAPABILITIES = [
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL"),
    *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
]

# `read` waits without a child process; a trapped signal interrupts it. In dash only `jobs` reaps without waiting.
_KEEPER = (
    'trap "kill -9 -1; woken=1" USR1; trap "jobs; woken=1" CHLD; exec >/dev/null 2>&1; '
    'while :; do woken=; read -r line || [ "$woken" ] || sleep 1; done'
)

# The limit of resident memory, which Linux has ignored since 2.4.30, marks a command and all that it starts: whatever
# they do to session, parent or environment, they keep it. Standard error joins standard output inside: two streams
# would reach us in no particular order.
_RUN = 'ulimit -m {mark} 2>/dev/null; exec "$@" 2>&1'
_RUN_CLEAN = """
ulimit -m {mark} 2>/dev/null
program=$1; shift
case $program in */*) ;; *)
    path={path}:
    while [ "$path" ]; do
        file=${{path%%:*}}/$program; path=${{path#*:}}
        if [ -f "$file" ] && [ -x "$file" ]; then program=$file; break; fi
        if [ -e "$file" ]; then refused=$file; fi
    done
    case $program in */*) ;; *) program=${{refused:-$program}} ;; esac
esac
exec env -i {env} "$program" "$@" 2>&1
"""
_MARKS = 1 << 40  # in KiB: so far above any memory that programs which ask for the limit see none

# Kills what carries the mark in $0 (in bytes) until a pass over the process list finds nothing more.
_KILL_MARKED = """
pass=0
while [ $pass -lt 100 ]; do
    found=
    for process in /proc/[0-9]*; do
        while read -r max resident set soft rest; do
            if [ "$max $resident $set" = "Max resident set" ]; then
                if [ "$soft" = "$0" ]; then kill -9 "${process#/proc/}"; found=1; fi
                break
            fi
        done 2>/dev/null <"$process/limits"
    done 2>/dev/null
    [ "$found" ] || exit 0
    pass=$((pass + 1))
done
exit 1
"""

# Says who it is, waits until the terminal has its size, and becomes bash.
_OPEN_SHELL = (
    "command -v bash >/dev/null || { echo no bash; exit; }; echo shell $$; read -r line; "
    'cd "$0" 2>/dev/null || cd /; unset OLDPWD line; exec bash -i'
)

# Bits of the mode in an archive's header (Go's os.FileMode).
_SYMLINK = 1 << 27
_NOT_REGULAR = 1 << 31 | 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19


class DockerEngine(Engine):
    """Sandboxes as containers."""

    name = "docker"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connected: tuple[int, docker.APIClient] | None = None
        self._label = uuid.uuid4().hex
        self._quota: bool | None = None
        _ENGINES.add(self)

    @property
    def client(self) -> docker.APIClient:
        """The daemon's API, connected at first use and again after a fork.

        Raises:
            EngineMissing: no daemon answers.
        """
        with self._lock:
            if self._connected is None or self._connected[0] != os.getpid():
                self._connected = os.getpid(), _connect()
            return self._connected[1]

    def probe(self) -> str:
        """See `Engine.probe`."""
        client = self.client
        with _daemon("info"):
            version, info = client.version(), client.info()
        disk = "disk capped" if self._caps_disk(info) else "disk capped by file, not in total (storage driver)"
        kind = version.get("Platform", {}).get("Name") or "Docker"
        return (
            f"{kind} {version['Version']} at {_address()}, "
            f"{info['Driver']}, cgroup v{info.get('CgroupVersion', '1')}, {disk}"
        )

    def build(self, source: ImageSource) -> Image:
        """See `Engine.build`."""
        if source.context is None:
            return self._named(source.reference or source.digest)
        tag = f"termigen/{source.digest[:24]}"
        image = None if source.fresh else self._find(tag)
        if image is not None:
            return image
        with locked(f"docker-{source.digest[:24]}"):
            image = None if source.fresh else self._find(tag)
            if image is None:
                self._build(source, source.context, tag)
                image = self._find(tag)
        if image is None:
            raise SandboxError(f"image {tag}: expected it in the daemon's store after its build, found none")
        return image

    def start(self, image: Image, limits: Limits, env: Mapping[str, str] | None = None) -> Sandbox:
        """See `Engine.start`."""
        client = self.client
        with _daemon("start a sandbox"):
            container = self._create(client, image, limits, {**image.env, **(env or {})})
            sandbox = DockerSandbox(client, container, image)
            try:
                client.start(container)
                if image.entrypoint:
                    sandbox.run_entrypoint()
            except BaseException:
                sandbox.stop()
                raise
        return sandbox

    def import_base(self, tarball: Path, reference: str) -> None:
        """See `Engine.import_base`."""
        repository, _, tag = reference.partition(":")
        changes = ['CMD ["bash"]', f"ENV PATH={_DEFAULT_PATH}"]
        with _daemon(f"import {tarball} as {reference}"):
            self.client.import_image_from_file(
                str(tarball), repository=repository, tag=tag or "latest", changes=changes
            )

    def has_image(self, reference: str) -> bool:
        """See `Engine.has_image`."""
        return self._find(reference) is not None

    def sweep(self) -> int:
        """See `Engine.sweep`."""
        removed = 0
        for container in self._containers(_OWNER):
            place, _, owner = container["Labels"][_OWNER].partition(":")
            # Of another machine's owner, or one of an earlier boot, nothing is known: what runs may be in use.
            gone = not owner_alive(owner) if place == _place() else container["State"] in ("exited", "dead")
            if gone:
                removed += _remove(self.client, container["Id"])
        return removed

    def close(self) -> None:
        """See `Engine.close`."""
        if self._connected is None or self._connected[0] != os.getpid():
            return
        for container in self._containers(f"{_ENGINE}={self._label}"):
            _remove(self.client, container["Id"])
        self.client.close()
        self._connected = None

    def _containers(self, label: str) -> list[dict[str, Any]]:
        with _daemon("list sandboxes"):
            found: list[dict[str, Any]] = self.client.containers(all=True, filters={"label": label})
        return found

    def _find(self, reference: str) -> Image | None:
        """Return what an image of the store declares; None where there is none."""
        with _daemon(f"inspect image {reference}"):
            try:
                described = self.client.inspect_image(reference)
            except docker.errors.NotFound:
                return None
        config = described["Config"] or {}
        return Image(
            id=described["Id"],
            workdir=config.get("WorkingDir") or "/",
            env=dict(item.split("=", 1) for item in config.get("Env") or ()),
            user=config.get("User") or "",
            entrypoint=tuple(config.get("Entrypoint") or ()),
        )

    def _named(self, reference: str) -> Image:
        """Return a finished image, pulled where the daemon lacks it."""
        image = self._find(reference)
        if image is None:
            self._pull(reference)
            image = self._find(reference)
        if image is None:
            raise BuildError(f"image {reference}: expected the daemon to have or pull it, found no such image")
        return image

    def _pull(self, reference: str) -> None:
        try:
            with _daemon(f"pull {reference}"):
                self.client.pull(reference)
        except SandboxError as error:
            raise BuildError(
                f"image {reference}: expected the daemon to have or pull it, found neither possible: {error}; "
                "`termigen images bootstrap` makes the Debian base without a registry"
            ) from None

    def _build(self, source: ImageSource, context: Path, tag: str) -> None:
        try:
            recipe = (context / "Dockerfile").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            raise BuildError(f"{context / 'Dockerfile'}: expected a Dockerfile, found none") from None
        for reference in base_images(recipe):
            # BuildKit asks our session for credentials when it pulls, and this build has no session.
            self._named(reference)
        log = BuildLog()
        if not self._run_build(source, context, tag, log):
            log.error = f"expected the image built within {source.timeout_s:g} s, found it still building"
        if not log.error:
            return
        if "unknown instruction" in log.error and "<<" in recipe:
            log.error += "\n(here-documents in a Dockerfile need Docker 23 or newer)"
        raise BuildError(f"image {tag} from {context}: the build failed at {log.failure()}")

    def _run_build(self, source: ImageSource, context: Path, tag: str, log: BuildLog) -> bool:
        """Build into the daemon's store, return False when the time was spent."""
        build, late = uuid.uuid4().hex, threading.Event()
        # A client of its own: its parameters go with every request, and the SDK has none for the builder's version.
        client = _connect(version=self.client.api_version, timeout=source.timeout_s + _API_TIMEOUT_S)
        client.params = {"version": "2", "buildid": build}

        def give_up() -> None:
            late.set()
            with contextlib.suppress(SandboxError), _daemon("cancel a build"):
                self.client.post(self.client._url("/build/cancel"), params={"id": build})

        timer = threading.Timer(source.timeout_s, give_up)
        timer.start()
        try:
            with _daemon(f"build {tag}"):
                messages = client.build(
                    path=str(context),
                    tag=tag,
                    gzip=True,
                    nocache=source.fresh,
                    rm=True,
                    forcerm=True,
                    labels={_DIGEST: source.digest},
                    decode=True,
                )
                for message in messages:
                    log.feed(message)
        except KeyboardInterrupt:
            give_up()
            raise
        finally:
            timer.cancel()
            client.close()
        return not late.is_set()

    def _create(self, client: docker.APIClient, image: Image, limits: Limits, env: Mapping[str, str]) -> str:
        info = client.info()
        quota = self._caps_disk(info)
        try:
            return self._create_with(client, image, limits, env, cores=info["NCPU"], quota=quota)
        except docker.errors.APIError as error:
            if not quota or "storage-opt" not in str(error.explanation):
                raise
            self._quota = False
            return self._create_with(client, image, limits, env, cores=info["NCPU"], quota=False)

    def _caps_disk(self, info: Mapping[str, Any]) -> bool:
        """Whether the storage driver can cap what a container writes in all; overlay2 only tells when tried."""
        if self._quota is None:
            backing = dict(row for row in info.get("DriverStatus") or () if len(row) == 2).get("Backing Filesystem")
            self._quota = info["Driver"] in ("btrfs", "zfs") or (info["Driver"] == "overlay2" and backing == "xfs")
        return self._quota

    def _create_with(
        self,
        client: docker.APIClient,
        image: Image,
        limits: Limits,
        env: Mapping[str, str],
        *,
        cores: int,
        quota: bool,
    ) -> str:
        public = limits.network == "public"
        ulimits = {"core": 0}
        if not quota:
            ulimits["fsize"] = limits.storage_mb * _MIB
        host_config = client.create_host_config(
            network_mode="bridge" if public else "none",
            dns=None if public else ["127.0.0.1"],  # else the daemon copies the host's
            extra_hosts={_HOSTNAME: "127.0.1.1"},
            nano_cpus=int(min(limits.cpus, cores) * 1e9),
            mem_limit=limits.memory_mb * _MIB,
            memswap_limit=limits.memory_mb * _MIB,
            pids_limit=limits.pids,
            storage_opt={"size": f"{limits.storage_mb}M"} if quota else None,
            ulimits=[docker.types.Ulimit(name=name, soft=most, hard=most) for name, most in ulimits.items()],
            cap_drop=["ALL"],
            cap_add=_CAPABILITIES,
            log_config={"Type": "none"},
        )
        created = client.create_container(
            image.id,
            entrypoint=["/bin/sh", "-c", _KEEPER],
            stdin_open=True,
            user="0",
            hostname=_HOSTNAME,
            environment=dict(env),
            healthcheck={"test": ["NONE"]},
            labels={_OWNER: f"{_place()}:{owner_id()}", _ENGINE: self._label},
            host_config=host_config,
        )
        return str(created["Id"])


class DockerSandbox(Sandbox):
    """One container."""

    def __init__(self, client: docker.APIClient, container: str, image: Image) -> None:
        self.image = image
        self._client = client
        self._id = container
        self._name = f"sandbox {container[:12]}"

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
        mark = _MARKS + secrets.randbelow(_MARKS)
        script = self._clean_script(mark, env or {}) if clean_env else _RUN.format(mark=mark)
        command = ["/bin/sh", "-c", script, "sh", *argv]
        output = Output(OUTPUT_LIMIT)
        with _daemon(self._name):
            run = self._exec_create(command, user=user, cwd=cwd, env={} if clean_env else env or {})
            with contextlib.closing(self._attach(run)) as stream:
                ended = _drain(stream, output, deadline)
                code = self._exit_code(run, output, deadline) if ended else None
                if code is None:
                    self._kill_marked(mark)
                    _drain(stream, output, time.monotonic() + _KILL_S)
        return ExecResult(code, output.data, output.truncated)

    def put(self, archive: bytes, to: str = "/") -> None:
        """See `Sandbox.put`."""
        with _daemon(f"{self._name}: put below {to}"):
            try:
                self._client.put_archive(self._id, to, archive)
            except docker.errors.NotFound:
                made = self.exec(["mkdir", "-p", to], timeout_s=_SHELL_S, user=0, cwd="/")
                if made.exit_code != 0:
                    raise SandboxError(f"{self._name}: put: expected to make {to}, found: {made.text}") from None
                self._client.put_archive(self._id, to, archive)

    def read(self, path: str, limit: int = OUTPUT_LIMIT) -> bytes | None:
        """See `Sandbox.read`."""
        with _daemon(f"{self._name}: read {path}"):
            found = self._regular_file(path)
            if found is None:
                return None
            try:
                chunks, _ = self._client.get_archive(self._id, found)
            except docker.errors.NotFound:
                return None
            with contextlib.closing(_Chunks(chunks)) as source, tarfile.open(fileobj=source, mode="r|") as archive:
                for member in archive:
                    content = archive.extractfile(member) if member.isreg() else None
                    return None if content is None else content.read(limit)
        return None

    def open_shell(self, *, user: str | int | None = None, cwd: str | None = None, env: Mapping[str, str]) -> Shell:
        """See `Sandbox.open_shell`."""
        command = ["/bin/sh", "-c", _OPEN_SHELL, cwd or self.image.workdir]
        deadline = time.monotonic() + _SHELL_S
        with _daemon(f"{self._name}: open a shell"):
            run = self._exec_create(command, user=user, cwd="/", env={"TERM": "xterm-256color", **env}, terminal=True)
            stream = self._attach(run, terminal=True)
            try:
                hello = stream.read_line(deadline).split()
                if hello[:1] != [b"shell"]:
                    raise self._no_shell(run, b" ".join(hello).decode("utf-8", "replace"))
                self._client.exec_resize(run, height=24, width=80)
                stream.write(b"\n")
                stream.read_line(deadline)  # the terminal's echo of what woke it
            except BaseException:
                stream.close()
                raise
        return DockerShell(self, stream, int(hello[1]), self._host_pid(run))

    def kill_processes(self) -> None:
        """See `Sandbox.kill_processes`."""
        deadline = time.monotonic() + _KILL_S
        with _daemon(f"{self._name}: kill its processes"):
            while time.monotonic() < deadline:
                self._client.kill(self._id, "USR1")
                if len(self._client.top(self._id, ps_args="-eo pid")["Processes"]) <= 1:
                    return
            # Process 1 did not do it: somebody inside holds it with ptrace. The daemon can.
            self._client.restart(self._id, timeout=0)

    def alive(self) -> bool:
        """See `Sandbox.alive`."""
        try:
            with _daemon(self._name):
                return bool(self._client.inspect_container(self._id)["State"]["Running"])
        except SandboxDied:
            return False

    def stop(self) -> None:
        """See `Sandbox.stop`."""
        _remove(self._client, self._id)

    def run_entrypoint(self) -> None:
        """Run the image's ENTRYPOINT with a command that waits, and return when it has come to that command.

        An entrypoint that does not come to it within a few seconds is a server of its own: it runs on.

        Raises:
            SandboxError: it failed.
        """
        wait = ["/bin/sh", "-c", f"echo {_READY.decode()}; exec sleep 2147483647"]
        run = self._exec_create([*self.image.entrypoint, *wait], user=None, cwd=None, env={})
        output, deadline = Output(OUTPUT_LIMIT), time.monotonic() + _ENTRYPOINT_S
        with contextlib.closing(self._attach(run)) as stream:
            while _READY not in output.data:
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

    def hang_up(self, pid: int, host_pid: int | None) -> None:
        """Send SIGHUP to a shell, by its number inside and, where it has one here, on this machine."""
        with contextlib.suppress(SandboxError), _daemon(self._name):
            if host_pid is not None and _is_inside(host_pid, self._id):
                with contextlib.suppress(PermissionError):
                    os.kill(host_pid, signal.SIGHUP)
                    return
            run = self._exec_create(["/bin/sh", "-c", 'kill -HUP "$0"', str(pid)], user=0, cwd="/", env={})
            self._client.exec_start(run, detach=True)

    def _exec_create(
        self,
        command: Sequence[str],
        *,
        user: str | int | None,
        cwd: str | None,
        env: Mapping[str, str],
        terminal: bool = False,
    ) -> str:
        created = self._client.exec_create(
            self._id,
            list(command),
            user=str(user if user is not None else self.image.user or 0),
            workdir=cwd or self.image.workdir,
            environment=dict(env),
            stdin=terminal,
            tty=terminal,
        )
        return str(created["Id"])

    def _attach(self, run: str, terminal: bool = False) -> Stream:
        """Start a command and take over the connection; the SDK's own way loses what comes along with the headers."""
        response = self._client.post(
            self._client._url("/exec/{0}/start", run),
            json={"Tty": terminal, "Detach": False},
            headers={"Connection": "Upgrade", "Upgrade": "tcp"},
            stream=True,
            timeout=_API_TIMEOUT_S,
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
        if not state["Pid"] and code in (126, 127):
            raise self._failure(f"expected a command to start, found: {output.data.decode('utf-8', 'replace').strip()}")
        if code == 128 + signal.SIGKILL:
            self._see_alive()
        return code

    def _see_alive(self) -> None:
        """Raise SandboxDied where a command died because its container did, which the daemon may not know yet."""
        run = self._exec_create(["/bin/sh", "-c", ":"], user=0, cwd="/", env={})
        with contextlib.closing(self._attach(run)) as stream:
            _drain(stream, Output(0), time.monotonic() + _API_TIMEOUT_S)
        if not self._client.exec_inspect(run)["Pid"]:
            raise SandboxDied(f"{self._name}: expected it running, found it killed")

    def _kill_marked(self, mark: int) -> None:
        """Kill what a command has started; where not even that can be started any more, everything."""
        try:
            run = self._exec_create(["/bin/sh", "-c", _KILL_MARKED, str(mark * 1024)], user=0, cwd="/", env={})
            output, deadline = Output(OUTPUT_LIMIT), time.monotonic() + _KILL_S
            with contextlib.closing(self._attach(run)) as stream:
                done = _drain(stream, output, deadline) and self._exit_code(run, output, deadline) == 0
        except SandboxDied:
            raise
        except (SandboxError, docker.errors.APIError):
            done = False
        if not done:
            self.kill_processes()

    def _clean_script(self, mark: int, env: Mapping[str, str]) -> str:
        path = env.get("PATH") or self.image.env.get("PATH") or _DEFAULT_PATH
        pairs = shlex.join(f"{key}={value}" for key, value in env.items())
        return _RUN_CLEAN.format(mark=mark, path=shlex.quote(path), env=pairs)

    def _regular_file(self, path: str) -> str | None:
        """Return where `path` leads inside the container, when that is a regular file."""
        for _ in range(2):  # the daemon resolves a whole chain of links at once
            stat = self._stat(path)
            if stat is None or not stat["mode"] & _SYMLINK:
                break
            path = stat["linkTarget"]
        return path if stat is not None and not stat["mode"] & _NOT_REGULAR else None

    def _stat(self, path: str) -> dict[str, Any] | None:
        url = self._client._url("/containers/{0}/archive", self._id)
        response = self._client.head(url, params={"path": path}, timeout=_API_TIMEOUT_S)
        if response.status_code == requests.codes.not_found:
            self._client.inspect_container(self._id)  # is it the path or the container that is not there?
            return None
        self._client._raise_for_status(response)
        stat: dict[str, Any] = docker.utils.decode_json_header(response.headers["X-Docker-Container-Path-Stat"])
        return stat

    def _no_shell(self, run: str, said: str) -> SandboxError:
        if said == "no bash":
            return SandboxError(f"{self._name}: expected bash in the image, found none on its PATH; install bash in it")
        state = self._client.exec_inspect(run)
        return self._failure(f"expected a shell to start, found exit code {state['ExitCode']}: {said}")

    def _failure(self, text: str) -> SandboxError:
        return (SandboxError if self.alive() else SandboxDied)(f"{self._name}: {text}")

    def _host_pid(self, run: str) -> int | None:
        """Return a command's process number on this machine; None where the daemon runs elsewhere."""
        with _daemon(self._name):
            pid = int(self._client.exec_inspect(run)["Pid"])
        return pid if _is_inside(pid, self._id) else None


class DockerShell(Shell):
    """An exec with a terminal."""

    def __init__(self, sandbox: DockerSandbox, stream: Stream, pid: int, host_pid: int | None) -> None:
        self._sandbox = sandbox
        self._stream: Stream | None = stream
        self._descriptor = stream.fileno()
        self._pid = pid
        self._host_pid = host_pid

    def fileno(self) -> int:
        """See `Shell.fileno`."""
        return self._descriptor

    def waits_for_input(self) -> bool | None:
        """See `Shell.waits_for_input`."""
        return None if self._host_pid is None else reads_terminal(self._host_pid)

    def close(self) -> None:
        """See `Shell.close`."""
        stream, self._stream = self._stream, None
        if stream is not None:
            self._sandbox.hang_up(self._pid, self._host_pid)
            stream.close()


class _Chunks(io.RawIOBase):
    """A file over the chunks of a response; closing it ends the response."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or next(self._chunks, b"")
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


def _connect(version: str = "auto", timeout: float = _API_TIMEOUT_S) -> docker.APIClient:
    where = _address()
    if where.startswith("ssh://"):
        raise EngineMissing(
            f"docker engine: expected a unix:// or tcp:// address in DOCKER_HOST, found {where}; "
            "forward the daemon's socket (ssh -L) and name that"
        )
    try:
        settings = docker.utils.kwargs_from_env()
        return docker.APIClient(version=version, timeout=timeout, max_pool_size=_CONNECTIONS, **settings)
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise EngineMissing(
            f"docker engine: expected a daemon at {where}, found: {error}; start it and see that this user may reach "
            "its socket, set DOCKER_HOST, or use the bubblewrap engine"
        ) from None


def _address() -> str:
    return os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


@contextlib.contextmanager
def _daemon(what: str) -> Iterator[None]:
    """Turn every failure of the daemon into one of ours."""
    try:
        yield
    except docker.errors.APIError as error:
        gone = error.status_code == requests.codes.not_found or (
            error.status_code == requests.codes.conflict and "is not running" in str(error.explanation)
        )
        raise (SandboxDied if gone else SandboxError)(f"{what}: the Docker daemon says: {error.explanation}") from None
    except (requests.ConnectionError, ConnectionError) as error:
        raise SandboxDied(f"{what}: expected the Docker daemon to answer, found it gone: {error}") from None
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise SandboxError(f"{what}: expected the Docker daemon to answer, found: {error}") from None


def _drain(stream: Stream, output: Output, deadline: float) -> bool:
    """Take output until its end, or return False at the deadline."""
    try:
        while data := stream.read(deadline):
            output.feed(data)
    except TimeoutError:
        return False
    return True


def _remove(client: docker.APIClient, container: str) -> bool:
    """Kill and remove a container, return False where that was done or under way already."""
    try:
        with _daemon(f"remove sandbox {container[:12]}"):
            client.remove_container(container, force=True, v=True)
    except SandboxDied:
        return False
    except SandboxError as error:
        if "already in progress" in str(error):
            return False
        raise
    return True


def _place() -> str:
    """Where owners' process numbers mean what they mean here: this boot of this machine, this pid namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}.{os.stat('/proc/self/ns/pid').st_ino}"


def _is_inside(pid: int, container: str) -> bool:
    """Whether a process of this machine belongs to a container."""
    try:
        return container in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


_ENGINES: weakref.WeakSet[DockerEngine] = weakref.WeakSet()


@atexit.register
def _close_engines() -> None:
    for engine in list(_ENGINES):
        with contextlib.suppress(SandboxError):
            engine.close()
