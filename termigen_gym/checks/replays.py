"""Playing many ways of one task quickly: each begins from a snapshot of the solution's play, in a few sandboxes.

A `Take` is one way to be played and an `Outcome` what came of it. A `Stage` is the sandbox in which takes are played
one after another; `play_takes` shares them out to several stages at a time.
"""

from __future__ import annotations

import contextlib
import io
import tarfile
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from ..env import SUBMIT, EnvSnapshot, TerminalEnv
from ..errors import EngineMissing, TermigenError, VerifierError
from ..executor import Job, run_jobs
from ..solution import Block
from ..tree import Item, State, end_state, members

LOOK_EVERY_S = 5.0
"""A stage's ``command_timeout_s``: how often it looks whether a command that goes on has gone on for too long."""

_FIRST_LIMIT_S = 600.0
_PATIENCE = 3
_WAITS = 3
_INTERRUPTS = ("\x03", "\x03", "\x1c")
_TRIES = 3

OpenEnv: TypeAlias = Callable[[], contextlib.AbstractContextManager[TerminalEnv]]


def always(state: State) -> bool:
    """Judge whatever was left."""
    return True


@dataclass(frozen=True)
class Take:
    """One way through a task.

    Attributes:
        name: unique in its wave.
        start: how many blocks of the solution were played before; a snapshot of that moment is restored.
        commands: what is played from there.
        edits: files that are made others at the end, by absolute path; None removes one.
        judged: whether a verdict is wanted, which may depend on what the take leaves.
        kept: whether what it leaves is wanted afterwards, and a verdict of its own where it is judged.
    """

    name: str
    start: int
    commands: Sequence[str] = ()
    edits: Mapping[str, bytes | None] = field(default_factory=dict)
    judged: Callable[[State], bool] = always
    kept: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a take.

    Attributes:
        state: what it left, where the take says that it is wanted.
        verdict: as ``info`` has it; None where none was wanted or none could be had.
        error: why none could be had, "" where it could.
    """

    take: Take
    state: State = field(default_factory=dict)
    verdict: Mapping[str, Any] | None = None
    error: str = ""

    @property
    def valid(self) -> bool:
        """Whether a verdict was wanted: it left something worth one."""
        return self.verdict is not None or bool(self.error)

    @property
    def accepted(self) -> bool:
        """Whether the tests let it through; no verdict is no rejection."""
        return bool(self.error) or self.reward == 1

    @property
    def reward(self) -> float | None:
        """The verdict's, if there is one."""
        return None if self.verdict is None else float(self.verdict["reward"])


Waves: TypeAlias = Generator[Sequence[Take], list[Outcome], None]
"""Yields takes that may be played at the same time, and is sent their outcomes in the same order."""


Verdicts: TypeAlias = dict[frozenset[tuple[str, Item]], Mapping[str, Any]]
"""Verdicts by end state."""


@dataclass(frozen=True)
class Begin:
    """How a stage begins: what its environment is reset with, and the solution that is played on it first."""

    seed: int
    options: Mapping[str, str]
    blocks: Sequence[Block]


class Stage:
    """A sandbox in which the solution was played once, with a snapshot before the first block and after each.

    Args:
        env: where to play; the caller closes it.
        begin: the solution.
        verdicts: by what was judged, of this and other stages; those of a verifier in a sandbox of its own, which sees
            nothing but the end state, are taken from there.

    Raises:
        TermigenError: the sandbox failed.
    """

    def __init__(self, env: TerminalEnv, begin: Begin, verdicts: Verdicts) -> None:
        self._env = env
        self._verdicts = verdicts
        started = time.monotonic()
        env.reset(seed=begin.seed, options=dict(begin.options))
        self._snapshots: list[EnvSnapshot] = [env.snapshot()]
        self._limit_s = _FIRST_LIMIT_S
        for block in begin.blocks:
            self._run(block.command)
            self._snapshots.append(env.snapshot())
        self._limit_s = LOOK_EVERY_S + _PATIENCE * (time.monotonic() - started)

    def play(self, take: Take) -> Outcome:
        """Play a take and judge it.

        Raises:
            TermigenError: the sandbox or the verifier failed; the stage is of no more use.
        """
        self._env.restore(self._snapshots[take.start])
        if not all(self._run(command) for command in take.commands if command):
            return Outcome(take)  # a command that nothing ends is no way to any end state
        for path, content in take.edits.items():
            self._edit(path, content)
        state = end_state(self._env.sandbox, self._env.task)
        kept = state if take.kept else {}
        if not take.judged(state):
            return Outcome(take, kept)
        return Outcome(take, kept, self._verdict(state, anew=take.kept))

    def _verdict(self, state: State, *, anew: bool) -> Mapping[str, Any]:
        key = frozenset(state.items())
        if anew or not self._env.task.config.separate or key not in self._verdicts:
            *_, info = self._env.step(SUBMIT)
            self._verdicts[key] = info["verdict"]
        return self._verdicts[key]

    def _run(self, command: str) -> bool:
        """Run a command to its end, if need be one that comes early; return whether the prompt is back.

        A wait that is over before its time means that the program waits for somebody to type, and nobody will.
        """
        deadline = time.monotonic() + self._limit_s
        *_, info = self._env.step(command)
        waits = 0
        while info["state"] == "running" and time.monotonic() < deadline and waits < _WAITS:
            began = time.monotonic()
            *_, info = self._env.step("")
            waits = waits + 1 if time.monotonic() - began < LOOK_EVERY_S / 2 else 0
        for key in _INTERRUPTS:
            if info["state"] == "running":
                *_, info = self._env.step(key)
        return bool(info["state"] != "running")

    def _edit(self, path: str, content: bytes | None) -> None:
        """Give a file other content, owner and mode as before; or remove it."""
        sandbox = self._env.sandbox
        edited = io.BytesIO()
        with tarfile.open(fileobj=edited, mode="w") as archive:
            if content is not None:
                for _, info, _ in members(sandbox.fetch([path])):
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
        sandbox.put(edited.getvalue(), removing=(path,))


def play_takes(waves: Waves, open_env: OpenEnv, begin: Begin, stages: int, on_play: Callable[[int, int], None]) -> None:
    """Play wave after wave.

    A take that fails for reasons of ours is tried again in a new sandbox; what fails still is an outcome with an error.

    Args:
        waves: what to play.
        open_env: opens an environment for a stage.
        begin: how each stage begins.
        stages: how many at a time, each with its thread.
        on_play: told after each play how many are done, and how many are known of.

    Raises:
        EngineMissing: there is no engine.
    """
    with contextlib.ExitStack() as opened:
        verdicts: Verdicts = {}
        company = _Company(lambda: Stage(opened.enter_context(open_env()), begin, verdicts))
        played = _Played(waves, company, on_play)
        run_jobs(played.jobs(next(waves)), stages, played.on_done)


class _Company:
    """Stages that wait for their next take; each serves one thread at a time, for as long as all threads live."""

    def __init__(self, make: Callable[[], Stage]) -> None:
        self._make = make
        self._idle: SimpleQueue[Stage] = SimpleQueue()

    def play(self, take: Take) -> Outcome:
        """Play a take on an idle stage, else on a new one; a stage that failed is left behind.

        A verifier that gives no verdict is an outcome: it would not the next time either.
        """
        try:
            stage = self._idle.get_nowait()
        except Empty:
            stage = self._make()
        try:
            outcome = stage.play(take)
        except VerifierError as error:
            return Outcome(take, error=f"{type(error).__name__}: {error}")
        self._idle.put(stage)
        return outcome


class _TakeJob:
    """One take, tried again where it fails for reasons that are not the take's."""

    def __init__(self, take: Take, company: _Company) -> None:
        self._take = take
        self._company = company
        self._closed = False

    def run(self) -> Outcome:
        failure: TermigenError | None = None
        for _ in range(_TRIES):
            try:
                return self._company.play(self._take)
            except EngineMissing:
                raise
            except TermigenError as error:
                failure = error
            if self._closed:
                break
        return Outcome(self._take, error=f"{type(failure).__name__}: {failure}")

    def close(self) -> None:
        self._closed = True


class _Played:
    """The wave that is being played."""

    def __init__(self, waves: Waves, company: _Company, on_play: Callable[[int, int], None]) -> None:
        self._waves = waves
        self._company = company
        self._on_play = on_play
        self._wave: Sequence[Take] = ()
        self._outcomes: dict[str, Outcome] = {}
        self._done = self._known = 0

    def jobs(self, wave: Sequence[Take]) -> list[_TakeJob]:
        self._wave = wave
        self._known += len(wave)
        self._outcomes.clear()
        return [_TakeJob(take, self._company) for take in wave]

    def on_done(self, job: Job[Outcome], outcome: Outcome) -> Iterable[Job[Outcome]]:
        self._outcomes[outcome.take.name] = outcome
        self._done += 1
        self._on_play(self._done, self._known)
        if len(self._outcomes) < len(self._wave):
            return ()
        ordered = [self._outcomes[take.name] for take in self._wave]
        with contextlib.suppress(StopIteration):
            while not (wave := self._waves.send(ordered)):
                ordered = []
            return self.jobs(wave)
        return ()
