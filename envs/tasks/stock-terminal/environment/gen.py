"""Writes the store as it is before the slips of the day."""

import random
import struct
import sys
from pathlib import Path

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


if __name__ == "__main__":
    rows = items()
    words = [len(rows)] + [x for row in rows for x in row]
    mac = sip(words)
    out = b"SDSK" + struct.pack("<II", len(rows), 0) + struct.pack(f"<{len(words) - 1}I", *words[1:]) + struct.pack("<Q", mac)
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(out)
