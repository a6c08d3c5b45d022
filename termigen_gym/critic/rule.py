"""The rule critic: the task's own mistakes first, then rules on the shell command. Needs no model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import numpy as np

from ..episode import Perturbation
from ..solution import mistakes_of, solution_of
from ..task import Task
from .base import Critic, Proposal, Situation
from .rules import FOR_ANY, SPECIFIC
from .rules.base import pick

_OWN_SHARE = 0.5


class RuleCritic(Critic):
    """Picks a mistake that fits the step: of the wanted classes the first for which there is one.

    Where the task has mistakes of its own for this step, one of them half of the time, whatever its class: they are
    what people of the field get wrong. Not so where classes are weighted.
    Within a class the task's own mistakes go before rules that fit the command, and these before rules that fit any
    command. What ran before in this episode is not proposed again.
    """

    def propose(self, situation: Situation, rng: np.random.Generator) -> Proposal:
        """Return a mistake; none for an action that is no command line (blank, or keys).

        Raises:
            TaskError: the task's mistakes or its solution are malformed.
        """
        command = situation.action.strip()
        if not command or re.search(r"[\x00-\x08\x0b-\x1f]", command):
            return Proposal(None, 0, note="it is no command line")
        ran = {executed.strip() for executed, _ in situation.history} | {command}
        own = [mistake for mistake in _own(situation) if mistake.kind in situation.kinds]
        tiers = [own, _apply(SPECIFIC, command, rng), _apply(FOR_ANY, command, rng)]
        untried = [mistake for mistake in own if mistake.action.strip() not in ran]
        if untried and not situation.weighted and rng.random() < _OWN_SHARE:
            return Proposal(pick(rng, untried))
        for kind in situation.kinds:
            for tier in tiers:
                fresh = [mistake for mistake in tier if mistake.kind == kind and mistake.action.strip() not in ran]
                if fresh:
                    return Proposal(pick(rng, fresh))
        return Proposal(None, 0, note="there is none that did not run before")


def _apply(
    rules: Iterable[Callable[[str, np.random.Generator], Perturbation | None]], command: str, rng: np.random.Generator
) -> list[Perturbation]:
    return [mistake for rule in rules if (mistake := rule(command, rng)) is not None]


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
