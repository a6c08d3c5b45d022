"""A sandbox is killed, runs out of memory or disk, or loses its image: the episode says so, the next one runs."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import termigen_gym.collect
from termigen_gym.collect import collect
from termigen_gym.env import TerminalEnv
from termigen_gym.episode import Episode
from termigen_gym.errors import TermigenError
from termigen_gym.plan import Plan, Progress
from termigen_gym.registration import register_all
from termigen_gym.sandbox.base import Engine
from termigen_gym.sandbox.bubblewrap import BubblewrapEngine
from termigen_gym.sandbox.container import DockerSandbox
from termigen_gym.sandbox.docker import DockerEngine
from termigen_gym.store import EpisodeStore
from termigen_gym.wrappers import RecordEpisodes
from tests.chaos.conftest import DOCKERFILE
from tests.chaos.stock import Family, Stock, first_of_namespace, parent_of, process_running, wait_for

HOG = "perl -e 'my @all; push @all, chr(65) x 1048576 for 1..1024'"
HELD = "perl -e '$| = 1; my @all; push @all, chr(65) x 1048576 for 1..48; print qq(held\\n); sleep 1000'"
FULL = r"No space left|disk full"


@pytest.fixture
def env(engine: Engine, family: Family, task: Path, tmp_path: Path) -> Iterator[RecordEpisodes]:
    """An environment whose every episode is recorded; one was played, so that what an engine keeps is there.

    It has one sandbox at a time: what befalls a warm one is tried in tests/test_warm_resets.py.
    """
    store = EpisodeStore(tmp_path / "run")
    inner = TerminalEnv(str(task), sandbox=engine.name, command_timeout_s=60, warm_resets=False)
    made = RecordEpisodes(inner, store)
    solve(made)
    yield made
    made.close()
    store.close()


def solve(env: RecordEpisodes) -> None:
    env.reset(seed=1)
    env.step("echo done > /app/out.txt")
    assert env.step("exit")[1] == 1.0


def episodes(folder: Path) -> list[Episode]:
    return list(EpisodeStore(folder / "run"))


def sandbox_of(env: RecordEpisodes) -> DockerSandbox:
    return env.unwrapped.sandbox  # type: ignore[attr-defined,no-any-return]


def kill_first(engine: Engine, env: RecordEpisodes, pid: int) -> None:
    """Kill the sandbox in which process `pid` of this machine runs: by its first process."""
    if isinstance(engine, DockerEngine):
        engine.client.kill(sandbox_of(env)._id)
        return
    os.kill(first_of_namespace(pid), signal.SIGKILL)


def kill_keeper(engine: Engine, env: RecordEpisodes, pid: int) -> None:
    """Kill what holds sandboxes beside their first process: the launcher; of Docker the shim's containers."""
    if isinstance(engine, DockerEngine):
        engine.client.remove_container(sandbox_of(env)._id, force=True)
        return
    while "launcher.loop" not in parent_of(pid)[1]:
        pid = parent_of(pid)[0]
    os.kill(parent_of(pid)[0], signal.SIGKILL)


@pytest.mark.parametrize("kill", [kill_first, kill_keeper])
def test_a_sandbox_killed_in_mid_command(
    kill: Callable[[Engine, RecordEpisodes, int], None],
    env: RecordEpisodes,
    engine: Engine,
    family: Family,
    tmp_path: Path,
) -> None:
    before = family.stock()
    env.reset(seed=2)
    env.step("echo kept")
    nap = str(10**6 + secrets.randbelow(10**8))

    def kill_it() -> None:
        kill(engine, env, wait_for(lambda: process_running("sleep", nap), "the command running"))

    killer = threading.Thread(target=kill_it)
    killer.start()
    with pytest.raises(TermigenError):
        env.step(f"sleep {nap}")
    killer.join()
    solve(env)
    last = episodes(tmp_path)[-2]
    assert (last.ended, [step.action for step in last.steps]) == ("error", ["echo kept"])
    if kill is kill_keeper and isinstance(engine, BubblewrapEngine):
        before = replace_launcher(before, family)
    family.expect(before)


def replace_launcher(before: Stock, family: Family) -> Stock:
    """The launcher that was killed has a successor."""
    old = {line for line in before.processes if "launcher.loop" in line}
    new = {line for line in family.stock().processes if "launcher.loop" in line}
    assert len(new) == len(old) == 1
    assert new != old
    return replace(before, processes=before.processes - old | new)


def test_a_program_out_of_memory_is_the_agents_affair(env: RecordEpisodes, family: Family, tmp_path: Path) -> None:
    before = family.stock()
    env.reset(seed=2)
    assert env.step(HOG)[4]["exit_code"] not in (0, None)
    assert env.step("echo done > /app/out.txt; echo on")[0] == "on\n"
    assert env.step("exit")[1] == 1.0
    assert [len(episode.steps) for episode in episodes(tmp_path)][-1] == 3
    family.expect(before)


def starve(env: RecordEpisodes) -> None:
    # While one holds its part, neither can come to what the kernel counts for the first process now: all that there is.
    env.step(f"exec 9< <({HELD}); read -r -u 9; {HOG}")
    env.step("exit")


def test_out_of_memory_with_the_first_process_as_victim(env: RecordEpisodes, family: Family, tmp_path: Path) -> None:
    before = family.stock()
    env.reset(seed=2)
    env.step("echo 1000 > /proc/1/oom_score_adj")
    with pytest.raises(TermigenError):
        starve(env)
    assert episodes(tmp_path)[-1].ended == "error"
    assert len(episodes(tmp_path)[-1].steps) >= 1
    solve(env)
    family.expect(before)


def test_the_image_is_deleted_between_two_episodes(
    env: RecordEpisodes, engine: Engine, family: Family, task: Path
) -> None:
    before = family.stock()
    (task / "environment" / "Dockerfile").write_text(f"{DOCKERFILE}ENV ONCE={secrets.token_hex(8)}\n")
    own = TerminalEnv(str(task), sandbox=engine.name, warm_resets=False)
    for _ in range(2):
        own.reset(seed=1)
        assert own.step("echo $ONCE")[0] != "\n"
        image = own.sandbox.image.id
        own.step("exit")
        if isinstance(engine, DockerEngine):
            engine.client.remove_image(image, force=True)
        else:
            assert isinstance(engine, BubblewrapEngine)
            engine._store._run(["rmi", "--force", image])
    own.close()
    family.expect(before)


def test_the_sandbox_s_disk_is_full(env: RecordEpisodes, family: Family, tmp_path: Path) -> None:
    before = family.stock()
    env.reset(seed=2)
    assert env.step("head -c 80M /dev/zero > /opt/big")[4]["exit_code"] != 0
    assert env.step("rm /opt/big; echo done > /app/out.txt; cat /app/out.txt")[0] == "done\n"
    assert env.step("exit")[1] == 1.0
    env.reset(seed=3)
    env.step("head -c 80M /dev/zero > /opt/big")
    assert env.step("exit")[1] == 0.0  # the tests have room of their own
    assert len(episodes(tmp_path)[-1].steps) >= 1
    family.expect(before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_the_disk_of_the_run_is_full(
    engine: Engine, family: Family, task: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERMIGEN_ENVS", str(task.parent))
    register_all()
    plan = Plan(tasks=("termigen/word-v0",), episodes=12, sandbox=engine.name, workers=1, seed=5)
    with TerminalEnv(str(task), sandbox=engine.name) as warm:
        warm.reset()
    before = family.stock()
    run = small_disk / "run"
    pauses: list[str] = []
    kept: list[str] = []

    def watch(progress: Progress) -> None:
        if progress.note.startswith("pauses"):
            pauses.append(progress.note)
            kept[:] = [episode.to_json() for episode in EpisodeStore(run)]
            if len(pauses) == 2:
                subprocess.run(["mount", "-o", "remount,size=4M", str(small_disk)], check=True)

    monkeypatch.setattr(termigen_gym.collect, "PAUSE_S", 0.1)
    summary = collect(plan, run, watch)
    assert len(pauses) == 2
    assert re.search(FULL, pauses[0])
    assert (summary.episodes, summary.played, summary.errors) == (12, 12, 0)
    assert 1 <= len(kept) < 12
    assert [episode.to_json() for episode in EpisodeStore(run)][: len(kept)] == kept
    assert [episode.id for episode in EpisodeStore(run)] == [f"{i:06d}" for i in range(12)]
    family.expect(before)
