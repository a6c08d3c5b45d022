from __future__ import annotations

import time

import numpy as np
import pytest

from termigen_gym.catalog import entries
from termigen_gym.family import Family
from termigen_gym.synthesis.similarity import DUPLICATE, ORACLE_WEIGHT, Known, normalised_words, telling_words

BACKUP = """The nightly backup of `/srv/shop/orders.db` fails since 3 March. Find out why, repair /etc/cron.d/backup and
write the names of the 12 missing snapshots to /root/missing.txt, one a line, oldest first."""
SAME_BACKUP = """Since 17 May the nightly backups of `/var/lib/crm/orders.db` failed! Repair /etc/cron.d/backup, and
write to /srv/missing.txt the names of the 8 snapshots that are missing: one a line, the oldest first."""
GRAPH = """`/app/edges.csv` holds a weighted graph. Print the cheapest tour that visits every node once and returns,
and save its cost as JSON to /app/tour.json."""


def text_of(rng: np.random.Generator, count: int = 200) -> str:
    """Return words with about the frequencies that words have."""
    return " ".join(f"word{chr(97 + one % 26)}{one}x" for one in np.minimum(rng.zipf(1.3, count), 50_000))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Read /var/log/app/error.log NOW!", ["read", "error", "log", "now"]),
        ("port 8080, v1.22 and x86_64", ["port", "0", "v0", "0", "and", "x0_0"]),
        ("Größe: `~/Daten/Maße.csv`", ["größe", "maße", "csv"]),
        ("and/or ... -- __", ["or"]),
    ],
)
def test_normalised_words(text: str, words: list[str]) -> None:
    assert normalised_words(text) == words


def test_telling_words_leave_out_those_of_every_text() -> None:
    assert telling_words("The file must be in the archive") == ["file", "archive"]


def test_the_same_task_in_other_words_is_a_duplicate_and_another_is_not() -> None:
    known = Known()
    assert known.nearest(BACKUP) is None
    known.add("graph", GRAPH)
    known.add("backup", BACKUP)
    found = known.nearest(SAME_BACKUP)
    assert found is not None
    assert found[0] == "backup"
    assert DUPLICATE < found[1] < 1
    alone = Known()
    alone.add("graph", GRAPH)
    other = alone.nearest(BACKUP)
    assert other is not None
    assert other[1] < DUPLICATE / 2


def test_a_task_is_as_similar_as_can_be_to_itself() -> None:
    known = Known()
    for name, text in (("a", BACKUP), ("b", GRAPH), ("empty", "")):
        known.add(name, text)
    for name, text in (("a", BACKUP), ("b", GRAPH), ("empty", "...")):
        found = known.nearest(text)
        assert found is not None
        assert found[0] == name
        assert found[1] == pytest.approx(1, abs=1e-5)


def test_the_same_solution_tells_on_a_disguised_task() -> None:
    solution = "awk -F: '$3 > limit {print $1}' passwd | sort -u | comm -23 - allowed > strangers"
    known = Known()
    known.add("other", SAME_BACKUP, "tar czf orders.tgz orders.db && sqlite3 orders.db .dump")
    known.add("disguised", GRAPH, solution)
    found = known.nearest(BACKUP, solution)
    assert found is not None
    assert found[0] == "disguised"
    assert found[1] == pytest.approx(ORACLE_WEIGHT, abs=1e-5)
    found = known.nearest(BACKUP)
    assert found is not None
    assert found[0] == "other"


def test_what_all_texts_have_counts_less() -> None:
    common = "write the result as JSON to the output file and make sure that it is valid"
    known = Known()
    for number in range(300):
        known.add(str(number), f"{common} {text_of(np.random.default_rng(number), 20)}")
    alone = Known()
    alone.add("one", f"{common} {text_of(np.random.default_rng(0), 20)}")
    crowd, single = known.nearest(f"{common} {GRAPH}"), alone.nearest(f"{common} {GRAPH}")
    assert crowd is not None
    assert single is not None
    assert crowd[1] < 0.75 * single[1]


def test_all_that_is_in_envs_is_known_and_different() -> None:
    known = Known()
    for entry in entries().values():
        before = Known()
        before.add_entry(entry)
        assert len(before) == (1 if entry.kind == "task" else 3)
        if entry.kind == "family":
            task = Family.load(entry.folder).instance(1, "hard")
            found = before.nearest(task.instruction, task.solution)
            assert found is not None
            assert found[1] > 2 * DUPLICATE
            other = known.nearest(task.instruction, task.solution)
            assert other is None or other[1] < DUPLICATE
        known.add_entry(entry)
    assert {"clingo-placement", "log-incident/easy", "log-incident/hard"} <= set(known.names)


def test_thousands_are_held() -> None:
    rng = np.random.default_rng(5)
    texts = [text_of(rng, 120) for _ in range(4000)]
    known = Known()
    start = time.process_time()
    for number, text in enumerate(texts):
        known.add(str(number), text)
    found = known.nearest(texts[77])
    assert time.process_time() - start < 20
    assert found is not None
    assert found[0] == "77"
    start = time.process_time()
    for text in texts[:20]:
        known.nearest(text)
    assert time.process_time() - start < 2
