"""Episodes as Minari datasets (minari.farama.org), for offline reinforcement learning.

A Minari dataset belongs to one environment, so there is one for each task that was played:

    OUT/termigen/<task>-v0/data/    loaded by minari.load_dataset("termigen/<task>-v0") with MINARI_DATASETS_PATH=OUT

Where a task was played under several settings (of the critic, of the budget), the settings are -v0, -v1 and so on.

Minari 0.5 writes any ``Text`` space by its lengths and its characters, and reads a plain ``Text``, to which each
character belongs or does not. So the spaces of a dataset have the characters that occur in its episodes.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Text
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage

from .. import __version__
from ..env import ACTION_LIMIT, OBSERVATION_LIMIT
from ..episode import Episode, Step
from ..registration import NAMESPACE, task_name
from .folders import empty_folder

_NO_DATASET_NAME = re.compile(r"[^-\w]")
_NO_EXIT_CODE = -1
_AT_A_TIME = 50

_Key = tuple[str, str]


@dataclass
class _Seen:
    """What the episodes of one environment hold, all told."""

    agents: set[str] = field(default_factory=set)
    observed: set[str] = field(default_factory=set)
    acted: set[str] = field(default_factory=set)

    def add(self, episode: Episode) -> None:
        self.agents.add(episode.agent)
        for observation in _observations(episode):
            self.observed.update(observation)
        for step in episode.steps:
            self.acted.update(_storable(step.action))


def write_minari(episodes: Iterable[Episode], out: Path) -> int:
    """Write a Minari dataset for each environment, in Arrow files, and return the number of episodes.

    An episode has T + 1 observations, T actions (what the agent chose), rewards, terminations ("submitted"),
    truncations ("budget"), and infos of T + 1: executed, perturbation (its kind, "" for none), thought, exit_code (-1
    for none), state, duration_s. Its metadata have seed, options, and ours: episode (the id), agent, task_digest.

    ``recover_environment()`` makes the env as it was played, critic included, on whatever engine there is; it can't
    where the spec was not recorded.

    Args:
        episodes: with a verdict and a turn each; they are read twice.
        out: a folder; made if need be.

    Raises:
        StoreError: the folder holds something already.
    """
    seen: dict[_Key, _Seen] = {}
    for episode in episodes:
        seen.setdefault(_key(episode), _Seen()).add(episode)
    namespace = empty_folder(out) / NAMESPACE
    namespace.mkdir()
    (namespace / "namespace_metadata.json").write_text("{}\n", encoding="utf-8")
    versions: Counter[str] = Counter()
    storages = {}
    for key, one in seen.items():
        name = _NO_DATASET_NAME.sub("-", task_name(key[0]))
        storages[key] = _new_storage(out, f"{NAMESPACE}/{name}-v{versions[name]}", key, one)
        versions[name] += 1
    # Minari measures the whole dataset whenever it is told something, so it is told many things at once.
    waiting: defaultdict[_Key, list[Episode]] = defaultdict(list)
    for episode in episodes:
        some = waiting[key := _key(episode)]
        some.append(episode)
        if len(some) == _AT_A_TIME:
            _add(storages[key], waiting.pop(key))
    for key, some in waiting.items():
        _add(storages[key], some)
    return sum(storage.total_episodes for storage in storages.values())


def _add(storage: Any, episodes: Sequence[Episode]) -> None:
    first = storage.total_episodes
    storage.update_episodes([_buffer(episode) for episode in episodes])
    ours = [{"episode": one.id, "agent": one.agent, "task_digest": one.task_digest} for one in episodes]
    storage.update_episode_metadata(ours, range(first, first + len(episodes)))


def _key(episode: Episode) -> _Key:
    """Return the task and the spec as JSON; "" for none."""
    return episode.task_id, "" if episode.env_spec is None else json.dumps(_portable(episode.env_spec), sort_keys=True)


def _portable(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a spec that leaves the engine to the machine on which it is made."""
    return {**spec, "kwargs": {name: value for name, value in spec["kwargs"].items() if name != "sandbox"}}


def _new_storage(out: Path, dataset_id: str, key: _Key, seen: _Seen) -> Any:
    data = out / dataset_id / "data"
    data.mkdir(parents=True)
    storage = MinariStorage.new(
        data,
        observation_space=_space(OBSERVATION_LIMIT, seen.observed),
        action_space=_space(ACTION_LIMIT, seen.acted),
        env_spec=EnvSpec.from_json(key[1]) if key[1] else None,
        data_format="arrow",
    )
    storage.update_metadata(
        {
            "dataset_id": dataset_id,
            "minari_version": version("minari"),
            "algorithm_name": ", ".join(sorted(seen.agents)),
            "description": f"Episodes of the terminal task {key[0]}.",
            "requirements": [f"termigen-gym>={__version__}"],
        }
    )
    return storage


def _space(max_length: int, characters: set[str]) -> Text:
    return Text(max_length=max_length, min_length=0, charset="".join(sorted(characters | {"\n", " "})))


def _buffer(episode: Episode) -> Any:
    last = len(episode.steps) - 1
    return EpisodeBuffer(
        seed=episode.seed,
        options=dict(episode.options),
        observations=_observations(episode),
        actions=[_storable(step.action) for step in episode.steps],
        rewards=[step.reward for step in episode.steps],
        terminations=[step.index == last and episode.ended == "submitted" for step in episode.steps],
        truncations=[step.index == last and episode.ended == "budget" for step in episode.steps],
        infos=_infos(episode.steps),
    )


def _observations(episode: Episode) -> list[str]:
    return [*(_storable(step.observation) for step in episode.steps), _storable(episode.final_observation)]


def _infos(steps: Sequence[Step]) -> dict[str, list[Any]]:
    """Return the infos of ``reset``, then those of each step."""
    return {
        "executed": ["", *(_storable(step.executed) for step in steps)],
        "perturbation": ["", *(step.perturbation.kind if step.perturbation else "" for step in steps)],
        "thought": ["", *(_storable(step.thought) for step in steps)],
        "exit_code": [_NO_EXIT_CODE, *(_NO_EXIT_CODE if s.exit_code is None else s.exit_code for s in steps)],
        "state": ["prompt", *(step.state for step in steps)],
        "duration_s": [0.0, *(step.duration_s for step in steps)],
    }


def _storable(text: str) -> str:
    """Return a text with "?" for what UTF-8, and so Arrow, can't hold."""
    return text.encode("utf-8", "replace").decode()
