"""The folder under the user's cache where engines keep what is dear to make, and locks between processes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Return $XDG_CACHE_HOME/termigen, else ~/.cache/termigen; it exists afterwards."""
    root = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(root) if root else Path.home() / ".cache") / "termigen"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock `name`, a file name, alone among the threads and processes of this user on this machine.

    The kernel drops the lock of a process that dies.
    """
    folder = cache_folder() / "locks"
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
