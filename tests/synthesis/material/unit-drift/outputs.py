"""Drift and missing names, worked out anew from a copy of both files."""

import json
from pathlib import Path

COPIES = json.loads(Path(__file__).with_name("settings.json").read_text())


def settings(text):
    held = {}
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            name, _, value = line.partition("=")
            held[name.strip()] = value.strip()
    return held


WANTED, FOUND = settings(COPIES["wanted"]), settings(COPIES["found"])


def lines(path):
    return [line.rstrip() for line in Path(path).read_text().rstrip().split("\n")]


def test_each_name_with_another_value_is_told():
    drift = [name for name in sorted(WANTED) if name in FOUND and WANTED[name] != FOUND[name]]
    rows = [f"{name},{WANTED[name]},{FOUND[name]}" for name in drift]
    assert lines("/app/drift.csv") == ["name,wanted,found", *rows]


def test_each_name_that_is_not_set_is_told():
    assert lines("/app/missing.txt") == sorted(WANTED.keys() - FOUND.keys())
