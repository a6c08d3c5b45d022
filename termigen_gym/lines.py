"""Files that whatever interrupts their writer leaves whole: one of lines that a process appends to, and one at once.

A line is in the file when its newline is: readers pass over a last line without one, which is what a crash in mid-write
left, and the next writer cuts it off.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

from .errors import StoreError, TermigenError


class Lines:
    """The writer of a file of lines; many threads may share it.

    Args:
        path: of the file; it and its folder are made if need be.
        error: the kind of error that is raised.
        full: the kind where the disk takes no more; None for the same.

    Raises:
        TermigenError: of that kind: another writer has the file, or it can't be opened.
    """

    def __init__(
        self, path: Path, error: type[TermigenError] = StoreError, full: type[TermigenError] | None = None
    ) -> None:
        self.path = path
        self._error = error
        self._full = full or error
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as failure:
            raise error(f"{path}: expected a file to write to: {failure}") from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise error(
                f"{path}: expected no other writer, found one at work; wait for it to end or write elsewhere"
            ) from None

    def append(self, line: bytes) -> int:
        """Add a line, which brings its newline; when this returns it is on the disk.

        Returns:
            Where in the file it begins, in bytes.

        Raises:
            TermigenError: the disk refused, and nothing of the line is left; or the file was closed.
        """
        with self._lock:
            descriptor = self._open()
            before = os.fstat(descriptor).st_size
            try:
                written = os.write(descriptor, line)
                os.fsync(descriptor)
            except OSError as failure:
                os.ftruncate(descriptor, before)
                raise self._full(f"{self.path}: expected to write {len(line)} bytes: {failure}") from None
            if written != len(line):
                os.ftruncate(descriptor, before)
                raise self._full(
                    f"{self.path}: expected to write {len(line)} bytes, only {written} went: is the disk full?"
                )
            return before

    def torn(self) -> bytes:
        """Return what a crash left of a last line, b"" where all are whole."""
        with self._lock:
            descriptor = self._open()
            size = os.fstat(descriptor).st_size
            end = _last_newline(descriptor, size) + 1
            return os.pread(descriptor, size - end, end)

    def cut(self) -> None:
        """Remove what a crash left of a last line."""
        with self._lock:
            descriptor = self._open()
            size = os.fstat(descriptor).st_size
            end = _last_newline(descriptor, size) + 1
            if end < size:
                os.ftruncate(descriptor, end)
                os.fsync(descriptor)

    def close(self) -> None:
        """Let go of the file. Idempotent; what is appended afterwards is refused."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is None:
            raise self._error(f"{self.path}: expected an open file, found it closed")
        return self._descriptor


def _last_newline(descriptor: int, size: int) -> int:
    """Return the offset of the last newline, -1 where there is none; reads from the end."""
    chunk = 1 << 16
    end = size
    while end > 0:
        start = max(end - chunk, 0)
        at = os.pread(descriptor, end - start, start).rfind(b"\n")
        if at >= 0:
            return start + at
        end = start
    return -1


def write_whole(path: Path, text: str) -> None:
    """Write a file so that, whatever interrupts it, `path` holds all of `text` or what it held before.

    Raises:
        StoreError: the disk refused.
    """
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreError(f"{path}: expected to write {len(text)} characters: {error}") from None
