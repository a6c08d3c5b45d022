"""How the tables of a `score_table` task are evaluated."""

from __future__ import annotations

import numpy as np

from ..drawing import fill, rows_command
from ..kit import Step, pick
from . import slips
from .case import OBJECTIVES, Case

_JOIN = {
    "python3": r"""
python3 - <<'EOF'
def rows(name):
    return [line.rstrip("\n").split("\t") for line in open(f"/tmp/{name}.tsv")]
splits, scores = dict(rows("splits")), {}
for name, *values in rows("scores"):
    @keep@
fixes = @fixes@
with open("/tmp/items.tsv", "w") as out:
    for name, group, part, label in sorted(rows("labels")):
        label = fixes.get(name, label)
        if label != "void":
            values = [f"{float(value) * 1000:.0f}" for value in scores.get(name, [])]
            print(name, splits[name], group, part, label, *values or ["-"], sep="\t", file=out)
EOF""",
    "sqlite3": r"""
rm -f /tmp/items.db
sqlite3 /tmp/items.db > /tmp/items.tsv <<'SQL'
CREATE TABLE labels(id, grp, part, label);
CREATE TABLE splits(id, split);
CREATE TABLE scores(id, @plain@);
CREATE TABLE fixes(id, label);
.mode tabs
.import /tmp/labels.tsv labels
.import /tmp/splits.tsv splits
.import /tmp/scores.tsv scores
@import@CREATE VIEW one AS SELECT * FROM scores WHERE rowid IN (SELECT @end@(rowid) FROM scores GROUP BY id);
CREATE VIEW fixed AS SELECT * FROM fixes WHERE rowid IN (SELECT max(rowid) FROM fixes GROUP BY id);
CREATE VIEW known AS SELECT labels.id, split, grp, part, ifnull(fixed.label, labels.label) AS label
FROM labels JOIN splits USING (id) LEFT JOIN fixed USING (id);
SELECT known.*, @thousandths@
FROM known LEFT JOIN one USING (id) WHERE label <> 'void' ORDER BY id;
SQL""",
}

_LEAKED = r"""
mkdir -p @out@
awk -F'\t' 'NR == FNR { if ($2 ~ /^(@seen@)$/) seen[$3]; next } $2 == "@test@" && $3 in seen { print $1 }' \
  /tmp/items.tsv /tmp/items.tsv | LC_ALL=C sort > @out@/leaked.txt
wc -l /tmp/items.tsv @out@/leaked.txt"""

_PARTS = r"""
awk -F'\t' -v OFS='\t' -v leaked=@out@/leaked.txt '
  FILENAME == leaked { left[$1]; next }
  $2 == "@train@" || $1 in left { next }
  $6 == "-" { @absent@ }
  { print > ("/tmp/set-" $2 ".tsv") }
  $2 == "@test@" { count++ }
  END { print count, gone + 0 > "/tmp/counts.tsv" }
' @out@/leaked.txt /tmp/items.tsv
wc -l /tmp/set-*.tsv; cat /tmp/counts.tsv"""

_THRESHOLD = {
    "python3": r"""
python3 - <<'EOF'
rows = [line.split("\t") for line in open("/tmp/set-@valid@.tsv")]
pairs = [(int(row[5]), row[4] == "@positive@") for row in rows]
def worth(threshold):
    hits = sum(good for score, good in pairs if score >= threshold)
    alarms = sum(not good for score, good in pairs if score >= threshold)
    missed = sum(good for score, good in pairs) - hits
    return @worth@
best = max({score for score, good in pairs}, key=lambda score: (worth(score), @sign@score))
print(best, worth(best))
open("/tmp/threshold", "w").write(str(best))
EOF""",
    "awk": r"""
awk -F'\t' '
  { score[NR] = $6; good[NR] = $5 == "@positive@"; all += good[NR] }
  END {
    for (one in score) {
      t = score[one]; hits = alarms = 0
      for (n in score) if (score[n] + 0 >= t + 0) { hits += good[n]; alarms += !good[n] }
      missed = all - hits
      worth = @worth@
      if (!found++ || worth > best || (worth == best && t + 0 @beats@ at + 0)) { best = worth; at = t }
    }
    print at
  }
' /tmp/set-@valid@.tsv | tr -d '\n' > /tmp/threshold
cat /tmp/threshold""",
}

_CALLED_TWO = r"""
awk -F'\t' -v OFS='\t' -v limit="$(cat /tmp/threshold)" '
  { print $4, $5 == "@positive@" ? 1 : 0, $6 + 0 >= limit + 0 ? 1 : 0, $6 }
' /tmp/set-@test@.tsv > /tmp/called.tsv"""

_CALLED_MANY = {
    "awk": r"""
awk -F'\t' -v OFS='\t' '
  BEGIN { count = split("@classes@", class, " ") }
  {
    first = second = 0
    for (n = 1; n <= count; n++)
      if (!first || $(n + 5) > $(first + 5)) { second = first; first = n }
      else if (!second || $(n + 5) > $(second + 5)) second = n
    print $4, $5, class[first], class[second]
  }
' /tmp/set-@test@.tsv > /tmp/called.tsv
head -n 4 /tmp/called.tsv""",
    "python3": r"""
python3 - <<'EOF'
classes = "@classes@".split()
with open("/tmp/called.tsv", "w") as out:
    for line in open("/tmp/set-@test@.tsv"):
        name, split, group, part, label, *values = line.rstrip("\n").split("\t")
        ranked = sorted(zip(classes, map(int, values)), key=lambda pair: (-pair[1], pair[0]))
        print(part, label, ranked[0][0], ranked[1][0], sep="\t", file=out)
EOF
head -n 4 /tmp/called.tsv""",
}

_BY_PART = {
    "awk": r"""
{ echo @part@,items,accuracy
  awk -F'\t' '
    { count[$1]++; right[$1] += $2 == $3 }
    END { for (one in count) if (count[one] >= @smallest@)
      printf "%.9f,%s,%d,%.@digits@f\n", right[one] / count[one], one, count[one], right[one] / count[one] }
  ' /tmp/called.tsv | LC_ALL=C sort | cut -d, -f2-; } > @out@/by-@part@.csv""",
    "sqlite3": r"""
rm -f /tmp/called.db
{ echo @part@,items,accuracy; sqlite3 -separator , /tmp/called.db <<'SQL'
CREATE TABLE called(part, label, given, more);
.separator "\t"
.import /tmp/called.tsv called
.separator ,
SELECT part, count(*), printf('%.@digits@f', avg(label = given)) FROM called
GROUP BY part HAVING count(*) >= @smallest@ ORDER BY avg(label = given), part;
SQL
} > @out@/by-@part@.csv""",
}

_BINS = r"""
{ echo bin,items,mean_score,positive_rate
  awk -F'\t' '
    { bin = int($4 * @bins@ / 1000); if (bin > @bins@ - 1) bin = @bins@ - 1; n[bin]++; sum[bin] += $4; good[bin] += $2 }
    END { for (bin = 0; bin < @bins@; bin++) if (n[bin])
      printf "%d,%d,%.@digits@f,%.@digits@f\n", bin, n[bin], sum[bin] / n[bin] / 1000, good[bin] / n[bin] }
  ' /tmp/called.tsv; } > @out@/calibration.csv"""

_CONFUSION = r"""
awk -F'\t' '
  BEGIN { count = split("@classes@", class, " ") }
  { seen[$2, $3]++; support[$2]++; calls[$3]++ }
  END {
    confusion = "@out@/confusion.csv"; table = "@out@/classes.csv"
    printf "label" > confusion; print "class,support,precision,recall,f1" > table
    for (n = 1; n <= count; n++) printf ",%s", class[n] > confusion
    print "" > confusion
    for (n = 1; n <= count; n++) {
      c = class[n]; hits = seen[c, c] + 0
      printf "%s", c > confusion
      for (m = 1; m <= count; m++) printf ",%d", seen[c, class[m]] > confusion
      print "" > confusion
      both = support[c] + calls[c]
      printf "%s,%d,%.@digits@f,%.@digits@f,%.@digits@f\n", c, support[c], calls[c] ? hits / calls[c] : 0,
        support[c] ? hits / support[c] : 0, both ? 2 * hits / both : 0 > table
    }
  }
' /tmp/called.tsv"""

_METRICS_TWO = r"""
python3 - <<'EOF'
import json
rows = [line.rstrip("\n").split("\t") for line in open("/tmp/called.tsv")]
pairs = [(row[1], row[2]) for row in rows]
tp, fp, fn, tn = (pairs.count(pair) for pair in [("1", "1"), ("0", "1"), ("1", "0"), ("0", "0")])
items, unscored = map(int, open("/tmp/counts.tsv").read().split())
def share(part, whole):
    return round(part / whole, @digits@) if whole else 0
metrics = {
    "items": items, "unscored": unscored, "leaked": len(open("@out@/leaked.txt").readlines()),
    "threshold": int(open("/tmp/threshold").read()) / 1000, "tp": tp, "fp": fp, "fn": fn, "tn": tn,
    "precision": share(tp, tp + fp), "recall": share(tp, tp + fn), "f1": share(2 * tp, 2 * tp + fp + fn),
}
@more@json.dump(metrics, open("@out@/metrics.json", "w"))
EOF
python3 -m json.tool @out@/metrics.json; head @out@/*"""

_AUC = """\
good, bad = ([int(row[3]) for row in rows if row[1] == truth] for truth in "10")
wins = sum((one > other) + (one == other) / 2 for one in good for other in bad)
metrics["auc"] = share(wins, len(good) * len(bad))
"""
_ECE = """\
bins = {}
for row in rows:
    bins.setdefault(min(int(row[3]) * @bins@ // 1000, @bins@ - 1), []).append((int(row[3]), int(row[1])))
gaps = [abs(sum(score - 1000 * truth for score, truth in held)) for held in bins.values()]
metrics["ece"] = share(sum(gaps), 1000 * len(rows))
"""

_METRICS_MANY = {
    "python3": r"""
python3 - <<'EOF'
import json
rows = [line.rstrip("\n").split("\t") for line in open("/tmp/called.tsv")]
items, unscored = map(int, open("/tmp/counts.tsv").read().split())
f1 = []
for name in "@classes@".split():
    hits = sum(row[1] == name == row[2] for row in rows)
    both = sum((row[1] == name) + (row[2] == name) for row in rows)
    f1.append(2 * hits / both if both else 0)
metrics = {
    "items": items, "unscored": unscored, "leaked": len(open("@out@/leaked.txt").readlines()),
    "accuracy": round(sum(row[1] == row[2] for row in rows) / len(rows), @digits@),
    "macro_f1": round(sum(f1) / len(f1), @digits@),
}
@more@json.dump(metrics, open("@out@/metrics.json", "w"))
EOF
python3 -m json.tool @out@/metrics.json; head @out@/*""",
    "jq": r"""
jq -R -s --rawfile counts /tmp/counts.tsv --rawfile leaked @out@/leaked.txt '
  def rounded: . * 1@zeros@ | round / 1@zeros@;
  (split("\n") | map(select(. != "") | split("\t"))) as $rows
  | ($counts | split("\n")[0] | split("\t") | map(tonumber)) as $counts
  | [@quoted@ | . as $name
      | ($rows | map(select(.[1] == $name and .[2] == $name)) | length) as $hits
      | ($rows | map([.[1], .[2]][] | select(. == $name)) | length) as $both
      | if $both == 0 then 0 else 2 * $hits / $both end] as $f1
  | {items: $counts[0], unscored: $counts[1], leaked: ($leaked | split("\n") | length - 1),
     accuracy: (($rows | map(select(.[1] == .[2])) | length) / ($rows | length) | rounded),
     macro_f1: (($f1 | add) / ($f1 | length) | rounded)@near@}
' /tmp/called.tsv > @out@/metrics.json
cat @out@/metrics.json; head @out@/*""",
}
_TOP2 = """\
near = sum(row[1] in row[2:4] for row in rows)
metrics["top2"] = round(near / len(rows), @digits@)
"""
_NEAR = """,
     top2: (($rows | map(select(.[1] == .[2] or .[1] == .[3])) | length) / ($rows | length) | rounded)"""


def worth(case: Case) -> str:
    """Return what a threshold is worth, as an expression of hits, missed and alarms in Python and awk."""
    rules = case.rules
    if rules.objective == "cost":
        return f"-({rules.costs[0]} * missed + {rules.costs[1]} * alarms)"
    miss, alarm = OBJECTIVES[rules.objective]
    return f"{miss + alarm} * hits / ({miss + alarm} * hits + {miss} * missed + {alarm} * alarms)"


def join_commands(case: Case, out: str) -> dict[str, str]:
    """Return, by tool, what joins the tables and lists the leaked items."""
    rules = case.rules
    names = [f"s{number}" for number in range(1, len(case.columns))]
    blanks = {
        "keep": "scores[name] = values" if rules.last else "scores.setdefault(name, values)",
        "end": "max" if rules.last else "min",
        "fixes": 'dict(rows("fixes"))' if rules.corrected else "{}",
        "import": ".import /tmp/fixes.tsv fixes\n" if rules.corrected else "",
        "plain": ", ".join(names),
        "thousandths": ", ".join(f"ifnull(CAST(round({name} * 1000) AS INTEGER), '-')" for name in names),
        "seen": "|".join(case.split_name(split) for split in rules.seen),
        "test": case.split_name("test"),
        "out": out,
    }
    return {tool: fill(join + _LEAKED, **blanks).strip() for tool, join in _JOIN.items()}


def normal_tables(case: Case) -> str:
    """Return what turns every table into tab-separated rows without a header."""
    labels = ("id", case.bench.group, case.bench.part, "label")
    tables = [("labels", labels), ("splits", ("id", "split")), ("scores", case.columns), ("fixes", ("id", "label"))]
    commands = []
    for number, (name, columns) in enumerate(tables[: 4 if case.rules.corrected else 3]):
        commands.append(f"{rows_command(case.path(number), columns)} > /tmp/{name}.tsv")
    return "\n".join([*commands, "wc -l /tmp/labels.tsv /tmp/splits.tsv /tmp/scores.tsv"])


def solution(rng: np.random.Generator, case: Case, out: str) -> list[Step]:
    """Return the solution's steps."""
    rules, bench = case.rules, case.bench
    absent = 'if ($2 == "@test@") gone++; $6 = 0' if rules.absent == "zero" else 'if ($2 == "@test@") gone++; next'
    blanks: dict[str, object] = {
        **dict(zip(("train", "valid", "test"), case.splits, strict=True)),
        **{"out": out, "positive": bench.positive, "digits": rules.digits, "zeros": "0" * rules.digits},
        **{"part": bench.part, "smallest": rules.smallest, "bins": rules.bins, "classes": " ".join(case.classes)},
        **{"quoted": "(" + ", ".join(f'"{name}"' for name in case.classes) + ")", "near": _NEAR * rules.ranked},
        **{"worth": worth(case), "sign": "" if rules.highest else "-", "beats": ">" if rules.highest else "<"},
    }
    blanks["absent"] = fill(absent, **blanks)
    if rules.several:
        blanks["more"] = fill(_TOP2, **blanks) if rules.ranked else ""
        called = fill(pick(rng, sorted(_CALLED_MANY.items()))[1], **blanks).strip()
        metrics = fill(pick(rng, sorted(_METRICS_MANY.items()))[1], **blanks).strip()
        tables = [fill(_CONFUSION, **blanks)]
        choice = (
            "Of each test item I take the class with the highest score, the first in byte order where two are equal."
        )
    else:
        blanks["more"] = _AUC * rules.ranked + (fill(_ECE, **blanks) if rules.bins else "")
        called = fill(pick(rng, sorted(_THRESHOLD.items()))[1] + _CALLED_TWO, **blanks).strip()
        metrics = fill(_METRICS_TWO, **blanks).strip()
        tables = [fill(_BINS, **blanks)] if rules.bins else []
        choice = (
            f"The threshold is chosen on {blanks['valid']} only, among the scores that occur there, then it is applied."
        )
    if rules.smallest:
        tables.append(fill(pick(rng, sorted(_BY_PART.items()))[1], **blanks))
    join = pick(rng, sorted(join_commands(case, out).items()))[1]
    parts = fill(_PARTS, **blanks).strip()
    steps = [
        Step(
            "I look at the tables first: formats, columns, how many rows, and how many ids have more than one score.",
            f"cd /app/data && head -n 3 * && wc -l *\n"
            f"grep -o '{bench.prefix}[0-9][0-9]*' {case.path(2)} | sort | uniq -d | wc -l; cd /app",
            [slips.no_library()],
        ),
        Step(
            "All tables become tab-separated rows without header, in the order of the files, because that order says "
            "which of several scores counts.",
            normal_tables(case),
            [slips.unsorted_join()],
        ),
        Step(
            f"Now one row for each item: split, {bench.group}, {bench.part}, label after review, scores in "
            f"thousandths so that I compute with whole numbers. Test items whose {bench.group} was seen before are "
            "leaked.",
            join,
            [slips.leaks_by_id(case, out, join)],
        ),
        Step(
            "I drop the leaked items and part the rest by split, with the rule for items without a score.",
            parts,
            [slips.keeps_leaked(case, out, parts)],
        ),
        Step(
            choice, called, [slips.tuned_on_test(case, called)] if not rules.several else [slips.last_of_equals(called)]
        ),
    ]
    if tables:
        steps.append(Step("The tables next, each rounded only when it is printed.", "\n".join(tables).strip()))
    steps.append(
        Step(
            "Last the metrics, from the same rows, and a look at everything that I leave.",
            metrics,
            [slips.percentages(out, metrics), slips.parses(out)],
        )
    )
    return steps
