"""The tree and the catalogue of retention-sweep as files, and what its instruction says."""

from __future__ import annotations

import json

import numpy as np

from ..kit import pick
from ..pieces import delimited, flowing, spoken
from .plan import Plan
from .steps import CATALOG, ledger, manifest


def catalog(plan: Plan) -> dict[str, bytes]:
    """Return the manifest, the holds and, where there are any, the pins."""
    rows = [[copy.path, copy.series, copy.taken, copy.status] for copy in plan.copies]
    names = ["path", "series", "taken", "status"]
    if plan.manifest == "csv":
        text = delimited([names, *rows])
    elif plan.manifest == "tsv":
        text = "".join(f"{taken}\t{series}\t{status}\t{path}\n" for path, series, taken, status in rows)
    else:
        text = "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows)
    found = {manifest(plan): text, f"{CATALOG}/holds.csv": delimited([["path", "until"], *plan.holds.items()])}
    if plan.pins:
        found[f"{CATALOG}/pins.csv"] = delimited([["series", "month"], *plan.pins])
    return {path: content.encode() for path, content in found.items()}


def instruction(rng: np.random.Generator, plan: Plan) -> str:
    """Return what is asked for."""
    domain = plan.domain
    form = {
        "csv": "CSV with the columns `path`, `series`, `taken` and `status`",
        "jsonl": "JSON lines with `path`, `series`, `taken` and `status`",
        "tsv": "tab-separated without a header: the time when it was taken, series, status, path",
    }[plan.manifest]
    lead = pick(
        rng,
        (
            f"The {domain.noun} lie in `{domain.root}`. `{manifest(plan)}` lists them: {form}.",
            f"In `{domain.root}` you find the {domain.noun}; what each of them is stands in "
            f"`{manifest(plan)}`, {form}.",
        ),
    )
    pins = (
        f" - `pin`: `{CATALOG}/pins.csv` names its series and the month in which it was taken (`YYYY-MM`), "
        "whatever its "
        "status is.\n"
        if plan.pins
        else ""
    )
    rules = {
        "daily": f"`daily`: it is the newest of its day, and its age is at most {plan.limits.get('daily')} days.",
        "weekly": f"`weekly`: it is the newest of its week (Monday to Sunday), and its age is at most "
        f"{plan.limits.get('weekly')} days.",
        "monthly": f"`monthly`: it is the newest of its calendar month, and its age is at most "
        f"{plan.limits.get('monthly')} days.",
        "minimum": f"`minimum`: it is one of the {plan.minimum} newest of its series, however old.",
    }
    listed = "".join(f" - {rules[reason]}\n" for reason in plan.order if reason in rules)
    reasons = (
        f" - `hold`: it is listed in `{CATALOG}/holds.csv`, and `until` is today or later, whatever its "
        f"status is.\n{pins}{listed}"
    )
    numbered = "\n".join(f"{number}. {line[3:]}" for number, line in enumerate(reasons.rstrip().split("\n"), start=1))
    text = f"""\
{domain.story}

{lead} Paths are relative to `{domain.root}`; times are in UTC. Today is {plan.today.isoformat()}.
The age of a copy is the number of days from the day on which it was taken to today. Go by the manifest, not by names or
file times, and leave `{CATALOG}` as it is.

A copy is kept for the first of these reasons that applies:

{numbered}

What is the newest is asked for each series by itself, and only among copies with the status `ok` whose file is there;
of two that were taken in the same minute, the one whose path sorts last (byte by byte) is the newer one. A copy without
any reason is deleted.

{_acts(plan)}

{_records(rng, plan)}
"""
    return flowing(text)


def _acts(plan: Plan) -> str:
    root = plan.domain.root
    kept = "Kept for a hold" + (" or a pin" if plan.pins else "")
    plain = not plan.archive and plan.compress is None
    lines = [f"{'What is kept' if plain else f'{kept}, a file'} stays exactly as it is (`keep`)."]
    rest = "What is kept for another reason"
    if plan.archive:
        lines.append(
            "What is kept as `monthly` moves to the same relative path below `/app/archive`, unchanged (`archive`)."
        )
        rest = "What is kept for yet another reason"
    if plan.compress is not None:
        lines.append(
            f"{rest} and is more than {plan.compress} days old is compressed with gzip at its place, unless its name "
            "already ends in `.gz`: NAME becomes `NAME.gz` (`compress`). The younger and those that were "
            "compressed before stay as "
            "they are (`keep`)."
        )
    elif plan.archive:
        lines.append(f"{rest} stays where it is, unchanged (`keep`).")
    lines.append(
        "Copies without a reason are deleted (`delete`, with the reason `expired`, or `failed` where the status is not "
        "`ok`)."
    )
    lines.append("Copies in the manifest whose file is not there are only recorded (`missing`, reason `no-file`).")
    if plan.quarantine:
        lines.append(
            f"Files below `{root}` that the manifest does not know move to the same relative path below "
            "`/app/quarantine` "
            "(`quarantine`, reason `unknown`)."
        )
    else:
        lines.append(f"Files below `{root}` that the manifest does not know stay, and are not recorded.")
    items = "\n".join(f"- {line}" for line in lines)
    return f"Carry it out:\n\n{items}\n\nEmpty folders may stay or go."


def _records(rng: np.random.Generator, plan: Plan) -> str:
    kind = {"csv": "CSV (no quotes needed)", "tsv": "tab-separated"}[plan.ledger]
    actions = spoken([f"`{action}`" for action in plan.actions])
    rows = "copy of the manifest" + (" and each file that was moved to the quarantine" if plan.quarantine else "")
    lead = pick(rng, ("Record what was done:", "For the records, write two files:"))
    return f"""\
{lead}

- `{ledger(plan)}`: {kind}, with the header `path`, `action`, `reason` and a row for each {rows}, sorted by path
  byte by byte. The path is the one before the sweep, relative to `{plan.domain.root}`.
- `{plan.out}/summary.json`: an object with `actions` (an object from each of {actions} to how many there were, also 0),
  `freed_bytes` (the sizes of the deleted files, summed up) and `kept` (an object from each series to how many of its
  copies were not deleted and not missing)."""
