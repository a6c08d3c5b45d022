"""Images for the embedded engine, built by `buildah` into a store of our own; no daemon.

The store keeps each layer's tree in a folder. A sandbox's overlay is put straight on those folders, so that nothing has
to be mounted between sandboxes.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from ..errors import BuildError, EngineMissing, SandboxError
from .base import DIGEST_DIGITS, Built, Image, ImageSource
from .cache import take_lock, try_lock

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TAIL = 30
_NAMES = "localhost/termigen/"
_LOOK_EVERY_S = 0.1
_LONG = ("bud", "pull", "from", "add", "config", "commit")
"""Commands that have working containers, and hold the lock `_BUILDS` together meanwhile."""

_BUILDS = "builds"
_IN_USE = "image is in use by a container"
_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
_APART = ("unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc", "--")


@dataclass(frozen=True)
class Layers:
    """An image's layer folders, topmost first, relative to `folder`."""

    folder: Path
    names: tuple[str, ...]


def store_folder() -> Path:
    """Return where images are kept: $TERMIGEN_STORE, else /var/lib/termigen as root, else the user's data home."""
    if chosen := os.environ.get("TERMIGEN_STORE"):
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/var/lib/termigen")
    home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(home) / "termigen"


class BuildahStore:
    """The images of one user on one machine."""

    def __init__(self, buildah: str, folder: Path) -> None:
        self._buildah = buildah
        self.folder = folder
        self._lock = threading.Lock()
        self._images: dict[str, Image] = {}
        self._lists: dict[str, tuple[tuple[int, int, int], list[dict[str, Any]]]] = {}

    @cached_property
    def driver(self) -> str:
        """The storage driver: overlay where the kernel lets this user mount one, else vfs (a copy of each layer)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        probe = self._run(["info"], driver="overlay", check=False)
        return "overlay" if probe.returncode == 0 else "vfs"

    def build(self, source: ImageSource) -> Image:
        """Build `source`, or return the image built from its digest before.

        Raises:
            BuildError: it does not build.
        """
        name = source.reference or f"{_NAMES}{source.digest[:DIGEST_DIGITS]}"
        with self._building(name, source):
            if source.fresh or not self.has(name):
                self._images.pop(name, None)
                if source.context is None:
                    self._build(["pull", name], name, source)
                else:
                    cache = "--no-cache" if source.fresh else "--layers"
                    self._build(["bud", "--isolation", "chroot", cache, "-t", name, str(source.context)], name, source)
            if name not in self._images:
                self._images[name] = self._inspect(name)
            return self._images[name]

    def has(self, name: str) -> bool:
        """Return whether an image of that name is in the store."""
        return self._record(name) is not None

    def import_base(self, tarball: Path, name: str) -> None:
        """Make an image from a root file system in a tar file.

        Raises:
            SandboxError: buildah failed.
        """
        container = self._run(["from", "scratch"]).stdout.strip()
        try:
            self._run(["add", "-q", container, str(tarball), "/"])
            self._run(["config", "--cmd", "bash", "--env", f"PATH={DEFAULT_PATH}", container])
            self._run(["commit", "-q", container, _full(name)])
        finally:
            self._run(["rm", container], check=False)

    def layers(self, image: Image) -> Layers:
        """Return the folders that make the image's tree.

        Raises:
            SandboxError: the store does not hold it (any more).
        """
        record = next((item for item in self._records("images") if item["id"] == image.id), None)
        if record is None:
            raise SandboxError(f"image {image.id[:12]}: expected it in {self.folder}, found it removed; build it again")
        storage = self.folder / "storage"
        if self.driver == "vfs":
            return Layers(storage / "vfs" / "dir", (record["layer"],))
        overlay = storage / "overlay"
        top = (overlay / record["layer"] / "link").read_text().strip()
        lower = overlay / record["layer"] / "lower"
        below = lower.read_text().strip().split(":") if lower.exists() else []
        return Layers(overlay, (f"l/{top}", *below))

    def built(self) -> tuple[Built, ...]:
        """See `Engine.built`."""
        layers = {record["id"]: record for record in self._records("layers")}
        chains = {}
        for record in self._records("images"):
            for name in record.get("names") or ():
                chains[name] = set(_chain(layers, record["layer"]))
        users = Counter(layer for chain in chains.values() for layer in chain)
        return tuple(
            Built(
                name.removesuffix(":latest"),
                name.removeprefix(_NAMES).removesuffix(":latest"),
                sum(layers[layer].get("diff-size", 0) for layer in chain if users[layer] == 1),
            )
            for name, chain in sorted(chains.items())
            if name.startswith(_NAMES)
        )

    def discard(self, image: Built) -> bool:
        """See `Engine.discard`."""
        record = self._record(image.name)
        if record is None:
            return True
        with self._lock_file(f"image-{record['id']}") as file:
            if not try_lock(file.fileno(), fcntl.LOCK_EX):
                return False
            removal = self._run(["rmi", image.name], check=False)
            if removal.returncode != 0:
                if _IN_USE in removal.stderr:  # a build that goes on begins with its layers
                    return False
                raise _failure("rmi", removal)
            Path(file.name).unlink()
        self._images.pop(image.name, None)
        return True

    def hold(self, image: Image) -> IO[str]:
        """Return an open file that keeps an image from being discarded, also by other processes, until it is closed."""
        file = self._lock_file(f"image-{image.id}")
        fcntl.flock(file, fcntl.LOCK_SH)
        return file

    def sweep(self) -> int:
        """Remove the working containers and temporary files that killed builds left, and return how many.

        Whose they are is not written anywhere, so they go only while nobody builds.
        """
        files = list(self._temporary.glob("*"))
        if not files and not self._records("containers"):
            return 0
        with self._lock_file(_BUILDS) as file:
            if not try_lock(file.fileno(), fcntl.LOCK_EX):
                return 0
            containers = self._records("containers")
            for record in containers:  # `rm --all` leaves out those that buildah had not described when it was killed
                self._run(["rm", record["id"]], check=False)
            steps = {f"buildah-{path.name}" for path in files}
            # Not by a glob, which fails where a group of somebody else's goes away meanwhile.
            for parent, names, _ in os.walk("/sys/fs/cgroup") if steps else ():
                for name in steps.intersection(names):  # where a step of a build ran
                    with suppress(OSError):
                        os.rmdir(os.path.join(parent, name))
            for path in files:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        return len(containers) - len(self._records("containers")) + len(files)

    @property
    def _temporary(self) -> Path:
        """Where buildah lays its temporary files, so that what a killed one left is known to be ours."""
        return self.folder / "tmp"

    def _lock_file(self, name: str) -> IO[str]:
        folder = self.folder / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return open(folder / name.replace("/", "_"), "w")

    @contextmanager
    def _building(self, name: str, source: ImageSource) -> Iterator[None]:
        """Let one thread of one process build an image at a time."""
        if name in self._images and self.has(name) and not source.fresh:  # nothing to wait for
            yield
            return
        with self._lock_file(name) as file:
            take_lock(file.fileno(), source.abort)
            yield

    def _build(self, command: list[str], name: str, source: ImageSource) -> None:
        try:
            done = self._run(command, timeout_s=source.timeout_s, abort=source.abort, check=False)
            if done.returncode != 0 and done.stdout.rstrip().rpartition("\n")[2].startswith("STEP "):
                # buildah can lose what a step said before it failed; the steps before it come from the cache
                done = self._run(command, timeout_s=source.timeout_s, abort=source.abort, check=False)
        except subprocess.TimeoutExpired:
            raise BuildError(
                f"image {name}: expected it within {source.timeout_s:g} s, found it still building"
            ) from None
        if done.returncode != 0:
            lines = (done.stdout + done.stderr).strip().splitlines()
            step = next((line for line in reversed(lines) if line.startswith("STEP ")), "before the first step")
            tail = "\n".join(lines[-_TAIL:])
            raise BuildError(f"image {name}: the build failed at {step}\n{tail}")

    def _inspect(self, name: str) -> Image:
        described = json.loads(self._run(["inspect", "--type", "image", name]).stdout)
        config: dict[str, Any] = described["OCIv1"].get("config", {})
        env = dict(item.split("=", 1) for item in config.get("Env") or [])
        env.setdefault("PATH", DEFAULT_PATH)
        return Image(
            id=described["FromImageID"],
            workdir=config.get("WorkingDir") or "/",
            env=env,
            user=config.get("User") or "",
            entrypoint=tuple(config.get("Entrypoint") or ()),
        )

    def _record(self, name: str) -> dict[str, Any] | None:
        full = _full(name)
        return next((item for item in self._records("images") if full in (item.get("names") or ())), None)

    def _records(self, kind: str) -> list[dict[str, Any]]:
        """Read the store's own list where it has changed; asking buildah would cost 40 ms each time."""
        path = self.folder / "storage" / f"{self.driver}-{kind}" / f"{kind}.json"
        try:
            with open(path, encoding="utf-8") as file:
                state = os.fstat(file.fileno())
                version = (state.st_ino, state.st_mtime_ns, state.st_size)
                known = self._lists.get(kind)
                if known is None or known[0] != version:
                    known = self._lists[kind] = version, json.load(file)
                return known[1]
        except FileNotFoundError:
            return []

    def _run(
        self,
        command: Sequence[str],
        *,
        timeout_s: float = 600.0,
        abort: threading.Event | None = None,
        check: bool = True,
        driver: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        argv = [self._buildah, "--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run")]
        argv += ["--storage-driver", driver or self.driver, *command]
        if command[0] not in _LONG:
            done = run_group(argv, timeout_s)
        else:
            with self._lock_file(_BUILDS) as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                self._temporary.mkdir(exist_ok=True)
                done = run_group(argv, timeout_s, abort, file.fileno(), TMPDIR=str(self._temporary))
        if check and done.returncode != 0:
            raise _failure(command[0], done)
        return done


def _failure(command: str, done: subprocess.CompletedProcess[str]) -> SandboxError:
    return SandboxError(f"buildah {command}: expected exit code 0, found {done.returncode}: {done.stderr[-800:]}")


def _chain(layers: Mapping[str, Any], top: str) -> Iterator[str]:
    """Yield a layer and those below it."""
    while top:
        yield top
        top = layers[top].get("parent", "")


def _full(name: str) -> str:
    """Return the name as the store writes it: with registry and tag."""
    first, _, rest = name.partition("/")
    if not rest:
        name = f"docker.io/library/{name}"
    elif "." not in first and ":" not in first and first != "localhost":
        name = f"docker.io/{name}"
    return name if ":" in name.rsplit("/", 1)[1] else f"{name}:latest"


def run_group(
    argv: list[str], timeout_s: float, abort: threading.Event | None = None, lock: int | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process group of its own; whatever happens, nothing of it is left running.

    As root it has pid and mount namespaces of its own, which the kernel ends with this process, even by kill -9, and
    with them whatever a build step has started or mounted.

    Args:
        argv: the command.
        timeout_s: limit in seconds.
        abort: set by another thread, it ends the command.
        lock: a descriptor that the command holds open.
        env: variables over this process's own.

    Raises:
        EngineMissing: the program is not installed. subprocess.TimeoutExpired: the time is spent.
        BuildError: aborted.
    """
    tied = [*_WITH_US, *(_APART if os.geteuid() == 0 else ())]
    try:
        process = subprocess.Popen(
            [*tied, *argv],
            pass_fds=() if lock is None else (lock,),
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError:
        raise EngineMissing(f"expected the program {tied[0]}, found none; install it, e.g. util-linux") from None
    try:
        stdout, stderr = _communicate(process, timeout_s, abort)
    except BaseException:
        with suppress(ProcessLookupError):  # it ended by itself just now
            os.killpg(process.pid, 9)
        process.communicate()
        raise
    return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)


def _communicate(process: subprocess.Popen[str], timeout_s: float, abort: threading.Event | None) -> tuple[str, str]:
    if abort is None:
        return process.communicate(timeout=timeout_s)
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return process.communicate(timeout=_LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                raise
            if abort.is_set():
                raise BuildError(f"{process.args!r}: expected it to end, found the build aborted") from None
