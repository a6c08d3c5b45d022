"""The rule critic: the task's own mistakes first, then rules on the shell command. Needs no model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import numpy as np

from ..episode import PERTURBATION_KINDS, Perturbation, PerturbationKind
from ..solution import mistakes_of, solution_of
from ..task import Task
from .base import Situation
from .rules import FOR_ANY, SPECIFIC
from .rules.base import pick

_OWN_SHARE = 0.5


class RuleCritic:
    """Picks a mistake that fits the step.

    Where the task has mistakes of its own for this step, one of them half of the time: they are what people of the
    field get wrong. Else it picks a kind, each as likely as the next where it has a candidate, then one candidate of
    that kind: the task's own before rules that fit the command, and these before rules that fit any command. What ran
    before in this episode is not proposed again.
    """

    def propose(self, situation: Situation, rng: np.random.Generator) -> Perturbation | None:
        """Return a mistake; None for an action that is no command line (blank, or keys).

        Raises:
            TaskError: the task's mistakes or its solution are malformed.
        """
        command = situation.action.strip()
        if not command or re.search(r"[\x00-\x08\x0b-\x1f]", command):
            return None
        ran = {executed.strip() for executed, _ in situation.history} | {command}
        tiers = [_own(situation), _apply(SPECIFIC, command, rng), _apply(FOR_ANY, command, rng)]
        fresh = [[mistake for mistake in tier if mistake.action.strip() not in ran] for tier in tiers]
        if fresh[0] and rng.random() < _OWN_SHARE:
            return pick(rng, fresh[0])
        best = _best(fresh)
        kinds = [kind for kind in PERTURBATION_KINDS if kind in best]
        return pick(rng, best[pick(rng, kinds)]) if kinds else None


def _apply(
    rules: Iterable[Callable[[str, np.random.Generator], Perturbation | None]], command: str, rng: np.random.Generator
) -> list[Perturbation]:
    return [mistake for rule in rules if (mistake := rule(command, rng)) is not None]


def _best(tiers: list[list[Perturbation]]) -> dict[PerturbationKind, list[Perturbation]]:
    """For each kind the candidates of the first tier that has any."""
    found: dict[PerturbationKind, list[Perturbation]] = {}
    for tier in tiers:
        here: dict[PerturbationKind, list[Perturbation]] = {}
        for mistake in tier:
            here.setdefault(mistake.kind, []).append(mistake)
        found = {**here, **found}
    return found


def _own(situation: Situation) -> list[Perturbation]:
    """The task's mistakes for the block of the solution that the action is, or none."""
    step = _step_of(situation)
    return [mistake.perturbation for mistake in mistakes_of(situation.task) if mistake.step == step]


def _step_of(situation: Situation) -> int | None:
    """The number of the block that the action is. Where blocks are alike, the n-th try is the n-th of them."""
    task: Task = situation.task
    if task.solution is None:
        return None
    action = situation.action.strip()
    same = [number for number, block in enumerate(solution_of(task), start=1) if block.command.strip() == action]
    before = sum(executed.strip() == action for executed, _ in situation.history)
    return same[min(before, len(same) - 1)] if same else None
