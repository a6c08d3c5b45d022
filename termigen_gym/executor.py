"""Many jobs at once: the one seam between "what is to be done" and "where it runs".

Jobs wait for sandboxes and models, not for Python, so threads of this process serve.
"""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Generic, Protocol, TypeAlias, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

STOP_GRACE_S = 20.0
"""Seconds that closed jobs get to end before they are left behind."""

_CLOSE_AGAIN_S = 0.5
_JITTER_S = 0.02  # for each further worker: about what a sandbox takes to start
_LOOK_UP_S = 0.2


class Job(Protocol[T_co]):
    """A piece of work."""

    def run(self) -> T_co:
        """Do the work. What it raises ends all jobs and comes out of `run_jobs`."""

    def close(self) -> None:
        """Make `run` end soon; its result is dropped. Called from another thread, again and again until `run` ends."""


OnDone: TypeAlias = Callable[[Job[T], T], Iterable[Job[T]]]


def run_jobs(jobs: Iterable[Job[T]], workers: int, on_done: OnDone[T]) -> None:
    """Run `jobs`, at most `workers` at once.

    Args:
        jobs: taken one by one as workers come free.
        workers: threads, at least 1.
        on_done: called in this thread with each finished job and its result; returns the jobs to run next (retries).

    On Ctrl-C or SIGTERM (where this is the main thread) no further job starts, running ones are closed, and
    KeyboardInterrupt is raised. An error that `run` or `on_done` raises ends all jobs in the same way and is raised.
    """
    if workers < 1:
        raise ValueError(f"expected at least 1 worker, found {workers}")
    crew: _Crew[T] = _Crew(workers)
    with _sigterm_as_interrupt():
        try:
            _drive(crew, iter(jobs), on_done)
        finally:
            crew.dismiss()


def _drive(crew: _Crew[T], jobs: Iterator[Job[T]], on_done: OnDone[T]) -> None:
    next_up: deque[Job[T]] = deque()
    while True:
        while crew.has_room and (job := next_up.popleft() if next_up else next(jobs, None)) is not None:
            crew.take(job)
        if not crew.running:
            return
        job, result = crew.wait()
        next_up.extend(on_done(job, result))


class _Outcome(Generic[T]):
    """What a job's `run` returned or raised, carried from its thread to the caller's."""

    def __init__(self, job: Job[T]) -> None:
        self.job = job
        self._result: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        with self:
            self._result.append(self.job.run())

    def get(self) -> T:
        """Return the result or raise the error."""
        if self._error is not None:
            raise self._error
        return self._result[0]

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self._error = error
        return True


class _Crew(Generic[T]):
    """Worker threads, started as they are needed.

    They are daemons: a job that hangs in a foreign call after `dismiss` must not keep the process from ending.
    They live until `dismiss`, since the kernel ties some child processes to the thread that started them.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.running: list[Job[T]] = []
        self._threads: list[threading.Thread] = []
        self._todo: SimpleQueue[Job[T] | None] = SimpleQueue()
        self._done: SimpleQueue[_Outcome[T]] = SimpleQueue()

    @property
    def has_room(self) -> bool:
        return len(self.running) < self.size

    def take(self, job: Job[T]) -> None:
        self.running.append(job)
        if len(self._threads) < len(self.running):
            thread = threading.Thread(target=self._work, name=f"worker-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._todo.put(job)

    def wait(self) -> tuple[Job[T], T]:
        """Return the next finished job and its result, or raise what it raised."""
        outcome = self._next()
        self.running.remove(outcome.job)
        return outcome.job, outcome.get()

    def _next(self) -> _Outcome[T]:
        # Looks up now and then: a signal that another thread takes, or that comes just before the wait, wakes nobody.
        while True:
            with contextlib.suppress(Empty):
                return self._done.get(timeout=_LOOK_UP_S)

    def dismiss(self) -> None:
        """Close what still runs, until it ends or the time for that is over, and let the threads go."""
        for _ in self._threads:
            self._todo.put(None)
        deadline = time.monotonic() + STOP_GRACE_S
        while any(thread.is_alive() for thread in self._threads) and time.monotonic() < deadline:
            for job in self.running:
                job.close()
            for thread in self._threads:
                thread.join(_CLOSE_AGAIN_S / len(self._threads))

    def _work(self) -> None:
        # Workers that begin at one moment would all ask an engine, or an endpoint, at once.
        time.sleep(random.uniform(0, _JITTER_S * (self.size - 1)))
        while (job := self._todo.get()) is not None:
            outcome = _Outcome(job)
            outcome.run()
            self._done.put(outcome)


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
