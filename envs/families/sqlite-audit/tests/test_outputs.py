"""Compares the corrected ledger and the reports with the instance's truth."""

import csv
import json
import os
import select
import sqlite3
import subprocess
import time
from collections import Counter
from decimal import Decimal, InvalidOperation
from pathlib import Path

import nobody
from artifacts import read
from run import asked, once

FACTS = json.loads(Path("/tests/instance.json").read_text())
N = FACTS["names"]
APP = Path("/app")


class Answer:
    """What a statement gave."""

    def __init__(self, rows, lastrowid=None, rowcount=None):
        self.rows, self.lastrowid, self.rowcount = [tuple(row) for row in rows], lastrowid, rowcount

    def __iter__(self):
        return iter(self.rows)

    def fetchall(self):
        return self.rows

    def fetchone(self):
        return self.rows[0] if self.rows else None


class Ledger:
    """A connection to the agent's database by way of serve.py."""

    def __init__(self, process):
        self.process = process

    def execute(self, sql, values=()):
        """Runs one statement; raises sqlite3.Error where it fails."""
        self.process.stdin.write(json.dumps([sql, values]).encode() + b"\n")
        self.process.stdin.flush()
        answer = json.loads(self._line(time.monotonic() + 60))
        if "error" in answer:
            raise sqlite3.OperationalError(answer["error"])
        return Answer(**answer)

    def dump(self):
        return self.execute("dump").rows

    def _line(self, end):
        text, out = b"", self.process.stdout.fileno()
        while not text.endswith(b"\n"):
            ready = select.select([out], [], [], max(end - time.monotonic(), 0))[0]
            assert ready, "a statement takes too long"
            piece = os.read(out, 1 << 20)
            assert piece, "the database ends the process that reads it"
            text += piece
            assert len(text) < 64 << 20, "a statement gives too much"
        return text


@once
def ledger():
    """A connection to a copy of the agent's database; a test that passes leaves it as it was."""
    folder = nobody.new_folder()
    for suffix in ("", "-wal", "-journal"):
        part = APP / f"ledger.db{suffix}"
        if not suffix or part.exists():
            nobody.write(folder / part.name, read(part, 64 << 20))
    nobody.write(folder / "serve.py", (Path(__file__).parent / "serve.py").read_bytes())
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return Ledger(nobody.start("/usr/bin/python3", "-I", "serve.py", cwd=folder, **pipes))


def pristine():
    """The ledger as it was delivered."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(FACTS["pristine"])
    return connection


def columns(connection):
    """Columns (name, type, notnull, pk) by table."""
    names = [
        r[0]
        for r in connection.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'")
    ]
    return {
        n: [(r[1].lower(), r[2].upper(), r[3], r[5]) for r in connection.execute(f'PRAGMA table_info("{n}")')]
        for n in names
    }


def entries(connection):
    """Entries by id: day, ref, memo, sorted legs (code, cents), sorted ids of legs."""
    out = {}
    for i, day, ref, memo in connection.execute(f"SELECT id, {N['day']}, {N['ref']}, {N['memo']} FROM {N['entries']}"):
        out[i] = [day, ref, memo, [], []]
    query = f"SELECT l.{N['fk']}, a.code, l.{N['cents']}, l.id FROM {N['legs']} l LEFT JOIN accounts a ON a.id = l.account_id"
    for entry, code, cents, leg in connection.execute(query):
        if entry in out:
            out[entry][3].append((code, cents))
            out[entry][4].append(leg)
    for row in out.values():
        row[3].sort(key=str)
        row[4].sort()
    return out


def read_csv(name, header):
    """The rows of a CSV file of the agent, without its header."""
    rows = [
        [cell.strip() for cell in row]
        for row in csv.reader(read(APP / name).decode("utf-8-sig").splitlines())
        if any(c.strip() for c in row)
    ]
    assert rows[:1] == [header], f"{name}: expected header {header}, found {rows[:1]}"
    assert all(len(row) == len(header) for row in rows), f"{name}: a row has another number of columns"
    return rows[1:]


def cents(text):
    """Units with two decimals as whole cents."""
    try:
        value = Decimal(text) * 100
    except InvalidOperation:
        raise AssertionError(f"not a number: {text!r}") from None
    assert text[-3:-2] == ".", f"expected two decimals: {text!r}"
    assert value == value.to_integral_value()
    return int(value)


def legs_of(row):
    """Legs of the truth as sorted tuples."""
    return sorted(((code, amount) for code, amount in row), key=str)


def test_database_is_sound_and_has_no_orphans():
    """The restored database is intact and each leg belongs to an entry and an account."""
    assert ledger().execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert ledger().execute("PRAGMA foreign_key_check").fetchall() == []


def test_tables_and_columns_are_unchanged():
    """No table or column was added, dropped or renamed; accounts and rules hold the same rows."""
    delivered = pristine()
    assert columns(ledger()) == columns(delivered)
    for table in ("accounts", "rules"):
        query = f"SELECT * FROM {table} ORDER BY 1"
        assert ledger().execute(query).fetchall() == delivered.execute(query).fetchall()


def test_existing_entries_are_corrected():
    """Every entry that stays has its id and the right day, reference, memo and legs."""
    found = entries(ledger())
    for number, day, ref, memo, legs, _ in FACTS["entries"]:
        assert number in found, f"entry {number} is gone"
        assert [*found[number][:3], found[number][3]] == [day, ref, memo, legs_of(legs)], f"entry {number}"


def test_no_entry_too_many_and_none_missing():
    """Duplicates are gone; missing lines and reversals are booked exactly once; nothing else was added."""
    kept = {row[0] for row in FACTS["entries"]}
    extra = Counter(
        (day, ref or None, memo, tuple(legs))
        for i, (day, ref, memo, legs, _) in entries(ledger()).items()
        if i not in kept
    )
    wanted = Counter((day, ref, memo, tuple(legs_of(legs))) for day, ref, memo, legs in FACTS["new"])
    assert extra == wanted


def test_right_entries_keep_their_leg_ids():
    """Entries without a fault were not rebuilt: the ids of their legs survive."""
    found = entries(ledger())
    for number, *_, leg_ids in FACTS["entries"]:
        if leg_ids is not None:
            assert found.get(number, [None] * 5)[4] == sorted(leg_ids), f"legs of entry {number}"


def test_every_entry_is_in_balance():
    """The legs of each entry sum to zero and are whole numbers."""
    query = f"SELECT count(*) FROM (SELECT 1 FROM {N['legs']} GROUP BY {N['fk']} HAVING sum({N['cents']}) <> 0)"
    assert ledger().execute(query).fetchone()[0] == 0
    assert ledger().execute(f"SELECT DISTINCT typeof({N['cents']}) FROM {N['legs']}").fetchall() == [("integer",)]


def test_findings_list_exactly_the_faults():
    """findings.csv names every fault once, with its kind, and nothing else."""
    found = Counter(tuple(row) for row in read_csv("findings.csv", ["kind", "ref"]))
    assert found == Counter(tuple(row) for row in FACTS["findings"])


def test_balances():
    """balances.csv has every account once with the right balance, and agrees with the ledger."""
    rows = read_csv("balances.csv", ["code", "balance"])
    assert sorted(code for code, _ in rows) == sorted(FACTS["balances"])
    found = {code: cents(value) for code, value in rows}
    assert found == FACTS["balances"]
    query = f"SELECT a.code, coalesce(sum(l.{N['cents']}), 0) FROM accounts a LEFT JOIN {N['legs']} l ON l.account_id = a.id GROUP BY a.code"
    assert found == dict(ledger().execute(query).fetchall())


@asked(FACTS["months"] is not None)
def test_bank_months():
    """bank-months.csv has each bank account's balance at the end of every month."""
    rows = read_csv("bank-months.csv", ["code", "month", "closing"])
    wanted = {(code, month): value for code, months in FACTS["months"].items() for month, value in months.items()}
    assert len(rows) == len(wanted)
    assert {(code, month): cents(value) for code, month, value in rows} == wanted


@asked(FACTS["closed_before"] is not None)
def test_closed_months_refuse_every_change():
    """Inserts, updates, deletes and moves that touch a closed entry abort and leave no trace."""
    e, legs, day, fk, memo, amount = (N[k] for k in ("entries", "legs", "day", "fk", "memo", "cents"))
    limit = FACTS["closed_before"]
    closed = ledger().execute(
        f"SELECT id, {day} FROM {e} WHERE {day} < ? ORDER BY {day} DESC, id LIMIT 1", (limit,)
    ).fetchone()
    opened = ledger().execute(
        f"SELECT id, {day} FROM {e} WHERE {day} >= ? ORDER BY {day}, id LIMIT 1", (limit,)
    ).fetchone()
    account = ledger().execute("SELECT min(id) FROM accounts").fetchone()[0]
    before = ledger().dump()
    attempts = [
        (f"INSERT INTO {e} ({day}, {memo}) VALUES (?, 'late')", (closed[1],)),
        (f"UPDATE {e} SET {memo} = 'changed' WHERE id = ?", (closed[0],)),
        (f"UPDATE {e} SET {day} = ? WHERE id = ?", (opened[1], closed[0])),
        (f"UPDATE {e} SET {day} = ? WHERE id = ?", (closed[1], opened[0])),
        (f"DELETE FROM {e} WHERE id = ?", (closed[0],)),
        (f"INSERT INTO {legs} ({fk}, account_id, {amount}) VALUES (?, ?, 5)", (closed[0], account)),
        (f"UPDATE {legs} SET {amount} = {amount} + 1 WHERE {fk} = ?", (closed[0],)),
        (f"UPDATE {legs} SET {fk} = ? WHERE {fk} = ?", (opened[0], closed[0])),
        (f"UPDATE {legs} SET {fk} = ? WHERE {fk} = ?", (closed[0], opened[0])),
        (f"DELETE FROM {legs} WHERE {fk} = ?", (closed[0],)),
    ]
    for statement, values in attempts:
        try:
            ledger().execute(statement, values)
        except sqlite3.Error:
            continue
        raise AssertionError(f"{statement} was not refused")
    assert ledger().dump() == before


@asked(FACTS["closed_before"] is not None)
def test_open_month_takes_changes():
    """Entries on and after the closing day can be added, changed and deleted with their legs."""
    e, legs, day, fk, memo, amount = (N[k] for k in ("entries", "legs", "day", "fk", "memo", "cents"))
    one, two = [r[0] for r in ledger().execute("SELECT id FROM accounts ORDER BY id LIMIT 2")]
    ledger().execute("BEGIN")
    number = ledger().execute(f"INSERT INTO {e} ({day}, {memo}) VALUES (?, 'new')", (FACTS["closed_before"],)).lastrowid
    for account, value in ((one, 100), (two, -100)):
        ledger().execute(f"INSERT INTO {legs} ({fk}, account_id, {amount}) VALUES (?, ?, ?)", (number, account, value))
    ledger().execute(f"UPDATE {legs} SET {amount} = {amount} * 2 WHERE {fk} = ?", (number,))
    ledger().execute(f"UPDATE {e} SET {memo} = 'newer' WHERE id = ?", (number,))
    ledger().execute(f"DELETE FROM {legs} WHERE {fk} = ?", (number,))
    assert ledger().execute(f"DELETE FROM {e} WHERE id = ?", (number,)).rowcount == 1
    ledger().execute("COMMIT")
