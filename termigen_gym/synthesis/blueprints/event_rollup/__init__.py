"""Event logs of several nodes become windows, sessions, rankings and percentiles, by exactly stated rules."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from ...draft import Draft
from ..kit import COMMON, Blueprint, assemble, hexes
from ..pieces import TEST_HEAD, fill
from .files import expected, files, instruction
from .plan import Plan, draw, solve
from .steps import table
from .work import Work


def compose(rng: np.random.Generator, difficulty: str) -> Draft:
    """Return a draft: a world, its logs, and how they are rolled up."""
    plan = draw(rng, difficulty)
    asked = instruction(rng, plan)
    work = Work(rng, plan)
    inputs = files(plan)
    result = solve(plan)
    truth = {
        "tables": {name: expected(plan, name, list(rows)) for name, rows in result.tables.items()},
        "counts": result.counts,
        "logs": {path.rpartition("/")[2]: hashlib.sha256(data).hexdigest() for path, data in inputs.items()},
    }
    return assemble(
        name=f"{plan.domain.slug}-rollup-{hexes(rng)}",
        category=BLUEPRINT.category,
        difficulty=difficulty,
        description=f"Roll the event logs of {len(plan.nodes)} nodes up into windows, {' and '.join(plan.extras)}",
        keywords=["events", "deduplication", "windows", "time zones", *plan.extras],
        tools=work.tools,
        instruction=asked,
        files=inputs,
        tests=tests(plan),
        steps=work.steps(),
        equivalents=work.equivalents(),
        mutants=work.mutants(),
        packages=COMMON,
        test_data={"expected.json": json.dumps(truth, indent=1)},
    )


def tests(plan: Plan) -> str:
    """Return the text of test_outputs.py."""
    extras = "".join(
        fill(_EXTRA, which=extra, path=table(plan, extra), form=plan.flat, what=_TOLD[extra]) + "\n\n\n"
        for extra in plan.extras
    )
    return fill(
        TEST_HEAD + _TESTS,
        windows=table(plan, "windows"),
        form=plan.form,
        late=table(plan, "late"),
        flat=plan.flat,
        extras=extras.rstrip(),
        out=plan.out,
        root=plan.domain.root,
    )


_TOLD = {
    "sessions": "Sessions with their first and last event, in order.",
    "top": "The largest sums in order, ties by name.",
    "quantiles": "Percentiles by nearest rank.",
}

_EXTRA = '''
def test_@WHICH@():
    """@WHAT@"""
    header, rows = table("@PATH@", "@FORM@")
    same([header, *rows], WANTED["tables"]["@WHICH@"], "@PATH@")
'''

_TESTS = '''

def test_windows():
    """Each window with its measures, in order."""
    header, rows = table("@WINDOWS@", "@FORM@")
    same(rows if header is None else [header, *rows], WANTED["tables"]["windows"], "@WINDOWS@")


@EXTRAS@


def test_late():
    """The late events with their delays, in order."""
    header, rows = table("@LATE@", "@FLAT@")
    same([header, *rows], WANTED["tables"]["late"], "@LATE@")


def test_counts():
    """How many records were read, ignored, dropped, late and counted."""
    assert typed(json.loads(text("@OUT@/counts.json"))) == typed(WANTED["counts"])


def test_logs_are_as_they_were():
    """Nothing in the folder of the logs was changed, removed or added."""
    assert sums("@ROOT@") == WANTED["logs"]
'''

BLUEPRINT = Blueprint("event-rollup", "data-processing", compose)
