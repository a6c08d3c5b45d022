"""Episodes on disk: a RUN folder, crash-safe to append to, lazy to read.

    RUN/
      run.json            what the run was asked for; resuming with something else is refused
      episodes.jsonl      one Episode a line; further episodes*.jsonl are read as well
      episodes.torn       what a crash left of a line, kept for people

An episode is in the store when its newline is. A last line without one is what a crash in mid-write left: readers pass
over it, and the next writer moves it aside.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from .episode import SCHEMA, Episode
from .errors import StoreError


class EpisodeStore:
    """The episodes of one RUN folder.

    Reading takes no lock and may go on beside a writer. The first `append` (or `open`) makes this object the one
    writer of the folder until `close`; it may be shared by threads.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.path = self.folder / "episodes.jsonl"
        self.torn_path = self.folder / "episodes.torn"
        self.run_path = self.folder / "run.json"
        self._descriptor: int | None = None
        self._lock = threading.Lock()

    # Reading

    def __iter__(self) -> Iterator[Episode]:
        """Yield the episodes in the order in which they were written, one in memory at a time.

        Raises:
            StoreError: a line is damaged or of another schema; names file and line.
        """
        for path in sorted(self.folder.glob("episodes*.jsonl")):
            yield from _read(path)

    def ids(self) -> set[str]:
        """Return the ids of all episodes. Raises StoreError as iterating does."""
        return {episode.id for episode in self}

    def get(self, episode_id: str) -> Episode:
        """Return one episode.

        Raises:
            StoreError: there is none of that id, or the store is damaged.
        """
        for episode in self:
            if episode.id == episode_id:
                return episode
        raise StoreError(f"{self.folder}: expected an episode {episode_id!r}, found none of that id")

    # Writing

    def open(self) -> None:
        """Become the folder's writer; what a crash left of a last line is moved to episodes.torn. Idempotent.

        Raises:
            StoreError: another writer has the folder, or the folder can't be written.
        """
        with self._lock:
            self._open()

    def append(self, episode: Episode) -> None:
        """Add an episode; when this returns it is on the disk.

        Raises:
            StoreError: another writer has the folder, or the disk refused (nothing of the episode is left then).
        """
        line = (episode.to_json() + "\n").encode("utf-8", "surrogatepass")
        with self._lock:
            descriptor = self._open()
            before = os.fstat(descriptor).st_size
            try:
                written = os.write(descriptor, line)
                os.fsync(descriptor)
            except OSError as error:
                os.ftruncate(descriptor, before)
                raise StoreError(f"{self.path}: expected to write {len(line)} bytes: {error}") from None
            if written != len(line):
                os.ftruncate(descriptor, before)
                raise StoreError(
                    f"{self.path}: expected to write {len(line)} bytes, only {written} went: is the disk full?"
                )

    def bind(self, plan: Mapping[str, Any]) -> None:
        """Say what the run is: the first call writes run.json, later ones must say the same.

        Raises:
            StoreError: the folder holds a run of another plan; names what differs.
        """
        self.open()
        wanted = {"schema": SCHEMA, **json.loads(json.dumps(plan))}
        if self.run_path.exists():
            self._refuse_other(wanted)
        elif any(self):
            raise StoreError(
                f"{self.folder}: expected an empty folder or a run with run.json, found episodes without one"
            )
        else:
            write_whole(self.run_path, json.dumps(wanted, indent=2) + "\n")

    def close(self) -> None:
        """Let go of the folder. Idempotent; a later `append` takes it again."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def __enter__(self) -> EpisodeStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> int:
        if self._descriptor is not None:
            return self._descriptor
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(f"{self.folder}: expected a folder to write to: {error}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StoreError(
                f"{self.folder}: expected no other writer, found one at work; wait for it to end or use another folder"
            ) from None
        try:
            self._cut_torn_line(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return descriptor

    def _cut_torn_line(self, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        end = _last_newline(descriptor, size) + 1
        if end == size:
            return
        try:
            with self.torn_path.open("ab") as torn:
                torn.write(os.pread(descriptor, size - end, end) + b"\n")
        except OSError as error:
            raise StoreError(f"{self.torn_path}: expected to keep {size - end} bytes of a torn line: {error}") from None
        os.ftruncate(descriptor, end)
        os.fsync(descriptor)

    def _refuse_other(self, wanted: Mapping[str, Any]) -> None:
        try:
            found = json.loads(self.run_path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.run_path}: expected the plan of a run as JSON: {error}") from None
        if not isinstance(found, dict):
            raise StoreError(f"{self.run_path}: expected the plan of a run as a JSON object, found {found!r}")
        differs = [key for key in sorted({*found, *wanted}) if found.get(key) != wanted.get(key)]
        if differs:
            each = "; ".join(f"{key} was {_brief(found.get(key))}, now {_brief(wanted.get(key))}" for key in differs)
            raise StoreError(
                f"{self.folder}: expected the arguments that this run was begun with, found others: {each}. "
                "Resume with the same arguments or use another folder"
            )


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


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


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


def _read(path: Path) -> Iterator[Episode]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield Episode.from_json(line.decode("utf-8", "surrogatepass"))
            except (StoreError, UnicodeDecodeError) as error:
                raise StoreError(f"{path}, line {number}: {error}") from None
