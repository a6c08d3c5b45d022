from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from termigen_gym.family import DIFFICULTIES
from termigen_gym.synthesis.coverage import WORDS, Coverage, Slot, Subject, bucket
from termigen_gym.synthesis.taxonomy import taxonomy
from termigen_gym.task import Task

ROOT = Path(__file__).parent.parent.parent
KNOWN = taxonomy()


def rng(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def spread(counts: Counter[str], choices: tuple[str, ...]) -> int:
    return max(counts[one] for one in choices) - min(counts[one] for one in choices)


def names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(one.id for one in KNOWN.categories), tuple(one.name for one in KNOWN.groups)


def test_many_slots_are_even_in_every_respect() -> None:
    """Drawn at random, 500 slots would be apart by about 20 between categories."""
    slots = Coverage().slots(500, rng())
    categories, groups = names()
    assert spread(Counter(slot.category for slot in slots), categories) <= 1
    assert spread(Counter(slot.group for slot in slots), groups) <= 2
    assert spread(Counter(slot.difficulty for slot in slots), DIFFICULTIES) <= len(categories)
    for category in categories:
        assert spread(Counter(one.difficulty for one in slots if one.category == category), DIFFICULTIES) <= 1
    lengths = Counter(str(slot.words) for slot in slots)
    assert spread(lengths, tuple(str(words) for words in WORDS)) <= len(DIFFICULTIES)
    for group in KNOWN.groups:
        tools = Counter(slot.tool for slot in slots if slot.group == group.name)
        assert spread(tools, group.subjects) <= 1
    assert [slot.index for slot in slots] == list(range(500))


def test_every_slot_fits_together_and_can_be_installed() -> None:
    for slot in Coverage().slots(300, rng()):
        assert slot.group in KNOWN.category(slot.category).groups
        assert KNOWN.group_of(slot.tool) == slot.group
        assert KNOWN.package_of(slot.tool) is not None
        assert slot.tool not in {"docker", "mount", "cd", "helm"}
        assert slot.words in WORDS


def test_what_there_is_too_much_of_is_avoided() -> None:
    subject = Subject("data-processing", "easy", ("sqlite3", "awk", "psql"), 200)
    slots = Coverage([subject] * 40).slots(400, rng())
    categories, groups = names()
    assert Counter(slot.category for slot in slots)["data-processing"] == 0
    assert {slot.group for slot in slots} == set(groups) - {"Database", "Text Processing"}
    more = Coverage([subject] * 20)
    slots = more.slots(400, rng())
    assert spread(more.categories, categories) <= 1
    assert 0 < Counter(slot.category for slot in slots)["data-processing"] <= 20
    assert spread(more.groups, groups) <= 4


def test_the_rest_of_a_slot_is_steered_as_well() -> None:
    tools = KNOWN.group("Database").subjects
    have = [Subject(one.id, "easy", tools[1:], 200) for one in KNOWN.categories for _ in range(3)]
    have += [Subject(one.id, "medium", tuple(KNOWN.tools), 800) for one in KNOWN.categories]
    coverage = Coverage(have)
    slots = coverage.slots(22, rng())
    assert {slot.difficulty for slot in slots} <= {"medium", "hard"}
    assert Counter(slot.difficulty for slot in slots)["hard"] >= 11
    assert not {slot.words for slot in slots if slot.difficulty == "medium"} & {WORDS[-1]}
    assert all(slot.tool == tools[0] for slot in slots if slot.group == "Database")


def test_the_same_state_gives_the_same_slots_and_another_others() -> None:
    assert Coverage().slots(50, rng(1)) == Coverage().slots(50, rng(1))
    assert Coverage().slots(50, rng(1)) != Coverage().slots(50, rng(2))
    together, apart = Coverage(), Coverage()
    one, other = rng(3), rng(3)
    assert together.slots(20, one) == [apart.next_slot(other) for _ in range(20)]


def test_a_slot_counts_until_it_is_released() -> None:
    coverage = Coverage()
    categories, _ = names()
    slots = coverage.slots(11, rng())
    assert {slot.category for slot in slots} == set(categories)
    coverage.release(slots[4])
    again = coverage.next_slot(rng())
    assert again.category == slots[4].category
    assert again.index == 11
    for slot in (*slots[:4], *slots[5:], again):
        coverage.release(slot)
    assert not any(coverage.categories.values())
    assert not any(coverage.groups.values())
    assert not any(coverage.tools.values())
    assert not any(coverage.difficulties.values())
    assert not any(coverage.words.values())


def test_the_subject_of_a_task() -> None:
    task = Task.load(ROOT / "envs/tasks/webshell-exfil")
    subject = Subject.of(task)
    assert (subject.category, subject.difficulty) == ("security-forensics", "hard")
    assert {"tcpdump", "debugfs", "openssl"} <= set(subject.tools)
    assert bucket(subject.words) == (150, 250)
    coverage = Coverage([subject])
    assert coverage.groups["Security"] == 1
    assert coverage.groups["Database"] == 0


@pytest.mark.parametrize(("words", "expected"), [(0, 0), (149, 0), (150, 1), (399, 2), (400, 3), (9999, 3)])
def test_buckets(words: int, expected: int) -> None:
    assert bucket(words) == WORDS[expected]


def test_unknown_tools_and_categories_do_no_harm() -> None:
    coverage = Coverage([Subject("uncategorised", "unknown", ("stockdesk",), 20)])
    assert isinstance(coverage.next_slot(rng()), Slot)
    assert not coverage.tools["stockdesk"]
