"""The logs of event-rollup as files, and how its instruction describes them and the rules."""

from __future__ import annotations

import datetime
import json

import numpy as np

from ..kit import pick
from ..pieces import delimited, flowing, gzipped, spoken
from .plan import Event, Node, Plan
from .steps import columns, log_of, table


def files(plan: Plan) -> dict[str, bytes]:
    """Return the logs."""
    found = {}
    for node in plan.nodes:
        content = _content(plan, node).encode()
        found[log_of(plan, node)] = gzipped(content) if node.packed else content
    return found


def _content(plan: Plan, node: Node) -> str:
    names = [plan.names[field] for field in node.fields]
    rows = [[_text(node, event, field) for field in node.fields] for event in plan.logs[node.name]]
    if node.form == "csv":
        return delimited([names, *rows])
    if node.form == "pipe":
        return "".join("|".join(row) + "\n" for row in rows)
    if node.form == "logfmt":
        return "".join(" ".join(map("=".join, zip(names, row, strict=True))) + "\n" for row in rows)
    numeric = {plan.names["value"], plan.names["at"], plan.names["got"]}
    return "".join(
        json.dumps({name: int(text) if name in numeric and text.isdigit() else text for name, text in pairs}) + "\n"
        for pairs in (list(zip(names, row, strict=True)) for row in rows)
    )


def _text(node: Node, event: Event, field: str) -> str:
    value = getattr(event, field)
    return _time(node, value) if field in ("at", "got") else str(value)


def _time(node: Node, seconds: int) -> str:
    if node.clock == "epoch":
        return str(seconds)
    if node.clock == "millis":
        return str(seconds * 1000 + seconds * 7 % 1000)
    minutes = node.minutes if node.clock == "offset" else 0
    zone = datetime.timezone(datetime.timedelta(minutes=minutes))
    return datetime.datetime.fromtimestamp(seconds, zone).isoformat().replace("+00:00", "Z")


def instruction(rng: np.random.Generator, plan: Plan) -> str:
    """Return what is asked for."""
    domain = plan.domain
    listed = "\n".join(f"{number}. {_described(plan, node)}" for number, node in enumerate(plan.nodes, start=1))
    fields = (
        f"`{plan.names['id']}`, `{domain.subject}`, `{domain.kind}`, `{domain.zone}`, `{domain.value}` (a "
        "whole number, "
        f"{domain.unit}), `{plan.names['at']}` (when it happened) and `{plan.names['got']}` (when the node received it)"
    )
    lead = pick(
        rng,
        (
            f"The logs are in `{domain.root}`; read them only. Every event has {fields}.",
            f"You find the logs in `{domain.root}`, which is to stay as it is. The fields of an event: {fields}.",
        ),
    )
    text = f"""\
{domain.story}

{lead}

{listed}

{_rules(rng, plan)}

{_tables(rng, plan)}
"""
    return flowing(text)


def _described(plan: Plan, node: Node) -> str:
    names = spoken([f"`{plan.names[field]}`" for field in node.fields])
    form = {
        "jsonl": "JSON lines",
        "csv": "CSV with a header line",
        "logfmt": "`key=value` pairs separated by blanks",
        "pipe": f"fields separated by `|`, without a header, in the order {names}",
    }[node.form]
    clock = {
        "epoch": "times in seconds since 1970",
        "millis": "times in milliseconds since 1970 (cut off what is below a second)",
        "zulu": "times in UTC",
        "offset": "times with the offset of their local clock",
    }[node.clock]
    return f"`{log_of(plan, node)}`: {form}{', packed with gzip' if node.packed else ''}; {clock}."


def _rules(rng: np.random.Generator, plan: Plan) -> str:
    domain, names = plan.domain, plan.names
    noise = spoken([f"`{kind}`" for kind in domain.noise], "or")
    got, minutes = names["got"], plan.late // 60
    first = pick(
        rng,
        (
            f"Leave out events whose `{domain.kind}` is {noise}.",
            f"Events with {noise} as `{domain.kind}` are no {domain.noun}; ignore them.",
        ),
    )
    earliest = "earliest" if plan.keep == "first" else "latest"
    second = pick(
        rng,
        (
            f"The same `{names['id']}` may have been logged several times, also with another "
            f"`{domain.value}`. Only the record "
            f"with the {earliest} `{got}` is valid; where that is equal, the one of the log listed first above.",
            f"Of the records with one `{names['id']}` keep the one that was received {earliest} (`{got}`). If two were "
            "received in the same second, the log that stands first in the list above wins.",
        ),
    )
    third = pick(
        rng,
        (
            f"What is left and was received more than {minutes} minutes after it happened is late: it goes to "
            "the list of "
            f"late events and into no other table. Exactly {minutes} minutes are still in time.",
            f"Then look at the delay between `{names['at']}` and `{got}`. With more than {minutes} minutes "
            "(not with exactly "
            "that many) an event is late; it is only listed, and counts nowhere else.",
        ),
    )
    return f"In this order:\n\n1. {first}\n2. {second}\n3. {third}"


def _tables(rng: np.random.Generator, plan: Plan) -> str:
    domain, names = plan.domain, plan.names
    flat = "CSV (comma, no quotes needed)" if plan.flat == "csv" else "tab-separated"
    clock = f"Times are written as `YYYY-MM-DDTHH:MM:SS{plan.mark}`"
    clock += ", in UTC." if not plan.shift else ": the local clock of the report is always that far from UTC."
    form = {
        "csv": "CSV (comma, no quotes needed) with a header line",
        "tsv": "tab-separated with a header line",
        "json": "a JSON array with an object for each row, all but the first two values numbers",
        "jsonl": "JSON lines with an object for each row, all but the first two values numbers",
    }[plan.form]
    rank = pick(
        rng,
        (
            "A percentile pN of n values is the value at place ceil(N * n / 100) when they are sorted "
            "upwards, counted from 1.",
            "Percentiles are by nearest rank: of n sorted values, pN is the one at place N * n / 100, "
            "rounded up to a whole "
            "number (the smallest value has place 1).",
        ),
    )
    made = [f"- `{table(plan, 'windows')}`, {form}: {_windows(plan)}"]
    made += [f"- `{table(plan, extra)}`, {flat} with a header line: {_extra(plan, extra)}" for extra in plan.extras]
    made.append(
        f"- `{table(plan, 'late')}`, {flat} with a header line: the late events with the columns "
        f"{_named(plan, 'late')} "
        f"(the time in the form above; the delay in seconds), sorted by the time, then by `{names['id']}`."
    )
    made.append(
        f"- `{plan.out}/counts.json`: an object with the numbers `read` (all records of all logs), `ignored` "
        "(by rule 1), "
        "`duplicates` (records dropped by rule 2), `late` and `counted` (events that are in the other tables)."
    )
    lead = pick(rng, ("Please write:", f"The {domain.noun} that remain make these files:"))
    return "\n".join([lead, "", *made, "", f"{clock} {rank} Text is sorted byte by byte."])


def _named(plan: Plan, name: str) -> str:
    return spoken([f"`{column}`" for column in columns(plan, name)])


def _windows(plan: Plan) -> str:
    domain, minutes = plan.domain, plan.window // 60
    told = {
        "events": "how many events",
        "subjects": f"how many different values of `{domain.subject}`",
        "total": f"the sum of `{domain.value}`",
        "largest": "its largest value",
        "smallest": "its smallest value",
        "mean": "its mean with exactly one decimal, halves rounded up"
        if plan.form in ("csv", "tsv")
        else "its mean rounded to one decimal, halves up",
    }
    parts = [
        f"`{column}` ({told.get(measure, f'percentile {measure[1:]} of `{domain.value}`')})"
        for measure, column in zip(plan.measures, columns(plan, "windows")[2:], strict=True)
    ]
    local = " of the report's clock" if plan.shift else ""
    return (
        f"windows of {minutes} minutes that begin at midnight{local} and follow each other; a window includes "
        "its first second "
        f"and not the first of the next one. A row for each window and `{plan.names[plan.by]}` in which "
        "something happened: "
        f"`window` (its begin), `{plan.names[plan.by]}`, {spoken(parts)}. Sorted by `window`, then "
        f"`{plan.names[plan.by]}`."
    )


def _extra(plan: Plan, extra: str) -> str:
    domain = plan.domain
    if extra == "sessions":
        return (
            f"the events of one `{domain.subject}` are one session as long as each follows within "
            f"{plan.gap // 60} minutes (or "
            f"exactly that) of the one before. Sessions of at least {plan.least} events, with the columns "
            f"{_named(plan, extra)}: first and last event, how many, the sum of `{domain.value}`. Sorted by "
            "`start`, then "
            f"`{domain.subject}`."
        )
    if extra == "top":
        return (
            f"the {plan.top} values of `{domain.subject}` with the largest sums of `{domain.value}`, largest "
            "first, equal ones by "
            f"`{domain.subject}`, with the "
            f"columns {_named(plan, extra)}; ranks count from 1 without gaps."
        )
    return (
        f"a row for each `{plan.names[plan.other]}` that occurs, sorted by it, with the columns "
        f"{_named(plan, extra)}: how many "
        f"events, and percentiles of `{domain.value}`."
    )


def expected(plan: Plan, name: str, rows: list[tuple[str, ...]]) -> list[object]:
    """Return a table of the results as the tests read it."""
    names = columns(plan, name)
    if (plan.form if name == "windows" else plan.flat) in ("csv", "tsv"):
        return [names, *map(list, rows)]
    return [
        dict(zip(names, [*row[:2], *(float(text) if "." in text else int(text) for text in row[2:])], strict=True))
        for row in rows
    ]
