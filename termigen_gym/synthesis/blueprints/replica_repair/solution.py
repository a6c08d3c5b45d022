"""How drifted replicas are reconciled with common tools, and what goes wrong on the way."""

from __future__ import annotations

import numpy as np

from ..kit import Other, Slip, Step, pick
from ..scribe import fill, heredoc
from .programs import (
    QUORUM,
    RANKS,
    REPAIR_AWK,
    REPAIR_PYTHON,
    SUMMARY_HEAD,
    SUMMARY_PARTS,
    SUMMARY_PLAN,
    VECTORS,
)
from .world import World


def slips_and_steps(rng: np.random.Generator, world: World) -> list[Step]:
    """Return the solution."""
    domain = world.domain
    glob = f"{world.data}/*.{world.form}"
    extra = "/app/weights.csv " if world.mode == "quorum" and world.weighted else ""
    extra += "/app/order.txt " if world.mode == "vector" and world.winner == "site" else ""
    look = f"wc -l {glob}\nhead -n 3 {glob}"
    if extra:
        look += f"\ncat {extra.strip()}"
    return [
        Step(
            f"First I want to see the {domain.things} as they lie there: how many records each replica has, and how a "
            f"record looks.",
            look,
            (
                Slip(
                    "analysis_error",
                    "The replicas were in step before the split, so the one with the most records must be the full "
                    "copy and I can take it over.",
                    f"mkdir -p {world.out} && cp \"$(wc -c {glob} | sort -rn | awk 'NR == 2 {{print $2}}')\" "
                    f"{world.out}/merged.{world.merged_form}",
                    _cut_counts(world),
                    "Every replica has keys and versions that others lack or hold differently; none of them is a "
                    "superset, so no single one can be taken over.",
                    [f"rm -r {world.out}"],
                ),
            ),
        ),
        _normalise(rng, world, glob),
        _resolve(rng, world, glob),
        _merged(world),
        _repairs(rng, world),
        _summary(world),
    ]


def _cut_counts(world: World) -> str:
    key = world.domain.columns[0]
    if world.form == "jsonl":
        return (
            f'for f in {world.data}/*; do jq -r .{key} "$f" | sort -u | wc -l; done; jq -r .{key} {world.data}/* | '
            f"sort -u | wc -l"
        )
    cut = "cut -f1" if world.form == "tsv" else "cut -d, -f1"
    return (
        f'for f in {world.data}/*; do sed 1d "$f" | {cut} | sort -u | wc -l; done; sed -s 1d {world.data}/* | '
        f"{cut} | sort -u | wc -l"
    )


def _normalise(rng: np.random.Generator, world: World, glob: str) -> Step:
    key, value, clock, written, site, gone = world.domain.columns
    vector = world.mode == "vector"
    if world.form == "jsonl":
        when = f".{written}" if vector else "0"
        where = f".{site}" if vector and world.winner == "site" else '"-"'
        version = (
            f'(.{clock} | to_entries | sort_by(.key) | map("\\(.key):\\(.value)") | join(","))'
            if vector
            else '"\\(.epoch).\\(.seq)"'
        )
        reading = (
            f'for f in {glob}; do\n  jq -r --arg replica "$(basename "$f" .jsonl)" \\\n'
            f'    \'[$replica, .{key}, (.{value} // ""), {version}, {when}, {where},\n'
            f'      (if .{gone} then "yes" else "no" end)] | @tsv\' "$f"\ndone | LC_ALL=C sort > /tmp/all.tsv'
        )
        wrong = reading.replace(glob, f"{world.data}/*.json")
    else:
        fields = {name: number for number, name in enumerate(world.columns(), start=1)}
        when = f"${fields[written]}" if vector else "0"
        where = f"${fields[site]}" if vector and world.winner == "site" else '"-"'
        mark = {";": "/;/", "|": "/[|]/", " ": "/ /"}[world.clock_sep]
        edit = f'gsub({mark}, ",", $3); ' if vector else ""
        version = "$3" if vector else '$3 "." $4'
        sep = "'\\t'" if world.form == "tsv" else ","
        reading = (
            f"awk -F{sep} -v OFS='\\t' '\n"
            f'  FNR == 1 {{ replica = FILENAME; gsub(/.*[/]|[.]{world.form}$/, "", replica); next }}\n'
            f"  {{ {edit}print replica, $1, $2, {version}, {when}, {where}, ${fields[gone]} }}' \\\n"
            f"  {glob} | LC_ALL=C sort > /tmp/all.tsv"
        )
        wrong = reading.replace(glob, f"{world.data}/*.dat")
    if vector:
        plain = pick(
            rng,
            (
                "perl -F'\\t' -lane '$F[3] = join \"+\", map { s/:/=/r } grep { !/:0$/ } sort split /,/, $F[3]; "
                'print join "\\t", @F\' /tmp/all.tsv > /tmp/plain.tsv',
                'python3 -c \'\nimport sys\nfor line in sys.stdin:\n    row = line.rstrip("\\n").split("\\t")\n'
                '    parts = sorted(item for item in row[3].split(",") if not item.endswith(":0"))\n'
                '    row[3] = "+".join(parts).replace(":", "=")\n    print(*row, sep="\\t")\' < /tmp/all.tsv > '
                "/tmp/plain.tsv",
            ),
        )
        more = " The second table has the vectors as results want them."
    else:
        plain, more = "cp /tmp/all.tsv /tmp/plain.tsv", " The version is already written as results want it."
    return Step(
        f"One table for everything makes the rest easy: replica, {key}, {value}, version, time, writer, "
        f"deletion.{more}",
        f"{reading}\n{plain}\nwc -l /tmp/all.tsv /tmp/plain.tsv",
        (
            Slip(
                "command_error",
                "I read all dumps in one go into one table.",
                f"{wrong}\n{plain}",
                f"ls {world.data}; wc -l /tmp/all.tsv",
                f"The pattern matched no dump: they are called *.{world.form}, and the table is empty.",
                ["rm -f /tmp/all.tsv /tmp/plain.tsv"],
            ),
        ),
    )


def _resolve(rng: np.random.Generator, world: World, glob: str) -> Step:
    if world.mode == "vector":
        program = fill(
            VECTORS,
            more='order = open("/app/order.txt").read().split()\n' if world.winner == "site" else "",
            bump=(
                "        if len(left) > 1:\n"
                f'            top["{world.coordinator}"] = top.get("{world.coordinator}", 0) + 1'
                if world.bump
                else "        top.pop(None, None)"
            ),
            only=" and len(live) == len(left)" if world.deletes_win else "",
            rank=RANKS[world.winner],
        ).replace("        top.pop(None, None)\n", "")
        thought = (
            "Now the rules, key by key: equal vectors are one version, ancestors go, and what is left decides. I do "
            "it in Python, where the comparison of two vectors is one line."
        )
        key = world.domain.columns[0]
        slip = Slip(
            "analysis_error",
            f"The record that was written last is the current one, so I sort by time and keep the newest of each "
            f"{key}.",
            "sort -t \"$(printf '\\t')\" -k2,2 -k5,5nr /tmp/all.tsv | awk -F'\\t' -v OFS='\\t' '!seen[$2]++ "
            '{ print $2, ($7 == "yes" ? "deleted" : "live"), $3, $4, 1 }\' > /tmp/result.tsv',
            "awk -F'\\t' '{ print $2, $5, $4 }' /tmp/all.tsv | sort | uniq | head -n 24",
            "There are records with a later time whose counters are all lower, or neither higher nor lower: the "
            "writers' clocks differ, so only the vectors tell what descends from what.",
            ["rm -f /tmp/result.tsv"],
        )
    else:
        weights = (
            '{row["replica"]: int(row["weight"]) for row in csv.DictReader(open("/app/weights.csv"))}'
            if world.weighted
            else f"dict.fromkeys({world.replicas!r}, 1)".replace("'", '"')
        )
        lost = (
            '        if not committed:\n            state = "lost"' if world.lost else "        support.pop(None, None)"
        )
        program = fill(QUORUM, weights=weights, lost=lost).replace("        support.pop(None, None)\n", "")
        thought = (
            "Now the rules, key by key: add up who holds exactly the same, take what has a majority, and fall back "
            "only where nothing has one."
        )
        slip = Slip(
            "analysis_error",
            "The highest epoch and seq is the newest write, so that is what everybody should have.",
            "sort -t \"$(printf '\\t')\" -k2,2 -k4,4Vr /tmp/all.tsv | awk -F'\\t' -v OFS='\\t' '!seen[$2]++ "
            '{ print $2, ($7 == "yes" ? "deleted" : "live"), $3, $4, 1 }\' > /tmp/result.tsv',
            "cut -f2,4 /tmp/all.tsv | sort | uniq -c | sort -k2,2 -k3,3V | head -n 24",
            "Many of the highest versions are held by one replica only: they were never committed and have to be "
            "rolled back.",
            ["rm -f /tmp/result.tsv"],
        )
    ghost = pick(rng, ("crdt-merge", "vvreconcile", "antientropy"))
    return Step(
        thought,
        f"{heredoc('/tmp/resolve.py', program)}\npython3 /tmp/resolve.py && cut -f2,5 /tmp/result.tsv | sort | uniq -c",
        (
            slip,
            Slip(
                "hallucination",
                f"{ghost} merges dumps of replicas by their versions; I let it do the work.",
                f"{ghost} --policy strict --output /tmp/result.tsv {glob}",
                f"command -v {ghost} || echo 'no {ghost} here'; ls -l /tmp/result.tsv",
                f"There is no program {ghost} on this machine, and nothing was written: I have to apply the rules "
                f"myself.",
            ),
        ),
    )


def _merged(world: World) -> Step:
    value = world.domain.columns[1]
    clock = "clock" if world.mode == "vector" else "version"
    target = f"{world.out}/merged.{world.merged_form}"
    if world.merged_form == "json":
        command = (
            'jq -R -n \'[inputs | split("\\t") | select(.[1] == "live")\n'
            f"  | {{(.[0]): {{{value}: .[2], {clock}: .[3]}}}}] | add // {{}}' /tmp/result.tsv > {target}"
        )
    else:
        sep = "," if world.merged_form == "csv" else "\\t"
        command = f"awk -F'\\t' -v OFS='{sep}' '$2 == \"live\" {{ print $1, $3, $4 }}' /tmp/result.tsv > {target}"
    conflicts = f"awk -F'\\t' '$5 > 1 {{ print $1, $5, $3 }}' /tmp/result.tsv > {world.out}/conflicts.txt"
    every = command.replace(' | select(.[1] == "live")', "").replace('$2 == "live" ', "")
    look = f"jq length {target}" if world.merged_form == "json" else f"wc -l {target}"
    return Step(
        "The table of results is in byte order of the key, so the agreed state and the conflicts are two selections "
        "of it.",
        f"mkdir -p {world.out}/repair\n{command}\n{conflicts}\n{look}\nhead -n 3 {target} {world.out}/conflicts.txt",
        (
            Slip(
                "requirement_violation",
                "I write the whole table out as the agreed state, and the conflicts beside it.",
                f"mkdir -p {world.out}/repair\n{every}\n{conflicts}",
                f"cut -f2 /tmp/result.tsv | sort | uniq -c; grep -c -e '(deleted)' -e '(lost)' {target}",
                "Keys that are not live stand in the agreed state with a placeholder; only live ones were asked for.",
                [f"rm -r {world.out}"],
            ),
        ),
    )


def _repairs(rng: np.random.Generator, world: World) -> Step:
    first = world.replicas[0]
    if pick(rng, ("awk", "python")) == "awk":
        command = fill(REPAIR_AWK, out=world.out)
    else:
        program = fill(REPAIR_PYTHON, out=world.out).replace("import csv\n", "")
        command = f"{heredoc('/tmp/repairs.py', program)}\npython3 /tmp/repairs.py && wc -l {world.out}/repair/*.txt"
    return Step(
        "Each replica is compared with the result: what it lacks or holds otherwise is put, what lives on there only "
        "is dropped.",
        command,
        (
            Slip(
                "verification_failure",
                f"I make the list of {first} by looking for keys that it does not have; it is not empty, so it looks "
                f"right.",
                f"awk -F'\\t' '$1 == \"{first}\" {{ print $2 }}' /tmp/all.tsv | LC_ALL=C sort -u > /tmp/have\n"
                "awk -F'\\t' '$2 == \"live\" { print $1 }' /tmp/result.tsv | LC_ALL=C comm -13 /tmp/have - | sed "
                f"'s/^/put /' > {world.out}/repair/{first}.txt\ntest -e {world.out}/repair/{first}.txt && echo fine",
                f"awk -F'\\t' '$1 == \"{first}\"' /tmp/plain.tsv | head -n 5; head -n 5 /tmp/result.tsv",
                f"That a file is there says nothing: {first} has keys with outdated values or versions that the list "
                f"leaves out, and the other replicas have no list at all.",
                [f"rm -f {world.out}/repair/{first}.txt /tmp/have"],
            ),
        ),
    )


def _summary(world: World) -> Step:
    program = SUMMARY_HEAD
    if {"puts", "drops", "clean", "busiest"} & set(world.asked):
        program += fill(SUMMARY_PLAN, out=world.out)
    if "everywhere" in world.asked:
        program += (
            "where = {}\n"
            'for line in Path("/tmp/all.tsv").read_text().splitlines():\n'
            '    replica, key = line.split("\\t")[:2]\n'
            "    where.setdefault(key, set()).add(replica)\n"
        )
    entries = "".join(f'    "{name}": {SUMMARY_PARTS[name]},\n' for name in world.asked)
    program += f"summary = {{\n{fill(entries, count=len(world.replicas))}}}\n"
    program += f'Path("{world.out}/summary.json").write_text(json.dumps(summary) + "\\n")'
    return Step(
        "Last the counts, taken from the files that I hand over rather than from memory, and a look at them.",
        f"python3 - <<'EOF'\n{program.strip()}\nEOF\njq . {world.out}/summary.json",
        (
            Slip(
                "verification_failure",
                "The lists are there; I put down the number of keys and conclude that everything is in order.",
                f"jq -n --arg live \"$(wc -l < /tmp/result.tsv)\" '{{live: $live}}' > {world.out}/summary.json && "
                f"echo done",
                f"cat {world.out}/summary.json; cut -f2 /tmp/result.tsv | sort | uniq -c",
                "The count is a text, it includes keys that are not live, and the other entries are missing.",
                [f"rm {world.out}/summary.json"],
            ),
        ),
    )


def equivalents(world: World) -> list[Other]:
    """Return other right ways."""
    ways = [
        Other(
            "summary-by-python-with-sorted-keys-and-indents",
            f"python3 -m json.tool --sort-keys --indent 4 {world.out}/summary.json /tmp/s && cp /tmp/s "
            f"{world.out}/summary.json",
        ),
        Other("notes-beside-the-results", f"cp /tmp/result.tsv {world.out}/notes.tsv && touch /app/README"),
    ]
    target = f"{world.out}/merged.{world.merged_form}"
    if world.merged_form == "json":
        ways.append(Other("merged-state-compact", f"jq -cS . {target} > /tmp/m && cp /tmp/m {target}"))
    else:
        ways.append(Other("no-newline-at-the-end", f'printf %s "$(cat {target})" > /tmp/m && cp /tmp/m {target}'))
    return ways
