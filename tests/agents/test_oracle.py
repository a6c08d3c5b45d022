"""The oracle: plays a solution in one session, and takes back what went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from termigen_gym.agents.oracle import Oracle
from termigen_gym.critic import Critic, Proposal, Situation
from termigen_gym.episode import Episode, Perturbation, Repair
from termigen_gym.errors import TaskError
from termigen_gym.play import play
from termigen_gym.wrappers import CriticWrapper
from tests.scratch import ScratchEnv, a_task

SOLVE = """\
#!/bin/bash
set -e

# What is there?
ls -l
cat input.txt

# I go to where the work is and remember it.
mkdir -p work && cd work
export RESULT=../out.txt

# The sum goes into the file, by way of the variable.
awk '{ total += $1 } END { print total }' ../input.txt > "$RESULT"

# I check.
cat ../out.txt
grep -qx 6 "$RESULT"
"""

MISTAKES = """\
[[mistake]]
step = 3
kind = "analysis_error"
thought = "There are as many lines as the sum."
command = "wc -l < ../input.txt > ../out.txt"
diagnosis = "cat ../out.txt ../input.txt"
finding = "3 is the number of lines, and the sum is more."
undo = ["rm ../out.txt", "ls .."]
"""


def environment(folder: Path, **changes: Any) -> ScratchEnv:
    values = {"wanted": "6\n", "solution": SOLVE, "mistakes": MISTAKES, "files": {"input.txt": "1\n2\n3\n"}, **changes}
    return ScratchEnv(str(folder), **values)


@pytest.fixture
def env(tmp_path: Path) -> Iterator[ScratchEnv]:
    made = environment(tmp_path)
    yield made
    made.close()


class Scripted(Critic):
    """A critic that puts in these mistakes, one at each named action."""

    def __init__(self, plan: Mapping[str, Perturbation]) -> None:
        self._plan = dict(plan)

    def propose(self, situation: Situation, rng: np.random.Generator) -> Proposal:
        return Proposal(self._plan.pop(situation.action, None))


def recovered(env: ScratchEnv, critic: Critic) -> Episode:
    return play(CriticWrapper(env, critic=critic, epsilon=1.0), Oracle(), episode_id="0", seed=0)


def test_the_solution_is_played_block_by_block_in_one_session(env: ScratchEnv) -> None:
    episode = play(env, Oracle(), episode_id="0", seed=0)
    assert (episode.reward, episode.ended, len(episode.steps)) == (1.0, "submitted", 5)
    assert episode.steps[0].thought == "What is there?"
    assert episode.steps[1].action == "mkdir -p work && cd work\nexport RESULT=../out.txt"
    assert [step.exit_code for step in episode.steps[:4]] == [0, 0, 0, 0]
    assert episode.steps[-1].action == "exit"


def test_it_reacts_diagnoses_undoes_and_tries_again(env: ScratchEnv) -> None:
    action = "mkdir -p work && cd work\nexport RESULT=../out.txt"
    mistake = Perturbation(
        "command_error",
        "mkdir wrk && cd work",
        "I make the folder and go there.",
        "test",
        Repair("ls -d wrk work", "wrk is there and work is not: I left out a letter.", ("rmdir wrk", "ls")),
    )
    episode = recovered(env, Scripted({action: mistake}))
    assert episode.reward == 1.0
    wrong, diagnosis, undo, rest, again = episode.steps[1:6]
    assert (wrong.action, wrong.executed, wrong.thought) == (action, mistake.action, mistake.thought)
    assert diagnosis.action == "ls -d wrk work"
    assert diagnosis.thought == (
        "That failed: `bash: cd: work: No such file or directory`. I find out why before I go on."
    )
    assert (undo.action, undo.thought) == ("rmdir wrk", "wrk is there and work is not: I left out a letter.")
    assert (rest.action, rest.thought) == ("ls", "The rest of it goes back as well.")
    assert (again.action, again.thought) == (action, "I go to where the work is and remember it.")


def test_without_anything_to_undo_the_finding_leads_back(env: ScratchEnv) -> None:
    block = "ls -l\ncat input.txt"
    mistake = Perturbation("hallucination", "true", "It shows itself.", "test", Repair("ls", "It did not.", ()))
    steps = recovered(env, Scripted({block: mistake})).steps
    assert steps[1].thought == "That printed nothing, so I do not know yet whether it did what I wanted. I check."
    assert (steps[2].action, steps[2].thought) == (block, "It did not. What is there?")


def test_repairs_may_go_wrong_in_turn(env: ScratchEnv) -> None:
    block = "ls -l\ncat input.txt"
    first = Perturbation("command_error", "sl", "I list.", "test", Repair("type sl", "A typo.", ("true",)))
    second = Perturbation("command_error", "tpye sl", "I ask.", "test", Repair("type tpye", "Again a typo.", ()))
    third = Perturbation("command_error", "ture", "I undo.", "test", Repair("type ture", "A third one.", ()))
    episode = recovered(env, Scripted({block: first, "type sl": second, "true": third}))
    assert [step.executed for step in episode.steps[:7]] == [
        "sl",
        "tpye sl",
        "type tpye",
        "type sl",
        "ture",
        "type ture",
        "true",
    ]
    assert episode.steps[3].thought == "Again a typo. Now the look that I was about to take."
    assert episode.steps[6].thought == "A third one. Now I take back what I meant to take back."
    assert episode.steps[7].action == block
    assert episode.steps[7].thought == "What is there?"
    assert episode.reward == 1.0


def test_where_nobody_knows_the_repair_the_step_is_run_again(env: ScratchEnv) -> None:
    block = "ls -l\ncat input.txt"
    episode = recovered(env, Scripted({block: Perturbation("analysis_error", "cat nothing", "Hm.", "a model")}))
    assert [step.executed for step in episode.steps[:2]] == ["cat nothing", block]
    assert episode.steps[1].thought.startswith("That failed: `cat: nothing: No such file or directory`.")
    assert episode.steps[1].thought.endswith("What is there?")


def test_a_mistake_that_hangs_is_interrupted_first(tmp_path: Path) -> None:
    env = environment(tmp_path, command_timeout_s=0.5)
    block = "ls -l\ncat input.txt"
    mistake = Perturbation(
        "command_error", "sleep 60", "It needs time.", "test", Repair("ls", "It was for nothing.", ())
    )
    episode = recovered(env, Scripted({block: mistake}))
    assert [(step.executed, step.state) for step in episode.steps[:3]] == [
        ("sleep 60", "running"),
        ("\x03", "prompt"),
        ("ls", "prompt"),
    ]
    assert episode.reward == 1.0
    env.close()


def test_a_long_block_is_waited_for(tmp_path: Path) -> None:
    solution = "#!/bin/bash\n\n# It takes a while.\nsleep 1; echo done > out.txt\n"
    env = environment(tmp_path, solution=solution, mistakes=None, wanted="done\n", command_timeout_s=0.3)
    episode = play(env, Oracle(), episode_id="0", seed=0)
    assert episode.reward == 1.0
    assert {step.action for step in episode.steps[1:-1]} == {""}
    assert len(episode.steps) > 2
    env.close()


def observed(observation: str, exit_code: int | None, state: str = "prompt") -> str:
    """What the oracle thinks after a mistake that showed this."""
    oracle = Oracle()
    info = {"state": "prompt", "exit_code": 0}
    oracle.begin(a_task(Path(), solution="#!/bin/bash\n\n# I look.\nls\n"), "", info)
    oracle.act("", info)
    mistake = Perturbation("command_error", "sl", "I list.", "test", Repair("type sl", "A typo.", ()))
    after = {"state": state, "exit_code": exit_code, "perturbation": mistake.to_dict()}
    move = oracle.act(observation, after)
    while move.action != "type sl":
        move = oracle.act("", {"state": "prompt", "exit_code": 130, "perturbation": None})
    return move.thought


@pytest.mark.parametrize(
    ("observation", "exit_code", "state", "thought"),
    [
        ("x\nbash: sl: command not found\n", 127, "prompt", "That failed: `bash: sl: command not found`."),
        ("a\nb\n", 1, "prompt", "Exit code 1, and the last line is `b`."),
        ("", 1, "prompt", "Exit code 1 and not a word."),
        ("warning: unknown key `x`\nok\n", 0, "prompt", "The output has `warning: unknown key 'x'`, which"),
        ("", 0, "prompt", "That printed nothing"),
        ("3\n", 0, "prompt", "It ended without a complaint, but `3` does not prove"),
        ("[the shell ended]\n", None, "prompt", "That cost me the shell."),
        ("error: waiting\n", None, "running", "That does not end by itself"),
        ("error " + "x" * 500, 1, "prompt", "That failed: `error " + "x" * 154 + "…`."),
    ],
)
def test_its_doubt_is_about_what_was_shown(observation: str, exit_code: int, state: str, thought: str) -> None:
    assert observed(observation, exit_code, state).startswith(thought)


@pytest.mark.parametrize("seed", range(12))
def test_under_the_rule_critic_it_still_solves_the_task_with_state_intact(tmp_path: Path, seed: int) -> None:
    env = environment(tmp_path)
    episode = play(CriticWrapper(env, critic="rule", epsilon=0.3), Oracle(), episode_id="0", seed=seed)
    assert (episode.reward, episode.ended) == (1.0, "submitted")
    left = {path.relative_to(env.folder).as_posix() for path in env.folder.rglob("*")}
    assert left == {"input.txt", "out.txt", "work"}
    assert (env.folder / "input.txt").read_text() == "1\n2\n3\n"


def test_the_same_seed_gives_the_same_episode(tmp_path: Path) -> None:
    def moves(seed: int) -> list[tuple[str, str, str]]:
        wrapped = CriticWrapper(environment(tmp_path), critic="rule", epsilon=0.3)
        episode = play(wrapped, Oracle(), episode_id="0", seed=seed)
        # `ls -l` shows sizes of folders and times, so thoughts on such lines may differ; what is done may not.
        return [(step.action, step.executed, step.state) for step in episode.steps]

    assert moves(3) == moves(3)
    assert moves(3) != moves(4)


def test_without_a_solution_it_cannot_play(tmp_path: Path) -> None:
    episode = play(environment(tmp_path, solution=None), Oracle(), episode_id="0", seed=0)
    assert episode.error is not None
    assert episode.error["type"] == "TaskError"
    with pytest.raises(TaskError, match="expected a reference solution"):
        Oracle().begin(a_task(tmp_path), "", {})
