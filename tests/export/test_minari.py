from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from termigen_gym.agents import Oracle
from termigen_gym.episode import Episode
from termigen_gym.errors import StoreError
from termigen_gym.export.minari import write_minari
from termigen_gym.play import play
from termigen_gym.registration import make
from termigen_gym.wrappers import CriticWrapper
from tests.bash_env import BashEnv, register, write_task
from tests.chat import of_steps, some_steps
from tests.episodes import a_step, an_episode

SPEC: dict[str, Any] = {
    "id": "termigen/one-v0",
    "entry_point": "termigen_gym.env:TerminalEnv",
    "kwargs": {"task": "one", "max_steps": 9, "sandbox": "docker"},
    "additional_wrappers": [],
    "vector_entry_point": None,
}


@pytest.fixture
def minari(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "out"))
    return importlib.import_module("minari")


@pytest.fixture(autouse=True)
def _tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    write_task(tmp_path / "envs" / "add")
    register(monkeypatch, tmp_path / "envs", "add")
    yield
    assert not BashEnv.open_now


def played(seed: int, **kwargs: Any) -> Episode:
    env = CriticWrapper(make("termigen/add-v0", **kwargs), "rule", 0.5)
    episode = play(env, Oracle(), episode_id=f"seed {seed}", seed=seed)
    env.close()
    return episode


def test_what_was_played_can_be_played_again_from_the_dataset_alone(minari: Any, tmp_path: Path) -> None:
    episodes = [played(seed) for seed in range(4)] + [played(9, max_steps=2)]
    assert any(episode.perturbations for episode in episodes)
    assert write_minari(episodes, tmp_path / "out") == 5
    assert list(minari.list_local_datasets()) == ["termigen/add-v0", "termigen/add-v1"]  # of two budgets
    dataset = minari.load_dataset("termigen/add-v0")
    assert (dataset.total_episodes, dataset.total_steps) == (4, sum(len(episode.steps) for episode in episodes[:4]))
    for recorded, episode in zip(dataset, episodes, strict=False):
        with contextlib.closing(dataset.recover_environment()) as env:
            (facts,) = dataset.storage.get_episode_metadata([recorded.id])
            assert (facts["episode"], facts["task_digest"]) == (episode.id, episode.task_digest)
            assert env.reset(seed=facts["seed"], options=facts["options"])[0] == recorded.observations[0]
            taken = [env.step(action) for action in recorded.actions]
            assert [step[1] for step in taken] == list(recorded.rewards)
            assert [step[2] for step in taken] == list(recorded.terminations)
            assert [step[4]["executed"] for step in taken] == list(recorded.infos["executed"][1:])
            mistakes = [step[4]["perturbation"] for step in taken]
            assert [one["kind"] if one else "" for one in mistakes] == list(recorded.infos["perturbation"][1:])
            assert len(recorded.observations) == len(taken) + 1
    short = minari.load_dataset("termigen/add-v1")[0]
    assert list(short.truncations) == [False, True]
    assert not short.terminations.any()


def test_the_spaces_hold_whatever_characters_occur(minari: Any, tmp_path: Path) -> None:
    odd = of_steps(
        [a_step(0, observation="é漢\U0001f40d\x1b\t", action="echo \ud800 ✓"), *some_steps("exit")], env_spec=SPEC
    )
    write_minari([odd], tmp_path / "out")
    dataset = minari.load_dataset("termigen/one-v0")
    (episode,) = dataset
    assert episode.observations == ["é漢\U0001f40d\x1b\t", "$ ", ""]
    assert episode.actions == ["echo ? ✓", "exit"]  # half of a surrogate pair is no text
    assert all(dataset.observation_space.contains(observation) for observation in episode.observations)
    assert all(dataset.action_space.contains(action) for action in episode.actions)
    assert not dataset.action_space.contains("漢")


def test_the_spec_is_as_it_was_played_but_for_the_engine(minari: Any, tmp_path: Path) -> None:
    write_minari(
        [an_episode(env_spec=SPEC), an_episode(env_spec={**SPEC, "kwargs": {"task": "one"}})], tmp_path / "out"
    )
    specs = [minari.load_dataset(f"termigen/one-v{number}").env_spec for number in (0, 1)]
    assert [spec.kwargs for spec in specs] == [{"task": "one", "max_steps": 9}, {"task": "one"}]
    assert specs[0].entry_point == "termigen_gym.env:TerminalEnv"


def test_without_a_spec_the_data_are_there_and_the_environment_is_not(minari: Any, tmp_path: Path) -> None:
    write_minari([an_episode(mistakes=1, task_id="termigen/a.b-v0")], tmp_path / "out")
    dataset = minari.load_dataset("termigen/a-b-v0")
    assert list(dataset[0].infos["exit_code"]) == [-1, 127, 0, 0]
    assert list(dataset[0].infos["perturbation"]) == ["", "command_error", "", ""]
    with pytest.raises(ValueError, match="cannot be recovered"):
        dataset.recover_environment()


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="expected an empty folder, found 'envs'"):
        write_minari([an_episode()], tmp_path)


def test_many_episodes_keep_their_order_and_their_facts(minari: Any, tmp_path: Path) -> None:
    episodes = [an_episode(f"{number}", seed=number, task_id=f"termigen/t{number % 2}-v0") for number in range(230)]
    assert write_minari(episodes, tmp_path / "out") == 230
    for rest in (0, 1):
        dataset = minari.load_dataset(f"termigen/t{rest}-v0")
        facts = list(dataset.storage.get_episode_metadata(range(115)))
        assert [one["episode"] for one in facts] == [f"{number}" for number in range(rest, 230, 2)]
        assert [one["seed"] for one in facts] == list(range(rest, 230, 2))
        assert (dataset.total_episodes, len(list(dataset))) == (115, 115)
