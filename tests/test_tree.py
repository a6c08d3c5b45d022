"""What is left in files, compared without what may differ."""

from __future__ import annotations

import gzip

import pytest

from termigen_gym.task import TreeFile
from termigen_gym.tree import Item, tree_of


def a_file(content: bytes, mode: int = 0o644, owner: tuple[int, int] = (0, 0)) -> Item:
    return Item("file", mode, owner, content, len(content))


NOTE = {"/app/note": a_file(b"one\n")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"/app/note": a_file(b"at 13:03:19\n")}, {"/app/note": a_file(b"at 1:44:02\n")}),
        ({"/app/2026-11-27.log": a_file(b"a")}, {"/app/2027-01-01.log": a_file(b"a")}),
        ({"/app/a.gz": a_file(gzip.compress(b"a", mtime=1))}, {"/app/a.gz": a_file(gzip.compress(b"a", mtime=2))}),
        (
            {"/app/a.gz": a_file(gzip.compress(b"at 13:03:19\n"))},
            {"/app/a.gz": a_file(gzip.compress(b"at 1:44:02\n"))},
        ),
        ({"/app/.git/index": a_file(b"\x00\x01")}, {"/app/.git/index": a_file(b"\x00\x02")}),
        ({"/app/.git/objects/ab/cd": a_file(b"a")}, {"/app/.git/objects/ef/01": a_file(b"b")}),
        ({"/app/.git/logs/HEAD": a_file(b"a")}, {}),
        (
            {"/app/.git/refs/heads/main": a_file(b"a1" * 20 + b"\n")},
            {"/app/.git/refs/heads/main": a_file(b"0f" * 20 + b"\n")},
        ),
    ],
)
def test_trees_are_alike(one: dict[str, Item], other: dict[str, Item]) -> None:
    assert tree_of({**NOTE, **one}) == tree_of({**NOTE, **other})
    assert tree_of(one) != tree_of(NOTE)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"/app/Note": a_file(b"one\n")},
        {"/app/note": a_file(b"two\n")},
        {"/app/note": a_file(b"one")},
        {"/app/note": a_file(b"one\n", mode=0o600)},
        {"/app/note": a_file(b"one\n", owner=(7, 7))},
        {"/app/note": Item("link", content=b"one\n")},
        {"/app/note": Item("removed")},
        {**NOTE, "/app/.git/config": a_file(b"")},
        {**NOTE, "/app/index": a_file(b"")},
        {"/app/note": a_file(b"\x1f\x8b broken")},
        {"/app/note": a_file(b"\xff\xfe")},
    ],
)
def test_trees_are_not(other: dict[str, Item]) -> None:
    assert tree_of(NOTE) != tree_of(other)


def test_what_is_as_it_was_given_counts_as_it_is() -> None:
    given = {"/app/log": TreeFile(b"at 13:03:19\n")}
    left, redone = {"/app/log": a_file(b"at 13:03:19\n")}, {"/app/log": a_file(b"at 1:44:02\n")}
    assert tree_of(left, given) == tree_of(left, {**given, "/app/note": TreeFile(b"one\n")})
    assert tree_of(left, given) != tree_of(redone, given)
    assert tree_of({"/app/copy": left["/app/log"]}, given) == tree_of({"/app/copy": redone["/app/log"]}, given)


def test_what_unpacks_to_too_much_counts_as_it_is() -> None:
    zeros = bytes(1 << 21)
    one, later, other = (
        tree_of({"/a.gz": a_file(gzip.compress(zeros + end, mtime=time))})
        for end, time in ((b"", 1), (b"", 2), (b"a", 1))
    )
    assert one == later
    assert one != other


def test_all_that_is_in_a_gzip_file_counts() -> None:
    one, both = (tree_of({"/a.gz": a_file(b"".join(map(gzip.compress, texts)))}) for texts in ((b"a",), (b"a", b"b")))
    assert one != both
