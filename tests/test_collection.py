"""Phase II from end to end on each engine: a run is collected, exported in every format, and replayed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from termigen_gym.cli import app
from termigen_gym.cli.exporting import Format
from termigen_gym.sandbox.base import Engine
from termigen_gym.store import EpisodeStore
from tests.chat import a_tokenizer
from tests.replay.recording import register

EPISODES = 4


def test_a_run_is_collected_exported_and_replayed(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, tmp_path / "envs", "one")
    run = tmp_path / "run"

    def termigen(*words: object) -> dict[str, Any]:
        done = CliRunner().invoke(app, [*map(str, words), "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    where = ("--sandbox", engine.name)
    account = termigen(
        "collect", "--out", run, "--tasks", "one", "--episodes", EPISODES, "--epsilon", 0.4, "--seed", 1, *where
    )
    assert (account["episodes"], account["solved"], account["errors"]) == (EPISODES, EPISODES, 0)
    assert account["injected"] == account["made_good"]
    assert sum(account["injected"].values()) > 0
    tokenizer = tmp_path / "tokenizer"
    a_tokenizer().save_pretrained(str(tokenizer))
    for format in Format:
        more = ("--tokenizer", tokenizer) if format == Format.tokens else ()
        out = tmp_path / "exports" / format
        told = termigen("export", run, "--format", format, "--out", out, *more)
        assert told["episodes"] == EPISODES
        assert list(out.iterdir())
    total = termigen("replay", run, "--all", *where)["total"]
    assert (total["episodes"], total["share"]) == (EPISODES, 1.0)


@pytest.mark.parametrize("command", [("collect", "--episodes", "1"), ("eval",)], ids=["collect", "eval"])
def test_an_agent_is_shown_as_much_as_is_wanted(
    one_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    register(monkeypatch, tmp_path / "envs", "one")
    words = ["--out", str(tmp_path / "run"), "--tasks", "one", "--agent", "oracle", "--sandbox", one_engine.name]
    done = CliRunner().invoke(app, [*command, *words, "--output-limit", "120"], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    (episode,) = EpisodeStore(tmp_path / "run")
    assert (episode.env_spec or {})["kwargs"]["output_limit"] == 120


@pytest.mark.parametrize(("task", "most"), [("stock-terminal", 2), ("one", 4)])
def test_verdicts_are_reused_where_a_certificate_holds(
    one_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str, most: int
) -> None:
    register(monkeypatch, tmp_path / "envs", "one")
    words = ("--tasks", task, "--episodes", "4", "--critic", "none", "--workers", "1", "--reuse-verdicts", "--json")
    done = CliRunner().invoke(
        app,
        ["collect", "--out", str(tmp_path / "run"), "--sandbox", one_engine.name, *words],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.stderr
    assert ("reused for 0 of 1 tasks" in done.stderr) == (task == "one")
    verdicts = [episode.verdict for episode in EpisodeStore(tmp_path / "run")]
    assert all(verdict is not None and verdict["reward"] == 1 for verdict in verdicts)
    reused = sum(verdict["reused"] for verdict in verdicts if verdict is not None)
    assert json.loads(done.stdout)["reused"] == reused
    assert reused >= len(verdicts) - most
    assert task == "stock-terminal" or reused == 0
