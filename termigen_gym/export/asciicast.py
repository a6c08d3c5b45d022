"""Episodes as asciicast v2 recordings, to look at in a terminal or a browser.

The format: docs.asciinema.org/manual/asciicast/v2
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from ..agents.replies import key_name
from ..episode import Episode
from .folders import empty_folder, new_path

THINKING_S = 1.0
"""Seconds before each command: how long the agent thought is not on record, and a viewer wants to read."""

_WIDTH, _HEIGHT = 80, 24  # what a program that addresses the screen is seen on

Event = tuple[float, str, str]


def write_asciicast(episodes: Iterable[Episode], out: Path) -> int:
    """Write OUT/<episode>.cast for each episode, and return how many.

    Args:
        episodes: with a verdict and a turn each.
        out: a folder; made if need be.

    Raises:
        StoreError: the folder holds something already, or two episodes have one id.
    """
    empty_folder(out)
    count = 0
    for episode in episodes:
        new_path(out, episode.id, ".cast").write_bytes(_cast(episode))
        count += 1
    return count


def _cast(episode: Episode) -> bytes:
    header = {
        "version": 2,
        "width": _WIDTH,
        "height": _HEIGHT,
        "timestamp": int(datetime.fromisoformat(episode.started_at).timestamp()),
        "title": f"{episode.task_id} {episode.id}, {episode.agent}: reward {episode.reward:g}",
        "env": {"TERM": "xterm-256color", "SHELL": "/bin/bash"},
    }
    lines: list[Any] = [header, *([round(at, 6), code, data] for at, code, data in events(episode))]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode("utf-8", "replace")


def events(episode: Episode) -> Iterator[Event]:
    r"""Yield the events of an episode: seconds from its begin, "o" (output) or "m" (a marker), and the text.

    Prompt and command come `THINKING_S` after what was there before, the output after the step's recorded seconds. The
    first prompt is on record at the end of the first observation; later ones, which an observation leaves out, are
    "$ ". What is typed to a running program stands without one. A marker stands where a mistake was injected.
    """
    at = 0.0
    first = episode.steps[0].observation
    yield at, "o", _returned(first)
    after = [step.observation for step in episode.steps[1:]] + [episode.final_observation]
    prompt = "$ " if first.endswith("\n") else ""
    for step, output in zip(episode.steps, after, strict=True):
        at += THINKING_S
        if step.perturbation is not None:
            yield at, "m", step.perturbation.kind
        yield at, "o", _returned(prompt + key_name(step.executed).replace("\n", "\n> ") + "\n")
        at += step.duration_s
        yield at, "o", _returned(output if not output or output.endswith("\n") else f"{output}\n")
        prompt = "" if step.state == "running" else "$ "


def _returned(text: str) -> str:
    """Return a text as a program's output reaches a terminal: the cursor goes back to the left at each line."""
    return text.replace("\n", "\r\n")
