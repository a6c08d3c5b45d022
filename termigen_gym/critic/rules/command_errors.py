"""Command errors: a wrong name, option, path or quote. Each fails before it does anything."""

from __future__ import annotations

import re

import numpy as np

from ...episode import Perturbation, Repair
from ..shell import Call, is_path, looks, main_program, path_in, paths_in, recursion, words
from .base import one_call, pick

# Real programs that one transposition or one lost letter of a common name gives.
_REAL = words(
    "act aws cat cpm cta cut dc di dig dot dog fd fin fmt gti gcc git gdb hd hed host kpg make man mak mysql nm nod "
    "node pgp pip pi pig ps sed seq sl sort sot split stat su tac tail tar tee test tree tri true tset uniq unix vi xxd"
)
_NAME = re.compile(r"[a-z][a-z0-9_+]{2,}")
_BUILTIN_WORDS = words("alias bg cd eval exec exit export fg jobs read set source time trap type unset wait")


def misspelt_program(command: str, rng: np.random.Generator) -> Perturbation | None:
    """Two letters of the program's name change places: nothing runs."""
    call = one_call(command, rng)
    if call is None or not _NAME.fullmatch(call.program) or call.program in _BUILTIN_WORDS:
        return None
    swaps = [word for word in _swaps(call.program, keep=1) if word not in _REAL]
    if not swaps:
        return None
    wrong = pick(rng, swaps)
    about = path_in(call) or "what is at hand"
    thought = pick(
        rng,
        [
            f"{call.program} on {about} answers this at once, so that comes next.",
            f"This is a job for {call.program}; I call it on {about} and read what it says.",
            f"Next comes {call.program}, on {about}.",
            f"I have what I need to run {call.program} now.",
        ],
    )
    return Perturbation(
        "command_error",
        Call((wrong, *call.words[1:])).text,
        thought,
        "rule: misspelt_program",
        Repair(
            f"type {wrong} {call.program}",
            f"The shell has no {wrong}: I swapped two letters of {call.program}, and so nothing has run.",
        ),
    )


def _swaps(word: str, keep: int) -> list[str]:
    """All words with two different neighbouring letters swapped; the first `keep` characters stay."""
    return [
        word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(keep, len(word) - 1) if word[i] != word[i + 1]
    ]


# program -> (option that it refuses, as getopt_long takes unambiguous beginnings; what its help has instead)
WRONG_OPTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "cat": (("--line-numbers", "--number"),),
    "chmod": (("--recurse", "--recursive"),),
    "cp": (("--recurse", "--recursive"), ("--keep-mode", "--preserve")),
    "cut": (("--columns=1", "--fields"),),
    "df": (("--readable", "--human-readable"),),
    "diff": (("--unify", "--unified"), ("--no-whitespace", "--ignore-all-space")),
    "du": (("--depth=1", "--max-depth"), ("--total-only", "--summarize")),
    "egrep": (("--ignorecase", "--ignore-case"),),
    "grep": (("--ignorecase", "--ignore-case"), ("--linenumber", "--line-number"), ("--recurse", "--recursive")),
    "head": (("--count=20", "--lines"), ("--first=20", "--lines")),
    "ln": (("--soft", "--symbolic"),),
    "ls": (("--sort-by=time", "--sort="), ("--long-listing", "-l"), ("--by-size", "-S")),
    "make": (("--parallel=2", "--jobs"), ("--keep-on", "--keep-going")),
    "md5sum": (("--verify", "--check"),),
    "mkdir": (("--recursive", "--parents"),),
    "rm": (("--recurse", "--recursive"),),
    "sed": (("--inplace", "--in-place"), ("--extended", "--regexp-extended")),
    "sha256sum": (("--verify", "--check"),),
    "sort": (("--by-number", "--numeric-sort"), ("--descending", "--reverse")),
    "stat": (("--size-only", "--format"),),
    "tail": (("--count=20", "--lines"), ("--last=20", "--lines")),
    "tr": (("--remove", "--delete"),),
    "uniq": (("--counts", "--count"), ("--duplicates", "--repeated")),
    "wc": (("--line-count", "--lines"), ("--linecount", "--lines")),
}


def wrong_option(command: str, rng: np.random.Generator) -> Perturbation | None:
    """An option that the program does not have: it refuses before it does anything."""
    call = one_call(command, rng)
    if call is None or call.program not in WRONG_OPTIONS:
        return None
    wrong, right = pick(rng, WRONG_OPTIONS[call.program])
    name = wrong.partition("=")[0]
    about = path_in(call)
    on = "" if about is None else f" on {about}"
    thought = pick(
        rng,
        [
            f"With {name} {call.program} does just what I need{on or ' here'}.",
            f"{call.program} {name}{on} is the short way.",
            f"I add {name}; then one call of {call.program}{on} is enough.",
        ],
    )
    return Perturbation(
        "command_error",
        call.inserted(wrong).text,
        thought,
        "rule: wrong_option",
        Repair(
            f"{call.program} --help 2>&1 | grep -e '{right}'",
            f"{call.program} has no {name}; what its help lists is {right}, and the plain call will do here.",
        ),
    )


def wrong_path(command: str, rng: np.random.Generator) -> Perturbation | None:
    """A path with two letters swapped, in a call that only looks."""
    candidates = [
        (call, path) for call in looks(command) if (path := path_in(call)) is not None and _misspelt_paths(path)
    ]
    if not candidates:
        return None
    call, path = pick(rng, candidates)
    wrong = pick(rng, _misspelt_paths(path))
    thought = pick(
        rng,
        [
            f"What I want to know stands in {wrong}; {call.program} shows it.",
            f"I look into {wrong} with {call.program}.",
            f"{wrong} is the one to read here.",
        ],
    )
    return Perturbation(
        "command_error",
        call.replaced(path, wrong).text,
        thought,
        "rule: wrong_path",
        Repair(f"ls -ld {wrong} {path}", f"I wrote {wrong}, and the name is {path}."),
    )


def _misspelt_paths(path: str) -> list[str]:
    """`path` with two letters of its last name swapped, in every way that changes it."""
    folder, slash, name = path.rstrip("/").rpartition("/")
    stem, dot, suffix = name.partition(".")
    return [f"{folder}{slash}{word}{dot}{suffix}" for word in _swaps(stem, keep=1) if stem.isascii() and stem.isalpha()]


def missing_recursion(command: str, rng: np.random.Generator) -> Perturbation | None:
    """A grep over a folder without -r."""
    for call in looks(command):
        option = recursion(call)
        folder = call.operands[-1] if len(call.operands) > 1 else ""
        if option is None or not (folder in (".", "..") or (is_path(folder) and folder.endswith("/"))):
            continue
        kept = "" if option.startswith("--") else re.sub("[rR]", "", option)
        plain = call.replaced(option, kept) if kept.strip("-") else call.without(option)
        thought = pick(
            rng,
            [
                f"grep goes through {folder} and finds every place.",
                f"One grep over {folder} lists the places that matter.",
            ],
        )
        return Perturbation(
            "command_error",
            plain.text,
            thought,
            "rule: missing_recursion",
            Repair(f"ls -ld {folder}", f"{folder} is a directory, and grep does not go into one without -r."),
        )
    return None


_QUOTED_WORDS = re.compile(r"""(['"])(\w+(?: \w+)+)\1""")


def missing_quote(command: str, rng: np.random.Generator) -> Perturbation | None:
    """A grep for several words without the quotes: all but the first become file names."""
    for call in looks(command):
        quoted = next((word for word in call.words[1:] if _QUOTED_WORDS.fullmatch(word)), None)
        if call.program not in ("grep", "egrep", "fgrep") or quoted is None or path_in(call) is None:
            continue
        wanted = quoted[1:-1]
        rest = wanted.split(" ", 1)[1]
        thought = pick(
            rng,
            [
                f"I search {path_in(call)} for the words {wanted}.",
                f"The place to find is where {path_in(call)} says {wanted}.",
            ],
        )
        return Perturbation(
            "command_error",
            call.replaced(quoted, wanted).text,
            thought,
            "rule: missing_quote",
            Repair(f"ls -ld {rest}", f"Without quotes grep took {rest} for a file name, and there is no such file."),
        )
    return None


def misspelt_look(command: str, rng: np.random.Generator) -> Perturbation | None:
    """For any action that names a path: a look at it first, under a wrong name."""
    candidates = [path for path in paths_in(command) if _misspelt_paths(path)]
    if not candidates:
        return None
    path = pick(rng, candidates)
    wrong = pick(rng, _misspelt_paths(path))
    look, what = pick(rng, [("ls -l", "size and owner of"), ("wc -c", "the length of"), ("stat", "the dates of")])
    thought = pick(
        rng,
        [
            f"Before {main_program(command)} runs I want to know {what} {wrong}.",
            f"First {what} {wrong}; then {main_program(command)}.",
        ],
    )
    return Perturbation(
        "command_error",
        f"{look} {wrong}",
        thought,
        "rule: misspelt_look",
        Repair(f"ls -ld {wrong} {path}", f"There is no {wrong}; the name that I have to use is {path}."),
    )


FIRST_LOOKS = (
    ("ls --sort-by=time", "ls --help 2>&1 | grep -e '--sort'", "ls spells it --sort=time, or simply -t"),
    ("ls --long-listing", "ls --help 2>&1 | grep -e ' -l '", "the long listing of ls is -l"),
    ("df --readable .", "df --help 2>&1 | grep -e '-h'", "df wants -h for sizes that one can read"),
    ("du --depth=1 .", "du --help 2>&1 | grep -e '-d'", "the depth is -d 1 with du"),
    ("date --iso-time", "date --help 2>&1 | grep -e '-I'", "date has -I for the ISO form"),
    ("stat --size-only .", "stat --help 2>&1 | grep -e '-c'", "stat prints single fields with -c"),
    ("wc --line-count /etc/passwd", "wc --help 2>&1 | grep -e '-l'", "wc counts lines with -l"),
    ("head --first=5 /etc/os-release", "head --help 2>&1 | grep -e '-n'", "head takes the number of lines with -n"),
)


def wrong_first_look(command: str, rng: np.random.Generator) -> Perturbation | None:
    """For any action: a look around with an option that does not exist."""
    action, diagnosis, right = pick(rng, FIRST_LOOKS)
    program, option = action.split()[:2]
    name = option.partition("=")[0]
    thought = pick(
        rng,
        [
            f"Before {main_program(command)} I want to know how things stand: {program} with {name} tells me.",
            f"A quick {program} {name} first, for the lie of the land.",
        ],
    )
    return Perturbation(
        "command_error",
        action,
        thought,
        "rule: wrong_first_look",
        Repair(diagnosis, f"{name} is not an option of {program}: {right}."),
    )


SPECIFIC = (misspelt_program, wrong_option, wrong_path, missing_recursion, missing_quote)
FOR_ANY = (misspelt_look, wrong_first_look)
