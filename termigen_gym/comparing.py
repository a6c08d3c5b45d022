"""What was played, on record or in a replay, and how two of that differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from .episode import TAKEN_BACK, Episode
from .errors import StoreError
from .normal import normal
from .tree import Tree

What = Literal["state", "exit_code", "observation", "reward", "files"]

_BEFORE, _AFTER = 300, 300


@dataclass(frozen=True)
class Part:
    """An action, and what came of it until the next one that does more than wait.

    Attributes:
        step: the action's index; None for the reset. action: what ran.
        state, exit_code: when it had ended, else at last.
        shown: in all. reward: in all. over: whether the episode ended here.
        turns: how many it took.
        left: the verdict's `tree`; "" where there is none.
        anew: whether it began in a new shell, because a mistake in its place had been tried and taken back.
    """

    step: int | None
    action: str
    state: str
    exit_code: int | None
    shown: str
    reward: float = 0.0
    over: bool = False
    turns: int = 1
    left: str = ""
    anew: bool = False

    def after(self, before: Part) -> Part:
        """Return both as one, where this turn only waited for what `before` had begun."""
        ended = before if before.state != "running" else self
        return replace(
            before,
            state=ended.state,
            exit_code=ended.exit_code,
            shown=before.shown + self.shown,
            reward=before.reward + self.reward,
            over=self.over,
            turns=before.turns + self.turns,
            left=self.left,
        )


@dataclass(frozen=True)
class Played:
    """An episode from its reset to its end, or to where it came apart; `tree` is None where nobody looked."""

    parts: tuple[Part, ...]
    tree: Tree | None = None

    @property
    def left(self) -> str:
        """The verdict's `tree`; "" where there is none."""
        return self.parts[-1].left


@dataclass(frozen=True)
class Difference:
    """What differs at a step: excerpts of both."""

    step: int | None
    what: What
    expected: str
    found: str


def recorded(episode: Episode) -> Played:
    """Return what an episode's record says.

    Raises:
        StoreError: it has no steps.
    """
    if not episode.steps:
        raise StoreError(f"episode {episode.id}: expected at least one step, found none")
    shown = [*(step.observation for step in episode.steps), episode.final_observation]
    parts = [Part(None, "", "prompt", None, shown[0])]
    for step, text in zip(episode.steps, shown[1:], strict=True):
        over = step is episode.steps[-1]
        part = Part(
            step.index,
            step.executed,
            step.state,
            step.exit_code,
            text,
            step.reward,
            over,
            left=(episode.verdict or {}).get("tree", "") if over else "",
            anew=step.intent is not None and step.intent.note == TAKEN_BACK,
        )
        waited = parts[-1].state == "running" and not step.executed
        parts.append(part.after(parts.pop()) if waited else part)
    return Played(tuple(parts))


def differences(wanted: Played, found: Played) -> Iterator[Difference]:
    """Yield what differs, one thing at each step, as far as both go."""
    for one, other in zip(wanted.parts, found.parts, strict=False):
        if (difference := _difference(one, other)) is not None:
            yield difference
    if wanted.left and found.left and wanted.left != found.left:
        yield Difference(wanted.parts[-1].step, "files", *_files(wanted, found))


def _files(wanted: Played, found: Played) -> tuple[str, str]:
    """The first path at which something else was left, where both trees are known; else their hashes."""
    if wanted.tree is None or found.tree is None or wanted.tree == found.tree:
        return wanted.left, found.left
    path = min(wanted.tree ^ found.tree)[0]
    return f"{path}: {_at(wanted.tree, path)}", f"{path}: {_at(found.tree, path)}"


def _at(tree: Tree, path: str) -> str:
    return " ".join(sorted(digest for at, digest in tree if at == path)) or "nothing"


def _difference(one: Part, other: Part) -> Difference | None:
    states = [f"{part.state}, the end" if part.over else part.state for part in (one, other)]
    if states[0] != states[1]:
        return Difference(one.step, "state", *_excerpts(one.shown, other.shown, *states))
    if one.exit_code != other.exit_code:
        codes = (f"exit code {part.exit_code}" for part in (one, other))
        return Difference(one.step, "exit_code", *_excerpts(one.shown, other.shown, *codes))
    if not same_text(one.shown, other.shown):
        return Difference(one.step, "observation", *_excerpts(one.shown, other.shown))
    if one.reward != other.reward:
        return Difference(one.step, "reward", f"{one.reward:g}", f"{other.reward:g}")
    return None


def same_text(one: str, other: str) -> bool:
    """Return whether two texts differ in nothing but what may differ."""
    return one == other or normal(one) == normal(other)


def _excerpts(one: str, other: str, *heads: str) -> tuple[str, str]:
    """Return what is around the first difference of two texts, below a head each."""
    texts = [normal(one), normal(other)]
    at = next((i for i, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    near = max(at - _BEFORE, 0)
    start = max(near, texts[0].find("\n", near, at) + 1)
    parts = [text[start : at + _AFTER] for text in texts]
    if heads:
        parts = [f"[{head}]\n{part}" for head, part in zip(heads, parts, strict=True)]
    return parts[0], parts[1]
