"""Terminal output made readable: escapes removed, overwritten lines collapsed, length bounded."""

from __future__ import annotations

import re
from dataclasses import dataclass

# CSI, OSC (ended by BEL or ST), other string sequences, charset selections, two-character escapes, a CSI cut short.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]+[0-~]|\[[0-?]*[ -/]*"
    r"|[0-~])"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]")
_NEEDS_WORK = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# What moves within the text: line ends, backspaces, erasing from the cursor on or in its line, to a column, up, down.
_MOVE = re.compile(r"([\r\n\x08]|\x1b\[(?:\d{0,3}[GABK]|0?J))")
_OVERWRITES = re.compile(r"[\r\x08]|\x1b\[\d{0,3}[GAK]")
_COLUMNS = 80
_UNFINISHED = re.compile(
    rb"(?:\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b\n]*\x1b?|[PX^_][^\x1b]*\x1b?|[ -/]*)?"
    rb"|[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z"
)
_LONGEST_SEQUENCE = 4096


def clean(raw: str) -> str:
    r"""What a person would see of `raw` on a terminal that only scrolls, and as far as it takes.

    ``\\r\\n`` becomes a newline, a bare carriage return starts its line anew (a progress bar leaves its last state), a
    backspace takes back one character; erasing in a line and moving in it or up by lines are followed. Other escape
    sequences and control characters go.
    """
    text = raw.replace("\r\n", "\n")
    if not _NEEDS_WORK.search(text):
        return text
    if _OVERWRITES.search(text):
        text = _play(_ESCAPES.sub(lambda found: found[0] if _MOVE.fullmatch(found[0]) else "", text))
    return _CONTROLS.sub("", _ESCAPES.sub("", text)).replace("\x1b", "")


def _play(text: str) -> str:
    """Write `text` on rows of paper, following the moves of `_MOVE`."""
    rows, row, column = [""], 0, 0
    for at, part in enumerate(_MOVE.split(text)):
        line = rows[row]
        if at % 2 == 0:
            if part:
                rows[row] = line[:column].ljust(column) + part + line[column + len(part) :]
                column += len(part)
            continue
        count = int(part[2:-1] or 0) if part[0] == "\x1b" else 0
        match part[-1]:
            case "\n":
                row, column = row + 1, 0
                if row == len(rows):
                    rows.append("")
            case "\r":
                column = 0
            case "\b":
                column = max(column - 1, 0)
                if column == len(line) - 1:
                    rows[row] = line[:column]
            case "G":
                column = min(max(count, 1), _COLUMNS) - 1
            case "A":
                row = max(row - max(count, 1), 0)
            case "B":
                row = min(row + max(count, 1), len(rows) - 1)
            case "K":
                rows[row] = line[:column] if count == 0 else " " * column + line[column:] if count == 1 else ""
            case "J":
                rows[row] = line[:column]
                del rows[row + 1 :]
    return "\n".join(rows)


def unfinished(data: bytes | bytearray) -> int:
    """Return how many bytes at the end of `data` are the beginning of an escape sequence or of a UTF-8 character."""
    start = max(len(data) - _LONGEST_SEQUENCE, 0)
    if data.find(b"\x1b", start) < 0:
        start = max(len(data) - 3, 0)  # no sequence, perhaps a character
    found = _UNFINISHED.search(data, start)
    return len(data) - found.start() if found else 0


@dataclass(frozen=True)
class Clipped:
    """A text within its limit; `left_out` counts the bytes (UTF-8) that are missing from it."""

    text: str
    left_out: int = 0


def gap(left_out: int) -> str:
    """Return the line that stands where so many bytes are missing."""
    return f"\n[... {left_out} bytes left out ...]\n"


def clip(text: str, limit: int, missing: int = 0) -> Clipped:
    """Keep the first and last halves of `text` when it is longer than `limit` characters, with a line that says so.

    `missing` bytes are already left out where their `gap` stands, which may be in the middle that goes.
    """
    if len(text) <= limit:
        return Clipped(text, missing)
    note_room = 80
    half = max((limit - note_room) // 2, 1)
    cut = text[half : len(text) - half]
    left_out = len(cut.encode("utf-8", "replace"))
    if missing and gap(missing) in cut:
        left_out += missing - len(gap(missing))
        missing = 0
    return Clipped(f"{text[:half]}{gap(left_out)}{text[len(text) - half :]}", missing + left_out)
