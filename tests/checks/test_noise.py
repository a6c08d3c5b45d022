"""End states: what counts of them, and what is noise."""

from __future__ import annotations

import io
import tarfile

import pytest

from termigen_gym.checks.noise import Noise
from termigen_gym.tree import Item, State, members, state_of


def archive(files: dict[str, bytes], mode: int = 0o644, mtime: int = 0, links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode, info.mtime = len(content), mode, mtime
            tar.addfile(info, io.BytesIO(content))
        for path, target in (links or {}).items():
            info = tarfile.TarInfo(path)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return buffer.getvalue()


BASE = archive({"app/a": b"1", "app/big": b"x" * 300_000}, links={"app/l": "a"})


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (archive({"app/a": b"1", "app/big": b"x" * 300_000}, mtime=99, links={"app/l": "a"}), True),
        (archive({"app/a": b"1", "app/big": b"x" * 300_000, "app/__pycache__/a": b""}, links={"app/l": "a"}), True),
        (archive({"app/a": b"2", "app/big": b"x" * 300_000}, links={"app/l": "a"}), False),
        (archive({"app/a": b"1", "app/big": b"y" * 300_000}, links={"app/l": "a"}), False),
        (archive({"app/a": b"1", "app/big": b"x" * 300_000}, mode=0o755, links={"app/l": "a"}), False),
        (archive({"app/a": b"1", "app/big": b"x" * 300_000}, links={"app/l": "b"}), False),
        (archive({"app/a": b"1", "app/big": b"x" * 300_000}), False),
    ],
)
def test_what_is_of_a_state(other: bytes, same: bool) -> None:
    assert (state_of(members(BASE)) == state_of(members(other))) is same


def state(**files: str) -> State:
    found = {"/": Item("folder"), "/app": Item("folder"), "/app/git": Item("folder")}
    for name, text in files.items():
        found[f"/app/{name.replace('_', '/')}"] = Item("file", content=text.encode(), size=len(text))
    return found


RUNS = [state(out="1", log="09:00", git_x1="c"), state(out="1", log="09:01", git_x2="c")]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (state(out="1", log="10:30", git_x9="d"), True),
        (state(out="1", log="10:30"), True),
        (state(out="2", log="10:30", git_x9="d"), False),
        (state(out="1", log="", git_x9="d"), False),
        (state(out="1", git_x9="d"), False),
        (state(out="1", log="10:30", more="d"), False),
        (state(log="10:30"), False),
    ],
)
def test_noise_is_no_difference(other: State, same: bool) -> None:
    noise = Noise.of(RUNS)
    assert noise.same(RUNS[0], other) is same
    assert {path for path in RUNS[0] if noise.covers(path)} == {"/app/log", "/app/git/x1"}
