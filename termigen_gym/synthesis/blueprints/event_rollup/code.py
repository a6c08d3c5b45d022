"""The programs of event-rollup, as templates of `pieces.fill`."""

from __future__ import annotations

READERS = {
    ("jsonl", "jq"): """
jq -r '[@JQ@, @RANK@] | @tsv' @PATH@ > @TO@
""",
    ("jsonl", "python"): """
python3 - <<'PY'
import json
with open("@TO@", "w") as out:
    for row in map(json.loads, open("@PATH@")):
        print(@KEYS@, @RANK@, sep="\\t", file=out)
PY
""",
    ("csv", "python"): """
python3 - <<'PY'
import csv
with open("@PATH@", newline="") as log, open("@TO@", "w") as out:
    for row in csv.DictReader(log):
        print(@KEYS@, @RANK@, sep="\\t", file=out)
PY
""",
    ("csv", "sqlite"): """
sqlite3 :memory: <<'SQL' > @TO@
.mode csv
.import @PATH@ log
.mode tabs
.headers off
SELECT @SQL@, @RANK@ FROM log;
SQL
""",
    ("logfmt", "awk"): """
awk -v OFS='\\t' '{
    for (i = 1; i <= NF; i++) { at = index($i, "="); row[substr($i, 1, at - 1)] = substr($i, at + 1) }
    print @KEYS@, @RANK@ }' @PATH@ > @TO@
""",
    ("logfmt", "python"): """
python3 - <<'PY'
with open("@TO@", "w") as out:
    for line in open("@PATH@"):
        row = dict(pair.split("=", 1) for pair in line.split())
        print(@KEYS@, @RANK@, sep="\\t", file=out)
PY
""",
    ("pipe", "python"): """
python3 - <<'PY'
with open("@TO@", "w") as out:
    for line in open("@PATH@"):
        row = line.rstrip("\\n").split("@DELIMITER@")
        print(@PLACES@, @RANK@, sep="\\t", file=out)
PY
""",
}
READERS["csv", "awk"] = READERS["pipe", "awk"] = """
awk -F'@AWK_DELIMITER@' -v OFS='\\t' 'NR >= @FIRST@ { print @DOLLARS@, @RANK@ }' @PATH@ > @TO@
"""

CLEANERS = {
    "python": """
python3 - <<'PY'
import datetime

def seconds(text):
    if text.isdigit():
        return int(text) // 1000 if len(text) > 10 else int(text)
    return int(datetime.datetime.fromisoformat(@TEXT@).timestamp())

events = []
for line in open("/tmp/roll/raw.tsv"):
    id, subject, kind, zone, value, at, got, rank = line.rstrip("\\n").split("\\t")
    if kind not in {@NOISE@}:
        events.append((seconds(at), id, subject, kind, zone, value, seconds(got), rank))
events.sort(key=lambda event: (@FIRST@event[6], int(event[7])))
kept = {}
for event in events:
    kept.setdefault(event[1], event)
with open("/tmp/roll/events.tsv", "w") as good, open("/tmp/roll/late.tsv", "w") as late:
    for event in sorted(kept.values()):
        print(*event[:7], sep="\\t", file=late if event[6] - event[0] > @LATE@ else good)
PY
""",
    "awk": """
awk -F'\\t' -v OFS='\\t' '
function seconds(text,   zone, off) {
    if (text ~ /^[0-9]+$/) return length(text) > 10 ? int(text / 1000) : text
    zone = substr(text, 20)
    off = zone == "Z" ? 0 : (substr(zone, 2, 2) * 60 + substr(zone, 5, 2)) * (zone ~ /^-/ ? -60 : 60)
    text = substr(text, 1, 19)
    gsub(/[-T:]/, " ", text)
    return mktime(text, 1) - off
}
$3 !~ /^(@PATTERN@)$/ { print seconds($6), $1, $2, $3, $4, $5, seconds($7), $8 }' /tmp/roll/raw.tsv |
    LC_ALL=C sort -t$'\\t' -k2,2 @SORT@ -k8,8n | awk -F'\\t' '$2 != last { print; last = $2 }' |
    LC_ALL=C sort -t$'\\t' -k1,1n -k2,2 | cut -f1-7 > /tmp/roll/kept.tsv
awk -F'\\t' '$7 - $1 <= @LATE@' /tmp/roll/kept.tsv > /tmp/roll/events.tsv
awk -F'\\t' '$7 - $1 > @LATE@' /tmp/roll/kept.tsv > /tmp/roll/late.tsv
""",
    "sqlite": """
rm -f /tmp/roll/roll.db
sqlite3 /tmp/roll/roll.db <<'SQL'
CREATE TABLE raw (id TEXT, subject TEXT, kind TEXT, zone TEXT, value INTEGER, at TEXT, got TEXT, rank INTEGER);
.mode tabs
.import /tmp/roll/raw.tsv raw
CREATE VIEW timed AS SELECT id, subject, kind, zone, value, rank,
    CASE WHEN at GLOB '*-*' THEN strftime('%s', at) ELSE substr(at, 1, 10) END + 0 AS at,
    CASE WHEN got GLOB '*-*' THEN strftime('%s', got) ELSE substr(got, 1, 10) END + 0 AS got
FROM raw WHERE kind NOT IN (@SQL_NOISE@);
CREATE TABLE kept AS SELECT * FROM
    (SELECT *, row_number() OVER (PARTITION BY id ORDER BY got @DIRECTION@, rank) AS place FROM timed) WHERE place = 1;
.once /tmp/roll/events.tsv
SELECT at, id, subject, kind, zone, value, got FROM kept WHERE got - at <= @LATE@ ORDER BY at, id;
.once /tmp/roll/late.tsv
SELECT at, id, subject, kind, zone, value, got FROM kept WHERE got - at > @LATE@ ORDER BY at, id;
SQL
""",
}

LATE = """
mv /tmp/roll/late.tsv /tmp/roll/delayed.tsv
awk -F'\\t' -v OFS='\\t' '{
    print $2, $3, strftime("%Y-%m-%dT%H:%M:%S", $1@PLUS@, 1) "@MARK@", $7 - $1
}' /tmp/roll/delayed.tsv > /tmp/roll/late.tsv
"""

COUNTS = """
jq -n --argjson read "$(grep -c '' /tmp/roll/raw.tsv)" \\
    --argjson ignored "$(cut -f3 /tmp/roll/raw.tsv | grep -c -x -E '@PATTERN@')" \\
    --argjson late "$(grep -c '' /tmp/roll/late.tsv)" --argjson counted "$(grep -c '' /tmp/roll/events.tsv)" \\
    '{$read, $ignored, duplicates: ($read - $ignored - $late - $counted), $late, $counted}' > @OUT@/counts.json
"""

MEASURES = {
    "python": {
        "events": "len(values)",
        "subjects": "len(subjects)",
        "total": "sum(values)",
        "largest": "values[-1]",
        "smallest": "values[0]",
        "mean": "(20 * sum(values) + len(values)) // (2 * len(values)) / 10",
    },
    "awk": {
        "events": "n[key]",
        "subjects": "subjects[key]",
        "total": "sum[key]",
        "largest": "value[key, n[key]]",
        "smallest": "value[key, 1]",
        "mean": 'sprintf("%.1f", int((20 * sum[key] + n[key]) / (2 * n[key])) / 10)',
    },
    "sqlite": {
        "events": "count(*)",
        "subjects": "count(DISTINCT subject)",
        "total": "sum(value)",
        "largest": "max(value)",
        "smallest": "min(value)",
        "mean": "printf('%.1f', (20 * sum(value) + count(*)) / (2 * count(*)) / 10.0)",
    },
}

PERCENTILE = {
    "python": "values[(@PERCENT@ * len(values) + @UP@) // 100 - 1]",
    "awk": "value[key, int((@PERCENT@ * n[key] + @UP@) / 100)]",
    "sqlite": "max(CASE WHEN place = (@PERCENT@ * n + @UP@) / 100 THEN value END)",
}

_LABEL = """
import datetime

def label(seconds):
    local = datetime.datetime.fromtimestamp(seconds@PLUS@, datetime.timezone.utc)
    return local.strftime("%Y-%m-%dT%H:%M:%S") + "@MARK@"

events = [line.rstrip("\\n").split("\\t") for line in open("/tmp/roll/@EVENTS@.tsv")]"""

_LOAD = """
sqlite3 :memory: <<'SQL' > /tmp/roll/@NAME@.tsv
CREATE TABLE events (at INTEGER, id, subject TEXT, kind TEXT, zone TEXT, value INTEGER, got INTEGER);
.mode tabs
.import /tmp/roll/@EVENTS@.tsv events"""

TABLES = {
    ("windows", "python"): f"""
python3 - <<'PY'
import collections{_LABEL}
groups = collections.defaultdict(list)
for event in events:
    local = int(event[0])@PLUS@
    groups[local - local % @WINDOW@@MINUS@, event[@BY_INDEX@]].append(event)
with open("/tmp/roll/windows.tsv", "w") as out:
    for (start, name), group in sorted(groups.items()):
        values = sorted(int(event[5]) for event in group)
        subjects = {{event[2] for event in group}}
        print(label(start), name, @MEASURES@, sep="\\t", file=out)
PY
""",
    ("windows", "awk"): """
LC_ALL=C sort -t$'\\t' -k6,6n /tmp/roll/@EVENTS@.tsv | awk -F'\\t' -v OFS='\\t' '
{
    key = int(($1@PLUS@) / @WINDOW@) * @WINDOW@ OFS $@BY@
    sum[key] += $6
    value[key, ++n[key]] = $6
    if (!seen[key, $3]++) subjects[key]++
}
END {
    for (key in n) {
        split(key, part, OFS)
        print strftime("%Y-%m-%dT%H:%M:%S", part[1], 1) "@MARK@", part[2], @MEASURES@
    }
}' | LC_ALL=C sort -t$'\\t' -k1,1 -k2,2 > /tmp/roll/windows.tsv
""",
    ("windows", "sqlite"): f"""{_LOAD.replace("@NAME@", "windows")}
SELECT strftime('%Y-%m-%dT%H:%M:%S', start, 'unixepoch') || '@MARK@', name, @MEASURES@
FROM (SELECT *, row_number() OVER (PARTITION BY start, name ORDER BY value) AS place,
             count(*) OVER (PARTITION BY start, name) AS n
      FROM (SELECT *, (at@PLUS@) / @WINDOW@ * @WINDOW@ AS start, @BY_NAME@ AS name FROM events))
GROUP BY start, name ORDER BY start, name;
SQL
""",
    ("sessions", "python"): f"""
python3 - <<'PY'{_LABEL}
sessions = []
for at, _, subject, _, _, value, _ in sorted(events, key=lambda event: (event[2], int(event[0]))):
    at, value = int(at), int(value)
    if sessions and sessions[-1][1] == subject and at - sessions[-1][2] <= @GAP@:
        last = sessions[-1]
        last[2:] = [at, last[3] + 1, last[4] + value]
    else:
        sessions.append([at, subject, at, 1, value])
with open("/tmp/roll/sessions.tsv", "w") as out:
    for start, subject, end, count, total in sorted(sessions):
        if count >= @LEAST@:
            print(subject, label(start), label(end), count, total, sep="\\t", file=out)
PY
""",
    ("sessions", "awk"): """
LC_ALL=C sort -t$'\\t' -k3,3 -k1,1n /tmp/roll/@EVENTS@.tsv | awk -F'\\t' -v OFS='\\t' '
function label(at) { return strftime("%Y-%m-%dT%H:%M:%S", at@PLUS@, 1) "@MARK@" }
function close_session() { if (count >= @LEAST@) print subject, label(start), label(end), count, total }
$3 != subject || $1 - end > @GAP@ { close_session(); subject = $3; start = $1; count = total = 0 }
{ end = $1; count++; total += $6 }
END { close_session() }' | LC_ALL=C sort -t$'\\t' -k2,2 -k1,1 > /tmp/roll/sessions.tsv
""",
    ("sessions", "sqlite"): f"""{_LOAD.replace("@NAME@", "sessions")}
SELECT subject, strftime('%Y-%m-%dT%H:%M:%S', min(at)@PLUS@, 'unixepoch') || '@MARK@',
       strftime('%Y-%m-%dT%H:%M:%S', max(at)@PLUS@, 'unixepoch') || '@MARK@', count(*), sum(value)
FROM (SELECT *, sum(opens) OVER (PARTITION BY subject ORDER BY at, id) AS session
      FROM (SELECT *, at - lag(at) OVER (PARTITION BY subject ORDER BY at, id) > @GAP@ AS opens FROM events))
GROUP BY subject, coalesce(session, 0) HAVING count(*) >= @LEAST@ ORDER BY min(at), subject;
SQL
""",
    ("top", "python"): """
python3 - <<'PY'
import collections
total, count = collections.Counter(), collections.Counter()
for line in open("/tmp/roll/@EVENTS@.tsv"):
    event = line.split("\\t")
    total[event[2]] += int(event[5])
    count[event[2]] += 1
ranked = sorted(total, key=lambda name: (-total[name], name))[:@TOP@]
with open("/tmp/roll/top.tsv", "w") as out:
    for rank, name in enumerate(ranked, start=1):
        print(rank, name, total[name], count[name], sep="\\t", file=out)
PY
""",
    ("top", "awk"): """
awk -F'\\t' -v OFS='\\t' '{ total[$3] += $6; n[$3]++ } END { for (name in n) print name, total[name], n[name] }' \\
    /tmp/roll/@EVENTS@.tsv | LC_ALL=C sort -t$'\\t' -k2,2nr -k1,1 | awk -v OFS='\\t' 'NR <= @TOP@ { print NR, $0 }' \\
    > /tmp/roll/top.tsv
""",
    ("top", "sqlite"): f"""{_LOAD.replace("@NAME@", "top")}
SELECT row_number() OVER (ORDER BY sum(value) DESC, subject), subject, sum(value), count(*)
FROM events GROUP BY subject ORDER BY 1 LIMIT @TOP@;
SQL
""",
    ("quantiles", "python"): """
python3 - <<'PY'
import collections
groups = collections.defaultdict(list)
for line in open("/tmp/roll/@EVENTS@.tsv"):
    event = line.split("\\t")
    groups[event[@OTHER_INDEX@]].append(int(event[5]))
with open("/tmp/roll/quantiles.tsv", "w") as out:
    for name, values in sorted(groups.items()):
        values.sort()
        print(name, len(values), @RANKS@, sep="\\t", file=out)
PY
""",
    ("quantiles", "awk"): """
LC_ALL=C sort -t$'\\t' -k6,6n /tmp/roll/@EVENTS@.tsv | awk -F'\\t' -v OFS='\\t' '
{ value[$@OTHER@, ++n[$@OTHER@]] = $6 }
END { for (key in n) print key, n[key], @RANKS@ }' | LC_ALL=C sort > /tmp/roll/quantiles.tsv
""",
    ("quantiles", "sqlite"): f"""{_LOAD.replace("@NAME@", "quantiles")}
SELECT name, n, @RANKS@
FROM (SELECT @OTHER_NAME@ AS name, value, row_number() OVER (PARTITION BY @OTHER_NAME@ ORDER BY value) AS place,
             count(*) OVER (PARTITION BY @OTHER_NAME@) AS n FROM events)
GROUP BY name ORDER BY name;
SQL
""",
}
