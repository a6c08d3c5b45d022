"""What the rules of a `score_table` task give on its tables, in exact fractions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .case import OBJECTIVES, Case, Rules


class TieError(Exception):
    """A value lies in the middle of two rounded ones; another evaluation is to be drawn."""


@dataclass(frozen=True)
class Scored:
    """An item that is evaluated."""

    part: str
    label: str
    values: tuple[int, ...]


def evaluate(case: Case, rules: Rules | None = None) -> dict[str, Any]:
    """Return what is to be reported: metrics, and tables as rows of text.

    Raises:
        TieError: a value lies in the middle of two rounded ones.
    """
    rules = rules or case.rules
    labels = {one.id: one.label for one in case.items}
    if rules.corrected:
        labels.update(case.fixes)
    scores: dict[str, tuple[int, ...]] = {}
    for name, values in case.scores:
        if rules.last or name not in scores:
            scores[name] = values
    used = [one for one in case.items if labels[one.id] != "void"]
    seen = {one.group for one in used if one.split in rules.seen}
    leaked = sorted(one.id for one in used if one.split == "test" and one.group in seen)
    parts: dict[str, list[Scored]] = {"train": [], "valid": [], "test": []}
    unscored = 0
    for one in used:
        if one.id in leaked:
            continue
        unscored += one.split == "test" and one.id not in scores
        if one.id in scores or rules.absent == "zero":
            parts[one.split].append(Scored(one.part, labels[one.id], scores.get(one.id, (0,))))
    told: dict[str, object] = {"leaked": leaked}
    metrics: dict[str, object] = {"items": len(parts["test"]), "leaked": len(leaked), "unscored": unscored}
    judge = _Several if rules.several else _Two
    told |= judge(case.classes, rules, parts).report(metrics)
    return told


class _Evaluation:
    """What evaluations of two and of several classes share."""

    def __init__(self, classes: Sequence[str], rules: Rules, parts: dict[str, list[Scored]]) -> None:
        self.classes, self.rules, self.parts = classes, rules, parts
        self.test = parts["test"]

    def fixed(self, value: Fraction) -> str:
        """Return a value rounded, as text."""
        scaled = value * 10**self.rules.digits
        if (scaled * 2).denominator == 1 and scaled.denominator != 1:
            raise TieError
        return f"{round(scaled) / 10**self.rules.digits:.{self.rules.digits}f}"

    def number(self, value: Fraction) -> float:
        """Return a value rounded."""
        return float(self.fixed(value))

    def by_part(self, right: list[bool]) -> list[list[str]]:
        """Return the accuracy of each part that is large enough, the worst first."""
        rows = []
        for part in sorted({one.part for one in self.test}):
            hits = [hit for one, hit in zip(self.test, right, strict=True) if one.part == part]
            if len(hits) >= self.rules.smallest:
                rows.append((Fraction(sum(hits), len(hits)), part, len(hits)))
        return [[part, str(count), self.fixed(share)] for share, part, count in sorted(rows)]

    def rates(self, hits: int, false: int, missed: int) -> tuple[Fraction, Fraction, Fraction]:
        """Return precision, recall and F1."""
        return ratio(hits, hits + false), ratio(hits, hits + missed), ratio(2 * hits, 2 * hits + false + missed)


def ratio(part: int, whole: int) -> Fraction:
    """Return a share, 0 of nothing."""
    return Fraction(part, whole) if whole else Fraction(0)


class _Two(_Evaluation):
    """Of a positive and a negative class."""

    def counts(self, rows: list[Scored], threshold: int) -> tuple[int, int, int, int]:
        """Return true and false positives, false and true negatives."""
        found = [(one.values[0] >= threshold, one.label == self.classes[1]) for one in rows]
        return (
            found.count((True, True)),
            found.count((True, False)),
            found.count((False, True)),
            found.count((False, False)),
        )

    def threshold(self) -> int:
        """Return the best threshold."""
        rows = self.parts[self.rules.tuned_on]
        sign = 1 if self.rules.highest else -1
        return max(
            {one.values[0] for one in rows}, key=lambda value: (self._worth(rows, value), sign * value), default=0
        )

    def _worth(self, rows: list[Scored], threshold: int) -> Fraction:
        hits, false, missed, _ = self.counts(rows, threshold)
        if self.rules.objective == "cost":
            return -Fraction(self.rules.costs[0] * missed + self.rules.costs[1] * false)
        miss, alarm = OBJECTIVES[self.rules.objective]
        return ratio((miss + alarm) * hits, (miss + alarm) * hits + miss * missed + alarm * false)

    def report(self, metrics: dict[str, object]) -> dict[str, object]:
        """Return metrics and tables."""
        threshold = self.threshold()
        hits, false, missed, rest = self.counts(self.test, threshold)
        precision, recall, both = self.rates(hits, false, missed)
        metrics |= {"threshold": threshold / 1000, "tp": hits, "fp": false, "fn": missed, "tn": rest}
        metrics |= {"precision": self.number(precision), "recall": self.number(recall), "f1": self.number(both)}
        told: dict[str, object] = {"metrics": metrics}
        if self.rules.ranked:
            metrics["auc"] = self.number(self._auc())
        if self.rules.bins:
            told["bins"], error = self._bins()
            metrics["ece"] = self.number(error)
        if self.rules.smallest:
            told["parts"] = self.by_part(
                [(one.values[0] >= threshold) == (one.label == self.classes[1]) for one in self.test]
            )
        return told

    def _auc(self) -> Fraction:
        good = [one.values[0] for one in self.test if one.label == self.classes[1]]
        bad = [one.values[0] for one in self.test if one.label != self.classes[1]]
        return ratio(sum((a > b) * 2 + (a == b) for a in good for b in bad), 2 * len(good) * len(bad))

    def _bins(self) -> tuple[list[list[str]], Fraction]:
        rows, error = [], Fraction(0)
        for number in range(self.rules.bins):
            held = [
                one for one in self.test if min(one.values[0] * self.rules.bins // 1000, self.rules.bins - 1) == number
            ]
            if held:
                mean = Fraction(sum(one.values[0] for one in held), 1000 * len(held))
                share = Fraction(sum(one.label == self.classes[1] for one in held), len(held))
                error += abs(mean - share) * Fraction(len(held), len(self.test))
                rows.append([str(number), str(len(held)), self.fixed(mean), self.fixed(share)])
        return rows, error


class _Several(_Evaluation):
    """Of several classes."""

    def report(self, metrics: dict[str, object]) -> dict[str, object]:
        """Return metrics and tables."""
        ranks = [
            sorted(self.classes, key=lambda name: (-one.values[self.classes.index(name)], name)) for one in self.test
        ]
        pairs = [(one.label, rank[0]) for one, rank in zip(self.test, ranks, strict=True)]
        confusion = [[label, *(str(pairs.count((label, other))) for other in self.classes)] for label in self.classes]
        table, scores = [], []
        for name in self.classes:
            hits = pairs.count((name, name))
            support = sum(label == name for label, _ in pairs)
            rates = self.rates(hits, sum(called == name for _, called in pairs) - hits, support - hits)
            scores.append(rates[2])
            table.append([name, str(support), *(self.fixed(rate) for rate in rates)])
        right = [label == called for label, called in pairs]
        metrics["accuracy"] = self.number(ratio(sum(right), len(right)))
        metrics["macro_f1"] = self.number(sum(scores, Fraction(0)) / len(scores))
        if self.rules.ranked:
            near = [one.label in rank[:2] for one, rank in zip(self.test, ranks, strict=True)]
            metrics["top2"] = self.number(ratio(sum(near), len(near)))
        told: dict[str, object] = {"metrics": metrics, "confusion": confusion, "classes": table}
        if self.rules.smallest:
            told["parts"] = self.by_part(right)
        return told
