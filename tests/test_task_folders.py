"""Our task folders: each is whole by itself, so what they share they hold as copies."""

from __future__ import annotations

import pytest

from termigen_gym.catalog import roots
from termigen_gym.synthesis.blueprints.kit import kit_file


@pytest.mark.parametrize("name", ["nobody.py", "artifacts.py", "run.py", "test.sh", "fragment.py"])
def test_copies_of_a_helper_are_the_same(name: str) -> None:
    texts = {path.read_bytes() for path in roots()[0].glob(f"*/*/tests/{name}")}
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("name", "ours"),
    [("nobody.py", "nobody.py"), ("artifacts.py", "artifacts.py"), ("run.py", "run.py"), ("run.sh", "test.sh")],
)
def test_synthesized_tasks_get_the_same_copies(name: str, ours: str) -> None:
    assert any(path.read_bytes() == kit_file(name) for path in roots()[0].glob(f"*/*/tests/{ours}"))
