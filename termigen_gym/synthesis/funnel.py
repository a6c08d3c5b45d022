"""The account of a run: how many slots came how far, and why the others fell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..checks import AUDIT_CHECKS
from .journal import Ended

_CHECKS = ("build", "null", "echo", "oracle", "mutants")


@dataclass(frozen=True)
class Funnel:
    """How far slots came.

    Attributes:
        wanted: tasks that were asked for. slots: those that ended. admitted: tasks.
        stages: how many slots reached each stage: slots, drafted, those of some checks, certified, admitted.
        by_category: of each category (slots, admitted).
        falls: how many slots ended at each check or stage, or were refused, without being admitted.
        drafts: how many drafts were made in all.
    """

    wanted: int
    slots: int
    admitted: int
    stages: Mapping[str, int]
    by_category: Mapping[str, tuple[int, int]]
    falls: Mapping[str, int]
    drafts: int

    @classmethod
    def of(cls, wanted: int, ended: Iterable[Ended]) -> Funnel:
        """Count."""
        rows = list(ended)
        admitted = [row for row in rows if row.outcome == "admitted"]
        stages = {"slots": len(rows), "drafted": sum(row.drafts > 0 for row in rows)}
        stages |= {check: sum(check in row.reached for row in rows) for check in _CHECKS}
        stages |= {"certified": sum(len(row.reached) == len(AUDIT_CHECKS) for row in rows), "admitted": len(admitted)}
        slots, good = (Counter(row.category for row in some) for some in (rows, admitted))
        falls = Counter(row.stage or row.outcome for row in rows if row.outcome != "admitted")
        return cls(
            wanted,
            len(rows),
            len(admitted),
            stages,
            {category: (slots[category], good[category]) for category in sorted(slots)},
            dict(falls.most_common()),
            sum(row.drafts for row in rows),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        by_category = {name: {"slots": slots, "admitted": good} for name, (slots, good) in self.by_category.items()}
        return {
            "wanted": self.wanted,
            "admitted": self.admitted,
            "slots": self.slots,
            "drafts": self.drafts,
            "stages": dict(self.stages),
            "by_category": by_category,
            "falls": dict(self.falls),
        }
