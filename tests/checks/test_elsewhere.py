"""The solution under other conditions: what depends on them is found out."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from termigen_gym.catalog import Entry
from termigen_gym.checks import CHECKS, check_tasks
from termigen_gym.checks.elsewhere import check_elsewhere, with_value
from termigen_gym.sandbox.base import Engine
from termigen_gym.synthesis.blueprints.kit import kit_file
from tests.samples import write_task

BY_PYTEST = """
pytest /tests/test_outputs.py -rA
[ $? -eq 0 ] && echo 1 > /logs/verifier/reward.txt || echo 0 > /logs/verifier/reward.txt
"""
BY_RUN = BY_PYTEST.replace("pytest /tests/test_outputs.py -rA", "python3 -I /tests/run.py")
RUN = kit_file("run.py").decode()
IN_ORDER = """
from pathlib import Path
def test_first(): Path("/tmp/first").touch()
def test_second(): assert Path("/tmp/first").exists() and Path("/app/out.txt").exists()
"""
SOLVE = "#!/bin/bash\n\n# Now.\necho done > /app/out.txt\n"


@pytest.mark.parametrize(
    ("files", "reward"),
    [
        ({}, 1),
        ({"test_sh": BY_PYTEST, "files": {"tests/test_outputs.py": IN_ORDER}}, 0),
        (
            {
                "test_sh": BY_RUN,
                "files": {"tests/test_outputs.py": IN_ORDER, "tests/run.py": kit_file("run.py").decode()},
            },
            0,
        ),
        ({"test_sh": "date +%Z | grep -c UTC > /logs/verifier/reward.txt || true\n"}, 0),
        ({"solve": SOLVE.replace("echo done", "[ $(date +%Z) = UTC ] && echo done")}, 0),
        ({"toml": "[environment]\ncpus = 2\n[verifier.env]\nTZ = 'UTC'\nWORD = 'a'\n"}, 1),
    ],
)
def test_what_depends_on_conditions_is_found_out(
    one_engine: Engine, tmp_path: Path, files: dict[str, Any], reward: float
) -> None:
    more = {**files.pop("files", {}), "solution/solve.sh": files.pop("solve", SOLVE)}
    folder = write_task(tmp_path / "one", files=more, **files)
    checks = {"build": CHECKS["build"], "oracle": CHECKS["oracle"], "elsewhere": check_elsewhere}
    entry = Entry("one", "task", folder)
    (report,) = check_tasks({"one": entry}, checks=checks, sandbox=one_engine.name, on_report=lambda report: None)
    assert report.checks["oracle"].ok, report
    assert report.checks["elsewhere"].ok == (reward == 1)
    assert f"reward {reward}" in report.checks["elsewhere"].detail or "found 0.0" in report.checks["elsewhere"].detail
    assert not (folder / "tests" / "conftest.py").exists()


@pytest.mark.parametrize(
    "before",
    [
        "",
        "[other]\ncpus = 3\n",
        "[environment]\n",
        "[environment]\ncpus = 3\nmemory_mb = 512\n",
        "[environment] # of the agent\nmemory_mb = 512\ncpus=3\n[environment.env]\ncpus = 'no'\n",
    ],
)
def test_a_value_is_set_and_nothing_else(before: str) -> None:
    expected = tomllib.loads(before)
    expected.setdefault("environment", {})["cpus"] = 0.5
    assert tomllib.loads(with_value(before, "environment", "cpus", "0.5")) == expected
