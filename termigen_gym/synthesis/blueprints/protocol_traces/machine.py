"""State machines of protocols with a flaw in them, and sessions that keep to them or do not."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..kit import between, chance, pick, sample
from ..scribe import shuffled
from .domains import Domain


@dataclass(frozen=True)
class Flaw:
    """A property that a machine does not have, with a monitor that says which event breaks it.

    Attributes:
        sort: before, once or between. event: the one that the property is about. other: an event, "" for none.
        state: the one that must not be entered, "" for none. session: what a session is called.
    """

    sort: str
    event: str
    other: str
    state: str
    session: str

    @property
    def words(self) -> str:
        """The property, after "the specification ensures that"."""
        if self.sort == "before":
            return f"`{self.other}` never happens unless `{self.event}` has happened before"
        if self.sort == "once":
            return f"`{self.event}` never happens a second time"
        return (
            f"between a `{self.other}` and the next time that the {self.session} comes into `{self.state}` there is "
            f"always a `{self.event}`"
        )

    @property
    def python(self) -> str:
        """The monitor as an expression of `mark`, `event` and `to`, for a solution."""
        if self.sort == "before":
            return f'1 if mark or event == "{self.event}" else -1 if event == "{self.other}" else 0'
        if self.sort == "once":
            return f'-1 if mark and event == "{self.event}" else mark or int(event == "{self.event}")'
        broken = f'-1 if mark and event != "{self.event}" and to == "{self.state}"'
        return f'{broken} else 0 if event == "{self.event}" else mark or int(event == "{self.other}")'

    def step(self, mark: int, event: str, to: str) -> int:
        """Return the monitor's next state after an event that leads to a state; -1: the property is broken."""
        if self.sort == "before":
            return 1 if mark or event == self.event else -1 if event == self.other else 0
        if self.sort == "once":
            return -1 if mark and event == self.event else max(mark, int(event == self.event))
        if event == self.event:
            return 0
        if mark and to == self.state:
            return -1
        return max(mark, int(event == self.other))


@dataclass
class Machine:
    """The specification."""

    domain: Domain
    initial: str = ""
    finals: list[str] = field(default_factory=list)
    next: dict[tuple[str, str], str] = field(default_factory=dict)
    limits: dict[str, tuple[int, str]] = field(default_factory=dict)
    deadlines: dict[str, int] = field(default_factory=dict)

    @property
    def states(self) -> list[str]:
        """All that the transitions name."""
        return sorted({state for (state, _), to in self.next.items() for state in (state, to)})

    def reachable(self, start: str) -> set[str]:
        """The states to which some sequence of events leads, the first one too."""
        seen, todo = {start}, [start]
        while todo:
            here = todo.pop()
            for (state, _), to in self.next.items():
                if state == here and to not in seen:
                    seen.add(to)
                    todo.append(to)
        return seen

    def counterexample(self, flaw: Flaw) -> list[str]:
        """The shortest sequence of events that breaks the property, the first in byte order; empty if there is none."""
        queue: deque[tuple[str, int, list[str]]] = deque([(self.initial, 0, [])])
        seen = {(self.initial, 0)}
        while queue:
            state, mark, word = queue.popleft()
            for event in sorted(event for here, event in self.next if here == state):
                to = self.next[state, event]
                then = flaw.step(mark, event, to)
                if then < 0:
                    return [*word, event]
                if (to, then) not in seen:
                    seen.add((to, then))
                    queue.append((to, then, [*word, event]))
        return []


@dataclass(frozen=True)
class Entry:
    """A line of a run."""

    time: int
    session: str
    event: str


@dataclass(frozen=True)
class Verdict:
    """What came of a session: a word, the line that decided, and the state there."""

    word: str
    line: int
    state: str


def draw_machine(rng: np.random.Generator, domain: Domain, difficulty: str) -> Machine:
    """Return a machine with a usual path, detours, a shortcut that should not be, and states that nothing reaches."""
    path, events = domain.path, domain.events
    machine = Machine(domain, path[0], sorted({path[-1], domain.abort[1]}))
    moves = machine.next
    for here, event, there in zip(path, events, path[1:], strict=False):
        moves[here, event] = there
    middle = list(range(1, len(path) - 1))
    for state, enter, leave in domain.sides:
        for place in sample(rng, middle, 2):
            moves[path[place], enter] = state
        moves[state, leave] = path[pick(rng, middle[:3])]
        moves[state, domain.abort[0]] = domain.abort[1]
    for place in sample(rng, middle, 3):
        moves[path[place], domain.abort[0]] = domain.abort[1]
    for place in sample(rng, middle, 3):
        moves[path[place], domain.tick] = path[place]
    moves[path[between(rng, 3, len(path) - 2)], domain.again] = path[between(rng, 1, 2)]
    trap = domain.stuck[1]
    moves[path[pick(rng, middle[1:])], domain.stuck[0]] = trap
    moves[trap, domain.tick] = trap
    # The flaw: back from a detour, a session may go on further ahead than it had come.
    state, _, leave = pick(rng, domain.sides)
    moves[state, leave] = path[between(rng, 4, len(path) - 2)]
    one, two = domain.ghosts
    moves[one, events[0]] = two
    moves[two, domain.again] = one
    moves[two, events[1]] = path[2]
    counted = [domain.tick, domain.again, domain.sides[0][1], domain.sides[1][1]]
    for event in sample(rng, counted, {"easy": 1, "medium": 2, "hard": 3}[difficulty]):
        machine.limits[event] = between(rng, 1, 3), pick(rng, events[1:4])
    for place in sample(rng, middle, {"easy": 1, "medium": 2, "hard": 3}[difficulty]):
        machine.deadlines[path[place]] = 500 * between(rng, 3, 16)
    return machine


def draw_flaw(rng: np.random.Generator, machine: Machine) -> Flaw:
    """Return a property that the machine breaks, by a sequence of at least four events."""
    domain = machine.domain
    while True:
        first, second = sorted(sample(rng, range(1, len(domain.events)), 2))
        sort = pick(rng, ("before", "once", "between"))
        leave = domain.sides[between(rng, 0, 1)][2]
        other = {"before": domain.events[second], "once": "", "between": leave}[sort]
        state = domain.path[second + 1] if sort == "between" else ""
        flaw = Flaw(sort, domain.events[first], other, state, domain.session)
        if len(machine.counterexample(flaw)) >= 4:
            return flaw


def judge(
    machine: Machine, entries: Sequence[Entry], *, restart: bool
) -> tuple[dict[str, Verdict], Counter[tuple[str, str]]]:
    """Replay a run; return each session's verdict and how often each transition was taken.

    `restart`: an event that stays in its state starts that state's deadline anew.
    """
    state: dict[str, str] = {}
    since: dict[str, int] = {}
    used: dict[tuple[str, str], int] = {}
    ended: dict[str, Verdict] = {}
    last: dict[str, int] = {}
    taken: Counter[tuple[str, str]] = Counter()
    for line, entry in enumerate(entries, start=1):
        who, event = entry.session, entry.event
        here = state.setdefault(who, machine.initial)
        begun = since.setdefault(who, entry.time)
        if who in ended:
            continue
        last[who] = line
        to = machine.next.get((here, event))
        if here in machine.deadlines and entry.time - begun > machine.deadlines[here]:
            ended[who] = Verdict("late", line, here)
        elif to is None:
            ended[who] = Verdict("no-transition", line, here)
        elif event in machine.limits and used.get((who, event), 0) >= machine.limits[event][0]:
            ended[who] = Verdict("limit", line, here)
        else:
            for other, (_, reset) in machine.limits.items():
                if event == reset:
                    used[who, other] = 0
            used[who, event] = used.get((who, event), 0) + 1
            taken[here, event] += 1
            if to != here or restart:
                since[who] = entry.time
            state[who] = to
    for who, here in state.items():
        if who not in ended:
            ended[who] = Verdict("ok" if here in machine.finals else "unfinished", last[who], here)
    return ended, taken


def draw_run(rng: np.random.Generator, machine: Machine, count: int, *, restart: bool) -> list[Entry]:
    """Return a run of interleaved sessions, in order of time."""
    entries: list[Entry] = []
    for number in range(count):
        session = f"{machine.domain.session[0]}{number + 1:02d}"
        entries += _session(rng, machine, session, FATES[(number + between(rng, 0, 1)) % len(FATES)], restart=restart)
    # In order of time; what happened at the same moment stands in an order that means nothing.
    order = {session: rank for rank, session in enumerate(shuffled(rng, sorted({entry.session for entry in entries})))}
    return sorted(entries, key=lambda entry: (entry.time, order[entry.session]))


FATES = ("ok", "ok", "skip", "ok", "late", "greedy", "cut", "ok", "edge")
"""How sessions go, in turn."""


def _session(rng: np.random.Generator, machine: Machine, session: str, fate: str, *, restart: bool) -> list[Entry]:
    """One session's entries; what its fate makes of them is for `judge` to say."""
    state, time = machine.initial, between(rng, 0, 40_000)
    entered = time
    entries: list[Entry] = []
    used: Counter[str] = Counter()
    moves = _moves(machine)
    slow = False
    while state not in machine.finals and len(entries) < 24:
        options = [event for event in moves[state] if not _spent(machine, used, event)]
        usual = [event for event in options if event in machine.domain.events]
        greedy = [event for event in moves[state] if event in machine.limits]
        if fate == "greedy" and greedy and chance(rng, 75):
            event = pick(rng, greedy)
        elif not options:
            break
        else:
            event = pick(rng, usual) if usual and chance(rng, 65) else pick(rng, options)
        wait = 100 * between(rng, 1, 9)
        deadline = machine.deadlines.get(state)
        if deadline is not None and not slow and fate in ("late", "edge"):
            # Exactly at the deadline is in time.
            wait, slow = deadline - (time - entered) + (100 * between(rng, 1, 20) if fate == "late" else 0), True
        elif deadline is not None and time + wait - entered > deadline:
            wait = max(deadline - (time - entered), 0)
        time += wait
        entries.append(Entry(time, session, event))
        for other, (_, reset) in machine.limits.items():
            if event == reset:
                used[other] = 0
        used[event] += 1
        to = machine.next[state, event]
        if to != state or restart:
            entered = time
        state = to
    if fate == "skip" and len(entries) > 2:
        del entries[between(rng, 1, len(entries) - 2)]
    if fate == "cut" and len(entries) > 2:
        del entries[between(rng, 2, len(entries) - 1) :]
    return entries


def _moves(machine: Machine) -> Mapping[str, list[str]]:
    moves: dict[str, list[str]] = {}
    for state, event in sorted(machine.next):
        moves.setdefault(state, []).append(event)
    return moves


def _spent(machine: Machine, used: Counter[str], event: str) -> bool:
    return event in machine.limits and used[event] >= machine.limits[event][0]
