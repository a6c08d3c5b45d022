"""Resets from a spare: as a cold one in everything but the time it takes."""

from __future__ import annotations

import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from termigen_gym.env import TerminalEnv
from termigen_gym.sandbox.base import Engine
from termigen_gym.sandbox.pool import SPARES
from termigen_gym.start import Started
from termigen_gym.vector import ThreadVectorEnv
from tests.conftest import COMMON_LINES
from tests.samples import write_task
from tests.waiting import Process, wait_until

LOOK = (
    "id; pwd; env -u SHLVL | sort; ls -A /; ls -la --time-style=+ /logs ~ . /tmp; cat /etc/hosts;"
    " ps -e -o user,args --no-headers; ulimit -a; tty; echo $-; jobs; set -o; stty -a; history"
)
Make = Callable[..., TerminalEnv]


@pytest.fixture
def make(engine: Engine) -> Iterator[Make]:
    made: list[TerminalEnv] = []

    def _make(folder: Path | str, **kwargs: Any) -> TerminalEnv:
        made.append(TerminalEnv(str(folder), sandbox=engine.name, **kwargs))
        return made[-1]

    yield _make
    for env in made:
        env.close()
    assert spares() == []


@pytest.fixture
def task(tmp_path: Path) -> Path:
    return write_task(
        tmp_path / "sample",
        dockerfile=COMMON_LINES + "RUN useradd -m ann && mkdir /app && chown ann /app\nWORKDIR /app\n",
        toml='[agent]\nuser = "ann"\n[environment]\nworkdir = "/home/ann"\nenv = { SHADE = "dark" }\n',
    )


def spares() -> list[Started]:
    """What the pool keeps, once all of it is made."""
    return [future.result() for futures in list(SPARES._spares.values()) for future in list(futures)]


def warmed(env: TerminalEnv) -> Started:
    """Reset twice, return the spare that stands ready for the third time."""
    env.reset(seed=1)
    env.reset(seed=1)
    (spare,) = spares()
    return spare


def test_a_warm_episode_is_as_a_cold_one(make: Make, task: Path) -> None:
    cold = make(task, warm_resets=False)
    for _ in range(3):
        first = cold.reset(seed=1)
    assert spares() == []
    expected = [cold.step(LOOK), cold.step("echo x"), cold.step("exit")]
    env = make(task)
    spare = warmed(env)
    env.step("touch /tmp/trace ~/trace; export TRACE=1; cd /; sleep 1000 &")
    second = env.reset(seed=1)
    assert env.sandbox is spare.sandbox
    assert second[0] == first[0]
    assert plain(second[1]) == plain(first[1])
    for action, wanted in zip((LOOK, "echo x", "exit"), expected, strict=True):
        found = env.step(action)
        assert found[0] == wanted[0]
        assert found[1:4] == wanted[1:4]
        assert found[4].keys() == wanted[4].keys()


def plain(info: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in info.items() if key != "duration_s"}


def test_nothing_is_prepared_for_an_env_that_is_reset_once(make: Make, task: Path) -> None:
    env = make(task)
    env.reset(seed=1)
    env.step("exit")
    assert spares() == []


def kill_all(spare: Started) -> None:
    spare.sandbox.kill_processes()


def stop(spare: Started) -> None:
    spare.sandbox.stop()


@pytest.mark.parametrize("end", [stop, kill_all])
def test_a_spare_that_died_is_not_used(make: Make, task: Path, end: Callable[[Started], None]) -> None:
    env = make(task)
    spare = warmed(env)
    end(spare)
    assert spare.terminal is not None
    wait_until(spare.terminal.gone)
    env.reset(seed=1)
    assert env.sandbox is not spare.sandbox
    assert not spare.sandbox.alive()
    assert env.step("echo on")[0] == "on\n"


def test_closing_leaves_neither_sandbox_nor_thread(make: Make, task: Path) -> None:
    env = make(task)
    spare = warmed(env)
    current = env.sandbox
    env.close()
    assert (spare.sandbox.alive(), current.alive(), spares()) == (False, False, [])
    wait_until(lambda: not any(thread.name == "termigen-spares" for thread in threading.enumerate()))


def test_a_family_gets_its_files_and_its_seeds_replay(make: Make) -> None:
    warm, cold = make("sqlite-audit"), make("sqlite-audit", warm_resets=False)
    look = "ls -lR --time-style=+ . /logs; sha256sum *"
    for seed in (3, 4, 3, 5):
        expected, _ = cold.reset(seed=seed)
        wanted = cold.step(look)[0]
        found, _ = warm.reset(seed=seed)
        assert found == expected
        assert warm.step(look)[0] == wanted
        assert warm.np_random.random() == cold.np_random.random()
        spares()


def test_a_spare_waits_for_its_healthcheck_when_it_is_taken(make: Make, tmp_path: Path) -> None:
    check = '[environment.healthcheck]\ncommand = "echo x >> /tmp/checks"\n'
    env = make(write_task(tmp_path / "t", toml=check))
    spare = warmed(env)
    assert (spare.terminal, spare.sandbox.read("/tmp/checks")) == (None, None)
    env.reset(seed=1)
    assert env.sandbox is spare.sandbox
    assert env.step("cat /tmp/checks")[0] == "x\n"


def test_many_envs_share_the_pool(engine: Engine, task: Path) -> None:
    def make() -> TerminalEnv:
        return TerminalEnv(str(task), sandbox=engine.name)

    vector = ThreadVectorEnv([make] * 3)
    for _ in range(4):
        vector.reset(seed=1)
        shown, *_ = vector.step(tuple(f"ls; touch {i}" for i in range(3)))
        assert shown == ("", "", "")
    assert len(spares()) == 3
    vector.close()
    assert spares() == []


_PLAY = """
import sys, time
from termigen_gym.env import TerminalEnv
env = TerminalEnv(sys.argv[1], sandbox=sys.argv[2])
try:
    env.reset(seed=1)
    env.reset(seed=1)
    print("playing", flush=True)
    while True:  # not one long sleep: Python sees a signal that comes right before it only after it
        time.sleep(0.1)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.alone
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda kind: kind.name)
def test_an_owner_that_is_ended_leaves_nothing_behind(engine: Engine, tmp_path: Path, kind: signal.Signals) -> None:
    """After Ctrl-C at once, after SIGTERM and SIGKILL by the next sweep at the latest."""
    mark = f"MARK={secrets.token_hex(8)}"
    name, _, value = mark.partition("=")
    folder = write_task(tmp_path / "t", toml=f'[environment]\nenv = {{ {name} = "{value}" }}\n')
    argv = [sys.executable, "-c", _PLAY, str(folder), engine.name]
    with Process(argv) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "playing\n"
        wait_until(lambda: marked(mark) >= 2)
        process.send_signal(kind)
        process.communicate()
    if kind != signal.SIGINT:
        engine.sweep()
    wait_until(lambda: marked(mark) == 0)
    wait_until(lambda: engine.sweep() == 0)  # a control group goes after its last process


def marked(mark: str) -> int:
    """How many shells of this machine have a variable in their environment."""
    count = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                shell = (folder / "cmdline").read_bytes().endswith(b"bash\0-i\0")
                count += shell and mark.encode() in (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
    return count
