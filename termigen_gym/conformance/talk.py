"""What a talk is, and the stage that it is played on."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ..sandbox.base import Engine, Image, Limits, Sandbox, Shell
from ..sandbox.images import BASE, ensure_base
from ..terminal import Reading, State, Terminal
from .case import LIMITS, equal
from .image import build_context

SHELL_ENV: Mapping[str, str] = {"TERM": "xterm-256color", "LC_CTYPE": "C.UTF-8"}
OUTPUT_LIMIT = 10_000
PATIENCE_S = 30.0
"""Time limit of a turn that does not name one: only a failure ever takes as long."""

_PROGRAMS = f"""\
FROM {BASE}
RUN apt-get update \\
 && apt-get install -y --no-install-recommends gdb less nano procps python3 sqlite3 vim \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
"""


@dataclass(frozen=True)
class Turn:
    """One action and what its reading has to be.

    Attributes:
        typed: the action.
        shown: the observation, or a pattern of the whole of it.
        exit_code, state: as in `Reading`.
        timeout_s: the time limit that the action is given.
        waits: whether what is shown may take several readings: an empty action is typed until it is there.
    """

    typed: str
    shown: str | re.Pattern[str]
    exit_code: int | None
    state: State
    timeout_s: float = PATIENCE_S
    waits: bool = False


@dataclass(frozen=True)
class Talk:
    """One behaviour of the terminal: some turns in one shell, after which the next command has to work.

    Attributes:
        name: unique. shows: one sentence.
        programs: whether it needs the image with vim, less and others.
        limits: of a sandbox of its own, for what would disturb other talks; None to share one.
    """

    name: str
    shows: str
    turns: tuple[Turn, ...]
    programs: bool = False
    limits: Limits | None = None


def does(typed: str, shown: str | re.Pattern[str] = "", exit_code: int = 0) -> Turn:
    """Return a turn after which the shell waits for the next command."""
    return Turn(typed, shown, exit_code, "prompt")


def runs(typed: str, shown: str | re.Pattern[str] = "") -> Turn:
    """Return a turn after which a program waits for input: that has to be seen, long before the time limit."""
    return Turn(typed, shown, None, "running")


def outlives(typed: str, shown: str | re.Pattern[str] = "", timeout_s: float = 0.3) -> Turn:
    """Return a turn whose program is still at work when the time limit comes."""
    return Turn(typed, shown, None, "running", timeout_s, waits=bool(shown))


def awaits(typed: str, shown: str | re.Pattern[str] = "", exit_code: int | None = 0, state: State = "prompt") -> Turn:
    """Return a turn of a program that comes to this end by itself, in whatever number of readings."""
    return Turn(typed, shown, exit_code, state, timeout_s=1.0, waits=True)


def closes(typed: str, shown: str | re.Pattern[str] = "") -> Turn:
    """Return a turn that ends the shell."""
    return Turn(typed, shown, None, "closed")


def like(pattern: str) -> re.Pattern[str]:
    """Return a pattern for the whole of an observation; a dot is any character."""
    return re.compile(pattern, re.DOTALL)


class Stage:
    """Where talks are played: two shared sandboxes of an engine, started when they are first needed.

    Used as a context manager, which stops them.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._images: dict[bool, Image] = {}
        self._shared: dict[bool, Sandbox] = {}

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        for box in self._shared.values():
            box.stop()

    def play(self, talk: Talk) -> None:
        """Play a talk in a new shell.

        Raises:
            AssertionError: something was not as the talk says. SandboxError, TerminalError: it could not be played.
        """
        with self.terminal(programs=talk.programs, limits=talk.limits) as terminal:
            for number, turn in enumerate(talk.turns, 1):
                _take(terminal, turn, f"turn {number}, {turn.typed[:200]!r}")
            if terminal.state == "prompt":
                nonce = secrets.token_hex(8)
                last = Reading(f"{nonce}\n", 0, "prompt", 0)
                equal(terminal.run(f"echo {nonce}", PATIENCE_S), last, "the next command")

    @contextlib.contextmanager
    def terminal(self, *, programs: bool = False, limits: Limits | None = None) -> Iterator[Terminal]:
        """Open a terminal in a shared sandbox, or with `limits` in one of its own; see `Talk`.

        Raises:
            SandboxError: there is no image or no sandbox. TerminalError: the shell gave no prompt.
        """
        with contextlib.ExitStack() as stack:
            box = self._box(programs) if limits is None else stack.enter_context(self._start(programs, limits))
            made = Terminal(_opener(box), OUTPUT_LIMIT)
            stack.callback(made.close)
            yield made

    def _box(self, programs: bool) -> Sandbox:
        if programs not in self._shared:
            self._shared[programs] = self._start(programs, LIMITS)
        return self._shared[programs]

    def _start(self, programs: bool, limits: Limits) -> Sandbox:
        if programs not in self._images:
            ensure_base(self._engine)
            with build_context({"Dockerfile": _PROGRAMS if programs else f"FROM {BASE}\n"}) as source:
                self._images[programs] = self._engine.build(source)
        return self._engine.start(self._images[programs], limits)


def _opener(box: Sandbox) -> Callable[[str | None], Shell]:
    return lambda cwd: box.open_shell(cwd=cwd, env=SHELL_ENV)


def _take(terminal: Terminal, turn: Turn, what: str) -> None:
    started = time.monotonic()
    reading = terminal.run(turn.typed, turn.timeout_s)
    end = time.monotonic() + PATIENCE_S
    while turn.waits and not _fits(turn, reading) and terminal.state != "closed" and time.monotonic() < end:
        more = terminal.run("", 0.1) if terminal.state == "running" else terminal.run(":", 1)
        screen = more.output if turn.state == "running" and not isinstance(turn.shown, str) else None
        reading = Reading(screen or reading.output + more.output, more.exit_code, more.state, more.clipped)
    if not _fits(turn, reading):
        wanted = turn.shown if isinstance(turn.shown, str) else f"text like {turn.shown.pattern!r}"
        expected = (wanted, turn.exit_code, turn.state)
        equal((reading.output, reading.exit_code, reading.state), expected, f"{what}: output, exit code, state")
    noted = "bytes left out" in reading.output
    if noted or isinstance(turn.shown, str):  # a screen has no note of what was lost before it
        equal(reading.clipped > 0, noted, f"{what}: whether something was clipped")
    if turn.state == "running" and turn.timeout_s == PATIENCE_S and time.monotonic() - started >= PATIENCE_S:
        raise AssertionError(f"{what}: expected to be seen to wait for input, found it only at the time limit")


def _fits(turn: Turn, reading: Reading) -> bool:
    fits = reading.output == turn.shown if isinstance(turn.shown, str) else turn.shown.fullmatch(reading.output)
    return bool(fits) and (reading.exit_code, reading.state) == (turn.exit_code, turn.state)
