"""``termigen audit``: what a folder of tasks from outside is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Json, Sandbox, SandboxName, Seed, Workers

if TYPE_CHECKING:
    from ..checks import Report


def audit(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Of task folders, or one of them.")],
    sample: Annotated[int | None, typer.Option(min=1, help="Only so many, drawn at random.")] = None,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="Keep the reports here, one a line.")] = None,
    keep_images: Annotated[bool, typer.Option("--keep-images", help="Leave the images that are built.")] = False,
    sandbox: Sandbox = SandboxName.auto,
    workers: Workers = 2,
    as_json: Json = False,
) -> None:
    """Audit tasks from outside, which need no solutions.

    They build, their tests can be run, idlers earn 0, data are what they seem. No network is given to any of them.
    An interrupted audit is resumed. Exit code 1 when anything is found.
    """
    from ..checks import survey
    from ..plan import Progress
    from ..sandbox import engine
    from .screen import ERR, OUT, print_json, progress

    chosen = engine(sandbox.value)
    tasks = survey.sample(survey.tasks_below(folder), sample, seed)
    done: list[Report] = []
    with progress() as show:
        show(Progress("tasks", 0, len(tasks), chosen.name))

        def on_report(report: Report) -> None:
            done.append(report)
            bad = sum(not one.ok for one in done)
            show(Progress("tasks", len(done), len(tasks), f"{chosen.name}, {bad} with findings, last: {report.id}"))

        reports = survey.survey_tasks(
            tasks, sandbox=chosen.name, workers=workers, journal=out, keep_images=keep_images, on_report=on_report
        )
    found = survey.tally(reports)
    if as_json:
        document = {"folder": str(folder), "engine": chosen.name, "tasks": len(reports), "faults": found}
        print_json(document | {"reports": [report.to_dict() for report in reports]})
    else:
        for report in reports if len(reports) == 1 else ():
            for name, one in report.checks.items():
                OUT.print(f"{'ok ' if one.ok else 'NOT' if one.tried else '-  '} {name}: {one.detail}", markup=False)
        OUT.print(_table(found))
        ERR.print(f"{len(reports)} tasks on {chosen.name}", markup=False)
    raise typer.Exit(1 if any(row["found"] for row in found) else 0)


def _table(rows: Sequence[Mapping[str, Any]]) -> Any:
    from .screen import table

    cells = [
        (row["fault"], row["found"], row["tried"], *_share(row))
        for row in rows
        if row["tried"]  # else nobody could look for it
    ]
    return table("found", ">tasks", ">of", ">share", ">95 % interval", rows=cells)


def _share(row: Mapping[str, Any]) -> tuple[str, str]:
    return f"{row['share']:.1%}", f"{row['low']:.1%} to {row['high']:.1%}"
