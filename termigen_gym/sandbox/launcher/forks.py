"""Forking: children that never return into the launcher's loop, and their ends."""

from __future__ import annotations

import contextlib
import os
import signal
import tarfile
from collections.abc import Callable

from .system import CLONE_NEWPID, CLONE_NEWUSER, Refused, call

_MADE = b"made"
# A terminal's Ctrl-C is the owner's affair, whose end is ours; whoever asked for something may be gone by the answer.
IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ)


def identity_userns() -> int:
    """Make a user namespace in which the ids 0 to 65535 are themselves, and return a descriptor of it.

    The sandbox's root is then not the host's: its capabilities reach nothing that belongs to the first namespace.

    Raises:
        Refused: this machine, or the container that we are in, allows none.
    """
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            call("unshare", CLONE_NEWUSER)
            os.write(write_end, _MADE)
            signal.pause()
        except OSError as error:
            os.write(write_end, str(error).encode())
        finally:
            os._exit(1)
    os.close(write_end)
    answer = os.read(read_end, 4096)
    os.close(read_end)
    try:
        if answer != _MADE:
            raise Refused(f"no user namespace can be made: {answer.decode()}")
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{pid}/{name}", "w") as file:
                file.write("0 0 65536")
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def fork_by_way(pidfd: int, run: Callable[[], None], report: Callable[[Exception], None]) -> int:
    """Fork a child into another pid namespace by way of one that ends at once.

    An ordinary user's launcher could enter that namespace, but not come back to its own, which the host's root owns.
    The child comes to the launcher because that is a subreaper.
    """
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    way = os.fork()
    if way == 0:
        try:
            call("setns", pidfd, CLONE_NEWPID)
            pid = os.fork()
            if pid == 0:
                os.close(write_end)
                child(run, report)
            os.write(write_end, str(pid).encode())
        except OSError as error:
            os.write(write_end, str(error).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    answer = os.read(read_end, 4096).decode()  # not to its end, which the child holds open for as long as it is stopped
    os.close(read_end)
    os.waitpid(way, 0)
    if not answer.isdigit():
        raise Refused(answer)
    return int(answer)


def child(run: Callable[[], None], report: Callable[[Exception], None]) -> None:
    """Run the body of a forked child; nothing of the launcher's loop may go on in it."""
    code = 126
    try:
        signal.set_wakeup_fd(-1)
        for number in (*IGNORED, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        run()
        code = 0
    except (OSError, ValueError, KeyError, Refused, tarfile.TarError) as error:
        report(error)
    finally:
        os._exit(code)


def say(fd: int, text: str) -> None:
    """Write a line to whoever may listen yet."""
    with contextlib.suppress(OSError):
        os.write(fd, f"{text}\n".encode())


def read_all(fd: int, close: bool = True) -> bytes:
    """Read a descriptor to its end."""
    parts = []
    while part := os.read(fd, 65536):
        parts.append(part)
    if close:
        os.close(fd)
    return b"".join(parts)
