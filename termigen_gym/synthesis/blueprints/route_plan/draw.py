"""Draws the tables of a `route_plan` task."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from ..kit import between, chance, pick, sample
from .case import Case, Link, Query
from .worlds import REGIONS, Region

_PLACES = {"easy": 8, "medium": 10, "hard": 13}
_QUERIES = {"easy": 5, "medium": 7, "hard": 9}


def draw_case(rng: np.random.Generator, difficulty: str) -> Case:
    """Return tables on which every rule makes a difference."""
    region, timetable = pick(rng, REGIONS), chance(rng, 50)
    while True:
        case = _draw(rng, difficulty, region, timetable)
        if not _dull(case, difficulty):
            return case


def _dull(case: Case, difficulty: str) -> bool:
    ways = [case.best(query) for query in case.queries]
    found = [way for way in ways if way]
    unlimited = replace(case, links=tuple(replace(one, limit=10_000) for one in case.links))
    others = [replace(case, closed=()), unlimited]
    if case.timetable:
        others.append(replace(case, change=0))
    if case.second == "tolls":
        others.append(replace(case, second="legs"))
    paths = [way and way.path for way in ways]
    for other in others:
        if [way and way.path for way in map(other.best, case.queries)] == paths:
            return True
    none, long = ways.count(None), sum(way.legs > 2 for way in found)
    if none > 2 or long < 2 or (difficulty != "easy" and none == 0) or len(case.within()) < 3:
        return True
    return bool(case.jobs) and not case.sent()


def _draw(rng: np.random.Generator, difficulty: str, region: Region, timetable: bool) -> Case:
    hard, easy = difficulty == "hard", difficulty == "easy"
    places = sample(rng, region.places, _PLACES[difficulty])
    second = "legs" if timetable else pick(rng, ("legs", "tolls"))
    if timetable:
        links = _rides(rng, places, {"easy": 3, "medium": 4, "hard": 6}[difficulty])
        closed = [(one.name, "", 0, 0) for one in sample(rng, links, len(links) // 9)]
    else:
        links = _network(rng, places, hard)
        closed = _closures(rng, links)
    first = min(one.start for one in links) if timetable else 480
    queries = []
    for number in sorted(sample(rng, range(10, 99), _QUERIES[difficulty])):
        here, there = sample(rng, places, 2)
        queries.append(Query(f"q{number}", here, there, first + between(rng, 0, 24) * 5, between(rng, 1, 16)))
    carriers, jobs = [], []
    if not easy:
        size = 5 if hard else 4
        for name in sample(rng, region.vehicles, size):
            carriers.append((name, pick(rng, places), first + between(rng, 0, 8) * 5))
        for number in sorted(sample(rng, range(1, 60), size - 1)):
            jobs.append((f"{region.job[0]}{number:02d}", pick(rng, places), between(rng, 1, 5)))
    off = first + between(rng, 0, 6) * 5
    forms = [pick(rng, ("csv", "tsv", "jsonl")) for _ in range(3)]
    return Case(
        region=region,
        timetable=timetable,
        second=second,
        change=between(rng, 3, 9) if timetable else 0,
        links=tuple(links),
        closed=tuple(closed),
        queries=tuple(queries),
        carriers=tuple(carriers),
        jobs=tuple(jobs),
        depot=pick(rng, places),
        off=off,
        by=off + between(rng, 9, 16) * 5 * (2 if timetable else 1),
        weight=between(rng, 1, 5),
        lost=pick(rng, (120, 180, 240)),
        clock=chance(rng, 60),
        formats=(forms[0], forms[1], forms[2]),
        one_way=hard and not timetable,
    )


def _network(rng: np.random.Generator, places: list[str], hard: bool) -> list[Link]:
    pairs = [(place, pick(rng, places[:number])) for number, place in enumerate(places) if number]
    for _ in range(len(places)):
        here, there = sample(rng, places, 2)
        if (here, there) not in pairs and (there, here) not in pairs:
            pairs.append((here, there))
    return [
        Link(
            "",
            "",
            here,
            there,
            0,
            between(rng, 1, 6) * 5,
            pick(rng, (4, 8, 12, 16, 20, 30)),
            between(rng, 1, 6),
            hard and chance(rng, 20),
        )
        for here, there in pairs
    ]


def _closures(rng: np.random.Generator, links: list[Link]) -> list[tuple[str, str, int, int]]:
    """When links can't be begun; some have two such times, one right after the other."""
    found = []
    for link in sample(rng, links, len(links) // 2):
        start = 480 + between(rng, 0, 20) * 5
        end = start + between(rng, 4, 16) * 5
        # A closure holds for both directions, whichever way round it is written.
        here, there = (link.here, link.there) if chance(rng, 60) else (link.there, link.here)
        found.append((here, there, start, end))
        if chance(rng, 20):
            found.append((here, there, end, end + between(rng, 2, 5) * 5))
    return found


def _rides(rng: np.random.Generator, places: list[str], count: int) -> list[Link]:
    rides = []
    for number in range(count):
        line = "ABCDEFGH"[number]
        stops = sample(rng, places, between(rng, 4, 5))
        minutes = [between(rng, 2, 5) * 5 for _ in stops[1:]]
        begin = 360 + between(rng, 0, 9) * 5
        for run in range(1, 6):
            now = begin
            for leg, (here, there) in enumerate(itertools.pairwise(stops)):
                limit = pick(rng, (3, 6, 12, 18, 24))
                rides.append(Link(f"{line}{run}{'abcd'[leg]}", line, here, there, now, minutes[leg], limit, 0))
                now += minutes[leg] + between(rng, 0, 2)
            begin += between(rng, 6, 10) * 5
            if run % 2:
                stops.reverse()
                minutes.reverse()
    return [rides[int(index)] for index in rng.permutation(len(rides))]
