from __future__ import annotations

import re
from pathlib import Path

import pytest

from termigen_gym.errors import TaskError
from termigen_gym.task import Task, folder_digest

TOML = """\
schema_version = "1.4"
[metadata]
category = "software-build"
[verifier]
timeout_sec = 60
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sample"
    (made / "environment").mkdir(parents=True)
    (made / "tests").mkdir()
    (made / "solution").mkdir()
    (made / "task.toml").write_text(TOML)
    (made / "instruction.md").write_text("Do it.\n")
    (made / "environment" / "Dockerfile").write_text("FROM debian:bookworm-slim\n")
    (made / "tests" / "test.sh").write_text("echo 1 > /logs/verifier/reward.txt\n")
    (made / "solution" / "solve.sh").write_text("#!/bin/bash\n\n# go\ntrue\n")
    return made


def test_a_folder_is_read(folder: Path) -> None:
    task = Task.load(folder)
    assert (task.name, task.instruction) == ("sample", "Do it.\n")
    assert task.config.metadata.category == "software-build"
    assert task.config.verifier.timeout_sec == 60
    assert list(task.tests()) == ["test.sh"]
    assert task.mistakes is None


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[verifier\n", "task.toml: expected TOML"),
        ("[verifier]\ntimeout_sec = 'soon'\n", "task.toml: verifier.timeout_sec: .*number.*'soon'"),
        ("[verifier]\ntimeout_sec = -1\n", "task.toml: verifier.timeout_sec: .*greater than 0.*-1"),
        ("[environment]\nmemory_mb = 0\n", "task.toml: environment.memory_mb: .*greater than 0"),
        ("[environment]\nmemory = 'much'\n", "task.toml: environment.memory_mb: .*'much'"),
        ("[environment]\nos = 'windows'\n", "task.toml: environment.os: .*'linux'.*'windows'"),
        ("[environment]\nnetwork_mode = 'some'\n", "task.toml: environment.network_mode: .*'some'"),
        ("[metadata]\nmax_steps = 0\n", "task.toml: metadata.max_steps"),
        ("[[steps]]\nname = 'a'\n", "task.toml: .*one step.*found 1"),
        ("[environment.healthcheck]\nretries = 1\n", "environment.healthcheck.command: .*required"),
    ],
)
def test_a_malformed_task_toml_is_explained(folder: Path, toml: str, said: str) -> None:
    (folder / "task.toml").write_text(toml)
    with pytest.raises(TaskError, match=said):
        Task.load(folder)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("task.toml", "task.toml: expected a file, found none"),
        ("instruction.md", "instruction.md: expected a file, found none"),
        ("environment/Dockerfile", "Dockerfile: expected a Dockerfile"),
        ("tests/test.sh", "test.sh: expected the verifier's script"),
    ],
)
def test_a_missing_file_is_named(folder: Path, missing: str, said: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(TaskError, match=re.escape(said)):
        Task.load(folder)


def test_an_empty_or_unreadable_instruction_is_refused(folder: Path) -> None:
    (folder / "instruction.md").write_text(" \n")
    with pytest.raises(TaskError, match="empty"):
        Task.load(folder)
    (folder / "instruction.md").write_bytes(b"\xff\xfe")
    with pytest.raises(TaskError, match="UTF-8"):
        Task.load(folder)


@pytest.mark.parametrize(
    ("toml", "memory", "storage", "network"),
    [
        ("[environment]\n", 2048, 10240, "no-network"),
        ("[environment]\nmemory = '4G'\nstorage = '512M'\nallow_internet = true\n", 4096, 512, "public"),
        ("[environment]\nmemory_mb = 64\nallow_internet = false\n", 64, 10240, "no-network"),
        ("[environment]\nallow_internet = true\nnetwork_mode = 'no-network'\n", 2048, 10240, "no-network"),
    ],
)
def test_older_schemas_are_read(folder: Path, toml: str, memory: int, storage: int, network: str) -> None:
    (folder / "task.toml").write_text(toml)
    found = Task.load(folder).config.environment
    assert (found.memory_mb, found.storage_mb, found.network_mode) == (memory, storage, network)


def test_the_digest_follows_content_names_and_modes_only(folder: Path) -> None:
    first = folder_digest(folder)
    (folder / "instruction.md").touch()
    (folder / "tests" / "__pycache__").mkdir()
    (folder / "tests" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert folder_digest(folder) == first
    (folder / "tests" / "test.sh").chmod(0o755)
    second = folder_digest(folder)
    assert second != first
    (folder / "instruction.md").write_text("Do it!\n")
    assert folder_digest(folder) != second
