"""Reading what a command prints until it ends, whatever it left running, or until its time is spent."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable

from .base import OUTPUT_LIMIT, ExecResult

_GRACE_S = 10.0
_PART = 1 << 18


def collect(
    read_end: int,
    end: int,
    ended: Callable[[], int | None],
    timeout_s: float,
    kill: Callable[[], None],
    limit: int = OUTPUT_LIMIT,
) -> ExecResult:
    """Read a command's output until it ends or its time is spent; what it left running does not hold us up.

    Args:
        read_end: of the pipe that it writes to.
        end: a descriptor that can be read when it has ended.
        ended: returns its exit code then.
        timeout_s: its time, in seconds.
        kill: ends it when that is spent.
        limit: bytes of its output that are kept.
    """
    output = bytearray()
    truncated = timed_out = False
    exit_code: int | None = None
    deadline = time.monotonic() + timeout_s
    poll = select.poll()
    poll.register(end, select.POLLIN)
    poll.register(read_end, select.POLLIN)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            if timed_out:
                break  # killed, and its end not reported within the grace: the sandbox itself is stuck
            timed_out = True
            kill()
            deadline = time.monotonic() + _GRACE_S
            continue
        ready = dict(poll.poll(left * 1000))
        if read_end in ready:
            part = os.read(read_end, _PART)
            if part:
                truncated |= len(output) + len(part) > limit
                output += part[: limit - len(output)]
                continue  # everything written before the end is read before the end is looked at
            poll.unregister(read_end)
        if end in ready:
            exit_code = ended()
            break
    return ExecResult(None if timed_out else exit_code, bytes(output), truncated)
