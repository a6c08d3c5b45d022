"""A pool of spares: things that take long to make, made ahead by threads for those who have shown that they want more.

`SPARES` is the pool of this process; environments keep started sandboxes in it (`termigen_gym.start`).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import weakref
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, Protocol

from ..errors import TermigenError

_MOST = 16
_AT_ONCE = 2


class Spare(Protocol):
    """What a pool holds."""

    def usable(self) -> bool:
        """Return whether it is still as it was made."""

    def close(self) -> None:
        """Remove it. Idempotent."""


class Pool:
    """At most `most` spares by key, `at_once` of them in preparation. Safe for many threads, and after a fork."""

    def __init__(self, most: int = _MOST, at_once: int = _AT_ONCE) -> None:
        self._most = most
        self._at_once = at_once
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        self._closes_at_exit = False

    def _begin(self) -> None:
        """Start empty; in a forked child too, since what its parent keeps is the parent's."""
        self._lock = threading.Lock()
        self._wanted: weakref.WeakKeyDictionary[object, Hashable] = weakref.WeakKeyDictionary()
        self._spares: defaultdict[Hashable, list[Future[Any]]] = defaultdict(list)
        self._jobs: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._threads = 0

    def take(self, key: Hashable) -> Any | None:
        """Return a usable spare, now the caller's to close, or None.

        One that is being made is waited for: another one made beside it would be ready later than it.
        """
        while (future := self._pop(key)) is not None:
            try:
                spare = _made(future)
                if spare is None:
                    continue
                with contextlib.suppress(TermigenError):
                    if spare.usable():
                        return spare
            except BaseException:
                with self._lock:
                    self._spares[key].append(future)  # interrupted; still ours to close
                raise
            _close(spare)
        return None

    def want(self, holder: object, key: Hashable, make: Callable[[], Spare]) -> None:
        """Keep one spare of `key` for `holder` from now on, in place of what it wanted before; returns at once.

        What `make` raises is dropped: whoever finds no spare makes the thing for itself and meets the same error.
        """
        with self._lock:
            self._wanted[holder] = key
            missing = Counter(self._wanted.values())[key] - len(self._spares[key])
            for _ in range(min(missing, self._most - sum(map(len, self._spares.values())))):
                self._spares[key].append(self._submit(make))
            if not self._closes_at_exit:
                self._closes_at_exit = True
                atexit.register(self.close)  # now, so that it runs before the engines' own
        self._trim()

    def forget(self, holder: object) -> None:
        """Keep nothing for `holder` any more; returns when what was kept is closed."""
        with self._lock:
            self._wanted.pop(holder, None)
        self._trim()

    def later(self, job: Callable[[], None]) -> Future[None]:
        """Run `job` in a thread, before what waits to be made."""
        with self._lock:
            return self._submit(job, first=True)

    def close(self) -> None:
        """Forget every holder and close every spare."""
        with self._lock:
            self._wanted.clear()
        self._trim()

    def _submit(self, run: Callable[[], Any], first: bool = False) -> Future[Any]:
        """Queue a job; its threads end when the queue is empty."""
        future: Future[Any] = Future()
        (self._jobs.appendleft if first else self._jobs.append)((future, run))
        if self._threads < self._at_once:
            self._threads += 1
            threading.Thread(target=self._work, name="termigen-spares", daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._threads -= 1
                    return
                future, run = self._jobs.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(run())
                except Exception as error:  # noqa: BLE001  # handed to whoever asks for the result
                    future.set_exception(error)

    def _pop(self, key: Hashable) -> Future[Any] | None:
        """Take out a finished one, else one in the making; one that only waits for a thread is dropped."""
        with self._lock:
            found = self._spares.get(key, [])
            for future in sorted(found, key=lambda future: not future.done()):
                found.remove(future)
                if not future.cancel():
                    return future
        return None

    def _trim(self) -> None:
        """Close the spares that nobody wants."""
        surplus: list[Future[Any]] = []
        with self._lock:
            wanted = Counter(self._wanted.values())
            for key in list(self._spares):
                surplus += self._spares[key][wanted[key] :]
                del self._spares[key][wanted[key] :]
                if not self._spares[key]:
                    del self._spares[key]
        for future in surplus:
            if not future.cancel() and (spare := _made(future)) is not None:
                _close(spare)


def _made(future: Future[Any]) -> Any | None:
    """Wait for a spare; None where it could not be made."""
    return None if future.exception() else future.result()


def _close(spare: Any) -> None:
    with contextlib.suppress(TermigenError):
        spare.close()


SPARES = Pool()
