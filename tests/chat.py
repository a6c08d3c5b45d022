"""Tokenizers and episodes for tests of what a model is shown and trained on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import trl

from termigen_gym.agents.protocol import SYSTEM, assistant_message
from termigen_gym.episode import Episode, Perturbation, Repair, Step
from tests.episodes import a_step, an_episode
from training.tiny import CHAT_TEMPLATE, TinyShape, make_tokenizer

PUBLISHED = Path(trl.__file__).parent / "chat_templates"
TEMPLATES = {
    "ours": CHAT_TEMPLATE,
    **{
        name: (PUBLISHED / f"{name}.jinja").read_text()
        for name in ("qwen2_5", "qwen3", "qwen3_instruct_2507", "qwen3_5_nothink", "qwen3_5_think")
    },
}
"""Ours, and those that TRL ships word for word as they are published."""


@cache
def a_tokenizer(template: str = "ours") -> Any:
    """A byte-level tokenizer with one of `TEMPLATES`; small enough that texts have many tokens."""
    texts = [SYSTEM, assistant_message("I look around.", "ls -la")["content"]] * 2
    tokenizer = make_tokenizer(texts, TinyShape(vocabulary=400))
    tokenizer.chat_template = TEMPLATES[template]
    return tokenizer


def a_mistake_at(step: Step, undo: Sequence[str] = ("rm x",)) -> Step:
    """`step`, displaced by a mistake."""
    wrong = Perturbation(
        "analysis_error", f"bad {step.action}", "I am sure.", "test", Repair("look", "Ah.", tuple(undo))
    )
    return replace(step, executed=wrong.action, thought=wrong.thought, perturbation=wrong, exit_code=1)


def some_steps(*actions: str) -> list[Step]:
    """Steps that run `actions`."""
    return [a_step(index, action=action, executed=action) for index, action in enumerate(actions)]


def of_steps(steps: Sequence[Step], episode_id: str = "000000", **changes: Any) -> Episode:
    """An episode of these steps, numbered anew."""
    numbered = tuple(replace(step, index=index) for index, step in enumerate(steps))
    return an_episode(episode_id, steps=numbered, **changes)


def a_random_episode(random_: random.Random, turns: int, longest: int = 400) -> Episode:
    """An episode with outputs of up to `longest` characters, some of them odd, and some mistakes."""
    letters = "abc xyz 0123 \n\té漢\U0001f40d<|im_end|>'\"\\"
    steps = []
    for index in range(turns):
        observation = "".join(random_.choices(letters, k=random_.randint(0, longest)))
        action = f"run {index} " + "".join(random_.choices("abc\n$", k=random_.randint(0, 20)))
        step = a_step(index, observation=observation, action=action, executed=action, thought=f"Thought {index}.")
        steps.append(a_mistake_at(step) if random_.random() < 0.2 else step)
    return of_steps(steps)
