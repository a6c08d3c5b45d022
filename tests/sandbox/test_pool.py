from __future__ import annotations

import contextlib
import gc
import os
import threading
from collections.abc import Callable, Iterator

import pytest

from termigen_gym.errors import SandboxError
from termigen_gym.sandbox.pool import Pool
from tests.waiting import wait_until


class Holder:
    """Somebody who wants spares."""


class Thing:
    """A spare that notes its end."""

    def __init__(self) -> None:
        self.broken = False
        self.closed = 0

    def usable(self) -> bool:
        return not self.broken

    def close(self) -> None:
        self.closed += 1


class Maker:
    """Makes things, one for each permit."""

    def __init__(self, permits: int = 100) -> None:
        self.made: list[Thing] = []
        self.entered = 0
        self.permits = threading.Semaphore(permits)

    def __call__(self) -> Thing:
        self.entered += 1
        self.permits.acquire()
        self.made.append(Thing())
        return self.made[-1]


@pytest.fixture
def pool() -> Iterator[Pool]:
    with contextlib.closing(Pool(most=3, at_once=1)) as made:
        yield made


def threads() -> int:
    return sum(thread.name == "termigen-spares" for thread in threading.enumerate())


def test_a_spare_is_made_for_a_holder_and_taken_once(pool: Pool) -> None:
    make, holder = Maker(), Holder()
    assert pool.take("a") is None
    pool.want(holder, "a", make)
    wait_until(lambda: len(make.made) == 1)
    assert pool.take("b") is None
    assert pool.take("a") is make.made[0]
    assert pool.take("a") is None
    pool.want(holder, "a", make)
    wait_until(lambda: len(make.made) == 2)
    pool.want(holder, "a", make)
    wait_until(lambda: threads() == 0)
    assert len(make.made) == 2


def test_one_in_the_making_is_waited_for_and_one_in_the_queue_is_not(pool: Pool) -> None:
    make, holders = Maker(permits=0), [Holder(), Holder()]
    for holder in holders:
        pool.want(holder, "a", make)
    wait_until(lambda: make.entered == 1)
    taken: list[object] = []
    waiting = threading.Thread(target=lambda: taken.append(pool.take("a")))
    waiting.start()
    wait_until(lambda: len(pool._spares["a"]) == 1)
    assert pool.take("a") is None
    make.permits.release()
    waiting.join()
    assert taken == make.made
    assert make.entered == 1


def test_what_could_not_be_made_or_broke_is_no_spare(pool: Pool) -> None:
    def fail() -> Thing:
        raise SandboxError("none today")

    make, holder = Maker(), Holder()
    pool.want(holder, "a", fail)
    assert pool.take("a") is None
    pool.want(holder, "a", make)
    wait_until(lambda: len(make.made) == 1)
    make.made[0].broken = True
    assert pool.take("a") is None
    assert make.made[0].closed == 1


def test_a_holder_who_forgets_wants_another_or_is_gone_leaves_nothing(pool: Pool) -> None:
    make, other, first, second = Maker(), Maker(), Holder(), Holder()
    pool.want(first, "a", make)
    pool.want(second, "a", make)
    wait_until(lambda: len(make.made) == 2)
    pool.forget(first)
    assert sorted(thing.closed for thing in make.made) == [0, 1]
    pool.want(second, "b", other)
    assert [thing.closed for thing in make.made] == [1, 1]
    wait_until(lambda: len(other.made) == 1)
    del second
    gc.collect()
    pool.forget(first)
    assert [thing.closed for thing in other.made] == [1]
    wait_until(lambda: threads() == 0)


def test_there_are_never_more_than_the_bound(pool: Pool) -> None:
    make, holders = Maker(), [Holder() for _ in range(5)]
    for holder in holders:
        pool.want(holder, "a", make)
    wait_until(lambda: threads() == 0)
    assert len(make.made) == 3
    for thing in [pool.take("a") for _ in range(3)]:
        assert thing in make.made
    pool.close()


def test_what_is_to_be_done_later_goes_before_what_is_to_be_made(pool: Pool) -> None:
    make, holders, done = Maker(permits=0), [Holder(), Holder()], list[int]()
    for holder in holders:
        pool.want(holder, "a", make)
    wait_until(lambda: make.entered == 1)
    future = pool.later(lambda: done.append(make.entered))
    make.permits.release()
    future.result()
    assert done == [1]
    make.permits.release()
    wait_until(lambda: threads() == 0)


def test_an_interrupt_while_waiting_loses_nothing(pool: Pool) -> None:
    make, holder = Maker(permits=0), Holder()
    pool.want(holder, "a", make)
    wait_until(lambda: make.entered == 1)

    class Interrupted(Thing):
        def usable(self) -> bool:
            raise KeyboardInterrupt

    def interrupted() -> Thing:
        make.made.append(Interrupted())
        return make.made[-1]

    make.permits.release()
    wait_until(lambda: threads() == 0)
    assert pool.take("a") is make.made[0]
    pool.want(holder, "a", interrupted)
    wait_until(lambda: threads() == 0)  # one that only waits for a thread would be dropped
    with pytest.raises(KeyboardInterrupt):
        pool.take("a")
    pool.forget(holder)
    assert make.made[1].closed == 1


def test_a_forked_child_starts_with_none_of_its_parents(pool: Pool) -> None:
    make, holder = Maker(), Holder()
    pool.want(holder, "a", make)
    wait_until(lambda: threads() == 0)
    assert in_child(lambda: pool.take("a") is None and not make.made[0].closed)
    assert pool.take("a") is make.made[0]


def in_child(look: Callable[[], bool]) -> bool:
    pid = os.fork()
    if pid == 0:
        os._exit(0 if look() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
