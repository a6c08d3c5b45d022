"""The verdict: how the tests are run on what the agent left, so that nothing it did can make a reward.

Nothing here goes through the agent's terminal, and the tests come only when the agent has stopped. In separate mode
they run in a fresh sandbox, into which nothing of the agent's comes but the artifacts that its task names. In shared
mode they run where the agent was at work, after the toolchain there has been put back as its image has it.
docs/verdicts.md says what is covered and what is not. A verdict that can't be had is a VerifierError, never a reward
of 0.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..errors import TooLarge, VerifierError, VerifierTimeout
from ..sandbox.base import Change, ExecResult, Sandbox, pack
from ..task import Task
from ..tree import changed_state, hash_of, members, state_of, tree_of
from . import toolchain
from .memory import Reuse
from .rewards import LOGS, REWARD_FILES, REWARD_LIMIT, fraction, outcomes, reward_of

TESTS = "/tests"
_TEST = ("bash", f"{TESTS}/test.sh")
ARTIFACTS = "/logs/artifacts"
_OUTPUT_TAIL = 4000
_HASHED = 1 << 24  # bytes of changed files
_ROOT = ("", "0", "root")

_Taken = list[tuple[Sequence[str], bytes]]  # paths, and an archive of what was there


@dataclass(frozen=True)
class Verdict:
    """What the verifier found.

    Attributes:
        reward: from 0 to 1, as the tests left it.
        tests: test name to "passed" | "failed" | "error" | "skipped" | "xfail" | "xpass", where the output tells.
        duration_s: seconds that the tests took.
        output: the last characters that they printed.
        tampered: paths of what the tests would have been run by or read, and what the agent had changed; it was put
            back before they ran, so that the reward counts as it stands. Never any in separate mode.
        tree: sha256 over what the agent left, times and process ids aside: in separate mode its artifacts, else what it
            changed; "" where that is too large to be taken out. Two plays that did the same have the same.
        reused: whether the tests did not run for it: they had judged the very same artifacts before (`Memory`).
    """

    reward: float
    tests: Mapping[str, str]
    duration_s: float
    output: str
    tampered: tuple[str, ...] = ()
    tree: str = ""
    reused: bool = False

    @property
    def fraction(self) -> float:
        """The share of the tests that passed; the reward, where the output tells of none or contradicts it."""
        share = fraction(self.tests)
        return self.reward if share is None or (share == 1) != (self.reward == 1) else share

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {**asdict(self), "tampered": list(self.tampered)}


def verify(
    sandbox: Sandbox, task: Task, fresh: Callable[[], AbstractContextManager[Sandbox]], reuse: Reuse | None = None
) -> Verdict:
    """Run the task's tests on what the agent left in its sandbox. Nothing that it started lives on, but in shared mode.

    Args:
        sandbox: the agent's.
        task: what it was to do.
        fresh: gives, for the length of a `with` block, another sandbox as the task's verifier needs it; called in
            separate mode only.
        reuse: in separate mode, take the verdict on the same artifacts where there is one.

    Raises:
        VerifierError: the verdict can't be had; see its kinds.
        SandboxError: a sandbox failed.
    """
    if not task.config.separate:
        return _in_place(sandbox, task)
    artifacts = _taken_out(sandbox, task)
    found = [(paths, list(members(archive))) for paths, archive in artifacts]
    if reuse is not None:
        end = reuse.end(_archive(sandbox, task), found)
        known = reuse.memory.recall(end)
        if known is not None:
            return known
    tree = hash_of(tree_of(state_of(member for _, its in found for member in its), task.files))
    del found  # as large as the artifacts: no reason to hold it while the tests run
    with fresh() as clean:
        for paths, archive in artifacts:
            clean.put(archive, removing=paths)
        verdict = replace(_judge(clean, task), tree=tree)
    if reuse is not None:
        reuse.memory.keep(end, verdict)
    return verdict


def plain_values(env: Mapping[str, str]) -> dict[str, str]:
    """Return a task's environment variables with ``${NAME:-default}`` replaced by its default.

    Harbor would fill them in from the host's environment; here no host variable enters a sandbox.
    """
    return {name: _VARIABLE.sub(lambda match: match[1] or "", value) for name, value in env.items()}


_VARIABLE = re.compile(r"\$\{\w+(?::-([^}]*))?\}")


def _taken_out(sandbox: Sandbox, task: Task) -> _Taken:
    """Kill what the agent left running, and return its artifacts: paths, and an archive of what is there."""
    for hook in task.config.verifier.collect:
        sandbox.exec(["bash", "-c", hook.command], timeout_s=hook.timeout_sec, user=hook.user)
    sandbox.kill_processes()
    wanted = task.config.artifacts_with(ARTIFACTS)
    found = _fetched(sandbox, [artifact.source for artifact in wanted if not artifact.exclude])
    for artifact in wanted:
        if artifact.exclude:
            found += _fetched(sandbox, [artifact.source], artifact.exclude)
    return found


def _fetched(sandbox: Sandbox, paths: Sequence[str], exclude: Sequence[str] = ()) -> _Taken:
    """Take paths out together; where that is too much one by one, and what is too much by itself is left behind."""
    try:
        return [(paths, sandbox.fetch(paths, exclude=exclude))] if paths else []
    except TooLarge:
        if len(paths) > 1:
            return [taken for path in paths for taken in _fetched(sandbox, [path], exclude)]
        return [(paths, pack({}))]  # nobody can be asked to carry that: it counts as not delivered


def _in_place(sandbox: Sandbox, task: Task) -> Verdict:
    if task.config.metadata.processes_survive is False:
        sandbox.kill_processes()
    scripts = [file.content for name, file in task.tests().items() if name.endswith(".sh")]
    try:
        changes = sandbox.changes()
        tree = _hash_of_changes(sandbox, changes, task)
        tampered = toolchain.put_back(sandbox, changes, any(b" -m " in script for script in scripts))
    except TooLarge as error:
        raise VerifierError(f"the toolchain can't be put back as the image has it: {error}") from None
    return replace(_judge_beside(sandbox, task), tampered=tampered, tree=tree)


def _hash_of_changes(sandbox: Sandbox, changes: Mapping[str, Change], task: Task) -> str:
    try:
        return hash_of(tree_of(changed_state(sandbox, changes, _HASHED), task.files))
    except TooLarge:
        return ""


def _judge(sandbox: Sandbox, task: Task, survive: bool = False) -> Verdict:
    """Put the tests into a sandbox in which nothing of the agent's runs, run them, and read what they left."""
    # Whatever an agent may have prepared under our names goes first.
    sandbox.put(_archive(sandbox, task), removing=(LOGS,) if task.has_tests_in_image else (LOGS, TESTS))
    started = time.monotonic()
    result = sandbox.exec(_TEST, **_how(task))
    duration = time.monotonic() - started
    if not survive:
        sandbox.kill_processes()  # what the tests started of the agent's programs, before it can change what they left
    return _verdict(task, result, duration, sandbox.read)


def _judge_beside(sandbox: Sandbox, task: Task) -> Verdict:
    """Run the tests beside what the agent left running, where that reaches neither them nor what they leave.

    It may have left nothing; but on Docker root inside can make its own the process that keeps the sandbox. Where the
    engine can't keep them apart, a reward counts that does not depend on what lives.

    Raises:
        VerifierError: it does.
    """
    started = time.monotonic()
    archive = _archive(sandbox, task)
    apart = sandbox.exec_apart(
        _TEST, archive, hidden=(TESTS, LOGS), read=REWARD_FILES, limit=REWARD_LIMIT + 1, **_how(task)
    )
    if apart is not None:
        result, found = apart
        return _verdict(task, result, time.monotonic() - started, lambda path, limit: found[path])
    alive = _judge(sandbox, task, survive=True)
    if alive.reward == 0:
        return alive
    sandbox.kill_processes()
    alone = _judge(sandbox, task)
    if alone.reward < alive.reward:
        raise VerifierError(
            f"{task.name}: expected the reward not to depend on the processes that the agent left running, found "
            f"{alive.reward:g} with and {alone.reward:g} without them; this engine can't keep them from the tests: use "
            "bubblewrap, or docker as root on its daemon's machine"
        )
    return alone


def _archive(sandbox: Sandbox, task: Task) -> bytes:
    """Return the tests and the folder for what they leave, as they are put into a sandbox."""
    config = task.config.verifier
    user = sandbox.image.user if config.user is None else str(config.user)
    tests = {} if task.has_tests_in_image else {f"{TESTS}/{name}": file for name, file in task.tests().items()}
    return pack(tests, {LOGS: 0o755 if user in _ROOT else 0o777})


def _how(task: Task) -> dict[str, Any]:
    config = task.config.verifier
    return {"timeout_s": config.timeout_sec, "user": config.user, "env": plain_values(config.env)}


def _verdict(task: Task, result: ExecResult, duration_s: float, read: Callable[[str, int], bytes | None]) -> Verdict:
    if result.timed_out:
        raise VerifierTimeout(
            f"{task.name}: expected the tests to end within {task.config.verifier.timeout_sec:g} s, found them still "
            f"running; last output: {result.text[-400:]!r}"
        )
    reward = reward_of(task.name, result, read)
    return Verdict(reward, outcomes(result.text), round(duration_s, 6), result.text[-_OUTPUT_TAIL:])
