"""The seam between who writes tasks and what proves them: an author yields drafts and is sent what was found wrong."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from .coverage import Slot
from .draft import Draft


@dataclass(frozen=True)
class Evidence:
    """Why a draft does not hold.

    Attributes:
        check: the name of the check that said no (`termigen_gym.checks`), or "judge".
        text: what was run and what came of it, cut to what matters.
    """

    check: str
    text: str


class Fallen(Exception):
    """An author gives a task up.

    Attributes:
        stage: how far it came: "seed", "proposal", "draft", or the check that could not be met.
    """

    def __init__(self, stage: str, why: str) -> None:
        super().__init__(why)
        self.stage = stage


Making: TypeAlias = Generator[Draft, Evidence | None, None]
"""One task in the making. Yields a draft, is sent the evidence against it, None where there is none, and yields the
next; it ends when the author agrees with a draft that nothing speaks against, and raises `Fallen` to give up."""


class Author(Protocol):
    """Who writes tasks.

    Attributes:
        name: as on the command line.
    """

    name: str

    def make(self, slot: Slot) -> Making:
        """Begin a task; the same slot gives the same task again.

        Raises:
            ModelError: while it goes on: a model failed; the task can be begun anew later.
        """
