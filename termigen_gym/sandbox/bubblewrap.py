"""The embedded engine: bubblewrap sandboxes over overlays of buildah images. No daemon; root or ordinary user.

What it protects against: processes, files, users and the network of the host are out of reach; CPU, memory and
processes are capped by control groups where these may be made (always as root), disk by the size of the tmpfs that
takes all writes. What it does not: the kernel is shared, so a kernel bug is a way out; without control groups
(an ordinary user without delegation) memory is capped per process only. `termigen doctor` says which case holds.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import threading
import uuid
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ..errors import EngineMissing
from .allowlist import Allowlist
from .base import Built, Engine, Image, ImageSource, Limits, Sandbox
from .box import BubblewrapSandbox
from .buildah import BuildahStore, store_folder
from .client import Client
from .process import sweep_owners
from .proxy import variables

_MIB = 1024 * 1024
_DISK_LIMIT_MB = 4096
_INSTALL = "install it, e.g. `apt-get install bubblewrap buildah mmdebstrap slirp4netns uidmap`"
_OWN_FILES = {
    "/etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\ttermigen\n",
    "/etc/hostname": "termigen\n",
}


# The host's name servers, as slirp4netns shows them inside.
_SLIRP_FILES = {"/etc/resolv.conf": "nameserver 10.0.2.3\n"}


class BubblewrapEngine(Engine):
    """Sandboxes by bubblewrap, images by buildah."""

    name = "bubblewrap"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._client_pid = 0
        self._boxes: weakref.WeakSet[BubblewrapSandbox] = weakref.WeakSet()
        self._folder = store_folder()
        atexit.register(_close_at_exit, weakref.ref(self))

    def probe(self) -> str:
        """See `Engine.probe`."""
        version = subprocess.run([_program("bwrap"), "--version"], capture_output=True, text=True, check=False)
        client = self._launcher()
        mode = "root" if os.geteuid() == 0 else "ordinary user"
        caps = "control groups" if client.groups else "limits per process only"
        return f"{version.stdout.strip()}, {self._store.driver} store in {self._folder}, {mode}, {caps}"

    @property
    def _store(self) -> BuildahStore:
        if "_opened_store" not in self.__dict__:
            self._opened_store = BuildahStore(_program("buildah"), self._folder)
        return self._opened_store

    def _launcher(self) -> Client:
        with self._lock:
            if self._client is not None and self._client_pid == os.getpid() and self._client.ended():
                self._client.close()  # somebody killed it, and its sandboxes with it: a new one takes its place
                self._client = None
            if self._client is None or self._client_pid != os.getpid():
                self._client = Client(_program("bwrap"), _program("buildah"), self._mountpoint())
                self._client_pid = os.getpid()
            return self._client

    def _mountpoint(self) -> Path:
        """Return a folder to mount on, in namespaces of our own; best one that names nothing of this host."""
        if Path("/mnt").is_dir():
            return Path("/mnt")
        folder = self._folder / "mnt"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def build(self, source: ImageSource) -> Image:
        """See `Engine.build`."""
        return self._store.build(source)

    def import_base(self, tarball: Path, reference: str) -> None:
        """See `Engine.import_base`."""
        self._store.import_base(tarball, reference)

    def has_image(self, reference: str) -> bool:
        """See `Engine.has_image`."""
        return self._store.has(reference)

    def start(
        self, image: Image, limits: Limits, env: Mapping[str, str] | None = None, folders: Sequence[str] = ()
    ) -> Sandbox:
        """See `Engine.start`."""
        proxied = variables() if limits.network == "allowlist" else {}
        held = self._store.hold(image)
        try:
            return self._start(image, limits, {**image.env, **proxied, **(env or {})}, folders, held)
        except BaseException:
            held.close()
            raise

    def _start(
        self, image: Image, limits: Limits, env: Mapping[str, str], folders: Sequence[str], held: IO[str]
    ) -> Sandbox:
        slirp = _slirp() if limits.network == "public" else ""
        allowed = Allowlist(limits.allowed_hosts) if limits.network == "allowlist" else None
        layers = self._store.layers(image)
        name = uuid.uuid4().hex[:12]
        disk = min(limits.storage_mb, _DISK_LIMIT_MB)
        client = self._launcher()
        start: dict[str, Any] = {
            "op": "start",
            "again": False,
            "box": name,
            "layers_folder": str(layers.folder),
            "layers": layers.names,
            # buildah leaves an empty WORKDIR out of the image
            "folders": {image.workdir: None, **dict.fromkeys(folders, 0o777)},
            "files": {**_OWN_FILES, **(_SLIRP_FILES if slirp else {})},
            "limits": {
                "cpus": limits.cpus,
                # Files written lie in memory and count there as well, so they get room of their own.
                "memory_bytes": (limits.memory_mb + disk) * _MIB,
                "storage_bytes": disk * _MIB,
                "pids": limits.pids,
            },
            "slirp": slirp,
        }
        client.ask(start)
        box = BubblewrapSandbox(client, start, image, limits, env, allowed, held)
        self._boxes.add(box)
        try:
            box.open_network()
            if image.entrypoint:
                box.run_entrypoint()
        except BaseException:
            box.stop()
            raise
        return box

    def built(self) -> tuple[Built, ...]:
        """See `Engine.built`."""
        return self._store.built()

    def discard(self, image: Built) -> bool:
        """See `Engine.discard`."""
        return self._store.discard(image)

    def sweep(self) -> int:
        """See `Engine.sweep`.

        Empty control groups and the working containers of builds can be left: everything else ended with its launcher.
        """
        folders = {Path(group).parent for group in self._launcher().groups}
        return sum(map(sweep_owners, folders)) + self._store.sweep()

    def close(self) -> None:
        """See `Engine.close`."""
        with self._lock:
            client, self._client = self._client, None
            mine = self._client_pid == os.getpid()
        if client is not None and mine:
            for box in list(self._boxes):
                box.stop()
            client.close()


def _close_at_exit(reference: weakref.ref[BubblewrapEngine]) -> None:
    engine = reference()
    if engine is not None:
        engine.close()


def _slirp() -> str:
    """Return slirp4netns, which a network needs.

    Raises:
        EngineMissing: it is not installed.
    """
    path = shutil.which("slirp4netns")
    if path is None:
        raise EngineMissing(
            'bubblewrap engine: expected the program slirp4netns for a task with network "public", found none; install '
            'it, e.g. `apt-get install slirp4netns`, use sandbox="docker", or play without: network="none"'
        )
    return path


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise EngineMissing(f"bubblewrap engine: expected the program {name}, found none; {_INSTALL}")
    return path
