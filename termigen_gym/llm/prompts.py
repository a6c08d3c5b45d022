"""Prompts: Jinja2 templates in a package's folder ``prompts``, rendered strictly."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined


def render(package: str, template: str, /, **facts: Any) -> str:
    """Return the text of a template, mostly named like the role that it is for, with these facts in it.

    Args:
        package: whose it is, by its full name.
        template: its file's name without ``.md.j2``.
        facts: what the template names.

    Raises:
        jinja2.UndefinedError: the template names a fact that is missing.
    """
    return _templates(package).get_template(f"{template}.md.j2").render(**facts).strip() + "\n"


@cache
def _templates(package: str) -> Environment:
    folder = files(package) / "prompts"
    # The texts are for models, not for browsers: nothing is to be escaped.
    return Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=False,
        keep_trailing_newline=True,
    )
