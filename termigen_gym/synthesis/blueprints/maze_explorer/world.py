"""Places that can only be seen from inside: how they lie, and how they are sealed."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from ..kit import between, chance, hexes, pick, sample
from ..scribe import fill, shuffled
from .words import PROGRAM, VERBS, Domain


@dataclass
class Place:
    """A place: ways to others, codes of those that are locked, and what is in it."""

    name: str
    ways: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    things: dict[str, int] = field(default_factory=dict)
    note: str = ""
    panel: bool = False


@dataclass
class World:
    """All places, the words of the console, and what has to be found."""

    domain: Domain
    verbs: dict[str, str]
    prompt: str
    style: int
    most: int
    places: dict[str, Place] = field(default_factory=dict)
    start: str = ""
    goal: str = ""
    panel_next: dict[str, list[int]] = field(default_factory=dict)
    panel_prints: int = -1
    panel_code: str = ""

    @property
    def folder(self) -> str:
        """Where the console lies."""
        return f"/opt/{self.domain.slug}"

    @property
    def console(self) -> str:
        """The console's path."""
        return f"{self.folder}/{self.domain.program}"

    def distances(self) -> dict[str, int]:
        """How many moves each place is away from the start, with all codes known."""
        far, queue = {self.start: 0}, deque([self.start])
        while queue:
            here = queue.popleft()
            for to in self.places[here].ways.values():
                if to not in far:
                    far[to] = far[here] + 1
                    queue.append(to)
        return far

    def presses(self) -> list[str]:
        """The shortest presses that make the device print, the first in byte order."""
        queue: deque[tuple[int, list[str]]] = deque([(0, [])])
        seen = {0}
        while queue:
            state, word = queue.popleft()
            if state == self.panel_prints:
                return word
            for button in sorted(self.panel_next):
                then = self.panel_next[button][state]
                if then not in seen:
                    seen.add(then)
                    queue.append((then, [*word, button]))
        return []


def draw_world(rng: np.random.Generator, domain: Domain, difficulty: str) -> World:
    """Draw places, ways, locks with their codes, things, and a device that prints one of the codes."""
    level = {"easy": 0, "medium": 1, "hard": 2}[difficulty]
    world = World(
        domain,
        {meaning: pick(rng, words) for meaning, words in VERBS.items()},
        pick(rng, (">", "$", "?", "::")),
        between(rng, 0, 2),
        0,
    )
    names = sample(
        rng, [f"{one} {two}" for one in domain.first for two in domain.second], (9, 14, 19)[level] + between(rng, 0, 2)
    )
    world.places = {name: Place(name) for name in names}
    locked = names[-1 - (level > 0) :]
    open_places = names[: -len(locked)]
    world.start, world.goal = names[0], names[-1]
    opposite = level == 0
    for at, name in enumerate(open_places[1:], start=1):
        _join(rng, world, open_places[max(0, at - between(rng, 1, 3))], name, opposite=opposite)
    for _ in range(2 + 2 * level):
        one, two = sample(rng, open_places, 2)
        # Every place keeps a word for a way that is locked.
        if all(len(world.places[name].ways) < 5 for name in (one, two)):
            _join(rng, world, one, two, opposite=opposite, both=chance(rng, 40))
    deep = open_places[len(open_places) // 2 :]
    for name, entrance in zip(locked, sample(rng, deep, len(locked)), strict=True):
        way = _join(rng, world, entrance, name, opposite=opposite)
        world.places[entrance].codes[way] = str(between(rng, 10000, 99999))
    _furnish(rng, world, open_places, locked, device=level > 0)
    world.most = max(world.distances().values()) + between(rng, 1, 3)
    return world


def _join(rng: np.random.Generator, world: World, one: str, two: str, *, opposite: bool, both: bool = True) -> str:
    """Make a way from one place to another, and back; return its word, "" where no word is free."""
    words = world.domain.ways
    here, there = world.places[one], world.places[two]
    if two in here.ways.values():
        return ""
    free = [word for word in words if word not in here.ways]
    if not free:
        return ""
    way = pick(rng, free)
    here.ways[way] = two
    back = words[words.index(way) ^ 1]
    if not opposite or back in there.ways:
        left = [word for word in words if word not in there.ways]
        back = pick(rng, left) if left else ""
    if both and back and one not in there.ways.values():
        there.ways[back] = one
    return way


def _furnish(
    rng: np.random.Generator, world: World, open_places: Sequence[str], locked: Sequence[str], *, device: bool
) -> None:
    domain = world.domain
    for place in world.places.values():
        place.things = {thing: between(rng, 1, 7) for thing in sample(rng, domain.things, between(rng, 0, 3))}
    doors = [(place.name, way) for place in world.places.values() for way in place.codes]
    writers = sample(rng, [name for name in open_places if not world.places[name].codes], len(doors) + 1)
    if device:
        count = len(domain.lamps)
        world.places[writers[-1]].panel = True
        order = sample(rng, range(1, count), count - 1)
        # A chain through all states with one button or another, so that the last of it is reached and is far.
        ring = [0, *order]
        world.panel_next = {button: [between(rng, 0, count - 1) for _ in range(count)] for button in domain.buttons}
        for button in domain.buttons:
            for at, state in enumerate(ring):
                world.panel_next[button][state] = ring[between(rng, 0, at)]
        for here, there in pairwise(ring):
            world.panel_next[pick(rng, domain.buttons)][here] = there
        world.panel_prints = ring[between(rng, count - 3, count - 1)]
    for number, ((name, way), writer) in enumerate(zip(doors, writers, strict=False)):
        code = world.places[name].codes[way]
        if device and number == 0:
            world.panel_code = code
            world.places[writer].note = f"The code for {way} at {name} is on the strip of the {domain.device}"
        else:
            world.places[writer].note = f"The code for {way} at {name} is {code}"


def sealed(rng: np.random.Generator, world: World) -> dict[str, str]:
    """Return the files of the console: the program, and the places, each readable with its token only."""
    tokens = {name: hexes(rng, 16) for name in world.places}
    cells = []
    for name, place in world.places.items():
        cell = {
            "name": name,
            "ways": {way: tokens[to] for way, to in place.ways.items() if way not in place.codes},
            "locks": {way: _locked(tokens[place.ways[way]], code) for way, code in place.codes.items()},
            "things": place.things,
            "note": place.note,
            "panel": _panel(world) if place.panel else None,
        }
        data, token = json.dumps(cell).encode(), tokens[name]
        stream = b"".join(bytes.fromhex(_digest("stream", token, str(n))) for n in range(len(data) // 32 + 1))
        sealed_cell = bytes(a ^ b for a, b in zip(data, stream, strict=False)).hex()
        cells.append(f"{_digest('cell', token)[:24]} {sealed_cell}\n")
    verbs = world.verbs
    words = (
        f"{verbs['look']} | {verbs['go']} WAY | {verbs['search']} | {verbs['read']} | {verbs['open']} WAY CODE | "
        f"{verbs['press']} BUTTON | {verbs['home']} (back to the start) | quit"
    )
    looks = (
        '"You are in: " + self.place["name"], "Ways: " + shown',
        'f"[{self.place[\'name\']}]", f"exits: {shown}"',
        '"place = " + self.place["name"], "ways = " + shown',
    )[world.style]
    data_path = f"{world.folder}/{world.domain.slug}.dat"
    program = fill(
        PROGRAM,
        title=world.domain.title,
        most=world.most,
        token=tokens[world.start],
        looks=looks,
        device=world.domain.device,
        spent=world.domain.spent,
        help=words,
        program=world.domain.program,
        data=data_path,
        prompt=world.prompt,
        **verbs,
    )
    return {world.console: program, data_path: "".join(shuffled(rng, cells))}


def _panel(world: World) -> dict[str, object]:
    lamps = world.domain.lamps
    return {
        "lamps": lamps,
        "next": world.panel_next,
        "prints": lamps[world.panel_prints],
        "strip": world.panel_code,
    }


def _digest(*words: str) -> str:
    return hashlib.sha256(":".join(words).encode()).hexdigest()


def _locked(token: str, code: str) -> str:
    return f"{int(token, 16) ^ int(_digest('lock', code)[:16], 16):016x}"
