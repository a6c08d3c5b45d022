"""The scripts that run inside containers, run here."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from termigen_gym.sandbox import inside
from tests.waiting import Process


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)


def test_a_command_is_marked_and_otherwise_as_it_was() -> None:
    mark = inside.new_mark()
    done = run(inside.run(["sh", "-c", 'ulimit -m; echo "$@" >&2; exit 3', "sh", "a b", "c"], mark, "/"))
    assert (done.returncode, done.stdout) == (3, f"{mark}\na b c\n")


def test_marks_differ() -> None:
    assert len({inside.new_mark() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("program", "code"),
    [("sh", 0), ("/bin/sh", 0), ("tool", 0), ("no-such-program", 127), ("plain", 126), ("sh -c", 127)],
)
def test_a_clean_command_is_found_by_the_path(tmp_path: Path, program: str, code: int) -> None:
    first, second = tmp_path / "first one", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    (first / "tool").write_text("not to be run")
    (first / "plain").write_text("not to be run")
    (second / "tool").symlink_to(shutil.which("sh") or "")
    path = f"{first}:{second}:/usr/bin:/bin"
    argv = [program, "-c", 'test "$ONE|$TWO|${HOME-unset}" = "a \'b\'|$(printf "x\\ny")|unset"']
    done = run(inside.run_clean(argv, inside.new_mark(), {"ONE": "a 'b'", "TWO": "x\ny"}, path, "/"))
    assert done.returncode == code


def test_what_is_marked_is_killed_and_nothing_else() -> None:
    mark, other = inside.new_mark(), inside.new_mark()
    script = "trap '' TERM; (env -i setsid sh -c 'echo $$; exec sleep 1000' &); sleep 1000"
    with (
        Process(inside.run(["sh", "-c", script], mark, "/")) as marked,
        Process(inside.run(["sleep", "1000"], other, "/")) as spared,
    ):
        assert marked.stdout is not None
        orphan = os.pidfd_open(int(marked.stdout.readline()))
        assert run(inside.kill_marked(mark)).returncode == 0
        assert marked.wait() == -signal.SIGKILL
        assert _ends(orphan)
        assert spared.poll() is None
        assert run(inside.kill_marked(other)).returncode == 0
        assert spared.wait() == -signal.SIGKILL


def _ends(pidfd: int) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    ended = bool(poll.poll(30_000))
    os.close(pidfd)
    return ended
