"""Reads the store after the session, checks its chain of MACs, and compares
the journal with the bookings that the slips ask for. Slips, counts and opening
stock are the tests' own copies; the seal is computed from the store."""

import csv
import os
import random
import struct

from artifacts import read
from run import once

TESTS = os.path.dirname(os.path.abspath(__file__))

MASK = (1 << 64) - 1
K = (0x6C07D31F9A2BE845, 0xB1E5907C48FD3A26)


def sip(words):
    data = struct.pack(f"<{len(words)}I", *words)
    v = [K[0] ^ 0x736F6D6570736575, K[1] ^ 0x646F72616E646F6D, K[0] ^ 0x6C7967656E657261, K[1] ^ 0x7465646279746573]

    def rounds(n):
        a, b, c, d = v
        rotl = lambda x, r: ((x << r) | (x >> (64 - r))) & MASK
        for _ in range(n):
            a = (a + b) & MASK
            b = rotl(b, 13) ^ a
            a = rotl(a, 32)
            c = (c + d) & MASK
            d = rotl(d, 16) ^ c
            a = (a + d) & MASK
            d = rotl(d, 21) ^ a
            c = (c + b) & MASK
            b = rotl(b, 17) ^ c
            c = rotl(c, 32)
        v[:] = a, b, c, d

    tail = data[len(data) // 8 * 8 :]
    blocks = [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data) - 7, 8)]
    blocks.append((len(data) & 255) << 56 | int.from_bytes(tail, "little"))
    for m in blocks:
        v[3] ^= m
        rounds(2)
        v[0] ^= m
    v[2] ^= 255
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def items():
    rng = random.Random(1871)
    rows = {1000 + 13 * i: [rng.randrange(4, 90), 0, 0] for i in range(34)}
    for old, new in ((1026, 1208), (1208, 1351), (1117, 1312), (1390, 1416)):
        rows[old][0], rows[old][1] = 0, new
    for sku in (1065, 1260, 1416):
        rows[sku][2] = 1
    rows[1143][0], rows[1234][0], rows[1351][0] = 0, 17, 9
    return [(sku, *row) for sku, row in sorted(rows.items())]


def rows_of(path):
    """A CSV file's lines as lists of values; empty lines do not count."""
    lines = read(path, 1 << 20).decode("utf-8-sig").splitlines()
    return [[value.strip() for value in row] for row in csv.reader(lines, skipinitialspace=True) if row]


def chain(before, kind, slip, sku, qty):
    return sip([before & 0xFFFFFFFF, before >> 32, ord(kind), slip, sku, qty, 0])


class Store:
    """Opening stock and journal, with every MAC checked."""

    def __init__(self, blob):
        assert blob[:4] == b"SDSK", "this is not a store"
        n, m = struct.unpack_from("<II", blob, 4)
        assert len(blob) == 12 + 16 * n + 8 + 24 * m, "the store has a wrong length"
        self.items = [struct.unpack_from("<4I", blob, 12 + 16 * i) for i in range(n)]
        at = 12 + 16 * n
        mac = struct.unpack_from("<Q", blob, at)[0]
        assert mac == sip([n] + [x for row in self.items for x in row]), "the opening stock was tampered with"
        self.entries, at = [], at + 8
        for _ in range(m):
            code, slip, sku, qty, own = struct.unpack_from("<4IQ", blob, at)
            kind = chr(code) if code < 128 else "?"
            mac = chain(mac, kind, slip, sku, qty)
            assert own == mac, "an entry was not written by stockdesk"
            self.entries.append((kind, slip, sku, qty))
            at += 24
        self.seal = f"{sip([mac & 0xFFFFFFFF, mac >> 32, m, 0x5EA1]):016x}"

    def live(self):
        """The entries that were not taken back."""
        out = []
        for entry in self.entries:
            if entry[0] == "B":
                out.pop()
            else:
                out.append(entry)
        return out


@once
def expected():
    """Bookings, backorders and closing stock after the slips of the day."""
    stock = {sku: qty for sku, qty, _, _ in items()}
    replaced = {sku: new for sku, _, new, _ in items() if new}
    locked = {sku for sku, _, _, lock in items() if lock}
    counts = {int(sku): int(counted) for sku, counted in rows_of(f"{TESTS}/counts.csv")[1:]}
    moves, counted, missing = [], [], []
    for number, move, *numbers in rows_of(f"{TESTS}/slips.csv")[1:]:
        slip, sku, qty = int(number), *map(int, numbers)
        while sku in replaced:
            sku = replaced[sku]
        if sku in locked:
            locked.discard(sku)
            stock[sku] = counts[sku]
            counted.append(("C", 0, sku, counts[sku]))
        if move == "receive":
            stock[sku] += qty
            moves.append(("R", slip, sku, qty))
            continue
        goes = min(qty, stock[sku])
        stock[sku] -= goes
        if goes:
            moves.append(("S", slip, sku, goes))
        if goes < qty:
            missing.append((slip, sku, qty - goes))
    return moves, counted, missing, stock


@once
def store():
    return Store(read("/app/data/store.bin"))


def test_store_was_written_by_stockdesk():
    """The opening stock is the real one and every journal entry carries its MAC."""
    assert store().items == items()
    assert store().entries, "nothing has been booked"


def test_movements_are_those_of_the_slips():
    """All slips, once each, in the file's order, under the current number, with the quantity that was there."""
    moves = [entry for entry in store().live() if entry[0] in "RS"]
    assert moves == expected()[0]


def test_locked_items_were_counted():
    """Each locked item was released with the counted quantity, and nothing else was counted."""
    counts = [entry for entry in store().live() if entry[0] == "C"]
    assert sorted(counts) == sorted(expected()[1])


def test_closing_stock():
    """The stock that results from the journal is the expected one."""
    stock = {sku: qty for sku, qty, _, _ in store().items}
    for kind, _, sku, qty in store().live():
        stock[sku] = qty if kind == "C" else stock[sku] + (qty if kind == "R" else -qty)
    assert stock == expected()[3]


def test_backorders():
    """/app/backorders.csv lists what could not be shipped: slip, current number, missing quantity."""
    header, *rows = rows_of("/app/backorders.csv")
    assert header == ["slip", "sku", "missing"]
    assert sorted(tuple(map(int, row)) for row in rows) == sorted(expected()[2])


def test_seal_belongs_to_the_final_journal():
    """/app/seal.txt holds the seal of the journal as it is in the store now."""
    assert read("/app/seal.txt", 1000).decode().lower().split() == [store().seal]


def test_inbox_is_unchanged():
    """The slips and the counts of the inbox are as they were."""
    for name in ("slips.csv", "counts.csv"):
        assert read(f"/app/inbox/{name}") == read(f"{TESTS}/{name}"), name
