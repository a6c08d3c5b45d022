"""What this machine has for us: engines, disk, packages, tasks."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import __version__
from .catalog import entries
from .errors import EngineMissing, SandboxError
from .extras import EXTRAS
from .sandbox import NAMES, engine
from .sandbox.buildah import store_folder
from .sandbox.images import BASE

_GIB = 1 << 30


@dataclass(frozen=True)
class EngineState:
    """An engine of this machine.

    Attributes:
        ok: whether it answers. detail: its version and mode, or why it does not answer and what to do.
        base_image: whether it has the base image of our tasks; None where that can't be told.
    """

    name: str
    ok: bool
    detail: str
    base_image: bool | None


@dataclass(frozen=True)
class Disk:
    """Room where we write."""

    path: str
    free_gib: float


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        auto: the engine that "auto" takes, or None.
        extras: packages that are missing, by extra; () where it is complete.
    """

    version: str
    python: str
    system: str
    engines: tuple[EngineState, ...]
    auto: str | None
    disks: tuple[Disk, ...]
    extras: Mapping[str, tuple[str, ...]]
    tasks: int
    families: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


def diagnose() -> Diagnosis:
    """Look at everything; nothing is changed."""
    engines = tuple(_engine_state(name) for name in NAMES)
    kinds = [entry.kind for entry in entries().values()]
    return Diagnosis(
        version=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        engines=engines,
        auto=next((state.name for state in engines if state.ok), None),
        disks=tuple(_disk(path) for path in dict.fromkeys((Path.cwd(), store_folder()))),
        extras={name: tuple(filter(_is_missing, modules)) for name, modules in EXTRAS.items()},
        tasks=kinds.count("task"),
        families=kinds.count("family"),
    )


def _engine_state(name: str) -> EngineState:
    try:
        found = engine(name)
        detail = found.probe()
    except EngineMissing as error:
        return EngineState(name, False, str(error), None)
    try:
        return EngineState(name, True, detail, found.has_image(BASE))
    except SandboxError as error:
        return EngineState(name, True, f"{detail}; its images can't be listed: {error}", None)


def _disk(path: Path) -> Disk:
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    return Disk(str(path), round(shutil.disk_usage(there).free / _GIB, 1))


def _is_missing(module: str) -> bool:
    return importlib.util.find_spec(module) is None
