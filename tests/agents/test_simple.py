"""The null and the echo agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from termigen_gym.agents.simple import Echo, Null, examples, paths
from termigen_gym.play import play
from tests.scratch import ScratchEnv

INSTRUCTION = """\
Read the log in /var/log/app/server.log (see /usr/bin/env and http://example.org/a/b) and write two files.

The counts go to `report/counts.json`, in this form:

```json
{"errors": 0}
```

~~~
second
block
~~~

The list goes to /srv/out/list.txt, /srv/out/list.txt only; either/or 3/4 and e.g. do not matter:

    one
        indented

    two

Leave `/srv/keep/` and /srv/out. alone.
"""


def test_examples_are_fenced_and_indented_blocks() -> None:
    assert [block.text for block in examples(INSTRUCTION)] == [
        '{"errors": 0}\n',
        "second\nblock\n",
        "one\n    indented\n\ntwo\n",
    ]


def test_indented_lines_inside_a_fence_are_no_block_of_their_own() -> None:
    assert [block.text for block in examples("Do:\n\n```\na\n\n    b\n\n```\n")] == ["a\n\n    b\n\n"]
    assert examples("Nothing to copy.\n") == []


def test_paths_are_what_the_prose_names() -> None:
    assert list(paths(INSTRUCTION)) == [
        "/var/log/app/server.log",
        "report/counts.json",
        "/srv/out/list.txt",
        "/srv/out",
    ]
    assert paths("```\n/in/a/block.txt\n```\n") == {}


def folder_after(env: ScratchEnv, agent: Echo) -> dict[str, str]:
    episode = play(env, agent, episode_id="0", seed=0)
    assert episode.ended == "submitted"
    assert all(step.exit_code == 0 for step in episode.steps[:-1])
    return {str(path.relative_to(env.folder)): path.read_text() for path in env.folder.rglob("*") if path.is_file()}


def environment(tmp_path: Path, instruction: str, files: dict[str, str] | None = None) -> ScratchEnv:
    env = ScratchEnv(str(tmp_path), instruction=instruction, files=files or {})
    return env


PAIR = "Read `in.csv`. Write `out.txt`:\n\n```\ndone\n```\n\nand `deep/er/b.txt`:\n\n```\nother's\n```\n"


def test_each_path_gets_the_example_that_follows_it(tmp_path: Path) -> None:
    left = folder_after(environment(tmp_path, PAIR, {"in.csv": "1,2\n", "out.txt": "stub\n"}), Echo())
    assert left == {"in.csv": "1,2\n", "out.txt": "done\n", "deep/er/b.txt": "other's\n"}


def test_shifted_each_path_gets_the_other_examples(tmp_path: Path) -> None:
    left = folder_after(environment(tmp_path, PAIR, {"in.csv": "1,2\n"}), Echo(shift=1))
    assert left == {"in.csv": "1,2\n", "out.txt": "other's\n", "deep/er/b.txt": "done\n"}


def test_folders_are_left_alone(tmp_path: Path) -> None:
    env = environment(tmp_path, "Fill `out.d`:\n\n```\nx\n```\n", {"out.d/keep": "kept\n"})
    assert folder_after(env, Echo()) == {"out.d/keep": "kept\n"}


def test_echo_earns_what_a_format_check_gives_away(tmp_path: Path) -> None:
    episode = play(environment(tmp_path, PAIR), Echo(), episode_id="0", seed=0)
    assert episode.reward == 1.0


@pytest.mark.parametrize("agent", [Null(), Echo()])
def test_with_nothing_to_copy_both_submit_at_once(tmp_path: Path, agent: Null | Echo) -> None:
    episode = play(environment(tmp_path, "Do it."), agent, episode_id="0", seed=0)
    assert [step.action for step in episode.steps] == ["exit"]
    assert (episode.reward, episode.agent, episode.model, episode.usage) == (0.0, agent.name, None, {})
