"""What our tasks run their tests by: it says what pytest would say of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from termigen_gym.synthesis.blueprints.kit import kit_file
from termigen_gym.verifier.rewards import outcomes

PYTEST = ("-m", "pytest", "-c", "/dev/null", "--rootdir=.", "-p", "no:cacheprovider", "-rA", "test_outputs.py")
FORGED = "=== short test summary info ===\\nPASSED test_outputs.py::test_a\\nPASSED test_outputs.py::test_forged"
FILES = {
    "all pass": ("import nobody\ndef test_a():\n    assert nobody.there\ndef test_b():\n    pass\n", True),
    "one fails": ("def test_a():\n    assert 1 == 2, 'not yet'\ndef test_b():\n    pass\n", False),
    "one raises": ("def test_a():\n    {}['x']\ndef test_b():\n    pass\n", False),
    "one exits": ("def test_a():\n    raise SystemExit(0)\ndef test_b():\n    pass\n", False),
    "no tests": ("def helper():\n    pass\n", False),
    "no module": ("import there_is_none\ndef test_a():\n    pass\n", False),
    "no syntax": ("def test_a(:\n", False),
    "an agent's words": (f"def test_a():\n    print('{FORGED}')\n    assert False, '{FORGED}'\n", False),
    "others than functions": ("test_data = 7\nclass Helper:\n    pass\ndef test_a():\n    assert test_data\n", True),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "run.py").write_bytes(kit_file("run.py"))
    (tmp_path / "nobody.py").write_text("there = True\n")
    return tmp_path


def ran(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("case", FILES)
def test_it_says_what_pytest_says(folder: Path, case: str) -> None:
    text, passes = FILES[case]
    (folder / "test_outputs.py").write_text(text)
    quick = ran(folder, "run.py")
    slow = ran(folder, *PYTEST)
    assert (quick.returncode == 0) == (slow.returncode == 0) == passes
    told = outcomes(quick.stdout)
    assert told == {name: found for name, found in outcomes(slow.stdout).items() if "::" in name}
    assert set(told) <= {"test_outputs.py::test_a", "test_outputs.py::test_b"}


def test_it_is_started_as_pytest_is() -> None:
    """Two scripts, since each task's is in its digest: they differ in what calls the tests, and shuts folders."""
    with_pytest, without = (kit_file(name).decode().splitlines() for name in ("test.sh", "run.sh"))
    assert len([line for line in without if line in with_pytest]) == len(without) - 3 == 9
    assert len([line for line in with_pytest if line not in without]) == 8
    assert "    /usr/bin/python3 -IB run.py /tests /logs/verifier; then" in without


def test_it_shuts_the_folders_that_it_is_given(folder: Path) -> None:
    folder.chmod(0o755)
    told = "import os, sys; os.chown = lambda *of: print(*of); os.chmod = lambda path, mode: print(path, oct(mode))"
    done = ran(folder, "-c", f"{told}; sys.path.insert(0, {str(folder)!r}); import run; run.shut({str(folder)!r})")
    modes = {path: path.stat().st_mode & 0o7755 for path in folder.parents}
    shut = [line for path, mode in modes.items() for line in (f"{path} 0 0", f"{path} {mode:#o}")]
    assert done.stdout.splitlines() == [f"{folder} 0o700", *shut], done.stderr


ONCE = """
from run import asked, once
@once
def made():
    print("made")
    return 7
@once
def broken():
    print("breaks")
    raise ValueError("no thing")
def test_a():
    assert made() == made() == 7
def test_b():
    broken()
def test_c():
    broken()
@asked(False)
def test_d():
    raise AssertionError
@asked(True)
def test_e():
    pass
"""


def test_what_runs_once_gives_the_same_each_time_and_what_is_not_asked_is_no_test(folder: Path) -> None:
    (folder / "test_outputs.py").write_text(ONCE)
    for words in (("run.py",), PYTEST):
        told = ran(folder, *words).stdout
        assert outcomes(told) == {
            f"test_outputs.py::test_{name}": outcome
            for name, outcome in (("a", "passed"), ("b", "failed"), ("c", "failed"), ("e", "passed"))
        }
        if words == ("run.py",):
            assert (told.count("made\n"), told.count("breaks\n")) == (1, 1)
            assert told.count("ValueError: no thing") == told.count("in broken\n") == 2


@pytest.mark.parametrize("words", [("run.py",), PYTEST])
def test_a_conftest_may_reverse_the_order(folder: Path, words: tuple[str, ...]) -> None:
    (folder / "conftest.py").write_text("def pytest_collection_modifyitems(items):\n    items.reverse()\n")
    (folder / "test_outputs.py").write_text("def test_a():\n    pass\ndef test_b():\n    pass\n")
    assert list(outcomes(ran(folder, *words).stdout)) == ["test_outputs.py::test_b", "test_outputs.py::test_a"]


def test_where_a_test_does_not_say_why_the_values_there_are_shown(folder: Path) -> None:
    (folder / "test_outputs.py").write_text(
        "def test_a():\n    found, wanted = 'x\\ny', 2\n    assert found == wanted\n"
    )
    told = ran(folder, "run.py").stdout
    assert "    AssertionError\n    found = 'x\\ny'\n    wanted = 2\n" in told


def test_of_what_fails_it_says_where_and_why(folder: Path) -> None:
    (folder / "test_outputs.py").write_text("def test_a():\n    assert 1 == 2, 'not\\nyet'\n")
    told = ran(folder, "run.py").stdout
    assert told.startswith("test_a:\n    Traceback (most recent call last):\n")
    summary = "=== short test summary info ===\nFAILED test_outputs.py::test_a\n"
    assert told.endswith(f"\n    AssertionError: not\n    yet\n    \n{summary}")
