"""A real model server whose model has nothing to say: no task, no crash, and a full account."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from termigen_gym.cli import main
from tests.command import MAIN
from tests.serving import served
from training.tiny import TinyShape, make_tiny


def test_a_model_that_babbles_makes_no_task_and_a_full_account(tmp_path: Path) -> None:
    checkpoint = make_tiny(tmp_path / "tiny", [main.__doc__ or "", "a shell"], shape=TinyShape(layers=1))
    out = tmp_path / "out"
    words = ["--out", out, "--n", "2", "--author", "model", "--model", checkpoint, "--max-reply-tokens", "40"]
    with served(checkpoint, tmp_path) as url:
        done = subprocess.run(
            [*MAIN, "synthesize", *map(str, words), "--base-url", url, "--sandbox", "bubblewrap", "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert (told["admitted"], told["slots"], told["stages"]["drafted"]) == (0, 8, 0)
    account = json.loads((out / "funnel.json").read_text())
    assert told["falls"] == {"seeds": 8}
    assert len(account["ended"]) == 8
    assert all("found twice none" in ended["why"] for ended in account["ended"])
    calls = [json.loads(line)["reply"]["usage"] for line in (out / "calls.jsonl").read_text().splitlines()]
    assert told["spent"]["completion_tokens"] == sum(usage["completion_tokens"] for usage in calls) > 0
    assert account["spent"] == told["spent"]
    assert "<td>seeds</td>" in (out / "index.html").read_text()
    assert list((out / "tasks").iterdir()) == []
