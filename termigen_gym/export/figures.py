"""What a set of episodes amounts to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from ..episode import PERTURBATION_KINDS, Episode
from .selection import category_of


@dataclass(frozen=True)
class Figures:
    """The figures of a dataset card.

    Attributes:
        episodes: all. solved: those at reward 1. pass_rate: the mean fraction of tests passed; 0 of no episodes.
        steps: of all.
        tasks: episodes by task. categories: episodes by category.
        mistakes: injected ones by kind, all five. perturbed: episodes with at least one.
        recovered: those of them at reward 1.
        agents: episodes by agent, with the model's name where there is one.
        prompt_tokens, completion_tokens: of the models that played, as far as they were recorded.
    """

    episodes: int
    solved: int
    pass_rate: float
    steps: int
    tasks: Mapping[str, int]
    categories: Mapping[str, int]
    mistakes: Mapping[str, int]
    perturbed: int
    recovered: int
    agents: Mapping[str, int]
    prompt_tokens: int
    completion_tokens: int

    @classmethod
    def of(cls, episodes: Iterable[Episode]) -> Figures:
        """Return the figures of episodes, which are read once."""
        count: Counter[str] = Counter()
        tasks: Counter[str] = Counter()
        categories: Counter[str] = Counter()
        agents: Counter[str] = Counter()
        mistakes: Counter[str] = Counter(dict.fromkeys(PERTURBATION_KINDS, 0))
        passed = 0.0
        category = cache(category_of)
        for episode in episodes:
            mistakes.update(perturbation.kind for perturbation in episode.perturbations)
            tasks[episode.task_id] += 1
            categories[category(episode.task_id)] += 1
            agents[" ".join(filter(None, (episode.agent, _plain_name(episode.model))))] += 1
            passed += episode.pass_rate or 0.0
            count["episodes"] += 1
            count["solved"] += episode.solved
            count["steps"] += len(episode.steps)
            count["perturbed"] += bool(episode.perturbations)
            count["recovered"] += bool(episode.perturbations) and episode.solved
            for name in ("prompt_tokens", "completion_tokens"):
                count[name] += int(episode.usage.get(name, 0))
        return cls(
            episodes=count["episodes"],
            solved=count["solved"],
            pass_rate=passed / max(count["episodes"], 1),
            steps=count["steps"],
            tasks=dict(sorted(tasks.items())),
            categories=dict(sorted(categories.items())),
            mistakes=dict(mistakes),
            perturbed=count["perturbed"],
            recovered=count["recovered"],
            agents=dict(sorted(agents.items())),
            prompt_tokens=count["prompt_tokens"],
            completion_tokens=count["completion_tokens"],
        )


def _plain_name(model: str | None) -> str | None:
    """Return a model's name; of a path its last part, because the others say whose machine it was."""
    return model.rstrip("/").rpartition("/")[2] if model is not None and model.startswith(("/", "~", ".")) else model
