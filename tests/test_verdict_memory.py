"""Verdicts that are reused: the same end is judged once, and what may be another end is judged again."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from termigen_gym.errors import RewardMissing
from termigen_gym.verifier import Verdict
from termigen_gym.verifier.memory import End, Memory
from tests.conftest import Make
from tests.samples import write_task

SEPARATE = 'artifacts = ["/app"]\n[verifier]\nenvironment_mode = "separate"\ntimeout_sec = 20\n'
JUDGE = """
echo "judged at $(date +%s%N)"
grep -qs Done /app/out.txt && echo 0 > /logs/verifier/reward.txt || echo 1 > /logs/verifier/reward.txt
"""
AT_ONCE = "find . -newermt 2020-01-01 -exec touch -h -d 2030-01-01 {} +"
ENDS = (
    ("echo done > out.txt", "echo done > out.txt", True),
    ("true", "cat /etc/passwd", True),
    ("touch -d 2001-02-03 old", "touch -d 2001-02-03 old", True),
    ("echo done > out.txt", "echo Done > out.txt", False),
    ("echo done > out.txt", "echo done > out.txt; chmod 600 out.txt", False),
    ("echo done > out.txt", "echo done > out.txt; chown 7:7 out.txt", False),
    ("echo done > out.txt", "echo done > out.txt; mkdir empty", False),
    ("ln -s a b", "ln -s c b", False),
    ("ln -s a b", "echo a > b", False),
    ("touch -d 2001-02-03 old", "touch -d 2001-02-04 old", False),
    ("touch -d 2001-02-03 old", "touch old", False),
)


def judged_at(verdict: dict[str, str]) -> str:
    found = re.search("judged at [0-9]+", verdict["output"])
    assert found is not None
    return found[0]


@pytest.mark.parametrize(("first", "second", "same"), ENDS, ids=[f"{one} / {other}" for one, other, _ in ENDS])
def test_the_same_end_is_judged_once(make: Make, tmp_path: Path, first: str, second: str, same: bool) -> None:
    env = make(write_task(tmp_path / "t", test_sh=f"{JUDGE}# {tmp_path}\n", toml=SEPARATE), reuse_verdicts=True)
    found = []
    for command in (first, second, first):
        env.reset(seed=1)
        env.step(command)
        env.step(AT_ONCE)
        _, reward, *_, info = env.step("exit")
        assert reward == info["verdict"]["reward"] == ("Done" not in command)
        found.append(info["verdict"])
    assert [verdict["reused"] for verdict in found] == [False, same, True]
    assert judged_at(found[2]) == judged_at(found[0])
    assert (judged_at(found[1]) == judged_at(found[0])) == same
    assert found[2] == {**found[0], "reused": True}


BY_TIME = """
echo "judged at $(date +%s%N)"
[ /app/b -nt /app/a ] && echo 1 > /logs/verifier/reward.txt || echo 0 > /logs/verifier/reward.txt
"""
A_B, B_A, BOTH = (
    f"touch a b; touch -d 2030-01-01 .; touch -d 2030-01-{a} a; touch -d 2030-01-{b} b"
    for a, b in (("02", "03"), ("03", "02"), ("02", "02"))
)


@pytest.mark.parametrize(
    ("script", "commands", "reused"),
    [
        (JUDGE, (A_B, B_A, A_B, BOTH), [False, False, True, True]),
        (BY_TIME, (A_B, B_A, A_B, BOTH, B_A, B_A), [False, False, True, False, False, True]),
    ],
    ids=["tests that don't go by times", "tests that do"],
)
def test_the_order_of_times_counts_until_it_is_known_not_to(
    make: Make, tmp_path: Path, script: str, commands: tuple[str, ...], reused: list[bool]
) -> None:
    env = make(write_task(tmp_path / "t", test_sh=f"{script}# {tmp_path}\n", toml=SEPARATE), reuse_verdicts=True)
    found = []
    for command in commands:
        env.reset(seed=1)
        env.step(command)
        _, reward, *_, info = env.step("exit")
        assert script == JUDGE or reward == (command == A_B)
        found.append(info["verdict"]["reused"])
    assert found == reused


@pytest.mark.parametrize(
    ("toml", "options"),
    [
        (SEPARATE, {}),
        ("[verifier]\ntimeout_sec = 20\n", {"reuse_verdicts": True}),
        (SEPARATE + '[environment]\nnetwork_mode = "public"\n', {"reuse_verdicts": True}),
    ],
    ids=["not asked for", "shared mode", "a network"],
)
def test_otherwise_every_end_is_judged(make: Make, tmp_path: Path, toml: str, options: dict[str, bool]) -> None:
    env = make(write_task(tmp_path / "t", test_sh=f"{JUDGE}# {tmp_path}\n", toml=toml), **options)
    found = []
    for _ in range(2):
        env.reset(seed=1)
        found.append(env.step("exit")[4]["verdict"])
    assert not any(verdict["reused"] for verdict in found)
    assert judged_at(found[0]) != judged_at(found[1])


def test_other_tests_judge_again_and_no_verdict_is_not_kept(make: Make, tmp_path: Path) -> None:
    folder = write_task(tmp_path / "t", test_sh="exit 0\n", toml=SEPARATE)
    env = make(folder, reuse_verdicts=True)
    for _ in range(2):
        env.reset(seed=1)
        with pytest.raises(RewardMissing):
            env.step("exit")
    for script in (f"{JUDGE}# {tmp_path}\n", f"{JUDGE}# other {tmp_path}\n"):
        (folder / "tests/test.sh").write_text(script)
        env.reset(seed=1)
        assert not env.step("exit")[4]["verdict"]["reused"]


def test_the_last_used_ones_are_kept() -> None:
    memory, verdict = Memory(most=2), Verdict(1.0, {}, 0.1, "")
    for content in ("a", "b", "a", "c"):
        if memory.recall(End(content, "")) is None:
            memory.keep(End(content, ""), verdict)
    assert memory.recall(End("a", "")) == memory.recall(End("c", "")) == replace(verdict, reused=True)
    assert memory.recall(End("b", "")) is None


def test_an_end_that_is_judged_by_times_takes_no_more_and_no_more_room() -> None:
    memory = Memory()
    ends = [End("a", str(order)) for order in range(40)]
    for number, end in enumerate(ends):
        assert memory.recall(end) is None
        memory.keep(end, Verdict(1.0, {"by": str(number)}, 0.1, ""))
    kept = [end for end in ends if memory.recall(end) is not None]
    assert kept == ends[:16]
    assert [memory.recall(end) for end in kept][:2] == [
        Verdict(1.0, {"by": by}, 0.1, "", reused=True) for by in ("0", "1")
    ]


@pytest.mark.parametrize(
    ("rewards", "found"),
    [
        ((1.0,), 1.0),
        ((0.0,), None),
        ((0.5, 0.5), 0.5),
        ((0.0, 1.0), None),
        ((0.0, 1.0, 1.0), None),
        ((0.0, 0.0), 0.0),
    ],
)
def test_what_failed_is_judged_twice_and_what_fails_at_times_each_time(
    rewards: tuple[float, ...], found: float | None
) -> None:
    memory, end = Memory(), End("a", "")
    for reward in rewards:
        assert memory.recall(end) is None
        memory.keep(end, Verdict(reward, {}, 0.1, ""))
    verdict = memory.recall(end)
    assert (None if verdict is None else verdict.reward) == found
