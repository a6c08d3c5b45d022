"""What a check saw when it said no, as text for whoever is to mend it: commands, their output, what was altered."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..episode import Episode
from ..solution import Block
from ..text import clip
from .replays import Outcome

_OUTPUT = 900
_VERDICT = 2400
_EDIT = 400
_OUTCOMES = 6


def of_episode(episode: Episode) -> str:
    """Return the commands of an episode with what came of them, and what its tests printed."""
    lines: list[str] = []
    for step, after in zip(episode.steps, [*episode.steps[1:], None], strict=True):
        shown = "" if after is None else after.observation
        code = "" if step.exit_code is None else f" (exit code {step.exit_code})"
        lines.append(f"$ {clip(step.executed, _OUTPUT).text}{code}\n{clip(shown, _OUTPUT).text}".rstrip())
    return "\n".join([*lines, *_tests(episode.verdict)])


def of_outcomes(outcomes: Sequence[Outcome], blocks: Sequence[Block]) -> str:
    """Return of some plays in which way each differs from the solution, and what its tests printed.

    Args:
        outcomes: the plays; the first few are told.
        blocks: of the solution.
    """
    told = ["\n".join(_outcome(outcome, blocks)) for outcome in outcomes[:_OUTCOMES]]
    left = len(outcomes) - len(told)
    return "\n\n".join([*told, *([f"and {left} more like these"] if left else [])])


def _outcome(outcome: Outcome, blocks: Sequence[Block]) -> Iterator[str]:
    take = outcome.take
    yield f"{take.name}: {outcome.error or f'reward {outcome.reward}'}"
    solution = "\n".join(block.command for block in blocks[take.start :])
    played = "\n".join(take.commands)
    if played != solution:
        difference = difflib.unified_diff(solution.splitlines(), played.splitlines(), "solution", "played", lineterm="")
        yield clip("\n".join(difference), _OUTPUT).text
    for path, content in take.edits.items():
        shown = "removed" if content is None else f"replaced by\n{content.decode(errors='replace')}"
        yield clip(f"{path}: {shown}", _EDIT).text
    if not outcome.accepted:
        yield from _tests(outcome.verdict)


def _tests(verdict: Mapping[str, Any] | None) -> Iterator[str]:
    if verdict is not None and verdict["reward"] != 1:
        yield f"the tests printed, at last:\n{verdict['output'][-_VERDICT:]}"
