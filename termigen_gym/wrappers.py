"""Wrappers of terminal environments: a critic that makes mistakes happen, a recorder of episodes."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, SupportsFloat, TypeAlias

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import RecordConstructorArgs

from .critic import Critic, Schedule, Situation, critic_named
from .episode import TAKEN_BACK, Ended, Episode, EpisodeBuffer, Intent, Perturbation
from .errors import ActionError, TermigenError
from .llm.base import WHERE_ASKED, Usage

TextEnv: TypeAlias = gym.Env[str, str]
"""A TerminalEnv or one wrapped."""

_SEEDS = 2**31


class CriticWrapper(gym.Wrapper[str, str, str, str], RecordConstructorArgs):
    """Puts a mistake in place of an action with probability `epsilon` (TermiGen, eq. 1).

    The mistake runs for real and its output is what the agent sees. `info` gains four keys at ``reset`` and every
    ``step``: ``perturbation`` (a `Perturbation` as a dict, or None), ``executed`` (what ran; "" at reset), ``intent``
    (an `Intent` as a dict: what was wanted of the step and how it went; None at reset), and ``usage`` (what a critic
    that asks a model has taken in the episode: ``critic_prompt_tokens`` and the like; {} for any other).

    All randomness is ``env.np_random``'s. One number is drawn at every step, whether it can matter or not, then, where
    a mistake is wanted, the class, and what the critic draws; so a seed and the same actions replay the same mistakes.

    Never perturbed:

    - an action while the terminal's state is not "prompt": it is input to a program, not a command;
    - ``exit``: it is the decision to submit, and nothing can be put in its place that the agent could still recover
      from what it meant. A skipped check is a mistake at the action before it, so it needs no exception. For the same
      reason a critic's proposal to ``exit`` is not taken.

    Args:
        env: the environment.
        critic: "rule", "llm", or a `Critic`. With a `Critic` object, ``env.spec.to_json()`` raises TypeError.
        epsilon: probability of a mistake, in [0, 1].
        schedule: further arguments of `Schedule`, as JSON values.
        critic_options: of a critic by name (see `critic_named`), as JSON values. The environment's spec has them
            without the address of an endpoint.
        informative_only: a mistake whose step ends well without a word is taken back by a snapshot, and the agent's
            own action runs. Variables and jobs of the shell go with that, as `TerminalEnv.restore` says.

    Raises:
        ValueError: a value is out of range, or there is no critic of that name.
    """

    def __init__(
        self,
        env: TextEnv,
        critic: str | Critic = "rule",
        epsilon: float = 0.2,
        *,
        schedule: Mapping[str, Any] | None = None,
        critic_options: Mapping[str, Any] | None = None,
        informative_only: bool = False,
    ) -> None:
        # A critic may hold a connection, which cannot be copied.
        RecordConstructorArgs.__init__(
            self,
            critic=critic,
            epsilon=epsilon,
            schedule=schedule,
            # An address may hold a password, and what is written down here goes into every episode.
            critic_options=critic_options
            and {name: value for name, value in critic_options.items() if name not in WHERE_ASKED},
            informative_only=informative_only,
            _disable_deepcopy=True,
        )
        gym.Wrapper.__init__(self, env)
        self._schedule = Schedule.of(epsilon, schedule)
        self._critic = critic_named(critic, critic_options) if isinstance(critic, str) else critic
        self._informative_only = informative_only
        self._history: list[tuple[str, str]] = []
        self._state = "closed"
        self._in_a_row = 0
        self._seed: int | None = None
        self._took = Usage()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Reset the environment and forget what ran."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._history = []
        self._state = info["state"]
        self._in_a_row = 0
        self._seed = seed
        self._took = Usage()
        return observation, {**info, "perturbation": None, "executed": "", "intent": None, "usage": {}}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Run the action, or a mistake in its place.

        Raises:
            TermigenError: as the environment and the critic.
        """
        turn = len(self._history)
        wants_mistake = bool(self.np_random.random() < self._schedule.probability(turn, self._in_a_row))
        perturbation, intent = self._intend(action, wants_mistake)
        executed, result = action, None
        if perturbation is not None and self._informative_only:
            result = self._tried(perturbation)
            if result is None:
                perturbation, intent = None, replace(intent, note=TAKEN_BACK)
        if perturbation is not None:
            executed = perturbation.action
        observation, reward, terminated, truncated, info = result or self.env.step(executed)
        self._history.append((executed, observation))
        self._state = info["state"]
        self._in_a_row = 0 if perturbation is None else self._in_a_row + 1
        found = None if perturbation is None else perturbation.to_dict()
        info = {**info, "perturbation": found, "executed": executed, "intent": intent.to_dict(), "usage": self._usage()}
        return observation, float(reward), terminated, truncated, info

    def _intend(self, action: str, wants_mistake: bool) -> tuple[Perturbation | None, Intent]:
        """Decide what is to happen at a step: the mistake that is to run, if any, and what there is to say of it."""
        if not self.action_space.contains(action):
            return None, Intent("correct", note="it is no action")
        if self._state != "prompt":
            return None, Intent("correct", note="it is input to a program")
        if _submits(action):
            return None, Intent("correct", note="it submits")
        situation = self._situation(action)
        if not wants_mistake:
            return None, Intent("correct", judgement=self._critic.review(situation))
        kinds, weighted = self._schedule.kinds(self.np_random), bool(self._schedule.weights)
        situation = replace(situation, kinds=kinds, weighted=weighted)
        proposal = self._critic.propose(situation, self.np_random)
        found, note = proposal.perturbation, proposal.note
        if found is not None and _submits(found.action):
            found, note = None, "the mistake would submit"
        kind = situation.kinds[0] if found is None else found.kind
        return found, Intent("error", kind, proposal.attempts, proposal.judgement, note)

    def _situation(self, action: str) -> Situation:
        task = self.unwrapped.task  # type: ignore[attr-defined]
        name = "" if self.spec is None else self.spec.id
        purpose = f"critic/{name}/{self._seed}/{len(self._history)}"
        return Situation(task, tuple(self._history), action, purpose=purpose, took=self._account)

    def _account(self, usage: Usage) -> None:
        self._took += usage

    def _usage(self) -> dict[str, float]:
        return {f"critic_{name}": count for name, count in self._took.to_dict().items() if count}

    def _tried(self, perturbation: Perturbation) -> tuple[str, SupportsFloat, bool, bool, dict[str, Any]] | None:
        """Run a mistake; None where it ended well without a word, and was taken back."""
        env: Any = self.unwrapped
        before = env.restored
        with contextlib.closing(env.snapshot()) as snapshot:
            result = self.env.step(perturbation.action)
            observation, _, terminated, truncated, info = result
            silent = info["exit_code"] == 0 and info["state"] == "prompt" and not observation.strip()
            if terminated or truncated or not silent:
                return result
            env.restore(snapshot)
        env.restored = before  # what was tried is no part of the episode
        return None


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
