"""Snapshots of a sandbox: copies of its overlay's writable layer, on a file system of their own beside its disk.

All of this runs in the sandbox's outer mount namespace, which still shows the host's files. What is copied may be
changed meanwhile by hostile programs: nothing is reached by a path, every step is taken from the descriptor of a folder
and follows no link. What vanishes or is replaced on the way is left out.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
from collections.abc import Iterator

from .system import MNT_DETACH, MS_NODEV, Refused, call, mount, open_many_files
from .tree import FOLDER, GONE, remove

INODES = "1m"
_KEPT = "snapshots"
_LINKS = "links"
_TREE = "tree"
_AT_ONCE = 1 << 30
_DIES_S = 30.0


def layer(base: str, life: int) -> str:
    """Return the folder of the writable layer (upper, work) that a sandbox has in its `life`, counted from 1."""
    return f"{base}/{life}"


def take(base: str, life: int, number: str, room: int) -> None:
    """Keep a copy of the writable layer under `number`; all copies of a sandbox together have `room` bytes.

    Raises:
        OSError: there is no more room (ENOSPC); nothing of the copy is left.
    """
    kept = f"{base}/{_KEPT}"
    if not os.path.isdir(kept):
        os.mkdir(kept, 0o700)
        mount("tmpfs", kept, "tmpfs", MS_NODEV, f"size={room},mode=700,nr_inodes={INODES}")
    try:
        _copy(f"{layer(base, life)}/upper", f"{kept}/{number}")
    except OSError:
        drop(base, number)
        raise


def put_back(base: str, life: int, number: str, first: int) -> None:
    """Make the writable layer of the next life from the copy `number`, when process 1 (a pidfd) of this one has ended.

    Raises:
        Refused: it does not end. OSError: there is no more room.
    """
    # Process 1 ends as the last one of its namespace.
    poll = select.poll()
    poll.register(first, select.POLLIN)
    if not poll.poll(_DIES_S * 1000):
        raise Refused(f"expected every process to end within {_DIES_S:g} s, found them still there")
    call("umount2", f"{base}/root".encode(), MNT_DETACH)
    _remove(layer(base, life))
    fresh = layer(base, life + 1)
    os.mkdir(fresh, 0o755)
    _copy(f"{base}/{_KEPT}/{number}/{_TREE}", fresh)
    os.rename(f"{fresh}/{_TREE}", f"{fresh}/upper")
    os.mkdir(f"{fresh}/work", 0o755)


def drop(base: str, number: str) -> None:
    """Remove the copy `number`."""
    _remove(f"{base}/{_KEPT}/{number}")


def _remove(folder: str) -> None:
    """Remove a folder of ours with whatever lies in it."""
    parent, name = os.path.split(folder)
    with _opened(parent) as fd:
        remove(fd, name)


def _copy(source: str, target: str) -> None:
    """Copy the folder `source` to `target`/tree: content with its holes, links, owners, modes, times, xattrs."""
    open_many_files()
    os.umask(0)
    os.makedirs(f"{target}/{_LINKS}", 0o700)
    with _opened(f"{target}/{_LINKS}") as links:
        _Copy(links).folder(source, f"{target}/{_TREE}")
    _remove(f"{target}/{_LINKS}")


class _Copy:
    """One copy under way.

    A file of several names gets, beside its first, one by its number in the folder `links`, from where the others are
    linked.
    """

    def __init__(self, links: int) -> None:
        self._links = links
        self._linked: set[int] = set()

    def folder(self, source: str, target: str) -> None:
        """Copy what is in a folder, and then its own attributes, which making the rest would change."""
        stack = [_pair(source, target=target)]
        while stack:
            here, there, names = stack[-1]
            if not names:
                stack.pop()
                _attributes(here, there, os.fstat(here))
                os.close(here)
                os.close(there)
                continue
            name = names.pop()
            try:
                found = os.stat(name, dir_fd=here, follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    stack.append(_pair(name, here, there))
                else:
                    self._entry(name, found, here, there)
            except OSError as error:
                if error.errno not in GONE:
                    raise

    def _entry(self, name: str, found: os.stat_result, here: int, there: int) -> None:
        """Copy what is no folder."""
        number = str(found.st_ino)
        if found.st_ino in self._linked:
            os.link(number, name, src_dir_fd=self._links, dst_dir_fd=there, follow_symlinks=False)
            return
        if stat.S_ISREG(found.st_mode):
            if not _file(name, here, there):
                return
        else:
            if stat.S_ISLNK(found.st_mode):
                os.symlink(os.readlink(name, dir_fd=here), name, dir_fd=there)
            else:
                os.mknod(name, found.st_mode, found.st_rdev, dir_fd=there)
            _attributes_of_name(name, here, there, found)
        if found.st_nlink > 1:
            os.link(name, number, src_dir_fd=there, dst_dir_fd=self._links, follow_symlinks=False)
            self._linked.add(found.st_ino)


def _pair(name: str, here: int | None = None, there: int | None = None, target: str = "") -> tuple[int, int, list[str]]:
    """Open a folder, make its copy (in `there` by the same name, or as the path `target`), and list its names."""
    source = os.open(name, FOLDER, dir_fd=here)
    os.mkdir(target or name, 0o700, dir_fd=there)
    return source, os.open(target or name, FOLDER, dir_fd=there), os.listdir(source)


def _file(name: str, here: int, there: int) -> bool:
    """Copy a regular file; False where something else has taken its place."""
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
    try:
        found = os.fstat(source)
        if not stat.S_ISREG(found.st_mode):
            return False
        target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=there)
        try:
            _content(source, target, found.st_size)
            _attributes(source, target, found)
        finally:
            os.close(target)
    finally:
        os.close(source)
    return True


def _content(source: int, target: int, size: int) -> None:
    """Copy at most `size` bytes; holes stay holes, so that a sparse file takes no more room than it did."""
    os.ftruncate(target, size)
    end = 0
    while end < size:
        try:
            start = os.lseek(source, end, os.SEEK_DATA)
            end = min(os.lseek(source, start, os.SEEK_HOLE), size)
        except OSError as error:
            if error.errno != errno.ENXIO:  # no more data
                raise
            return
        os.lseek(target, start, os.SEEK_SET)
        while start < end and (sent := os.sendfile(target, source, start, min(end - start, _AT_ONCE))):
            start += sent


def _attributes(source: int, target: int, found: os.stat_result) -> None:
    """Give an open file or folder its owner, extended attributes, mode and times, in the order that keeps them."""
    os.fchown(target, found.st_uid, found.st_gid)
    for key in os.listxattr(source):
        os.setxattr(target, key, os.getxattr(source, key))
    os.fchmod(target, stat.S_IMODE(found.st_mode))
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def _attributes_of_name(name: str, here: int, there: int, found: os.stat_result) -> None:
    """The same for what can't be opened: a link, a named pipe, a whiteout."""
    source, target = f"/proc/self/fd/{here}/{name}", f"/proc/self/fd/{there}/{name}"
    os.chown(name, found.st_uid, found.st_gid, dir_fd=there, follow_symlinks=False)
    for key in os.listxattr(source, follow_symlinks=False):
        os.setxattr(target, key, os.getxattr(source, key, follow_symlinks=False), follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(name, stat.S_IMODE(found.st_mode), dir_fd=there)
    os.utime(name, ns=(found.st_atime_ns, found.st_mtime_ns), dir_fd=there, follow_symlinks=False)


@contextlib.contextmanager
def _opened(folder: str, below: int | None = None) -> Iterator[int]:
    fd = os.open(folder, FOLDER, dir_fd=below)
    try:
        yield fd
    finally:
        os.close(fd)
