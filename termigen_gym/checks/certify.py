"""Audits: all checks of some tasks, resumed where they were interrupted, and the certificates that come of them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping

from ..catalog import Entry
from ..sandbox import engine
from .context import Report
from .journal import Journal
from .manifest import Certificate, manifest_path, update_manifest
from .running import AUDIT_CHECKS, check_tasks
from .shape import is_own


def audit_tasks(
    entries: Mapping[str, Entry],
    *,
    sandbox: str = "auto",
    workers: int = 2,
    write: bool = False,
    on_report: Callable[[Report], None],
    on_play: Callable[[str, int, int], None],
) -> list[Report]:
    """Run all checks on some tasks and return the reports in the order of `entries`.

    Reports are kept as they come: where an audit of the same tasks on the same engine was interrupted, those of tasks
    that have not changed since are taken over.

    Reports go to `on_report` whether they are taken over or new; the other arguments are those of `check_tasks`, and
    with `write` our own tasks' certificates are brought up to date: one that fails loses the one that it had.

    Raises:
        EngineMissing: there is no engine. KeyboardInterrupt: after the sandboxes are closed; the reports are kept.
    """
    name = engine(sandbox).name
    journal = Journal(entries, name)
    reports = journal.kept()
    for report in reports.values():
        on_report(report)

    def keep(report: Report) -> None:
        journal.keep(report)
        on_report(report)

    left = {id: entry for id, entry in entries.items() if id not in reports}
    if left:
        made = check_tasks(left, checks=AUDIT_CHECKS, sandbox=name, workers=workers, on_report=keep, on_play=on_play)
        reports |= {report.id: report for report in made}
    if write:
        _write(entries, reports, journal.digests, name)
    journal.end()
    return [reports[id] for id in entries]


def _write(entries: Mapping[str, Entry], reports: Mapping[str, Report], digests: Mapping[str, str], name: str) -> None:
    own = {id: entry for id, entry in entries.items() if is_own(entry)}
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    passed = [
        Certificate.of(entry, reports[id], digest=digests[id], engine=name, date=today)
        for id, entry in own.items()
        if reports[id].ok
    ]
    update_manifest(manifest_path(), passed, [entry for id, entry in own.items() if not reports[id].ok])
