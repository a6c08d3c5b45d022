"""Verdicts on record by what was judged, so that the same end of an episode is not judged again and again."""

from __future__ import annotations

import io
import tarfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from ..tree import digest_of

if TYPE_CHECKING:
    from . import Verdict

MOST = 1 << 12
"""Ends whose verdicts are kept, the last used ones; a verdict is at most some 10 kB."""

ORDERS = 2
"""Orders of times in which an end must have been judged alike before the next order counts for nothing."""

Taken = Sequence[tuple[Sequence[str], bytes]]
"""An agent's artifacts: paths, and an archive of what was there."""


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
    written in another order is judged as well, until `ORDERS` such verdicts say the same.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._verdicts: OrderedDict[str, dict[str, Verdict]] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, end: End) -> Verdict | None:
        """Return the verdict on an end, told as `reused`; None where it is to be judged."""
        with self._lock:
            known = self._verdicts.get(end.content, {})
            alike = len({(one.reward, *sorted(one.tests.items())) for one in known.values()}) == 1
            found = known.get(end.order) or (next(iter(known.values())) if alike and len(known) >= ORDERS else None)
            if found is None:
                return None
            self._verdicts.move_to_end(end.content)
            return replace(found, reused=True)

    def keep(self, end: End, verdict: Verdict) -> None:
        """Keep a verdict that the tests gave."""
        with self._lock:
            self._verdicts.setdefault(end.content, {})[end.order] = verdict
            if len(self._verdicts) > self._most:
                self._verdicts.popitem(last=False)


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

    def end(self, tests: str, artifacts: Taken) -> End:
        """Return what decides the verdict: names, kinds, owners, modes, contents and links; and times.

        Of what is older than the sandbox the time is content, to the microsecond.

        Args:
            tests: their digest.
            artifacts: as they were taken out.
        """
        parts: list[str | bytes] = [self.judge, tests]
        times: list[float] = []
        for paths, archive in artifacts:
            parts += [str(len(paths)), *paths]
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                for info in tar:
                    reader = tar.extractfile(info) if info.isreg() else None
                    new = info.mtime >= self.since
                    kind = f"{info.type!r} {info.mode:o} {info.uid} {info.gid} {0 if new else info.mtime:.6f}"
                    parts += [info.name, info.linkname, kind, b"" if reader is None else reader.read()]
                    times += [info.mtime] if new else []
            parts.append("end")
        places = {time: str(place) for place, time in enumerate(sorted(set(times)))}
        return End(digest_of(*parts), digest_of(*(places[time] for time in times)))
