"""Fixtures: the sandbox engines.

TERMIGEN_TEST_ENGINES=docker,bubblewrap requires exactly those; without it the tests run on every engine that answers,
and on at least one.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from termigen_gym import sandbox
from termigen_gym.env import TerminalEnv
from termigen_gym.errors import EngineMissing
from termigen_gym.sandbox.base import Engine, Image, ImageSource
from termigen_gym.sandbox.images import ensure_base
from termigen_gym.task import folder_digest


def _engine_names() -> list[str]:
    required = os.environ.get("TERMIGEN_TEST_ENGINES")
    if required:
        return required.split(",")
    found = []
    for name in sandbox.NAMES:
        try:
            sandbox.engine(name)
        except EngineMissing:
            continue
        found.append(name)
    return found or list(sandbox.NAMES)  # none: the tests fail and say what to install


ENGINES = _engine_names()

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # In a shell's background job; what the tests start, to interrupt it, would ignore that too.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What can't be tried here is not collected; the first lines of a run say so. CI is root and has both engines.
collect_ignore = [
    *(() if "docker" in ENGINES else ("chaos/test_dockerd.py",)),
    *(() if os.geteuid() == 0 else ("chaos", "sandbox/test_podman.py")),  # they mount, and start daemons
    *(() if os.geteuid() == 0 and "bubblewrap" in ENGINES else ("benchmarks/test_collection_floor.py",)),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "chaos" in item.path.parts:
            item.add_marker(pytest.mark.alone)


def pytest_report_header() -> list[str]:
    left_out = ", ".join(collect_ignore) or "nothing"
    return [f"sandbox engines: {', '.join(ENGINES)}", f"left out for want of an engine or of root: {left_out}"]


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each engine in turn, with the base image in its store."""
    yield from _engine(request.param)


@pytest.fixture(scope="session")
def one_engine() -> Iterator[Engine]:
    """The faster engine, for what says nothing about engines and takes its time."""
    yield from _engine(ENGINES[-1])


def _engine(name: str) -> Iterator[Engine]:
    made = sandbox.engine(name)
    ensure_base(made)
    yield made
    made.close()


@pytest.fixture(scope="session")
def plain_image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Debian with the layer that all tasks share: Python, pytest, procps, less, file."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "Dockerfile").write_text(COMMON_LINES)
    return engine.build(ImageSource(folder, folder_digest(folder)))


COMMON_LINES = """\
FROM debian:bookworm-slim
RUN apt-get update \\
 && apt-get install -y --no-install-recommends ca-certificates file less procps python3 python3-pytest \\
 && rm -rf /var/lib/apt/lists/*
"""

TASKS = Path(__file__).parent.parent / "envs" / "tasks"


Make = Callable[..., TerminalEnv]


@pytest.fixture
def make(engine: Engine) -> Iterator[Make]:
    """Make environments of task folders on an engine; they are closed afterwards."""
    made: list[TerminalEnv] = []

    def _make(folder: Path, **kwargs: Any) -> TerminalEnv:
        made.append(TerminalEnv(str(folder), sandbox=engine.name, **{"command_timeout_s": 10.0, **kwargs}))
        return made[-1]

    yield _make
    for env in made:
        env.close()
