"""Blueprints of measurements, programs, consoles, replicas and protocols: what can be told without an engine."""

import contextlib
import io
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from termigen_gym.catalog import Entry
from termigen_gym.checks.lint import instruction_problems
from termigen_gym.checks.shape import shape_problems
from termigen_gym.solution import solution_of, variants_of
from termigen_gym.synthesis.blueprints import (
    maze_explorer,
    protocol_traces,
    replica_repair,
    sensor_calibration,
    spec_filter,
)
from termigen_gym.synthesis.blueprints.kit import Blueprint
from termigen_gym.synthesis.blueprints.maze_explorer.words import DOMAINS as PLACES
from termigen_gym.synthesis.blueprints.maze_explorer.world import World as Maze
from termigen_gym.synthesis.blueprints.maze_explorer.world import draw_world, sealed
from termigen_gym.synthesis.blueprints.protocol_traces.domains import DOMAINS as PROTOCOLS
from termigen_gym.synthesis.blueprints.protocol_traces.machine import (
    Entry as Event,
)
from termigen_gym.synthesis.blueprints.protocol_traces.machine import (
    Machine,
    Verdict,
    draw_flaw,
    draw_machine,
    judge,
)
from termigen_gym.synthesis.blueprints.replica_repair.domains import DOMAINS as STORES
from termigen_gym.synthesis.blueprints.replica_repair.world import Version, World
from termigen_gym.synthesis.blueprints.scribe import fill
from termigen_gym.synthesis.blueprints.sensor_calibration.domains import DOMAINS as INSTRUMENTS
from termigen_gym.synthesis.blueprints.sensor_calibration.series import Line, Point, fit
from termigen_gym.synthesis.blueprints.sensor_calibration.series import World as Series
from termigen_gym.synthesis.blueprints.spec_filter.calc import make_calc
from termigen_gym.synthesis.blueprints.spec_filter.records import make_records
from termigen_gym.synthesis.blueprints.spec_filter.template import make_template
from termigen_gym.synthesis.blueprints.spec_filter.tool import DOMAINS as USERS
from termigen_gym.synthesis.blueprints.spec_filter.tool import Case, Tool
from termigen_gym.synthesis.draft import Draft
from termigen_gym.task import Task

BLUEPRINTS = {
    one.name: one
    for module in (maze_explorer, protocol_traces, replica_repair, sensor_calibration, spec_filter)
    for one in [module.BLUEPRINT]
}
LEVELS = ("easy", "medium", "hard")
each = pytest.mark.parametrize("blueprint", BLUEPRINTS.values(), ids=BLUEPRINTS.keys())


@cache
def draft(blueprint: Blueprint, seed: int, difficulty: str) -> Draft:
    return blueprint.compose(np.random.default_rng(seed), difficulty)


def wanted(made: Draft) -> bytes:
    """What the tests of a draft compare with."""
    return next(file.content for path, file in made.files.items() if path.endswith(("expected.json", "cases.json")))


# ---------------------------------------------------------------- all of them


@each
def test_the_same_state_gives_the_same_draft(blueprint: Blueprint) -> None:
    for level in LEVELS:
        assert blueprint.compose(np.random.default_rng(7), level) == draft(blueprint, 7, level)


@each
def test_other_seeds_give_other_instructions_solutions_and_names(blueprint: Blueprint) -> None:
    drafts = [draft(blueprint, seed, "easy") for seed in range(12)]
    for path in ("instruction.md", "solution/solve.sh"):
        assert len({one.text(path) for one in drafts}) == len(drafts), path
    assert len({wanted(one) for one in drafts}) == len(drafts)
    assert len({one.name for one in drafts}) == len(drafts)


@each
def test_seeds_differ_in_what_the_task_is_about(blueprint: Blueprint) -> None:
    openings = {draft(blueprint, seed, "easy").text("instruction.md").split(".")[0] for seed in range(24)}
    assert len(openings) >= 6


@each
@pytest.mark.parametrize("difficulty", LEVELS)
def test_the_folder_is_as_ours_are(blueprint: Blueprint, difficulty: str, tmp_path: Path) -> None:
    for seed in range(3):
        folder = draft(blueprint, seed, difficulty).write(tmp_path)
        task = Task.load(folder)
        assert shape_problems(Entry(folder.name, "task", folder), task) == []
        assert instruction_problems(task) == []
        assert 4 <= len(solution_of(task)) <= 7
        for block in solution_of(task):
            for end in re.findall(r"<<'?([A-Z]+)'?$", block.command, re.MULTILINE):
                assert end in block.command.split("\n"), "a here-document is torn apart"
        assert len(variants_of(task).equivalents) >= 3
        assert (task.config.metadata.category, task.config.metadata.difficulty) == (blueprint.category, difficulty)


@each
def test_environments_are_small(blueprint: Blueprint) -> None:
    for seed in range(3):
        files = draft(blueprint, seed, "hard").files
        inside = [file.content for path, file in files.items() if path.startswith("environment/")]
        assert len(inside) < 120
        assert sum(map(len, inside)) < 300_000


@each
def test_what_is_expected_does_not_lie_in_the_image(blueprint: Blueprint) -> None:
    made = draft(blueprint, 1, "medium")
    inside = b"".join(file.content for path, file in made.files.items() if path.startswith("environment/"))
    for answer in _answers(json.loads(wanted(made))):
        assert answer.encode() not in inside


def _answers(wanted: dict[str, object]) -> Iterator[str]:
    """The outputs that are worth looking for, as the agent would write them."""
    for value in wanted.values():
        if isinstance(value, dict) and "out" in value:
            yield str(value["out"])
        elif isinstance(value, list) and len(value) > 3:
            yield "\n".join(row if isinstance(row, str) else ",".join(map(str, row)) for row in value)


def test_fill_wants_a_word_for_each_name() -> None:
    assert fill("@a@ and @b@", a=1, b="x") == "1 and x"
    with pytest.raises(KeyError):
        fill("@a@", b=1)


# ---------------------------------------------------------------- programs

MAKERS = {"calc": make_calc, "records": make_records, "template": make_template}


@pytest.mark.parametrize("sort", MAKERS)
@pytest.mark.parametrize("seed", range(4))
def test_the_program_does_what_the_cases_were_made_of(
    sort: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = MAKERS[sort](np.random.default_rng(seed), USERS[seed], seed % 3)
    monkeypatch.chdir(tmp_path)
    for name, case in {**tool.cases, **tool.samples}.items():
        assert ran(tool.program, case) == (case.out, case.code), name


@pytest.mark.parametrize("sort", MAKERS)
def test_the_cases_notice_each_flaw(sort: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = MAKERS[sort](np.random.default_rng(3), USERS[3], 1)
    monkeypatch.chdir(tmp_path)
    for flaw in tool.flaws:
        assert tool.program.count(flaw.old) == 1
        flawed = tool.program.replace(flaw.old, flaw.new)
        assert any(ran(flawed, case) != (case.out, case.code) for case in tool.cases.values())


def test_a_program_says_2_and_nothing_else_when_it_cannot_begin(tmp_path: Path) -> None:
    for make in MAKERS.values():
        tool: Tool = make(np.random.default_rng(1), USERS[1], 1)
        for args in (["-Z"], [str(tmp_path / "none")]):
            assert ran(tool.program, Case(args, "", "", 2)) == ("", 2)


def ran(program: str, case: Case) -> tuple[str, int]:
    """Runs a program of a solution in this process."""
    for name, content in case.files.items():
        Path(name).write_text(content)
    out, code = io.StringIO(), 0
    before = sys.argv, sys.stdin
    sys.argv, sys.stdin = ["program", *case.args], io.StringIO(case.stdin)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            exec(compile(program, "program", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.argv, sys.stdin = before
    return out.getvalue(), code


# ---------------------------------------------------------------- consoles


def typed(maze: Maze, files: dict[str, str], commands: list[str], tmp_path: Path) -> list[str]:
    """Types commands into the console and returns its answers."""
    data = tmp_path / "data"
    data.write_text(next(content for path, content in files.items() if path.endswith(".dat")))
    program = files[maze.console].replace(f"{maze.folder}/{maze.domain.slug}.dat", str(data))
    said, _ = ran(program, Case([], "".join(f"{line}\n" for line in [*commands, "quit"]), "", 0))
    return said.split(f"\n{maze.prompt} ")[1:-1]


@pytest.mark.parametrize("seed", range(5))
def test_the_console_shows_the_place_that_was_drawn(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    maze = draw_world(rng, PLACES[seed], LEVELS[seed % 3])
    files = sealed(rng, maze)
    assert set(maze.distances()) == set(maze.places)
    assert 0 < max(maze.distances().values()) <= maze.most
    verbs = maze.verbs
    paths: dict[str, list[str]] = {maze.start: []}
    queue = [maze.start]
    while queue:
        here = queue.pop(0)
        place = maze.places[here]
        [*_, found] = typed(maze, files, [*paths[here], verbs["search"]], tmp_path)
        assert {thing: int(count) for count, thing in re.findall(r"(\d+) (\w+)", found)} == place.things
        for way, to in place.ways.items():
            opened = [f"{verbs['open']} {way} {place.codes[way]}"] if way in place.codes else []
            path = [*paths[here], *opened, f"{verbs['go']} {way}"]
            assert to in typed(maze, files, path, tmp_path)[-1]
            if to not in paths:
                paths[to] = path
                queue.append(to)


def test_a_locked_way_opens_to_its_code_only(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    maze = draw_world(rng, PLACES[2], "medium")
    files = sealed(rng, maze)
    where, way = next((place.name, way) for place in maze.places.values() for way in place.codes)
    verbs, far = maze.verbs, maze.distances()
    path: list[str] = []
    there = where
    while there != maze.start:
        before, step = next(
            (name, way)
            for name, place in maze.places.items()
            for way, to in place.ways.items()
            if to == there and far[name] == far[there] - 1
        )
        path.insert(0, f"{verbs['go']} {step}")
        there = before
    go = f"{verbs['go']} {way}"
    shut, wrong, still = typed(maze, files, [*path, go, f"{verbs['open']} {way} 0", go], tmp_path)[-3:]
    assert (shut, wrong, still) == ("locked", "wrong code", "locked")


@pytest.mark.parametrize("seed", range(4))
def test_the_device_prints_after_its_shortest_presses(seed: int) -> None:
    maze = draw_world(np.random.default_rng(seed), PLACES[seed], "hard")
    state = 0
    for number, button in enumerate(maze.presses()):
        assert state != maze.panel_prints, number
        state = maze.panel_next[button][state]
    assert state == maze.panel_prints != 0


def test_nothing_of_a_place_can_be_read_in_its_files() -> None:
    rng = np.random.default_rng(2)
    maze = draw_world(rng, PLACES[5], "hard")
    text = "".join(sealed(rng, maze).values())
    for place in maze.places.values():
        assert place.name not in text
        assert not any(code in text for code in place.codes.values())


# ---------------------------------------------------------------- protocols


@pytest.mark.parametrize("seed", range(8))
def test_a_counterexample_breaks_the_property_with_its_last_event(seed: int) -> None:
    rng = np.random.default_rng(seed)
    machine = draw_machine(rng, PROTOCOLS[seed], "medium")
    flaw = draw_flaw(rng, machine)
    monitor = compile(flaw.python, "monitor", "eval")
    state, mark, word = machine.initial, 0, machine.counterexample(flaw)
    for number, event in enumerate(word, start=1):
        state = machine.next[state, event]
        told = eval(monitor, {"mark": mark, "event": event, "to": state, "int": int})
        mark = flaw.step(mark, event, state)
        assert int(told) == mark
        assert (mark < 0) == (number == len(word))
    assert set(machine.states) - machine.reachable(machine.initial) == set(machine.domain.ghosts)


def machine_of_two() -> Machine:
    machine = Machine(PROTOCOLS[0], "a", ["b"])
    machine.next = {("a", "go"): "b", ("b", "back"): "a", ("a", "tick"): "a"}
    machine.limits = {"tick": (2, "back")}
    machine.deadlines = {"a": 100}
    return machine


@pytest.mark.parametrize(
    ("told", "restart", "verdict"),
    [
        ("5 go", False, Verdict("ok", 1, "b")),
        ("5 tick", False, Verdict("unfinished", 1, "a")),
        ("5 go,6 go", False, Verdict("no-transition", 2, "b")),
        ("5 tick,6 tick,7 tick", False, Verdict("limit", 3, "a")),
        ("5 tick,6 tick,7 go,8 back,9 tick,9 tick,9 go", False, Verdict("ok", 7, "b")),
        ("5 tick,105 go", False, Verdict("ok", 2, "b")),
        ("5 tick,106 go", False, Verdict("late", 2, "a")),
        ("5 tick,50 tick,106 go", True, Verdict("ok", 3, "b")),
        ("5 tick,106 nonsense,107 go", False, Verdict("late", 2, "a")),
    ],
)
def test_a_session_is_judged_by_its_first_violation(told: str, restart: bool, verdict: Verdict) -> None:
    entries = [Event(int(row.split()[0]), "s", row.split()[1]) for row in told.split(",")]
    found, _ = judge(machine_of_two(), entries, restart=restart)
    assert found == {"s": verdict}


# ---------------------------------------------------------------- replicas


def store(mode: str, held: dict[str, list[Version]], **rules: object) -> World:
    drawn: dict[str, object] = {
        "winner": "latest", "deletes_win": False, "bump": False, "lost": False, "weighted": False,
    }  # fmt: skip
    world = World(
        domain=STORES[0], mode=mode, replicas=sorted(held), data="/d", out="/o", form="csv", merged_form="csv",
        clock_sep=";", asked=[], **{**drawn, **rules},  # type: ignore[arg-type]
    )  # fmt: skip
    world.order, world.held, world.weights = sorted(held), held, dict.fromkeys(held, 1)
    world.settle()
    return world


def version(value: str | None, written: int = 0, **clock: int) -> Version:
    return Version("k", value, tuple(sorted(clock.items())), written, min(clock, default=""))


def test_a_descendant_wins_whatever_the_clocks_on_the_wall_say() -> None:
    world = store("vector", {"a": [version("old", 99, a=1)], "b": [version("new", 5, a=1, b=1)]})
    assert world.live == {"k": ("new", (("a", 1), ("b", 1)))}
    assert (world.conflicts, world.repairs) == ([], {"a": ["put k"], "b": []})


@pytest.mark.parametrize(
    ("deletes_win", "conflict", "drops"), [(True, "k 2 (deleted)", ["drop k"]), (False, "k 2 kept", ["put k"])]
)
def test_a_deletion_beside_a_write(deletes_win: bool, conflict: str, drops: list[str]) -> None:
    held = {"a": [version("kept", 1, a=2)], "b": [version(None, 9, b=1)]}
    world = store("vector", held, deletes_win=deletes_win)
    assert world.conflicts == [conflict]
    assert world.repairs["a"] == drops


def test_a_settled_conflict_is_counted_by_the_coordinator() -> None:
    world = store("vector", {"a": [version("x", 3, a=2)], "b": [version("y", 3, b=1)]}, bump=True)
    assert world.live == {"k": ("x", (("a", 3), ("b", 1)))}


@pytest.mark.parametrize(
    ("values", "lost", "live", "conflicts"),
    [
        ("1x 1x 2y", False, "x", []),  # 2 was never committed
        ("1x 2y 2y", False, "y", []),
        ("1x 2y 3z", False, "z", []),
        ("1x 2y 3z", True, None, []),
        ("2x 2y 1z", False, "x", ["k 2 x"]),
        ("2x 2y 1z", True, None, ["k 2 (lost)"]),
    ],
)
def test_what_a_majority_holds_is_committed(values: str, lost: bool, live: str | None, conflicts: list[str]) -> None:
    held = {
        name: [Version("k", word[1:], (("epoch", 1), ("seq", int(word[0]))))]
        for name, word in zip("abc", values.split(), strict=True)
    }
    world = store("quorum", held, lost=lost)
    assert world.live.get("k", (None, None))[0] == live
    assert world.conflicts == conflicts


# ---------------------------------------------------------------- measurements


@pytest.mark.parametrize(("sort", "degree"), [("linear", 1), ("quadratic", 2), ("weighted", 1)])
def test_fits_are_those_of_numpy(sort: str, degree: int) -> None:
    rng = np.random.default_rng(5)
    points = [
        Point("s", 1, int(raw), int(3 * raw + rng.integers(-99, 99)), int(rng.integers(100, 900)), "ok")
        for raw in rng.integers(500, 9000, 12)
    ]
    weights = [1000 / point.sigma for point in points] if sort == "weighted" else None
    raws, references = [point.raw / 1000 for point in points], [point.reference / 1000 for point in points]
    found = [float(c) for c in fit(sort, points)]
    np.testing.assert_allclose(found[::-1], np.polyfit(raws, references, degree, w=weights), rtol=1e-8)


def test_a_line_through_the_origin() -> None:
    points = [Point("s", 1, 1000, 2000, 1, "ok"), Point("s", 1, 3000, 6000, 1, "ok")]
    assert [float(c) for c in fit("origin", points)] == [0.0, 2.0]


def series(lines: list[Line], *, later_counts: bool = True) -> Series:
    """A gauge whose readings are metres, in centimetres."""
    world = Series(
        domain=INSTRUMENTS[0], sensors=["s"], fit="linear", points_of="all", step=3600, days=1, start=0,
        later_counts=later_counts, low=1000, high=9000, spike=500, stuck=3, coverage=25, longest=7200,
        asked=["integral", "peak", "peak_time", "rejected", "gaps", "longest_gap_min", "used"],
    )  # fmt: skip
    world.points = [Point("s", 1, raw, raw, 1, "ok") for raw in (1000, 2000, 4000)]
    world.series = {"s": lines}
    world.work_out()
    return world


def test_readings_are_screened_in_the_order_of_the_rules() -> None:
    raws = [2000, 2100, 9001, 2700, 2150, None, 999, 2000, 2000, 2000, 2000, 9000]
    lines = [Line(hour * 3600, raw) for hour, raw in enumerate(raws)]
    world = series([*lines, Line(0, 2050)])
    told = world.summary()["s"]
    assert isinstance(told, dict)
    # 2700 is a spike between 2100 and 2150, which are its neighbours once 9.001 is out of range.
    assert told["rejected"] == {"duplicate": 1, "missing": 1, "range": 2, "spike": 1, "stuck": 3}
    assert [time // 3600 for time, _ in world.good["s"]] == [0, 1, 4, 7, 11]
    assert float(world.good["s"][0][1]) == 205
    assert (told["peak"], told["peak_time"], told["used"]) == (900.0, "1970-01-01T11:00:00Z", 5)
    assert (told["gaps"], told["longest_gap_min"], told["integral"]) == (3, 240, 207.5)
    assert [row[:3] for row in world.daily] == [("s", "1970-01-01", 5)]
    assert world.daily[0][3] is None  # 5 of 24 are fewer than 25 %


def test_the_first_of_two_lines_may_count() -> None:
    world = series([Line(0, 2000), Line(0, 3000), Line(3600, 2100)], later_counts=False)
    assert float(world.good["s"][0][1]) == 200
