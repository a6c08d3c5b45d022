"""Runs a command in a container of this machine past its daemon, apart from what else runs there."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import SandboxError
from .base import OUTPUT_LIMIT, ExecResult
from .memory import files_read, in_memory
from .nearby import groups_of

_LAUNCH = "import sys; sys.path.append(sys.argv[1]); from launcher.beside import main; main()"
_NOT_ENTERED = 125
_GRACE_S = 10.0


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
    output = bytearray()
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
        try:
            timed_out = not _ended(process, read_end, output, time.monotonic() + timeout_s)
            if timed_out:
                kill()
                _ended(process, read_end, output, time.monotonic() + _GRACE_S)
        finally:
            os.close(read_end)
            process.kill()
            errors = process.communicate()[1].decode("utf-8", "replace").strip()
        if process.returncode == _NOT_ENTERED and errors:
            raise SandboxError(f"expected a command to run beside the sandbox's processes, found: {errors[-400:]}")
        code = None if timed_out else process.returncode
        kept = ExecResult(code, bytes(output[:OUTPUT_LIMIT]), len(output) > OUTPUT_LIMIT)
        return kept, files_read(results, request["read"])


def _ended(process: subprocess.Popen[bytes], read_end: int, output: bytearray, deadline: float) -> bool:
    """Read a command's output until it ends, or until the deadline: then False."""
    poll = select.poll()
    poll.register(read_end, select.POLLIN)
    pidfd = os.pidfd_open(process.pid)
    try:
        poll.register(pidfd, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            ready = [fd for fd, _ in poll.poll(left * 1000)]
            if read_end in ready:
                part = os.read(read_end, 1 << 18)
                output += part[: OUTPUT_LIMIT + 1 - len(output)]
                if part:
                    continue  # everything written before the end is read before the end is looked at
                poll.unregister(read_end)
            if pidfd in ready:
                process.wait()
                return True
    finally:
        os.close(pidfd)
    return False
