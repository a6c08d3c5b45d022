"""Execution as the judge: a draft is built and played, and the first check that says no is the evidence against it."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from ..catalog import Entry
from ..checks import AUDIT_CHECKS, Report, check_task
from ..checks.context import Check, Context, Finding
from ..env import TerminalEnv
from ..errors import TermigenError, TooLarge, VerifierError
from ..sandbox import engine
from ..task import TaskPaths, folder_digest
from ..text import clip
from .draft import Draft
from .making import Evidence

_EARLY = ("load", "shape", "instruction", "build", "image")
EXAMINATION: Mapping[str, Check] = {
    **{name: AUDIT_CHECKS[name] for name in _EARLY},
    **{name: check for name, check in AUDIT_CHECKS.items() if name not in _EARLY},
}
"""All that a certificate rests on; the first no ends it. What can be told without a play comes first: it names the file
that is at fault, as plays of a solution that can't read its input do not."""

_OF_THE_DRAFT: Sequence[type[TermigenError]] = (VerifierError, *VerifierError.__subclasses__(), TooLarge)
"""Errors for which a check could not be carried out, and which are the draft's own doing."""

EVIDENCE_CHARACTERS = 6000


class Examines(Protocol):
    """Says whether a draft holds; for many threads at once.

    Attributes:
        engine: the name of the engine on which it does.
    """

    engine: str

    def examine(self, draft: Draft) -> Report:
        """Return what the checks of `EXAMINATION` found, up to the first that says no.

        Raises:
            TermigenError: something of ours failed, or `close` was called.
        """

    def close(self) -> None:
        """End what is being examined; nothing can be any more. Called from another thread."""


class Examiner:
    """Examines drafts in this process, some at a time.

    Args:
        sandbox: the engine. workers: drafts at a time.
    """

    def __init__(self, sandbox: str, workers: int) -> None:
        self._engine = engine(sandbox)
        self.engine = self._engine.name
        self._room = threading.Semaphore(workers)
        self._lock = threading.Lock()
        self._contexts: set[Context] = set()
        self._closed = False

    def examine(self, draft: Draft) -> Report:
        """See `Examines.examine`.

        Raises:
            EngineMissing: there is no engine.
        """
        with self._room, tempfile.TemporaryDirectory(prefix="termigen-draft-") as top:
            folder = draft.write(Path(top))
            report = self._run(Entry(draft.name, "task", folder))
            if self._closed:  # what was cut short may look like a no
                raise TermigenError(f"{draft.name}: expected an open examiner, found it closed meanwhile")
            if not report.ok:
                self._discard(folder)
        failed = ((name, found) for name, found in report.checks.items() if not found.tried)
        untried = next((f"{name}: {found.detail}" for name, found in failed if not _of_the_draft(found)), None)
        if untried is not None:
            raise TermigenError(f"{draft.name}: expected every check to be carried out, found {untried}")
        return report

    def close(self) -> None:
        """See `Examines.close`."""
        with self._lock:
            self._closed = True
            contexts = list(self._contexts)
        for context in contexts:
            context.close()

    def _run(self, entry: Entry) -> Report:
        make_env = partial(TerminalEnv, sandbox=self._engine.name)
        context = Context(entry, make_env, sandbox=self._engine.name, strict=True)
        with self._lock:
            if self._closed:
                raise TermigenError("expected an open examiner, found it closed")
            self._contexts.add(context)
        try:
            return check_task(entry.name, context, EXAMINATION, all=False)
        finally:
            with self._lock:
                self._contexts.discard(context)

    def _discard(self, folder: Path) -> None:
        """Remove the draft's image: the next draft is another."""
        image = self._engine.built_of(folder_digest(TaskPaths(folder).context))
        if image is not None:
            self._engine.discard(image)


def _of_the_draft(found: Finding) -> bool:
    """Whether tests that hang, or a solution that leaves too much, kept a check from being carried out."""
    return found.detail.partition(":")[0] in {kind.__name__ for kind in _OF_THE_DRAFT}


def evidence_of(report: Report) -> Evidence | None:
    """Return what speaks against a draft: the check that said no, and why; None where every check passed."""
    for name, found in report.checks.items():
        if not found.ok:
            text = "\n".join(part for part in (found.detail, found.evidence) if part)
            return Evidence(name, clip(text, EVIDENCE_CHARACTERS).text)
    return None


def copy_draft(draft: Draft, folder: Path) -> None:
    """Write a draft as a folder, whole or not at all; one that is there is replaced."""
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder.parent) as top:
        made = draft.write(Path(top))
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
