"""Waiting for a condition, and for a process."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any


def wait_until(condition: Callable[[], bool], limit_s: float = 20.0) -> None:
    """Return when it holds; `limit_s` is only how long a failure takes."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Process(subprocess.Popen[str]):
    """A process that says something; where the test fails that has started it, it is killed and not waited for."""

    def __init__(self, argv: Sequence[str], **options: Any) -> None:
        super().__init__(argv, **{"text": True, "stdout": subprocess.PIPE, **options})

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if value is not None:
            self.kill()
        super().__exit__(kind, value, trace)
