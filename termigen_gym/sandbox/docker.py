"""Sandboxes by a Docker daemon, or by Podman's socket that speaks the same API; DOCKER_HOST says where."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import threading
import time
import uuid
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
import requests

from ..errors import BuildError, SandboxError
from . import commits
from .allowlist import Allowlist
from .base import DIGEST_DIGITS, Built, Engine, Image, ImageSource, Limits, Sandbox, pack
from .buildkit import BuildLog
from .cache import locked
from .container import DockerSandbox
from .daemon import Dialect, Link, address, connect, daemon, dialect, remove, started
from .images import base_images
from .inside import DEFAULT_PATH, KEEPER
from .process import owner_alive, owner_id
from .proxy import variables

_MIB = 1024 * 1024
_OWNER, _ENGINE, _DIGEST = "termigen.owner", "termigen.engine", "termigen.digest"
_HOSTNAME = "termigen"
_NAMES = "termigen/"
_CANCEL_S = 10.0
_LOOK_EVERY_S = 0.1

# Docker's own set without NET_RAW and MKNOD.
_CAPABILITIES = [
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL"),
    *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
]


class DockerEngine(Engine):
    """Sandboxes as containers."""

    name = "docker"

    def __init__(self, nearby: bool = True) -> None:
        """Nothing is connected yet.

        Args:
            nearby: reach past the daemon into containers of this machine, where this process is root; it is faster.
        """
        self._nearby = nearby
        self._lock = threading.Lock()
        self._connected: tuple[int, docker.APIClient] | None = None
        self._label = uuid.uuid4().hex
        self._info: dict[str, Any] | None = None
        self._quota: bool | None = None
        self._owed: set[str] = set()  # containers to be removed when the daemon answers again
        _ENGINES.add(self)

    @property
    def client(self) -> docker.APIClient:
        """The daemon's API, connected at first use and again after a fork.

        Raises:
            EngineMissing: no daemon answers.
        """
        with self._lock:
            if self._connected is None or self._connected[0] != os.getpid():
                self._connected = os.getpid(), connect()
            return self._connected[1]

    @cached_property
    def _dialect(self) -> Dialect:
        return dialect(self.client)

    def probe(self) -> str:
        """See `Engine.probe`."""
        client = self.client
        with daemon("info"):
            version, info = client.version(), client.info()
        disk = "disk capped" if self._caps_disk(info) else "disk capped by file, not in total (storage driver)"
        kind = version.get("Platform", {}).get("Name") or "Docker"
        return (
            f"{kind} {version['Version']} at {address()}, "
            f"{info['Driver']}, cgroup v{info.get('CgroupVersion', '1')}, {disk}"
        )

    def build(self, source: ImageSource) -> Image:
        """See `Engine.build`."""
        if source.context is None:
            return self._named(source.reference or source.digest)
        tag = f"{_NAMES}{source.digest[:DIGEST_DIGITS]}"
        image = None if source.fresh else self._find(tag)
        if image is not None:
            return image
        with locked(f"docker-{source.digest[:DIGEST_DIGITS]}", source.abort):
            image = None if source.fresh else self._find(tag)
            if image is None:
                self._build(source, source.context, tag)
                image = self._find(tag)
        if image is None:
            raise SandboxError(f"image {tag}: expected it in the daemon's store after its build, found none")
        return image

    def start(
        self, image: Image, limits: Limits, env: Mapping[str, str] | None = None, folders: Sequence[str] = ()
    ) -> Sandbox:
        """See `Engine.start`."""
        client = self.client
        allowed = Allowlist(limits.allowed_hosts) if limits.network == "allowlist" else None
        proxied = variables() if allowed is not None else {}
        with daemon("start a sandbox"):
            for gone in tuple(self._owed):
                remove(client, gone)
                self._owed.discard(gone)

            def create(image_id: str) -> str:
                return self._create(
                    client, replace(image, id=image_id), limits, {**image.env, **proxied, **(env or {})}
                )

            container = started(client, self._owed, lambda: create(image.id))
            room = limits.storage_mb * _MIB
            link = Link(client, self._dialect, self._owed, self._nearby)
            sandbox = DockerSandbox(link, container, create, room, image, folders)
            try:
                sandbox.begin()
                if folders:
                    sandbox.put(pack({}, dict.fromkeys(folders, 0o777)))  # before anything of the image runs
                if allowed is not None:
                    sandbox.serve_network(allowed)
                if image.entrypoint:
                    sandbox.run_entrypoint()
            except BaseException:
                sandbox.stop()
                raise
        return sandbox

    def import_base(self, tarball: Path, reference: str) -> None:
        """See `Engine.import_base`."""
        repository, _, tag = reference.partition(":")
        changes = ['CMD ["bash"]', f"ENV PATH={DEFAULT_PATH}"]
        with daemon(f"import {tarball} as {reference}"):
            answer = self.client.import_image_from_file(str(tarball), changes=changes)
            # Named in a second step: Podman's import knows no tag.
            self.client.tag(json.loads(answer)["status"], repository, tag or "latest")

    def has_image(self, reference: str) -> bool:
        """See `Engine.has_image`."""
        return self._find(reference) is not None

    def built(self) -> tuple[Built, ...]:
        """See `Engine.built`."""
        with daemon("list images"):
            described = {image["Id"]: image for image in self.client.df()["Images"]}
            labelled = self.client.images(filters={"label": _DIGEST})
        found = []
        for image in labelled:
            facts = described.get(image["Id"], {})
            size = max(facts.get("Size", 0) - max(facts.get("SharedSize", 0), 0), 0)
            # Podman writes "localhost/" before the name that it was given.
            names = [name.removesuffix(":latest") for name in image["RepoTags"] or ()]
            ours = [name for name in names if name.removeprefix("localhost/").startswith(_NAMES)]
            found += [Built(name, name.rpartition("/")[2], size) for name in ours]
        return tuple(sorted(found, key=lambda image: image.name))

    def discard(self, image: Built) -> bool:
        """See `Engine.discard`."""
        with daemon(f"remove image {image.name}"):
            try:
                self.client.remove_image(image.name)
            except docker.errors.NotFound:  # somebody was faster
                return True
            except docker.errors.APIError as error:
                if error.status_code != requests.codes.conflict:
                    raise
                return False
        return True

    def sweep(self) -> int:
        """See `Engine.sweep`."""
        gone = [item for item in self._containers(_OWNER) if _ownerless(item["Labels"][_OWNER], item["State"])]
        removed = sum(remove(self.client, container["Id"]) for container in gone)
        left = commits.found(self.client, _OWNER)
        return removed + self._discard([image for image in left if _ownerless(image["Labels"][_OWNER])])

    def close(self) -> None:
        """See `Engine.close`."""
        if self._connected is None or self._connected[0] != os.getpid():
            return
        label = f"{_ENGINE}={self._label}"
        for container in self._containers(label):
            remove(self.client, container["Id"])
        self._discard(commits.found(self.client, label))
        self.client.close()
        self._connected = None

    def _discard(self, snapshots: Sequence[Mapping[str, Any]]) -> int:
        names = {str(image["Id"]) for image in snapshots}
        with daemon("remove snapshots"):
            commits.discard(self.client, names)
        return len(snapshots) - len(names)

    def _containers(self, label: str) -> list[dict[str, Any]]:
        with daemon("list sandboxes"):
            found: list[dict[str, Any]] = self.client.containers(all=True, filters={"label": label})
        return found

    def _find(self, reference: str) -> Image | None:
        """Return what an image of the store declares; None where there is none."""
        with daemon(f"inspect image {reference}"):
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
            with daemon(f"pull {reference}"):
                messages = list(self.client.pull(reference, stream=True, decode=True))
            why = next((str(message["error"]) for message in messages if "error" in message), "")
        except SandboxError as error:
            why = str(error)
        if why:
            raise BuildError(
                f"image {reference}: expected the daemon to have or pull it, found neither possible: {why}; "
                "`termigen images bootstrap` makes the Debian base without a registry"
            )

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
            aborted = source.abort is not None and source.abort.is_set()
            why = "the build aborted" if aborted else "it still building"
            log.error = f"expected the image built within {source.timeout_s:g} s, found {why}"
        if not log.error:
            return
        if "unknown instruction" in log.error and "<<" in recipe:
            log.error += "\n(here-documents in a Dockerfile need Docker 23 or newer)"
        raise BuildError(f"image {tag} from {context}: the build failed at {log.failure()}")

    def _run_build(self, source: ImageSource, context: Path, tag: str, log: BuildLog) -> bool:
        """Build into the daemon's store, return False when the time was spent or the build aborted."""
        build, late, done = uuid.uuid4().hex, threading.Event(), threading.Event()
        # A client of its own: its parameters go with every request, and the SDK has none for the builder's version.
        client = connect(version=self.client.api_version)
        client.params = {"version": "2", "buildid": build}

        def give_up() -> None:
            late.set()
            with contextlib.suppress(SandboxError), daemon("cancel a build"):
                self.client.post(self.client._url("/build/cancel"), params={"id": build})

        def watch() -> None:
            deadline = time.monotonic() + source.timeout_s
            while not done.wait(_LOOK_EVERY_S):
                if time.monotonic() > deadline or (source.abort is not None and source.abort.is_set()):
                    give_up()
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            with daemon(f"build {tag}"):
                messages = client.build(
                    path=str(context),
                    tag=tag,
                    gzip=True,
                    nocache=source.fresh,
                    rm=True,
                    forcerm=True,
                    labels={_DIGEST: source.digest},
                    use_config_proxy=True,
                    decode=True,
                    timeout=source.timeout_s + _CANCEL_S,
                )
                for message in messages:
                    log.feed(message)
                    if late.is_set():  # Podman knows no cancelling
                        break
        except KeyboardInterrupt:
            give_up()
            raise
        except SandboxError:
            if not late.is_set():
                raise
        finally:
            done.set()
            watcher.join()
            client.close()
        return not late.is_set()

    def _create(self, client: docker.APIClient, image: Image, limits: Limits, env: Mapping[str, str]) -> str:
        if self._info is None:
            self._info = client.info()
        quota = self._caps_disk(self._info)
        try:
            return self._create_with(client, image, limits, env, cores=self._info["NCPU"], quota=quota)
        except docker.errors.NotFound:
            raise SandboxError(
                f"image {image.id}: expected it in the daemon's store, found it removed; build it again"
            ) from None
        except docker.errors.APIError as error:
            if not quota or "storage-opt" not in str(error.explanation):
                raise
            self._quota = False
            return self._create_with(client, image, limits, env, cores=self._info["NCPU"], quota=False)

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
            entrypoint=list(KEEPER),
            stdin_open=True,
            user="0",
            hostname=_HOSTNAME,
            environment=dict(env),
            healthcheck={"test": ["NONE"]},
            stop_signal="SIGKILL",  # else a daemon that is being stopped waits for process 1, which heeds no other
            labels={_OWNER: f"{_place()}:{owner_id()}", _ENGINE: self._label},
            host_config=host_config,
        )
        return str(created["Id"])


def _ownerless(label: str, state: str = "") -> bool:
    """Whether what bears the label is a killed owner's; of a container also by its state."""
    place, _, owner = label.partition(":")
    # Of another machine's owner, or one of an earlier boot, nothing is known: what runs may be in use.
    return not owner_alive(owner) if place == _place() else state in ("exited", "dead")


def _place() -> str:
    """Where owners' process numbers mean what they mean here: this boot of this machine, this pid namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}.{os.stat('/proc/self/ns/pid').st_ino}"


_ENGINES: weakref.WeakSet[DockerEngine] = weakref.WeakSet()


@atexit.register
def _close_engines() -> None:
    for engine in list(_ENGINES):
        with contextlib.suppress(SandboxError):
            engine.close()
