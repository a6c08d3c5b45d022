"""tamper-audit, build-order, route-plan and score-table: what can be told of their drafts without an engine."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from termigen_gym.catalog import Entry
from termigen_gym.checks.lint import chatter, fakes, instruction_problems, secrets
from termigen_gym.checks.shape import shape_problems
from termigen_gym.solution import solution_of, variants_of
from termigen_gym.synthesis.blueprints import build_order, route_plan, score_table
from termigen_gym.synthesis.blueprints import tamper_audit as tamper
from termigen_gym.synthesis.blueprints.build_order import draw as build_draw
from termigen_gym.synthesis.blueprints.build_order.case import Case as BuildCase
from termigen_gym.synthesis.blueprints.build_order.case import Plan
from termigen_gym.synthesis.blueprints.drawing import fill, gzipped, listed
from termigen_gym.synthesis.blueprints.kit import Blueprint
from termigen_gym.synthesis.blueprints.route_plan import draw as route_draw
from termigen_gym.synthesis.blueprints.route_plan.case import Case as RouteCase
from termigen_gym.synthesis.blueprints.route_plan.case import Query
from termigen_gym.synthesis.blueprints.score_table import draw as score_draw
from termigen_gym.synthesis.blueprints.score_table.evaluation import evaluate
from termigen_gym.synthesis.blueprints.tamper_audit.case import Case as TamperCase
from termigen_gym.synthesis.blueprints.tamper_audit.case import draw_case as draw_tampered
from termigen_gym.synthesis.draft import Draft
from termigen_gym.task import Task

BLUEPRINTS = [one.BLUEPRINT for one in (tamper, build_order, route_plan, score_table)]
LEVELS = ("easy", "medium", "hard")

each_blueprint = pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda one: one.name)
each_level = pytest.mark.parametrize("level", LEVELS)


def drawn(blueprint: Blueprint, seed: int, level: str) -> Draft:
    return blueprint.compose(np.random.default_rng(seed), level)


@each_blueprint
@each_level
def test_the_same_state_gives_the_same_draft(blueprint: Blueprint, level: str) -> None:
    assert drawn(blueprint, 5, level) == drawn(blueprint, 5, level)


@each_blueprint
def test_each_seed_gives_another_task(blueprint: Blueprint) -> None:
    drafts = [drawn(blueprint, seed, LEVELS[seed % 3]) for seed in range(24)]
    for path in ("instruction.md", "solution/solve.sh", "tests/expected.json"):
        assert len({draft.text(path) for draft in drafts}) == len(drafts)
    assert len({draft.name for draft in drafts}) == len(drafts)
    assert len({"-".join(draft.name.split("-")[:2]) for draft in drafts}) >= 6


@each_blueprint
@each_level
def test_drafts_look_as_tasks_of_ours_do(blueprint: Blueprint, level: str, tmp_path: Path) -> None:
    draft = drawn(blueprint, 7, level)
    folder = draft.write(tmp_path)
    task = Task.load(folder)
    given = {path: file.content for path, file in draft.files.items() if path.startswith("environment/files/")}
    assert shape_problems(Entry(draft.name, "task", folder), task) == []
    assert instruction_problems(task) == []
    assert [*fakes(given), *chatter(given), *secrets(given)] == []
    assert 4 <= len(solution_of(task)) <= 7
    assert len(variants_of(task).equivalents) >= 3
    assert len(given) < 120
    assert sum(map(len, given.values())) < 300_000
    compile(draft.text("tests/test_outputs.py"), "test_outputs.py", "exec")
    assert task.config.metadata.category == blueprint.category
    ours = [path for path in draft.files if not path.startswith("environment/files/")]
    blanks = [path for path in ours if "@" in draft.text(path).replace("@tsv", "")]
    assert blanks == [], "a blank was not filled"


@each_level
@pytest.mark.parametrize("seed", range(4))
def test_a_journal_breaks_where_it_is_said_to(seed: int, level: str) -> None:
    case = draw_tampered(np.random.default_rng(seed), level)
    faults = [(number, reason) for number, reason in enumerate(journal_faults(case), start=1) if reason is not None]
    assert faults[0] == case.broken
    assert 3 < case.broken[0] <= len(case.lines)


def journal_faults(case: TamperCase) -> Iterator[int | None]:
    """For each line what is wrong with it first: 0 its number, 1 its link, 2 its seal."""
    link = "0" * 64
    for number, line in enumerate(case.lines, start=1):
        if case.journal_format == "jsonl":
            values = [str(json.loads(line)[name]) for name in case.fields]
        else:
            values = line.split({"pipe": " | ", "csv": ","}[case.journal_format])
        message = case.separator.join(values[:-1]).encode()
        seal = hashlib.sha256(message).hexdigest()
        if case.keyed:
            key = case.keys[values[2] if case.keyed == "each" else case.trove.journal]
            seal = hmac.new(bytes.fromhex(key) if case.hex_keys else key.encode(), message, "sha256").hexdigest()
        wrong = [values[0] != str(number), values[6] != link, values[7] != seal]
        yield wrong.index(True) if any(wrong) else None
        link = values[7] if case.chained_by == "seal" else hashlib.sha256(line.encode()).hexdigest()


@pytest.mark.parametrize("seed", range(4))
def test_what_is_restored_has_the_approved_digest_and_every_status_occurs(seed: int) -> None:
    case = draw_tampered(np.random.default_rng(seed), "hard")
    found = {path: case.status(path) for path in {*case.tree, *case.approved}}
    assert {number for number, *_ in found.values()} == {0, 1, 2, 3, 4}
    for path, (number, source, content) in found.items():
        assert (source == "-") == (number in (0, 4))
        if content is None:
            assert number == 4 or source == "none"
        else:
            assert hashlib.new(case.algorithm, content).hexdigest() == case.approved[path].digest
    assert case.manifest != {path: entry.digest for path, entry in case.approved.items()}


@each_level
@pytest.mark.parametrize("seed", range(3))
def test_a_plan_is_an_order_of_all_that_can_be_built(seed: int, level: str) -> None:
    case = build_draw.draw_case(np.random.default_rng(seed), level)
    for profile in case.profiles:
        plan = case.plan(profile)
        placed: set[str] = set()
        for name in plan.order:
            assert set(plan.edges[name]) <= placed
            assert name == first_ready(case, plan, placed)
            placed.add(name)
        torn = {name for name in plan.edges if {use.split(">=")[0].split("<")[0] for use in case.units[name]["uses"]}
                & set(plan.conflicts)}  # fmt: skip
        broken = {*plan.missing, *torn, *(name for cycle in plan.cycles for name in cycle)}
        assert placed | broken | set(plan.blocked) == set(plan.edges)
        assert not placed & (broken | set(plan.blocked))
        assert all(any(other not in placed for other in plan.edges[name]) for name in plan.blocked)


def first_ready(case: BuildCase, plan: Plan, placed: set[str]) -> str:
    """The unit that the tie rule says is next."""
    ready = [name for name in plan.order if name not in placed and set(plan.edges[name]) <= placed]
    users = {name: sum(name in plan.edges[other] for other in plan.order) for name in ready}
    weight = {"name": dict.fromkeys(ready, 0), "cost": {name: case.cost(name) for name in ready}, "users": users}
    return sorted(sorted(ready), key=lambda name: weight[case.tie][name], reverse=True)[0]


@pytest.mark.parametrize("seed", range(12))
def test_the_best_way_is_the_least_of_all_ways(seed: int) -> None:
    case = route_draw.draw_case(np.random.default_rng(seed), "easy")
    for query in case.queries:
        ways = sorted(all_ways(case, query))
        best = case.best(query)
        assert (best and (best.arrival, best.path)) == (ways[0][0], ways[0][2]) if ways else best is None


def all_ways(case: RouteCase, query: Query) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Arrival, second criterion and path of all ways that come to no place twice."""
    closed = {(frozenset((here, there)), start, end) for here, there, start, end in case.closed}
    gone = {name for name, *_ in case.closed} if case.timetable else set()

    def onward(
        place: str, now: int, line: str, worth: int, path: tuple[str, ...], seen: frozenset[str]
    ) -> Iterator[tuple[int, int, tuple[str, ...]]]:
        if place == query.there:
            yield now, worth, path
            return
        for link in case.links:
            ends = (link.here, link.there) if link.here == place else (link.there, link.here)
            back = link.there == place and (case.timetable or link.one_way)
            if ends[0] != place or back or ends[1] in seen or link.limit < query.load or link.name in gone:
                continue
            if case.timetable:
                if link.start < now + case.change * (line not in ("", link.line)):
                    continue
                begin, name = link.start, link.name
            else:
                begin, name = now, ends[1]
                while spans := [end for pair, start, end in closed if pair == frozenset(ends) and start <= begin < end]:
                    begin = spans[0]
            more = link.toll if case.second == "tolls" else 1
            yield from onward(ends[1], begin + link.minutes, link.line, worth + more, (*path, name), seen | {ends[1]})

    first = () if case.timetable else (query.here,)
    yield from onward(query.here, query.ready, "", 0, first, frozenset((query.here,)))


@pytest.mark.parametrize("seed", range(8))
def test_nobody_can_be_sent_to_arrive_earlier(seed: int) -> None:
    case = route_draw.draw_case(np.random.default_rng(seed), "medium")
    sent = case.sent()
    assert len({name for _, name, _ in sent}) == len(case.jobs) == len(sent)
    homes = {name: (here, free) for name, here, free in case.carriers}
    goals = {job: (there, load) for job, there, load in case.jobs}

    def arrival(job: str, name: str) -> float:
        (there, load), (here, free) = goals[job], homes[name]
        way = None if here == there else case.best(Query("", here, there, free, load))
        return free if here == there else way.arrival if way else float("inf")

    assert [at for *_, at in sent] == [arrival(job, name) for job, name, _ in sent]
    idle = sorted(set(homes) - {name for _, name, _ in sent})
    for job, name, at in sent:
        assert all(arrival(job, other) >= at for other in idle)
        for other_job, other, other_at in sent:
            assert arrival(job, other) + arrival(other_job, name) >= at + other_at or job == other_job


@pytest.mark.parametrize("seed", range(16))
def test_metrics_agree_with_each_other_and_with_floats(seed: int) -> None:
    case = score_draw.draw_case(np.random.default_rng(seed), LEVELS[seed % 3])
    told = evaluate(case)
    metrics = told["metrics"]
    within = 0.5001 * 10**-case.rules.digits
    if case.rules.several:
        counts = [[int(cell) for cell in row[1:]] for row in told["confusion"]]
        assert sum(map(sum, counts)) == metrics["items"]
        hits = sum(counts[number][number] for number in range(len(counts)))
        assert metrics["accuracy"] == pytest.approx(hits / metrics["items"], abs=within)
        assert [int(row[1]) for row in told["classes"]] == [sum(row) for row in counts]
        assert metrics["macro_f1"] == pytest.approx(np.mean([float(row[4]) for row in told["classes"]]), abs=2 * within)
    else:
        tp, fp, fn, tn = (metrics[name] for name in ("tp", "fp", "fn", "tn"))
        assert tp + fp + fn + tn == metrics["items"]
        assert metrics["precision"] == pytest.approx(tp / (tp + fp), abs=within)
        assert metrics["f1"] == pytest.approx(2 * tp / (2 * tp + fp + fn), abs=within)
        if case.rules.bins:
            assert sum(int(row[1]) for row in told["bins"]) == metrics["items"]
    assert len(told["leaked"]) == metrics["leaked"]
    assert told["leaked"] == sorted(told["leaked"])
    if case.rules.smallest:
        assert all(float(one[2]) <= float(other[2]) for one, other in pairwise(told["parts"]))


def test_a_rule_that_is_neglected_is_noticed() -> None:
    case = score_draw.draw_case(np.random.default_rng(2), "hard")
    assert evaluate(case, replace(case.rules, seen=())) != evaluate(case)
    assert evaluate(case, replace(case.rules, corrected=False)) != evaluate(case)


def test_small_helpers() -> None:
    import gzip

    assert gzip.decompress(gzipped(b"one\ntwo\n")) == b"one\ntwo\n"
    assert listed(["a", "b", "c"]) == "`a`, `b` and `c`"
    assert fill("@one@ and @two@", one=1, two="2") == "1 and 2"
    with pytest.raises(KeyError):
        fill("@none@")
