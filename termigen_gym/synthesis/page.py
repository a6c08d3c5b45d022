"""The account of a run as one page: the funnel, yields, why tasks fell, and the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from .funnel import Funnel
from .journal import Ended


def page(title: str, funnel: Funnel, ended: Sequence[Ended], pictures: Mapping[str, str]) -> str:
    """Return the HTML of a page that needs nothing but itself.

    Args:
        title: of the run.
        funnel: the account.
        ended: every slot.
        pictures: caption to SVG, which is taken as it is.
    """
    template = (files("termigen_gym.synthesis") / "page.html.j2").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, autoescape=True)
    return environment.from_string(template).render(
        title=title,
        funnel=funnel,
        widest=max([1, *funnel.stages.values()]),
        lost=[one for one in ended if one.outcome != "admitted"],
        admitted=[one for one in ended if one.outcome == "admitted"],
        pictures={caption: Markup(svg) for caption, svg in pictures.items()},
    )
