"""How replicas drift apart: what was written where, and who saw it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from ..kit import between, chance, hexes, pick, sample
from ..scribe import shuffled
from .world import Version, World


def _keys(rng: np.random.Generator, world: World, count: int) -> list[str]:
    marks = sample(rng, range(0x100, 0x1000), count)
    return [f"{world.domain.prefix}-{mark:x}{hexes(rng, 2)}" for mark in marks]


def _value(rng: np.random.Generator, world: World) -> str:
    return f"{pick(rng, world.domain.values)}-{between(rng, 10, 99)}"


def vector_world(rng: np.random.Generator, world: World, count: int, *, several: bool) -> None:
    """Let replicas write on their own, with version vectors; `several` lets one hold concurrent versions."""
    world.held = {name: [] for name in world.replicas}
    fates = ("agreed", "stale", "stale", "fork", "fork", "fork", "erased", "contested", "tie", "missing")
    for number, key in enumerate(_keys(rng, world, count)):
        fate = fates[number % len(fates)]
        base = {name: between(rng, 0, 4) for name in world.replicas}
        base[pick(rng, world.replicas)] += 1
        moment = 1_780_000_000 + between(rng, 0, 2_000_000)
        root = _version(rng, world, key, base, moment, gone=False)
        known = [root]
        if fate in ("stale", "erased"):
            for step in range(between(rng, 1, 3)):
                # A writer's clock may be slow, so that a later version looks older.
                moment += between(rng, -9000, 9000)
                known.append(_child(rng, world, known[-1], moment, gone=fate == "erased" and step == 0))
            if fate == "erased" and known[-1].value is not None:
                known = known[:2]
            spread = [pick(rng, known) for _ in world.replicas]
            spread[0] = known[-1]
            spread = shuffled(rng, spread)
        elif fate in ("fork", "contested", "tie"):
            writers = sample(rng, world.replicas, between(rng, 2, min(3, len(world.replicas))))
            late = moment + between(rng, 0, 9000)
            heads = [
                _child(
                    rng, world, root, late if fate == "tie" else moment + between(rng, 0, 9000),
                    gone=fate == "contested" and place == 0, writer=writer,
                    by=1 if fate == "tie" else between(rng, 1, 3),
                )
                for place, writer in enumerate(writers)
            ]  # fmt: skip
            spread = [pick(rng, [*heads, root]) for _ in world.replicas]
            spread[: len(heads)] = heads
            spread = shuffled(rng, spread)
            if several and chance(rng, 40):
                extra = pick(rng, heads)
                place = pick(rng, range(len(spread)))
                if spread[place] in heads and spread[place] is not extra:
                    world.held[world.replicas[place]].append(extra)
        else:
            spread = [root] * len(world.replicas)
        absent = between(rng, 0, len(world.replicas) - 1) if fate == "missing" else -1
        for place, (name, version) in enumerate(zip(world.replicas, spread, strict=True)):
            if place != absent:
                world.held[name].append(version)
    world.settle()


def _version(
    rng: np.random.Generator, world: World, key: str, counters: Mapping[str, int], moment: int, *, gone: bool
) -> Version:
    clock = tuple((name, count) for name, count in sorted(counters.items()) if count)
    return Version(key, None if gone else _value(rng, world), clock, moment, pick(rng, world.replicas))


def _child(
    rng: np.random.Generator,
    world: World,
    parent: Version,
    moment: int,
    *,
    gone: bool,
    writer: str = "",
    by: int = 1,
) -> Version:
    writer = writer or pick(rng, world.replicas)
    counters = dict(parent.clock)
    counters[writer] = counters.get(writer, 0) + by
    made = _version(rng, world, parent.key, counters, moment, gone=gone)
    return Version(made.key, made.value, made.clock, made.written, writer)


def quorum_world(rng: np.random.Generator, world: World, count: int) -> None:
    """Let replicas miss writes, keep writes that were never committed, and fork a version."""
    world.held = {name: [] for name in world.replicas}
    light = [between(rng, 1, 3) for _ in world.replicas]
    world.weights = dict(zip(world.replicas, light if world.weighted else [1] * len(light), strict=True))
    fates = ("agreed", "behind", "behind", "ahead", "ahead", "scattered", "forked", "forked", "erased", "halfway")
    for number, key in enumerate(_keys(rng, world, count)):
        fate = fates[number % len(fates)]
        spread = _quorum_fate(rng, world, key, fate)
        for name, version in zip(world.replicas, spread, strict=True):
            if version is not None:
                world.held[name].append(version)
    world.settle()


def _quorum_fate(rng: np.random.Generator, world: World, key: str, fate: str) -> list[Version | None]:
    """What each replica holds of one key."""
    count = len(world.replicas)
    line: list[Version] = []
    epoch, seq = between(rng, 1, 6), between(rng, 1, 40)
    for _ in range(count + 1):
        gone = chance(rng, 12)
        line.append(Version(key, None if gone else _value(rng, world), (("epoch", epoch), ("seq", seq))))
        # A new epoch begins to count anew, so that seq alone says nothing.
        epoch, seq = (epoch + 1, between(rng, 1, 9)) if chance(rng, 40) else (epoch, seq + between(rng, 1, 5))
    first, second = line[0], line[1]
    spread: list[Version | None] = [first] * count
    if fate == "agreed":
        return spread
    if fate == "behind":
        spread = [*([second] * (count - 1)), pick(rng, (first, None))]
    elif fate == "ahead":
        spread = [*([first] * (count - 1)), second]
    elif fate == "erased":
        tomb = Version(key, None, second.clock)
        spread = [*([tomb] * (count - 1)), pick(rng, (first, tomb))]
    elif fate == "forked":
        twin = Version(key, None if chance(rng, 20) else f"{_value(rng, world)}-b", second.clock)
        third = Version(key, f"{_value(rng, world)}-c", second.clock)
        spread = [second, twin, *(pick(rng, (first, second, third)) for _ in range(count - 2))]
    elif fate == "halfway":
        spread = [first if place % 2 else second for place in range(count)]
    else:
        spread = list(line[:count])
    if all(before is after for before, after in pairwise(spread)):
        return spread
    return shuffled(rng, spread)
