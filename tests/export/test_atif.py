"""ATIF 1.7 by its RFC: `REQUIRED` and `OPTIONAL` are its fields. Harbor's own models judge too where they are there."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from termigen_gym.agents.protocol import TOOL
from termigen_gym.episode import Episode, Intent
from termigen_gym.errors import StoreError
from termigen_gym.export import write_asciicast, write_atif
from termigen_gym.export.atif import trajectory
from tests.chat import a_mistake_at, of_steps, some_steps
from tests.episodes import an_episode

OPTIONAL: dict[str, dict[str, type | tuple[type, ...]]] = {
    "trajectory": {
        "session_id": str,
        "trajectory_id": str,
        "notes": str,
        "final_metrics": dict,
        "continued_trajectory_ref": str,
        "extra": dict,
        "subagent_trajectories": list,
    },
    "agent": {"model_name": str, "tool_definitions": list, "extra": dict},
    "step": {
        "timestamp": str,
        "model_name": str,
        "reasoning_effort": (str, float),
        "reasoning_content": str,
        "tool_calls": list,
        "observation": dict,
        "metrics": dict,
        "is_copied_context": bool,
        "llm_call_count": int,
        "extra": dict,
    },
    "call": {"extra": dict},
    "observation": {},
    "result": {"source_call_id": str, "content": (str, list), "subagent_trajectory_ref": list, "extra": dict},
    "metrics": {
        "total_prompt_tokens": int,
        "total_completion_tokens": int,
        "total_cached_tokens": int,
        "total_cost_usd": float,
        "total_steps": int,
        "extra": dict,
    },
}
REQUIRED: dict[str, dict[str, type | tuple[type, ...]]] = {
    "trajectory": {"schema_version": str, "agent": dict, "steps": list},
    "agent": {"name": str, "version": str},
    "step": {"step_id": int, "source": str, "message": (str, list)},
    "call": {"tool_call_id": str, "function_name": str, "arguments": dict},
    "observation": {"results": list},
    "result": {},
    "metrics": {},
}
AGENT_ONLY = {"model_name", "reasoning_effort", "reasoning_content", "tool_calls", "metrics"}


def check(kind: str, value: dict[str, Any]) -> None:
    fields = REQUIRED[kind] | OPTIONAL[kind]
    assert not set(value) - set(fields), kind
    assert not set(REQUIRED[kind]) - set(value), kind
    for name, item in value.items():
        assert isinstance(item, fields[name]), (kind, name, item)
        assert not isinstance(item, bool) or fields[name] is bool, (kind, name, item)


def check_trajectory(document: dict[str, Any]) -> None:
    if importlib.util.find_spec("harbor"):  # needs Python 3.12
        importlib.import_module("harbor.models.trajectories").Trajectory.model_validate(document)
    check("trajectory", document)
    assert document["schema_version"] == "ATIF-v1.7"
    check("agent", document["agent"])
    check("metrics", document.get("final_metrics", {}))
    assert document["steps"]
    for number, step in enumerate(document["steps"], start=1):
        check("step", step)
        assert step["step_id"] == number
        assert step["source"] in ("system", "user", "agent")
        assert step["source"] == "agent" or not AGENT_ONLY & set(step)
        assert step.get("llm_call_count") != 0 or not {"metrics", "reasoning_content"} & set(step)
        if "timestamp" in step:
            datetime.fromisoformat(step["timestamp"])
        calls = step.get("tool_calls", [])
        for call in calls:
            check("call", call)
        observation = step.get("observation", {"results": []})
        check("observation", observation)
        for result in observation["results"]:
            check("result", result)
            assert result["source_call_id"] in {call["tool_call_id"] for call in calls}


LOOK, BUILD, LEAVE = some_steps("ls", "\x03", "exit")
EPISODES = [
    an_episode("plain"),
    an_episode("mistaken", mistakes=3, options={"difficulty": "easy"}),
    replace(
        an_episode("model", usage={"prompt_tokens": 30, "cached_tokens": 20, "completion_tokens": 5, "calls": 2}),
        model="some/model",
        agent="chat",
    ),
    of_steps([LOOK, a_mistake_at(BUILD), BUILD, LEAVE], "keys", final_observation="\ud800 bye"),
]


@pytest.mark.parametrize("episode", EPISODES, ids=[episode.id for episode in EPISODES])
def test_a_trajectory_is_by_the_rules(episode: Episode, tmp_path: Path) -> None:
    assert write_atif([episode], tmp_path / "out") == 1
    document = json.loads((tmp_path / "out" / episode.id / "agent" / "trajectory.json").read_text())
    check_trajectory(document)
    assert len(document["steps"]) == document["final_metrics"]["total_steps"] == len(episode.steps) + 1


def test_the_rules_can_be_broken() -> None:
    good = trajectory(EPISODES[1])
    check_trajectory(good)
    bad: list[dict[str, Any]] = [
        {**good, "reward": 1.0},
        {key: value for key, value in good.items() if key != "agent"},
        {**good, "steps": []},
        {**good, "steps": good["steps"][1:]},
        {**good, "steps": [{**good["steps"][0], "tool_calls": []}, *good["steps"][1:]]},
        {**good, "steps": [good["steps"][0], {**good["steps"][1], "tool_calls": []}, *good["steps"][2:]]},
    ]
    for document in bad:
        with pytest.raises((AssertionError, ValueError)):
            check_trajectory(document)


def test_what_a_trajectory_says() -> None:
    look, build, leave = some_steps("ls", "make", "exit")
    wrong = replace(a_mistake_at(build), recovered_at=2, intent=Intent("error", "analysis_error", 1))
    steps = [
        replace(look, observation="Do it.\n$ "),
        replace(wrong, observation="a\n"),
        replace(leave, observation="no\n"),
    ]
    document = trajectory(of_steps(steps, seed=3, final_observation="bye", usage={"completion_tokens": 9}))
    assert document["agent"]["tool_definitions"] == [TOOL]
    assert document["final_metrics"] == {"total_completion_tokens": 9, "total_steps": 4}
    first, _, mistake, last = document["steps"]
    assert (first["source"], first["message"]) == ("user", "Do it.\n$ ")
    assert mistake["message"] == wrong.thought
    assert mistake["tool_calls"][0]["arguments"] == {"command": "bad make"}
    assert mistake["observation"]["results"] == [{"source_call_id": "call_1", "content": "no\n"}]
    assert mistake["extra"]["perturbation"]["displaced"] == "make"
    assert mistake["extra"]["perturbation"]["recovered_at"] == 2
    assert mistake["extra"]["intent"]["wanted"] == "error"
    assert mistake["llm_call_count"] == 0
    assert last["observation"]["results"][0]["content"] == "bye"
    assert {key: document["extra"][key] for key in ("task_id", "seed", "reward", "pass_rate", "ended")} == {
        "task_id": "termigen/one-v0",
        "seed": 3,
        "reward": 1.0,
        "pass_rate": 1.0,
        "ended": "submitted",
    }


def test_beside_each_trajectory_lies_what_harbor_reads_from_a_result(tmp_path: Path) -> None:
    assert write_atif(EPISODES, tmp_path / "out") == len(EPISODES)
    found = {path.parent.name: json.loads(path.read_text()) for path in (tmp_path / "out").glob("*/result.json")}
    assert set(found) == {episode.id for episode in EPISODES}
    assert found["model"]["agent_info"]["model_info"]["name"] == "some/model"
    assert found["plain"]["task_name"] == "termigen/one-v0"
    assert found["plain"]["verifier_result"] == {"rewards": {"reward": 1.0}}


def test_lines_hold_the_same(tmp_path: Path) -> None:
    assert write_atif(EPISODES[:3], tmp_path / "all.jsonl") == 3
    lines = (tmp_path / "all.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [trajectory(episode) for episode in EPISODES[:3]]


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with pytest.raises(StoreError, match="expected an empty folder, found 'old'; remove it or write elsewhere"):
        write_atif(EPISODES, tmp_path)
    with pytest.raises(StoreError, match="expected a folder to write to"):
        write_atif(EPISODES, Path(__file__))


@pytest.mark.parametrize("write", [write_atif, write_asciicast])
@pytest.mark.parametrize(
    ("ids", "message"),
    [(("a", "a"), "expected one episode of an id, found two"), (("../a",), "can be a file name, found '../a'")],
)
def test_an_id_that_can_not_be_a_file_of_its_own_is_refused(
    write: Callable[..., int], ids: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match=message):
        write([an_episode(id) for id in ids], tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
