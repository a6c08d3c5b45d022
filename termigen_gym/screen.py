"""What a person sees of a program's output: text that scrolls, or the screen of a program that addresses it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .text import clean, gap

if TYPE_CHECKING:
    from pyte import Screen as Cells

COLUMNS, LINES = 80, 24

# The alternate screen on ("h") and off ("l"); a full reset is off as well.
_ALTERNATE = re.compile(rb"\x1b(?:\[\?(?:1049|1047|47)([hl])|c)")
# To a row of the screen. Going home around an erasing of everything is only `clear`.
_ADDRESS = re.compile(rb"(?<!\x1b\[[23]J)\x1b\[(?:\d{0,4};?\d{0,4}[Hf](?!\x1b\[[0-3]?J)|\d{0,4}d)")
_PAST = 32768
"""Bytes kept of what a program wrote before it first addresses the screen: its first rows may still be there."""


@dataclass(frozen=True)
class Output:
    """Bytes that a terminal wrote; `left_out` bytes are missing between `data` and `tail`."""

    data: bytes
    left_out: int = 0
    tail: bytes = b""

    def joined(self) -> bytes:
        """Return it in one piece, with a line where something is missing."""
        return self.data + self.gap.encode() + self.tail

    @property
    def gap(self) -> str:
        """That line."""
        return gap(self.left_out) if self.left_out else ""


class View:
    """What is seen of one shell's output, reading by reading.

    While a program runs that is in the alternate screen, or that has addressed a row of the screen since the last
    reading, the screen is shown. All else is text; at the shell's prompt it is always text, without what was drawn on
    an alternate screen that has been left.
    """

    def __init__(self) -> None:
        self._screen: Screen | None = None
        self._alternate = False
        self._past = b""

    def show(self, output: Output, running: bool) -> str:
        """Return what is seen of `output`; `running`: a program has the terminal."""
        missing = output.gap.encode()
        pieces = _ALTERNATE.split(output.joined())
        drawn = [self._alternate, *(piece == b"h" for piece in pieces[1::2])]
        scrolled = [piece for piece, on in zip(pieces[::2], drawn, strict=True) if not on]
        if not running:
            if drawn[-1]:
                scrolled.append(pieces[-1])  # its program went without leaving it
            self._screen, self._alternate, self._past = None, False, b""
            return _text(scrolled, missing)
        for number, on in enumerate(drawn):
            if number:
                self._screen, self._past = (Screen() if on else None), b""
            self._draw(pieces[2 * number].replace(missing, b"") if missing else pieces[2 * number], on)
        self._alternate = drawn[-1]
        if self._screen is not None and (self._alternate or _ADDRESS.search(pieces[-1])):
            return self._screen.text()
        return _text(scrolled, missing)

    def _draw(self, piece: bytes, alternate: bool) -> None:
        if self._screen is None and (alternate or _ADDRESS.search(piece)):
            self._screen = Screen()
            self._screen.feed(self._past)
        if self._screen is not None:
            self._screen.feed(piece)
        else:
            self._past = (self._past + piece)[-_PAST:]


def _text(pieces: list[bytes], missing: bytes) -> str:
    joined = b"".join(pieces)
    # Nothing that moves about in the text reaches over what is missing.
    parts = joined.split(missing, 1) if missing else [joined]
    return missing.decode().join(clean(part.decode("utf-8", "replace")) for part in parts)


# CSI, character sets, single escapes; then what is passed over: strings, other escapes, control characters.
_SEQUENCES = re.compile(
    r"\x1b\[(?P<private>[<-?]?)(?P<numbers>[0-9;:]*)(?P<middle>[ -/]*)(?P<csi>[@-~])"
    r"|\x1b(?P<slot>[()])(?P<charset>[0-~])|\x1b(?P<escape>[DEHM78])|(?P<control>[\b\t\n\v\f\r\x0e\x0f])"
    r"|\x1b(?:\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]+[0-~]|\[[0-?]*[ -/]*|[0-~])?"
    r"|[\x00-\x1f\x7f-\x9f]"
)
_CSI = {
    "@": ("insert_characters", 1),
    "A": ("cursor_up", 1),
    "B": ("cursor_down", 1),
    "C": ("cursor_forward", 1),
    "D": ("cursor_back", 1),
    "E": ("cursor_down1", 1),
    "F": ("cursor_up1", 1),
    "G": ("cursor_to_column", 1),
    "H": ("cursor_position", 2),
    "L": ("insert_lines", 1),
    "M": ("delete_lines", 1),
    "P": ("delete_characters", 1),
    "X": ("erase_characters", 1),
    "`": ("cursor_to_column", 1),
    "a": ("cursor_forward", 1),
    "d": ("cursor_to_line", 1),
    "e": ("cursor_down", 1),
    "f": ("cursor_position", 2),
    "g": ("clear_tab_stop", 1),
    "r": ("set_margins", 2),
    "s": ("save_cursor", 0),
    "u": ("restore_cursor", 0),
}
_ESCAPE = {
    "D": "index",
    "E": "linefeed",
    "H": "set_tab_stop",
    "M": "reverse_index",
    "7": "save_cursor",
    "8": "restore_cursor",
}
_CONTROL = {
    "\b": "backspace",
    "\t": "tab",
    "\n": "linefeed",
    "\v": "linefeed",
    "\f": "linefeed",
    "\r": "carriage_return",
    "\x0e": "shift_out",
    "\x0f": "shift_in",
}
_MODES = {("?", 7), ("", 4)}
"""Wrapping, insertion; others change nothing in the text, or its width, or (origin) make pyte fail."""
_REPEATS = 20_000
"""Characters and rows that repetitions may bring in one `feed`, and below: marks on characters, marks on one."""
_MARKS, _MARKS_OF_ONE = 1000, 8


class Screen:
    """The characters of a screen of 80 x 24.

    Only sequences that pyte knows reach it, with as many numbers as it expects: it trusts what it is fed. The time that
    a `feed` takes is bounded by its length, whatever is in it.
    """

    def __init__(self) -> None:
        from pyte import Screen as Cells  # only a full-screen program needs it

        self._cells: Cells = Cells(COLUMNS, LINES)
        self._last = ""
        self._repeats = self._marks = 0

    def feed(self, data: bytes) -> None:
        """Draw what a program wrote."""
        text = data.decode("utf-8", "replace")
        self._repeats, self._marks = _REPEATS, _MARKS
        at = 0
        for found in _SEQUENCES.finditer(text):
            self._write(text[at : found.start()])
            self._obey(found)
            at = found.end()
        self._write(text[at:])
        if self._marks < _MARKS:
            self._trim()

    def text(self) -> str:
        """Return its rows without the blanks at their ends and the empty rows at its end."""
        rows = "\n".join(self._row(number).rstrip() for number in range(LINES)).rstrip("\n")
        return rows + "\n" if rows else ""

    def _row(self, number: int) -> str:
        """Return a row; pyte's own `display` fails where half of a wide character was overwritten."""
        row, text, wide = self._cells.buffer[number], "", False
        for column in range(COLUMNS):
            character = row[column].data
            text += character or ("" if wide else " ")
            wide = bool(character) and not character.isascii() and self._width(character[0]) > 1
        return text

    def _obey(self, found: re.Match[str]) -> None:
        if (final := found["csi"]) is not None:
            if not found["middle"]:
                self._csi(final, found["private"], _numbers(found["numbers"]))
        elif (escape := found["escape"]) is not None:
            getattr(self._cells, _ESCAPE[escape])()
            if escape == "E":
                self._cells.carriage_return()
        elif (control := found["control"]) is not None:
            getattr(self._cells, _CONTROL[control])()
        elif found["slot"] is not None:
            self._cells.define_charset(found["charset"], found["slot"])

    def _csi(self, final: str, private: str, numbers: list[int]) -> None:
        cells = self._cells
        if final in "hl":
            known = [number for number in numbers if (private, number) in _MODES]
            (cells.set_mode if final == "h" else cells.reset_mode)(*known, private=bool(private))
        elif private:
            return
        elif final == "J":
            self._erase(numbers[0])
        elif final == "K" and numbers[0] <= 2:
            cells.erase_in_line(numbers[0])
        elif final == "b":
            self._write(self._last * self._take(numbers[0] or 1))
        elif final in "ST":
            self._scroll(final, self._take(min(numbers[0] or 1, LINES)))
        elif final in _CSI:
            name, most = _CSI[final]
            getattr(cells, name)(*numbers[:most])

    def _take(self, wanted: int) -> int:
        granted = min(wanted, self._repeats)
        self._repeats -= granted
        return granted

    def _write(self, text: str) -> None:
        if not text:
            return
        if not text.isascii():
            text = "".join(filter(self._drawable, text))
        self._cells.draw(text)
        self._last = text[-1:]

    @staticmethod
    def _width(character: str) -> int:
        from wcwidth import wcwidth

        return wcwidth(character)

    def _drawable(self, character: str) -> bool:
        if self._width(character) > 0:
            return True
        if not unicodedata.combining(character) or not self._marks:
            return False
        self._marks -= 1
        return True

    def _trim(self) -> None:
        """See to it that no character grows for ever by the marks on it."""
        for row in self._cells.buffer.values():
            for column, cell in list(row.items()):
                if len(cell.data) > _MARKS_OF_ONE:
                    row[column] = cell._replace(data=cell.data[:_MARKS_OF_ONE])

    def _erase(self, what: int) -> None:
        """Erase from the cursor on (0), up to it (1) or everything (2, 3): rows that are not there are blank."""
        cells, row = self._cells, self._cells.cursor.y
        gone = {0: range(row + 1, LINES), 1: range(row), 2: range(LINES), 3: range(LINES)}.get(what, range(0))
        for number in gone:
            cells.buffer.pop(number, None)
        if what in (0, 1):
            cells.erase_in_line(what)

    def _scroll(self, final: str, times: int) -> None:
        """Move what is between the margins up ("S") or down ("T"); the cursor stays."""
        cells, row = self._cells, self._cells.cursor.y
        top, bottom = cells.margins or (0, LINES - 1)
        cells.cursor.y = bottom if final == "S" else top
        for _ in range(times):
            if final == "S":
                cells.index()
            else:
                cells.reverse_index()
        cells.cursor.y = row


def _numbers(text: str) -> list[int]:
    return [min(int(number[:5]), 9999) if number else 0 for number in text.replace(":", ";").split(";")]
