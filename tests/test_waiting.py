"""What the tests wait with."""

from __future__ import annotations

import signal
import sys

import pytest

from tests.waiting import Process


def test_a_process_of_a_failing_test_is_not_waited_for() -> None:
    process = Process([sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(1000)"])

    def fails() -> None:
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "never said\n"

    with pytest.raises(AssertionError, match="never said"):
        fails()
    assert process.returncode == -signal.SIGKILL
