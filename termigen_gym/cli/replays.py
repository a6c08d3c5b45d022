"""``termigen replay``: whether a run's episodes can be had again."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json, Sandbox, SandboxName, Workers

if TYPE_CHECKING:
    from ..replay import Replay, RunReplays, TaskReplays

_SHOWN = 10


def replay(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", exists=True, file_okay=False)],
    episode: Annotated[str | None, typer.Option(help="Replay the episode of this id.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Replay each.")] = False,
    twice: Annotated[
        bool, typer.Option("--twice", help="Replay a second time and compare also the files that are left.")
    ] = False,
    workers: Workers = 2,
    sandbox: Sandbox = SandboxName.auto,
    as_json: Json = False,
) -> None:
    """Run recorded episodes again and compare.

    Each action that ran is run in a fresh sandbox; state, exit code, output and reward must be as on record, but for
    times, process ids and the like. Exit code 0 when all episodes replay, but for those that ended in an error.
    """
    from ..replay import open_env, replay_run
    from ..replay import replay as replay_one
    from ..store import EpisodeStore
    from .screen import print_json, progress

    if all_ == (episode is not None):
        raise typer.BadParameter("expected either --episode ID or --all")
    store = EpisodeStore(run)
    if episode is not None:
        record = store.get(episode)
        one = replay_one(record, lambda: open_env(record, sandbox.value), twice)
        if as_json:
            print_json(one.to_dict())
        else:
            _show(one)
        raise typer.Exit(_exit_code([one]))
    with progress() as on_progress:
        result = replay_run(store, sandbox.value, workers, twice=twice, on_progress=on_progress)
    if as_json:
        print_json(result.to_dict())
    else:
        _show_all(result)
    raise typer.Exit(_exit_code(result.replays))


def _exit_code(replays: Sequence[Replay]) -> int:
    outcomes = {one.outcome for one in replays} - {"same", "error"}
    return 3 if "failed" in outcomes else 1 if outcomes else 0


def _show(one: Replay) -> None:
    from .screen import OUT

    where = "" if one.what is None else f", {one.what} {_after(one)}"
    OUT.print(f"{one.episode_id} {one.task_id}: {one.outcome}{where}", markup=False)
    if one.what is not None:
        old, new = one.expected.splitlines(), one.found.splitlines()
        names = ("replay", "another replay") if one.what == "files" else ("record", "replay")
        for line in difflib.unified_diff(old, new, *names, lineterm=""):
            OUT.print(line, markup=False)
    elif one.outcome == "changed":
        OUT.print(f"the task was {one.expected}, is {one.found}", markup=False)
    elif one.found:
        OUT.print(one.found, markup=False)


def _after(one: Replay) -> str:
    return "after the reset" if one.step is None else f"of step {one.step}"


def _show_all(result: RunReplays) -> None:
    from .screen import OUT, table

    columns = (
        "task",
        ">episodes",
        ">replay",
        ">share",
        ">unsteady",
        ">differ",
        ">changed",
        ">errors",
        ">failed",
        "what",
    )
    rows = [_row(task) for task in result.tasks]
    total = _row(result.total)
    OUT.print(table(*columns, rows=[*rows, total] if len(rows) > 1 else rows))
    bad = [one for one in result.replays if one.outcome in ("differs", "failed")]
    for one in bad[:_SHOWN]:
        _show(one)
    if len(bad) > _SHOWN:
        OUT.print(f"and {len(bad) - _SHOWN} more; --json has all")


def _row(task: TaskReplays) -> tuple[object, ...]:
    share = "-" if task.share is None else f"{task.share:.1%}"
    reasons = ", ".join(f"{count} {what}" for what, count in task.reasons.items())
    same, *others = task.outcomes.values()
    return task.task_id, task.episodes, same, share, *others, reasons
