"""Programs with which replicas are reconciled."""

from __future__ import annotations

VECTORS = """
import csv

TAB = {"delimiter": "\\t", "lineterminator": "\\n", "quoting": csv.QUOTE_NONE}
versions = {}
for replica, key, value, clock, written, site, gone in csv.reader(open("/tmp/all.tsv"), **TAB):
    counters = {}
    for item in clock.split(","):
        name, _, count = item.partition(":")
        if count and int(count):
            counters[name] = int(count)
    row = (counters, value, int(written), site, gone == "yes")
    versions.setdefault(key, {})[tuple(sorted(counters.items()))] = row
@more@

def descends(a, b):
    return a != b and all(a.get(name, 0) >= count for name, count in b.items())


with open("/tmp/result.tsv", "w") as out:
    for key, known in sorted(versions.items()):
        left = [one for one in known.values() if not any(descends(other[0], one[0]) for other in known.values())]
        top = {}
        for counters, *_ in left:
            for name, count in counters.items():
                top[name] = max(count, top.get(name, 0))
@bump@
        live = [one for one in left if not one[4]]
        state, value = "deleted", "(deleted)"
        if live@only@:
            state, value = "live", min(live, key=@rank@)[1]
        clock = "+".join(f"{name}={count}" for name, count in sorted(top.items()))
        print(key, state, value, clock, len(left), sep="\\t", file=out)
"""

RANKS = {
    "latest": "lambda one: (-one[2], one[1])",
    "sum": "lambda one: (-sum(one[0].values()), one[1])",
    "site": "lambda one: (order.index(one[3]), -one[2], one[1])",
}

QUORUM = """
import csv

TAB = {"delimiter": "\\t", "lineterminator": "\\n", "quoting": csv.QUOTE_NONE}
weights = @weights@
total = sum(weights.values())
held = {}
for replica, key, value, version, _, _, gone in csv.reader(open("/tmp/all.tsv"), **TAB):
    epoch, seq = map(int, version.split("."))
    content = ((epoch, seq), gone == "yes", value)
    support = held.setdefault(key, {})
    support[content] = support.get(content, 0) + weights[replica]
with open("/tmp/result.tsv", "w") as out:
    for key, support in sorted(held.items()):
        contents = [content[0] for content in support]
        ways = max(contents.count(version) for version in contents)
        committed = [content for content, weight in support.items() if 2 * weight > total]
        highest = [content for content in support if content[0] == max(contents)]
        chosen = (committed or sorted(highest, key=lambda one: (-support[one], one[1], one[2])))[0]
        state = "deleted" if chosen[1] else "live"
@lost@
        value = chosen[2] if state == "live" else f"({state})"
        print(key, state, value, "%d.%d" % chosen[0], ways, sep="\\t", file=out)
"""

REPAIR_AWK = """\
cut -f1 /tmp/all.tsv | sort -u | while read -r name; do
  awk -F'\\t' -v me="$name" '
    FILENAME == ARGV[1] { if ($1 == me) { n[$2]++; has[$2] = $3 "\\t" $4; if ($7 == "no") alive[$2] = 1 } next }
    $2 == "live" { if (n[$1] != 1 || has[$1] != $3 "\\t" $4) print "put", $1; next }
    alive[$1] { print "drop", $1 }' /tmp/plain.tsv /tmp/result.tsv > "@out@/repair/$name.txt"
done
wc -l @out@/repair/*.txt"""

REPAIR_PYTHON = """
import csv
from pathlib import Path

result = [line.split("\\t") for line in Path("/tmp/result.tsv").read_text().splitlines()]
records = {}
for line in Path("/tmp/plain.tsv").read_text().splitlines():
    replica, key, value, clock, _, _, gone = line.split("\\t")
    records.setdefault(replica, {}).setdefault(key, []).append((value, clock, gone))
for replica, held in records.items():
    plan = []
    for key, state, value, clock, _ in result:
        mine = held.get(key, [])
        if state == "live":
            if mine != [(value, clock, "no")]:
                plan.append(f"put {key}")
        elif any(gone == "no" for _, _, gone in mine):
            plan.append(f"drop {key}")
    Path("@out@/repair", replica + ".txt").write_text("".join(line + "\\n" for line in plan))
"""

SUMMARY_HEAD = """
import json
from pathlib import Path

rows = [line.split("\\t") for line in Path("/tmp/result.tsv").read_text().splitlines()]
"""

SUMMARY_PLAN = """plan = {path.stem: path.read_text().splitlines() for path in sorted(Path("@out@/repair").iterdir())}
"""

SUMMARY_PARTS = {
    "live": 'sum(row[1] == "live" for row in rows)',
    "gone": 'sum(row[1] != "live" for row in rows)',
    "conflicts": "sum(int(row[4]) > 1 for row in rows)",
    "puts": '{name: sum(line.startswith("put") for line in todo) for name, todo in plan.items()}',
    "drops": '{name: sum(line.startswith("drop") for line in todo) for name, todo in plan.items()}',
    "clean": "len({row[0] for row in rows} - {line.split()[1] for todo in plan.values() for line in todo})",
    "busiest": "min(plan, key=lambda name: (-len(plan[name]), name))",
    "everywhere": 'sum(row[1] == "live" and len(where[row[0]]) == @count@ for row in rows)',
}
