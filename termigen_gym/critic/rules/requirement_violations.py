"""Requirement violations: something is left where nobody asked for it. Names are unique, so the undo is sure."""

from __future__ import annotations

import re

import numpy as np

from ...episode import Perturbation, Repair
from ..shell import looks, main_program, path_in, paths_in
from .base import number, pick

_SOURCE = re.compile(
    r"(?i).*\.(c|h|cc|cpp|hpp|py|sh|awk|txt|toml|ya?ml|conf|cfg|ini|md|sql|xml|html?|js|ts|go|rs|java|rb|pl|lua|mk|tex|v|def)"
    r"|(.*/)?(Makefile|Dockerfile|README)"
)


def backup_beside(command: str, rng: np.random.Generator) -> Perturbation | None:
    """A backup copy in the middle of the project."""
    sources = [path for path in paths_in(command) if _SOURCE.fullmatch(path)]
    if not sources:
        return None
    path = pick(rng, sources)
    copy = f"{path}.{number(rng)}.bak"
    thought = pick(
        rng,
        [
            f"I put a copy of {path} beside it, so that nothing gets lost.",
            f"{path} is worth keeping as it is; the copy stays next to it.",
        ],
    )
    return Perturbation(
        "requirement_violation",
        f"cp -p {path} {copy}",
        thought,
        "rule: backup_beside",
        Repair(
            f"ls -l {path}*",
            f"Beside {path} I only want what was asked for, and a copy of mine was not. It goes, if it is there.",
            (f"rm -f {copy}",),
        ),
    )


def output_elsewhere(command: str, rng: np.random.Generator) -> Perturbation | None:
    """What was to be read on the terminal goes into a file."""
    found = looks(command)
    if not found:
        return None
    call = pick(rng, found)
    target = f"/tmp/{call.program}-{number(rng)}.out"
    about = path_in(call) or "here"
    thought = pick(
        rng,
        [
            f"I keep what {call.program} says of {about} in {target}, as part of the result.",
            f"The output of {call.program} belongs into a file: {target}.",
        ],
    )
    return Perturbation(
        "requirement_violation",
        f"{call.text} > {target}",
        thought,
        "rule: output_elsewhere",
        Repair(
            f"ls -l {target}",
            f"{target} is a file that nobody asked for, and I have read nothing of it. It goes away again.",
            (f"rm -f {target}",),
        ),
    )


def notes_left(command: str, rng: np.random.Generator) -> Perturbation | None:
    """For any action: notes written into the working directory."""
    program = main_program(command)
    notes = f"{pick(rng, ('notes', 'progress', 'todo'))}-{number(rng)}.{pick(rng, ('txt', 'md'))}"
    thought = pick(
        rng,
        [
            f"A short file on where I stand belongs to the result, so I begin {notes}.",
            f"I document what I do in {notes}, beside the files themselves; {program} comes after that.",
        ],
    )
    return Perturbation(
        "requirement_violation",
        f"echo 'state: before {program}' > {notes}",
        thought,
        "rule: notes_left",
        Repair(
            f"ls -l {notes}",
            f"{notes} is my own addition; the request says nothing of such a file, so it must not stay.",
            (f"rm -f {notes}",),
        ),
    )


def folder_left(command: str, rng: np.random.Generator) -> Perturbation | None:
    """For any action: a folder of one's own in the working directory."""
    program = main_program(command)
    folder = f"{pick(rng, ('work', 'scratch', 'out', 'staging'))}-{number(rng)}"
    thought = pick(
        rng,
        [
            f"What comes out of this is to go into a folder of its own, {folder}.",
            f"I reorganise this a little before {program}: {folder} takes up whatever I make.",
        ],
    )
    return Perturbation(
        "requirement_violation",
        f"mkdir {folder}",
        thought,
        "rule: folder_left",
        Repair(
            f"ls -ld {folder}",
            f"The layout is given, and {folder} is not part of it. I do it in the place that was asked for.",
            (f"rm -rf {folder}",),
        ),
    )


SPECIFIC = (backup_beside, output_elsewhere)
FOR_ANY = (notes_left, folder_left)
