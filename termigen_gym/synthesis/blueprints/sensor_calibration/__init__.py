"""Raw series of instruments, and the runs that calibrate them: calibrated, screened, averaged and added up."""

from __future__ import annotations

import json

import numpy as np

from ...draft import Draft
from ..kit import COMMON, Blueprint, Other, assemble, between, bullets, chance, hexes, numbered, pick, sample
from ..scribe import TESTS_HEAD, json_lines, shuffled, table
from .domains import DOMAINS, FITS, SHOWN
from .series import Line, World, draw_points, draw_series, iso, raw_text, wanted
from .solution import Layout, calibration_columns, equivalents, solve

ASKED = {
    "integral": "the integral over time in {out}·h by the trapezoidal rule over each two consecutive good readings "
    "that are at most {longest} min apart; what lies between others adds nothing (3 decimals)",
    "peak": "the highest value (3 decimals)",
    "peak_time": "when the highest value was measured, as `YYYY-MM-DDTHH:MM:SSZ`; of several times the first",
    "rejected": "an object from each reason above ({reasons}) to the number of lines that it rejected, 0 included",
    "gaps": "how many times two consecutive good readings are more than {longest} min apart",
    "longest_gap_min": "the longest time between two consecutive good readings, in minutes",
    "used": "the number of good readings",
}
"""What may be asked of each instrument."""


def _compose(rng: np.random.Generator, difficulty: str) -> Draft:
    world = _draw(rng, difficulty)
    domain = world.domain
    layout = _layout(rng, world)
    return assemble(
        name=f"{domain.slug}-calibration-{hexes(rng, 4)}",
        category="scientific-computing",
        difficulty=difficulty,
        description=f"Calibrate and screen the raw series of {len(world.sensors)} {domain.sensor}s, with daily "
        f"statistics",
        keywords=["calibration", "least-squares", "time-series", "outliers", "units"],
        tools=["awk", "jq", "python3", "sqlite3", "sort"],
        instruction=_instruction(rng, world, layout),
        files=_files(rng, world, layout),
        tests=_tests(world, layout),
        test_data={"expected.json": json.dumps(wanted(world), indent=0, sort_keys=True) + "\n"},
        steps=solve(rng, world, layout),
        equivalents=equivalents(layout),
        mutants=[
            Other(
                "coefficients-in-another-order",
                f"jq 'map_values(reverse)' {layout.out}/coefficients.json > /tmp/c && cp /tmp/c "
                f"{layout.out}/coefficients.json",
            )
        ],
        packages=COMMON,
    )


def _draw(rng: np.random.Generator, difficulty: str) -> World:
    """Return a world in which no result hangs on how a program rounds."""
    domain = pick(rng, DOMAINS)
    level = {"easy": 0, "medium": 1, "hard": 2}[difficulty]
    while True:
        step = 60 * pick(rng, ((30, 60), (20, 30), (10, 15, 20))[level])
        world = World(
            domain=domain,
            sensors=sorted(sample(rng, domain.names, 2 + level)),
            fit=pick(rng, (("linear", "origin"), ("linear", "weighted", "origin"), ("quadratic", "weighted"))[level]),
            points_of=pick(rng, (("all", "ok"), ("ok", "last"), ("ok", "last"))[level]),
            step=step,
            days=3 + (level > 1),
            start=1_770_000_000 // 86400 * 86400 + between(rng, 0, 200) * 86400,
            later_counts=chance(rng, 50),
            low=between(rng, 4, 16) * 100,
            high=between(rng, 78, 92) * 100,
            spike=between(rng, 15, 18) * 20 + 5 if level else None,
            stuck=between(rng, 3, 4) if level > 1 else None,
            coverage=pick(rng, (50, 60, 70, 75)),
            longest=step * between(rng, 3, 5),
            asked=sorted(sample(rng, tuple(ASKED), 3 + level)),
        )
        draw_points(rng, world)
        draw_series(rng, world)
        world.work_out()
        if not world.close:
            return world


def _layout(rng: np.random.Generator, world: World) -> Layout:
    series = pick(rng, ("csv", "tsv", "jsonl"))
    together = chance(rng, 40)
    folder = f"/app/{pick(rng, ('series', 'raw', 'logger', 'campaign'))}"
    return Layout(
        series=series,
        daily=pick(rng, ("csv", "tsv", "jsonl")),
        together=together,
        iso=chance(rng, 60),
        missing=pick(rng, ("null", "-9999") if series == "jsonl" else ("", "NaN", "-9999")),
        out=f"/app/{pick(rng, ('out', 'results', 'calibrated', 'product'))}",
        place=f"/app/{pick(rng, ('calibration', 'bench', 'reference'))}.csv",
        source=f"{folder}.{series}" if together else folder,
    )


def _files(rng: np.random.Generator, world: World, layout: Layout) -> dict[str, bytes | str]:
    columns = calibration_columns(world)
    rows = []
    for point in shuffled(rng, world.points):
        numbers = {
            "sensor": point.sensor,
            "run": point.run,
            world.domain.raw: raw_text(point.raw, ""),
            world.domain.unit: raw_text(point.reference, ""),
            "sigma": raw_text(point.sigma, ""),
            "status": point.status,
        }
        rows.append([numbers[name] for name in columns])
    files: dict[str, bytes | str] = {layout.place: table([columns, *rows])}
    if layout.together:
        # Each keeps the order of its own lines.
        turns = shuffled(rng, [sensor for sensor in world.sensors for _ in world.series[sensor]])
        queues = {sensor: iter(lines) for sensor, lines in world.series.items()}
        files[layout.source] = _series(world, layout, [(sensor, next(queues[sensor])) for sensor in turns])
    else:
        for sensor, lines in world.series.items():
            files[f"{layout.source}/{sensor}.{layout.series}"] = _series(
                world, layout, [(sensor, line) for line in lines]
            )
    return files


def _series(world: World, layout: Layout, lines: list[tuple[str, Line]]) -> str:
    names = [*(["sensor"] if layout.together else []), "time", world.domain.raw]
    rows: list[list[object]] = []
    for sensor, line in lines:
        time: object = iso(line.time) if layout.iso else line.time
        raw: object = raw_text(line.raw, layout.missing)
        if layout.series == "jsonl":
            raw = json.loads(str(raw))
        rows.append([*([sensor] if layout.together else []), time, raw])
    if layout.series == "jsonl":
        return json_lines(dict(zip(names, row, strict=True)) for row in rows)
    return table([names, *rows], "," if layout.series == "csv" else "\t")


def _instruction(rng: np.random.Generator, world: World, layout: Layout) -> str:
    domain, out, raw = world.domain, layout.out, world.domain.raw
    opening = pick(
        rng,
        (
            f"{domain.story} Please calibrate and screen the series, and give me daily values that I can publish.",
            f"{domain.story} I need calibrated values in {SHOWN[domain.out]} by the rules below, which reviewers will "
            f"check.",
            f"{domain.story} Turn the raw series into calibrated daily statistics; the rules are those of our "
            f"handbook.",
        ),
    )
    return "\n\n".join(
        [
            opening,
            "## Data",
            _data(world, layout),
            "## Rules",
            numbered(_rules(world)),
            "## Results",
            bullets(_results(world, layout)),
            f"Round only what is written, never what is computed with. The last digit has to be right: none of the "
            f"results is so "
            f"close to the middle between two roundings that the method matters. Leave the raw data as they are. "
            f"(`{raw}` is what the {domain.sensor} gives, `{domain.unit}` what the reference shows, results are in "
            f"{SHOWN[domain.out]}; make `{out}` if it is not there.)",
        ]
    )


def _data(world: World, layout: Layout) -> str:
    domain = world.domain
    extra = ""
    if world.fit == "weighted":
        extra += ", `sigma` (the uncertainty of the reference)"
    if world.points_of == "ok":
        extra += ", `status` (`ok` or `void`)"
    form = {
        "csv": "a header, then comma-separated fields",
        "tsv": "a header, then tab-separated fields",
        "jsonl": "one JSON object a line",
    }[layout.series]
    where = (
        f"`{layout.source}` has the raw series of all {domain.sensor}s: {form}, with `sensor`, `time` and "
        f"`{domain.raw}`."
        if layout.together
        else f"`{layout.source}/<sensor>.{layout.series}` are the raw series: {form}, with `time` and `{domain.raw}`."
    )
    time = "UTC, as `YYYY-MM-DDTHH:MM:SSZ`" if layout.iso else "seconds since 1970, UTC"
    missing = {"": "empty", "null": "null"}.get(layout.missing, f"`{layout.missing}`")
    return (
        f"`{layout.place}` has the calibration points in any order: `sensor`, `run` (a number), `{domain.raw}`, "
        f"`{domain.unit}`{extra}. {where} Times are {time}; a reading is due every {world.step // 60} min. A missing "
        f"reading is {missing}, or its line is not there. Lines are not always in order of time."
    )


def _rules(world: World) -> list[str]:
    domain = world.domain
    raw, unit = domain.raw, domain.unit
    points = {
        "all": "All points count, of all runs.",
        "ok": "Points whose `status` is `void` do not count; all others do, of all runs.",
        "last": "Of each sensor only the points of its run with the highest number count.",
    }[world.points_of]
    convert = f"times {domain.factor}" if domain.factor != "1" else ""
    if domain.offset != "0":
        convert += f"{' ' if convert else ''}plus {domain.offset}"
    rules = [
        f"Calibration, for each sensor by itself: {FITS[world.fit].format(raw=raw, unit=unit)}. {points}",
        f"Duplicates: of several lines of a sensor with the same time the {'last' if world.later_counts else 'first'} "
        f"one in the file counts, even if its reading is missing; the others are rejected as `duplicate`.",
        "Lines whose reading is missing are rejected as `missing`.",
        f"Readings whose `{raw}` is below {raw_text(world.low, '')} or above {raw_text(world.high, '')} are rejected "
        f"as `range`; both limits are still good.",
    ]
    if world.spike is not None:
        rules.append(
            "Spikes: among what is then left of a sensor, in order of time and whatever the gaps, a reading is "
            "rejected as "
            f"`spike` if its `{raw}` is more than {raw_text(world.spike, '')} above both the one before and the one "
            f"after it, or "
            "more than that below both. All are judged before any is taken away; the first and the last one are no "
            "spikes."
        )
    if world.stuck is not None:
        rules.append(
            f"Stuck values: where {world.stuck} or more consecutive ones of what is then left have exactly the same "
            f"`{raw}`, all but the first of them are rejected as `stuck`."
        )
    rules.append(
        f"What is left are the good readings. Their value is the calibrated {unit}, {convert}, which is in "
        f"{SHOWN[domain.out]}."
    )
    return rules


def _results(world: World, layout: Layout) -> list[str]:
    domain, out = world.domain, layout.out
    count = "c0, c1 and c2" if world.fit == "quadratic" else "c0 and c1"
    fields = ", ".join(f"`{name}`" for name in daily_columns(world))
    none = "null" if layout.daily == "jsonl" else "empty"
    how = {
        "csv": f"a header line, then one line each, separated by commas: {fields}",
        "tsv": f"a header line, then one line each, separated by tabs: {fields}",
        "jsonl": f"one JSON object a line with {fields}",
    }[layout.daily]
    reasons = ", ".join(f"`{name}`" for name in world.rejected[world.sensors[0]])
    entries = "; ".join(
        f"`{name}`: {ASKED[name].format(out=SHOWN[domain.out], longest=world.longest // 60, reasons=reasons)}"
        for name in world.asked
    )
    return [
        f"`{out}/coefficients.json`: an object from each sensor to the list of {count} as numbers, to 6 significant "
        f"digits.",
        f"`{out}/daily.{layout.daily}`: {how}; for each sensor and each UTC day on which it has a line, whether good "
        f"or not, by "
        f"sensor, then by day. `day` is `YYYY-MM-DD`, `n` the number of good readings; mean, lowest and highest value "
        f"in {SHOWN[domain.out]} to 3 decimals, but {none} on days with fewer good readings than {world.coverage} % of "
        f"the {world.slots} that are due.",
        f"`{out}/summary.json`: an object from each sensor to an object with {entries}.",
    ]


def daily_columns(world: World) -> list[str]:
    """Return the columns of the daily statistics."""
    return ["sensor", "day", "n", *(f"{name}_{world.domain.out}" for name in ("mean", "min", "max"))]


def _tests(world: World, layout: Layout) -> str:
    path = f"{layout.out}/daily.{layout.daily}"
    if layout.daily == "jsonl":
        daily = (
            f'    rows = [json.loads(line) for line in lines("{path}")]\n'
            "    assert all(sorted(row) == sorted(NAMES) for row in rows)\n"
            "    return [[row[name] for name in NAMES] for row in rows]"
        )
    else:
        sep = "," if layout.daily == "csv" else "\\t"
        daily = (
            f'    head, *rows = [line.split("{sep}") for line in lines("{path}")]\n'
            "    assert head == NAMES and all(len(row) == len(NAMES) for row in rows)\n"
            '    return [[*row[:2], *(None if field == "" else float(field) for field in row[2:])] for row in rows]'
        )
    return f'''\
"""Compares coefficients, daily statistics and summaries with exact arithmetic on the same data."""
{TESTS_HEAD}
NAMES = {json.dumps(daily_columns(world))}


def close(found, want):
    """Whether two JSON values are alike, numbers within a millionth part of what is asked for."""
    if isinstance(want, dict):
        return isinstance(found, dict) and found.keys() == want.keys() and all(close(found[k], want[k]) for k in want)
    if isinstance(want, list):
        return isinstance(found, list) and len(found) == len(want) and all(map(close, found, want))
    if isinstance(want, (int, float)):
        right = isinstance(found, (int, float)) and not isinstance(found, bool)
        return right and abs(found - want) <= 1e-9 * max(1, abs(want))
    return found == want


def daily():
    """Returns the rows of the daily statistics."""
{daily}


def test_coefficients():
    """Each sensor's fit, to six significant digits."""
    found = json.loads(text("{layout.out}/coefficients.json"))
    assert found.keys() == WANT["coefficients"].keys()
    for sensor, want in WANT["coefficients"].items():
        assert len(found[sensor]) == len(want)
        assert all(abs(a - b) <= 1e-12 * abs(b) for a, b in zip(found[sensor], want))


def test_days_and_counts():
    """The rows, their order, and how many good readings each day has."""
    assert [row[:3] for row in daily()] == [row[:3] for row in WANT["daily"]]


def test_daily_values():
    """Mean, lowest and highest value, or none where the day has too few readings."""
    assert close([row[3:] for row in daily()], [row[3:] for row in WANT["daily"]])


def test_summary():
    """What was asked of each instrument."""
    assert close(json.loads(text("{layout.out}/summary.json")), WANT["summary"])
'''


BLUEPRINT = Blueprint("sensor-calibration", "scientific-computing", _compose)
"""Instruments, their calibration and what they measured."""
