"""The exports of merge-exports as files, and how its instruction describes them and the rules."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import numpy as np

from ..kit import pick
from ..pieces import delimited, flowing, gzipped, spoken, sqlite_file, tarred, zipped
from .plan import DATES, Plan, Source, fixed_widths
from .steps import file_of

_PARTS = 3


def files(plan: Plan) -> dict[str, bytes]:
    """Return the exports, and the list of other words for kinds where there is one."""
    found = {file_of(plan, source): _packed(source, _content(plan, source)) for source in plan.sources}
    if plan.aliases:
        pairs = [(word, kind) for kind, words in plan.domain.kinds.items() for word in words]
        found[f"{plan.domain.root}/aliases.txt"] = "".join(
            f"{word} = {kind}\n" for word, kind in sorted(pairs)
        ).encode()
    return found


def _content(plan: Plan, source: Source) -> bytes:
    records = plan.records[source.name]
    rows = [[record[field] for field in source.fields] for record in records]
    names = [source.names[field] for field in source.fields]
    if source.form == "csv":
        return delimited([names, *rows], source.delimiter).encode()
    if source.form == "sqlite":
        columns = ", ".join(f'"{name}" TEXT' for name in names)
        return sqlite_file(f"CREATE TABLE records ({columns})", "records", rows)
    if source.form == "fixed":
        ends = fixed_widths(plan, source)
        widths = [ends[field][1] - ends[field][0] + 1 for field in source.fields]
        return "".join("".join(map(str.ljust, row, widths)).rstrip() + "\n" for row in rows).encode()
    if source.form == "blocks":
        blocks = ["".join(f"{name}: {text}\n" for name, text in zip(names, row, strict=True)) for row in rows]
        return "\n".join(blocks).encode()
    return "".join(
        json.dumps(
            {name: _value(field, text, source) for field, name, text in zip(source.fields, names, row, strict=True)},
            ensure_ascii=False,
        )
        + "\n"
        for row in rows
    ).encode()


def _value(field: str, text: str, source: Source) -> object:
    """What a field is in JSON: amounts and revisions are numbers where they can be, what is missing is null."""
    if field == "amount" and source.style != "text" and re.fullmatch(r"-?[0-9.]+", text):
        return float(text)
    if field == "rev" and text.isdigit():
        return int(text)
    return text or None


def _packed(source: Source, content: bytes) -> bytes:
    if source.pack == "gz":
        return gzipped(content)
    if not source.pack:
        return content
    lines = content.splitlines(keepends=True)
    size = -(-len(lines) // _PARTS)
    parts = {
        f"{source.name}-{number + 1}.jsonl": b"".join(lines[number * size : (number + 1) * size])
        for number in range(_PARTS)
    }
    return (tarred if source.pack == "tar" else zipped)(parts)


def instruction(rng: np.random.Generator, plan: Plan) -> str:
    """Return what is asked for."""
    domain = plan.domain
    listed = "\n".join(f"{number}. {_described(plan, source)}" for number, source in enumerate(plan.sources, start=1))
    lead = pick(
        rng,
        (
            f"The exports are in `{domain.root}`, and they stay as they are. Their order here is their rank:",
            f"These are the exports, the most trusted one first. Please do not change anything in `{domain.root}`.",
            f"All exports lie in `{domain.root}` (leave that folder untouched). We rank them like this:",
        ),
    )
    ask = pick(
        rng,
        (
            f"Merge them into `{plan.merged}`, list what can't be used in `{plan.rejected}`, and write "
            f"`{plan.out}/summary.json`.",
            f"Please make three files of them: `{plan.merged}` with the merged {domain.noun}, "
            f"`{plan.rejected}` with the "
            f"records that can't be used, and `{plan.out}/summary.json`.",
        ),
    )
    rules = "\n".join(f"- {rule}" for rule in _cleaning(rng, plan))
    text = f"""\
{domain.story}

{lead}

{listed}

{ask}

Cleaning, for every record:

{rules}

A record is bad for one of these reasons; where several apply, the first of this list counts. Bad records go to the
rejects and take no further part.

{_reasons(plan)}

{_winner(rng, plan)}

{_results(rng, plan)}
"""
    return flowing(text)


def _described(plan: Plan, source: Source) -> str:
    names = {field: f"`{source.names[field]}`" for field in source.fields}
    form = {
        "csv": f"CSV with a header line, separated by `{source.delimiter}`"
        + (", decimal commas" if source.delimiter == ";" else ""),
        "jsonl": "JSON lines (null where a value is missing)",
        "fixed": "fixed width, no header, padded with blanks",
        "blocks": "a block of `NAME: value` lines for each record, an empty line between blocks",
        "sqlite": "SQLite, table `records` in the order of rowid, all of it text",
    }[source.form]
    pack = {
        "": "",
        "gz": ", packed with gzip",
        "tar": f" in {_PARTS} parts in a tar archive, one after the other by name",
        "zip": f" in {_PARTS} parts in a zip archive, one after the other by name",
    }[source.pack]
    columns = spoken(list(names.values()))
    if source.form == "fixed":
        ends = fixed_widths(plan, source)
        columns = spoken([f"{names[field]} in {first}-{last}" for field, (first, last) in ends.items()])
        columns = f"counting columns from 1: {columns}"
    unit = {
        "name": f"{names['amount']} is in {source.unit}",
        "text": f"{names['amount']} has its unit behind a blank",
        "column": f"the unit of {names['amount']} stands in `{source.names['unit']}`",
    }[source.style]
    return f"`{file_of(plan, source)}`: {form}{pack}; {columns}; {DATES[source.dates][1]}; {unit}."


def _cleaning(rng: np.random.Generator, plan: Plan) -> list[str]:
    domain = plan.domain
    kinds = spoken([f"`{kind}`" for kind in domain.kinds], "or")
    factors = [f"1 {unit} = {factor} {next(iter(domain.units))}" for unit, factor in domain.units.items() if factor > 1]
    places = {0: "as a whole number", 1: "with exactly one decimal", 2: "with exactly two decimals"}[plan.decimals]
    if plan.form in ("json", "jsonl"):
        places = {0: "as a whole number", 1: "rounded to one decimal", 2: "rounded to two decimals"}[plan.decimals]
    other = (
        f" `{domain.root}/aliases.txt` has other words for them, one `word = {domain.kind}` on each line."
        if plan.aliases
        else ""
    )
    return [
        pick(
            rng,
            (
                f"`{domain.key}`: in upper case.",
                f"`{domain.key}` may come in lower case; it is the same key, and is written in upper case.",
            ),
        ),
        pick(
            rng,
            (
                f"`{domain.title}`: several blanks in a row become one.",
                f"In `{domain.title}`, runs of blanks shrink to a single blank.",
            ),
        ),
        f"`{domain.kind}`: {kinds}, written in lower case; letter case in the exports means nothing.{other}",
        f"`{domain.day}`: as `YYYY-MM-DD`.",
        f"`{domain.amount}`: converted to {plan.unit} ({spoken(factors)}), {places}. Compute exactly and round "
        f"once, halves up; the column is called `{plan.column('amount')}`.",
    ]


def _reasons(plan: Plan) -> str:
    domain = plan.domain
    told = {
        "bad-key": f"the {domain.key} is not `{domain.prefix}-` and four digits (after the cleaning)",
        "no-title": f"there is no {domain.title}",
        "unknown-kind": f"the {domain.kind} is none of the known words",
        "bad-date": f"{domain.day} is missing or no day of the calendar",
        "bad-amount": f"{domain.amount} is not a plain number (digits, at most one decimal sign), or it is zero",
    }
    return "\n".join(f"{number}. `{name}`: {told[name]};" for number, name in enumerate(plan.reasons, 1))[:-1] + "."


def _winner(rng: np.random.Generator, plan: Plan) -> str:
    key = plan.domain.key
    last = "within one export the record that stands further down"
    lead = pick(
        rng,
        (
            f"Of the good records with the same {key}, only one is kept, whole:",
            f"Several good records may share a {key}; keep exactly one of them, without mixing fields:",
        ),
    )
    rule = {
        "revision": f"the one with the highest `revision` (a number). On a tie the export ranked first wins, {last}.",
        "updated": f"the one with the latest `updated` (UTC). On a tie the export ranked first wins, {last}.",
        "priority": f"the one of the export that is ranked first, and {last}.",
    }[plan.rule]
    return f"{lead} {rule}"


def _results(rng: np.random.Generator, plan: Plan) -> str:
    domain = plan.domain
    columns = spoken([f"`{plan.column(field)}`" for field in plan.columns])
    form = {
        "csv": f"CSV (comma, quotes only where needed, UTF-8) with a header line and the columns {columns}",
        "tsv": f"tab-separated without any quoting, UTF-8, with a header line and the columns {columns}",
        "json": f"a JSON array of objects with the keys {columns}, the amount as a number",
        "jsonl": f"JSON lines, each an object with the keys {columns}, the amount as a number",
    }[plan.form]
    order = {
        "key": f"by {domain.key}",
        "day": f"by {domain.day}, and on the same day by {domain.key}",
        "amount": f"by {domain.kind}, within it by the written amount, the largest first, then by {domain.key}",
    }[plan.order]
    names = "`source` is the file's name up to the first dot"
    sort = {
        "name": f"sorted by source, {domain.key}, reason, each byte by byte",
        "file": "in the order of the exports and, within each, of its records",
    }[plan.rejects_by]
    kind = {"csv": "CSV", "tsv": "tab-separated"}[plan.rejects]
    totals = (
        f" A second key, `totals`, has for each {domain.kind} that occurs the sum of the written amounts (a number)."
        if plan.totals
        else ""
    )
    counted = pick(
        rng,
        (
            "`read` (all its records), `rejected`, `superseded` (good, but not kept) and `kept`",
            "the four counts `read`, `rejected`, `superseded` and `kept`, where superseded are the good ones "
            "that were not kept",
        ),
    )
    return f"""\
The results:

- `{plan.merged}`: {form}. Rows are sorted {order}; text is compared byte by byte.
- `{plan.rejected}`: {kind}, header line, columns `source`, `{domain.key}`, `reason`; {names},
  the {domain.key} is in upper case and otherwise as it was found. It is {sort}. A bad record that occurs twice is
  listed twice.
- `{plan.out}/summary.json`: an object whose key `sources` maps each source's name to an object with
  {counted}.{totals}"""


def expected(plan: Plan, rows: tuple[tuple[str, ...], ...], names: tuple[str, ...]) -> list[object]:
    """Return the rows of the result as the tests read them; `names`: of the fields in `rows`."""
    places = [names.index(field) for field in plan.columns]
    if plan.form in ("csv", "tsv"):
        return [[row[place] for place in places] for row in rows]
    made: list[object] = []
    for row in rows:
        one: Mapping[str, object] = {
            plan.column(field): float(row[place]) if field == "amount" else row[place]
            for field, place in zip(plan.columns, places, strict=True)
        }
        made.append(one)
    return made
