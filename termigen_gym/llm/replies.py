"""Facts in a model's reply: one JSON object, found in whatever surrounds it, read leniently and checked strictly.

What is wrong with a reply is told in words that a model can act on.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

_TRIES = 300
"""Places where a JSON object may begin that are looked at: a text of braces alone must not take minutes."""

_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)


class ReplyProblem(Exception):
    """A reply can't be used; its text says what was expected and what was found."""


class Facts(BaseModel):
    """A JSON object of a reply; what it holds besides is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


FactsT = TypeVar("FactsT", bound=Facts)


def without_thoughts(text: str) -> str:
    """Return a reply without what the model thought aloud."""
    return _THOUGHT.sub("", text)


def read_facts(text: str, facts: type[FactsT]) -> FactsT:
    """Return the largest JSON object of a reply.

    Raises:
        ReplyProblem: there is none, or it does not fit.
    """
    found = _json_object(text)
    if found is None:
        keys = ", ".join(repr(name) for name in facts.model_fields)
        raise ReplyProblem(f"expected one JSON object with the keys {keys}, found none")
    try:
        return facts.model_validate(found)
    except ValidationError as error:
        problems = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()[:8]]
        raise ReplyProblem(f"expected the JSON object to fit, found: {'; '.join(problems)}") from None


def _json_object(text: str) -> Any:
    """Return the largest JSON object in a text, None where there is none."""
    decoder, best, best_length, at = json.JSONDecoder(), None, 0, text.find("{")
    for _ in range(_TRIES):
        if at < 0:
            break
        try:
            found, end = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            end = at + 1
        else:
            if end - at > best_length:
                best, best_length = found, end - at
        at = text.find("{", end)
    return best
