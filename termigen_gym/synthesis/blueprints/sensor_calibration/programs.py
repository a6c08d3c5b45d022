"""Programs with which series are calibrated, screened and added up."""

from __future__ import annotations

FIT = """
import csv
import json

points = {}
for row in csv.DictReader(open("@place@")):
@filter@
    points.setdefault(row["sensor"], []).append((float(row["@raw@"]), float(row["@unit@"]), @weight@))


def solve(rows):
    for column in range(len(rows)):
        best = max(range(column, len(rows)), key=lambda at: abs(rows[at][column]))
        rows[column], rows[best] = rows[best], rows[column]
        rows[column] = [entry / rows[column][column] for entry in rows[column]]
        for at, row in enumerate(rows):
            if at != column:
                rows[at] = [a - row[column] * b for a, b in zip(row, rows[column])]
    return [row[-1] for row in rows]


fits = {}
for sensor, own in points.items():
    powers = @powers@
    system = [
        [sum(w * x ** (i + j) for x, _, w in own) for j in powers] + [sum(w * y * x**i for x, y, w in own)]
        for i in powers
    ]
    fits[sensor] = @lead@solve(system)
json.dump(fits, open("/tmp/fits.json", "w"))
rounded = {sensor: [float("%.5e" % c) for c in fit] for sensor, fit in sorted(fits.items())}
json.dump(rounded, open("@out@/coefficients.json", "w"))
"""

FIT_AWK = """\
gawk -F, '
  NR == 1 { next }
  @keep@{
    k = $1; x = $3; y = $4; w = @weight@
    s[k] += w; sx[k] += w * x; sy[k] += w * y; sxx[k] += w * x * x; sxy[k] += w * x * y
  }
  END {
    for (k in s) {
      slope = (s[k] * sxy[k] - sx[k] * sy[k]) / (s[k] * sxx[k] - sx[k] * sx[k])
      printf "%s\\t%.17g\\t%.17g\\n", k, (sy[k] - slope * sx[k]) / s[k], slope
    }
  }' @place@ | sort > /tmp/fits.tsv
jq -R -n '[inputs | split("\\t") | {(.[0]): (.[1:] | map(tonumber))}] | add' /tmp/fits.tsv > /tmp/fits.json
awk -F'\\t' '{ printf "%s\\t%.5e\\t%.5e\\n", $1, $2, $3 }' /tmp/fits.tsv \\
  | jq -R -n '[inputs | split("\\t") | {(.[0]): (.[1:] | map(tonumber))}] | add' > @out@/coefficients.json"""

SCREEN = """
import json

fits = json.load(open("/tmp/fits.json"))
series = {}
for line in open("/tmp/lines.tsv"):
    sensor, time, raw = line.rstrip("\\n").split("\\t")
    series.setdefault(sensor, []).append((int(time), raw))
rejected = {}
with open("/tmp/good.tsv", "w") as good:
    for sensor, rows in series.items():
        kept = {}
        for time, raw in rows:
@dedupe@
        counts = {"duplicate": len(rows) - len(kept), "missing": 0, "range": 0}
        left = []
        for time, raw in sorted(kept.items()):
            if raw == "NA":
                counts["missing"] += 1
            elif not @low@ <= float(raw) <= @high@:
                counts["range"] += 1
            else:
                left.append((time, float(raw)))
@more@
        rejected[sensor] = counts
        for time, raw in left:
            value = sum(c * raw**power for power, c in enumerate(fits[sensor]))
            print(sensor, time, repr(@convert@), sep="\\t", file=good)
json.dump(rejected, open("/tmp/rejected.json", "w"))
"""

SPIKES = """\
        bad = set()
        for (_, a), (time, b), (_, c) in zip(left, left[1:], left[2:]):
            if min(b - a, b - c) > @spike@ or min(a - b, c - b) > @spike@:
                bad.add(time)
        counts["spike"] = len(bad)
        left = [one for one in left if one[0] not in bad]
"""

STUCK = """\
        runs = []
        for one in left:
            if runs and runs[-1][-1][1] == one[1]:
                runs[-1].append(one)
            else:
                runs.append([one])
        free = [one for run in runs for one in (run[:1] if len(run) >= @stuck@ else run)]
        counts["stuck"] = len(left) - len(free)
        left = free
"""

DAILY_SQL = """\
rm -f /tmp/series.db
sqlite3 /tmp/series.db <<'EOF'
CREATE TABLE lines (sensor TEXT, time INTEGER, raw TEXT);
CREATE TABLE good (sensor TEXT, time INTEGER, value REAL);
.mode tabs
.import /tmp/lines.tsv lines
.import /tmp/good.tsv good
.output /tmp/daily.tsv
WITH days AS (SELECT DISTINCT sensor, date(time, 'unixepoch') AS day FROM lines),
  sums AS (SELECT sensor, date(time, 'unixepoch') AS day, count(*) AS n, avg(value) AS mean, min(value) AS low,
    max(value) AS high FROM good GROUP BY 1, 2)
SELECT sensor, day, coalesce(n, 0),
  CASE WHEN n >= @least@ THEN printf('%.3f', mean) END,
  CASE WHEN n >= @least@ THEN printf('%.3f', low) END,
  CASE WHEN n >= @least@ THEN printf('%.3f', high) END
FROM days LEFT JOIN sums USING (sensor, day) ORDER BY sensor, day;
EOF"""

DAILY_AWK = """\
gawk -F'\\t' -v OFS='\\t' '
  { day = strftime("%Y-%m-%d", $2, 1); key = $1 OFS day }
  FILENAME == ARGV[1] { days[key] = 1; next }
  { v = $3 + 0; n[key]++; sum[key] += v }
  n[key] == 1 || v < low[key] { low[key] = v }
  n[key] == 1 || v > high[key] { high[key] = v }
  END {
    for (key in days) {
      if (n[key] >= @least@)
        printf "%s\\t%d\\t%.3f\\t%.3f\\t%.3f\\n", key, n[key], sum[key] / n[key], low[key], high[key]
      else print key, n[key] + 0, "", "", ""
    }
  }' /tmp/lines.tsv /tmp/good.tsv | LC_ALL=C sort > /tmp/daily.tsv"""

SUMMARY_PARTS = {
    "integral": "round(sum((a + b) / 2 * (v - u) / 3600 for (u, a), (v, b) in pairs if v - u <= @longest@), 3)",
    "peak": "round(peak[1], 3)",
    "peak_time": 'datetime.fromtimestamp(peak[0], timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")',
    "rejected": "rejected[sensor]",
    "gaps": "sum(v - u > @longest@ for (u, _), (v, _) in pairs)",
    "longest_gap_min": "max(v - u for (u, _), (v, _) in pairs) // 60",
    "used": "len(rows)",
}
