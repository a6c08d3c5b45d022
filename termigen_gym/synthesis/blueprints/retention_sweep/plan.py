"""What retention-sweep draws: a tree of copies, a manifest, holds and a policy; and what becomes of each file."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..kit import between, chance, hexes, pick, sample
from ..pieces import gzipped
from .domains import DOMAINS, Domain

_SIZES = {"easy": (3, 6), "medium": (4, 9), "hard": (5, 9)}


@dataclass(frozen=True)
class Copy:
    """A copy as the manifest has it; `path`: in the tree, `taken`: to the minute, in UTC."""

    path: str
    series: str
    taken: str
    status: str

    @property
    def day(self) -> datetime.date:
        """The day on which it was taken."""
        return datetime.date.fromisoformat(self.taken[:10])


@dataclass(frozen=True)
class Plan:
    """A tree and its policy; limits in days.

    Attributes:
        copies: in the order of the manifest. tree: path in the tree to content. manifest: csv, jsonl or tsv.
        limits: of the rules daily, weekly and monthly, those that there are.
        minimum: newest copies of a series that stay. order: of the reasons for keeping, the first counts.
        holds: path to the last day. pins: series and month.
        compress: age beyond which what is kept is compressed, None for never.
        archive: whether monthly copies are moved. quarantine: whether unknown files are.
        newest, passed, monday, over: False, True, False and True where somebody takes the oldest of a period, lets
            failed copies count, begins weeks on Sundays or ends holds before their last day. No task asks for that.
    """

    domain: Domain
    difficulty: str
    today: datetime.date
    copies: tuple[Copy, ...]
    tree: Mapping[str, bytes]
    manifest: str
    limits: Mapping[str, int]
    minimum: int
    order: tuple[str, ...]
    holds: Mapping[str, str]
    pins: tuple[tuple[str, str], ...]
    compress: int | None
    archive: bool
    quarantine: bool
    ledger: str
    out: str
    newest: bool = True
    passed: bool = False
    monday: bool = True
    over: bool = False

    @property
    def actions(self) -> list[str]:
        """The actions that the policy knows."""
        further = {"compress": self.compress is not None, "archive": self.archive, "quarantine": self.quarantine}
        return ["keep", *(name for name, known in further.items() if known), "delete", "missing"]


@dataclass(frozen=True)
class Entry:
    """What becomes of a file: a row of the ledger, with its size and its series, "" for an unknown file."""

    path: str
    action: str
    reason: str
    size: int
    series: str


def draw(rng: np.random.Generator, difficulty: str) -> Plan:
    """Return a tree and its policy for a difficulty."""
    count, copies = _SIZES[difficulty]
    domain = pick(rng, DOMAINS)
    today = datetime.date(between(rng, 2023, 2026), between(rng, 1, 12), between(rng, 1, 28))
    limits = {"daily": pick(rng, (5, 7, 10)), "weekly": pick(rng, (28, 35, 42)), "monthly": pick(rng, (180, 240, 365))}
    if difficulty == "easy":
        del limits[pick(rng, ("weekly", "monthly"))]
    series = sample(rng, domain.series, count)
    drawn = [copy for name in series for copy in _copies(rng, domain, name, copies, today, limits)]
    absent = {drawn[int(index)].path for index in rng.permutation(len(drawn))[: between(rng, 1, 2)]}
    tree = {copy.path: _content(rng, domain, copy.path) for copy in drawn if copy.path not in absent}
    for name in sample(rng, domain.odd, 2 if difficulty == "easy" else 3):
        path = f"{pick(rng, drawn).path.rpartition('/')[0]}/{name}".lstrip("/")
        tree[path] = _content(rng, domain, path)
    order = sample(rng, [*limits, "minimum"], len(limits) + 1)
    held = [copy for copy in drawn if copy.path not in absent and (today - copy.day).days > limits["daily"]]
    days = (0, -1, 45, -20, 9)
    holds = {
        copy.path: (today + datetime.timedelta(days=day)).isoformat()
        for copy, day in zip(sample(rng, held, 5), days, strict=True)
    }
    pinned = [copy for copy in held if (today - copy.day).days > 40]
    pins = tuple(sorted({(copy.series, copy.taken[:7]) for copy in sample(rng, pinned, 2)}))
    return Plan(
        domain=domain,
        difficulty=difficulty,
        today=today,
        copies=tuple(sample(rng, drawn, len(drawn))),
        tree=dict(sorted(tree.items())),
        manifest=pick(rng, ("csv", "jsonl", "tsv")),
        limits=limits,
        minimum=between(rng, 2, 3),
        order=("hold", *(["pin"] if difficulty == "hard" else []), *order),
        holds=dict(sorted(holds.items())),
        pins=pins if difficulty == "hard" else (),
        compress=None if difficulty == "easy" else between(rng, 3, 12),
        archive="monthly" in limits and (difficulty == "hard" or chance(rng, 30)),
        quarantine=difficulty != "easy" or chance(rng, 50),
        ledger=pick(rng, ("csv", "tsv")),
        out=pick(rng, ("/app/report", "/app/ledger", "/app/sweep")),
    )


def _copies(
    rng: np.random.Generator,
    domain: Domain,
    series: str,
    count: int,
    today: datetime.date,
    limits: Mapping[str, int],
) -> list[Copy]:
    """Draw the copies of a series: several a day of late, then fewer, with ages that just reach the limits."""
    ages = [*limits.values(), *(limit + 1 for limit in limits.values())]
    ages += [between(rng, 0, limits["daily"]) for _ in range(count // 3)]
    ages += [between(rng, limits["daily"], 60) for _ in range(count // 3)]
    ages += [between(rng, 60, 420) for _ in range(count // 3)]
    found: dict[str, Copy] = {}
    for age in ages:
        day = today - datetime.timedelta(days=age)
        for _ in range(2 if chance(rng, 40) else 1):
            time = datetime.datetime(day.year, day.month, day.day, between(rng, 0, 23), between(rng, 0, 59))
            path = time.strftime(domain.name.replace("SERIES", series))
            status = pick(rng, ("failed", "partial")) if chance(rng, 18) else "ok"
            packed = ".gz" if age > 30 and chance(rng, 25) else ""
            found[path] = Copy(path + packed, series, time.strftime("%Y-%m-%dT%H:%M"), status)
    return list(found.values())


def _content(rng: np.random.Generator, domain: Domain, path: str) -> bytes:
    lines = [f"{pick(rng, domain.lines)} {hexes(rng, between(rng, 8, 24))}\n" for _ in range(between(rng, 2, 6))]
    text = "".join(lines).encode()
    return gzipped(text) if path.endswith(".gz") else text


def solve(plan: Plan) -> list[Entry]:
    """Return what becomes of each file, sorted by path."""
    reasons = _reasons(plan)
    entries = []
    for copy in plan.copies:
        size = len(plan.tree.get(copy.path, b""))
        if copy.path not in plan.tree:
            entries.append(Entry(copy.path, "missing", "no-file", 0, copy.series))
            continue
        reason = next((reason for reason in plan.order if reason in reasons[copy.path]), None)
        if reason is None:
            reason = "expired" if copy.status == "ok" else "failed"
            entries.append(Entry(copy.path, "delete", reason, size, copy.series))
        else:
            entries.append(Entry(copy.path, _kept(plan, copy, reason), reason, size, copy.series))
    if plan.quarantine:
        unknown = plan.tree.keys() - {copy.path for copy in plan.copies}
        entries += [Entry(path, "quarantine", "unknown", len(plan.tree[path]), "") for path in unknown]
    return sorted(entries, key=lambda entry: entry.path)


def _kept(plan: Plan, copy: Copy, reason: str) -> str:
    if reason in ("hold", "pin"):
        return "keep"
    if plan.archive and reason == "monthly":
        return "archive"
    old = plan.compress is not None and (plan.today - copy.day).days > plan.compress
    return "compress" if old and not copy.path.endswith(".gz") else "keep"


def _reasons(plan: Plan) -> dict[str, set[str]]:
    """All the reasons to keep each copy."""
    found: dict[str, set[str]] = defaultdict(set)
    seen: set[tuple[str, str, datetime.date]] = set()
    count: Counter[str] = Counter()
    today = plan.today.isoformat()
    for copy in sorted(plan.copies, key=lambda copy: (copy.taken, copy.path), reverse=plan.newest):
        until = plan.holds.get(copy.path, "")
        if until > today or (until == today and not plan.over):
            found[copy.path].add("hold")
        if (copy.series, copy.taken[:7]) in plan.pins:
            found[copy.path].add("pin")
        if copy.path not in plan.tree or (copy.status != "ok" and not plan.passed):
            continue
        count[copy.series] += 1
        if count[copy.series] <= plan.minimum:
            found[copy.path].add("minimum")
        week = copy.day - datetime.timedelta(days=(copy.day.weekday() + (0 if plan.monday else 1)) % 7)
        periods = {"daily": copy.day, "weekly": week, "monthly": copy.day.replace(day=1)}
        for rule, limit in plan.limits.items():
            key = (rule, copy.series, periods[rule])
            if (plan.today - copy.day).days <= limit and key not in seen:
                seen.add(key)
                found[copy.path].add(rule)
    return found


def end_tree(plan: Plan, entries: Sequence[Entry]) -> dict[str, bytes]:
    """Return absolute paths to contents after the sweep; of what the sweep packed, to what was packed."""
    places = {entry.path: entry.action for entry in entries}
    found = {}
    for path, content in plan.tree.items():
        action = places.get(path, "keep")
        if action == "archive":
            found[f"/app/archive/{path}"] = content
        elif action == "quarantine":
            found[f"/app/quarantine/{path}"] = content
        elif action == "compress":
            found[f"{plan.domain.root}/{path}.gz"] = content
        elif action == "keep":
            found[f"{plan.domain.root}/{path}"] = content
    return found
