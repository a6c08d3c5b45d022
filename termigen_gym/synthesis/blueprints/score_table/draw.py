"""Draws the tables and the rules of a `score_table` task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..kit import between, chance, pick, sample
from .case import OBJECTIVES, Case, Item, Rules, neglected
from .evaluation import TieError, evaluate
from .worlds import BENCHES, Bench

_ITEMS = {"easy": 70, "medium": 130, "hard": 200}
SPLITS = (("train", "valid", "test"), ("fit", "tune", "holdout"), ("learn", "dev", "eval"))
"""How the splits are called: the one that a model learned from, the one for choices, the one that counts."""


def draw_case(rng: np.random.Generator, difficulty: str) -> Case:
    """Return tables in which every rule makes a difference, and no rounded value depends on how halves are rounded."""
    bench, several = pick(rng, BENCHES), chance(rng, 45)
    while True:
        case = _draw(rng, difficulty, bench, several)
        try:
            right = evaluate(case)
            if not _dull(case, right) and all(
                evaluate(case, other) != right for other in neglected(case.rules).values()
            ):
                return case
        except TieError:
            continue


def _dull(case: Case, right: dict[str, Any]) -> bool:
    """Whether an evaluation leaves some rule without anything to do."""
    metrics = right["metrics"]
    counts = [metrics[name] for name in ("leaked", "unscored", *(() if case.rules.several else ("tp", "fp", "tn")))]
    few = case.rules.smallest > 0 and len(right["parts"]) < 2
    return few or min(counts) == 0


def _draw(rng: np.random.Generator, difficulty: str, bench: Bench, several: bool) -> Case:
    hard = difficulty == "hard"
    bins = 0 if several else pick(rng, (0, 5, 10) if difficulty == "easy" else (4, 5, 10))
    fewest = between(rng, 3, {"easy": 4, "medium": 7, "hard": 12}[difficulty])
    plain = difficulty == "easy" and (several or bins > 0) and chance(rng, 50)
    rules = Rules(
        several=several,
        last=chance(rng, 50),
        seen=pick(rng, (("train",), ("train", "valid"))),
        absent="out" if several else pick(rng, ("zero", "out")),
        corrected=difficulty != "easy",
        objective=pick(rng, (*sorted(OBJECTIVES), "cost")),
        costs=(between(rng, 3, 9), between(rng, 1, 2)),
        highest=chance(rng, 50),
        digits=pick(rng, (3, 4)),
        bins=bins,
        smallest=0 if plain else fewest,
        ranked=hard or chance(rng, 60),
    )
    classes = (
        tuple(sorted(sample(rng, bench.classes, 5 if hard else 4))) if several else (bench.negative, bench.positive)
    )
    count = _ITEMS[difficulty]
    numbers = sorted(sample(rng, range(100, 999), count))
    groups = [f"{bench.group_prefix}{number}" for number in sample(rng, range(10, 99), min(89, count // 3))]
    homes = {group: pick(rng, ("train", "train", "valid", "test", "test")) for group in groups}
    items, scores = [], []
    for number in numbers:
        group = pick(rng, groups)
        split = homes[group] if chance(rng, 93) else pick(rng, ("train", "valid", "test"))
        label = pick(rng, classes) if several else bench.positive if chance(rng, 38) else bench.negative
        item = Item(f"{bench.prefix}{number}", group, pick(rng, bench.parts), label, split)
        items.append(item)
        for _ in range(1 + chance(rng, 7) if chance(rng, 95) else 0):
            scores.append((item.id, _scores(rng, classes, label, several)))
    if hard:
        scores += [(f"{bench.prefix}{number}x", _scores(rng, classes, classes[0], several)) for number in numbers[:3]]
    fixes = []
    for item in sample(rng, items, count // 12):
        fixes.append((item.id, pick(rng, [one for one in classes if one != item.label])))
    if hard:
        # Reviewed twice: the later word counts; and some items were withdrawn.
        fixes += [(name, pick(rng, classes)) for name, _ in fixes[:3]]
        fixes += [(item.id, "void") for item in sample(rng, items, 4)]
    forms = tuple(pick(rng, ("csv", "tsv", "jsonl")) for _ in range(3))
    return Case(
        bench,
        rules,
        classes,
        tuple(items[int(index)] for index in rng.permutation(len(items))),
        tuple(scores[int(index)] for index in rng.permutation(len(scores))),
        tuple(fixes),
        (forms[0], forms[1], forms[2]),
        pick(rng, SPLITS),
    )


def _scores(rng: np.random.Generator, classes: Sequence[str], label: str, several: bool) -> tuple[int, ...]:
    if several:
        return tuple(between(rng, 0, 13) * 50 + (300 if one == label else 0) for one in classes)
    high, low = sorted((between(rng, 0, 100), between(rng, 0, 100)), reverse=True)
    return ((high if label == classes[1] else low) * 10,)
