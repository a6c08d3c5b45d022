"""How traces are checked against a state machine with common tools, and what goes wrong on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..kit import Other, Slip, Step, pick
from ..scribe import fill, heredoc
from .machine import Flaw, Machine
from .programs import (
    REACH_PYTHON,
    REACH_SHELL,
    REACH_SQL,
    REPLAY,
    REPLAY_AWK,
    REPORT_NEEDS,
    REPORT_PARTS,
    SEARCH,
)


@dataclass
class Layout:
    """How the files of a task look, and what its report holds.

    Attributes:
        spec, traces, verdicts: their suffixes. out, runs: folders. asked: entries of the report.
        restart: an event that stays in its state starts the deadline anew.
    """

    spec: str
    traces: str
    verdicts: str
    out: str
    runs: str
    asked: list[str]
    restart: bool


def solve(rng: np.random.Generator, machine: Machine, flaw: Flaw, layout: Layout) -> list[Step]:
    """Return the solution."""
    run = machine.domain.run
    return [
        Step(
            f"I look at the specification, its rules and how a {run} is written before I decide on anything.",
            f"cat /app/spec/machine.{layout.spec} /app/spec/rules.json\nwc -l {layout.runs}/*\nhead -n 3 "
            f"{layout.runs}/*",
        ),
        _spec(layout),
        _events(machine, layout),
        _replay(rng, machine, layout),
        _reach(rng, machine, layout),
        _search(flaw, layout),
        _report(layout),
    ]


def _spec(layout: Layout) -> Step:
    source = f"/app/spec/machine.{layout.spec}"
    reading = {
        "csv": f"sed 1d {source} | tr , '\\t' | LC_ALL=C sort > /tmp/machine.tsv",
        "json": (
            f"jq -r 'to_entries[] | .key as $here | .value | to_entries[] | [$here, .key, .value] | @tsv' {source} \\\n"
            "  | LC_ALL=C sort > /tmp/machine.tsv"
        ),
        "txt": (
            'awk -v OFS=\'\\t\' \'{ sub(/#.*/, "") } $1 == "state" { here = $2 } $2 == "->" { print here, $1, $3 }\' '
            f"{source} \\\n  | LC_ALL=C sort > /tmp/machine.tsv"
        ),
    }[layout.spec]
    return Step(
        "The transitions as a table, one a line: state, event, next state. That no pair is there twice means that "
        "the machine is deterministic.",
        f"{reading}\nwc -l /tmp/machine.tsv; cut -f1,2 /tmp/machine.tsv | uniq -d",
        (
            Slip(
                "hallucination",
                "Model checkers read such machines directly; fsmcheck can convert this one.",
                f"fsmcheck convert --from {layout.spec} --to tsv {source} --output /tmp/machine.tsv",
                "command -v fsmcheck; ls -l /tmp/machine.tsv",
                "There is no fsmcheck on this machine, and no table was written. The format is simple enough to read "
                "by hand.",
            ),
        ),
    )


def _events(machine: Machine, layout: Layout) -> Step:
    who, runs = machine.domain.session, layout.runs
    strip = f'run = FILENAME; gsub(/.*[/]|[.]{layout.traces}$/, "", run)'
    if layout.traces == "csv":
        reading = (
            f"awk -F, -v OFS='\\t' 'FNR == 1 {{ {strip}; next }} {{ print run, FNR, $1, $2, $3 }}' {runs}/*.csv "
            "> /tmp/events.tsv"
        )
        wrong = reading.replace("-F, ", "-F';' ")
    elif layout.traces == "log":
        reading = (
            f"awk -F'[ =]' -v OFS='\\t' 'FNR == 1 {{ {strip} }} {{ print run, FNR, $2, $4, $6 }}' {runs}/*.log "
            "> /tmp/events.tsv"
        )
        wrong = reading.replace("-F'[ =]' ", "-F= ")
    else:
        reading = (
            f"for f in {runs}/*.jsonl; do\n"
            '  jq -r --arg run "$(basename "$f" .jsonl)" '
            f"'[$run, input_line_number, .ms, .{who}, .event] | @tsv' \"$f\"\ndone > /tmp/events.tsv"
        )
        wrong = reading.replace(".jsonl)", ".json)").replace("*.jsonl", "*.json")
    return Step(
        f"All {machine.domain.run}s in one table with the line numbers that the verdicts need: {machine.domain.run}, "
        f"line, ms, {who}, event. Lines keep their order.",
        f"{reading}\nhead -n 3 /tmp/events.tsv; cut -f5 /tmp/events.tsv | sort | uniq -c | sort -rn",
        (
            Slip(
                "command_error",
                f"I cut the fields of all {machine.domain.run}s into one table.",
                wrong,
                f"head -n 3 /tmp/events.tsv; ls {runs} | head -n 3; head -n 2 {runs}/*.{layout.traces} | head -n 5",
                "The table is not what I meant: the pattern or the separator does not fit these files, so fields are "
                "missing.",
                ["rm -f /tmp/events.tsv"],
            ),
        ),
    )


def _replay(rng: np.random.Generator, machine: Machine, layout: Layout) -> Step:
    who, run = machine.domain.session, machine.domain.run
    target = f"{layout.out}/verdicts.{layout.verdicts}"
    if pick(rng, ("awk", "python")) == "awk":
        since = "  since[one] = $3" if layout.restart else "  if (there != here) since[one] = $3"
        replay = fill(REPLAY_AWK, since=since)
        wrong = replay.replace("(here in deadline) && ", "0 && ").replace("(event in most) && ", "0 && ")
    else:
        since = (
            '            one["since"] = now'
            if layout.restart
            else '            if there != here:\n                one["since"] = now'
        )
        program = fill(REPLAY, since=since)
        replay = f"{heredoc('/tmp/replay.py', program)}\npython3 /tmp/replay.py"
        wrong = replay.replace('rules["limits"].get(event)', "None").replace('rules["deadlines_ms"].get(here)', "None")
    write = {
        "tsv": f"cp /tmp/verdicts.tsv {target}",
        "csv": f"tr '\\t' , < /tmp/verdicts.tsv > {target}",
        "jsonl": (
            'jq -R -c \'split("\\t")\n  | '
            f"{{{run}: .[0], {who}: .[1], verdict: .[2], line: (.[3] | tonumber), state: .[4]}}' /tmp/verdicts.tsv > "
            f"{target}"
        ),
    }[layout.verdicts]
    tail = f"mkdir -p {layout.out}\n{write}\ncut -f3 /tmp/verdicts.tsv | sort | uniq -c"
    return Step(
        f"Now every {who} is replayed on its own, keyed by {run} and name, and stops at its first violation. What was "
        f"taken I note for the report.",
        f"{replay}\n{tail}",
        (
            Slip(
                "analysis_error",
                "A trace conforms if every event has a transition in its state, so the table of transitions is all "
                "that I need.",
                f"{wrong}\n{tail}",
                "jq -c '.limits, .deadlines_ms' /app/spec/rules.json; cut -f3 /tmp/verdicts.tsv | sort | uniq -c",
                "There are limits and deadlines as well, and not one late or over-used event was reported: I left "
                "them out.",
                [f"rm -r {layout.out}", "rm -f /tmp/verdicts.tsv /tmp/taken.tsv"],
            ),
        ),
    )


def _reach(rng: np.random.Generator, machine: Machine, layout: Layout) -> Step:
    command = fill(pick(rng, (REACH_PYTHON, REACH_SQL, REACH_SHELL)), out=layout.out)
    one, two = machine.domain.ghosts
    return Step(
        "Which states can be reached is a matter of the graph alone: everything that a walk from the initial state "
        "finds. The rest, in byte order, is what I am asked for.",
        f"{command}\ncat {layout.out}/unreachable.txt",
        (
            Slip(
                "analysis_error",
                "A state is unreachable if no transition leads to it; I compare the two columns of states.",
                "cut -f1 /tmp/machine.tsv | LC_ALL=C sort -u > /tmp/left\n"
                "cut -f3 /tmp/machine.tsv | LC_ALL=C sort -u | LC_ALL=C comm -23 /tmp/left - > /tmp/none\n"
                f'grep -vxF "$(jq -r .initial /app/spec/rules.json)" /tmp/none > {layout.out}/unreachable.txt || true',
                f"cat {layout.out}/unreachable.txt; grep -E '{one}|{two}' /tmp/machine.tsv",
                f"{one} and {two} lead to one another, so each has a transition that leads to it, yet neither can be "
                f"entered from the initial state.",
                [f"rm {layout.out}/unreachable.txt"],
            ),
        ),
    )


def _search(flaw: Flaw, layout: Layout) -> Step:
    program = fill(SEARCH, monitor=flaw.python, out=layout.out)
    run = f"{heredoc('/tmp/search.py', program)}\npython3 /tmp/search.py"
    return Step(
        "For the property I search breadth first over pairs of state and what the property remembers. Events are "
        "tried in byte order, so the first hit is the shortest sequence, and of those the first.",
        f"{run}\ncat {layout.out}/counterexample.txt",
        (
            Slip(
                "requirement_violation",
                "I search and write the sequence down in the usual notation, with arrows on one line.",
                run.replace('"\\n".join(found)', '" -> ".join(found)'),
                f"cat {layout.out}/counterexample.txt; wc -l {layout.out}/counterexample.txt",
                "All events stand on one line; one a line was asked for.",
                [f"rm {layout.out}/counterexample.txt"],
            ),
        ),
    )


def _report(layout: Layout) -> Step:
    needs = "".join(dict.fromkeys(REPORT_NEEDS[name] for name in layout.asked if name in REPORT_NEEDS))
    twice = 'moves = table("/tmp/machine.tsv")\n'
    if needs.count(twice) > 1:
        needs = twice + needs.replace(twice, "")
    taken = {"never_taken", "busiest", "lines"} & set(layout.asked)
    program = (
        "import json\n"
        + ("from collections import Counter\n" if "busiest" in layout.asked else "")
        + "\n\ndef table(path):\n    return [line.split() for line in open(path)]\n\n\n"
        + 'rows = table("/tmp/verdicts.tsv")\n'
        + ('taken = table("/tmp/taken.tsv")\n' if taken else "")
        + needs
        + "report = {\n"
        + "".join(f'    "{name}": {REPORT_PARTS[name]},\n' for name in layout.asked)
        + f'}}\njson.dump(report, open("{layout.out}/report.json", "w"))'
    )
    return Step(
        "The report is counted from the tables that the replay left, so that it can't disagree with the verdicts.",
        f"python3 - <<'EOF'\n{program}\nEOF\njq . {layout.out}/report.json; ls {layout.out}",
        (
            Slip(
                "verification_failure",
                "The verdicts are there; their number is what matters, and the file exists, so this is done.",
                f"jq -n --arg ok \"$(wc -l < /tmp/verdicts.tsv)\" '{{ok: $ok}}' > {layout.out}/report.json && echo "
                f"done",
                f"cat {layout.out}/report.json; cut -f3 /tmp/verdicts.tsv | sort | uniq -c",
                "I counted all sessions and not those that conform, as a text, and left out the other entries.",
                [f"rm {layout.out}/report.json"],
            ),
        ),
    )


def equivalents(layout: Layout) -> list[Other]:
    """Return other right ways."""
    report, verdicts = f"{layout.out}/report.json", f"{layout.out}/verdicts.{layout.verdicts}"
    ways = [
        Other("report-with-sorted-keys", f"jq -S --indent 4 . {report} > /tmp/r && cp /tmp/r {report}"),
        Other("working-tables-kept", f"cp /tmp/machine.tsv /tmp/events.tsv {layout.out}/"),
        Other("no-newline-at-the-end", f'printf %s "$(cat {verdicts})" > /tmp/v && cp /tmp/v {verdicts}'),
    ]
    if layout.verdicts == "jsonl":
        ways.append(Other("verdicts-with-sorted-keys", f"jq -cS . {verdicts} > /tmp/v && cp /tmp/v {verdicts}"))
    return ways
