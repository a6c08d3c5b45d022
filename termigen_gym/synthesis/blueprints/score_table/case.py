"""The tables of a `score_table` task and the rules for their evaluation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..drawing import table_text
from .worlds import Bench

OBJECTIVES = {"f1": (1, 1), "f2": (4, 1), "f0.5": (1, 4)}
"""What a threshold may maximise: weights of a miss and of a false alarm in it."""


@dataclass(frozen=True)
class Rules:
    """How the tables are evaluated.

    Attributes:
        several: whether there are more than two classes.
        last: whether of several scores of an item the last counts, else the first.
        seen: the splits whose groups make a test item leaked.
        absent: "zero" where an item without a score has score 0, "out" where it is left out.
        corrected: whether the corrections are applied.
        objective: of the threshold: one of `OBJECTIVES` or "cost"; costs: of a miss and of a false alarm.
        highest: whether of equally good thresholds the highest is taken.
        digits: to which is rounded. bins: of the calibration, 0 for none. smallest: part to be reported, 0 for none.
        ranked: whether AUC, or of several classes the hits among the best two, are asked for.
    """

    several: bool
    last: bool
    seen: tuple[str, ...]
    absent: str
    corrected: bool
    objective: str
    costs: tuple[int, int]
    highest: bool
    digits: int
    bins: int
    smallest: int
    ranked: bool
    tuned_on: str = "valid"


@dataclass(frozen=True)
class Item:
    """A row of the labels, with its split."""

    id: str
    group: str
    part: str
    label: str
    split: str


@dataclass(frozen=True)
class Case:
    """The tables: labels with splits, scores in thousandths in the order of their file, corrections in theirs."""

    bench: Bench
    rules: Rules
    classes: tuple[str, ...]
    items: tuple[Item, ...]
    scores: tuple[tuple[str, tuple[int, ...]], ...]
    fixes: tuple[tuple[str, str], ...]
    formats: tuple[str, str, str]
    splits: tuple[str, str, str]

    def path(self, number: int) -> str:
        """Return the path of the labels (0), splits (1), scores (2) or corrections (3)."""
        suffix = (*self.formats, "csv")[number]
        return f"/app/data/{self.bench.files[number]}.{suffix}"

    def split_name(self, split: str) -> str:
        """Return how the files call a split."""
        return self.splits[("train", "valid", "test").index(split)]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the scores."""
        return ("id", *self.classes) if self.rules.several else ("id", "score")

    def files(self) -> dict[str, bytes | str]:
        """Return what is put into the image."""
        bench = self.bench
        labels = [(one.id, one.group, one.part, one.label) for one in self.items]
        splits = [(one.id, self.split_name(one.split)) for one in reversed(self.items)]
        decimal = self.formats[2] != "jsonl"
        scores = [
            (name, *(f"{value / 1000:.3f}" if decimal else value / 1000 for value in values))
            for name, values in self.scores
        ]
        found: dict[str, bytes | str] = {
            self.path(0): table_text(self.formats[0], ("id", bench.group, bench.part, "label"), labels),
            self.path(1): table_text(self.formats[1], ("id", "split"), splits),
            self.path(2): table_text(self.formats[2], self.columns, scores),
        }
        if self.rules.corrected:
            found[self.path(3)] = table_text("csv", ("id", "label"), self.fixes)
        return found


def neglected(rules: Rules) -> dict[str, Rules]:
    """Return the rules with one of them neglected, by a name for that."""
    found = {
        "leaked-items-kept": replace(rules, seen=()),
        "other-score-of-several": replace(rules, last=not rules.last),
    }
    if rules.corrected:
        found["corrections-forgotten"] = replace(rules, corrected=False)
    if not rules.several:
        found["threshold-tuned-on-the-test"] = replace(rules, tuned_on="test")
        found["unscored-items-treated-the-other-way"] = replace(
            rules, absent="out" if rules.absent == "zero" else "zero"
        )
    return found
