"""The plan of a merge-exports task: sources, records and rules; and what comes out by these rules."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .domains import Domain

RAW = ("key", "title", "kind", "day", "amount", "unit", "rev", "person")
"""The fields of a record as it was exported; all text."""

DATES = {
    "iso": ("%Y-%m-%d", "dates as `YYYY-MM-DD`"),
    "dmy": ("%d/%m/%Y", "dates as `DD/MM/YYYY` (day first)"),
    "dotted": ("%d.%m.%Y", "dates as `DD.MM.YYYY`"),
    "compact": ("%Y%m%d", "dates as `YYYYMMDD`"),
    "mdy": ("%m/%d/%Y", ""),
    "words": ("%d %b %Y", "dates with an English month, as in `07 Mar 2021`"),
}
"""Forms of dates; the month comes first (mdy) in no export, only in the heads of some who read them."""

REASONS = ("bad-key", "no-title", "unknown-kind", "bad-date", "bad-amount")

Raw = Mapping[str, str]


@dataclass(frozen=True)
class Source:
    """One export.

    Attributes:
        form: csv, jsonl, fixed, blocks or sqlite. pack: "", gz, tar or zip.
        dates: a key of `DATES`. unit: of all its amounts, "" where each record has its own.
        style: where the unit stands: "name" of the column, "text" of the field, or a "column" of its own.
        delimiter: of csv; with ";" go decimal commas.
        fields: those that it has, in the order of its columns. names: of its columns, by field.
    """

    name: str
    form: str
    pack: str
    dates: str
    unit: str
    style: str
    delimiter: str
    fields: tuple[str, ...]
    names: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """A world and its rules.

    Attributes:
        sources: in the order of their rank. records: by source, in the order of its file.
        rule: which record of a key wins: "revision", "updated" or "priority". tie: 1 where the source named first wins
            a tie, -1 for the last. lowest: whether the lowest revision wins, which no task asks for.
        reasons: those that are looked for, in order. aliases: whether other words for kinds are known.
        unit, decimals: of the amounts written. rounding: "half-up" or, as some do it, "down".
        order: of the result: "key", "day" or "amount". columns: of the result. form: csv, tsv, json or jsonl.
        rejects: csv or tsv. rejects_by: "name" or "file".
        out: the folder of the results.
    """

    domain: Domain
    difficulty: str
    sources: tuple[Source, ...]
    records: Mapping[str, Sequence[Raw]]
    rule: str
    tie: int
    lowest: bool
    reasons: tuple[str, ...]
    aliases: bool
    unit: str
    decimals: int
    rounding: str
    order: str
    columns: tuple[str, ...]
    form: str
    rejects: str
    rejects_by: str
    totals: bool
    out: str

    @property
    def merged(self) -> str:
        """The path of the result."""
        return f"{self.out}/{self.domain.noun}.{self.form}"

    @property
    def rejected(self) -> str:
        """The path of the list of bad records."""
        return f"{self.out}/rejects.{self.rejects}"

    def column(self, field: str) -> str:
        """Return what a field is called in the result."""
        domain = self.domain
        names = {"key": domain.key, "title": domain.title, "kind": domain.kind, "day": domain.day}
        names |= {"amount": f"{domain.amount}_{self.unit}", "person": domain.person, "source": "source"}
        return names[field]


@dataclass(frozen=True)
class Clean:
    """A good record, cleaned."""

    key: str
    title: str
    kind: str
    day: str
    amount: int
    person: str
    source: str
    rev: str
    rank: int
    line: int


@dataclass(frozen=True)
class Result:
    """What is right: rows of text by field, rejects in order, and the summary."""

    rows: tuple[tuple[str, ...], ...]
    rejects: tuple[tuple[str, str, str], ...]
    summary: Mapping[str, object]


def fixed_widths(plan: Plan, source: Source) -> dict[str, tuple[int, int]]:
    """Return the first and the last column of each field of a fixed-width export, counted from 1."""
    found, at = {}, 1
    for field in source.fields:
        width = max(len(record[field]) for record in plan.records[source.name]) + 2
        found[field] = (at, at + width - 1)
        at += width
    return found


def amount_text(plan: Plan, thousandths: int) -> str:
    """Return an amount in thousandths of the smallest unit as it is written, in the unit of the result."""
    each = 1000 * plan.domain.units[plan.unit]
    doubled = 2 * thousandths * 10**plan.decimals + (each if plan.rounding == "half-up" else 0)
    whole = doubled // (2 * each)
    digits = f"{whole:0{plan.decimals + 1}}"
    return f"{digits[: -plan.decimals]}.{digits[-plan.decimals :]}" if plan.decimals else digits


def solve(plan: Plan) -> Result:
    """Return what is right by the plan's rules."""
    good: list[Clean] = []
    bad: list[tuple[int, int, tuple[str, str, str]]] = []
    for rank, source in enumerate(plan.sources):
        for line, raw in enumerate(plan.records[source.name], start=1):
            found = _cleaned(plan, source, raw, rank, line)
            if isinstance(found, Clean):
                good.append(found)
            else:
                bad.append((rank, line, (source.name, _key(raw), found)))
    bad.sort(key=(lambda item: item[:2]) if plan.rejects_by == "file" else (lambda item: item[2]))
    best: dict[str, Clean] = {}
    for one in sorted(good, key=lambda one: _standing(plan, one), reverse=True):
        best.setdefault(one.key, one)
    texts = {one.key: amount_text(plan, one.amount) for one in best.values()}

    def place(one: Clean) -> tuple[object, ...]:
        if plan.order == "amount":
            return (one.kind, -float(texts[one.key]), one.key)
        return (one.day, one.key) if plan.order == "day" else (one.key,)

    final = sorted(best.values(), key=place)
    rows = tuple((one.key, one.title, one.kind, one.day, texts[one.key], one.person, one.source) for one in final)
    counts = {
        source.name: {
            "read": len(plan.records[source.name]),
            "rejected": sum(item[2][0] == source.name for item in bad),
            "superseded": sum(one.source == source.name for one in good) - sum(row[6] == source.name for row in rows),
            "kept": sum(row[6] == source.name for row in rows),
        }
        for source in plan.sources
    }
    summary: dict[str, object] = {"sources": counts}
    if plan.totals:
        kinds = sorted({row[2] for row in rows})
        summary["totals"] = {kind: round(sum(float(row[4]) for row in rows if row[2] == kind), 2) for kind in kinds}
    return Result(rows, tuple(item[2] for item in bad), summary)


def _key(raw: Raw) -> str:
    return raw["key"].strip().upper()


def _standing(plan: Plan, one: Clean) -> tuple[object, ...]:
    if plan.rule == "priority":
        return (-one.rank * plan.tie, one.line)
    rev: object = one.rev if plan.rule == "updated" else int(one.rev) * (-1 if plan.lowest else 1)
    return (rev, -one.rank * plan.tie, one.line)


def _cleaned(plan: Plan, source: Source, raw: Raw, rank: int, line: int) -> Clean | str:
    """A good record, or the reason why it is a bad one."""
    known = {
        word: kind for kind, words in plan.domain.kinds.items() for word in (kind, *(words if plan.aliases else ()))
    }
    kind, day, thousandths = (
        known.get(raw["kind"].strip().lower()),
        _day(raw["day"], source.dates),
        _amount(plan, source, raw),
    )
    wrong = {
        "bad-key": not re.fullmatch(rf"{plan.domain.prefix}-[0-9]{{4}}", _key(raw)),
        "no-title": not raw["title"].strip(),
        "unknown-kind": kind is None,
        "bad-date": day is None,
        "bad-amount": thousandths is None,
    }
    reason = next((name for name in plan.reasons if wrong[name]), None)
    if reason is not None:
        return reason
    assert kind is not None and day is not None and thousandths is not None  # noqa: PT018 (only what is checked is spoilt)
    title = " ".join(raw["title"].split())
    return Clean(_key(raw), title, kind, day, thousandths, raw["person"], source.name, raw["rev"], rank, line)


def _day(text: str, dates: str) -> str | None:
    try:
        return datetime.datetime.strptime(text, DATES[dates][0]).date().isoformat()
    except ValueError:
        return None


def _amount(plan: Plan, source: Source, raw: Raw) -> int | None:
    number, _, own = raw["amount"].replace(",", ".").partition(" ")
    factor = plan.domain.units[own or raw["unit"]]
    match = re.fullmatch(r"([0-9]+)(?:\.([0-9]{1,3}))?", number)
    if match is None:
        return None
    thousandths = int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0"))
    return thousandths * factor or None
