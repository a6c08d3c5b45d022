"""What goes wrong in a `route_plan` task."""

from __future__ import annotations

from ..kit import Slip
from .case import Case
from .text import Wanted


def no_library() -> Slip:
    """A library that is not there."""
    return Slip(
        "hallucination",
        "networkx has shortest paths ready made, so I load the graph with it.",
        "python3 -c 'import networkx; print(networkx.__version__)'",
        'python3 -c \'import importlib.util as u; print([n for n in ("networkx", "igraph", "scipy") if '
        "u.find_spec(n)])'",
        "None of these is installed and nothing can be. heapq of the standard library is all that a search needs.",
    )


def no_option(case: Case) -> Slip:
    """An option that cut does not have."""
    path = case.path(0)
    return Slip(
        "command_error",
        "cut can drop the header while it takes the columns.",
        f"cut --skip-header -f1-4 {path} > /tmp/links.tsv",
        f"cut --help | grep -c skip; wc -c /tmp/links.tsv; head -n 2 {path}",
        "cut knows no such option and wrote nothing. tail drops a header, and jq reads rows that are JSON.",
        ["rm -f /tmp/links.tsv"],
    )


def no_obstacles(case: Case, search: str) -> Slip:
    """A search that knows nothing of what is closed."""
    wrong = search.replace("        if start <= now < end:\n            now = end\n", "        pass\n").replace(
        "    if ride not in gone:\n", "    if ride:\n"
    )
    test = "awk -F'\\t' '{ print $1 }' /tmp/closed.tsv | sort -u | wc -l; grep -n 'closed\\|gone' /tmp/search.py"
    what = "rides that do not run" if case.timetable else "closing times"
    return Slip(
        "analysis_error",
        f"The {what} are exceptions that hardly matter for the best way, so I read them and go on.",
        wrong,
        test,
        f"There are many of them and the search never asks for one, so its ways use what can't be used. The {what} "
        "belong into the step from one place to the next.",
        ["rm -rf /tmp/search.py /tmp/__pycache__"],
    )


def no_limit(answers: str, table: str, wanted: Wanted) -> Slip:
    """Loads forgotten."""
    return Slip(
        "analysis_error",
        "For the way itself only places and times count, so I search without the load.",
        f"{answers.replace('int(load))', '0)')}\n{table}",
        "awk -F'\\t' '{ print $5 }' /tmp/queries.tsv | sort -n | tail -n 1; awk -F'\\t' '$2 == \"-\"' "
        "/tmp/answers.tsv | wc -l",
        "Loads go up to that much, and part of what I used does not carry it. The limit decides which ways exist, so "
        "the load belongs into the search.",
        [f"rm -rf {wanted.out} /tmp/answers.tsv"],
    )


def aligned(wanted: Wanted, answers: str) -> Slip:
    """Another format than the one asked for."""
    return Slip(
        "requirement_violation",
        "I print the answers in columns for people to read.",
        f"{answers}\nmkdir -p {wanted.out}\ntr '\\t' ' ' < /tmp/answers.tsv > {wanted.answers}",
        f"head -n 2 {wanted.answers}",
        f"The request names the columns {', '.join(('id', *wanted.columns))} in that order and the format "
        f"{wanted.form}; this has neither.",
        [f"rm -rf {wanted.out} /tmp/answers.tsv"],
    )


def looks_full(wanted: Wanted) -> Slip:
    """A look at the number of rows."""
    return Slip(
        "verification_failure",
        "There are as many answers as queries, so everything is there.",
        f"wc -l < /tmp/queries.tsv; wc -l < /tmp/answers.tsv; ls {wanted.out}",
        f"ls {wanted.out}; test -e {wanted.out}/within.csv || echo 'no within.csv'",
        "That says nothing about the other reports: what can be reached in time is not written yet.",
    )
