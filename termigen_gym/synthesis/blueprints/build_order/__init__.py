"""A build description of some house's own: in which order it is built, what can't be, and what a change sets off."""

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
    """Return a task about a build."""
    case = draw_case(rng, difficulty)
    wanted = _wanted(rng, difficulty)
    forge = case.forge
    return assemble(
        name=f"{forge.name}-{pick(rng, ('plan', 'order', 'build', 'graph'))}-{hexes(rng, 4)}",
        category="software-build",
        difficulty=difficulty,
        description=f"Resolve the build of {forge.unit}s: order, levels, what is broken or blocked, what a change "
        f"rebuilds.",
        keywords=("build", "dependencies", "topological-order", forge.name),
        tools=("awk", "find", "jq", "python3", "sqlite3"),
        instruction=instruction(rng, case, wanted),
        files=case.files(),
        tests=_tests(case, wanted),
        test_data=expected_file(_want(case, wanted)),
        steps=solution(rng, case, wanted),
        equivalents=[Other(name, command) for name, command in _other_ways(wanted)],
        mutants=[Other(name, command) for name, command in _wrong_ways(case, wanted)],
        packages=COMMON,
    )


def _wanted(rng: np.random.Generator, difficulty: str) -> Wanted:
    out = pick(rng, ("/app/plan", "/app/resolved", "/app/out", "/app/order"))
    extras = sample(rng, ("start", "finish"), {"easy": 0, "medium": 1, "hard": 2}[difficulty])
    columns = sample(rng, ("position", "unit", "level", *extras), 3 + len(extras))
    rebuild = f"{out}/{pick(rng, ('rebuild', 'changes', 'affected'))}.{pick(rng, ('json', 'txt'))}"
    return Wanted(out, pick(rng, ("csv", "tsv", "jsonl")), tuple(columns), rebuild)


def _want(case: Case, wanted: Wanted) -> dict[str, object]:
    plans, resolution = {}, {}
    for profile in case.profiles:
        plan = case.plan(profile)
        rows = []
        for position, name in enumerate(plan.order, start=1):
            told = {"position": position, "unit": name, "level": plan.level[name], "start": plan.start[name]}
            told["finish"] = plan.start[name] + case.cost(name)
            rows.append([told[column] for column in wanted.columns])
        plans[profile] = rows
        resolution[profile] = {
            "missing": plan.missing,
            "cycles": plan.cycles,
            "blocked": plan.blocked,
            "total": plan.total,
        } | ({"kits": plan.kits, "conflicts": plan.conflicts} if case.kits else {})
    inputs = {path: hashlib.sha256(str(text).encode()).hexdigest() for path, text in case.files().items()}
    rebuilt = {change: case.rebuilt(change) for change in sorted(case.changes)}
    return {"plans": plans, "resolution": resolution, "rebuilt": rebuilt, "inputs": inputs}


def _tests(case: Case, wanted: Wanted) -> str:
    plans = ", ".join(f'"{profile}": "{wanted.out}/{profile}.{wanted.form}"' for profile in case.profiles)
    constants = {
        "PLANS": f"{{{plans}}}",
        "COLUMNS": "[" + ", ".join(f'"{name}"' for name in wanted.columns) + "]",
        "RESOLUTION": f'"{wanted.out}/resolution.json"',
        "REBUILT": f'"{wanted.rebuild}"',
    }
    body = _TEST_PLANS[wanted.form] + _TEST_REBUILT[wanted.rebuild.rsplit(".", 1)[1]] + _TEST_REST
    return tests_text("Compares the plan with what the rules give.", constants, body, ("hashlib",))


_TEST_PLANS = {
    form: f'''
def test_plans():
    """The order of each profile's plan, with all that is told of each row."""
    for profile, path in PLANS.items():
        rows = [[str(value) for value in row] for row in WANT["plans"][profile]]
        assert [line.split("{mark}") for line in lines(path)] == [COLUMNS, *rows], profile
'''
    for form, mark in (("csv", ","), ("tsv", "\\t"))
} | {
    "jsonl": '''
def test_plans():
    """The order of each profile's plan, with all that is told of each row."""
    for profile, path in PLANS.items():
        rows = [dict(zip(COLUMNS, row)) for row in WANT["plans"][profile]]
        assert [json.loads(line) for line in lines(path)] == rows, profile
'''
}
_TEST_REBUILT = {
    "json": '''

def test_rebuilt():
    """What each change sets off, in the plan's order."""
    assert json.loads(read(REBUILT)) == WANT["rebuilt"]
''',
    "txt": '''

def test_rebuilt():
    """What each change sets off, in the plan's order, sorted by the change."""
    assert lines(REBUILT) == [f"{change}: {' '.join(names)}" for change, names in sorted(WANT["rebuilt"].items())]
''',
}
_TEST_REST = '''

def test_resolution():
    """What is missing, in a cycle, blocked; versions where there are some; when all is done."""
    assert json.loads(read(RESOLUTION)) == WANT["resolution"]


def test_description_is_as_it_was():
    """Neither the description nor a source was changed."""
    for path, digest in WANT["inputs"].items():
        assert hashlib.sha256(read(path)).hexdigest() == digest, path
'''


def _other_ways(wanted: Wanted) -> list[tuple[str, str]]:
    resolution, rebuild = f"{wanted.out}/resolution.json", wanted.rebuild
    ways = [
        ("resolution-with-sorted-keys", f"jq -S -c . {resolution} > /tmp/r && cp /tmp/r {resolution}"),
        ("edges-kept-beside-the-plans", f"cp /tmp/edges.tsv {wanted.out}/edges.tsv"),
        ("rebuilds-without-the-final-newline", f'printf %s "$(cat {rebuild})" > /tmp/c && cp /tmp/c {rebuild}'),
    ]
    if wanted.form == "jsonl":
        ways.append(
            (
                "keys-sorted-in-each-row",
                f"for plan in {wanted.out}/*.jsonl; do jq -S -c . $plan > /tmp/p && cp /tmp/p $plan; done",
            )
        )
    return ways


def _wrong_ways(case: Case, wanted: Wanted) -> list[tuple[str, str]]:
    resolution = f"{wanted.out}/resolution.json"
    plans = f"{wanted.out}/{next(iter(case.profiles))}.{wanted.form}"
    return [
        ("nothing-missing", f"jq 'map_values(.missing = {{}})' {resolution} > /tmp/r && cp /tmp/r {resolution}"),
        ("nothing-blocked", f"jq 'map_values(.blocked = [])' {resolution} > /tmp/r && cp /tmp/r {resolution}"),
        ("a-total-too-low", f"jq 'map_values(.total -= 5)' {resolution} > /tmp/r && cp /tmp/r {resolution}"),
        ("plan-backwards", f"tac {plans} > /tmp/p && cp /tmp/p {plans}"),
        ("sources-tidied-up", "find /app/src -type f | LC_ALL=C sort | sed -n 1p | xargs rm"),
    ]


BLUEPRINT = Blueprint("build-order", "software-build", compose)
