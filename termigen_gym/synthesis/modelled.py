"""The author that is a cast of models: it writes a task role by role, and mends it where execution says no."""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..llm import ChatModel
from ..llm.replies import ReplyProblem
from .coverage import Slot
from .draft import Draft
from .making import Fallen, Making
from .replies import Seeds
from .roles import Talk
from .taxonomy import Taxonomy
from .work import Work

EVOLUTIONS: Mapping[str, str] = {
    "harder": "a harder one: the same world, further requirements that depend on each other, larger or dirtier data.",
    "broken": "one in which somebody has begun the work and left it broken: the agent finds out how, and mends it.",
    "elsewhere": "one that asks for the same skill in another field: other data, other words, other results.",
}
"""Ways to make a task of another one."""

_SEEDS_AT_ONCE = 4


@dataclass(frozen=True)
class Origin:
    """The task that others are made of, and how: one of `EVOLUTIONS`."""

    draft: Draft
    how: str


class ModelAuthor:
    """Writes tasks by models.

    Args:
        model: plays every role.
        taxonomy: tells what categories are about.
        slots: what slots are about, by index.
        origin: of which every task is made; None for tasks from seeds.
    """

    name = "model"

    def __init__(
        self,
        model: ChatModel,
        taxonomy: Taxonomy,
        slots: Callable[[int], Slot],
        origin: Origin | None = None,
    ) -> None:
        self._model = model
        self._taxonomy = taxonomy
        self._seeds = _Seeds(model, taxonomy, slots)
        self._origin = origin

    def make(self, slot: Slot) -> Making:
        """See `Author.make`."""
        work = Work(slot, self._taxonomy.category(slot.category), Talk(f"slot-{slot.index:05d}", self._model))
        if self._origin is None:
            work.propose(seed=self._seeds.of(slot))
        else:
            work.propose(parent=self._origin.draft, wish=EVOLUTIONS[self._origin.how])
        work.write_all()
        while True:
            evidence = yield work.draft()
            if evidence is None and (evidence := work.judged()) is None:
                return
            work.mend(evidence)


class _Seeds:
    """Writes the seeds of a category a few at a time, so that they differ from each other and from earlier ones.

    Which slots are told of together depends on their order alone, whatever thread asks first. Where the seed writer
    gives up, all slots that it was told of fall; where the model fails, nothing has been asked.
    """

    def __init__(self, model: ChatModel, taxonomy: Taxonomy, slots: Callable[[int], Slot]) -> None:
        self._model = model
        self._taxonomy = taxonomy
        self._slots = slots
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._written: dict[str, dict[int, str | Fallen]] = defaultdict(dict)

    def of(self, slot: Slot) -> str:
        """Return a slot's seed.

        Raises:
            Fallen: the seed writer's reply can't be used. ModelError: the model failed.
        """
        with self._lock:
            lock = self._locks[slot.category]
        with lock:
            written = self._written[slot.category]
            while slot.index not in written:
                self._write_more(slot.category, written)
            seed = written[slot.index]
        if isinstance(seed, Fallen):
            raise Fallen(seed.stage, str(seed))
        return seed

    def _write_more(self, category: str, written: dict[int, str | Fallen]) -> None:
        later = map(self._slots, itertools.count(max(written, default=-1) + 1))
        chosen = list(itertools.islice((slot for slot in later if slot.category == category), _SEEDS_AT_ONCE))

        def one_each(seeds: Seeds, files: Mapping[str, str]) -> None:
            if len(seeds.seeds) != len(chosen):
                raise ReplyProblem(f"expected {len(chosen)} seeds, found {len(seeds.seeds)}")

        talk = Talk(f"seeds-{category}-{len(written) // _SEEDS_AT_ONCE}", self._model)
        taken = [seed for seed in written.values() if isinstance(seed, str)]
        told = {"category": self._taxonomy.category(category), "slots": chosen, "taken": taken}
        try:
            seeds, _ = talk.ask("seeds", Seeds, {}, also=one_each, **told)
        except Fallen as fall:
            written |= dict.fromkeys((slot.index for slot in chosen), fall)
        else:
            written |= {slot.index: seed for slot, seed in zip(chosen, seeds.seeds, strict=True)}
