#!/bin/bash
# Writes /app/reconcile after RULES.md, runs it on /app/data and checks it against independent queries.
set -euo pipefail

# First the rules and what there is.
cd /app && cat RULES.md && ls -lR data

# The books: the schema, and whether an invoice can have several credit notes, which would double sums in a plain join.
sqlite3 data/shop.db .schema
sqlite3 data/shop.db "SELECT count(*), sum(cancelled) FROM invoices; SELECT n, count(*) FROM (SELECT count(*) n FROM credit_notes GROUP BY invoice_id) GROUP BY n"

# The bank files: encodings, headers, fields that span lines, odd rows.
file data/bank/*
head -n 8 data/bank/north-2026-01.csv; tail -n 6 data/bank/north-2026-01.csv
iconv -f cp1252 -t utf-8 data/bank/south-2026-01.csv | sed -n 1,9p; iconv -f cp1252 -t utf-8 data/bank/south-2026-01.csv | tail -n 7

# The card events: types, currencies, forms of the amount, and lines that are no JSON.
jq -R -r '(fromjson? // "no JSON") | if type == "object" then [.type, .currency, (.amount | type)] | @tsv else . end' data/card/events.jsonl | sort | uniq -c
grep -o '"at": "[^"]*"' data/card/events.jsonl | sed 's/.*T..:..:..//' | sort | uniq -c

# Now I can write it. Money goes through Decimal and regular expressions, never through a float; JSON numbers are read as Decimal too.
cat > /app/reconcile <<'EOF'
#!/usr/bin/python3
"""reconcile DATA OUT: see RULES.md."""
import csv
import datetime
import json
import re
import sqlite3
import sys
from decimal import Decimal
from pathlib import Path

MENTION = re.compile(r"(?<![^\W_])INV[\s\-/.]*([0-9]{4})[\s\-/.]+([0-9]{1,5})(?![0-9])", re.I)
AMOUNT = {
    "north": re.compile(r"([+-]?)((?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)\.[0-9]{2})()"),
    "south": re.compile(r"()((?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+),[0-9]{2})(-?)"),
}


DAY = {
    "north": re.compile(r"(?P<y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})"),
    "south": re.compile(r"(?P<d>[0-9]{2})\.(?P<m>[0-9]{2})\.(?P<y>[0-9]{4})"),
}


class Unreadable(Exception):
    pass


def need(ok):
    if not ok:
        raise Unreadable


def bank_cents(bank, text):
    m = AMOUNT[bank].fullmatch(text.strip())
    need(m)
    cents = int(re.sub("[.,]", "", m[2]))
    return -cents if "-" in (m[1], m[3]) else cents


def bank_day(bank, text):
    m = DAY[bank].fullmatch(text.strip())
    need(m)
    return datetime.date(*(int(m[k]) for k in "ymd")).isoformat()


def bank_rows(bank, path):
    """Yields (id, date, cents, text), or None for a row that cannot be read."""
    text = path.read_bytes().decode("utf-8-sig" if bank == "north" else "cp1252")
    rows = csv.reader(text.splitlines(keepends=True), delimiter="," if bank == "north" else ";")
    index = None
    for row in rows:
        if not any(field.strip() for field in row) or row[0] == "Saldo":
            continue
        if index is None:
            if row[0] in ("Booking date", "Buchungstag"):
                index = {name: i for i, name in enumerate(row)}
            continue
        try:
            need(len(row) == len(index))
            if bank == "north":
                day, amount, currency, memo, ident = (row[index[n]] for n in ("Booking date", "Amount", "Currency", "Text", "Transaction id"))
            else:
                day, memo, amount, currency, ident = (row[index[n]] for n in ("Buchungstag", "Verwendungszweck", "Betrag", "Währung", "Umsatz-Nr."))
            need(ident.strip())
            if currency.upper() != "EUR":
                continue
            yield ident.strip(), bank_day(bank, day), bank_cents(bank, amount), memo
        except (Unreadable, ValueError):
            yield None


def card_rows(path):
    for line in path.read_text(encoding="utf-8").split("\n"):
        if not line.strip():
            continue
        try:
            event = json.loads(line, parse_float=Decimal)
            values = [event.get(k) for k in ("id", "type", "amount", "currency", "memo", "at")]
            need(None not in values)
            ident, kind, amount, currency, memo, at = values
            if kind not in ("charge", "refund") or currency.upper() != "EUR":
                continue
            cents = Decimal(amount) * 100
            need(cents == int(cents))
            at = datetime.datetime.fromisoformat(at)
            need(at.tzinfo)
            booked = at.astimezone(datetime.timezone.utc).date().isoformat()
            yield ident, booked, int(cents) if kind == "charge" else -int(cents), memo
        except (Unreadable, ValueError, ArithmeticError, AttributeError, TypeError):
            yield None


def main(data, out):
    data, out = Path(data), Path(out)
    seen, rejected = {}, 0
    sources = [(bank, bank_rows(bank, p)) for bank in ("north", "south") for p in sorted((data / "bank").glob(f"{bank}-*.csv"))]
    if (data / "card/events.jsonl").exists():
        sources.append(("card", card_rows(data / "card/events.jsonl")))
    for source, rows in sources:
        for row in rows:
            if row is None:
                rejected += 1
            else:
                seen[source, row[0]] = row[1:]

    shop = sqlite3.connect(f"file:{(data / 'shop.db').resolve().as_posix().replace(' ', '%20')}?mode=ro", uri=True)
    invoices = shop.execute("""
        SELECT i.number, c.name, CASE WHEN i.cancelled THEN 0 ELSE i.total_cents -
               coalesce((SELECT sum(cents) FROM credit_notes n WHERE n.invoice_id = i.id), 0) END
        FROM invoices i JOIN customers c ON c.id = i.customer_id ORDER BY i.number""").fetchall()
    known = {number for number, _, _ in invoices}

    payments, paid, last, free = [], {}, {}, []
    for (source, ident), (booked, cents, memo) in seen.items():
        mentions = (f"INV-{m[1]}-{int(m[2]):05d}" for m in MENTION.finditer(memo))
        number = next((n for n in mentions if n in known), None)
        payments.append((source, ident, booked, cents, number))
        if number:
            paid[number] = paid.get(number, 0) + cents
            last[number] = max(last.get(number, ""), booked)
        else:
            free.append(cents)

    states, owing, rows = {"open": 0, "partial": 0, "paid": 0, "overpaid": 0}, {}, []
    for number, name, due in invoices:
        p = paid.get(number, 0)
        state = "paid" if p == due else "overpaid" if p > due else "open" if p <= 0 else "partial"
        states[state] += 1
        rows.append((number, due, p, last.get(number), state))
        if due > p:
            owing[name] = owing.get(name, 0) + due - p

    out.mkdir(parents=True, exist_ok=True)
    (out / "result.db").unlink(missing_ok=True)
    db = sqlite3.connect(out / "result.db")
    db.execute("CREATE TABLE payments (source TEXT, id TEXT, booked TEXT, cents INTEGER, invoice TEXT, PRIMARY KEY (source, id))")
    db.execute("CREATE TABLE invoices (number TEXT PRIMARY KEY, due_cents INTEGER, paid_cents INTEGER, last_payment TEXT, state TEXT)")
    db.executemany("INSERT INTO payments VALUES (?, ?, ?, ?, ?)", payments)
    db.executemany("INSERT INTO invoices VALUES (?, ?, ?, ?, ?)", rows)
    db.commit()
    db.close()
    report = {"states": states, "unmatched": {"count": len(free), "cents": sum(free)}, "rejected": rejected,
              "owing": [{"customer": n, "cents": c} for n, c in sorted(owing.items(), key=lambda x: (-x[1], x[0]))]}
    (out / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


main(*sys.argv[1:])
EOF
chmod 755 /app/reconcile

# A run from another directory, as it will be used.
cd / && /app/reconcile /app/data /app/out && cd /app
sqlite3 out/result.db "SELECT source, count(*), sum(cents), sum(invoice IS NULL) FROM payments GROUP BY source; SELECT state, count(*), sum(due_cents), sum(paid_cents) FROM invoices GROUP BY state"
head -n 18 out/report.json

# I check with independent means: distinct card ids by jq, the sums between the two tables, and the texts that were left unmatched though they may hold INV.
jq -R -r 'fromjson? | select(.type == "charge" or .type == "refund") | select(((.currency // "") | ascii_downcase) == "eur" and .amount != null and .memo != null and .at != null and .id != null) | [.id, .memo] | @tsv' data/card/events.jsonl > /tmp/cards.tsv
cut -f 1 /tmp/cards.tsv | sort -u | wc -l
sqlite3 out/result.db "SELECT count(*) FROM payments WHERE source = 'card'; SELECT (SELECT sum(cents) FROM payments WHERE invoice IS NOT NULL) = (SELECT sum(paid_cents) FROM invoices)"
sqlite3 out/result.db "SELECT id FROM payments WHERE source = 'card' AND invoice IS NULL" | grep -F -f - /tmp/cards.tsv | cut -f 2 | sort -u

# Last, the borders in one run: an amount that a float would spoil, a mention that runs on, an OUT that holds old results, and no bank files at all.
rm -rf /tmp/edge && mkdir -p /tmp/edge/d/bank /tmp/edge/d/card && cp data/shop.db /tmp/edge/d && cp -r out /tmp/edge/out
n=$(sqlite3 data/shop.db "SELECT number FROM invoices ORDER BY id LIMIT 1")
printf '%s\n' "{\"id\": \"a\", \"type\": \"charge\", \"amount\": 1.15, \"currency\": \"EUR\", \"memo\": \"x ${n}9\", \"at\": \"2026-03-01T00:30:00+02:00\"}" "{\"id\": \"b\", \"type\": \"charge\", \"amount\": \"0.29\", \"currency\": \"eur\", \"memo\": \"($n)\", \"at\": \"2026-03-01T00:30:00Z\"}" > /tmp/edge/d/card/events.jsonl
/app/reconcile /tmp/edge/d /tmp/edge/out && sqlite3 /tmp/edge/out/result.db "SELECT * FROM payments"
rm -rf /tmp/edge
