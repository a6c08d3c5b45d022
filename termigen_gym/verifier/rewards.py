"""What the tests left: the reward, in the file where Harbor looks for it, and each test's outcome."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import RewardEmpty, RewardMalformed, RewardMissing, RewardOutOfRange, VerifierCrashed, VerifierError
from ..sandbox.base import ExecResult

LOGS = "/logs/verifier"
REWARD_FILES = (f"{LOGS}/reward.json", f"{LOGS}/reward.txt")
"""Where a reward may be; the first that is there counts."""

REWARD_LIMIT = 4096
"""Bytes that are read of it."""

_CANNOT_RUN = 126
_SUMMARY_BEGINS = re.compile(r"^=+ short test summary info =+$", re.MULTILINE)
# The lines of pytest's short summary; a parameter may hold blanks, and what follows " - " is the message.
_SUMMARY = re.compile(r"^(PASSED|FAILED|ERROR|XFAIL|XPASS) (\S.*?)(?: - .*)?$", re.MULTILINE)


def reward_of(name: str, result: ExecResult, read: Callable[[str, int], bytes | None]) -> float:
    """Return the reward that the tests left.

    Args:
        name: of the task, for messages.
        result: how test.sh ended.
        read: returns the first bytes of a regular file, None where there is none.

    Raises:
        VerifierError: there is none; which of its kinds says why.
    """
    for path in REWARD_FILES:
        content = read(path, REWARD_LIMIT + 1)
        if content is None:
            continue
        text = content.decode("utf-8", "replace").strip()
        expected = f"{name}: {path}: expected a number from 0 to 1, found"
        if not text:
            raise RewardEmpty(f"{expected} an empty file; {_ending(result)}")
        try:
            if len(content) > REWARD_LIMIT:
                raise ValueError
            value = _from_json(text) if path.endswith(".json") else float(text)
        except (ValueError, RecursionError):
            raise RewardMalformed(f"{expected} {text[:80]!r}") from None
        if not (math.isfinite(value) and 0.0 <= value <= 1.0):
            raise RewardOutOfRange(f"{expected} {value!r}")
        return value
    kind: type[VerifierError] = RewardMissing
    if result.exit_code is None or result.exit_code >= _CANNOT_RUN:
        kind = VerifierCrashed
    raise kind(f"{name}: expected {LOGS}/reward.txt or reward.json after the tests, found neither; {_ending(result)}")


def outcomes(output: str) -> dict[str, str]:
    """Return what a short summary of pytest's (its option -rA) says of each test, by name.

    What the tests printed, and what printed the programs that they ran, comes before it.
    """
    for begin in _SUMMARY_BEGINS.finditer(output):
        output = begin.string[begin.end() :]
    return {name: outcome.lower() for outcome, name in _SUMMARY.findall(output)}


def fraction(tests: Mapping[str, str]) -> float | None:
    """Return the share of tests that passed, of those that count; None where no output told of any."""
    counted = [outcome for outcome in tests.values() if outcome in ("passed", "failed", "error")]
    return counted.count("passed") / len(counted) if counted else None


def _ending(result: ExecResult) -> str:
    return f"test.sh ended with exit code {result.exit_code}, last output: {result.text[-400:]!r}"


def _from_json(text: str) -> float:
    """Return a bare number, the value of "reward", or the one value of a flat object."""
    data: Any = json.loads(text)
    if isinstance(data, dict):
        data = data["reward"] if "reward" in data else next(iter(data.values())) if len(data) == 1 else None
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise ValueError
    return float(data)
