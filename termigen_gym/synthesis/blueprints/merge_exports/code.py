"""The programs of merge-exports, as templates of `pieces.fill`."""

from __future__ import annotations

CONVERTERS = {
    ("csv", "python"): """
python3 - <<'PY'
import csv
with open("@PATH@", newline="") as export, open("@TO@", "w") as out:
    for row in csv.DictReader(export, delimiter="@DELIMITER@"):
        print(@PYTHON@, sep="\\t", file=out)
PY
""",
    ("csv", "sqlite"): """
sqlite3 :memory: <<'SQL' > @TO@
.mode csv
.separator "@DELIMITER@" "\\n"
.import @PATH@ export
.mode tabs
.headers off
SELECT @SQL@ FROM export;
SQL
""",
    ("jsonl", "jq"): """
jq -r '[@JQ@] | @tsv' @PATH@ > @TO@
""",
    ("jsonl", "python"): """
python3 - <<'PY'
import json
with open("@TO@", "w") as out:
    for row in map(json.loads, open("@PATH@")):
        print(*("" if value is None else value for value in (@PYTHON@)), sep="\\t", file=out)
PY
""",
    ("fixed", "awk"): """
awk -v OFS='\\t' 'function cut(at, width,   text) { text = substr($0, at, width); sub(/ +$/, "", text); return text }
    { print @SUBSTR@ }' @PATH@ > @TO@
""",
    ("fixed", "python"): """
python3 - <<'PY'
with open("@TO@", "w") as out:
    for line in open("@PATH@"):
        print(@SLICES@, sep="\\t", file=out)
PY
""",
    ("blocks", "awk"): """
awk -v RS='' -v FS='\\n' -v OFS='\\t' '{
    for (i = 1; i <= NF; i++) {
        at = index($i, ":"); text = substr($i, at + 1); sub(/^ /, "", text)
        row[substr($i, 1, at - 1)] = text
    }
    print @AWK@ }' @PATH@ > @TO@
""",
    ("blocks", "python"): """
python3 - <<'PY'
with open("@TO@", "w") as out:
    for block in open("@PATH@").read().strip().split("\\n\\n"):
        row = dict(line.partition(":")[::2] for line in block.split("\\n"))
        row = {name: text.strip() for name, text in row.items()}
        print(@PYTHON@, sep="\\t", file=out)
PY
""",
    ("sqlite", "sqlite"): """
sqlite3 -readonly -noheader @PATH@ <<'SQL' > @TO@
.mode tabs
SELECT @SQL@ FROM records ORDER BY rowid;
SQL
""",
    ("sqlite", "python"): '''
python3 - <<'PY'
import sqlite3
database = sqlite3.connect("file:@PATH@?mode=ro", uri=True)
with open("@TO@", "w") as out:
    for row in database.execute("""SELECT @SQL@ FROM records ORDER BY rowid"""):
        print(*row, sep="\\t", file=out)
PY
''',
}

CLEANERS = {
    "python": """
python3 - <<'PY'
import datetime
import re

SOURCES = @SOURCES@
FORMATS = @FORMATS@
UNITS = @UNITS@
KINDS = {kind: kind for kind in @KINDS@}
@ALIASES@

def date_of(text, form):
    try:
        return datetime.datetime.strptime(text, form).date().isoformat()
    except ValueError:
        return None


def amount_of(text, unit):
    number, _, own = text.replace(",", ".").partition(" ")
    match = re.fullmatch(r"([0-9]+)(?:[.]([0-9]{1,3}))?", number)
    if not match:
        return None
    thousandths = int(match[1] + (match[2] or "").ljust(3, "0")) * UNITS[own or unit]
    if not thousandths:
        return None
    whole = str((2 * thousandths * @SCALE@ + @HALF@) // @TWICE@)@POINT@


with open("/tmp/merge/good.tsv", "w") as good, open("/tmp/merge/bad.tsv", "w") as bad:
    for rank, source in enumerate(SOURCES):
        for number, line in enumerate(open(f"/tmp/merge/{source}.tsv"), start=1):
            key, title, kind, day, amount, unit, rev, person = line.rstrip("\\n").split("\\t")
            key, title, kind = key.strip().upper(), " ".join(title.split()), KINDS.get(kind.strip().lower())
            day, amount = date_of(day, FORMATS[source]), amount_of(amount, unit)
            wrong = {
                "bad-key": not re.fullmatch("@PREFIX@-[0-9]{4}", key),
                "no-title": not title,
                "unknown-kind": not kind,
                "bad-date": not day,
                "bad-amount": not amount,
            }
            reason = next((name for name in @ORDER@ if wrong[name]), None)
            if reason:
                print(source, key, reason, sep="\\t", file=bad)
            else:
                print(key, title, kind, day, amount, person, source, rev, rank, number, sep="\\t", file=good)
PY
""",
    "awk": """
cat > /tmp/merge/clean.awk <<'AWK'
function iso(text, form,   p, month) {
    if (form == "iso") split(text, p, "-")
    else if (form == "compact") { p[1] = substr(text, 1, 4); p[2] = substr(text, 5, 2); p[3] = substr(text, 7, 2) }
    else {
        split(text, p, form == "dmy" ? "/" : form == "dotted" ? "[.]" : " ")
        month = p[1]; p[1] = p[3]; p[3] = month
        if (form == "words") p[2] = (index("JanFebMarAprMayJunJulAugSepOctNovDec", p[2]) + 2) / 3
    }
    p[1] += 0; p[2] += 0; p[3] += 0
    if (p[2] < 1 || p[2] > 12 || p[3] < 1 || p[3] > days(p[1], p[2])) return ""
    return sprintf("%04d-%02d-%02d", p[1], p[2], p[3])
}
function days(year, month) {
    if (month == 2) return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
}
function scaled(text, unit,   p, whole) {
    gsub(/,/, ".", text)
    if (split(text, p, " ") == 2) { text = p[1]; unit = p[2] }
    if (text !~ /^[0-9]+([.][0-9]+)?$/ || text + 0 == 0) return ""
    whole = int((2 * int(text * 1000 + 0.5) * factor[unit] * @SCALE@ + @HALF@) / @TWICE@)
@AWK_POINT@
}
BEGIN {
    FS = "\\t"; OFS = "\\t"
    @AWK_FORMATS@
    @AWK_UNITS@
    @AWK_KINDS@
@AWK_ALIASES@
    rank = -1
}
FNR == 1 { source = FILENAME; sub(/.*[/]/, "", source); sub(/[.]tsv$/, "", source); rank++ }
{
    key = toupper($1); title = $2; gsub(/ +/, " ", title); sub(/^ /, "", title); sub(/ $/, "", title)
    kind = known[tolower($3)]; day = iso($4, form[source]); amount = scaled($5, $6)
    why = ""
@CHAIN@
    if (why != "") print source, key, why > "/tmp/merge/bad.tsv"
    else print key, title, kind, day, amount, $8, source, $7, rank, FNR > "/tmp/merge/good.tsv"
}
AWK
(cd /tmp/merge && awk -f clean.awk $(printf '%s.tsv ' @NAMES@))
""",
}

POINT = {
    "python": """
.zfill(@DIGITS@)
    return f"{whole[:-@DECIMALS@]}.{whole[-@DECIMALS@:]}"
""",
    "awk": """
    whole = sprintf("%0@DIGITS@d", whole)
    return substr(whole, 1, length(whole) - @DECIMALS@) "." substr(whole, length(whole) - @DECIMALS@ + 1)
""",
}

ALIASES = {
    "python": """
for line in open("@ROOT@/aliases.txt"):
    word, kind = line.split("=")
    KINDS[word.strip()] = kind.strip()
""",
    "awk": """
    while ((getline line < "@ROOT@/aliases.txt") > 0) { split(line, p, " *= *"); known[p[1]] = p[2] }
""",
}

AWK_FAULTS = {
    "bad-key": "key !~ /^@PREFIX@-[0-9][0-9][0-9][0-9]$/",
    "no-title": 'title == ""',
    "unknown-kind": 'kind == ""',
    "bad-date": 'day == ""',
    "bad-amount": 'amount == ""',
}

CHOOSERS = {
    "sort": """
LC_ALL=C sort -t$'\\t' -k1,1 @WINNERS@ /tmp/merge/good.tsv |
    awk -F'\\t' '$1 != last { print; last = $1 }' > /tmp/merge/best.tsv
LC_ALL=C sort -t$'\\t' @FINAL@ /tmp/merge/best.tsv > /tmp/merge/final.tsv
wc -l /tmp/merge/good.tsv /tmp/merge/final.tsv
""",
    "sqlite": """
rm -f /tmp/merge/good.db
sqlite3 /tmp/merge/good.db <<'SQL' > /tmp/merge/final.tsv
CREATE TABLE good (key, title, kind, day, amount, person, source, rev, rank, line);
.mode tabs
.import /tmp/merge/good.tsv good
SELECT key, title, kind, day, amount, person, source, rev, rank, line
FROM (SELECT *, row_number() OVER (PARTITION BY key ORDER BY @SQL_WINNERS@, CAST(line AS INTEGER) DESC) AS place
      FROM good)
WHERE place = 1 ORDER BY @SQL_FINAL@;
SQL
wc -l /tmp/merge/good.tsv /tmp/merge/final.tsv
""",
    "python": """
python3 - <<'PY'
rows = [line.rstrip("\\n").split("\\t") for line in open("/tmp/merge/good.tsv")]
rows.sort(key=lambda r: @PYTHON_WINNERS@)
best = {}
for row in rows:
    best.setdefault(row[0], row)
with open("/tmp/merge/final.tsv", "w") as out:
    for row in sorted(best.values(), key=lambda r: @PYTHON_FINAL@):
        print(*row, sep="\\t", file=out)
print(len(rows), "good records,", len(best), "keys")
PY
""",
}

WRITERS = {
    ("csv", "python"): """
mkdir -p @OUT@
python3 - <<'PY'
import csv
with open("@TO@", "w", newline="") as out:
    table = csv.writer(out, lineterminator="\\n")
    table.writerow(@HEADER@)
    for row in (line.rstrip("\\n").split("\\t") for line in open("/tmp/merge/final.tsv")):
        table.writerow([@PLACES@])
PY
""",
    ("csv", "sqlite"): """
mkdir -p @OUT@
sqlite3 :memory: <<'SQL' > @TO@
CREATE TABLE final (key, title, kind, day, amount, person, source, rev, rank, line);
.mode tabs
.import /tmp/merge/final.tsv final
.mode csv
.headers on
SELECT @SQL@ FROM final ORDER BY rowid;
SQL
""",
    ("tsv", "awk"): """
mkdir -p @OUT@
{ printf '@TABS@\\n'; awk -F'\\t' -v OFS='\\t' '{ print @AWK@ }' /tmp/merge/final.tsv; } > @TO@
""",
    ("tsv", "python"): """
mkdir -p @OUT@
python3 - <<'PY'
with open("@TO@", "w") as out:
    print(*@HEADER@, sep="\\t", file=out)
    for row in (line.rstrip("\\n").split("\\t") for line in open("/tmp/merge/final.tsv")):
        print(@PLACES@, sep="\\t", file=out)
PY
""",
    ("json", "jq"): """
mkdir -p @OUT@
jq -R -n '[inputs | split("\\t") | {@OBJECT@}]' /tmp/merge/final.tsv > @TO@
""",
    ("jsonl", "jq"): """
mkdir -p @OUT@
jq -R -c 'split("\\t") | {@OBJECT@}' /tmp/merge/final.tsv > @TO@
""",
}
WRITERS["json", "python"] = WRITERS["jsonl", "python"] = """
mkdir -p @OUT@
python3 - <<'PY'
import json
lines = [line.rstrip("\\n").split("\\t") for line in open("/tmp/merge/final.tsv")]
rows = [{@PAIRS@} for row in lines]
with open("@TO@", "w") as out:
    @DUMP@
PY
"""

COUNTERS = {
    "python": """
python3 - <<'PY'
import collections
import json

def column(name, number):
    return [line.rstrip("\\n").split("\\t")[number] for line in open(f"/tmp/merge/{name}.tsv")]

rejected, good, kept = (collections.Counter(column(*of)) for of in (("bad", 0), ("good", 6), ("final", 6)))
summary = {"sources": {
    name: {
        "read": len(column(name, 0)), "rejected": rejected[name],
        "superseded": good[name] - kept[name], "kept": kept[name],
    }
    for name in @SOURCES@
}}
@TOTALS@
with open("@OUT@/summary.json", "w") as out:
    json.dump(summary, out, indent=2)
PY
""",
    "sqlite": """
for name in @NAMES@; do
    printf '%s\\t%s\\n' "$name" "$(grep -c '' "/tmp/merge/$name.tsv")"
done > /tmp/merge/reads.tsv
sqlite3 :memory: <<'SQL' > @OUT@/summary.json
CREATE TABLE reads (name, count INTEGER);
CREATE TABLE bad (name, key, reason);
CREATE TABLE good (key, title, kind, day, amount, person, source, rev, rank, line);
CREATE TABLE final (key, title, kind, day, amount, person, source, rev, rank, line);
.mode tabs
.import /tmp/merge/reads.tsv reads
.import /tmp/merge/bad.tsv bad
.import /tmp/merge/good.tsv good
.import /tmp/merge/final.tsv final
SELECT json_object('sources', (SELECT json_group_object(name, json_object(
    'read', count,
    'rejected', (SELECT count(*) FROM bad WHERE bad.name = reads.name),
    'superseded', (SELECT count(*) FROM good WHERE source = reads.name)
        - (SELECT count(*) FROM final WHERE source = reads.name),
    'kept', (SELECT count(*) FROM final WHERE source = reads.name))) FROM reads)@TOTALS@);
SQL
""",
}

TOTALS = {
    "python": """totals = collections.Counter()
for kind, amount in zip(column("final", 2), column("final", 4)):
    totals[kind] += float(amount)
summary["totals"] = {kind: round(total, 2) for kind, total in totals.items()}""",
    "sqlite": """, 'totals',
    (SELECT json_group_object(kind, total)
     FROM (SELECT kind, round(sum(amount), 2) AS total FROM final GROUP BY kind))""",
}
