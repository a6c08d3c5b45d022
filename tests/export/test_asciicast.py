from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from termigen_gym.episode import Step
from termigen_gym.export import write_asciicast
from termigen_gym.export.asciicast import THINKING_S, events
from tests.chat import a_mistake_at, of_steps, some_steps
from tests.episodes import an_episode


def steps() -> list[Step]:
    look, build, top, key, leave = some_steps("ls", "make\nmake check", "top", "\x03", "exit")
    return [
        replace(look, observation="Do it.\n\n/app# ", duration_s=0.25),
        replace(a_mistake_at(build), observation="a  b\n", duration_s=2.5),
        replace(top, observation="no such target", state="running"),
        replace(key, observation="", state="prompt"),
        replace(leave, observation="^C\n"),
    ]


def shown(text_of: list[tuple[float, str, str]]) -> str:
    return "".join(data for _, code, data in text_of if code == "o").replace("\r\n", "\n")


def test_it_looks_like_the_session() -> None:
    assert shown(list(events(of_steps(steps(), final_observation="bye")))) == (
        "Do it.\n\n/app# ls\na  b\n$ bad make\n> make check\nno such target\n$ top\nC-c\n^C\n$ exit\nbye\n"
    )


def test_outputs_come_after_the_recorded_seconds() -> None:
    seen = list(events(of_steps(steps())))
    assert [round(at, 6) for at, _, _ in seen[:6]] == [
        0.0,
        THINKING_S,
        THINKING_S + 0.25,
        2 * THINKING_S + 0.25,
        2 * THINKING_S + 0.25,
        2 * THINKING_S + 2.75,
    ]
    assert seen[3] == (2 * THINKING_S + 0.25, "m", "analysis_error")
    assert all(one[0] <= other[0] for one, other in pairwise(seen))


def test_a_file_is_asciicast_v2(tmp_path: Path) -> None:
    """A header object, then arrays of seconds, code and text; every output ends its lines for a terminal."""
    episodes = [of_steps(steps(), "a", final_observation="\ud800 é"), an_episode("b", reward=0.0)]
    assert write_asciicast(episodes, tmp_path / "casts") == 2
    assert sorted(path.name for path in (tmp_path / "casts").iterdir()) == ["a.cast", "b.cast"]
    for path in (tmp_path / "casts").iterdir():
        lines: list[Any] = [json.loads(line) for line in path.read_text().splitlines()]
        header, *rest = lines
        assert (header["version"], header["width"], header["height"]) == (2, 80, 24)
        assert header["timestamp"] == 1767225600
        assert all(isinstance(at, float) and code in ("o", "m") and isinstance(data, str) for at, code, data in rest)
        assert not any("\n" in data.replace("\r\n", "") for _, _, data in rest)
    assert "reward 0" in (tmp_path / "casts" / "b.cast").read_text().splitlines()[0]


def test_an_observation_without_a_prompt_gets_one() -> None:
    look, leave = some_steps("ls", "exit")
    episode = of_steps([replace(look, observation="Do it.\n"), replace(leave, observation="")])
    assert shown(list(events(episode))) == "Do it.\n$ ls\n$ exit\n"
