"""Labels, splits and scores of a model: what it is worth on items that it can't have seen."""

from __future__ import annotations

import hashlib

import numpy as np

from ...draft import Draft
from ..drawing import expected_file, listed, tests_text
from ..kit import COMMON, Blueprint, Other, assemble, bullets, hexes, pick, sample
from .case import Case, neglected
from .draw import draw_case
from .evaluation import evaluate
from .steps import join_commands, solution

_FORMS = {"csv": "comma-separated with a header", "tsv": "tab-separated with a header", "jsonl": "a JSON object a line"}
_OUT = ("/app/evaluation", "/app/results", "/app/scorecard", "/app/eval", "/app/figures")


def compose(rng: np.random.Generator, difficulty: str) -> Draft:
    """Return a task about the evaluation of a model."""
    case = draw_case(rng, difficulty)
    out = pick(rng, _OUT)
    bench = case.bench
    told = evaluate(case)
    steps = solution(rng, case, out)
    want = {name: value for name, value in told.items() if name != "bins"} | (
        {"calibration": told["bins"]} if "bins" in told else {}
    )
    inputs = {path: hashlib.sha256(str(text).encode()).hexdigest() for path, text in case.files().items()}
    return assemble(
        name=f"{bench.name}-{pick(rng, ('scores', 'evaluation', 'scorecard', 'metrics'))}-{hexes(rng, 4)}",
        category="machine-learning",
        difficulty=difficulty,
        description=f"Evaluate a classifier of {bench.item}s: leakage, one score for each, metrics to stated decimals.",
        keywords=("evaluation", "metrics", "leakage", bench.name),
        tools=("awk", "jq", "python3", "sort", "sqlite3"),
        instruction=_instruction(rng, case, out),
        files=case.files(),
        tests=_tests(case, out),
        test_data=expected_file(want | {"inputs": inputs}),
        steps=steps,
        equivalents=[Other(name, command) for name, command in _other_ways(case, out)],
        mutants=_wrong_ways(case, out),
        packages=COMMON,
    )


def _instruction(rng: np.random.Generator, case: Case, out: str) -> str:
    bench = case.bench
    end = pick(
        rng,
        (
            "Please evaluate it from the raw tables, by these rules and nothing else.",
            "Could you compute the figures anew? Every rule that I know of is written down below.",
            "I would like to have the whole evaluation once more from scratch, as follows.",
        ),
    )
    heads = pick(rng, (("The tables:", "The rules:"), ("What there is:", "How it is done:"), ("Given:", "Agreed:")))
    parts = [heads[0], _tables(case), heads[1], _rules(case), _reports(rng, case, out)]
    return "\n\n".join([f"{bench.story} {end}", *parts])


def _tables(case: Case) -> str:
    bench = case.bench
    scores = "`id` and `score`, how likely the item is `" + bench.positive + "`, from 0 to 1"
    if case.rules.several:
        scores = f"`id` and a score for each of {listed(case.classes)}"
    rows = [
        f"`{case.path(0)}`: {_FORMS[case.formats[0]]}, one row for each {bench.item}: `id`, `{bench.group}`, "
        f"`{bench.part}`, `label`" + ("." if case.rules.several else f", which is {listed(case.classes, 'or')}."),
        f"`{case.path(1)}`: {_FORMS[case.formats[1]]}: `id`, `split`. The model learned from "
        f"{listed(case.splits[:1])}; {listed(case.splits[1:2])} is for choices, {listed(case.splits[2:])} is the test.",
        f"`{case.path(2)}`: {_FORMS[case.formats[2]]}: {scores}.",
    ]
    if case.rules.corrected:
        rows.append(
            f"`{case.path(3)}`: comma-separated with a header: `id`, `label`, from a later review, oldest first."
        )
    return bullets(rows)


def _rules(case: Case) -> str:
    bench, rules = case.bench, case.rules
    valid, test = case.splits[1:]
    told = [
        f"An {bench.item}" if bench.item[0] in "aeiou" else f"A {bench.item}",
    ]
    told[0] += (
        f" may have several rows of scores; the {'last' if rules.last else 'first'} one in the file counts. Scores of "
        "ids that have no label are ignored."
    )
    if rules.corrected:
        told.append(
            "A label of the review replaces the first one, and a later row of the review an earlier one. What the "
            "review calls `void` is treated as if it were in none of the tables."
        )
    seen = listed((case.split_name(split) for split in rules.seen), "or")
    told.append(
        f"Those {bench.item}s of `{test}` whose `{bench.group}` also occurs in {seen}, with or without a score, are "
        "leaked. They are listed and otherwise left out."
    )
    unscored = f"{bench.item}s without a score are {'left out' if rules.absent == 'out' else 'taken to have score 0'}"
    told.append(
        f"After that, {unscored}{'' if rules.several else f', in `{valid}` as well as in `{test}`'}; `unscored` is "
        f"the number of those among the {bench.item}s of `{test}` that are not leaked."
    )
    if rules.several:
        told.append("The class with the highest score is the answer; of equal ones the first in byte order.")
    else:
        told.append(_threshold_rule(case))
    told.append(
        f"Round to {rules.digits} decimals, and only what is reported: nothing is computed from rounded values. A "
        "share of nothing is 0."
    )
    return bullets(told)


def _threshold_rule(case: Case) -> str:
    rules, bench = case.rules, case.bench
    goal = {
        "cost": f"the smallest cost, where a missed `{bench.positive}` costs {rules.costs[0]} and a false one "
        f"{rules.costs[1]}",
        "f1": "the highest F1",
        "f2": "the highest F2 (F-beta with beta 2, that is 5·TP / (5·TP + 4·FN + FP))",
        "f0.5": "the highest F0.5 (F-beta with beta 0.5, that is 5·TP / (5·TP + FN + 4·FP))",
    }[rules.objective]
    return (
        f"A {bench.item} is called `{bench.positive}` if its score is at least the threshold. The threshold is that "
        f"one of the scores in `{case.splits[1]}` (those taken as 0 among them, if any) that gives {goal} on "
        f"{case.splits[1]}; of equally good ones the {'highest' if rules.highest else 'lowest'}. No {bench.item} of "
        f"{case.splits[1]} is left out as leaked."
    )


def _reports(rng: np.random.Generator, case: Case, out: str) -> str:
    rules, bench = case.rules, case.bench
    keys = "`items` (how many are evaluated), `leaked` and `unscored` (how many)"
    if rules.several:
        keys += ", `accuracy`, `macro_f1` (the plain mean of the classes' F1)"
        if rules.ranked:
            keys += ", `top2` (the share with the right class among the best two, equal scores again in byte order)"
    else:
        keys += ", `threshold`, `tp`, `fp`, `fn`, `tn`, `precision`, `recall`, `f1`"
        if rules.ranked:
            keys += (
                f", `auc` (the share of pairs of a `{bench.positive}` and a `{bench.negative}` one in which the "
                "former has the higher score, equal scores counting half)"
            )
        if rules.bins:
            keys += (
                ", `ece` (over the calibration's bins, the absolute difference of mean score and positive rate, "
                "weighted by the bin's share of the items, summed)"
            )
    reports = [
        f"`{out}/metrics.json`: an object with exactly these keys, all numbers: {keys}.",
        f"`{out}/leaked.txt`: the ids of the leaked {bench.item}s, one a line, in byte order.",
    ]
    if rules.several:
        reports += [
            f"`{out}/confusion.csv`: header `label` and the classes in byte order; a row for each label, in byte "
            "order, with how often it was called what.",
            f"`{out}/classes.csv`: header `class`, `support`, `precision`, `recall` and `f1`; a row for each class in "
            "byte order; `support` counts the items with that label.",
        ]
    if rules.bins:
        reports.append(
            f"`{out}/calibration.csv`: header `bin`, `items`, `mean_score` and `positive_rate`; {rules.bins} bins of "
            "equal width from 0, numbered from 0, each with its lower but without its upper bound, only the last "
            "with both; bins without items have no row."
        )
    if rules.smallest:
        reports.append(
            f"`{out}/by-{bench.part}.csv`: header `{bench.part}`, `items` and `accuracy`; a row for each "
            f"`{bench.part}` with at least {rules.smallest} evaluated {bench.item}s, the lowest accuracy first, equal "
            "ones (before rounding) by name in byte order."
        )
    kind = "Shares in CSV files have exactly that many decimals; the files are comma-separated without quotes."
    return (
        f"All reports are about the {bench.item}s of `{case.splits[2]}` that remain. "
        f"{kind}\n\n{bullets(sample(rng, reports, len(reports)))}\n\n"
        "Leave `/app/data` as it is."
    )


def _tables_wanted(case: Case) -> dict[str, tuple[str, list[str]]]:
    """Return, by what is expected, the file of a table and its header."""
    rules, part = case.rules, case.bench.part
    found = {}
    if rules.several:
        found["confusion"] = ("confusion.csv", ["label", *case.classes])
        found["classes"] = ("classes.csv", ["class", "support", "precision", "recall", "f1"])
    if rules.bins:
        found["calibration"] = ("calibration.csv", ["bin", "items", "mean_score", "positive_rate"])
    if rules.smallest:
        found["parts"] = (f"by-{part}.csv", [part, "items", "accuracy"])
    return found


def _tests(case: Case, out: str) -> str:
    body = _TESTS
    constants = {"METRICS": f'"{out}/metrics.json"', "LEAKED": f'"{out}/leaked.txt"'}
    for name, (file, header) in _tables_wanted(case).items():
        constants[name.upper()] = f'"{out}/{file}"'
        body += _TEST_TABLE.replace("NAME", name.upper()).replace("name", name).replace("HEADER", ",".join(header))
    return tests_text("Compares the reports with what the rules give.", constants, body, ("hashlib",))


_TESTS = '''
def test_metrics():
    """Exactly the keys that were asked for, each with its number."""
    assert json.loads(read(METRICS)) == WANT["metrics"]


def test_leaked():
    """The ids of the leaked items, in order."""
    assert lines(LEAKED) == WANT["leaked"]


def test_tables_are_as_they_were():
    """The tables that were given have not been changed."""
    for path, digest in WANT["inputs"].items():
        assert hashlib.sha256(read(path)).hexdigest() == digest, path
'''
_TEST_TABLE = '''

def test_name():
    """The header, then the rows in their order, every share with its decimals."""
    assert lines(NAME) == ["HEADER", *(",".join(row) for row in WANT["name"])]
'''


def _other_ways(case: Case, out: str) -> list[tuple[str, str]]:
    ways = [
        (
            "metrics-with-sorted-keys-in-one-line",
            f"jq -S -c . {out}/metrics.json > /tmp/m && cp /tmp/m {out}/metrics.json",
        ),
        ("whole-shares-as-floats", f"sed 's/: 0,/: 0.0,/' {out}/metrics.json > /tmp/m && cp /tmp/m {out}/metrics.json"),
        ("rows-kept-beside-the-reports", f"cp /tmp/items.tsv {out}/items.tsv"),
        (
            "leaked-without-the-final-newline",
            f'printf %s "$(cat {out}/leaked.txt)" > /tmp/l && cp /tmp/l {out}/leaked.txt',
        ),
    ]
    return ways


def _wrong_ways(case: Case, out: str) -> list[Other]:
    """Solutions in which one rule is neglected; each was made sure to end otherwise."""
    wrong = []
    for name, rules in neglected(case.rules).items():
        if rules.tuned_on == "valid" and rules.absent == case.rules.absent and rules.seen:
            other = Case(**{**vars(case), "rules": rules})
            wrong.append(Other(name, join_commands(other, out)["python3"], 3))
    return wrong


BLUEPRINT = Blueprint("score-table", "machine-learning", compose)
