"""Series of instruments and the runs that calibrate them: what they measure, and what the rules make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

import numpy as np

from ..kit import between, chance, pick, sample
from .domains import Domain


@dataclass(frozen=True)
class Point:
    """A line of a calibration: numbers in thousandths; status is ok or void."""

    sensor: str
    run: int
    raw: int
    reference: int
    sigma: int
    status: str


@dataclass(frozen=True)
class Line:
    """A line of a series: seconds since 1970 and thousandths of the raw unit, None where the reading is missing."""

    time: int
    raw: int | None


@dataclass
class World:
    """Instruments, the rules drawn for them, and what comes of them."""

    domain: Domain
    sensors: list[str]
    fit: str
    points_of: str
    step: int
    days: int
    start: int
    later_counts: bool
    low: int
    high: int
    spike: int | None
    stuck: int | None
    coverage: int
    longest: int
    asked: list[str]
    points: list[Point] = field(default_factory=list)
    series: dict[str, list[Line]] = field(default_factory=dict)
    coefficients: dict[str, list[Fraction]] = field(default_factory=dict)
    daily: list[tuple[str, str, int, tuple[Fraction, Fraction, Fraction] | None]] = field(default_factory=list)
    good: dict[str, list[tuple[int, Fraction]]] = field(default_factory=dict)
    rejected: dict[str, dict[str, int]] = field(default_factory=dict)
    close: bool = False

    @property
    def slots(self) -> int:
        """How many readings a whole day has."""
        return 86400 // self.step

    def work_out(self) -> None:
        """Apply the rules; `close` says whether some decision or rounding hangs on the last bits of a number."""
        factor, offset = Fraction(self.domain.factor), Fraction(self.domain.offset)
        for sensor in self.sensors:
            fitted = fit(self.fit, self.points_that_count(sensor))
            self.coefficients[sensor] = fitted
            kept, counts = self._screen(self.series[sensor])
            self.rejected[sensor] = counts
            values = [
                (
                    time,
                    sum((c * Fraction(raw, 1000) ** power for power, c in enumerate(fitted)), Fraction()) * factor
                    + offset,
                )
                for time, raw in kept
            ]
            self.good[sensor] = values
            for day in sorted({line.time // 86400 for line in self.series[sensor]}):
                own = [value for time, value in values if time // 86400 == day]
                whole = len(own) * 100 >= self.coverage * self.slots
                stats = (sum(own, Fraction()) / len(own), min(own), max(own)) if own and whole else None
                self.daily.append(
                    (sensor, datetime.fromtimestamp(day * 86400, UTC).strftime("%Y-%m-%d"), len(own), stats)
                )
        numbers = [value for *_, stats in self.daily for value in stats or ()]
        numbers += [value for entry in self.summary_exact().values() for value in entry]
        self.close |= any(_near_half(value, Fraction(1000)) for value in numbers)
        # A constant that is small beside the readings is known to few digits.
        self.close |= any(0 < abs(cs[0]) < Fraction(self.domain.top, 400) for cs in self.coefficients.values())
        self.close |= any(
            _near_half(c, Fraction(10) ** (5 - _exponent(c))) for cs in self.coefficients.values() for c in cs if c
        )

    def points_that_count(self, sensor: str) -> list[Point]:
        """The calibration points of a sensor that the rules keep."""
        own = [point for point in self.points if point.sensor == sensor]
        if self.points_of == "ok":
            return [point for point in own if point.status == "ok"]
        last = max(point.run for point in own)
        return own if self.points_of == "all" else [point for point in own if point.run == last]

    def _screen(self, lines: Sequence[Line]) -> tuple[list[tuple[int, int]], dict[str, int]]:
        by_time: dict[int, int | None] = {}
        for line in lines:
            if self.later_counts or line.time not in by_time:
                by_time[line.time] = line.raw
        counts = {"duplicate": len(lines) - len(by_time), "missing": 0, "range": 0}
        left: list[tuple[int, int]] = []
        for time, raw in sorted(by_time.items()):
            if raw is None:
                counts["missing"] += 1
            elif not self.low <= raw <= self.high:
                counts["range"] += 1
            else:
                left.append((time, raw))
        if self.spike is not None:
            bad = {
                b for (_, a), (b, raw), (_, c) in zip(left, left[1:], left[2:], strict=False) if self._leaps(a, raw, c)
            }
            counts["spike"] = len(bad)
            left = [one for one in left if one[0] not in bad]
        if self.stuck is not None:
            left, before = self._unstick(left, self.stuck), len(left)
            counts["stuck"] = before - len(left)
        return left, counts

    def _leaps(self, before: int, raw: int, after: int) -> bool:
        assert self.spike is not None
        up, down = min(raw - before, raw - after), min(before - raw, after - raw)
        self.close |= self.spike in (raw - before, raw - after, before - raw, after - raw)
        return max(up, down) > self.spike

    @staticmethod
    def _unstick(left: Sequence[tuple[int, int]], least: int) -> list[tuple[int, int]]:
        runs: list[list[tuple[int, int]]] = []
        for one in left:
            if runs and runs[-1][-1][1] == one[1]:
                runs[-1].append(one)
            else:
                runs.append([one])
        return [one for run in runs for one in (run[:1] if len(run) >= least else run)]

    def summary_exact(self) -> dict[str, list[Fraction]]:
        """The numbers of the summary that are rounded."""
        found: dict[str, list[Fraction]] = {"integral": [], "peak": []}
        for values in self.good.values():
            found["integral"].append(
                sum(
                    (
                        (a + b) / 2 * Fraction(after - before, 3600)
                        for (before, a), (after, b) in pairwise(values)
                        if after - before <= self.longest
                    ),
                    Fraction(),
                )
            )
            found["peak"].append(max(value for _, value in values))
        return found

    def summary(self) -> dict[str, object]:
        """What is asked of each sensor."""
        exact = self.summary_exact()
        found: dict[str, object] = {}
        for place, sensor in enumerate(self.sensors):
            values = self.good[sensor]
            peak = max(value for _, value in values)
            gaps = [after - before for (before, _), (after, _) in pairwise(values)]
            every: dict[str, object] = {
                "integral": rounded(exact["integral"][place]),
                "peak": rounded(peak),
                "peak_time": iso(next(time for time, value in values if value == peak)),
                "rejected": self.rejected[sensor],
                "gaps": sum(gap > self.longest for gap in gaps),
                "longest_gap_min": max(gaps) // 60,
                "used": len(values),
            }
            found[sensor] = {name: every[name] for name in self.asked}
        return found


def rounded(value: Fraction) -> float:
    """Return a number to three decimals."""
    return float(f"{float(round(value, 3)):.3f}")


def iso(time: int) -> str:
    """Return a moment as text, in UTC."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def significant(value: Fraction) -> float:
    """Return a number to six significant digits."""
    return float(f"{float(value):.5e}")


def _exponent(value: Fraction) -> int:
    return int(f"{float(value):.15e}".partition("e")[2])


def _near_half(value: Fraction, scale: Fraction) -> bool:
    """Whether a number lies so close to the middle between two multiples of 1/scale that arithmetic decides."""
    part = value * scale % 1
    return abs(part - Fraction(1, 2)) < Fraction(1, 1000)


def fit(sort: str, points: Sequence[Point]) -> list[Fraction]:
    """Return the coefficients, constant first, without rounding."""
    rows = [
        (
            Fraction(point.raw, 1000),
            Fraction(point.reference, 1000),
            1 / Fraction(point.sigma, 1000) ** 2 if sort == "weighted" else Fraction(1),
        )
        for point in points
    ]
    if sort == "origin":
        return [
            Fraction(0),
            sum((x * y for x, y, _ in rows), Fraction()) / sum((x * x for x, _, _ in rows), Fraction()),
        ]
    size = 3 if sort == "quadratic" else 2
    system = [
        [sum((w * x ** (i + j) for x, _, w in rows), Fraction()) for j in range(size)]
        + [sum((w * y * x**i for x, y, w in rows), Fraction())]
        for i in range(size)
    ]
    for column in range(size):
        lead = system[column][column]
        system[column] = [entry / lead for entry in system[column]]
        for other in range(size):
            if other != column:
                times = system[other][column]
                system[other] = [a - times * b for a, b in zip(system[other], system[column], strict=True)]
    return [row[size] for row in system]


def draw_points(rng: np.random.Generator, world: World) -> None:
    """Draw calibration runs; they agree roughly, and one of a sensor may be void."""
    top = world.domain.top * 1000
    for sensor in world.sensors:
        slope = Fraction(top * between(rng, 70, 120), 100 * 9000)
        zero = top * between(rng, 2, 6) * pick(rng, (1, -1)) // 200 if world.fit != "origin" else 0
        bend = Fraction(between(rng, 5, 15) * pick(rng, (1, -1)), 1000) if world.fit == "quadratic" else Fraction(0)
        for run in range(1, between(rng, 2, 3) + 1):
            void = run == 1 and chance(rng, 70)
            for place in range(between(rng, 5, 7)):
                raw = 600 + 1300 * place + between(rng, -150, 150)
                right = zero + slope * raw * (1 + bend * Fraction(raw, 1000))
                noise = top * between(rng, -40, 40) // (400 if void else 8000)
                sigma = pick(rng, (200, 250, 400, 500, 800))
                reference = int(right) + noise
                world.points.append(Point(sensor, run, raw, reference, sigma, "void" if void else "ok"))


def draw_series(rng: np.random.Generator, world: World) -> None:
    """Draw series with missing readings, holes, repeated lines, spikes and stuck values; lines are out of order."""
    for sensor in world.sensors:
        period, phase = between(rng, 9, 30) * 3600, between(rng, 0, 86400)
        middle, swing = between(rng, 3500, 5200), between(rng, 900, 1700)
        count = world.days * world.slots
        raws: list[int | None] = []
        for slot in range(count):
            turn = (slot * world.step + phase) % period
            raws.append(middle + swing * (4 * min(turn, period - turn) - period) // period + between(rng, -35, 35))
        _disturb(rng, world, raws)
        absent = _holes(rng, world, count)
        lines = [Line(world.start + slot * world.step, raw) for slot, raw in enumerate(raws) if slot not in absent]
        for line in sample(rng, lines, max(2, len(lines) // 40)):
            other = None if line.raw is None or chance(rng, 20) else line.raw + between(rng, 40, 90)
            lines.insert(lines.index(line) + between(rng, 0, 1), Line(line.time, other))
        # A logger sends late what it could not send before; lines of one moment keep their order.
        cut = between(rng, len(lines) // 3, len(lines) // 2)
        while lines[cut - 1].time == lines[cut].time:
            cut += 1
        world.series[sensor] = lines[cut:] + lines[:cut] if chance(rng, 60) else lines


def _disturb(rng: np.random.Generator, world: World, raws: list[int | None]) -> None:
    count = len(raws)
    for slot in sample(rng, range(2, count - 2), max(4, count // 30)):
        here = raws[slot]
        sort = pick(rng, ("missing", "over", "under", "spike", "spike", "step"))
        if here is None or sort == "missing":
            raws[slot] = None
        elif sort == "over":
            raws[slot] = world.high + between(rng, 1, 400)
        elif sort == "under":
            raws[slot] = world.low - between(rng, 1, 200)
        elif sort == "spike":
            raws[slot] = here + pick(rng, (1, -1)) * between(rng, 420, 1100)
    for slot in sample(rng, range(3, count - 9), 2 + count // 150):
        for place in range(slot + 1, slot + between(rng, 2, 6)):
            raws[place] = raws[slot]
    raws[between(rng, 3, count - 3)] = world.high


def _holes(rng: np.random.Generator, world: World, count: int) -> set[int]:
    """Slots without a line: short holes, one just as long as may be bridged, and one that spoils a day."""
    absent: set[int] = set()
    bridged = world.longest // world.step
    for length in (1, bridged - 1, bridged, between(rng, 1, 4)):
        begin = between(rng, 4, count - 12 - length)
        absent.update(range(begin, begin + length))
    if chance(rng, 75):
        day = between(rng, 0, world.days - 1) * world.slots
        begin = day + between(rng, 1, world.slots // 4)
        absent.update(range(begin, begin + world.slots * between(rng, 30, 60) // 100))
    return absent


def raw_text(raw: int | None, missing: str) -> str:
    """Return thousandths as a decimal number."""
    return missing if raw is None else f"{'-' if raw < 0 else ''}{abs(raw) // 1000}.{abs(raw) % 1000:03d}"


def wanted(world: World) -> Mapping[str, object]:
    """Return what the tests compare with."""
    return {
        "coefficients": {name: [significant(c) for c in cs] for name, cs in world.coefficients.items()},
        "daily": [
            [sensor, day, count, *([None] * 3 if stats is None else [rounded(value) for value in stats])]
            for sensor, day, count, stats in world.daily
        ],
        "summary": world.summary(),
    }
