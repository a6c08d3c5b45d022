"""The episode store: nothing written is lost, nothing torn is read, nothing foreign is mixed in."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest

from termigen_gym.errors import StoreError
from termigen_gym.store import EpisodeStore
from tests.episodes import a_step, an_episode
from tests.waiting import Process


def test_appended_episodes_come_back_as_they_were(tmp_path: Path) -> None:
    written = [an_episode("a"), an_episode("b", mistakes=2), an_episode("c", reward=None)]
    with EpisodeStore(tmp_path / "run") as store:
        for episode in written:
            store.append(episode)
    assert list(EpisodeStore(tmp_path / "run")) == written
    assert EpisodeStore(tmp_path / "run").ids() == {"a", "b", "c"}
    assert EpisodeStore(tmp_path / "run").get("b") == written[1]


@pytest.mark.parametrize(
    "text", ["é✓\u2028\x85", 'quote " and \\', "line\r\nline\n", "\udcff lone surrogate", "\x00\x1b[31m"]
)
def test_any_text_stays_one_line(tmp_path: Path, text: str) -> None:
    episode = an_episode("a", steps=(a_step(0, observation=text),))
    with EpisodeStore(tmp_path) as store:
        store.append(episode)
        store.append(an_episode("b"))
    assert next(iter(EpisodeStore(tmp_path))) == episode
    assert (tmp_path / "episodes.jsonl").read_bytes().count(b"\n") == 2


def test_an_empty_or_absent_folder_holds_no_episodes(tmp_path: Path) -> None:
    assert list(EpisodeStore(tmp_path / "none")) == []
    with pytest.raises(StoreError, match="expected an episode 'a', found none"):
        EpisodeStore(tmp_path / "none").get("a")


def test_further_files_of_episodes_are_read(tmp_path: Path) -> None:
    (tmp_path / "episodes-host2.jsonl").write_text(an_episode("b").to_json() + "\n")
    with EpisodeStore(tmp_path) as store:
        store.append(an_episode("a"))
    assert EpisodeStore(tmp_path).ids() == {"a", "b"}


def test_a_torn_last_line_is_passed_over_then_moved_aside(tmp_path: Path) -> None:
    whole, torn = an_episode("a").to_json() + "\n", an_episode("b").to_json()[:-200]
    (tmp_path / "episodes.jsonl").write_text(whole + torn)
    assert EpisodeStore(tmp_path).ids() == {"a"}
    with EpisodeStore(tmp_path) as store:
        store.append(an_episode("c"))
    assert [episode.id for episode in EpisodeStore(tmp_path)] == ["a", "c"]
    assert (tmp_path / "episodes.torn").read_text() == torn + "\n"


def test_a_torn_line_longer_than_a_read_is_cut_whole(tmp_path: Path) -> None:
    whole = an_episode("a").to_json() + "\n"
    (tmp_path / "episodes.jsonl").write_text(whole + "x" * 300_000)
    with EpisodeStore(tmp_path) as store:
        store.open()
    assert (tmp_path / "episodes.jsonl").read_text() == whole


def test_a_file_of_only_a_torn_line_becomes_empty(tmp_path: Path) -> None:
    (tmp_path / "episodes.jsonl").write_text('{"id":')
    with EpisodeStore(tmp_path) as store:
        store.open()
    assert (tmp_path / "episodes.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("not json", "does not parse"),
        ('{"schema": 99}', "schema 1, found 99"),
        ("[]", "found 'list'"),
        (json.dumps({**json.loads(an_episode().to_json()), "extra": 1}), "extra"),
        ('{"schema": 1}', "fields of schema 1"),
        ("", "does not parse"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    path = tmp_path / "episodes.jsonl"
    path.write_text(f"{an_episode('a').to_json()}\n{line}\n{an_episode('b').to_json()}\n")
    with pytest.raises(StoreError, match=complaint) as raised:
        list(EpisodeStore(tmp_path))
    assert f"{path}, line 2: " in str(raised.value)


def test_bytes_that_are_no_text_are_a_damaged_line(tmp_path: Path) -> None:
    (tmp_path / "episodes.jsonl").write_bytes(b"\xff\xfe\n")
    with pytest.raises(StoreError, match="line 1"):
        list(EpisodeStore(tmp_path))


def test_a_second_writer_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    first, second = EpisodeStore(tmp_path), EpisodeStore(tmp_path)
    first.append(an_episode("a"))
    with pytest.raises(StoreError, match="found one at work"):
        second.append(an_episode("b"))
    first.close()
    second.append(an_episode("b"))
    second.close()
    assert EpisodeStore(tmp_path).ids() == {"a", "b"}


def test_threads_share_a_writer(tmp_path: Path) -> None:
    with EpisodeStore(tmp_path) as store:

        def write(name: str) -> None:
            for number in range(25):
                store.append(an_episode(f"{name}{number}"))

        threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(EpisodeStore(tmp_path).ids()) == 100


def test_a_full_disk_leaves_nothing_of_the_episode(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    store.append(an_episode("a"))
    size = (tmp_path / "episodes.jsonl").stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40, before[1]))  # room for a part of the next line
    try:
        with pytest.raises(StoreError, match="is the disk full"):
            store.append(an_episode("b"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    store.append(an_episode("c"))
    store.close()
    assert [episode.id for episode in EpisodeStore(tmp_path)] == ["a", "c"]
    assert not (tmp_path / "episodes.torn").exists()


_WRITER = """
import sys
sys.path[:0] = [sys.argv[2]]
from tests.episodes import an_episode
from termigen_gym.store import EpisodeStore
store = EpisodeStore(sys.argv[1])
number = 0
while True:
    store.append(an_episode(f"{number:06d}"))
    print(number, flush=True)
    number += 1
"""


def test_a_killed_writer_loses_nothing_that_append_returned_for(tmp_path: Path) -> None:
    root = str(Path(__file__).parent.parent)
    argv = [sys.executable, "-c", _WRITER, str(tmp_path), root]
    with Process(argv) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            last = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        for line in writer.stdout:
            last = int(line)
    found = [int(episode.id) for episode in EpisodeStore(tmp_path)]
    assert found == list(range(len(found)))
    assert len(found) in (last + 1, last + 2)
    with EpisodeStore(tmp_path) as store:  # the lock died with its owner
        store.append(an_episode("after"))


def test_bind_writes_the_plan_and_takes_the_same_again(tmp_path: Path) -> None:
    plan = {"seed": 1, "tasks": ("a", "b"), "epsilon": 0.2}
    for _ in range(2):
        with EpisodeStore(tmp_path) as store:
            store.bind(plan)
    assert json.loads((tmp_path / "run.json").read_text()) == {
        "schema": 1,
        "seed": 1,
        "tasks": ["a", "b"],
        "epsilon": 0.2,
    }


def test_bind_refuses_another_plan_and_says_what_differs(tmp_path: Path) -> None:
    with EpisodeStore(tmp_path) as store:
        store.bind({"seed": 1, "epsilon": 0.2, "agent": "oracle"})
        with pytest.raises(StoreError, match=r"epsilon was 0\.2, now 0\.5") as raised:
            store.bind({"seed": 1, "epsilon": 0.5, "agent": "oracle"})
    assert "seed was" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_bind_refuses_a_damaged_plan(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with EpisodeStore(tmp_path) as store, pytest.raises(StoreError, match=r"run\.json: expected the plan"):
        store.bind({"seed": 1})


def test_bind_refuses_episodes_of_nobody_knows_what(tmp_path: Path) -> None:
    with EpisodeStore(tmp_path) as store:
        store.append(an_episode("a"))
        with pytest.raises(StoreError, match="found episodes without one"):
            store.bind({"seed": 1})


def test_reading_keeps_one_episode_in_memory(tmp_path: Path) -> None:
    long = an_episode("a", steps=tuple(a_step(i, observation="x" * 10_000) for i in range(20)))
    (tmp_path / "episodes.jsonl").write_text((long.to_json() + "\n") * 50)
    tracemalloc.start()
    try:
        assert sum(1 for _ in EpisodeStore(tmp_path)) == 50
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000  # the file has 10 MB
