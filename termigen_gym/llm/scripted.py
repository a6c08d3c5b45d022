"""A model that says what it was told to, for tests and demos."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeAlias

from ..errors import ModelError
from .base import Reply, Request

Answer: TypeAlias = str | Reply
Script: TypeAlias = Answer | Sequence[Answer] | Callable[[Request], Answer]


class Scripted:
    """Answers by purpose.

    Args:
        replies: by purpose, or by a pattern of purposes as fnmatch has them; a purpose itself goes before patterns,
            among which the first that matches is taken. An answer is a text or a Reply; a list of them is taken in
            turn, one each time that its key is asked for; a function is given the request. One function in place of
            the mapping answers everything.
        name: of the model.

    Attributes:
        requests: all that it was asked, in order.
    """

    def __init__(self, replies: Mapping[str, Script] | Callable[[Request], Answer], name: str = "scripted") -> None:
        self.name = name
        self.requests: list[Request] = []
        self._replies: Mapping[str, Script] = {"*": replies} if callable(replies) else replies
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def complete(self, request: Request) -> Reply:
        """Return the answer that the script has.

        Raises:
            ModelError: it has none, or no further one, for this purpose.
        """
        key = self._key(request.purpose)
        with self._lock:
            self.requests.append(request)
            turn = self._taken[key]
            self._taken[key] += 1
        script = self._replies[key]
        if callable(script):
            answer = script(request)
        elif isinstance(script, str | Reply):
            answer = script
        elif turn < len(script):
            answer = script[turn]
        else:
            raise ModelError(
                f"expected at most {len(script)} requests for {key!r}, found one more: {request.purpose!r}"
            )
        return answer if isinstance(answer, Reply) else Reply(answer, model=self.name)

    def _key(self, purpose: str) -> str:
        if purpose in self._replies:
            return purpose
        for pattern in self._replies:
            if fnmatchcase(purpose, pattern):
                return pattern
        raise ModelError(f"expected a purpose that is in the script ({', '.join(self._replies)}), found {purpose!r}")
