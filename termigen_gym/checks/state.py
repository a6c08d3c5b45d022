"""What a play leaves in the sandbox, so that two plays can be told apart by it."""

from __future__ import annotations

import hashlib
import io
import posixpath
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..sandbox.base import Sandbox
from ..task import Task

KEPT_BYTES = 1 << 18
"""Files up to this size can be mutated."""

_NO_RESULTS = ("/tmp/", "/var/tmp/", "/run/", "/dev/", "/proc/", "/sys/", "/logs/", "/tests/")
_CACHES = frozenset({"__pycache__", ".pytest_cache", ".mypy_cache", ".cache"})


@dataclass(frozen=True)
class Item:
    """A file, folder or link: all of it but its times.

    Attributes:
        sort: "file", "folder", "link", "other" or "removed".
        mode: permission bits. owner: (uid, gid).
        content: of a file up to `KEPT_BYTES`, of a larger one its sha256; the target of a link.
        size: of a file, in bytes.
    """

    sort: str
    mode: int = 0
    owner: tuple[int, int] = (0, 0)
    content: bytes = field(default=b"", repr=False)
    size: int = 0

    def like(self, other: Item) -> bool:
        """Return whether both are the same but for what is in them."""
        return self._outside == other._outside

    @property
    def _outside(self) -> tuple[object, ...]:
        return self.sort, self.mode, self.owner, self.size > 0


State = Mapping[str, Item]
"""Absolute path to what lies there; caches that tools leave behind are no part of it."""


def members(archive: bytes) -> Iterator[tuple[str, tarfile.TarInfo, bytes]]:
    """Yield the absolute path, the header and the content of all that `Sandbox.fetch` returned, caches left out."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for info in tar:
            path = posixpath.join("/", posixpath.normpath(info.name))
            if not _CACHES.intersection(path.split("/")) and not path.endswith(".pyc"):
                reader = tar.extractfile(info) if info.isreg() else None
                yield path, info, b"" if reader is None else reader.read()


def end_state(sandbox: Sandbox, task: Task) -> State:
    """Return what counts of a sandbox: the artifacts, where the tests see nothing else; or what differs from the image.

    Raises:
        SandboxError: the sandbox failed.
    """
    if task.config.separate:
        state: dict[str, Item] = {}
        for artifact in task.config.artifacts:
            state |= state_of(sandbox.fetch([artifact.source], exclude=artifact.exclude))
        return state
    changes = {path: change for path, change in sandbox.changes().items() if not path.startswith(_NO_RESULTS)}
    there = [path for path, change in changes.items() if change.type == "file"]
    others = {path: Item(change.type or "removed") for path, change in changes.items() if change.type != "file"}
    return others | state_of(sandbox.fetch(there))


def state_of(archive: bytes) -> dict[str, Item]:
    """Return what is in a tar archive of a sandbox's files."""
    return {path: _item(info, content) for path, info, content in members(archive)}


def _item(info: tarfile.TarInfo, content: bytes) -> Item:
    mode, owner = info.mode & 0o7777, (info.uid, info.gid)
    if info.isdir():
        return Item("folder", mode, owner)
    if info.issym() or info.islnk():
        return Item("link" if info.issym() else "file", mode, owner, info.linkname.encode())
    kept = content if len(content) <= KEPT_BYTES else hashlib.sha256(content).digest()
    return Item("file" if info.isreg() else "other", mode, owner, kept, info.size)


@dataclass(frozen=True)
class Noise:
    """What differs between plays of the same commands: times in logs, names of temporary files, hashes of commits.

    Attributes:
        contents: paths whose content differs from play to play.
        folders: paths below which other things lie from play to play. stable: paths that were there in each play.
    """

    contents: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    stable: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def of(cls, states: Sequence[State]) -> Noise:
        """Return the noise of at least one play."""
        stable = frozenset.intersection(*(frozenset(state) for state in states))
        passing = {path for state in states for path in state} - stable
        folders = frozenset(_standing(path, stable) for path in passing)
        contents = frozenset(path for path in stable if len({state[path] for state in states}) > 1)
        return cls(contents, folders, stable)

    def covers(self, path: str) -> bool:
        """Return whether what lies at `path` differs from play to play."""
        passing = path not in self.stable and _standing(path, self.stable) in self.folders
        return passing or path in self.contents

    def same(self, one: State, other: State) -> bool:
        """Return whether two states differ in nothing but noise."""
        return all(self._same_at(path, one.get(path), other.get(path)) for path in one.keys() | other.keys())

    def _same_at(self, path: str, one: Item | None, other: Item | None) -> bool:
        if not self.covers(path):
            return one == other
        if path not in self.stable:
            return True
        return one is not None and other is not None and one.like(other)


def _standing(path: str, stable: frozenset[str]) -> str:
    """The nearest folder above `path` that is there in each play."""
    while path != "/":
        path = posixpath.dirname(path)
        if path in stable:
            break
    return path
