from __future__ import annotations

import pytest

from termigen_gym.text import clean, clip


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("plain\n", "plain\n"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b(B\x1b=x", "x"),
        ("10%\r50%\r100%\n", "100%\n"),
        ("long line\rshort", "shortline"),
        ("abc\b\bX", "aX"),
        ("\babc", "abc"),
        ("bell\x07 nul\x00 del\x7f", "bell nul del"),
        ("tab\tkept\n", "tab\tkept\n"),
        ("ü✓中", "ü✓中"),
        ("unfinished \x1b[", "unfinished "),
    ],
)
def test_clean(raw: str, seen: str) -> None:
    assert clean(raw) == seen


def test_a_short_text_is_not_clipped() -> None:
    assert clip("abc", 3).text == "abc"
    assert clip("abc", 3).left_out == 0


@pytest.mark.parametrize("limit", [100, 1000, 9999])
def test_clip_keeps_both_ends_and_counts_what_is_gone(limit: int) -> None:
    text = "".join(chr(97 + i % 26) for i in range(10_000))
    kept = clip(text, limit)
    assert len(kept.text) <= limit
    first, note, last = kept.text.split("\n")
    assert text.startswith(first)
    assert text.endswith(last)
    assert note == f"[... {kept.left_out} bytes left out ...]"
    assert len(first) + len(last) + kept.left_out == len(text)


def test_clip_counts_bytes_not_characters() -> None:
    assert clip("ü" * 1000, 100).left_out > 1800
