"""A model that says what it was told to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from termigen_gym.errors import ModelError
from termigen_gym.llm import Reply, Request, Scripted, Usage


def ask(purpose: str) -> Request:
    return Request(purpose, ({"role": "user", "content": purpose.upper()},))


@pytest.mark.parametrize(
    ("purpose", "text"),
    [
        ("task-1/solver/0", "exactly"),
        ("task-1/solver/1", "a pattern"),
        ("task-2/judge", "TASK-2/JUDGE"),
        ("other", "the rest"),
        ("odd[1]", "brackets"),
    ],
)
def test_the_purpose_picks_the_answer(purpose: str, text: str) -> None:
    model = Scripted(
        {
            "task-1/*": "a pattern",
            "task-1/solver/0": "exactly",
            "*/judge": lambda request: request.messages[0]["content"],
            "odd[1]": "brackets",
            "*": Reply("the rest", model="another"),
        }
    )
    assert model.complete(ask(purpose)).text == text
    assert model.requests == [ask(purpose)]


def test_a_text_is_said_again_and_again_a_list_in_turn() -> None:
    model = Scripted({"same": "a", "turns/*": ["b", Reply("c", usage=Usage(1, 1))]}, name="tiny")
    assert [model.complete(ask("same")) for _ in range(3)] == [Reply("a", model="tiny")] * 3
    assert model.complete(ask("turns/0")) == Reply("b", model="tiny")
    assert model.complete(ask("turns/1")) == Reply("c", usage=Usage(1, 1))
    with pytest.raises(ModelError, match=r"at most 2 requests for 'turns/\*', found one more: 'turns/2'"):
        model.complete(ask("turns/2"))


def test_one_function_answers_everything() -> None:
    assert Scripted(lambda request: request.purpose).complete(ask("p")).text == "p"


def test_what_is_not_in_the_script_is_named() -> None:
    with pytest.raises(ModelError, match=r"in the script \(a, b/\*\), found 'c'"):
        Scripted({"a": "", "b/*": ""}).complete(ask("c"))


def test_threads_take_each_turn_once(hasty_threads: None) -> None:
    model = Scripted({"*": [str(number) for number in range(4000)]})
    with ThreadPoolExecutor(8) as threads:
        texts = list(threads.map(lambda _: [model.complete(ask("p")).text for _ in range(100)], range(40)))
    assert sorted(int(text) for part in texts for text in part) == list(range(4000))
    assert len(model.requests) == 4000
