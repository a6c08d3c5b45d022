"""CriticWrapper and RecordEpisodes around a real shell."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec, registry

from termigen_gym.critic import Critic, Proposal, RuleCritic, Schedule, Situation
from termigen_gym.episode import Episode, Perturbation, Repair
from termigen_gym.errors import ActionError, SandboxDied
from termigen_gym.vector import ThreadVectorEnv
from termigen_gym.wrappers import CriticWrapper, RecordEpisodes, TextEnv
from tests.scratch import ScratchEnv

FILES = {"a.txt": "one\ntwo\n", "src/b.c": "int b;\n"}
ACTIONS = ("ls", "cat a.txt", "grep -n two a.txt", "cd src", "wc -l b.c", "echo done > ../out.txt", "ls -l ..")


@pytest.fixture
def env(tmp_path: Path) -> Iterator[ScratchEnv]:
    made = ScratchEnv(str(tmp_path), files=FILES)
    yield made
    made.close()


class Fixed(Critic):
    """A critic with one answer that remembers what it was asked."""

    def __init__(self, proposal: Perturbation | None) -> None:
        self.proposal = proposal
        self.asked: list[Situation] = []
        self.lock = threading.Lock()  # like a client: cannot be copied

    def propose(self, situation: Situation, rng: np.random.Generator) -> Proposal:
        self.asked.append(situation)
        return Proposal(self.proposal)


WRONG = Perturbation("command_error", "cat b.txt", "I read b.txt.", "test", Repair("ls b.txt", "There is none.", ()))


class Memory:
    """A store in a list."""

    def __init__(self) -> None:
        self.episodes: list[Episode] = []

    def append(self, episode: Episode) -> None:
        self.episodes.append(episode)


def test_without_errors_nothing_changes_but_the_info(env: ScratchEnv) -> None:
    wrapped = CriticWrapper(env, epsilon=0.0)
    _, info = wrapped.reset(seed=1)
    assert (info["perturbation"], info["executed"]) == (None, "")
    observation, _, _, _, after = wrapped.step("cat a.txt")
    assert observation == "one\ntwo\n"
    assert (after["perturbation"], after["executed"]) == (None, "cat a.txt")
    assert set(after) == set(info)


def test_a_mistake_runs_for_real_in_place_of_the_action(env: ScratchEnv) -> None:
    wrapped = CriticWrapper(env, critic=Fixed(WRONG), epsilon=1.0)
    wrapped.reset(seed=1)
    observation, reward, terminated, truncated, info = wrapped.step("cat a.txt")
    assert "b.txt: No such file" in observation
    assert (reward, terminated, truncated, info["exit_code"]) == (0.0, False, False, 1)
    assert info["executed"] == "cat b.txt"
    assert Perturbation.from_dict(info["perturbation"]) == WRONG


def test_the_critic_sees_what_ran_and_what_was_shown(env: ScratchEnv) -> None:
    critic = Fixed(WRONG)
    wrapped = CriticWrapper(env, critic=critic, epsilon=1.0)
    for _ in range(2):
        wrapped.reset(seed=1)
        wrapped.step("cat a.txt")
        wrapped.step("ls")
    first, second, anew, _ = critic.asked
    assert (first.action, tuple(first.history)) == ("cat a.txt", ())
    assert second.history[0][0] == "cat b.txt"
    assert "No such file" in second.history[0][1]
    assert second.task is env.task
    assert tuple(anew.history) == ()


def test_exit_is_never_perturbed_nor_proposed(env: ScratchEnv) -> None:
    critic = Fixed(Perturbation("verification_failure", " exit\n", "All is done.", "test"))
    wrapped = CriticWrapper(env, critic=critic, epsilon=1.0)
    wrapped.reset(seed=1)
    _, _, terminated, _, info = wrapped.step("ls")
    assert (terminated, info["executed"], info["perturbation"]) == (False, "ls", None)
    _, _, terminated, _, info = wrapped.step("exit")
    assert (terminated, info["executed"], len(critic.asked)) == (True, "exit", 1)


def test_input_to_a_program_is_never_perturbed(env: ScratchEnv) -> None:
    critic = Fixed(None)
    wrapped = CriticWrapper(env, critic=critic, epsilon=1.0)
    wrapped.reset(seed=1)
    assert wrapped.step("cat")[4]["state"] == "running"
    observation, _, _, _, info = wrapped.step("hello")
    assert (observation, info["executed"]) == ("hello\n", "hello")
    assert wrapped.step("\x04")[4]["state"] == "prompt"
    assert [situation.action for situation in critic.asked] == ["cat"]


def test_an_action_out_of_the_space_goes_to_the_environment(env: ScratchEnv) -> None:
    wrapped = CriticWrapper(env, critic=Fixed(WRONG), epsilon=1.0)
    wrapped.reset(seed=1)
    with pytest.raises(ActionError):
        wrapped.step("nul \x00")


def rollout(env: TextEnv, seed: int, actions: tuple[str, ...] = ACTIONS) -> list[tuple[str, Any]]:
    env.reset(seed=seed)
    infos = [env.step(action)[4] for action in actions]
    return [(info["executed"], info["perturbation"]) for info in infos]


def test_a_seed_replays_its_mistakes(env: ScratchEnv) -> None:
    wrapped = CriticWrapper(env, epsilon=0.5)
    runs = {seed: rollout(wrapped, seed) for seed in range(5)}
    assert all(rollout(wrapped, seed) == run for seed, run in runs.items())
    assert len({str(run) for run in runs.values()}) == 5


def test_one_number_is_drawn_at_every_step_and_one_for_each_class_where_a_mistake_is_wanted(env: ScratchEnv) -> None:
    wrapped = CriticWrapper(env, critic=Fixed(None), epsilon=0.5)
    wrapped.reset(seed=3)
    expected = np.random.default_rng(env.np_random_seed)
    for action, perturbable in (
        ("ls", True),
        ("cat", True),
        ("typed", False),
        ("\x04", False),
        ("ls", True),
        ("exit", False),
    ):
        intent = wrapped.step(action)[4]["intent"]
        wanted = bool(expected.random() < 0.5) and perturbable
        assert intent["wanted"] == ("error" if wanted else "correct")
        if wanted:
            assert intent["kind"] == Schedule().kinds(expected)[0]
    assert env.np_random.random() == expected.random()


@pytest.mark.parametrize("epsilon", [0.05, 0.2, 0.7])
def test_mistakes_come_as_often_as_epsilon_says(tmp_path: Path, epsilon: float) -> None:
    env = ScratchEnv(str(tmp_path), max_steps=5000)
    wrapped = CriticWrapper(env, critic=Fixed(Perturbation("command_error", "false", "", "test")), epsilon=epsilon)
    wrapped.reset(seed=11)
    draws = 2000
    made = sum(wrapped.step("true")[4]["perturbation"] is not None for _ in range(draws))
    wrapped.close()
    assert abs(made - draws * epsilon) < 3.3 * (draws * epsilon * (1 - epsilon)) ** 0.5  # 99.9 %; the seed is fixed


@pytest.mark.parametrize("epsilon", [-0.1, 1.1, float("nan")])
def test_epsilon_is_a_probability(env: ScratchEnv, epsilon: float) -> None:
    with pytest.raises(ValueError, match=r"epsilon: expected a probability in \[0, 1\], found "):
        CriticWrapper(env, epsilon=epsilon)


def test_critics_work_side_by_side(tmp_path: Path) -> None:
    vector = ThreadVectorEnv([lambda: CriticWrapper(ScratchEnv(str(tmp_path), files=FILES), epsilon=0.5)] * 3)
    _, infos = vector.reset(seed=1)
    assert list(infos["executed"]) == ["", "", ""]
    seen = []
    for action in ("ls", "cat a.txt", "pwd", "exit"):
        _, _, terminated, _, infos = vector.step([action] * 3)
        seen += [(item is None, executed == action) for item, executed in zip(*_columns(infos), strict=True)]
    assert set(seen) == {(True, True), (False, False)}
    assert list(terminated) == [True] * 3
    vector.close()


def _columns(infos: dict[str, Any]) -> tuple[list[Any], list[str]]:
    return list(infos["perturbation"]), list(infos["executed"])


def test_an_unknown_critic_is_refused(env: ScratchEnv) -> None:
    with pytest.raises(ValueError, match="critic: expected one of"):
        CriticWrapper(env, critic="nobody")


@pytest.fixture
def registered(tmp_path: Path) -> Iterator[str]:
    id = "scratch/one-v0"
    kwargs = {"folder": str(tmp_path), "files": FILES}
    registry[id] = EnvSpec(id=id, entry_point="tests.scratch:ScratchEnv", kwargs=kwargs, disable_env_checker=True)
    yield id
    del registry[id]


def test_the_spec_rebuilds_the_wrapped_environment(registered: str) -> None:
    wrapped = CriticWrapper(gym.make(registered), critic="rule", epsilon=0.5)
    assert wrapped.spec is not None
    rebuilt = gym.make(EnvSpec.from_json(wrapped.spec.to_json()))
    assert isinstance(rebuilt, CriticWrapper)
    assert rebuilt.spec == wrapped.spec
    assert rollout(rebuilt, 7) == rollout(wrapped, 7)
    assert any(perturbation is not None for _, perturbation in rollout(wrapped, 7))
    rebuilt.close()
    wrapped.close()


def test_a_critic_object_cannot_be_written_down(registered: str) -> None:
    wrapped = CriticWrapper(gym.make(registered), critic=RuleCritic())
    assert wrapped.spec is not None
    with pytest.raises(TypeError, match="RuleCritic is not JSON serializable"):
        wrapped.spec.to_json()
    wrapped.close()


def test_the_recorder_keeps_an_episode_as_it_ends(registered: str) -> None:
    store = Memory()
    recorder = RecordEpisodes(CriticWrapper(gym.make(registered), critic=Fixed(None)), store)
    recorder.reset(seed=5)
    recorder.step("cat a.txt")
    recorder.step("echo done > out.txt")
    assert store.episodes == []
    recorder.step("exit")
    (episode,) = store.episodes
    assert (episode.agent, episode.task_id, episode.seed, episode.ended) == ("external", registered, 5, "submitted")
    assert (episode.reward, episode.error, episode.env_spec) == (1.0, None, None)
    assert [step.action for step in episode.steps] == ["cat a.txt", "echo done > out.txt", "exit"]
    assert [step.observation for step in episode.steps] == ["Make /app/out.txt.", "one\ntwo\n", ""]
    assert {step.thought for step in episode.steps} == {""}
    assert Episode.from_json(episode.to_json()) == episode
    recorder.close()
    assert len(store.episodes) == 1


def test_the_recorder_is_not_part_of_the_environment(registered: str) -> None:
    store = Memory()
    inner = CriticWrapper(gym.make(registered), epsilon=0.5)
    recorder = RecordEpisodes(inner, store)
    assert recorder.spec == inner.spec
    first = rollout(recorder, 2, (*ACTIONS, "exit"))
    (episode,) = store.episodes
    assert inner.spec is not None
    assert episode.env_spec is not None
    assert EnvSpec.from_json(inner.spec.to_json()).to_json() == inner.spec.to_json()
    again = gym.make(EnvSpec.from_json(json.dumps(episode.env_spec)))
    assert rollout(again, 2, (*ACTIONS, "exit")) == first
    assert [(step.executed, step.perturbation) for step in episode.steps] == [
        (executed, None if found is None else Perturbation.from_dict(found)) for executed, found in first
    ]
    again.close()
    recorder.close()


def test_what_is_cut_off_has_no_reward_but_is_kept(env: ScratchEnv) -> None:
    store = Memory()
    recorder = RecordEpisodes(env, store)
    recorder.reset(seed=1)
    recorder.step("ls")
    recorder.reset(seed=2)
    recorder.step("ls")
    recorder.step("pwd")
    recorder.close()
    errors = [episode.error for episode in store.episodes]
    assert errors == [
        {"type": "Abandoned", "message": "the environment was reset after 1 steps, before a verdict"},
        {"type": "Abandoned", "message": "the environment was closed after 2 steps, before a verdict"},
    ]
    assert [(episode.ended, episode.reward) for episode in store.episodes] == [("error", None)] * 2
    assert len({episode.id for episode in store.episodes}) == 2


def test_an_episode_without_a_step_is_not_kept(env: ScratchEnv) -> None:
    store = Memory()
    recorder = RecordEpisodes(env, store)
    recorder.reset(seed=1)
    recorder.reset(seed=1)
    recorder.close()
    assert store.episodes == []


def test_a_spent_budget_is_recorded_as_such(tmp_path: Path) -> None:
    store = Memory()
    recorder = RecordEpisodes(ScratchEnv(str(tmp_path), max_steps=1), store)
    recorder.reset(seed=1)
    recorder.step("echo done > out.txt")
    assert [(episode.ended, episode.reward) for episode in store.episodes] == [("budget", 1.0)]


def test_without_a_seed_one_is_drawn_and_recorded(env: ScratchEnv) -> None:
    store = Memory()
    recorder = RecordEpisodes(CriticWrapper(env, epsilon=0.5), store)
    recorder.reset()
    for action in (*ACTIONS, "exit"):
        recorder.step(action)
    (episode,) = store.episodes
    assert episode.seed is not None
    assert [executed for executed, _ in rollout(recorder, episode.seed)] == [
        step.executed for step in episode.steps[:-1]
    ]
    recorder.close()


class Dying(gym.Wrapper[str, str, str, str]):
    """An environment whose sandbox dies at the second step."""

    def step(self, action: str) -> Any:
        if action == "die":
            raise SandboxDied("expected a running sandbox, found it gone")
        return super().step(action)


def test_our_failures_are_recorded_and_raised(env: ScratchEnv) -> None:
    store = Memory()
    recorder = RecordEpisodes(Dying(env), store)
    recorder.reset(seed=1)
    recorder.step("ls")
    with pytest.raises(ActionError):
        recorder.step("\x00")
    with pytest.raises(SandboxDied):
        recorder.step("die")
    (episode,) = store.episodes
    assert (episode.ended, episode.error) == (
        "error",
        {"type": "SandboxDied", "message": "expected a running sandbox, found it gone"},
    )
    assert len(episode.steps) == 1
    recorder.close()
    assert len(store.episodes) == 1
