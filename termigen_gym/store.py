"""Episodes on disk: a RUN folder, crash-safe to append to, lazy to read.

    RUN/
      run.json            what the run was asked for; resuming with something else is refused
      episodes.jsonl      one Episode a line; further episodes*.jsonl are read as well
      episodes.torn       what a crash left of a line, kept for people
      index.jsonl         made by readers that look for episodes (index.py); may be removed

An episode is in the store when its newline is. A last line without one is what a crash in mid-write left: readers pass
over it, and the next writer moves it aside.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from .episode import SCHEMA, Episode
from .errors import DiskFull, StoreError
from .index import Facts, index_of, parse_line, read_lines
from .lines import Lines, write_whole


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
        self._lines: Lines | None = None
        self._lock = threading.Lock()

    # Reading

    def __iter__(self) -> Iterator[Episode]:
        """Yield the episodes in the order in which they were written, one in memory at a time.

        Raises:
            StoreError: a line is damaged or of another schema; names file and line.
        """
        for path in sorted(self.folder.glob("episodes*.jsonl")):
            for _, _, episode in read_lines(path):
                yield episode

    def facts(self) -> list[Facts]:
        """Return what is asked of episodes most, in the order of iterating, by the run's index. Raises as iterating."""
        return index_of(self.folder)

    def read(self, facts: Facts) -> Episode:
        """Return the episode that facts of this store's are of.

        Raises:
            StoreError: it is no longer where it was.
        """
        path = self.folder / facts.file
        with path.open("rb") as file:
            file.seek(facts.offset)
            episode = parse_line(file.read(facts.length), f"{path}, byte {facts.offset}")
        if episode.id != facts.id:
            raise StoreError(f"{path}: expected episode {facts.id!r} at byte {facts.offset}, found {episode.id!r}")
        return episode

    def ids(self) -> set[str]:
        """Return the ids of all episodes. Raises StoreError as iterating does."""
        return {facts.id for facts in self.facts()}

    def get(self, episode_id: str) -> Episode:
        """Return one episode.

        Raises:
            StoreError: there is none of that id, or the store is damaged.
        """
        for facts in self.facts():
            if facts.id == episode_id:
                return self.read(facts)
        raise StoreError(f"{self.folder}: expected an episode {episode_id!r}, found none of that id")

    def plan(self) -> dict[str, Any]:
        """Return what the run was asked for, as run.json has it; {} where there is none.

        Raises:
            StoreError: run.json can't be read.
        """
        return _read_run(self.run_path) if self.run_path.exists() else {}

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
            lines = self._open()
        lines.append(line)

    def bind(self, plan: Mapping[str, Any]) -> None:
        """Say what the run is: the first call writes run.json, later ones must say the same.

        Raises:
            StoreError: the folder holds a run of another plan; names what differs.
        """
        self.open()
        if not self.run_path.exists() and any(self):
            raise StoreError(
                f"{self.folder}: expected an empty folder or a run with run.json, found episodes without one"
            )
        bind_run(self.run_path, {"schema": SCHEMA, **plan})

    def close(self) -> None:
        """Let go of the folder. Idempotent; a later `append` takes it again."""
        with self._lock:
            if self._lines is not None:
                self._lines.close()
                self._lines = None

    def __enter__(self) -> EpisodeStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> Lines:
        if self._lines is None:
            lines = Lines(self.path, full=DiskFull)
            try:
                self._set_aside(lines)
            except BaseException:
                lines.close()
                raise
            self._lines = lines
        return self._lines

    def _set_aside(self, lines: Lines) -> None:
        if not (torn := lines.torn()):
            return
        try:
            with self.torn_path.open("ab") as file:
                file.write(torn + b"\n")
        except OSError as error:
            raise StoreError(f"{self.torn_path}: expected to keep {len(torn)} bytes of a torn line: {error}") from None
        lines.cut()


def bind_run(path: Path, plan: Mapping[str, Any]) -> None:
    """Say what a run is: the first call writes its run.json, later ones must say the same.

    Args:
        path: of run.json.
        plan: JSON values.

    Raises:
        StoreError: the run was begun with another plan; names what differs.
    """
    wanted = json.loads(json.dumps(plan))
    if not path.exists():
        write_whole(path, json.dumps(wanted, indent=2) + "\n")
        return
    found = _read_run(path)
    differs = [key for key in sorted({*found, *wanted}) if found.get(key) != wanted.get(key)]
    if differs:
        each = "; ".join(f"{key} was {_brief(found.get(key))}, now {_brief(wanted.get(key))}" for key in differs)
        raise StoreError(
            f"{path.parent}: expected the arguments that this run was begun with, found others: {each}. "
            "Resume with the same arguments or use another folder"
        )


def _read_run(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: expected the plan of a run as JSON: {error}") from None
    if not isinstance(found, dict):
        raise StoreError(f"{path}: expected the plan of a run as a JSON object, found {found!r}")
    return found


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
