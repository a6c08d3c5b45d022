"""A tokenizer for the export of tokens."""

from __future__ import annotations

from typing import Any

from termigen_gym.errors import ModelError


def load_tokenizer(name: str) -> Any:
    """Return the tokenizer of a checkpoint folder or a hub name.

    Raises:
        ModelError: there is none.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise ModelError(f"tokenizer {name!r}: expected a folder or a hub name with a tokenizer: {error}") from error
