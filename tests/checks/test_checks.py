"""The checks find what is wrong with a task, and name it; and every task of ours has the right shape."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from termigen_gym.catalog import Entry, entries, roots
from termigen_gym.checks import CHECKS, Context, Report, check_task, check_tasks
from termigen_gym.checks.shape import BASE_LAYER, shape_problems
from termigen_gym.checks.soundness import check_load, check_shape
from termigen_gym.errors import BuildError, EngineMissing
from termigen_gym.sandbox.base import Engine
from termigen_gym.task import Task
from tests import samples
from tests.bash_env import MISTAKES, SOLVE, BashEnv, write_task

OWN = {name: entry for name, entry in entries().items() if roots()[0] in entry.folder.parents}


def examine(folder: Path, env: type[BashEnv] = BashEnv) -> Report:
    return check_task("x", Context(Entry(folder.name, "task", folder), env))


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    yield
    assert not BashEnv.open_now


def test_a_sound_task_passes_all_checks(tmp_path: Path) -> None:
    report = examine(write_task(tmp_path / "add"))
    assert report.ok, report
    assert list(report.checks) == ["load", "shape", "build", "null", "echo", "oracle", "mistakes"] == list(CHECKS)
    assert report.checks["oracle"].detail == "reward 1 in 2 plays"
    assert report.checks["mistakes"].detail == "1 mistakes were made and taken back"
    null = {"ok": True, "detail": "reward 0 in 1 plays", "figures": {"plays": 1, "reward": 0.0, "solved": 0}}
    assert json.loads(json.dumps(report.to_dict()))["checks"]["null"] == null
    assert Report.from_dict(report.to_dict()) == report


BAD_UNDO = MISTAKES.replace("echo $((17 * 25)) > answer", "touch trace").replace('["rm answer"]', "[]")
TRACELESS = "[ -e answer ] && ! [ -e trace ] && echo 1 > reward || echo 0 > reward"
ECHOED = "Write the sum of `numbers` into `answer.txt`, like\n\n```\n42\n```\n"


@pytest.mark.parametrize(
    ("files", "check", "text"),
    [
        ({"test": "echo 1 > reward"}, "null", "null, the task: expected reward 0, found 1.0"),
        ({"test": "echo 0.5 > reward"}, "null", "expected reward 0, found 0.5"),
        (
            {"instruction": ECHOED, "test": '[ "$(cat answer.txt)" = 42 ] && echo 1 > reward || echo 0 > reward'},
            "echo",
            "echo, the task: expected reward 0, found 1.0",
        ),
        ({"solve": SOLVE.replace("17 + 25", "17 - 25")}, "oracle", "expected reward 1, found 0.0"),
        ({"solve": "#!/bin/bash\n"}, "oracle", "TaskError"),
        ({"test": "true"}, "null", "no verdict: FileNotFoundError"),
        (
            {"test": TRACELESS, "mistakes": BAD_UNDO},
            "mistakes",
            "mistake 1, step 2: expected reward 1 after its repair, found 0.0",
        ),
        ({"mistakes": MISTAKES.replace("step = 2", "step = 9")}, "mistakes", "expected 1 to 3"),
        (
            {"mistakes": MISTAKES.replace("cat answer numbers", "cat answer /proc/sys/kernel/random/uuid")},
            "mistakes",
            "mistake 1, step 2: expected it to show the same each time, but step 2 showed ",
        ),
    ],
)
def test_a_fault_is_found(tmp_path: Path, files: dict[str, str], check: str, text: str) -> None:
    report = examine(write_task(tmp_path / "add", **files))
    assert not report.ok
    assert not report.checks[check].ok
    assert text in report.checks[check].detail
    assert all(report.checks[name].ok for name in ("load", "build"))


def test_a_no_comes_with_what_was_run(tmp_path: Path) -> None:
    report = examine(write_task(tmp_path / "add", solve=SOLVE.replace("17 + 25", "17 - 25; ls nowhere")))
    assert "ls nowhere" in report.checks["oracle"].evidence
    assert "No such file or directory" in report.checks["oracle"].evidence
    assert "evidence" not in report.to_dict()["checks"]["oracle"]
    assert report.checks["null"].evidence == ""


def test_the_first_no_may_end_it(tmp_path: Path) -> None:
    context = Context(Entry("add", "task", write_task(tmp_path / "add", test="echo 1 > reward")), BashEnv)
    report = check_task("x", context, all=False)
    assert list(report.checks) == ["load", "shape", "build", "null"]
    assert not report.ok


def test_of_several_mistakes_the_bad_one_is_named(tmp_path: Path) -> None:
    good = MISTAKES.replace("step = 2", "step = 3").replace("echo $((17 * 25)) > answer", "cat answr || true")
    report = examine(
        write_task(tmp_path / "add", mistakes=good.replace('["rm answer"]', "[]") + BAD_UNDO, test=TRACELESS)
    )
    assert "mistake 2, step 2" in report.checks["mistakes"].detail
    assert "mistake 1" not in report.checks["mistakes"].detail


def test_a_folder_that_can_not_be_read_is_not_tried_further(tmp_path: Path) -> None:
    report = examine(write_task(tmp_path / "add", config="[metadata\n"))
    assert "syntax error" in report.checks["load"].detail
    assert {found.detail for name, found in report.checks.items() if name != "load"} == {"not tried, since load failed"}


class Unbuildable(BashEnv):
    def prepare(self) -> None:
        raise BuildError("expected step 3 to succeed, found exit code 100")


class Homeless(BashEnv):
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        raise EngineMissing("expected a daemon, found none")


def test_what_does_not_build_is_not_tried_further(tmp_path: Path) -> None:
    report = examine(write_task(tmp_path / "add"), Unbuildable)
    assert report.checks["build"].detail == "BuildError: expected step 3 to succeed, found exit code 100"
    assert report.checks["oracle"].detail == "not tried, since build failed"


def test_a_missing_engine_is_no_finding(tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match="expected a daemon"):
        examine(write_task(tmp_path / "add"), Homeless)


FAMILY = """
import itertools
from termigen_gym.family import Instance
calls = itertools.count()
def generate(rng, difficulty):
    return Instance(f"Add {VALUE}.", {{}}, {{}}, "", "")
"""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("rng.integers(10**9)", "6 instances"),
        ("next(calls)", "generated twice, found two different instances"),
        ("7", "expected 6 different instances of 6 seeds, found 1"),
    ],
)
def test_a_family_must_be_pure_and_varied(tmp_path: Path, value: str, text: str) -> None:
    folder = write_task(tmp_path / "sums")
    (folder / "family.py").write_text(FAMILY.replace("{VALUE}", "{" + value + "}").replace("{{}}", "{}"))
    found = check_load(Context(Entry("sums", "family", folder), BashEnv))
    assert text in found.detail
    assert found.ok == (text == "6 instances")


@pytest.mark.parametrize(
    ("name", "changes", "problem"),
    [
        ("Add_It", {}, "lower-case words"),
        ("add", {"config": '[metadata]\ncategory = "coding"\n'}, "category: expected one of the 11, found 'coding'"),
        ("add", {"config": '[metadata]\ndifficulty = "medium rare"\n'}, "difficulty"),
        ("add", {"config": "[metadata]\ntools = []\n"}, "tools"),
        ("add", {"config": '[environment]\nnetwork_mode = "public"\n'}, "network_mode"),
        ("add", {"dockerfile": "FROM ubuntu\n"}, "common first lines"),
        ("add", {}, "at least 4 blocks, found 3"),
        ("add", {}, "found none of command_error, hallucination, requirement_violation, verification_failure"),
    ],
)
def test_shape_problems_are_named(tmp_path: Path, name: str, changes: dict[str, str], problem: str) -> None:
    folder = write_task(tmp_path / name, **{"dockerfile": BASE_LAYER, **changes})
    assert any(problem in found for found in shape_problems(Entry(name, "task", folder), Task.load(folder)))


@pytest.mark.parametrize("name", OWN)
def test_every_task_of_ours_loads_and_has_the_right_shape(name: str) -> None:
    context = Context(OWN[name], lambda folder: pytest.fail("no environment is needed"))
    for check in (check_load, check_shape):
        found = check(context)
        assert found.ok, found.detail


def test_on_a_real_engine(engine: Engine, tmp_path: Path) -> None:
    folder = samples.write_task(tmp_path / "sample")
    told: list[str] = []
    entry = Entry("sample", "task", folder)
    (report,) = check_tasks({"sample": entry}, sandbox=engine.name, on_report=lambda report: told.append(report.id))
    assert report.checks["build"].ok, report
    assert report.checks["null"].ok, report
    assert told == ["sample"]
