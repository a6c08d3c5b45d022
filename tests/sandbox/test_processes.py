"""What /proc tells of processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from termigen_gym.sandbox.process import slept
from tests.waiting import Process, wait_until

RUNS_ON = """\
import sys, time
print(flush=True)
end = time.monotonic() + 0.005
while time.monotonic() < end:
    pass
sys.stdin.read()
"""


def test_who_runs_on_until_it_sleeps_has_run() -> None:
    """A shell may be looked at while it still writes its prompt, and then go straight on to the next `read`."""
    with Process([sys.executable, "-c", RUNS_ON], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        before = slept(process.pid)
        wait_until(lambda: Path(f"/proc/{process.pid}/syscall").read_text() != "running\n")
        assert slept(process.pid) > before
        process.stdin.close()
