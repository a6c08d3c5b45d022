"""The index of a run says what its lines say, is brought up to date, and is made anew where it is of other lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from termigen_gym.errors import StoreError
from termigen_gym.index import NAME, Facts
from termigen_gym.store import EpisodeStore
from tests.episodes import an_episode


@pytest.fixture
def store(tmp_path: Path) -> EpisodeStore:
    """Three episodes in one file, one in another, and a torn line."""
    with EpisodeStore(tmp_path) as store:
        store.append(an_episode("a", mistakes=2))
        store.append(an_episode("b ünïcode \ud800", reward=0.5))
        store.append(an_episode("c", reward=None))
    (tmp_path / "episodes-more.jsonl").write_text(an_episode("d").to_json() + "\n" + an_episode("torn").to_json())
    return store


def plain(store: EpisodeStore) -> list[Facts]:
    """What the lines themselves say."""
    return [Facts.of(episode) for episode in store]


def listed(store: EpisodeStore) -> list[Facts]:
    """What the index says, but where lines are, after a look that each is there."""
    assert [store.read(facts) for facts in store.facts()] == list(store)
    return [Facts(**{**vars(facts), "file": "", "offset": 0, "length": 0}) for facts in store.facts()]


def spoil(path: Path, episode_id: str) -> None:
    """Damage a line without a change of its length."""
    lines = path.read_bytes().split(b"\n")
    spoiled = [b"x" * len(line) if f'"id":"{episode_id}"'.encode() in line else line for line in lines]
    path.write_bytes(b"\n".join(spoiled))


def test_it_says_what_the_lines_say(store: EpisodeStore) -> None:
    assert listed(store) == plain(store)
    assert [(facts.id, facts.reward, facts.mistakes, facts.solved) for facts in store.facts()] == [
        ("d", 1.0, 0, True),
        ("a", 1.0, 2, True),
        ("b ünïcode \ud800", 0.5, 0, False),
        ("c", None, 0, False),
    ]
    assert store.ids() == {episode.id for episode in store}


def test_what_is_indexed_is_not_read_again(store: EpisodeStore) -> None:
    with store:
        for number in range(10):
            store.append(an_episode(f"more {number}", mistakes=1))
    assert len(store.facts()) == 14
    spoil(store.path, "a")
    with store:
        store.append(an_episode("e"))
    assert [facts.id for facts in store.facts()][-1] == "e"
    assert store.get("e") == an_episode("e")
    with pytest.raises(StoreError, match="byte 0"):
        store.get("a")
    (store.folder / NAME).unlink()
    with pytest.raises(StoreError, match="line 1"):
        store.facts()


def _cut(store: EpisodeStore) -> None:
    store.path.write_bytes(store.path.read_bytes()[:-200])


def _other_lines(store: EpisodeStore) -> None:
    store.path.write_text("".join(an_episode(f"other {i}").to_json() + "\n" for i in range(5)))


def _other_schema(store: EpisodeStore) -> None:
    index = store.folder / NAME
    head, rest = index.read_text().split("\n", 1)
    index.write_text(
        json.dumps({**json.loads(head), "schema": 99}) + "\n" + rest.replace('"mistakes":2', '"mistakes":9')
    )


CHANGES: dict[str, Callable[[EpisodeStore], object]] = {
    "the file was cut": _cut,
    "the file was emptied": lambda store: store.path.write_text(""),
    "the file is gone": lambda store: store.path.unlink(),
    "it has other lines": _other_lines,
    "a file came": lambda store: (store.folder / "episodes-0.jsonl").write_text(an_episode("z").to_json() + "\n"),
    "the index is of another schema": _other_schema,
    "the index is cut": lambda store: (store.folder / NAME).write_bytes((store.folder / NAME).read_bytes()[:-30]),
    "the index lacks lines": lambda store: (store.folder / NAME).write_text(
        "".join((store.folder / NAME).read_text().splitlines(keepends=True)[:-1])
    ),
    "the index has other places": lambda store: (store.folder / NAME).write_text(
        (store.folder / NAME).read_text().replace('"offset":0', '"offset":-7', 1)
    ),
    "the index is no index": lambda store: (store.folder / NAME).write_text("[]\nno"),
    "the index is empty": lambda store: (store.folder / NAME).write_text(""),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_it_is_made_anew_where_lines_are_others(store: EpisodeStore, change: Callable[[EpisodeStore], object]) -> None:
    store.facts()
    change(store)
    assert listed(store) == plain(store)


def test_where_it_can_not_be_kept_it_is_made_each_time(store: EpisodeStore) -> None:
    (store.folder / NAME).mkdir()
    assert listed(store) == plain(store)
    assert listed(store) == plain(store)


def test_of_no_run_there_is_none(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path / "run")
    assert store.facts() == []
    assert not store.folder.exists()
