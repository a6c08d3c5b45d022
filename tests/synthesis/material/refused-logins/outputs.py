"""Sources and breaches, worked out anew from a copy of the log."""

import json
from collections import Counter
from pathlib import Path

LOGINS = [row for row in json.loads(Path(__file__).with_name("logins.json").read_text()) if row[2] == "sshd"]


def lines(path):
    return [line.rstrip() for line in Path(path).read_text().rstrip().split("\n")]


def test_sources_come_with_the_most_failures_first():
    counts = Counter(row[5] for row in LOGINS if row[3] == "Failed")
    rows = sorted((item for item in counts.items() if item[1] >= 2), key=lambda item: (-item[1], item[0]))
    assert lines("/app/sources.txt") == [f"{address} {count}" for address, count in rows]


def test_breaches_come_after_three_failures_of_their_address():
    failed, expected = Counter(), ["time,user,address"]
    for time, _, _, result, user, address in LOGINS:
        if result == "Failed":
            failed[address] += 1
        elif failed[address] >= 3:
            expected.append(f"{time},{user},{address}")
    assert lines("/app/breached.csv") == expected
