"""Verification failures: a step that is claimed and not done, a check that is skipped. All of them only look."""

from __future__ import annotations

import re

import numpy as np

from ...episode import Perturbation, Repair
from ..shell import calls, looks, main_program, path_in, paths_in, words
from .base import pick

_READERS = words("cat head tail grep egrep fgrep nl tac od hexdump strings cut sort jq")
_BINARY = re.compile(r"(?i).*\.(db|sqlite3?|bin|so|o|a|elf|pcap|tar|t?gz|zip|xz|bz2|png|out|dat)")


def size_for_content(command: str, rng: np.random.Generator) -> Perturbation | None:
    """A file is judged by its entry in a listing."""
    read = [(call, path) for call in looks(command) if call.program in _READERS and (path := path_in(call)) is not None]
    if not read:
        return None
    call, path = pick(rng, read)
    thought = pick(
        rng,
        [
            f"{path} will be in order; that it is there and has a size is enough to go on.",
            f"I need not read {path} with {call.program}: a listing shows that it is all right.",
        ],
    )
    peek = f"head -c 64 {path} | od -c | head -n 4" if _BINARY.fullmatch(path) else f"head -n 3 {path}"
    return Perturbation(
        "verification_failure",
        f"ls -l {path}",
        thought,
        "rule: size_for_content",
        Repair(peek, f"A size says nothing of what is in {path}, and of that I have not read a line before this."),
    )


def listed_for_compared(command: str, rng: np.random.Generator) -> Perturbation | None:
    """Two files are called equal because both are there."""
    for call in looks(command):
        if call.program not in ("diff", "cmp") or len(call.operands) != 2:
            continue
        one, other = call.operands
        thought = pick(
            rng,
            [
                f"{one} and {other} come from the same source, so they agree; I only see that both are there.",
                f"That {one} and {other} are alike is plain from the listing.",
            ],
        )
        return Perturbation(
            "verification_failure",
            f"ls -ld {one} {other}",
            thought,
            "rule: listed_for_compared",
            Repair(
                f"cksum {one} {other}",
                f"Only sums speak of content, and I had none: {one} and {other} are still to be compared.",
            ),
        )
    return None


_CHECKERS = words("pytest ctest tox diff cmp valgrind shellcheck")
_CHECK_WORDS = words("test tests check verify validate lint --check pytest unittest --verify")
_CHECK_RUNNERS = words("make python3 python cargo go npm ninja cmake mvn gradle sha256sum md5sum sha1sum sha512sum")


def check_skipped(command: str, rng: np.random.Generator) -> Perturbation | None:
    """A check is left out because one is sure of the result."""
    checks = [
        call
        for call in calls(command)
        if call.program in _CHECKERS or (call.program in _CHECK_RUNNERS and _CHECK_WORDS & set(call.words[1:]))
    ]
    if not checks:
        return None
    check = pick(rng, checks).text
    thought = pick(
        rng,
        [
            f"The change was small and I am sure of it; `{check}` would only cost time.",
            f"`{check}` is bound to pass now, so I take it as passed.",
            "Everything that was asked for is in place, a last look at the folder will do.",
        ],
    )
    return Perturbation(
        "verification_failure",
        pick(rng, ["echo 'all checks passed'", "ls", "pwd && ls"]),
        thought,
        "rule: check_skipped",
        Repair(_RECENT, f"Nothing here comes from a check: `{check}` has not run, and I cannot say that it passes."),
    )


_RECENT = "date; ls -la --full-time"  # not by time: what was made in one moment has no order


def step_skipped(command: str, rng: np.random.Generator) -> Perturbation | None:
    """For any action: the step is taken as done, and a listing as the proof."""
    program = main_program(command)
    named = paths_in(command)
    path = pick(rng, named) if named else None
    about = path or "this folder"
    if looks(command):
        claims = [
            f"I know well enough what {about} holds; a glance at the names will do.",
            f"{program} would tell me nothing new about {about}, so I go on after a quick listing.",
        ]
        finding = f"Names and dates are all that I have of {about}; what {program} was to show me I have not seen."
    else:
        claims = [
            f"The part with {program} is done by now; I only glance at the folder before I go on.",
            f"Nothing is left to do for {program} here, as far as I can see. A listing to be sure.",
            f"As for {about}, that is settled already, and I can leave {program} out; I see to what comes after it.",
        ]
        finding = f"By these dates nothing has happened since my last step: {program} has not run, I only said so."
    return Perturbation(
        "verification_failure",
        pick(rng, ["ls -la", "pwd; ls", "ls -l", "echo done; ls"]),
        pick(rng, claims),
        "rule: step_skipped",
        Repair(_RECENT if path is None else f"date; ls -ld --full-time {path}", finding),
    )


SPECIFIC = (size_for_content, listed_for_compared, check_skipped)
FOR_ANY = (step_skipped,)
