"""Folders that an export fills with something for each episode."""

from __future__ import annotations

from pathlib import Path

from ..errors import StoreError


def empty_folder(path: Path) -> Path:
    """Return a folder, made if need be.

    Raises:
        StoreError: there is something in it, which would be taken for part of the export; or it can't be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        found = sorted(item.name for item in path.iterdir())
    except OSError as error:
        raise StoreError(f"{path}: expected a folder to write to: {error}") from None
    if found:
        raise StoreError(f"{path}: expected an empty folder, found {found[0]!r}; remove it or write elsewhere")
    return path


def new_path(folder: Path, episode_id: str, suffix: str = "") -> Path:
    """Return where an episode of a folder goes.

    Raises:
        StoreError: another episode of that id is there, or the id is no file name.
    """
    path = folder / f"{episode_id}{suffix}"
    if path.parent != folder:
        raise StoreError(f"{folder}: expected an episode's id that can be a file name, found {episode_id!r}")
    if path.exists():
        raise StoreError(f"{path}: expected one episode of an id, found two; export one run at a time")
    return path
