"""The tables of a `route_plan` task and the best ways through them."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from ..drawing import table_text
from .worlds import Region


@dataclass(frozen=True)
class Link:
    """A connection that may be used at any time, or a ride at a set time.

    Attributes:
        name: of a ride; "" for a link that is not one. line: that a ride belongs to. start: when it leaves.
        minutes: how long it takes. limit: how much it carries. toll: what it costs. one_way: a link only goes forth.
    """

    name: str
    line: str
    here: str
    there: str
    start: int
    minutes: int
    limit: int
    toll: int
    one_way: bool = False

    @property
    def title(self) -> str:
        """How the loss of it is told: its line's name, or its ends."""
        return self.line or f"{self.here}-{self.there}"


@dataclass(frozen=True)
class Query:
    """Who wants to go where; `ready` is the earliest start."""

    name: str
    here: str
    there: str
    ready: int
    load: int


@dataclass(frozen=True)
class Way:
    """An answer: when it ends, its legs, its tolls, and the places or rides that it takes."""

    arrival: int
    legs: int
    tolls: int
    path: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """What is given and how it is to be looked at.

    Attributes:
        timetable: whether links are rides. second: legs or tolls, what decides between equal arrivals.
        change: minutes that a change between lines takes. closed: links that may not be begun from one time until
            before another; or rides that do not run. clock: whether times are written as hours and minutes.
        depot, off, by, weight: from where, when and with how much places are to be reached, and until when.
        lost: minutes that a query counts which has no answer any more.
    """

    region: Region
    timetable: bool
    second: str
    change: int
    links: tuple[Link, ...]
    closed: tuple[tuple[str, str, int, int], ...]
    queries: tuple[Query, ...]
    carriers: tuple[tuple[str, str, int], ...]
    jobs: tuple[tuple[str, str, int], ...]
    depot: str
    off: int
    by: int
    weight: int
    lost: int
    clock: bool
    formats: tuple[str, str, str]
    one_way: bool

    def time(self, minutes: int) -> str:
        """Return a time as the files have it."""
        return f"{minutes // 60:02d}:{minutes % 60:02d}" if self.clock else str(minutes)

    def path(self, number: int) -> str:
        """Return the path of the links (0), what is closed (1), queries (2), carriers (3) or jobs (4)."""
        return f"/app/data/{self.region.files[number]}.{(*self.formats, 'csv', 'csv')[number]}"

    def columns(self, number: int) -> tuple[str, ...]:
        """Return the columns of that file."""
        links = ("from", "to", "minutes", "limit", *(("toll",) if self.second == "tolls" else ()))
        rides = ("ride", self.region.line, "from", "to", "leaves", "arrives", "limit")
        return (
            rides if self.timetable else (*links, *(("direction",) if self.one_way else ())),
            ("ride",) if self.timetable else ("from", "to", "closes", "opens"),
            ("id", "from", "to", "ready", "load"),
            ("name", "at", "free"),
            ("id", "to", "load"),
        )[number]

    def files(self) -> dict[str, bytes | str]:
        """Return what is put into the image."""
        tables: list[list[tuple[object, ...]]] = [
            [self._row(one) for one in self.links],
            [
                (here,) if self.timetable else (here, there, self.time(start), self.time(end))
                for here, there, start, end in self.closed
            ],
            [(one.name, one.here, one.there, self.time(one.ready), one.load) for one in self.queries],
            [(name, place, self.time(free)) for name, place, free in self.carriers],
            list(self.jobs),
        ]
        return {
            self.path(number): table_text(self.path(number).rsplit(".", 1)[1], self.columns(number), rows)
            for number, rows in enumerate(tables)
            if rows
        }

    def _row(self, link: Link) -> tuple[object, ...]:
        if self.timetable:
            end = link.start + link.minutes
            return (link.name, link.line, link.here, link.there, self.time(link.start), self.time(end), link.limit)
        told: tuple[object, ...] = (link.here, link.there, link.minutes, link.limit)
        told += (link.toll,) if self.second == "tolls" else ()
        return told + ((("one-way" if link.one_way else "both"),) if self.one_way else ())

    def best(self, query: Query, without: str = "") -> Way | None:
        """Return the best way, the one and only, or None; `without`: what is lost."""
        queue: list[tuple[int, int, tuple[str, ...], int, str, str]] = []
        first = () if self.timetable else (query.here,)
        heapq.heappush(queue, (query.ready, 0, first, 0, query.here, ""))
        seen: dict[tuple[str, str], tuple[int, tuple[str, ...]]] = {}
        while queue:
            now, second, path, legs, here, line = heapq.heappop(queue)
            if here == query.there:
                return Way(now, legs, second if self.second == "tolls" else 0, path)
            if (here, line) in seen and seen[here, line] <= (second, path):
                continue
            seen[here, line] = (second, path)
            for link, there in self._from(here, query.load, without):
                arrival = self._arrival(link, now, line)
                if arrival is not None:
                    more = link.toll if self.second == "tolls" else 1
                    step = link.name if self.timetable else there
                    item = (arrival, second + more, (*path, step), legs + 1, there, link.line)
                    heapq.heappush(queue, item)
        return None

    def _from(self, here: str, load: int, without: str) -> Iterator[tuple[Link, str]]:
        for link in self.links:
            if load <= link.limit and (not without or link.title != without):
                if link.here == here:
                    yield link, link.there
                elif link.there == here and not link.one_way and not self.timetable:
                    yield link, link.here

    def _arrival(self, link: Link, now: int, line: str) -> int | None:
        if self.timetable:
            ready = now + (self.change if line and line != link.line else 0)
            runs = link.start >= ready and not any(name == link.name for name, *_ in self.closed)
            return link.start + link.minutes if runs else None
        waiting = True
        while waiting:
            waiting = False
            for here, there, start, end in self.closed:
                if {here, there} == {link.here, link.there} and start <= now < end:
                    now, waiting = end, True
        return now + link.minutes

    def within(self) -> list[tuple[str, int]]:
        """Return the places that are reached from the depot in time, in order."""
        found = []
        for place in sorted({one.here for one in self.links} | {one.there for one in self.links}):
            way = self.best(Query("", self.depot, place, self.off, self.weight)) if place != self.depot else None
            if way and way.arrival <= self.by:
                found.append((place, way.arrival))
        return sorted(found, key=lambda row: (row[1], row[0]))

    def losses(self) -> list[tuple[str, int, int]]:
        """Return of each link or line what its loss delays all queries by, and how many have no answer then."""
        usual = {query: self.best(query) for query in self.queries}
        rows = []
        for title in sorted({one.title for one in self.links}):
            delay = lost = 0
            for query, way in usual.items():
                other = self.best(query, without=title) if way else None
                if way and other:
                    delay += other.arrival - way.arrival
                elif way:
                    delay, lost = delay + self.lost, lost + 1
            rows.append((title, delay, lost))
        return sorted(rows, key=lambda row: (-row[1], row[0]))

    def sent(self) -> list[tuple[str, str, int]]:
        """Return of each job who is sent and when that one arrives, in all as early as can be."""
        times = {}
        for job, place, load in self.jobs:
            for name, here, free in self.carriers:
                way = Way(free, 0, 0, ()) if here == place else self.best(Query("", here, place, free, load))
                times[job, name] = way.arrival if way else None
        found = []
        for names in itertools.permutations(sorted(name for name, *_ in self.carriers), len(self.jobs)):
            arrivals = [times[job, name] for (job, *_), name in zip(self.jobs, names, strict=True)]
            if None not in arrivals:
                found.append((sum(filter(None, arrivals)), names))
        if not found:
            return []
        names = min(found)[1]
        return [(job, name, times[job, name] or 0) for (job, *_), name in zip(self.jobs, names, strict=True)]
