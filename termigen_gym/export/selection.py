"""Which episodes go into an export, why the others do not, and which of them are kept apart for validation."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial

from ..catalog import find
from ..episode import Episode
from ..errors import TaskError
from ..index import Facts
from ..registration import task_name
from ..store import EpisodeStore
from ..task import TaskPaths, load_config

UNKNOWN_CATEGORY = "unknown"
"""Of a task that is not in the catalog."""


def category_of(task_id: str) -> str:
    """Return the category of a task or family, `UNKNOWN_CATEGORY` where the catalog does not have it."""
    try:
        return load_config(TaskPaths(find(task_name(task_id)).folder)).metadata.category
    except TaskError:
        return UNKNOWN_CATEGORY


@dataclass(frozen=True)
class Selection:
    """What is asked of an episode.

    One without a verdict (an error of ours) or without a turn is never chosen. Unsolved ones are, as in TermiGen
    (arXiv 2602.07274, section 3.2), unless `min_pass_rate` asks for more.

    Attributes:
        min_pass_rate: the least fraction of tests passed, 0 to 1.
        recovered_only: only those that had an injected mistake and ended at reward 1.
        min_steps, max_steps: turns; None: no limit.
        categories: of the tasks; empty: all.
        contaminated: says of an instruction whether it is too much like what models are evaluated on; None: nothing is.
        per_task: at most so many episodes of each task, drawn from those that meet all else; None: all.
        seed: of that draw.

    Raises:
        ValueError: a value is out of range.
    """

    min_pass_rate: float = 0.0
    recovered_only: bool = False
    min_steps: int = 1
    max_steps: int | None = None
    categories: Collection[str] = ()
    contaminated: Callable[[str], bool] | None = None
    per_task: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_pass_rate <= 1.0:
            raise ValueError(f"expected a min_pass_rate in [0, 1], found {self.min_pass_rate}")
        if self.max_steps is not None and self.max_steps < self.min_steps:
            raise ValueError(f"expected max_steps of at least min_steps, {self.min_steps}, found {self.max_steps}")
        if self.per_task is not None and self.per_task < 1:
            raise ValueError(f"expected at least 1 episode per task, found {self.per_task}")

    def choose(self, run: Iterable[Episode]) -> Chosen:
        """Return which of a run's episodes are wanted; of a store its index is asked, others are read once."""
        category = cache(category_of)
        contaminated = cache(self.contaminated) if self.contaminated is not None else None
        tasks: dict[int, str] = {}
        left_out: Counter[str] = Counter()
        for position, (facts, read) in enumerate(_listed(run)):
            why = self._why_not(facts, category)
            if not why and contaminated is not None and contaminated(read().instruction):
                why = "contaminated"
            if why:
                left_out[why] += 1
            else:
                tasks[position] = facts.task_id
        if self.per_task is not None:
            kept = self._balanced(tasks, self.per_task)
            left_out["surplus"] += len(tasks) - len(kept)
            tasks = {position: tasks[position] for position in kept}
        return Chosen(tasks, {why: left_out[why] for why in REASONS if left_out[why]})

    def _why_not(self, facts: Facts, category: Callable[[str], str]) -> str:
        """Return the first of `REASONS` that holds of its facts, "" for none."""
        if facts.pass_rate is None or not facts.steps:
            return "errors"
        if facts.pass_rate < self.min_pass_rate:
            return "below"
        if self.recovered_only and not (facts.mistakes and facts.solved):
            return "unrecovered"
        if facts.steps < self.min_steps:
            return "short"
        if self.max_steps is not None and facts.steps > self.max_steps:
            return "long"
        return "category" if self.categories and category(facts.task_id) not in self.categories else ""

    def _balanced(self, tasks: Mapping[int, str], most: int) -> list[int]:
        of_task: defaultdict[str, list[int]] = defaultdict(list)
        for position, task in tasks.items():
            of_task[task].append(position)
        draws = ((random.Random(f"{self.seed}/{task}"), positions) for task, positions in of_task.items())
        return sorted(position for draw, all_ in draws for position in draw.sample(all_, min(most, len(all_))))


REASONS = ("errors", "below", "unrecovered", "short", "long", "category", "contaminated", "surplus")
"""Why an episode is left out: it has no verdict or no turn; too few tests passed; it had no mistake or did not end at
reward 1; its turns; its task's category; its instruction is like one of an evaluation; there are enough of its task."""


@dataclass(frozen=True)
class Chosen:
    """What a selection chose.

    Attributes:
        tasks: the position of each chosen episode, in the order in which the store yields them, and its task's id.
        left_out: the number of episodes by why they were left out, of `REASONS`.
    """

    tasks: Mapping[int, str]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def of(self, episodes: Iterable[Episode]) -> Iterable[Episode]:
        """Return the chosen ones of the episodes that they were chosen from; can be read as often as those."""
        return _Among(episodes, self.tasks)

    def split(self, share: float, seed: int = 0) -> tuple[Chosen, Chosen]:
        """Return those for training and those for validation, parted by task: no task has episodes in both.

        Args:
            share: of the tasks that are for training; at least one task is, and at least one is not.
            seed: of the draw.

        Raises:
            ValueError: the share is not in (0, 1), or there are fewer than two tasks.
        """
        tasks = sorted(set(self.tasks.values()))
        if not 0.0 < share < 1.0:
            raise ValueError(f"expected a share of tasks between 0 and 1, found {share}")
        if len(tasks) < 2:
            raise ValueError(f"expected episodes of at least 2 tasks to split them by task, found {len(tasks)}")
        random.Random(seed).shuffle(tasks)
        training = set(tasks[: min(max(round(share * len(tasks)), 1), len(tasks) - 1)])
        parts = ({p: t for p, t in self.tasks.items() if (t in training) is wanted} for wanted in (True, False))
        first, second = parts
        return Chosen(first, self.left_out), Chosen(second, self.left_out)


@dataclass(frozen=True)
class _Among:
    """The episodes at some positions, one in memory at a time."""

    episodes: Iterable[Episode]
    positions: Collection[int]

    def __iter__(self) -> Iterator[Episode]:
        for position, (_, read) in enumerate(_listed(self.episodes)):
            if position in self.positions:
                yield read()


def _listed(run: Iterable[Episode]) -> Iterator[tuple[Facts, Callable[[], Episode]]]:
    """Yield of each episode its facts, and how it is had."""
    if isinstance(run, EpisodeStore):
        yield from ((facts, partial(run.read, facts)) for facts in run.facts())
    else:
        yield from ((Facts.of(episode), partial(_itself, episode)) for episode in run)


def _itself(episode: Episode) -> Episode:
    return episode
