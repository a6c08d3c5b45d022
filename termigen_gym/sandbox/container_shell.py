"""A shell in a container whose terminal the daemon holds."""

from __future__ import annotations

from collections.abc import Callable

from .base import Shell
from .hijack import Stream
from .process import slept, stopped, waiting_for_input


class ContainerShell(Shell):
    """An exec with a terminal."""

    def __init__(self, stream: Stream, host_pid: int | None, hang_up: Callable[[int | None], None]) -> None:
        """Take over a stream.

        Args:
            stream: to and from the terminal.
            host_pid: the shell's process number on this machine; None where the daemon runs elsewhere.
            hang_up: ends the shell, by that number where there is one.
        """
        self._stream: Stream | None = stream
        self._descriptor = stream.fileno()
        self._host_pid = host_pid
        self._hang_up = hang_up

    def fileno(self) -> int:
        """See `Shell.fileno`."""
        return self._descriptor

    def waiting(self) -> int | None:
        """See `Shell.waiting`."""
        return None if self._host_pid is None else waiting_for_input(self._host_pid)

    def slept(self) -> int | None:
        """See `Shell.slept`."""
        return None if self._host_pid is None else slept(self._host_pid)

    def stopped(self) -> bool:
        """See `Shell.stopped`."""
        return self._host_pid is not None and stopped(self._host_pid)

    def close(self) -> None:
        """See `Shell.close`."""
        stream, self._stream = self._stream, None
        if stream is not None:
            self._hang_up(self._host_pid)
            stream.close()
