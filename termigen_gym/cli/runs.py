"""``termigen collect | eval``: many episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import (
    AgentName,
    AgentOptions,
    BaseUrl,
    Checkpoint,
    CriticName,
    CriticOptions,
    Difficulty,
    Epsilon,
    InformativeOnly,
    Json,
    KeyVariable,
    MaxSteps,
    Model,
    OutputLimit,
    Ray,
    RunFolder,
    Sandbox,
    SandboxName,
    ScheduleOptions,
    Seed,
    TaskGlob,
    Temperature,
    Workers,
    cluster_if,
    matching_ids,
    named_values,
    usage_errors,
)

if TYPE_CHECKING:
    from ..collect import CollectSummary
    from ..plan import Plan
    from ..score import Rate, Score


_INSTEAD = (
    *("agent", "checkpoint", "model", "base_url", "api_key_env", "temperature", "option"),
    *("critic", "epsilon", "critic_option", "schedule", "informative_only"),
)


def collect(
    context: typer.Context,
    out: RunFolder,
    tasks: TaskGlob = "*",
    episodes: Annotated[int, typer.Option(min=1, help="How many, over the tasks in turn.")] = 100,
    agent: AgentName = None,
    critic: Annotated[CriticName, typer.Option(help="Who puts mistakes in place of actions.")] = CriticName.rule,
    epsilon: Epsilon = 0.2,
    critic_option: CriticOptions = None,
    schedule: ScheduleOptions = None,
    informative_only: InformativeOnly = False,
    seed: Seed = 0,
    difficulty: Annotated[Difficulty | None, typer.Option(help="Of families; drawn where not given.")] = None,
    max_steps: MaxSteps = None,
    output_limit: OutputLimit = None,
    workers: Workers = 2,
    reuse_verdicts: Annotated[
        bool,
        typer.Option("--reuse-verdicts", help="Judge the same end of an episode once, for tasks with a certificate."),
    ] = False,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Begin no episode when models have read and written so many.")
    ] = None,
    max_dollars: Annotated[float | None, typer.Option(min=0.0, help="The same in dollars; needs a price.")] = None,
    ray: Ray = "",
    sandbox: Sandbox = SandboxName.auto,
    checkpoint: Checkpoint = None,
    model: Model = None,
    base_url: BaseUrl = None,
    api_key_env: KeyVariable = None,
    temperature: Temperature = None,
    option: AgentOptions = None,
    cast: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            exists=True,
            help="TOML file of agents and critics, each with each, in place of those above.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Play many episodes and keep them.

    The same --out goes on where it was interrupted; what is played is fixed by the arguments and the seed.
    Exit code 3 when episodes are left without a verdict.
    """
    from ..collect import collect as play_all
    from ..llm import Budget
    from .agents import agent_choice
    from .screen import print_json, progress

    chosen = agent_choice(
        agent,
        checkpoint=checkpoint,
        model=model,
        base_url=base_url,
        api_key_env=api_key_env,
        temperature=temperature,
        options=option,
    )
    plan = _plan(
        matching_ids(tasks),
        episodes,
        chosen,
        critic=critic,
        epsilon=epsilon,
        critic_option=critic_option,
        schedule=schedule,
        informative_only=informative_only,
        seed=seed,
        difficulty=difficulty,
        max_steps=max_steps,
        output_limit=output_limit,
        workers=workers,
        sandbox=sandbox,
    )
    if reuse_verdicts:
        plan = replace(plan, reuse_verdicts=_steady(plan.tasks))
    if cast is not None:
        plan = _with_casts(context, plan, cast)
    priced = {name for one in plan.casts for name in (*one.agent_options, *one.critic_options)}
    if max_dollars is not None and "price" not in priced:
        raise typer.BadParameter(
            "expected --option or --critic-option price=[READ, WRITTEN] beside it", param_hint="--max-dollars"
        )
    with progress() as on_progress, cluster_if(ray) as cluster:
        summary = play_all(plan, out, on_progress, cluster, Budget(max_tokens, max_dollars))
    if as_json:
        print_json(summary.to_dict())
    else:
        _show_summary(summary)
    raise typer.Exit(3 if summary.errors else 0)


def _with_casts(context: typer.Context, plan: Plan, path: Path) -> Plan:
    """Return a plan that is played by whom a file names."""
    from dataclasses import replace

    from .casts import read_casts

    sources = ((name, context.get_parameter_source(name)) for name in _INSTEAD)
    given = [name for name, source in sources if source is not None and source.name == "COMMANDLINE"]
    if given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise typer.BadParameter(f"expected it in place of {flags}", param_hint="--cast")
    first, *others = read_casts(path)
    with usage_errors():
        return replace(plan, **first, others=tuple(others))


def _plan(
    tasks: tuple[str, ...],
    episodes: int,
    chosen: tuple[str, dict[str, Any]],
    *,
    critic: CriticName,
    critic_option: list[str] | None,
    schedule: list[str] | None,
    difficulty: Difficulty | None,
    sandbox: SandboxName,
    epsilon: float,
    informative_only: bool,
    seed: int,
    max_steps: int | None,
    output_limit: int | None,
    workers: int,
) -> Plan:
    """Return what the options that both commands have ask for; `chosen` is the agent's name and its options."""
    from ..plan import Plan

    agent, agent_options = chosen
    with usage_errors():
        return Plan(
            tasks=tasks,
            episodes=episodes,
            agent=agent,
            agent_options=agent_options,
            critic=critic.value,
            epsilon=epsilon,
            critic_options=named_values(critic_option, "--critic-option"),
            schedule=named_values(schedule, "--schedule"),
            informative_only=informative_only,
            seed=seed,
            difficulty=None if difficulty is None else difficulty.value,
            max_steps=max_steps,
            output_limit=output_limit,
            workers=workers,
            sandbox=sandbox.value,
        )


def _steady(ids: Sequence[str]) -> tuple[str, ...]:
    """The tasks whose certificate says that a verdict depends on nothing but what was left."""
    from ..checks.manifest import steady
    from ..plan import entry_of

    kept = steady(map(entry_of, ids))
    if len(kept) < len(ids):
        from .screen import ERR

        ERR.print(f"verdicts are reused for {len(kept)} of {len(ids)} tasks: the others have no certificate that holds")
    return kept


def _show_summary(summary: CollectSummary) -> None:
    from .screen import ERR, OUT, table

    injected = ", ".join(f"{count} {kind}" for kind, count in summary.injected.items() if count) or "none"
    rows = [
        ("episodes", summary.episodes),
        ("solved", summary.solved),
        ("mistakes injected", f"{sum(summary.injected.values())}: {injected}"),
        ("recovered", f"{summary.recovered} of {summary.perturbed} episodes with mistakes"),
        ("steps", summary.steps),
        ("mistakes made good", f"{sum(summary.made_good.values())} of {sum(summary.injected.values())}"),
        ("seconds in the environment", f"{summary.env_s:.1f} of {summary.episodes_s:.1f}"),
        ("tokens", f"{summary.tokens:,}, ${summary.dollars:.2f}"),
        ("played now", f"{summary.played} in {summary.wall_s:.1f} s, {summary.episodes_per_s:.2f}/s"),
        *([("verdicts reused", summary.reused)] if summary.reused else []),
        ("without a verdict", summary.errors),
        ("run", summary.run),
    ]
    OUT.print(table("", "", rows=rows))
    if summary.errors and summary.last_error is not None:
        ERR.print(f"last failure: {summary.last_error['type']}: {summary.last_error['message']}", markup=False)


def evaluate(
    tasks: TaskGlob,
    out: RunFolder,
    k: Annotated[int, typer.Option("--k", min=1, help="Of pass@k.")] = 1,
    n: Annotated[int | None, typer.Option("--n", min=1, help="Attempts at each task; k where not given.")] = None,
    agent: AgentName = None,
    checkpoint: Checkpoint = None,
    model: Model = None,
    base_url: BaseUrl = None,
    api_key_env: KeyVariable = None,
    temperature: Temperature = None,
    option: AgentOptions = None,
    critic: Annotated[CriticName, typer.Option(help="Mistakes to recover from.")] = CriticName.none,
    epsilon: Epsilon = 0.2,
    critic_option: CriticOptions = None,
    schedule: ScheduleOptions = None,
    informative_only: InformativeOnly = False,
    seed: Seed = 0,
    difficulty: Annotated[Difficulty | None, typer.Option(help="Of families; drawn where not given.")] = None,
    max_steps: MaxSteps = None,
    output_limit: OutputLimit = None,
    workers: Workers = 2,
    ray: Ray = "",
    sandbox: Sandbox = SandboxName.auto,
    as_json: Json = False,
) -> None:
    """Score an agent: pass@k and more.

    Each task is played several times; mean reward and recovery rate come with it.
    Exit code 3 when attempts are left without a verdict; they are counted apart, not as failures.
    """
    from ..evaluate import evaluate as score_all
    from .agents import agent_choice
    from .screen import print_json, progress

    if agent is checkpoint is model is None:
        raise typer.BadParameter("expected --agent, --checkpoint or --model")
    if n is not None and n < k:
        raise typer.BadParameter(f"expected at least {k} attempts for pass@{k}, found {n}", param_hint="--n")
    ids = matching_ids(tasks)
    chosen = agent_choice(
        agent,
        checkpoint=checkpoint,
        model=model,
        base_url=base_url,
        api_key_env=api_key_env,
        temperature=temperature,
        options=option,
    )
    plan = _plan(
        ids,
        (n or k) * len(ids),
        chosen,
        critic=critic,
        epsilon=epsilon,
        critic_option=critic_option,
        schedule=schedule,
        informative_only=informative_only,
        seed=seed,
        difficulty=difficulty,
        max_steps=max_steps,
        output_limit=output_limit,
        workers=workers,
        sandbox=sandbox,
    )
    with progress() as on_progress, cluster_if(ray) as cluster:
        result = score_all(plan, out, k, on_progress, cluster)
    if as_json:
        print_json({"run": str(out), **result.to_dict()})
    else:
        _show_score(result)
    raise typer.Exit(3 if result.errors else 0)


def _show_score(result: Score) -> None:
    from .screen import OUT, table

    columns = ("task", ">attempts", ">solved", f">pass@{result.k}", ">mean reward", ">recovered", ">errors")
    rows = [
        (
            row.task_id,
            row.n,
            row.solved,
            _figure(row.pass_at_k),
            _figure(row.mean_reward),
            f"{row.recovered}/{row.perturbed}",
            row.errors,
        )
        for row in result.tasks
    ]
    OUT.print(table(*columns, rows=rows))
    OUT.print(f"pass@{result.k} {_rate(result.pass_at_k)}   solved {_rate(result.solved)}")
    OUT.print(f"mean reward {_figure(result.mean_reward)}   recovery rate {_rate(result.recovery)}")
    OUT.print(f"{result.n} attempts with a verdict, {result.errors} without")


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _rate(rate: Rate) -> str:
    return "-" if rate.value is None else f"{rate.value:.3f} (95 %: {rate.low:.3f} to {rate.high:.3f})"
