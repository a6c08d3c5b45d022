"""The order and the levels, worked out anew from a copy of the targets."""

import json
from collections import Counter
from pathlib import Path

NEEDS = json.loads(Path(__file__).with_name("needs.json").read_text())


def lines(path):
    return [line.rstrip() for line in Path(path).read_text().rstrip().split("\n")]


def level(name):
    return max((level(need) + 1 for need in NEEDS[name]), default=0)


def test_the_order_takes_the_first_name_that_can_be_built():
    order = []
    while len(order) < len(NEEDS):
        order.append(min(name for name in NEEDS if name not in order and set(NEEDS[name]) <= set(order)))
    assert lines("/app/order.txt") == order


def test_levels_are_counted():
    counts = sorted(Counter(level(name) for name in NEEDS).items())
    assert lines("/app/levels.csv") == ["level,targets", *(f"{number},{count}" for number, count in counts)]
