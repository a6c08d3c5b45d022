"""``make dataset``: the published episodes, here a few."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

from termigen_gym.episode import Episode
from termigen_gym.sandbox.base import Engine

ROOT = Path(__file__).parent.parent


def test_one_command_makes_the_dataset(one_engine: Engine, tmp_path: Path) -> None:
    settings = {"EPISODES": 3, "DATASET": tmp_path / "made", "SANDBOX": one_engine.name, "VENV": sys.prefix}
    words = [f"{name}={value}" for name, value in settings.items()]
    done = subprocess.run(
        ["make", "--old-file=setup", "dataset", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in (tmp_path / "made").iterdir()} == {
        "README.md",
        "episodes.jsonl.gz",
        "train.jsonl",
        "validation.jsonl",
    }
    with gzip.open(tmp_path / "made" / "episodes.jsonl.gz", "rt") as lines:
        episodes = [Episode.from_json(line) for line in lines]
    assert [episode.error for episode in episodes] == [None] * 3
    said = [(tmp_path / "made" / f"{part}.jsonl").read_text().splitlines() for part in ("train", "validation")]
    assert [len(lines) for lines in said] == [2, 1]
    assert all(json.loads(line)["messages"] for lines in said for line in lines)
