"""Reports kept as they come, so that an audit that was interrupted goes on when the same command is given again."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from .. import __version__
from ..catalog import Entry
from ..sandbox.cache import cache_folder
from ..task import folder_digest
from .context import Report


class Journal:
    """The reports of one audit: of these tasks on this engine.

    It lies where it is asked for; else in the user's cache, and goes when the audit has ended. A report counts for as
    long as its task's folder is as it was when it was made; the tasks are read when the journal is opened.
    """

    def __init__(self, tasks: Mapping[str, Entry], engine: str, path: Path | None = None) -> None:
        """Open the journal, which may hold reports of an audit that was interrupted."""
        self._engine = engine
        self._passing = path is None
        self.digests = {id: folder_digest(entry.folder) for id, entry in tasks.items()}
        self._path = path or _own_path(tasks, engine)

    def kept(self) -> dict[str, Report]:
        """Return the reports of tasks that are still as they were."""
        reports: dict[str, Report] = {}
        for line in self._lines():
            with contextlib.suppress(json.JSONDecodeError):  # the line at which a process was killed
                row = json.loads(line)
                mine = (row.get("version"), row.get("engine")) == (__version__, self._engine)
                if mine and self.digests.get(row["report"]["id"]) == row["digest"]:
                    reports[row["report"]["id"]] = Report.from_dict(row["report"])
        return reports

    def keep(self, report: Report) -> None:
        """Write a report down."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        digest = self.digests[report.id]
        row = {"version": __version__, "engine": self._engine, "digest": digest, "report": report.to_dict()}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"\n{json.dumps(row)}\n")

    def end(self) -> None:
        """Forget all reports, but where somebody asked for the file: the audit has ended."""
        if self._passing:
            self._path.unlink(missing_ok=True)

    def _lines(self) -> list[str]:
        if not self._path.is_file():
            return []
        return [line for line in self._path.read_text(encoding="utf-8").splitlines() if line]


def _own_path(tasks: Mapping[str, Entry], engine: str) -> Path:
    folders = sorted(str(entry.folder.resolve()) for entry in tasks.values())
    name = hashlib.sha256(json.dumps([__version__, engine, folders]).encode()).hexdigest()[:24]
    return cache_folder() / "audits" / f"{name}.jsonl"
