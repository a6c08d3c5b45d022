"""A shell to type into, for cases."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Iterator, Mapping

from ..sandbox.base import Sandbox, Shell
from .case import TIMEOUT_S


class TypedShell:
    """A shell with something to type into it and to wait for."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self._seen = b""

    def type(self, line: str) -> None:
        """Type a line and Enter."""
        self.write(line.encode() + b"\n")

    def write(self, data: bytes) -> None:
        """Press keys."""
        while data:
            data = data[os.write(self.shell.fileno(), data) :]

    def interrupt(self) -> None:
        """Press C-c and wait for the prompt: what is typed before that may go to the program."""
        self.write(b"\x03")
        self.await_output("^C")
        self.await_output("$ ")

    def await_output(self, text: str) -> str:
        """Return what came until `text` did, and forget it."""
        while (at := self._seen.find(text.encode())) < 0:
            data = self._read()
            if not data:
                raise AssertionError(f"expected {text!r} from the shell, found its end after {self._seen[-800:]!r}")
            self._seen += data
        end = at + len(text.encode())
        before, self._seen = self._seen[:end], self._seen[end:]
        return before.decode("utf-8", "replace")

    def await_end(self) -> None:
        """Return when the stream has ended."""
        while self._read():
            pass

    def _read(self) -> bytes:
        ready, _, _ = select.select([self.shell.fileno()], [], [], TIMEOUT_S)
        if not ready:
            raise AssertionError(f"expected more from the shell, found silence after {self._seen[-800:]!r}")
        try:
            return os.read(self.shell.fileno(), 65536)
        except OSError:  # EIO: the other end of the terminal is closed
            return b""


@contextlib.contextmanager
def typed_shell(
    box: Sandbox, *, user: str | int | None = None, cwd: str | None = None, env: Mapping[str, str] | None = None
) -> Iterator[TypedShell]:
    """Open a shell whose terminal shows what is typed, and close it twice."""
    shell = box.open_shell(user=user, cwd=cwd, env=env or {})
    typed = TypedShell(shell)
    try:
        if not shell.echoes:
            typed.type("stty echo; echo '[echo'' on]'")
            typed.await_output("[echo on]")
        yield typed
    finally:
        shell.close()
        shell.close()
