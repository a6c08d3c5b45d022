"""The contract of sandboxes, on every engine: `termigen_gym.conformance` as a test each."""

from __future__ import annotations

import pytest

from termigen_gym.conformance import CASES, Case, conformance_image
from termigen_gym.sandbox.base import Engine, Image


@pytest.fixture(scope="session")
def image(engine: Engine) -> Image:
    return conformance_image(engine)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, engine: Engine, image: Image) -> None:
    case.run(engine, image)


def test_cases_have_names_of_their_own_and_say_what_they_show() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 35
    assert all(case.shows.endswith(".") for case in CASES)
