"""An Episode as the conversation that a model learns from."""

from __future__ import annotations

from typing import Literal, get_args

from ..agents.base import Move
from ..agents.protocol import Conversation, Message
from ..agents.replies import is_not_understood
from ..episode import Episode, recovery

Policy = Literal["no-errors", "all", "recovery-only"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
"""Which of the agent's turns a model is trained on.

no-errors      all but the injected mistakes, which stay in the context: it learns to recover, not to err
all            every turn, the injected mistakes too, as TermiGen trained (arXiv 2602.07274, appendix B)
recovery-only  what `recovery_turns` returns

Observations are never trained on, nor are replies that were not understood (they are records of a failure to speak).
"""


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
    """Return the indices of the steps that take an injected mistake back (see `recovery`)."""
    steps = episode.steps
    return frozenset(
        turn for index, step in enumerate(steps) if step.perturbation is not None for turn in recovery(steps, index)[0]
    )
