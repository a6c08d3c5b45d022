"""Ends of episodes with git repositories: alike where only dates differ, and the ids that come of them."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from termigen_gym.tree import members
from termigen_gym.verifier.history import History
from termigen_gym.verifier.memory import End, Memory, Reuse

BEGAN = 1_700_000_000
BEFORE = """
git init -q -b main . && echo one > a && echo keep > b && git add . && git commit -qm first && git tag v1
touch -d @1600000000 a b && git status >/dev/null && touch -d @1600000000 .git/index
find . -newermt @1650000000 -exec touch -h -d @1600000000 {} +
"""
FIX = "echo two >> a && git commit -qam fix"


def played(folder: Path, commands: str, at: int) -> None:
    """Make a repository in which commands ran at a time."""
    folder.mkdir()
    for script, when in ((BEFORE, 1_600_000_000), (commands, at)):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_{what}": "x@y" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
            **{f"GIT_{who}_DATE": f"@{when} +0000" for who in ("AUTHOR", "COMMITTER")},
        }
        subprocess.run(["bash", "-euc", script], cwd=folder, env=environment, check=True, stdout=subprocess.PIPE)
    later = f"find . -newermt @{time.time() - 3600:.0f} -exec touch -h -d @{at} {{}} +"
    subprocess.run(["bash", "-c", later], cwd=folder, check=True)


def end_of(folder: Path) -> End:
    room = io.BytesIO()
    with tarfile.open(fileobj=room, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, f"app/{path.relative_to(folder)}", recursive=False)
    return Reuse(Memory(), "judge", BEGAN).end(b"tests", [(["/app"], list(members(room.getvalue())))])


ALIKE = (
    FIX,
    f"{FIX} && git rev-parse HEAD > id",
    f"{FIX} && echo three > c && git add c && git commit -qm 'after '$(git rev-parse HEAD)",
    f"{FIX} && git tag -am release v2",
    f"{FIX} && git commit -q --amend -m better",
    f"git checkout -qb side && {FIX} && git checkout -q main && echo d > d && git add d && git commit -qm d"
    " && git merge -qm join side",
    "git checkout -q v1 && git checkout -q main",
    "true",
)


@pytest.mark.parametrize("commands", ALIKE)
def test_the_same_commands_at_another_time_end_alike(tmp_path: Path, commands: str) -> None:
    ends = []
    for number, at in enumerate((BEGAN + 10, BEGAN + 5000)):
        played(tmp_path / str(number), commands, at)
        ends.append(end_of(tmp_path / str(number)))
    assert ends[0].content == ends[1].content
    assert (ends[0].order == ends[1].order) == ("commit" not in commands)


OTHERWISE = (
    "echo two >> a && git commit -qam other",
    "echo 2 >> a && git commit -qam fix",
    "echo two >> a",
    "echo two >> a && git add a",
    f"{FIX} && git tag v2",
    f"{FIX} && git checkout -q v1",
    f"{FIX} && git reset -q --soft v1",
    f"GIT_AUTHOR_NAME=z; export GIT_AUTHOR_NAME; {FIX}",
    f"export GIT_AUTHOR_DATE='@1600000001 +0000'; {FIX}",
    f"export GIT_AUTHOR_DATE='@{BEGAN + 10} +0100'; {FIX}",
    f"{FIX} && chmod 700 .git/objects/$(git rev-parse HEAD | cut -c1-2)",
    f"{FIX} && chmod 600 .git/objects/$(git rev-parse HEAD | sed 's|..|&/|')",
    f"{FIX} && git rev-parse HEAD > id",
    f"{FIX} && cp .git/refs/heads/main .git/refs/heads/twin",
    f"{FIX} && git update-index --assume-unchanged b",
    f"{FIX} && git repack -qad",
    f"{FIX} && git commit -q --amend --no-edit",
)


@pytest.mark.parametrize("commands", OTHERWISE)
def test_what_says_more_is_another_end(tmp_path: Path, commands: str) -> None:
    played(tmp_path / "one", FIX, BEGAN + 10)
    played(tmp_path / "other", commands, BEGAN + 10)
    assert end_of(tmp_path / "one").content != end_of(tmp_path / "other").content


def test_what_stands_for_an_id_can_not_be_written_in_its_stead(tmp_path: Path) -> None:
    for name in ("honest", "forged"):
        played(tmp_path / name, f"{FIX} && git rev-parse HEAD > id", BEGAN + 10)
    number = (tmp_path / "forged/id").read_text().strip()
    path = f"/app/.git/objects/{number[:2]}/{number[2:]}"
    content = (tmp_path / "forged" / path.removeprefix("/app/")).read_bytes()
    stands_for = History([(path, content)], BEGAN).place(path).rpartition(" ")[2]
    for text in (f"{stands_for}\n", "\n", f"1\0{stands_for}\n", f"x{number}\n", f"{number[:12]}\n"):
        (tmp_path / "forged/id").write_text(text)
        os.utime(tmp_path / "forged/id", (BEGAN + 10, BEGAN + 10))
        assert end_of(tmp_path / "honest").content != end_of(tmp_path / "forged").content


def commit(text: bytes) -> tuple[str, bytes]:
    whole = b"commit %d\0" % len(text) + text
    return hashlib.sha1(whole).hexdigest(), zlib.compress(whole)


TEXT = b"tree %s\nauthor x <y> %%d +0000\ncommitter x <y> %%d +0000\n\nfix\n" % (b"a" * 40)


def path_of(number: str) -> str:
    return f"/app/.git/objects/{number[:2]}/{number[2:]}"


@pytest.mark.parametrize(
    ("content", "new"),
    [
        (lambda packed: packed, True),
        (lambda packed: packed + b"x", False),
        (lambda packed: packed[:-3], False),
        (lambda packed: zlib.compress(zlib.decompress(packed) + b" "), False),
        (lambda packed: zlib.decompress(packed), False),
        (lambda packed: b"", False),
    ],
    ids=["whole", "with more behind it", "cut off", "another's id", "not packed", "empty"],
)
def test_only_a_whole_commit_with_its_own_id_is_taken_for_one(content: Callable[[bytes], bytes], new: bool) -> None:
    number, packed = commit(TEXT % (BEGAN + 1, BEGAN + 1))
    assert History([(path_of(number), content(packed))], BEGAN).ids == ([number] if new else [])


@pytest.mark.parametrize(("dates", "new"), [((5, 5), True), ((-5, 5), True), ((5, -5), True), ((-5, -5), False)])
def test_a_commit_is_new_by_either_date(dates: tuple[int, int], new: bool) -> None:
    number, packed = commit(TEXT % (BEGAN + dates[0], BEGAN + dates[1]))
    assert bool(History([(path_of(number), packed)], BEGAN).ids) == new


def test_very_many_new_commits_are_left_as_they_are() -> None:
    def files(count: int) -> list[tuple[str, bytes]]:
        made = [commit(TEXT % (BEGAN + n, BEGAN)) for n in range(count)]
        return [(path_of(number), packed) for number, packed in made]

    assert len(History(files(100), BEGAN).ids) == 100
    assert History(files(101), BEGAN).ids == []


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-1], lambda d: d[:40] + b"\xff" + d[41:], lambda d: b"", lambda d: d[:12]]
)
def test_an_index_that_git_would_not_read_is_taken_as_it_is(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    played(tmp_path / "one", FIX, BEGAN + 10)
    content = damage((tmp_path / "one/.git/index").read_bytes())
    assert History([], BEGAN).read("/app/.git/index", content) == ([content], [])
