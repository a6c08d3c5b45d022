"""The chat agent against an endpoint that behaves well and badly, a real sandbox, and a real model server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from termigen_gym.agents.base import Move
from termigen_gym.agents.chat import ChatAgent
from termigen_gym.agents.context import TURNS_LEFT_OUT
from termigen_gym.agents.notes import EVERY, HEADING
from termigen_gym.agents.protocol import SYSTEM, SYSTEM_FOR_TOOLS, TOOL, assistant_message
from termigen_gym.agents.replies import is_not_understood
from termigen_gym.catalog import find
from termigen_gym.collect import PATIENCE, collect
from termigen_gym.episode import Episode
from termigen_gym.errors import ContextExceeded, ModelError, ModelRefused, ModelUnavailable
from termigen_gym.export import conversation
from termigen_gym.llm import Reply, Request, Scripted
from termigen_gym.plan import Plan
from termigen_gym.play import play
from termigen_gym.registration import make
from termigen_gym.sandbox.base import Engine
from termigen_gym.solution import solution_of
from termigen_gym.store import EpisodeStore
from termigen_gym.task import Task
from termigen_gym.wrappers import CriticWrapper
from tests.agents.test_local import Trap
from tests.agents.test_protocol import NOT_UNDERSTOOD, UNDERSTOOD
from tests.bash_env import register, write_task
from tests.endpoint import Behaviour, Body, Endpoint, closes, cuts, hangs, page, says, stalls, status
from tests.serving import served
from tests.waiting import wait_until
from training.tiny import TinyShape, make_tiny

LONG_S = 20.0  # how long a failure takes; nothing waits for it
PROMPT = {"exit_code": 0, "state": "prompt", "instruction": "Do it."}
RUNNING = {**PROMPT, "exit_code": None, "state": "running"}
BEGIN = {**PROMPT, "episode_id": "000007"}
ID = "termigen/sum-v0"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    folder = write_task(tmp_path / "envs" / "sum")
    register(monkeypatch, tmp_path / "envs", "sum")
    return Task.load(folder)


def call(command: str, thought: str = "") -> str:
    """A reply in the form that is asked for."""
    return str(assistant_message(thought, command)["content"])


@contextmanager
def asking(*script: Behaviour, **options: Any) -> Iterator[tuple[ChatAgent, Endpoint]]:
    """An agent whose endpoint does what the script says."""
    with Endpoint(script) as endpoint:
        quick = {"timeout_s": LONG_S, "endpoint": {"retries": 2, "backoff_s": 0.01}}
        yield ChatAgent("tiny", endpoint.url, **{**quick, **options}), endpoint


def begun(model: ChatAgent | Scripted, task: Task, **options: Any) -> ChatAgent:
    """An agent at the beginning of an episode."""
    agent = model if isinstance(model, ChatAgent) else ChatAgent(model, **options)
    agent.begin(task, "Do it.\n$ ", BEGIN)
    return agent


def exported(episode: Episode) -> list[dict[str, Any]]:
    """What an export says that the model was told before its last turn."""
    return [{"role": message["role"], "content": message["content"]} for message in conversation(episode)[:-1]]


SOLVING = ("ls", "echo $((17 + 25)) > answer", "cat answer", "exit")


# One turn


def test_a_scripted_model_solves_a_task(task: Task) -> None:
    replies = [says(call(command, f"Now {n}."), usage=(100, 10)) for n, command in enumerate(SOLVING)]
    with asking(*replies, price=(2.0, 8.0), temperature=0.3) as (agent, endpoint), closing(gym.make(ID)) as env:
        episode = play(env, agent, episode_id="000007", seed=0)
    assert episode.solved
    assert [(step.action, step.thought) for step in episode.steps] == [
        (command, f"Now {n}.") for n, command in enumerate(SOLVING)
    ]
    assert (episode.agent, episode.model) == ("chat", "tiny")
    assert episode.usage == {
        "requests": 4,
        "prompt_tokens": 400,
        "completion_tokens": 40,
        "dollars": pytest.approx(0.00112),
        "not_understood": 0,
    }
    first, last = endpoint.bodies[0], endpoint.bodies[-1]
    assert {key: value for key, value in first.items() if key != "messages"} == {
        "model": "tiny",
        "temperature": 0.3,
        "max_tokens": 1024,
    }
    assert first["messages"][0] == {"role": "system", "content": SYSTEM}
    assert [message["role"] for message in last["messages"]] == ["system", "user", *["assistant", "tool"] * 3]
    assert last["messages"][-1]["content"] == "42"
    assert last["messages"] == exported(episode)


def sending(reply: str | dict[str, Any]) -> Behaviour:
    """Answers with a text or an OpenAI message."""
    message: dict[str, Any] = {"content": reply} if isinstance(reply, str) else reply
    functions = [sent["function"] for sent in message.get("tool_calls") or ()]
    return says(message.get("content"), tools=[(function["name"], function["arguments"]) for function in functions])


@pytest.mark.parametrize("reply", [form for form, _ in NOT_UNDERSTOOD.values()], ids=NOT_UNDERSTOOD.keys())
def test_a_reply_without_a_command_is_asked_for_once_more(task: Task, reply: str | dict[str, Any]) -> None:
    with asking(sending(reply), says(call("ls")), says(call("pwd"))) as (agent, endpoint):
        begun(agent, task)
        assert agent.act("", PROMPT) == Move("ls")
        assert agent.act("a.txt\n", PROMPT) == Move("pwd")
    again, later = endpoint.bodies[1]["messages"], endpoint.bodies[2]["messages"]
    assert [m["role"] for m in again] == ["system", "user", "assistant", "user"]
    assert all(m["content"].strip() for m in again)
    assert again[3]["content"].startswith("Your reply was not understood: ")
    assert [m["role"] for m in later] == ["system", "user", "assistant", "tool"]  # that exchange is not kept


# Arguments that are no string are no chat completion.
SENT = {name: form for name, form in UNDERSTOOD.items() if name != "OpenAI message without text"}


@pytest.mark.parametrize(("reply", "move"), SENT.values(), ids=SENT.keys())
def test_every_form_of_a_call_is_understood(task: Task, reply: str | dict[str, Any], move: Move) -> None:
    with asking(sending(reply)) as (agent, _):
        assert begun(agent, task).act("", PROMPT) == move


def test_after_some_turns_without_a_command_it_gives_up(task: Task) -> None:
    agent = begun(Scripted(lambda request: "I would rather not."), task, patience=3)
    moves = [agent.act("", PROMPT), agent.act("", RUNNING), agent.act("", RUNNING), agent.act("", PROMPT)]
    assert [move.action for move in moves] == ["true", "", "\x03", "exit"]
    assert all(is_not_understood(move.thought) for move in moves)
    assert (agent.usage()["requests"], agent.usage()["not_understood"]) == (8, 4)


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        (call("ls"), True),
        (call("ls") + "\nand on and on", True),
        ("```bash\nls\n```\nand on", True),
        ("```bash\nrm -rf build/o", False),
        ("<tool_call>\n<function=bash>\n<parameter=command>\nrm -rf build/o", False),
        ("I think", False),
    ],
)
def test_a_command_that_was_cut_off_is_not_run(task: Task, text: str, understood: bool) -> None:
    model = Scripted({"*": [Reply(text, finish_reason="length"), call("pwd")]})
    assert begun(model, task).act("", PROMPT).action == ("ls" if understood else "pwd")
    if not understood:
        assert "it was cut off" in model.requests[1].messages[-1]["content"]


def test_purposes_are_unique_within_a_run_and_the_same_in_another(task: Task) -> None:
    def purposes(*ids: str) -> list[str]:
        model = Scripted({"*": [call("ls"), "what?", call("ls")] * 2})
        agent = ChatAgent(model)
        for id in ids:
            agent.begin(task, "Do it.", {**PROMPT, "episode_id": id} if id else PROMPT)
            agent.act("", PROMPT)
            agent.act("", PROMPT)
        return [request.purpose for request in model.requests]

    assert purposes("000001", "000001-1") == [f"{id}/move/{n}" for id in ("000001", "000001-1") for n in range(3)]
    assert purposes("", "") == [f"sum-{id}/move/{n}" for id in range(2) for n in range(3)]


def test_a_seed_gives_each_request_its_own(task: Task) -> None:
    def seeds(seed: int | None, id: str = "0") -> list[int | None]:
        model = Scripted({"*": [call("ls")] * 2})
        agent = ChatAgent(model, seed=seed)
        agent.begin(task, "Do it.", {**PROMPT, "episode_id": id})
        agent.act("", PROMPT)
        agent.act("", PROMPT)
        return [request.seed for request in model.requests]

    assert seeds(None) == [None, None]
    assert seeds(1) == seeds(1)
    assert len({*seeds(1), *seeds(2), *seeds(1, "0-1")}) == 6


def test_it_lives_with_a_mistake_as_its_own(task: Task) -> None:
    model = Scripted({"*": [call(c, "So.") for c in (*SOLVING[:2], "rm answer", SOLVING[1], "exit")]})
    with closing(CriticWrapper(gym.make(ID), Trap(), epsilon=1.0)) as env:
        episode = play(env, ChatAgent(model), episode_id="0", seed=0)
    assert episode.solved
    assert [step.executed for step in episode.steps][1] == "echo $((17 * 25)) > answer"
    told = [message["content"] for message in model.requests[2].messages]
    assert "17 * 25" in told[4]
    assert not any("17 + 25" in text for text in told[2:])
    assert list(model.requests[-1].messages) == exported(episode)


# What goes wrong at an endpoint


@pytest.mark.parametrize(
    "trouble",
    [status(429, headers={"Retry-After": "0"}), status(500), status(503), cuts(), closes(), page()],
    ids=["429", "500", "503", "cut", "closed", "a page"],
)
def test_what_may_pass_is_asked_again(task: Task, trouble: Behaviour) -> None:
    with asking(trouble, trouble, says(call("ls"))) as (agent, endpoint):
        assert begun(agent, task).act("", PROMPT) == Move("ls")
        assert agent.usage()["requests"] == 1
    assert len(endpoint.bodies) == 3


LONG = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (status(500), ModelUnavailable),
        (hangs(), ModelUnavailable),
        (stalls(), ModelUnavailable),
        (status(401), ModelRefused),
        (status(404), ModelRefused),
        (status(400), ModelRefused),
        (status(400, LONG), ContextExceeded),
    ],
    ids=["500", "hangs", "stalls", "401", "404", "400", "too long"],
)
def test_a_failure_of_the_endpoint_is_an_error_and_no_reward(
    task: Task, trouble: Behaviour, kind: type[ModelError]
) -> None:
    script = [says(call("ls")), *[trouble] * 12]
    with asking(*script, timeout_s=0.5) as (agent, _), closing(gym.make(ID)) as env:
        episode = play(env, agent, episode_id="0", seed=0)
    assert (episode.ended, episode.reward, episode.verdict) == ("error", None, None)
    assert episode.error is not None
    assert episode.error["type"] == kind.__name__
    assert [step.action for step in episode.steps] == ["ls"]
    assert episode.usage["requests"] == 1


@pytest.mark.parametrize("trouble", [status(500), status(400)], ids=["500", "400"])
def test_conversations_that_break_their_server_do_not_end_a_run(task: Task, trouble: Behaviour, tmp_path: Path) -> None:
    """As with servers that fail at what the model wrote: one conversation breaks, others are answered."""

    def answer(body: Body) -> Behaviour:
        asked = body["messages"][-1]["content"]
        if "JSON" in asked:  # the critic, or its judge
            return trouble
        return trouble if asked == "broken" else says("yes" if asked == "Answer: yes" else call(next(commands)))

    # One episode ends, and then none of more than would end a run of other failures.
    commands = iter(["exit", *["echo broken"] * (PATIENCE + 1)])
    with Endpoint(answer) as endpoint:
        whom = {"model": "tiny", "base_url": endpoint.url}
        plan = Plan(
            tasks=(ID,),
            episodes=PATIENCE + 2,
            agent="chat",
            agent_options={**whom, "endpoint": {"retries": 0}},
            critic="llm",
            critic_options={**whom, "retries": 0},
            epsilon=0.5,
            workers=1,
        )
        summary = collect(plan, tmp_path / "run")
    assert (summary.played, summary.episodes, summary.errors) == (PATIENCE + 2, 1, PATIENCE + 1)
    for episode in list(EpisodeStore(tmp_path / "run"))[1:]:
        assert (episode.reward, episode.error and episode.error["type"]) == (None, "RequestFailed")
        assert [step.executed for step in episode.steps] == ["echo broken"], "what a critic can't say is no mistake"


def test_an_endpoint_that_is_not_there_is_an_error(task: Task) -> None:
    with Endpoint([]) as endpoint:
        url = endpoint.url
    agent = ChatAgent("tiny", url, endpoint={"retries": 0})
    with pytest.raises(ModelUnavailable, match="found no answer in 1 attempts"):
        begun(agent, task).act("", PROMPT)


def test_an_agent_that_is_closed_waits_no_longer(task: Task) -> None:
    with asking(hangs(), timeout_s=600) as (agent, endpoint), ThreadPoolExecutor() as pool:
        waiting = pool.submit(begun(agent, task).act, "", PROMPT)
        wait_until(lambda: len(endpoint.bodies) == 1)
        agent.close()
        agent.close()
        with pytest.raises(ModelError, match="found the model closed"):
            waiting.result(LONG_S)


def test_without_its_key_there_is_no_agent() -> None:
    with pytest.raises(ModelRefused, match="NO_SUCH_KEY"):
        ChatAgent("tiny", "http://127.0.0.1:1/v1", "NO_SUCH_KEY")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"protocol": "morse"}, "termigen, bashagent, found 'morse'"),
        ({"tools": True, "protocol": "bashagent"}, "expected tools with the protocol termigen"),
        ({"output_role": "system"}, "found 'system'"),
        ({"context": 1000}, "above 1024 tokens"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ChatAgent(Scripted({}), **options)


# Tools, and roles


def test_with_tools_the_endpoint_is_told_and_calls_come_and_go_as_tool_calls(task: Task) -> None:
    script = (
        says("I look.", tools=[("bash", '{"command": "ls"}')]),
        says(None, tools=[("bash", '{"comm')]),
        says(None, tools=[("bash", '{"command": "C-c"}')]),
        says("", tools=[("bash", '{"command": "exit"}')]),
    )
    with asking(*script, tools=True) as (agent, endpoint):
        begun(agent, task)
        moves = [agent.act("", PROMPT), agent.act("x.txt\n", PROMPT), agent.act("^C", RUNNING)]
    assert moves == [Move("ls", "I look."), Move("\x03"), Move("exit")]
    assert all(body["tools"] == [TOOL] for body in endpoint.bodies)
    last = endpoint.bodies[3]["messages"]
    assert last[0]["content"] == SYSTEM_FOR_TOOLS
    assert "<tool_call>" not in json.dumps(last)
    assert last[2:] == [
        {"role": "assistant", "content": "I look.", "tool_calls": [tool_call("call_2", "ls")]},
        {"role": "tool", "content": "x.txt", "tool_call_id": "call_2"},
        {"role": "assistant", "content": "", "tool_calls": [tool_call("call_4", "C-c")]},
        {"role": "tool", "content": "^C\n[still running]", "tool_call_id": "call_4"},
    ]


def tool_call(id: str, command: str) -> dict[str, Any]:
    arguments = json.dumps({"command": command})
    return {"id": id, "type": "function", "function": {"name": "bash", "arguments": arguments}}


def test_with_tools_no_answer_stands_without_its_call(task: Task) -> None:
    model = Scripted(lambda request: call(f"run {request.purpose}"))
    agent = begun(model, task, tools=True, max_tokens=100, context=900)
    for number in range(12):
        agent.act(f"output {number}\n" * 12, PROMPT)
    for request in model.requests:
        calls = [c["id"] for m in request.messages for c in m.get("tool_calls", ())]
        assert calls == [m["tool_call_id"] for m in request.messages if m["role"] == "tool"]
    assert TURNS_LEFT_OUT in model.requests[-1].messages[1]["content"]


def test_outputs_may_be_told_in_the_users_role(task: Task) -> None:
    model = Scripted({"*": [call("ls")] * 2})
    agent = begun(model, task, output_role="user")
    agent.act("", PROMPT)
    agent.act("x.txt", PROMPT)
    assert model.requests[1].messages[-1] == {"role": "user", "content": "x.txt"}


# History and memory


def length(request: Request) -> int:
    return sum(len(message["content"].encode()) for message in request.messages)


def test_a_long_episode_is_shortened_to_the_context(task: Task) -> None:
    model = Scripted(lambda request: call(f"run {request.purpose}", "Next."))
    agent = begun(model, task, max_tokens=100, context=1600)
    outputs = [f"first line {n}\n" + f"middle {n}\n" * 60 * n + f"last line {n}" for n in range(12)]
    moves = [agent.act(output, PROMPT) for output in outputs]
    for number, request in enumerate(model.requests):
        contents = [message["content"] for message in request.messages]
        assert length(request) <= 3 * 1500
        assert contents[0] == SYSTEM
        assert contents[1].startswith("Do it.\n$")
        if number:
            assert contents[-1].startswith(f"first line {number}")
            assert contents[-1].endswith(f"last line {number}")
            assert moves[number - 1].action in contents[-2]
    last = [message["content"] for message in model.requests[-1].messages]
    assert "bytes left out" in last[-1]
    assert last[1].endswith(TURNS_LEFT_OUT)
    assert len(last) < len(model.requests[2].messages) + 6


def test_what_the_endpoint_calls_too_long_is_cut_further(task: Task) -> None:
    takes = 4000

    def answer(body: dict[str, Any]) -> Behaviour:
        size = sum(len(message["content"]) for message in body["messages"])
        return says(call("ls")) if size <= takes else status(400, LONG)

    with Endpoint(answer) as endpoint:
        agent = begun(ChatAgent("tiny", endpoint.url), task)
        for number in range(6):
            assert agent.act(f"line {number}\n" * 300, PROMPT) == Move("ls")
        refused = len(endpoint.bodies) - int(agent.usage()["requests"])
        assert 1 <= refused <= 8
        begun(agent, task)
        assert agent.act("", PROMPT) == Move("ls")


def test_a_context_without_room_for_the_instruction_is_an_error(task: Task) -> None:
    agent = begun(Scripted({}), task, max_tokens=40, context=100)
    with pytest.raises(ContextExceeded, match="found about 60 tokens: give a larger context or a smaller max_tokens"):
        agent.act("", PROMPT)


def notes_of(request: Request) -> str:
    return str(request.messages[1]["content"]).partition(HEADING)[2].removesuffix(TURNS_LEFT_OUT)


def test_with_memory_notes_stand_after_the_instruction(task: Task) -> None:
    written = iter(range(100))

    def reply(request: Request) -> str:
        if "/notes/" in request.purpose:
            return f"<think>What was it?</think>- note {next(written)}"
        return call("ls", "I look.")

    model = Scripted(reply)
    agent = begun(model, task, memory=True)
    for number in range(2 * EVERY + 2):
        agent.act(f"output {number}", PROMPT)
    asked = [request for request in model.requests if "/notes/" in request.purpose]
    moves = [request for request in model.requests if "/move/" in request.purpose]
    assert len(asked) == 2
    assert [notes_of(request) for request in moves] == [""] * EVERY + ["- note 0"] * EVERY + ["- note 1"] * 2
    first, second = (request.messages[1]["content"] for request in asked)
    assert "Do it." in first
    assert "Notes so far:\nnone" in first
    assert "Notes so far:\n- note 0" in second
    assert [f"output {n}\n" in f"{first}\n" for n in (1, EVERY, EVERY + 1)] == [True, True, False]
    assert [f"output {n}\n" in f"{second}\n" for n in (EVERY, EVERY + 1, 2 * EVERY)] == [False, True, True]
    assert len({request.purpose for request in model.requests}) == len(model.requests)
    assert agent.usage()["requests"] == len(model.requests)


def test_with_memory_nothing_is_left_out_before_it_is_noted(task: Task) -> None:
    noted = ""
    unseen: list[set[int]] = []

    def reply(request: Request) -> str:
        nonlocal noted
        told = "\n".join(message["content"] for message in request.messages)
        if "/notes/" in request.purpose:
            noted += told
            return "- all of it"
        unseen.append({number for number in facts if f"fact {number}." not in told})
        assert not {number for number in unseen[-1] if f"fact {number}." not in noted}
        return call("ls")

    facts: list[int] = []
    agent = begun(Scripted(reply), task, memory=True, max_tokens=100, context=1400)
    for number in range(16):
        agent.act(f"fact {number}. " + "x" * 600, PROMPT)
        facts.append(number + 1)
    assert unseen[-1] >= set(range(1, 10))  # it was tried
    assert agent.usage()["requests"] < 16 + 8


def test_notes_that_are_empty_do_not_take_away_those_that_are_there(task: Task) -> None:
    notes = iter(["- a", "<think>hm</think>  ", "- c"])
    model = Scripted(lambda request: next(notes) if "/notes/" in request.purpose else call("ls"))
    agent = begun(model, task, memory=True)
    for _ in range(2 * EVERY + 1):
        agent.act("x", PROMPT)
    assert notes_of(model.requests[-1]) == "- a"
    begun(agent, task)
    agent.act("x", PROMPT)
    assert notes_of(model.requests[-1]) == ""


# The published agent's protocol


def test_as_the_bash_agent(task: Task) -> None:
    said = [f"I look.\n{call('ls')}", f"So.\n{call('cat x')}", "All is well: the task is done."]
    with asking(*map(says, said), protocol="bashagent") as (agent, endpoint):
        begun(agent, task)
        moves = [agent.act("", PROMPT), agent.act("x\n", PROMPT), agent.act("y" * 20_000, {**PROMPT, "exit_code": 1})]
    assert moves == [Move("ls", "I look."), Move("cat x", "So."), Move("exit", said[2])]
    body = endpoint.bodies[2]
    assert (body["temperature"], body["max_tokens"]) == (0.6, 5000)
    assert [message["role"] for message in body["messages"]] == ["system", "user", *["assistant", "tool"] * 2]
    assert body["messages"][1]["content"] == "Do it."
    assert body["messages"][2]["content"] == said[0]
    assert body["messages"][3]["content"] == "Current Terminal Screen:\nx\n"
    shown = body["messages"][5]["content"]
    assert shown.startswith("New Terminal Output:\nyyy")
    assert 9_000 < len(shown) < 10_100
    assert "exit code" not in shown


@pytest.mark.parametrize("phrase", ["The task is complete.", "task_complete: true", "I have finished the task"])
def test_as_the_bash_agent_it_ends_where_it_says_so(task: Task, phrase: str) -> None:
    agent = begun(Scripted({"*": [f"{phrase}\n{call('sync')}"]}), task, protocol="bashagent")
    moves = [agent.act("", PROMPT), agent.act("", RUNNING), agent.act("", PROMPT)]
    assert [move.action for move in moves] == ["sync", "\x03", "exit"]


def test_as_the_bash_agent_a_broken_call_is_asked_for_again(task: Task) -> None:
    model = Scripted({"*": ["<tool_call>oops</tool_call>", call("ls")]})
    agent = begun(model, task, protocol="bashagent", system="As it was trained.")
    assert agent.act("", PROMPT) == Move("ls")
    assert model.requests[0].messages[0]["content"] == "As it was trained."


# With all that is real


def test_a_task_is_solved_in_a_sandbox(engine: Engine) -> None:
    with closing(make("termigen/rpn-make-graph-v0", sandbox=engine.name)) as env:
        solution = solution_of(Task.load(find("rpn-make-graph").folder))
        replies = [call(block.command, block.thought) for block in solution]
        with asking(*map(says, [*replies, call("exit")])) as (agent, endpoint):
            episode = play(env, agent, episode_id="0", seed=0)
    assert episode.error is None
    assert episode.reward == 1.0
    assert len(endpoint.bodies) == len(episode.steps) == len(replies) + 1


def test_a_real_server_whose_model_babbles(task: Task, tmp_path: Path) -> None:
    checkpoint = make_tiny(tmp_path / "tiny", [SYSTEM, "a shell"], shape=TinyShape(layers=1))
    (tmp_path / "server").mkdir()
    with served(checkpoint, tmp_path / "server") as url, closing(gym.make(ID)) as env:
        agent = ChatAgent(str(checkpoint), url, max_tokens=30, patience=2, temperature=1.0)
        episode = play(env, agent, episode_id="0", seed=0)
        whom = {"model": str(checkpoint), "base_url": url}
        plan = Plan(
            tasks=(ID,),
            episodes=2,
            agent="chat",
            agent_options={**whom, "max_tokens": 30, "patience": 2},
            critic="llm",
            critic_options={**whom, "tries": 2, "max_tokens": 60},
            epsilon=0.5,
        )
        summary = collect(plan, tmp_path / "run")
    assert (summary.episodes, summary.solved, summary.errors, summary.failures) == (2, 0, 0, 0)
    kept = list(EpisodeStore(tmp_path / "run"))
    assert [(one.reward, one.perturbations) for one in kept] == [(0.0, ())] * 2, "babble is no mistake"
    assert all(one.usage["critic_completion_tokens"] > 0 for one in kept)
    assert summary.tokens == sum(one.tokens for one in kept)
    assert episode.error is None
    assert (episode.ended, episode.reward) == ("submitted", 0.0)
    assert [step.action for step in episode.steps] == ["true", "exit"]
    assert episode.usage["requests"] == 4
    assert 0 < episode.usage["completion_tokens"] <= 120
    assert episode.usage["prompt_tokens"] > 400
