"""What is asked of a task from outside beyond what idlers earn: whether its tests can be run and say the same twice."""

from __future__ import annotations

import contextlib
import re

from ..agents import Null
from ..episode import Episode
from ..errors import BuildError, VerifierError
from ..task import Task
from .context import Context, Finding, finding
from .soundness import check_build, check_oracle

_CANNOT_RUN = re.compile(r"^E +((?:ModuleNotFound|Import|Syntax|Indentation|Tab|Name)Error\b.*)$", re.MULTILINE)
_MODULE = re.compile(r"No module named '(\w+)")
_UNREACHABLE = re.compile(
    r"could not resolve|name or service not known|unable to resolve|temporary failure (?:in name resolution|resolving)"
    r"|failed to (?:connect|establish a new connection)|connection (?:timed out|refused)|network is unreachable"
    r"|no such host|getaddrinfo|\bwget\b[^\0]*(?:exit status|non-zero code:|exit code:) 4\b",
    re.IGNORECASE,
)


def check_builds(context: Context) -> Finding:
    """The image builds, at the second attempt at the latest: a build fetches from a network, which fails at times.

    Where it failed because a host could not be reached from here, the finding says so: that is no fault of the task.
    """
    with contextlib.suppress(BuildError):
        return check_build(context)
    try:
        return check_build(context)
    except BuildError as error:
        sort = "unreachable" if _UNREACHABLE.search(str(error)) else "broken"
        return Finding(False, f"{type(error).__name__}: {error}", {sort: 1})


def check_tests(context: Context) -> Finding:
    """An untouched sandbox gets a verdict, the same one twice, and none of the tests is unable to run."""
    problems: list[str] = []
    figures = dict.fromkeys(("tests", "passed", "no_verdict", "broken", "unsteady"), 0)
    for pick, task in context.sample.items():
        try:
            once, again = (context.play(Null(), pick) for _ in range(2))
        except VerifierError as error:
            problems.append(str(error))
            figures["no_verdict"] += 1
            continue
        outcomes = _outcomes(once)
        figures["tests"] += len(outcomes)
        figures["passed"] += list(outcomes.values()).count("passed")
        if fault := _fault(once, task):
            problems.append(f"{pick}: expected tests that can be run, found {fault}")
            figures["broken"] += 1
        if outcomes != _outcomes(again):
            differing = sorted(name for name, _ in outcomes.items() ^ _outcomes(again).items())
            problems.append(
                f"{pick}: expected the same outcomes in two untouched sandboxes, found others of {differing}"
            )
            figures["unsteady"] += 1
    return finding(problems, f"{figures['passed']} of {figures['tests']} tests pass at the start", figures)


def check_solution(context: Context) -> Finding:
    """The solution earns 1, where there is one."""
    if not all(task.solution for task in context.tasks.values()):
        return Finding(True, "there is no solution", tried=False)
    return check_oracle(context)


def _outcomes(episode: Episode) -> dict[str, str]:
    return dict((episode.verdict or {})["tests"])


def _fault(episode: Episode, task: Task) -> str:
    """What keeps a file of tests from being run at all, "" for nothing; not what the agent was asked to make."""
    if not any(outcome == "error" and "::" not in name for name, outcome in _outcomes(episode).items()):
        return ""
    for match in _CANNOT_RUN.finditer((episode.verdict or {})["output"]):
        module = _MODULE.search(match[1])
        if module is None or not re.search(rf"\b{module[1]}\b", task.instruction):
            return match[1]
    return ""
