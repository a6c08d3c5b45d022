"""docs/collection.md has every field of an episode, every format, reason and option."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from typer.main import get_command

from termigen_gym.cli import app
from termigen_gym.cli.exporting import Format
from termigen_gym.episode import PERTURBATION_KINDS, Episode, Intent, Judgement, Perturbation, Repair, Step
from termigen_gym.export import POLICIES, REASONS

TEXT = (Path(__file__).parent.parent / "docs" / "collection.md").read_text()


def first_column(heading: str) -> list[str]:
    (section,) = re.findall(rf"^###? {heading}\n(.*?)(?=^##)", TEXT, re.MULTILINE | re.DOTALL)
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


@pytest.mark.parametrize("kind", [Episode, Step, Perturbation, Repair, Intent, Judgement])
def test_a_table_has_the_fields_of_the_record(kind: type[Episode]) -> None:
    assert first_column(kind.__name__) == [field.name for field in fields(kind)]


def test_what_an_export_can_be_told() -> None:
    assert first_column("Exports") == list(Format)
    assert first_column("Which episodes") == list(REASONS)
    assert first_column("What is trained on") == list(POLICIES)
    assert all(f"`{kind}`" in TEXT for kind in PERTURBATION_KINDS)


def test_every_option_is_told() -> None:
    command = get_command(app).commands["export"]  # type: ignore[attr-defined]
    options = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
    assert options - {"--json", "--help"} <= set(re.findall(r"--[a-z-]+", TEXT))
