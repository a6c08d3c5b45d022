"""What differs in git repositories from one play of the same commands to the next: dates, and the ids made of them."""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from ..tree import digest_of

_MOST_NEW = 100  # new commits and tags of an episode; with more of them each play is an end of its own
_MOST_BYTES = 1 << 16  # of a commit or tag
_OBJECT = re.compile(r".*/objects/[0-9a-f]{2}/[0-9a-f]{38}\Z", re.DOTALL)
_ID = re.compile(rb"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")
_DATED = re.compile(rb"^(?:author|committer|tagger) [^\n]* (\d{1,18}) [+-]\d{4}$", re.MULTILINE)
_LOGGED = re.compile(rb"^[0-9a-f]{40} [0-9a-f]{40} [^\n\t]* (\d{1,18}) [+-]\d{4}(?=\t|$)", re.MULTILINE)
_ENTRY = struct.Struct(">6I")  # of an index: seconds and nanoseconds of two times, a device, a file's number

Parts = list[str | bytes]


class Told(NamedTuple):
    """A file's content without what differs: its parts, and the times that were left out, in order."""

    parts: Parts
    times: list[float]


class History:
    """The commits and tags that an episode made in the repositories that it leaves.

    Two ends are told alike where one is the other with commits of other dates, and so of other ids, everywhere.
    """

    def __init__(self, files: Iterable[tuple[str, bytes]], since: float) -> None:
        """Find the new commits and tags among loose objects.

        Args:
            files: paths and contents.
            since: when the episode began, seconds since the epoch.
        """
        self._since = int(since)  # git's dates are in whole seconds
        self._texts: dict[str, bytes] = {}  # of the new ones, by id
        self._ids: dict[str, str] = {}  # of the new ones, by path
        self._names: dict[str, str] = {}
        self._shelves: dict[str, bool] = {}  # folders of objects, and whether all of those are new ones
        for path, content in files:
            if _OBJECT.match(path):
                shelf, number = path[:-39], path[-41:-39] + path[-38:]
                text = self._dated(number, content)
                if text is not None:
                    self._texts[number] = text
                    self._ids[path] = number
                self._shelves[shelf] = text is not None and self._shelves.get(shelf, True)
        if not 0 < len(self._texts) <= _MOST_NEW:
            for known in (self._texts, self._ids, self._shelves):
                known.clear()

    @property
    def ids(self) -> list[str]:
        """The ids that differ from play to play, by what they stand for."""
        return sorted(self._texts, key=self._name)

    def is_shelf(self, path: str) -> bool:
        """Whether a folder holds objects whose ids begin alike, and a new commit may have come to them by chance."""
        return path in self._shelves

    def is_made_for_new(self, path: str) -> bool:
        """Whether a folder is such a one and holds nothing but new commits, so that its name says nothing."""
        return self._shelves.get(path, False)

    def shelf_of(self, path: str) -> str:
        """Return the folder that a new commit lies in; empty for all else."""
        return path[:-39] if path in self._ids else ""

    def place(self, path: str) -> str:
        """Return a file's path; where its name is the id of a new commit, what that says instead."""
        return f"{path[:-41]}new {self._name(self._ids[path])}" if path in self._ids else path

    def read(self, path: str, content: bytes) -> Told:
        """Return what a file says."""
        if path in self._ids:
            return self._commit(self._texts[self._ids[path]])
        if path.endswith("/.git/index"):
            return self._index(content) or Told([content], [])
        if "/.git/logs/" in path:
            return self._without_dates(content, _LOGGED)
        return Told(self._without_ids(content), [])

    def _name(self, number: str) -> str:
        """What a new commit is called: by all that it says but its dates, and by those before it."""
        if number not in self._names:
            self._names[number] = digest_of(*self._commit(self._texts[number]).parts)
        return self._names[number]

    def _dated(self, number: str, packed: bytes) -> bytes | None:
        """Return the text of a commit or tag that bears its own id and a date of the episode; else None."""
        unpacking = zlib.decompressobj()
        try:
            if not unpacking.decompress(packed, 8).startswith((b"commit ", b"tag ")):
                return None
            unpacking = zlib.decompressobj()
            text = unpacking.decompress(packed, _MOST_BYTES)
        except zlib.error:
            return None
        if not unpacking.eof or unpacking.unused_data or hashlib.sha1(text).hexdigest() != number:
            return None
        head = text.partition(b"\n\n")[0]
        return text if any(int(found[1]) >= self._since for found in _DATED.finditer(head)) else None

    def _commit(self, text: bytes) -> Told:
        head, blank, message = text.partition(b"\n\n")
        kind, _, head = head.partition(b"\0")  # with its size
        told = self._without_dates(head, _DATED)
        return Told([kind, *told.parts, blank, *self._without_ids(message)], told.times)

    def _without_dates(self, text: bytes, dated: re.Pattern[bytes]) -> Told:
        """Leave out dates of the episode, and then ids."""
        rest, end, times = bytearray(), 0, []
        for found in dated.finditer(text):
            if int(found[1]) >= self._since:
                rest += text[end : found.start(1)]
                end = found.end(1)
                times.append(float(found[1]))
        rest += text[end:]
        return Told([str(len(times)), *self._without_ids(bytes(rest))], times)

    def _without_ids(self, text: bytes) -> Parts:
        """What is left of a text without the ids of new commits, how many there were, and where which one stood.

        They are not replaced in the text: then one could write what stands for an id in its stead.
        """
        rest, end = bytearray(), 0
        marks: Parts = []
        for found in _ID.finditer(text) if self._texts else ():
            number = found[0].decode()
            if number in self._texts:
                rest += text[end : found.start()]
                end = found.end()
                marks += [str(len(rest)), self._name(number)]
        return [bytes(rest + text[end:]), str(len(marks)), *marks]

    def _index(self, data: bytes) -> Told | None:
        """Return what an index says but for its files' numbers and times of change, which no other sandbox has.

        None where it is damaged, or not of the kind that git writes unless it is told to.
        """
        body, total = data[:-20], data[-20:]
        if len(body) < 12 or hashlib.sha1(body).digest() != total:
            return None
        magic, version, count = struct.unpack_from(">4sII", body)
        if magic != b"DIRC" or version not in (2, 3):
            return None
        parts: Parts = [body[:12]]
        times: list[float] = []
        at = 12
        for _ in range(count):
            if at + 62 > len(body):
                return None
            _, _, seconds, nanoseconds, _, _ = _ENTRY.unpack_from(body, at)
            flags = int.from_bytes(body[at + 60 : at + 62], "big")
            end = body.find(b"\0", at + (64 if flags & 0x4000 else 62))
            if end < 0:
                return None
            end = at + (end - at + 8) // 8 * 8
            new = seconds >= self._since
            times += [float(f"{seconds}.{nanoseconds:09d}")] if new else []
            parts += ["new" if new else f"{seconds}.{nanoseconds}", body[at + _ENTRY.size : end]]
            at = end
        while at + 8 <= len(body):
            signature, size = struct.unpack_from(">4sI", body, at)
            if signature != b"TREE":
                return None
            parts.append(body[at : at + 8 + size])
            at += 8 + size
        return Told([str(len(parts)), *parts], times) if at == len(body) else None
