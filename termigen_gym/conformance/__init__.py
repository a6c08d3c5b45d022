"""What every sandbox engine and its terminal must show, as tables that run anywhere.

`CASES` are the contract of `termigen_gym.sandbox.base`, `TALKS` that of `termigen_gym.terminal`. ``termigen doctor
--selfcheck`` runs both against the engines of a machine, and so may whoever writes an engine::

    from termigen_gym.conformance import run_cases, run_talks
    engine = MyEngine()
    failures = [result for result in (*run_cases(engine), *run_talks(engine)) if not result.ok]

The cases need no network and build on `images.BASE` alone; so do most talks, others need Debian's packages for a second
image.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ..errors import TermigenError
from ..sandbox.base import Engine
from . import (
    apart,
    commands,
    files,
    images,
    life,
    limits,
    networks,
    shells,
    snapshots,
    taking,
    talks_commands,
    talks_harm,
    talks_jobs,
    talks_output,
    talks_programs,
    talks_shell,
    world,
)
from .case import Case
from .image import conformance_image
from .talk import Stage, Talk

__all__ = ["CASES", "TALKS", "Case", "CaseResult", "Stage", "Talk", "conformance_image", "run_cases", "run_talks"]

CASES: tuple[Case, ...] = tuple(
    case
    for module in (images, commands, files, shells, world, networks, limits, life, snapshots, taking, apart)
    for case in module.cases.all
)


TALKS: tuple[Talk, ...] = (
    *talks_commands.TALKS,
    *talks_output.TALKS,
    *talks_programs.TALKS,
    *talks_jobs.TALKS,
    *talks_shell.TALKS,
    *talks_harm.TALKS,
)


@dataclass(frozen=True)
class CaseResult:
    """What a case or a talk came to; `detail` says what was expected and found, "" where all is well."""

    name: str
    shows: str
    ok: bool
    detail: str
    duration_s: float


def run_cases(engine: Engine, cases: Sequence[Case] = CASES) -> Iterator[CaseResult]:
    """Run `cases` one after the other.

    Raises:
        SandboxError: the image for the cases could not be built.
    """
    image = conformance_image(engine)
    for case in cases:
        yield _result(case, partial(case.run, engine, image))


def run_talks(engine: Engine, talks: Sequence[Talk] = TALKS) -> Iterator[CaseResult]:
    """Play `talks` one after the other; one whose image can't be built is not ok."""
    with Stage(engine) as stage:
        for talk in talks:
            yield _result(talk, partial(stage.play, talk))


def _result(what: Case | Talk, run: Callable[[], None]) -> CaseResult:
    started = time.monotonic()
    detail = ""
    try:
        run()
    except (AssertionError, TermigenError) as error:
        detail = f"{type(error).__name__}: {error}"
    return CaseResult(what.name, what.shows, not detail, detail, time.monotonic() - started)
