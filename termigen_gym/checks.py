"""Is a task sound? It builds, no idler passes it, its solution does, and every mistake on its list can be taken back.

A `Check` is a function over a `Context`; `CHECKS` is the list, in the order in which they run. A check that fails says why
in its finding; so does one that could not be carried out because something of ours failed in the middle. An engine that is
missing is not a finding: it is raised.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .agents import Agent, Echo, Null, Oracle
from .agents.simple import examples
from .catalog import Entry, roots
from .critic.base import Critic, Situation
from .episode import PERTURBATION_KINDS, Episode, Perturbation
from .errors import EngineMissing, TermigenError
from .play import play
from .solution import Mistake, mistakes_of, parse_solution, solution_of
from .task import Task, TaskPaths, load_config
from .wrappers import CriticWrapper, TextEnv

MIN_BLOCKS = 4
"""A solution of fewer steps is no work."""


@dataclass(frozen=True)
class Finding:
    """What a check found."""

    ok: bool
    detail: str


@dataclass(frozen=True)
class Report:
    """What the checks found on one task.

    Attributes:
        id: as it was asked for. checks: by name, in the order in which they ran.
    """

    id: str
    checks: Mapping[str, Finding]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(finding.ok for finding in self.checks.values())

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"id": self.id, "ok": self.ok, "checks": {name: asdict(found) for name, found in self.checks.items()}}
