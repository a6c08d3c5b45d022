from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from termigen_gym.episode import Episode
from termigen_gym.export import REASONS, Chosen, Selection, category_of
from tests.bash_env import write_task
from tests.chat import of_steps
from tests.episodes import an_episode


def judged(episode_id: str, reward: float, **tests: str) -> Episode:
    return an_episode(episode_id, verdict={"reward": reward, "tests": tests, "duration_s": 0.1, "output": ""})


RUN = [
    judged("solved", 1.0, a="passed", b="passed"),
    judged("half", 0.0, a="passed", b="failed"),
    judged("none", 0.0, a="failed", b="error"),
    judged("untold", 0.75),
    an_episode("error", reward=None),
    of_steps([], episode_id="empty"),
    an_episode("recovered", mistakes=3),
    an_episode("lost", reward=0.0, mistakes=3),
    an_episode("other", task_id="termigen/two-v0", instruction="Do something else."),
]


@pytest.fixture(autouse=True)
def _tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_task(tmp_path / "tasks" / "one")
    write_task(tmp_path / "tasks" / "two", config='[metadata]\ncategory = "security"\n')
    monkeypatch.setenv("TERMIGEN_ENVS", str(tmp_path / "tasks"))


def ids(chosen: Chosen, run: list[Episode] = RUN) -> set[str]:
    return {episode.id for episode in chosen.of(run)}


JUDGED = {"solved", "half", "none", "untold", "recovered", "lost", "other"}
CASES: dict[str, tuple[dict[str, Any], set[str], dict[str, int]]] = {
    "all": ({}, JUDGED, {}),
    "half": ({"min_pass_rate": 0.5}, JUDGED - {"none", "lost"}, {"below": 2}),
    "0.6": ({"min_pass_rate": 0.6}, {"solved", "untold", "recovered", "other"}, {"below": 3}),
    "whole": ({"min_pass_rate": 1.0}, {"solved", "recovered", "other"}, {"below": 4}),
    "recovered": ({"recovered_only": True}, {"recovered"}, {"unrecovered": 6}),
    "short": ({"max_steps": 4}, JUDGED - {"recovered", "lost"}, {"long": 2}),
    "long": ({"min_steps": 3}, {"recovered", "lost"}, {"short": 5}),
    "of one length": ({"min_steps": 5, "max_steps": 5}, {"recovered", "lost"}, {"short": 5}),
    "category": ({"categories": ["security"]}, {"other"}, {"category": 6}),
    "two categories": ({"categories": ["security", "algorithms-puzzles"]}, JUDGED, {}),
    "no such category": ({"categories": ["cookery"]}, set(), {"category": 7}),
    "contaminated": ({"contaminated": "Do it.".__eq__}, {"other"}, {"contaminated": 6}),
    "the first reason counts": (
        {"min_pass_rate": 1.0, "recovered_only": True, "categories": ["security"]},
        set(),
        {"below": 4, "unrecovered": 2, "category": 1},
    ),
}


@pytest.mark.parametrize(("options", "wanted", "left_out"), CASES.values(), ids=CASES.keys())
def test_what_is_chosen_and_why_the_rest_is_not(
    options: dict[str, Any], wanted: set[str], left_out: dict[str, int]
) -> None:
    chosen = Selection(**options).choose(RUN)
    assert ids(chosen) == wanted
    assert chosen.left_out == {"errors": 2, **left_out}
    assert len(chosen.tasks) + sum(chosen.left_out.values()) == len(RUN)
    assert set(chosen.left_out) <= set(REASONS)


def test_the_pass_rate_of_a_verdict_without_tests_is_its_reward() -> None:
    assert judged("untold", 0.75).pass_rate == 0.75
    assert judged("told", 1.0, a="passed", b="skipped").pass_rate == 0.5
    assert an_episode("error", reward=None).pass_rate is None


def test_a_task_that_is_not_there_has_no_category() -> None:
    assert category_of("termigen/two-v0") == "security"
    assert category_of("termigen/gone-v0") == "unknown"


UNEVEN = [
    an_episode(f"{task}-{number}", task_id=f"termigen/{task}-v0")
    for number in range(30)
    for task in ("one", "two", "three")[: 1 + (number < 10) + (number < 3)]
]


def test_balanced_sampling_takes_from_each_task_and_is_seeded() -> None:
    chosen = Selection(per_task=5, seed=1).choose(UNEVEN)
    assert Counter(chosen.tasks.values()) == {"termigen/one-v0": 5, "termigen/two-v0": 5, "termigen/three-v0": 3}
    assert chosen.left_out == {"surplus": len(UNEVEN) - 13}
    assert chosen == Selection(per_task=5, seed=1).choose(UNEVEN)
    assert chosen != Selection(per_task=5, seed=2).choose(UNEVEN)
    assert list(chosen.tasks) == sorted(chosen.tasks)


def test_sampling_takes_of_what_meets_all_else() -> None:
    chosen = Selection(per_task=1, min_pass_rate=0.5, recovered_only=True).choose(RUN)
    assert ids(chosen) == {"recovered"}


MANY = [an_episode(f"{number}", task_id=f"termigen/t{number % 20}-v0") for number in range(100)]


@pytest.mark.parametrize(("share", "training"), [(0.9, 18), (0.5, 10), (0.001, 1), (0.999, 19)])
def test_a_split_is_by_task(share: float, training: int) -> None:
    chosen = Selection().choose(MANY)
    train, validation = chosen.split(share, seed=3)
    assert {**train.tasks, **validation.tasks} == chosen.tasks
    assert not set(train.tasks.values()) & set(validation.tasks.values())
    assert len(set(train.tasks.values())) == training
    assert (train, validation) == chosen.split(share, seed=3)
    assert any(train != chosen.split(share, seed=seed)[0] for seed in range(4, 14))


@pytest.mark.parametrize(
    ("share", "run", "message"),
    [
        (0.0, MANY, "between 0 and 1, found 0"),
        (1.0, MANY, "between 0 and 1, found 1"),
        (0.5, MANY[:1], "at least 2 tasks to split them by task, found 1"),
        (0.5, [], "at least 2 tasks to split them by task, found 0"),
    ],
)
def test_a_split_that_can_not_be_is_refused(share: float, run: list[Episode], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Selection().choose(run).split(share)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_pass_rate": 50}, r"in \[0, 1\], found 50"),
        ({"min_steps": 5, "max_steps": 4}, "at least min_steps, 5, found 4"),
        ({"per_task": 0}, "at least 1 episode per task, found 0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Selection(**options)


def test_what_is_chosen_can_be_read_again() -> None:
    some = Selection().choose(RUN).of(RUN)
    assert [episode.id for episode in some] == [episode.id for episode in some] != []
