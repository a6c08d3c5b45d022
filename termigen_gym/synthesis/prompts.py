"""The prompts of the roles: Jinja2 templates beside this module, one a role, rendered strictly."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined


def render(template: str, /, **facts: Any) -> str:
    """Return the text of a template, mostly named like its role, with these facts in it.

    Raises:
        jinja2.UndefinedError: the template names a fact that is missing.
    """
    return _templates().get_template(f"{template}.md.j2").render(**facts).strip() + "\n"


@cache
def _templates() -> Environment:
    folder = files("termigen_gym.synthesis") / "prompts"
    # The texts are for models, not for browsers: nothing is to be escaped.
    return Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=False,
        keep_trailing_newline=True,
    )
