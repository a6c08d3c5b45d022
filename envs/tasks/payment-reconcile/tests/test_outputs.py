"""Runs /app/reconcile on fresh data folders made by gen.py, which knows the truth before it scrambles it."""
import hashlib
import importlib.util
import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PROGRAM = Path("/app/reconcile")
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}

spec = importlib.util.spec_from_file_location("gen", HERE / "gen.py")
gen = importlib.util.module_from_spec(spec)
spec.loader.exec_module(gen)

INVOICES = ["number", "due_cents", "paid_cents", "last_payment", "state"]
PAYMENTS = ["source", "id", "booked", "cents", "invoice"]


def table(db, name, columns):
    """Sorted rows; cents must be stored as integers."""
    with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as connection:
        rows = connection.execute(f"SELECT {', '.join(columns)} FROM {name}").fetchall()
    for row in rows:
        for column, value in zip(columns, row):
            assert "cents" not in column or type(value) is int, (name, row)
    return sorted(rows, key=repr)


def wanted(items, columns):
    return sorted((tuple(item[c] for c in columns) for item in items), key=repr)


def same(got, want, what):
    extra, missing = [x for x in got if x not in set(want)], [x for x in want if x not in set(got)]
    assert got == want, f"{what}: {len(extra)} wrong or extra, {len(missing)} missing, e.g. {extra[:3]} and {missing[:3]}"


def check_all(out, truth):
    same(table(out / "result.db", "payments", PAYMENTS), wanted(truth["payments"], PAYMENTS), "payments")
    same(table(out / "result.db", "invoices", INVOICES), wanted(truth["invoices"], INVOICES), "invoices")
    assert json.loads((out / "report.json").read_text(encoding="utf-8")) == truth["report"]


def reconcile(data, out, cwd="/"):
    done = subprocess.run([str(PROGRAM), str(data), str(out)], cwd=cwd, env=ENV, timeout=60, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr[-2000:]}"


def prints(folder):
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module", params=[(7001, 700), (7002, 1500), (7003, 60)], ids=["a", "b", "small"])
def quarter(request, tmp_path_factory):
    """A fresh quarter and what the program makes of it."""
    base = tmp_path_factory.mktemp("quarter")
    truth = gen.generate(base / "data", request.param[0], request.param[1])
    reconcile(base / "data", base / "out")
    return base / "out", truth


def test_payments_of_fresh_quarters(quarter):
    """Payments: one row per source and id, with the right day, cents and invoice."""
    out, truth = quarter
    same(table(out / "result.db", "payments", PAYMENTS), wanted(truth["payments"], PAYMENTS), "payments")


def test_invoices_of_fresh_quarters(quarter):
    """Invoices: what is due after credit notes and cancellation, what was paid, the last payment and the state."""
    out, truth = quarter
    same(table(out / "result.db", "invoices", INVOICES), wanted(truth["invoices"], INVOICES), "invoices")


def test_report_of_fresh_quarters(quarter):
    """report.json: states, unmatched, rejected, and who owes how much, in order."""
    out, truth = quarter
    got = json.loads((out / "report.json").read_text(encoding="utf-8"))
    for key, want in truth["report"].items():
        assert got.get(key) == want, key


def test_result_of_this_quarter_is_delivered(tmp_path):
    """/app/out holds the result for /app/data as it was given."""
    check_all(Path("/app/out"), gen.generate(tmp_path / "data", 20260401))


def test_out_is_made_or_replaced_and_data_left_alone(tmp_path):
    """OUT may be missing, nested or full of old results; DATA stays as it is; relative paths and blanks in names work."""
    a = gen.generate(tmp_path / "first quarter", 41, 50)
    b = gen.generate(tmp_path / "second", 42, 60)
    before = prints(tmp_path / "first quarter")
    reconcile(tmp_path / "first quarter", tmp_path / "new" / "out")
    check_all(tmp_path / "new" / "out", a)
    assert prints(tmp_path / "first quarter") == before
    reconcile("second", "new/out", cwd=tmp_path)
    check_all(tmp_path / "new" / "out", b)
    reconcile("second", "new/out", cwd=tmp_path)
    check_all(tmp_path / "new" / "out", b)


def test_fewer_files(tmp_path):
    """No files of one bank: its payments are simply not there."""
    truth = gen.generate(tmp_path / "data", 51, 80)
    for p in (tmp_path / "data/bank").glob("south-*"):
        p.unlink()
    reconcile(tmp_path / "data", tmp_path / "out")
    same(table(tmp_path / "out/result.db", "payments", PAYMENTS), wanted([p for p in truth["payments"] if p["source"] != "south"], PAYMENTS), "payments")
    assert json.loads((tmp_path / "out/report.json").read_text())["rejected"] == truth["report"]["rejected"] - 6


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


def test_spellings_and_cents_by_hand(tmp_path):
    """Rule 5's limits, cents that floats spoil, and days that change in UTC."""
    data = tmp_path / "data"
    gen.generate(data, 61, 20)
    shutil.rmtree(data / "bank")
    (data / "bank").mkdir()
    with sqlite3.connect(data / "shop.db") as db:
        db.execute("DELETE FROM invoices")
        db.execute("DELETE FROM credit_notes")
        db.executemany("INSERT INTO invoices VALUES (?, ?, 1, 500000, 0)", [(1, "INV-2026-00012"), (2, "INV-2025-00012"), (3, "INV-2026-99999")])
    db.close()
    days = [("2026-02-28T23:59:00-01:00", "2026-03-01"), ("2026-03-01T00:30:00+02:00", "2026-02-28"), ("2026-03-01T00:00:00Z", "2026-03-01")]
    events, want = [], []
    for i, ((memo, invoice), (amount, cents)) in enumerate(zip(HAND, SUMS)):
        at, booked = days[i % 3]
        events.append(json.dumps({"id": f"h{i}", "type": "refund" if i % 4 == 3 else "charge", "amount": amount, "currency": "EUR", "memo": memo, "at": at}))
        want.append(("card", f"h{i}", booked, -cents if i % 4 == 3 else cents, invoice))
    (data / "card/events.jsonl").write_text("\n".join(events) + "\n")
    reconcile(data, tmp_path / "out")
    same(table(tmp_path / "out/result.db", "payments", PAYMENTS), sorted(want, key=repr), "payments")
    assert json.loads((tmp_path / "out/report.json").read_text())["rejected"] == 0


def test_program_is_executable_and_given_files_are_there():
    """/app/reconcile is an executable file; /app/data is as it was given."""
    assert PROGRAM.is_file() and os.access(PROGRAM, os.X_OK)
