"""Writes one data folder (shop.db, bank/*.csv, card/events.jsonl) and knows the truth about it. usage: gen.py FOLDER SEED"""
import datetime
import json
import random
import sqlite3
import sys
from pathlib import Path

FIRST = "Anke Bela Cora Dilan Edith Falk Gesa Henk Ilka Jörg Käte Lutz Mira Nils Oda Piet Ruth Sönke Tilda Uwe Vera Wim".split()
LAST = "Ahrens Böhm Claasen Dietz Ebner Fuchs Götz Huber Jansen Kröger Lindner Möller Nolte Opitz Preuß Rahn Sauer Thoma Vogt Weiß".split()
WORDS = "Danke für die Lieferung|Rechnung|payment|Überweisung|order of March|second reminder|Kauf, Teil 2|Gutschrift|wie besprochen|thanks".split("|")


def spell(rng, year, number):
    """An invoice number as people write it."""
    inv = rng.choice(["INV", "INV", "inv", "Inv"])
    a, b = rng.choice(["-", "-", " ", "", "/", "- ", ". "]), rng.choice(["-", "-", " ", "/", ".", "--"])
    return f"{inv}{a}{year}{b}{number:05d}" if rng.random() < 0.6 else f"{inv}{a}{year}{b}{number}"


def grouped(cents, thousands, point):
    whole, rest = divmod(abs(cents), 100)
    text = f"{whole:,}".replace(",", thousands) if whole >= 1000 else str(whole)
    return f"{text}{point}{rest:02d}"


def generate(folder, seed, invoices=240):
    """Returns the truth: {"payments": […], "invoices": […], "report": {…}}, see RULES.md."""
    rng = random.Random(seed)
    folder = Path(folder)
    (folder / "bank").mkdir(parents=True)
    (folder / "card").mkdir()
    day0 = datetime.date(2026, 1, 1)

    # The shop's own books.
    names = sorted({f"{rng.choice(FIRST)} {rng.choice(LAST)}" for _ in range(max(8, invoices // 5))})
    rng.shuffle(names)
    book, used = [], set()
    for i in range(invoices):
        year = rng.choice([2025, 2026, 2026])
        number = rng.choice([rng.randrange(1, 100), rng.randrange(100, 2000), rng.randrange(10000, 30000)])
        while (year, number) in used:
            number += 1
        used.add((year, number))
        total = rng.choice([rng.randrange(100, 9000), rng.randrange(9000, 400000), 1999, 2950, 11470, 100000, 123456])
        credits = [rng.randrange(1, max(2, total // 6)) for _ in range(rng.choice([0, 0, 0, 1, 2, 3]))]
        book.append({"id": i + 1, "year": year, "n": number, "number": f"INV-{year}-{number:05d}",
                     "customer": rng.randrange(len(names)), "total": total, "credits": credits,
                     "cancelled": rng.random() < 0.05, "paid": 0, "last": None})
    for b in book:
        b["due"] = 0 if b["cancelled"] else b["total"] - sum(b["credits"])
    db = sqlite3.connect(folder / "shop.db")
    db.executescript("""
        CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE invoices (id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, customer_id INTEGER NOT NULL REFERENCES customers(id),
                               total_cents INTEGER NOT NULL, cancelled INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE credit_notes (id INTEGER PRIMARY KEY, invoice_id INTEGER NOT NULL REFERENCES invoices(id), cents INTEGER NOT NULL);
    """)
    db.executemany("INSERT INTO customers VALUES (?, ?)", [(i + 1, n) for i, n in enumerate(names)])
    db.executemany("INSERT INTO invoices VALUES (?, ?, ?, ?, ?)",
                   [(b["id"], b["number"], b["customer"] + 1, b["total"], int(b["cancelled"])) for b in book])
    notes = [(b["id"], c) for b in book for c in b["credits"]]
    rng.shuffle(notes)
    db.executemany("INSERT INTO credit_notes (invoice_id, cents) VALUES (?, ?)", notes)
    db.commit()
    db.close()

    # What was paid.
    wanted = []
    for b in book:
        kind = rng.choice(["none", "full", "full", "full", "parts", "parts", "part", "over", "refund", "back", "minus"])
        due = b["due"]
        if kind == "full" and due > 0:
            sums = [due]
        elif kind == "parts" and due > 3:
            x = rng.randrange(1, due - 1)
            sums = [x, due - x]
        elif kind == "part" and due > 3:
            sums = [rng.randrange(1, due)]
        elif kind == "over":
            sums = [due + rng.randrange(1, 900)]
        elif kind == "refund" and due > 500:
            sums = [due + 500, -500]
        elif kind == "back" and due > 0:
            sums = [due, -due]
        elif kind == "minus":
            sums = [-rng.randrange(100, 900)]
        else:
            sums = []
        wanted += [(b, c) for c in sums]
    wanted += [(None, rng.randrange(100, 50000)) for _ in range(invoices // 10)]
    rng.shuffle(wanted)

    def text(b):
        words = rng.choice(WORDS)
        if b is None:
            free = rng.randrange(31000, 99000)
            return rng.choice([words, f"{words} INV-2026-{free}", f"INV-2026-{rng.choice(book)['n']:05d}7", f"XINV-2026-{rng.choice(book)['n']}",
                               "INV-26-00012", "INVOICE 2026 12"])
        s = spell(rng, b["year"], b["n"])
        extra = [f"{words} {s}", f"{s} {words}", s, f"({s})", f"{words}: {s}, {rng.choice(LAST)}"]
        if rng.random() < 0.1:
            extra = [f"INV-2026-{rng.randrange(31000, 99000)} / {s}"]
        return rng.choice(extra)

    payments, north, south, card = [], [], [], []
    rejected = 0
    for i, (b, cents) in enumerate(wanted):
        source = rng.choice(["north", "south", "card"])
        day = day0 + datetime.timedelta(days=rng.randrange(0, 89))
        memo = text(b)
        if source == "card":
            ident, moment = f"evt_{rng.getrandbits(40):010x}", datetime.datetime.combine(day, datetime.time(rng.randrange(24), rng.randrange(60)))
            hours = rng.choice([0, 1, 2, -5, 9])
            local = (moment + datetime.timedelta(hours=hours)).isoformat()
            at = local + ("Z" if hours == 0 else f"{hours:+03d}:00")
            amount = abs(cents) / 100 if rng.random() < 0.5 else f"{abs(cents) // 100}.{abs(cents) % 100:02d}"
            event = {"id": ident, "type": "charge" if cents > 0 else "refund", "amount": amount, "currency": rng.choice(["eur", "EUR"]), "memo": memo, "at": at}
            card.append((moment, event))
            if rng.random() < 0.15:
                card.append((moment + datetime.timedelta(hours=rng.randrange(1, 30)), event))
        else:
            ident = f"N{rng.randrange(10**9, 10**10)}" if source == "north" else f"{rng.randrange(10**6, 10**7)}/{i}"
            (north if source == "north" else south).append((day, ident, cents, memo))
        payments.append({"source": source, "id": ident, "booked": day.isoformat(), "cents": cents, "invoice": b and b["number"]})
        if b:
            b["paid"] += cents
            b["last"] = max(b["last"] or "", day.isoformat())

    # Bank north: UTF-8 with BOM, quoted fields that may span lines; exports overlap, the later one may have the text corrected.
    months = [(f"2026-{m:02d}", datetime.date(2026, m, 1), datetime.date(2026, m + 1, 1)) for m in (1, 2, 3)]
    week = datetime.timedelta(days=7)
    for k, (label, start, end) in enumerate(months):
        rows = []
        for day, ident, cents, memo in sorted(north):
            if not start - week * (k > 0) <= day < end:
                continue
            # A row that comes again in the next export stands here with another text and, at times, another amount.
            again = k < 2 and day >= end - week
            odd = rng.random()
            shown, value = (memo, cents) if not again or odd > 0.5 else ("text follows", cents) if odd > 0.2 else (memo, cents + 100)
            if rng.random() < 0.2:
                shown = shown + "\n" + 'ref "' + rng.choice(LAST) + '"'
            rows.append([day.isoformat(), (day + datetime.timedelta(days=rng.randrange(1, 3))).isoformat(), ("-" if value < 0 else rng.choice(["", "+"])) + grouped(value, ",", "."), "EUR", shown, ident])
        if rows and k == 1:
            rows.append(list(rows[0]))
        for _ in range(3):
            day = start + datetime.timedelta(days=rng.randrange(20))
            rows.append([day.isoformat(), day.isoformat(), "99.00", rng.choice(["USD", "CHF"]), text(rng.choice(book)), f"N{rng.randrange(10**9, 10**10)}"])
        rows.append([start.isoformat(), start.isoformat(), rng.choice(["n/a", "", "12.3.4"]), "EUR", text(rng.choice(book)), f"N{rng.randrange(10**9, 10**10)}"])
        rejected += 1
        quote = lambda s: '"' + s.replace('"', '""') + '"' if any(c in s for c in ',"\n') else s
        lines = ["Booking date,Value date,Amount,Currency,Text,Transaction id"] + [",".join(map(quote, r)) for r in rows]
        (folder / "bank" / f"north-{label}.csv").write_bytes(b"\xef\xbb\xbf" + ("\r\n".join(lines) + "\r\n").encode())

    # Bank south: Windows-1252, preamble and footer, decimal comma, minus behind.
    for k, (label, start, end) in enumerate(months):
        dmy = lambda d: d.strftime("%d.%m.%Y")
        lines = ["Kontoauszug;Sparkonto Süd", "Währung;EUR (€)", f"Zeitraum;{dmy(start)} - {dmy(end)}", "", "Buchungstag;Wertstellung;Verwendungszweck;Betrag;Währung;Umsatz-Nr."]
        balance = 0
        for day, ident, cents, memo in sorted(south):
            if not start - week * (k > 0) <= day < end:
                continue
            balance += cents
            memo = memo.replace(";", ",")
            lines.append(";".join([dmy(day), dmy(day + datetime.timedelta(days=1)), f'"{memo}; Süd"' if rng.random() < 0.2 else memo, grouped(cents, ".", ",") + ("-" if cents < 0 else ""), "EUR", ident]))
        lines.append(";".join([dmy(start), dmy(start), text(rng.choice(book)), "50,00", "DKK", f"{rng.randrange(10**6, 10**7)}/x{k}"]))
        lines.append(";".join([rng.choice(["31.02.2026", "00.01.2026", "tomorrow"]), dmy(start), text(rng.choice(book)), "50,00", "EUR", f"{rng.randrange(10**6, 10**7)}/y{k}"]))
        lines.append(";".join([dmy(start), dmy(start), text(rng.choice(book)), rng.choice(["50.00", "1,5,0", "-"]), "EUR", f"{rng.randrange(10**6, 10**7)}/z{k}"]))
        rejected += 2
        lines += ["", f"Saldo;;;{grouped(balance, '.', ',')}{'-' if balance < 0 else ''};EUR;"]
        (folder / "bank" / f"south-{label}.csv").write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))

    # Card events: sent at least once, some broken, some of no interest.
    out = []
    for moment, event in sorted(card, key=lambda x: (x[0], x[1]["id"])):
        out.append(json.dumps(event, ensure_ascii=rng.random() < 0.5))
        chance = rng.random()
        if chance < 0.04:
            out.append(json.dumps(event)[: rng.randrange(10, 60)])
            rejected += 1
        elif chance < 0.06:
            bad = {**event, "id": f"evt_{rng.getrandbits(40):010x}"}
            key = rng.choice(["id", "type", "amount", "currency", "memo", "at"])
            if rng.random() < 0.5:
                bad[key] = None
            else:
                del bad[key]
            out.append(json.dumps(bad))
            rejected += 1
        elif chance < 0.1:
            out.append(json.dumps({**event, "id": f"evt_{rng.getrandbits(40):010x}", "type": "dispute"}))
        elif chance < 0.13:
            out.append(json.dumps({**event, "id": f"evt_{rng.getrandbits(40):010x}", "currency": "gbp"}))
        elif chance < 0.15:
            out.append("")
    (folder / "card" / "events.jsonl").write_text("\n".join(out) + "\n", encoding="utf-8")

    states, owing = {"open": 0, "partial": 0, "paid": 0, "overpaid": 0}, {}
    for b in book:
        b["state"] = "paid" if b["paid"] == b["due"] else "overpaid" if b["paid"] > b["due"] else "open" if b["paid"] <= 0 else "partial"
        states[b["state"]] += 1
        if b["due"] > b["paid"]:
            owing[names[b["customer"]]] = owing.get(names[b["customer"]], 0) + b["due"] - b["paid"]
    free = [p for p in payments if p["invoice"] is None]
    return {
        "payments": payments,
        "invoices": [{"number": b["number"], "due_cents": b["due"], "paid_cents": b["paid"], "last_payment": b["last"], "state": b["state"]} for b in book],
        "report": {"states": states, "unmatched": {"count": len(free), "cents": sum(p["cents"] for p in free)}, "rejected": rejected,
                   "owing": [{"customer": n, "cents": c} for n, c in sorted(owing.items(), key=lambda x: (-x[1], x[0]))]},
    }


if __name__ == "__main__":
    generate(sys.argv[1], int(sys.argv[2]))
