"""The author without a model: every blueprint's tasks are sound, and it fills slots of every category."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from termigen_gym.catalog import Entry
from termigen_gym.checks import CHECKS, check_tasks
from termigen_gym.checks.lint import instruction_problems
from termigen_gym.checks.shape import CATEGORIES
from termigen_gym.sandbox.base import Engine
from termigen_gym.synthesis.blueprints import BLUEPRINTS
from termigen_gym.synthesis.blueprints.kit import Blueprint
from termigen_gym.synthesis.coverage import Coverage, Slot
from termigen_gym.synthesis.families import SAME_FROM, FamiliesAuthor
from termigen_gym.synthesis.known import Verdicts
from termigen_gym.synthesis.making import Evidence, Fallen
from termigen_gym.synthesis.run import ATTEMPTS
from termigen_gym.synthesis.slots import Slots
from termigen_gym.task import Task

each_blueprint = pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=[one.name for one in BLUEPRINTS])


def slot_of(category: str, index: int = 0) -> Slot:
    return Slot(index, category, "Text Processing", "jq", "easy", (80, 150))


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_has_its_tasks(category: str) -> None:
    draft = next(FamiliesAuthor(1).make(slot_of(category)))
    assert f'category = "{category}"' in draft.text("task.toml")
    assert draft == next(FamiliesAuthor(1).make(slot_of(category)))
    others = [next(FamiliesAuthor(2).make(slot_of(category))), next(FamiliesAuthor(1).make(slot_of(category, 1)))]
    assert len({draft.digest, *(other.digest for other in others)}) == 3


def test_it_gives_up_what_does_not_hold() -> None:
    making = FamiliesAuthor(1).make(slot_of("algorithms-puzzles"))
    next(making)
    with pytest.raises(Fallen, match="it is flaky") as caught:
        making.send(Evidence("flakes", "it is flaky"))
    assert caught.value.stage == "flakes"
    making = FamiliesAuthor(1).make(slot_of("algorithms-puzzles"))
    next(making)
    with pytest.raises(StopIteration):
        making.send(None)


@pytest.mark.parametrize("seed", [0, 1])
def test_twenty_distinct_tasks_come_of_it(seed: int) -> None:
    author, slots, verdicts = FamiliesAuthor(seed), Slots(Coverage(), seed), Verdicts((), limit=SAME_FROM)
    categories: Counter[str] = Counter()
    for index in range(ATTEMPTS * 20):
        draft = next(author.make(slots(index)))
        if not verdicts.against(draft):
            verdicts.add(draft)
            categories[slots(index).category] += 1
        if categories.total() == 20:
            break
    assert categories.total() == 20
    assert set(categories) == set(CATEGORIES)
    assert max(categories.values()) <= 4


@each_blueprint
@pytest.mark.parametrize("level", ["easy", "medium", "hard"])
def test_instructions_name_what_is_read(blueprint: Blueprint, level: str, tmp_path: Path) -> None:
    task = Task.load(blueprint.compose(np.random.default_rng(3), level).write(tmp_path))
    assert instruction_problems(task) == []


@each_blueprint
def test_tasks_are_sound(blueprint: Blueprint, one_engine: Engine, tmp_path: Path) -> None:
    draft = blueprint.compose(np.random.default_rng(11), "easy")
    entry = Entry(draft.name, "task", draft.write(tmp_path))
    (report,) = check_tasks(
        {draft.name: entry}, checks=CHECKS, sandbox=one_engine.name, on_report=lambda report: None, strict=True
    )
    assert report.ok, report.to_dict()
