"""What the next task should be about: whatever there is least of.

A task counts for its category, its difficulty, its instruction's length, every tool that it uses and every group that
it uses a tool of. `Coverage` hands out slots, each of the category with the fewest tasks, and within it of the group,
tool, difficulty and length that are rarest; only ties are left to chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..family import DIFFICULTIES
from ..task import Task
from .taxonomy import Taxonomy, taxonomy
from .tools_used import tools_used

WORDS = ((80, 150), (150, 250), (250, 400), (400, 700))
"""Buckets of an instruction's length: words, from and below. The published tasks have 89 to 965, 337 in the middle."""

T = TypeVar("T")


@dataclass(frozen=True)
class Slot:
    """What one task should be about.

    Attributes:
        index: counts from 0. category: its id. group: a tool group's name. tool: one of its `subjects`.
        difficulty: easy, medium or hard. words: of the instruction, one of `WORDS`.
    """

    index: int
    category: str
    group: str
    tool: str
    difficulty: str
    words: tuple[int, int]


@dataclass(frozen=True)
class Subject:
    """What a task that there is is about; `words` counts its instruction's."""

    category: str
    difficulty: str
    tools: tuple[str, ...]
    words: int

    @classmethod
    def of(cls, task: Task) -> Subject:
        """Read it off a task: the tools are those that its solution uses, or where it has none those that it names."""
        metadata = task.config.metadata
        tools = metadata.tools if task.solution is None else tools_used(task.solution)
        return cls(metadata.category, metadata.difficulty, tools, len(task.instruction.split()))


class Coverage:
    """Counts over tasks, and the slots that even them out.

    A slot counts like a task from when it is handed out, so that many can be under way. When its task is there,
    `release` the slot and `add` the task; when it came to nothing, only `release` it.
    """

    def __init__(self, subjects: Iterable[Subject] = (), known: Taxonomy | None = None) -> None:
        self._taxonomy = known or taxonomy()
        self._handed_out = 0
        self.categories: Counter[str] = Counter()
        self.groups: Counter[str] = Counter()
        self.tools: Counter[str] = Counter()
        self.difficulties: Counter[tuple[str, str]] = Counter()  # category, difficulty
        self.words: Counter[tuple[str, tuple[int, int]]] = Counter()  # difficulty, bucket
        for subject in subjects:
            self.add(subject)

    def add(self, subject: Subject) -> None:
        """Count a task."""
        tools = {known for tool in subject.tools if (known := self._taxonomy.tool(tool)) is not None}
        groups = {self._taxonomy.tools[tool].name for tool in tools}
        self._count(subject.category, subject.difficulty, bucket(subject.words), tools, groups, 1)

    def release(self, slot: Slot) -> None:
        """Count a slot no longer."""
        self._count(slot.category, slot.difficulty, slot.words, {slot.tool}, {slot.group}, -1)

    def next_slot(self, rng: np.random.Generator) -> Slot:
        """Return what the next task should be about; the same counts and state of the generator give the same."""
        category = _rarest([one.id for one in self._taxonomy.categories], self.categories, rng)
        group = _rarest(self._taxonomy.category(category).groups, self.groups, rng)
        tool = _rarest(self._taxonomy.group(group).subjects, self.tools, rng)
        within = Counter({one: self.difficulties[category, one] for one in DIFFICULTIES})
        difficulty = _rarest(DIFFICULTIES, within, rng)
        lengths = Counter({one: self.words[difficulty, one] for one in WORDS})
        slot = Slot(self._handed_out, category, group, tool, difficulty, _rarest(WORDS, lengths, rng))
        self._handed_out += 1
        self._count(slot.category, slot.difficulty, slot.words, {slot.tool}, {slot.group}, 1)
        return slot

    def slots(self, n: int, rng: np.random.Generator) -> list[Slot]:
        """Return the next `n` slots."""
        return [self.next_slot(rng) for _ in range(n)]

    def _count(
        self, category: str, difficulty: str, words: tuple[int, int], tools: set[str], groups: set[str], by: int
    ) -> None:
        self.categories[category] += by
        self.difficulties[category, difficulty] += by
        self.words[difficulty, words] += by
        for tool in tools:
            self.tools[tool] += by
        for group in groups:
            self.groups[group] += by


def bucket(words: int) -> tuple[int, int]:
    """Return the bucket of an instruction's length, the first or last one where it is shorter or longer than all."""
    return next((one for one in WORDS if words < one[1]), WORDS[-1])


def _rarest(choices: Sequence[T], counts: Counter[T], rng: np.random.Generator) -> T:
    least = min(counts[choice] for choice in choices)
    rarest = [choice for choice in choices if counts[choice] == least]
    return rarest[int(rng.integers(len(rarest)))]
