"""The file tree of a container: reached past the daemon where that can be done, else through its API."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import posixpath
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import docker
import requests

from ..errors import SandboxError, TooLarge
from .base import Change, ExecResult
from .daemon import API_TIMEOUT_S, daemon
from .launcher import changes
from .launcher.archives import Packing, unpack
from .launcher.system import TOO_LARGE, Refused
from .launcher.tree import open_file, open_tree, parts
from .nearby import tree_of

_COPY_S = 60.0
# Bits of the mode in an archive's header (Go's os.FileMode).
_FOLDER, _SYMLINK = 1 << 31, 1 << 27
_NOT_REGULAR = _FOLDER | _SYMLINK | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19
_NOT_THERE = ("not a directory", "too many links", "too many levels of symbolic links", "file name too long")
_CHANGED, _ADDED, _REMOVED = range(3)  # what the daemon calls them
_OF_THE_ENGINE = (
    "/dev",
    "/proc",
    "/sys",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/etc/mtab",
    "/run/.containerenv",
)


class Files:
    """One container's files; see `Sandbox` for what each operation promises."""

    def __init__(
        self,
        client: docker.APIClient,
        container: str,
        name: str,
        first: Callable[[], int | None],
        run: Callable[..., ExecResult],
    ) -> None:
        """Reach a container, `name` in messages, by its process 1 on this machine and by programs run in it."""
        self._client = client
        self._id = container
        self._name = name
        self._first = first
        self._run = run

    @contextlib.contextmanager
    def tree(self) -> Iterator[int | None]:
        """A descriptor of the tree, None where only the daemon reaches it."""
        first = self._first()
        if first is None:
            yield None
        else:
            with tree_of(self._id, first) as top:
                yield top

    def put(self, archive: bytes, to: str, removing: Sequence[str]) -> None:
        """See `Sandbox.put`."""
        what = f"{self._name}: put below {to}"
        with self.tree() as top:
            if top is not None:
                with reaching(what):
                    unpack(top, io.BytesIO(archive), to, removing)
                return
        if removing:
            self._by_program(["rm", "-rf", "--", *removing], f"{what}: expected to remove {', '.join(removing)}")
        with daemon(what):
            try:
                self._client.put_archive(self._id, to, archive)
            except docker.errors.NotFound:
                self._by_program(["mkdir", "-p", to], f"{what}: expected to make it")
                self._client.put_archive(self._id, to, archive)

    def _by_program(self, argv: Sequence[str], expected: str) -> None:
        done = self._run(argv, timeout_s=_COPY_S, user=0, cwd="/")
        if done.exit_code != 0:
            raise SandboxError(f"{expected}, found: {done.text}")

    def read(self, path: str, limit: int) -> bytes | None:
        """See `Sandbox.read`."""
        what = f"{self._name}: read {path}"
        with self.tree() as top:
            if top is not None:
                with reaching(what):
                    return _contents(top, path, limit)
        with daemon(what), self._archive(path) as response:
            if response is None or _stat(response)["mode"] & _NOT_REGULAR:
                return None
            return _first_file(response.raw, limit)

    def fetch(self, paths: Sequence[str], exclude: Sequence[str], limit: int, as_is: bool = False) -> bytes:
        """See `Sandbox.fetch`."""
        out = io.BytesIO()
        with self.tree() as top, reaching(f"{self._name}: fetch"), Packing(out, exclude, limit, as_is) as packing:
            for path in paths:
                if top is not None:
                    packing.tree(top, path)
                    continue
                with daemon(f"{self._name}: fetch {path}"), self._archive(path, follow=not as_is) as response:
                    if response is None:
                        continue
                    stat = _stat(response)
                    link = stat["linkTarget"] if stat["mode"] & _SYMLINK else ""
                    packing.members(response.raw, posixpath.normpath(path), link)
        return out.getvalue()

    def changes(self, below: Sequence[str]) -> dict[str, Change]:
        """See `Sandbox.changes`."""
        with self.tree() as top:
            found = self._changes_of_layer(below) if top is not None else None
        if found is None:
            found = self._changes_as_told(below)
        return {path: change for path, change in found.items() if not is_below(path, _OF_THE_ENGINE)}

    def _changes_of_layer(self, below: Sequence[str]) -> dict[str, Change] | None:
        """Read them off the container's writable layer; None where it is no overlay of this machine.

        The daemon compares the whole trees, which takes it a quarter of a second or more.
        """
        with daemon(f"{self._name}: changes"):
            driver = self._client.inspect_container(self._id).get("GraphDriver") or {}
        data = driver.get("Data") or {}
        if not {"UpperDir", "LowerDir"} <= data.keys() or not os.path.isdir(data["UpperDir"]):
            return None
        with contextlib.ExitStack() as opened, reaching(f"{self._name}: changes"):
            tops: list[int] = []
            for folder in data["LowerDir"].split(":"):
                tops.append(open_tree(folder))
                opened.callback(os.close, tops[-1])
            listed = changes.found(data["UpperDir"], changes.Layers(tops), below)
            return {path: Change(kind, there, target) for path, kind, there, target in listed}  # type: ignore[arg-type]

    def _changes_as_told(self, below: Sequence[str]) -> dict[str, Change]:
        """Ask the daemon for them, and for each what is there."""
        with daemon(f"{self._name}: changes"):
            listed = self._client.diff(self._id) or ()
        concerned = [entry for entry in listed if not below or is_below(entry["Path"], below)]
        if len(concerned) > changes.MOST:
            raise TooLarge(f"{self._name}: expected at most {changes.MOST} changes, found {len(concerned)}")
        found: dict[str, Change] = {}
        for path, kind in sorted((entry["Path"], int(entry["Kind"])) for entry in concerned):
            if kind == _REMOVED:
                found[path] = Change("removed", None)
                continue
            with daemon(f"{self._name}: look at {path}"), self._archive(path, follow=False) as response:
                stat = _stat(response) if response is not None else None
            if stat is None:  # gone meanwhile, or deeper than the daemon looks
                found[path] = Change("added" if kind == _ADDED else "changed", "other")
            elif not (kind == _CHANGED and stat["mode"] & _FOLDER):
                found[path] = _change("added" if kind == _ADDED else "changed", stat)
        return found

    @contextlib.contextmanager
    def _archive(self, path: str, follow: bool = True) -> Iterator[Any]:
        """The response that brings `path` in a tar archive, its body yet to be read; None where nothing is there."""
        with self._response(path) as response:
            if response is None or not follow or not _stat(response)["mode"] & _SYMLINK:
                yield response
                return
            target = _stat(response)["linkTarget"]
        with self._response(target) as response:  # the daemon resolves a whole chain of links at once
            yield response

    @contextlib.contextmanager
    def _response(self, path: str) -> Iterator[Any]:
        url = self._client._url("/containers/{0}/archive", self._id)
        plain = {"Accept-Encoding": "identity"}
        name = path.encode("utf-8", "surrogateescape")  # a name may be any bytes
        with self._client.get(
            url, params={"path": name}, headers=plain, stream=True, timeout=API_TIMEOUT_S
        ) as response:
            if response.status_code == requests.codes.not_found:
                self._client.inspect_container(self._id)  # is it the path or the container that is not there?
                yield None
            elif response.status_code != requests.codes.ok and any(why in response.text for why in _NOT_THERE):
                yield None
            else:
                self._client._raise_for_status(response)
                yield response


@contextlib.contextmanager
def reaching(what: str) -> Iterator[None]:
    """Turn what fails past the daemon into an error of ours."""
    try:
        yield
    except Refused as error:
        kind = TooLarge if error.code == TOO_LARGE else SandboxError
        raise kind(f"{what}: {error}") from None
    except (OSError, tarfile.TarError) as error:
        raise SandboxError(f"{what}: expected the container's files to be reached, found: {error}") from None


def over(before: Mapping[str, Change], now: Mapping[str, Change]) -> dict[str, Change]:
    """Return the changes against an image, of those `before` against it and those `now` against what that left."""
    found = dict(before)
    for path, change in now.items():
        earlier = found.get(path)
        if change.type != "folder":
            for below in [other for other in found if other.startswith(f"{path}/")]:
                del found[below]
        if earlier is None:
            found[path] = change
        elif change.kind == "removed":
            if earlier.kind == "added":
                del found[path]
            else:
                found[path] = change
        else:
            found[path] = replace(change, kind="added" if earlier.kind == "added" else "changed")
    return dict(sorted(found.items()))


def _change(kind: Literal["added", "changed"], stat: Mapping[str, Any]) -> Change:
    mode = stat["mode"]
    if mode & _SYMLINK:
        return Change(kind, "link", stat["linkTarget"])
    return Change(kind, "folder" if mode & _FOLDER else "other" if mode & _NOT_REGULAR else "file")


def is_below(path: str, folders: Sequence[str]) -> bool:
    """Whether a path is one of some folders, or lies in one."""
    return any(f"{path}/".startswith(f"{folder.rstrip('/')}/") for folder in folders)


def _contents(top: int, path: str, limit: int) -> bytes | None:
    fd = open_file(top, path)
    if fd is None:
        return None
    try:
        return b"".join(parts(fd, limit))
    finally:
        os.close(fd)


def _stat(response: Any) -> dict[str, Any]:
    """What an archive's header says of the path; Docker writes it in plain base64, Podman in the URL-safe one."""
    header = response.headers["X-Docker-Container-Path-Stat"].replace("+", "-").replace("/", "_")
    stat: dict[str, Any] = json.loads(base64.urlsafe_b64decode(header))
    return stat


def _first_file(archive: Any, limit: int) -> bytes | None:
    with tarfile.open(fileobj=archive, mode="r|") as files:
        member = files.next()
        content = files.extractfile(member) if member is not None and member.isreg() else None
        return None if content is None else content.read(limit)
