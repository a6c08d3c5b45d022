"""Hallucinations: a tool, an option, a service or a document that is not there. Nothing runs, or it refuses."""

from __future__ import annotations

import numpy as np

from ...episode import Perturbation, Repair
from ..shell import main_program, path_in, words
from .base import number, one_call, one_look, pick

# Programs that refuse unknown long options before they do anything, and have none of those below.
_REFUSING = words(
    "cat chmod cp cut df diff du grep head ls make md5sum mkdir mv nl od paste python3 rm sed sha256sum shuf sort stat "
    "tac tail tar touch tr uniq wc"
)
_FEATURES = ("--json", "--explain", "--as-table", "--autofix")


def imagined_option(command: str, rng: np.random.Generator) -> Perturbation | None:
    """A whole feature that the program never had."""
    call = one_call(command, rng)
    if call is None or call.program not in _REFUSING:
        return None
    option = pick(rng, _FEATURES)
    what = {
        "--json": "as JSON, which is easy to work with",
        "--explain": "with a word on every step it takes",
        "--as-table": "as a table that I can read at a glance",
        "--autofix": "and repairs on the way what it finds broken",
    }[option]
    about = path_in(call) or "all of it"
    # An old-style bundle (tar xzf …) has to stay the first argument.
    argv = (*call.words, option) if call.program == "tar" else call.inserted(option).words
    return Perturbation(
        "hallucination",
        " ".join(argv),
        pick(rng, [f"{call.program} {option} handles {about} {what}.", f"I let {call.program} do {about} {what}."]),
        "rule: imagined_option",
        Repair(
            f"{call.program} --help 2>&1 | grep -c -e {option}",
            f"Nowhere in its help has {call.program} an option {option}; I made that up from another tool.",
        ),
    )


_TOOLS = {
    "json": ("jsonlens", "jsonpeek"),
    "csv": ("csvlens-cli", "tabpeek"),
    "tsv": ("tabpeek", "tsvpeek"),
    "log": ("logsift", "logdigest"),
    "c": ("csourcemap", "cdepview"),
    "h": ("csourcemap", "cdepview"),
    "py": ("pystructure", "pysummary"),
    "xml": ("xmloutline", "xmlpeek"),
    "sql": ("sqloutline", "sqldigest"),
}
_ANY_TOOL = ("filedigest", "textsurvey", "treesurvey", "quickpeek")


def absent_tool(command: str, rng: np.random.Generator) -> Perturbation | None:
    """A tool that would suit the file, and does not exist."""
    call = one_look(command, rng)
    path = None if call is None else path_in(call)
    if call is None or path is None:
        return None
    tool = pick(rng, _TOOLS.get(path.rsplit(".", 1)[-1], _ANY_TOOL))
    thought = pick(
        rng,
        [
            f"{tool} shows {path} better than {call.program} does.",
            f"For {path} there is {tool}, which gives the gist without the noise.",
            f"I read {path} with {tool}; it knows this kind of file.",
        ],
    )
    return Perturbation("hallucination", f"{tool} {path}", thought, "rule: absent_tool", _not_installed(tool, path))


def _not_installed(tool: str, about: str) -> Repair:
    return Repair(
        f"type {tool}",
        f"There is no {tool} on this system, and I do not know where I have the name from; for {about} I use "
        "what is installed.",
    )


def absent_helper(command: str, rng: np.random.Generator) -> Perturbation | None:
    """For any action: a companion program that its main program does not have."""
    program = main_program(command)
    helper = f"{program}-{pick(rng, ('preflight', 'selftest', 'planner', 'quickcheck'))}"
    thought = pick(
        rng,
        [
            f"{program} comes with {helper}, which says beforehand whether this will work.",
            f"I let {helper} have a look first; that spares me a round with {program}.",
        ],
    )
    return Perturbation("hallucination", helper, thought, "rule: absent_helper", _not_installed(helper, program))


def absent_service(command: str, rng: np.random.Generator) -> Perturbation | None:
    """For any action: the state of a service that nobody installed."""
    program = main_program(command)
    service = f"{program}-{pick(rng, ('agent', 'broker', 'cache', 'watch'))}d"
    thought = pick(
        rng,
        [
            f"{program} hands its work to {service}, so I look first whether that is up.",
            f"All this goes through {service}; without it {program} is of no use, so its state comes first.",
        ],
    )
    return Perturbation(
        "hallucination",
        f"systemctl status {service} --no-pager",
        thought,
        "rule: absent_service",
        Repair(
            f"ls -l /etc/init.d/{service} /lib/systemd/system/{service}.service",
            f"There is no {service} here, neither a unit nor an init script; {program} works without one.",
        ),
    )


def absent_document(command: str, rng: np.random.Generator) -> Perturbation | None:
    """For any action: a document that the package does not ship."""
    program = main_program(command)
    title = pick(rng, ("cookbook", "quickstart", "worked-example"))
    document = f"/usr/share/doc/{program}/{title}-{number(rng) % 10}.txt"
    thought = pick(
        rng,
        [
            f"{document} has this very case as an example.",
            f"How {program} wants to be called here stands in {document}; I read that first.",
        ],
    )
    return Perturbation(
        "hallucination",
        f"cat {document}",
        thought,
        "rule: absent_document",
        Repair(f"ls -d {document} /usr/share/doc", f"No such document is installed; I have to know {program} myself."),
    )


SPECIFIC = (imagined_option, absent_tool)
FOR_ANY = (absent_helper, absent_service, absent_document)
