"""Control groups, version 1 or 2: the CPU, memory and process limits of a sandbox.

The groups of a sandbox lie flat, named "termigen.OWNER.SANDBOX": the scheduler goes through every level above a process
each time that it wakes or sleeps, which with 64 shells at work took a tenth of the processor at three levels.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from typing import Any


class ControlGroup:
    """CPU, memory and process limits of one sandbox, on control groups of version 1 or 2, where they may be written."""

    def __init__(self, places: dict[str, str], name: str, limits: dict[str, Any]) -> None:
        """Make it; `places` are those of `control_group_places`."""
        self._folders = {kind: f"{place}{name}" for kind, place in places.items()}
        self._v2 = "" in places
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

    def processes(self) -> list[int]:
        """Return the numbers of the processes in it."""
        with open(f"{next(iter(self._folders.values()))}/cgroup.procs") as file:
            return [int(line) for line in file]

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


def control_group_places(owner: str) -> dict[str, str]:
    """Return where this process may make groups, by controller ("" for version 2); {} where it may not.

    A place is a path with the beginning of the groups' names.
    """
    base, name = "/sys/fs/cgroup", f"termigen.{owner}."
    try:
        if os.path.exists(f"{base}/cgroup.controllers"):
            return {"": f"{_version_2_folder(base, name)}/{name}"}
        kinds = ("memory", "pids", "cpu")
        mounted = [kind for kind in kinds if os.path.ismount(f"{base}/{kind}") or os.path.islink(f"{base}/{kind}")]
        for kind in mounted:
            _try(f"{base}/{kind}/{name}")
    except OSError:
        return {}
    return {kind: f"{base}/{kind}/{name}" for kind in mounted}


def remove_left_groups(places: Iterable[str]) -> None:
    """Remove the groups that a killed launcher of the same owner has left."""
    for place in places:
        folder, name = os.path.split(place)
        for item in os.scandir(folder):
            if item.name.startswith(name):
                with contextlib.suppress(OSError):
                    os.rmdir(item.path)


def _version_2_folder(base: str, name: str) -> str:
    """Return a group that hands its controllers on: the topmost (root outside a container), else our own one.

    A group that holds processes can't, except the topmost.
    """
    with open("/proc/self/cgroup") as file:
        own = next(line.split("::", 1)[1].strip() for line in file if line.startswith("0::"))
    for folder in (base, f"{base}{own}".rstrip("/")):
        try:
            with contextlib.suppress(OSError), open(f"{folder}/cgroup.subtree_control", "w") as file:
                file.write("+cpu +memory +pids")
            with open(f"{folder}/cgroup.subtree_control") as file:
                handed_on = file.read().split()
            _try(f"{folder}/{name}")
        except OSError:
            continue
        if {"cpu", "memory", "pids"} <= set(handed_on):
            return folder
    raise OSError(errno.EACCES, "no control group may be made here")


def _try(folder: str) -> None:
    os.makedirs(folder, exist_ok=True)
    os.rmdir(folder)
