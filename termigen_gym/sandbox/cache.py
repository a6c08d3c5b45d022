"""The folder under the user's cache where engines keep what is dear to make, and locks between processes."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import BuildError

_LOOK_EVERY_S = 0.05


def cache_folder() -> Path:
    """Return $XDG_CACHE_HOME/termigen, else ~/.cache/termigen; it exists afterwards."""
    root = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(root) if root else Path.home() / ".cache") / "termigen"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str, abort: threading.Event | None = None) -> Iterator[None]:
    """Hold the lock `name`, a file name, alone among the threads and processes of this user on this machine.

    The kernel drops the lock of a process that dies.

    Raises:
        BuildError: `abort` was set meanwhile.
    """
    folder = cache_folder() / "locks"
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        take_lock(descriptor, abort)
        yield
    finally:
        os.close(descriptor)


def take_lock(descriptor: int, abort: threading.Event | None = None) -> None:
    """Lock an open file for this descriptor alone; closing it is the unlocking.

    Raises:
        BuildError: `abort` was set meanwhile.
    """
    if abort is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    while not try_lock(descriptor, fcntl.LOCK_EX):  # a thread that sleeps in flock could not be woken
        if abort.wait(_LOOK_EVERY_S):
            raise BuildError("expected another's build of the same image to end, found this one aborted")


def try_lock(descriptor: int, kind: int) -> bool:
    """Lock an open file, LOCK_EX or LOCK_SH, and return True; False where another's lock is in the way."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
