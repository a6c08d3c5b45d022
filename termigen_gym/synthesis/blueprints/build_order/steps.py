"""How the build of a `build_order` task is resolved, and what goes wrong on the way."""

from __future__ import annotations

import numpy as np

from ..drawing import fill
from ..kit import Step, pick
from . import slips
from .case import Case, reading
from .text import Wanted

_EDGES = {
    "python3": r"""
python3 - <<'EOF'
from collections import defaultdict
def facts(name):
    found = defaultdict(lambda: defaultdict(list))
    for line in open(f"/tmp/{name}.tsv"):
        who, key, value = line.rstrip("\n").split("\t")
        found[who][key].append(value)
    return found
units, profiles = facts("units"), facts("profiles")
sources = set(open("/tmp/sources.txt").read().split())
edges, missing = open("/tmp/edges.tsv", "w"), open("/tmp/missing.tsv", "w")
wanted = open("/tmp/wanted.tsv", "w")
for profile, said in sorted(profiles.items()):
    flags = set(said["flags"])
    active = {u for u, told in units.items() if all((w.lstrip("!") in flags) != (w[0] == "!") for w in told["when"])}
    maker = {file: u for u in active for file in units[u]["makes"]}
    todo, seen = list(said["goals"]), set()
    while todo:
        unit = todo.pop()
        if unit in seen:
            continue
        seen.add(unit)
        strict, gone = {}, []
        for need in units[unit]["needs"]:
            name = need.lstrip("~")
            if name in active:
                strict[name] = max(strict.get(name, 0), int(need == name))
            elif name not in units:
                gone.append(name)
        for file in units[unit]["reads"]:
            if file in maker:
                strict[maker[file]] = 1
            elif file not in sources:
                gone.append(file)
        for name in sorted(strict):
            print(profile, unit, name, strict[name], sep="\t", file=edges)
        for name in gone:
            print(profile, unit, name, sep="\t", file=missing)
        todo += strict
    for unit in sorted(seen):
        print(profile, unit, sep="\t", file=wanted)
EOF
wc -l /tmp/wanted.tsv /tmp/edges.tsv /tmp/missing.tsv""",
    "sqlite3": r"""
rm -f /tmp/build.db
sqlite3 /tmp/build.db <<'SQL'
CREATE TABLE units(name, key, value);
CREATE TABLE profiles(name, key, value);
CREATE TABLE sources(path);
.mode tabs
.import /tmp/units.tsv units
.import /tmp/profiles.tsv profiles
.import /tmp/sources.txt sources
CREATE TABLE active AS
SELECT p.name AS profile, u.name AS unit
FROM (SELECT DISTINCT name FROM profiles) AS p, (SELECT DISTINCT name FROM units) AS u
WHERE NOT EXISTS (
  SELECT 1 FROM units AS w WHERE w.name = u.name AND w.key = 'when' AND (w.value LIKE '!%') = EXISTS (
    SELECT 1 FROM profiles AS f WHERE f.name = p.name AND f.key = 'flags' AND f.value = ltrim(w.value, '!')));
CREATE TABLE links AS
SELECT l.profile, l.unit, l.name, max(l.strict) AS strict FROM (
  SELECT profile, unit, ltrim(value, '~') AS name, value NOT LIKE '~%' AS strict
  FROM active JOIN units ON units.name = unit AND key = 'needs'
  UNION ALL
  SELECT profile, unit, m.name, 1 FROM active JOIN units AS r ON r.name = unit AND r.key = 'reads'
  JOIN units AS m ON m.key = 'makes' AND m.value = r.value
) AS l JOIN active AS a ON a.profile = l.profile AND a.unit = l.name GROUP BY 1, 2, 3;
CREATE TABLE wanted AS
WITH RECURSIVE w(profile, unit) AS (
  SELECT name, value FROM profiles WHERE key = 'goals'
  UNION SELECT w.profile, links.name FROM w JOIN links ON links.profile = w.profile AND links.unit = w.unit
) SELECT profile, unit FROM w ORDER BY 1, 2;
.once /tmp/wanted.tsv
SELECT profile, unit FROM wanted;
.once /tmp/edges.tsv
SELECT links.* FROM links JOIN wanted USING (profile, unit) ORDER BY 1, 2, 3;
.once /tmp/missing.tsv
SELECT profile, unit, ltrim(value, '~') FROM wanted JOIN units ON name = unit
WHERE (key = 'needs' AND ltrim(value, '~') NOT IN (SELECT name FROM units))
OR (key = 'reads' AND value NOT IN (SELECT path FROM sources) AND NOT EXISTS (
  SELECT 1 FROM units AS m JOIN active AS a ON a.unit = m.name AND a.profile = wanted.profile
  WHERE m.key = 'makes' AND m.value = units.value)) ORDER BY 1, 2;
SQL
wc -l /tmp/wanted.tsv /tmp/edges.tsv /tmp/missing.tsv""",
}

_PROBLEMS = r"""
cat > /tmp/tables.py <<'EOF'
from collections import defaultdict
def rows(name):
    return [line.rstrip("\n").split("\t") for line in open(f"/tmp/{name}.tsv")]
before = defaultdict(dict)
for profile, unit in rows("wanted"):
    before[profile][unit] = {}
for profile, unit, name, strict in rows("edges"):
    before[profile][unit][name] = strict == "1"
values = defaultdict(lambda: defaultdict(list))
for unit, key, value in rows("units"):
    values[unit][key].append(value)
cost = {unit: int(told["cost"][0]) for unit, told in values.items()}
EOF
python3 - <<'EOF'
import json, sys
sys.path.insert(0, "/tmp")
from tables import before, rows, values
def reached(profile, unit):
    seen, todo = set(), list(before[profile][unit])
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.add(one)
            todo += before[profile][one]
    return seen
found = {}
for profile, units in before.items():
    reach = {unit: reached(profile, unit) for unit in units}
    cycles = {tuple(sorted(v for v in reach[u] if u in reach[v])) for u in units if u in reach[u]}
    missing = {}
    for owner, unit, name in rows("missing"):
        if owner == profile:
            missing[unit] = sorted([*missing.get(unit, []), name])
    broken = {*missing, *(unit for cycle in cycles for unit in cycle)}
@kits@    blocked = [unit for unit in sorted(units) if unit not in broken and reach[unit] & broken]
    found[profile] = {@more@"missing": missing, "cycles": sorted(cycles), "blocked": blocked}
    found[profile]["plan"] = [unit for unit in sorted(units) if unit not in broken and unit not in blocked]
json.dump(found, open("/tmp/problems.json", "w"))
EOF
jq -c . /tmp/problems.json"""

_KITS = """\
    fitting, users = {kit: sorted(int(row[2]) for row in rows("kits") if row[0] == kit) for kit, *_ in rows("kits")}, {}
    for unit in units:
        for use in values[unit]["uses"]:
            kit, bound = use.replace(">=", " ").replace("<", " ").split()
            users.setdefault(kit, set()).add(unit)
            fitting[kit] = [v for v in fitting[kit] if (v >= int(bound)) == (">=" in use)]
    conflicts = sorted(kit for kit in users if not fitting[kit])
    broken |= {unit for kit in conflicts for unit in users[kit]}
    kits = {kit: max(fitting[kit]) for kit in users if fitting[kit]}
"""

_ORDER = r"""
mkdir -p @out@
python3 - <<'EOF'
import json, sys
sys.path.insert(0, "/tmp")
from tables import before, cost
problems = json.load(open("/tmp/problems.json"))
for profile, found in problems.items():
    left = {unit: set(before[profile][unit]) for unit in found["plan"]}
    users = {unit: sum(unit in needs for needs in left.values()) for unit in left}
    level, start = {}, {}
    with open(f"/tmp/{profile}.plan", "w") as out:
        while len(level) < len(left):
            ready = [unit for unit in left if unit not in level and left[unit] <= set(level)]
            unit = min(ready, key=lambda unit: (@rank@unit))
            level[unit] = 1 + max((level[name] for name in left[unit]), default=0)
            start[unit] = max((start[name] + cost[name] for name in left[unit]), default=0)
            print(len(level), unit, level[unit], start[unit], start[unit] + cost[unit], sep="\t", file=out)
EOF
for plan in /tmp/*.plan; do
  name=$(basename "$plan" .plan)
  @table@
done
head -n 3 @out@/*"""

_TABLES = {
    "csv": "{ echo @header@; awk -F'\\t' -v OFS=, '{ print @fields@ }' \"$plan\"; } > \"@out@/$name.csv\"",
    "tsv": "{ echo @header@ | tr , '\\t'; awk -F'\\t' -v OFS='\\t' '{ print @fields@ }' \"$plan\"; } "
    '> "@out@/$name.tsv"',
    "jsonl": 'jq -R -c \'split("\\t") | {@pairs@}\' "$plan" > "@out@/$name.jsonl"',
}

_REBUILD = {
    "python3": r"""
python3 - <<'EOF'
import json, sys
sys.path.insert(0, "/tmp")
from tables import before, rows, values
files, profiles = {}, {}
for change, key, value in rows("changes"):
    if key == "files":
        files.setdefault(change, set()).add(value)
    else:
        profiles[change] = value
with open("/tmp/rebuild.tsv", "w") as out:
    for change, profile in sorted(profiles.items()):
        again = []
        for line in open(f"/tmp/{profile}.plan"):
            unit = line.split("\t")[1]
            strict = [name for name, follows in before[profile][unit].items() if follows]
            if files[change] & set(values[unit]["reads"]) or set(strict) & set(again):
                again.append(unit)
        print(change, *again, sep="\t", file=out)
EOF
cat /tmp/rebuild.tsv""",
    "awk": r"""
awk -F'\t' '$2 == "profile" { print $1, $3 }' /tmp/changes.tsv | LC_ALL=C sort | while read -r change profile; do
  awk -F'\t' -v change="$change" -v profile="$profile" '
    FILENAME == "/tmp/changes.tsv" { if ($1 == change && $2 == "files") touched[$3]; next }
    FILENAME == "/tmp/units.tsv" { if ($2 == "reads" && $3 in touched) again[$1]; next }
    FILENAME == "/tmp/edges.tsv" { if ($1 == profile && $4 == 1) needs[$2] = needs[$2] " " $3; next }
    {
      n = split(needs[$2], name, " ")
      for (i = 1; i <= n; i++) if (name[i] in done) again[$2]
      if ($2 in again) { done[$2]; row = row "\t" $2 }
    }
    END { print change row }
  ' /tmp/changes.tsv /tmp/units.tsv /tmp/edges.tsv "/tmp/$profile.plan"
done > /tmp/rebuild.tsv
cat /tmp/rebuild.tsv""",
}
_WRITE = {
    "json": 'jq -R -s \'split("\\n") | map(select(. != "") | split("\\t") | {(.[0]): .[1:]}) | add\' /tmp/rebuild.tsv '
    "> @rebuild@",
    "txt": "sed 's/\\t/: /; s/\\t/ /g' /tmp/rebuild.tsv > @rebuild@",
}

_RESOLUTION = r"""
for plan in /tmp/*.plan; do
  awk -F'\t' -v name="$(basename "$plan" .plan)" '$5 > most { most = $5 } END { print name "\t" most + 0 }' "$plan"
done > /tmp/totals.tsv
jq --rawfile totals /tmp/totals.tsv '
  ($totals | split("\n") | map(select(. != "") | split("\t") | {(.[0]): (.[1] | tonumber)}) | add) as $totals
  | with_entries(.key as $name | .value |= (del(.plan) + {total: $totals[$name]}))
' /tmp/problems.json > @out@/resolution.json
for profile in @profiles@; do
  awk -F'\t' -v profile="$profile" '
    NR == FNR { at[$2] = $1; next }
    $1 == profile && $2 in at && !(at[$3] < at[$2]) { print "out of order:", $2, $3 }
  ' "/tmp/$profile.plan" /tmp/edges.tsv
done
cat @out@/resolution.json @rebuild@"""


def solution(rng: np.random.Generator, case: Case, wanted: Wanted) -> list[Step]:
    """Return the solution's steps."""
    forge, out = case.forge, wanted.out
    rank = {"name": "", "cost": "-cost[unit], ", "users": "-users[unit], "}[case.tie]
    fields = {"position": 1, "unit": 2, "level": 3, "start": 4, "finish": 5}
    number = {name: "" if name == "unit" else " | tonumber" for name in fields}
    pairs = ", ".join(f"{name}: (.[{fields[name] - 1}]{number[name]})" for name in wanted.columns)
    blanks = {
        "out": out,
        "rank": rank,
        "kits": _KITS if case.kits else "",
        "more": '"kits": kits, "conflicts": conflicts, ' if case.kits else "",
        "header": ",".join(wanted.columns),
        "fields": ", ".join(f"${fields[name]}" for name in wanted.columns),
        "pairs": pairs,
        "rebuild": wanted.rebuild,
        "profiles": " ".join(sorted(case.profiles)),
    }
    blanks["table"] = fill(_TABLES[wanted.form], **blanks)
    edges = fill(pick(rng, sorted(_EDGES.items()))[1], **blanks).strip()
    problems, order = fill(_PROBLEMS, **blanks).strip(), fill(_ORDER, **blanks).strip()
    rebuild = pick(rng, sorted(_REBUILD.items()))[1].strip()
    write = fill(_WRITE[wanted.rebuild.rsplit(".", 1)[1]], **blanks)
    look = case.path("units") + ("/* | sed -n 1,30p" if case.form == "files" else " | sed -n 1,30p")
    return [
        Step(
            f"I begin with the description: how a {forge.unit} is written, which profiles there are, what lies in the "
            "tree.",
            f"ls -R /app/build | sed -n 1,60p; find /app/src -type f | wc -l\ncat {look}",
            [slips.no_tool(case)],
        ),
        Step(
            "Everything becomes rows of name, key and value, one value a row, so that the later steps need not know "
            "how the files are written.",
            f"{reading(case)}\nwc -l /tmp/*.tsv /tmp/sources.txt",
            [slips.commas(case)],
        ),
        Step(
            f"For each profile I find the active {forge.unit}s, what comes before what, by name or by a file that "
            "another one makes, and walk from the goals. What is not there at all is noted.",
            edges,
            [slips.made_files(edges)],
        ),
        Step(
            "Now the problems: cycles are sets whose members reach each other"
            + (", versions have to fit everybody who is wanted" if case.kits else "")
            + ", and what reaches something broken is blocked. The rest can be planned.",
            problems,
            [slips.cycle_only(problems)],
        ),
        Step(
            "The order: of all that are ready I take the one that the tie rule says, and note level and start on the "
            "way.",
            order,
            [slips.any_order(case, wanted, order)],
        ),
        Step(
            "For a change I go through the plan in order: rebuilt is what reads a changed file or strictly needs "
            "something rebuilt.",
            f"{rebuild}\n{write}",
            [slips.direct_only(case, wanted, f"{rebuild}\n{write}")],
        ),
        Step(
            "Last the resolution with the totals, and a check that nothing in a plan stands before what it needs: no "
            "line may say so.",
            fill(_RESOLUTION, **blanks).strip(),
            [slips.tsort_agrees(case, wanted)],
        ),
    ]
