"""What event-rollup draws: events in the logs of several nodes, and rules; and what comes out by these rules."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..kit import between, chance, pick, sample
from .domains import DOMAINS, Domain

RAW = ("id", "subject", "kind", "zone", "value", "at", "got")
"""The fields of an event as it was logged."""

MEASURES = ("events", "subjects", "total", "largest", "smallest", "mean")
EXTRAS = ("sessions", "top", "quantiles")

_SIZES = {"easy": (2, 12, 3, 1), "medium": (3, 20, 4, 2), "hard": (4, 30, 5, 2)}
_CLOCKS = ("epoch", "millis", "zulu")
_OFFSETS = (120, 330, -210, -300, 60, 540)


@dataclass(frozen=True)
class Event:
    """One event as a node logged it; times in seconds since 1970, UTC; `node`: its rank."""

    id: str
    subject: str
    kind: str
    zone: str
    value: int
    at: int
    got: int
    node: int


@dataclass(frozen=True)
class Node:
    """A node that writes a log.

    Attributes:
        form: jsonl, csv, logfmt or pipe. packed: with gzip.
        clock: epoch, millis, zulu or offset. minutes: of the offset.
        fields: in the order of its columns.
    """

    name: str
    form: str
    packed: bool
    clock: str
    minutes: int
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A world and its rules; times in seconds.

    Attributes:
        nodes: in the order of their rank. logs: by node, the events in the order of the log.
        keep: "first" or "last" received of an id. late: the largest delay that is still in time.
        window: length. by: "kind" or "zone", how windows are parted.
        measures: of windows, some of `MEASURES` and a percentile.
        shift: of the report's clock against UTC.
        extras: of `EXTRAS`. gap: the longest within a session. least: events of a session that is listed.
        top: how many. percentiles: of the quantiles, which are parted by what windows are not.
        form: of windows: csv, tsv, json or jsonl. flat: of the other tables, csv or tsv.
        up: what is added to a percentile's rank before it is cut, 99; those who round it add 50.
        blind: whether offsets of times are overlooked, which no task asks for.
    """

    domain: Domain
    difficulty: str
    nodes: tuple[Node, ...]
    logs: Mapping[str, Sequence[Event]]
    names: Mapping[str, str]
    keep: str
    late: int
    window: int
    by: str
    measures: tuple[str, ...]
    shift: int
    extras: tuple[str, ...]
    gap: int
    least: int
    top: int
    percentiles: tuple[int, ...]
    form: str
    flat: str
    out: str
    up: int = 99
    blind: bool = False

    @property
    def other(self) -> str:
        """The field that the quantiles are parted by."""
        return "zone" if self.by == "kind" else "kind"

    @property
    def mark(self) -> str:
        """How times of the report end."""
        minutes = abs(self.shift) // 60
        sign = "-" if self.shift < 0 else "+"
        return f"{sign}{minutes // 60:02}:{minutes % 60:02}" if self.shift else "Z"

    def label(self, seconds: int) -> str:
        """Return a time as the report writes it."""
        local = datetime.datetime.fromtimestamp(seconds + self.shift, datetime.UTC)
        return local.strftime("%Y-%m-%dT%H:%M:%S") + self.mark


@dataclass(frozen=True)
class Result:
    """What is right: the rows of each table as text, by its name, and the counts."""

    tables: Mapping[str, Sequence[tuple[str, ...]]]
    counts: Mapping[str, int]


def draw(rng: np.random.Generator, difficulty: str) -> Plan:
    """Return a world for a difficulty."""
    count, subjects, measures, extras = _SIZES[difficulty]
    domain = pick(rng, DOMAINS)
    offset = between(rng, 0, count - 1)
    forms = sample(rng, ("jsonl", "csv", "logfmt", "pipe"), count)
    nodes = tuple(
        Node(
            name,
            form,
            difficulty != "easy" and chance(rng, 50),
            "offset" if number == offset else pick(rng, _CLOCKS),
            pick(rng, _OFFSETS),
            tuple(sample(rng, RAW, len(RAW))),
        )
        for number, (name, form) in enumerate(zip(sample(rng, domain.nodes, count), forms, strict=True))
    )
    late, gap = pick(rng, (300, 480, 600, 900)), pick(rng, (600, 900, 1200, 1800))
    window = pick(rng, (600, 900, 1200, 1800, 3600))
    chosen = sample(rng, MEASURES, measures - 1)
    percentile = f"p{pick(rng, (75, 90, 95))}"
    return Plan(
        domain=domain,
        difficulty=difficulty,
        nodes=nodes,
        logs=_logs(rng, domain, nodes, subjects, late, gap, window),
        names={
            "id": pick(rng, ("id", "event", "event_id")),
            "subject": domain.subject,
            "kind": domain.kind,
            "zone": domain.zone,
            "value": domain.value,
            "at": pick(rng, ("ts", "time", "at", "occurred")),
            "got": pick(rng, ("recv", "received", "arrived", "ingested")),
        },
        keep=pick(rng, ("first", "last")),
        late=late,
        window=window,
        by=pick(rng, ("kind", "zone")),
        measures=tuple(sample(rng, [*chosen, percentile], measures)),
        shift=pick(rng, (330, 345, -210, 570)) * 60 if difficulty == "hard" else 0,
        extras=tuple(sample(rng, EXTRAS, extras)),
        gap=gap,
        least=between(rng, 2, 3),
        top=between(rng, 5, 8),
        percentiles=tuple(sorted(sample(rng, (50, 75, 80, 90, 95, 99), 2 if difficulty == "easy" else 3))),
        form=pick(rng, ("csv", "tsv", "json", "jsonl")),
        flat=pick(rng, ("csv", "tsv")),
        out=pick(rng, ("/app/report", "/app/out", "/app/rollup", "/app/figures")),
    )


def _logs(
    rng: np.random.Generator, domain: Domain, nodes: Sequence[Node], subjects: int, late: int, gap: int, window: int
) -> dict[str, list[Event]]:
    """Draw what each subject does, in bursts; pauses and delays may just reach a limit, or just pass it."""
    day = datetime.datetime(between(rng, 2021, 2025), between(rng, 1, 12), between(rng, 1, 28), tzinfo=datetime.UTC)
    midnight, found, number = int(day.timestamp()), [], 0
    names = [f"{domain.prefix}{int(value) + 100}" for value in rng.permutation(899)[:subjects]]
    for name in names:
        at = midnight + between(rng, 6, 9) * 3600 + between(rng, 0, 3599)
        for burst in range(between(rng, 2, 3)):
            at = at - at % window if burst == 1 and chance(rng, 60) else at
            for _ in range(between(rng, 2, 6)):
                delay = pick(rng, (1, 2, 5, 9, 30, 75, late, late + 1, late + 200) if chance(rng, 30) else (1, 2, 3, 8))
                kind, zone = pick(rng, domain.kinds), pick(rng, domain.zones)
                kind = pick(rng, domain.noise) if chance(rng, 10) else kind
                number += 1
                node = between(rng, 0, len(nodes) - 1)
                event = Event(
                    f"e{number * 7919 % 99991:05}", name, kind, zone, between(rng, *domain.range), at, at + delay, node
                )
                found.append(event)
                if chance(rng, 16):
                    found.append(_copy(rng, event, domain, len(nodes), late))
                at += pick(rng, (20, 45, 100, 240, gap) if chance(rng, 50) else (10, 60, 130))
            at += pick(rng, (gap + 1, gap + 60, 2 * gap))
    logs: dict[str, list[Event]] = {node.name: [] for node in nodes}
    for event in sorted(found, key=lambda event: (event.got, event.id)):
        logs[nodes[event.node].name].append(event)
    return logs


def _copy(rng: np.random.Generator, event: Event, domain: Domain, nodes: int, late: int) -> Event:
    """The same event as another node logged it: with another value, sooner or later or at the same second."""
    other = (event.node + between(rng, 1, nodes - 1)) % nodes
    got = max(event.at + 1, event.got + pick(rng, (0, -1, 4, 20, late)))
    return Event(event.id, event.subject, event.kind, event.zone, between(rng, *domain.range), event.at, got, other)


def seen_at(plan: Plan, event: Event, seconds: int) -> int:
    """Return a time of an event as it is understood."""
    node = plan.nodes[event.node]
    return seconds + node.minutes * 60 if plan.blind and node.clock == "offset" else seconds


def solve(plan: Plan) -> Result:
    """Return what is right by the plan's rules."""
    logged = [event for node in plan.nodes for event in plan.logs[node.name]]
    wanted = [event for event in logged if event.kind not in plan.domain.noise]
    best: dict[str, Event] = {}
    for event in sorted(wanted, key=lambda event: (_order(plan, event), event.node)):
        best.setdefault(event.id, event)
    late: list[Event] = []
    events: list[Event] = []
    for event in sorted(best.values(), key=lambda event: (seen_at(plan, event, event.at), event.id)):
        (late if event.got - event.at > plan.late else events).append(event)
    tables: dict[str, Sequence[tuple[str, ...]]] = {
        "windows": _windows(plan, events),
        "late": [
            (event.id, event.subject, plan.label(seen_at(plan, event, event.at)), str(event.got - event.at))
            for event in late
        ],
    }
    for extra in plan.extras:
        tables[extra] = {"sessions": _sessions, "top": _top, "quantiles": _quantiles}[extra](plan, events)
    counts = {
        "read": len(logged),
        "ignored": len(logged) - len(wanted),
        "duplicates": len(wanted) - len(best),
        "late": len(late),
        "counted": len(events),
    }
    return Result(tables, counts)


def _order(plan: Plan, event: Event) -> int:
    got = seen_at(plan, event, event.got)
    return got if plan.keep == "first" else -got


def _windows(plan: Plan, events: Iterable[Event]) -> list[tuple[str, ...]]:
    groups: dict[tuple[int, str], list[Event]] = defaultdict(list)
    for event in events:
        local = seen_at(plan, event, event.at) + plan.shift
        groups[local - local % plan.window - plan.shift, getattr(event, plan.by)].append(event)
    return [
        (plan.label(start), name, *(_measure(plan, measure, group) for measure in plan.measures))
        for (start, name), group in sorted(groups.items())
    ]


def _measure(plan: Plan, measure: str, events: Sequence[Event]) -> str:
    values = sorted(event.value for event in events)
    if measure == "mean":
        tenths = (20 * sum(values) + len(values)) // (2 * len(values))
        return f"{tenths // 10}.{tenths % 10}"
    if measure == "subjects":
        return str(len({event.subject for event in events}))
    plain = {"events": len(values), "total": sum(values), "largest": values[-1], "smallest": values[0]}
    return str(plain[measure]) if measure in plain else _percentile(plan, values, int(measure[1:]))


def _percentile(plan: Plan, values: Sequence[int], percent: int) -> str:
    return str(values[(percent * len(values) + plan.up) // 100 - 1])


def _sessions(plan: Plan, events: Iterable[Event]) -> list[tuple[str, ...]]:
    sessions: list[list[Event]] = []
    for event in sorted(events, key=lambda event: (event.subject, seen_at(plan, event, event.at))):
        last = sessions[-1][-1] if sessions else None
        near = last and seen_at(plan, event, event.at) - seen_at(plan, last, last.at) <= plan.gap
        if last is not None and last.subject == event.subject and near:
            sessions[-1].append(event)
        else:
            sessions.append([event])
    rows = []
    for one in sessions:
        if len(one) >= plan.least:
            start, end = (seen_at(plan, event, event.at) for event in (one[0], one[-1]))
            total = str(sum(event.value for event in one))
            rows.append((start, one[0].subject, (plan.label(start), plan.label(end), str(len(one)), total)))
    return [(subject, *rest) for _, subject, rest in sorted(rows)]


def _top(plan: Plan, events: Iterable[Event]) -> list[tuple[str, ...]]:
    totals: dict[str, list[int]] = defaultdict(list)
    for event in events:
        totals[event.subject].append(event.value)
    ranked = sorted(totals.items(), key=lambda item: (-sum(item[1]), item[0]))[: plan.top]
    return [(str(rank), name, str(sum(own)), str(len(own))) for rank, (name, own) in enumerate(ranked, start=1)]


def _quantiles(plan: Plan, events: Iterable[Event]) -> list[tuple[str, ...]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for event in events:
        groups[getattr(event, plan.other)].append(event.value)
    return [
        (name, str(len(values)), *(_percentile(plan, sorted(values), percent) for percent in plan.percentiles))
        for name, values in sorted(groups.items())
    ]
