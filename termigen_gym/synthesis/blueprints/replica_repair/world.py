"""Drifted replicas: what they are of, what each holds, and what the rules make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..kit import chance
from ..scribe import shuffled
from .domains import RANKS, Domain


@dataclass(frozen=True)
class Version:
    """A record: value is None for a deletion; clock is counters by name, or epoch and seq."""

    key: str
    value: str | None
    clock: tuple[tuple[str, int], ...]
    written: int = 0
    site: str = ""


@dataclass
class World:
    """Replicas, the rules that are drawn for them, and the result."""

    domain: Domain
    mode: str
    replicas: list[str]
    data: str
    out: str
    form: str
    merged_form: str
    clock_sep: str
    winner: str
    deletes_win: bool
    bump: bool
    lost: bool
    weighted: bool
    asked: list[str]
    order: list[str] = field(default_factory=list)
    weights: dict[str, int] = field(default_factory=dict)
    held: dict[str, list[Version]] = field(default_factory=dict)
    live: dict[str, tuple[str, tuple[tuple[str, int], ...]]] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    repairs: dict[str, list[str]] = field(default_factory=dict)

    @property
    def coordinator(self) -> str:
        """The replica that settles conflicts."""
        return self.order[0]

    def columns(self) -> list[str]:
        """The names of a dump's columns."""
        key, value, clock, written, site, deleted = self.domain.columns
        if self.mode == "quorum":
            return [key, value, "epoch", "seq", deleted]
        return [key, value, clock, written, *([site] if self.winner == "site" else []), deleted]

    def raw(self, rng: np.random.Generator, version: Version) -> list[object]:
        """A record as its dump has it."""
        asjson = self.form == "jsonl"
        value: object = version.value if asjson or version.value is not None else ""
        gone = version.value is None
        mark: object = gone if asjson else "yes" if gone else "no"
        if self.mode == "quorum":
            return [version.key, value, version.clock[0][1], version.clock[1][1], mark]
        counters = dict(version.clock)
        shown = {
            name: counters.get(name, 0)
            for name in shuffled(rng, self.replicas)
            if counters.get(name, 0) or chance(rng, 25)
        }
        clock: object = shown if asjson else self.clock_sep.join(f"{name}:{count}" for name, count in shown.items())
        site = [version.site] if self.winner == "site" else []
        return [version.key, value, clock, version.written, *site, mark]

    def format_text(self) -> str:
        """How the dumps look, in words."""
        key, value, clock, written, site, deleted = self.domain.columns
        if self.form == "jsonl":
            lines = "One JSON object a line, in no particular order, with"
            gone = f"`{deleted}` (true for a deletion, whose `{value}` is null)"
            counters = f"`{clock}` (an object from replica to counter)"
        else:
            sep = "tabs" if self.form == "tsv" else "commas"
            lines = (
                f"A header, then one record a line, in no particular order; fields are separated by {sep}, none "
                f"is quoted:"
            )
            gone = f"`{deleted}` (`yes` for a deletion, whose `{value}` is empty, otherwise `no`)"
            mark = {";": "`;`", "|": "`|`", " ": "one space"}[self.clock_sep]
            counters = f"`{clock}` (a version vector: `replica:counter`, joined by {mark})"
        if self.mode == "quorum":
            return (
                f"{lines} `{key}`, `{value}`, the whole numbers `epoch` and `seq`, and {gone}. A replica holds at "
                f"most one record of a {key}."
            )
        by = f", `{site}` (the replica that wrote it)" if self.winner == "site" else ""
        return (
            f"{lines} `{key}`, `{value}`, {counters}, `{written}` (Unix time, by the writer's own clock){by}, {gone}. "
            f"A counter that is not there is 0, and some that are 0 are there. A replica may hold several records of "
            f"a {key}: concurrent versions that it could not order."
        )

    def rules(self) -> list[str]:
        """The rules in words."""
        return self._vector_rules() if self.mode == "vector" else self._quorum_rules()

    def _vector_rules(self) -> list[str]:
        key, value, clock, written, site, _ = self.domain.columns
        winner = RANKS[self.winner].format(value=value, written=written, site=site)
        if self.deletes_win:
            settled = f"If one of them is a deletion, the {key} is deleted. Otherwise the winner is {winner}."
        else:
            settled = (
                f"Deletions among them give way to live versions; if all are deletions, the {key} is deleted. "
                f"Of the live ones the winner is {winner}."
            )
        bump = f" After a conflict the counter of `{self.coordinator}`, which settles it, is one higher than that."
        return [
            f"A version descends from another of its {key} if none of its counters is lower and at least one is "
            f"higher. Records with equal counters are the same version, wherever they are.",
            f"Versions from which another one of the {key}, on any replica, descends are discarded. `{written}` plays "
            f"no part in that.",
            f"If one version remains, it is the result, whether live or a deletion. If several remain, the {key} is in "
            f"conflict. {settled}",
            f"The vector of the result (`{clock}`) has for each replica the highest counter of the remaining versions, "
            f"losers and deletions included.{bump if self.bump else ''}",
        ]

    def _quorum_rules(self) -> list[str]:
        key, value, *_ = self.domain.columns
        if self.weighted:
            quorum = (
                "hold it with the same content and whose weights in `/app/weights.csv` add up to more than half of "
                "the sum of all weights there"
            )
            most = "whose holders' weights add up to most"
        else:
            quorum = "hold it with the same content and are more than half of all replicas"
            most = "that most replicas hold"
        if self.lost:
            last = (
                f"A {key} of which nothing is committed is lost: it is not live in the result, whatever its "
                f"records say."
            )
        else:
            last = (
                f"Of a {key} of which nothing is committed the highest version is the result; if that has several "
                f"contents, "
                f"the one {most}, of several still the one whose `{value}` is first in byte order, a deletion after "
                f"all values."
            )
        return [
            "The version of a record is `epoch` and `seq`; a higher epoch is higher, of equal epochs the higher seq. "
            f"The content is the `{value}` or that it is a deletion.",
            f"A version is committed if there are replicas that {quorum}.",
            f"Where there is a committed version of a {key}, that is the result, whether live or a deletion; "
            "higher versions that are not committed are rolled back.",
            last,
            f"A {key} is in conflict if one of its versions is held with different contents. No {key} has two such "
            f"versions.",
        ]

    def merged_rows(self) -> object:
        """The agreed state as the file has it."""
        value_name, clock_name = self.domain.columns[1], "clock" if self.mode == "vector" else "version"
        shown = {key: (value, self.clock_text(clock)) for key, (value, clock) in sorted(self.live.items())}
        if self.merged_form == "json":
            return {key: {value_name: value, clock_name: clock} for key, (value, clock) in shown.items()}
        sep = "," if self.merged_form == "csv" else "\t"
        return [sep.join((key, value, clock)) for key, (value, clock) in shown.items()]

    def clock_text(self, clock: Sequence[tuple[str, int]]) -> str:
        """A clock as results have it."""
        if self.mode == "quorum":
            return f"{clock[0][1]}.{clock[1][1]}"
        return "+".join(f"{name}={count}" for name, count in sorted(clock) if count)

    def summary(self) -> dict[str, object]:
        """What is asked of the whole."""
        keys = [{version.key for version in self.held[name]} for name in self.replicas]
        known = set().union(*keys)
        repaired = {line.split()[1] for rows in self.repairs.values() for line in rows}
        counted = {
            verb: {name: sum(line.startswith(verb) for line in rows) for name, rows in self.repairs.items()}
            for verb in ("put", "drop")
        }
        every: dict[str, object] = {
            "live": len(self.live),
            "gone": len(known - set(self.live)),
            "conflicts": len(self.conflicts),
            "puts": counted["put"],
            "drops": counted["drop"],
            "clean": len(known - repaired),
            "busiest": min(self.replicas, key=lambda name: (-len(self.repairs[name]), name)),
            "everywhere": len(set(self.live).intersection(*keys)),
        }
        return {name: every[name] for name in self.asked}

    def settle(self) -> None:
        """Work out the result by the rules."""
        by_key: dict[str, dict[str, list[Version]]] = {}
        for name in self.replicas:
            for version in self.held[name]:
                by_key.setdefault(version.key, {}).setdefault(name, []).append(version)
        self.repairs = {name: [] for name in self.replicas}
        decide = self._by_vectors if self.mode == "vector" else self._by_quorum
        for key, holders in sorted(by_key.items()):
            value, clock, ways, word = decide(holders)
            if ways > 1:
                self.conflicts.append(f"{key} {ways} {word if value is None else value}")
            if value is not None:
                self.live[key] = value, clock
            for name in self.replicas:
                records = holders.get(name, [])
                if value is None:
                    if any(one.value is not None for one in records):
                        self.repairs[name].append(f"drop {key}")
                elif [(one.value, one.clock) for one in records] != [(value, clock)]:
                    self.repairs[name].append(f"put {key}")

    def _by_vectors(
        self, holders: Mapping[str, list[Version]]
    ) -> tuple[str | None, tuple[tuple[str, int], ...], int, str]:
        versions = {one.clock: one for records in holders.values() for one in records}
        left = [
            one for one in versions.values() if not any(descends(other.clock, one.clock) for other in versions.values())
        ]
        top = {name: max(dict(one.clock).get(name, 0) for one in left) for name in self.replicas}
        if len(left) > 1 and self.bump:
            top[self.coordinator] += 1
        clock = tuple((name, count) for name, count in sorted(top.items()) if count)
        live = [one for one in left if one.value is not None]
        if not live or (self.deletes_win and len(live) < len(left)):
            return None, clock, len(left), "(deleted)"
        return min(live, key=self._rank()).value, clock, len(left), ""

    def _rank(self) -> Callable[[Version], tuple[object, ...]]:
        if self.winner == "latest":
            return lambda one: (-one.written, one.value)
        if self.winner == "sum":
            return lambda one: (-sum(count for _, count in one.clock), one.value)
        return lambda one: (self.order.index(one.site), -one.written, one.value)

    def _by_quorum(
        self, holders: Mapping[str, list[Version]]
    ) -> tuple[str | None, tuple[tuple[str, int], ...], int, str]:
        weights: dict[tuple[tuple[tuple[str, int], ...], str | None], int] = {}
        for name, records in holders.items():
            for one in records:
                weights[one.clock, one.value] = weights.get((one.clock, one.value), 0) + self.weights[name]
        contents: dict[tuple[tuple[str, int], ...], int] = {}
        for clock, _ in weights:
            contents[clock] = contents.get(clock, 0) + 1
        ways = max(contents.values())
        total = sum(self.weights.values())
        for (clock, value), weight in weights.items():
            if 2 * weight > total:
                return value, clock, ways, "(deleted)"
        highest = max(contents)
        if self.lost:
            return None, highest, ways, "(lost)"
        chosen = [
            (-weight, value is None, value or "") for (clock, value), weight in weights.items() if clock == highest
        ]
        _, gone, value = min(chosen)
        return None if gone else value, highest, ways, "(deleted)"


def descends(one: Sequence[tuple[str, int]], other: Sequence[tuple[str, int]]) -> bool:
    """Return whether a clock is that of a later version than another."""
    mine, theirs = dict(one), dict(other)
    return mine != theirs and all(mine.get(name, 0) >= count for name, count in theirs.items())
