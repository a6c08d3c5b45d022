"""Partial exports of the same records in several formats become one clean list, with rejects and a summary."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from ...draft import Draft
from ..kit import COMMON, Blueprint, assemble, hexes
from ..pieces import TEST_HEAD, fill
from .draw import draw
from .files import expected, files, instruction
from .plan import Plan, solve
from .steps import FINAL
from .work import Work


def compose(rng: np.random.Generator, difficulty: str) -> Draft:
    """Return a draft: a world, its exports, and how they are merged."""
    plan = draw(rng, difficulty)
    asked = instruction(rng, plan)
    work = Work(rng, plan)
    inputs = files(plan)
    result = solve(plan)
    truth = {
        "columns": [plan.column(field) for field in plan.columns],
        "rows": expected(plan, result.rows, FINAL),
        "rejects": [["source", plan.domain.key, "reason"], *map(list, result.rejects)],
        "summary": result.summary,
        "exports": {path.rpartition("/")[2]: hashlib.sha256(data).hexdigest() for path, data in inputs.items()},
    }
    return assemble(
        name=f"{plan.domain.slug}-merge-{hexes(rng)}",
        category=BLUEPRINT.category,
        difficulty=difficulty,
        description=f"Merge exports of {plan.domain.noun} in {len(plan.sources)} formats into one list, "
        "rejects and a summary",
        keywords=["merge", "deduplication", "units", "dates", *sorted({source.form for source in plan.sources})],
        tools=work.tools,
        instruction=asked,
        files=inputs,
        tests=tests(plan),
        steps=work.steps(),
        equivalents=work.equivalents(),
        mutants=work.mutants(),
        packages=COMMON,
        test_data={"expected.json": json.dumps(truth, ensure_ascii=False, indent=1)},
    )


def tests(plan: Plan) -> str:
    """Return the text of test_outputs.py."""
    return fill(
        TEST_HEAD + _TESTS,
        merged=plan.merged,
        form=plan.form,
        rejected=plan.rejected,
        rejects=plan.rejects,
        out=plan.out,
        root=plan.domain.root,
    )


_TESTS = '''

def test_columns():
    """The result has the columns that were asked for, in that order; JSON has those keys."""
    header, rows = table("@MERGED@", "@FORM@")
    if header is None:
        assert {tuple(sorted(row)) for row in rows} == {tuple(sorted(WANTED["columns"]))}
    else:
        assert header == WANTED["columns"]


def test_records():
    """The right record of each key, cleaned and in order."""
    _, rows = table("@MERGED@", "@FORM@")
    same(rows, WANTED["rows"], "@MERGED@")


def test_rejects():
    """Each bad record with the first reason that applies, in order."""
    header, rows = table("@REJECTED@", "@REJECTS@")
    same([header, *rows], WANTED["rejects"], "@REJECTED@")


def test_summary():
    """The counts of each export, and the totals where they are asked for."""
    assert typed(json.loads(text("@OUT@/summary.json"))) == typed(WANTED["summary"])


def test_exports_are_as_they_were():
    """Nothing in the folder of the exports was changed, removed or added."""
    assert sums("@ROOT@") == WANTED["exports"]
'''

BLUEPRINT = Blueprint("merge-exports", "data-processing", compose)
