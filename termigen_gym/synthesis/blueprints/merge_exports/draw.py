"""What merge-exports draws: sources in their formats, records with their faults, and the rules."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np

from ..kit import between, chance, pick, sample
from ..pieces import PEOPLE
from .domains import DOMAINS, Domain
from .plan import DATES, REASONS, Plan, Raw, Source

_SIZES = {"easy": (3, 20, 3), "medium": (4, 46, 4), "hard": (5, 84, 5)}
_PACKS = {"csv": ("", "gz"), "fixed": ("", "gz"), "blocks": ("", "gz"), "jsonl": ("tar", "zip"), "sqlite": ("",)}


def draw(rng: np.random.Generator, difficulty: str) -> Plan:
    """Return a world for a difficulty."""
    count, size, reasons = _SIZES[difficulty]
    domain = pick(rng, DOMAINS)
    rule = pick(rng, ("revision", "updated", "revision", "priority"))
    forms = sample(rng, ("csv", "jsonl", "fixed", "blocks", "sqlite"), 5)
    forms = [form for form in forms if form != "csv"][: count - 1]
    forms.insert(between(rng, 0, count - 1), "csv")
    dates = ["dmy", *sample(rng, [key for key in DATES if key not in ("dmy", "mdy")], 4)]
    shuffled = sample(rng, dates[:count], count)
    names = sample(rng, domain.sources, count)
    sources = tuple(
        _source(rng, domain, rule, *drawn, packed=difficulty != "easy" or chance(rng, 50))
        for drawn in zip(names, forms, shuffled, strict=True)
    )
    aliases = difficulty != "easy"
    unit = pick(rng, list(domain.units)[: 2 if difficulty == "easy" else 3])
    # In a large unit, whole numbers would mostly be 0.
    least = 0 if domain.units[unit] == 1 else 1
    kept = [name for name in ("person", "source") if difficulty == "hard" or chance(rng, 60)]
    columns = ["key", *sample(rng, ["title", "kind", "day", "amount", *kept], 4 + len(kept))]
    others = sample(rng, [reason for reason in REASONS if reason != "bad-date"], reasons - 1)
    checked = tuple(sample(rng, ["bad-date", *others], reasons))
    return Plan(
        domain=domain,
        difficulty=difficulty,
        sources=sources,
        records=_records(rng, domain, sources, size, rule, checked, aliases=aliases),
        rule=rule,
        tie=1,
        lowest=False,
        reasons=checked,
        aliases=aliases,
        unit=unit,
        decimals=between(rng, least, 1 if difficulty == "easy" else 2),
        rounding="half-up",
        order=pick(rng, ("key", "day", "amount")),
        columns=tuple(columns),
        form=pick(rng, ("csv", "tsv", "json", "jsonl")),
        rejects=pick(rng, ("csv", "tsv")),
        rejects_by=pick(rng, ("name", "file")),
        totals=difficulty == "hard" or chance(rng, 40),
        out=pick(rng, ("/app/out", "/app/merged", "/app/result", "/app/delivery")),
    )


def _source(
    rng: np.random.Generator, domain: Domain, rule: str, name: str, form: str, dates: str, *, packed: bool
) -> Source:
    style = pick(rng, ("name", "text", "column"))
    unit = pick(rng, list(domain.units)) if style == "name" else ""
    fields = ["key", "title", "kind", "day", "amount", "person"]
    fields += ["unit"] if style == "column" else []
    fields += ["rev"] if rule != "priority" else []
    names = {
        "key": domain.key,
        "title": domain.title,
        "kind": domain.kind,
        "day": domain.day,
        "amount": f"{domain.amount}_{unit}" if unit else domain.amount,
        "unit": "unit",
        "rev": "revision" if rule == "revision" else "updated",
        "person": domain.person,
    }
    if form in ("csv", "blocks"):
        letters = pick(rng, ("upper", "capital", "as they are"))
        if letters != "as they are":
            names = {field: name.upper() if letters == "upper" else name.capitalize() for field, name in names.items()}
    return Source(
        name,
        form,
        pick(rng, [pack for pack in _PACKS[form] if pack] or [""]) if packed else "",
        dates,
        unit,
        style,
        pick(rng, (",", ";")) if form == "csv" else "",
        ("key", *sample(rng, fields[1:], len(fields) - 1)),
        names,
    )


def _records(
    rng: np.random.Generator,
    domain: Domain,
    sources: Sequence[Source],
    size: int,
    rule: str,
    reasons: Sequence[str],
    *,
    aliases: bool,
) -> dict[str, list[Raw]]:
    """Draw records: each key once or, each third, in several places; then bad ones; each source in a random order."""
    drawn: dict[str, list[dict[str, str]]] = {source.name: [] for source in sources}
    keys = [f"{domain.prefix}-{int(number) + 1000}" for number in rng.permutation(8999)[: size + 10]]
    for number, key in enumerate(keys[:size]):
        copies = 1 if number % 3 else between(rng, 2, 3)
        for copy in range(copies):
            # Each ninth key is held by the first and the last source with the same revision, so that a tie decides.
            tied = number % 9 == 0 and copy < 2
            source = sources[-copy if tied else between(rng, 0, len(sources) - 1)]
            record = _record(rng, domain, source, key, aliases=aliases)
            record["rev"] = _revision(rng, rule, top=tied)
            drawn[source.name].append(record)
    for number, reason in enumerate(REASONS * (1 if size < 30 else 2)):
        if reason in reasons:
            source = sources[number % len(sources)]
            # The second round spoils the newest copies of keys that are good elsewhere.
            key = keys[size + number] if number < 5 else keys[number * 2]
            record = _record(rng, domain, source, key, aliases=aliases)
            record["rev"] = _revision(rng, rule, top=True)
            _spoil(rng, record, reason, source)
            if number % 2:
                _spoil(rng, record, reasons[(reasons.index(reason) + 1) % len(reasons)], source)
            drawn[source.name].append(record)
    return {name: [records[int(index)] for index in rng.permutation(len(records))] for name, records in drawn.items()}


def _revision(rng: np.random.Generator, rule: str, *, top: bool) -> str:
    if rule == "revision":
        return "12" if top else str(between(rng, 1, 11))
    if rule == "updated":
        day = 28 if top else between(rng, 1, 27)
        minute = 0 if top else between(rng, 0, 59)
        return (
            f"2024-0{9 if top else between(rng, 1, 8)}-{day:02}T{between(rng, 7, 7 if top else 18):02}:{minute:02}:00Z"
        )
    return ""


def _record(rng: np.random.Generator, domain: Domain, source: Source, key: str, *, aliases: bool) -> dict[str, str]:
    title = f"{pick(rng, domain.heads)}, {pick(rng, domain.tails)}"
    person, plain = pick(rng, PEOPLE)
    kind = pick(rng, list(domain.kinds))
    if aliases and chance(rng, 35):
        kind = pick(rng, domain.kinds[kind])
    day = datetime.date(between(rng, 2015, 2023), between(rng, 1, 12), between(rng, 1, 28))
    unit = source.unit or pick(rng, list(domain.units))
    place = list(domain.units).index(unit)
    digits = between(rng, 0, 1) if place == 0 else between(rng, 1, 3)
    number = between(rng, 101, 9899) / 10**digits
    amount = f"{number:.{digits}f}"
    if source.form == "jsonl" and source.style != "text":
        amount = repr(float(amount))
    if source.delimiter == ";":
        amount = amount.replace(".", ",")
    return {
        "key": key.lower() if chance(rng, 25) else key,
        "title": title.replace(" ", "  ", 1) if chance(rng, 25) else title,
        "kind": kind.upper() if chance(rng, 25) else kind,
        "day": day.strftime(DATES[source.dates][0]),
        "amount": f"{amount} {unit}" if source.style == "text" else amount,
        "unit": unit,
        "rev": "",
        "person": plain if source.form == "fixed" else person,
    }


def _spoil(rng: np.random.Generator, record: dict[str, str], reason: str, source: Source) -> None:
    unit = record["unit"]
    if reason == "bad-key":
        record["key"] = pick(rng, (record["key"][:-1], record["key"].replace("-", ""), f"{record['key']}7"))
    elif reason == "no-title":
        record["title"] = ""
    elif reason == "unknown-kind":
        record["kind"] = pick(rng, ("tbd", "?", "unsorted"))
    elif reason == "bad-date":
        bad = {"iso": "2021-02-30", "dmy": "31/04/2020", "dotted": "29.02.2019", "compact": "20221301"}
        record["day"] = pick(rng, ("", bad.get(source.dates, "31 Jun 2018")))
    else:
        amount = pick(rng, ("n/a", "0", "-4.5"))
        record["amount"] = f"{amount} {unit}" if source.style == "text" else amount
