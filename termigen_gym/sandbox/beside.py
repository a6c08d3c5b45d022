"""Runs a command in a container of this machine past its daemon, apart from what else runs there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import SandboxError
from .base import ExecResult
from .memory import files_read, in_memory
from .nearby import groups_of
from .output import collect

_LAUNCH = "import sys; sys.path.append(sys.argv[1]); from launcher.beside import main; main()"
_NOT_ENTERED = 125


def run_beside(
    pid: int, request: Mapping[str, Any], archive: bytes, timeout_s: float, kill: Callable[[], None]
) -> tuple[ExecResult, dict[str, bytes | None]]:
    """Run what `launcher.apart.run_apart` is asked for, in the namespaces of process `pid`; see `Sandbox.exec_apart`.

    `kill` ends the command when its time is spent.

    Raises:
        SandboxError: it could not be begun.
    """
    body = json.dumps({**request, "pid": pid, "groups": groups_of(pid)}).encode("utf-8", "surrogateescape")
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    with in_memory(body) as asked, in_memory(archive) as files, in_memory() as results:
        handed = (asked, files, write_end, results)
        argv = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(Path(__file__).parent), *map(str, handed)]
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=handed,
                env={},
            )
        finally:
            os.close(write_end)
        end = os.pidfd_open(process.pid)
        try:
            result = collect(read_end, end, process.wait, timeout_s, kill)
        finally:
            os.close(end)
            os.close(read_end)
            process.kill()
            errors = process.communicate()[1].decode("utf-8", "replace").strip()
        if process.returncode == _NOT_ENTERED and errors:
            raise SandboxError(f"expected a command to run beside the sandbox's processes, found: {errors[-400:]}")
        return result, files_read(results, request["read"])
