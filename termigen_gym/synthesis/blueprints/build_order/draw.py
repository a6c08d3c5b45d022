"""Draws the build of a `build_order` task."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..kit import between, chance, pick, sample
from .case import Case
from .worlds import FORGES, Forge

_UNITS = {"easy": 9, "medium": 14, "hard": 19}
_PROFILES = {"easy": 1, "medium": 2, "hard": 3}


def draw_case(rng: np.random.Generator, difficulty: str) -> Case:
    """Return a build in which every rule has something to do."""
    while True:
        case = _draw(rng, difficulty)
        if not _dull(case, difficulty):
            return case


def _dull(case: Case, difficulty: str) -> bool:
    plans = [case.plan(profile) for profile in case.profiles]
    if min(len(plan.order) for plan in plans) < 5:
        return True
    rebuilt = [case.rebuilt(change) for change in case.changes]
    if not all(rebuilt) or max(map(len, rebuilt)) < 3:
        return True
    if not any(plan.missing for plan in plans) or not any(plan.blocked for plan in plans):
        return True
    orders = [
        [replace(case, tie=tie).plan(profile).order for profile in case.profiles] for tie in ("name", "cost", "users")
    ]
    if orders.count([plan.order for plan in plans]) > 1:
        return True
    if difficulty == "easy":
        return False
    loosely = [case.rebuilt(change, loosely=True) for change in case.changes]
    tangled = any(plan.cycles for plan in plans) and loosely != rebuilt
    return not tangled or (difficulty == "hard" and not any(plan.conflicts and plan.kits for plan in plans))


def _draw(rng: np.random.Generator, difficulty: str) -> Case:
    forge = pick(rng, FORGES)
    hard, easy = difficulty == "hard", difficulty == "easy"
    names = sample(rng, forge.units, _UNITS[difficulty])
    flags = sample(rng, forge.flags, 0 if easy else 3)
    units, sources = _units(rng, forge, names, flags)
    if not easy:
        first, second = sorted(sample(rng, range(3, len(names) // 2), 2))
        units[names[first]]["needs"].append(names[second])
        units[names[second]]["needs"].append(names[first])
    for name in sample(rng, names[4:], 1 if easy else 2):
        if chance(rng, 50):
            units[name]["reads"].append(f"{name}/{pick(rng, ('limits', 'tables', 'notes'))}{forge.source}")
        else:
            units[name]["needs"].append(pick(rng, [one for one in forge.units if one not in names] or [f"{name}-base"]))
    kits: dict[str, dict[str, list[str]]] = {}
    if hard:
        for kit in forge.kits:
            kits[kit] = {"versions": [str(version) for version in sorted(sample(rng, range(1, 9), 4))]}
        for name in sample(rng, names, 7):
            kit, mark = pick(rng, forge.kits), pick(rng, (">=", "<"))
            bound = between(rng, 2, 4) if mark == ">=" else between(rng, 5, 8)
            units[name]["uses"].append(f"{kit}{mark}{bound}")
        torn = pick(rng, forge.kits)
        for name, use in zip(sample(rng, names[6:], 2), (f"{torn}>=6", f"{torn}<4"), strict=True):
            units[name]["uses"] = [use]
    profiles = {
        profile: {
            "flags": [flag for flag in flags if chance(rng, 50)],
            "goals": sample(rng, [one for one in names[-6:] if not units[one]["when"]], 4 if easy else 3),
        }
        for profile in sample(rng, forge.profiles, _PROFILES[difficulty])
    }
    written = {name: units[name] for name in sorted(names)}
    form = pick(rng, ("json", "ini", "files", "csv"))
    tie = pick(rng, ("name", "cost", "users"))
    case = Case(forge, form, tie, written, profiles, kits, {}, tuple(sorted(sources)))
    return replace(case, changes=_changes(rng, case, {"easy": 2, "medium": 3, "hard": 5}[difficulty]))


def _changes(rng: np.random.Generator, case: Case, count: int) -> dict[str, dict[str, list[str]]]:
    """Return changes, each of a file that an early unit of a plan reads, and often of another file or two."""
    files = [*case.sources, *(file for told in case.units.values() for file in told["makes"])]
    early = {profile: case.plan(profile).order for profile in case.profiles}
    early = {profile: order[: 1 + len(order) // 2] for profile, order in early.items() if order}
    changes: dict[str, dict[str, list[str]]] = {}
    for number in range(1, count + 1 if early else 1):
        profile = pick(rng, sorted(early))
        read = [file for file in case.units[pick(rng, early[profile])]["reads"] if file in files]
        touched = [pick(rng, read), *sample(rng, files, between(rng, 0, 2))] if read else sample(rng, files, 2)
        changes[f"{pick(rng, ('fix', 'edit', 'patch'))}-{number}{between(rng, 10, 99)}"] = {
            "profile": [profile],
            "files": sorted(set(touched)),
        }
    return changes


def _units(
    rng: np.random.Generator, forge: Forge, names: list[str], flags: list[str]
) -> tuple[dict[str, dict[str, list[str]]], list[str]]:
    """Return units of which each needs only ones before it, and the sources that they read."""
    units: dict[str, dict[str, list[str]]] = {}
    sources = [f"common/{word}{forge.source}" for word in ("shared", "version")]
    for number, name in enumerate(names):
        reads = [f"{name}/{word}{forge.source}" for word in sample(rng, ("main", "extra", "data"), between(rng, 1, 2))]
        sources += reads
        told: dict[str, list[str]] = {
            "cost": [str(between(rng, 1, 9) * 5)],
            "when": [],
            "needs": [],
            "reads": reads,
            "makes": [],
            "uses": [],
        }
        if chance(rng, 25):
            told["reads"].append(pick(rng, sources[:2]))
        if chance(rng, 60):
            told["makes"].append(f"gen/{name}{forge.product}")
        if flags and number > 1 and chance(rng, 30):
            told["when"].append(f"{'!' * chance(rng, 40)}{pick(rng, flags)}")
        for other in sample(rng, names[:number], min(number, between(rng, 0, 2) + (number > 2))):
            if units[other]["makes"] and chance(rng, 50):
                told["reads"].append(units[other]["makes"][0])
            else:
                told["needs"].append(f"{'~' * (bool(flags) and chance(rng, 35))}{other}")
        units[name] = told
    return units, sources
