"""An audit of small tasks in real sandboxes: strong tests get a certificate, weak ones are found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from termigen_gym.catalog import Entry
from termigen_gym.checks import AUDIT_CHECKS, Finding, Report, check_tasks
from termigen_gym.checks.rebuild import commands_before_files
from termigen_gym.sandbox.base import Engine
from tests import samples
from tests.conftest import COMMON_LINES

INSTRUCTION = "Write the sum of the numbers in `/app/numbers` to `/app/sum.txt`, and the largest to `/app/max.txt`.\n"
DOCKERFILE = COMMON_LINES + "WORKDIR /app\nRUN printf '17\\n25\\n8\\n' > numbers\n"
SOLVE = """#!/bin/bash
set -e

# What is there?
cat numbers

# I add them up. The name of the file that I read is kept for later.
input=numbers
sum=0; for n in $(cat $input); do sum=$((sum + n)); done
echo $sum > sum.txt

# The largest is the last of the sorted ones.
sort -n $input | tail -n 1 > max.txt

# Right?
cat sum.txt max.txt
"""
STRONG = """
ok() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }
ok /app/sum.txt 50 && ok /app/max.txt 25 && echo 1 > /logs/verifier/reward.txt || echo 0 > /logs/verifier/reward.txt
"""
WEAK = "grep -qs . /app/sum.txt && echo 1 > /logs/verifier/reward.txt || echo 0 > /logs/verifier/reward.txt\n"
VARIANTS = """
[[equivalents]]
name = "no-line-end"
command = "printf 50 > sum.txt"

[[equivalents]]
name = "by-awk"
step = 2
command = "input=numbers; awk '{ s += $1 } END { print s }' $input > sum.txt"

[[mutants]]
name = "sum-without-the-last"
step = 2
command = "input=numbers; echo 42 > sum.txt"
"""


def audit(engine: Engine, folder: Path, *, test_sh: str, variants: str = VARIANTS, mode: str = "separate") -> Report:
    samples.write_task(
        folder,
        test_sh=test_sh,
        dockerfile=DOCKERFILE,
        toml=f'artifacts = ["/app"]\n[verifier]\ntimeout_sec = 20\nenvironment_mode = "{mode}"\n',
        instruction=INSTRUCTION,
        files={"solution/solve.sh": SOLVE, "solution/variants.toml": variants},
    )
    checks = {name: check for name, check in AUDIT_CHECKS.items() if name != "rebuild"}
    entry = Entry(folder.name, "task", folder)
    (report,) = check_tasks({"sums": entry}, checks=checks, sandbox=engine.name, on_report=lambda report: None)
    return report


def test_strong_tests_pass_an_audit(engine: Engine, tmp_path: Path) -> None:
    passes(engine, tmp_path, "separate")


def test_strong_tests_in_place_pass_an_audit(one_engine: Engine, tmp_path: Path) -> None:
    passes(one_engine, tmp_path, "shared")


def passes(engine: Engine, tmp_path: Path, mode: str) -> None:
    report = audit(engine, tmp_path / "sums", test_sh=STRONG, mode=mode)
    assert report.ok, report
    assert report.checks["flakes"].figures == {"runs": 10, "flaky": 0}
    assert report.checks["prefixes"].figures == {"prefixes": 3}  # of none, one and two blocks
    assert report.checks["equivalents"].figures == {"equivalents": 2}
    figures = report.checks["mutants"].figures
    assert figures["score"] == 1.0
    assert figures["mutants"] >= figures["valid"] >= 10
    assert Report.from_dict(report.to_dict()) == report


@pytest.mark.parametrize(
    ("recipe", "commands"),
    [
        ("FROM x\nRUN a\nCOPY b /\n", "FROM x\nRUN a"),
        ("FROM x\n# why\n\nRUN a \\\n && b\nUSER y\nrun c\nCOPY d /\n", "FROM x\nRUN a \\\n && b\nUSER y\nrun c"),
        ("FROM x\nCOPY b /\nRUN a\n", None),
        ("FROM x\nADD b /\nRUN a\n", None),
        ("FROM x\nRUN --mount=type=bind,target=/b a\n", None),
        ("FROM x\nRUN <<EOF\na\nEOF\nCOPY b /\n", None),
        ("ARG v=1\nFROM x:$v\nRUN a\n", None),
        ("FROM x\nCOPY b /\n", None),
    ],
)
def test_commands_that_files_can_not_change(recipe: str, commands: str | None) -> None:
    assert commands_before_files(recipe) == commands


def test_the_same_commands_are_run_from_nothing_once(one_engine: Engine, tmp_path: Path) -> None:
    recipe = COMMON_LINES + "RUN true\nCOPY a /a\n"
    for name in ("first", "second"):
        samples.write_task(tmp_path / name, dockerfile=recipe, files={"environment/a": name})
    entries = {name: Entry(name, "task", tmp_path / name) for name in ("first", "second")}
    checks = {name: AUDIT_CHECKS[name] for name in ("load", "build", "rebuild")}
    reports = check_tasks(entries, checks=checks, sandbox=one_engine.name, on_report=lambda report: None)
    details = [report.checks["rebuild"].detail for report in reports]
    assert all(report.ok for report in reports)
    assert sum("which runs the same commands" in detail for detail in details) == 1
    assert sum("above our common layer, which was built from nothing today" in detail for detail in details) == 1


WRONG_VARIANTS = """
[[equivalents]]
name = "by-hand"
command = "echo 51 > sum.txt"

[[mutants]]
name = "as-before"
step = 2
command = "input=numbers; echo 50 > sum.txt"

[[mutants]]
name = "no-maximum"
command = "rm max.txt"

[[cheats]]
name = "guesses"
command = "echo 50 > result.txt"

[[cheats]]
name = "knows"
command = "echo 42 > sum.txt; echo 25 > max.txt"

[[harmless]]
mutant = "drop/3"
why = "nobody needs the largest"

[[harmless]]
mutant = "emptied/app/sum.txt"
why = "it is rejected"
"""


@pytest.fixture(scope="module")
def weak(one_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finding]:
    folder = tmp_path_factory.mktemp("weak") / "sums"
    return dict(audit(one_engine, folder, test_sh=WEAK, variants=WRONG_VARIANTS).checks)


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ("prefixes", "the task: prefix/2: expected less than 1, found 1"),
        ("mutants", "accepted: the task: removed/app/max.txt: 1"),
        ("mutants", "expected a mutation score of at least 0.95"),
        ("mutants", "mutants/as-before: expected another end state than the solution's, found the same"),
        ("mutants", "mutants/no-maximum: expected less than 1, found 1"),
        ("mutants", "cheats/knows: expected less than 1, found 1"),
        ("mutants", "harmless emptied/app/sum.txt: expected a mutant that the tests accept, found none of that name"),
    ],
)
def test_weak_tests_are_found_out(weak: dict[str, Finding], check: str, told: str) -> None:
    assert told in weak[check].detail
    assert not weak[check].ok


def test_what_was_accepted_is_shown(weak: dict[str, Finding]) -> None:
    assert "fabricated/app/sum.txt: reward 1.0\n/app/sum.txt: replaced by\n" in weak["mutants"].evidence
    assert "more like these" in weak["mutants"].evidence
    assert "cheats/knows: reward 1" in weak["mutants"].evidence
    assert "cheats/guesses" not in weak["mutants"].evidence
    assert weak["build"].evidence == ""


def test_what_is_called_harmless_is_not_counted(weak: dict[str, Finding]) -> None:
    assert "drop/3" not in weak["mutants"].detail


def test_an_unsolved_task_is_not_compared(one_engine: Engine, tmp_path: Path) -> None:
    report = audit(one_engine, tmp_path / "sums", test_sh="echo 0.5 > /logs/verifier/reward.txt\n")
    assert "run/1: expected reward 1, found 0.5" in report.checks["flakes"].detail
    for name in ("prefixes", "mutants", "equivalents"):
        assert "expected the solution to earn 1, found that no run did" in report.checks[name].detail


def test_a_verifier_without_a_verdict_rejects_nothing(one_engine: Engine, tmp_path: Path) -> None:
    report = audit(
        one_engine, tmp_path / "sums", test_sh=STRONG.replace("echo 0 >", "true >").replace("reward.txt\n", "x\n")
    )
    assert "no verdict: " in report.checks["mutants"].detail
    assert report.checks["mutants"].figures["score"] == 0.0
