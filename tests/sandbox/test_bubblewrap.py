"""The embedded engine where it can't work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
_ASK = """
from termigen_gym import sandbox
from termigen_gym.errors import EngineMissing
try:
    sandbox.engine("bubblewrap")
except EngineMissing as error:
    print(error)
"""
# The kernel gives a process that was put into another root no user namespaces, as many containers do. The outer
# namespace lets an ordinary user do this as well.
_ELSEWHERE = 'mount --rbind / /mnt && exec chroot /mnt "$@"'


def test_where_namespaces_are_refused_it_says_so_in_one_line() -> None:
    way = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    command = [*way, "sh", "-c", _ELSEWHERE, "sh", sys.executable, "-c", _ASK]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.startswith("bubblewrap engine: expected namespaces and mounts to be allowed here, found: ")
    assert "Operation not permitted; inside a container, run that with --privileged" in done.stdout
    assert len(done.stdout.splitlines()) == 1
