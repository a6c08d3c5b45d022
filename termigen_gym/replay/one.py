"""One episode, replayed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from ..comparing import Part, Played, What, differences, recorded, same_text
from ..episode import Episode
from ..errors import EngineMissing, StoreError, TaskError, TermigenError
from ..family import Family
from ..plan import entry_of
from ..registration import env_id, make
from ..task import Task
from ..tree import end_state, tree_of
from ..wrappers import TextEnv

WAITS = 3
"""Turns, of up to ``command_timeout_s`` each, that a replay waits for what is on record, beyond those on record."""

_DECIDING = ("command_timeout_s", "output_limit", "network", "reward")

Outcome = Literal["same", "unsteady", "differs", "changed", "error", "failed"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True)
class Replay:
    """What came of one episode.

    Attributes:
        episode_id, task_id: of the episode.
        outcome: "same"; "unsteady": it differs, and so does one replay from the next; "differs"; "changed": the task is
            another one by now, or gone; "error": the episode ended in a failure of ours, so that there is nothing to
            compare with; "failed": the replay did.
        step: of what differs, the index of the step whose action brought it; None for what ``reset`` showed.
        what: differs first: "state", "exit_code", "observation", "reward" or "files".
        expected, found: of a difference, excerpts of the record and of the replay; of files their hashes, or, where two
            replays left other files, the path and what each left there. Else the digest on record and the task's own,
            or in `found` what failed.
        tree: the `tree` of the replay's verdict; "" where that was not come to.
    """

    episode_id: str
    task_id: str
    outcome: Outcome
    step: int | None = None
    what: What | None = None
    expected: str = ""
    found: str = ""
    tree: str = ""

    @property
    def ok(self) -> bool:
        """Whether the episode replays."""
        return self.outcome == "same"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


def open_env(episode: Episode, sandbox: str = "auto") -> TextEnv:
    """Return an environment in which an episode can be replayed; the caller closes it.

    Of the recorded arguments those are taken that decide what an episode is. The budget is the turns on record, where
    that ended it. The spec's entry point and wrappers are not followed: a file must not say which code runs here.

    Args:
        episode: of a task that is known here.
        sandbox: the engine; "auto" takes the one that the record names.

    Raises:
        StoreError: the recorded arguments are none that an environment takes. TaskError: there is no such task.
        EngineMissing: the engine does not answer.
    """
    turns = len(episode.steps)
    max_steps = turns if episode.ended == "budget" else turns * (1 + WAITS)
    id = env_id(entry_of(episode.task_id).name)
    try:
        given: Any = (episode.env_spec or {}).get("kwargs", {})
        deciding = {key: given[key] for key in _DECIDING if key in given}
        if sandbox == "auto":
            sandbox = str(given.get("sandbox", sandbox))
        return make(id, sandbox=sandbox, max_steps=max_steps, warm_resets=False, **deciding)
    except (TypeError, ValueError) as error:
        raise StoreError(f"episode {episode.id}: env_spec: expected arguments of an environment: {error}") from None


def replay(episode: Episode, new_env: Callable[[], TextEnv], twice: bool = False) -> Replay:
    """Replay one episode; a failure of ours is an outcome.

    Args:
        episode: the record.
        new_env: opens an environment, as `open_env` does; it is closed here.
        twice: whether to replay it a second time also where all is as on record, and to compare what both leave.

    Raises:
        EngineMissing: there is no engine to replay it on.
    """
    made = Replay(episode.id, episode.task_id, "same")
    if episode.error is not None:
        return replace(made, outcome="error", found=f"{episode.error['type']}: {episode.error['message']}")
    try:
        digest = _task_of(episode).digest
    except TaskError as error:
        digest = str(error)
    if digest != episode.task_digest:
        return replace(made, outcome="changed", expected=episode.task_digest, found=digest)
    try:
        return _judged(made, recorded(episode), lambda: _play(new_env, episode), twice)
    except EngineMissing:
        raise
    except TermigenError as error:
        return replace(made, outcome="failed", found=f"{type(error).__name__}: {error}")


def _task_of(episode: Episode) -> Task:
    """The task, or the family's instance, that an episode's id, seed and options stand for by now."""
    entry = entry_of(episode.task_id)
    if entry.kind == "task":
        return Task.load(entry.folder)
    if episode.seed is None:
        raise TaskError(f"{episode.task_id}: expected the seed of a family's instance, found none on record")
    return Family.load(entry.folder).instance(episode.seed, episode.options.get("difficulty", "medium"))


def _judged(made: Replay, record: Played, play: Callable[[], Played], twice: bool) -> Replay:
    first = play()
    made = replace(made, tree=first.left)
    found = list(differences(record, first))
    if not found and not twice:
        return made
    second = play()
    among = list(differences(first, second))
    unsteady = {(it.step, it.what == "files") for it in among}
    unsteady |= {(it.step, False) for it in first.parts[len(second.parts) :]}
    steady = [it for it in found if (it.step, it.what == "files") not in unsteady]
    if not found and not among:
        return made
    worst = (steady or among or found)[0]
    return replace(made, outcome="differs" if steady else "unsteady", **vars(worst))


def _play(new_env: Callable[[], TextEnv], episode: Episode) -> Played:
    """Play an episode as it was, to its end or to where it can't go on as it was."""
    tree = None
    env = new_env()
    try:
        try:
            shown, info = env.reset(seed=episode.seed, options=dict(episode.options))
        except ValueError as error:
            raise StoreError(f"episode {episode.id}: expected the seed and options of a reset: {error}") from None
        opening, *wanted = recorded(episode).parts
        parts = [replace(opening, state=info["state"], exit_code=info["exit_code"], shown=shown)]
        for part in wanted:
            if part.over:
                inner: Any = env.unwrapped
                tree = tree_of(end_state(inner.sandbox, inner.task), inner.task.files)
            parts.append(_act(env, part, to_the_end=part.over and episode.ended == "budget"))
            if (parts[-1].state, parts[-1].over) != (part.state, part.over):
                break
    finally:
        env.close()
    return Played(tuple(parts), tree)


def _act(env: TextEnv, wanted: Part, *, to_the_end: bool) -> Part:
    """Act as on record, then wait for what is on record yet, or for the episode's end."""
    if wanted.anew:
        inner: Any = env.unwrapped
        with contextlib.closing(inner.snapshot()) as snapshot:
            inner.restore(snapshot)
    found = _turn(env, wanted, wanted.action)
    while not found.over and (to_the_end or _outstanding(wanted, found)):
        found = _turn(env, wanted, "").after(found)
    return found


def _turn(env: TextEnv, wanted: Part, action: str) -> Part:
    shown, reward, terminated, truncated, info = env.step(action)
    over = terminated or truncated
    left = info["verdict"]["tree"] if over else ""
    return Part(wanted.step, wanted.action, info["state"], info["exit_code"], shown, float(reward), over, left=left)


def _outstanding(wanted: Part, found: Part) -> bool:
    """Return whether more of what is on record may be to come."""
    if found.state != "running" or found.turns < wanted.turns:
        return found.state == "running"
    come = wanted.state == "running" and same_text(wanted.shown, found.shown)
    return not come and found.turns < wanted.turns + WAITS
