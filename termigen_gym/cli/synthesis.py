"""``termigen synthesize``: new tasks, each with its proof."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..catalog import entries
from .options import Json, Sandbox, SandboxName, Seed, cluster_if, entry_named, usage_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..llm import Budget
    from ..plan import Progress
    from ..synthesis.casting import Endpoint
    from ..synthesis.coverage import Subject
    from ..synthesis.examine import Examines
    from ..synthesis.funnel import Funnel
    from ..synthesis.making import Author
    from ..synthesis.modelled import Origin
    from ..synthesis.slots import Slots


class AuthorName(StrEnum):
    """Who writes tasks."""

    families = "families"
    model = "model"
    cassette = "cassette"


class How(StrEnum):
    """Ways to make a task of another one."""

    harder = "harder"
    broken = "broken"
    elsewhere = "elsewhere"


def synthesize(
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder of the run; an interrupted one is resumed.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Tasks that are wanted.")] = 20,
    author: Annotated[AuthorName, typer.Option(help="Who writes them; families needs no model.")] = AuthorName.families,
    seed: Seed = 0,
    sandbox: Sandbox = SandboxName.auto,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Drafts examined at a time.  [default: one more than cores]")
    ] = None,
    in_flight: Annotated[int, typer.Option(min=1, help="Tasks in the making at a time; most wait for a model.")] = 8,
    ray: Annotated[
        str, typer.Option(help="Examine on the machines of the Ray cluster at this address, a draft a core.")
    ] = "",
    max_similarity: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="From here on two tasks are the same; 0.2, of blueprints 0.6."),
    ] = None,
    against: Annotated[
        list[Path] | None, typer.Option(exists=True, file_okay=False, help="Evaluation tasks that none may be like.")
    ] = None,
    evolve: Annotated[str | None, typer.Option(help="Make them of this task: an id, a name or a folder.")] = None,
    how: Annotated[How, typer.Option(help="With --evolve.")] = How.harder,
    model: Annotated[str | None, typer.Option(help="Its name at the endpoint; of --author model.")] = None,
    base_url: Annotated[str, typer.Option(help="OpenAI-compatible endpoint.")] = "http://127.0.0.1:8000/v1",
    api_key_env: Annotated[str, typer.Option(help="Variable that holds its key; empty: it needs none.")] = "",
    role: Annotated[list[str] | None, typer.Option(help="ROLE=MODEL: another model for one role.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests under way at a time.")] = 16,
    timeout_s: Annotated[float, typer.Option(min=1.0, help="Of one request.")] = 600.0,
    max_reply_tokens: Annotated[int, typer.Option(min=1, help="Where a reply is cut off.")] = 16384,
    price: Annotated[
        tuple[float, float] | None, typer.Option(help="Dollars per million prompt and completion tokens.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="End when so many tokens are spent.")] = None,
    max_dollars: Annotated[float | None, typer.Option(min=0.0, help="The same in dollars; needs --price.")] = None,
    cassette: Annotated[
        Path | None, typer.Option(dir_okay=False, exists=True, help="The recorded run; of --author cassette.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Where models' replies are kept; else OUT/calls.jsonl.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make new tasks and admit those that prove themselves.

    Each is built and played as ours are before it is admitted to OUT/tasks, with a certificate in OUT/MANIFEST.jsonl;
    TERMIGEN_ENVS=OUT registers them. The same --out goes on where it was interrupted. Exit code 1 when fewer than
    wanted were admitted.
    """
    from ..llm import Budget, Price
    from ..synthesis.account import write_account
    from ..synthesis.casting import Endpoint
    from ..synthesis.contamination import Evaluation, read_evaluation
    from ..synthesis.coverage import Coverage
    from ..synthesis.families import SAME_FROM
    from ..synthesis.journal import RunFolder
    from ..synthesis.known import Verdicts
    from ..synthesis.run import Wish, synthesize
    from ..synthesis.similarity import DUPLICATE
    from ..synthesis.slots import Slots
    from .screen import OUT, print_json, progress, table

    if (author == AuthorName.model) != (model is not None):
        raise typer.BadParameter("expected --model with --author model, and only there")
    if (author == AuthorName.cassette) != (cassette is not None):
        raise typer.BadParameter("expected --cassette with --author cassette, and only there")
    if evolve is not None and author == AuthorName.families:
        raise typer.BadParameter("expected --author model or cassette beside it", param_hint="--evolve")
    if max_dollars is not None and price is None:
        raise typer.BadParameter("expected --price beside it", param_hint="--max-dollars")
    budget = Budget(max_tokens, max_dollars)
    endpoint = None
    with usage_errors():
        roles = dict(_pair(text) for text in role or ())
        if model is not None:
            cost = None if price is None else Price(*price)
            endpoint = Endpoint(model, base_url, api_key_env, roles, concurrency, timeout_s, max_reply_tokens, cost)
    origin = None if evolve is None else _origin(evolve, how)
    wish = Wish(n, in_flight)
    same_from = max_similarity or (SAME_FROM if author == AuthorName.families else DUPLICATE)
    with contextlib.closing(RunFolder(out)) as folder:
        folder.bind(
            {
                "author": author.value,
                "seed": seed,
                "max_similarity": same_from,
                "model": model,
                "roles": roles,
                "evolve": evolve and {"task": evolve, "how": how.value},
                "cassette": cassette and str(cassette),
            }
        )
        evaluations = [Evaluation(read_evaluation(path)) for path in against or ()]
        verdicts = Verdicts(entries().values(), evaluations, same_from)
        slots = Slots(Coverage(_subjects()), seed)
        recording = cassette or record or folder.calls
        with progress() as show, _author(author, seed, slots, origin, endpoint, recording, budget) as writer:
            shown = _Shown(show, budget)
            with _examiner(sandbox.value, workers or _workers_here(), ray) as examiner:
                funnel = synthesize(wish, writer, slots, folder, verdicts, examiner, shown)
        spent = budget.spent
        document = {**funnel.to_dict(), "out": str(out), "spent": spent.to_dict()}
        write_account(folder, funnel, spent.to_dict())
    if as_json:
        print_json(document)
    else:
        OUT.print(table("stage", ">tasks", rows=list(funnel.stages.items())))
        if funnel.falls:
            OUT.print(table("fell at", ">tasks", rows=list(funnel.falls.items())))
        OUT.print(f"{funnel.admitted} tasks in {out / 'tasks'}, the account in {out / 'index.html'}", markup=False)
    raise typer.Exit(0 if funnel.admitted >= n else 1)


@contextlib.contextmanager
def _examiner(sandbox: str, workers: int, ray: str) -> Iterator[Examines]:
    from ..synthesis.examine import Examiner
    from ..synthesis.remote import ClusterExaminer

    with cluster_if(ray) as cluster:
        if cluster is not None:
            yield ClusterExaminer(cluster, sandbox)
            return
        with contextlib.closing(Examiner(sandbox, workers)) as examiner:
            yield examiner


def _workers_here() -> int:
    """Return a worker for each core that we may use, and one more: an examination waits a fifth of its time."""
    return len(os.sched_getaffinity(0)) + 1


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise ValueError(f"expected ROLE=MODEL, found {text!r}")
    return name, value


def _origin(task: str, how: How) -> Origin:
    from ..synthesis.draft import Draft
    from ..synthesis.modelled import Origin

    return Origin(Draft.of(entry_named(task).folder), how.value)


def _subjects() -> Iterator[Subject]:
    """What the tasks that there are are about; of a family the instance of each difficulty."""
    from ..family import DIFFICULTIES, Family
    from ..synthesis.coverage import Subject
    from ..task import Task

    for entry in entries().values():
        if entry.kind == "task":
            yield Subject.of(Task.load(entry.folder))
        else:
            family = Family.load(entry.folder)
            yield from (Subject.of(family.instance(0, level)) for level in DIFFICULTIES)


@contextlib.contextmanager
def _author(
    name: AuthorName,
    seed: int,
    slots: Slots,
    origin: Origin | None,
    endpoint: Endpoint | None,
    recording: Path,
    budget: Budget,
) -> Iterator[Author]:
    from ..synthesis.families import FamiliesAuthor
    from ..synthesis.modelled import ModelAuthor

    if name == AuthorName.families:
        yield FamiliesAuthor(seed)
        return
    from ..llm import Cassette
    from ..synthesis.casting import asked_at
    from ..synthesis.taxonomy import taxonomy

    if endpoint is None:
        yield ModelAuthor(Cassette(recording), taxonomy(), slots, origin)
        return
    with asked_at(endpoint, recording, budget) as model:
        yield ModelAuthor(model, taxonomy(), slots, origin)


class _Shown:
    """Tells how far a run is, what it spent and how long it will take."""

    def __init__(self, show: Callable[[Progress], None], budget: Budget) -> None:
        self._show = show
        self._budget = budget
        self._begun = time.monotonic()
        self._at_first: int | None = None

    def __call__(self, funnel: Funnel) -> None:
        from ..plan import Progress

        if self._at_first is None:
            self._at_first = funnel.admitted
        minutes = (time.monotonic() - self._begun) / 60
        told = [f"{stage} {count}" for stage, count in funnel.stages.items() if stage != "admitted"]
        made = funnel.admitted - self._at_first
        if made and minutes > 0:
            left = (funnel.wanted - funnel.admitted) * minutes / made
            told.append(f"{made / minutes:.1f} a minute, {left:.0f} min left")
        spent = self._budget.spent
        if spent.tokens:
            told.append(f"{spent.tokens} tokens, ${spent.dollars:.2f}")
        self._show(Progress("tasks", funnel.admitted, funnel.wanted, ", ".join(told)))
