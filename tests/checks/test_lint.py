"""What can be read off a task's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from termigen_gym.checks.lint import chatter, fakes, instruction_problems, leaks, paths_read, secrets
from termigen_gym.task import Task, TreeFile
from tests.samples import write_task

TESTS = """
from pathlib import Path
import pytest

APP = Path("/app")
OUT = APP / "out"
RATIO = 3 / 4

def test_it(tmp_path):
    assert (OUT / "sum.txt").read_text() == open("/app/copy.txt").read()
    assert (tmp_path / "made.txt").exists()
    assert Path("relative.txt") != "/ is no path"
"""


def test_the_paths_of_tests() -> None:
    tests = {
        "test_it.py": TreeFile(TESTS.encode()),
        "broken.py": TreeFile(b"def ("),
        "data.txt": TreeFile(b"/app/not-a-program"),
        "test.sh": TreeFile(b"#!/bin/bash\n# see /app/comment\ncmp /app/a.bin /tests/b.bin\n"),
    }
    assert paths_read(tests) == {"/app", "/app/out/sum.txt", "/app/copy.txt", "/app/a.bin", "/tests/b.bin"} | {
        "/app/out"
    }


@pytest.mark.parametrize(
    ("instruction", "problems"),
    [
        ("Write `/app/out/sum.txt` and `/app/copy.txt`.", 0),
        ("In `/app`: `out/sum.txt`, then copy.txt.", 0),
        ("Write `/app/out/sum.txt`.", 1),
        ("Write the sum.", 4),
        ("Write `/app/out/sum.txt`, `/app/copy.txt`, e.g. by `sort numbers | uniq > copy.txt`.", 1),
    ],
)
def test_an_instruction_says_enough_and_not_too_much(tmp_path: Path, instruction: str, problems: int) -> None:
    files = {
        "tests/test_it.py": TESTS,
        "solution/solve.sh": "#!/bin/bash\n\n# One.\nsort numbers | uniq > copy.txt\n",
    }
    config = 'artifacts = ["/app"]\n[verifier]\nenvironment_mode = "separate"\n'
    folder = write_task(tmp_path / "task", instruction=instruction, toml=config, files=files, test_sh="true\n")
    assert len(instruction_problems(Task.load(folder))) == problems


@pytest.mark.parametrize(
    ("path", "content", "told"),
    [
        ("/app/a.png", b"\x89PNG\r\n\x1a\n", None),
        ("/app/a.png", b"I am an image", "expected it to begin as such files do"),
        ("/app/a.so", b"I cannot generate a compiled binary file", "expected it to begin as such files do"),
        ("/app/a.gz", b"", None),
        ("/app/notes.txt", b"Certainly! Here is the file", "a chat model's words"),
        ("/app/notes.txt", b"\nI'll help you fix the configuration. Let me", "a chat model's words"),
        ("/app/test.enc", b"I need to generate the encrypted content", "a chat model's words"),
        ("/app/mail.txt", b"Ann,\nI'll create the account tomorrow.", None),
        ("/app/notes.txt", b"the file is here", None),
        ("/app/key", b"-----BEGIN RSA " + b"PRIVATE KEY-----", "expected no secret"),
        ("/app/env", b"KEY=AKIA" + b"A" * 16, "expected no secret, found AKIAAAAAAAAA"),
    ],
)
def test_data_are_what_they_seem(path: str, content: bytes, told: str | None) -> None:
    files = {path: content}
    problems = [*fakes(files), *chatter(files), *secrets(files)]
    assert (told is None) == (not problems)
    assert told is None or any(told in problem for problem in problems)


def test_tests_and_solutions_do_not_lie_in_images(tmp_path: Path) -> None:
    solve = "#!/bin/bash\n\n# One.\ntrue\n"
    files = {"tests/test_it.py": TESTS, "tests/data/a.txt": "data\n", "solution/solve.sh": solve}
    task = Task.load(write_task(tmp_path / "task", files=files))
    image = {"/app/a.txt": b"data\n", "/tmp/x.py": TESTS.encode(), "/root/s.sh": solve.encode()}
    assert [problem.partition(":")[0] for problem in leaks(task, image)] == ["/tmp/x.py", "/root/s.sh"]
