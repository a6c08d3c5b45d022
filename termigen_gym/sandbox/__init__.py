"""Engines by name."""

from __future__ import annotations

import contextlib
import threading

from ..errors import EngineMissing, SandboxError
from .base import Engine

NAMES = ("docker", "bubblewrap")
_engines: dict[str, Engine] = {}
_lock = threading.Lock()


def engine(name: str = "auto") -> Engine:
    """Return the engine called `name`, one object a process. Its first use removes what killed processes left.

    Args:
        name: "docker", "bubblewrap", or "auto": docker where a daemon answers, else bubblewrap.

    Raises:
        EngineMissing: it does not answer; says what to install or start.
    """
    if name == "auto":
        return _first_that_answers()
    if name not in NAMES:
        raise EngineMissing(f"sandbox: expected one of {('auto', *NAMES)}, found {name!r}")
    with _lock:
        if name not in _engines:
            made = _make(name)
            made.probe()
            _engines[name] = made
            with contextlib.suppress(SandboxError):  # what others left is no reason not to play
                made.sweep()
        return _engines[name]


def _first_that_answers() -> Engine:
    reasons = []
    for name in NAMES:
        try:
            return engine(name)
        except EngineMissing as error:
            reasons.append(f"- {error}")
    raise EngineMissing("\n".join(["expected a sandbox engine, found none:", *reasons]))


def _make(name: str) -> Engine:
    if name == "docker":
        from .docker import DockerEngine  # needs the docker package, which only this engine uses

        return DockerEngine()
    from .bubblewrap import BubblewrapEngine

    return BubblewrapEngine()
