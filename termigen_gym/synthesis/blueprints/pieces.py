"""Pieces that blueprints of data and of files share: packs whose bytes never vary, templates, readers for tests."""

from __future__ import annotations

import binascii
import csv
import io
import re
import sqlite3
import struct
import tarfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from .kit import Slip, pick

PEOPLE = (
    ("Ana Brandão", "Ana Brandao"),
    ("Björn Lindqvist", "Bjorn Lindqvist"),
    ("Chidi Okafor", "Chidi Okafor"),
    ("Dana Whitfield", "Dana Whitfield"),
    ("Émile Garnier", "Emile Garnier"),
    ("Farah Haddad", "Farah Haddad"),
    ("Grzegorz Wójcik", "Grzegorz Wojcik"),
    ("Hiroko Tanabe", "Hiroko Tanabe"),
    ("Ines Castaño", "Ines Castano"),
    ("Jonas Krüger", "Jonas Kruger"),
    ("Katarzyna Nowak", "Katarzyna Nowak"),
    ("Lubomír Dvořák", "Lubomir Dvorak"),
    ("Maeve O'Rourke", "Maeve O'Rourke"),
    ("Nikhil Rao", "Nikhil Rao"),
)
"""Names, and how an export that knows no accents writes them."""

_STORED = 65535
_SQLITE_VERSION = struct.pack(">I", 3040001)


def fill(template: str, **values: object) -> str:
    """Return a template with each ``@NAME@`` replaced; code in it needs no braces doubled.

    Raises:
        KeyError: a name has no value.
    """
    return re.sub(r"@([A-Z][A-Z_]*)@", lambda match: str(values[match[1].lower()]), template).strip("\n")


def spoken(items: Sequence[str], last: str = "and") -> str:
    """Return the items as a list within a sentence."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}"


def flowing(text: str) -> str:
    """Return a Markdown text with each paragraph and each item of a list on one line."""
    lines: list[str] = []
    for line in text.split("\n"):
        if lines and lines[-1] and line and not re.match(r"- |\d+\. ", line):
            lines[-1] = f"{lines[-1]} {line.strip()}"
        else:
            lines.append(line)
    return "\n".join(lines)


def delimited(rows: Iterable[Sequence[str]], delimiter: str = ",", end: str = "\n") -> str:
    """Return rows as CSV, fields in quotes where they need them."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    return text.getvalue()


def gzipped(data: bytes) -> bytes:
    """Return a gzip file that is the same whatever zlib is at hand: its blocks are stored, its time is 0."""
    parts = [data[at : at + _STORED] for at in range(0, len(data), _STORED)] or [b""]
    blocks = [
        struct.pack("<BHH", number == len(parts), len(part), len(part) ^ 0xFFFF) + part
        for number, part in enumerate(parts, start=1)
    ]
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    return head + b"".join(blocks) + struct.pack("<II", binascii.crc32(data), len(data) & 0xFFFFFFFF)


def tarred(files: Mapping[str, bytes]) -> bytes:
    """Return a tar archive of the files, all of one owner and one time."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1_700_000_000
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of the files, stored, all of one time."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, content)
    return packed.getvalue()


def sqlite_file(schema: str, table: str, rows: Sequence[Sequence[str]]) -> bytes:
    """Return an SQLite file with one table; the version of the library that wrote it is always the same."""
    connection = sqlite3.connect(":memory:")
    connection.execute(schema)
    connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data[:96] + _SQLITE_VERSION + data[100:]


_ABSENT = (
    ("mlr", "mlr --icsv --ojson cat {path}", "Miller reads all of these formats and keeps me from writing any parser"),
    ("xsv", "xsv stats {path}", "xsv shows me in a moment what each column of it holds"),
    ("csvstat", "csvstat {path}", "csvkit is made for this; csvstat first, then csvjoin"),
    (
        "duckdb",
        "duckdb -c \"SELECT * FROM read_csv_auto('{path}') LIMIT 5\"",
        "duckdb can query the file where it lies",
    ),
    ("q", "q -H -d, 'SELECT count(*) FROM {path}'", "q runs SQL straight on text files"),
    ("dasel", "dasel -f {path} -w json", "dasel turns whatever format this is into JSON"),
    ("yq", "yq -o=json '.' {path}", "yq reads this as well as YAML and gives me JSON"),
    ("goawk", "goawk -i csv -H '{{ print NF }}' {path}", "goawk knows quoted CSV, which spares me the splitting"),
)


def absent_tool(rng: np.random.Generator, path: str, purpose: str) -> Slip:
    """Return the mistake of going by a program that nobody installed; `purpose`: what it was to do with `path`."""
    tool, command, praise = pick(rng, _ABSENT)
    return Slip(
        "hallucination",
        f"{purpose[0].upper()}{purpose[1:]}: {praise}.",
        command.format(path=path),
        f"command -v {tool} || echo 'no {tool} here'; command -v awk jq sqlite3 python3",
        f"{tool} is not installed and I cannot fetch it without a network. awk, jq, sqlite3 and python3 are here, "
        "and they are enough for this.",
    )


TEST_HEAD = '''
import csv
import hashlib
import io
import json
import os

from artifacts import below, read

HERE = os.path.dirname(os.path.abspath(__file__))
with open(f"{HERE}/expected.json", encoding="utf-8") as file:
    WANTED = json.load(file)


def text(path):
    return read(path).decode("utf-8-sig")


def table(path, form):
    """Returns the header and the rows of a table; those of JSON as objects, under no header."""
    if form == "csv":
        found = [row for row in csv.reader(io.StringIO(text(path), newline="")) if row]
    elif form == "tsv":
        found = [line.split("\\t") for line in text(path).splitlines() if line]
    elif form == "jsonl":
        return None, [json.loads(line) for line in text(path).splitlines() if line.strip()]
    else:
        return None, json.loads(text(path))
    assert found, f"{path}: expected a header, found nothing"
    return found[0], found[1:]


def typed(value):
    """Returns a value such that true is not 1 and "1" is not 1, while 1.50 is 1.5."""
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return ("number", round(float(value), 6))
    return (type(value).__name__, value)


def same(found, wanted, what):
    """Compares two lists, and says which is the first item that differs."""
    pairs = zip(found, wanted)
    first = next((pair for pair in pairs if typed(pair[0]) != typed(pair[1])), None)
    assert first is None, f"{what}: found {first[0]}, expected {first[1]}"
    assert len(found) == len(wanted), f"{what}: found {len(found)}, expected {len(wanted)}"


def sums(top):
    """Returns the SHA-256 of each file below a folder, by its path from there."""
    return {os.path.relpath(path, top): hashlib.sha256(read(path)).hexdigest() for path in below(top)}
'''
"""The beginning of a test_outputs.py whose truth is in expected.json."""
