"""The critic that is a model: an injector writes a mistake, a judge takes it or sends it back.

After arXiv 2602.07274, section 3.2, whose prompts are not published.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Annotated, Any
from weakref import WeakValueDictionary

import numpy as np
from pydantic import Field, StringConstraints

from ..episode import Judgement, Perturbation, PerturbationKind, Repair
from ..errors import RequestFailed
from ..llm import ChatModel, OpenAIModel, Price, Request
from ..llm.prompts import render
from ..llm.replies import Facts, FactsT, ReplyProblem, read_facts
from ..text import clip
from .base import Critic, Proposal, Situation

MEANINGS: Mapping[PerturbationKind, str] = {
    "analysis_error": "what was shown is read wrongly, or a wrong conclusion is drawn from it",
    "command_error": "the right intention in a command that is wrong: a program's name, an option, a path, a quote",
    "hallucination": "something is relied on that is not there: a tool, an option, a service, a file",
    "requirement_violation": "the work is done, but not as the task asks: another place, name, format, order or unit",
    "verification_failure": "something is taken for done or right without a look, or a step is claimed and left out",
}
"""What the five classes are, in words for a model."""

MAX_TOKENS = 2048
"""Of a reply, where nothing else is said."""

_SHOWN_TURNS = 12
_SHOWN_CHARACTERS = 1500
_SEEDS = 2**31
_PACKAGE = "termigen_gym.critic"

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8000)]


class _Mistake(Facts):
    thought: _Text
    command: _Text
    diagnosis: _Text
    finding: _Text
    undo: list[_Text] = Field(default_factory=list, max_length=8)


class _OfMistake(Facts):
    fits: bool
    plausible: bool
    informative: bool
    why: str = ""


class _OfAction(Facts):
    advances: bool
    why: str = ""


class LlmCritic(Critic):
    """Asks a model for mistakes and another, or the same, whether they are any good; for many threads at once.

    Args:
        injector: writes mistakes. judge: judges them; None for the same model.
        tries: proposals until it gives up, and the step goes on as the agent meant it.
        reviews: whether the judge is asked about the other steps as well.
        max_tokens: of a reply.
    """

    def __init__(
        self,
        injector: ChatModel,
        judge: ChatModel | None = None,
        *,
        tries: int = 3,
        reviews: bool = True,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        if tries < 1:
            raise ValueError(f"expected tries from 1, found {tries}")
        self._injector = injector
        self._judge = judge or injector
        self._tries = tries
        self._reviews = reviews
        self._max_tokens = max_tokens

    def propose(self, situation: Situation, rng: np.random.Generator) -> Proposal:
        """Return a mistake that the judge takes, or none after so many tries; a reply that can't be used is one."""
        kind = situation.kinds[0]
        told = {**_told(situation), "kind": kind, "meaning": MEANINGS[kind]}
        feedback = last = ""
        judgement: Judgement | None = None
        for attempt in range(1, self._tries + 1):
            purpose = f"{situation.purpose}/{{}}/{attempt}"
            prompt = render(_PACKAGE, "injector", **told, feedback=feedback, last=last)
            try:
                mistake = self._ask(self._injector, situation, purpose.format("injector"), prompt, _Mistake, rng)
            except ReplyProblem as problem:
                feedback, last = str(problem), "a reply that can't be used"
                continue
            except RequestFailed as failed:
                return Proposal(None, attempt, judgement, note=str(failed))
            last = json.dumps(mistake.model_dump(), ensure_ascii=False, indent=1)
            judgement = self._judged(situation, purpose.format("judge"), mistake, told, rng)
            if judgement.ok:
                return Proposal(_perturbation(mistake, kind, attempt), attempt, judgement)
            feedback = judgement.why
        return Proposal(None, self._tries, judgement, note=f"refused {self._tries} times, at last: {feedback}")

    def review(self, situation: Situation) -> Judgement | None:
        """Ask the judge whether an action advances the task; None where it is not asked, or can't be understood."""
        if not self._reviews:
            return None
        prompt = render(_PACKAGE, "judge", **_told(situation), kind="")
        try:
            said = self._ask(self._judge, situation, f"{situation.purpose}/review/1", prompt, _OfAction)
        except (ReplyProblem, RequestFailed):
            return None
        return Judgement(said.advances, said.why, {"advances": said.advances})

    def _judged(
        self, situation: Situation, purpose: str, mistake: _Mistake, told: Mapping[str, Any], rng: np.random.Generator
    ) -> Judgement:
        ran = {executed.strip() for executed, _ in situation.history} | {situation.action.strip()}
        if mistake.command in ran:  # no judge is needed to see that
            return Judgement(False, "that command has been run, or is the right one", {"fits": False})
        prompt = render(_PACKAGE, "judge", **told, thought=mistake.thought, command=mistake.command)
        try:
            said = self._ask(self._judge, situation, purpose, prompt, _OfMistake, rng)
        except (ReplyProblem, RequestFailed) as problem:
            return Judgement(False, f"the judge could not be understood: {problem}", {})
        answers = said.model_dump(exclude={"why"})
        missing = ", ".join(name for name, yes in answers.items() if not yes)
        return Judgement(not missing, said.why or (missing and f"it is not {missing}"), answers)

    def _ask(
        self,
        model: ChatModel,
        situation: Situation,
        purpose: str,
        prompt: str,
        facts: type[FactsT],
        rng: np.random.Generator | None = None,
    ) -> FactsT:
        seed = None if rng is None else int(rng.integers(_SEEDS))
        messages = ({"role": "user", "content": prompt},)
        reply = model.complete(Request(purpose, messages, max_tokens=self._max_tokens, seed=seed))
        situation.took(reply.usage)
        return read_facts(reply.text, facts)


def _told(situation: Situation) -> dict[str, Any]:
    return {
        "instruction": situation.task.instruction.strip(),
        "history": [
            (command, clip(output, _SHOWN_CHARACTERS).text) for command, output in situation.history[-_SHOWN_TURNS:]
        ],
        "action": situation.action,
    }


def _perturbation(mistake: _Mistake, kind: PerturbationKind, attempt: int) -> Perturbation:
    repair = Repair(mistake.diagnosis, mistake.finding, tuple(mistake.undo))
    return Perturbation(kind, mistake.command, mistake.thought, f"model, attempt {attempt}", repair)


_made: WeakValueDictionary[str, LlmCritic] = WeakValueDictionary()
_making = threading.Lock()


def critic_at(
    *,
    model: str,
    base_url: str,
    api_key_env: str = "",
    judge: str = "",
    tries: int = 3,
    reviews: bool = True,
    max_tokens: int = MAX_TOKENS,
    timeout_s: float = 600.0,
    retries: int = 5,
    concurrency: int = 16,
    price: tuple[float, float] | None = None,
) -> LlmCritic:
    """Return a critic whose models an endpoint serves; those who give the same arguments share one.

    Args:
        model: the injector's name there.
        judge: the judge's; "" for the same.
        tries: as of `LlmCritic`.
        reviews: as of `LlmCritic`.
        max_tokens: as of `LlmCritic`.
        base_url: as of `OpenAIModel`, as are the following.
        api_key_env: the variable that holds the key.
        timeout_s: of one request.
        retries: attempts after the first.
        concurrency: requests under way at a time.
        price: dollars per million prompt and completion tokens.

    Raises:
        ModelRefused: the key is missing, or `base_url` is none.
    """
    arguments = json.dumps(
        [model, base_url, api_key_env, judge, tries, reviews, max_tokens, timeout_s, retries, concurrency, price]
    )

    def at(name: str) -> ChatModel:
        cost = None if price is None else Price(*price)
        return OpenAIModel(
            name, base_url, api_key_env, timeout_s=timeout_s, retries=retries, concurrency=concurrency, price=cost
        )

    with _making:
        found = _made.get(arguments)
        if found is None:
            injector = at(model)
            judging = at(judge) if judge and judge != model else None
            found = _made[arguments] = LlmCritic(injector, judging, tries=tries, reviews=reviews, max_tokens=max_tokens)
        return found
