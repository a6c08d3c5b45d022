"""What is left to read when a run ends: funnel.json and one page with pictures."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

from ..lines import write_whole
from .draft import Draft
from .funnel import Funnel
from .journal import RunFolder
from .taxonomy import taxonomy
from .tools_used import tools_used


def write_account(folder: RunFolder, funnel: Funnel, spent: dict[str, float]) -> None:
    """Write funnel.json and index.html of a run.

    Raises:
        ModuleNotFoundError: the package's extra ``report`` is not installed; funnel.json is written.
        StoreError: the disk refused.
    """
    document = {**funnel.to_dict(), "spent": spent, "ended": [vars(one) for one in folder.ended.values()]}
    write_whole(folder.folder / "funnel.json", json.dumps(document, indent=2) + "\n")
    from .map import positions
    from .page import page
    from .pictures import map_of_tasks, tools_by_group

    admitted = [one for one in folder.ended.values() if one.outcome == "admitted"]
    drafts = [Draft.of(folder.tasks / one.name) for one in admitted]
    pictures = {}
    if drafts:
        pictures["Tools that the solutions use, by group"] = tools_by_group(_counts(drafts))
    if len(drafts) > 2:
        where = positions([draft.text("instruction.md") for draft in drafts])
        pictures["The tasks: near ones are alike"] = map_of_tasks(where, [one.category for one in admitted])
    title = f"Synthesized tasks: {folder.folder.name}"
    write_whole(folder.folder / "index.html", page(title, funnel, list(folder.ended.values()), pictures))


def _counts(drafts: list[Draft]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for draft in drafts:
        for tool in tools_used(draft.text("solution/solve.sh")):
            group = taxonomy().group_of(tool)
            if group is not None:
                counts[group][tool] += 1
    return {group: dict(tools) for group, tools in counts.items()}
