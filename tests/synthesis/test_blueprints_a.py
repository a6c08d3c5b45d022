"""Blueprints of data and files: their drafts are pure, differ from seed to seed, and give nothing away."""

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from termigen_gym.checks.lint import fakes, instruction_problems
from termigen_gym.checks.shape import CATEGORIES, MIN_BLOCKS
from termigen_gym.episode import PERTURBATION_KINDS
from termigen_gym.solution import mistakes_of, solution_of, variants_of
from termigen_gym.synthesis.blueprints.event_rollup import BLUEPRINT as EVENT_ROLLUP
from termigen_gym.synthesis.blueprints.event_rollup import plan as event_rollup_plan
from termigen_gym.synthesis.blueprints.event_rollup.domains import DOMAINS as EVENT_DOMAINS
from termigen_gym.synthesis.blueprints.fleet_config import BLUEPRINT as FLEET_CONFIG
from termigen_gym.synthesis.blueprints.fleet_config import domains as fleet_config_domains
from termigen_gym.synthesis.blueprints.fleet_config import plan as fleet
from termigen_gym.synthesis.blueprints.kit import Blueprint
from termigen_gym.synthesis.blueprints.merge_exports import BLUEPRINT as MERGE_EXPORTS
from termigen_gym.synthesis.blueprints.merge_exports import domains as merge_exports_domains
from termigen_gym.synthesis.blueprints.merge_exports import plan as merging
from termigen_gym.synthesis.blueprints.merge_exports.draw import draw as draw_merge
from termigen_gym.synthesis.blueprints.pieces import fill, flowing, gzipped, sqlite_file, tarred, zipped
from termigen_gym.synthesis.blueprints.retention_sweep import BLUEPRINT as RETENTION_SWEEP
from termigen_gym.synthesis.blueprints.retention_sweep import plan as sweeping
from termigen_gym.synthesis.blueprints.retention_sweep.domains import DOMAINS as SWEEP_DOMAINS
from termigen_gym.synthesis.draft import Draft
from termigen_gym.task import Task

BLUEPRINTS = (MERGE_EXPORTS, EVENT_ROLLUP, FLEET_CONFIG, RETENTION_SWEEP)
LEVELS = ("easy", "medium", "hard")

each_blueprint = pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda blueprint: blueprint.name)
each_level = pytest.mark.parametrize("level", LEVELS)


def composed(blueprint: Blueprint, seed: int, level: str) -> Draft:
    return blueprint.compose(np.random.default_rng(seed), level)


@each_blueprint
@each_level
def test_the_same_state_gives_the_same_draft(blueprint: Blueprint, level: str) -> None:
    assert composed(blueprint, 11, level) == composed(blueprint, 11, level)


@each_blueprint
def test_seeds_give_other_worlds(blueprint: Blueprint) -> None:
    drafts = [composed(blueprint, seed, "medium") for seed in range(12)]
    for file in ("instruction.md", "solution/solve.sh", "tests/expected.json"):
        assert len({draft.text(file) for draft in drafts}) == len(drafts)
    assert len({draft.name.rpartition("-")[0] for draft in drafts}) >= 4
    assert len({draft.name for draft in drafts}) == len(drafts)


@each_blueprint
@each_level
def test_a_draft_is_a_task_of_ours(blueprint: Blueprint, level: str, tmp_path: Path) -> None:
    """What needs no engine to be told: five kinds of mistakes, other ways, a small tree, nothing given away."""
    for seed in (1, 2, 3):
        draft = composed(blueprint, seed, level)
        task = Task.load(draft.write(tmp_path))
        assert task.config.metadata.category == blueprint.category in CATEGORIES
        assert MIN_BLOCKS <= len(solution_of(task)) <= 7
        assert {mistake.perturbation.kind for mistake in mistakes_of(task)} == set(PERTURBATION_KINDS)
        variants = variants_of(task)
        assert len(variants.equivalents) >= 3
        assert len(variants.mutants) >= 3
        assert instruction_problems(task) == []
        assert "```" not in task.instruction
        inputs = {path: file.content for path, file in draft.files.items() if path.startswith("environment/files/")}
        assert len(inputs) < 120
        assert sum(map(len, inputs.values())) < 300_000
        assert fakes(inputs) == []


@each_blueprint
def test_programs_are_filled_in(blueprint: Blueprint) -> None:
    for level in LEVELS:
        draft = composed(blueprint, 5, level)
        for file in ("solution/solve.sh", "solution/variants.toml", "solution/mistakes.toml", "tests/test_outputs.py"):
            assert re.findall(r"@[A-Z_]{2,}@", draft.text(file)) == []
        compile(draft.text("tests/test_outputs.py"), "test_outputs.py", "exec")


@each_blueprint
def test_harder_tasks_have_more_to_do(blueprint: Blueprint) -> None:
    def size(level: str) -> int:
        return sum(len(composed(blueprint, seed, level).text("tests/expected.json")) for seed in range(6))

    assert size("easy") < size("medium") < size("hard")


def test_merged_records_are_accounted_for() -> None:
    for seed in range(20):
        plan = draw_merge(np.random.default_rng(seed), LEVELS[seed % 3])
        result = merging.solve(plan)
        counts = result.summary["sources"]
        assert isinstance(counts, dict)
        for name, own in counts.items():
            assert own["read"] == len(plan.records[name]) == own["rejected"] + own["superseded"] + own["kept"]
        assert len({row[0] for row in result.rows}) == len(result.rows) > 10
        assert {reason for _, _, reason in result.rejects} <= set(plan.reasons)


def test_amounts_are_rounded_halves_up() -> None:
    plan = next(
        plan
        for plan in (draw_merge(np.random.default_rng(seed), "hard") for seed in range(200))
        if plan.decimals == 1 and plan.domain.units[plan.unit] == 1
    )
    assert [merging.amount_text(plan, thousandths) for thousandths in (49, 50, 1249, 1250, 1350)] == [
        *("0.0", "0.1", "1.2", "1.3", "1.4")
    ]


def test_events_are_accounted_for() -> None:
    for seed in range(20):
        plan = event_rollup_plan.draw(np.random.default_rng(seed), LEVELS[seed % 3])
        counts = event_rollup_plan.solve(plan).counts
        assert counts["read"] == sum(counts[name] for name in ("ignored", "duplicates", "late", "counted"))
        assert all(counts.values()), "each rule has something to do"


def test_windows_hold_what_was_counted() -> None:
    for seed in range(60):
        plan = event_rollup_plan.draw(np.random.default_rng(seed), "hard")
        if "events" in plan.measures:
            result = event_rollup_plan.solve(plan)
            at = 2 + plan.measures.index("events")
            assert sum(int(row[at]) for row in result.tables["windows"]) == result.counts["counted"]


def test_layers_are_applied_in_their_order() -> None:
    """The layers of one machine by hand: a later one wins, lists grow and shrink, what was unset may come again."""
    plan = fleet.draw(np.random.default_rng(3), "easy")
    host = plan.hosts[0]
    change = fleet.Change
    layers = {
        "defaults": (change("set", "a.x", ("1",)), change("set", "l.l", ("p", "q")), change("set", "b.y", ("{host}",))),
        f"role:{host.roles[0]}": (change("add", "l.l", ("q", "r")), change("unset", "a.x")),
        f"site:{host.site}": (change("remove", "l.l", ("p", "z")), change("add", "m.m", ("s",))),
        f"host:{host.name}": (change("set", "a.x", ("2",)), change("remove", "n.n", ("t",))),
    }
    settings = fleet.solve(replace(plan, hosts=(host,), layers=layers, rules=())).settings[host.name]
    assert settings == {"l.l": ("q", "r"), "b.y": (host.name,), "m.m": ("s",), "a.x": ("2",)}


def test_an_exception_holds_on_its_last_day() -> None:
    days = set()
    for seed in range(20):
        plan = fleet.draw(np.random.default_rng(seed), "medium")
        waived = {(one.host, one.rule): one.waived for one in fleet.solve(plan).findings}
        for host, rule, day in plan.exceptions:
            if (host, rule) in waived:
                assert waived[host, rule] == (day >= plan.today)
                days.add((day > plan.today) - (day < plan.today))
    assert days == {-1, 0, 1}


def test_each_file_has_one_fate() -> None:
    for seed in range(20):
        plan = sweeping.draw(np.random.default_rng(seed), LEVELS[seed % 3])
        entries = sweeping.solve(plan)
        assert [entry.path for entry in entries] == sorted({entry.path for entry in entries})
        left = sweeping.end_tree(plan, entries)
        gone = sum(entry.action == "delete" for entry in entries)
        assert len(left) == len(plan.tree) - gone
        assert gone > 3
        assert {entry.action for entry in entries} <= set(plan.actions)


def test_the_newest_copies_and_the_held_ones_stay() -> None:
    for seed in range(20):
        plan = sweeping.draw(np.random.default_rng(seed), "hard")
        fates = {entry.path: entry for entry in sweeping.solve(plan)}
        for series in {copy.series for copy in plan.copies}:
            good = [
                copy for copy in plan.copies if copy.series == series and copy.status == "ok" and copy.path in plan.tree
            ]
            newest = max(good, key=lambda copy: (copy.taken, copy.path))
            assert fates[newest.path].action != "delete"
        for path, until in plan.holds.items():
            assert (fates[path].reason == "hold") == (until >= plan.today.isoformat())


def test_there_are_many_domains() -> None:
    for domains in (merge_exports_domains.DOMAINS, EVENT_DOMAINS, fleet_config_domains.DOMAINS, SWEEP_DOMAINS):
        assert len({domain.slug for domain in domains}) == len(domains) >= 8


def test_keys_of_fleets_have_two_levels() -> None:
    """So that no key is the level of another."""
    for domain in fleet_config_domains.DOMAINS:
        keys = [*domain.numbers, *domain.switches, *domain.words, *domain.lists, domain.label, domain.spare]
        assert all(re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", key) for key in keys), domain.slug
        assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("pack", "start"),
    [
        (lambda: gzipped(b"x" * 70_000), b"\x1f\x8b"),
        (lambda: zipped({"a": b"1"}), b"PK"),
        (lambda: tarred({"a": b"1"}), b"a\0"),
        (lambda: sqlite_file("CREATE TABLE t (a TEXT)", "t", [["1"]]), b"SQLite format 3\0"),
    ],
)
def test_packs_are_what_they_seem_and_do_not_vary(pack: Callable[[], bytes], start: bytes) -> None:
    assert pack().startswith(start)
    assert pack() == pack()


def test_gzip_files_can_be_unpacked() -> None:
    for data in (b"", b"one", bytes(range(256)) * 600):
        assert gzip.decompress(gzipped(data)) == data


def test_templates_want_all_their_values() -> None:
    assert fill("\n@ONE@ and @TWO_B@ at x@y.z\n", one=1, two_b="b") == "1 and b at x@y.z"
    with pytest.raises(KeyError):
        fill("@ONE@")


def test_flowing_text_keeps_paragraphs_and_items() -> None:
    assert flowing("a\nb\n\n- c\n  d\n- e\n1. f\n\ng") == "a b\n\n- c d\n- e\n1. f\n\ng"


def test_the_truth_is_not_among_the_inputs() -> None:
    for blueprint in BLUEPRINTS:
        draft = composed(blueprint, 4, "easy")
        json.loads(draft.text("tests/expected.json"))
        assert not any(path.endswith("expected.json") for path in draft.files if path.startswith("environment/"))
