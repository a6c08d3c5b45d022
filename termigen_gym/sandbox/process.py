"""Facts about processes, read from /proc: who owns a sandbox, and whether a program waits for somebody to type."""

from __future__ import annotations

import contextlib
import os
import platform
import select
import struct
from pathlib import Path

_X86 = platform.machine() in ("x86_64", "amd64")
_READ = {0} if _X86 else {63}
_WRITE = {1} if _X86 else {64}
_POLL = {7, 271} if _X86 else {73}
_SELECT = {23, 270} if _X86 else {72}
_EPOLL = {232, 281, 441} if _X86 else {22, 441}
_WAITS = {61, 247, 34, 130} if _X86 else {95, 260, 133}
_ENTRIES = 64
# How long a process ran; where the kernel does not count that, how often it gave up the processor by itself. How often
# it ran would not do: one that goes on running until it sleeps has not run once more.
_RUNS = "schedstat" if os.path.exists("/proc/self/schedstat") else "status"
_STATUS = 16384
_SWITCHES = b"\nvoluntary_ctxt_switches:"
_DESCRIPTORS = 1024


def owner_id() -> str:
    """Return a name of this process that no other process of this machine ever has: pid and start time."""
    return f"{os.getpid()}-{_start_time(os.getpid())}"


def owner_alive(owner: str) -> bool:
    """Return whether the process that `owner_id` named still lives; False for a text that is no such name."""
    pid, _, started = owner.partition("-")
    if not pid.isdigit():
        return False
    return _start_time(int(pid)) == started


def _start_time(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if fields else ""


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat from the state on; [] where the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return []


def stopped(pid: int) -> bool:
    """Return whether a process was stopped by a signal, or has ended."""
    return _stat(pid)[:1] in (["T"], ["Z"], ["X"], [])


def waiting_for_input(shell: int) -> int | None:
    """Return a number while the program in the foreground of a shell's terminal waits for input, else None.

    It waits when one of the programs in the foreground (or below them, or the shell itself: its `read`) sleeps in a
    read of the terminal or in a poll, and nothing else of them is at work. The number changes whenever one that waits
    ran. None as well where the kernel does not tell.
    """
    fields = _stat(shell)
    if not fields or fields[5] in ("-1", "0"):
        return None
    group, foreground = fields[2], fields[5]
    switches = 0
    family = [shell]
    if foreground != group:  # a pipeline: its first program, which gave the group its number, may be gone
        family = _family([pid for pid in _family([shell]) if _stat(pid)[2:3] == [foreground]])
    for pid in family:
        activity = _activity(pid)
        if activity in ("busy", None):
            return None
        if activity == "reads":
            switches += slept(pid)
    return switches or None


def slept(pid: int) -> int:
    """Return a number that grows whenever a process ran, and is no other process's; 0 where it is gone."""
    fd = open_slept(pid)
    try:
        return slept_by(pid, fd)
    finally:
        if fd >= 0:
            os.close(fd)


def open_slept(pid: int) -> int:
    """Return a descriptor for `slept_by`, -1 where the process is gone. Whoever asked closes it."""
    try:
        return os.open(f"/proc/{pid}/{_RUNS}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def slept_by(pid: int, fd: int) -> int:
    """Return what `slept` does, by the descriptor of `open_slept`."""
    try:
        text = os.pread(fd, _STATUS, 0)
    except OSError:
        return 0
    if _RUNS == "status":
        text = text[text.rfind(_SWITCHES) + len(_SWITCHES) :]
        return (pid << 64) + int(text.split(b"\n", 1)[0])
    return (pid << 64) + int(text.split()[0])


def _family(pids: list[int]) -> list[int]:
    """Return processes and what descends from them, at most `_ENTRIES`."""
    found = dict.fromkeys(pids)
    queue = list(found)
    for one in queue:
        new: list[int] = []
        with contextlib.suppress(OSError), open(f"/proc/{one}/task/{one}/children") as file:
            new = [pid for word in file.read().split() if (pid := int(word)) not in found]
        found.update(dict.fromkeys(new))
        queue += new
        if len(queue) > _ENTRIES:
            break
    return queue[:_ENTRIES]


def _activity(pid: int) -> str | None:
    """Return whether a process "reads" (or polls) its terminal, "waits" (for a child, a pipe) or is "busy"."""
    try:
        with open(f"/proc/{pid}/syscall") as file:
            words = file.read().split()
    except FileNotFoundError:
        return "waits"  # it ended meanwhile
    except OSError:
        return None
    if not words or not words[0].lstrip("-").isdigit():
        return "busy"  # "running"
    number = int(words[0])
    if number in _READ:
        return "reads" if _is_terminal(pid, int(words[1], 16)) else "waits"
    if number in _WRITE:
        return "waits" if _target(pid, int(words[1], 16)).startswith("pipe:") else "busy"
    polled = _polled(pid, number, [int(word, 16) for word in words[1:4]])
    if polled is not None:
        return "reads" if any(_is_terminal(pid, fd) for fd in polled) else "busy"
    return "waits" if number in _WAITS or number == -1 else "busy"


def _polled(pid: int, number: int, arguments: list[int]) -> list[int] | None:
    """Return the descriptors that a poll, select or epoll waits to read from; None for another call."""
    first, second = arguments[:2]
    try:
        if number in _POLL:
            entries = struct.iter_unpack("=ihh", _memory(pid, first, 8 * min(second, _DESCRIPTORS)))
            return [fd for fd, events, _ in entries if events & select.POLLIN]
        if number in _SELECT:
            bits = int.from_bytes(_memory(pid, second, 8 * ((min(first, _DESCRIPTORS) + 63) // 64)), "little")
            return [fd for fd in range(min(first, _DESCRIPTORS)) if bits >> fd & 1]
        if number in _EPOLL:
            with open(f"/proc/{pid}/fdinfo/{first}") as file:
                return [int(line.split()[1]) for line in file if line.startswith("tfd:")]
    except (OSError, struct.error):
        return []
    return None


def _memory(pid: int, address: int, size: int) -> bytes:
    """Read a process's memory; b"" for a null pointer."""
    if not address or not size:
        return b""
    fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        return os.pread(fd, size, address)
    finally:
        os.close(fd)


def _is_terminal(pid: int, fd: int) -> bool:
    return _target(pid, fd).startswith(("/dev/pts/", "/dev/tty", "/dev/console"))


def _target(pid: int, fd: int) -> str:
    """Return what a process's descriptor leads to, "" where there is none."""
    try:
        return os.readlink(f"/proc/{pid}/fd/{fd}")
    except OSError:
        return ""


def sweep_owners(folder: Path) -> int:
    """Remove the groups in `folder` whose owners, by the `owner_id` in their names, are gone; return how many."""
    removed = 0
    for group in folder.glob("termigen.*.*"):
        if not owner_alive(group.name.split(".")[1]):
            with contextlib.suppress(OSError):
                group.rmdir()
                removed += 1
    return removed
