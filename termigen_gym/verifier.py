"""The verdict: the tests are put into the sandbox after the agent has stopped, run there, and the reward is read.

Nothing here goes through the agent's terminal. A verdict that can't be had is a VerifierError, never a reward of 0.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .errors import VerifierError
from .sandbox.base import ExecResult, Sandbox, pack
from .task import Task

TESTS = "/tests"
LOGS = "/logs/verifier"
_OUTPUT_TAIL = 4000
_REWARD_LIMIT = 4096
# The lines of pytest's short summary; a parameter may hold blanks, and what follows " - " is the message.
_SUMMARY = re.compile(r"^(PASSED|FAILED|ERROR|XFAIL|XPASS) (\S.*?)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Verdict:
    """What the verifier found.

    Attributes:
        reward: from 0 to 1.
        tests: test name to "passed" | "failed" | "error" | "skipped" | "xfail" | "xpass", where the output tells.
        duration_s: seconds that the tests took.
        output: the last characters that they printed.
    """

    reward: float
    tests: Mapping[str, str]
    duration_s: float
    output: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


def verify(sandbox: Sandbox, task: Task) -> Verdict:
    """Run the task's tests on what the agent left.

    Raises:
        VerifierError: no, an empty, an unparsable or an out-of-range reward; or the time limit was reached.
        SandboxError: the sandbox failed.
    """
    config = task.config.verifier
    if task.config.metadata.processes_survive is False:
        sandbox.kill_processes()
    tests = {f"{TESTS}/{name}": file for name, file in task.tests().items()}
    # Whatever an agent may have prepared under our names goes first.
    sandbox.put(pack(tests, [LOGS]), removing=(TESTS, LOGS))
    started = time.monotonic()
    result = sandbox.exec(
        ["bash", f"{TESTS}/test.sh"], timeout_s=config.timeout_sec, user=config.user, env=plain_values(config.env)
    )
    duration = time.monotonic() - started
    if result.timed_out:
        raise VerifierError(
            f"{task.name}: expected the tests to end within {config.timeout_sec:g} s, found them still running; "
            f"last output: {result.text[-400:]!r}"
        )
    reward = _reward(sandbox, task.name, result)
    outcomes = {name: outcome.lower() for outcome, name in _SUMMARY.findall(result.text)}
    return Verdict(reward, outcomes, round(duration, 6), result.text[-_OUTPUT_TAIL:])


def plain_values(env: Mapping[str, str]) -> dict[str, str]:
    """Return a task's environment variables with ``${NAME:-default}`` replaced by its default.

    Harbor would fill them in from the host's environment; here no host variable enters a sandbox.
    """
    return {name: _VARIABLE.sub(lambda match: match[1] or "", value) for name, value in env.items()}


_VARIABLE = re.compile(r"\$\{\w+(?::-([^}]*))?\}")


def _reward(sandbox: Sandbox, name: str, result: ExecResult) -> float:
    """Read reward.json, else reward.txt, as Harbor does."""
    for file, parse in (("reward.json", _from_json), ("reward.txt", float)):
        content = sandbox.read(f"{LOGS}/{file}", _REWARD_LIMIT)
        if content is None:
            continue
        text = content.decode("utf-8", "replace").strip()
        try:
            value = parse(text)
        except ValueError:
            raise VerifierError(f"{name}: {LOGS}/{file}: expected a number from 0 to 1, found {text[:80]!r}") from None
        if not (math.isfinite(value) and 0.0 <= value <= 1.0):
            raise VerifierError(f"{name}: {LOGS}/{file}: expected a number from 0 to 1, found {value!r}")
        return value
    raise VerifierError(
        f"{name}: expected {LOGS}/reward.txt or reward.json after the tests, found neither; "
        f"test.sh ended with exit code {result.exit_code}, last output: {result.text[-400:]!r}"
    )


def _from_json(text: str) -> float:
    """Return a bare number, the value of "reward", or the one value of a flat object."""
    data = json.loads(text)
    if isinstance(data, dict):
        data = data["reward"] if "reward" in data else next(iter(data.values())) if len(data) == 1 else None
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise ValueError
    return float(data)
