"""Verdicts on record by what was judged, so that the same end of an episode is not judged again and again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from ..tree import Member, digest_of
from .history import History

if TYPE_CHECKING:
    from . import Verdict

MOST = 1 << 12
"""Ends whose verdicts are kept, the last used ones; a verdict is at most some 10 kB."""

TWICE = 2
"""Verdicts that must be alike before a reward below 1 is believed, or another order of times counts for nothing."""

_MOST_OF_ONE = 16  # verdicts of an end that tests judge by times; what comes after them is judged each time


class End(NamedTuple):
    """How an episode ended, for tests: two of the same end are put into their sandbox alike.

    Attributes:
        content: digest of all but the times of what was written in the episode. order: digest of the order of those.
    """

    content: str
    order: str


class Memory:
    """Verdicts of a process, by the end that was judged. Threads may share one.

    Tests may go by which file is younger, as make does; most don't. So an end of the same content whose files were
    written in another order is judged as well, until `TWICE` such verdicts say the same. And good work may fail once on
    a machine with too much to do, which must not become the verdict of all that follow: so a reward below 1 has to come
    twice, too.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._verdicts: OrderedDict[str, list[tuple[str, Verdict]]] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, end: End) -> Verdict | None:
        """Return the verdict on an end, told as `reused`; None where it is to be judged."""
        with self._lock:
            known = self._verdicts.get(end.content, [])
            every = [verdict for _, verdict in known]
            same = [verdict for order, verdict in known if order == end.order]
            if not (_alike(every) or _alike(same) or (same and same[0].reward == 1)):
                return None
            self._verdicts.move_to_end(end.content)
            return replace((same or every)[0], reused=True)

    def keep(self, end: End, verdict: Verdict) -> None:
        """Keep a verdict that the tests gave."""
        with self._lock:
            known = self._verdicts.setdefault(end.content, [])
            if len(known) < _MOST_OF_ONE:  # none goes for a newer one: it may be the one that differs
                known.append((end.order, verdict))
            if len(self._verdicts) > self._most:
                self._verdicts.popitem(last=False)


def _alike(verdicts: Sequence[Verdict]) -> bool:
    """Whether there are enough of them, and all say the same."""
    return len(verdicts) >= TWICE and all(
        (one.reward, one.tests) == (verdicts[0].reward, verdicts[0].tests) for one in verdicts
    )


VERDICTS = Memory()
"""Of this process; its environments share them."""


@dataclass(frozen=True)
class Reuse:
    """How an episode's verdict may be one on record.

    Attributes:
        memory: of verdicts.
        judge: what decides them beside the artifacts: the task, and how the tests' sandbox begins.
        since: before the episode's sandbox was begun, seconds since the epoch.
    """

    memory: Memory
    judge: str
    since: float

    def end(self, tests: bytes, artifacts: Sequence[tuple[Sequence[str], Sequence[Member]]]) -> End:
        """Return what decides the verdict: names, kinds, owners, modes, contents and links; and times.

        Of what is older than the sandbox the time is content, to the microsecond. What git makes of the time counts as
        times do: the dates of new commits, and their ids.

        Args:
            tests: their archive.
            artifacts: paths, and what was there.
        """
        parts: list[str | bytes] = [self.judge, tests]
        times: list[float] = []
        history = History(((path, content) for _, found in artifacts for path, _, content in found), self.since)
        for paths, found in artifacts:
            parts += [str(len(paths)), *paths]
            owned = {path: f"{info.type!r} {info.mode:o} {info.uid} {info.gid}" for path, info, _ in found}
            named = ((history.place(path), path, info, content) for path, info, content in found)
            for place, path, info, content in sorted(named, key=itemgetter(0, 1)):
                if not history.is_made_for_new(path):
                    timeless = info.mtime >= self.since or history.is_shelf(path)
                    kind = f"{owned[path]} {0 if timeless else info.mtime:.6f} {owned.get(history.shelf_of(path))}"
                    told = history.read(path, content)
                    parts += [place, info.linkname, kind, *told.parts]
                    times += [info.mtime] if info.mtime >= self.since else []
                    times += told.times
            parts.append("end")
        places = {time: str(place) for place, time in enumerate(sorted(set(times)))}
        return End(digest_of(*parts), digest_of(*(places[time] for time in times), *history.ids))
