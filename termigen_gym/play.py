"""One episode: where an environment and an agent meet."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from .agents.base import Agent
from .episode import Episode, EpisodeBuffer
from .errors import TermigenError
from .wrappers import TextEnv, draw_seed, new_buffer

_logger = logging.getLogger(__name__)


def play(
    env: TextEnv,
    agent: Agent,
    *,
    episode_id: str,
    seed: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Episode:
    """Play one episode to its end and return it.

    Args:
        env: a TerminalEnv, wrapped or not; it is reset first and stays open.
        agent: who acts.
        episode_id: unique within the run.
        seed: of the reset; None draws one, so that the episode can be replayed from its record.
        options: of the reset.

    What fails on the way (engine, verifier, model endpoint, agent code) does not raise: it becomes the episode's
    ``error``, and the steps so far are kept. KeyboardInterrupt passes.
    """
    seed = draw_seed(env) if seed is None else seed
    buffer = new_buffer(env, id=episode_id, agent=agent.name, model=agent.model, seed=seed, options=options)
    try:
        submitted = _run(env, agent, buffer, episode_id, seed, options)
    except Exception as failure:  # the one broad except: whatever fails in an episode is recorded on it
        if not isinstance(failure, TermigenError):
            _logger.exception("episode %s failed outside of our own error tree", episode_id)
        error = {"type": type(failure).__name__, "message": str(failure)}
        # Without a beginning, what the agent tells is of the episode before.
        return buffer.finish("error", error=error, usage=agent.usage() if buffer.begun else {})
    return buffer.finish("submitted" if submitted else "budget", usage=agent.usage())


def _run(
    env: TextEnv, agent: Agent, buffer: EpisodeBuffer, episode_id: str, seed: int, options: Mapping[str, Any] | None
) -> bool:
    """Play to the end; return whether it was submitted (else the budget was spent)."""
    observation, info = env.reset(seed=seed, options=None if options is None else dict(options))
    buffer.begin(observation, info)
    known = {**info, "episode_id": episode_id}
    agent.begin(env.unwrapped.task, observation, known)  # type: ignore[attr-defined]
    while True:
        move = agent.act(observation, info)
        observation, reward, terminated, truncated, info = env.step(move.action)
        buffer.add(action=move.action, thought=move.thought, observation=observation, reward=float(reward), info=info)
        if terminated or truncated:
            return terminated
