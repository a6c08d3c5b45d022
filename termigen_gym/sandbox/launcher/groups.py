"""Control groups, version 1 or 2: the CPU, memory and process limits of a sandbox."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from typing import Any


class ControlGroup:
    """CPU, memory and process limits of one sandbox, on control groups of version 1 or 2, where they may be written."""

    def __init__(self, roots: dict[str, str], name: str, limits: dict[str, Any]) -> None:
        self._folders = {kind: f"{root}/{name}" for kind, root in roots.items()}
        self._v2 = "" in roots
        for folder in set(self._folders.values()):
            os.makedirs(folder, exist_ok=True)
        memory = int(limits["memory_bytes"])
        if self._v2:
            self._write("", "memory.max", memory)
            self._write("", "memory.swap.max", 0)
            self._write("", "pids.max", limits["pids"])
            self._write("", "cpu.max", f"{int(limits['cpus'] * 100_000)} 100000")
            self._write("", "memory.oom.group", 0)
        else:
            self._write("memory", "memory.limit_in_bytes", memory)
            self._write("memory", "memory.memsw.limit_in_bytes", memory)
            self._write("pids", "pids.max", limits["pids"])
            self._write("cpu", "cpu.cfs_period_us", 100_000)
            self._write("cpu", "cpu.cfs_quota_us", int(limits["cpus"] * 100_000))

    def _write(self, kind: str, name: str, value: object) -> None:
        folder = self._folders.get(kind)
        if folder is not None:
            with contextlib.suppress(FileNotFoundError, PermissionError), open(f"{folder}/{name}", "w") as file:
                file.write(str(value))

    def enter(self) -> None:
        """Put this process in."""
        for folder in set(self._folders.values()):
            with open(f"{folder}/cgroup.procs", "w") as file:
                file.write("0")

    def stop_forks(self, stopped: bool, pids: int) -> None:
        """Let nothing be forked inside while processes are being killed."""
        self._write("" if self._v2 else "pids", "pids.max", 1 if stopped else pids)

    def remove(self) -> bool:
        """Remove the empty group; False while processes are still in it."""
        done = True
        for folder in set(self._folders.values()):
            try:
                os.rmdir(folder)
            except FileNotFoundError:
                continue
            except OSError:
                done = False
        return done


def control_group_roots(owner: str) -> dict[str, str]:
    """Return where this process may make groups, by controller ("" for version 2); {} where it may not."""
    base = "/sys/fs/cgroup"
    try:
        if os.path.exists(f"{base}/cgroup.controllers"):
            return {"": _version_2_root(base, owner)}
        roots = {}
        for kind in ("memory", "pids", "cpu"):
            if os.path.ismount(f"{base}/{kind}") or os.path.islink(f"{base}/{kind}"):
                roots[kind] = f"{base}/{kind}/termigen/{owner}"
                os.makedirs(roots[kind], exist_ok=True)
    except OSError:
        return {}
    return roots


def remove_left_groups(roots: Iterable[str]) -> None:
    """Remove the groups that a killed launcher of the same owner has left."""
    for root in roots:
        for item in os.scandir(root):
            if item.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    os.rmdir(item.path)


def _version_2_root(base: str, owner: str) -> str:
    """Make a group below our own one and hand it the controllers.

    A group that holds processes can't hand controllers on, except the topmost: tried there first (root outside a
    container), then in a group of our own that we leave for a child of it.
    """
    with open("/proc/self/cgroup") as file:
        own = next(line.split("::", 1)[1].strip() for line in file if line.startswith("0::"))
    wanted = "+cpu +memory +pids"
    for parent in (base, f"{base}{own}".rstrip("/")):
        folder = f"{parent}/termigen"
        try:
            with contextlib.suppress(OSError), open(f"{parent}/cgroup.subtree_control", "w") as file:
                file.write(wanted)
            os.makedirs(folder, exist_ok=True)
            with open(f"{folder}/cgroup.subtree_control", "w") as file:
                file.write(wanted)
            os.makedirs(f"{folder}/{owner}", exist_ok=True)
            with open(f"{folder}/{owner}/cgroup.subtree_control", "w") as file:
                file.write(wanted)
        except OSError:
            continue
        return f"{folder}/{owner}"
    raise OSError(errno.EACCES, "no control group may be made here")
