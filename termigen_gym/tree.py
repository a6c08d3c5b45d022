"""What a play leaves in the sandbox, so that two plays can be told apart by it, and its hash."""

from __future__ import annotations

import hashlib
import io
import posixpath
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .normal import normal
from .sandbox.base import FETCH_LIMIT, Change, Sandbox
from .task import Task, TreeFile

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


Member = tuple[str, tarfile.TarInfo, bytes]
"""Absolute path, header and content of what is in an archive."""

State = Mapping[str, Item]
"""Absolute path to what lies there; caches that tools leave behind are no part of it."""

Tree = frozenset[tuple[str, str]]
"""Path and digest of each thing that was left."""

_UNPACKED = 1 << 20
_NORMALISED = 1 << 22  # bytes of an agent's files that are read for what may differ: that takes a second
_REMEMBERED = 1 << 12
_NOTHING: Mapping[str, TreeFile] = MappingProxyType({})
_TIMES_OF_GIT = re.compile(r"/\.git/(?:.*/)?(?:index|(?:logs|objects)/.*)\Z", re.DOTALL)


def members(archive: bytes) -> Iterator[Member]:
    """Yield the absolute path, the header and the content of all that `Sandbox.fetch` returned."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for info in tar:
            reader = tar.extractfile(info) if info.isreg() else None
            content = b"" if reader is None else reader.read()
            yield posixpath.join("/", posixpath.normpath(info.name)), info, content


def end_state(sandbox: Sandbox, task: Task) -> State:
    """Return what counts of a sandbox: the artifacts, where the tests see nothing else; or what differs from the image.

    Raises:
        SandboxError: the sandbox failed.
    """
    if not task.config.separate:
        return changed_state(sandbox, sandbox.changes())
    wanted = task.config.artifacts
    archives = (sandbox.fetch([artifact.source], exclude=artifact.exclude) for artifact in wanted)
    return state_of(member for archive in archives for member in members(archive))


def changed_state(sandbox: Sandbox, changes: Mapping[str, Change], limit: int = FETCH_LIMIT) -> State:
    """Return what of a sandbox's changes may be a result.

    Raises:
        SandboxError: the sandbox failed. TooLarge: the files hold more than `limit` bytes.
    """
    changes = {path: change for path, change in changes.items() if not path.startswith(_NO_RESULTS)}
    there = [path for path, change in changes.items() if change.type == "file"]
    others = {path: Item(change.type or "removed") for path, change in changes.items() if change.type != "file"}
    return others | state_of(members(sandbox.fetch(there, limit=limit)))


def state_of(found: Iterable[Member]) -> dict[str, Item]:
    """Return what counts of a sandbox's files."""
    return {path: _item(info, content) for path, info, content in found if not is_cache(path)}


def is_cache(path: str) -> bool:
    """Return whether a path is that of what tools keep for themselves, which is no result."""
    return path.endswith(".pyc") or not _CACHES.isdisjoint(path.split("/"))


def _item(info: tarfile.TarInfo, content: bytes) -> Item:
    mode, owner = info.mode & 0o7777, (info.uid, info.gid)
    if info.isdir():
        return Item("folder", mode, owner)
    if info.issym() or info.islnk():
        return Item("link" if info.issym() else "file", mode, owner, info.linkname.encode("utf-8", "surrogateescape"))
    kept = content if len(content) <= KEPT_BYTES else hashlib.sha256(content).digest()
    return Item("file" if info.isreg() else "other", mode, owner, kept, info.size)


def tree_of(state: State, given: Mapping[str, TreeFile] = _NOTHING) -> Tree:
    """Return path and digest of what was left: texts without what may differ, gzip files by what is in them.

    What git keeps of times, and by names that come from times, is left out. Of very much text, the rest is as it is;
    so is a file that still is what was `given` (`Task.files`), since no two plays differ in that.
    """
    room = _NORMALISED
    tree = set[tuple[str, str]]()
    for path, item in sorted(state.items()):
        if not _TIMES_OF_GIT.search(path):
            content = item.content
            if path not in given or given[path].content != content:
                room -= len(content)
                content = _plain(content) if room >= 0 else content
            tree.add((normal(path), digest_of(item.sort, f"{item.mode:o} {item.owner}", content)))
    return frozenset(tree)


def hash_of(tree: Tree) -> str:
    """Return the sha256 over a tree."""
    return digest_of(*map("\0".join, sorted(tree)))


def _plain(content: bytes) -> bytes:
    """The digest of content without what may differ."""
    digest = hashlib.sha256(content).digest()
    plain = _plains.get(digest)  # asked once: another thread may clear it at any moment
    if plain is None:
        if len(_plains) >= _REMEMBERED:
            _plains.clear()
        plain = _plains[digest] = hashlib.sha256(_made_plain(content)).digest()
    return plain


_plains: dict[bytes, bytes] = {}  # most files are the image's, in one episode as in the next


def _made_plain(content: bytes) -> bytes:
    if content.startswith(b"\x1f\x8b"):
        return _unpacked(content)
    try:
        return normal(content.decode()).encode()
    except UnicodeDecodeError:
        return content


def _unpacked(content: bytes) -> bytes:
    """What is in a gzip file; of one with too much, or damaged, all but the time in its head."""
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        text = unpacking.decompress(content, _UNPACKED)
    except zlib.error:
        return content[8:]
    if not unpacking.eof or text.startswith(b"\x1f\x8b"):
        return content[8:]
    return _made_plain(text) + unpacking.unused_data


def digest_of(*parts: str | bytes) -> str:
    """Return the sha256 over parts, each with its length before it."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()
