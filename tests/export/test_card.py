from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from termigen_gym.episode import PERTURBATION_KINDS
from termigen_gym.export import Figures
from termigen_gym.export.card import card
from tests.bash_env import write_task
from tests.episodes import an_episode

EPISODES = [
    an_episode("a"),
    an_episode("b", mistakes=2),
    an_episode("c", reward=0.0, mistakes=1, verdict={"reward": 0.0, "tests": {"x": "passed", "y": "failed"}}),
    replace(
        an_episode("d", task_id="termigen/gone-v0", usage={"prompt_tokens": 90, "completion_tokens": 7}), agent="chat"
    ),
]
RUN: dict[str, Any] = {
    "schema": 1,
    "agent": "local",
    "agent_options": {"checkpoint": "/home/somebody/models/tiny", "base_url": "http://10.0.0.7:8000/v1", "top": [1]},
    "epsilon": 0.2,
    "digests": {"termigen/one-v0": "abc"},
}


@pytest.fixture(autouse=True)
def _tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_task(tmp_path / "tasks" / "one")
    monkeypatch.setenv("TERMIGEN_ENVS", str(tmp_path / "tasks"))


def made(**changes: Any) -> str:
    figures = Figures.of(EPISODES)
    values: dict[str, Any] = {"left_out": {}, "run": {}, "splits": {"train": ("train.jsonl", figures)}}
    return card("my data", "messages", figures, **{**values, **changes})


def rows(text: str) -> dict[str, str]:
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {cell[0]: cell[1] for cell in cells if len(cell) == 2}


def head(text: str) -> Any:
    _, front, _ = text.split("---\n", 2)
    return yaml.safe_load(front)


def test_the_figures() -> None:
    figures = Figures.of(replace(episode, model="/home/somebody/tiny") for episode in EPISODES)
    assert (figures.episodes, figures.solved, figures.steps) == (4, 3, 11)
    assert figures.pass_rate == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert figures.tasks == {"termigen/gone-v0": 1, "termigen/one-v0": 3}
    assert figures.categories == {"algorithms-puzzles": 3, "unknown": 1}
    assert figures.mistakes == {**dict.fromkeys(PERTURBATION_KINDS, 0), "command_error": 3}
    assert (figures.perturbed, figures.recovered) == (2, 1)
    assert figures.agents == {"chat tiny": 1, "oracle tiny": 3}
    assert (figures.prompt_tokens, figures.completion_tokens) == (90, 7)


def test_no_episodes_have_figures_too() -> None:
    assert Figures.of([]).pass_rate == 0.0


def test_a_card_has_the_figures() -> None:
    text = made(tokens={"trained tokens": 123}, left_out={"below": 4})
    found = rows(text)
    assert found["episodes"] == "4"
    assert found["of these recovered"] == "1 (50.0 %)"
    assert found["mean fraction of tests passed"] == "0.875"
    assert found["command_error"] == "3"
    assert found["algorithms-puzzles"] == "3"
    assert found["trained tokens"] == "123"
    assert found["below"] == "4"
    assert found["tokens that the models wrote"] == "7"
    assert "All episodes of the run" not in text
    assert "All episodes of the run" in made()
    assert "Splits" not in text


def test_its_head_is_what_the_hub_reads() -> None:
    halves = {name: (f"{name}.jsonl", Figures.of(EPISODES[:2])) for name in ("train", "validation")}
    text = made(splits=halves)
    assert head(text) == {
        "pretty_name": "my data",
        "language": ["en"],
        "task_categories": ["text-generation"],
        "tags": ["agents", "terminal", "termigen", "error-correction"],
        "size_categories": ["n<1K"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": "train", "path": "train.jsonl"},
                    {"split": "validation", "path": "validation.jsonl"},
                ],
            }
        ],
    }
    assert "| validation | 2 | 1 |" in text
    assert "configs" not in head(made(splits={"train": ("", Figures.of(EPISODES))}))


@pytest.mark.parametrize(("episodes", "size"), [(999, "n<1K"), (1000, "1K<n<10K"), (10**6, "n>1M")])
def test_sizes_are_the_hubs(episodes: int, size: str) -> None:
    figures = replace(Figures.of(EPISODES), episodes=episodes)
    assert head(card("t", "atif", figures, left_out={}, run={}, splits={}))["size_categories"] == [size]


def test_a_title_can_not_break_the_head() -> None:
    figures = Figures.of(EPISODES)
    assert head(card('a: "b"', "atif", figures, left_out={}, run={}, splits={}))["pretty_name"] == 'a: "b"'


def test_how_it_was_made_without_saying_whose_machine_it_was() -> None:
    text = made(run=RUN)
    assert rows(text)["epsilon"] == "`0.2`"
    assert rows(text)["agent_options"] == '`{"checkpoint": "tiny", "base_url": "an address", "top": [1]}`'
    for word in ("somebody", "10.0.0.7", "abc"):
        assert word not in text
    assert "not recorded" in made()
