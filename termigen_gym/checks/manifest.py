"""Certificates of tasks: envs/MANIFEST.jsonl, one line a task, written only of what passed every check of an audit.

    {"id", "kind", "digest", "category",
     "certificate": {"engine", "date", "checks": {name: {"ok", "detail", "figures"}}, "mutation_score"}}

`digest` is that of the task's folder at that time: a certificate holds for as long as it is the folder's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..catalog import Entry, Kind, entries, roots
from ..errors import TaskError
from ..lines import write_whole
from ..registration import env_id
from ..task import TaskPaths, folder_digest, load_config
from .context import Report
from .shape import is_own

_NAME = "MANIFEST.jsonl"


@dataclass(frozen=True)
class Certificate:
    """One line.

    Attributes:
        id: as ``gym.make`` takes it. kind: "task" or "family". digest: of the folder. category: of its metadata.
        engine: on which the checks ran. date: when, as YYYY-MM-DD.
        checks: what each found, as of `Finding.to_dict`.
        mutation_score: rejected mutants of the valid ones, from 0 to 1.
    """

    id: str
    kind: Kind
    digest: str
    category: str
    engine: str
    date: str
    checks: Mapping[str, Mapping[str, Any]]
    mutation_score: float

    @classmethod
    def of(cls, entry: Entry, report: Report, *, digest: str, engine: str, date: str) -> Certificate:
        """Return the certificate of a task that passed an audit.

        `report` is of all checks of the audit, `digest` the folder's when it began, `date` is YYYY-MM-DD.
        """
        return cls(
            id=env_id(entry.name),
            kind=entry.kind,
            digest=digest,
            category=load_config(TaskPaths(entry.folder)).metadata.category,
            engine=engine,
            date=date,
            checks=report.to_dict()["checks"],
            mutation_score=report.checks["mutants"].figures["score"],
        )

    def to_line(self) -> str:
        """Return it as a line of JSON."""
        certificate = {
            "engine": self.engine,
            "date": self.date,
            "checks": self.checks,
            "mutation_score": self.mutation_score,
        }
        head = {"id": self.id, "kind": self.kind, "digest": self.digest, "category": self.category}
        return json.dumps({**head, "certificate": certificate}, ensure_ascii=False) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Certificate:
        """Rebuild it from `to_line`'s result.

        Raises:
            ValueError: it is none.
        """
        data = json.loads(line)
        try:
            return cls(**{key: data[key] for key in ("id", "kind", "digest", "category")}, **data["certificate"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"expected a certificate, found {error}") from None


def manifest_path() -> Path:
    """Return where our own tasks' certificates lie."""
    return roots()[0] / _NAME


def read_manifest(path: Path) -> dict[str, Certificate]:
    """Return the certificates by id; none where there is no file.

    Raises:
        TaskError: a line is malformed.
    """
    if not path.is_file():
        return {}
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            certificate = Certificate.from_line(line)
        except ValueError as error:
            raise TaskError(f"{path}: line {number}: {error}") from None
        found[certificate.id] = certificate
    return found


def steady(chosen: Iterable[Entry]) -> tuple[str, ...]:
    """Return the ids of those of our tasks whose certificate holds and found the same verdict in each run.

    Raises:
        TaskError: the manifest is malformed.
    """
    held = read_manifest(manifest_path())
    ids = {env_id(entry.name): entry for entry in chosen}
    return tuple(id for id, entry in ids.items() if _is_steady(held.get(id), entry))


def _is_steady(certificate: Certificate | None, entry: Entry) -> bool:
    if certificate is None or not is_own(entry) or certificate.digest != folder_digest(entry.folder):
        return False
    return bool(certificate.checks["flakes"]["figures"]["flaky"] == 0)


def add_to_manifest(path: Path, passed: Iterable[Certificate]) -> None:
    """Put certificates in place of older ones of the same ids.

    Raises:
        TaskError: the file that is there is malformed.
    """
    _write(path, read_manifest(path) | {certificate.id: certificate for certificate in passed})


def update_manifest(path: Path, passed: Iterable[Certificate], failed: Iterable[Entry] = ()) -> None:
    """`add_to_manifest`, and take away the certificates of our own tasks that failed or are gone.

    Raises:
        TaskError: the file that is there is malformed.
    """
    held = read_manifest(path) | {certificate.id: certificate for certificate in passed}
    known = {env_id(entry.name) for entry in entries().values() if is_own(entry)}
    kept = known - {env_id(entry.name) for entry in failed}
    _write(path, {id: certificate for id, certificate in held.items() if id in kept})


def _write(path: Path, held: Mapping[str, Certificate]) -> None:
    write_whole(path, "".join(held[id].to_line() for id in sorted(held)))
