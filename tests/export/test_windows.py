from __future__ import annotations

import random
from itertools import chain

import pytest

from termigen_gym.agents.context import OUTPUT_LEFT_OUT, TURNS_LEFT_OUT, clip_long, fit
from termigen_gym.agents.protocol import Message
from termigen_gym.agents.rendering import Renderer
from termigen_gym.export import POLICIES, Policy, conversation, windows
from tests.chat import a_random_episode, a_tokenizer

RENDERER = Renderer(a_tokenizer("qwen2_5"))


def size(messages: list[Message]) -> int:
    return len(RENDERER.render(messages).input_ids)


def trained(messages: list[Message]) -> list[str]:
    return [message["content"] for message in messages if message.get("train")]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("max_length", [900, 2500])
def test_each_trained_turn_is_in_one_window_and_none_is_too_long(policy: Policy, max_length: int) -> None:
    cut_up = 0
    for seed in range(0, 14, 3):
        messages = conversation(a_random_episode(random.Random(seed), turns=1 + 2 * seed, longest=1200), policy)
        cut = windows(RENDERER, messages, max_length)
        assert sorted(chain.from_iterable(map(trained, cut.messages))) == sorted(trained(messages))
        assert cut.left_out == 0
        assert all(size(window) <= max_length for window in cut.messages)
        cut_up += len(cut.messages) > 1
    assert cut_up > 1


def test_a_window_begins_with_the_instruction_and_ends_with_its_last_turn() -> None:
    messages = conversation(a_random_episode(random.Random(1), turns=30, longest=600), "no-errors")
    cut = windows(RENDERER, messages, 1500)
    for window in cut.messages:
        assert window[0] == messages[0]
        assert window[1]["content"].removesuffix(TURNS_LEFT_OUT) == messages[1]["content"]
        assert window[-1]["train"]
        replies = [message["content"] for message in window if message["role"] == "assistant"]
        every = [message["content"] for message in messages if message["role"] == "assistant"]
        assert every[every.index(replies[0]) :][: len(replies)] == replies  # turns without a gap


def test_a_trained_turn_keeps_the_observation_before_it() -> None:
    messages = conversation(a_random_episode(random.Random(2), turns=30, longest=300), "no-errors")
    before = {messages[k]["content"]: messages[k - 1]["content"] for k in range(2, len(messages), 2)}
    for window in windows(RENDERER, messages, 1500).messages:
        for place, message in enumerate(window):
            if message.get("train"):
                assert window[place - 1]["content"] == before[message["content"]]


def test_a_short_conversation_is_one_window_as_it_is() -> None:
    messages = conversation(a_random_episode(random.Random(3), turns=4))
    assert windows(RENDERER, messages, 100_000).messages == (messages,)


def test_nothing_to_train_on_is_no_window() -> None:
    messages = conversation(a_random_episode(random.Random(3), turns=4))
    for message in messages:
        message.pop("train", None)
    assert windows(RENDERER, messages, 100_000).messages == ()


def test_a_turn_that_is_too_long_alone_is_counted() -> None:
    messages = conversation(a_random_episode(random.Random(5), turns=6), "all")
    messages[6]["content"] = "much too long " * 2000
    cut = windows(RENDERER, messages, 1500)
    assert cut.left_out == 1
    assert sorted(chain.from_iterable(map(trained, cut.messages))) == sorted(
        content for content in trained(messages) if content != messages[6]["content"]
    )


def test_the_latest_turns_stay_in_full_older_ones_lose_their_output_the_oldest_go() -> None:
    messages = conversation(a_random_episode(random.Random(7), turns=12, longest=200))[:-1]
    whole = size(messages)
    seen = set()
    for max_tokens in range(whole, whole // 3, -60):
        fitting = fit(RENDERER, messages, max_tokens)
        assert fitting is not None
        assert size(fitting) <= max_tokens
        assert fitting[0] == messages[0]
        gone = len(messages) - len(fitting)
        short = [message["content"] == OUTPUT_LEFT_OUT for message in fitting[2:]].count(True)
        assert fitting[1]["content"] == messages[1]["content"] + (TURNS_LEFT_OUT if gone else "")
        full = next(k for k in range(2, len(fitting)) if fitting[k:] == messages[k + gone :])
        assert [m["content"] for m in fitting[2:full] if m["role"] == "tool"] == [OUTPUT_LEFT_OUT] * short
        assert [m for m in fitting[2:full] if m["role"] != "tool"] == [
            m for m in messages[2 + gone : full + gone] if m["role"] != "tool"
        ]
        seen.add((bool(short), bool(gone)))
    assert seen >= {(False, False), (True, False), (True, True)}


def test_without_room_for_the_instruction_nothing_fits() -> None:
    messages = conversation(a_random_episode(random.Random(7), turns=3))[:-1]
    assert fit(RENDERER, messages, 50) is None


def test_one_long_output_is_clipped_in_its_middle() -> None:
    messages = conversation(a_random_episode(random.Random(8), turns=3))
    messages[3]["content"] = "the start " + "middle " * 3000 + "the end"
    clipped = clip_long(RENDERER, messages, 2000)
    assert clipped[3]["content"].startswith("the start")
    assert clipped[3]["content"].endswith("the end")
    assert "bytes left out" in clipped[3]["content"]
    assert RENDERER.count(clipped[3]["content"]) <= 500
    assert [clipped[k] for k in (0, 1, 2, 4, 5, 6)] == [messages[k] for k in (0, 1, 2, 4, 5, 6)]
