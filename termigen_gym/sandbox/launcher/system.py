"""System calls that Python 3.11 does not wrap, and the numbers they take."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import struct
import termios
from typing import Any

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x00020000, 0x02000000, 0x04000000
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x08000000, 0x10000000, 0x20000000, 0x40000000
NAMESPACES = {
    "user": CLONE_NEWUSER,
    "mnt": CLONE_NEWNS,
    "net": CLONE_NEWNET,
    "ipc": CLONE_NEWIPC,
    "uts": CLONE_NEWUTS,
    "cgroup": CLONE_NEWCGROUP,
}
MS_RDONLY, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 1, 4, 4096, 16384, 1 << 18, 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER = 1, 4, 24, 36
_TIOCSPTLCK, _TIOCGPTPEER = 0x40045431, 0x5441

# What a root user inside keeps, as Docker gives it, without NET_RAW, MKNOD and AUDIT_WRITE: CHOWN, DAC_OVERRIDE,
# FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, SYS_CHROOT, SETFCAP.
KEPT_CAPABILITIES = (0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 31)
LAST_CAPABILITY = 63
KEEPER = (
    "/bin/sh",
    "-c",
    'trap "jobs; woken=1" CHLD; echo ready; exec >/dev/null 2>&1; '
    'while :; do woken=; read -r line || [ "$woken" ] || exit; done',
)
"""Process 1 of a sandbox: it ends when its input does, and no process inside can kill it.

It reaps what others leave; in dash only `jobs` does so without waiting.
"""

_OPEN_TREE, _MOVE_MOUNT = 428, 429  # the same numbers on every architecture
_OPEN_TREE_CLONE, _AT_EMPTY_PATH, _AT_RECURSIVE, _AT_FDCWD, _F_EMPTY = 1, 0x1000, 0x8000, -100, 4
_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
_LIBC_SIGNALS = (32, 33)
_RT_SIGACTION = 13 if os.uname().machine == "x86_64" else 134

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *args: Any) -> None:
    """Call a libc function that returns -1 on error."""
    called(name, getattr(libc, name)(*args))


def mount(source: str, target: str, kind: str, flags: int, options: str) -> None:
    """Mount a file system."""
    call("mount", source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())


def clone_mount(fd: int) -> int:
    """Return a descriptor of a copy of what is mounted from an open place downwards, mounted nowhere itself yet."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_EMPTY_PATH | _AT_RECURSIVE
    return int(called("open_tree", libc.syscall(_OPEN_TREE, fd, b"", flags)))


def attach_mount(fd: int, target: str) -> None:
    """Mount what `clone_mount` made."""
    called(
        "move_mount", libc.syscall(_MOVE_MOUNT, fd, b"", _AT_FDCWD, target.encode("utf-8", "surrogateescape"), _F_EMPTY)
    )


def called(name: str, result: int) -> int:
    """Return what a system call returned, or raise the OSError that -1 stands for, about `name`."""
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def open_slave(master: int, lines: int, columns: int) -> int:
    """Open the other end of a new terminal, give it its size, and have it echo nothing of what is typed."""
    fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
    slave = fcntl.ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        modes = termios.tcgetattr(slave)
        modes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, modes)
    except BaseException:
        os.close(slave)
        raise
    return slave


def default_signals() -> None:
    """Have every signal do what it does by default, whatever our owner ignores, as a background job does C-c.

    32 and 33 are the C library's own, which it lets nobody set; yet its `posix_spawn`, by which make starts its
    commands, has them ignored in a child of a process that uses them.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    for libc_number in _LIBC_SIGNALS:
        libc.syscall(_RT_SIGACTION, libc_number, bytes(64), None, ctypes.c_size_t(8))  # all zeros: SIG_DFL


def open_many_files() -> None:
    """Let this process open as many files as its hard limit says: folders are gone through by a descriptor a level."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def own_capabilities(*more: int) -> None:
    """Reduce this process, for good, to `KEPT_CAPABILITIES` and `more`."""
    for capability in range(LAST_CAPABILITY + 1):
        if capability not in (*KEPT_CAPABILITIES, *more):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # EINVAL above the kernel's last one
    kept = sum(1 << capability for capability in (*KEPT_CAPABILITIES, *more))
    header = struct.pack("Ii", 0x20080522, 0)
    low, high = kept & 0xFFFFFFFF, kept >> 32
    call("capset", header, struct.pack("6I", low, low, 0, high, high, 0))


TOO_LARGE = "too large"
"""The code of a request that asks for more than is given."""


class Refused(Exception):
    """A request that cannot be carried out; `code` ("failed", "died", `TOO_LARGE`) says which error it becomes."""

    def __init__(self, text: str, code: str = "failed") -> None:
        super().__init__(text)
        self.code = code
