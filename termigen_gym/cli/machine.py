"""``termigen doctor | images | demo``: this machine."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Epsilon, Json, Sandbox, SandboxName, Seed, TaskGlob, Workers, matching_ids

_MB = 1_000_000

if TYPE_CHECKING:
    from ..demo import DemoResult
    from ..doctor import Diagnosis
    from ..score import Score


def doctor(
    selfcheck: Annotated[bool, typer.Option("--selfcheck", help="Try each engine that answers, some minutes.")] = False,
    sandbox: Annotated[
        SandboxName, typer.Option(help="The engine to try with --selfcheck; auto: all.")
    ] = SandboxName.auto,
    as_json: Json = False,
) -> None:
    """Show what this machine has.

    Engines, disk, packages, tasks; nothing is changed.
    --selfcheck runs the contracts of sandboxes and of terminals on each engine that answers.
    Exit code 3 when no engine answers, 1 when --selfcheck finds that one does not keep its contracts.
    """
    from ..doctor import diagnose
    from .screen import print_json

    found = diagnose()
    if not as_json:
        _show_diagnosis(found)
    asked = [state.name for state in found.engines if state.ok and sandbox in (SandboxName.auto, state.name)]
    results = {name: _selfcheck(name) for name in asked} if selfcheck else {}
    if as_json:
        print_json({**found.to_dict(), **({"selfcheck": results} if selfcheck else {})})
    else:
        for name, contracts in results.items():
            _show_failures(name, contracts)
    if found.auto is None:
        raise typer.Exit(3)
    if not all(result["ok"] for contracts in results.values() for found in contracts.values() for result in found):
        raise typer.Exit(1)


def _show_diagnosis(found: Diagnosis) -> None:
    from .screen import OUT, table

    OUT.print(f"termigen-gym {found.version}, Python {found.python}, {found.system}", markup=False)
    OUT.print(f"{found.tasks} tasks, {found.families} families")
    engines = [(state.name, _yes(state.ok), _yes(state.base_image), state.detail) for state in found.engines]
    OUT.print(table("engine", "answers", "base image", "", rows=engines))
    OUT.print(f"auto takes: {found.auto or 'none, no engine answers'}")
    if found.auto is not None and not all(state.base_image for state in found.engines if state.name == found.auto):
        OUT.print("the base image is pulled or made when it is first needed; made now by: termigen images bootstrap")
    for disk in found.disks:
        OUT.print(f"free: {disk.free_gib:.1f} GiB at {disk.path}", markup=False)
    for extra, missing in found.extras.items():
        OUT.print(f"extra {extra}: {'missing ' + ', '.join(missing) if missing else 'installed'}", markup=False)


def _yes(value: bool | None) -> str:
    return "?" if value is None else "yes" if value else "no"


def _selfcheck(name: str) -> dict[str, list[dict[str, Any]]]:
    """Run both contracts on an engine; return each one's results."""
    from .. import conformance
    from ..plan import Progress
    from ..sandbox import engine
    from .screen import progress

    chosen = engine(name)
    contracts = {
        "sandbox": (conformance.run_cases(chosen, conformance.CASES), len(conformance.CASES)),
        "terminal": (conformance.run_talks(chosen, conformance.TALKS), len(conformance.TALKS)),
    }
    found: dict[str, list[dict[str, Any]]] = {}
    with progress() as on_progress:
        for contract, (results, total) in contracts.items():
            done = found[contract] = []
            for result in results:
                done.append(vars(result))
                failed = sum(not one["ok"] for one in done)
                on_progress(Progress(f"{name}: {contract}", len(done), total, f"{failed} failed"))
    return found


def _show_failures(name: str, contracts: dict[str, list[dict[str, Any]]]) -> None:
    from .screen import OUT

    for contract, results in contracts.items():
        failed = [result for result in results if not result["ok"]]
        OUT.print(f"{name}: {contract}: {len(results) - len(failed)} of {len(results)} as they should be", markup=False)
        for result in failed:
            OUT.print(f"  NOT {result['name']}: {result['shows']} {result['detail']}", style="red", markup=False)


def bootstrap(
    sandbox: Sandbox = SandboxName.auto,
    reference: Annotated[str, typer.Option(help="debian:<suite>-slim")] = "debian:bookworm-slim",
    as_json: Json = False,
) -> None:
    """Make the base image from packages.

    For where no registry can be reached; nothing is done where the engine has it.
    """
    from ..sandbox import engine
    from ..sandbox.images import bootstrap as make
    from .screen import ERR, OUT, print_json

    chosen = engine(sandbox.value)
    made = not chosen.has_image(reference)
    if made:
        make(chosen, reference, lambda line: ERR.print(line, markup=False, soft_wrap=True))
    document: dict[str, Any] = {"engine": chosen.name, "reference": reference, "made": made}
    if as_json:
        print_json(document)
    else:
        OUT.print(f"{chosen.name} {'now has' if made else 'already had'} {reference}", markup=False)


def prune(
    sandbox: Sandbox = SandboxName.auto,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: Json = False,
) -> None:
    """Remove images that no known task uses.

    Only those that were built here from a task's environment folder; never a base, nor anybody else's. They are built
    again where they are needed. TERMIGEN_ENVS says which tasks are known beside our own.
    """
    from ..catalog import entries
    from ..sandbox import engine
    from ..sandbox.images import prune as prune_images
    from ..task import TaskPaths, folder_digest
    from .screen import OUT, print_json

    known = {folder_digest(context) for entry in entries().values() for context in TaskPaths(entry.folder).contexts}
    chosen = engine(sandbox.value)
    done = prune_images(chosen, known, dry_run)
    if as_json:
        print_json({"engine": chosen.name, "dry_run": dry_run, "freed_bytes": done.freed, **asdict(done)})
        return
    for image in done.removed:
        OUT.print(f"{image.size / _MB:8.1f} MB  {image.name}", markup=False)
    for image in done.in_use:
        OUT.print(f"     in use  {image.name}", markup=False)
    what = "would be removed" if dry_run else "removed"
    OUT.print(f"{chosen.name}: {len(done.removed)} {what}, {done.freed / _MB:.1f} MB; {done.kept} kept for tasks")


def demo(
    out: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Its folder; an interrupted one is resumed.  [default: demo-run[-SANDBOX]]"),
    ] = None,
    tasks: TaskGlob = "*",
    episodes: Annotated[int, typer.Option(min=1, help="How many to collect.")] = 60,
    epsilon: Epsilon = 0.2,
    seed: Seed = 0,
    workers: Workers = 2,
    sandbox: Sandbox = SandboxName.auto,
    as_json: Json = False,
) -> None:
    """Do the whole job once, small.

    Check the tasks, collect episodes, export them, fine-tune a tiny model, evaluate it before and after.
    Exit code 1 when a task is not sound, 3 when episodes are left without a verdict.
    """
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # they would run through ours
    from ..demo import DemoPlan, run_demo
    from .screen import OUT, print_json, progress, table

    if out is None:  # one for each engine that is named, so that each demo shows what that engine did
        out = Path("demo-run" if sandbox is SandboxName.auto else f"demo-run-{sandbox.value}")
    plan = DemoPlan(
        out=out,
        tasks=matching_ids(tasks),
        episodes=episodes,
        epsilon=epsilon,
        seed=seed,
        workers=workers,
        sandbox=sandbox.value,
    )
    with progress() as on_progress:
        result = run_demo(plan, on_progress)
    if as_json:
        print_json(result.to_dict())
    else:
        OUT.print(table("", "", rows=_demo_rows(result)))
    if result.collected.errors or result.before.errors or result.after.errors:
        raise typer.Exit(3)
    raise typer.Exit(0 if all(report.ok for report in result.checks) else 1)


def _demo_rows(result: DemoResult) -> list[tuple[str, object]]:
    collected, tokens, training = result.collected, result.tokens, result.training
    bad = [report.id for report in result.checks if not report.ok]
    kinds = [(f"  {kind}", count) for kind, count in collected.injected.items()]
    return [
        (
            "tasks sound",
            f"{len(result.checks) - len(bad)} of {len(result.checks)}" + "".join(f", not {id}" for id in bad),
        ),
        ("episodes", f"{collected.episodes}, {collected.steps} steps, {collected.errors} without a verdict"),
        ("pass rate", f"{collected.solved} of {collected.episodes}"),
        ("mistakes injected", sum(collected.injected.values())),
        *kinds,
        ("recovered", f"{collected.recovered} of {collected.perturbed} episodes with mistakes"),
        ("tokens", f"{tokens.tokens} in {tokens.windows} windows, {tokens.trained_tokens} of them trained"),
        ("fine-tuned on", f"{training.lines} episodes, {training.tokens} tokens, {training.steps} steps"),
        ("loss", f"{training.loss_first:.3f} -> {training.loss_last:.3f}"),
        ("evaluation", f"{_solved(result.before)} -> {_solved(result.after)} of {len(result.exam)} solved"),
        ("  recovered", f"{_recovered(result.before)} -> {_recovered(result.after)} episodes with mistakes"),
        ("everything lies in", result.out),
    ]


def _solved(score: Score) -> int:
    return sum(row.solved for row in score.tasks)


def _recovered(score: Score) -> str:
    return f"{sum(row.recovered for row in score.tasks)} of {sum(row.perturbed for row in score.tasks)}"
