"""What every sandbox engine must show: the contract of `termigen_gym.sandbox.base`, as cases that run anywhere.

``termigen doctor --selfcheck`` runs them against the engines of a machine, and so may whoever writes an engine::

    from termigen_gym.conformance import run_cases
    failures = [result for result in run_cases(MyEngine()) if not result.ok]

The cases need no network and build on `images.BASE` alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import TermigenError
from ..sandbox.base import Engine, Image
from . import commands, files, images, life, limits, networks, shells, snapshots, world
from .case import Case
from .image import conformance_image

__all__ = ["CASES", "Case", "CaseResult", "conformance_image", "run_cases"]

CASES: tuple[Case, ...] = tuple(
    case
    for module in (images, commands, files, shells, world, networks, limits, life, snapshots)
    for case in module.cases.all
)


@dataclass(frozen=True)
class CaseResult:
    """What a case came to; `detail` says what was expected and found, "" where all is well."""

    name: str
    shows: str
    ok: bool
    detail: str
    duration_s: float


def run_cases(engine: Engine, cases: Sequence[Case] | None = None) -> list[CaseResult]:
    """Run `cases`, by default all, one after the other.

    Raises:
        SandboxError: the image for the cases could not be built.
    """
    image = conformance_image(engine)
    return [_run(case, engine, image) for case in (CASES if cases is None else cases)]


def _run(case: Case, engine: Engine, image: Image) -> CaseResult:
    started = time.monotonic()
    detail = ""
    try:
        case.run(engine, image)
    except (AssertionError, TermigenError) as error:
        detail = f"{type(error).__name__}: {error}"
    return CaseResult(case.name, case.shows, not detail, detail, time.monotonic() - started)
