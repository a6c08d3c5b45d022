"""A sandbox's way into the world: slirp4netns carries its packets as an ordinary program's connections."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal

from .forks import child, say
from .groups import ControlGroup
from .system import PR_SET_PDEATHSIG, Refused, call

_READY_S = 20.0
_ERRORS = 16 * 1024


class Slirp:
    """One running slirp4netns; it ends with us, or when it is closed."""

    def __init__(self, program: str, first: int, group: ControlGroup | None) -> None:
        """Give the network namespace of process 1 a network, at the cost of the sandbox's own control group.

        Raises:
            Refused: it did not come up.
        """
        ready_read, ready_write = os.pipe2(os.O_CLOEXEC)
        end_read, self._end = os.pipe2(os.O_CLOEXEC)
        # What it has to say later, moved by hostile packets, finds no more room here.
        errors = os.memfd_create("errors", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(errors, _ERRORS)
        fcntl.fcntl(errors, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)

        def run() -> None:
            call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if group is not None:
                group.enter()
            for standard in (1, 2):
                os.dup2(errors, standard)
            for fd in (ready_write, end_read):
                os.set_inheritable(fd, True)
            argv = ["slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", "--enable-sandbox"]
            argv += ["--enable-seccomp", f"--ready-fd={ready_write}", f"--exit-fd={end_read}", str(first), "tap0"]
            os.execv(program, argv)

        self._pid = os.fork()
        if self._pid == 0:
            child(run, lambda error: say(errors, str(error)))
        for fd in (ready_write, end_read):
            os.close(fd)
        poll = select.poll()
        poll.register(ready_read, select.POLLIN)
        up = bool(poll.poll(_READY_S * 1000)) and os.read(ready_read, 1) == b"1"
        os.close(ready_read)
        said = os.pread(errors, _ERRORS, 0).rstrip(b"\0").decode("utf-8", "replace").strip()
        os.close(errors)
        if not up:
            self.close()
            raise Refused(f"expected slirp4netns to bring up a network, found: {said.rpartition(chr(10))[2]}")

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.close(self._end)
