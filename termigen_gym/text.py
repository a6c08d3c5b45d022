"""Terminal output made readable: escapes removed, overwritten lines collapsed, length bounded."""

from __future__ import annotations

import re
from dataclasses import dataclass

# CSI, OSC (ended by BEL or ST), other string sequences, charset selections, two-character escapes.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]+[0-~]|[0-~])"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")
_NEEDS_WORK = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def clean(raw: str) -> str:
    r"""What a person would see of `raw` on a terminal that only scrolls.

    Escape sequences go, ``\\r\\n`` becomes a newline, a bare carriage return starts its line anew
    (a progress bar leaves its last state), a backspace takes back one character, other control characters go.
    """
    text = raw.replace("\r\n", "\n")
    if not _NEEDS_WORK.search(text):
        return text
    text = _ESCAPES.sub("", text)
    if "\r" in text or "\b" in text:
        text = "\n".join(_overwrite(line) if "\r" in line or "\b" in line else line for line in text.split("\n"))
    return _CONTROLS.sub("", text)


def _overwrite(line: str) -> str:
    """Play carriage returns and backspaces of one line."""
    shown = ""
    for part in line.split("\r"):
        while "\b" in part:
            at = part.index("\b")
            part = part[: max(at - 1, 0)] + part[at + 1 :]
        shown = part + shown[len(part) :]
    return shown


@dataclass(frozen=True)
class Clipped:
    """A text within its limit; `left_out` counts the bytes (UTF-8) cut from its middle."""

    text: str
    left_out: int = 0


def clip(text: str, limit: int) -> Clipped:
    """Keep the first and last halves of `text` when it is longer than `limit` characters, with a line that says so."""
    if len(text) <= limit:
        return Clipped(text)
    note_room = 80
    half = max((limit - note_room) // 2, 1)
    cut = text[half : len(text) - half]
    left_out = len(cut.encode("utf-8", "replace"))
    return Clipped(f"{text[:half]}\n[... {left_out} bytes left out ...]\n{text[len(text) - half :]}", left_out)
