"""What no task may be like: those that are there already, and those that agents are evaluated on."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from ..catalog import Entry
from .contamination import Evaluation
from .draft import Draft
from .similarity import DUPLICATE, Known


class Verdicts:
    """Says why a draft is not wanted; for many threads at once.

    Args:
        entries: tasks that are there; of a family one instance of each difficulty counts.
        evaluations: sets of evaluation tasks.
        limit: similarity from which on two tasks are the same.
    """

    def __init__(
        self, entries: Iterable[Entry], evaluations: Sequence[Evaluation] = (), limit: float = DUPLICATE
    ) -> None:
        self._known = Known()
        self._evaluations = evaluations
        self._limit = limit
        self._lock = threading.Lock()
        for entry in entries:
            self._known.add_entry(entry)

    def add(self, draft: Draft) -> None:
        """Let no later draft be like this one."""
        with self._lock:
            self._known.add(draft.name, *_texts(draft))

    def alike(self, draft: Draft, other: Draft) -> bool:
        """Return whether two drafts are the same task, as far as can be told from the two alone."""
        pair = Known()
        pair.add(other.name, *_texts(other))
        near = pair.nearest(*_texts(draft))
        return near is not None and near[1] >= self._limit

    def against(self, draft: Draft) -> str:
        """Return why a draft is not wanted, "" where nothing speaks against it."""
        with self._lock:
            near = self._known.nearest(*_texts(draft))
        if near is not None and near[1] >= self._limit:
            return f"it is {near[1]:.2f} like {near[0]}; from {self._limit:g} on two tasks are the same"
        for evaluation in self._evaluations:
            found = evaluation.contamination(*_texts(draft))
            if found is not None:
                how = f"{found.why} {found.measure:.3g} {found.excerpt!r}"
                return f"it is like the evaluation task {found.against}: {how}"
        return ""


def _texts(draft: Draft) -> tuple[str, str]:
    return draft.text("instruction.md"), draft.text("solution/solve.sh")
