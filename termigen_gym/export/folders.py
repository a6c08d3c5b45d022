"""Folders that an export fills."""

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
