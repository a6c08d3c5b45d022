"""Options that several commands share, and how ids are given on the command line."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..catalog import Entry, entries, find
from ..errors import TaskError
from ..registration import env_id, task_name

if TYPE_CHECKING:
    from ..cluster import Cluster


class SandboxName(StrEnum):
    """Engines by name."""

    auto = "auto"
    docker = "docker"
    bubblewrap = "bubblewrap"


class CriticName(StrEnum):
    """Critics by name."""

    rule = "rule"
    llm = "llm"
    none = "none"


class Difficulty(StrEnum):
    """Of family instances."""

    easy = "easy"
    medium = "medium"
    hard = "hard"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Sandbox = Annotated[
    SandboxName, typer.Option(help="Engine; auto takes docker where a daemon answers, else bubblewrap.")
]
Seed = Annotated[int, typer.Option(min=0, help="All that is random comes from it.")]
Workers = Annotated[int, typer.Option(min=1, help="How many at a time.")]
RunFolder = Annotated[Path, typer.Option(file_okay=False, help="Folder of the run; an interrupted one is resumed.")]
TaskGlob = Annotated[str, typer.Option(help="Which tasks, by name or id; * and ? match, commas separate.")]
Epsilon = Annotated[float, typer.Option(min=0.0, max=1.0, help="Probability of a mistake at each step.")]
MaxSteps = Annotated[int | None, typer.Option(min=1, help="Turns of an episode; the task's own where not given.")]
OutputLimit = Annotated[
    int | None,
    typer.Option(
        min=100, max=131072, help="Characters of output that the agent is shown of a step; 10000 where not given."
    ),
]
Ray = Annotated[str, typer.Option(help="Play on the machines of the Ray cluster at this address, an episode a core.")]
AgentName = Annotated[str | None, typer.Option(help="oracle, null, echo, human, local, chat, or module:Class.")]
Checkpoint = Annotated[str | None, typer.Option(help="Play with this checkpoint (agent local).")]
Model = Annotated[str | None, typer.Option(help="Play with the model of this name at an endpoint (agent chat).")]
BaseUrl = Annotated[
    str | None, typer.Option(help="OpenAI-compatible endpoint; http://127.0.0.1:8000/v1 where not given.")
]
KeyVariable = Annotated[str | None, typer.Option("--api-key-env", help="Variable that holds the endpoint's key.")]
Temperature = Annotated[float | None, typer.Option(min=0.0, help="Of a model's sampling.")]
AgentOptions = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="Further option of the agent; VALUE is JSON, else a text."),
]


CriticOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--critic-option", metavar="NAME=VALUE", help="Of the critic llm: model, base_url, api_key_env, judge, tries …"
    ),
]
ScheduleOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--schedule", metavar="NAME=VALUE", help="Of mistakes: weights (JSON), most_in_a_row, shape, horizon."
    ),
]
InformativeOnly = Annotated[
    bool, typer.Option("--informative-only", help="Take a mistake back whose step ends well without a word.")
]


def named_values(pairs: Sequence[str] | None, hint: str) -> dict[str, Any]:
    """Return the options of NAME=VALUE texts; a VALUE is JSON, else a text. `hint` is how the user gave them.

    Raises:
        typer.BadParameter: one has another form.
    """
    values: dict[str, Any] = {}
    for pair in pairs or ():
        key, found, text = pair.partition("=")
        if not found or not key.isidentifier():
            raise typer.BadParameter(f"expected NAME=VALUE, found {pair!r}", param_hint=hint)
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = text
    return values


def matching_ids(glob: str) -> tuple[str, ...]:
    """Return the ids whose name or id matches one of the comma-separated patterns, sorted.

    Raises:
        TaskError: a pattern matches nothing; names the near ones where it is a plain name.
    """
    names = {name: env_id(name) for name in entries()}
    patterns = [part.strip() for part in glob.split(",") if part.strip()]
    found = {id for pattern in patterns for id in _matches(pattern, names)}
    if not found:
        raise TaskError(f"tasks {glob!r}: expected names or patterns, found none")
    return tuple(sorted(found))


def _matches(pattern: str, names: Mapping[str, str]) -> list[str]:
    if not any(sign in pattern for sign in "*?["):
        return [env_id(find(task_name(pattern)).name)]
    hits = [id for name, id in names.items() if fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(id, pattern)]
    if not hits:
        raise TaskError(f"tasks {pattern!r}: expected to match some of the {len(names)} known tasks, found none")
    return hits


def entry_named(text: str) -> Entry:
    """Return the entry of an id, of a name, or of a task folder's path.

    Raises:
        TaskError: there is none; names the near ones.
    """
    if Path(text).is_dir() and text not in entries():
        return find(str(Path(text).resolve()))
    return find(task_name(text))


@contextlib.contextmanager
def cluster_at(address: str) -> Iterator[Cluster]:
    """Use a Ray cluster; what Ray itself has to say goes to standard error, where it can't get into a result.

    Raises:
        TermigenError: there is none.
    """
    from ..cluster import Cluster

    with contextlib.redirect_stdout(sys.stderr), Cluster(address) as cluster:
        yield cluster


def cluster_if(address: str) -> contextlib.AbstractContextManager[Cluster | None]:
    """`cluster_at`, or None where no address is given."""
    return cluster_at(address) if address else contextlib.nullcontext()


@contextlib.contextmanager
def usage_errors() -> Iterator[None]:
    """Turn a ValueError into a usage error: for what checks the arguments that a user gave."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
