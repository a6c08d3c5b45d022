"""A tree of copies is thinned out by a retention policy: files are deleted, packed and moved, with a ledger."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from ...draft import Draft
from ..kit import COMMON, Blueprint, assemble, hexes
from ..pieces import TEST_HEAD, fill
from .files import catalog, instruction
from .plan import Plan, draw, end_tree, solve
from .steps import CATALOG, ledger
from .work import Work


def compose(rng: np.random.Generator, difficulty: str) -> Draft:
    """Return a draft: a tree of copies, its policy, and how it is swept."""
    plan = draw(rng, difficulty)
    asked = instruction(rng, plan)
    work = Work(rng, plan)
    entries = solve(plan)
    listed = catalog(plan)
    copies = [entry for entry in entries if entry.series]
    packed = {f"{plan.domain.root}/{entry.path}.gz" for entry in entries if entry.action == "compress"}
    truth = {
        "tree": {path: _sum(content) for path, content in end_tree(plan, entries).items()},
        "packed": sorted(packed),
        "ledger": [["path", "action", "reason"], *([one.path, one.action, one.reason] for one in entries)],
        "summary": {
            "actions": {action: sum(one.action == action for one in entries) for action in plan.actions},
            "freed_bytes": sum(one.size for one in entries if one.action == "delete"),
            "kept": {
                series: sum(one.series == series and one.action not in ("delete", "missing") for one in copies)
                for series in sorted({one.series for one in copies})
            },
        },
        "catalog": {path.rpartition("/")[2]: _sum(content) for path, content in listed.items()},
    }
    return assemble(
        name=f"{plan.domain.slug}-sweep-{hexes(rng)}",
        category=BLUEPRINT.category,
        difficulty=difficulty,
        description=f"Apply a retention policy to a tree of {plan.domain.noun}: delete, pack, move, and keep a ledger",
        keywords=["retention", "backups", "find", "holds", *plan.limits],
        tools=work.tools,
        instruction=asked,
        files={f"{plan.domain.root}/{path}": content for path, content in plan.tree.items()} | listed,
        tests=tests(plan),
        steps=work.steps(),
        equivalents=work.equivalents(),
        mutants=work.mutants(),
        packages=COMMON,
        test_data={"expected.json": json.dumps(truth, indent=1)},
    )


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tests(plan: Plan) -> str:
    """Return the text of test_outputs.py."""
    tops = [
        plan.domain.root,
        *(["/app/archive"] if plan.archive else []),
        *(["/app/quarantine"] if plan.quarantine else []),
    ]
    return fill(
        TEST_HEAD.replace("import hashlib\n", "import gzip\nimport hashlib\n") + _TESTS,
        tops=json.dumps(tops),
        ledger=ledger(plan),
        form=plan.ledger,
        out=plan.out,
        catalog=CATALOG,
    )


_TESTS = '''

def tree():
    """Returns the SHA-256 of each file below the tops, by absolute path; of what the sweep packed, unpacked."""
    found = {}
    for top in @TOPS@:
        for path in below(top):
            content = read(path)
            if path in WANTED["packed"]:
                content = gzip.decompress(content)
            found[path] = hashlib.sha256(content).hexdigest()
    return found


def test_what_had_to_go_is_gone():
    """No file is left that the policy deletes or moves away."""
    assert sorted(tree().keys() - WANTED["tree"].keys()) == []


def test_what_had_to_stay_is_there():
    """Each file that stays lies where it belongs, with its content, packed where that was asked for."""
    found = tree()
    for path, wanted in WANTED["tree"].items():
        assert found.get(path) == wanted, path


def test_ledger():
    """What was done with each file and why, in order."""
    header, rows = table("@LEDGER@", "@FORM@")
    same([header, *rows], WANTED["ledger"], "@LEDGER@")


def test_summary():
    """How many files for each action, the bytes that were freed, and what is kept of each series."""
    assert typed(json.loads(text("@OUT@/summary.json"))) == typed(WANTED["summary"])


def test_catalogue_is_as_it_was():
    """Nothing in the catalogue was changed, removed or added."""
    assert sums("@CATALOG@") == WANTED["catalog"]
'''

BLUEPRINT = Blueprint("retention-sweep", "system-administration", compose)
