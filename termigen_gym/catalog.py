"""Which tasks there are: folders below the roots, by name. Nothing in them is read until a task is loaded."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .errors import TaskError

_PACKAGE = Path(__file__).resolve().parent
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


Kind = Literal["task", "family"]


@dataclass(frozen=True)
class Entry:
    """A task or a family, known by its folder's name."""

    name: str
    kind: Kind
    folder: Path


def roots() -> tuple[Path, ...]:
    """Return the folders in which tasks are looked for: our own envs/, then those of $TERMIGEN_ENVS (like PATH)."""
    listed = os.environ.get("TERMIGEN_ENVS", "").split(os.pathsep)
    added = [Path(item) for item in listed if item]
    return (_own_envs(), *added)


def _own_envs() -> Path:
    """In a wheel envs/ lies inside the package; in a checkout beside it."""
    packaged = _PACKAGE / "_envs"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "envs"


def entries() -> dict[str, Entry]:
    """Return every task and family by name; the first root that has a name keeps it.

    Costs one directory listing a root. A root is a folder of task folders, or one with ``tasks/`` and ``families/``.
    """
    found: dict[str, Entry] = {}
    for root in roots():
        structured = (root / "tasks").is_dir() or (root / "families").is_dir()
        kinds: tuple[tuple[Path, Kind], ...] = ((root, "task"),)
        if structured:
            kinds = ((root / "tasks", "task"), (root / "families", "family"))
        for folder, kind in kinds:
            for name in _folders(folder):
                found.setdefault(name, Entry(name, kind, folder / name))
    return found


def _folders(folder: Path) -> Iterator[str]:
    try:
        with os.scandir(folder) as items:
            names = [item.name for item in items if item.name[:1] not in "._" and item.is_dir()]
    except FileNotFoundError:
        return
    yield from sorted(name for name in names if _NAME_CHARACTERS.issuperset(name))


def find(name: str) -> Entry:
    """Return the entry of that name, or the one of a task folder whose path is given.

    Raises:
        TaskError: there is none; names the nearest ones.
    """
    known = entries()
    if name in known:
        return known[name]
    folder = Path(name)
    if os.sep in name and folder.is_dir():
        kind: Kind = "family" if (folder / "family.py").is_file() else "task"
        return Entry(folder.name, kind, folder.resolve())
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    raise TaskError(f"task {name!r}: expected one of the {len(known)} known tasks or a folder, found neither{hint}")
