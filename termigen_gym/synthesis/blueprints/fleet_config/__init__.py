"""Layered configuration of a fleet becomes one effective file for each machine, and an audit by a policy."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from ...draft import Draft
from ..kit import COMMON, Blueprint, assemble, hexes
from ..pieces import TEST_HEAD, fill
from .files import expected, files, instruction
from .plan import Finding, Plan, draw, solve
from .steps import columns, report
from .work import Work


def compose(rng: np.random.Generator, difficulty: str) -> Draft:
    """Return a draft: a fleet, its layers and its policy, and how they are resolved and audited."""
    plan = draw(rng, difficulty)
    asked = instruction(rng, plan)
    work = Work(rng, plan)
    inputs = files(plan)
    result = solve(plan)
    open_ones = [one for one in result.findings if not one.waived]
    root = f"{plan.domain.root}/"
    truth = {
        "hosts": {name: expected(plan, own) for name, own in result.settings.items()},
        "violations": [columns(plan), *(_row(plan, one) for one in result.findings)],
        "summary": {
            "hosts": len(plan.active),
            "open": {rule.id: sum(one.rule == rule.id for one in open_ones) for rule in plan.rules},
            "waived": len(result.findings) - len(open_ones),
            "clean": sorted(set(result.settings) - {one.host for one in open_ones}),
        },
        "layers": {path.removeprefix(root): hashlib.sha256(data).hexdigest() for path, data in inputs.items()},
    }
    return assemble(
        name=f"{plan.domain.slug}-config-{hexes(rng)}",
        category=BLUEPRINT.category,
        difficulty=difficulty,
        description=f"Resolve layered settings of {len(plan.active)} {plan.domain.noun} and audit them by a policy",
        keywords=["configuration", "inheritance", "policy", "audit", *sorted(set(plan.forms.values()))],
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


def _row(plan: Plan, one: Finding) -> list[str]:
    origin = [one.origin] if plan.origin else []
    return [one.host, one.rule, one.key, one.value, *origin, "waived" if one.waived else "open"]


def tests(plan: Plan) -> str:
    """Return the text of test_outputs.py."""
    return fill(
        TEST_HEAD + (_CONF if plan.form == "conf" else _JSON) + _TESTS,
        form=plan.form,
        report=report(plan),
        report_form=plan.report,
        out=plan.out,
        root=plan.domain.root,
    )


_JSON = '''

def settings(path):
    """Returns what a machine's file says."""
    return typed(json.loads(text(path)))
'''

_CONF = '''

def settings(path):
    """Returns the keys and values of a machine's file, in order."""
    pairs = [line.partition("=") for line in text(path).splitlines() if line.strip()]
    assert all(sign for _, sign, _ in pairs), f"{path}: expected lines KEY = VALUE"
    return typed([[key.strip(), value.strip()] for key, _, value in pairs])
'''

_TESTS = '''

def test_there_is_a_file_for_each_machine_in_service():
    """Each of them has one, and nothing else is there."""
    assert sorted(sums("@OUT@/hosts")) == sorted(f"{host}.@FORM@" for host in WANTED["hosts"])


def test_effective_settings():
    """Each machine's file has exactly its effective settings."""
    for host, wanted in WANTED["hosts"].items():
        assert settings(f"@OUT@/hosts/{host}.@FORM@") == typed(wanted), host


def test_violations():
    """Every violation with its value and status, in order."""
    header, rows = table("@REPORT@", "@REPORT_FORM@")
    same([header, *rows], WANTED["violations"], "@REPORT@")


def test_summary():
    """The numbers by rule, and who has no open violation."""
    assert typed(json.loads(text("@OUT@/summary.json"))) == typed(WANTED["summary"])


def test_layers_are_as_they_were():
    """Nothing among the layers was changed, removed or added."""
    assert sums("@ROOT@") == WANTED["layers"]
'''

BLUEPRINT = Blueprint("fleet-config", "system-administration", compose)
