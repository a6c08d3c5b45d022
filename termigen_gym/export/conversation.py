"""An Episode as the conversation that a model learns from."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Literal, get_args

from ..agents.base import Move
from ..agents.protocol import Conversation, Message
from ..agents.replies import is_not_understood
from ..episode import PERTURBATION_KINDS, Episode, recovery

Policy = Literal["no-errors", "all", "recovery-only"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
"""Which of the agent's turns a model is trained on.

no-errors      all but the injected mistakes, which stay in the context: it learns to recover, not to err
all            every turn, the injected mistakes too, as TermiGen trained (arXiv 2602.07274, appendix B)
recovery-only  what `recovery_turns` returns

Observations are never trained on, nor are replies that were not understood (they are records of a failure to speak).
"""


def conversation(
    episode: Episode, policy: Policy = "no-errors", mistakes: Mapping[str, float] | None = None
) -> list[Message]:
    """Return the messages that the agent saw and wrote, up to its last turn.

    Each assistant message has ``train``: whether its tokens belong in the loss, as `trained_turns` says.
    Empty where the episode ended before the first turn.

    Raises:
        ValueError: as `trained_turns`.
    """
    if not episode.steps:
        return []
    talk = Conversation(episode.steps[0].observation)
    for step, before in zip(episode.steps, (None, *episode.steps), strict=False):
        if before is not None:
            talk.saw(step.observation, {"exit_code": before.exit_code, "state": before.state})
        talk.said(Move(step.executed, step.thought))
    trained = trained_turns(episode, policy, mistakes)
    replies = [message for message in talk.messages if message["role"] == "assistant"]
    for index, message in enumerate(replies):
        message["train"] = index in trained
    return talk.messages


def trained_turns(episode: Episode, policy: Policy, mistakes: Mapping[str, float] | None = None) -> frozenset[int]:
    """Return the indices of the steps that are trained on.

    Args:
        episode: whose steps.
        policy: which turns.
        mistakes: by kind, the share of the injected mistakes that are trained on, in place of what `policy` says of
            that kind. Which ones is drawn from the episode and the turn, so that it is the same in every export, and a
            larger share has those of a smaller one. In the mean over the data this is a weight on the kind's loss,
            without asking for a trainer that knows weights.

    Raises:
        ValueError: as `mistake_shares`.
    """
    shares = mistake_shares(policy, mistakes or {})
    honest = recovery_turns(episode) if policy == "recovery-only" else frozenset(range(len(episode.steps)))
    trained = set()
    for index, step in enumerate(episode.steps):
        if step.perturbation is None:
            wanted = index in honest and not is_not_understood(step.thought)
        else:
            draw = random.Random(f"{episode.task_id}/{episode.id}/{index}").random()
            wanted = draw < shares[step.perturbation.kind]
        if wanted:
            trained.add(index)
    return frozenset(trained)


def mistake_shares(policy: Policy, mistakes: Mapping[str, float]) -> dict[str, float]:
    """Return, for every kind, the share of the injected mistakes that is trained on.

    Args:
        policy: says it of the kinds that `mistakes` does not have: all of them by "all", else none.
        mistakes: by kind.

    Raises:
        ValueError: `policy` is not one of `POLICIES`, or `mistakes` has an unknown kind or a share out of [0, 1].
    """
    if policy not in POLICIES:
        raise ValueError(f"expected one of the policies {', '.join(POLICIES)}, found {policy!r}")
    if unknown := sorted(set(mistakes) - set(PERTURBATION_KINDS)):
        raise ValueError(f"expected mistakes of the kinds {', '.join(PERTURBATION_KINDS)}, found {unknown[0]!r}")
    if wrong := [share for share in mistakes.values() if not 0.0 <= share <= 1.0]:
        raise ValueError(f"expected a share of mistakes in [0, 1], found {wrong[0]}")
    return {kind: mistakes.get(kind, float(policy == "all")) for kind in PERTURBATION_KINDS}


def recovery_turns(episode: Episode) -> frozenset[int]:
    """Return the indices of the steps that take an injected mistake back (see `recovery`)."""
    steps = episode.steps
    return frozenset(
        turn for index, step in enumerate(steps) if step.perturbation is not None for turn in recovery(steps, index)[0]
    )
