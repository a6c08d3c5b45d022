"""The contract of engines and sandboxes. `termigen_gym.conformance` holds the cases that every implementation passes.

An `Engine` builds images and starts sandboxes. A `Sandbox` is one running copy of an image: hostile code runs in it.
What every engine guarantees:

- The image as it is: file tree untouched, WORKDIR, ENV, USER and ENTRYPOINT honoured.
- No network unless `Limits.network` asks for it. CPU, memory, processes and disk are capped (docs/engines.md says how).
- No host path, no host environment variable and no host process is visible inside.
- A failure of the engine raises SandboxError (SandboxDied when the sandbox is gone). A command that fails is a result.
- Sandboxes do not outlive the process that started them: `stop` is idempotent, a killed owner's sandboxes are removed
  by the kernel or by the next `Engine.sweep`.

Engines are safe to use from many threads; a sandbox belongs to one thread at a time.
"""

from __future__ import annotations

import contextlib
import io
import posixpath
import tarfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from ..errors import SandboxDied, SandboxError
from ..task import Healthcheck, TreeFile

OUTPUT_LIMIT = 4 * 1024 * 1024
"""Bytes of a command's output that `Sandbox.exec` keeps."""

FETCH_LIMIT = 256 * 1024 * 1024
"""Bytes of content that `Sandbox.fetch` takes out at most."""

DIGEST_DIGITS = 24
"""Digits of a context's digest that are in the name of its image."""


@dataclass(frozen=True)
class Limits:
    """What a sandbox may use.

    Attributes:
        cpus: cores. memory_mb, storage_mb: MiB. pids: processes and threads.
        network: "none"; "public" for the world through the engine's address translation; "allowlist" for nothing but
            `allowed_hosts`, by HTTP through a proxy.
        allowed_hosts: names, "*.suffix" or addresses, each with ":port" or without (then 80 and 443).
    """

    cpus: float = 1.0
    memory_mb: int = 2048
    storage_mb: int = 10240
    pids: int = 512
    network: Literal["none", "public", "allowlist"] = "none"
    allowed_hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageSource:
    """What an image is made from.

    Attributes:
        context: folder with the Dockerfile; None where `reference` names a finished image.
        digest: of the context; the same digest is built once.
        reference: a finished image's name, or None.
        timeout_s: limit of the build.
        fresh: ignore the layer cache.
        abort: set by another thread, it ends the build soon, with a BuildError.
    """

    context: Path | None
    digest: str
    reference: str | None = None
    timeout_s: float = 600.0
    fresh: bool = False
    abort: threading.Event | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Image:
    """A built image and what it declares.

    Attributes:
        id: the engine's identifier.
        workdir: absolute path. env: as KEY -> value. user: "" or a Dockerfile USER value.
        entrypoint: argv, may be empty.
    """

    id: str
    workdir: str = "/"
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    entrypoint: tuple[str, ...] = ()


@dataclass(frozen=True)
class Built:
    """An image in an engine's store that `Engine.build` made from a context.

    Attributes:
        name: the engine's. digest: the context's, its first `DIGEST_DIGITS` digits.
        size: bytes that no other image shares.
    """

    name: str
    digest: str
    size: int


@dataclass(frozen=True)
class ExecResult:
    """What a command left.

    Attributes:
        exit_code: 128 + N when signal N ended it; None when the time limit did.
        output: stdout and stderr, interleaved as written, its first `OUTPUT_LIMIT` bytes.
        truncated: whether more was written.
    """

    exit_code: int | None
    output: bytes
    truncated: bool = False

    @property
    def timed_out(self) -> bool:
        """Whether the time limit ended the command."""
        return self.exit_code is None

    @property
    def text(self) -> str:
        """The output as text; invalid UTF-8 is replaced."""
        return self.output.decode("utf-8", "replace")


@dataclass(frozen=True)
class Change:
    """How one path of a sandbox differs from its image.

    Attributes:
        kind: what happened to it. A file counts as changed when it was written to, whatever it holds.
        type: what is there now, None where it was removed; "other" is a device, a socket, a named pipe, or what
            the engine can't look at.
        target: of a link, where it leads.
    """

    kind: Literal["added", "changed", "removed"]
    type: Literal["file", "folder", "link", "other"] | None
    target: str = ""


class Shell(ABC):
    """The byte stream of an interactive bash on a terminal of its own inside a sandbox.

    Attributes:
        echoes: whether the terminal still shows what is typed when the shell begins.
    """

    echoes = True

    @abstractmethod
    def fileno(self) -> int:
        """Return the descriptor to read and write; end of file or EIO means that the shell is gone."""

    @abstractmethod
    def waiting(self) -> int | None:
        """Return a number while the foreground program sleeps in a read of the terminal, else None.

        The number changes whenever that program ran in between: the same number after something was typed means that
        it was not read yet. None as well where the engine can't tell.
        """

    @abstractmethod
    def slept(self) -> int | None:
        """Return the number that `waiting` would while the shell itself is what waits; cheaper, and not looked at."""

    @abstractmethod
    def stopped(self) -> bool:
        """Return whether the shell itself was stopped by a signal or has ended: it does nothing more by itself.

        One that has ended leaves the stream open while a job of it keeps the terminal. False as well where the engine
        can't tell.
        """

    @abstractmethod
    def close(self) -> None:
        """Hang up: the shell and its foreground job get SIGHUP, the descriptor is closed. Idempotent."""


class Snapshot:
    """A sandbox's file tree as it was at one moment. It goes with its sandbox at the latest.

    Attributes:
        name: the engine's.
    """

    def __init__(self, sandbox: Sandbox, name: str, drop: Callable[[], None]) -> None:
        """Hold what `drop` gives back."""
        self.name = name
        self._sandbox = sandbox
        self._drop: Callable[[], None] | None = drop

    @property
    def open(self) -> bool:
        """Whether it can be restored yet: it was not closed, and its sandbox not stopped."""
        return self._drop is not None and self._sandbox.alive()

    def name_for(self, sandbox: Sandbox) -> str:
        """Return the name, for `sandbox` to be restored.

        Raises:
            SandboxError: it was taken of another sandbox, or is closed. SandboxDied: the sandbox is gone.
        """
        if sandbox is not self._sandbox:
            raise SandboxError("restore: expected a snapshot of this sandbox, found one of another")
        if not sandbox.alive():
            raise SandboxDied("restore: expected the sandbox running, found it gone, and its snapshots with it")
        if self._drop is None:
            raise SandboxError("restore: expected an open snapshot, found one that was closed")
        return self.name

    def close(self) -> None:
        """Give its room back. Idempotent, also after the end of its sandbox."""
        drop, self._drop = self._drop, None
        if drop is not None:
            with contextlib.suppress(SandboxDied):
                drop()


class Sandbox(ABC):
    """One running copy of an image."""

    image: Image

    @abstractmethod
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
        """Run a command without a terminal, standard input empty, and wait for it.

        Args:
            argv: the program and its arguments; no shell is involved.
            timeout_s: seconds; when they are spent the command's processes are killed inside the sandbox.
            user: name, uid or "uid:gid"; None for the image's USER.
            cwd: None for the image's WORKDIR, or "/" where that is gone.
            env: added to the image's ENV, or alone with `clean_env`.
            clean_env: start from an empty environment.

        A program that does not exist gives exit code 127, one that may not be run 126.

        Raises:
            SandboxDied: the sandbox is gone. SandboxError: the engine failed.
        """

    @abstractmethod
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
        """Run a command as `exec` does, beside the processes that run inside, in a file tree that these can't reach.

        The tree shows what the sandbox's does, live, but for the folders of `hidden`: those lie in memory, and hold
        what `archive` puts there. No process inside that is not root can end the command, and none can trace it where
        the command runs as root.

        Args:
            argv: the program and its arguments.
            archive: unpacked before the command runs, as by `put`.
            hidden: absolute paths of folders.
            read: paths whose first `limit` bytes are wanted when the command has ended.
            timeout_s: as in `exec`.
            user: as in `exec`.
            env: as in `exec`.
            limit: bytes.

        Returns the result, and by each path of `read` the content, or None where there is no regular file. None where
        the engine can't do it: nothing was done then.

        Raises:
            SandboxDied: the sandbox is gone. SandboxError: the engine failed.
        """

    @abstractmethod
    def put(self, archive: bytes, to: str = "/", removing: Sequence[str] = ()) -> None:
        """Unpack a tar `archive` (see `pack`, `fetch`) below the directory `to`; missing parents are made, as root.

        What lies at the absolute paths of `removing` is removed before, with all that is in it.

        Raises:
            SandboxDied: the sandbox is gone. SandboxError: the engine failed or the disk is full.
        """

    @abstractmethod
    def read(self, path: str, limit: int = OUTPUT_LIMIT) -> bytes | None:
        """Return the first `limit` bytes of a regular file, or None where there is no regular file at `path`.

        Raises:
            SandboxDied: the sandbox is gone. SandboxError: the engine failed.
        """

    @abstractmethod
    def fetch(
        self, paths: Sequence[str], *, exclude: Sequence[str] = (), limit: int = FETCH_LIMIT, pristine: bool = False
    ) -> bytes:
        """Return a tar archive of files and folders, which `put` would put where they were: their paths in full.

        A path at which nothing lies is left out; one that is a link stands for what that leads to. Owners, modes and
        times are kept. What could harm whoever unpacks it is left out: devices, sockets, named pipes, set-uid bits, and
        links in a folder that lead out of it.

        Args:
            paths: absolute.
            exclude: shell patterns of what is left out of folders: of a name, or of a path below the folder.
            limit: bytes of content in all.
            pristine: take them out of the image instead, as they are there.

        Raises:
            TooLarge: they hold more than `limit` bytes, too many files or too many levels.
            SandboxDied: the sandbox is gone. SandboxError: the engine failed.
        """

    @abstractmethod
    def changes(self, below: Sequence[str] = ()) -> dict[str, Change]:
        """Return how the file tree differs from the image, by absolute path, in order.

        Not listed are folders of the image that are there yet, what lay in a removed folder, and what the engine itself
        puts into every sandbox (/etc/hosts, /etc/hostname, /etc/resolv.conf, the `folders` of `Engine.start`).

        Args:
            below: look only at and below these paths.

        Raises:
            TooLarge: more than 100,000 paths differ.
            SandboxDied: the sandbox is gone. SandboxError: the engine failed.
        """

    @abstractmethod
    def open_shell(self, *, user: str | int | None = None, cwd: str | None = None, env: Mapping[str, str]) -> Shell:
        """Start an interactive bash on a terminal of 80 x 24 characters.

        Args:
            user: as in `exec`.
            cwd: as in `exec`; where it is gone, "/".
            env: added to the image's ENV.

        Raises:
            SandboxDied: the sandbox is gone. SandboxError: the engine failed or the image has no bash.
        """

    @abstractmethod
    def kill_processes(self) -> None:
        """Kill every process inside but the first (the one that keeps the sandbox)."""

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """Keep the file tree as it is now. Programs run on; what one writes at this moment may be kept in half.

        docs/engines.md says what an engine can't keep. The snapshot can be restored any number of times, before and
        after others, as long as it is not closed and the sandbox not stopped.

        Raises:
            SandboxDied: the sandbox is gone. SandboxError: the engine failed or there is no room for it; the sandbox
            goes on.
        """

    @abstractmethod
    def restore(self, snapshot: Snapshot) -> None:
        """Kill every process inside and put the file tree back as it was; this object goes on, with the same limits.

        Nothing that ran is started again, the image's ENTRYPOINT neither, and shells are gone.

        Raises:
            SandboxDied: the sandbox is gone. SandboxError: the snapshot is not open or of another sandbox, and nothing
            was done; or the engine failed.
        """

    @abstractmethod
    def alive(self) -> bool:
        """Return whether the sandbox still runs."""

    @abstractmethod
    def stop(self) -> None:
        """Kill everything inside and remove what the sandbox held. Idempotent, also for a sandbox that is gone."""

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Engine(ABC):
    """Builds images and starts sandboxes."""

    name: str

    @abstractmethod
    def probe(self) -> str:
        """Return one line on the engine that answers (name, version, mode).

        Raises:
            EngineMissing: it does not answer; says what to install or start.
        """

    @abstractmethod
    def build(self, source: ImageSource) -> Image:
        """Build an image, or return at once the one built from the same digest before.

        Raises:
            BuildError: it does not build; names the step and shows its last lines.
            SandboxError: the engine failed.
        """

    @abstractmethod
    def start(
        self, image: Image, limits: Limits, env: Mapping[str, str] | None = None, folders: Sequence[str] = ()
    ) -> Sandbox:
        """Start a sandbox.

        Args:
            image: what it is a copy of.
            limits: what it may use.
            env: added to the image's ENV for everything that runs inside.
            folders: absolute paths of directories that everybody may write to; made where they are not there.

        Raises:
            SandboxError: it could not be started.
        """

    @abstractmethod
    def import_base(self, tarball: Path, reference: str) -> None:
        """Make an image called `reference` from a root file system in a tar file."""

    @abstractmethod
    def has_image(self, reference: str) -> bool:
        """Return whether an image of that name is in the engine's store."""

    @abstractmethod
    def built(self) -> tuple[Built, ...]:
        """Return the images that `build` made from contexts, by name; never a base or anybody else's."""

    def built_of(self, digest: str) -> Built | None:
        """Return the image that `build` made from the context of this digest, if there is one."""
        return next((image for image in self.built() if image.digest == digest[:DIGEST_DIGITS]), None)

    @abstractmethod
    def discard(self, image: Built) -> bool:
        """Remove an image and what only it needs; False where it stays because a sandbox uses it.

        Raises:
            SandboxError: the engine failed.
        """

    @abstractmethod
    def sweep(self) -> int:
        """Remove what killed owners left behind (found by label, never another owner's) and return how many things."""

    @abstractmethod
    def close(self) -> None:
        """Stop every sandbox that this engine object started. Idempotent."""


def without(changes: Mapping[str, Change], files: Collection[str], folders: Collection[str] = ()) -> dict[str, Change]:
    """Return changes without those that an engine made itself: some files, and some folders and their parents."""
    made = {*files, *folders, *(str(parent) for folder in folders for parent in PurePosixPath(folder).parents)}
    return {path: change for path, change in changes.items() if path not in made}


def wait_healthy(sandbox: Sandbox, check: Healthcheck) -> None:
    """Return when the task's healthcheck passes.

    Raises:
        SandboxError: it did not pass within its start period and retries.
    """
    started = time.monotonic()
    failures = 0
    while True:
        result = sandbox.exec(["/bin/sh", "-c", check.command], timeout_s=check.timeout_sec)
        if result.exit_code == 0:
            return
        starting = time.monotonic() - started < check.start_period_sec
        failures += not starting
        if failures >= check.retries:
            raise SandboxError(
                f"healthcheck {check.command!r}: expected exit code 0 within {check.retries} tries, "
                f"found {result.exit_code}: {result.text[-400:]}"
            )
        time.sleep(check.start_interval_sec if starting else check.interval_sec)


def pack(files: Mapping[str, TreeFile], folders: Mapping[str, int] | None = None) -> bytes:
    """Return a tar archive of `files` by path: owned by root, times zero, modes 0644 or 0755.

    `folders` are made too, by path with their modes.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, mode in (folders or {}).items():
            info = tarfile.TarInfo(posixpath.normpath(path).lstrip("/"))
            info.type, info.mode = tarfile.DIRTYPE, mode
            archive.addfile(info)
        for path in sorted(files):
            item = files[path]
            info = tarfile.TarInfo(posixpath.normpath(path).lstrip("/"))
            info.size = len(item.content)
            info.mode = 0o755 if item.executable else 0o644
            archive.addfile(info, io.BytesIO(item.content))
    return buffer.getvalue()
