"""What the tests of faults share: a small task, and a family of processes whose belongings are counted."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from termigen_gym.sandbox.base import Engine
from tests.chaos.stock import Family, temporary_files_in
from tests.samples import write_task

SOLVE = "#!/bin/bash\n\n# I look around.\nls\n\n# The word goes into the file.\necho done > /app/out.txt\n"
LIMITS = "[environment]\ncpus = 1\nmemory_mb = 128\nstorage_mb = 32\n[verifier]\ntimeout_sec = 20\n"
DOCKERFILE = "FROM debian:bookworm-slim\nWORKDIR /app\n"


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task whose image is built in no time."""
    return write_task(
        tmp_path / "envs" / "word", dockerfile=DOCKERFILE, toml=LIMITS, files={"solution/solve.sh": SOLVE}
    )


@pytest.fixture
def family(engine: Engine, tmp_path: Path) -> Iterator[Family]:
    """This process and those that it starts."""
    made = Family(engine, tmp_path)
    with temporary_files_in(made.temporary):
        yield made


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Random moments, the same in every run of a test."""
    return random.Random(request.node.name)
