"""The late parcels and the depots' counts, worked out anew from a copy of the day's deliveries."""

import json
from pathlib import Path

PARCELS = json.loads(Path(__file__).with_name("parcels.json").read_text())


def minutes(time):
    hours, rest = time.split(":")
    return int(hours) * 60 + int(rest)


DELAYS = [(name, depot, minutes(done) - minutes(promised)) for name, depot, promised, done in PARCELS if done != "-"]


def lines(path):
    return [line.rstrip() for line in Path(path).read_text().rstrip().split("\n")]


def test_late_parcels_come_with_the_longest_delay_first():
    late = sorted((row for row in DELAYS if row[2] > 0), key=lambda row: (-row[2], row[0]))
    assert lines("/app/late.csv") == ["id,depot,minutes", *(f"{name},{depot},{delay}" for name, depot, delay in late)]


def test_each_depot_is_counted():
    expected = []
    for depot in sorted({row[1] for row in DELAYS}):
        own = [delay for _, other, delay in DELAYS if other == depot]
        expected.append(f"{depot} {sum(delay > 0 for delay in own)}/{len(own)}")
    assert lines("/app/depots.txt") == expected


def test_the_data_are_as_they_were():
    held = [line.split(",") for line in Path("/app/parcels.csv").read_text().splitlines()[1:]]
    assert held == PARCELS
