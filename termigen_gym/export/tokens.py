"""Episodes as token ids and labels, ready for a trainer that knows nothing of chat templates or masks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..agents.protocol import Message
from ..agents.rendering import Renderer, Tokenizer
from ..episode import Episode
from .conversation import Policy, conversation, recovery_turns
from .windows import windows


@dataclass(frozen=True)
class TokenStats:
    """What `write_tokens` wrote.

    Attributes:
        episodes: exported.
        windows: lines written. tokens: in all of them. trained_tokens: those in the loss.
        longest: the tokens of the longest window.
        turns: of the exported episodes by kind: "clean", "recovery", and the kinds of injected mistakes.
        trained_turns: the turns in the loss. overlong_turns: those that belonged there and are too long for a window.
    """

    episodes: int
    windows: int
    tokens: int
    trained_tokens: int
    longest: int
    trained_turns: int
    overlong_turns: int
    turns: Mapping[str, int] = field(default_factory=dict)


def encode(tokenizer: Tokenizer, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
    """Return the tokens and labels of `messages`, of which the last is an assistant's.

    A label is -100 except where the model writes in a message with ``train``: from the end of the generation prompt to
    the token that ends the turn, inclusive.

    Raises:
        ModelError: the tokenizer's chat template does not take our messages.
    """
    return _encode(Renderer(tokenizer), messages)


def write_tokens(
    episodes: Iterable[Episode],
    tokenizer: Tokenizer,
    out: Path,
    *,
    policy: Policy = "no-errors",
    mistakes: Mapping[str, float] | None = None,
    max_length: int = 20_000,
) -> TokenStats:
    """Write one JSON line for each window of each episode: ``input_ids``, ``labels``, ``episode``, ``window``.

    An existing file is replaced.

    Args:
        episodes: with a verdict and a turn each.
        tokenizer: of the model that is to be trained.
        out: the file.
        policy: of the turns that are trained on.
        mistakes: share of the injected mistakes that are, by kind (see `trained_turns`).
        max_length: tokens; see `windows` for episodes that are longer.

    Raises:
        ModelError: the tokenizer's chat template does not take our messages.
        ValueError: the policy or a share is unknown or out of range.
    """
    renderer = Renderer(tokenizer)
    count: Counter[str] = Counter()
    turns: Counter[str] = Counter()
    longest = 0
    with out.open("w", encoding="utf-8") as file:
        for episode in episodes:
            count["episodes"] += 1
            turns += turn_kinds(episode)
            cut = windows(renderer, conversation(episode, policy, mistakes), max_length)
            count["overlong_turns"] += cut.left_out
            for number, messages in enumerate(cut.messages):
                input_ids, labels = _encode(renderer, messages)
                row = {"input_ids": input_ids, "labels": labels, "episode": episode.id, "window": number}
                file.write(json.dumps(row, separators=(",", ":")) + "\n")
                longest = max(longest, len(input_ids))
                count["windows"] += 1
                count["tokens"] += len(input_ids)
                count["trained_tokens"] += sum(label != -100 for label in labels)
                count["trained_turns"] += sum(bool(message.get("train")) for message in messages)
    return TokenStats(
        episodes=count["episodes"],
        windows=count["windows"],
        tokens=count["tokens"],
        trained_tokens=count["trained_tokens"],
        longest=longest,
        trained_turns=count["trained_turns"],
        overlong_turns=count["overlong_turns"],
        turns=dict(turns),
    )


def turn_kinds(episode: Episode) -> Counter[str]:
    """Return how many of an episode's turns are injected mistakes (by their kind), recovery, or clean."""
    recovery = recovery_turns(episode)
    return Counter(
        step.perturbation.kind if step.perturbation is not None else "recovery" if index in recovery else "clean"
        for index, step in enumerate(episode.steps)
    )


def _encode(renderer: Renderer, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
    rendered = renderer.history(messages)
    return rendered.input_ids, rendered.labels([bool(message.get("train")) for message in messages])
