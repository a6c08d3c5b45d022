"""Keeping tasks apart from those that models are evaluated on.

A task is refused that shares 13-grams of words or a run of 50 characters with a task of an evaluation, or is similar
to it as a whole (similarity.py). Phrases of four words that several tasks of the evaluation have are boilerplate ("the
output must be") and prove nothing, alone or strung together.

Measured: none of our tasks is refused against the 3,550 published ones. Of these the 1,745 hard ones against the 1,775
medium ones: 26 %, a third of them for the task of the same seed, the others for the turns of phrase of their one author
(445 runs, 6 for n-grams, 10 similar). So what one model writes is refused in part against what it wrote before.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import TaskError
from ..task import TaskPaths
from .similarity import DUPLICATE, Known, normalised_words

NGRAM = 13
"""Words; shorter runs are common speech."""

MAX_SHARE = 0.02
"""Of a task's n-grams that may occur in one evaluation task."""

RUN = 50
"""Characters, small letters and single blanks; a shared run this long is a copy."""

_BLOCK = RUN // 2  # every shared run holds a whole block at a multiple of this
_PHRASE = 4  # words
_BOILERPLATE = 3  # tasks that have a phrase, at least, and
_BOILERPLATE_SHARE = 0.01  # of all
_TB1 = "task.yaml"
_BLOCK_SCALAR = re.compile(r"(?m)^instruction:[ ]*[|>][+\-\d]*[ ]*(?:#.*)?$")
_PLAIN_SCALAR = re.compile(r"(?m)^instruction:[ ]*(?P<text>[^|>\s].*(?:\n[ ]+\S.*)*)$")


@dataclass(frozen=True)
class EvaluationTask:
    """A task that models are evaluated on; its solution is "" where none is there."""

    name: str
    instruction: str
    solution: str = ""


@dataclass(frozen=True)
class Contamination:
    """What a task has of an evaluation's.

    Attributes:
        against: the evaluation task's name.
        why: "n-grams", "run" or "similar".
        measure: the share of the task's n-grams, the characters of the run, or the similarity.
        excerpt: shared text, of the evaluation task's; "" where they are only similar.
    """

    against: str
    why: Literal["n-grams", "run", "similar"]
    measure: float
    excerpt: str = ""


def read_evaluation(folder: Path) -> list[EvaluationTask]:
    """Return the tasks below a folder, Harbor's and Terminal-Bench 1's, by name.

    Raises:
        TaskError: there is none, or a task.yaml without a readable instruction.
    """
    files = [path for name in ("instruction.md", _TB1) for path in folder.rglob(name) if path.is_file()]
    tasks = [_read_task(path) for path in files]
    if not tasks:
        raise TaskError(f"{folder}: expected folders with instruction.md or {_TB1}, found none")
    return sorted(tasks, key=lambda task: task.name)


def _read_task(path: Path) -> EvaluationTask:
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.name == _TB1:
        return EvaluationTask(path.parent.name, _instruction_of(text, path), _text(path.parent / "solution.sh"))
    return EvaluationTask(path.parent.name, text, _text(TaskPaths(path.parent).solve))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _instruction_of(text: str, path: Path) -> str:
    """Return the instruction of a task.yaml: a block of text (``|-``) or a text on its line and those below."""
    if block := _BLOCK_SCALAR.search(text):
        return "\n".join(_indented(text[block.end() + 1 :].split("\n")))
    if plain := _PLAIN_SCALAR.search(text):
        return re.sub(r"\n\s*", " ", plain["text"]).strip("\"'")
    raise TaskError(f"{path}: expected an instruction, as text or as a block of text, found none")


def _indented(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a block without its indent, up to the first one that has none."""
    indent = 0
    for line in lines:
        depth = len(line) - len(line.lstrip(" "))
        if line.strip():
            indent = indent or depth
            if depth == 0:
                return
        yield line[min(indent, depth) :]


class Evaluation:
    """Evaluation tasks, to be compared with."""

    def __init__(self, tasks: Iterable[EvaluationTask]) -> None:
        self.tasks = tuple(tasks)
        self._known = Known()
        self._ngrams: dict[str, set[int]] = defaultdict(set)
        self._blocks: dict[str, dict[int, int]] = defaultdict(dict)
        self._plain = [_plain(task.instruction) for task in self.tasks]
        phrases: Counter[str] = Counter()
        for number, task in enumerate(self.tasks):
            words = normalised_words(task.instruction)
            phrases.update(set(_ngrams(words, _PHRASE)))
            for ngram in _ngrams(words, NGRAM):
                self._ngrams[ngram].add(number)
            plain = self._plain[number]
            for at in range(0, len(plain) - _BLOCK + 1, _BLOCK):
                self._blocks[plain[at : at + _BLOCK]].setdefault(number, at)
        limit = max(_BOILERPLATE, _BOILERPLATE_SHARE * len(self.tasks))
        self._boilerplate = {phrase for phrase, count in phrases.items() if count >= limit}
        for task in self.tasks:
            self._known.add(task.name, " ".join(self._telling(task.instruction)), task.solution or None)

    def contamination(self, instruction: str, solution: str | None = None) -> Contamination | None:
        """Return what a task has of an evaluation task's, the most telling first, or None."""
        return self._shared_ngrams(instruction) or self._shared_run(instruction) or self._similar(instruction, solution)

    def _shared_ngrams(self, instruction: str) -> Contamination | None:
        ngrams = dict.fromkeys(_ngrams(normalised_words(instruction), NGRAM))
        shared = {ngram: self._ngrams[ngram] for ngram in ngrams if ngram in self._ngrams}
        shared = {ngram: numbers for ngram, numbers in shared.items() if 2 * len(self._telling(ngram)) >= NGRAM}
        counts = Counter(number for numbers in shared.values() for number in numbers)
        if not counts:
            return None
        number, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
        if count <= MAX_SHARE * len(ngrams):
            return None
        excerpt = next(ngram for ngram, numbers in shared.items() if number in numbers)
        return Contamination(self.tasks[number].name, "n-grams", count / len(ngrams), excerpt)

    def _shared_run(self, instruction: str) -> Contamination | None:
        plain = _plain(instruction)
        best, against = "", 0
        for at in range(len(plain) - _BLOCK + 1):
            for number, there in self._blocks.get(plain[at : at + _BLOCK], {}).items():
                run = _run_around(plain, at, self._plain[number], there)
                if len(run) > max(len(best), RUN - 1) and len(" ".join(self._telling(run))) >= RUN:
                    best, against = run, number
        return Contamination(self.tasks[against].name, "run", len(best), best) if best else None

    def _telling(self, text: str) -> list[str]:
        """Return those of a text's words that belong to no boilerplate."""
        words = normalised_words(text)
        covered: set[int] = set()
        for at, phrase in enumerate(_ngrams(words, _PHRASE)):
            if phrase in self._boilerplate:
                covered.update(range(at, at + _PHRASE))
        return [word for at, word in enumerate(words) if at not in covered]

    def _similar(self, instruction: str, solution: str | None) -> Contamination | None:
        found = self._known.nearest(" ".join(self._telling(instruction)), solution)
        return Contamination(found[0], "similar", found[1]) if found is not None and found[1] >= DUPLICATE else None


def report(found: Mapping[str, Contamination]) -> dict[str, Any]:
    """Return, as plain JSON values, which tasks were refused and why: a count for each reason, and every one."""
    counts = Counter(one.why for one in found.values())
    return {
        "refused": len(found),
        "why": dict(sorted(counts.items())),
        "tasks": {name: asdict(one) for name, one in sorted(found.items())},
    }


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _ngrams(words: Sequence[str], count: int) -> list[str]:
    return [" ".join(words[at : at + count]) for at in range(len(words) - count + 1)]


def _run_around(one: str, at: int, other: str, there: int) -> str:
    """Return the longest text that both have and that covers the block which begins at these places."""
    back = 0
    while back < min(at, there) and one[at - back - 1] == other[there - back - 1]:
        back += 1
    on = _BLOCK
    while at + on < len(one) and there + on < len(other) and one[at + on] == other[there + on]:
        on += 1
    return one[at - back : at + on].strip()
