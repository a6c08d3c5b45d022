"""Collecting: what the plan says is what is on the disk, whatever happens in between."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gymnasium.envs.registration import registry

import termigen_gym.collect
from termigen_gym.collect import PATIENCE, RETRIES, collect
from termigen_gym.errors import AgentError, BudgetSpent, StoreError, TaskError, TermigenError
from termigen_gym.llm import Budget
from termigen_gym.plan import BUILDS, Plan, Progress
from termigen_gym.store import EpisodeStore
from tests.agents_for_tests import Waiting
from tests.bash_env import BashEnv, register, write_task
from tests.waiting import Process

ROOT = Path(__file__).parent.parent
ADD, ADD2 = "termigen/add-v0", "termigen/add2-v0"


@pytest.fixture(autouse=True)
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("add", "add2"):
        write_task(tmp_path / "envs" / name)
    register(monkeypatch, tmp_path / "envs", "add", "add2")
    yield
    assert not BashEnv.open_now


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


PLAN = Plan(tasks=(ADD, ADD2), episodes=6, epsilon=0.25, seed=3)


def test_every_episode_is_played_once_and_kept(run: Path) -> None:
    summary = collect(PLAN, run)
    episodes = {episode.id: episode for episode in EpisodeStore(run)}
    assert sorted(episodes) == [f"{i:06d}" for i in range(6)]
    for i in range(6):
        episode = episodes[f"{i:06d}"]
        assert (episode.task_id, episode.seed) == (PLAN.tasks[i % 2], PLAN.seed_of(i))
        assert episode.solved
        assert episode.env_spec is not None
    assert BashEnv.prepared == ["add", "add2"]
    steps = sum(len(episode.steps) for episode in episodes.values())
    injected = sum(len(episode.perturbations) for episode in episodes.values())
    assert (summary.episodes, summary.played, summary.solved, summary.errors) == (6, 6, 6, 0)
    assert (summary.steps, sum(summary.injected.values())) == (steps, injected)
    assert injected > 0
    assert summary.recovered == summary.perturbed == sum(bool(e.perturbations) for e in episodes.values())
    assert summary.env_s > 0
    assert summary.episodes_per_s > 0


def test_a_seed_replays_whatever_the_workers(tmp_path: Path) -> None:
    def acts(folder: Path, workers: int) -> dict[str, list[str]]:
        collect(replace(PLAN, workers=workers), folder)
        return {episode.id: [step.executed for step in episode.steps] for episode in EpisodeStore(folder)}

    first, second = acts(tmp_path / "one", 1), acts(tmp_path / "three", 3)
    assert first == second
    collect(replace(PLAN, seed=4), tmp_path / "other")
    other = {episode.id: [step.executed for step in episode.steps] for episode in EpisodeStore(tmp_path / "other")}
    assert other != first


def test_without_a_critic_nothing_is_injected(run: Path) -> None:
    summary = collect(replace(PLAN, critic="none"), run)
    assert (summary.perturbed, set(summary.injected.values())) == (0, {0})


def test_a_resumed_run_plays_exactly_what_is_missing(run: Path) -> None:
    collect(replace(PLAN, episodes=2), run)
    before = (run / "episodes.jsonl").read_bytes()
    summary = collect(replace(PLAN, workers=1), run)
    assert (summary.played, summary.episodes) == (4, 6)
    assert (run / "episodes.jsonl").read_bytes().startswith(before)
    assert collect(PLAN, run).played == 0
    assert len(list(EpisodeStore(run))) == 6


def test_a_run_cut_in_mid_line_is_made_whole(run: Path) -> None:
    collect(PLAN, run)
    path = run / "episodes.jsonl"
    path.write_bytes(path.read_bytes()[:-100])
    assert collect(PLAN, run).played == 1
    assert EpisodeStore(run).ids() == {f"{i:06d}" for i in range(6)}


@pytest.mark.parametrize("change", [{"seed": 9}, {"epsilon": 0.1}, {"agent": "null"}, {"tasks": (ADD,)}])
def test_a_run_is_not_resumed_with_other_arguments(run: Path, change: dict[str, object]) -> None:
    collect(replace(PLAN, episodes=1), run)
    with pytest.raises(StoreError, match=f"{next(iter(change))} was"):
        collect(replace(PLAN, **change), run)  # type: ignore[arg-type]


def test_a_run_is_not_resumed_when_a_task_has_changed(run: Path, tmp_path: Path) -> None:
    collect(replace(PLAN, episodes=1), run)
    (tmp_path / "envs" / "add" / "instruction.md").write_text("Something else.\n")
    with pytest.raises(StoreError, match="digests was"):
        collect(PLAN, run)


def test_a_failure_that_passes_is_tried_again_and_kept(run: Path) -> None:
    BashEnv.deaths[PLAN.seed_of(2)] = 1
    summary = collect(PLAN, run)
    assert (summary.episodes, summary.played, summary.errors, summary.failures) == (6, 7, 0, 1)
    assert EpisodeStore(run).get("000002").ended == "error"
    assert EpisodeStore(run).get("000002-1").solved
    assert EpisodeStore(run).get("000002").seed == EpisodeStore(run).get("000002-1").seed


def test_a_failure_that_stays_is_an_error_until_the_run_is_resumed(run: Path) -> None:
    BashEnv.deaths[PLAN.seed_of(2)] = RETRIES + 1
    summary = collect(PLAN, run)
    assert (summary.episodes, summary.errors, summary.failures) == (5, 1, RETRIES + 1)
    assert summary.last_error == {"type": "SandboxDied", "message": "expected a sandbox, found that it is gone"}
    again = collect(PLAN, run)
    assert (again.played, again.episodes, again.errors) == (1, 6, 0)
    assert EpisodeStore(run).get(f"000002-{RETRIES + 1}").solved


def failing(error: str, *ids: str) -> Plan:
    options = {"error": error, "ids": list(ids)}
    return replace(PLAN, agent="tests.agents_for_tests:Failing", agent_options=options, critic="none", workers=1)


@pytest.mark.parametrize("error", ["ModelRefused", "BudgetSpent"])
def test_what_no_further_try_can_mend_ends_the_run_at_once(run: Path, error: str) -> None:
    with pytest.raises(TermigenError, match=f"found {error}: .* resume with the same folder"):
        collect(failing(error, "000002"), run)
    assert [(e.id, e.ended) for e in EpisodeStore(run)] == [
        ("000000", "submitted"),
        ("000001", "submitted"),
        ("000002", "error"),
    ]
    summary = collect(failing(error, "000002"), run)  # the second try has another id
    assert (summary.episodes, summary.played, summary.errors) == (6, 4, 0)


@pytest.mark.parametrize("limit", [{"tokens": 250}, {"dollars": 1.5}])
def test_a_budget_that_is_spent_ends_the_run_until_there_is_more(run: Path, limit: dict[str, Any]) -> None:
    plan = replace(PLAN, agent="tests.agents_for_tests:Paid", workers=1)
    for _ in range(2):
        with pytest.raises(BudgetSpent, match=r"found (300|1\.5) spent; resume the run with a larger budget"):
            collect(plan, run, budget=Budget(**limit))
        assert EpisodeStore(run).ids() == {"000000", "000001", "000002"}
    summary = collect(plan, run, budget=Budget(tokens=600, dollars=3))
    assert (summary.episodes, summary.errors, summary.tokens, summary.dollars) == (6, 0, 600, 3.0)


@pytest.mark.parametrize(("error", "tries"), [("ModelError", 2), ("ContextExceeded", 1), ("RequestFailed", 1)])
def test_a_model_that_fails_is_asked_again_where_that_may_help(run: Path, error: str, tries: int) -> None:
    summary = collect(failing(error, "000002"), run)
    assert (summary.played, summary.errors) == (5 + tries, 2 - tries)


def test_each_agent_plays_each_task_and_seed_with_each_critic(run: Path) -> None:
    quiet = {"critic": "none"}
    others = (quiet, {"agent": "null"}, {"agent": "null", **quiet})
    plan = replace(PLAN, episodes=16, others=others, epsilon=1.0, workers=1)
    summary = collect(plan, run)
    assert (summary.episodes, summary.errors) == (16, 0)
    episodes = list(EpisodeStore(run))
    assert [episode.task_id for episode in episodes] == [ADD, ADD2] * 8
    assert [episode.agent for episode in episodes] == ([*["oracle"] * 4, *["null"] * 4]) * 2
    assert [bool(episode.perturbations) for episode in episodes[:4]] == [True, True, False, False]
    assert [episode.seed for episode in episodes] == [PLAN.seed_of(i) for i in (*(0, 1) * 4, *(2, 3) * 4)]
    with pytest.raises(StoreError, match=r"others was .*, now null"):
        collect(replace(plan, others=()), run)
    assert "others" not in PLAN.identity(), "runs that were begun before can be resumed"


def test_where_and_how_a_model_is_asked_decides_no_episode() -> None:
    here = {"model": "m", "base_url": "http://here/v1"}
    there = {"model": "m", "base_url": "http://there/v1", "timeout_s": 3.0, "retries": 0, "concurrency": 2}
    plans = [replace(PLAN, critic="llm", critic_options=options) for options in (here, there, {**here, "tries": 9})]
    first, same, other = (plan.identity() for plan in plans)
    assert first == same
    assert first != other


def test_who_else_plays_is_checked_at_once() -> None:
    with pytest.raises(ValueError, match=r"others: expected agent, .*, found seed"):
        replace(PLAN, others=({"seed": 7},))
    with pytest.raises(ValueError, match="epsilon"):
        replace(PLAN, others=({"epsilon": 7},))
    secret = {"agent": "chat", "agent_options": {"model": "m", "base_url": "http://secret/v1"}}
    assert "secret" not in str(replace(PLAN, others=(secret,)).identity())


def test_an_agent_among_others_that_can_not_be_had_is_known_before_images_are_built(run: Path) -> None:
    with pytest.raises(AgentError, match="found 'nobody'"):
        collect(replace(PLAN, others=({"agent": "nobody"},)), run)
    assert BashEnv.prepared == []


def test_requests_that_fail_end_a_run_only_where_none_is_answered(run: Path) -> None:
    plan = replace(failing("RequestFailed", *(f"{index:06d}" for index in range(PATIENCE))), episodes=PATIENCE + 1)
    with pytest.raises(TermigenError, match=f"found {PATIENCE} failures in a row, at last RequestFailed"):
        collect(plan, run)
    assert collect(plan, run).errors == 0  # the second tries have other ids


def test_where_an_endpoint_does_not_answer_the_run_pauses_and_goes_on(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(termigen_gym.collect, "PAUSE_S", 0.01)
    monkeypatch.setattr(termigen_gym.collect, "LONGEST_PAUSE_S", 0.04)
    down = [f"000002{suffix}" for suffix in ("", *(f"-{attempt}" for attempt in range(1, RETRIES + PATIENCE + 2)))]
    told: list[str] = []
    summary = collect(
        replace(failing("ModelUnavailable", *down), workers=1), run, lambda progress: told.append(progress.note)
    )
    assert (summary.episodes, summary.errors, summary.failures) == (6, 0, len(down))
    pauses = [note for note in told if note.startswith("pauses for ")]
    assert len(pauses) == len(down)
    assert pauses[1] == "pauses for 0.02 s: expected a reply, found none"


def test_an_endpoint_that_stays_away_ends_the_run(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(termigen_gym.collect, "PAUSE_S", 0.001)
    monkeypatch.setattr(termigen_gym.collect, "PAUSES", 3)
    away = ["000000", *(f"000000-{attempt}" for attempt in range(1, 9))]
    with pytest.raises(TermigenError, match="expected it to pass within 3 pauses, found still: expected a reply"):
        collect(replace(failing("ModelUnavailable", *away), workers=1), run)


def test_where_the_disk_is_full_the_run_pauses_and_loses_nothing(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file may grow beyond what the run has after its first episode, until the second pause."""
    monkeypatch.setattr(termigen_gym.collect, "PAUSE_S", 0.01)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    pauses: list[str] = []

    def watch(progress: Progress) -> None:
        if progress.stage == "episodes" and progress.done == 1 and not pauses:
            resource.setrlimit(resource.RLIMIT_FSIZE, ((run / "episodes.jsonl").stat().st_size + 40, before[1]))
        if progress.note.startswith("pauses"):
            pauses.append(progress.note)
            if len(pauses) == 2:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)

    try:
        summary = collect(replace(PLAN, workers=1, critic="none"), run, watch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert len(pauses) == 2
    assert "is the disk full?" in pauses[0]
    assert (summary.episodes, summary.played, summary.failures) == (6, 6, 0)
    assert [episode.id for episode in EpisodeStore(run)] == [f"{index:06d}" for index in range(6)]


def test_an_agent_that_waits_is_closed_where_the_run_ends(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for event in ("waits", "closed"):
        monkeypatch.setattr(Waiting, event, threading.Event())
    with pytest.raises(TermigenError, match="ModelRefused"):
        collect(replace(PLAN, agent="tests.agents_for_tests:Waiting", critic="none", workers=2), run)
    assert Waiting.closed.is_set()
    assert [episode.id for episode in EpisodeStore(run)] == ["000001"]


def test_an_agent_that_can_not_be_had_is_known_before_images_are_built(run: Path) -> None:
    with pytest.raises(AgentError, match="expected Failing to take"):
        collect(replace(failing("ModelError"), agent_options={"colour": "red"}), run)
    assert BashEnv.prepared == []


def test_an_episode_that_did_not_begin_has_used_nothing(run: Path) -> None:
    BashEnv.deaths[PLAN.seed_of(2)] = 1
    collect(failing("ModelError"), run)
    assert EpisodeStore(run).get("000001").usage == {"requests": 1}
    assert EpisodeStore(run).get("000002").usage == {}


def test_many_failures_in_a_row_end_the_run(run: Path) -> None:
    BashEnv.deaths.update({PLAN.seed_of(i): 99 for i in range(40)})
    with pytest.raises(TermigenError, match="10 failures in a row, at last SandboxDied"):
        collect(replace(PLAN, episodes=40), run)
    assert all(episode.ended == "error" for episode in EpisodeStore(run))
    assert 10 <= len(list(EpisodeStore(run))) < 20


def test_a_failure_in_the_agents_own_code_is_kept_but_not_repeated(run: Path) -> None:
    summary = collect(replace(PLAN, episodes=1, agent="tests.agents_for_tests:Clumsy"), run)
    assert (summary.errors, summary.failures) == (1, 1)
    assert summary.last_error == {"type": "ZeroDivisionError", "message": "division by zero"}


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"tasks": ("termigen/ad-v0",)}, TaskError, "did you mean add"),
        ({"tasks": ("other/add-v0",)}, TaskError, "namespace"),
        ({"agent": "orakel"}, AgentError, "did you mean 'oracle'"),
    ],
)
def test_what_can_not_be_played_is_refused(
    run: Path, change: dict[str, object], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        collect(replace(PLAN, **change), run)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"tasks": ()}, "at least one task"),
        ({"episodes": 0}, "at least 1 episode"),
        ({"epsilon": 1.5}, "epsilon: expected a probability in"),
    ],
)
def test_a_plan_refuses_values_out_of_range(change: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        replace(PLAN, **change)  # type: ignore[arg-type]


def test_progress_tells_of_images_then_episodes(run: Path) -> None:
    told: list[Progress] = []
    collect(replace(PLAN, episodes=3, workers=1), run, told.append)
    assert [(p.stage, p.done, p.total) for p in told] == [
        ("images", 0, 2),
        ("images", 1, 2),
        ("images", 2, 2),
        ("episodes", 1, 3),
        ("episodes", 2, 3),
        ("episodes", 3, 3),
    ]
    assert told[-1].note == f"{ADD}: reward 1"
    account = dict(told[-1].account)
    assert (account["solved"], "failures" in account, "tokens" in account) == ("3 of 3", False, False)
    injected = sum(len(episode.perturbations) for episode in EpisodeStore(run))
    assert account["mistakes made good"].startswith(f"{injected} of {injected}: ")
    assert account["environment"].endswith("% of the time")
    assert account["rate"].endswith(" steps a second")


def test_the_first_image_is_built_alone_then_two_at_a_time(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"add{i}" for i in range(5)]
    for name in names:
        write_task(tmp_path / "envs" / name)
    register(monkeypatch, tmp_path / "envs", *names)
    pair = threading.Barrier(2, timeout=30)

    def build(env: BashEnv) -> None:
        if env.task.name != "add0":
            pair.wait()  # comes back only when another build is under way
        BashEnv.prepared.append(env.task.name)

    monkeypatch.setattr(BashEnv, "prepare", build)
    plan = Plan(tasks=tuple(f"termigen/{name}-v0" for name in names), episodes=5)
    collect(plan, run)
    assert BashEnv.prepared[0] == "add0"
    assert sorted(BashEnv.prepared) == names
    assert pair.parties == BUILDS


def test_a_family_gets_a_difficulty_from_the_episodes_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "more" / "families" / "sums").mkdir(parents=True)
    monkeypatch.setenv("TERMIGEN_ENVS", f"{tmp_path / 'envs'}:{tmp_path / 'more'}")
    plan = Plan(tasks=("termigen/sums-v0",), episodes=30)
    drawn = [plan.options_of(i) for i in range(30)]
    assert drawn == [plan.options_of(i) for i in range(30)]
    assert {options["difficulty"] for options in drawn} == {"easy", "medium", "hard"}
    assert replace(plan, difficulty="hard").options_of(0) == {"difficulty": "hard"}
    assert PLAN.options_of(0) == {}


_SCRIPT = """
import sys
sys.path.insert(0, sys.argv[2])
import gymnasium
from pathlib import Path
from termigen_gym.collect import collect
from termigen_gym.plan import Plan
gymnasium.register("termigen/add-v0", "tests.bash_env:BashEnv", kwargs={"task": "add"}, disable_env_checker=True)
plan = Plan(tasks=("termigen/add-v0",), episodes=8, seed=3, agent=sys.argv[3])
collect(plan, Path(sys.argv[1]), lambda progress: print(progress, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_interrupted_is_resumed(run: Path, tmp_path: Path, number: signal.Signals) -> None:
    registry.pop("termigen/add-v0")
    argv = [sys.executable, "-c", _SCRIPT, str(run), str(ROOT), "tests.agents_for_tests:OnceThenWait"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    with Process(argv, env=environment, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "done=2" in line and "episodes" in line:
                break
        started = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    if number != signal.SIGKILL:
        assert errors.rstrip().endswith("KeyboardInterrupt")
        assert time.monotonic() - started < 15  # the sleeping commands were ended, not waited for
    kept = EpisodeStore(run).ids()
    assert 2 <= len(kept) < 8
    assert all(episode.ended == "submitted" for episode in EpisodeStore(run))
    done = subprocess.run(argv, capture_output=True, text=True, env={**environment, "GO_ON": "1"}, check=False)
    assert done.returncode == 0, done.stderr
    assert EpisodeStore(run).ids() == {f"{i:06d}" for i in range(8)}
    assert len(list(EpisodeStore(run))) == 8
