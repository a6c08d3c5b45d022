"""Archives of files in a sandbox's tree: taken out of it, and put in.

What is taken out was made by hostile programs, and is to do no harm where it is put: devices, sockets, named pipes,
and links that lead out of it stay behind, and no file keeps its set-uid bits. What is an image's is taken out `as_is`.
See `tree` for how paths are resolved.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import posixpath
import stat
import tarfile
from collections.abc import Sequence
from typing import IO

from .system import TOO_LARGE, Refused
from .tree import folder_at, name_of, open_at, remove_at, write

_BUFFER = 1 << 16
_MOST_ENTRIES = 200_000
_DEEPEST = 200
_KEPT_BITS = 0o1777


def unpack(top: int, archive: IO[bytes], to: str, removing: Sequence[str] = ()) -> None:
    """Unpack a tar archive of files, folders and links below `to`, after what lies at the paths of `removing` is gone.

    Owners and modes become those of the archive; times too, where it has any but 0.
    """
    for path in removing:
        remove_at(top, path)
    with tarfile.open(fileobj=archive) as members:
        for member in members:
            path = posixpath.join(to, member.name.lstrip("/"))
            if member.isdir():
                with folder_at(top, path) as made:
                    if member.uid or member.gid:
                        os.chown(name_of(made), member.uid, member.gid)
                    os.chmod(name_of(made), member.mode & 0o7777)
                continue
            with folder_at(top, posixpath.dirname(path)) as parent:
                name = posixpath.basename(path)
                if member.isfile():
                    content = members.extractfile(member)
                    assert content is not None  # a regular file has content
                    write(parent, name, content.read(), member.mode & 0o7777)
                elif member.issym() or member.islnk():
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=parent)
                    if member.issym():
                        os.symlink(member.linkname, name, dir_fd=parent)
                    else:
                        _link(top, posixpath.join(to, member.linkname.lstrip("/")), parent, name)
                        continue
                else:
                    raise Refused(
                        f"{member.name}: expected files, folders and links in the archive, found another kind"
                    )
                place = f"{name_of(parent)}/{name}"
                _own(place, member)
                if member.mtime:
                    os.utime(place, (member.mtime, member.mtime), follow_symlinks=False)


def _link(top: int, path: str, parent: int, name: str) -> None:
    """Give a file that was unpacked before a second name."""
    first = open_at(top, path, os.O_PATH | os.O_NOFOLLOW, links=False)
    try:
        os.link(name_of(first), name, dst_dir_fd=parent, follow_symlinks=True)
    finally:
        os.close(first)


def _own(place: str, member: tarfile.TarInfo) -> None:
    """Give a file or link, which was made as root's, its owner; that takes its set-uid bits away."""
    if member.uid or member.gid:
        os.chown(place, member.uid, member.gid, follow_symlinks=False)
        if not member.issym():
            os.chmod(place, member.mode & 0o7777)


class Packing:
    """One archive being made, of content taken out; to be used in a `with` block.

    Args:
        out: where it is written.
        exclude: shell patterns of what is left out: of a name, or of a path below the one packed.
        limit: bytes of content.
        as_is: whether it is an image's.

    What is beyond the limits is `Refused`, with the code `TOO_LARGE`.
    """

    def __init__(self, out: IO[bytes], exclude: Sequence[str], limit: int, as_is: bool) -> None:
        self._archive = tarfile.TarFile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BUFFER)
        self._exclude = exclude
        self._left = limit
        self._as_is = as_is
        self._entries = 0

    def __enter__(self) -> Packing:
        return self

    def __exit__(self, *_: object) -> None:
        """Write its end; tarfile would do so later, whatever had become of `out`."""
        self._archive.close()

    def tree(self, top: int, path: str) -> None:
        """Add what lies at an absolute path of the tree `top`, if anything: where it is a link, what that leads to."""
        path = posixpath.normpath(f"/{path.lstrip('/')}")
        try:
            fd = open_at(top, path, os.O_PATH | (os.O_NOFOLLOW if self._as_is else 0))
        except OSError:
            return
        try:
            self._open(fd, path, path)
        finally:
            os.close(fd)

    def members(self, archive: IO[bytes], path: str, link: str = "") -> None:
        """Add, as what lies at `path`, what a stream brings: a tar archive whose first member it is.

        Where that ought to be a `link` and is none, as Podman writes what it leads to, it becomes one.
        """
        root = ""
        with tarfile.open(fileobj=archive, mode="r|") as members:
            for member in members:
                name = member.name.rstrip("/")
                if link and not root and not member.issym():
                    member = tarfile.TarInfo(path.lstrip("/"))
                    member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, link
                    self._add(member)
                    return
                root = root or name
                below = posixpath.relpath(name, root)
                member.name = path.lstrip("/") if below == "." else f"{path.lstrip('/')}/{below}"
                member.mode &= 0o7777 if self._as_is else _KEPT_BITS
                if below != "." and any(self._excluded(part) for part in _parents(below)):
                    continue
                if member.isfile():
                    self._add(member, members.extractfile(member))
                elif member.islnk():
                    member.linkname = f"{path.lstrip('/')}/{posixpath.relpath(member.linkname, root)}"
                    self._add(member)
                elif member.isdir() or (
                    member.issym() and (self._as_is or _stays(path, f"/{member.name}", member.linkname))
                ):
                    self._add(member)

    def _open(self, fd: int, root: str, path: str) -> None:
        """Add what is open, and what is below it."""
        found = os.fstat(fd)
        member = tarfile.TarInfo(path.lstrip("/"))
        member.mode = stat.S_IMODE(found.st_mode) & (0o7777 if self._as_is else _KEPT_BITS)
        member.uid, member.gid, member.mtime = found.st_uid, found.st_gid, found.st_mtime_ns / 1e9
        if stat.S_ISREG(found.st_mode):
            member.size = found.st_size
            with open(name_of(fd), "rb") as content:
                self._add(member, content)
        elif stat.S_ISLNK(found.st_mode):
            member.type, member.linkname = tarfile.SYMTYPE, os.readlink("", dir_fd=fd)
            if self._as_is or _stays(root, path, member.linkname):
                self._add(member)
        elif stat.S_ISDIR(found.st_mode):
            member.type = tarfile.DIRTYPE
            self._add(member)
            self._folder(fd, root, path)

    def _folder(self, fd: int, root: str, path: str) -> None:
        folder = os.open(name_of(fd), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in sorted(os.listdir(folder)):
                below = f"{path.rstrip('/')}/{name}"
                if not self._excluded(posixpath.relpath(below, root)):
                    entry = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                    try:
                        self._open(entry, root, below)
                    finally:
                        os.close(entry)
        finally:
            os.close(folder)

    def _add(self, member: tarfile.TarInfo, content: IO[bytes] | None = None) -> None:
        self._entries += 1
        self._left -= member.size
        if member.name.count("/") > _DEEPEST:
            raise Refused(f"/{member.name[:100]}: expected at most {_DEEPEST} levels of folders", TOO_LARGE)
        if self._left < 0:
            raise Refused(f"/{member.name[:100]}: expected fewer bytes to take out", TOO_LARGE)
        if self._entries > _MOST_ENTRIES:
            raise Refused(f"expected at most {_MOST_ENTRIES} files and folders to take out", TOO_LARGE)
        self._archive.addfile(member, content)

    def _excluded(self, below: str) -> bool:
        name = posixpath.basename(below)
        return any(fnmatch.fnmatchcase(name, one) or fnmatch.fnmatchcase(below, one) for one in self._exclude)


def _parents(below: str) -> list[str]:
    """Return a relative path and those of the folders that it lies in."""
    pieces = below.split("/")
    return ["/".join(pieces[: count + 1]) for count in range(len(pieces))]


def _stays(root: str, path: str, target: str) -> bool:
    """Whether a link leads to something in the same archive, wherever that is put."""
    led = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return led == root or led.startswith(f"{root.rstrip('/')}/")
