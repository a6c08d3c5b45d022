from __future__ import annotations

from pathlib import Path

import pytest

from termigen_gym import catalog
from termigen_gym.errors import TaskError
from termigen_gym.family import DIFFICULTIES, Family, materialise
from termigen_gym.task import Task

FAMILIES = sorted(name for name, entry in catalog.entries().items() if entry.kind == "family")


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    return Family.load(catalog.find(request.param).folder)


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_a_seed_gives_the_same_instance_again_and_another_seed_another(family: Family, difficulty: str) -> None:
    first, again, other = (family.instance(seed, difficulty) for seed in (5, 5, 6))
    assert first == again
    assert first.digest != other.digest
    assert (first.instruction, first.files) != (other.instruction, other.files)
    assert first.config.metadata.difficulty == difficulty


def test_difficulties_differ(family: Family) -> None:
    made = [family.instance(3, difficulty) for difficulty in DIFFICULTIES]
    assert len({task.digest for task in made}) == 3
    assert len({str(task.files) for task in made}) == 3


def test_an_unknown_difficulty_is_explained(family: Family) -> None:
    with pytest.raises(TaskError, match=r"expected one of .*'easy'.* found 'brutal'"):
        family.instance(1, "brutal")


def test_an_instance_written_out_is_an_ordinary_task(family: Family, tmp_path: Path) -> None:
    task = family.instance(11, "hard")
    materialise(task, tmp_path / "out")
    read = Task.load(tmp_path / "out")
    assert (read.instruction, read.solution) == (task.instruction, task.solution)
    assert read.tests().keys() == task.tests().keys()
    for path, item in task.files.items():
        assert (tmp_path / "out/environment/files" / path.lstrip("/")).read_bytes() == item.content
    with pytest.raises(TaskError, match="expected no such folder"):
        materialise(task, tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no such file"),
        ("def generate(:\n", "invalid syntax"),
        ("x = 1\n", "generate"),
        ("import nowhere\n", "nowhere"),
    ],
)
def test_a_broken_generator_is_explained(tmp_path: Path, text: str | None, said: str) -> None:
    (tmp_path / "environment").mkdir()
    (tmp_path / "environment" / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "task.toml").write_text("")
    if text is not None:
        (tmp_path / "family.py").write_text(text)
    with pytest.raises(TaskError, match=said):
        Family.load(tmp_path)
