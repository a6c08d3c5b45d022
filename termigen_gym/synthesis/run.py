"""`termigen synthesize`: slots become drafts, drafts are examined, and what holds is admitted, in the slots' order."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from ..catalog import Entry
from ..checks import AUDIT_CHECKS, Report
from ..checks.manifest import Certificate, add_to_manifest
from ..executor import Job, run_jobs
from ..lines import write_whole
from ..task import folder_digest
from .coverage import Slot
from .draft import Draft
from .examine import Examines, copy_draft, evidence_of
from .funnel import Funnel
from .journal import Ended, RunFolder
from .known import Verdicts
from .making import Author, Fallen

ATTEMPTS = 4
"""Slots that are begun for each task that is wanted, before the run gives up."""


@dataclass(frozen=True)
class Wish:
    """What is wanted of a run.

    Attributes:
        n: admitted tasks.
        in_flight: tasks in the making at a time; of a model's most wait for it.
    """

    n: int
    in_flight: int = 8


def synthesize(
    wish: Wish,
    author: Author,
    slots: Callable[[int], Slot],
    folder: RunFolder,
    verdicts: Verdicts,
    examiner: Examines,
    on_change: Callable[[Funnel], None] = lambda funnel: None,
) -> Funnel:
    """Make tasks until as many as wanted are admitted, and return the account.

    Args:
        wish: what is wanted.
        author: who writes them.
        slots: what each is about, by index.
        folder: of the run; what it holds is gone on with.
        verdicts: refuse what is too like something else.
        examiner: says whether a draft holds.
        on_change: told whenever something ended.

    Raises:
        EngineMissing: there is no engine. ModelError: a model failed, or the budget is spent; the run goes on when it
            is begun again. TermigenError: something of ours failed. KeyboardInterrupt: the same.
    """
    run = _Run(wish, author, slots, folder, verdicts, examiner, on_change)
    on_change(run.funnel)
    run_jobs(run.more(), wish.in_flight, run.on_done)
    return run.funnel


@dataclass(frozen=True)
class _Made:
    """What became of a slot before it is known whether it is admitted."""

    ended: Ended
    draft: Draft | None = None
    report: Report | None = None


class _SlotJob:
    """One task in the making."""

    def __init__(self, slot: Slot, run: _Run) -> None:
        self.slot = slot
        self._run = run

    def run(self) -> _Made:
        slot, drafts = self.slot, 0
        best: tuple[str, ...] = ()
        draft: Draft | None = None
        report: Report | None = None

        def ended(outcome: Any, **more: Any) -> Ended:
            name = {} if draft is None else {"name": draft.name, "digest": draft.digest}
            head = (slot.index, outcome, slot.category, slot.difficulty)
            return Ended(*head, drafts=drafts, reached=best, **{**name, **more})

        making = self._run.author.make(slot)
        try:
            draft = next(making)
            while True:
                drafts += 1
                self._run.wait_for_earlier(slot.index, draft)
                if why := self._run.verdicts.against(draft):
                    return _Made(ended("refused", why=why), draft)
                report = self._run.examine(slot.index, draft)
                passed = tuple(name for name, found in report.checks.items() if found.ok)
                best = max(best, passed, key=len)
                draft = making.send(evidence_of(report))
        except StopIteration:
            return _Made(ended("admitted"), draft, report)
        except Fallen as fall:
            return _Made(ended("fallen", stage=fall.stage, why=str(fall)), draft, report)
        finally:
            making.close()

    def close(self) -> None:
        self._run.close()


class _Run:
    """One call of `synthesize`.

    Slots end in the order in which they are counted: whether one is refused depends on those before it alone, so that
    the same seed admits the same tasks whatever takes how long.
    """

    def __init__(
        self,
        wish: Wish,
        author: Author,
        slots: Callable[[int], Slot],
        folder: RunFolder,
        verdicts: Verdicts,
        examiner: Examines,
        on_change: Callable[[Funnel], None],
    ) -> None:
        self.author = author
        self.verdicts = verdicts
        self.examiner = examiner
        self._wish = wish
        self._slots = slots
        self._folder = folder
        self._on_change = on_change
        self._next = self._begun = len(folder.ended)
        self._waiting: dict[int, _Made] = {}
        self._settled = threading.Condition()
        self._under_way: dict[int, Draft] = {}
        self._closed = False
        for ended in folder.ended.values():
            if ended.outcome == "admitted":
                verdicts.add(Draft.of(folder.tasks / ended.name))

    @property
    def funnel(self) -> Funnel:
        """What became of the slots so far."""
        return Funnel.of(self._wish.n, self._folder.ended.values())

    def more(self) -> list[_SlotJob]:
        """Return jobs for as many slots as are needed, if all that go on are admitted."""
        lost = sum(made.ended.outcome != "admitted" for made in self._waiting.values())
        hoped = self.funnel.admitted + self._begun - self._next - lost
        count = min(self._wish.n - hoped, ATTEMPTS * self._wish.n - self._begun)
        indices = range(self._begun, self._begun + max(count, 0))
        self._begun += len(indices)
        return [_SlotJob(self._slots(index), self) for index in indices]

    def wait_for_earlier(self, slot: int, draft: Draft) -> None:
        """Return once no earlier slot is under way whose draft is the same task: it may be admitted, this one not."""
        with self._settled:
            self._under_way[slot] = draft
            while not self._closed and any(
                earlier < slot and self.verdicts.alike(draft, other) for earlier, other in self._under_way.items()
            ):
                self._settled.wait()

    def close(self) -> None:
        """End what is under way. Called from another thread."""
        with self._settled:
            self._closed = True
            self._settled.notify_all()
        self.examiner.close()

    def examine(self, slot: int, draft: Draft) -> Report:
        """Examine a draft, unless that was done before."""
        report = self._folder.report(slot, draft.digest)
        if report is None:
            report = self.examiner.examine(draft)
            self._folder.examined(slot, draft.digest, report)
        return report

    def on_done(self, job: Job[_Made], made: _Made) -> Iterable[_SlotJob]:
        """Settle what can be settled, and begin further slots for what was not admitted."""
        self._waiting[made.ended.slot] = made
        while (due := self._waiting.pop(self._next, None)) is not None:
            self._settle(due)
            with self._settled:
                self._under_way.pop(self._next, None)
                self._settled.notify_all()
            self._next += 1
            self._on_change(self.funnel)
        return self.more()

    def _settle(self, made: _Made) -> None:
        ended, draft = made.ended, made.draft
        if ended.outcome == "admitted" and draft is not None and made.report is not None:
            if why := self._taken(draft) or self.verdicts.against(draft):
                ended = replace(ended, outcome="refused", why=why)
            else:
                copy_draft(draft, self._folder.tasks / draft.name)
                self._certify(draft, made.report)
                self.verdicts.add(draft)
        if ended.outcome != "admitted":
            self._keep_fallen(ended, draft)
        self._folder.end(ended)

    def _taken(self, draft: Draft) -> str:
        """Say where another task has the draft's name; the same one may be there since before a crash."""
        folder = self._folder.tasks / draft.name
        if not folder.exists() or Draft.of(folder).digest == draft.digest:
            return ""
        return f"another task is called {draft.name}"

    def _certify(self, draft: Draft, report: Report) -> None:
        entry = Entry(draft.name, "task", self._folder.tasks / draft.name)
        certificate = Certificate.of(
            entry,
            report.ordered(AUDIT_CHECKS),
            digest=folder_digest(entry.folder),
            engine=self.examiner.engine,
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        )
        add_to_manifest(self._folder.manifest, [certificate])

    def _keep_fallen(self, ended: Ended, draft: Draft | None) -> None:
        """Keep what did not hold where people can read it."""
        folder = self._folder.fallen / "-".join([f"{ended.slot:05d}", *([draft.name] if draft else [])])
        if draft is None:
            folder.mkdir(exist_ok=True)
        else:
            copy_draft(draft, folder)
        write_whole(folder / "why.txt", f"{ended.outcome}: {ended.stage}\n{ended.why}\n")
