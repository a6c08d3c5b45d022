"""What differs in an overlay from the image below it: read off its writable layer."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from .system import TOO_LARGE, Refused
from .tree import FOLDER, GONE, kind_of, open_at

MOST = 100_000
_WHITEOUT = "whiteout"
_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")


class Layers:
    """An image as the layers that an overlay is made of, read without a mount.

    Args:
        tops: descriptors of the layers' topmost folders, the uppermost layer first. Whoever opened them closes them.
    """

    def __init__(self, tops: Sequence[int]) -> None:
        self._tops = tops

    def type_of(self, path: str) -> str | None:
        """Return the kind of what the image has at exactly this path, None for nothing."""
        for top in self._tops:
            kind = _type_in(top, path)
            if kind is not None:
                return None if kind == _WHITEOUT else kind
            if any(self._ends(top, str(parent)) for parent in PurePosixPath(path).parents):
                return None
        return None

    def names(self, path: str) -> set[str]:
        """Return what the image has in a folder, by name."""
        found: set[str] = set()
        hidden: set[str] = set()
        for top in self._tops:
            with contextlib.suppress(OSError), _opened(top, path) as folder:
                names = set(os.listdir(folder)) - hidden
                whiteouts = {name for name in names if _type_in(folder, f"/{name}") == _WHITEOUT}
                found |= names - whiteouts
                hidden |= whiteouts
            if self._ends(top, path):
                break
        return found

    def _ends(self, top: int, path: str) -> bool:
        """Whether a layer lets nothing of those below it be seen at a path."""
        kind = _type_in(top, path)
        if kind != "folder":
            return kind is not None
        with _opened(top, path) as folder:
            return _is_opaque(folder)


def found(upper: str, image: Layers, below: Sequence[str]) -> Iterator[tuple[str, str, str | None, str]]:
    """Yield what was added, changed and removed: path, kind of change, type now, target of a link.

    Folders that the image has are no change, whatever was done to their owner or mode; what lies in an added folder is
    listed too, what lay in a removed one is not.

    Args:
        upper: path of the writable layer.
        image: what is below it.
        below: where to look, as absolute paths; an empty sequence for everywhere.

    Raises:
        Refused: there are more than `MOST`.
    """
    for count, (path, there, target) in enumerate(_walk(upper, image, below)):
        if count > MOST:
            raise Refused(f"expected at most {MOST} changes, found more", TOO_LARGE)
        before = image.type_of(path)
        if there == _WHITEOUT:
            if before is not None:
                yield path, "removed", None, ""
        elif not there == before == "folder":
            yield path, "added" if before is None else "changed", there, target


def _walk(upper: str, image: Layers, below: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield every entry of the layer that lies below one of the paths: its path, its type, a link's target."""
    stack = [(os.open(upper, FOLDER), "", sorted(os.listdir(upper), reverse=True))]
    try:
        while stack:
            here, path, names = stack[-1]
            if not names:
                stack.pop()
                os.close(here)
                continue
            name = names.pop()
            entry = f"{path}/{name}"
            if not _concerns(entry, below):
                continue
            try:
                there = os.stat(name, dir_fd=here, follow_symlinks=False)
                if stat.S_ISDIR(there.st_mode):
                    fd = os.open(name, FOLDER, dir_fd=here)
                    inside = sorted(os.listdir(fd), reverse=True)
                    stack.append((fd, entry, inside))
                    yield entry, "folder", ""
                    if _is_opaque(fd):  # made anew where one of the image's had been
                        yield from (
                            (f"{entry}/{gone}", _WHITEOUT, "") for gone in sorted(image.names(entry) - set(inside))
                        )
                    continue
                target = os.readlink(name, dir_fd=here) if stat.S_ISLNK(there.st_mode) else ""
            except OSError as error:
                if error.errno not in GONE:
                    raise
                continue
            yield entry, _kind(there), target
    finally:
        for here, _, _ in stack:
            os.close(here)


def _is_opaque(folder: int) -> bool:
    for name in _OPAQUE:
        with contextlib.suppress(OSError):
            return os.getxattr(folder, name) == b"y"
    return False


def _kind(there: os.stat_result) -> str:
    """Return the kind of an entry of a layer; what stands for a removed one is a device of number 0."""
    return _WHITEOUT if stat.S_ISCHR(there.st_mode) and there.st_rdev == 0 else kind_of(there.st_mode)


def _type_in(top: int, path: str) -> str | None:
    """Return the kind of a layer's entry, None where it has none."""
    with contextlib.suppress(OSError), _opened(top, path, os.O_PATH | os.O_NOFOLLOW) as fd:
        return _kind(os.fstat(fd))
    return None


@contextlib.contextmanager
def _opened(top: int, path: str, flags: int = os.O_RDONLY | os.O_DIRECTORY) -> Iterator[int]:
    fd = open_at(top, path, flags, links=False)
    try:
        yield fd
    finally:
        os.close(fd)


def _concerns(path: str, below: Sequence[str]) -> bool:
    """Whether a path lies below one of some, or leads to one of them."""
    return not below or any(f"{path}/".startswith(f"{one}/") or f"{one}/".startswith(f"{path}/") for one in below)
