from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from termigen_gym.env import TerminalEnv
from termigen_gym.errors import ActionError
from termigen_gym.sandbox.base import Engine
from termigen_gym.vector import ThreadVectorEnv
from tests.samples import write_task


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_task(tmp_path / "sample")


@pytest.fixture(params=list(AutoresetMode))
def envs(request: pytest.FixtureRequest, engine: Engine, folder: Path) -> Iterator[ThreadVectorEnv]:
    made = ThreadVectorEnv([lambda: TerminalEnv(str(folder), sandbox=engine.name)] * 3, autoreset_mode=request.param)
    yield made
    made.close()


def test_envs_step_side_by_side_and_reset_by_the_mode(envs: ThreadVectorEnv) -> None:
    observations, infos = envs.reset(seed=3)
    assert len(observations) == 3
    assert all(text.endswith("/app# ") for text in observations)
    envs.step(("echo done > out.txt", "true", "echo done > out.txt"))
    observations, rewards, terminated, truncated, infos = envs.step(("exit", "exit", "ls"))
    np.testing.assert_array_equal(rewards, [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(terminated, [True, True, False])
    assert not truncated.any()
    assert observations[2] == "out.txt\n"
    if envs.autoreset_mode == AutoresetMode.SAME_STEP:
        assert observations[0].endswith("/app# ")
        assert infos["final_info"][0]["verdict"]["reward"] == 1.0
        return
    assert [v and v["reward"] for v in infos["verdict"]] == [1.0, 0.0, None]
    if envs.autoreset_mode == AutoresetMode.NEXT_STEP:
        observations, rewards, terminated, _, infos = envs.step(("ignored", "ignored", "echo on"))
        assert observations[0].endswith("/app# ")
        assert observations[2] == "on\n"
        assert infos["exit_code"].tolist() == [None, None, 0]
    else:
        observations, _ = envs.reset(options={"reset_mask": np.array([True, True, False])})
        assert observations[0].endswith("/app# ")
        assert envs.step(("pwd", "pwd", "cat out.txt"))[0] == ("/app\n", "/app\n", "done\n")


def test_an_error_of_one_env_is_raised_and_the_others_stay_usable(engine: Engine, folder: Path) -> None:
    envs = ThreadVectorEnv([lambda: TerminalEnv(str(folder), sandbox=engine.name)] * 2)
    envs.reset(seed=1)
    with pytest.raises(ActionError):
        envs.step(("echo a", "nul\0"))
    assert envs.step(("echo a", "echo b"))[0] == ("a\n", "b\n")
    envs.close()


def test_make_vec_gives_threads(engine: Engine) -> None:
    envs = gym.make_vec("termigen/rpn-make-graph-v0", num_envs=2, sandbox=engine.name)
    assert isinstance(envs, ThreadVectorEnv)
    envs.reset(seed=1)
    assert envs.step(("echo a", "echo b"))[0] == ("a\n", "b\n")
    envs.close()


def test_waiting_overlaps(engine: Engine, folder: Path) -> None:
    """Eight commands that only wait take less than one after the other would at the very least."""
    envs = ThreadVectorEnv([lambda: TerminalEnv(str(folder), sandbox=engine.name)] * 8)
    envs.reset(seed=1)
    started = time.monotonic()
    envs.step(("sleep 1",) * 8)
    assert time.monotonic() - started < 8
    envs.close()
