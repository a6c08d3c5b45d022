"""An Episode as the conversation that a model learns from."""

from __future__ import annotations

from typing import Literal, get_args

from ..agents.base import Move
from ..agents.protocol import Conversation, Message
from ..agents.replies import is_not_understood
from ..episode import Episode, Step

Policy = Literal["no-errors", "all", "recovery-only"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
"""Which of the agent's turns a model is trained on.

no-errors      all but the injected mistakes, which stay in the context: it learns to recover, not to err
all            every turn, the injected mistakes too, as TermiGen trained (arXiv 2602.07274, appendix B)
recovery-only  what `recovery_turns` returns

Observations are never trained on, nor are replies that were not understood (they are records of a failure to speak).
"""

_UNKNOWN_REPAIR = 2  # to look, and to do it right


def conversation(episode: Episode, policy: Policy = "no-errors") -> list[Message]:
    """Return the messages that the agent saw and wrote, up to its last turn.

    Each assistant message has ``train``: whether `policy` wants its tokens in the loss.
    Empty where the episode ended before the first turn.
    """
    if not episode.steps:
        return []
    talk = Conversation(episode.steps[0].observation)
    for step, before in zip(episode.steps, (None, *episode.steps), strict=False):
        if before is not None:
            talk.saw(step.observation, {"exit_code": before.exit_code, "state": before.state})
        talk.said(Move(step.executed, step.thought))
    trained = trained_turns(episode, policy)
    replies = [message for message in talk.messages if message["role"] == "assistant"]
    for index, message in enumerate(replies):
        message["train"] = index in trained
    return talk.messages


def trained_turns(episode: Episode, policy: Policy) -> frozenset[int]:
    """Return the indices of the steps that `policy` trains on.

    Raises:
        ValueError: `policy` is not one of `POLICIES`.
    """
    if policy not in POLICIES:
        raise ValueError(f"expected one of the policies {', '.join(POLICIES)}, found {policy!r}")
    understood = {index for index, step in enumerate(episode.steps) if not is_not_understood(step.thought)}
    if policy == "all":
        return frozenset(understood)
    honest = {index for index in understood if episode.steps[index].perturbation is None}
    return frozenset(honest if policy == "no-errors" else honest & recovery_turns(episode))


def recovery_turns(episode: Episode) -> frozenset[int]:
    """Return the indices of the steps that take an injected mistake back.

    The recovery from a mistake begins with the turn after it, and its last turn is the first that runs the displaced
    action after all: for the oracle that is diagnosis, undo, and the step itself. Where that never runs, a recovery is
    as long as the known repair (diagnosis, undo, the step), or two turns where none is known. Further mistakes on the
    way are not counted, and have recoveries of their own.
    """
    steps = episode.steps
    return frozenset(
        turn for index, step in enumerate(steps) if step.perturbation is not None for turn in _recovery(steps, index)
    )


def _recovery(steps: tuple[Step, ...], mistake: int) -> list[int]:
    displaced, perturbation = steps[mistake].action, steps[mistake].perturbation
    honest = [index for index in range(mistake + 1, len(steps)) if steps[index].perturbation is None]
    for position, index in enumerate(honest):
        if steps[index].executed == displaced:
            return honest[: position + 1]
    repair = None if perturbation is None else perturbation.repair
    return honest[: _UNKNOWN_REPAIR if repair is None else _UNKNOWN_REPAIR + len(repair.undo)]
