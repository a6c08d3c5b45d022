"""Many jobs at once, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator

import pytest

from termigen_gym.executor import Job, run_jobs


class Square:
    def __init__(self, number: int) -> None:
        self.number = number

    def run(self) -> int:
        return self.number**2

    def close(self) -> None: ...


class Waiting:
    """Runs until it is closed."""

    def __init__(self, started: threading.Barrier) -> None:
        self._started = started
        self._closed = threading.Event()
        self.ended = False

    def run(self) -> int:
        self._started.wait(10)
        assert self._closed.wait(10)
        self.ended = True
        return -1

    def close(self) -> None:
        self._closed.set()


class Broken(Square):
    def run(self) -> int:
        raise LookupError(f"job {self.number}")


@pytest.mark.parametrize("workers", [1, 3, 50])
def test_every_job_runs_once_and_reports_in_the_calling_thread(workers: int) -> None:
    seen: dict[int, int] = {}
    threads = set()

    def on_done(job: Job[int], result: int) -> tuple[()]:
        assert isinstance(job, Square)
        seen[job.number] = result
        threads.add(threading.current_thread())
        return ()

    run_jobs([Square(n) for n in range(20)], workers, on_done)
    assert seen == {n: n**2 for n in range(20)}
    assert threads == {threading.current_thread()}


def test_no_more_than_the_workers_run_at_once_and_all_of_them_do() -> None:
    together = threading.Barrier(3)
    now = most = 0
    lock = threading.Lock()

    class Meeting(Square):
        def run(self) -> int:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            together.wait(10)  # passes only when three run at once
            with lock:
                now -= 1
            return 0

    run_jobs([Meeting(n) for n in range(9)], 3, lambda job, result: ())
    assert most == 3


def test_jobs_are_taken_only_as_workers_come_free() -> None:
    taken = 0
    done = 0

    def jobs() -> Iterator[Square]:
        nonlocal taken
        for number in range(10):
            assert taken - done < 2
            taken += 1
            yield Square(number)

    def on_done(job: Job[int], result: int) -> tuple[()]:
        nonlocal done
        done += 1
        return ()

    run_jobs(jobs(), 2, on_done)
    assert (taken, done) == (10, 10)


def test_what_on_done_returns_runs_next() -> None:
    order = []

    def on_done(job: Job[int], result: int) -> Iterable[Job[int]]:
        order.append(result)
        return [Square(10)] if result == 0 else []

    run_jobs([Square(0), Square(1), Square(2)], 1, on_done)
    assert order == [0, 100, 1, 4]


def test_no_jobs_is_nothing_to_do() -> None:
    run_jobs([], 2, lambda job, result: pytest.fail("nothing ran"))


def test_less_than_one_worker_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 1 worker, found 0"):
        run_jobs([], 0, lambda job, result: ())


def test_an_error_of_a_job_closes_the_others_and_comes_out() -> None:
    started = threading.Barrier(2)
    waiting = Waiting(started)

    class BrokenLater(Broken):
        def run(self) -> int:
            started.wait(10)
            return super().run()

    jobs: list[Job[int]] = [waiting, BrokenLater(5), Square(9)]
    with pytest.raises(LookupError, match="job 5"):
        run_jobs(jobs, 2, lambda job, result: pytest.fail("nothing finished"))
    assert waiting.ended


def test_an_error_of_on_done_closes_the_others_and_comes_out() -> None:
    started = threading.Barrier(2)
    waiting = Waiting(started)

    class Meets(Square):
        def run(self) -> int:
            started.wait(10)
            return 0

    def on_done(job: Job[int], result: int) -> tuple[()]:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run_jobs([waiting, Meets(1)], 2, on_done)
    assert waiting.ended


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_what_runs_and_starts_nothing_more(number: signal.Signals) -> None:
    started = threading.Barrier(3)
    running = [Waiting(started), Waiting(started)]
    before = signal.getsignal(signal.SIGTERM)
    taken = []

    def jobs() -> Iterator[Waiting]:
        for job in running:
            taken.append(job)
            yield job
        pytest.fail("a third job was started")

    def interrupt() -> None:
        started.wait(10)
        os.kill(os.getpid(), number)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs(), 2, lambda job, result: pytest.fail("a closed job has no result"))
    assert [job.ended for job in running] == [True, True]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_another_thread_takes_is_seen_too() -> None:
    started = threading.Barrier(2)
    waiting = Waiting(started)

    def interrupt() -> None:
        started.wait(10)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=interrupt).start()  # before the mask, which threads inherit
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        with pytest.raises(KeyboardInterrupt):
            run_jobs([waiting], 1, lambda job, result: pytest.fail("a closed job has no result"))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    assert waiting.ended


_STUBBORN = """
import os, signal, threading, time
from termigen_gym import executor
executor.STOP_GRACE_S = 0.1

class Stubborn:
    def run(self):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait()
    def close(self): pass

try:
    executor.run_jobs([Stubborn()], 1, lambda job, result: ())
except KeyboardInterrupt:
    print("left")
"""


def test_a_job_that_can_not_be_closed_does_not_keep_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", _STUBBORN], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "left\n"


def test_it_runs_in_another_thread_than_the_main_one() -> None:
    results: list[int] = []

    def on_done(job: Job[int], result: int) -> tuple[()]:
        results.append(result)
        return ()

    thread = threading.Thread(target=run_jobs, args=([Square(3)], 1, on_done), daemon=True)
    thread.start()
    thread.join(10)
    assert results == [9]
