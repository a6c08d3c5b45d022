"""How alike tasks are, so that no task is made twice.

A text becomes the set of its words and pairs of neighbouring words, in small letters, numbers as 0, of paths only the
last part, without words that stand in every text. Two sets are compared by the cosine of their vectors; a word that
few texts have weighs more (inverse document frequency, over what is held and a thousand imagined texts more, so that
the first texts are weighed much as the later ones).
"""

from __future__ import annotations

import re
import zlib
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ..catalog import Entry
from ..critic.shell import words as words_of
from ..family import DIFFICULTIES, Family
from ..task import Task

DUPLICATE = 0.2
"""A task this similar to another is no new one.

Measured on the 3,550 published instructions: of 6,297,820 pairs of different seeds 16 are as similar,
most of which ask for the same thing under two names; none reaches 0.3, half are below 0.006. Of the 1,655 pairs made
from one seed ("_medium", "_hard") 1.8 % are, 10.7 % reach 0.15, and half are below 0.084: most of them are different
tasks about one thing. 2.3 % of the published tasks have another one as similar. On ours: 0.16 at most between any two
tasks or families, 0.9 at least between two seeds of a family, whose texts are one text with other numbers.
"""

ORACLE_WEIGHT = 0.8
"""Of the solutions' similarity: tasks about different things may take the same technique."""

_STOP = words_of(
    "a all also an and any are as at be been but by can could do does each for from had has have if in into is it its "
    "may must no not of on one only or other should so some such than that the their them then there these they this "
    "those to up was were what when where which while will with would you your"
)
_PATH = re.compile(r"(?<![\w.+~-])(?:[\w.+~-]*/)+([\w.+-]*)")
_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"[^\W_]\w*")
_SLOTS = 1 << 20  # a pair of texts shares one by chance in five
_IMAGINED = 1000


def normalised_words(text: str) -> list[str]:
    """Return a text's words in small letters, numbers as 0, of paths the last part, without punctuation."""
    return _WORD.findall(_NUMBER.sub("0", _PATH.sub(r" \1 ", text.lower())))


def telling_words(text: str) -> list[str]:
    """Return a text's normalised words but for those that stand in every text."""
    return [word for word in normalised_words(text) if word not in _STOP]


class Known:
    """Tasks that there are, to compare new ones with.

    Adding 4,000 tasks takes two seconds; asking for the nearest of them 5 ms, or 30 ms after one was added.
    """

    def __init__(self) -> None:
        self._instructions = _Texts()
        self._solutions = _Texts()

    def __len__(self) -> int:
        return len(self._instructions.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks' names, in the order in which they were added."""
        return tuple(self._instructions.names)

    def add(self, name: str, instruction: str, solution: str | None = None) -> None:
        """Hold a task."""
        self._instructions.add(name, instruction)
        if solution is not None:
            self._solutions.add(name, solution)

    def add_entry(self, entry: Entry) -> None:
        """Hold a task folder, or a family's instances of seed 0 (as ``family/easy`` and so on).

        Raises:
            TaskError: it can't be read.
        """
        if entry.kind == "task":
            task = Task.load(entry.folder)
            self.add(entry.name, task.instruction, task.solution)
            return
        family = Family.load(entry.folder)
        for difficulty in DIFFICULTIES:
            task = family.instance(0, difficulty)
            self.add(f"{entry.name}/{difficulty}", task.instruction, task.solution)

    def nearest(self, instruction: str, solution: str | None = None) -> tuple[str, float] | None:
        """Return the most similar task's name and similarity, from 0 to 1; None where none is held.

        The similarity is that of the instructions, or that of the solutions times `ORACLE_WEIGHT` where it is higher.
        """
        found = self._instructions.nearest(instruction)
        other = None if solution is None else self._solutions.nearest(solution)
        if found is None or other is None or ORACLE_WEIGHT * other[1] <= found[1]:
            return found
        return other[0], ORACLE_WEIGHT * other[1]


class _Texts:
    """Texts as sets of numbers, which are their words and pairs of words."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._sets: list[npt.NDArray[np.intp]] = []
        self._frequency = np.zeros(_SLOTS, dtype=np.intp)
        self._index: _Index | None = None

    def add(self, name: str, text: str) -> None:
        features = _features(text)
        self.names.append(name)
        self._sets.append(features)
        self._frequency[features] += 1
        self._index = None

    def nearest(self, text: str) -> tuple[str, float] | None:
        if not self.names:
            return None
        if self._index is None:
            self._index = _Index(self._sets, self._frequency)
        similarities = self._index.similarities(_features(text))
        best = int(np.argmax(similarities))
        return self.names[best], float(similarities[best])


class _Index:
    """All sets in a row, with weights and lengths as they are until the next one comes."""

    def __init__(self, sets: list[npt.NDArray[np.intp]], frequency: npt.NDArray[np.intp]) -> None:
        count = len(sets) + _IMAGINED
        self.squares = np.square(np.log(count / (frequency.astype(np.float32) + 1)))
        self.features = np.concatenate(sets)
        self.starts = np.cumsum([0, *(len(one) for one in sets[:-1])])
        self.lengths = np.sqrt(np.add.reduceat(self.squares[self.features], self.starts))

    def similarities(self, features: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
        asked = np.zeros(_SLOTS, dtype=np.float32)
        asked[features] = self.squares[features]
        products = np.add.reduceat(asked[self.features], self.starts)
        similarities: npt.NDArray[np.float32] = products / (self.lengths * np.sqrt(asked[features].sum()))
        return np.minimum(similarities, 1)


def _features(text: str) -> npt.NDArray[np.intp]:
    """Return the numbers of a text's words and pairs, sorted; of a text without words one that others hardly have."""
    words = telling_words(text) or [""]
    pairs = (" ".join(pair) for pair in pairwise(words))
    return np.array(sorted({zlib.crc32(one.encode()) % _SLOTS for one in (*words, *pairs)}), dtype=np.intp)
