"""Places and what goes between them, at times and with limits: best ways, what a loss costs, who is to be sent."""

from __future__ import annotations

import hashlib

import numpy as np

from ...draft import Draft
from ..drawing import expected_file, tests_text
from ..kit import COMMON, Blueprint, Other, assemble, hexes, pick, sample
from .case import Case
from .draw import draw_case
from .steps import solution
from .text import Wanted, instruction


def compose(rng: np.random.Generator, difficulty: str) -> Draft:
    """Return a task about best ways."""
    case = draw_case(rng, difficulty)
    wanted = _wanted(rng, case, difficulty)
    region = case.region
    kind = "timetable" if case.timetable else "network"
    return assemble(
        name=f"{region.name}-{pick(rng, ('routes', 'ways', 'queries', kind))}-{hexes(rng, 4)}",
        category="algorithms-puzzles",
        difficulty=difficulty,
        description=f"Earliest arrivals in a {kind} of {region.place}s with limits, every tie broken by a rule.",
        keywords=("shortest-path", kind, "scheduling", region.name),
        tools=("awk", "jq", "python3", "sort"),
        instruction=instruction(rng, case, wanted),
        files=case.files(),
        tests=_tests(case, wanted),
        test_data=expected_file(_want(case, wanted)),
        steps=solution(rng, case, wanted),
        equivalents=[Other(name, command) for name, command in _other_ways(wanted)],
        mutants=[Other(name, command) for name, command in _wrong_ways(case, wanted)],
        packages=COMMON,
    )


def _wanted(rng: np.random.Generator, case: Case, difficulty: str) -> Wanted:
    out = pick(rng, ("/app/answers", "/app/routes", "/app/out", "/app/plan"))
    tolls = ("tolls",) if case.second == "tolls" else ()
    columns = sample(rng, ("arrival", "legs", "path", *tolls), 3 + len(tolls))
    name = pick(rng, ("ways", "best", "queries", "itineraries"))
    also = {"easy": (False, False), "medium": pick(rng, ((True, False), (False, True))), "hard": (True, True)}[
        difficulty
    ]
    answers = f"{out}/{name}.{pick(rng, ('csv', 'tsv', 'jsonl'))}"
    return Wanted(out, answers, tuple(columns), pick(rng, (">", "|", "/", "+")), *also)


def _want(case: Case, wanted: Wanted) -> dict[str, object]:
    answers = []
    for query in case.queries:
        way = case.best(query)
        row = dict.fromkeys(wanted.columns, "-")
        if way:
            told = {"arrival": case.time(way.arrival), "legs": str(way.legs), "tolls": str(way.tolls)}
            told["path"] = wanted.mark.join(way.path)
            row = {name: told[name] for name in wanted.columns}
        answers.append([query.name, *row.values()])
    want: dict[str, object] = {
        "answers": answers,
        "within": [f"{place},{case.time(arrival)}" for place, arrival in case.within()],
        "inputs": {path: hashlib.sha256(str(text).encode()).hexdigest() for path, text in case.files().items()},
    }
    if wanted.losses:
        want["losses"] = [f"{title},{delay},{lost}" for title, delay, lost in case.losses()]
    if wanted.sent:
        sent = case.sent()
        arrivals = {job: case.time(arrival) for job, _, arrival in sent}
        want["sent"] = {"names": {job: name for job, name, _ in sent}, "arrivals": arrivals}
    return want


def _tests(case: Case, wanted: Wanted) -> str:
    constants = {
        "COLUMNS": "[" + ", ".join(f'"{name}"' for name in ("id", *wanted.columns)) + "]",
        "ANSWERS": f'"{wanted.answers}"',
        "WITHIN": f'"{wanted.out}/within.csv"',
    }
    body = _TEST_ANSWERS[wanted.form] + _TEST_REST
    if wanted.losses:
        constants["LOSSES"] = f'"{wanted.out}/losses.csv"'
        body += _TEST_LOSSES
    if wanted.sent:
        constants["SENT"] = f'"{wanted.out}/sent.json"'
        body += _TEST_SENT
    return tests_text("Compares the answers with those that the rules give.", constants, body, ("hashlib",))


_TEST_ANSWERS = {
    form: f'''
def test_answers():
    """The best way of each query, in the order of the queries."""
    assert [line.split("{mark}") for line in lines(ANSWERS)] == [COLUMNS, *WANT["answers"]]
'''
    for form, mark in (("csv", ","), ("tsv", "\\t"))
} | {
    "jsonl": '''
def test_answers():
    """The best way of each query, in the order of the queries."""
    assert [json.loads(line) for line in lines(ANSWERS)] == [dict(zip(COLUMNS, row)) for row in WANT["answers"]]
'''
}
_TEST_REST = '''

def test_within():
    """What can be reached in time, the nearest first."""
    assert lines(WITHIN) == ["place,arrival", *WANT["within"]]


def test_tables_are_as_they_were():
    """The tables that were given have not been changed."""
    for path, digest in WANT["inputs"].items():
        assert hashlib.sha256(read(path)).hexdigest() == digest, path
'''
_TEST_LOSSES = '''

def test_losses():
    """What each loss would cost, the worst first."""
    assert lines(LOSSES) == ["name,delay,lost", *WANT["losses"]]
'''
_TEST_SENT = '''

def test_sent():
    """Who is sent for what, and when each arrives."""
    assert json.loads(read(SENT)) == WANT["sent"]
'''


def _other_ways(wanted: Wanted) -> list[tuple[str, str]]:
    answers, within = wanted.answers, f"{wanted.out}/within.csv"
    ways = [
        ("answers-without-the-final-newline", f'printf %s "$(cat {answers})" > /tmp/a && cp /tmp/a {answers}'),
        ("places-without-the-final-newline", f'printf %s "$(cat {within})" > /tmp/w && cp /tmp/w {within}'),
        ("the-search-kept-beside-the-answers", f"cp /tmp/search.py {wanted.out}/search.py"),
    ]
    if wanted.form == "jsonl":
        ways.append(("keys-sorted-in-each-answer", f"jq -S -c . {answers} > /tmp/a && cp /tmp/a {answers}"))
    if wanted.sent:
        sent = f"{wanted.out}/sent.json"
        ways.append(("sent-on-many-lines", f"jq -S . {sent} > /tmp/s && cp /tmp/s {sent}"))
    return ways


def _wrong_ways(case: Case, wanted: Wanted) -> list[tuple[str, str]]:
    answers, within = wanted.answers, f"{wanted.out}/within.csv"
    return [
        ("answers-sorted-backwards", f"tac {answers} > /tmp/a && cp /tmp/a {answers}"),
        ("places-by-name", f"sort -r {within} > /tmp/w && cp /tmp/w {within}"),
        ("depot-among-the-places", f"echo {case.depot},{case.time(case.off)} >> {within}"),
        ("tables-tidied-up", f"sort -u -o {case.path(2)} {case.path(2)}; echo >> {case.path(2)}"),
    ]


BLUEPRINT = Blueprint("route-plan", "algorithms-puzzles", compose)
