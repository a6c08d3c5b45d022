"""Containers of a daemon on this machine, reached past the daemon where this process may do so: as root of the machine.

The daemon needs 35 to 50 ms to put or read one file, and passes a terminal's output through three processes. The file
tree of a container lies open to root, and so do its terminals.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from .launcher.kills import every_process, kill_all, namespace_of
from .launcher.tree import open_tree

_IDENTITY = ["0", "0", "4294967295"]


@contextlib.contextmanager
def tree_of(container: str, pid: int) -> Iterator[int | None]:
    """A descriptor of the file tree that the container's process `pid` sees; None where it can't be reached.

    It can't by an ordinary user, with a daemon on another machine or behind another pid namespace (that process is no
    part of the container then, or none at all), or one that maps its containers' users to others.
    """
    try:
        top = open_tree(f"/proc/{pid}/root") if pid and os.geteuid() == 0 else None
    except OSError:
        top = None
    try:
        # Looked at only now: had the process ended before, and its number been taken, this would tell.
        yield top if top is not None and is_inside(pid, container) and _has_our_users(pid) else None
    finally:
        if top is not None:
            os.close(top)


def is_inside(pid: int, container: str) -> bool:
    """Return whether a process of this machine belongs to a container."""
    return container in _fact(pid, "cgroup")


def groups_of(pid: int) -> list[str]:
    """Return the folders of the control groups of a process of this machine, as far as they are seen here."""
    found = []
    for line in _fact(pid, "cgroup").splitlines():
        _, kinds, path = line.split(":", 2)
        folder = f"/sys/fs/cgroup/{kinds.removeprefix('name=')}{path}"
        if os.path.exists(f"{folder}/cgroup.procs"):
            found.append(folder)
    return found


def kill_in(container: str, first: int, mark: int | None = None) -> bool:
    """Kill all processes of a container but its process 1, here as `first`, or those with a mark (launcher/kills.py).

    Returns whether none is left: False also where they can't be reached.
    """
    try:
        namespace = namespace_of(first) if os.geteuid() == 0 else ""
    except OSError:
        return False
    # Looked at only now: see `tree_of`.
    return bool(namespace) and is_inside(first, container) and kill_all(every_process, namespace, first, mark)


def owner_of(pid: int) -> int:
    """Return the uid of a process of this machine.

    Raises:
        ProcessLookupError: there is none.
    """
    for line in _fact(pid, "status").splitlines():
        if line.startswith("Uid:"):
            return int(line.split()[2])
    raise ProcessLookupError(f"expected process {pid} to run, found none")


def _has_our_users(pid: int) -> bool:
    return _fact(pid, "uid_map").split() == _IDENTITY


def _fact(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
