"""A protocol's specification and traces of several runs: which sessions conform, and how the protocol is flawed."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np

from ...draft import Draft
from ..kit import COMMON, Blueprint, Other, assemble, between, bullets, chance, hexes, numbered, pick, sample
from ..scribe import TESTS_HEAD, json_lines, shuffled, table
from .domains import DOMAINS
from .machine import Entry, Flaw, Machine, Verdict, draw_flaw, draw_machine, draw_run, judge
from .solution import Layout, equivalents, solve

WORDS = ("late", "limit", "no-transition", "ok", "unfinished")
"""The verdicts."""

ASKED = {
    "ok": "how many {session}s conform",
    "verdicts": "an object from each of the five verdicts to the number of {session}s that have it, 0 included",
    "worst_run": "the {run} with the most {session}s that do not conform; of several the first in byte order",
    "never_taken": "how many transitions of the specification no {session} took",
    "dead_ends": "the list, in byte order, of the states that can be reached, are not final and from which no final "
    "state can be reached, by transitions alone",
    "busiest": "the transition that was taken most often, as state, space, event; of several the first in byte order",
    "lines": "an object from each {run} to the number of its lines that were taken as transitions",
}
"""What the report may hold."""


def _compose(rng: np.random.Generator, difficulty: str) -> Draft:
    domain = pick(rng, DOMAINS)
    machine = draw_machine(rng, domain, difficulty)
    flaw = draw_flaw(rng, machine)
    restart = chance(rng, 50)
    level = {"easy": 0, "medium": 1, "hard": 2}[difficulty]
    runs = {
        f"{domain.run}-{mark:02d}": draw_run(rng, machine, between(rng, 5, 7) + 3 * level, restart=restart)
        for mark in sorted(sample(rng, range(2, 60), 3 + level))
    }
    layout = Layout(
        spec=pick(rng, ("json", "txt", "csv")),
        traces=pick(rng, ("csv", "log", "jsonl")),
        verdicts=pick(rng, ("csv", "tsv", "jsonl")),
        out=f"/app/{pick(rng, ('out', 'findings', 'audit', 'verdict'))}",
        runs=f"/app/{pick(rng, ('traces', 'journals', 'captures', 'runs'))}",
        asked=sorted(sample(rng, tuple(ASKED), 3 + level)),
        restart=restart,
    )
    judged = {name: judge(machine, entries, restart=restart) for name, entries in runs.items()}
    verdicts = [
        [name, session, one.word, one.line + (layout.traces == "csv"), one.state]
        for name, (found, _) in judged.items()
        for session, one in sorted(found.items())
    ]
    taken = {name: counts for name, (_, counts) in judged.items()}
    wanted = {
        "verdicts": verdicts,
        "unreachable": sorted(set(machine.states) - machine.reachable(machine.initial)),
        "counterexample": machine.counterexample(flaw),
        "report": _report(machine, {name: found for name, (found, _) in judged.items()}, taken, layout.asked),
    }
    return assemble(
        name=f"{domain.slug}-traces-{hexes(rng, 4)}",
        category="formal-verification",
        difficulty=difficulty,
        description=f"Check the sessions of several {domain.run}s against a state machine, and the machine against a "
        f"property",
        keywords=["state-machine", "conformance", "counterexample", "reachability", "traces"],
        tools=["awk", "jq", "python3", "sort", "sqlite3"],
        instruction=_instruction(rng, machine, flaw, layout, len(runs)),
        files=_files(rng, machine, runs, layout),
        tests=_tests(machine, layout),
        test_data={"expected.json": json.dumps(wanted, indent=0, sort_keys=True) + "\n"},
        steps=solve(rng, machine, flaw, layout),
        equivalents=equivalents(layout),
        mutants=[
            Other(
                "every-session-conforms",
                f"sed -i -E 's/late|limit|no-transition|unfinished/ok/' {layout.out}/verdicts.{layout.verdicts}",
            )
        ],
        packages=COMMON,
    )


def _report(
    machine: Machine,
    judged: dict[str, dict[str, Verdict]],
    taken: dict[str, Counter[tuple[str, str]]],
    asked: list[str],
) -> dict[str, object]:
    words = Counter(one.word for found in judged.values() for one in found.values())
    bad = {name: sum(one.word != "ok" for one in found.values()) for name, found in judged.items()}
    total: Counter[tuple[str, str]] = Counter()
    for counts in taken.values():
        total.update(counts)
    here = machine.reachable(machine.initial)
    dead = [state for state in sorted(here) if not machine.reachable(state) & set(machine.finals)]
    every: dict[str, object] = {
        "ok": words["ok"],
        "verdicts": {word: words[word] for word in WORDS},
        "worst_run": min(bad, key=lambda name: (-bad[name], name)),
        "never_taken": len(set(machine.next) - set(total)),
        "dead_ends": dead,
        "busiest": min((-count, " ".join(move)) for move, count in total.items())[1],
        "lines": {name: sum(counts.values()) for name, counts in taken.items()},
    }
    return {name: every[name] for name in asked}


def _files(
    rng: np.random.Generator, machine: Machine, runs: dict[str, list[Entry]], layout: Layout
) -> dict[str, bytes | str]:
    domain = machine.domain
    moves = shuffled(rng, [[here, event, there] for (here, event), there in sorted(machine.next.items())])
    if layout.spec == "csv":
        spec = table([("from", "event", "to"), *moves])
    else:
        grouped: dict[str, dict[str, str]] = {}
        for here, event, there in moves:
            grouped.setdefault(here, {})[event] = there
        if layout.spec == "json":
            spec = json.dumps(grouped, indent=2) + "\n"
        else:
            spec = f"# {domain.slug}: transitions, by the state that they leave\n" + "".join(
                f"\nstate {state}\n" + "".join(f"  {event:<14} -> {there}\n" for event, there in rows.items())
                for state, rows in grouped.items()
            )
    rules = {
        "initial": machine.initial,
        "final": machine.finals,
        "limits": {event: {"most": most, "anew_after": reset} for event, (most, reset) in machine.limits.items()},
        "deadlines_ms": machine.deadlines,
    }
    files: dict[str, bytes | str] = {
        f"/app/spec/machine.{layout.spec}": spec,
        "/app/spec/rules.json": json.dumps(rules, indent=2) + "\n",
    }
    who = domain.session
    for name, entries in runs.items():
        if layout.traces == "csv":
            content = table([("ms", who, "event"), *((one.time, one.session, one.event) for one in entries)])
        elif layout.traces == "log":
            content = "".join(f"ms={one.time} {who}={one.session} event={one.event}\n" for one in entries)
        else:
            content = json_lines({"ms": one.time, who: one.session, "event": one.event} for one in entries)
        files[f"{layout.runs}/{name}.{layout.traces}"] = content
    return files


def _instruction(rng: np.random.Generator, machine: Machine, flaw: Flaw, layout: Layout, count: int) -> str:
    domain, out = machine.domain, layout.out
    who, run = domain.session, domain.run
    spec = {
        "csv": "a table of `from`, `event` and `to`",
        "json": "an object from each state to an object from the events that it takes to the next state",
        "txt": "after a line `state NAME` the events that it takes, each with the next state; `#` begins a comment",
    }[layout.spec]
    trace = {
        "csv": f"a header, then `ms,{who},event`",
        "log": f"a line `ms=… {who}=… event=…` for each event",
        "jsonl": f"one JSON object a line with `ms`, `{who}` and `event`",
    }[layout.traces]
    opening = pick(
        rng,
        (
            f"{domain.story} Please check the sessions against the specification, and the specification against one "
            f"property.",
            f"{domain.story} I need to know what broke the rules first in each {who}, and whether the specification "
            f"itself is sound.",
            f"{domain.story} Go through the {count} {run}s and then through the specification itself.",
        ),
    )
    stay = (
        "an event that leads back into the same state starts it anew"
        if layout.restart
        else "an event that leads back into the same state does not start it anew"
    )
    rules = [
        f"Each {who} of each {run} begins in `initial`; the same name in two {run}s is two {who}s. A {run}'s events "
        f"count in the order of its lines.",
        f"A state of `deadlines_ms` has to be left in time: an event that comes more than so many ms after the {who} "
        f"came "
        f"into the state is the violation `late` ({stay}; the time in the first state begins with the {who}'s first "
        f"event).",
        "An event for which the state has no transition is the violation `no-transition`.",
        f"An event of `limits` may be taken at most `most` times by a {who}, counted anew each time that it takes the "
        f"event `anew_after`; one more is the violation `limit`.",
        "If an event is several of these, it is the first of them in this order. After its first violation a "
        f"{who} is over: none of its further lines is looked at, and the violating event is not taken.",
        f"A {who} without violation whose last state is in `final` is `ok`, otherwise `unfinished`. A final state may "
        f"be left if there is a transition.",
    ]
    if layout.verdicts == "jsonl":
        how = f"one JSON object a line with `{run}`, `{who}`, `verdict`, `line` (a number) and `state`"
    else:
        sep = "commas" if layout.verdicts == "csv" else "tabs"
        how = f"no header; {run}, {who}, verdict, line, state, separated by {sep}"
    header = ", its header being line 1" if layout.traces == "csv" else ""
    wanted = [
        f"`{out}/verdicts.{layout.verdicts}`: {how}; by {run}, then by {who}, in byte order. The {run} is its file's "
        f"name without suffix. The line is that of the violating event in the file, from 1{header}; where there is no "
        f"violation, "
        f"that of the {who}'s last event. The state is the one in which the {who} was before the violating event, or "
        f"at its end.",
        f"`{out}/unreachable.txt`: the states of the specification, one a line in byte order, that no sequence of "
        "transitions from `initial` reaches, whatever the limits and deadlines.",
        f"`{out}/counterexample.txt`: the specification is meant to ensure that {flaw.words}. It does not. Write the "
        "shortest sequence of events from `initial`, one a line, that follows transitions, limits and deadlines "
        "apart, and "
        "breaks this with its last event. Of several shortest ones take the first, comparing event by event in byte "
        "order.",
        f"`{out}/report.json`: one object with "
        + "; ".join(f"`{name}`: {ASKED[name].format(session=who, run=run)}" for name in layout.asked)
        + ". A line before a violation counts as taken, the violating one and later ones do not.",
    ]
    return "\n\n".join(
        [
            opening,
            f"`/app/spec/machine.{layout.spec}` has the transitions: {spec}. `/app/spec/rules.json` has the initial "
            f"and the "
            f"final states, limits and deadlines. `{layout.runs}/<{run}>.{layout.traces}` are the {run}s: {trace}.",
            "## Rules",
            numbered(rules),
            "## What I need",
            bullets(wanted),
        ]
    )


def _tests(machine: Machine, layout: Layout) -> str:
    path = f"{layout.out}/verdicts.{layout.verdicts}"
    if layout.verdicts == "jsonl":
        verdicts = (
            f'    found = [json.loads(line) for line in lines("{path}")]\n'
            "    assert all(isinstance(row, dict) and len(row) == 5 for row in found)\n"
            '    assert same([[row.get(name) for name in NAMES] for row in found], WANT["verdicts"])'
        )
    else:
        sep = "," if layout.verdicts == "csv" else "\\t"
        verdicts = (
            f'    assert lines("{path}") == ["{sep}".join(str(field) for field in row) for row in WANT["verdicts"]]'
        )
    fields = [machine.domain.run, machine.domain.session, "verdict", "line", "state"]
    names = f"NAMES = {json.dumps(fields)}\n\n" if layout.verdicts == "jsonl" else ""
    return f'''\
"""Compares the verdicts and what was found in the specification with what its rules make of these traces."""
{TESTS_HEAD}
{names}
def test_verdicts():
    """Each session's first violation, its line and its state."""
{verdicts}


def test_unreachable_states():
    """States that the specification names and nothing reaches."""
    assert lines("{layout.out}/unreachable.txt") == WANT["unreachable"]


def test_counterexample():
    """The shortest sequence that breaks the property, the first of them in byte order."""
    assert lines("{layout.out}/counterexample.txt") == WANT["counterexample"]


def test_report():
    """What was asked of the whole, and nothing else."""
    assert same(json.loads(text("{layout.out}/report.json")), WANT["report"])
'''


BLUEPRINT = Blueprint("protocol-traces", "formal-verification", _compose)
"""A state machine, traces to check against it, and a property that it does not have."""
