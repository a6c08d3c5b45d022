"""The dataset card: a README.md as the Hugging Face Hub reads it, with the figures and how the data were made.

It holds no personal data: of the run's arguments, paths lose their folders, and addresses are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import PurePath
from typing import Any

from jinja2 import Environment, StrictUndefined

from .. import __version__
from .figures import Figures

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_LEFT_OUT_OF_ARGUMENTS = frozenset({"digests", "schema", "tasks", "only"})  # long, or in the figures


def card(
    title: str,
    format: str,
    figures: Figures,
    *,
    left_out: Mapping[str, int],
    run: Mapping[str, Any],
    splits: Mapping[str, tuple[str, Figures]],
    tokens: Mapping[str, int] | None = None,
) -> str:
    """Return the card's text.

    Args:
        title: of the dataset.
        format: of the export.
        figures: of all its episodes.
        left_out: the run's episodes that are not in it, by why.
        run: the arguments of the run, as run.json has them; {} where there is none.
        splits: by name the file, as the card's reader would give it to a loader, and the figures; the file is "" where
            none can load it.
        tokens: the counts of an export of tokens by name.
    """
    template = (files("termigen_gym.export") / "card.md.j2").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)
    environment.filters["quoted"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(template).render(
        title=title,
        format=format,
        figures=figures,
        left_out=left_out,
        arguments={name: _plain(value) for name, value in run.items() if name not in _LEFT_OUT_OF_ARGUMENTS},
        splits=splits,
        tokens=tokens or {},
        size=next((name for limit, name in _SIZES if figures.episodes < limit), "n>1M"),
        version=__version__,
    )


def _plain(value: Any) -> Any:
    """Return an argument without what says whose machine it was: folders, addresses."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, str):
        return value
    if "://" in value:
        return "an address"
    return PurePath(value).name if value.startswith(("/", "~", ".")) else value
