"""Drafts: task folders in the making, as values. Nothing outside of its folder can be named by one."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import TaskError
from ..task import TreeFile, read_tree

MAX_FILES = 400
MAX_FILE_BYTES = 2 << 20
MAX_BYTES = 8 << 20

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Draft:
    """A task folder in the making.

    Attributes:
        name: the folder's: lower-case words joined by ``-``.
        files: path in the folder, as in ``environment/Dockerfile``, to file.
    """

    name: str
    files: Mapping[str, TreeFile]

    def __post_init__(self) -> None:
        """Refuse what can't be written as a folder of its own.

        Raises:
            TaskError: a name or a path leads elsewhere, two paths are in each other's way, or it is too large.
        """
        if not _NAME.fullmatch(self.name) or len(self.name) > _LONGEST_NAME:
            raise TaskError(f"{self.name[:99]!r}: expected a name of lower-case words joined by '-', found another")
        if len(self.files) > MAX_FILES:
            raise TaskError(f"{self.name}: expected at most {MAX_FILES} files, found {len(self.files)}")
        for path, file in self.files.items():
            check_path(path)
            if len(file.content) > MAX_FILE_BYTES:
                raise TaskError(f"{path}: expected at most {MAX_FILE_BYTES} bytes, found {len(file.content)}")
            for above in _folders_above(path):
                if above in self.files:
                    raise TaskError(f"{path}: expected {above} to be a folder, found a file of that name")
        total = sum(len(file.content) for file in self.files.values())
        if total > MAX_BYTES:
            raise TaskError(f"{self.name}: expected at most {MAX_BYTES} bytes in all, found {total}")

    @classmethod
    def of(cls, folder: Path) -> Draft:
        """Read a task folder.

        Raises:
            TaskError: as on making one.
        """
        return cls(folder.name, read_tree(folder))

    def text(self, path: str) -> str:
        """Return a file's text, "" where there is no such file."""
        file = self.files.get(path)
        return "" if file is None else file.content.decode("utf-8", "replace")

    def with_files(self, files: Mapping[str, TreeFile | None]) -> Draft:
        """Return a draft with these files put in place of others, or taken away where None."""
        held = {**self.files, **files}
        return Draft(self.name, {path: file for path, file in held.items() if file is not None})

    @property
    def digest(self) -> str:
        """The sha256 of its files, whatever its name is."""
        total = hashlib.sha256()
        for path, file in sorted(self.files.items()):
            total.update(f"{path}\0{int(file.executable)}\0{len(file.content)}\0".encode())
            total.update(file.content)
        return total.hexdigest()

    def write(self, parent: Path) -> Path:
        """Write it as a folder of its name below `parent` and return that.

        Raises:
            TaskError: there is one already.
        """
        folder = parent / self.name
        if folder.exists():
            raise TaskError(f"{folder}: expected no such folder yet, found one")
        for path, file in self.files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)
            target.chmod(0o755 if file.executable else 0o644)
        return folder


def check_path(path: str) -> None:
    """Make sure that a path stays in its folder.

    Raises:
        TaskError: it is absolute, leads upwards, is not in its simplest form or holds a control character.
    """
    parts = path.split("/")
    plain = path and posixpath.normpath(path) == path and not path.startswith("/") and ".." not in parts and path != "."
    if not plain or not path.isprintable() or "\\" in path or any(len(part.encode()) > 200 for part in parts):
        raise TaskError(f"{path[:99]!r}: expected a path inside the task's folder, such as 'environment/data.csv'")


def _folders_above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
