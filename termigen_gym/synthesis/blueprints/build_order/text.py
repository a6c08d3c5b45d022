"""What is asked for in a task of `build_order`, and the request's text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..drawing import listed
from ..kit import bullets, pick, sample
from .case import Case


@dataclass(frozen=True)
class Wanted:
    """What is asked for: the folder `out`, the plans' format and columns, the path of the rebuilds."""

    out: str
    form: str
    columns: tuple[str, ...]
    rebuild: str


def instruction(rng: np.random.Generator, case: Case, wanted: Wanted) -> str:
    """Return the text of the request."""
    end = pick(
        rng,
        (
            "Please work it out by the rules below and write it down.",
            "These are its rules as far as we know them; please apply them once, completely.",
            "No build has to run: I need the resolved plan as files.",
        ),
    )
    parts = [
        f"{case.forge.story} {end}",
        "The description:",
        bullets(_description(case)),
        "How it is read, for each profile on its own:",
        bullets(rule for rule in _rules(case) if rule),
        "The reports:",
        bullets(sample(rng, _reports(case, wanted), 3)),
        "Leave `/app/build` and `/app/src` as they are.",
    ]
    return "\n\n".join(parts)


def _description(case: Case) -> list[str]:
    unit = case.forge.unit
    how = {
        "json": "JSON objects from name to its keys, each with a list of values",
        "ini": "a section for each name, values parted by a comma and a blank",
        "files": "a file for each name (without its suffix), a line for each key, values parted by blanks",
        "csv": "comma-separated with a header, the values of a field parted by blanks",
    }[case.form]
    absent = "" if case.form == "csv" else "; a key without values is left out"
    told = [
        f"`{case.path('units')}`: the {unit}s ({how}{absent}). `cost` is in {case.forge.minutes}; "
        + ("`when` lists conditions; " if any(one["when"] for one in case.units.values()) else "")
        + f"`needs` lists {unit}s, `reads` and `makes` list files"
        + ("; `uses` lists bounds on versions." if case.kits else "."),
        f"`{case.path('profiles')}`: the profiles, written likewise: the `goals` to be built"
        + (" and the `flags` that are on." if any(one["flags"] for one in case.profiles.values()) else "."),
    ]
    if case.kits:
        told.append(f"`{case.path('kits')}`: of each kit the `versions` that can be had, written likewise.")
    told.append(f"`{case.path('changes')}`: changes, written likewise: a `profile` and the changed `files`.")
    told.append("`/app/src`: the sources; files are named by their path below it.")
    return told


def _rules(case: Case) -> list[str]:
    unit = case.forge.unit
    conditions = any(one["when"] for one in case.units.values())
    loose = any(need[0] == "~" for one in case.units.values() for need in one["needs"])
    tie = {
        "name": "the one whose name comes first in byte order",
        "cost": "the one with the highest cost, of equal ones the first by name in byte order",
        "users": f"the one that is a direct prerequisite of most other {unit}s of the plan, of equal ones the first by "
        "name in byte order",
    }[case.tie]
    return [
        f"A {unit} is active if all its conditions hold: `x` if flag `x` is on, `!x` if it is off. Others do not "
        f"exist for the profile: a need of an inactive {unit} is dropped, and what it makes is not made."
        if conditions
        else "",
        f"The prerequisites of a {unit} are what it `needs` and the {'active ' * conditions}{unit}s that make a file "
        "that it `reads`. "
        + (
            "A need written `~name` is loose, all other prerequisites are strict; one that is both is strict. "
            if loose
            else ""
        )
        + "Wanted are the goals and, again and again, the prerequisites of what is wanted"
        + f"{', loose ones too' * loose}.",
        f"Something is missing for a wanted {unit} if it needs a name that no {unit} has at all, or reads a file that "
        f"neither lies in `/app/src` nor is made{f' by an active {unit}' * conditions}.",
        f"{unit.capitalize()}s that are prerequisites of each other, directly or through others, form a cycle: the "
        f"largest set of which each reaches each{', along loose prerequisites too' * loose}.",
        f"Of a kit that wanted {unit}s use, the version is the highest that can be had and that satisfies all bounds "
        f"(`>=` and `<`) of all wanted {unit}s, whatever else is wrong with them; if there is none the kit is in "
        "conflict."
        if case.kits
        else "",
        f"Broken are wanted {unit}s for which something is missing or which are in a cycle"
        + (", or which use a kit in conflict" if case.kits else "")
        + ". Blocked are other wanted ones that have a broken one among their prerequisites"
        + f"{', loose or not,' * loose} directly or through others. All remaining wanted ones are the plan.",
        f"The plan's order: next is always, of the {unit}s whose prerequisites{' (all, loose or not)' * loose} are "
        f"all placed, {tie}.",
        f"A {unit} without prerequisites has level 1, any other one more than the highest level among its "
        "prerequisites. With enough workers it starts when the last of its prerequisites is finished (0 without any) "
        "and is finished after its cost.",
        f"A change rebuilds each {unit} of its profile's plan that reads a changed file, made or not, or has a "
        f"rebuilt one among its {'strict ' * loose}prerequisites.",
    ]


def _reports(case: Case, wanted: Wanted) -> list[str]:
    unit = case.forge.unit
    form = {
        "csv": f"comma-separated with the header {listed(wanted.columns)}",
        "tsv": f"tab-separated with the header {listed(wanted.columns)}",
        "jsonl": f"a JSON object a line with the keys {listed(wanted.columns)}, all of them numbers but `unit`",
    }[wanted.form]
    files = listed(f"{wanted.out}/{profile}.{wanted.form}" for profile in case.profiles)
    names = (
        f"`missing` (an object from {unit} to the sorted list of names and files that are missing for it), `cycles` (a "
    )
    names += (
        f"list of sorted lists, itself sorted), `blocked` (a sorted list of {unit}s), `total` (when the whole plan is "
    )
    names += "finished with enough workers)"
    if case.kits:
        names += ", `kits` (an object from kit to chosen version, a number) and `conflicts` (a sorted list of kits)"
    rebuilt = "an object from change to the list of rebuilt names in the plan's order"
    if wanted.rebuild.endswith("txt"):
        rebuilt = (
            "a line for each change, sorted by its name in byte order: the change, a colon, and after a blank each the "
        )
        rebuilt += "rebuilt names in the plan's order"
    plans = f"{files}: the plan of the profile{'s' * (len(case.profiles) > 1)}, in order, {form}"
    return [
        plans + "; `position` counts from 1.",
        f"`{wanted.out}/resolution.json`: an object from profile to an object with exactly these keys: {names}. "
        "Sorted means in byte order.",
        f"`{wanted.rebuild}`: {rebuilt}.",
    ]
