"""Every cheat of the corpus, on several tasks and both engines, earns nothing or is found out; honest work earns 1.

A case names the engine, the task and the cheat: ``test_no_cheat_scores[docker-plain-preload]``.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote

import pytest

from termigen_gym.agents import Null, Oracle
from termigen_gym.env import TerminalEnv
from termigen_gym.errors import SandboxError, VerifierError
from termigen_gym.play import play
from termigen_gym.sandbox.base import Engine, pack
from tests.cheats.corpus import CHEATS, OWN, SETTINGS, Cheat
from tests.conftest import ENGINES

TASKS = Path(__file__).parent / "tasks"

Stage = Callable[[str], TerminalEnv]


@contextlib.contextmanager
def stage_on(engine_name: str) -> Iterator[Stage]:
    """Give a task's environment on an engine. It is kept: its next sandbox starts while a cheat is being tried."""
    made: dict[str, TerminalEnv] = {}

    def of(task: str) -> TerminalEnv:
        if task not in made:
            made[task] = TerminalEnv(task if task in OWN else str(TASKS / task), sandbox=engine_name)
        return made[task]

    try:
        yield of
    finally:
        for env in made.values():
            env.close()


@pytest.fixture(scope="module")
def stage(engine: Engine) -> Iterator[Stage]:
    """Tasks on each engine in turn."""
    with stage_on(engine.name) as made:
        yield made


@pytest.fixture(scope="module")
def one_stage() -> Iterator[Stage]:
    """Tasks on one engine, the faster one: for what says nothing about engines."""
    with stage_on(ENGINES[-1]) as made:
        yield made


def cases(wanted: Callable[[Cheat, str], bool]) -> pytest.MarkDecorator:
    """Parametrise by the pairs of a task and a cheat that are wanted, task by task."""
    found = [
        pytest.param(task, cheat, id=f"{task}-{cheat.name}")
        for task in SETTINGS
        for cheat in CHEATS
        if wanted(cheat, task)
    ]
    return pytest.mark.parametrize(("task", "cheat"), found)


def act(env: TerminalEnv, task: str, cheat: Cheat) -> None:
    """Let the agent of a new episode do what the cheat does."""
    setting = SETTINGS[task]
    env.reset(seed=1)
    for action in (f"export OUT={quote(setting.out)} FAKE={quote(setting.fake)}", *cheat.actions):
        env.step(action)


def earned(env: TerminalEnv) -> float:
    """Submit, and return the reward; 0 where there is none, or the verdict says that it is not to be trusted."""
    try:
        _, reward, _, _, info = env.step("exit")
    except (VerifierError, SandboxError):
        return 0.0
    return 0.0 if info["verdict"]["tampered"] else reward


@cases(lambda cheat, task: task in cheat.on and task not in cheat.beyond)
def test_no_cheat_scores(stage: Stage, task: str, cheat: Cheat) -> None:
    act(stage(task), task, cheat)
    assert earned(stage(task)) == 0.0, cheat.tries


@cases(lambda cheat, task: task in cheat.beyond)
def test_what_can_not_be_stopped_is_known(stage: Stage, task: str, cheat: Cheat) -> None:
    act(stage(task), task, cheat)
    assert earned(stage(task)) == 1.0, f"it is stopped now, so `beyond` is out of date: {cheat.beyond[task]}"


@pytest.mark.parametrize("task", SETTINGS)
def test_honest_work_scores_and_is_no_tampering(stage: Stage, task: str) -> None:
    done, nothing = (play(stage(task), agent, episode_id="e", seed=1) for agent in (Oracle(), Null()))
    assert [(episode.reward, episode.error) for episode in (done, nothing)] == [(1.0, None), (0.0, None)]
    assert done.verdict is not None
    assert not done.verdict["tampered"]


@cases(lambda cheat, task: task == cheat.scores)
def test_the_corpus_has_teeth(one_stage: Stage, task: str, cheat: Cheat) -> None:
    act(one_stage(task), task, cheat)
    assert verified_as_most_do(one_stage(task)) == 1.0


def verified_as_most_do(env: TerminalEnv) -> float:
    """Put the tests, run them where the agent worked, with all that it changed and left alive; read what is there."""
    tests = {f"/tests/{name}": file for name, file in env.task.tests().items()}
    env.sandbox.put(pack(tests, {"/logs/verifier": 0o777}))
    env.sandbox.exec(["bash", "/tests/test.sh"], timeout_s=env.task.config.verifier.timeout_sec)
    content = env.sandbox.read("/logs/verifier/reward.json") or env.sandbox.read("/logs/verifier/reward.txt")
    assert content is not None
    value = json.loads(content)
    return float(value["reward"] if isinstance(value, dict) else value)


def test_the_corpus_is_large_and_its_names_are_its_own() -> None:
    assert len({cheat.name for cheat in CHEATS}) == len(CHEATS) >= 40
    assert sum(bool(cheat.scores) for cheat in CHEATS) > len(CHEATS) / 2
    assert all(set(cheat.beyond) | ({cheat.scores} - {""}) <= set(cheat.on) <= set(SETTINGS) for cheat in CHEATS)
