"""Means and faults, worked out anew from a copy of the readings."""

import json
import re
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

READINGS = json.loads(Path(__file__).with_name("readings.json").read_text())


def counts(text):
    return bool(re.fullmatch(r"-?\d+(\.\d+)?", text)) and Decimal("-2.0") <= Decimal(text) <= Decimal("35.0")


def lines(path):
    return [line.rstrip() for line in Path(path).read_text().rstrip().split("\n")]


def test_means_are_of_what_counts():
    rows = ["buoy,readings,mean"]
    for buoy in sorted({row[0] for row in READINGS}):
        held = [Decimal(text) for other, _, text in READINGS if other == buoy and counts(text)]
        if held:
            mean = (sum(held) / len(held)).quantize(Decimal("0.01"), ROUND_HALF_UP)
            rows.append(f"{buoy},{len(held)},{mean}")
    assert lines("/app/means.csv") == rows


def test_faults_come_with_the_most_first():
    faults = Counter(buoy for buoy, _, text in READINGS if not counts(text))
    rows = sorted(faults.items(), key=lambda item: (-item[1], item[0]))
    assert lines("/app/faults.txt") == [f"{buoy} {count}" for buoy, count in rows]
