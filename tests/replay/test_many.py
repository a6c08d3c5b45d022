"""``termigen replay``: a run of two tasks under the critic, collected and replayed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from termigen_gym.cli import app
from termigen_gym.collect import collect
from termigen_gym.episode import Episode
from termigen_gym.plan import Plan, Progress
from termigen_gym.replay import replay_run
from termigen_gym.sandbox.base import Engine
from termigen_gym.store import EpisodeStore
from tests.replay.recording import register

ONE, TWO = "termigen/one-v0", "termigen/two-v0"

Termigen = Callable[..., Result]


@pytest.fixture
def run(one_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four episodes, two of each task."""
    register(monkeypatch, tmp_path / "envs", "one", "two")
    plan = Plan(tasks=(ONE, TWO), episodes=4, epsilon=0.4, seed=1, sandbox=one_engine.name)
    assert collect(plan, tmp_path / "run").perturbed
    return tmp_path / "run"


@pytest.fixture
def termigen(one_engine: Engine) -> Termigen:
    def call(*args: object) -> Result:
        result = CliRunner().invoke(app, ["replay", *map(str, args), "--sandbox", one_engine.name])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


def alter(run: Path, change: Callable[[Episode], Episode]) -> None:
    episodes = [change(episode) for episode in EpisodeStore(run)]
    (run / "episodes.jsonl").write_text("".join(episode.to_json() + "\n" for episode in episodes))


def shown_otherwise(episode: Episode) -> Episode:
    """Another first output in episode 000000, none else."""
    if episode.id != "000000":
        return episode
    steps = list(episode.steps)
    steps[1] = replace(steps[1], observation="nothing of the kind\n")
    return replace(episode, steps=tuple(steps))


def failed(episode: Episode) -> Episode:
    """Episode 000001 as a failure of ours."""
    error = {"type": "SandboxDied", "message": "gone"}
    return replace(episode, ended="error", error=error) if episode.id == "000001" else episode


def test_a_run_replays(run: Path, termigen: Termigen) -> None:
    done = termigen(run, "--all", "--twice", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    counts = {"unsteady": 0, "differs": 0, "changed": 0, "error": 0, "failed": 0, "share": 1.0, "reasons": {}}
    assert document["total"] == {"task_id": "all", "episodes": 4, "same": 4, **counts}
    assert document["tasks"] == [{"task_id": id, "episodes": 2, "same": 2, **counts} for id in (ONE, TWO)]
    assert (document["run"], document["replays"]) == (str(run), [])
    assert "replays 4/4" in done.stderr


def test_what_does_not_replay_is_counted_and_shown(run: Path, termigen: Termigen) -> None:
    alter(run, shown_otherwise)
    document = json.loads(termigen(run, "--all", "--json").stdout)
    assert document["total"]["share"] == 0.75
    assert [(row["task_id"], row["share"], row["reasons"]) for row in document["tasks"]] == [
        (ONE, 0.5, {"observation": 1}),
        (TWO, 1.0, {}),
    ]
    (told,) = document["replays"]
    assert (told["episode_id"], told["outcome"], told["step"], told["what"]) == ("000000", "differs", 0, "observation")
    done = termigen(run, "--all")
    assert done.exit_code == 1
    assert "-nothing of the kind" in done.stdout
    assert "50.0%" in done.stdout
    assert "75.0%" in done.stdout


def test_one_episode_shows_its_first_difference(run: Path, termigen: Termigen) -> None:
    alter(run, shown_otherwise)
    done = termigen(run, "--episode", "000000")
    assert done.exit_code == 1
    head, *diff = done.stdout.splitlines()
    assert head == f"000000 {ONE}: differs, observation of step 0"
    assert diff[:2] == ["--- record", "+++ replay"]
    assert diff[3] == "-nothing of the kind"
    assert diff[4].startswith("+")
    assert termigen(run, "--episode", "000002").stdout == f"000002 {ONE}: same\n"
    assert json.loads(termigen(run, "--episode", "000002", "--json").stdout)["outcome"] == "same"


def test_what_can_not_be_compared_is_counted_apart(run: Path, termigen: Termigen, tmp_path: Path) -> None:
    alter(run, failed)
    done = termigen(run, "--all", "--json")
    assert (done.exit_code, json.loads(done.stdout)["total"]["error"]) == (0, 1)
    (tmp_path / "envs" / "two" / "instruction.md").write_text("Something else.\n")
    done = termigen(run, "--all", "--json")
    assert done.exit_code == 1
    rows = {row["task_id"]: row for row in json.loads(done.stdout)["tasks"]}
    assert (rows[ONE]["share"], rows[TWO]["changed"], rows[TWO]["error"], rows[TWO]["share"]) == (1.0, 1, 1, None)
    shown = termigen(run, "--episode", "000003").stdout
    assert shown.startswith(f"000003 {TWO}: changed\nthe task was ")


def test_a_failure_of_ours_has_an_exit_code_of_its_own(run: Path, termigen: Termigen) -> None:
    alter(run, lambda episode: replace(episode, env_spec={"kwargs": {"network": "all"}}))
    done = termigen(run, "--all")
    assert done.exit_code == 3
    assert "StoreError: episode 000000: env_spec" in done.stdout


def test_what_runs_yet_is_ended_when_a_run_is_called_off(run: Path, one_engine: Engine) -> None:
    def last_sleeps(episode: Episode) -> Episode:
        if episode.id != "000003":
            return episode
        first, *others = episode.steps
        spec = {"kwargs": {"command_timeout_s": 600.0}}
        return replace(episode, steps=(replace(first, executed="sleep 1000"), *others), env_spec=spec)

    def stop_at_third(progress: Progress) -> None:
        if progress.done == 3:
            raise InterruptedError

    alter(run, last_sleeps)
    with pytest.raises(InterruptedError):
        replay_run(EpisodeStore(run), one_engine.name, 2, on_progress=stop_at_third)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("worker-")] == []


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((), "--all"),
        (("--all", "--episode", "000000"), "--all"),
        (("--episode", "000009"), "found none of that id"),
    ],
)
def test_bad_arguments(run: Path, termigen: Termigen, args: tuple[str, ...], text: str) -> None:
    done = termigen(run, *args)
    assert done.exit_code == 2
    assert text in done.stderr


def test_a_folder_without_episodes_is_no_run(termigen: Termigen, tmp_path: Path) -> None:
    done = termigen(tmp_path, "--all")
    assert done.exit_code == 2
    assert "expected a run with episodes, found none" in done.stderr
