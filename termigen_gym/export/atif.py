"""Episodes as ATIF 1.7 trajectories (Agent Trajectory Interchange Format, Harbor's RFC 0001).

A folder is laid out as Harbor lays out the trials of a job, so that what reads those finds its way:

    OUT/<episode>/agent/trajectory.json     the trajectory
    OUT/<episode>/result.json               what ATIF has no place for and Harbor reads from here: task, agent, reward
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import __version__
from ..agents.protocol import TOOL
from ..agents.replies import key_name
from ..episode import Episode, Step
from .folders import empty_folder, new_path

SCHEMA_VERSION = "ATIF-v1.7"

_USAGE = {
    "prompt_tokens": "total_prompt_tokens",
    "completion_tokens": "total_completion_tokens",
    "cached_tokens": "total_cached_tokens",
    "dollars": "total_cost_usd",
}


def write_atif(episodes: Iterable[Episode], out: Path) -> int:
    """Write one trajectory for each episode, and return how many.

    Args:
        episodes: with a verdict and a turn each.
        out: a file of JSON Lines where its name ends with ".jsonl" (an existing one is replaced), else a folder.

    Raises:
        StoreError: the folder holds something already, or two episodes have one id.
    """
    count = 0
    if out.suffix == ".jsonl":
        with out.open("wb") as file:
            for episode in episodes:
                file.write(_encoded(trajectory(episode)) + b"\n")
                count += 1
        return count
    empty_folder(out)
    for episode in episodes:
        trial = new_path(out, episode.id)
        (trial / "agent").mkdir(parents=True)
        (trial / "agent" / "trajectory.json").write_bytes(_encoded(trajectory(episode), indent=2) + b"\n")
        (trial / "result.json").write_bytes(_encoded(_result(episode), indent=2) + b"\n")
        count += 1
    return count


def trajectory(episode: Episode) -> dict[str, Any]:
    """Return an episode as an ATIF trajectory of plain JSON values.

    The user's step is what the agent was shown at first. Each turn is an agent's step: the thought as its message, what
    ran as its tool call, what the terminal then showed as its observation. What ATIF has no field for lies in
    ``extra``: of a turn the exit code, state, seconds, reward, and the injected mistake with the action it displaced.
    """
    seen = [step.observation for step in episode.steps[1:]] + [episode.final_observation]
    first = {
        "step_id": 1,
        "timestamp": episode.started_at,
        "source": "user",
        "message": episode.steps[0].observation,
    }
    turns = [_turn(episode, step, shown) for step, shown in zip(episode.steps, seen, strict=True)]
    totals = {total: episode.usage[name] for name, total in _USAGE.items() if name in episode.usage}
    model = {} if episode.model is None else {"model_name": episode.model}
    return {
        "schema_version": SCHEMA_VERSION,
        "session_id": episode.id,
        "trajectory_id": episode.id,
        "agent": {"name": episode.agent, "version": __version__, **model, "tool_definitions": [TOOL]},
        "steps": [first, *turns],
        "final_metrics": {**totals, "total_steps": len(turns) + 1},
        "extra": {
            "task_id": episode.task_id,
            "task_digest": episode.task_digest,
            "instruction": episode.instruction,
            "seed": episode.seed,
            "options": dict(episode.options),
            "env_spec": episode.env_spec,
            "ended": episode.ended,
            "reward": episode.reward,
            "pass_rate": episode.pass_rate,
            "verdict": episode.verdict,
            "usage": dict(episode.usage),
        },
    }


def _turn(episode: Episode, step: Step, shown: str) -> dict[str, Any]:
    call = f"call_{step.index}"
    mistake = None
    if step.perturbation is not None:
        mistake = {**step.perturbation.to_dict(), "displaced": step.action, "recovered_at": step.recovered_at}
    return {
        "step_id": step.index + 2,
        "source": "agent",
        "message": step.thought,
        "tool_calls": [
            {"tool_call_id": call, "function_name": "bash", "arguments": {"command": key_name(step.executed)}}
        ],
        "observation": {"results": [{"source_call_id": call, "content": shown}]},
        **({"llm_call_count": 0} if episode.model is None else {}),
        "extra": {
            "exit_code": step.exit_code,
            "state": step.state,
            "duration_s": step.duration_s,
            "reward": step.reward,
            "perturbation": mistake,
            "intent": None if step.intent is None else step.intent.to_dict(),
        },
    }


def _result(episode: Episode) -> dict[str, Any]:
    model = {} if episode.model is None else {"model_info": {"name": episode.model, "provider": "unknown"}}
    return {
        "task_name": episode.task_id,
        "trial_name": episode.id,
        "started_at": episode.started_at,
        "agent_info": {"name": episode.agent, "version": __version__, **model},
        "verifier_result": {"rewards": {"reward": episode.reward}},
        "exception_info": None,
    }


def _encoded(document: dict[str, Any], indent: int | None = None) -> bytes:
    # What UTF-8 can't hold (half of a surrogate pair) becomes "?": a reader would refuse the file.
    return json.dumps(document, ensure_ascii=False, indent=indent).encode("utf-8", "replace")
