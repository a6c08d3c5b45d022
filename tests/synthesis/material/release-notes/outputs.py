"""The notes, worked out anew; which lines are looked at is drawn."""

import random
import re
from pathlib import Path

import pytest

chance = random.Random(41)
what = ["parser", "cache", "login", "export", "search", "mailer", "importer", "calendar"]
done = ["keeps blanks", "closes its files", "asks once", "counts from one", "has a limit", "is quick again"]
CHANGES = []
for number in range(24):
    sort = chance.choice(["fix", "fix", "feat", "docs", "fix!", "feat!"])
    chance.randrange(16**7)
    CHANGES.append((sort, f"{chance.choice(what)} {chance.choice(done)} ({number})"))
NOTES = [
    "Breaking",
    *(words for sort, words in CHANGES if sort.endswith("!")),
    "Fixes",
    *(words for sort, words in CHANGES if sort == "fix"),
]


@pytest.mark.parametrize("place", random.sample(range(len(NOTES)), 4))
def test_a_line_is_where_it_belongs(place):
    assert Path("/app/NOTES.txt").read_text().splitlines()[place] == NOTES[place]


def test_there_are_as_many_lines():
    assert len(re.findall(r".+", Path("/app/NOTES.txt").read_text())) == len(NOTES)
