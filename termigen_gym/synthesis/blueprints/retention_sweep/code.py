"""The programs of retention-sweep, as templates of `pieces.fill`."""

from __future__ import annotations

LISTERS = {
    ("csv", "awk"): """
awk -F, -v OFS='\\t' 'NR > 1 { print $1, $2, $3, $4 }' @PATH@ > /tmp/sweep/manifest.tsv
""",
    ("csv", "sqlite"): """
sqlite3 :memory: <<'SQL' > /tmp/sweep/manifest.tsv
.mode csv
.import @PATH@ manifest
.mode tabs
.headers off
SELECT path, series, taken, status FROM manifest;
SQL
""",
    ("tsv", "awk"): """
awk -F'\\t' -v OFS='\\t' '{ print $4, $2, $1, $3 }' @PATH@ > /tmp/sweep/manifest.tsv
""",
    ("tsv", "python"): """
python3 - <<'PY'
with open("/tmp/sweep/manifest.tsv", "w") as out:
    for line in open("@PATH@"):
        taken, series, status, path = line.rstrip("\\n").split("\\t")
        print(path, series, taken, status, sep="\\t", file=out)
PY
""",
    ("jsonl", "jq"): """
jq -r '[.path, .series, .taken, .status] | @tsv' @PATH@ > /tmp/sweep/manifest.tsv
""",
    ("jsonl", "python"): """
python3 - <<'PY'
import json
with open("/tmp/sweep/manifest.tsv", "w") as out:
    for row in map(json.loads, open("@PATH@")):
        print(row["path"], row["series"], row["taken"], row["status"], sep="\\t", file=out)
PY
""",
}

DISK = """
(cd @ROOT@ && find . -type f -printf '%P\\t%s\\n') | LC_ALL=C sort > /tmp/sweep/disk.tsv
cut -f1 /tmp/sweep/manifest.tsv | LC_ALL=C sort > /tmp/sweep/known
cut -f1 /tmp/sweep/disk.tsv | LC_ALL=C sort > /tmp/sweep/there
echo "known, but not there:"; LC_ALL=C comm -23 /tmp/sweep/known /tmp/sweep/there
echo "there, but not known:"; LC_ALL=C comm -13 /tmp/sweep/known /tmp/sweep/there
"""

DECIDERS = {
    "python": """
python3 - <<'PY'
import collections
import csv
import datetime

TODAY = datetime.date.fromisoformat("@TODAY@")
sizes = dict(line.rstrip("\\n").split("\\t") for line in open("/tmp/sweep/disk.tsv"))
copies = [line.rstrip("\\n").split("\\t") for line in open("/tmp/sweep/manifest.tsv")]
until = {row["path"]: row["until"] for row in csv.DictReader(open("@CATALOG@/holds.csv", newline=""))}
@PINS@
reasons, seen, count = collections.defaultdict(set), set(), collections.Counter()
for path, series, taken, status in sorted(copies, key=lambda copy: (copy[2], copy[0]), reverse=@NEWEST@):
    day = datetime.date.fromisoformat(taken[:10])
    if until.get(path, "") @LEAST@ "@TODAY@":
        reasons[path].add("hold")
    if (series, taken[:7]) in pins:
        reasons[path].add("pin")
    if path not in sizes@PASSED@:
        continue
    count[series] += 1
    if count[series] <= @MINIMUM@:
        reasons[path].add("minimum")
    week = day - datetime.timedelta(days=@WEEKDAY@)
    for rule, limit, period in (@RULES@):
        if (TODAY - day).days <= limit and (rule, series, period) not in seen:
            seen.add((rule, series, period))
            reasons[path].add(rule)

def decide(path, taken, status):
    if path not in sizes:
        return "missing", "no-file"
    reason = next((name for name in @ORDER@ if name in reasons[path]), None)
    if reason is None:
        return "delete", "expired" if status == "ok" else "failed"
    if reason in ("hold", "pin"):
        return "keep", reason
    age = (TODAY - datetime.date.fromisoformat(taken[:10])).days
@FATES@
    return "keep", reason

with open("/tmp/sweep/plan.unsorted", "w") as out:
    for path, series, taken, status in copies:
        print(path, *decide(path, taken, status), sizes.get(path, 0), series, sep="\\t", file=out)
    for path in sizes.keys() - {copy[0] for copy in copies}:
        print(path, "@UNKNOWN@", "unknown", sizes[path], "", sep="\\t", file=out)
PY
""",
    "awk": """
cat > /tmp/sweep/decide.awk <<'AWK'
function days(text) {
    text = substr(text, 1, 10)
    gsub(/-/, " ", text)
    return int(mktime(text " 0 0 0", 1) / 86400)
}
function first(rule, limit, period,   key) {
    key = rule SUBSEP $2 SUBSEP period
    if (age <= limit && !(key in seen)) { seen[key]; is[rule] = 1 }
}
BEGIN { FS = OFS = "\\t"; count = split("@SPACED@", order, " ") }
FILENAME ~ /disk/ { size[$1] = $2; next }
FILENAME ~ /holds/ { split($0, field, ","); until[field[1]] = field[2]; next }
FILENAME ~ /pins/ { split($0, field, ","); pins[field[1], field[2]]; next }
{
    known[$1]
    day = days($3); age = days("@TODAY@") - day
    split("", is)
    is["hold"] = until[$1] >= "@TODAY@"
    is["pin"] = ($2, substr($3, 1, 7)) in pins
    if ($1 in size && $4 == "ok") {
        is["minimum"] = ++taken[$2] <= @MINIMUM@
        @AWK_RULES@
    }
    reason = ""
    for (i = count; i >= 1; i--) if (is[order[i]]) reason = order[i]
    action = "keep"
    if (!($1 in size)) { action = "missing"; reason = "no-file" }
    else if (reason == "") { action = "delete"; reason = $4 == "ok" ? "expired" : "failed" }
    else if (reason != "hold" && reason != "pin") {
        @AWK_FATES@
    }
    print $1, action, reason, size[$1] + 0, $2
}
END { for (path in size) if (!(path in known)) print path, "@UNKNOWN@", "unknown", size[path], "" }
AWK
LC_ALL=C sort -t$'\\t' -k3,3r -k1,1r /tmp/sweep/manifest.tsv > /tmp/sweep/newest.tsv
awk -f /tmp/sweep/decide.awk /tmp/sweep/disk.tsv @CATALOG@/holds.csv @PINS_FILE@/tmp/sweep/newest.tsv \\
    > /tmp/sweep/plan.unsorted
""",
    "sqlite": """
rm -f /tmp/sweep/sweep.db
sqlite3 /tmp/sweep/sweep.db <<'SQL' > /tmp/sweep/plan.unsorted
CREATE TABLE disk (path TEXT, size INTEGER);
CREATE TABLE manifest (path TEXT, series TEXT, taken TEXT, status TEXT);
.mode tabs
.import /tmp/sweep/disk.tsv disk
.import /tmp/sweep/manifest.tsv manifest
.mode csv
.import @CATALOG@/holds.csv holds
@SQL_PINS@
CREATE TABLE good AS SELECT *, date(taken, 'weekday 0', '-6 days') AS week, date(taken) AS day,
    substr(taken, 1, 7) AS month,
    CAST(julianday('@TODAY@') - julianday(date(taken)) AS INTEGER) AS age
FROM manifest JOIN disk USING (path) WHERE status = 'ok';
CREATE TABLE reasons (path TEXT, reason TEXT, rank INTEGER);
INSERT INTO reasons SELECT path, 'hold', @RANK_HOLD@ FROM holds WHERE until >= '@TODAY@';
INSERT INTO reasons SELECT path, 'pin', @RANK_PIN@ FROM manifest JOIN pins ON pins.series = manifest.series
    AND pins.month = substr(taken, 1, 7);
INSERT INTO reasons SELECT path, 'minimum', @RANK_MINIMUM@ FROM
    (SELECT path, row_number() OVER (PARTITION BY series ORDER BY taken DESC, path DESC) AS place FROM good)
    WHERE place <= @MINIMUM@;
@SQL_RULES@
.mode tabs
SELECT path, CASE WHEN size IS NULL THEN 'missing' WHEN reason IS NULL THEN 'delete'
    WHEN reason IN ('hold', 'pin') THEN 'keep' @SQL_FATES@ ELSE 'keep' END,
    CASE WHEN size IS NULL THEN 'no-file' WHEN reason IS NOT NULL THEN reason
    WHEN status = 'ok' THEN 'expired' ELSE 'failed' END, coalesce(size, 0), series
FROM (SELECT *, CAST(julianday('@TODAY@') - julianday(date(taken)) AS INTEGER) AS age,
        (SELECT reason FROM reasons WHERE reasons.path = manifest.path ORDER BY rank LIMIT 1) AS reason
      FROM manifest LEFT JOIN disk USING (path));
SELECT path, '@UNKNOWN@', 'unknown', size, '' FROM disk WHERE path NOT IN (SELECT path FROM manifest);
SQL
""",
}

SORTED = """
@FILTER@LC_ALL=C sort -t$'\\t' -k1,1 @SOURCE@> /tmp/sweep/plan.tsv
cut -f2,3 /tmp/sweep/plan.tsv | sort | uniq -c
"""

COUNTERS = {
    "jq": """
jq -R -n --argjson actions '@ACTIONS@' '[inputs | split("\\t")] as $rows
    | {actions: ($actions | map(. as $name
           | {key: $name, value: ($rows | map(select(.[1] == $name)) | length)}) | from_entries),
       freed_bytes: ($rows | map(select(.[1] == "delete") | .[3] | tonumber) | add // 0),
       kept: ($rows | map(select(.[4] != "")) | group_by(.[4]) | map({key: .[0][4],
           value: (map(select(.[1] != "delete" and .[1] != "missing")) | length)}) | from_entries)}' \\
    /tmp/sweep/plan.tsv > @OUT@/summary.json
""",
    "python": """
python3 - <<'PY'
import json
rows = [line.rstrip("\\n").split("\\t") for line in open("/tmp/sweep/plan.tsv")]
summary = {
    "actions": {name: sum(row[1] == name for row in rows) for name in @ACTIONS@},
    "freed_bytes": sum(int(row[3]) for row in rows if row[1] == "delete"),
    "kept": {
        series: sum(row[4] == series and row[1] not in ("delete", "missing") for row in rows)
        for series in sorted({row[4] for row in rows} - {""})
    },
}
with open("@OUT@/summary.json", "w") as out:
    json.dump(summary, out, indent=2)
PY
""",
}

REMOVERS = {
    "xargs": """
awk -F'\\t' '$2 == "delete" { print $1 }' /tmp/sweep/plan.tsv | (cd @ROOT@ && xargs -r -d '\\n' rm --)
""",
    "while": """
while IFS=$'\\t' read -r path action rest; do
    if [ "$action" = delete ]; then rm -- "@ROOT@/$path"; fi
done < /tmp/sweep/plan.tsv
""",
    "python": """
python3 - <<'PY'
import os
for line in open("/tmp/sweep/plan.tsv"):
    path, action = line.split("\\t")[:2]
    if action == "delete":
        os.remove(f"@ROOT@/{path}")
PY
""",
}

MOVERS = {
    "while": """
while IFS=$'\\t' read -r path action rest; do
    if [ "$action" = @ACTION@ ]; then
        mkdir -p "$(dirname "@TO@/$path")"
        mv -- "@ROOT@/$path" "@TO@/$path"
    fi
done < /tmp/sweep/plan.tsv
""",
    "python": """
python3 - <<'PY'
import os
for line in open("/tmp/sweep/plan.tsv"):
    path, action = line.split("\\t")[:2]
    if action == "@ACTION@":
        os.renames(f"@ROOT@/{path}", f"@TO@/{path}")
PY
""",
}

PACKERS = {
    "xargs": """
awk -F'\\t' '$2 == "compress" { print $1 }' /tmp/sweep/plan.tsv | (cd @ROOT@ && xargs -r -d '\\n' gzip -n --)
""",
    "python": """
python3 - <<'PY'
import gzip
import os
for line in open("/tmp/sweep/plan.tsv"):
    path, action = line.split("\\t")[:2]
    if action == "compress":
        with open(f"@ROOT@/{path}", "rb") as copy, open(f"@ROOT@/{path}.gz", "wb") as packed:
            packed.write(gzip.compress(copy.read(), mtime=0))
        os.remove(f"@ROOT@/{path}")
PY
""",
}
