"""A task folder stands alone, so a helper of its tests lies in each that needs it; the copies are one and the same."""

from __future__ import annotations

from pathlib import Path

ENVS = Path(__file__).parent.parent / "envs"


def test_the_copies_of_a_helper_are_alike() -> None:
    copies = sorted(ENVS.glob("*/*/tests/subject.py"))
    assert len(copies) > 1
    assert len({path.read_bytes() for path in copies}) == 1
