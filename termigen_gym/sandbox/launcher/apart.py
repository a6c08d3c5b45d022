"""A command beside hostile processes, which can reach neither its files nor, by a debugger's means, itself.

It has a file tree of its own: a small file system in memory, on which the folders of the sandbox are mounted one by
one, but not those that are hidden. What is mounted on a folder that others may remove is gone when they do; none of
these lies where they can reach it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import stat
from collections.abc import Sequence
from typing import Any

from .archives import unpack
from .inside import run_exec
from .system import (
    CLONE_NEWNS,
    MS_NODEV,
    MS_PRIVATE,
    MS_REC,
    Refused,
    attach_mount,
    call,
    clone_mount,
    mount,
    own_capabilities,
)
from .tree import name_of, open_file, open_tree, parts

# One more capability than any program inside has, of no use there: whoever lacks it may not trace, or look into, a
# process that has it. Docker's containers have AUDIT_WRITE as well: whoever looks into them needs that.
_BLOCK_SUSPEND, _AUDIT_WRITE = 36, 29

_STAGE = "/dev"
_SIZE = "size=256m,mode=755"
_MOST_ENTRIES = 1000


def seclude(hidden: Sequence[str]) -> None:
    """Put this process into a file tree of its own, in which the folders of `hidden` are not.

    It must be in the sandbox's mount namespace, with the right to mount.
    """
    call("unshare", CLONE_NEWNS)
    mount("none", "/", "", MS_REC | MS_PRIVATE, "")
    places = _Places(hidden)
    places.open("", open_tree("/"))
    mount("tmpfs", _STAGE, "tmpfs", MS_NODEV, _SIZE)  # on a mount: what is no folder of theirs they can't remove
    places.mount(_STAGE)
    os.chroot(_STAGE)
    os.chdir("/")


class _Places:
    """What is to be mounted, opened before the stage hides a part of it."""

    def __init__(self, hidden: Sequence[str]) -> None:
        self._hidden = hidden
        self._found: list[tuple[str, int, os.stat_result, str]] = []

    def open(self, folder: str, place: int) -> None:
        """Open what is in a folder on the way to a hidden one; what goes meanwhile is left out."""
        inside = os.open(name_of(place), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        names = os.listdir(inside)
        if len(names) > _MOST_ENTRIES:
            raise Refused(f"expected at most {_MOST_ENTRIES} entries in {folder or '/'}, found {len(names)}")
        for name in names:
            path = f"{folder}/{name}"
            if path not in self._hidden:
                with contextlib.suppress(FileNotFoundError):
                    self._entry(path, os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=inside))
        os.close(inside)

    def _entry(self, path: str, fd: int) -> None:
        try:
            found = os.fstat(fd)
            target = os.readlink("", dir_fd=fd) if stat.S_ISLNK(found.st_mode) else ""
            if not any(one.startswith(f"{path}/") for one in self._hidden):
                self._found.append((path, -1 if target else clone_mount(fd), found, target))
            elif stat.S_ISDIR(found.st_mode):  # and no link, say, to where others could reach what is to be hidden
                self._found.append((path, -1, found, ""))
                self.open(path, fd)
        finally:
            os.close(fd)

    def mount(self, stage: str) -> None:
        """Mount it all below `stage`."""
        for path, fd, found, target in self._found:
            place = f"{stage}{path}"
            if target:
                os.symlink(target, place)
            elif stat.S_ISDIR(found.st_mode):
                os.mkdir(place)
                os.chmod(place, stat.S_IMODE(found.st_mode))
            else:
                os.mknod(place)
            if fd >= 0:
                attach_mount(fd, place)


def keep_apart() -> None:
    """Reduce this process to what the sandbox's programs may do and one thing more, so that none may look into it."""
    own_capabilities(_BLOCK_SUSPEND, _AUDIT_WRITE)


def run_apart(request: dict[str, Any], fds: list[int]) -> None:
    """Unpack the archive `fds[0]`, run a command with its output to `fds[1]`, and end as it does.

    What the files that are wanted hold then goes to `fds[2]` as a JSON object: path to base64, or null where there is
    no regular file.
    """
    with open(fds[0], "rb") as archive:
        unpack(open_tree("/"), archive, "/")
    pid = os.fork()
    if pid == 0:
        try:
            run_exec(request, [fds[1]])
        except (OSError, ValueError, Refused) as error:
            os.write(fds[1], f"{error}\n".encode())
        finally:
            os._exit(126)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    found = {path: _content(path, int(request["limit"])) for path in request["read"]}
    with open(fds[2], "w") as results:
        json.dump(found, results)
    os._exit(code if code >= 0 else 128 - code)


def _content(path: str, limit: int) -> str | None:
    fd = open_file(open_tree("/"), path)
    return None if fd is None else base64.b64encode(b"".join(parts(fd, limit))).decode()
