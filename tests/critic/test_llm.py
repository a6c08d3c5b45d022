"""The critic that is a model: what it asks, what it takes, what it sends back, when it gives up."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from termigen_gym.agents.oracle import Oracle
from termigen_gym.critic import Proposal, Situation, critic_named
from termigen_gym.critic.llm import MEANINGS, LlmCritic
from termigen_gym.episode import Judgement, PerturbationKind, Repair
from termigen_gym.errors import ModelUnavailable, RequestFailed
from termigen_gym.llm import Reply, Request
from termigen_gym.play import play
from termigen_gym.sandbox.base import Engine
from termigen_gym.store import EpisodeStore
from termigen_gym.task import Task
from termigen_gym.wrappers import CriticWrapper
from tests.command import MAIN
from tests.endpoint import Behaviour, Body, Endpoint, says
from tests.scratch import ScratchEnv, a_task

SOLVE = "#!/bin/bash\n\n# I look.\ncat a.txt\n\n# I copy it.\ncp a.txt out.txt\n"
MISTAKE = {
    "thought": "The numbers are in a.csv.",
    "command": "cat a.csv",
    "diagnosis": "ls",
    "finding": "There is a.txt, and no a.csv.",
    "undo": [],
}
GOOD = {"fits": True, "plausible": True, "informative": True, "why": ""}
PROSE = "What a nice task!"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MAIN, *words], capture_output=True, text=True, check=False)


class Cast:
    """A model that plays injector and judge from lists, in order."""

    name = "cast"

    def __init__(self, injector: list[Any], judge: list[Any]) -> None:
        self.left = {"injector": list(injector), "judge": list(judge), "review": list(judge)}
        self.requests: list[Request] = []

    def complete(self, request: Request) -> Reply:
        self.requests.append(request)
        said = self.left[request.purpose.split("/")[-2]].pop(0)
        return Reply(said if isinstance(said, str) else json.dumps(said))

    def prompt(self, index: int) -> str:
        return str(self.requests[index].messages[0]["content"])


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return a_task(tmp_path, solution=SOLVE)


def proposed(
    task: Task, model: Cast, kind: PerturbationKind = "hallucination", tries: int = 3, ran: tuple[str, ...] = ()
) -> Proposal:
    situation = Situation(task, [(command, "shown") for command in ran], "cat a.txt", (kind,), "critic/t/7/3")
    return LlmCritic(model, tries=tries).propose(situation, np.random.default_rng(1))


def test_a_mistake_that_the_judge_takes_is_proposed(task: Task) -> None:
    model = Cast([MISTAKE], [GOOD])
    found = proposed(task, model, ran=("ls",))
    assert found.perturbation is not None
    assert (found.perturbation.kind, found.perturbation.action) == ("hallucination", "cat a.csv")
    assert found.perturbation.repair == Repair("ls", "There is a.txt, and no a.csv.", ())
    assert (found.attempts, found.note) == (1, "")
    assert found.judgement == Judgement(True, "", {"fits": True, "plausible": True, "informative": True})
    assert [request.purpose for request in model.requests] == ["critic/t/7/3/injector/1", "critic/t/7/3/judge/1"]
    for index in (0, 1):
        assert all(part in model.prompt(index) for part in (task.instruction.strip(), "$ ls\nshown", "$ cat a.txt"))
        assert MEANINGS["hallucination"] in model.prompt(index)
    assert "$ cat a.csv" in model.prompt(1)


@pytest.mark.parametrize(
    ("judged", "told"),
    [
        ({**GOOD, "informative": False, "why": "nothing is shown"}, "nothing is shown"),
        ({**GOOD, "plausible": False, "fits": False}, "it is not fits, plausible"),
        (PROSE, "the judge could not be understood"),
        ({"fits": True}, "the judge could not be understood: expected the JSON object to fit"),
    ],
)
def test_what_the_judge_refuses_is_written_anew_with_the_reason(task: Task, judged: Any, told: str) -> None:
    model = Cast([MISTAKE, {**MISTAKE, "command": "cat b.csv"}], [judged, GOOD])
    found = proposed(task, model)
    assert found.perturbation is not None
    assert (found.perturbation.action, found.attempts) == ("cat b.csv", 2)
    assert told in model.prompt(2)
    assert '"cat a.csv"' in model.prompt(2)


@pytest.mark.parametrize("said", [PROSE, '{"thought": "x", "comm', {"thought": "x"}, {**MISTAKE, "command": "  "}])
def test_a_reply_that_can_not_be_used_is_told_so_and_counts(task: Task, said: Any) -> None:
    model = Cast([said, MISTAKE], [GOOD])
    found = proposed(task, model)
    assert (found.perturbation is not None, found.attempts) == (True, 2)
    assert "It was refused: expected" in model.prompt(1)


@pytest.mark.parametrize("command", ["cat a.txt", "make"])
def test_the_right_command_and_one_that_ran_are_refused_without_a_judge(task: Task, command: str) -> None:
    model = Cast([{**MISTAKE, "command": command}, MISTAKE], [GOOD])
    assert proposed(task, model, ran=("make",)).attempts == 2
    assert "has been run, or is the right one" in model.prompt(1)


def test_after_so_many_tries_it_gives_up_and_says_so(task: Task) -> None:
    bad = {**GOOD, "fits": False, "why": "it is no hallucination"}
    found = proposed(task, Cast([MISTAKE] * 2, [bad] * 2), tries=2)
    assert (found.perturbation, found.attempts) == (None, 2)
    assert found.note == "refused 2 times, at last: it is no hallucination"
    assert found.judgement is not None
    assert found.judgement.answers == {"fits": False, "plausible": True, "informative": True}


@pytest.mark.parametrize(
    ("said", "judgement"),
    [
        ({"advances": True, "why": "it reads the file"}, Judgement(True, "it reads the file", {"advances": True})),
        ({"advances": False}, Judgement(False, "", {"advances": False})),
        (PROSE, None),
    ],
)
def test_other_steps_are_reviewed(task: Task, said: Any, judgement: Judgement | None) -> None:
    situation = Situation(task, (), "cat a.txt", purpose="critic/t/7/0")
    assert LlmCritic(Cast([], [said])).review(situation) == judgement
    assert LlmCritic(Cast([], [said]), reviews=False).review(situation) is None


def test_an_episode_is_played_with_it_over_an_endpoint(tmp_path: Path) -> None:
    """Each step is judged; the oracle takes the mistakes back; a seed asks the same again."""

    def answer(body: Body) -> Any:
        prompt = body["messages"][0]["content"]
        if "advances:" in prompt:
            return says(json.dumps({"advances": True, "why": "it is a step of the solution"}))
        return says(json.dumps(GOOD if "Answer three questions" in prompt else MISTAKE))

    with Endpoint(answer) as endpoint:
        options = {"model": "x", "base_url": endpoint.url}
        assert critic_named("llm", options) is critic_named("llm", options), "those alike share their connections"
        env = ScratchEnv(str(tmp_path), solution=SOLVE, wanted="1\n", files={"a.txt": "1\n"})
        wrapped = CriticWrapper(env, "llm", 1.0, critic_options=options, schedule={"most_in_a_row": 1})
        episode = play(wrapped, Oracle(), episode_id="0", seed=4)
        first = [body["messages"] for body in endpoint.bodies]
        again = play(wrapped, Oracle(), episode_id="0", seed=4)
        assert [body["messages"] for body in endpoint.bodies[len(first) :]] == first
        env.close()
    assert (episode.reward, episode.error) == (1.0, None)
    assert [step.executed for step in again.steps] == [step.executed for step in episode.steps]
    mistakes = [step for step in episode.steps if step.perturbation is not None]
    assert mistakes
    for step in episode.steps[:-1]:
        assert step.intent is not None
        if step.intent.note == "":
            assert step.intent.judgement is not None
            assert step.intent.judgement.ok
            assert step.intent.wanted == ("correct" if step.perturbation is None else "error")
    assert all(step.recovered_at is not None for step in mistakes)
    assert episode.steps[-1].intent is not None
    assert episode.steps[-1].intent.note == "it submits"


def test_an_endpoint_that_fails_is_our_error_and_no_reward(tmp_path: Path) -> None:
    class Down:
        name = "down"

        def complete(self, request: Request) -> Reply:
            raise ModelUnavailable("expected a reply, found none")

    env = ScratchEnv(str(tmp_path), solution=SOLVE, files={"a.txt": "1\n"})
    episode = play(CriticWrapper(env, LlmCritic(Down()), 1.0), Oracle(), episode_id="0", seed=1)
    env.close()
    assert (episode.ended, episode.reward) == ("error", None)
    assert episode.error is not None
    assert episode.error["type"] == "ModelUnavailable"


@pytest.mark.parametrize("broken", ["injector", "judge", "review"])
def test_a_request_that_fails_costs_the_step_its_mistake(broken: str, tmp_path: Path) -> None:
    class Breaks:
        name = "breaks"

        def complete(self, request: Request) -> Reply:
            role = request.purpose.split("/")[-2]
            if role == broken:
                raise RequestFailed("expected a reply, found none")
            return Reply(json.dumps({"injector": MISTAKE, "review": {"advances": True}}.get(role)))

    env = ScratchEnv(str(tmp_path), solution=SOLVE, files={"a.txt": "1\n"})
    epsilon = 0.0 if broken == "review" else 1.0
    episode = play(CriticWrapper(env, LlmCritic(Breaks()), epsilon), Oracle(), episode_id="0", seed=1)
    env.close()
    assert (episode.error, episode.ended) == (None, "submitted")
    assert episode.perturbations == ()
    notes = {step.intent.note for step in episode.steps[:-1] if step.intent}
    assert {"injector": "found none", "judge": "could not be understood", "review": ""}[broken] in notes.pop()


def test_a_run_with_a_critic_that_is_a_model(one_engine: Engine, tmp_path: Path) -> None:
    """The address stays out of what is written down; a schedule's and a critic's options are checked at once."""
    mistake = {"thought": "It is a.", "command": "cat a", "diagnosis": "ls", "finding": "There is no a.", "undo": []}
    good = {"fits": True, "plausible": True, "informative": True, "advances": True, "why": ""}

    def answer(body: Body) -> Behaviour:
        said = good if "Answer" in body["messages"][0]["content"] else mistake
        return says(json.dumps(said), usage=(7, 3))

    words = ["collect", "--out", str(tmp_path / "run"), "--tasks", "stock-terminal", "--episodes", "1", "--json"]
    words += ["--sandbox", one_engine.name, "--critic", "llm", "--epsilon", "1", "--schedule", "most_in_a_row=1"]
    with Endpoint(answer) as endpoint:
        secret = endpoint.url.replace("http://", "http://somebody:secret@")
        options = ["--critic-option", "model=x", "--critic-option", f"base_url={secret}", "--critic-option", "tries=1"]
        done = run(*words, *options, "--critic-option", "price=[1, 1000000]")
        replies = len(endpoint.bodies)
    assert done.returncode == 0, done.stderr
    (episode,) = EpisodeStore(tmp_path / "run")
    names = ("critic_prompt_tokens", "critic_completion_tokens", "critic_dollars")
    assert [round(episode.usage[name]) for name in names] == [7 * replies, 3 * replies, 3 * replies]
    account = json.loads(done.stdout)
    assert (account["tokens"], round(account["dollars"])) == (10 * replies, 3 * replies)
    assert json.loads(done.stdout)["made_good"] == json.loads(done.stdout)["injected"]
    assert sum(json.loads(done.stdout)["injected"].values()) == 1
    kept = "".join(path.read_text() for path in (tmp_path / "run").iterdir())
    assert '"tries": 1' in kept
    assert "secret" not in kept
    for option in (["--schedule", "shape=soon"], ["--schedule", "speed=3"], ["--critic-option", "tries=0"]):
        refused = run(*words, *options, *option)
        assert refused.returncode == 2, refused.stderr
