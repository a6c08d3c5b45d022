"""Drafts: what can't be a folder of its own is refused before anything is written."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from termigen_gym.errors import TaskError
from termigen_gym.synthesis.draft import MAX_BYTES, MAX_FILE_BYTES, MAX_FILES, Draft
from termigen_gym.task import TreeFile

FILES = {"task.toml": TreeFile(b"x"), "tests/test.sh": TreeFile(b"#!/bin/sh\n", executable=True)}


def test_a_draft_is_written_and_read_again(tmp_path: Path) -> None:
    draft = Draft("some-task-7c2e", FILES)
    folder = draft.write(tmp_path)
    assert folder == tmp_path / "some-task-7c2e"
    assert Draft.of(folder) == draft
    assert (folder / "tests/test.sh").stat().st_mode & stat.S_IXUSR
    assert draft.text("task.toml") == "x"
    assert draft.text("nowhere") == ""
    with pytest.raises(TaskError, match="expected no such folder yet"):
        draft.write(tmp_path)


def test_the_digest_tells_files_apart_whatever_the_name_is() -> None:
    draft = Draft("a", FILES)
    assert Draft("b", FILES).digest == draft.digest
    changed = draft.with_files({"task.toml": TreeFile(b"y")})
    less = draft.with_files({"task.toml": None})
    executable = draft.with_files({"task.toml": TreeFile(b"x", executable=True)})
    assert len({one.digest for one in (draft, changed, less, executable)}) == 4
    assert "task.toml" not in less.files


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "/etc/passwd", "", ".", "./x", "a//b", "a/", "a\0b", "a\nb", "..", "a\\b", "a/" + "n" * 201],
)
def test_no_path_leads_out_of_the_folder(path: str) -> None:
    with pytest.raises(TaskError, match="expected a path inside the task's folder"):
        Draft("a", {path: TreeFile(b"")})


@pytest.mark.parametrize("name", ["", "../a", "A", "a b", "a/b", "-a", "a--b", "a" * 81, ".a"])
def test_a_name_is_that_of_a_folder(name: str) -> None:
    with pytest.raises(TaskError, match="expected a name of lower-case words"):
        Draft(name, FILES)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"a": TreeFile(b"x" * (MAX_FILE_BYTES + 1))}, "a: expected at most"),
        (
            {f"f{number}": TreeFile(b"x" * MAX_FILE_BYTES) for number in range(MAX_BYTES // MAX_FILE_BYTES + 1)},
            "in all",
        ),
        ({f"f{number}": TreeFile(b"") for number in range(MAX_FILES + 1)}, "files, found"),
        ({"a": TreeFile(b""), "a/b": TreeFile(b"")}, "expected a to be a folder"),
    ],
)
def test_what_is_too_large_or_in_the_way_is_refused(files: dict[str, TreeFile], told: str) -> None:
    with pytest.raises(TaskError, match=told):
        Draft("a", files)
