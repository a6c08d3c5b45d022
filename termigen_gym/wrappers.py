"""Wrappers of terminal environments: a critic that makes mistakes happen, a recorder of episodes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import RecordConstructorArgs

from .critic import Critic, Situation, critic_named
from .episode import Ended, Episode, EpisodeBuffer, Perturbation
from .errors import ActionError, TermigenError

TextEnv: TypeAlias = gym.Env[str, str]
"""A TerminalEnv or one wrapped."""

_SEEDS = 2**31


class CriticWrapper(gym.Wrapper[str, str, str, str], RecordConstructorArgs):
    """Puts a mistake in place of an action with probability `epsilon` (TermiGen, eq. 1).

    The mistake runs for real and its output is what the agent sees. `info` gains two keys at ``reset`` and every
    ``step``: ``perturbation`` (a `Perturbation` as a dict, or None) and ``executed`` (what ran; "" at reset).

    All randomness is ``env.np_random``'s. One number is drawn at every step, whether it can matter or not, then what
    the critic draws; so a seed and the same actions replay the same mistakes.

    Never perturbed:

    - an action while the terminal's state is not "prompt": it is input to a program, not a command;
    - ``exit``: it is the decision to submit, and nothing can be put in its place that the agent could still recover
      from what it meant. A skipped check is a mistake at the action before it, so it needs no exception. For the same
      reason a critic's proposal to ``exit`` is not taken.

    Args:
        env: the environment.
        critic: "rule", or a `Critic`. With a `Critic` object, ``env.spec.to_json()`` raises TypeError.
        epsilon: probability of a mistake, in [0, 1].

    Raises:
        ValueError: epsilon is out of range or there is no critic of that name.
    """

    def __init__(self, env: TextEnv, critic: str | Critic = "rule", epsilon: float = 0.2) -> None:
        # A critic may hold a connection, which cannot be copied.
        RecordConstructorArgs.__init__(self, critic=critic, epsilon=epsilon, _disable_deepcopy=True)
        gym.Wrapper.__init__(self, env)
        if not 0 <= epsilon <= 1:
            raise ValueError(f"epsilon: expected a probability in [0, 1], actual: {epsilon!r}")
        self._critic = critic_named(critic) if isinstance(critic, str) else critic
        self._epsilon = epsilon
        self._history: list[tuple[str, str]] = []
        self._state = "closed"

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Reset the environment and forget what ran."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._history = []
        self._state = info["state"]
        return observation, {**info, "perturbation": None, "executed": ""}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Run the action, or a mistake in its place.

        Raises:
            TermigenError: as the environment and the critic.
        """
        wants_mistake = bool(self.np_random.random() < self._epsilon)
        perturbation = self._propose(action) if wants_mistake else None
        executed = action if perturbation is None else perturbation.action
        observation, reward, terminated, truncated, info = self.env.step(executed)
        self._history.append((executed, observation))
        self._state = info["state"]
        found = None if perturbation is None else perturbation.to_dict()
        info = {**info, "perturbation": found, "executed": executed}
        return observation, float(reward), terminated, truncated, info

    def _propose(self, action: str) -> Perturbation | None:
        if self._state != "prompt" or not self.action_space.contains(action) or _submits(action):
            return None
        task = self.unwrapped.task  # type: ignore[attr-defined]
        proposal = self._critic.propose(Situation(task, tuple(self._history), action), self.np_random)
        return None if proposal is None or _submits(proposal.action) else proposal


def _submits(action: str) -> bool:
    return action.strip() == "exit"


class Store(Protocol):
    """Where episodes go."""

    def append(self, episode: Episode) -> None:
        """Keep an episode."""


class RecordEpisodes(gym.Wrapper[str, str, str, str]):
    """Appends each episode to a store as soon as it ends. The recorded agent is "external", its thoughts are "".

    - An episode that is cut off by ``reset`` or ``close`` has no verdict, so its reward is unknown, and it is stored as
      ended="error" with error type "Abandoned"; one without any step is not stored.
    - It records what passes through it: put it around a CriticWrapper, not inside.
    - One that ends in a TermigenError is stored with that error, which is raised on.
    - One in which a snapshot was restored is stored as ended="error" with error type "Restored": its steps are no
      longer one line that could be replayed.
    - ``reset`` without a seed draws one from ``np_random``, so that each record can be replayed.
    - The recorder is not part of the environment: ``spec`` is that of the environment inside.

    Args:
        env: the environment.
        store: anything with ``append(Episode)``; it is not closed here.
    """

    def __init__(self, env: TextEnv, store: Store) -> None:
        super().__init__(env)
        self._store = store
        self._buffer: EpisodeBuffer | None = None

    @property
    def spec(self) -> EnvSpec | None:  # type: ignore[override]  # a property in gym.Wrapper too
        """The spec of the environment inside."""
        return self.env.spec

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Store what was cut off, reset, begin anew."""
        self._abandon("reset")
        seed = draw_seed(self.env) if seed is None else seed
        self._buffer = new_buffer(self.env, id=uuid.uuid4().hex, agent="external", seed=seed, options=options)
        try:
            observation, info = self.env.reset(seed=seed, options=options)
        except TermigenError as error:
            self._finish("error", _error_values(error))
            raise
        self._buffer.begin(observation, info)
        return observation, info

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Step and record."""
        try:
            observation, reward, terminated, truncated, info = self.env.step(action)
        except ActionError:  # the caller's slip; the episode goes on
            raise
        except TermigenError as error:
            self._finish("error", _error_values(error))
            raise
        if self._buffer is not None:
            self._buffer.add(action=action, thought="", observation=observation, reward=float(reward), info=info)
        if terminated or truncated:
            self._finish("submitted" if terminated else "budget")
        return observation, float(reward), terminated, truncated, info

    def close(self) -> None:
        """Store what was cut off, close the environment."""
        self._abandon("closed")
        super().close()

    def _abandon(self, how: str) -> None:
        if self._buffer is not None and len(self._buffer) > 0:
            message = f"the environment was {how} after {len(self._buffer)} steps, before a verdict"
            self._finish("error", {"type": "Abandoned", "message": message})
        self._buffer = None

    def _finish(self, ended: Ended, error: Mapping[str, str] | None = None) -> None:
        if self._buffer is not None:
            if error is None and getattr(self.unwrapped, "restored", False):
                ended, error = "error", {"type": "Restored", "message": "a snapshot was restored between two steps"}
            self._store.append(self._buffer.finish(ended, error=error))
        self._buffer = None


def _error_values(error: Exception) -> dict[str, str]:
    return {"type": type(error).__name__, "message": str(error)}


def new_buffer(
    env: TextEnv,
    *,
    id: str,
    agent: str,
    model: str | None = None,
    seed: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> EpisodeBuffer:
    """Return an empty buffer that knows the environment's id and spec; the other arguments are as in `Episode`."""
    spec = env.spec
    return EpisodeBuffer(
        id=id,
        task_id="" if spec is None else spec.id,
        agent=agent,
        model=model,
        env_spec=None if spec is None else spec_values(spec),
        seed=seed,
        options=options,
    )


def spec_values(spec: EnvSpec) -> dict[str, Any] | None:
    """Return a spec as JSON values, or None where it holds an object that JSON cannot (a Critic, a callable)."""
    try:
        return json.loads(spec.to_json())  # type: ignore[no-any-return]
    except (TypeError, ValueError):
        return None


def draw_seed(env: TextEnv) -> int:
    """Return a seed from the environment's own randomness."""
    return int(env.np_random.integers(_SEEDS))
