"""How an archive of `tamper_audit` is examined and restored."""

from __future__ import annotations

import numpy as np

from ..drawing import fill
from ..kit import Step, pick
from . import slips
from .case import Case
from .commands import chain_command, manifest_command
from .text import Wanted

_APPROVED = {
    "awk": r"""
awk -F'\t' -v OFS='\t' '
  $4 == "@out@" { delete told[$5]; next }
  { told[$5] = $5 OFS $6 OFS $3 OFS $2 }
  END { for (path in told) print told[path] }
' /tmp/trusted.tsv | LC_ALL=C sort > /tmp/approved.tsv""",
    "sqlite3": r"""
rm -f /tmp/journal.db
sqlite3 /tmp/journal.db > /tmp/approved.tsv <<'SQL'
CREATE TABLE told(n INTEGER, stamp TEXT, who TEXT, act TEXT, path TEXT, digest TEXT);
.mode tabs
.import /tmp/trusted.tsv told
SELECT path, digest, who, stamp FROM told AS one
WHERE n = (SELECT max(n) FROM told WHERE path = one.path) AND act <> '@out@' ORDER BY path;
SQL""",
    "python3": r"""
python3 - <<'EOF'
approved = {}
for line in open("/tmp/trusted.tsv"):
    number, stamp, who, act, path, digest = line.rstrip("\n").split("\t")
    approved[path] = (path, digest, who, stamp)
    if act == "@out@":
        del approved[path]
with open("/tmp/approved.tsv", "w") as out:
    out.writelines("\t".join(approved[path]) + "\n" for path in sorted(approved))
EOF""",
}

_HASHED = r"""
rm -rf /tmp/copies /tmp/before && cp -r /app/copies /tmp/copies && cp -r /app/@root@ /tmp/before
@unpack@for tree in before copies; do
  cd /tmp/$tree && find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' @sum@ \
    | sed -E 's/^([0-9a-f]+)  (.*)$/\2\t\1/' > /tmp/$tree.tsv
done
cd /app && wc -l /tmp/approved.tsv /tmp/before.tsv /tmp/copies.tsv"""

_STATUS = {
    "awk": r"""
awk -F'\t' -v OFS='\t' '
  FILENAME == "/tmp/approved.tsv" { good[$1] = $2; all[$1]; next }
  FILENAME == "/tmp/before.tsv" { here[$1] = $2; all[$1]; next }
  { copy[$1] = $2 }
  END {
    split("@stores@", stores, " ")
    for (path in all) {
      source = "-"; from = "-"
      if (!(path in good)) status = "@added@"
      else if (path in here && here[path] == good[path]) { status = "@ok@"; from = "/tmp/before/" path }
      else {
        status = path in here ? "@altered@" : "@missing@"
        source = "none"
        for (number = 1; number in stores; number++) {
          name = stores[number] "/" path
          if (source == "none" && name in copy && copy[name] == good[path]) {
            source = stores[number]; from = "/tmp/copies/" name
          }
        }
        for (other in good)
          if (path in here && other in here && other != path)
            if (here[path] == good[other] && here[other] == good[path]) {
              status = "@swapped@"; source = "tree"; from = "/tmp/before/" other
            }
      }
      print path, status, source, from
    }
  }
' /tmp/approved.tsv /tmp/before.tsv /tmp/copies.tsv | LC_ALL=C sort > /tmp/status.tsv
cut -f2,3 /tmp/status.tsv | sort | uniq -c""",
    "python3": r"""
python3 - <<'EOF'
def table(name):
    rows = [line.rstrip("\n").split("\t") for line in open(f"/tmp/{name}.tsv")]
    return {row[0]: row[1] for row in rows}
good, here, copy = table("approved"), table("before"), table("copies")
with open("/tmp/status.tsv", "w") as out:
    for path in sorted({*good, *here}):
        source = place = "-"
        crossed = [
            other for other in good
            if other != path and path in good and path in here and other in here
            and here[path] == good[other] and here[other] == good[path]
        ]
        if path not in good:
            status = "@added@"
        elif here.get(path) == good[path]:
            status, place = "@ok@", f"/tmp/before/{path}"
        elif crossed:
            status, source, place = "@swapped@", "tree", f"/tmp/before/{crossed[0]}"
        else:
            status = "@altered@" if path in here else "@missing@"
            stores = [store for store in "@stores@".split() if copy.get(f"{store}/{path}") == good[path]]
            source = stores[0] if stores else "none"
            place = f"/tmp/copies/{stores[0]}/{path}" if stores else "-"
        print(path, status, source, place, sep="\t", file=out)
EOF
cut -f2,3 /tmp/status.tsv | sort | uniq -c""",
}

_ASIDE = r"""
awk -F'\t' '$2 != "@missing@" && $4 == "-" { print $1 }' /tmp/status.tsv | while IFS= read -r path; do
  install -D -m 644 "/tmp/before/$path" "@aside@/$path" && rm -f "@target@/$path"
done"""
_RESTORE = r"""@aside@
awk -F'\t' '$4 != "-" { print $1 "\t" $4 }' /tmp/status.tsv | while IFS=$'\t' read -r path from; do
  install -D -m 644 "$from" "@target@/$path"
done
find @target@ -type f | wc -l"""

_MANIFEST_WRITE = {
    "sums": "awk -F'\\t' '{ print $2 \"  \" $1 }' /tmp/approved.tsv > @renewed@",
    "bsd": "awk -F'\\t' '{ print \"@algorithm@ (\" $1 \") = \" $2 }' /tmp/approved.tsv > @renewed@",
    "csv": "{ echo path,digest; cut -f1,2 /tmp/approved.tsv | tr '\\t' ,; } > @renewed@",
    "jsonl": "jq -R -c 'split(\"\\t\") | {path: .[0], digest: .[1]}' /tmp/approved.tsv > @renewed@",
}

_TABLE = {
    "csv": "{ echo @header@; tr '\\t' , < /tmp/rows.tsv; } > @table@",
    "tsv": "{ echo @header@ | tr , '\\t'; cat /tmp/rows.tsv; } > @table@",
    "jsonl": "jq -R -c 'split(\"\\t\") | {@pairs@}' /tmp/rows.tsv > @table@",
}
_ROWS = r"""
mkdir -p @folder@
(cd /tmp/before && find . -type f -printf '%P\t%s\n') > /tmp/sizes.tsv
awk -F'\t' -v OFS='\t' '
  function told(list) { return $1 in list ? list[$1] : "-" }
  FILENAME == "/tmp/approved.tsv" { signer[$1] = $3; since[$1] = $4; next }
  FILENAME == "/tmp/sizes.tsv" { bytes[$1] = $2; next }
  @filter@{ print $1, $2, $3@more@ }
' /tmp/approved.tsv /tmp/sizes.tsv /tmp/status.tsv > /tmp/rows.tsv
@table@"""

_VERDICT = {
    "jq": r"""
LC_ALL=C comm -3 <(cut -f1,2 /tmp/approved.tsv | LC_ALL=C sort) <(@read@ | LC_ALL=C sort) \
  | sed 's/^\t//' | cut -f1 | LC_ALL=C sort -u > /tmp/wrong.txt
jq -n --slurpfile chain /tmp/chain.json --rawfile status /tmp/status.tsv --rawfile wrong /tmp/wrong.txt '
  ($status | split("\n") | map(select(. != "") | split("\t")[1])) as $seen
  | $chain[0] + {
      counts: ([@names@] | map(. as $one | {($one): ($seen | map(select(. == $one)) | length)}) | add),
      manifest: ($wrong | split("\n") | map(select(. != "")))
    }' > @folder@/verdict.json""",
    "python3": r"""
@read@ > /tmp/manifest.tsv
python3 - <<'EOF'
import json
def pairs(name):
    return {tuple(line.rstrip("\n").split("\t")[:2]) for line in open(name)}
seen = [line.split("\t")[1] for line in open("/tmp/status.tsv")]
verdict = json.load(open("/tmp/chain.json"))
verdict["counts"] = {name: seen.count(name) for name in [@names@]}
wrong = pairs("/tmp/approved.tsv") ^ pairs("/tmp/manifest.tsv")
verdict["manifest"] = sorted({path for path, digest in wrong})
json.dump(verdict, open("@folder@/verdict.json", "w"))
EOF""",
}

_CHECK = r"""
cd @target@ && find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' @sum@ \
  | sed -E 's/^([0-9a-f]+)  (.*)$/\2\t\1/' | LC_ALL=C comm -23 - <(cut -f1,2 /tmp/approved.tsv); cd /app
cat @folder@/verdict.json"""


def solution(rng: np.random.Generator, case: Case, wanted: Wanted) -> list[Step]:
    """Return the solution's steps."""
    ok, altered, swapped, missing, added = case.statuses
    blanks: dict[str, str] = {
        **{"ok": ok, "altered": altered, "swapped": swapped, "missing": missing, "added": added},
        **{"root": case.trove.root, "target": wanted.target, "folder": wanted.folder, "renewed": wanted.renewed},
        **{"out": case.trove.acts[2], "stores": " ".join(case.copies), "aside": wanted.aside, "file": wanted.table},
        **{"manifest": case.manifest_path, "journal": case.journal_path, "algorithm": case.algorithm.upper()},
        **{"sum": f"{case.algorithm}sum", "names": ", ".join(f'"{name}"' for name in case.statuses)},
        **{"unpack": "find /tmp/copies -name '*.gz' -exec gzip -df {} +\n" if case.packed else ""},
    }
    approved = fill(pick(rng, sorted(_APPROVED.items()))[1] + _HASHED, **blanks).strip()
    blanks["aside"] = fill(_ASIDE, **blanks).strip() if wanted.aside else f"rm -rf {wanted.target}"
    restore = fill(_RESTORE, **blanks).strip()
    pairs = ", ".join(f"{name}: .[{number}]" for number, name in enumerate(wanted.header))
    blanks["table"] = fill(_TABLE[wanted.form], header=",".join(wanted.header), pairs=pairs, table=wanted.table)
    blanks["filter"] = "" if wanted.all_paths else f'$2 != "{ok}" '
    rows = fill(_ROWS, more="".join(f", told({name})" for name in wanted.columns), **blanks).strip()
    verdict = fill(_VERDICT[pick(rng, ("jq", "python3"))], read=manifest_command(case), **blanks).strip()
    if wanted.renewed:
        verdict += "\n" + fill(_MANIFEST_WRITE[case.manifest_format], **blanks)
    status = fill(pick(rng, sorted(_STATUS.items()))[1], **blanks).strip()
    return [
        Step(
            "First I look at what there is: how many files, what the journal and the manifest look like, which copies.",
            f"cd /app && find . -type f | cut -d/ -f2,3 | sort | uniq -c | sort -rn | sed -n 1,20p\n"
            f"head -n 3 {case.journal_path} {case.manifest_path}; wc -l {case.journal_path}",
            [slips.no_tool(case)],
        ),
        Step(
            "I walk down the journal, check number, chain and seal of each line in the order that was asked for, and "
            "stop at the first that fails. What was good before it goes to a table.",
            chain_command(case),
            [slips.reads_on(case)],
        ),
        Step(
            "From the trusted lines I take the last word on each path, then I hash the files as they are and all "
            "copies, from working copies under /tmp so that nothing of the evidence is touched.",
            approved,
            [slips.whole_folder(case)],
        ),
        Step(
            "Now every path that is approved or there gets its status, and for each approved one I note where its "
            "right content lies, trying the stores in the given order.",
            status,
            [slips.first_copy(case, status), slips.manifest_believed(case, status)],
        ),
        Step(
            "With the places known, restoring is copying. I take swapped files from the copy that I made before.",
            restore,
            [slips.wrong_place(case, wanted)],
        ),
        Step(
            "The table of findings has the columns that were asked for, in byte order of the paths.",
            rows,
            [slips.blank_separated(wanted)],
        ),
        Step(
            "Last the verdict: what the chain check gave, the counts, and every path whose manifest entry differs "
            "from the approved one. Then I hash what I restored against the approved digests, which must leave no "
            "line.",
            verdict + "\n" + fill(_CHECK, **blanks).strip(),
            [slips.counted_only(wanted)],
        ),
    ]
