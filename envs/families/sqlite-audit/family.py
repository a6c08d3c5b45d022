"""A double-entry ledger that disagrees with its bank statements: find every fault and correct it with SQL."""

from __future__ import annotations

import json
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, TypeVar

import numpy as np

from termigen_gym.family import Instance

T = TypeVar("T")
Leg = tuple[str, int]

# ---------------------------------------------------------------- what an instance is drawn from

TABLES = (
    ("entries", "entry_id"),
    ("journal", "journal_id"),
    ("vouchers", "voucher_id"),
    ("bookings", "booking_id"),
    ("transactions_log", "txn_id"),
)
LEGS = ("postings", "legs", "ledger_lines", "splits")
DAYS = ("day", "booked_on", "value_date")
REFS = ("bank_ref", "statement_ref", "ext_ref")
MEMOS = ("memo", "narration", "details")
CENTS = ("cents", "amount_minor", "minor_units")
FIRST = (
    "North", "Amber", "Stone", "River", "Copper", "Maple", "Harbor", "Silver", "Cedar", "Granite",
    "Willow", "Iron", "Summit", "Meadow", "Falcon", "Prairie", "Basalt", "Orchard", "Tidal", "Cobalt",
)  # fmt: skip
SECOND = (
    "gate", "field", "bridge", "line", "works", "point", "mark", "crest", "ford", "dale",
)  # fmt: skip
TRADE = (
    "Paper", "Energy", "Logistics", "Foods", "Telecom", "Tools", "Textiles", "Insurance", "Clinics",
    "Transport", "Printing", "Software", "Catering", "Rentals", "Glass", "Timber",
)  # fmt: skip
EXPENSES = (
    "Rent",
    "Utilities",
    "Office supplies",
    "Freight",
    "Telephone",
    "Insurance",
    "Repairs",
    "Travel",
    "Licences",
    "Cleaning",
)
INCOMES = ("Product sales", "Service income", "Licence income", "Rental income")

CATALOGUE = {
    "easy": ("duplicate", "amount", "orphan", "missing"),
    "medium": ("duplicate", "amount", "orphan", "missing", "account", "date", "sign"),
    "hard": ("duplicate", "amount", "orphan", "missing", "account", "date", "sign", "phantom", "fx", "tax", "ref"),
}


@dataclass(frozen=True)
class Scale:
    """How large an instance is, and what it contains."""

    lines: int
    months: int
    kinds: int
    parties: int
    internal: int
    foreign: bool
    unbalanced: str  # whether wrong amounts leave an entry out of balance: "always", "maybe" or "never"


SCALES = {
    "easy": Scale(lines=110, months=3, kinds=3, parties=8, internal=8, foreign=False, unbalanced="always"),
    "medium": Scale(lines=380, months=6, kinds=5, parties=14, internal=25, foreign=False, unbalanced="maybe"),
    "hard": Scale(lines=760, months=9, kinds=9, parties=20, internal=45, foreign=True, unbalanced="never"),
}


@dataclass(frozen=True)
class Names:
    """The names of tables and columns of one instance."""

    entries: str
    fk: str
    legs: str
    day: str
    ref: str
    memo: str
    cents: str


@dataclass(frozen=True)
class Party:
    """A counterparty and the rule that says where it is booked."""

    name: str
    code: str
    income: bool
    tax: int
    foreign: bool


@dataclass(frozen=True)
class Line:
    """One line of a bank statement, in the currency of its bank account."""

    ref: str
    day: date
    party: Party
    cents: int


@dataclass
class Entry:
    """One entry of the ledger with its legs: (leg id, account code, cents)."""

    day: date
    ref: str | None
    memo: str
    legs: list[Leg]
    id: int = 0
    leg_ids: list[int] = field(default_factory=list)


def pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    """One of the items."""
    return items[int(rng.integers(len(items)))]


def sample(rng: np.random.Generator, items: Sequence[T], count: int) -> list[T]:
    """`count` different items in random order."""
    return [items[int(i)] for i in rng.permutation(len(items))[:count]]


def between(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return int(rng.integers(low, high + 1))


# ---------------------------------------------------------------- the books as they should be


@dataclass(frozen=True)
class World:
    """The right books: accounts, rules, statements, rates and the entries that follow from them."""

    names: Names
    scale: Scale
    accounts: list[tuple[str, str]]
    bank: str
    bank2: str
    tax_account: str
    parties: list[Party]
    lines: list[Line]
    rates: list[tuple[date, int]]
    first: date
    last: date
    closed_before: date

    def home_cents(self, line: Line, shift: int = 0) -> int:
        """The line's amount in home currency; shift takes the rate that many quotations later."""
        if not line.party.foreign:
            return line.cents
        index = max(i for i, (day, _) in enumerate(self.rates) if day <= line.day)
        ppm = self.rates[min(max(index + shift, 0), len(self.rates) - 1)][1]
        value = (abs(line.cents) * ppm + 500_000) // 1_000_000
        return value if line.cents > 0 else -value

    def legs(self, line: Line, home: int | None = None) -> list[Leg]:
        """The legs that the policy demands for a statement line."""
        home = self.home_cents(line) if home is None else home
        bank = self.bank2 if line.party.foreign else self.bank
        if line.party.tax and home < 0:
            gross, parts = -home, 100 + line.party.tax
            net = (gross * 200 + parts) // (2 * parts)
            return [(bank, home), (line.party.code, net), (self.tax_account, gross - net)]
        return [(bank, home), (line.party.code, -home)]


def month_start(day: date, months: int) -> date:
    """The first day of the month that lies `months` after the day's month."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def draw_names(rng: np.random.Generator) -> Names:
    """Names of tables and columns."""
    entries, fk = pick(rng, TABLES)
    return Names(entries, fk, pick(rng, LEGS), pick(rng, DAYS), pick(rng, REFS), pick(rng, MEMOS), pick(rng, CENTS))


def draw_accounts(rng: np.random.Generator, foreign: bool) -> dict[str, list[tuple[str, str]]]:
    """Accounts by class, each (code, name)."""

    def codes(digit: int, count: int) -> list[str]:
        return [f"{digit}{int(n):03d}" for n in sorted(int(x) for x in rng.permutation(900)[:count] + 50)]

    assets = codes(1, 4)
    incomes, expenses = sample(rng, INCOMES, 3), sample(rng, EXPENSES, 7)
    return {
        "bank": [(assets[0], "Bank current account")]
        + ([(assets[1], "Bank account, foreign currency")] if foreign else []),
        "asset": [(assets[2], "Equipment"), (assets[3], "Prepaid expenses")],
        "debt": list(zip(codes(2, 3), ("Input tax", "Accrued liabilities", "Loan"), strict=True)),
        "equity": [(codes(3, 1)[0], "Equity")],
        "income": list(zip(codes(4, 3), incomes, strict=True)),
        "expense": list(zip(codes(5, 7), expenses, strict=True)),
    }


def draw_parties(rng: np.random.Generator, scale: Scale, book: dict[str, list[tuple[str, str]]]) -> list[Party]:
    """Counterparties with their rules; in the largest scale some pay tax and some are abroad."""
    stems = [(a, b) for a in FIRST for b in SECOND]
    parties = []
    for i, (a, b) in enumerate(sample(rng, stems, scale.parties)):
        income = i % 3 == 0
        abroad = scale.foreign and i % 4 == 3
        tax = pick(rng, (7, 10, 19, 21)) if scale.foreign and not income and not abroad and i % 2 == 1 else 0
        code = pick(rng, book["income" if income else "expense"])[0]
        parties.append(Party(f"{a}{b} {pick(rng, TRADE)}", code, income, tax, abroad))
    return parties


def draw_lines(rng: np.random.Generator, scale: Scale, parties: Sequence[Party], first: date, last: date) -> list[Line]:
    """Statement lines in order of day, among them pairs that differ in their reference alone."""
    prefix = "".join(pick(rng, "ABCDEFGHKLMNPRSTUVWXYZ") for _ in range(2))
    numbers = [int(n) for n in rng.permutation(90_000)[: scale.lines] + 10_000]
    span = (last - first).days
    drafts: list[tuple[date, Party, int]] = []
    while len(drafts) < scale.lines:
        day, party = first + timedelta(days=between(rng, 0, span)), pick(rng, parties)
        cents = between(rng, 1_200, 4_800_000 if party.income else 950_000)
        drafts.append((day, party, cents if party.income else -cents))
        if (len(drafts) == 9 or between(rng, 0, 24) == 0) and len(drafts) < scale.lines:
            drafts.append(drafts[-1])
    drafts.sort(key=lambda d: d[0])
    return [Line(f"{prefix}{n}", day, party, cents) for n, (day, party, cents) in zip(numbers, drafts, strict=True)]


def draw_rates(rng: np.random.Generator, first: date, last: date) -> list[tuple[date, int]]:
    """Quotations on working days, a few days left out, in millionths of the home currency."""
    ppm, day, rates = between(rng, 820_000, 1_240_000), first - timedelta(days=10), []
    while day <= last:
        if day.weekday() < 5 and between(rng, 0, 14):
            rates.append((day, ppm))
            ppm += pick(rng, (-1, 1)) * between(rng, 700, 6_400)
        day += timedelta(days=1)
    return rates


def draw_world(rng: np.random.Generator, scale: Scale) -> tuple[World, dict[str, list[tuple[str, str]]]]:
    """The right books, and the accounts by class."""
    first = date(between(rng, 2016, 2027), between(rng, 1, 12), 1)
    last = month_start(first, scale.months) - timedelta(days=1)
    book = draw_accounts(rng, scale.foreign)
    parties = draw_parties(rng, scale, book)
    world = World(
        names=draw_names(rng),
        scale=scale,
        accounts=sorted(a for group in book.values() for a in group),
        bank=book["bank"][0][0],
        bank2=book["bank"][-1][0],
        tax_account=book["debt"][0][0],
        parties=parties,
        lines=draw_lines(rng, scale, parties, first, last),
        rates=draw_rates(rng, first, last) if scale.foreign else [],
        first=first,
        last=last,
        closed_before=date(last.year, last.month, 1),
    )
    return world, book


def internal_entries(rng: np.random.Generator, world: World, book: dict[str, list[tuple[str, str]]]) -> list[Entry]:
    """The opening entry, then accruals and the like, which no statement knows."""
    entries = []
    for bank, _ in book["bank"]:
        start = between(rng, 900_000, 9_000_000)
        entries.append(Entry(world.first, None, "Opening balance", [(bank, start), (book["equity"][0][0], -start)]))
    span = (world.last - world.first).days
    for _ in range(world.scale.internal):
        amount = between(rng, 2_000, 300_000)
        memo = pick(rng, ("Accrual", "Depreciation", "Reclassification", f"Accrual {pick(rng, world.parties).name}"))
        other = pick(rng, (book["asset"][0], book["asset"][1], book["debt"][1]))[0]
        legs = [(pick(rng, book["expense"])[0], amount), (other, -amount)]
        entries.append(Entry(world.first + timedelta(days=between(rng, 0, span)), None, memo, legs))
    return entries


# ---------------------------------------------------------------- faults


def swap_digits(rng: np.random.Generator, cents: int) -> int:
    """The amount with two neighbouring different digits swapped, or a 9.00 error where there are none."""
    text = str(abs(cents))
    spots = [i for i in range(len(text) - 1) if text[i] != text[i + 1] and not (i == 0 and text[1] == "0")]
    if not spots:
        return cents + 900
    i = pick(rng, spots)
    value = int(text[:i] + text[i + 1] + text[i] + text[i + 2 :])
    return value if cents > 0 else -value


def wrong_day(rng: np.random.Generator, day: date) -> date:
    """Another day of the kinds that fingers make: day and month swapped, a month later, a digit off."""
    options = [month_start(day, 1) + timedelta(days=min(day.day, 28) - 1), day + timedelta(days=10)]
    if day.day <= 12 and day.day != day.month:
        options.append(date(day.year, day.day, day.month))
    return pick(rng, options)


@dataclass
class Books:
    """The ledger while faults are put into it, and what a right audit says about it.

    `right` maps an entry to what it must be afterwards (None: removed); entries that are not in it stay as they are.
    """

    entries: list[Entry]
    right: dict[int, Entry | None] = field(default_factory=dict)
    new: list[Entry] = field(default_factory=list)
    orphans: list[Leg] = field(default_factory=list)
    findings: list[tuple[str, str]] = field(default_factory=list)


def damage(rng: np.random.Generator, world: World, books: Books, kind: str, line: Line, spot: int) -> None:
    """Put one fault of the kind into the entry of a statement line; the entry is books.entries[spot]."""
    entry = books.entries[spot]
    good = replace(entry, legs=list(entry.legs))
    ref, unbalanced = line.ref, world.scale.unbalanced
    if kind == "amount":
        wrong = swap_digits(rng, entry.legs[0][1])
        legs = [(entry.legs[0][0], wrong), (entry.legs[1][0], -wrong)]
        right_leg = between(rng, 0, 2 if unbalanced == "maybe" else 1)  # 2: both legs are wrong, still in balance
        if unbalanced != "never" and right_leg < 2:
            legs[right_leg] = entry.legs[right_leg]
        entry.legs = legs
    elif kind == "sign":
        entry.legs = [(code, -cents) for code, cents in entry.legs]
    elif kind == "account":
        others = sorted({p.code for p in world.parties if p.income == line.party.income} - {line.party.code})
        entry.legs = [(pick(rng, others) if code == line.party.code else code, cents) for code, cents in entry.legs]
    elif kind == "date":
        entry.day = wrong_day(rng, entry.day)
    elif kind == "fx":
        true = world.home_cents(line)
        shifts = [s for s in (1, -1, 2, -2, 3) if world.home_cents(line, s) != true]
        wrong = world.home_cents(line, pick(rng, shifts))
        entry.legs = world.legs(line, wrong)
    elif kind == "tax":
        gross = -entry.legs[0][1]
        tax = gross * line.party.tax // 100
        entry.legs = [entry.legs[0], (line.party.code, gross - tax), (world.tax_account, tax)]
    elif kind == "ref":
        entry.ref = pick(rng, (f" {ref}", f"{ref} ", ref.lower(), f"{ref[0]}{ref[1:].lower()}"))
    elif kind == "missing":
        books.new.append(good)
        books.right[spot] = None
    elif kind == "duplicate":
        day = entry.day + timedelta(days=between(rng, 0, 3))
        sloppy = pick(rng, (ref.lower(), f"{ref} ", ref)) if world.scale.foreign else ref
        books.entries.append(Entry(day, sloppy, entry.memo, list(entry.legs)))
        books.right[len(books.entries) - 1] = None
    if kind not in ("missing", "duplicate"):
        books.right[spot] = good
    books.findings.append((kind, ref))


def add_phantom(rng: np.random.Generator, world: World, books: Books, number: int) -> None:
    """An entry for a payment that the bank does not know."""
    prefix = world.lines[0].ref[:2]
    party = pick(rng, [p for p in world.parties if not p.tax and not p.foreign])
    cents = between(rng, 4_000, 400_000) * (1 if party.income else -1)
    day = world.first + timedelta(days=between(rng, 0, (world.last - world.first).days))
    books.entries.append(Entry(day, f"{prefix}{number}", party.name, [(world.bank, cents), (party.code, -cents)]))
    books.findings.append(("phantom", f"{prefix}{number}"))


def suits(world: World, kind: str, line: Line) -> bool:
    """Whether the kind of fault can be told apart on this line."""
    taxed = bool(line.party.tax) and line.cents < 0
    home = not line.party.foreign
    if kind == "amount":
        return home and not taxed
    if kind == "account":
        codes = {p.code for p in world.parties if p.income == line.party.income}
        return home and not taxed and len(codes) > 1
    if kind == "tax":
        if not taxed:
            return False
        legs, gross = world.legs(line), -line.cents
        return legs[2][1] != gross * line.party.tax // 100
    if kind == "fx":
        return not home and any(world.home_cents(line, s) != world.home_cents(line) for s in (1, -1, 2, -2, 3))
    if kind in ("date", "sign"):
        return home
    return True


def make_books(rng: np.random.Generator, difficulty: str) -> tuple[World, Books, list[str]]:
    """The damaged ledger, numbered, and the kinds of faults in it."""
    scale = SCALES[difficulty]
    world, groups = draw_world(rng, scale)
    kinds = sample(rng, CATALOGUE[difficulty], scale.kinds)
    books = Books([Entry(x.day, x.ref, x.party.name, world.legs(x)) for x in world.lines])
    free = sample(rng, range(len(world.lines)), len(world.lines))
    numbers = {int(x.ref[2:]) for x in world.lines}
    for kind in kinds:
        for _ in range(between(rng, 2, 4 if difficulty == "easy" else 5)):
            if kind == "orphan":
                amount = between(rng, 900, 90_000)
                books.orphans += [(world.bank, amount), (pick(rng, groups["expense"])[0], -amount)][
                    : between(rng, 1, 2)
                ]
            elif kind == "phantom":
                number = next(n for n in range(between(rng, 10_000, 99_000), 200_000) if n not in numbers)
                numbers.add(number)
                add_phantom(rng, world, books, number)
            else:
                spot = next(i for i in free if suits(world, kind, world.lines[i]))
                free.remove(spot)
                damage(rng, world, books, kind, world.lines[spot], spot)
    bank_entries = len(books.entries)
    books.entries += internal_entries(rng, world, groups)
    number_entries(rng, books, len(world.lines), bank_entries)
    closing = world.last
    for entry in books.entries:
        if ("phantom", entry.ref) in books.findings:
            books.new.append(
                Entry(closing, None, f"REVERSAL {entry.id}", [(code, -cents) for code, cents in entry.legs])
            )
    return world, books, kinds


def number_entries(rng: np.random.Generator, books: Books, statement: int, bank_entries: int) -> None:
    """Give ids in about the order of days, duplicates after their originals, legs as they come."""
    gone = {i for i in range(statement) if i in books.right and books.right[i] is None}
    order = [i for i in range(len(books.entries)) if i not in gone]
    delayed = {i for i in order if statement <= i < bank_entries and between(rng, 0, 3) == 0}
    order.sort(key=lambda i: (books.entries[i].memo != "Opening balance", i in delayed, books.entries[i].day, i))
    # A duplicate may not come before what it repeats: move any that does to the end.
    first_seen: set[str] = set()
    late = []
    for i in order:
        ref = (books.entries[i].ref or "").strip().upper()
        if ref and i >= statement and i in books.right and ref not in first_seen:
            late.append(i)
        first_seen.add(ref)
    order = [i for i in order if i not in late] + late
    next_id, next_leg = between(rng, 100, 4_000), between(rng, 5_000, 20_000)
    for i in order:
        entry = books.entries[i]
        entry.id = next_id
        entry.leg_ids = list(range(next_leg, next_leg + len(entry.legs)))
        next_leg += len(entry.legs)
        next_id += pick(rng, (1, 1, 1, 1, 2, 3))
        right = books.right.get(i)
        if right is not None:
            right.id, right.leg_ids = entry.id, entry.leg_ids


# ---------------------------------------------------------------- files of an instance


def quote(text: str | None) -> str:
    """An SQL literal."""
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def dump(rng: np.random.Generator, world: World, books: Books) -> tuple[str, list[int]]:
    """The database as `sqlite3 .dump` writes it, and the ids of the orphaned legs."""
    n = world.names
    rows = [
        "PRAGMA foreign_keys=OFF;",
        "BEGIN TRANSACTION;",
        "CREATE TABLE accounts (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, name TEXT NOT NULL);",
    ]
    ids = {code: i * 3 + 2 for i, (code, _) in enumerate(world.accounts)}
    rows += [f"INSERT INTO accounts VALUES({ids[code]},{quote(code)},{quote(name)});" for code, name in world.accounts]
    rows.append(
        "CREATE TABLE rules (counterparty TEXT PRIMARY KEY, account_code TEXT NOT NULL REFERENCES accounts(code), tax_pct INTEGER NOT NULL);"
    )
    rows += [
        f"INSERT INTO rules VALUES({quote(p.name)},{quote(p.code)},{p.tax});"
        for p in sorted(world.parties, key=lambda p: p.name)
    ]
    rows.append(
        f"CREATE TABLE {n.entries} (id INTEGER PRIMARY KEY, {n.day} TEXT NOT NULL, {n.ref} TEXT, {n.memo} TEXT NOT NULL);"
    )
    live = sorted((e for e in books.entries if e.id), key=lambda e: e.id)
    rows += [f"INSERT INTO {n.entries} VALUES({e.id},'{e.day}',{quote(e.ref)},{quote(e.memo)});" for e in live]
    rows.append(
        f"CREATE TABLE {n.legs} (id INTEGER PRIMARY KEY, {n.fk} INTEGER NOT NULL REFERENCES {n.entries}(id), "
        f"account_id INTEGER NOT NULL REFERENCES accounts(id), {n.cents} INTEGER NOT NULL);"
    )
    legs = [(leg_id, e.id, code, cents) for e in live for leg_id, (code, cents) in zip(e.leg_ids, e.legs, strict=True)]
    lost, leg_id, used = [], max(x[0] for x in legs) + between(rng, 1, 40), {e.id for e in live}
    gaps = [i for i in range(min(used), max(used)) if i not in used] + [max(used) + 7]
    for code, cents in books.orphans:
        legs.append((leg_id, pick(rng, gaps), code, cents))
        lost.append(leg_id)
        leg_id += between(rng, 1, 3)
    rows += [f"INSERT INTO {n.legs} VALUES({i},{entry},{ids[code]},{cents});" for i, entry, code, cents in legs]
    rows.append(f"CREATE INDEX idx_{n.legs}_{n.fk} ON {n.legs}({n.fk});")
    rows.append("COMMIT;")
    return "\n".join(rows) + "\n", lost


def money(cents: int) -> str:
    """Cents as units with two decimals."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def grouped(cents: int, thousands: str, point: str) -> str:
    """Cents as a bank prints them."""
    whole = f"{abs(cents) // 100:,}".replace(",", thousands)
    return f"{'-' if cents < 0 else ''}{whole}{point}{abs(cents) % 100:02d}"


def statements(world: World, difficulty: str) -> dict[str, str]:
    """The bank's files: plain in easy, with thousands separators in medium, two banks with two dialects in hard."""
    home = [x for x in world.lines if not x.party.foreign]
    if difficulty == "easy":
        rows = [f"{x.day},{x.ref},{x.party.name},{money(x.cents)}" for x in home]
        return {"/app/statement.csv": "date,reference,counterparty,amount\n" + "\n".join(rows) + "\n"}
    rows = [f'{x.day.strftime("%d/%m/%Y")},{x.ref},{x.party.name},"{grouped(x.cents, ",", ".")}"' for x in home]
    files = {"/app/statement.csv": "date,reference,counterparty,amount\n" + "\n".join(rows) + "\n"}
    if difficulty == "hard":
        rows = [
            f"{x.ref};{x.day.strftime('%d.%m.%Y')};{grouped(x.cents, '.', ',')};{x.party.name}"
            for x in world.lines
            if x.party.foreign
        ]
        files["/app/statement-fx.csv"] = "reference;booked;amount;counterparty\n" + "\n".join(rows) + "\n"
        quotes = [f"{day},{ppm // 1_000_000}.{ppm % 1_000_000:06d}" for day, ppm in world.rates]
        files["/app/rates.csv"] = "date,rate\n" + "\n".join(quotes) + "\n"
    return files


def kind_rows(world: World, difficulty: str) -> list[str]:
    """The policy's list of faults, in the instance's own names."""
    n = world.names
    words = {
        "duplicate": "a statement line booked a second time. Remove the entry with the higher id, and its legs.",
        "amount": f"{'a home-currency entry with wrong amounts, other than `tax`' if difficulty == 'hard' else 'an entry with wrong amounts'}. Set them right.",
        "orphan": f"a row of `{n.legs}` whose entry does not exist. Remove the row. One finding for each row.",
        "missing": "a statement line without an entry. Book it.",
        "account": "right amounts, but the other side is on another account than the rule's. Move that leg.",
        "date": f"`{n.day}` is not the statement's day. Set it right.",
        "sign": "every leg has the opposite sign. Turn them round.",
        "phantom": (
            f"an entry whose reference no statement has. It stays; add an entry that reverses it: `{n.day}` {world.last}, no reference (NULL), "
            f"`{n.memo}` `REVERSAL <id of the phantom>`, the same accounts, opposite amounts."
        ),
        "fx": "an entry of the foreign-currency account that was converted at another day's rate. Set its amounts right.",
        "tax": "the bank leg is right, but net and tax are not split as above. Set them right.",
        "ref": f"`{n.ref}` differs from the statement's reference in letter case or surrounding blanks only. Write it as the statement does.",
    }
    return [f"- `{k}`: {words[k]}" for k in CATALOGUE[difficulty]]


def policy(world: World, difficulty: str) -> str:
    """POLICY.md."""
    n, hard = world.names, difficulty == "hard"
    text = [
        "# Booking policy",
        "",
        f"`{n.legs}.{n.cents}` holds whole cents of the home currency: debit positive, credit negative. The legs of an entry sum to zero.",
        "",
        "## A statement line in the ledger",
        "",
        f"Each statement line has exactly one row in `{n.entries}`: `{n.day}` is its date (YYYY-MM-DD), `{n.ref}` its reference, `{n.memo}` its counterparty.",
        f"The legs: account {world.bank} takes the statement's amount (money that comes in is positive); the account that `rules` gives for the counterparty "
        "takes the opposite.",
    ]
    if hard:
        text += [
            f"Lines of `statement-fx.csv` belong to account {world.bank2} and are in foreign currency: home cents = foreign cents times the last rate of "
            "`rates.csv` on or before the line's date, rounded to the nearest cent (halves away from zero).",
            f"Where a rule has a `tax_pct` p above 0, money that goes out has three legs: bank -gross; the rule's account net = gross*100/(100+p) rounded to the "
            f"nearest cent (halves up); account {world.tax_account} gross - net.",
        ]
    text += [
        f"Rows of `{n.entries}` without a reference (NULL) are internal and right as they are. Lines that are alike but for the reference are separate payments.",
        "",
        "## Faults and how they are corrected",
        "",
        "An entry has one fault at most. Not every kind need occur.",
        "",
        *kind_rows(world, difficulty),
        "",
        "Corrections keep the entry's id. Rows that are right are left alone, ids included. The tables, their columns, and the rows of `accounts` and `rules` "
        "stay as they are; helper tables do not belong in the ledger.",
        "",
        "A finding's `ref` is the reference as the statement prints it; for a phantom as the ledger has it; for an orphan the id of the row.",
    ]
    return "\n".join(text) + "\n"


def instruction(world: World, difficulty: str) -> str:
    """instruction.md."""
    n = world.names
    files = {
        "easy": "`/app/statement.csv` is what the bank says",
        "medium": "`/app/statement.csv` (dates are DD/MM/YYYY) is what the bank says",
        "hard": "`/app/statement.csv` (dates DD/MM/YYYY) and `/app/statement-fx.csv` (the foreign-currency account) are what the banks say",
    }[difficulty]
    text = f"""`/app/ledger.sql` is a dump of our ledger, a SQLite database; {files} about the same months. They do not agree.
`/app/POLICY.md` says how a statement line is booked, which kinds of faults occur and how each kind is corrected.

Please:

1. Restore the dump into `/app/ledger.db`, find every fault and correct it there as the policy says.
2. List the faults in `/app/findings.csv`: header `kind,ref`, one line for each fault, in any order. It looks like `amount,ZZ00001`.
3. Write `/app/balances.csv`: header `code,balance`, one line for each row of `accounts` (also those at zero), the sum of its
   legs after correction in currency units with two decimals, in any order, like `0000,-12.50`.
"""
    if difficulty != "easy":
        which = "each of the two bank accounts" if difficulty == "hard" else f"bank account {world.bank}"
        text += f"""4. Write `/app/bank-months.csv`: header `code,month,closing`, for {which} and each month of the statements (YYYY-MM)
   the account's balance at the end of that month after correction, internal entries included, in any order, like
   `0000,1999-12,-12.50`.
"""
    if difficulty == "hard":
        text += f"""5. Then close the books in `/app/ledger.db` with triggers: any insert, update or delete of a row of `{n.entries}` that lies before
   {world.closed_before} (by `{n.day}`), or of a leg of such an entry, must abort with an error. Moving an entry or a leg into or out of the closed
   time counts too. Later entries stay open to every change.
"""
    text += f"""
Keep the restored tables and columns as they are, and do not rebuild entries that are right: their ids, and those of their rows in
`{n.legs}`, must survive. Paths and headers must be exactly these."""
    return text + "\n"


def truth(world: World, books: Books, lost: list[int]) -> dict[str, Any]:
    """What the tests compare with."""
    n = world.names
    keep: list[list[object]] = []
    legs: list[tuple[date, str, int]] = []
    for i, entry in enumerate(books.entries):
        right = books.right.get(i, entry)
        if right is None or not entry.id:
            continue
        touched = i in books.right
        keep.append(
            [right.id, str(right.day), right.ref, right.memo, sorted(right.legs), None if touched else right.leg_ids]
        )
        legs += [(right.day, code, cents) for code, cents in right.legs]
    legs += [(e.day, code, cents) for e in books.new for code, cents in e.legs]
    balances = {code: sum(c for _, x, c in legs if x == code) for code, _ in world.accounts}
    months: dict[str, dict[str, int]] = {}
    banks = [world.bank] + ([world.bank2] if world.scale.foreign else [])
    for bank in banks:
        months[bank] = {}
        for m in range(world.scale.months):
            start = month_start(world.first, m)
            end = date(start.year, start.month, monthrange(start.year, start.month)[1])
            months[bank][f"{start:%Y-%m}"] = sum(c for day, x, c in legs if x == bank and day <= end)
    findings = books.findings + [("orphan", str(i)) for i in lost]
    return {
        "names": {
            "entries": n.entries,
            "fk": n.fk,
            "legs": n.legs,
            "day": n.day,
            "ref": n.ref,
            "memo": n.memo,
            "cents": n.cents,
        },
        "entries": keep,
        "new": [[str(e.day), e.ref, e.memo, sorted(e.legs)] for e in books.new],
        "findings": sorted(findings),
        "balances": balances,
        "months": months if world.scale.months > 3 else None,
        "closed_before": str(world.closed_before) if world.scale.foreign else None,
    }


# ---------------------------------------------------------------- the solution


@dataclass(frozen=True)
class Block:
    """One action of the solution; the name is for mistakes to point at."""

    name: str
    thought: str
    command: str


@dataclass(frozen=True)
class Mistake:
    """One plausible mistake in place of the block of that name."""

    block: str
    kind: str
    thought: str
    command: str
    diagnosis: str
    finding: str
    undo: tuple[str, ...] = ()


def render_solution(blocks: Sequence[Block]) -> str:
    """solve.sh."""
    parts = ["#!/bin/bash\nset -euo pipefail"]
    parts += ["\n".join(f"# {line}" for line in b.thought.split("\n")) + "\n" + b.command.strip("\n") for b in blocks]
    return "\n\n".join(parts) + "\n"


def render_mistakes(mistakes: Sequence[Mistake], blocks: Sequence[Block]) -> str:
    """mistakes.toml; a JSON string is a TOML string too."""
    steps = {b.name: i for i, b in enumerate(blocks, 1)}
    out = []
    for m in mistakes:
        fields = {
            "kind": m.kind,
            "thought": m.thought,
            "command": m.command,
            "diagnosis": m.diagnosis,
            "finding": m.finding,
        }
        rows = ["[[mistake]]", f"step = {steps[m.block]}"]
        rows += [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
        rows.append(f"undo = {json.dumps(list(m.undo))}")
        out.append("\n".join(rows))
    return "\n\n".join(out) + "\n"


ANY_ORDER = "the instruction asks for the rows of each report in any order"


def render_variants(equivalents: Mapping[str, str], mutants: Mapping[str, str]) -> str:
    """variants.toml: names to commands that run after the last block; a JSON string is a TOML string too."""
    out = [
        f"[[{kind}]]\nname = {json.dumps(name)}\ncommand = {json.dumps(command)}"
        for kind, variants in (("equivalents", equivalents), ("mutants", mutants))
        for name, command in variants.items()
    ]
    out.append(f"[[harmless]]\nmutant = {json.dumps('reordered/app/*.csv')}\nwhy = {json.dumps(ANY_ORDER)}")
    return "\n\n".join(out) + "\n"


def import_sql(world: World, difficulty: str) -> str:
    """SQL that loads the statements into /tmp/audit.db and works out the legs that the policy demands."""
    number = "CAST(replace(replace(amount, ',', ''), '.', '') AS INTEGER)"
    iso = {
        "easy": "date",
        "medium": "substr(date, 7, 4) || '-' || substr(date, 4, 2) || '-' || substr(date, 1, 2)",
        "hard": "substr(date, 7, 4) || '-' || substr(date, 4, 2) || '-' || substr(date, 1, 2)",
    }[difficulty]
    rows = [
        ".import --csv /app/statement.csv raw",
        "ATTACH '/app/ledger.db' AS led;",
    ]
    if difficulty != "hard":
        rows += [
            f"CREATE TABLE st AS SELECT reference AS ref, {iso} AS day, counterparty AS who,",
            f"  {number} AS cents, '{world.bank}' AS bank FROM raw;",
            "CREATE TABLE want AS",
            "  SELECT ref, bank AS code, cents FROM st",
            "  UNION ALL SELECT st.ref, r.account_code, -st.cents FROM st JOIN led.rules r ON r.counterparty = st.who;",
        ]
    else:
        rows += [
            ".import --csv /app/rates.csv rates",
            ".mode csv",
            ".separator ;",
            ".import /app/statement-fx.csv rawfx",
            ".mode list",
            "CREATE TABLE st AS",
            f"  SELECT reference AS ref, {iso} AS day, counterparty AS who, {number} AS cents, '{world.bank}' AS bank FROM raw",
            "  UNION ALL",
            "  SELECT reference, substr(booked, 7, 4) || '-' || substr(booked, 4, 2) || '-' || substr(booked, 1, 2), counterparty,",
            f"    {number}, '{world.bank2}' FROM rawfx;",
            "UPDATE st SET cents = CASE WHEN cents < 0 THEN -1 ELSE 1 END * ((abs(cents) * (SELECT CAST(replace(rate, '.', '') AS INTEGER)",
            "  FROM rates WHERE rates.date <= st.day ORDER BY rates.date DESC LIMIT 1) + 500000) / 1000000)",
            f"  WHERE bank = '{world.bank2}';",
            "CREATE TABLE split AS SELECT st.ref, st.bank, st.cents, r.account_code AS code,",
            "  CASE WHEN r.tax_pct > 0 AND st.cents < 0 THEN (-st.cents * 200 + 100 + r.tax_pct) / (2 * (100 + r.tax_pct)) ELSE -st.cents END AS net",
            "  FROM st JOIN led.rules r ON r.counterparty = st.who;",
            "CREATE TABLE want AS",
            "  SELECT ref, bank AS code, cents FROM split UNION ALL SELECT ref, code, net FROM split",
            f"  UNION ALL SELECT ref, '{world.tax_account}', -cents - net FROM split WHERE -cents <> net;",
        ]
    rows.append("CREATE INDEX want_ref ON want(ref);")
    rows.append(
        "SELECT count(*) || ' lines, ' || (SELECT count(*) FROM want) || ' legs wanted, ' || sum(cents) || ' cents in all' FROM st;"
    )
    return "\n".join(rows)


def find_sql(world: World, difficulty: str) -> str:
    """SQL that fills the table findings(kind, ref, id) of /tmp/audit.db."""
    n = world.names
    base = f"""CREATE TEMP VIEW e AS SELECT id, upper(trim({n.ref})) AS ref, {n.ref} AS written, {n.day} AS day FROM led.{n.entries} WHERE {n.ref} IS NOT NULL;
CREATE TEMP TABLE kept AS SELECT min(id) AS id, ref, written, day FROM e GROUP BY ref;
CREATE TEMP TABLE have AS SELECT k.ref, a.code, l.{n.cents} AS cents FROM kept k
  JOIN led.{n.legs} l ON l.{n.fk} = k.id JOIN led.accounts a ON a.id = l.account_id;
CREATE INDEX temp.have_ref ON have(ref);
CREATE TEMP TABLE off AS SELECT st.ref, st.bank,
    NOT EXISTS (SELECT code FROM have WHERE ref = st.ref EXCEPT SELECT code FROM want WHERE ref = st.ref) AS codes,
    NOT EXISTS (SELECT code, cents FROM have WHERE ref = st.ref EXCEPT SELECT code, -cents FROM want WHERE ref = st.ref) AS turned,
    EXISTS (SELECT 1 FROM have h WHERE h.ref = st.ref AND h.code = st.bank AND h.cents = st.cents) AS banked,
    (SELECT sum(cents) FROM have h WHERE h.ref = st.ref) = 0 AS level
  FROM st WHERE ref IN (SELECT ref FROM kept) AND ref IN (SELECT ref FROM (SELECT ref, code, cents FROM have EXCEPT SELECT ref, code, cents FROM want)
    UNION SELECT ref FROM (SELECT ref, code, cents FROM want EXCEPT SELECT ref, code, cents FROM have));
CREATE TABLE findings (kind TEXT, ref TEXT, id INTEGER);
"""
    fx = f" AND bank = '{world.bank}' AND NOT (banked AND level)" if difficulty == "hard" else ""
    queries = {
        "duplicate": "SELECT 'duplicate', ref, id FROM e WHERE id NOT IN (SELECT id FROM kept)",
        "missing": "SELECT 'missing', ref, NULL FROM st WHERE ref NOT IN (SELECT ref FROM e)",
        "orphan": f"SELECT 'orphan', id, id FROM led.{n.legs} WHERE {n.fk} NOT IN (SELECT id FROM led.{n.entries})",
        "sign": "SELECT 'sign', ref, NULL FROM off WHERE turned",
        "account": "SELECT 'account', ref, NULL FROM off WHERE NOT codes",
        "amount": f"SELECT 'amount', ref, NULL FROM off WHERE codes AND NOT turned{fx}",
        "tax": f"SELECT 'tax', ref, NULL FROM off WHERE codes AND NOT turned AND bank = '{world.bank}' AND banked AND level",
        "fx": f"SELECT 'fx', ref, NULL FROM off WHERE codes AND NOT turned AND bank = '{world.bank2}'",
        "date": "SELECT 'date', k.ref, k.id FROM kept k JOIN st ON st.ref = k.ref WHERE st.day <> k.day",
        "phantom": "SELECT 'phantom', written, id FROM kept WHERE ref NOT IN (SELECT ref FROM st)",
        "ref": "SELECT 'ref', st.ref, k.id FROM kept k JOIN st ON st.ref = k.ref WHERE k.written <> st.ref",
    }
    return base + "\n".join(f"INSERT INTO findings {queries[k]};" for k in CATALOGUE[difficulty])


def correct_sql(world: World, kinds: Sequence[str]) -> str:
    """SQL that corrects the kinds that were found."""
    n = world.names
    entry = f"(SELECT min(id) FROM led.{n.entries} e WHERE upper(trim(e.{n.ref})) = f.ref)"
    rows = []
    if "duplicate" in kinds:
        rows += [
            f"DELETE FROM led.{n.legs} WHERE {n.fk} IN (SELECT id FROM findings WHERE kind = 'duplicate');",
            f"DELETE FROM led.{n.entries} WHERE id IN (SELECT id FROM findings WHERE kind = 'duplicate');",
        ]
    if "orphan" in kinds:
        rows.append(f"DELETE FROM led.{n.legs} WHERE id IN (SELECT id FROM findings WHERE kind = 'orphan');")
    if "ref" in kinds:
        rows.append(
            f"UPDATE led.{n.entries} SET {n.ref} = upper(trim({n.ref})) WHERE id IN (SELECT id FROM findings WHERE kind = 'ref');"
        )
    if "date" in kinds:
        rows.append(
            f"UPDATE led.{n.entries} SET {n.day} = (SELECT st.day FROM findings f JOIN st ON st.ref = f.ref WHERE f.kind = 'date' AND f.id = {n.entries}.id)\n"
            f"  WHERE id IN (SELECT id FROM findings WHERE kind = 'date');"
        )
    if "account" in kinds:
        rows.append(
            f"UPDATE led.{n.legs} SET account_id = (SELECT a.id FROM findings f JOIN want w ON w.ref = f.ref JOIN led.accounts a ON a.code = w.code\n"
            f"    WHERE f.kind = 'account' AND {entry} = {n.legs}.{n.fk} AND w.cents = {n.legs}.{n.cents})\n"
            f"  WHERE {n.fk} IN (SELECT {entry} FROM findings f WHERE f.kind = 'account');"
        )
    amounts = [k for k in ("amount", "sign", "tax", "fx") if k in kinds]
    if amounts:
        listed = ", ".join(f"'{k}'" for k in amounts)
        rows.append(
            f"UPDATE led.{n.legs} SET {n.cents} = (SELECT w.cents FROM findings f JOIN want w ON w.ref = f.ref JOIN led.accounts a ON a.code = w.code\n"
            f"    WHERE f.kind IN ({listed}) AND {entry} = {n.legs}.{n.fk} AND a.id = {n.legs}.account_id)\n"
            f"  WHERE {n.fk} IN (SELECT {entry} FROM findings f WHERE f.kind IN ({listed}));"
        )
    if "missing" in kinds:
        rows += [
            f"INSERT INTO led.{n.entries} ({n.day}, {n.ref}, {n.memo}) SELECT st.day, st.ref, st.who FROM findings f JOIN st ON st.ref = f.ref WHERE f.kind = 'missing';",
            f"INSERT INTO led.{n.legs} ({n.fk}, account_id, {n.cents}) SELECT {entry}, a.id, w.cents FROM findings f\n"
            "  JOIN want w ON w.ref = f.ref JOIN led.accounts a ON a.code = w.code WHERE f.kind = 'missing';",
        ]
    if "phantom" in kinds:
        rows += [
            f"INSERT INTO led.{n.entries} ({n.day}, {n.ref}, {n.memo}) SELECT '{world.last}', NULL, 'REVERSAL ' || id FROM findings WHERE kind = 'phantom';",
            f"INSERT INTO led.{n.legs} ({n.fk}, account_id, {n.cents}) SELECT r.id, l.account_id, -l.{n.cents} FROM findings f\n"
            f"  JOIN led.{n.entries} r ON r.{n.memo} = 'REVERSAL ' || f.id JOIN led.{n.legs} l ON l.{n.fk} = f.id WHERE f.kind = 'phantom';",
        ]
    return "\n".join(rows)


def trigger_sql(world: World) -> str:
    """Triggers that close the books before world.closed_before."""
    n, day = world.names, world.closed_before
    rows = []
    for event, rowname in (("INSERT", ("NEW",)), ("UPDATE", ("OLD", "NEW")), ("DELETE", ("OLD",))):
        when = " OR ".join(f"{r}.{n.day} < '{day}'" for r in rowname)
        rows.append(
            f"CREATE TRIGGER closed_{n.entries}_{event.lower()} BEFORE {event} ON {n.entries} WHEN {when}\n  BEGIN SELECT RAISE(ABORT, 'period is closed'); END;"
        )
        ids = ", ".join(f"{r}.{n.fk}" for r in rowname)
        rows.append(
            f"CREATE TRIGGER closed_{n.legs}_{event.lower()} BEFORE {event} ON {n.legs}\n"
            f"  WHEN EXISTS (SELECT 1 FROM {n.entries} WHERE id IN ({ids}) AND {n.day} < '{day}')\n  BEGIN SELECT RAISE(ABORT, 'period is closed'); END;"
        )
    return "\n".join(rows)


def heredoc(target: str, sql: str) -> str:
    """A call of sqlite3 with the SQL on its standard input."""
    return f"sqlite3 -bail {target} <<'SQL'\n{sql}\nSQL"


def month_sql(world: World) -> str:
    """SQL for the bank balances at the end of each month."""
    n = world.names
    banks = f"'{world.bank}'" + (f", '{world.bank2}'" if world.scale.foreign else "")
    return f"""WITH RECURSIVE m(first) AS (SELECT '{world.first}' UNION ALL SELECT date(first, '+1 month') FROM m WHERE first < '{world.closed_before}')
SELECT a.code, substr(m.first, 1, 7) AS month, printf('%.2f', coalesce(sum(l.{n.cents}), 0) / 100.0) AS closing FROM m JOIN accounts a ON a.code IN ({banks})
  LEFT JOIN ({n.legs} l JOIN {n.entries} e ON e.id = l.{n.fk}) ON l.account_id = a.id AND e.{n.day} < date(m.first, '+1 month')
  GROUP BY a.code, month ORDER BY a.code, month;"""


def solution_blocks(world: World, difficulty: str, kinds: Sequence[str]) -> list[Block]:
    """The solution's actions."""
    n = world.names
    inputs = "statement.csv statement-fx.csv rates.csv" if difficulty == "hard" else "statement.csv"
    blocks = [
        Block(
            "look",
            "First the material: what is there, what the policy says, how the statement is written, which tables the dump has.",
            f"cd /app && ls -l && cat POLICY.md && head -n 4 {inputs} && grep -A1 -n '^CREATE' ledger.sql",
        ),
        Block(
            "restore",
            "I restore the dump and see whether the database is sound, how large it is and whether entries are out of balance.\n"
            "The statement does not belong in the ledger, so it gets a database of its own later.",
            "rm -f ledger.db && sqlite3 -bail ledger.db < ledger.sql\n"
            + heredoc(
                "ledger.db",
                "PRAGMA integrity_check;\n"
                f"SELECT 'entries', count(*), min({n.day}), max({n.day}) FROM {n.entries};\n"
                f"SELECT 'no entry', count(*) FROM pragma_foreign_key_check('{n.legs}');\n"
                f"SELECT 'out of balance', count(*) FROM (SELECT 1 FROM {n.legs} GROUP BY {n.fk} HAVING sum({n.cents}) <> 0);",
            ),
        ),
        Block(
            "import",
            "Now the bank's side: I load it into /tmp/audit.db, turn amounts into cents and dates into ISO form,\nand work out the legs that the policy wants for each line.",
            "rm -f /tmp/audit.db\n" + heredoc("/tmp/audit.db", import_sql(world, difficulty)),
        ),
        Block(
            "find",
            "With both sides in one session I can ask for every kind of fault of the policy, one query each,\nand count what I get.",
            heredoc(
                "/tmp/audit.db",
                "ATTACH '/app/ledger.db' AS led;\nDROP TABLE IF EXISTS findings;\n"
                + find_sql(world, difficulty)
                + "\nSELECT kind, count(*), group_concat(ref, ' ') FROM findings GROUP BY kind;\n"
                + "SELECT 'refs with two findings', count(*) FROM (SELECT 1 FROM findings WHERE kind <> 'orphan' GROUP BY ref HAVING count(*) > 1);",
            ),
        ),
        Block(
            "list",
            "The counts are plausible and no reference has two faults. I write the list of findings.",
            "sqlite3 -csv -header /tmp/audit.db 'SELECT kind, ref FROM findings ORDER BY kind, ref' | tr -d '\\r' > /app/findings.csv\nwc -l /app/findings.csv && head -n 5 /app/findings.csv",
        ),
        Block(
            "correct",
            f"Now the corrections, in one transaction, for what was found: {', '.join(k for k in CATALOGUE[difficulty] if k in kinds)}.",
            heredoc(
                "/tmp/audit.db",
                "ATTACH '/app/ledger.db' AS led;\nBEGIN;\n"
                + correct_sql(world, kinds)
                + "\nCOMMIT;\nSELECT 'done', total_changes();",
            ),
        ),
    ]
    report = (
        "sqlite3 -csv -header ledger.db \"SELECT a.code, printf('%.2f', coalesce(sum(l."
        + n.cents
        + f"), 0) / 100.0) AS balance FROM accounts a LEFT JOIN {n.legs} l ON l.account_id = a.id GROUP BY a.code ORDER BY a.code\" | tr -d '\\r' > balances.csv\n"
    )
    if difficulty != "easy":
        report += f"sqlite3 -csv -header ledger.db <<'SQL' | tr -d '\\r' > bank-months.csv\n{month_sql(world)}\nSQL\nhead -n 20 bank-months.csv\n"
    blocks.append(
        Block(
            "report",
            "The ledger is corrected, so the balances can be written; accounts without legs must show 0.00.",
            report + "cat balances.csv",
        )
    )
    if difficulty == "hard":
        blocks.append(
            Block(
                "close",
                f"Last comes the lock: triggers on both tables for entries before {world.closed_before}.\nAn update is looked at with its old and its new row, so that nothing moves in or out.",
                heredoc("ledger.db", trigger_sql(world) + "\nSELECT name FROM sqlite_master WHERE type = 'trigger';"),
            )
        )
    check = heredoc(
        "/tmp/audit.db",
        "ATTACH '/app/ledger.db' AS led;\nCREATE TEMP TABLE before AS SELECT * FROM findings;\nDROP TABLE findings;\n"
        + find_sql(world, difficulty)
        + "\nSELECT 'left over', kind, ref FROM findings WHERE kind <> 'phantom';\nDROP TABLE findings;\nCREATE TABLE findings AS SELECT * FROM before;\n"
        f"SELECT 'out of balance', count(*) FROM (SELECT 1 FROM led.{n.legs} GROUP BY {n.fk} HAVING sum({n.cents}) <> 0);\n"
        f"SELECT 'without an entry', count(*) FROM led.{n.legs} WHERE {n.fk} NOT IN (SELECT id FROM led.{n.entries});",
    )
    if difficulty == "hard":
        check += f"\nsqlite3 ledger.db \"BEGIN; UPDATE {n.entries} SET {n.memo} = 'x' WHERE {n.day} < '{world.closed_before}'; ROLLBACK\" || echo 'closed months refuse changes'"
    blocks.append(
        Block(
            "check",
            "To be sure I run the same queries again on the corrected ledger: nothing may be left over, all entries level.",
            check + "\nls -l /app/*.csv /app/ledger.db",
        )
    )
    return blocks


def solution_mistakes(world: World, difficulty: str) -> list[Mistake]:
    """Mistakes that people make in such an audit."""
    n = world.names
    twins = ("reference", "counterparty", "amount")
    mistakes = [
        Mistake(
            "restore",
            "hallucination",
            "sqlite3 has a restore command for dump files, so I use that to load ledger.sql and then look at the tables.",
            "rm -f ledger.db; sqlite3 ledger.db '.load_dump ledger.sql'; sqlite3 ledger.db .tables",
            "sqlite3 ledger.db 'SELECT count(*) FROM sqlite_master'; ls -l ledger.db",
            "sqlite3 knows no such dot command, and the database has no table at all: the dump was not loaded. I feed the dump in as SQL instead.",
            ("rm -f ledger.db",),
        ),
        Mistake(
            "import",
            "hallucination",
            "csvsql turns a CSV file into a table with the right types in one go; I let it create the statement table.",
            "csvsql --db sqlite:////tmp/audit.db --insert --tables raw /app/statement.csv",
            "command -v csvsql || echo 'csvsql: not installed'; ls -l /tmp/audit.db 2>&1",
            "csvsql is not on this machine and nothing was written. The importer of sqlite3 itself has to do.",
            ("rm -f /tmp/audit.db",),
        ),
        Mistake(
            "import",
            "command_error",
            "I import the statement into a table of the audit database and look at the first lines.",
            "rm -f /tmp/audit.db; sqlite3 /tmp/audit.db '.import /app/statement.csv raw' 'SELECT * FROM raw LIMIT 3'",
            "sqlite3 /tmp/audit.db '.schema raw' 'SELECT count(*) FROM raw'",
            "Without the csv mode the importer took each line as one single column, named after the whole header. I start the import again in csv mode.",
            ("rm -f /tmp/audit.db",),
        ),
        Mistake(
            "import",
            "requirement_violation",
            "Joins are easiest when all is in one file, so I import the statement straight into ledger.db.",
            "sqlite3 ledger.db '.import --csv /app/statement.csv bank_statement' 'SELECT count(*) FROM bank_statement'",
            "sqlite3 ledger.db .tables; grep -n 'helper tables' POLICY.md",
            "The ledger now has a table bank_statement, and the policy says that helper tables do not belong in it. I drop it and use a database of its own.",
            ("sqlite3 ledger.db 'DROP TABLE bank_statement'",),
        ),
        Mistake(
            "find",
            "analysis_error",
            "Duplicates are easy to see: the same day, the same counterparty, the same amount booked twice. I collect those as findings.",
            heredoc(
                "/tmp/audit.db",
                "ATTACH '/app/ledger.db' AS led;\nDROP TABLE IF EXISTS findings;\n"
                f"CREATE TABLE findings AS SELECT 'duplicate' AS kind, max(e.{n.ref}) AS ref, max(e.id) AS id FROM led.{n.entries} e JOIN led.{n.legs} l ON l.{n.fk} = e.id\n"
                f"  WHERE e.{n.ref} IS NOT NULL GROUP BY e.{n.day}, e.{n.memo}, l.account_id, l.{n.cents} HAVING count(*) > 1;\n"
                "SELECT DISTINCT kind, ref, id FROM findings;",
            ),
            f"sqlite3 /tmp/audit.db \"SELECT {twins[1]}, date, amount, count(DISTINCT {twins[0]}) FROM raw GROUP BY 1, 2, 3 HAVING count(*) > 1\"; grep -n 'separate payments' POLICY.md",
            "The bank itself has lines with the same day, counterparty and amount and different references, and the policy calls those separate payments. "
            "Only the reference can tell a duplicate.",
            ("sqlite3 /tmp/audit.db 'DROP TABLE IF EXISTS findings'",),
        ),
        Mistake(
            "list",
            "command_error",
            "I write the list of findings as CSV.",
            "sqlite3 -header /tmp/audit.db 'SELECT kind, ref FROM findings ORDER BY kind, ref' > /app/findings.csv; wc -l /app/findings.csv",
            "head -n 3 /app/findings.csv",
            "The columns are parted by | and not by a comma: that is sqlite3's list mode. It needs -csv.",
            ("rm -f /app/findings.csv",),
        ),
        Mistake(
            "correct",
            "verification_failure",
            "The corrections are plain updates and the database reports that it is sound, so this part is finished.",
            "sqlite3 ledger.db 'PRAGMA integrity_check'",
            f'sqlite3 /tmp/audit.db "ATTACH \'/app/ledger.db\' AS led" "SELECT kind, count(*) FROM findings GROUP BY kind" "SELECT \'ledger rows\', count(*) FROM led.{n.legs}" '
            f"\"SELECT 'bank account {world.bank}', sum(l.{n.cents}) FROM led.{n.legs} l JOIN led.accounts a ON a.id = l.account_id WHERE a.code = '{world.bank}'\"; "
            f"cmp <(sqlite3 ledger.db .dump | grep -c INSERT) <(grep -c INSERT ledger.sql) && echo 'as many rows as in the untouched dump'",
            "integrity_check looks at pages and indexes, not at the bookkeeping: the ledger still has the very rows of the dump, and the findings are all open. "
            "No correction has been made yet.",
        ),
        Mistake(
            "report",
            "requirement_violation",
            "The balances come straight out of the sums by account; I write them as they are stored.",
            f"sqlite3 -csv -header ledger.db 'SELECT a.code, sum(l.{n.cents}) AS balance FROM accounts a JOIN {n.legs} l ON l.account_id = a.id GROUP BY a.code' > balances.csv; wc -l balances.csv",
            "head -n 4 balances.csv; sqlite3 ledger.db 'SELECT count(*) FROM accounts'",
            "These are cents where units with two decimals were asked for, and an inner join would leave out an account without legs. I write the file again.",
            ("rm -f balances.csv",),
        ),
        Mistake(
            "check",
            "verification_failure",
            "All files are there, so the work is complete.",
            "ls /app/*.csv /app/ledger.db",
            heredoc(
                "ledger.db",
                f"SELECT 'out of balance', count(*) FROM (SELECT 1 FROM {n.legs} GROUP BY {n.fk} HAVING sum({n.cents}) <> 0);\n"
                f"SELECT 'references', count(*), count(DISTINCT {n.ref}) FROM {n.entries} WHERE {n.ref} IS NOT NULL;",
            ),
            "That files exist says nothing about what is in them; these counts are a beginning, but I have not yet compared the ledger with the statement again. I do that now.",
        ),
    ]
    if difficulty != "easy":
        mistakes.append(
            Mistake(
                "import",
                "analysis_error",
                "The dates look like MM/DD/YYYY, so month is the first part. I load the statement with that reading and look at the months.",
                "rm -f /tmp/audit.db; sqlite3 /tmp/audit.db '.import --csv /app/statement.csv raw' \"CREATE TABLE st AS SELECT reference AS ref, "
                "substr(date, 7, 4) || '-' || substr(date, 1, 2) || '-' || substr(date, 4, 2) AS day FROM raw\" 'SELECT count(*), min(day), max(day) FROM st'",
                "sqlite3 /tmp/audit.db \"SELECT count(*) || ' lines with a month above 12' FROM st WHERE substr(day, 6, 2) > '12'\"",
                "There are months above 12, so the first part is the day, as the instruction also says. I import once more with DD/MM/YYYY.",
                ("rm -f /tmp/audit.db",),
            )
        )
    if difficulty == "hard":
        mistakes.append(
            Mistake(
                "close",
                "analysis_error",
                "To close the months it is enough to guard the table of entries: whoever changes a leg changes its entry. One trigger for updates and one for deletes.",
                heredoc(
                    "ledger.db",
                    f"CREATE TRIGGER lock_update BEFORE UPDATE ON {n.entries} WHEN OLD.{n.day} < '{world.closed_before}' BEGIN SELECT RAISE(ABORT, 'closed'); END;\n"
                    f"CREATE TRIGGER lock_delete BEFORE DELETE ON {n.entries} WHEN OLD.{n.day} < '{world.closed_before}' BEGIN SELECT RAISE(ABORT, 'closed'); END;",
                ),
                "cp ledger.db /tmp/trial.db; "
                f"sqlite3 /tmp/trial.db \"UPDATE {n.legs} SET {n.cents} = {n.cents} + 1 WHERE {n.fk} = (SELECT min(id) FROM {n.entries} WHERE {n.day} < '{world.closed_before}')\" "
                "'SELECT changes()'; rm -f /tmp/trial.db",
                "On a copy, a leg of a closed entry could be changed without a word. The legs need triggers of their own, and inserts have to be refused as well.",
                ("sqlite3 ledger.db 'DROP TRIGGER lock_update' 'DROP TRIGGER lock_delete'",),
            )
        )
    return mistakes


def sql(statement: str) -> str:
    """A command that changes the corrected ledger."""
    return f"sqlite3 -bail /app/ledger.db <<'SQL'\n{statement};\nSQL"


def other_ways(world: World) -> dict[str, str]:
    """What may follow on the solution without making it wrong."""
    n = world.names
    return {
        "findings-in-another-order": "cd /app && (head -n 1 findings.csv; tail -n +2 findings.csv | tac) > /tmp/f && cp /tmp/f findings.csv",
        "lines-end-in-crlf": "cd /app && sed -i 's/$/\\r/' findings.csv balances.csv",
        "values-in-quotes": "cd /app && sed -i -e '1!s/[^,]*/\"&\"/g' balances.csv",
        "an-index-more": sql(f"CREATE INDEX by_entry ON {n.legs}({n.fk}); ANALYZE; VACUUM"),
        "journal-in-wal-mode": sql("PRAGMA journal_mode = WAL"),
        "files-beside": "cd /app && cp ledger.db ledger.bak && sqlite3 ledger.db .dump > corrected.sql && rm -f /tmp/audit.db",
    }


def wrong_ways(world: World, facts: Mapping[str, Any]) -> dict[str, str]:
    """What breaks one demand each; the entry is one that was right and lies in the open month."""
    n = world.names
    limit = str(world.closed_before)
    open_entries = [row for row in facts["entries"] if row[5] is not None and row[1] >= limit]
    entry = open_entries[-1][0]
    some = f"(SELECT min(id) FROM {n.legs} WHERE {n.fk} = {entry})"
    ways = {
        "a-finding-is-missing": "sed -i '$d' /app/findings.csv",
        "a-finding-twice": "tail -n 1 /app/findings.csv > /tmp/f && cat /tmp/f >> /app/findings.csv",
        "a-finding-too-many": "echo 'amount,XX99999' >> /app/findings.csv",
        "findings-under-another-header": "sed -i '1s/kind/fault/' /app/findings.csv",
        "an-account-without-a-balance": "sed -i '$d' /app/balances.csv",
        "balances-in-cents": "sed -i '1!s/[.]//' /app/balances.csv",
        "balances-with-one-decimal": "sed -i '1!s/[0-9]$//' /app/balances.csv",
        "balances-of-the-delivered-ledger": f"cd /app && rm -f /tmp/w.db && sqlite3 /tmp/w.db < ledger.sql && (echo code,balance; sqlite3 -csv /tmp/w.db \"SELECT a.code, printf('%.2f', coalesce(sum(l.{n.cents}), 0) / 100.0) FROM accounts a LEFT JOIN {n.legs} l ON l.account_id = a.id GROUP BY a.code\") > balances.csv",
        "a-right-entry-is-rebuilt": sql(
            f"CREATE TEMP TABLE t AS SELECT * FROM {n.legs} WHERE {n.fk} = {entry}; DELETE FROM {n.legs} WHERE {n.fk} = {entry}; UPDATE t SET id = id + 1000000; INSERT INTO {n.legs} SELECT * FROM t"
        ),
        "a-memo-is-changed": sql(f"UPDATE {n.entries} SET {n.memo} = {n.memo} || '.' WHERE id = {entry}"),
        "a-right-entry-is-deleted": sql(
            f"DELETE FROM {n.legs} WHERE {n.fk} = {entry}; DELETE FROM {n.entries} WHERE id = {entry}"
        ),
        "a-leg-is-a-cent-off": sql(f"UPDATE {n.legs} SET {n.cents} = {n.cents} + 1 WHERE id = {some}"),
        "a-leg-without-an-entry": sql(f"INSERT INTO {n.legs} ({n.fk}, account_id, {n.cents}) VALUES (999999, 1, 0)"),
        "a-column-more": sql(f"ALTER TABLE {n.entries} ADD COLUMN checked INTEGER"),
        "a-rule-is-lost": sql("DELETE FROM rules WHERE rowid = (SELECT min(rowid) FROM rules)"),
        "the-ledger-as-it-was-delivered": "cd /app && rm -f ledger.db && sqlite3 ledger.db < ledger.sql",
    }
    if facts["months"] is not None:
        ways["a-month-is-missing"] = "sed -i '$d' /app/bank-months.csv"
        ways["months-from-the-statement-alone"] = "sed -i '2s/[0-9]$/0/;3s/[0-9]$/1/' /app/bank-months.csv"
    if facts["closed_before"] is not None:
        drop = "sqlite3 /app/ledger.db \"SELECT 'DROP TRIGGER ' || name || ';' FROM sqlite_master WHERE type = 'trigger' {}\" | sqlite3 /app/ledger.db"
        ways["the-books-stay-open"] = drop.format("")
        ways["legs-stay-open"] = drop.format(f"AND tbl_name = '{n.legs}'")
        ways["deletions-stay-open"] = drop.format("AND sql LIKE '%DELETE ON%'")
        ways["insertions-stay-open"] = drop.format("AND sql LIKE '%INSERT ON%'")
        ways["all-is-closed"] = sql(
            f"CREATE TRIGGER shut BEFORE UPDATE ON {n.entries} BEGIN SELECT RAISE(ABORT, 'closed'); END"
        )
    return ways


def generate(rng: np.random.Generator, difficulty: str) -> Instance:
    """One ledger with its faults.

    Args:
        rng: the only source of chance.
        difficulty: "easy", "medium" or "hard".

    Returns:
        The dump, the statements and the policy; the truth for the tests; the solution and its mistakes.
    """
    world, books, kinds = make_books(rng, difficulty)
    text, lost = dump(rng, world, books)
    facts = truth(world, books, lost)
    facts["accounts"] = [[code, name] for code, name in world.accounts]
    facts["pristine"] = text
    files: dict[str, bytes | str] = {"/app/ledger.sql": text, "/app/POLICY.md": policy(world, difficulty)}
    files.update(statements(world, difficulty))
    blocks = solution_blocks(world, difficulty, kinds)
    return Instance(
        instruction=instruction(world, difficulty),
        files=files,
        tests={"instance.json": json.dumps(facts)},
        solution=render_solution(blocks),
        mistakes=render_mistakes(solution_mistakes(world, difficulty), blocks),
        variants=render_variants(other_ways(world), wrong_ways(world, facts)),
    )
