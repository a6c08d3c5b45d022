"""Surveys: what a set of tasks from outside, with or without solutions, is worth to whoever trains or tests on it.

A survey asks of each task what can be asked without a solution, and counts what it finds: of how many tasks a check
says no, with an interval where the tasks are a sample. No network is given to any sandbox.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..catalog import Entry
from ..errors import TaskError
from ..sandbox import engine
from ..sandbox.base import DIGEST_DIGITS, Engine
from ..score import Rate
from ..task import TaskPaths, folder_digest
from .audit import check_image, check_instruction
from .context import Check, Report
from .journal import Journal
from .running import check_tasks
from .soundness import check_echo, check_load, check_null
from .unsolved import check_builds, check_solution, check_tests

SURVEY_CHECKS: Mapping[str, Check] = {
    "load": check_load,
    "build": check_builds,
    "tests": check_tests,
    "null": check_null,
    "echo": check_echo,
    "solution": check_solution,
    "instruction": check_instruction,
    "image": check_image,
}
"""What is asked of each task, in this order."""

FAULTS: Mapping[tuple[str, str], str] = {
    ("load", ""): "can't be read",
    ("build", "unreachable"): "image needs a host that can't be reached from here",
    ("build", "broken"): "image does not build",
    ("tests", "no_verdict"): "untouched, it gets no verdict",
    ("tests", "broken"): "tests that can't be run",
    ("tests", "unsteady"): "untouched, other outcomes the second time",
    ("tests", "passed"): "some test passes at the start",
    ("null", "solved"): "solved by doing nothing",
    ("echo", "solved"): "solved by copying the instruction's example",
    ("solution", ""): "its own solution fails",
    ("instruction", ""): "does not name what its tests read, or gives away its solution",
    ("image", "fakes"): "files that are not what their suffix says",
    ("image", "chatter"): "a chat model's words in its data",
    ("image", "secrets"): "keys in its image",
    ("image", "leaks"): "its tests or solution in its image",
}
"""What is counted: the check, and which of its figures is not 0, or "" where it said no; with its words for people."""

_LAST_KEPT = 4


def sample(tasks: Mapping[str, Entry], count: int | None, seed: int) -> dict[str, Entry]:
    """Return `count` of the tasks drawn at random, all where None; in the order of `tasks`."""
    if count is None or count >= len(tasks):
        return dict(tasks)
    drawn = set(random.Random(seed).sample(sorted(tasks), count))
    return {id: entry for id, entry in tasks.items() if id in drawn}


def tasks_below(folder: Path) -> dict[str, Entry]:
    """Return the tasks that lie in a folder, by name; the folder's own where it is one.

    Raises:
        TaskError: there is none.
    """
    if (folder / "task.toml").is_file():
        return {folder.name: Entry(folder.name, "task", folder)}
    found = {
        item.name: Entry(item.name, "task", item) for item in sorted(folder.iterdir()) if (item / "task.toml").is_file()
    }
    if not found:
        raise TaskError(f"{folder}: expected folders with a task.toml, found none")
    return found


def survey_tasks(
    tasks: Mapping[str, Entry],
    *,
    sandbox: str = "auto",
    workers: int = 2,
    journal: Path | None = None,
    keep_images: bool = False,
    on_report: Callable[[Report], None] = lambda report: None,
) -> list[Report]:
    """Ask of each task what `SURVEY_CHECKS` ask and return the reports in the order of `tasks`.

    Reports are kept as they come: a survey of the same tasks on the same engine goes on where it was interrupted.

    Args:
        tasks: by name.
        sandbox: the engine.
        workers: tasks at a time.
        journal: the file that reports are kept in; one in the user's cache, removed at the end, where None.
        keep_images: leave the images that the survey built; else they go again, each some tasks later, since the next
            tasks may share its layers.
        on_report: told of each, whether it was kept or is new.

    Raises:
        EngineMissing: there is no engine. KeyboardInterrupt: after the sandboxes are closed; the reports are kept.
    """
    chosen = engine(sandbox)
    held = Journal(tasks, chosen.name, journal)
    reports = held.kept()
    for report in reports.values():
        on_report(report)
    images = None if keep_images else _Images(chosen)

    def keep(report: Report) -> None:
        held.keep(report)
        if images is not None:
            images.done(tasks[report.id])
        on_report(report)

    left = {id: entry for id, entry in tasks.items() if id not in reports}
    try:
        if left:
            made = check_tasks(
                left, checks=SURVEY_CHECKS, sandbox=chosen.name, workers=workers, on_report=keep, network="none"
            )
            reports |= {report.id: report for report in made}
    finally:
        if images is not None:
            images.close()
    held.end()
    return [reports[id] for id in tasks]


class _Images:
    """Removes the images of tasks that are done, where they were not there before.

    The last ones stay a while: the next tasks may share layers with them.
    """

    def __init__(self, chosen: Engine) -> None:
        self._engine = chosen
        self._before = {image.digest for image in chosen.built()}
        self._due: deque[str] = deque()

    def done(self, task: Entry) -> None:
        """Remove this task's images before long."""
        digests = [folder_digest(context)[:DIGEST_DIGITS] for context in TaskPaths(task.folder).contexts]
        self._due += [digest for digest in digests if digest not in self._before]
        if len(self._due) > _LAST_KEPT:
            self._remove(_LAST_KEPT)

    def close(self) -> None:
        """Remove them all."""
        self._remove(0)

    def _remove(self, kept: int) -> None:
        built = {image.digest: image for image in self._engine.built()}
        over = [self._due.popleft() for _ in range(len(self._due) - kept)]
        in_use = [digest for digest in over if digest in built and not self._engine.discard(built[digest])]
        self._due.extendleft(in_use)


def tally(reports: Iterable[Report]) -> list[dict[str, Any]]:
    """Count what reports found: a row for each of `FAULTS`.

    A row holds check, figure and fault as of `FAULTS`, tried (the tasks in which it was looked for), found (those in
    which it was), share (found / tried, None for none tried), low and high (its 95 % interval, Wilson's).
    """
    whole = list(reports)
    rows = []
    for (check, figure), words in FAULTS.items():
        tried = [report.checks[check] for report in whole if check in report.checks and report.checks[check].tried]
        found = sum(bool(one.figures.get(figure)) if figure else not one.ok for one in tried)
        rate = Rate.of(found, len(tried))
        rows.append(
            {"check": check, "figure": figure, "fault": words, "tried": rate.n, "found": found}
            | {"share": rate.value, "low": rate.low, "high": rate.high}
        )
    return rows
