"""What we write is read by the readers that others use, without our code."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import datasets
import pandas
import pytest

from termigen_gym.agents.protocol import TOOL
from termigen_gym.episode import Episode, Intent, Judgement
from termigen_gym.export import Selection, write_atif, write_messages
from termigen_gym.store import EpisodeStore
from tests.chat import a_random_episode, of_steps, some_steps
from tests.episodes import a_step, an_episode

SPEC: dict[str, Any] = {
    "id": "termigen/one-v0",
    "kwargs": {"task": "one"},
    "additional_wrappers": [{"name": "CriticWrapper", "kwargs": {"critic": "rule", "epsilon": 0.2}}],
}
LATER: dict[str, Episode] = {
    "mistake": an_episode("mistake", mistakes=2, env_spec=SPEC),
    "failure": an_episode("failure", reward=None),
    "tests": an_episode(
        "tests",
        verdict={"reward": 0.5, "tests": {"test_a": "passed", "test_b": "failed"}, "duration_s": 0.5, "output": "x"},
        options={"difficulty": "easy"},
    ),
    "model": an_episode("model", model="some/model", agent="chat", usage={"prompt_tokens": 12.0}),
    "unknown": of_steps([a_step(exit_code=None, state="running")], "unknown", seed=None),
    "intent": of_steps(
        [
            a_step(intent=Intent("error", "hallucination", 2, Judgement(False, "It fits.", {"fits": True}), "no")),
            a_step(intent=Intent("correct")),
        ],
        "intent",
    ),
    "random": a_random_episode(random.Random(1), turns=20),
}


def loaded(kind: str, path: Path, **options: Any) -> Any:
    return datasets.load_dataset(
        kind, data_files=str(path), split="train", cache_dir=str(path.parent / "cache"), **options
    )


def test_a_run_is_read_by_datasets_and_pandas(tmp_path: Path) -> None:
    """The first 10 MiB, from which `datasets` guesses the types unless told otherwise, hold only plain episodes."""
    long = tuple(a_step(index, observation="x" * 200_000) for index in range(20))
    with EpisodeStore(tmp_path) as store:
        for episode in [*(an_episode(f"long{number}", steps=long) for number in range(3)), *LATER.values()]:
            store.append(episode)
    assert store.path.stat().st_size > 11 << 20
    table = loaded("json", store.path, chunksize=1 << 30)
    frame = pandas.read_json(store.path, lines=True, dtype={"id": str})
    assert [*table["id"]] == [*frame["id"]] == [episode.id for episode in store]
    row = {row["id"]: row for row in table}
    assert row["mistake"]["steps"][0]["perturbation"]["kind"] == "command_error"
    assert row["long0"]["steps"][0]["perturbation"] is None
    assert row["failure"]["error"]["type"] == "SandboxDied"
    assert row["failure"]["verdict"] is None
    assert row["tests"]["verdict"]["tests"]["test_b"] == "failed"
    assert row["tests"]["options"] == {"difficulty": "easy"}
    assert row["intent"]["steps"][0]["intent"]["judgement"]["why"] == "It fits."
    assert row["long0"]["steps"][0]["intent"] is None
    assert row["unknown"]["steps"][0]["exit_code"] is None
    assert frame.set_index("id").loc["mistake", "env_spec"] == SPEC
    assert frame["verdict"].map(lambda verdict: verdict and verdict["reward"]).isna().sum() == 1


def chosen() -> list[Episode]:
    run = list(LATER.values())
    return list(Selection().choose(run).of(run))


@pytest.mark.parametrize("name", ["m.jsonl", "m.parquet"])
def test_messages_are_read_by_datasets_and_pandas(name: str, tmp_path: Path) -> None:
    assert write_messages(chosen(), tmp_path / name) == 6
    kind = "parquet" if name.endswith("parquet") else "json"
    table = loaded(kind, tmp_path / name)
    frame = pandas.read_parquet(tmp_path / name) if kind == "parquet" else pandas.read_json(tmp_path / name, lines=True)
    assert [*table["episode"]] == [*frame["episode"]] == [episode.id for episode in chosen()]
    for row, episode in zip(table, chosen(), strict=True):
        assert (row["task_id"], row["seed"], row["reward"]) == (episode.task_id, episode.seed, episode.reward)
        assert row["tools"][0]["function"]["parameters"] == TOOL["function"]["parameters"]
        calls = [message["tool_calls"] for message in row["messages"] if message["role"] == "assistant"]
        assert [json.loads(call[0]["function"]["arguments"])["command"] for call in calls] == [
            step.executed for step in episode.steps
        ]


def test_both_kinds_of_messages_hold_the_same(tmp_path: Path) -> None:
    import pyarrow.parquet

    write_messages(chosen(), tmp_path / "m.jsonl")
    write_messages(chosen(), tmp_path / "m.parquet")
    rows = pyarrow.parquet.read_table(tmp_path / "m.parquet").to_pylist()
    for row in rows:
        row["messages"] = [{k: v for k, v in message.items() if v is not None} for message in row["messages"]]
    assert rows == [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]


def test_columns_of_parquet_do_not_depend_on_the_run(tmp_path: Path) -> None:
    import pyarrow.parquet

    for name, episodes in {"none": [], "plain": [an_episode()], "model": [LATER["model"]]}.items():
        write_messages(episodes, tmp_path / f"{name}.parquet")
    schemas = [pyarrow.parquet.read_schema(path) for path in tmp_path.glob("*.parquet")]
    assert schemas[0] == schemas[1] == schemas[2]


def test_many_rows_of_parquet_are_all_there(tmp_path: Path) -> None:
    episodes = [of_steps(some_steps("ls", "exit"), f"{number}") for number in range(450)]
    assert write_messages(episodes, tmp_path / "m.parquet") == 450
    assert [*pandas.read_parquet(tmp_path / "m.parquet")["episode"]] == [episode.id for episode in episodes]


def test_half_of_a_surrogate_pair_stops_no_reader(tmp_path: Path) -> None:
    episode = of_steps([a_step(observation="a\ud800", executed="b\udfff")])
    for kind, name in (("json", "m.jsonl"), ("parquet", "m.parquet")):
        write_messages([episode], tmp_path / name)
        messages = loaded(kind, tmp_path / name)[0]["messages"]
        assert messages[1]["content"] == "a?"
        assert json.loads(messages[2]["tool_calls"][0]["function"]["arguments"]) == {"command": "b?"}


def test_lines_of_atif_are_read_by_datasets(tmp_path: Path) -> None:
    write_atif(chosen(), tmp_path / "atif.jsonl")
    assert [*loaded("json", tmp_path / "atif.jsonl")["trajectory_id"]] == [episode.id for episode in chosen()]
