"""Which checks there are, and how they are run on one task or on many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from ..catalog import Entry
from ..env import TerminalEnv
from ..errors import BuildError, EngineMissing, TaskError, TermigenError
from ..executor import Job, run_jobs
from .audit import check_image, check_instruction, check_offline
from .context import Check, Context, Finding, Report
from .elsewhere import check_elsewhere
from .rebuild import check_rebuild
from .soundness import (
    check_build,
    check_echo,
    check_load,
    check_mistakes,
    check_null,
    check_oracle,
    check_oracle_once,
    check_shape,
)
from .strength import check_equivalents, check_flakes, check_mutants, check_prefixes

CHECKS: Mapping[str, Check] = {
    "load": check_load,
    "shape": check_shape,
    "build": check_build,
    "null": check_null,
    "echo": check_echo,
    "oracle": check_oracle,
    "mistakes": check_mistakes,
}
"""All checks, in the order in which they run."""

AUDIT_CHECKS: Mapping[str, Check] = {
    **CHECKS,
    "instruction": check_instruction,
    "image": check_image,
    "offline": check_offline,
    "elsewhere": check_elsewhere,
    "flakes": check_flakes,
    "prefixes": check_prefixes,
    "mutants": check_mutants,
    "equivalents": check_equivalents,
    "rebuild": check_rebuild,
}
"""All that a certificate rests on."""

QUICK_CHECKS: Mapping[str, Check] = {"load": check_load, "build": check_build, "oracle": check_oracle_once}
"""One play of each task."""

_NEEDED = ("load", "build")
"""Where one of these fails, no later one is tried."""

_ASIDE = ("rebuild",)
"""What waits for a network more than for this machine: begun after the build, beside the others."""


def check_task(id: str, context: Context, checks: Mapping[str, Check] = CHECKS, *, all: bool = True) -> Report:
    """Run the checks on one task.

    Args:
        id: for the report.
        context: the task.
        checks: those to run.
        all: go on after one that says no; else the report ends with it, and nothing is done beside the others.

    Raises:
        EngineMissing: there is no engine.
    """
    found: dict[str, Finding] = {}
    if not all:
        for name, check in checks.items():
            found[name] = _run(check, context)
            if not found[name].ok:
                break
        return Report(id, found)
    aside: dict[str, Future[Finding]] = {}
    with ThreadPoolExecutor(1) as pool:
        for name, check in checks.items():
            failed = next((need for need in _NEEDED if need in found and not found[need].ok), None)
            if failed is not None:
                found[name] = Finding(False, f"not tried, since {failed} failed", tried=False)
            else:
                found[name] = aside[name].result() if name in aside else _run(check, context)
            if name == "build" and found[name].ok:
                aside = {other: pool.submit(_run, checks[other], context) for other in _ASIDE if other in checks}
    return Report(id, found)


def _run(check: Check, context: Context) -> Finding:
    try:
        return check(context)
    except EngineMissing:
        raise
    except (BuildError, TaskError) as error:
        return Finding(False, f"{type(error).__name__}: {error}")
    except TermigenError as error:  # it says nothing on what was looked for
        return Finding(False, f"{type(error).__name__}: {error}", tried=False)


class _CheckJob:
    """The checks of one task."""

    def __init__(self, id: str, context: Context, checks: Mapping[str, Check]) -> None:
        self._id = id
        self._context = context
        self._checks = checks

    def run(self) -> Report:
        return check_task(self._id, self._context, self._checks)

    def close(self) -> None:
        self._context.close()


def check_tasks(
    entries: Mapping[str, Entry],
    *,
    checks: Mapping[str, Check] = CHECKS,
    sandbox: str = "auto",
    workers: int = 2,
    on_report: Callable[[Report], None],
    on_play: Callable[[str, int, int], None] = lambda id, done, of: None,
    strict: bool | None = None,
    **options: Any,
) -> list[Report]:
    """Check many tasks, some at a time, and return the reports in the order of `entries`.

    Args:
        entries: by the id that their reports bear.
        checks: those to run.
        sandbox: the engine.
        workers: tasks at a time; of fewer tasks, plays at a time.
        on_report: told of each as soon as it is done.
        on_play: told, by threads of the checks, how many plays of an id are done and how many are known of.
        strict: whether tasks must look and be as strong as ours do; None: those of ours.
        options: of the environments.

    Raises:
        EngineMissing: there is no engine. KeyboardInterrupt: after the sandboxes are closed.
    """
    reports: dict[str, Report] = {}

    def on_done(job: Job[Report], report: Report) -> Iterable[Job[Report]]:
        reports[report.id] = report
        on_report(report)
        return ()

    def job(id: str, entry: Entry) -> _CheckJob:
        context = Context(
            entry,
            partial(TerminalEnv, sandbox=sandbox, **options),
            sandbox=sandbox,
            plays=max(1, workers // len(entries)),
            on_play=partial(on_play, id),
            strict=strict,
        )
        return _CheckJob(id, context, checks)

    run_jobs((job(id, entry) for id, entry in entries.items()), workers, on_done)
    return [reports[id] for id in entries]
