"""The rule critic: which mistakes it takes, in what order, how often each kind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from termigen_gym.critic import RuleCritic, Schedule, Situation, critic_named
from termigen_gym.episode import PERTURBATION_KINDS, Perturbation
from termigen_gym.errors import TaskError
from termigen_gym.task import Task
from tests.actions import COMMANDS
from tests.scratch import a_task

SOLVE = "#!/bin/bash\n\n# I build it.\nmake\n\n# I run it.\n./run.sh\n\n# Once more.\nmake\n"


def a_mistake(step: int, command: str, kind: str = "analysis_error") -> str:
    return (
        f'[[mistake]]\nstep = {step}\nkind = "{kind}"\nthought = "So it is."\ncommand = "{command}"\n'
        'diagnosis = "ls"\nfinding = "It is not so."\nundo = []\n'
    )


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return a_task(tmp_path, solution=SOLVE, mistakes=a_mistake(1, "make first") + a_mistake(3, "make third"))


def propose(task: Task, action: str, seed: int, ran: tuple[str, ...] = ()) -> Perturbation | None:
    """The proposal where classes are wanted in an order that the seed draws."""
    rng = np.random.default_rng(seed)
    situation = Situation(task, [(command, "") for command in ran], action, Schedule().kinds(rng))
    return RuleCritic().propose(situation, rng).perturbation


def own(task: Task, action: str, ran: tuple[str, ...] = ()) -> set[str]:
    """The task's own mistakes among what is proposed."""
    proposed = [propose(task, action, seed, ran) for seed in range(60)]
    return {item.action for item in proposed if item is not None and item.reason.startswith("mistakes.toml")}


def test_the_tasks_own_mistakes_belong_to_their_block(task: Task) -> None:
    assert own(task, "make") == {"make first"}
    assert own(task, "  make\n") == {"make first"}
    assert own(task, "./run.sh") == set()
    assert own(task, "make all") == set()


def test_where_blocks_are_alike_the_second_try_is_the_second_block(task: Task) -> None:
    assert own(task, "make", ran=("make", "./run.sh")) == {"make third"}


def test_within_a_kind_the_tasks_own_mistakes_go_first(task: Task) -> None:
    proposed = [propose(task, "make", seed) for seed in range(100)]
    analysis = [item for item in proposed if item is not None and item.kind == "analysis_error"]
    assert analysis
    assert {item.action for item in analysis} == {"make first"}


def test_what_ran_before_is_not_proposed_again(task: Task) -> None:
    assert own(task, "make", ran=("make first",)) == set()
    for seed in range(50):
        first = propose(task, "grep -n x data/items.csv", seed)
        assert first is not None
        again = propose(task, "grep -n x data/items.csv", seed, ran=(first.action,))
        assert again is not None
        assert again.action != first.action


@pytest.mark.parametrize("action", COMMANDS)
def test_there_is_a_mistake_for_any_command(task: Task, action: str) -> None:
    for seed in range(5):
        proposed = propose(task, action, seed)
        assert proposed is not None
        assert proposed.action.strip() != action.strip()


@pytest.mark.parametrize("action", ["", "  \n ", "\x03", "\x1b[A"])
def test_there_is_none_for_keys_and_for_nothing(task: Task, action: str) -> None:
    assert propose(task, action, 0) is None


def test_kinds_are_balanced(task: Task) -> None:
    rng = np.random.default_rng(1)
    critic = RuleCritic()
    draws = 1500
    counts: Counter[str] = Counter()
    for i in range(draws):
        situation = Situation(task, (), COMMANDS[i % len(COMMANDS)], Schedule().kinds(rng))
        proposed = critic.propose(situation, rng).perturbation
        assert proposed is not None
        counts[proposed.kind] += 1
    expected = draws / len(PERTURBATION_KINDS)
    chi_square = sum((counts[kind] - expected) ** 2 / expected for kind in PERTURBATION_KINDS)
    assert chi_square < 18.5, counts  # 4 degrees of freedom, p = 0.001; the seed is fixed


def test_the_same_generator_gives_the_same_mistakes(task: Task) -> None:
    assert [propose(task, action, 3) for action in COMMANDS] == [propose(task, action, 3) for action in COMMANDS]
    assert len({propose(task, "make", seed) for seed in range(60)}) > 10


def test_malformed_mistakes_are_the_tasks_fault(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"mistakes\.toml"):
        propose(a_task(tmp_path, solution=SOLVE, mistakes=a_mistake(9, "x")), "make", 0)


def test_a_task_without_a_solution_has_rules_only(tmp_path: Path) -> None:
    proposed = propose(a_task(tmp_path), "make", 0)
    assert proposed is not None
    assert proposed.reason.startswith("rule: ")


def test_critics_by_name() -> None:
    assert isinstance(critic_named("rule"), RuleCritic)
    with pytest.raises(ValueError, match="critic: expected one of rule, llm or a Critic object, found 'rules'"):
        critic_named("rules")
    with pytest.raises(ValueError, match=r"critic 'llm': expected model and base_url: .*missing"):
        critic_named("llm", {"model": "x"})
    with pytest.raises(ValueError, match=r"critic 'rule': expected no options, found \['tries'\]"):
        critic_named("rule", {"tries": 2})


@pytest.mark.parametrize("weighted", [False, True])
def test_where_classes_are_weighted_the_drawn_one_goes_before_the_tasks_own(task: Task, weighted: bool) -> None:
    rng = np.random.default_rng(3)
    situations = [Situation(task, (), "make", Schedule().kinds(rng), weighted=weighted) for _ in range(200)]
    proposed = [RuleCritic().propose(situation, rng).perturbation for situation in situations]
    as_drawn = [found is not None and found.kind == s.kinds[0] for found, s in zip(proposed, situations, strict=True)]
    assert all(as_drawn) is weighted
    taken = sum(found is not None and found.reason.startswith("mistakes.toml") for found in proposed)
    assert (taken < 70) is weighted
