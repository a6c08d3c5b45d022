"""Episodes made by hand, for tests of what reads them."""

from __future__ import annotations

from typing import Any

from termigen_gym.episode import Episode, Perturbation, Repair, Step


def a_step(index: int = 0, **changes: Any) -> Step:
    values: dict[str, Any] = {
        "observation": "$ ",
        "thought": "I look around.",
        "action": "ls",
        "executed": "ls",
        "perturbation": None,
        "exit_code": 0,
        "state": "prompt",
        "reward": 0.0,
        "duration_s": 0.01,
    }
    return Step(index=index, **{**values, **changes})


def a_mistake(kind: str = "command_error") -> Perturbation:
    return Perturbation(
        kind=kind,  # type: ignore[arg-type]
        action="sl",
        thought="I list the files.",
        reason="rule: misspelt program",
        repair=Repair("type sl", "There is no such program.", ()),
    )


def an_episode(episode_id: str = "000000", *, reward: float | None = 1.0, mistakes: int = 0, **changes: Any) -> Episode:
    """An episode of two steps more than it has mistakes; reward None makes it one of our failures."""
    wrong = [a_step(i, executed="sl", exit_code=127, perturbation=a_mistake()) for i in range(mistakes)]
    steps = (*wrong, a_step(mistakes), a_step(mistakes + 1, action="exit", executed="exit", reward=reward or 0.0))
    values: dict[str, Any] = {
        "task_id": "termigen/one-v0",
        "task_digest": "d1",
        "env_spec": None,
        "seed": 7,
        "agent": "oracle",
        "instruction": "Do it.",
        "steps": steps,
        "ended": "error" if reward is None else "submitted",
        "started_at": "2026-01-01T00:00:00+00:00",
        "verdict": None if reward is None else {"reward": reward, "tests": {}, "duration_s": 0.1, "output": ""},
        "error": {"type": "SandboxDied", "message": "the sandbox is gone"} if reward is None else None,
    }
    return Episode(id=episode_id, **{**values, **changes})
