"""Who says what: each role is one prompt, one type of reply and a number of calls, over whichever model plays it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import RequestFailed
from ..llm import ChatModel, Reply, Request
from ..llm.prompts import render
from ..llm.replies import FactsT, ReplyProblem
from ..text import clip
from .making import Fallen
from .replies import parse

ROLES: Mapping[str, int] = {
    "seeds": 2,
    "proposer": 6,
    "evaluator": 4,
    "planner": 3,
    "constructor": 60,
    "builder": 6,
    "tester": 8,
    "solver": 8,
    "saboteur": 5,
    "judge": 3,
}
"""Roles, and how many calls each may take for one task; a reply that can't be used counts."""

_ECHOED = 2000
_PACKAGE = "termigen_gym.synthesis"


def role_of(purpose: str) -> str:
    """Return the role that a request's purpose names, "" for none."""
    parts = purpose.split("/")
    return parts[1] if len(parts) == 3 else ""


class Talk:
    """What is said for one task. Calls are counted, so that each has a purpose of its own, the same in every run.

    Args:
        label: of the task, such as "slot-0003".
        model: plays every role; it may tell them apart by `role_of`.
    """

    def __init__(self, label: str, model: ChatModel) -> None:
        self._label = label
        self._model = model
        self._calls: Counter[str] = Counter()

    def ask(
        self,
        role: str,
        facts: type[FactsT],
        paths: Mapping[str, bool],
        *,
        also: Callable[[FactsT, Mapping[str, str]], None] = lambda facts, files: None,
        **told: Any,
    ) -> tuple[FactsT, dict[str, str]]:
        """Return what a role replies; one that can't be used is told so once.

        Args:
            role: one of `ROLES`.
            facts: the type of the reply's JSON object.
            paths: of the files in it, to whether they must be there.
            also: looks further at what was read; raises ReplyProblem.
            told: what the role's prompt names.

        Raises:
            Fallen: the role's calls are spent, its reply can't be used twice in a row, or this one request fails.
            ModelError: the model failed.
        """
        prompt = render(_PACKAGE, role, **told)
        messages = [_message("system", render(_PACKAGE, "system", role=role)), _message("user", prompt)]
        problem = ""
        for _ in range(2):
            reply = self._complete(role, messages)
            try:
                if reply.finish_reason == "length":
                    raise ReplyProblem("expected a whole reply, found one that was cut off, as it is too long")
                read = parse(reply.text, facts, paths)
                also(*read)
                return read
            except ReplyProblem as error:
                problem = str(error)
                messages += [
                    _message("assistant", clip(reply.text, _ECHOED).text),
                    _message("user", f"This can't be used: {problem}\nReply again, whole, in the form asked for."),
                ]
        raise Fallen(role, f"expected a reply of the {role} that can be used, found twice none: {problem}")

    def _complete(self, role: str, messages: list[dict[str, str]]) -> Reply:
        if self._calls[role] == ROLES[role]:
            raise Fallen(role, f"expected the {role} to be done within {ROLES[role]} calls, found it still at work")
        self._calls[role] += 1
        purpose = f"{self._label}/{role}/{self._calls[role]}"
        try:
            return self._model.complete(Request(purpose, tuple(dict(message) for message in messages)))
        except RequestFailed as failed:
            raise Fallen(role, str(failed)) from None


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
