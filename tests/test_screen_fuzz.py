"""Arbitrary bytes on the terminal: seeded streams through cleaning, screens and the capture of a shell's output."""

from __future__ import annotations

import random
import re

import pytest

from termigen_gym.screen import COLUMNS, LINES, Output, Screen, View
from termigen_gym.terminal import _Capture
from termigen_gym.text import clean, unfinished

pytestmark = pytest.mark.timeout(60)  # to end one that hangs

NONCE = b"12345678901234567890"
HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
PIECES: tuple[bytes, ...] = (
    *(b"hello ", b"\r\n", b"\n", b"\r", b"\t", b"\b", b"\x07", b"\x0e", b"\x0f", b"\x00", b"\x7f", b"x" * 100),
    *(
        "ü".encode(),
        "中".encode(),
        "e\u0301\u0302".encode(),
        "👩‍👧".encode(),
        "\x85\x9b31m".encode(),
        b"\xff",
        b"\xe4\xb8",
        b"\xc3",
    ),
    *(
        b"\x1b",
        b"\x1b[",
        b"\x1b]0;title",
        b"\x1b]0;t\x07",
        b"\x1bP1$r\x1b\\",
        b"\x1b_x",
        b"\x1b(0",
        b"\x1b)B",
        b"\x1b#8",
    ),
    *(
        b"\x1bc",
        b"\x1b7",
        b"\x1b8",
        b"\x1bM",
        b"\x1bD",
        b"\x1bE",
        b"\x1bH",
        b"\x1b=",
        b"\x1b[?1049h",
        b"\x1b[?1049l",
        b"\x1b[?47h",
    ),
    *(
        b"\x1b[H\x1b[2J",
        b"\x1b[K",
        b"\x1b[J",
        b"\x1b[!p",
        b"\x1b[?25l",
        b"\x1b[4h",
        b"\x1b[?6h",
        b"\x1b[?7l",
        b"\x1b[>4;2m",
    ),
    *(b"\x1e", b"\x1f", b"\x1e" + NONCE + b":0:0::/\x1f\r\n"),
)
FINALS = b"@ABCDEFGHJKLMPSTXZ`abcdefghilmnqrstux"


def stream(chance: random.Random, pieces: int, largest: int = 300) -> bytes:
    """Return a stream of what terminals are sent, of what they are never sent, and of plain noise."""
    made = bytearray()
    for _ in range(pieces):
        kind = chance.random()
        if kind < 0.6:
            made += chance.choice(PIECES)
        elif kind < 0.9:
            numbers = ";".join(str(chance.randrange(largest)) for _ in range(chance.randrange(4)))
            made += (
                b"\x1b[" + chance.choice((b"", b"?", b">", b"<")) + numbers.encode() + bytes([chance.choice(FINALS)])
            )
        else:
            made += chance.randbytes(chance.randrange(8))
    return bytes(made)


def cuts(chance: random.Random, data: bytes) -> list[bytes]:
    """Cut a stream anywhere."""
    at = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(12)))
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]


@pytest.mark.parametrize("seed", range(8))
def test_cleaned_text_is_plain_and_stays_as_it_is(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(150):
        raw = stream(chance, chance.randrange(80), chance.choice((3, 300, 10**9)))
        text = clean(raw.decode("utf-8", "replace"))
        assert not HIDDEN.search(text)
        assert clean(text) == text
        assert len(text) <= COLUMNS * (len(raw) + 1)


@pytest.mark.parametrize("seed", range(8))
def test_a_screen_has_its_size_whatever_is_drawn(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(30):
        screen = Screen()
        for _ in range(4):
            screen.feed(stream(chance, chance.randrange(120), chance.choice((3, 300, 10**9))))
        rows = screen.text().splitlines()
        assert len(rows) <= LINES
        assert max(map(len, rows), default=0) <= COLUMNS * 10  # characters may carry marks
        assert not HIDDEN.search(screen.text().replace("\n", ""))


@pytest.mark.parametrize("seed", range(8))
def test_a_screen_is_the_same_however_it_is_fed(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(40):
        data = stream(chance, 60, 20)
        whole, pieces = Screen(), Screen()
        whole.feed(data)
        held = b""
        for part in cuts(chance, data):
            held += part
            if not unfinished(held):
                pieces.feed(held)
                held = b""
        pieces.feed(held)
        assert pieces.text() == whole.text()


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_what_is_seen_does_not_depend_on_how_the_bytes_came(seed: int, running: bool) -> None:
    chance = random.Random(seed)
    for _ in range(40):
        data = stream(chance, 100, 20)
        seen = set()
        for parts in ([data], cuts(chance, data), [bytes([byte]) for byte in data]):
            capture = _Capture(NONCE, 40_000)
            for part in parts:
                capture.add(part)
            seen.add(View().show(capture.take(whole=not running), running))
        assert len(seen) == 1
        assert not HIDDEN.search(seen.pop())


@pytest.mark.parametrize("seed", range(4))
def test_much_is_kept_within_bounds_and_counted(seed: int) -> None:
    chance = random.Random(seed)
    capture, came = _Capture(NONCE, 2000), 0
    for _ in range(300):
        part = stream(chance, 40).replace(b"\x1e", b"").replace(b"\x1f", b"")
        came += len(part)
        capture.add(part)
    output = capture.take()
    assert len(output.data) <= 2000
    assert len(output.tail) <= 2 * 2000 + 8192 + len(part)
    held = capture.take()
    assert len(output.data) + output.left_out + len(output.tail) + len(held.data) >= came - 4
    assert len(output.data) + output.left_out + len(output.tail) <= came


def test_costly_streams_end() -> None:
    for unit in (
        b"x\b",
        b"\x1b[80Gx\r",
        b"\x1b[A\x1b[80G",
        b"\x1b[K",
        b"\n\x1b[A",
        b"\x1b[9999b",
        b"e\xcc\x81",
        b"\x1b[9999S",
        b"\x1b[",
    ):
        data = unit * (80_000 // len(unit))
        assert not HIDDEN.search(View().show(Output(data), running=False))
        assert not HIDDEN.search(View().show(Output(b"\x1b[?1049h" + data), running=True))
