"""Killing what runs in a sandbox, from outside of it: what runs inside can't stop who it does not see."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Iterable

_PASSES = 100
_PAUSE_S = 0.001


def kill_all(candidates: Callable[[], Iterable[int]], namespace: str, first: int, mark: int | None) -> bool:
    """Kill every process of a pid namespace but its process 1; with `mark` only those that carry it.

    Returns whether none is left; they may grow faster than they are killed.

    Args:
        candidates: returns process numbers, among them all of the namespace.
        namespace: see `namespace_of`.
        first: its process 1.
        mark: see `mark_of`.
    """
    _signal(candidates(), namespace, first, mark, signal.SIGSTOP)  # nothing is forked by what stands still
    for _ in range(_PASSES):
        if not _signal(candidates(), namespace, first, mark, signal.SIGKILL):
            return True
        select.select([], [], [], _PAUSE_S)
    return False


def namespace_of(pid: int) -> str:
    """Return what names a process's pid namespace.

    Raises:
        OSError: it is gone, or may not be looked at.
    """
    return os.readlink(f"/proc/{pid}/ns/pid")


def every_process() -> list[int]:
    """Return the numbers of all processes."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def mark_of(pid: int) -> int | None:
    """Read a process's limit of resident memory: the kernel ignores it, and children inherit it whatever they do."""
    try:
        with open(f"/proc/{pid}/limits") as file:
            line = next(line for line in file if line.startswith("Max resident set"))
        return int(line.split()[3])
    except (OSError, StopIteration, ValueError):
        return None


def _signal(candidates: Iterable[int], namespace: str, first: int, mark: int | None, number: signal.Signals) -> int:
    """Send a signal to each process that is meant, and return how many there were."""
    count = 0
    for pid in candidates:
        if pid == first:
            continue
        try:
            pidfd = os.pidfd_open(pid)  # before it is looked at: its number may be another's by the time of the signal
        except OSError:
            continue
        try:
            inside = namespace_of(pid) == namespace
            if inside and not _is_zombie(pid) and (mark is None or mark_of(pid) == mark):
                signal.pidfd_send_signal(pidfd, number)
                count += 1
        except OSError:
            continue  # it is gone
        finally:
            os.close(pidfd)
    return count


def _is_zombie(pid: int) -> bool:
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rsplit(b")", 1)[1].split()[0] in (b"Z", b"X")
