from __future__ import annotations

import random

import pytest

from termigen_gym.agents.protocol import Message
from termigen_gym.agents.rendering import Renderer
from termigen_gym.errors import ModelError
from termigen_gym.export import conversation, encode
from tests.chat import TEMPLATES, a_random_episode, a_tokenizer

EPISODES = [a_random_episode(random.Random(seed), turns=1 + seed % 7) for seed in range(12)]
# What a template puts between the prompt that it asks with and the reply, once that is history.
FILLED_IN = {"qwen3_5_think": "\n</think>\n\n"}


def trained_texts(tokenizer: object, input_ids: list[int], labels: list[int]) -> list[str]:
    """The texts of the runs of tokens that are in the loss."""
    runs: list[list[int]] = [[]]
    for token, label in zip(input_ids, labels, strict=True):
        assert label in (-100, token)
        if label == -100:
            runs.append([])
        else:
            runs[-1].append(token)
    return [tokenizer.decode(run) for run in runs if run]  # type: ignore[attr-defined]


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_loss_is_on_exactly_what_the_model_writes(template: str) -> None:
    tokenizer = a_tokenizer(template)
    before = FILLED_IN.get(template, "")
    for episode in EPISODES:
        messages = conversation(episode)
        input_ids, labels = encode(tokenizer, messages)
        wanted = [f"{before}{message['content']}<|im_end|>" for message in messages if message.get("train")]
        assert trained_texts(tokenizer, input_ids, labels) == wanted


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_trained_turn_follows_the_very_prompt_that_the_agent_gives(template: str) -> None:
    tokenizer = a_tokenizer(template)
    renderer = Renderer(tokenizer)
    for episode in EPISODES:
        messages = conversation(episode, "all")
        whole = renderer.history(messages)
        starts = [
            position
            for position, reply in enumerate(whole.reply)
            if reply and not (position and whole.reply[position - 1])
        ]
        turns = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
        assert len(starts) == len(turns)
        for start, turn in zip(starts, turns, strict=True):
            assert renderer.prompt(messages[:turn]).input_ids == whole.input_ids[:start]


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_prompt_is_what_a_server_would_make_of_the_messages(template: str) -> None:
    tokenizer = a_tokenizer(template)
    for episode in EPISODES:
        # Some templates trim contents, ours is rendered as it is; the two meet where there is nothing to trim.
        messages = [{**message, "content": message["content"].strip()} for message in conversation(episode)[:-1]]
        served = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        assert Renderer(tokenizer).prompt(messages).input_ids == tokenizer(served)["input_ids"]


def test_costs_sum_up_to_the_whole() -> None:
    messages = conversation(EPISODES[6])
    rendered = Renderer(a_tokenizer()).history(messages)
    assert len(rendered.costs) == len(messages)
    assert sum(rendered.costs) == len(rendered.input_ids)
    reply = len(a_tokenizer()(messages[2]["content"] + "<|im_end|>")["input_ids"])
    assert rendered.costs[2] == reply + len(a_tokenizer()("<|im_end|>\n<|im_start|>assistant\n")["input_ids"])


def test_odd_characters_survive_and_half_ones_are_replaced() -> None:
    tokenizer = a_tokenizer()
    messages: list[Message] = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "caf\ud800é 漢字 \U0001f40d"},
        {"role": "assistant", "content": "né"},
    ]
    text = tokenizer.decode(Renderer(tokenizer).history(messages).input_ids)
    assert "caf\ufffdé 漢字 \U0001f40d" in text


USELESS = {
    "drops outputs": (
        "{% for m in messages if m.role != 'tool' %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}",
        "role 'tool' is dropped",
    ),
    "repeats": (
        "{% for m in messages %}{{ m.content }}{{ m.content }}<|im_end|>{% endfor %}",
        "role 'system' is dropped, repeated",
    ),
    "ends no turn": ("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}", "special token at the end"),
    "rewrites": (
        "{{ 'x' if add_generation_prompt else 'y' }}{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}",
        "asks for a reply at its end",
    ),
}


@pytest.mark.parametrize(("template", "complaint"), USELESS.values(), ids=USELESS.keys())
def test_a_template_that_cannot_be_used_is_refused(template: str, complaint: str) -> None:
    tokenizer = a_tokenizer.__wrapped__()
    tokenizer.chat_template = template
    with pytest.raises(ModelError, match=complaint):
        encode(tokenizer, conversation(EPISODES[5]))


def test_a_tokenizer_without_a_template_is_refused() -> None:
    tokenizer = a_tokenizer.__wrapped__()
    tokenizer.chat_template = None
    with pytest.raises(ModelError, match="chat_template"):
        encode(tokenizer, conversation(EPISODES[5]))
