"""Plays the caller of pm_run(), whose library is in a process of its own (stub.c), run as nobody.

Each callback of that process is a message and returns when it is answered. The harness answers some, then waits until
all is going on that the contract promises at this point: next() called while there is room, as many items in work() as
there are threads for, a finished item at the head in emit(), pm_run() returned when nothing is left. So what one sees of
a right library follows from the order of the answers alone; a promise that is not kept shows as a wait without an end.
"""

import os
import random
import socket
import struct
import subprocess
import time

import nobody

NEXT, WORK, EMIT, DROP, ANSWER, RUN, RESULT = range(7)
NAMES = ("next", "work", "emit", "drop")
MESSAGE = struct.Struct("4iq4i4q")
WIRES, ROOTS = 32, 3
PATIENCE = 3.0  # for what must happen at once
UNREAD, BUSY, DONE, FAILED = range(4)


hangs = []  # what has hung: then nothing more is run, since a verdict in time is worth more than other findings


class Hangs(AssertionError):
    """What the contract promises has not happened in all this time."""

    def __init__(self, text):
        super().__init__(text)
        hangs.append(text)


class Run:
    """One call of pm_run() and what the contract says of it.

    Args:
        items: the length of the stream, None where it has no end.
        codes: item to the code with which its work() fails.
        order: items that are held in work() until all of them are there, and then end in this order, each when all the
            other callbacks have ended that its forerunner lets begin.
        nest: items whose work() calls pm_run() itself.
    """

    def __init__(self, threads, window, items, codes=(), order=(), nest=(), stats=True):
        self.threads, self.window, self.items, self.stats = threads, window, items, stats
        self.codes, self.order, self.nest = dict(codes), order, set(nest)
        self.given = self.open = self.emitted = self.dropped = self.worked = self.busy = 0
        self.state, self.closed, self.pending = [], [], {}
        self.inside = set()  # items whose work() is in a pm_run() of its own
        self.ended = False
        self.failed = None  # the first item of the stream that has failed so far
        self.known = False  # the library has had the time to see that
        self.result = None

    def enter(self, op, value, wire):
        """A callback begins."""
        assert NEXT <= op <= DROP, "a message of another kind"
        if op == NEXT:
            assert (NEXT, 0) not in self.pending, "two threads are in next()"
            assert not self.known, "next() is called again after a failure"
            self.pending[NEXT, 0] = wire
            return
        index = value - 1
        assert 0 <= index < self.given, f"{NAMES[op]}() was given something that next() did not return"
        assert not self.closed[index], f"item {index}: {NAMES[op]}() after emit() or drop()"
        assert (op, index) not in self.pending, f"item {index}: {NAMES[op]}() called twice"
        state = self.state[index]
        if op == WORK:
            assert state == UNREAD, f"item {index}: work() called twice"
            self.state[index] = BUSY
            self.busy += 1
            assert self.busy <= self.threads, f"{self.busy} items in work(), {self.threads} threads allowed"
        elif op == EMIT:
            assert not any(other == EMIT for other, _ in self.pending), "two threads are in emit()"
            assert index == self.emitted, f"emit(): item {index} where {self.emitted} was due"
            assert state == DONE, f"item {index} emitted {'although it failed' if state == FAILED else 'before its work was done'}"
        else:
            assert state != BUSY, f"item {index} dropped while it is in work()"
        self.pending[op, index] = wire

    def leave(self, op, index):
        """A callback ends; returns its value."""
        del self.pending[op, index]
        if op == NEXT:
            if self.items is not None and self.given >= self.items:
                self.ended = True
                return 0
            self.given += 1
            self.open += 1
            assert self.open <= self.window, f"more than {self.window} items are open"
            if self.failed is not None:
                assert self.given <= self.failed + self.window, "next() is called again and again after a failure"
            self.state.append(UNREAD)
            self.closed.append(False)
            return self.given
        if op == WORK:
            code = self.codes.get(index, 0)
            self.state[index] = FAILED if code else DONE
            self.busy -= 1
            self.worked += 1
            if code and (self.failed is None or index < self.failed):
                self.failed = index
            return code
        self.closed[index] = True
        self.open -= 1
        if op == EMIT:
            self.emitted += 1
        else:
            self.dropped += 1
        return 0

    def missing(self):
        """What should be going on and is not, in words; None when all is."""
        if self.result is not None:
            return None
        if not self.ended and self.failed is None and self.open < self.window and (NEXT, 0) not in self.pending:
            return f"next() is not called although {self.open} of {self.window} items are open"
        if self.failed is None:
            waiting = self.state.count(UNREAD) + self.busy
        else:
            waiting = sum(state in (UNREAD, BUSY) for state in self.state[: self.failed])
        if self.busy < min(self.threads, waiting):
            return f"{self.busy} items are in work() where {waiting} are waiting and there are {self.threads} threads"
        head = self.emitted
        if head < self.given and self.state[head] == DONE and (EMIT, head) not in self.pending:
            return f"item {head} is finished and not emitted"
        if not self.pending:
            return "pm_run() does not return"
        return None

    def finish(self, code, stats):
        """pm_run() has returned."""
        self.result = code
        assert not self.pending, f"pm_run() returned while {NAMES[min(self.pending)[0]]}() runs"
        assert not self.open, f"{self.open} items neither emitted nor dropped"
        first = min((i for i in self.codes if i < self.given), default=None)
        want = 0 if first is None else self.codes[first]
        assert code == want, f"pm_run() returned {code} instead of {want}"
        if first is None:
            assert self.emitted == self.items, f"{self.emitted} items emitted, {self.items} expected"
        else:
            assert self.emitted == first, f"{self.emitted} items emitted, {first} stand in front of the failed one"
            assert self.given <= first + self.window, f"{self.given} items read, the window ends at {first + self.window}"
        if self.stats:
            true = (self.given, self.worked, self.emitted, self.dropped)
            assert stats == true, f"stats (read, worked, emitted, dropped) are {stats}, true are {true}"


class Library:
    """The process with the library; started where there is none, since killing nobody's processes ends it."""

    def __init__(self, program):
        self.program, self.process = program, None

    def play(self, *runs, pick="some", hold=(), seed=0):
        """Plays runs at the same time, to their ends.

        Args:
            pick: how many of the callbacks that may return do so at a time: "one", "some", "all"; "free": each at once.
            hold: callbacks that return only when no other one can; "head" is the first item in work().
            seed: of the choice, and of chaos.c; 0 is without it.
        """
        assert not hangs, f"not run: {hangs[0]}"
        try:
            self._start()
            self.runs, self.places, self.free, self.seed = [], [], pick == "free", seed
            for wire, run in enumerate(runs):
                self._call(run, wire)
            rng = random.Random(seed)
            while any(run.result is None for run in self.runs):
                self._settle()
                self._in_order()
                ready = [at for at in self._pending() if not self._is_held(*at, hold)] or self._pending()
                if pick == "one":
                    ready = [rng.choice(ready)] if ready else []
                elif pick == "some" and len(ready) > 1:
                    ready = rng.sample(ready, rng.randrange(1, len(ready) + 1))
                for run, op, index in ready:
                    self._answer(run, op, index)
            self._threads_have_ended()
        except BaseException:
            self.end()
            raise

    def idle(self, run, seconds):
        """Plays on until next() and emit() alone are going on, then returns how often in `seconds` a thread woke up."""
        assert not hangs, f"not run: {hangs[0]}"
        self._start()
        self.runs, self.places, self.free, self.seed = [], [], False, 0
        try:
            self._call(run, 0)
            for _ in range(12):
                self._settle()
                for at in self._pending():
                    if at[1] == WORK or run.emitted < 3 and at[1] == EMIT or run.given < run.window and at[1] == NEXT:
                        self._answer(*at)
            self._settle()
            assert {op for op, _ in run.pending} == {NEXT, EMIT}, "something else than next() and emit() goes on"
            before = self._rest()
            time.sleep(seconds)
            return sum(naps for _, naps in self._threads().values()) - sum(naps for _, naps in before.values())
        finally:
            self.end()

    def _start(self):
        if self.process is not None and self.process.poll() is None:
            return
        self.end()
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(1 + WIRES)]
        there = [pair[1].fileno() for pair in pairs]
        quiet = {name: subprocess.DEVNULL for name in ("stdin", "stdout", "stderr")}
        self.process = nobody.start(self.program, ROOTS, *there, pass_fds=there, **quiet)
        for _, other in pairs:
            other.close()
        self.requests, *self.answers = [mine for mine, _ in pairs]
        seconds = struct.pack("ll", int(PATIENCE), 0)
        self.requests.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)

    def end(self):
        """Ends the process; the next run starts another one."""
        if self.process is not None:
            nobody.kill_all()
            self.process.wait()
            self.process = None
            for mine in (self.requests, *self.answers):
                mine.close()

    def _call(self, run, wire, parent=None):
        self.runs.append(run)
        self.places.append((wire, parent))
        self._send(wire, RUN, len(self.runs) - 1, threads=run.threads, window=run.window, count=int(run.stats))

    def _send(self, wire, op, run, value=0, threads=0, window=0, count=0):
        try:
            self.answers[wire].send(
                MESSAGE.pack(op, wire, run, self.seed, value, threads, window, count, 0, 0, 0, 0, 0)
            )
        except OSError:
            raise AssertionError("the program with the library has ended") from None

    def _answer(self, run, op, index):
        number, wire = self.runs.index(run), run.pending[op, index]
        if op == WORK and index in run.nest:
            run.nest.discard(index)
            run.inside.add(index)
            self._call(Run(2, 3, 5 + index % 3), wire, (run, index))
            return
        self._send(wire, ANSWER, number, run.leave(op, index))

    def _receive(self, missing):
        try:
            data = self.requests.recv(MESSAGE.size)
        except BlockingIOError:
            raise Hangs(f"hangs: {missing}") from None
        self._take(data)

    def _receive_what_is_there(self):
        while True:
            try:
                data = self.requests.recv(MESSAGE.size, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            self._take(data)

    def _take(self, data):
        assert len(data) == MESSAGE.size, "the program with the library has ended"
        op, wire, number, _, value, _, _, _, _, *stats = MESSAGE.unpack(data)
        assert 0 <= number < len(self.runs) and 0 <= wire < WIRES, "a callback with another ctx"
        run = self.runs[number]
        assert run.result is None, "a callback after the return of pm_run()"
        if op == RESULT:
            mine, parent = self.places[number]
            assert wire == mine, "pm_run() returned amid a callback"
            run.finish(value, tuple(stats))
            if parent is not None:
                parent[0].inside.discard(parent[1])
            return
        run.enter(op, value, wire)
        if op == DROP or self.free:
            self._answer(run, op, value - 1 if op != NEXT else 0)

    def _settle(self):
        """Waits until all that the contract promises is going on."""
        for run in self.runs:
            while missing := run.missing():
                self._receive(missing)

    def _pending(self):
        return [(run, op, i) for run in self.runs for op, i in run.pending if op != WORK or i not in run.inside]

    def _is_held(self, run, op, index, hold):
        if op == WORK:
            return index in run.order or "head" in hold and index == run.emitted
        return NAMES[op] in hold

    def _in_order(self):
        """Ends the work() of the items of `order` one by one, each when all else has ended that could after the one before."""
        for run in self.runs:
            if run.order and all((WORK, index) in run.pending for index in run.order):
                for index in run.order:
                    self._answer(run, WORK, index)
                    self._rest()
                    self._receive_what_is_there()
                    run.known = run.failed is not None
                    while ready := [at for at in self._pending() if not self._is_held(*at, ())]:
                        for at in ready:
                            self._answer(*at)
                        self._rest()
                        self._receive_what_is_there()
                run.order = ()

    def _threads(self):
        """Of each thread of the process its state and how often it has gone to sleep."""
        found, top = {}, f"/proc/{self.process.pid}/task"
        for name in os.listdir(top):
            try:
                with open(f"{top}/{name}/status") as file:
                    text = file.read()
            except OSError:
                continue
            found[name] = (text.split("State:\t", 1)[1][0], int(text.split("\nvoluntary_ctxt_switches:", 1)[1].split()[0]))
        return found

    def _rest(self):
        """Waits until all threads sleep, and have slept from one look to the next."""
        before, end = None, time.monotonic() + PATIENCE
        while time.monotonic() < end:
            now = self._threads()
            if now == before and all(state == "S" for state, _ in now.values()):
                return now
            before = now
            time.sleep(0.0003)
        raise Hangs("the threads do not come to rest")

    def _threads_have_ended(self):
        end = time.monotonic() + PATIENCE
        while (now := len(os.listdir(f"/proc/{self.process.pid}/task"))) != ROOTS:  # the kernel may lag behind join
            assert time.monotonic() < end, f"{now - ROOTS} threads are left after pm_run()"
            time.sleep(0.0003)
