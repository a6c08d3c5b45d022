"""Runs /app/reconcile on fresh data folders made by gen.py, which knows the truth before it scrambles it."""
import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import nobody
from artifacts import read
from run import once

HERE = Path(__file__).resolve().parent
PROGRAM = Path("/app/reconcile")

spec = importlib.util.spec_from_file_location("gen", HERE / "gen.py")
gen = importlib.util.module_from_spec(spec)
spec.loader.exec_module(gen)

COLUMNS = {
    "payments": ["source", "id", "booked", "cents", "invoice"],
    "invoices": ["number", "due_cents", "paid_cents", "last_payment", "state"],
}


def tables(folder):
    """Returns {"payments": sorted rows, "invoices": sorted rows} of result.db; cents must be stored as integers."""
    found = {}
    with tempfile.TemporaryDirectory() as own:
        Path(own, "result.db").write_bytes(read(folder / "result.db"))
        with contextlib.closing(sqlite3.connect(Path(own, "result.db"))) as connection:
            connection.set_progress_handler(lambda: 1, 20_000_000)  # a table may be an endless view
            for name, columns in COLUMNS.items():
                rows = connection.execute(f"SELECT {', '.join(columns)} FROM {name}").fetchmany(100_000)
                for row in rows:
                    for column, value in zip(columns, row):
                        assert "cents" not in column or type(value) is int, (name, row)
                found[name] = sorted(rows, key=repr)
    return found


def report(folder):
    return json.loads(read(folder / "report.json").decode())


def wanted(truth, name):
    return sorted((tuple(item[c] for c in COLUMNS[name]) for item in truth[name]), key=repr)


def same(got, want, what):
    extra, missing = sorted(set(got) - set(want), key=repr), sorted(set(want) - set(got), key=repr)
    assert got == want, f"{what}: {len(extra)} wrong or extra, {len(missing)} missing, e.g. {extra[:3]} and {missing[:3]}"


def check_all(out, truth):
    found = tables(out)
    for name in COLUMNS:
        same(found[name], wanted(truth, name), name)
    assert report(out) == truth["report"]


@once
def program():
    """The program, which nobody may read and run now."""
    nobody.expose("/app")
    return PROGRAM


@once
def base():
    """A new folder of nobody's."""
    return nobody.new_folder()


def generate(folder, seed, *invoices):
    """Makes a data folder that nobody may read but not change; returns the truth about it."""
    truth = gen.generate(folder, seed, *invoices)
    nobody.expose(folder)
    return truth


def reconcile(data, out, cwd="/"):
    done = nobody.run(program(), data, out, cwd=cwd)
    assert done.code == 0, f"exit {done.code}: {done.err[-2000:]!r}"


def prints(folder):
    return {p.relative_to(folder): p.is_dir() or hashlib.sha256(read(p)).digest() for p in folder.rglob("*")}


def give_away(folder):
    """Lets nobody change the data, and returns what it is now."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, nobody.USER, nobody.USER)
    return prints(folder)


@once
def quarter():
    """A fresh quarter and what the program makes of it in a folder that is not there yet; a blank in a name does no harm."""
    data, out = base() / "first quarter", base() / "new" / "out"
    truth = generate(data, 7001, 200)
    before = give_away(data)
    reconcile(data, out)
    return out, truth, prints(data) == before


@once
def other_files():
    """A run with relative paths on a folder without files of one bank and with one file more of the other; OUT holds old results."""
    data, out = base() / "second", nobody.copy(quarter()[0], base() / "again")
    truth = generate(data, 51, 80)
    payments = [p for p in truth["payments"] if p["source"] != "south"]
    corrected = next(p for p in payments if p["source"] == "north" and p["invoice"])
    for p in (data / "bank").glob("south-*"):
        p.unlink()
    (data / "bank" / "north-2026-04.csv").write_text(
        "Booking date,Value date,Amount,Currency,Text,Transaction id\n"
        '2026-04-02,2026-04-03,"1,000.01",EUR,nothing,N0000000001\n'
        f"2026-04-02,2026-04-03,-7.00,EUR,corrected,{corrected['id']}\n"
    )
    corrected.update(booked="2026-04-02", cents=-700, invoice=None)
    payments.append({"source": "north", "id": "N0000000001", "booked": "2026-04-02", "cents": 100001, "invoice": None})
    truth.update(payments=payments, invoices=[settled(i, payments) for i in truth["invoices"]])
    before = give_away(data)
    reconcile("second", "again", cwd=base())
    return out, truth, prints(data) == before


def settled(invoice, payments):
    """The invoice with these payments."""
    mine = [p for p in payments if p["invoice"] == invoice["number"]]
    due, paid = invoice["due_cents"], sum(p["cents"] for p in mine)
    state = "paid" if paid == due else "overpaid" if paid > due else "open" if paid <= 0 else "partial"
    return {**invoice, "paid_cents": paid, "last_payment": max((p["booked"] for p in mine), default=None), "state": state}


def test_payments_of_a_fresh_quarter():
    """Payments: one row per source and id, with the right day, cents and invoice."""
    out, truth, _ = quarter()
    same(tables(out)["payments"], wanted(truth, "payments"), "payments")


def test_invoices_of_a_fresh_quarter():
    """Invoices: what is due after credit notes and cancellation, what was paid, the last payment and the state."""
    out, truth, _ = quarter()
    same(tables(out)["invoices"], wanted(truth, "invoices"), "invoices")


def test_report_of_a_fresh_quarter():
    """report.json: states, unmatched, rejected, and who owes how much, in order."""
    out, truth, _ = quarter()
    got = report(out)
    for key, want in truth["report"].items():
        assert got.get(key) == want, key


def test_result_of_this_quarter_is_delivered():
    """/app/out holds the result for /app/data, which is as it was given."""
    truth = generate(base() / "published", 20260401)
    assert prints(Path("/app/data")) == prints(base() / "published")
    check_all(Path("/app/out"), truth)


def test_data_is_left_alone():
    """DATA stays as it is."""
    assert quarter()[2] and other_files()[2]


def test_other_files_of_each_bank():
    """No files of one bank: its payments are simply not there. One file more than now: its payments count. Old results are replaced."""
    out, truth, _ = other_files()
    found, got = tables(out), report(out)
    for name in COLUMNS:
        same(found[name], wanted(truth, name), name)
    free = [p["cents"] for p in truth["payments"] if p["invoice"] is None]
    assert got["unmatched"] == {"count": len(free), "cents": sum(free)}
    assert got["states"] == {s: sum(i["state"] == s for i in truth["invoices"]) for s in ("open", "partial", "paid", "overpaid")}
    assert got["rejected"] == truth["report"]["rejected"] - 6


HAND = [  # memo, invoice
    ("INV-2026-00012", "INV-2026-00012"),
    ("inv2026/12", "INV-2026-00012"),
    ("Inv. - 2026 . 0012.", "INV-2026-00012"),
    ("xINV-2026-00012", None),
    ("7INV-2026-00012", None),
    ("INV-2026-000012", None),
    ("INV-202600012", None),
    ("INV-26-00012", None),
    ("INV-2026-12a", "INV-2026-00012"),
    ("INV-2026-00013 and INV-2026-00012", "INV-2026-00012"),
    ("INV-2025-00012, INV-2026-00012", "INV-2025-00012"),
    ("(INV 2026 99999)", "INV-2026-99999"),
    ("nothing", None),
]
SUMS = [("19.99", 1999), (1.15, 115), ("0.29", 29), (1005.15, 100515), (8.2, 820), (3, 300), ("1234.5", 123450), (4.35, 435), (0.07, 7), ("70", 7000), (1.1, 110), (64.1, 6410), (17.9, 1790)]

# Sums of the banks, some larger than any of a generated quarter: groups of thousands that hold zeros, one to three digits before.
NORTH = [("10,400.07", 1040007), ("+100,000.00", 10000000), ("-1,002,003.40", -100200340), ("0.05", 5), ("-809.00", -80900)]
SOUTH = [("20.030,04", 2003004), ("706.000,50-", -70600050), ("1.002.003,40", 100200340), ("0,07-", -7), ("908,00", 90800)]

OWING = ["Zoë", "ann", "Ähre", "Ann"]


def test_spellings_and_cents_by_hand():
    """Rule 5's limits, cents that floats spoil, large sums of the banks, days that change in UTC, an event that comes again with other content,
    customers who owe the same."""
    data, out = base() / "hand", base() / "by hand"
    generate(data, 61, 20)
    shutil.rmtree(data / "bank")
    (data / "bank").mkdir()
    with sqlite3.connect(data / "shop.db") as db:
        for name in ("invoices", "credit_notes", "customers"):
            db.execute(f"DELETE FROM {name}")
        db.executemany("INSERT INTO customers VALUES (?, ?)", enumerate(["Zora", *OWING], 1))
        db.executemany("INSERT INTO invoices VALUES (?, ?, 1, 500000, 0)", [(1, "INV-2026-00012"), (2, "INV-2025-00012"), (3, "INV-2026-99999")])
        db.executemany("INSERT INTO invoices VALUES (?, ?, ?, 70000, 0)", [(i + 10, f"INV-2024-{i:05d}", i + 1) for i in range(1, 5)])
    db.close()
    days = [("2026-02-28T23:59:00-01:00", "2026-03-01"), ("2026-03-01T00:30:00+02:00", "2026-02-28"), ("2026-03-01T00:00:00Z", "2026-03-01")]
    events, want = [json.dumps({"id": "h1", "type": "refund", "amount": 9, "currency": "EUR", "memo": "", "at": "2026-01-01T00:00:00Z"})], []
    for i, ((memo, invoice), (amount, cents)) in enumerate(zip(HAND, SUMS)):
        at, booked = days[i % 3]
        events.append(json.dumps({"id": f"h{i}", "type": "refund" if i % 4 == 3 else "charge", "amount": amount, "currency": "EUR", "memo": memo, "at": at}))
        want.append(("card", f"h{i}", booked, -cents if i % 4 == 3 else cents, invoice))
    (data / "bank/north-a.csv").write_text("Booking date,Value date,Amount,Currency,Text,Transaction id\n" + "".join(
        f'2026-02-28,2026-03-02,"{amount}",EUR,nothing,N{i}\n' for i, (amount, _) in enumerate(NORTH)))
    (data / "bank/south-a.csv").write_text("Buchungstag;Wertstellung;Verwendungszweck;Betrag;Währung;Umsatz-Nr.\n" + "".join(
        f"28.02.2026;02.03.2026;nothing;{amount};EUR;{i}/a\n" for i, (amount, _) in enumerate(SOUTH)), encoding="cp1252")
    want += [("north", f"N{i}", "2026-02-28", cents, None) for i, (_, cents) in enumerate(NORTH)]
    want += [("south", f"{i}/a", "2026-02-28", cents, None) for i, (_, cents) in enumerate(SOUTH)]
    (data / "card/events.jsonl").write_text("\n".join(events) + "\n")
    nobody.expose(data)
    reconcile(data, out)
    same(tables(out)["payments"], sorted(want, key=repr), "payments")
    got = report(out)
    assert got["rejected"] == 0
    assert got["owing"] == [{"customer": "Zora", "cents": 1500000 - sum(cents for *_, cents, invoice in want if invoice)},
                            *({"customer": name, "cents": 70000} for name in sorted(OWING))]


def test_program_is_executable():
    """/app/reconcile is an executable file."""
    assert PROGRAM.is_file() and os.access(PROGRAM, os.X_OK)
