"""Certificates, and audits that go on where they were interrupted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from termigen_gym.catalog import Entry, entries, roots
from termigen_gym.checks import AUDIT_CHECKS, Finding, Report
from termigen_gym.checks.journal import Journal
from termigen_gym.checks.manifest import Certificate, manifest_path, read_manifest, update_manifest
from termigen_gym.checks.strength import MIN_SCORE
from termigen_gym.errors import TaskError
from termigen_gym.registration import env_id
from termigen_gym.task import TaskPaths, folder_digest, load_config
from tests.bash_env import write_task

OWN = {env_id(name): entry for name, entry in entries().items() if roots()[0] in entry.folder.parents}
ENTRY = OWN["termigen/stock-terminal-v0"]
REPORT = Report(
    "x", {"null": Finding(True, "reward 0"), "mutants": Finding(True, "all", {"valid": 40, "score": 0.975})}
)


def certificate(entry: Entry = ENTRY) -> Certificate:
    return Certificate.of(entry, REPORT, digest="0" * 64, engine="bubblewrap", date="2026-01-31")


def test_a_certificate_is_a_line() -> None:
    made = certificate()
    assert (made.id, made.kind, made.category) == ("termigen/stock-terminal-v0", "task", "interactive-environments")
    assert made.mutation_score == 0.975
    assert made.checks["mutants"] == {"ok": True, "detail": "all", "figures": {"valid": 40, "score": 0.975}}
    assert Certificate.from_line(made.to_line()) == made


def test_a_manifest_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "MANIFEST.jsonl"
    other = OWN["termigen/log-incident-v0"]
    gone = replace(certificate(), id="termigen/gone-v0")
    path.write_text(gone.to_line() + certificate().to_line())
    newer = replace(certificate(), date="2026-02-01")
    update_manifest(path, [certificate(other), newer])
    assert list(read_manifest(path).values()) == [certificate(other), newer]
    update_manifest(path, [], failed=[other])
    assert list(read_manifest(path)) == [newer.id]


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "x"}', certificate().to_line().replace('"engine"', '"motor"')])
def test_a_malformed_manifest_says_where(tmp_path: Path, line: str) -> None:
    path = tmp_path / "MANIFEST.jsonl"
    path.write_text(f"{certificate().to_line()}{line.strip()}\n")
    with pytest.raises(TaskError, match=r"MANIFEST\.jsonl: line 2: "):
        read_manifest(path)


def test_every_task_has_a_certificate_and_every_certificate_a_task() -> None:
    assert set(read_manifest(manifest_path())) == set(OWN)


@pytest.mark.parametrize("id", sorted(OWN))
def test_a_certificate_holds_for_its_task_as_it_is(id: str) -> None:
    made, entry = read_manifest(manifest_path())[id], OWN[id]
    assert made.digest == folder_digest(entry.folder), f"{id} was edited: termigen check {id} --audit --write"
    assert (made.kind, made.category) == (entry.kind, load_config(TaskPaths(entry.folder)).metadata.category)
    assert list(made.checks) == list(AUDIT_CHECKS)
    assert all(found["ok"] for found in made.checks.values())
    assert made.mutation_score >= MIN_SCORE


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Entry]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return {name: Entry(name, "task", write_task(tmp_path / name)) for name in ("a", "b")}


def test_a_journal_keeps_reports_until_the_audit_ends(two: dict[str, Entry]) -> None:
    journal = Journal(two, "docker")
    report = replace(REPORT, id="a")
    journal.keep(report)
    assert Journal(two, "docker").kept() == {"a": report}
    assert Journal(two, "bubblewrap").kept() == {}
    assert Journal({"a": two["a"]}, "docker").kept() == {}
    Journal(two, "docker").end()
    assert Journal(two, "docker").kept() == {}


def test_a_report_counts_only_for_the_task_as_it_was(two: dict[str, Entry]) -> None:
    for id in two:
        Journal(two, "docker").keep(replace(REPORT, id=id))
    (two["a"].folder / "instruction.md").write_text("Another one.\n")
    assert list(Journal(two, "docker").kept()) == ["b"]


def test_the_line_at_which_a_process_was_killed_is_left_out(two: dict[str, Entry], tmp_path: Path) -> None:
    Journal(two, "docker").keep(replace(REPORT, id="a"))
    (file,) = (tmp_path / "cache" / "termigen" / "audits").iterdir()
    whole = file.read_text()
    file.write_text(whole + whole.strip()[:-7])
    Journal(two, "docker").keep(replace(REPORT, id="b"))
    assert list(Journal(two, "docker").kept()) == ["a", "b"]
