"""How series are calibrated, screened and added up with common tools, and what goes wrong on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..kit import Other, Slip, Step, pick
from ..scribe import fill, heredoc
from .programs import DAILY_AWK, DAILY_SQL, FIT, FIT_AWK, SCREEN, SPIKES, STUCK, SUMMARY_PARTS
from .series import World, raw_text


@dataclass(frozen=True)
class Layout:
    """How the files of a task look.

    Attributes:
        series, daily: their suffixes. together: all series are one file. iso: times are texts, not Unix times.
        missing: how a missing reading is written, "null" where JSON has that. out: the folder of results.
        place: of the calibration table. source: the file or the folder of the series.
    """

    series: str
    daily: str
    together: bool
    iso: bool
    missing: str
    out: str
    place: str
    source: str

    @property
    def files(self) -> str:
        """The series as a shell names them."""
        return self.source if self.together else f"{self.source}/*.{self.series}"


def solve(rng: np.random.Generator, world: World, layout: Layout) -> list[Step]:
    """Return the solution."""
    sensor = world.domain.sensor
    head = f"head -n 4 {layout.files}"
    return [
        Step(
            f"What did the {sensor}s log, and how were they calibrated? I look at both before I compute anything.",
            f"head -n 4 {layout.place}; wc -l {layout.place} {layout.files}\n{head}\ncut -d, -f1,2 {layout.place} | "
            f"sort | uniq -c",
        ),
        _fit(rng, world, layout),
        _lines(world, layout),
        _screen(world, layout),
        _daily(rng, world, layout),
        _summary(world, layout),
    ]


def _fit(rng: np.random.Generator, world: World, layout: Layout) -> Step:
    domain = world.domain
    columns = calibration_columns(world)
    simple = world.fit in ("linear", "weighted") and world.points_of != "last"
    if simple and pick(rng, ("awk", "python")) == "awk":
        keep = f'${columns.index("status") + 1} == "ok" ' if world.points_of == "ok" else ""
        weight = f"1 / ${columns.index('sigma') + 1} ^ 2" if world.fit == "weighted" else "1"
        command = fill(FIT_AWK, keep=keep, weight=weight, place=layout.place, out=layout.out)
    else:
        keep = {
            "ok": '    if row["status"] != "ok":\n        continue',
            "last": '    if row["run"] != last[row["sensor"]]:\n        continue',
            "all": "",
        }[world.points_of]
        program = fill(
            FIT,
            place=layout.place,
            raw=domain.raw,
            unit=domain.unit,
            weight='1 / float(row["sigma"]) ** 2' if world.fit == "weighted" else "1.0",
            powers={"origin": "[1]", "quadratic": "[0, 1, 2]"}.get(world.fit, "[0, 1]"),
            lead="[0.0] + " if world.fit == "origin" else "",
            out=layout.out,
            filter=keep,
        ).replace(f'"{layout.place}")):\n\n', f'"{layout.place}")):\n')
        if world.points_of == "last":
            program = program.replace(
                "points = {}\n",
                f'last = {{}}\nfor row in csv.DictReader(open("{layout.place}")):\n'
                '    last[row["sensor"]] = max(row["run"], last.get(row["sensor"], ""))\npoints = {}\n',
            )
        command = f"{heredoc('/tmp/fit.py', program)}\npython3 /tmp/fit.py"
    what = {
        "linear": "a straight line by least squares, one for each",
        "origin": "a slope through the origin, one for each",
        "quadratic": "a parabola by least squares, from the normal equations, one for each",
        "weighted": "a straight line in which each point counts by the inverse square of its sigma, one for each",
    }[world.fit]
    return Step(
        f"The calibration first: {what} {domain.sensor}. I keep full precision in /tmp and round only what I hand "
        f"over.",
        f"mkdir -p {layout.out}\n{command}\njq -c . {layout.out}/coefficients.json",
        (_fit_slip(world, layout),),
    )


def _fit_slip(world: World, layout: Layout) -> Slip:
    program = (
        "import csv, json\n"
        f'rows = list(csv.DictReader(open("{layout.place}")))\n'
        "fits = {}\n"
        'for name in sorted({row["sensor"] for row in rows}):\n'
        '    own = [row for row in rows if row["sensor"] == name]\n'
        f'    (x0, y0), (x1, y1) = [(float(row["{world.domain.raw}"]), float(row["{world.domain.unit}"])) '
        "for row in (own[0], own[-1])]\n"
        "    slope = (y1 - y0) / (x1 - x0)\n"
        "    fits[name] = [y0 - slope * x0, slope]\n"
        'json.dump(fits, open("/tmp/fits.json", "w"))\n'
        f'json.dump(fits, open("{layout.out}/coefficients.json", "w"))\n'
    )
    return Slip(
        "analysis_error",
        f"A {world.domain.sensor} of this sort is straight, so its first and its last calibration point give the line.",
        f"mkdir -p {layout.out}\npython3 - <<'EOF'\n{program}EOF",
        f"cut -d, -f1,2 {layout.place} | sort | uniq -c; cat {layout.out}/coefficients.json",
        "Each has a dozen points that scatter, in several runs. A line through two of them is not the fit that was "
        "asked for.",
        [f"rm -r {layout.out}", "rm -f /tmp/fits.json"],
    )


def _lines(world: World, layout: Layout) -> Step:
    raw, files = world.domain.raw, layout.files
    if layout.series == "jsonl":
        when = "(.time | fromdateiso8601)" if layout.iso else ".time"
        gone = "null" if layout.missing == "null" else layout.missing
        tab = f'{when}, (if .{raw} == {gone} then "NA" else .{raw} end)] | @tsv'
        if layout.together:
            command = f"jq -r '[.sensor, {tab}' {files} > /tmp/lines.tsv"
        else:
            command = (
                f'for f in {files}; do\n  jq -r --arg sensor "$(basename "$f" .jsonl)" '
                f"'[$sensor, {tab}' \"$f\"\ndone > /tmp/lines.tsv"
            )
        wrong = command.replace(f"== {gone}", '== "NaN"').replace("(.time | fromdateiso8601)", ".time")
        wrong = wrong.replace(f".{raw}", f".{raw}_value")
    else:
        sep = "," if layout.series == "csv" else "'\\t'"
        shift = 1 if layout.together else 0
        name = "$1" if layout.together else "sensor"
        find = (
            ""
            if layout.together
            else f'FNR == 1 {{ sensor = FILENAME; gsub(/.*[/]|[.]{layout.series}$/, "", sensor) }}\n  '
        )
        when = f"${1 + shift}"
        time = f'gsub(/[-T:Z]/, " ", {when}); {when} = mktime({when}, 1); ' if layout.iso else ""
        command = (
            f"gawk -F{sep} -v OFS='\\t' '\n  {find}FNR == 1 {{ next }}\n"
            f'  {{ {time}print {name}, {when}, (${2 + shift} == "{layout.missing}" ? "NA" : ${2 + shift}) }}\' \\\n'
            f"  {files} > /tmp/lines.tsv"
        )
        wrong = command.replace(f"-F{sep} ", "-F';' ")
    return Step(
        "All series in one table, in the order of their lines, which decides between duplicates: instrument, Unix "
        "time, raw reading or NA.",
        f"{command}\nwc -l /tmp/lines.tsv\n"
        "awk '{ n[$1]++ } $3 == \"NA\" { m[$1]++ } END { for (k in n) print k, n[k], m[k] + 0 }' /tmp/lines.tsv",
        (
            Slip(
                "command_error",
                "One command reads all the series into a table of instrument, time and reading.",
                wrong,
                f"head -n 3 /tmp/lines.tsv; {'head -n 2 ' + files}",
                "The readings did not arrive in their column: I named a separator or a field that these files do not "
                "have.",
                ["rm -f /tmp/lines.tsv"],
            ),
            Slip(
                "hallucination",
                "The loggers' vendor ships a converter with its files; logger2tsv reads all of them at once.",
                f"logger2tsv --utc --missing NA {files} > /tmp/lines.tsv",
                "command -v logger2tsv || echo none; wc -c /tmp/lines.tsv",
                "There is no such program here, and the table is empty. The files are plain text, which I can read "
                "myself.",
                ["rm -f /tmp/lines.tsv"],
            ),
        ),
    )


def _screen(world: World, layout: Layout) -> Step:
    more = ""
    if world.spike is not None:
        more += fill(SPIKES, spike=raw_text(world.spike, ""))
    if world.stuck is not None:
        more += fill(STUCK, stuck=world.stuck)
    domain = world.domain
    convert = "value" if domain.factor == "1" else f"value * {domain.factor}"
    if domain.offset != "0":
        convert += f" + {domain.offset}"
    dedupe = "            kept[time] = raw" if world.later_counts else "            kept.setdefault(time, raw)"
    program = fill(
        SCREEN,
        dedupe=dedupe,
        low=raw_text(world.low, ""),
        high=raw_text(world.high, ""),
        more=more.rstrip("\n"),
        convert=convert,
    ).replace("left.append((time, float(raw)))\n\n", "left.append((time, float(raw)))\n")
    return Step(
        "Now the rules in their order: duplicates, missing, out of range, and so on, on raw readings. What is left is "
        "calibrated and converted without rounding.",
        f"{heredoc('/tmp/screen.py', program)}\npython3 /tmp/screen.py\ncut -f1 /tmp/good.tsv | uniq -c; jq -c . "
        f"/tmp/rejected.json",
        (
            Slip(
                "requirement_violation",
                "I calibrate every reading that is a number and leave the screening to whoever plots it.",
                heredoc(
                    "/tmp/screen.py",
                    program.replace(
                        f"not {raw_text(world.low, '')} <= float(raw) <= {raw_text(world.high, '')}", "False"
                    )
                    .replace("left = [one for one in left if one[0] not in bad]", "pass")
                    .replace("left = free", "pass"),
                )
                + "\npython3 /tmp/screen.py",
                "jq -c . /tmp/rejected.json; cut -f3 /tmp/lines.tsv | grep -v NA | sort -g | sed -n '1p;$p'",
                "There are readings far outside of the range that the rules allow; they have to go before anything "
                "is averaged.",
                ["rm -f /tmp/screen.py /tmp/good.tsv /tmp/rejected.json"],
            ),
        ),
    )


def _daily(rng: np.random.Generator, world: World, layout: Layout) -> Step:
    least = -(-world.coverage * world.slots // 100)
    target = f"{layout.out}/daily.{layout.daily}"
    unit = world.domain.out
    command = fill(pick(rng, (DAILY_SQL, DAILY_AWK)), least=max(least, 1))
    header = f"sensor,day,n,mean_{unit},min_{unit},max_{unit}"
    write = {
        "csv": f"{{ echo {header}; tr '\\t' , < /tmp/daily.tsv; }} > {target}",
        "tsv": f"{{ echo {header} | tr , '\\t'; cat /tmp/daily.tsv; }} > {target}",
        "jsonl": (
            'jq -R -c \'def number: if . == "" then null else tonumber end;\n  split("\\t")\n'
            f"  | {{sensor: .[0], day: .[1], n: (.[2] | number), mean_{unit}: (.[3] | number),\n"
            f"     min_{unit}: (.[4] | number), max_{unit}: (.[5] | number)}}' /tmp/daily.tsv > {target}"
        ),
    }[layout.daily]
    return Step(
        f"Days are counted in UTC, and one with fewer than {max(least, 1)} readings shows its count only. Days "
        f"without any good reading must not drop out.",
        f"{command}\n{write}\nhead -n 5 {target}",
        (
            Slip(
                "analysis_error",
                "I average by day over what is left; a day is a day, however many readings it has.",
                fill(DAILY_AWK, least=1) + f"\n{write}",
                f"cut -f1-3 /tmp/daily.tsv; echo {world.slots} readings a day, {world.coverage} percent",
                "Some days have too few readings for a mean by the rule, and I printed one all the same.",
                [f"rm {target} /tmp/daily.tsv"],
            ),
        )
        if any(stats is None and count for *_, count, stats in world.daily)
        else (),
    )


def _summary(world: World, layout: Layout) -> Step:
    needs = set(world.asked)
    program = "import json\n" + ("from datetime import datetime, timezone\n" if "peak_time" in needs else "") + "\n"
    if "rejected" in needs:
        program += 'rejected = json.load(open("/tmp/rejected.json"))\n'
    program += (
        "series, summary = {}, {}\n"
        'for line in open("/tmp/good.tsv"):\n'
        "    sensor, time, value = line.split()\n"
        "    series.setdefault(sensor, []).append((int(time), float(value)))\n"
        "for sensor, rows in series.items():\n"
    )
    if needs & {"integral", "gaps", "longest_gap_min"}:
        program += "    pairs = list(zip(rows, rows[1:]))\n"
    if needs & {"peak", "peak_time"}:
        program += "    peak = max(rows, key=lambda row: row[1])\n"
    entries = "".join(f'        "{name}": {SUMMARY_PARTS[name]},\n' for name in world.asked)
    program += f"    summary[sensor] = {{\n{fill(entries, longest=world.longest)}    }}\n"
    program += f'json.dump(summary, open("{layout.out}/summary.json", "w"))'
    first = world.sensors[0]
    return Step(
        "Last the summary of each instrument, from the same readings as the days.",
        f"python3 - <<'EOF'\n{program}\nEOF\njq -c . {layout.out}/summary.json",
        (
            Slip(
                "verification_failure",
                f"{first} is typical; I write its number of readings down, see that the file is valid JSON, and am "
                f"done.",
                f"jq -n --arg n \"$(grep -c '^{first}' /tmp/good.tsv)\" '{{{first!r}: {{used: $n}}}}' "
                f"> {layout.out}/summary.json && jq -e . {layout.out}/summary.json".replace(f"{first!r}", f'"{first}"'),
                f"jq -c 'keys' {layout.out}/summary.json; cut -f1 /tmp/good.tsv | sort | uniq -c",
                "Valid JSON it is, but the other instruments and most of the entries are missing.",
                [f"rm {layout.out}/summary.json"],
            ),
        ),
    )


def calibration_columns(world: World) -> list[str]:
    """Return the columns of the calibration table."""
    extra = [*(["sigma"] if world.fit == "weighted" else []), *(["status"] if world.points_of == "ok" else [])]
    return ["sensor", "run", world.domain.raw, world.domain.unit, *extra]


def equivalents(layout: Layout) -> list[Other]:
    """Return other right ways."""
    daily = f"{layout.out}/daily.{layout.daily}"
    ways = [
        Other(
            "json-with-sorted-keys-and-indents",
            f"for f in coefficients summary; do jq -S . {layout.out}/$f.json > /tmp/f && cp /tmp/f "
            f"{layout.out}/$f.json; done",
        ),
        Other("working-files-kept", f"cp /tmp/good.tsv {layout.out}/readings.tsv"),
    ]
    if layout.daily == "jsonl":
        ways.append(Other("daily-with-sorted-keys", f"jq -cS . {daily} > /tmp/d && cp /tmp/d {daily}"))
    else:
        ways.append(Other("no-newline-at-the-end", f'printf %s "$(cat {daily})" > /tmp/d && cp /tmp/d {daily}'))
    return ways
