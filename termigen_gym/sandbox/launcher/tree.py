"""Files and folders of ours in a sandbox's tree, made from outside before anything runs in it.

The tree is an image's, which hostile hands may have written: every path is resolved by the kernel as if the tree were
the whole file system, so that no link in it leads out.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import posixpath
import struct
from collections.abc import Iterator, Mapping

from .system import libc

_OPENAT2 = 437  # the same number on every architecture
_RESOLVE_NO_MAGICLINKS, _RESOLVE_IN_ROOT = 0x02, 0x10


def furnish(root: str, folders: Mapping[str, int | None], files: Mapping[str, str]) -> None:
    """Make folders, with a mode where one is given (of those that are there, too), and files of mode 0644.

    What lies in a file's place is replaced; a link there is not followed.
    """
    os.umask(0o022)
    top = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        for path, mode in folders.items():
            with _folder(top, path) as made:
                if mode is not None:
                    os.chmod(f"/proc/self/fd/{made}", mode)
        for path, content in files.items():
            with _folder(top, posixpath.dirname(path)) as parent:
                name = posixpath.basename(path)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=parent)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                fd = os.open(name, flags, 0o644, dir_fd=parent)
                with open(fd, "w", encoding="utf-8") as file:
                    file.write(content)
    finally:
        os.close(top)


@contextlib.contextmanager
def _folder(top: int, path: str) -> Iterator[int]:
    """A descriptor of a folder below `top`, made with its parents where it is not there."""
    fd = _made(top, path)
    try:
        yield fd
    finally:
        os.close(fd)


def _made(top: int, path: str) -> int:
    path = posixpath.normpath(f"/{path}").lstrip("/")
    try:
        return _open(top, path or ".")
    except FileNotFoundError:
        with _folder(top, posixpath.dirname(path)) as parent, contextlib.suppress(FileExistsError):
            os.mkdir(posixpath.basename(path), 0o755, dir_fd=parent)
        return _open(top, path)


def _open(top: int, path: str) -> int:
    how = struct.pack("QQQ", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
    fd = int(libc.syscall(_OPENAT2, top, path.encode("utf-8", "surrogateescape"), how, len(how)))
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"/{path}: {os.strerror(code)}")
    return fd
