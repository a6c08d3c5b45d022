"""What the package's extras bring, by the names under which it is imported."""

from __future__ import annotations

from collections.abc import Mapping

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "train": ("accelerate", "datasets", "peft", "torch", "transformers", "trl"),
    "llm": ("jinja2", "openai", "tenacity"),
    "ray": ("ray",),
    "report": ("jinja2", "matplotlib"),
    "export": ("PIL", "jinja2", "minari", "pyarrow"),
}
"""As in pyproject.toml."""
