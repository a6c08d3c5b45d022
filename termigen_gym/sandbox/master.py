"""A terminal of which we hold the master: made in a container of this machine, or sent to us by the launcher."""

from __future__ import annotations

import fcntl
import os
import stat
import struct

from ..errors import SandboxError
from ..screen import COLUMNS, LINES
from .base import Shell
from .launcher.system import open_slave
from .launcher.tree import open_at
from .process import open_slept, slept_by, stopped, waiting_for_input

_TIOCGPTN = 0x80045430
_PTMX = os.makedev(5, 2)


class PtyShell(Shell):
    """A shell on a terminal whose master is ours; `pid` is the shell's number on this machine."""

    echoes = False

    def __init__(self, master: int, pid: int) -> None:
        self._master = master
        self._pid = pid
        self._status = -1

    def fileno(self) -> int:
        """See `Shell.fileno`."""
        return self._master

    def waiting(self) -> int | None:
        """See `Shell.waiting`."""
        return waiting_for_input(self._pid)

    def slept(self) -> int | None:
        """See `Shell.slept`."""
        if self._status < 0:  # asked at every step: opening it costs as much as reading it
            self._status = open_slept(self._pid)
        return slept_by(self._pid, self._status)

    def stopped(self) -> bool:
        """See `Shell.stopped`."""
        return stopped(self._pid)

    def close(self) -> None:
        """See `Shell.close`."""
        for fd in (self._master, self._status):
            if fd >= 0:
                os.close(fd)
        self._master = self._status = -1


def open_terminal(top: int, owner: int) -> tuple[int, int, str]:
    """Make a terminal of 80 x 24 characters that echoes nothing in the tree `top`, as its own programs would.

    Args:
        top: descriptor of the tree, as of `open_tree`.
        owner: uid to whom it will belong.

    Returns:
        its two ends, master and slave, and its name in the tree. The slave must stay open until a program has opened
        it by that name: a terminal that nobody has open any more is hung up.

    Raises:
        SandboxError: there are no terminals in this tree. OSError: it could not be made.
    """
    master = open_at(top, "/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY)
    try:
        found = os.fstat(master)
        if not stat.S_ISCHR(found.st_mode) or found.st_rdev != _PTMX:
            raise SandboxError("expected terminals at /dev/pts/ptmx, found something else")
        (number,) = struct.unpack("I", fcntl.ioctl(master, _TIOCGPTN, bytes(4)))
        slave = open_slave(master, LINES, COLUMNS)
        try:
            os.fchown(slave, owner, -1)
        except BaseException:
            os.close(slave)
            raise
    except BaseException:
        os.close(master)
        raise
    return master, slave, f"/dev/pts/{number}"
