"""``termigen list | show | play | check``: one task or all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..catalog import Entry, entries
from ..errors import TaskError
from ..registration import env_id, make
from .options import (
    AgentName,
    AgentOptions,
    BaseUrl,
    Checkpoint,
    CriticName,
    CriticOptions,
    Difficulty,
    Epsilon,
    Json,
    KeyVariable,
    MaxSteps,
    Model,
    OutputLimit,
    Sandbox,
    SandboxName,
    ScheduleOptions,
    Seed,
    Temperature,
    Workers,
    entry_named,
    named_values,
    usage_errors,
)

if TYPE_CHECKING:
    from ..agents.base import Agent
    from ..checks import Report
    from ..episode import Episode
    from ..plan import Progress


def list_tasks(
    category: Annotated[str | None, typer.Option(help="Only of this category.")] = None,
    as_json: Json = False,
) -> None:
    """List the tasks and families.

    A malformed one is named on standard error and left out.
    """
    from .screen import ERR, OUT, print_json, table

    rows = []
    for entry in entries().values():
        try:
            rows.append(_row(entry))
        except TaskError as error:
            ERR.print(f"left out: {error}", style="red", markup=False, soft_wrap=True)
    known = sorted({row["category"] for row in rows})
    if category is not None and category not in known:
        raise typer.BadParameter(f"expected one of {', '.join(known)}, found {category!r}", param_hint="--category")
    rows = sorted((row for row in rows if category in (None, row["category"])), key=lambda row: str(row["id"]))
    if as_json:
        print_json(rows)
        return
    cells = [(row["id"], row["kind"], row["category"], row["difficulty"], " ".join(row["tools"])) for row in rows]
    OUT.print(table("id", "kind", "category", "difficulty", "tools", rows=cells))


def _row(entry: Entry) -> dict[str, Any]:
    from ..task import TaskPaths, load_config

    metadata = load_config(TaskPaths(entry.folder)).metadata
    return {
        "id": env_id(entry.name),
        "kind": entry.kind,
        "category": metadata.category,
        "difficulty": metadata.difficulty,
        "tools": list(metadata.tools),
    }


def show(
    id: Annotated[str, typer.Argument(help="Id, name or folder of a task.")],
    seed: Seed = 0,
    difficulty: Annotated[Difficulty, typer.Option(help="Of a family's instance.")] = Difficulty.medium,
    as_json: Json = False,
) -> None:
    """Show what a task asks for; of a family, one instance."""
    from ..family import Family
    from ..task import Task
    from .screen import OUT, print_json

    entry = entry_named(id)
    is_family = entry.kind == "family"
    task = Family.load(entry.folder).instance(seed, difficulty) if is_family else Task.load(entry.folder)
    limits = task.config.environment
    facts = {
        **_row(entry),
        "difficulty": task.config.metadata.difficulty,
        "folder": str(entry.folder),
        "digest": task.digest,
        "cpus": limits.cpus,
        "memory_mb": limits.memory_mb,
        "network": limits.network_mode,
        "instruction": task.instruction,
    }
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        if name != "instruction":
            OUT.print(
                f"{name:<11}{' '.join(value) if isinstance(value, list) else value}", markup=False, soft_wrap=True
            )
    OUT.print(f"\n{task.instruction.rstrip()}", markup=False, soft_wrap=True)


def play(
    id: Annotated[str, typer.Argument(help="Id or name of a task.")],
    agent: AgentName = None,
    sandbox: Sandbox = SandboxName.auto,
    seed: Seed = 0,
    critic: Annotated[CriticName, typer.Option(help="Who puts mistakes in place of actions.")] = CriticName.none,
    epsilon: Epsilon = 0.2,
    critic_option: CriticOptions = None,
    schedule: ScheduleOptions = None,
    difficulty: Annotated[Difficulty | None, typer.Option(help="Of a family's instance.")] = None,
    max_steps: MaxSteps = None,
    output_limit: OutputLimit = None,
    checkpoint: Checkpoint = None,
    model: Model = None,
    base_url: BaseUrl = None,
    api_key_env: KeyVariable = None,
    temperature: Temperature = None,
    option: AgentOptions = None,
    as_json: Json = False,
) -> None:
    """Play one episode.

    It is shown as it goes. The player is you where no agent is named.
    """
    from ..play import play as play_episode
    from ..roster import make_agent
    from ..wrappers import CriticWrapper
    from .agents import Narrated, agent_choice
    from .screen import ERR, OUT, print_json

    entry = entry_named(id)
    name, options = agent_choice(
        agent,
        checkpoint=checkpoint,
        model=model,
        base_url=base_url,
        api_key_env=api_key_env,
        temperature=temperature,
        options=option,
        fallback="human",
    )
    screen = ERR if as_json else OUT
    player: Agent = make_agent(name, {"console": screen} if name == "human" else options)
    with usage_errors():
        limits = {"max_steps": max_steps, "output_limit": output_limit}
        given = {limit: value for limit, value in limits.items() if value is not None}
        env = make(env_id(entry.name), sandbox=sandbox.value, **given)
        if critic != CriticName.none:
            env = CriticWrapper(
                env,
                critic.value,
                epsilon,
                critic_options=named_values(critic_option, "--critic-option"),
                schedule=named_values(schedule, "--schedule"),
            )
    if name != "human":
        player = Narrated(player, screen)
    try:
        chosen = {} if difficulty is None else {"difficulty": difficulty.value}
        episode = play_episode(env, player, episode_id="play", seed=seed, options=chosen)
    finally:
        env.close()
    if as_json:
        print_json(_outcome(episode))
    else:
        _show_outcome(episode)
    if episode.error is not None:
        raise typer.Exit(3)


def _outcome(episode: Episode) -> dict[str, Any]:
    return {
        "id": episode.task_id,
        "reward": episode.reward,
        "steps": len(episode.steps),
        "ended": episode.ended,
        "error": episode.error,
    }


def _show_outcome(episode: Episode) -> None:
    from .screen import OUT

    if episode.error is not None:
        OUT.print(f"\nno verdict: {episode.error['type']}: {episode.error['message']}", style="red", markup=False)
        return
    verdict: Mapping[str, Any] = episode.verdict or {}
    for test, outcome in verdict["tests"].items():
        OUT.print(f"{outcome:>8}  {test.rpartition('::')[2]}", markup=False)
    OUT.print(f"\nreward {episode.reward:g} after {len(episode.steps)} steps ({episode.ended})", style="bold")


def check(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids, names or folders of tasks.")] = None,
    all_tasks: Annotated[bool, typer.Option("--all", help="Check every known task.")] = False,
    audit: Annotated[bool, typer.Option("--audit", help="Try the tests as well.")] = False,
    write: Annotated[bool, typer.Option("--write", help="With --audit: certify our own tasks.")] = False,
    sandbox: Sandbox = SandboxName.auto,
    workers: Workers = 2,
    as_json: Json = False,
) -> None:
    """Check that tasks are sound.

    They build, idlers earn 0, the solution earns 1, mistakes can be taken back; --audit: and the tests are strong.
    An interrupted audit is resumed. Exit code 1 when a check says no.
    """
    from ..checks import audit_tasks, check_tasks
    from .screen import ERR, OUT, print_json, progress

    if bool(ids) == all_tasks:
        raise typer.BadParameter("expected ids or folders of tasks, or --all")
    if write and not audit:
        raise typer.BadParameter("expected --audit beside it", param_hint="--write")
    chosen = {env_id(name): entry for name, entry in entries().items()} if all_tasks else _asked_for(ids or [])

    def on_report(report: Report) -> None:
        _show_report(report, len(chosen), ERR if as_json else OUT)

    if audit:
        with progress() as show_progress:
            on_play = _Plays(show_progress)
            reports = audit_tasks(
                chosen, sandbox=sandbox.value, workers=workers, write=write, on_report=on_report, on_play=on_play
            )
    else:
        reports = check_tasks(chosen, sandbox=sandbox.value, workers=workers, on_report=on_report)
    bad = [report.id for report in reports if not report.ok]
    if as_json:
        print_json([report.to_dict() for report in reports])
    else:
        OUT.print(f"{len(reports) - len(bad)} of {len(reports)} sound" + "".join(f"\n  not: {id}" for id in bad))
    raise typer.Exit(1 if bad else 0)


class _Plays:
    """Adds the plays of all tasks up to one stage of progress."""

    def __init__(self, show: Callable[[Progress], None]) -> None:
        self._show = show
        self._counts: dict[str, tuple[int, int]] = {}

    def __call__(self, id: str, done: int, of: int) -> None:
        from ..plan import Progress

        self._counts[id] = done, of
        counts = list(self._counts.values())
        self._show(Progress("plays", sum(count[0] for count in counts), sum(count[1] for count in counts), id))


def _asked_for(ids: list[str]) -> dict[str, Entry]:
    known = {entry.folder.resolve(): env_id(name) for name, entry in entries().items()}
    found = {id: entry_named(id) for id in ids}
    return {known.get(entry.folder.resolve(), id): entry for id, entry in found.items()}


def _show_report(report: Report, of: int, screen: Any) -> None:
    screen.print(f"{'ok ' if report.ok else 'NOT'} {report.id}", style="green" if report.ok else "red", markup=False)
    for name, found in report.checks.items():
        if of == 1 or not found.ok:
            screen.print(f"    {'ok ' if found.ok else 'NOT'} {name}: {found.detail}", markup=False, soft_wrap=True)
