"""What several blueprints write alike: drawn words, tables, here-documents, and the head of a test module."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

TESTS_HEAD = '''\
import json
import os

from artifacts import read

HERE = os.path.dirname(os.path.abspath(__file__))
with open(f"{HERE}/expected.json", encoding="utf-8") as file:
    WANT = json.load(file)


def text(path):
    """Returns the text of a file."""
    return read(path).decode()


def lines(path):
    """Returns the lines of a file; the newline after the last one may be missing."""
    return text(path).removesuffix("\\n").split("\\n")


def plain(value):
    """Returns JSON with what is left to its writer made alike: key order, and 2.0 for 2."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in sorted(value.items())}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def same(found, want):
    """Whether two values are the same JSON; true is no 1, nor is a text a number."""
    return json.dumps(plain(found)) == json.dumps(plain(want))
'''
"""How the tests of these blueprints begin; ``expected.json`` lies beside them."""


def shuffled(rng: np.random.Generator, items: Sequence[T]) -> list[T]:
    """Return the items in a random order."""
    return [items[int(index)] for index in rng.permutation(len(items))]


def table(rows: Iterable[Sequence[object]], sep: str = ",") -> str:
    """Return rows as lines of fields."""
    return "".join(sep.join(str(field) for field in row) + "\n" for row in rows)


def json_lines(rows: Iterable[object]) -> str:
    """Return one JSON value a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def fill(template: str, **words: object) -> str:
    """Return a text with ``@name@`` replaced by the word of that name; each that is named must be there."""
    return re.sub(r"@(\w+)@", lambda match: str(words[match[1]]), template)


def heredoc(path: str, text: str, end: str = "EOF") -> str:
    """Return the command that writes a text to a file."""
    return f"cat > {path} <<'{end}'\n{text.strip(chr(10))}\n{end}"
