"""Images for the embedded engine, built by `buildah` into a store of our own; no daemon.

The store keeps each layer's tree in a folder. A sandbox's overlay is put straight on those folders, so that nothing has
to be mounted between sandboxes.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import BuildError, EngineMissing, SandboxError
from .base import Image, ImageSource

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TAIL = 30


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
        name = source.reference or f"localhost/termigen/{source.digest[:24]}"
        with self._building(name):
            if source.fresh or not self.has(name):
                self._images.pop(name, None)
                if source.context is None:
                    self._build(["pull", name], name, source.timeout_s)
                else:
                    cache = "--no-cache" if source.fresh else "--layers"
                    command = ["bud", "--isolation", "chroot", cache, "-t", name, str(source.context)]
                    self._build(command, name, source.timeout_s)
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

    @contextmanager
    def _building(self, name: str) -> Iterator[None]:
        """Let one thread of one process build an image at a time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if name in self._images:  # known and built: nothing to wait for
            yield
            return
        lock = self.folder / "locks"
        lock.mkdir(exist_ok=True)
        with open(lock / name.replace("/", "_"), "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _build(self, command: list[str], name: str, timeout_s: float) -> None:
        try:
            done = self._run(command, timeout_s=timeout_s, check=False)
            if done.returncode != 0 and done.stdout.rstrip().rpartition("\n")[2].startswith("STEP "):
                # buildah can lose what a step said before it failed; the steps before it come from the cache
                done = self._run(command, timeout_s=timeout_s, check=False)
        except subprocess.TimeoutExpired:
            raise BuildError(f"image {name}: expected it within {timeout_s:g} s, found it still building") from None
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
        self, command: Sequence[str], *, timeout_s: float = 600.0, check: bool = True, driver: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        argv = [self._buildah, "--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run")]
        argv += ["--storage-driver", driver or self.driver, *command]
        done = run_group(argv, timeout_s)
        if check and done.returncode != 0:
            shown = done.stderr[-800:]
            raise SandboxError(f"buildah {command[0]}: expected exit code 0, found {done.returncode}: {shown}")
        return done


def _full(name: str) -> str:
    """Return the name as the store writes it: with registry and tag."""
    first, _, rest = name.partition("/")
    if not rest:
        name = f"docker.io/library/{name}"
    elif "." not in first and ":" not in first and first != "localhost":
        name = f"docker.io/{name}"
    return name if ":" in name.rsplit("/", 1)[1] else f"{name}:latest"


def run_group(argv: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run a command in a process group of its own; whatever happens, nothing of it is left running.

    Raises:
        EngineMissing: the program is not installed. subprocess.TimeoutExpired: the time is spent.
    """
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError:
        raise EngineMissing(f"expected the program {argv[0]}, found none; install it from your distribution") from None
    try:
        stdout, stderr = process.communicate(timeout=timeout_s)
    except BaseException:
        os.killpg(process.pid, 9)
        process.communicate()
        raise
    return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)
