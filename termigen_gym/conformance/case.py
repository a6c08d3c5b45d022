"""What a case is, and the words in which cases are written."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..errors import TermigenError
from ..sandbox.base import Engine, ExecResult, Image, Limits, Sandbox

LIMITS = Limits(cpus=1, memory_mb=512, storage_mb=512, pids=128)
"""What a case's sandbox may use where the case says nothing else."""

TIMEOUT_S = 60.0
MIB = 1024 * 1024


@dataclass(frozen=True)
class Case:
    """One behaviour.

    Attributes:
        name: short, unique. shows: one sentence.
        run: called with an engine and the image of `conformance_image`; raises AssertionError when it is not shown.
    """

    name: str
    shows: str
    run: Callable[[Engine, Image], None]


class Cases:
    """Cases made of functions: a function's name names the case, its docstring says what it shows."""

    def __init__(self) -> None:
        self.all: list[Case] = []

    def add(self, function: Callable[[Engine, Image], None]) -> Callable[[Engine, Image], None]:
        """Make a case of a function that starts what it needs."""
        self._append(function.__name__, function.__doc__, function)
        return function

    def in_sandbox(self, function: Callable[[Sandbox], None]) -> Callable[[Sandbox], None]:
        """Make a case of a function that takes one sandbox of `LIMITS`."""

        def run(engine: Engine, image: Image) -> None:
            with engine.start(image, LIMITS) as box:
                function(box)

        self._append(function.__name__, function.__doc__, run)
        return function

    def _append(self, name: str, shows: str | None, run: Callable[[Engine, Image], None]) -> None:
        self.all.append(Case(name, (shows or "").strip(), run))


def equal(found: object, expected: object, what: str = "result") -> None:
    """Raise AssertionError where two things differ: no `assert`, so that cases also fail under python -O."""
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}"[:2000])


def expect(found: object, what: str) -> None:
    """Raise AssertionError where something is not so."""
    if not found:
        raise AssertionError(f"expected {what}, found otherwise")


@contextlib.contextmanager
def raises(kind: type[TermigenError], what: str) -> Iterator[list[TermigenError]]:
    """Expect an error; it is in the list afterwards."""
    found: list[TermigenError] = []
    try:
        yield found
    except kind as error:
        found.append(error)
        return
    raise AssertionError(f"{what}: expected {kind.__name__}, found no error")


def eventually(look: Callable[[], bool], what: str, within_s: float = 20.0) -> None:
    """Look again and again until it is so; `within_s` is only how long a failure takes."""
    end = time.monotonic() + within_s
    while not look():
        if time.monotonic() > end:
            raise AssertionError(f"expected {what}, not so within {within_s:g} s")
        time.sleep(0.05)


def sh(box: Sandbox, script: str, *, user: str | int | None = None, timeout_s: float = TIMEOUT_S) -> ExecResult:
    """Run a shell script inside."""
    return box.exec(["/bin/sh", "-c", script], timeout_s=timeout_s, user=user)


def output(box: Sandbox, script: str, *, user: str | int | None = None) -> str:
    """Return the output of a shell script that must succeed."""
    result = sh(box, script, user=user)
    equal(result.exit_code, 0, f"exit code of {script!r} ({result.text.strip()})")
    return result.text


def running(box: Sandbox, argument: str) -> int:
    """Return how many processes inside have `argument` as the last one of their command line."""
    match = f'case "$(tr "\\0" " " <$p)" in *" {argument} ") n=$((n+1));; esac'
    return int(output(box, f"(n=0; for p in /proc/[0-9]*/cmdline; do {match}; done; echo $n) 2>/dev/null", user=0))


def rare_number() -> str:
    """Return an argument for `sleep` that no other process of this machine has."""
    return str(100_000 + secrets.randbelow(10**8))
