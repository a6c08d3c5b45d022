"""Keeping within a context that can only be estimated; with a tokenizer it is tried in tests/export/test_windows.py."""

from __future__ import annotations

import pytest

from termigen_gym.agents.context import OUTPUT_LEFT_OUT, TURNS_LEFT_OUT, Estimate, whole, within
from termigen_gym.agents.protocol import Message

ESTIMATE = Estimate()


def talk(*outputs: str) -> list[Message]:
    """The instruction, then a turn for each output."""
    messages: list[Message] = [{"role": "system", "content": "s" * 60}, {"role": "user", "content": "u" * 60}]
    for number, output in enumerate(outputs):
        messages.append({"role": "assistant", "content": f"run {number}"})
        messages.append({"role": "tool", "content": output})
    return messages


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("a", 1), ("abc", 1), ("abcd", 2), ("漢字", 2), ("\ud800", 1), ("x" * 300, 100)]
)
def test_a_token_is_about_three_bytes(text: str, tokens: int) -> None:
    assert ESTIMATE.count(text) == tokens


def test_what_fits_is_left_as_it_is() -> None:
    messages = talk("a" * 300, "b" * 300)
    assert within(ESTIMATE, messages, sum(ESTIMATE.costs(messages))) == messages
    assert within(ESTIMATE, messages, sum(ESTIMATE.costs(messages)) - 1) != messages


def test_first_long_outputs_lose_their_middle_then_old_ones_all_then_the_oldest_turns_go() -> None:
    messages = talk("a" * 3000, *"bcdefg")
    clipped = within(ESTIMATE, messages, 800)
    assert clipped is not None
    assert [len(m["content"]) < 700 and "bytes left out" in m["content"] for m in clipped[2:4]] == [False, True]
    assert clipped[4:] == messages[4:]
    assert whole(clipped) == len(messages) - 2

    messages = talk(*(letter * 150 for letter in "abcdefgh"))
    shorter = within(ESTIMATE, messages, 490)
    assert shorter is not None
    kept = whole(shorter)
    assert 2 <= kept < len(messages) - 4
    assert shorter[-kept:] == messages[-kept:]
    assert shorter[-kept - 1]["content"] == OUTPUT_LEFT_OUT
    assert len(shorter) == len(messages)

    shortest = within(ESTIMATE, messages, 160)
    assert shortest is not None
    assert len(shortest) < len(messages)
    assert shortest[2]["role"] == "assistant"
    assert shortest[1]["content"] == messages[1]["content"] + TURNS_LEFT_OUT
    assert sum(ESTIMATE.costs(shortest)) <= 160


def test_without_room_for_the_instruction_nothing_fits() -> None:
    assert within(ESTIMATE, talk("a" * 3000), 40) is None
