"""Analysis errors: a wrong conclusion from what was seen. All of them only look, at the wrong thing."""

from __future__ import annotations

import re

import numpy as np

from ...episode import Perturbation, Repair
from ..shell import looks, main_program, path_in, paths_in, tool_in
from .base import pick, stem_of


def wrong_end(command: str, rng: np.random.Generator) -> Perturbation | None:
    """The other end of a file."""
    for call in looks(command):
        path = path_in(call)
        if call.program not in ("head", "tail") or path is None:
            continue
        if any(re.search(r"[+cqvz]|--", word) for word in call.options) or any("+" in word for word in call.operands):
            continue
        other, end, right = ("tail", "end", "top") if call.program == "head" else ("head", "top", "end")
        thought = pick(
            rng,
            [
                f"What matters in {path} stands at its {end}, so I look there.",
                f"{path} is ordered the other way round: the lines that I want are at the {end}.",
            ],
        )
        return Perturbation(
            "analysis_error",
            " ".join((other, *call.words[1:])),
            thought,
            "rule: wrong_end",
            Repair(
                f"head -n 1 {path}; echo ...; tail -n 1 {path}",
                f"Side by side the first and the last line show it: what I need of {path} is at its {right}.",
            ),
        )
    return None


def wrong_count(command: str, rng: np.random.Generator) -> Perturbation | None:
    """Bytes counted in place of lines, or the lines that do not match in place of those that do."""
    for call in looks(command):
        path = path_in(call)
        if path is not None and call.program == "wc" and call.options == ("-l",):
            action, both = call.replaced("-l", "-c").text, f"wc -l -c {path}"
            thought = pick(rng, [f"wc -c gives the number of records in {path}.", f"I count {path} with wc -c."])
            finding = "Next to each other it is plain: -c counts bytes, and the number of lines is the other one."
        elif path is not None and call.program == "grep" and call.options == ("-c",):
            action, both = call.replaced("-c", "-vc").text, f"{call.text}; wc -l {path}"
            thought = f"grep -vc leaves out what is in the way and gives the number that I want from {path}."
            finding = "The two counts show that -v turned the question round: it counts the lines that do not match."
        else:
            continue
        return Perturbation("analysis_error", action, thought, "rule: wrong_count", Repair(both, finding))
    return None


def wrong_place(command: str, rng: np.random.Generator) -> Perturbation | None:
    """The file is taken to be a link to, or a copy of, one that lives elsewhere."""
    named = paths_in(command)
    if not named:
        return None
    path = pick(rng, named)
    name = path.rstrip("/").rsplit("/", 1)[-1]
    place = pick(rng, ("/usr/local/share", "/var/lib", "/opt", "/srv"))
    wrong = f"{place}/{stem_of(path)}-{rng.integers(2, 8)}.{rng.integers(10, 40)}/{name}"
    thought = pick(
        rng,
        [
            f"{path} is only a copy; what counts is {wrong}, so that is the place to work on.",
            f"From what I have seen the one in use is {wrong} and not {path}.",
        ],
    )
    return Perturbation(
        "analysis_error",
        f"ls -l {wrong}",
        thought,
        "rule: wrong_place",
        Repair(f"ls -ld {place} {wrong}", f"There is no {wrong}. I concluded too much: it is {path} that counts."),
    )


def blamed_variable(command: str, rng: np.random.Generator) -> Perturbation | None:
    """For any action: an environment variable is taken for the cause."""
    tool = tool_in(command)
    prefix = "PROJECT" if tool is None else re.sub(r"\W", "_", tool).upper()
    variable = f"{prefix}_{pick(rng, ('PROFILE_DIR', 'EXTRA_CONFIG', 'COMPAT_MODE', 'WORK_ROOT'))}"
    affected = "what I see here" if tool is None else f"what {tool} does"
    thought = pick(
        rng,
        [
            f"From what I saw so far {variable} must be set, and that decides {affected}.",
            f"The cause must be {variable}; I find no other reason for {affected}.",
        ],
    )
    return Perturbation(
        "analysis_error",
        f"printenv {variable}",
        thought,
        "rule: blamed_variable",
        Repair(
            f"env | grep -c '^{variable}='",
            f"{variable} is not set at all, so it explains nothing; I was looking in the wrong place.",
        ),
    )


def blamed_lock(command: str, rng: np.random.Generator) -> Perturbation | None:
    """For any action: a lock that somebody else holds is taken for the cause."""
    tool, named = tool_in(command), paths_in(command)
    locks = [(f"{path.rstrip('/')}.lck", path) for path in named]
    if tool is not None:
        locks += [(f"/var/lock/{tool}-main.lock", tool), (f"/tmp/.{tool}-session.lock", tool)]
    lock, about = pick(rng, locks or [(".project.lck", "this folder")])
    thought = pick(
        rng,
        [
            f"This looks as if another process still held {about}; I see whose lock {lock} is.",
            f"As I read it, {lock} of an earlier run is in the way.",
        ],
    )
    return Perturbation(
        "analysis_error",
        f"cat {lock}",
        thought,
        "rule: blamed_lock",
        Repair(f"ls -l {lock}", f"There is no {lock}, so nobody holds {about}. The reason is another one."),
    )


def blamed_settings(command: str, rng: np.random.Generator) -> Perturbation | None:
    """For any action: a settings file that overrides everything is taken for the cause."""
    tool, named = tool_in(command), paths_in(command)
    places = [f"{path.rstrip('/')}.override" for path in named]
    if tool is not None:
        places += [f"/etc/{tool}.d/90-override.conf", f"~/.{tool}-defaults", f"/etc/default/{tool}-local"]
    settings = pick(rng, places or ["~/.project-overrides", "/etc/profile.d/90-project-override.sh"])
    thought = pick(
        rng,
        [
            f"{settings} overrides what stands here, and that explains what I see.",
            f"I conclude that the values in use come from {settings}, so I read that.",
        ],
    )
    return Perturbation(
        "analysis_error",
        f"cat {settings}",
        thought,
        "rule: blamed_settings",
        Repair(f"ls -l {settings}", f"No {settings} exists, so nothing is overridden; what I see has another reason."),
    )


def blamed_function(command: str, rng: np.random.Generator) -> Perturbation | None:
    """For any action: a shell function of the same name is taken for the cause."""
    program = main_program(command)
    thought = pick(
        rng,
        [
            f"The shell must have a function {program} that hides the program; I read its body.",
            f"What runs here cannot be the real {program}; I take it for a function of that name.",
        ],
    )
    return Perturbation(
        "analysis_error",
        f"declare -f {program}",
        thought,
        "rule: blamed_function",
        Repair(
            f"declare -F | grep -c -w -e {program}; type {program}",
            f"No function hides {program}; type says what the name stands for. My guess was wrong.",
        ),
    )


SPECIFIC = (wrong_end, wrong_count, wrong_place)
FOR_ANY = (blamed_variable, blamed_lock, blamed_settings, blamed_function)
