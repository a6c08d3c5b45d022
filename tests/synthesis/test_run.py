"""A run: what is admitted, in which order, what is kept, and how it goes on after whatever stopped it."""

from __future__ import annotations

import contextlib
import json
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from termigen_gym.checks import AUDIT_CHECKS, Finding, Report
from termigen_gym.checks.manifest import read_manifest
from termigen_gym.errors import ModelUnavailable, StoreError
from termigen_gym.synthesis.coverage import Slot
from termigen_gym.synthesis.draft import Draft
from termigen_gym.synthesis.examine import EXAMINATION
from termigen_gym.synthesis.funnel import Funnel
from termigen_gym.synthesis.journal import RunFolder
from termigen_gym.synthesis.known import Verdicts
from termigen_gym.synthesis.making import Evidence, Fallen, Making
from termigen_gym.synthesis.run import Wish, synthesize
from termigen_gym.task import TreeFile, folder_digest

TOPICS = (
    "sort the harbour ledger by berth and tide",
    "find which beehive lost its queen in the weight records",
    "repair a broken organ pipe catalogue in XML",
    "count meteors seen from every observatory roof",
    "merge two choirs' rehearsal calendars without clashes",
    "decode the lighthouse keeper's flag messages",
    "balance water among terraced rice fields",
    "trace a forged stamp through auction lists",
)


def slot_of(index: int) -> Slot:
    return Slot(index, ("data-processing", "algorithms-puzzles")[index % 2], "Text Processing", "jq", "easy", (80, 150))


def a_draft(index: int, note: str = "good", topic: int | None = None) -> Draft:
    words = TOPICS[index if topic is None else topic]
    texts = {
        "task.toml": '[metadata]\ncategory = "data-processing"\n',
        "environment/Dockerfile": "FROM scratch\n",
        "instruction.md": f"{words}. {note}\n",
        "solution/solve.sh": f"#!/bin/bash\n\n# I {words}.\necho {words}\n",
    }
    return Draft(f"task-{index}", {path: TreeFile(text.encode()) for path, text in texts.items()})


class Scripted:
    """An author whose drafts are given: for each slot the notes of its drafts in turn, "" to give up."""

    name = "scripted"

    def __init__(self, notes: dict[int, list[str]] | None = None, topics: dict[int, int] | None = None) -> None:
        self.notes = notes or {}
        self.topics = topics or {}
        self.evidence: dict[int, list[Evidence | None]] = {}
        self.before: Callable[[int], None] = lambda index: None

    def make(self, slot: Slot) -> Making:
        self.before(slot.index)
        seen = self.evidence.setdefault(slot.index, [])
        for note in self.notes.get(slot.index, ["good"]):
            if not note:
                raise Fallen("proposal", "nobody likes it")
            seen.append((yield a_draft(slot.index, note, self.topics.get(slot.index))))
            if seen[-1] is None:
                return
        raise Fallen("oracle", "it was tried often enough")


class Examiner:
    """Finds in a draft's instruction the check that says no; "good" passes all."""

    engine = "paper"

    def __init__(self) -> None:
        self.examined: list[str] = []
        self._lock = threading.Lock()

    def examine(self, draft: Draft) -> Report:
        note = draft.text("instruction.md").split(". ")[1].strip()
        with self._lock:
            self.examined.append(f"{draft.name} {note}")
        found = {}
        for name in EXAMINATION:
            score = {"score": 1.0} if name == "mutants" else {}
            found[name] = Finding(name != note, "as it is", score, evidence="seen" if name == note else "")
            if name == note:
                break
        return Report(draft.name, found)

    def close(self) -> None:
        pass


def run(
    out: Path,
    author: Scripted,
    n: int = 4,
    examiner: Examiner | None = None,
    in_flight: int = 4,
    on_change: Callable[[Funnel], None] = lambda funnel: None,
) -> Funnel:
    folder = RunFolder(out)
    try:
        return synthesize(
            Wish(n, in_flight), author, slot_of, folder, Verdicts((), limit=0.5), examiner or Examiner(), on_change
        )
    finally:
        folder.close()


def files_of(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_what_holds_is_admitted_with_its_certificate(tmp_path: Path) -> None:
    funnel = run(tmp_path, Scripted(), n=3)
    assert (funnel.admitted, funnel.slots, funnel.drafts) == (3, 3, 3)
    assert sorted(path.name for path in (tmp_path / "tasks").iterdir()) == ["task-0", "task-1", "task-2"]
    manifest = read_manifest(tmp_path / "MANIFEST.jsonl")
    assert sorted(manifest) == [f"termigen/task-{index}-v0" for index in range(3)]
    made = manifest["termigen/task-1-v0"]
    assert made.digest == folder_digest(tmp_path / "tasks/task-1")
    assert list(made.checks) == list(AUDIT_CHECKS)
    assert (made.engine, made.mutation_score) == ("paper", 1.0)
    assert list((tmp_path / "fallen").iterdir()) == []


def test_what_does_not_hold_comes_back_with_its_evidence_until_it_does(tmp_path: Path) -> None:
    author = Scripted({1: ["build", "mutants", "good"]})
    funnel = run(tmp_path, author, n=2)
    assert funnel.drafts == 4
    assert author.evidence[1] == [Evidence("build", "as it is\nseen"), Evidence("mutants", "as it is\nseen"), None]
    assert "good" in (tmp_path / "tasks/task-1/instruction.md").read_text()


def test_what_falls_is_kept_with_the_reason_and_another_takes_its_place(tmp_path: Path) -> None:
    funnel = run(tmp_path, Scripted({0: ["oracle", "oracle"], 2: [""]}), n=3)
    assert (funnel.admitted, funnel.slots) == (3, 5)
    assert funnel.falls == {"oracle": 1, "proposal": 1}
    assert (tmp_path / "fallen/00000-task-0/why.txt").read_text() == "fallen: oracle\nit was tried often enough\n"
    assert (tmp_path / "fallen/00002/why.txt").read_text() == "fallen: proposal\nnobody likes it\n"
    assert "oracle" in (tmp_path / "fallen/00000-task-0/instruction.md").read_text()
    assert funnel.stages["null"] == 4
    assert funnel.stages["oracle"] == funnel.stages["certified"] == 3


@pytest.mark.parametrize("in_flight", [1, 4])
def test_the_same_task_is_not_admitted_twice(in_flight: int, tmp_path: Path) -> None:
    examiner = Examiner()
    funnel = run(tmp_path, Scripted(topics={1: 0}), n=3, examiner=examiner, in_flight=in_flight)
    assert funnel.falls == {"refused": 1}
    assert not any(name.startswith("task-1 ") for name in examiner.examined), "it is refused before it is played"
    assert "like task-0" in (tmp_path / "fallen/00001-task-1/why.txt").read_text()


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    class Namesakes(Scripted):
        def make(self, slot: Slot) -> Making:
            making = super().make(slot)
            draft = next(making)
            with contextlib.suppress(StopIteration):
                making.send((yield Draft("one-name", draft.files) if slot.index < 2 else draft))

    funnel = run(tmp_path, Namesakes(), n=2)
    assert (funnel.admitted, funnel.falls) == (2, {"refused": 1})
    assert TOPICS[0] in (tmp_path / "tasks/one-name/instruction.md").read_text()
    assert "another task is called one-name" in (tmp_path / "fallen/00001-one-name/why.txt").read_text()


def test_the_order_in_which_tasks_are_done_does_not_matter(tmp_path: Path) -> None:
    """Slot 3 is like slot 0 and done first: it is slot 0 that is admitted all the same."""
    results = []
    for number, first in enumerate([0, 3]):
        author, done = Scripted({2: [""]}, {3: 0}), threading.Event()

        def before(index: int, first: int = first, done: threading.Event = done) -> None:
            if index in (0, 3) and index != first:
                assert done.wait(20)

        class Watched(Examiner):
            def examine(self, draft: Draft, done: threading.Event = done) -> Report:
                report = super().examine(draft)
                done.set()
                return report

        author.before = before
        run(tmp_path / str(number), author, n=4, examiner=Watched())
        results.append(files_of(tmp_path / str(number) / "tasks"))
    assert results[0] == results[1]
    assert "task-0/instruction.md" in results[0]
    assert "task-3/instruction.md" not in results[0]


def test_a_run_gives_up_in_the_end(tmp_path: Path) -> None:
    funnel = run(tmp_path, Scripted({index: [""] for index in range(100)}), n=2)
    assert (funnel.admitted, funnel.slots) == (0, 8)


def test_a_run_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    """A model that fails at each slot in turn: nothing is examined twice, and the end is as without it."""
    notes = {0: ["build", "good"], 1: ["oracle"], 3: ["null", "good"]}
    run(tmp_path / "whole", Scripted(notes))
    examiner = Examiner()
    for failing in range(6):
        author = Scripted(notes)

        def before(index: int, failing: int = failing) -> None:
            if index == failing:
                raise ModelUnavailable("expected an answer, found none")

        author.before = before
        if failing < 5:
            with pytest.raises(ModelUnavailable):
                run(tmp_path / "parts", author, examiner=examiner, in_flight=1)
        else:
            run(tmp_path / "parts", author, examiner=examiner)
    assert len(examiner.examined) == len(set(examiner.examined))
    for part in ("tasks", "fallen"):
        assert files_of(tmp_path / "parts" / part) == files_of(tmp_path / "whole" / part)
    manifests = [(tmp_path / name / "MANIFEST.jsonl").read_text() for name in ("whole", "parts")]
    assert manifests[0] == manifests[1]


def test_a_journal_may_be_cut_at_any_byte(tmp_path: Path) -> None:
    notes = {0: ["build", "good"], 1: [""]}
    run(tmp_path / "whole", Scripted(notes), n=3)
    journal = (tmp_path / "whole/journal.jsonl").read_bytes()
    chance = random.Random(7)
    for length in [0, *chance.sample(range(len(journal)), 25), len(journal)]:
        out = tmp_path / f"cut-{length}"
        out.mkdir()
        (out / "journal.jsonl").write_bytes(journal[:length])
        for name in ("tasks", "MANIFEST.jsonl"):  # written before the journal says so
            (out / name).symlink_to(tmp_path / "whole" / name)
        run(out, Scripted(notes), n=3)
        assert files_of(out / "tasks") == files_of(tmp_path / "whole" / "tasks")
        lines = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
        assert [line["slot"] for line in lines if line["event"] == "ended"] == [0, 1, 2, 3]


def test_an_ended_run_asks_nobody(tmp_path: Path) -> None:
    run(tmp_path, Scripted())
    examiner, author = Examiner(), Scripted()
    funnel = run(tmp_path, author, examiner=examiner)
    assert funnel.admitted == 4
    assert examiner.examined == []
    assert author.evidence == {}
    assert run(tmp_path, author, n=5, examiner=examiner).admitted == 5
    assert list(author.evidence) == [4]


def test_a_folder_belongs_to_one_process_and_one_wish(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.bind({"author": "families", "seed": 1})
    with pytest.raises(StoreError, match="expected no other writer"):
        RunFolder(tmp_path)
    folder.close()
    again = RunFolder(tmp_path)
    again.bind({"author": "families", "seed": 1})
    with pytest.raises(StoreError, match="seed was 1, now 2"):
        again.bind({"author": "families", "seed": 2})
    again.close()
    (tmp_path / "journal.jsonl").write_text('{"event"\n')
    with pytest.raises(StoreError, match=r"journal\.jsonl: line 1: expected JSON"):
        RunFolder(tmp_path)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("worker-"):
            thread.join(5)
    assert threading.active_count() <= before
