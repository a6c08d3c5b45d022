"""The Episode: the one record of what happened, one JSON line each.

An episode ends in one of three ways. ``submitted``: the agent said ``exit`` and the verifier gave a reward.
``budget``: the turn or time budget was spent, and the verifier gave a reward. ``error``: something of ours failed;
there is no reward.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from .errors import StoreError

SCHEMA = 1

PerturbationKind = Literal[
    "analysis_error", "command_error", "hallucination", "requirement_violation", "verification_failure"
]
PERTURBATION_KINDS: tuple[PerturbationKind, ...] = get_args(PerturbationKind)
"""The five error classes of TermiGen (arXiv 2602.07274, section 3.2)."""

Ended = Literal["submitted", "budget", "error"]

TAKEN_BACK = "what it led to says nothing: taken back"
"""The note of an `Intent` whose mistake was tried, and taken back with all that ran: the step began in a new shell."""

_UNKNOWN_REPAIR = 2  # to look, and to do it right


@dataclass(frozen=True)
class Repair:
    """How a mistake is found and taken back.

    Attributes:
        diagnosis: a read-only command whose output shows the fault.
        finding: what that output shows, in the first person.
        undo: commands that restore the state before the mistake; may be empty.
    """

    diagnosis: str
    finding: str
    undo: tuple[str, ...] = ()


@dataclass(frozen=True)
class Perturbation:
    """A mistake that the critic put in place of the agent's action.

    Attributes:
        kind: one of `PERTURBATION_KINDS`.
        action: the command that ran instead.
        thought: the sincere reasoning that leads to it; says nowhere that it was injected.
        reason: for us: which rule or list the mistake came from.
        repair: how the oracle takes it back; None where nobody knows (a model's own affair).
    """

    kind: PerturbationKind
    action: str
    thought: str
    reason: str
    repair: Repair | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Perturbation:
        """Rebuild it from `to_dict`'s result."""
        values = dict(data)
        if values.get("repair") is not None:
            repair = dict(values["repair"])
            values["repair"] = Repair(repair["diagnosis"], repair["finding"], tuple(repair["undo"]))
        return cls(**values)


@dataclass(frozen=True)
class Judgement:
    """What a critic's judge says of an action before it runs.

    Attributes:
        ok: whether it is what was wanted. why: in a sentence.
        answers: to each question: "fits", "plausible" and "informative" of a mistake, "advances" of any other action.
    """

    ok: bool
    why: str
    answers: Mapping[str, bool]


@dataclass(frozen=True)
class Intent:
    """What a critic wanted of a step (arXiv 2602.07274, eq. 1), and how it went.

    Attributes:
        wanted: "correct" or "error", as drawn.
        kind: the class of mistake that was drawn; None for a correct step.
        attempts: mistakes that were proposed until one was taken or the critic gave up.
        judgement: the judge's, of what ran, or of the last proposal where none was taken; None where nobody judged.
        note: why no mistake ran though one was wanted, or why none can be wanted here; else "".
    """

    wanted: Literal["correct", "error"]
    kind: PerturbationKind | None = None
    attempts: int = 0
    judgement: Judgement | None = None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Intent:
        """Rebuild it from `to_dict`'s result."""
        judgement = data["judgement"]
        return cls(**data) if judgement is None else cls(**{**data, "judgement": Judgement(**judgement)})


@dataclass(frozen=True)
class Step:
    """One turn.

    Attributes:
        index: from 0.
        observation: what the agent saw before it acted.
        thought: why the step was taken; where it was perturbed, the thought that belongs to what ran.
        action: the action that the agent chose.
        executed: the action that ran; differs from `action` where it was perturbed.
        perturbation: None, or the mistake that was injected.
        exit_code: of the command; None while it runs on, or where none is known.
        state: of the terminal afterwards: "prompt" | "running" | "closed".
        reward: the environment's reward of this step.
        duration_s: seconds the step took in the environment.
        intent: what the critic wanted of the step; None where there is no critic.
        recovered_at: the index of the step that made good an injected mistake (see `recovery`); None where it is none,
            or where that did not happen.
    """

    index: int
    observation: str
    thought: str
    action: str
    executed: str
    perturbation: Perturbation | None
    exit_code: int | None
    state: str
    reward: float
    duration_s: float
    intent: Intent | None = None
    recovered_at: int | None = None


def recovery(steps: Sequence[Step], mistake: int) -> tuple[list[int], bool]:
    """Return the indices of the steps that take an injected mistake back, and whether the displaced action ran at last.

    The recovery begins with the turn after the mistake, and its last turn is the first that runs the displaced action
    after all: for the oracle that is diagnosis, undo, and the step itself. Where that never runs, a recovery is as long
    as the known repair (diagnosis, undo, the step), or two turns where none is known. Further mistakes on the way are
    not counted, and have recoveries of their own.
    """
    displaced, perturbation = steps[mistake].action, steps[mistake].perturbation
    honest = [index for index in range(mistake + 1, len(steps)) if steps[index].perturbation is None]
    for position, index in enumerate(honest):
        if steps[index].executed == displaced:
            return honest[: position + 1], True
    repair = None if perturbation is None else perturbation.repair
    return honest[: _UNKNOWN_REPAIR if repair is None else _UNKNOWN_REPAIR + len(repair.undo)], False


@dataclass(frozen=True)
class Episode:
    """One attempt at one task.

    Attributes:
        id: unique within its run.
        task_id: as ``gym.make`` takes it, e.g. "termigen/fix-build-v0".
        task_digest: the digest of the task or family instance that was played.
        env_spec: the wrapped environment's EnvSpec as JSON values; rebuilds the env.
        seed: the seed that ``reset`` was given.
        options: the options that ``reset`` was given (a family's difficulty).
        agent: the agent's name. model: the model's name or None.
        instruction: the task's instruction as the agent read it.
        steps: the turns in order.
        final_observation: what the terminal showed after the last step.
        verdict: the verifier's Verdict as a dict, or None.
        ended: "submitted" | "budget" | "error". error: None, or {"type", "message"}.
        usage: counts such as tokens, those of a critic's model with "critic_" before them. started_at: ISO 8601, UTC.
        duration_s: seconds from its start to its end, the agent's thinking and the reset included.
    """

    id: str
    task_id: str
    task_digest: str
    env_spec: Mapping[str, Any] | None
    seed: int | None
    agent: str
    instruction: str
    steps: tuple[Step, ...]
    ended: Ended
    started_at: str
    model: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    final_observation: str = ""
    verdict: Mapping[str, Any] | None = None
    error: Mapping[str, str] | None = None
    usage: Mapping[str, float] = field(default_factory=dict)
    duration_s: float = 0.0
    schema: int = SCHEMA

    @property
    def reward(self) -> float | None:
        """The verdict's reward, or None where there is no verdict."""
        return None if self.verdict is None else float(self.verdict["reward"])

    @property
    def solved(self) -> bool:
        """Whether the verdict's reward is 1."""
        return self.reward == 1.0

    @property
    def pass_rate(self) -> float | None:
        """The fraction of the verdict's tests that passed; its reward where it names none; None without a verdict."""
        if self.verdict is None:
            return None
        tests: Mapping[str, str] = self.verdict["tests"]
        return sum(outcome == "passed" for outcome in tests.values()) / len(tests) if tests else self.reward

    @property
    def tokens(self) -> int:
        """Read and written by models, the critic's included."""
        names = ("prompt_tokens", "completion_tokens")
        return int(sum(self.usage.get(f"{whose}{name}", 0) for whose in ("", "critic_") for name in names))

    @property
    def dollars(self) -> float:
        """What these cost, where the price is known."""
        return self.usage.get("dollars", 0.0) + self.usage.get("critic_dollars", 0.0)

    @property
    def perturbations(self) -> tuple[Perturbation, ...]:
        """The mistakes that were injected, in order."""
        return tuple(step.perturbation for step in self.steps if step.perturbation is not None)

    def to_json(self) -> str:
        """Return the episode as one line of JSON without a newline."""
        # asdict would copy all of it first, which takes longer than writing it.
        return json.dumps(vars(self), default=vars, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> Episode:
        """Read one line of JSON.

        Raises:
            StoreError: the line is not JSON, of another schema version, or lacks or adds a field.
        """
        try:
            data = json.loads(line)
        except json.JSONDecodeError as error:
            raise StoreError(f"expected one episode as JSON, found a line that does not parse: {error}") from None
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            found = data.get("schema") if isinstance(data, dict) else type(data).__name__
            raise StoreError(f"expected an episode of schema {SCHEMA}, found {found!r}; re-collect or convert it")
        unknown = set(data) - {f.name for f in fields(cls)}
        if unknown:
            raise StoreError(f"expected the fields of schema {SCHEMA}, found also {sorted(unknown)}")
        try:
            steps = tuple(_step(step) for step in data.pop("steps"))
            return cls(steps=steps, **data)
        except (KeyError, TypeError) as error:
            raise StoreError(f"expected the fields of schema {SCHEMA}: {error}") from None


def _step(data: dict[str, Any]) -> Step:
    if data["perturbation"] is not None:
        data["perturbation"] = Perturbation.from_dict(data["perturbation"])
    if data.get("intent") is not None:
        data["intent"] = Intent.from_dict(data["intent"])
    if data.keys() != _STEP_FIELDS:
        return Step(**data)
    # A run has hundreds of thousands of steps, and the constructor of a frozen class sets each field by a call.
    step = object.__new__(Step)
    step.__dict__.update(data)
    return step


_STEP_FIELDS = {field.name for field in fields(Step)}


class EpisodeBuffer:
    """A growing Episode: `begin` with what ``reset`` returned, `add` each step, `finish`.

    Args:
        id, task_id, env_spec, seed, options, agent, model: as in `Episode`.
    """

    def __init__(
        self,
        *,
        id: str,
        task_id: str,
        agent: str,
        model: str | None = None,
        env_spec: Mapping[str, Any] | None = None,
        seed: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._facts: dict[str, Any] = {
            "id": id,
            "task_id": task_id,
            "agent": agent,
            "model": model,
            "env_spec": env_spec,
            "seed": seed,
            "options": dict(options or {}),
            "started_at": datetime.now(UTC).isoformat(),
        }
        self._started = time.monotonic()
        self._task_digest = ""
        self._instruction = ""
        self._observation = ""
        self._verdict: Mapping[str, Any] | None = None
        self._usage: Mapping[str, float] = {}
        self._steps: list[Step] = []

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def begun(self) -> bool:
        """Whether `begin` was called."""
        return bool(self._task_digest)

    def begin(self, observation: str, info: Mapping[str, Any]) -> None:
        """Take what ``reset`` returned; without it the digest, the instruction and the first observation stay empty."""
        self._task_digest = info["task_digest"]
        self._instruction = info["instruction"]
        self._observation = observation

    def add(self, *, action: str, thought: str, observation: str, reward: float, info: Mapping[str, Any]) -> None:
        """Take one step: the agent's action and thought, and what ``step`` returned.

        Where ``info["perturbation"]`` holds one, its thought and its action are what the step records as having run.
        ``info["usage"]`` is what others than the agent have taken so far.
        """
        found = info.get("perturbation")
        perturbation = None if found is None else Perturbation.from_dict(found)
        intent = info.get("intent")
        self._steps.append(
            Step(
                index=len(self._steps),
                observation=self._observation,
                thought=thought if perturbation is None else perturbation.thought,
                action=action,
                executed=action if perturbation is None else perturbation.action,
                perturbation=perturbation,
                exit_code=info["exit_code"],
                state=info["state"],
                reward=float(reward),
                duration_s=info["duration_s"],
                intent=None if intent is None else Intent.from_dict(intent),
            )
        )
        self._observation = observation
        self._verdict = info["verdict"]
        self._usage = info.get("usage", {})

    def finish(
        self, ended: Ended, *, error: Mapping[str, str] | None = None, usage: Mapping[str, float] | None = None
    ) -> Episode:
        """Return the Episode; the buffer is spent."""
        return Episode(
            **self._facts,
            task_digest=self._task_digest,
            instruction=self._instruction,
            steps=self._labelled(),
            final_observation=self._observation,
            verdict=self._verdict,
            ended=ended,
            error=error,
            usage={**self._usage, **(usage or {})},
            duration_s=round(time.monotonic() - self._started, 6),
        )

    def _labelled(self) -> tuple[Step, ...]:
        """The steps, each injected mistake with the index of the step that made it good.

        That is the one that ran the displaced action after all; where the task was solved in another way, the last one
        of the recovery.
        """
        solved = self._verdict is not None and float(self._verdict["reward"]) == 1.0
        steps = list(self._steps)
        for index, step in enumerate(self._steps):
            if step.perturbation is not None:
                turns, done = recovery(self._steps, index)
                if turns and (done or solved):
                    steps[index] = replace(step, recovered_at=turns[-1])
        return tuple(steps)
