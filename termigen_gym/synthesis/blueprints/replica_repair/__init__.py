"""Replicas of a key-value store that have drifted apart: what they should hold, and how each gets there."""

from __future__ import annotations

import json

import numpy as np

from ...draft import Draft
from ..kit import COMMON, Blueprint, Other, assemble, between, bullets, chance, hexes, numbered, pick, sample
from ..scribe import TESTS_HEAD, json_lines, shuffled, table
from .domains import DOMAINS, RANKS, SUMMARY
from .draw import quorum_world, vector_world
from .solution import equivalents, slips_and_steps
from .world import World

_KEYS = {"easy": 26, "medium": 56, "hard": 120}
_REPLICAS = {"easy": (3, 3), "medium": (3, 4), "hard": (4, 5)}


def _compose(rng: np.random.Generator, difficulty: str) -> Draft:
    world = _draw(rng, difficulty)
    domain = world.domain
    tag = hexes(rng, 4)
    steps = slips_and_steps(rng, world)
    wanted = {
        "merged": world.merged_rows(),
        "conflicts": world.conflicts,
        "repairs": world.repairs,
        "summary": world.summary(),
    }
    return assemble(
        name=f"{domain.slug}-replica-{tag}",
        category="distributed-parallel",
        difficulty=difficulty,
        description=f"Bring the drifted replicas of {domain.things} together by stated rules and say what each must "
        f"repair",
        keywords=["replication", "anti-entropy", "version-vectors" if world.mode == "vector" else "quorum", "repair"],
        tools=["awk", "jq", "sort", "python3"],
        instruction=_instruction(rng, world),
        files=_files(rng, world),
        tests=_tests(world),
        test_data={"expected.json": json.dumps(wanted, ensure_ascii=False, indent=0, sort_keys=True) + "\n"},
        steps=steps,
        equivalents=equivalents(world),
        mutants=[
            Other(
                "repairs-of-one-replica-swapped",
                f"cd {world.out}/repair && mv {world.replicas[0]}.txt x && mv {world.replicas[1]}.txt "
                f"{world.replicas[0]}.txt && mv x {world.replicas[1]}.txt",
            )
        ],
        packages=COMMON,
    )


def _draw(rng: np.random.Generator, difficulty: str) -> World:
    domain = pick(rng, DOMAINS)
    mode = pick(rng, ("vector", "quorum"))
    world = World(
        domain=domain,
        mode=mode,
        replicas=sorted(sample(rng, domain.replicas, between(rng, *_REPLICAS[difficulty]))),
        data=f"/app/{pick(rng, ('replicas', 'stores', 'dumps', domain.slug))}",
        out=f"/app/{pick(rng, ('out', 'merged', 'result', 'plan'))}",
        form=pick(rng, ("jsonl", "tsv", "csv")),
        merged_form=pick(rng, ("json", "csv", "tsv")),
        clock_sep=pick(rng, (";", "|", " ")),
        winner=pick(rng, tuple(RANKS)),
        deletes_win=chance(rng, 50),
        bump=chance(rng, 50),
        lost=chance(rng, 50),
        weighted=difficulty != "easy",
        asked=sorted(sample(rng, tuple(SUMMARY), {"easy": 3, "medium": 4, "hard": 5}[difficulty])),
    )
    world.order = shuffled(rng, world.replicas)
    count = _KEYS[difficulty]
    if mode == "vector":
        vector_world(rng, world, count, several=difficulty != "easy")
    else:
        quorum_world(rng, world, count)
    return world


def _files(rng: np.random.Generator, world: World) -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {}
    columns = world.columns()
    for replica in world.replicas:
        rows = shuffled(rng, [world.raw(rng, version) for version in world.held[replica]])
        if world.form == "jsonl":
            files[f"{world.data}/{replica}.jsonl"] = json_lines(dict(zip(columns, row, strict=True)) for row in rows)
        else:
            sep = "\t" if world.form == "tsv" else ","
            files[f"{world.data}/{replica}.{world.form}"] = table([columns, *rows], sep)
    if world.mode == "quorum" and world.weighted:
        files["/app/weights.csv"] = table([("replica", "weight"), *world.weights.items()])
    if world.mode == "vector" and world.winner == "site":
        files["/app/order.txt"] = table([[site] for site in world.order])
    return files


def _instruction(rng: np.random.Generator, world: World) -> str:
    domain, names = world.domain, world.domain.columns
    key, value = names[0], names[1]
    opening = pick(
        rng,
        (
            f"{domain.story} {{}} Please work out what the store should hold, and what each replica has to do to get "
            f"there.",
            f"{domain.story} {{}} Before we open it to writers again I need the agreed state and a repair list for "
            f"each replica.",
            f"{domain.story} {{}} Reconcile them by the rules below; the repair job takes your files as they are.",
        ),
    )
    held = (
        f"`{world.data}/` has a dump of each of the {len(world.replicas)} replicas "
        f"({', '.join(f'`{name}`' for name in world.replicas)}), `<replica>.{world.form}`."
    )
    parts = [
        opening.format(held),
        "## The dumps",
        world.format_text(),
        "## What is right",
        numbered(world.rules()),
        "## What I need",
        bullets(_wanted(world, key, value)),
        f"Leave `{world.data}` as it is.",
    ]
    return "\n\n".join(parts)


def _wanted(world: World, key: str, value: str) -> list[str]:
    clock = "clock" if world.mode == "vector" else "version"
    written = (
        "the counters that are not 0 as `name=number`, by name in byte order, joined by `+`"
        if world.mode == "vector"
        else "as `epoch.seq`"
    )
    if world.merged_form == "json":
        merged = (
            f"`{world.out}/merged.json`: one JSON object from each {key} that is live in the result to an object with "
            f"`{value}` and `{clock}` (a text: {written})."
        )
    else:
        sep = "comma" if world.merged_form == "csv" else "tab"
        merged = (
            f"`{world.out}/merged.{world.merged_form}`: no header; a line for each {key} that is live in the result, "
            f"in byte order of the {key}: {key}, {value}, {clock} ({written}), separated by one {sep}."
        )
    what = "remaining versions" if world.mode == "vector" else "different contents of that version"
    deleted = "`(deleted)`" if world.mode == "vector" or not world.lost else "`(deleted)` or `(lost)`"
    conflicts = (
        f"`{world.out}/conflicts.txt`: a line for each {key} in conflict, in byte order: the {key}, how many {what} "
        f"there are, and the {value} that results ({deleted} where none does), separated by one space."
    )
    repair = (
        f"`{world.out}/repair/<replica>.txt` for each replica, also where there is nothing to do (then empty): a line "
        f"`put`, space, {key} for each {key} that is live in the result, unless the replica holds exactly one record "
        f"of it "
        f"and that has the resulting {value} and {clock}; a line `drop`, space, {key} for each {key} that is not live "
        f"in the result and of which the replica holds a record that is no deletion. By {key} in byte order, whatever "
        f"the verb."
    )
    summary = (
        f"`{world.out}/summary.json`: one object with "
        + "; ".join(f"`{name}`: {SUMMARY[name].format(key=key)}" for name in world.asked)
        + "."
    )
    return [merged, conflicts, repair, summary]


def _tests(world: World) -> str:
    if world.merged_form == "json":
        merged = f'    assert same(json.loads(text("{world.out}/merged.json")), WANT["merged"])'
    else:
        merged = f'    assert lines("{world.out}/merged.{world.merged_form}") == WANT["merged"]'
    return f'''\
"""Compares the agreed state, the conflicts and the repair lists with what the rules make of these dumps."""
{TESTS_HEAD}

def test_merged_state():
    """Each key that is live, with its value and version, and no other."""
{merged}


def test_conflicts():
    """Keys in conflict, how many ways, and what came of them."""
    assert lines("{world.out}/conflicts.txt") == WANT["conflicts"]


def test_repair_lists():
    """What each replica has to put and to drop, in order."""
    found = {{name: text(f"{world.out}/repair/{{name}}.txt").split("\\n") for name in WANT["repairs"]}}
    assert {{name: [line for line in rows if line] for name, rows in found.items()}} == WANT["repairs"]


def test_no_other_repair_lists():
    """There is a list for each replica and for nobody else."""
    assert sorted(os.listdir("{world.out}/repair")) == sorted(f"{{name}}.txt" for name in WANT["repairs"])


def test_summary():
    """The counts that were asked for, and no others."""
    assert same(json.loads(text("{world.out}/summary.json")), WANT["summary"])
'''


BLUEPRINT = Blueprint("replica-repair", "distributed-parallel", _compose)
"""Replicas, their rules of agreement, and repair lists."""
