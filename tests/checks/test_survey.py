"""A survey of a set from outside: each fault is found in the task that has it, and in no other."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from termigen_gym.checks import Report
from termigen_gym.checks.survey import FAULTS, SURVEY_CHECKS, sample, survey_tasks, tally, tasks_below
from termigen_gym.errors import TaskError
from termigen_gym.sandbox.base import DIGEST_DIGITS, Engine
from termigen_gym.task import folder_digest
from tests.conftest import COMMON_LINES
from tests.samples import write_task

PYTEST = """
pytest /tests/test_outputs.py -rA
[ $? -eq 0 ] && echo 1 > /logs/verifier/reward.txt || echo 0 > /logs/verifier/reward.txt
"""
EXAMPLE = "Write the answer to `/app/answer.txt`, like\n\n```\nanswer=17\n```\n"
SHAPE_ONLY = """
from pathlib import Path
def test_there(): assert Path("/app/answer.txt").is_file()
def test_form(): assert Path("/app/answer.txt").read_text().startswith("answer=")
"""
OTHER_NAMES = "import time, pytest\n@pytest.mark.parametrize('t', [time.time_ns()])\ndef test_it(t): assert False\n"
HALF_DONE = "def test_it(): assert False\ndef test_nothing(): pass\n"
SOLVE = "#!/bin/bash\n\n# Now.\necho almost > /app/out.txt\n"

FOLDERS: dict[str, dict[str, Any]] = {
    "sound": {"instruction": "Write `done` to /app/out.txt."},
    "unreadable": {"toml": "[verifier]\ntimeout_sec = 'long'\n"},
    "unbuildable": {"dockerfile": COMMON_LINES + "RUN exit 3\n"},
    "far": {"dockerfile": COMMON_LINES + "RUN echo 'curl: (6) Could not resolve host: example.invalid' >&2; exit 6\n"},
    "silent": {"test_sh": "exit 1\n"},
    "broken": {"test_sh": PYTEST, "files": {"tests/test_outputs.py": "import pandsa\ndef test_it(): pass\n"}},
    "wants-module": {
        "test_sh": PYTEST,
        "instruction": "Write the module `sums` to /app/sums.py.",
        "files": {"tests/test_outputs.py": "import sums\ndef test_it(): pass\n"},
    },
    "unsteady": {"test_sh": PYTEST, "files": {"tests/test_outputs.py": OTHER_NAMES}},
    "half-done": {"test_sh": PYTEST, "files": {"tests/test_outputs.py": HALF_DONE}},
    "given": {"test_sh": "echo 1 > /logs/verifier/reward.txt\n"},
    "echoed": {"test_sh": PYTEST, "instruction": EXAMPLE, "files": {"tests/test_outputs.py": SHAPE_ONLY}},
    "wrong-solution": {"files": {"solution/solve.sh": SOLVE}},
    "unnamed": {"test_sh": PYTEST, "files": {"tests/test_outputs.py": "def test_it(): open('/work/other.csv')\n"}},
    "pretended": {"dockerfile": COMMON_LINES + "RUN mkdir /data && echo 'a picture' > /data/map.png\n"},
    "talking": {"dockerfile": COMMON_LINES + "RUN mkdir /data && echo 'Certainly! Here it is' > /data/a.csv\n"},
    "loose-key": {"dockerfile": COMMON_LINES + "RUN echo AKIAABCDEFGHIJKLMNOP > /root/key\n"},
    "leaking": {
        "dockerfile": COMMON_LINES + "COPY test.sh /opt/test.sh\n",
        "test_sh": "echo 0 > /logs/verifier/reward.txt\n",
        "files": {"environment/test.sh": "echo 0 > /logs/verifier/reward.txt\n"},
    },
}
EXPECTED = {
    ("load", ""): {"unreadable"},
    ("build", "unreachable"): {"far"},
    ("build", "broken"): {"unbuildable"},
    ("tests", "no_verdict"): {"silent"},
    ("tests", "broken"): {"broken"},
    ("tests", "unsteady"): {"unsteady"},
    ("tests", "passed"): {"half-done"},
    ("null", "solved"): {"given"},
    ("echo", "solved"): {"echoed"},
    ("solution", ""): {"wrong-solution"},
    ("instruction", ""): {"unnamed"},
    ("image", "fakes"): {"pretended"},
    ("image", "chatter"): {"talking"},
    ("image", "secrets"): {"loose-key"},
    ("image", "leaks"): {"leaking"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("set")
    for name, files in FOLDERS.items():
        write_task(top / name, **files)
        with (top / name / "environment" / "Dockerfile").open("a") as file:
            file.write(f"LABEL made={uuid.uuid4()}\n")  # an image that is not there yet
    (top / "README.md").write_text("No task.\n")
    return top


@pytest.fixture(scope="module")
def reports(folder: Path, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    journal = tmp_path_factory.mktemp("kept") / "reports.jsonl"
    made = survey_tasks(tasks_below(folder), sandbox=engine.name, journal=journal)
    digests = {folder_digest(top / "environment")[:DIGEST_DIGITS] for top in folder.iterdir() if top.is_dir()}
    assert not digests & {image.digest for image in engine.built()}
    assert survey_tasks(tasks_below(folder), sandbox=engine.name, journal=journal) == made
    assert len(journal.read_text().split("\n\n")) == len(FOLDERS)
    return {report.id: report for report in made}


@pytest.mark.parametrize("fault", EXPECTED, ids="-".join)
def test_a_fault_is_found_where_it_is(fault: tuple[str, str], reports: dict[str, Report]) -> None:
    check, figure = fault
    found = {
        id
        for id, report in reports.items()
        if (one := report.checks[check]).tried and (one.figures.get(figure) if figure else not one.ok)
    }
    assert found == EXPECTED[fault], {id: reports[id].checks[check].detail for id in found ^ EXPECTED[fault]}


def test_every_fault_has_its_task() -> None:
    assert set(EXPECTED) == set(FAULTS)


def test_what_is_sound_passes(reports: dict[str, Report]) -> None:
    checks = reports["sound"].checks
    assert list(checks) == list(SURVEY_CHECKS)
    assert reports["sound"].ok
    assert [name for name, one in checks.items() if not one.tried] == ["solution"]  # it has none
    assert Report.from_dict(reports["sound"].to_dict()) == reports["sound"]


def test_what_could_not_be_looked_for_is_in_no_share(reports: dict[str, Report]) -> None:
    rows = {(row["check"], row["figure"]): row for row in tally(reports.values())}
    total = len(FOLDERS)
    assert rows["load", ""]["tried"] == total
    assert rows["build", "broken"]["tried"] == total - 1
    assert rows["tests", "broken"]["tried"] == total - 3
    assert rows["null", "solved"]["tried"] == total - 4  # of "silent" there is no verdict
    assert rows["solution", ""]["tried"] == 1
    echo = rows["echo", "solved"]
    assert (echo["found"], echo["share"]) == (1, 1 / echo["tried"])
    assert echo["low"] < echo["share"] < echo["high"]


def test_a_folder_is_a_set_or_a_task(folder: Path) -> None:
    assert list(tasks_below(folder)) == sorted(FOLDERS)
    assert list(tasks_below(folder / "sound")) == ["sound"]
    with pytest.raises(TaskError, match=r"expected folders with a task\.toml, found none"):
        tasks_below(folder / "sound" / "tests")


def test_a_sample_is_the_same_each_time(folder: Path) -> None:
    tasks = tasks_below(folder)
    assert sample(tasks, None, 0) == sample(tasks, 99, 1) == tasks
    few = sample(tasks, 5, 7)
    assert len(few) == 5
    assert few == sample(tasks, 5, 7) != sample(tasks, 5, 8)
    assert list(few) == sorted(few)
