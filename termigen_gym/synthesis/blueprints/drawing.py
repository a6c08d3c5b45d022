"""What blueprints share beyond the kit: chance, deterministic files, text with blanks, and the tests' first lines."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence

_BLANK = re.compile(r"@([a-z_]+)@")

_PRELUDE = '''\
"""@about@"""
@imports@

from artifacts import below, read

HERE = os.path.dirname(os.path.abspath(__file__))
with open(f"{HERE}/expected.json", encoding="utf-8") as file:
    WANT = json.load(file)
@constants@


def lines(path):
    """Returns a text's lines; whether the last one ends with a newline makes no difference."""
    return read(path).decode().removesuffix("\\n").split("\\n")
'''


def fill(text: str, **values: object) -> str:
    """Return a text with each ``@name@`` in it replaced.

    Raises:
        KeyError: a blank has no value.
    """
    return _BLANK.sub(lambda blank: str(values[blank[1]]), text)


def listed(items: Iterable[str], word: str = "and") -> str:
    """Return items as a sentence lists them, each in backticks."""
    *first, last = [f"`{item}`" for item in items]
    return f"{', '.join(first)} {word} {last}" if first else last


def rows_text(rows: Iterable[Sequence[object]], separator: str) -> str:
    """Return rows as lines; no value may hold the separator, which needs no quoting then."""
    return "".join(separator.join(str(value) for value in row) + "\n" for row in rows)


def table_text(form: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table with a header as csv or tsv, or as jsonl, in which numbers stay numbers."""
    if form == "jsonl":
        return "".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows)
    return rows_text([header, *rows], "," if form == "csv" else "\t")


def rows_command(path: str, columns: Sequence[str]) -> str:
    """Return a command that prints a table's rows, parted by tabs and without a header; its suffix tells the format."""
    if path.endswith("jsonl"):
        return f"jq -r '[{', '.join(f'.{column}' for column in columns)}] | @tsv' {path}"
    return f"tail -n +2 {path}" + (" | tr , '\\t'" if path.endswith("csv") else "")


def gzipped(data: bytes) -> bytes:
    """Return a gzip file of less than 64 KiB, not compressed, so that every version of zlib makes the same one."""
    block = struct.pack("<BHH", 1, len(data), 0xFFFF ^ len(data)) + data
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block + struct.pack("<II", zlib.crc32(data), len(data))


def python(code: str) -> str:
    """Return a command that runs a Python program."""
    return f"python3 - <<'EOF'\n{code.strip()}\nEOF"


def tests_text(about: str, constants: Mapping[str, str], body: str, imports: Sequence[str]) -> str:
    """Return a test module that has what was expected in ``WANT``.

    Args:
        about: its docstring.
        constants: name to Python expression; paths are to be written out, so that checks can see which are read.
        body: the test functions.
        imports: further modules that they need.
    """
    told = "\n".join(f"{name} = {value}" for name, value in constants.items())
    modules = "\n".join(f"import {name}" for name in sorted({"json", "os", *imports}))
    return fill(_PRELUDE, about=about, imports=modules, constants=told) + "\n\n" + body.strip() + "\n"


def expected_file(want: object) -> dict[str, str]:
    """Return the tests' data file that holds what is expected."""
    return {"expected.json": json.dumps(want, sort_keys=True) + "\n"}
