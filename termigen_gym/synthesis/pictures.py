"""The pictures of a run's account, as SVG: tools by group, and the tasks by similarity."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

_WIDTH = 9.0
_INCH = 0.26


def tools_by_group(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Return a bar for each group of tools: how many tasks use one of them, with the most used ones named.

    Args:
        counts: group to tool to the number of tasks that use it (arXiv 2602.07274, figure 3).
    """
    import matplotlib.figure

    groups = sorted(counts, key=lambda group: sum(counts[group].values()))
    figure = matplotlib.figure.Figure(figsize=(_WIDTH, 1.0 + _INCH * len(groups)), layout="constrained")
    axes = figure.subplots()
    sums = [sum(counts[group].values()) for group in groups]
    axes.barh(groups, sums, color="#2f6f8f", height=0.7)
    for row, group in enumerate(groups):
        most = sorted(counts[group], key=lambda tool: (-counts[group][tool], tool))[:6]
        axes.text(sums[row] + 0.1, row, "  " + " ".join(most), va="center", fontsize=8, color="#556677")
    axes.set_xlabel("uses, a task counts once for each tool")
    axes.margins(x=0.35)
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def map_of_tasks(places: NDArray[np.floating], categories: Sequence[str]) -> str:
    """Return the tasks as points: near ones are alike, colours are categories (arXiv 2602.07274, figure 4).

    Args:
        places: (tasks, 2).
        categories: of each.
    """
    import matplotlib
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(_WIDTH, 5.2), layout="constrained")
    axes = figure.subplots()
    colours = matplotlib.colormaps["tab20"]
    for number, category in enumerate(sorted(set(categories))):
        chosen = np.array([one == category for one in categories])
        axes.scatter(places[chosen, 0], places[chosen, 1], s=26, color=colours(number % 20), label=category)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])
    return _svg(figure)


def _svg(figure: object) -> str:
    """The figure as an ``<svg>`` element, the same text each time."""
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "termigen", "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", metadata={"Date": None})  # type: ignore[attr-defined]
    text = out.getvalue()
    return text[text.index("<svg") :]
