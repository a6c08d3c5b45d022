"""What may be spent on models."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from termigen_gym.errors import BudgetSpent, ModelError
from termigen_gym.llm import Budget, Budgeted, Reply, Request, Scripted, Usage

COSTS = Reply("Hello", usage=Usage(6, 4, 0.25))


def ask(purpose: str = "p") -> Request:
    return Request(purpose, ())


@pytest.mark.parametrize(
    ("budget", "calls", "complaint"),
    [
        (Budget(tokens=30), 3, "at most 30 tokens, found 30 spent; resume the run with a larger budget"),
        (Budget(tokens=25), 3, "at most 25 tokens, found 30 spent"),
        (Budget(dollars=0.5), 2, r"at most 0\.5 dollars, found 0\.5 spent"),
        (Budget(tokens=1000, dollars=0.3), 2, "dollars"),
        (Budget(tokens=0), 0, "at most 0 tokens"),
    ],
)
def test_a_spent_budget_asks_no_more(budget: Budget, calls: int, complaint: str) -> None:
    script = Scripted({"*": COSTS}, name="tiny")
    model = Budgeted(script, budget)
    for _ in range(calls):
        assert model.complete(ask()) == COSTS
    with pytest.raises(BudgetSpent, match=complaint):
        model.complete(ask())
    assert len(script.requests) == calls
    assert model.spent == budget.spent == Usage(6 * calls, 4 * calls, 0.25 * calls)
    assert model.name == "tiny"


def test_models_share_a_budget_and_know_their_own_part() -> None:
    budget = Budget(tokens=20)
    one, other = (Budgeted(Scripted({"*": COSTS}), budget) for _ in range(2))
    one.complete(ask())
    other.complete(ask())
    for model in (one, other):
        with pytest.raises(BudgetSpent):
            model.complete(ask())
        assert model.spent.tokens == 10


def test_threads_lose_no_count(hasty_threads: None) -> None:
    model = Budgeted(Scripted({"*": COSTS}), Budget())
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: [model.complete(ask()) for _ in range(100)], range(40)))
    assert model.spent == Usage(24_000, 16_000, 1000.0)


def test_a_failure_costs_nothing() -> None:
    model = Budgeted(Scripted({}), Budget(tokens=1))
    for _ in range(2):
        with pytest.raises(ModelError, match="in the script"):
            model.complete(ask())
    assert model.spent == Usage()
