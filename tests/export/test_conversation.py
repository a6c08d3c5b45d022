from __future__ import annotations

from dataclasses import replace

import pytest

from termigen_gym.agents.base import Move
from termigen_gym.agents.protocol import Conversation, ParseFailure, parse_reply
from termigen_gym.episode import PerturbationKind, Step
from termigen_gym.export import POLICIES, Policy, conversation, recovery_turns, trained_turns, turn_kinds
from tests.chat import a_mistake_at, of_steps, some_steps
from tests.episodes import a_step


def test_the_export_is_what_the_agent_saw() -> None:
    look, build, again, leave = some_steps("ls", "make", "make all", "exit")
    wrong = replace(a_mistake_at(build), exit_code=2)
    seen = Conversation("Do it.\n$ ")
    seen.said(Move("ls", look.thought))
    seen.saw("a\n", {"exit_code": 0, "state": "prompt", "perturbation": None})
    seen.said(Move("make", build.thought))
    assert wrong.perturbation is not None
    seen.saw(
        "no\n",
        {
            "exit_code": 2,
            "state": "prompt",
            "perturbation": wrong.perturbation.to_dict(),
            "executed": wrong.executed,
        },
    )
    seen.said(Move("make all", again.thought))
    seen.saw("", {"exit_code": None, "state": "running", "perturbation": None})
    seen.said(Move("exit", leave.thought))

    episode = of_steps(
        [
            replace(look, observation="Do it.\n$ "),
            replace(wrong, observation="a\n"),
            replace(again, observation="no\n", exit_code=None, state="running"),
            replace(leave, observation=""),
        ]
    )
    exported = [{key: message[key] for key in ("role", "content")} for message in conversation(episode)]
    assert exported == seen.messages


def test_an_episode_without_a_turn_has_no_conversation() -> None:
    assert conversation(of_steps([])) == []


LOOK, BUILD, CHECK, LEAVE = some_steps("ls", "make", "make test", "exit")
WRONG = a_mistake_at(BUILD)
assert WRONG.perturbation is not None
UNREPAIRED = replace(WRONG, perturbation=replace(WRONG.perturbation, repair=None))
LOOK_CLOSER, UNDO, TRY = some_steps("look", "rm x", "try")
RECOVERIES: dict[str, tuple[list[Step], set[int]]] = {
    "no mistake": ([LOOK, BUILD, LEAVE], set()),
    "diagnosis, undo, the step": ([LOOK, a_mistake_at(BUILD), LOOK_CLOSER, UNDO, BUILD, CHECK, LEAVE], {2, 3, 4}),
    "the step at once": ([a_mistake_at(BUILD), BUILD, CHECK, LEAVE], {1}),
    "a mistake in the recovery": (
        [a_mistake_at(BUILD), a_mistake_at(LOOK_CLOSER), TRY, LOOK_CLOSER, BUILD, CHECK, LEAVE],
        {2, 3, 4},
    ),
    "the step never runs: as long as the repair": (
        [a_mistake_at(BUILD, undo=("rm x", "rm y")), TRY, TRY, TRY, TRY, TRY, LEAVE],
        {1, 2, 3, 4},
    ),
    "the step never runs, no repair known": (
        [UNREPAIRED, TRY, TRY, TRY, LEAVE],
        {1, 2},
    ),
    "the last turn is a mistake": ([LOOK, a_mistake_at(LEAVE)], set()),
    "two mistakes": ([a_mistake_at(LOOK), LOOK, CHECK, a_mistake_at(BUILD), UNDO, BUILD, LEAVE], {1, 4, 5}),
}


@pytest.mark.parametrize(("steps", "recovery"), RECOVERIES.values(), ids=RECOVERIES.keys())
def test_what_a_recovery_is(steps: list[Step], recovery: set[int]) -> None:
    assert recovery_turns(of_steps(steps)) == recovery
    assert trained_turns(of_steps(steps), "recovery-only") == recovery


POLICY_TURNS: dict[Policy, set[int]] = {
    "all": {0, 1, 2, 3, 4, 6},
    "no-errors": {0, 2, 3, 4, 6},
    "recovery-only": {2, 3, 4},
}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_trains_the_turns_that_it_says(policy: Policy) -> None:
    lost = ParseFailure("it has no tool call", "Hm.").as_move("prompt")
    babble = a_step(action=lost.action, executed=lost.action, thought=lost.thought)
    episode = of_steps([LOOK, a_mistake_at(BUILD), LOOK_CLOSER, UNDO, BUILD, babble, LEAVE])
    replies = [message for message in conversation(episode, policy) if message["role"] == "assistant"]
    assert {index for index, message in enumerate(replies) if message["train"]} == POLICY_TURNS[policy]
    assert all("train" not in message for message in conversation(episode, policy) if message["role"] != "assistant")


def test_a_mistake_stays_in_the_context_as_what_ran() -> None:
    replies = [m for m in conversation(of_steps([a_mistake_at(BUILD), BUILD, LEAVE])) if m["role"] == "assistant"]
    assert parse_reply(replies[0]["content"]) == Move("bad make", "I am sure.")


def test_turns_are_counted_by_kind() -> None:
    episode = of_steps([LOOK, a_mistake_at(BUILD), LOOK_CLOSER, UNDO, BUILD, LEAVE])
    assert turn_kinds(episode) == {"clean": 2, "analysis_error": 1, "recovery": 3}


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="no-errors, all, recovery-only, found 'none'"):
        conversation(of_steps([LOOK]), "none")  # type: ignore[arg-type]


KINDS: tuple[PerturbationKind, PerturbationKind] = ("analysis_error", "hallucination")
MIXED = of_steps(
    [
        replace(a_mistake_at(LOOK), perturbation=replace(WRONG.perturbation, kind=KINDS[number % 2]))
        for number in range(400)
    ]
    + [LEAVE]
)


@pytest.mark.parametrize(
    ("policy", "mistakes", "shares"),
    [
        ("no-errors", {}, (0.0, 0.0)),
        ("all", {}, (1.0, 1.0)),
        ("no-errors", {"hallucination": 0.5}, (0.0, 0.5)),
        ("all", {"hallucination": 0.0}, (1.0, 0.0)),
        ("all", {"hallucination": 0.25, "analysis_error": 0.75}, (0.75, 0.25)),
        ("recovery-only", {"analysis_error": 1.0}, (1.0, 0.0)),
    ],
)
def test_a_share_of_the_mistakes_of_a_kind_is_trained_on(
    policy: Policy, mistakes: dict[str, float], shares: tuple[float, float]
) -> None:
    trained = trained_turns(MIXED, policy, mistakes)
    for kind, share in zip(KINDS, shares, strict=True):
        of_kind = {step.index for step in MIXED.steps if step.perturbation and step.perturbation.kind == kind}
        assert len(trained & of_kind) == pytest.approx(share * len(of_kind), abs=0 if share in (0.0, 1.0) else 25)
    assert 400 in trained


def test_a_larger_share_has_the_turns_of_a_smaller_one() -> None:
    few, many = (trained_turns(MIXED, "no-errors", {"hallucination": share}) for share in (0.3, 0.6))
    assert few < many
    assert few == trained_turns(MIXED, "no-errors", {"hallucination": 0.3})
    other = replace(MIXED, id="000001")
    assert few != trained_turns(other, "no-errors", {"hallucination": 0.3})


@pytest.mark.parametrize(
    ("mistakes", "message"),
    [({"typo": 0.5}, "kinds analysis_error, .* found 'typo'"), ({"hallucination": 2.0}, r"in \[0, 1\], found 2.0")],
)
def test_unknown_kinds_and_shares_are_refused(mistakes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trained_turns(MIXED, "all", mistakes)
