"""How much may be spent on models."""

from __future__ import annotations

import threading

from ..errors import BudgetSpent
from .base import ChatModel, Reply, Request, Usage


class Budget:
    """A limit, which any number of models and threads may share.

    Calls that are under way when it is spent are let through: as many replies as were being waited for may exceed it.

    Args:
        tokens: read and written together; None is no limit.
        dollars: None is no limit.

    What an endpoint does not tell (`Usage`) can't be counted: a limit in dollars needs a model that knows its price.
    """

    def __init__(self, tokens: int | None = None, dollars: float | None = None) -> None:
        self._tokens = tokens
        self._dollars = dollars
        self._spent = Usage()
        self._lock = threading.Lock()

    @property
    def spent(self) -> Usage:
        """By all models that share this budget."""
        with self._lock:
            return self._spent

    def add(self, usage: Usage) -> None:
        """Count what a reply took."""
        with self._lock:
            self._spent += usage

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return bool(self._exceeded())

    def check(self) -> None:
        """Return if there is something left.

        Raises:
            BudgetSpent: there is not.
        """
        if told := self._exceeded():
            raise BudgetSpent(told)

    def _exceeded(self) -> str:
        spent = self.spent
        if self._tokens is not None and spent.tokens >= self._tokens:
            return _message(f"{self._tokens} tokens", f"{spent.tokens}")
        if self._dollars is not None and spent.dollars >= self._dollars:
            return _message(f"{self._dollars:g} dollars", f"{spent.dollars:g}")
        return ""


class Budgeted:
    """A model that is no longer asked once the budget is spent.

    Around a `Recorder`, recorded replies count again: the budget is that of the run, however often it is resumed.
    Inside of one only new calls count.

    Attributes:
        name: the model's.
    """

    def __init__(self, model: ChatModel, budget: Budget) -> None:
        self.name = model.name
        self._model = model
        self._budget = budget
        self._own = Budget()

    @property
    def spent(self) -> Usage:
        """By this model."""
        return self._own.spent

    def complete(self, request: Request) -> Reply:
        """Return the model's reply and count what it took.

        Raises:
            BudgetSpent: nothing is left; the model was not asked.
            ModelError: as the model does.
        """
        self._budget.check()
        reply = self._model.complete(request)
        self._budget.add(reply.usage)
        self._own.add(reply.usage)
        return reply


def _message(limit: str, spent: str) -> str:
    return f"expected to spend at most {limit}, found {spent} spent; resume the run with a larger budget"
