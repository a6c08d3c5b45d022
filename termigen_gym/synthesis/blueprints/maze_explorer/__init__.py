"""A console that is the only view of a place: explore it, and write down what is where and how to get to the goal."""

from __future__ import annotations

import json

import numpy as np

from ...draft import Draft
from ..kit import COMMON, Blueprint, Other, assemble, bullets, hexes, pick, sample
from ..scribe import TESTS_HEAD
from .solution import Layout, equivalents, solve
from .words import DOMAINS
from .world import World, draw_world, sealed

ASKED = {
    "places": "the number of places",
    "one_way": "how many ways lead to a place from which no way leads directly back",
    "farthest": "the place that takes most moves from the start if all codes are known; of several the first in byte "
    "order",
    "dead_ends": "the list, in byte order, of the places that have exactly one way out",
    "codes": "an object from each place with a locked way to an object from that way to its code, a text",
    "richest": "the place with the most things in all; of several the first in byte order",
    "reach": "a list that says for 0, 1, 2 … moves how many places are exactly so far from the start, to the farthest",
}
"""What the report may hold."""


def _compose(rng: np.random.Generator, difficulty: str) -> Draft:
    domain = pick(rng, DOMAINS)
    world = draw_world(rng, domain, difficulty)
    level = {"easy": 0, "medium": 1, "hard": 2}[difficulty]
    layout = Layout(
        out=f"/app/{pick(rng, ('out', 'survey', 'report', 'chart'))}",
        map_form=pick(rng, ("csv", "tsv", "jsonl")),
        by_place=pick(rng, (True, False)),
        asked=sorted(sample(rng, tuple(ASKED), 3 + level)),
    )
    return assemble(
        name=f"{domain.slug}-console-{hexes(rng, 4)}",
        category="interactive-environments",
        difficulty=difficulty,
        description=f"Explore by its console what nobody has a chart of, and drive to {world.goal}",
        keywords=["exploration", "interactive", "graph", "shortest-path", "state-machine"],
        tools=["python3", "jq", "awk", "sort"],
        instruction=_instruction(rng, world, layout),
        files=dict(sealed(rng, world)),
        tests=_tests(world, layout),
        test_data={"expected.json": json.dumps(_wanted(world, layout), indent=0, sort_keys=True) + "\n"},
        steps=solve(rng, world, layout),
        equivalents=equivalents(world, layout),
        mutants=[
            Other(
                "a-way-round-instead-of-the-shortest",
                _detour(world, layout),
            )
        ],
        packages=COMMON,
    )


def _detour(world: World, layout: Layout) -> str:
    """The command that goes to a neighbour of the start and back before the route begins."""
    here = world.places[world.start]
    back = {
        way: other for way, to in here.ways.items() for other, at in world.places[to].ways.items() if at == here.name
    }
    way = min(back, default=min(here.ways))
    go = world.verbs["go"]
    lines = f"{go} {way}\\n{go} {back.get(way, way)}\\n"
    session = f"{layout.out}/session.txt"
    return f"{{ printf '{lines}'; cat {session}; }} > /tmp/long && cp /tmp/long {session}"


def _wanted(world: World, layout: Layout) -> dict[str, object]:
    places = world.places
    far = world.distances()
    heavy = {name: sum(place.things.values()) for name, place in places.items()}
    counts = list(far.values())
    every: dict[str, object] = {
        "places": len(places),
        "one_way": sum(
            name not in places[to].ways.values() for name, place in places.items() for to in place.ways.values()
        ),
        "farthest": min(far, key=lambda name: (-far[name], name)),
        "dead_ends": sorted(name for name, place in places.items() if len(place.ways) == 1),
        "codes": {name: place.codes for name, place in places.items() if place.codes},
        "richest": min(heavy, key=lambda name: (-heavy[name], name)),
        "reach": [counts.count(moves) for moves in range(max(counts) + 1)],
    }
    report = {name: every[name] for name in layout.asked}
    if world.panel_next:
        report["presses"] = world.presses()
    if layout.by_place:
        things: dict[str, object] = {name: place.things for name, place in places.items() if place.things}
    else:
        kinds = sorted({thing for place in places.values() for thing in place.things})
        things = {kind: sum(place.things.get(kind, 0) for place in places.values()) for kind in kinds}
    return {
        "map": sorted([name, way, to] for name, place in places.items() for way, to in place.ways.items()),
        "things": things,
        "report": report,
        "locks": {name: place.codes for name, place in places.items() if place.codes},
        "start": world.start,
        "goal": world.goal,
        "moves": far[world.goal],
    }


def _instruction(rng: np.random.Generator, world: World, layout: Layout) -> str:
    domain, out, verbs = world.domain, layout.out, world.verbs
    opening = pick(
        rng,
        (
            f"{domain.story} Please explore everything that can be reached and write it down.",
            f"{domain.story} I need a chart, an inventory, and a session that ends in {world.goal}.",
            f"{domain.story} Drive it wherever it can go and bring back what is asked for below.",
        ),
    )
    rules = [
        f"It begins at the same place every time. `{verbs['go']} WAY` is a move; ways may be one-way, and the way "
        f"back need not be the opposite word.",
        f"After {world.most} moves it is brought back to the start before the next move; `{verbs['home']}` brings it "
        f"back at once and the moves count anew.",
        f"`{verbs['search']}` shows what lies at a place; looking alone does not.",
        f"Some ways are locked. A code, used with `{verbs['open']} WAY CODE` at that place, unlocks a way until the "
        f"program ends; what can be learned with `{verbs['read']}` says where a code is for.",
    ]
    if world.panel_next:
        rules.append(
            f"One place has a {domain.device}. Pressing a button (`{verbs['press']} BUTTON`) lights a lamp: which "
            f"one, depends "
            "on the button and on the lamp before by fixed rules. Whenever you come to the place it is in its first "
            "state again. With one of the lamps it prints a strip."
        )
    if layout.map_form == "jsonl":
        how = "one JSON object a line with `from`, `way` and `to`"
    else:
        how = (
            f"no header, place, way, place that it leads to, separated by "
            f"{'commas' if layout.map_form == 'csv' else 'tabs'}"
        )
    things = (
        "an object from each place that has things to an object from the kind of thing to the number there"
        if layout.by_place
        else "an object from each kind of thing that there is to its number in all places together"
    )
    entries = "; ".join(f"`{name}`: {ASKED[name]}" for name in layout.asked)
    if world.panel_next:
        entries += (
            f"; `presses`: the list of buttons that makes the {domain.device} print when one comes to it, as short as "
            f"can be; of several the first, comparing button by button in byte order"
        )
    wanted = [
        f"`{out}/map.{layout.map_form}`: a line for each way out of each place, locked ones included: {how}; sorted "
        f"by place, then way, in byte order.",
        f"`{out}/things.json`: {things}.",
        f"`{out}/session.txt`: the lines to be typed into a fresh session so that it ends in {world.goal}, without "
        f"`quit`: "
        f"`{verbs['go']} WAY` and `{verbs['open']} WAY CODE` lines only, each of them accepted by the program, with "
        f"as few moves as can be and no code that is not needed.",
        f"`{out}/report.json`: an object with {entries}.",
    ]
    return "\n\n".join(
        [
            opening,
            f"The console is `{world.console}`; it reads commands from standard input, typed or not, and `help` lists "
            f"them. Names "
            "of places are as it shows them. What it knows is sealed, place by place; work through its prompt.",
            "## What is known about it",
            bullets(rules),
            "## What I need",
            bullets(wanted),
        ]
    )


def _tests(world: World, layout: Layout) -> str:
    path = f"{layout.out}/map.{layout.map_form}"
    if layout.map_form == "jsonl":
        found = (
            f'    rows = [json.loads(line) for line in lines("{path}")]\n'
            '    assert all(sorted(row) == ["from", "to", "way"] for row in rows)\n'
            '    assert [[row["from"], row["way"], row["to"]] for row in rows] == WANT["map"]'
        )
    else:
        sep = "," if layout.map_form == "csv" else "\\t"
        found = f'    assert [line.split("{sep}") for line in lines("{path}")] == WANT["map"]'
    verbs = world.verbs
    return f'''\
"""Compares chart, inventory and report with the place as it is, and drives the session through it."""
{TESTS_HEAD}

def test_map():
    """Every way out of every place, and where it leads."""
{found}


def test_things():
    """What lies about."""
    assert same(json.loads(text("{layout.out}/things.json")), WANT["things"])


def test_session_ends_in_the_goal():
    """The typed lines are accepted one by one, unlock what they go through, and end where they should."""
    ways = {{(place, way): to for place, way, to in WANT["map"]}}
    here, moves, unlocked, used = WANT["start"], 0, set(), set()
    for line in lines("{layout.out}/session.txt"):
        match line.split():
            case ["{verbs["go"]}", way]:
                assert (here, way) in ways, f"no way {{way}} at {{here}}"
                assert way not in WANT["locks"].get(here, {{}}) or (here, way) in unlocked, f"{{way}} is locked"
                used.add((here, way))
                here, moves = ways[here, way], moves + 1
            case ["{verbs["open"]}", way, code]:
                assert WANT["locks"].get(here, {{}}).get(way) == code, f"{{line}} is wrong at {{here}}"
                assert (here, way) not in unlocked
                unlocked.add((here, way))
            case _:
                raise AssertionError(f"not a move and no code: {{line!r}}")
    assert (here, moves) == (WANT["goal"], WANT["moves"])
    assert unlocked <= used, "a code was not needed"


def test_report():
    """What was asked of the whole, and nothing else."""
    assert same(json.loads(text("{layout.out}/report.json")), WANT["report"])
'''


BLUEPRINT = Blueprint("maze-explorer", "interactive-environments", _compose)
"""Places behind a console."""
