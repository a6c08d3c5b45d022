"""How the ways of a `route_plan` task are found."""

from __future__ import annotations

import numpy as np

from ..drawing import fill, rows_command
from ..kit import Step, pick
from . import slips
from .case import Case
from .text import Wanted

_TIMES = {
    True: """\
def minutes(text):
    return int(text[:2]) * 60 + int(text[3:])
def told(time):
    return f"{time // 60:02d}:{time % 60:02d}"
""",
    False: """\
minutes, told = int, str
""",
}

_NETWORK = r"""
cat > /tmp/search.py <<'EOF'
import heapq
def rows(name):
    return [line.rstrip("\n").split("\t") for line in open(f"/tmp/{name}.tsv")]
@times@moves, closed = {}, {}
for here, there, took, limit, *more in rows("links"):
    toll = @toll@
    title = f"{here}-{there}"
    moves.setdefault(here, []).append((there, int(took), int(limit), toll, title))
    if more[-1:] != ["one-way"]:
        moves.setdefault(there, []).append((here, int(took), int(limit), toll, title))
for here, there, start, end in rows("closed"):
    closed.setdefault(frozenset((here, there)), []).append((minutes(start), minutes(end)))
def begun(here, there, now):
    for start, end in sorted(closed.get(frozenset((here, there)), [])):
        if start <= now < end:
            now = end
    return now
def best(here, there, ready, load, without=""):
    queue, seen = [(ready, 0, (here,))], {}
    while queue:
        now, worth, path = heapq.heappop(queue)
        place = path[-1]
        if place == there:
            return now, worth, path
        if place in seen and seen[place] <= (worth, path):
            continue
        seen[place] = (worth, path)
        for other, took, limit, toll, title in moves.get(place, []):
            if load <= limit and title != without:
                heapq.heappush(queue, (begun(place, other, now) + took, worth + toll, (*path, other)))
places, titles = sorted(moves), sorted(f"{row[0]}-{row[1]}" for row in rows("links"))
EOF"""

_TIMETABLE = r"""
cat > /tmp/search.py <<'EOF'
import heapq
def rows(name):
    return [line.rstrip("\n").split("\t") for line in open(f"/tmp/{name}.tsv")]
@times@rides, gone = {}, {row[0] for row in rows("closed")}
for ride, line, here, there, leaves, arrives, limit in rows("links"):
    if ride not in gone:
        rides.setdefault(here, []).append((ride, line, there, minutes(leaves), minutes(arrives), int(limit)))
def best(here, there, ready, load, without=""):
    queue, seen = [(ready, 0, (), here, "")], {}
    while queue:
        now, worth, path, place, line = heapq.heappop(queue)
        if place == there:
            return now, worth, path
        if (place, line) in seen and seen[place, line] <= (worth, path):
            continue
        seen[place, line] = (worth, path)
        for ride, other, to, leaves, arrives, limit in rides.get(place, []):
            change = @change@ if line and line != other else 0
            if load <= limit and other != without and leaves >= now + change:
                heapq.heappush(queue, (arrives, worth + 1, (*path, ride), to, other))
places = sorted({row[2] for row in rows("links")} | {row[3] for row in rows("links")})
titles = sorted({row[1] for row in rows("links")})
EOF"""

_ANSWERS = r"""
python3 - <<'EOF'
import sys
sys.path.insert(0, "/tmp")
from search import best, minutes, rows, told
with open("/tmp/answers.tsv", "w") as out:
    for name, here, there, ready, load in rows("queries"):
        way = best(here, there, minutes(ready), int(load))
        if way:
            arrival, worth, path = way
            print(name, told(arrival), @legs@, worth, "@mark@".join(path), sep="\t", file=out)
        else:
            print(name, "-", "-", "-", "-", sep="\t", file=out)
EOF
cat /tmp/answers.tsv"""

_TABLE = {
    "csv": "{ echo @header@; awk -F'\\t' -v OFS=, '{ print @fields@ }' /tmp/answers.tsv; } > @answers@",
    "tsv": "{ echo @header@ | tr , '\\t'; awk -F'\\t' -v OFS='\\t' '{ print @fields@ }' /tmp/answers.tsv; } > "
    "@answers@",
    "jsonl": "jq -R -c 'split(\"\\t\") | {@pairs@}' /tmp/answers.tsv > @answers@",
}

_WITHIN = {
    "python3": r"""
python3 - <<'EOF'
import sys
sys.path.insert(0, "/tmp")
from search import best, minutes, places, told
found = []
for place in places:
    way = best("@depot@", place, minutes("@off@"), @weight@) if place != "@depot@" else None
    if way and way[0] <= minutes("@by@"):
        found.append((way[0], place))
with open("@out@/within.csv", "w") as out:
    print("place,arrival", file=out)
    for arrival, place in sorted(found):
        print(place, told(arrival), sep=",", file=out)
EOF""",
    "sort": r"""
python3 - <<'EOF' | sort -t, -k2,2@numeric@ -k1,1 > /tmp/within.csv
import sys
sys.path.insert(0, "/tmp")
from search import best, minutes, places, told
for place in places:
    way = best("@depot@", place, minutes("@off@"), @weight@)
    if way and way[2] and place != "@depot@" and way[0] <= minutes("@by@"):
        print(place, told(way[0]), sep=",")
EOF
{ echo place,arrival; cat /tmp/within.csv; } > @out@/within.csv""",
}

_LOSSES = r"""
python3 - <<'EOF' | LC_ALL=C sort -t, -k2,2nr -k1,1 > /tmp/losses.csv
import sys
sys.path.insert(0, "/tmp")
from search import best, minutes, rows, titles
usual = [(row, best(row[1], row[2], minutes(row[3]), int(row[4]))) for row in rows("queries")]
for title in titles:
    delay = lost = 0
    for (name, here, there, ready, load), way in usual:
        if way is None:
            continue
        other = best(here, there, minutes(ready), int(load), without=title)
        delay += other[0] - way[0] if other else @lost@
        lost += other is None
    print(title, delay, lost, sep=",")
EOF
{ echo name,delay,lost; cat /tmp/losses.csv; } > @out@/losses.csv
head -n 4 @out@/losses.csv"""

_SENT = r"""
python3 - <<'EOF'
import itertools, json, sys
sys.path.insert(0, "/tmp")
from search import best, minutes, rows, told
jobs, carriers = rows("jobs"), {name: (here, minutes(free)) for name, here, free in rows("carriers")}
times = {}
for job, there, load in jobs:
    for name, (here, free) in carriers.items():
        way = (free,) if here == there else best(here, there, free, int(load))
        times[job, name] = way[0] if way else float("inf")
def total(names):
    return sum(times[job[0], name] for job, name in zip(jobs, names))
names = min(itertools.permutations(sorted(carriers), len(jobs)), key=lambda names: (total(names), names))
pairs = [(job[0], name) for job, name in zip(jobs, names)]
sent = {"names": dict(pairs), "arrivals": {job: told(times[job, name]) for job, name in pairs}}
json.dump(sent, open("@out@/sent.json", "w"))
EOF
jq -c . @out@/sent.json"""

_CHECK = r"""
wc -l @answers@ @out@/*.csv; head -n 3 @out@/*
awk -F'\t' 'NR == FNR { asked[$1]; next } { delete asked[$1] } END { for (id in asked) print "unanswered:", id }' \
  /tmp/queries.tsv /tmp/answers.tsv"""


def solution(rng: np.random.Generator, case: Case, wanted: Wanted) -> list[Step]:
    """Return the solution's steps."""
    region = case.region
    fields = {"id": 1, "arrival": 2, "legs": 3, "tolls": 4, "path": 5}
    columns = ("id", *wanted.columns)
    blanks: dict[str, object] = {
        **{"out": wanted.out, "answers": wanted.answers, "mark": wanted.mark, "header": ",".join(columns)},
        **{
            "times": _TIMES[case.clock],
            "change": case.change,
            "toll": "int(more[0])" if case.second == "tolls" else "1",
        },
        **{"legs": "len(path)" if case.timetable else "len(path) - 1", "lost": case.lost, "weight": case.weight},
        **{"depot": case.depot, "off": case.time(case.off), "by": case.time(case.by)},
        **{"numeric": "" if case.clock else "n"},
        "fields": ", ".join(f"${fields[name]}" for name in columns),
        "pairs": ", ".join(f"{name}: .[{fields[name] - 1}]" for name in columns),
    }
    names = ("links", "closed", "queries", *(("carriers", "jobs") if case.jobs else ()))
    tables = "\n".join(
        f"{rows_command(case.path(number), case.columns(number))} > /tmp/{name}.tsv"
        for number, name in enumerate(names)
    )
    search = fill(_TIMETABLE if case.timetable else _NETWORK, **blanks).strip()
    answers = fill(_ANSWERS, **blanks).strip()
    table = f"mkdir -p {wanted.out}\n" + fill(_TABLE[wanted.form], **blanks)
    within = fill(pick(rng, sorted(_WITHIN.items()))[1], **blanks).strip()
    last = f"cat {wanted.out}/within.csv\n" + fill(_CHECK, **blanks).strip()
    also = []
    if wanted.losses:
        also.append(fill(_LOSSES, **blanks).strip())
    if wanted.sent:
        also.append(fill(_SENT, **blanks).strip())
    middle = [
        Step("With the same search I look at what each loss would cost, and who should be sent.", "\n".join(also))
    ]
    lost = "rides that do not run are left out" if case.timetable else f"a closed {region.link} is begun when it opens"
    second = "tolls" if case.second == "tolls" else "steps"
    return [
        Step(
            "First a look at the tables: their columns, how many rows, and how times are written.",
            "cd /app/data && wc -l * && head -n 4 *; cd /app",
            [slips.no_library()],
        ),
        Step(
            "I bring every table into the same form, tab-separated and without header.",
            f"{tables}\nwc -l /tmp/links.tsv /tmp/closed.tsv /tmp/queries.tsv",
            [slips.no_option(case)],
        ),
        Step(
            f"The search takes the earliest arrival first, then {second}, then the names, so that what comes off the "
            f"heap at the goal is the answer with all its ties broken; {lost}. Of a {region.place} that was seen I go "
            "on only with what is better in a later criterion, because a later arrival may end up equal after a wait.",
            search,
            [slips.no_obstacles(case, search)],
        ),
        Step(
            "Now the queries, in the order of their table.",
            f"{answers}\n{table}",
            [slips.no_limit(answers, table, wanted), slips.aligned(wanted, answers)],
        ),
        *(middle if also else []),
        Step(
            f"What can be reached from {case.depot} is one search for each {region.place}. Then I look at everything "
            "once more; no query may be unanswered.",
            f"{within}\n{last}",
            [slips.looks_full(wanted)],
        ),
    ]
