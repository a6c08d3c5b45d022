"""What a run of `termigen synthesize` has done so far, on the disk as it comes: it goes on from there after a crash.

    OUT/
      run.json            what the run was asked for; going on with something else is refused
      journal.jsonl       examinations and ends of slots, a line each
      calls.jsonl         every reply of a model that was paid for (`termigen_gym.llm.Recorder`)
      tasks/<id>/         the admitted tasks; TERMIGEN_ENVS=OUT registers them
      fallen/<slot>-<id>/ drafts that did not hold, and why.txt
      MANIFEST.jsonl      the certificates of the admitted
      funnel.json, index.html    the account of the run

One process at a time holds the folder.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..checks import Report
from ..errors import StoreError
from ..lines import Lines
from ..store import bind_run

SCHEMA = 1

Outcome = Literal["admitted", "refused", "fallen"]


@dataclass(frozen=True)
class Ended:
    """How a slot ended.

    Attributes:
        slot: its index. outcome: "admitted"; "refused", as too like something else; "fallen", as it does not hold.
        name: of the task, "" where there was no draft. digest: of the draft. category, difficulty: as asked for.
        stage: of one that fell, how far it came. why: of one that was not admitted.
        drafts: how many drafts it took.
        reached: the names of the checks that its best draft passed.
    """

    slot: int
    outcome: Outcome
    category: str
    difficulty: str
    name: str = ""
    digest: str = ""
    stage: str = ""
    why: str = ""
    drafts: int = 0
    reached: tuple[str, ...] = field(default=())


class RunFolder:
    """The folder of one run, held by one process at a time; for many threads at once.

    Args:
        folder: made if need be.

    Raises:
        StoreError: another process has it, or it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tasks, self.fallen = folder / "tasks", folder / "fallen"
        for made in (self.tasks, self.fallen):
            made.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._lines = Lines(folder / "journal.jsonl")
        self._lines.cut()
        self.ended: dict[int, Ended] = {}
        self._reports: dict[tuple[int, str], Report] = {}
        for row in self._rows():
            self._take(row)

    @property
    def manifest(self) -> Path:
        """Where the certificates lie."""
        return self.folder / "MANIFEST.jsonl"

    @property
    def calls(self) -> Path:
        """Where a model's replies lie."""
        return self.folder / "calls.jsonl"

    def bind(self, wish: Mapping[str, Any]) -> None:
        """Say what the run is: the first call writes run.json, later ones must say the same.

        Raises:
            StoreError: the folder holds a run that was asked for something else; names what differs.
        """
        bind_run(self.folder / "run.json", {"schema": SCHEMA, **wish})

    def report(self, slot: int, digest: str) -> Report | None:
        """Return what was found on a draft before."""
        return self._reports.get((slot, digest))

    def examined(self, slot: int, digest: str, report: Report) -> None:
        """Write down what was found on a draft."""
        evidence = {name: found.evidence for name, found in report.checks.items() if found.evidence}
        self._add(
            {"event": "examined", "slot": slot, "digest": digest, "report": report.to_dict(), "evidence": evidence}
        )

    def end(self, ended: Ended) -> None:
        """Write down how a slot ended."""
        self._add({"event": "ended", **asdict(ended)})

    def close(self) -> None:
        """Let go of the folder."""
        self._lines.close()

    def _add(self, row: Mapping[str, Any]) -> None:
        with self._lock:
            self._lines.append((json.dumps(row) + "\n").encode())
            self._take(row)

    def _rows(self) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(self._lines.path.read_bytes().splitlines(), start=1):
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise StoreError(f"{self._lines.path}: line {number}: expected JSON, found {error}") from None

    def _take(self, row: Mapping[str, Any]) -> None:
        if row["event"] == "examined":
            report = _with_evidence(Report.from_dict(row["report"]), row["evidence"])
            self._reports[row["slot"], row["digest"]] = report
        else:
            values = {key: value for key, value in row.items() if key != "event"}
            self.ended[row["slot"]] = Ended(**{**values, "reached": tuple(values["reached"])})


def _with_evidence(report: Report, evidence: Mapping[str, str]) -> Report:
    found = {name: replace(one, evidence=evidence.get(name, "")) for name, one in report.checks.items()}
    return Report(report.id, found)
