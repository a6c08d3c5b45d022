"""Files and folders in a sandbox's tree, reached from outside it.

The tree is an image's, and an agent has been at work in it, or is so still: every path is resolved by the kernel as if
the tree were the whole file system, so that no link in it leads out, and nothing is opened but directories and regular
files.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import stat
import struct
import time
from collections.abc import Iterator, Mapping

from .system import Refused, called, libc

_OPENAT2 = 437  # the same number on every architecture
_RESOLVE_NO_MAGICLINKS, _RESOLVE_NO_SYMLINKS, _RESOLVE_IN_ROOT = 0x02, 0x04, 0x10
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""How a folder is opened by its name in another, to go on from there: no link is followed."""

GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)
"""What it means that something in a folder was removed, or replaced by another kind of thing, meanwhile."""

_CHUNK = 65536
_OUT_OF_RESOURCES = (errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSYS, errno.EAGAIN)
_REMOVAL_S = 60.0
_DEEPEST = 100


def open_tree(path: str) -> int:
    """Return a descriptor of a tree's topmost directory. Whoever asked closes it."""
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def furnish(top: int, folders: Mapping[str, int | None], files: Mapping[str, str]) -> None:
    """Make folders, with a mode where one is given (of those that are there, too), and files of mode 0644.

    What lies in a file's place is replaced; a link there is not followed.
    """
    for path, mode in folders.items():
        with folder_at(top, path) as made:
            if mode is not None:
                os.chmod(name_of(made), mode)
    for path, text in files.items():
        with folder_at(top, posixpath.dirname(path)) as parent:
            write(parent, posixpath.basename(path), text.encode(), 0o644)


def open_file(top: int, path: str) -> int | None:
    """Return a descriptor to read a regular file by, or None where there is none at `path`."""
    try:
        found = open_at(top, posixpath.normpath(f"/{path}"), os.O_PATH)
    except OSError as error:
        if error.errno in _OUT_OF_RESOURCES:
            raise
        return None
    try:
        # Opening a device could do something; looking at it first does nothing.
        return os.open(name_of(found), os.O_RDONLY | os.O_CLOEXEC) if stat.S_ISREG(os.fstat(found).st_mode) else None
    finally:
        os.close(found)


def kind_of(mode: int) -> str:
    """Return which of the kinds that we tell apart a mode means."""
    kinds = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "folder"), (stat.S_ISLNK, "link"))
    return next((name for is_kind, name in kinds if is_kind(mode)), "other")


def parts(fd: int, limit: int) -> Iterator[bytes]:
    """Yield the first `limit` bytes of a file."""
    while limit > 0 and (part := os.read(fd, min(limit, _CHUNK))):
        limit -= len(part)
        yield part


def write(parent: int, name: str, content: bytes, mode: int) -> None:
    """Replace a file, root's then (a link is replaced, not followed)."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=parent)
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=parent)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
        os.fchmod(fd, mode)
    finally:
        os.close(fd)


def remove_at(top: int, path: str) -> None:
    """Remove what lies at a path of a tree, if anything does; a link itself, not what it leads to."""
    parent, name = posixpath.split(posixpath.normpath(f"/{path}"))
    try:
        folder = open_at(top, parent, os.O_PATH | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        remove(folder, name)
    finally:
        os.close(folder)


def remove(parent: int, name: str, depth: int = 0) -> None:
    """Remove a file, or a folder with all that is in it.

    An agent can nest folders deeper than any stack, so that what lies two levels down is lifted up, round by round. An
    overlay does not let go of the image's own folders: these are gone into, as deep as an image may nest them.
    """
    if _unlinked(parent, name):
        return
    if depth > _DEEPEST:
        raise Refused(f"expected the image's folders at most {_DEEPEST} deep, found more below {name!r}")
    deadline = time.monotonic() + _REMOVAL_S
    folder = os.open(name, FOLDER, dir_fd=parent)
    try:
        while names := os.listdir(folder):
            if time.monotonic() > deadline:
                raise Refused(f"expected {name!r} to be removed within {_REMOVAL_S:g} s, found it still being filled")
            for each in names:
                if not _unlinked(folder, each):
                    _lift(folder, each, depth)
    finally:
        os.close(folder)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(name, dir_fd=parent)


def _lift(parent: int, name: str, depth: int) -> None:
    """Remove a folder's files, move its folders to `parent`, and remove it."""
    folder = os.open(name, FOLDER, dir_fd=parent)
    try:
        for each in os.listdir(folder):
            if _unlinked(folder, each):
                continue
            try:
                os.rename(each, os.urandom(16).hex(), src_dir_fd=folder, dst_dir_fd=parent)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                remove(folder, each, depth + 1)
    finally:
        os.close(folder)
    try:
        os.rmdir(name, dir_fd=parent)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.ENOENT):  # filled or taken meanwhile: the next round's affair
            raise


def _unlinked(parent: int, name: str) -> bool:
    """Remove what is no folder; False where it is one."""
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        pass
    except IsADirectoryError:
        return False
    return True


def name_of(fd: int) -> str:
    """Return a path of an open file that works for a descriptor of kind O_PATH, too."""
    return f"/proc/self/fd/{fd}"


@contextlib.contextmanager
def folder_at(top: int, path: str) -> Iterator[int]:
    """A descriptor of a folder below `top`, made with its parents where it is not there."""
    fd = _made(top, posixpath.normpath(f"/{path}"))
    try:
        yield fd
    finally:
        os.close(fd)


def _made(top: int, path: str) -> int:
    try:
        return open_at(top, path, os.O_PATH | os.O_DIRECTORY)
    except FileNotFoundError:
        with folder_at(top, posixpath.dirname(path)) as parent, contextlib.suppress(FileExistsError):
            name = posixpath.basename(path)
            os.mkdir(name, 0o755, dir_fd=parent)
            os.chmod(name, 0o755, dir_fd=parent, follow_symlinks=False)
        return open_at(top, path, os.O_PATH | os.O_DIRECTORY)


def open_at(top: int, path: str, flags: int, links: bool = True) -> int:
    """Open what lies at `path` in the tree `top`, wherever links in it lead. Whoever asked closes it.

    Raises:
        OSError: it can't be opened, there are links in the path and none are wanted, or the kernel is older than 5.6.
    """
    resolve = _RESOLVE_IN_ROOT | (_RESOLVE_NO_MAGICLINKS if links else _RESOLVE_NO_SYMLINKS)
    how = struct.pack("QQQ", flags | os.O_CLOEXEC, 0, resolve)
    return called(path, libc.syscall(_OPENAT2, top, path.encode("utf-8", "surrogateescape"), how, len(how)))
