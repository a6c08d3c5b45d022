"""Checks of what surrounds the work: the instruction, what lies in the image, the network."""

from __future__ import annotations

import contextlib

from ..agents import Oracle
from ..errors import TooLarge
from ..sandbox.base import Sandbox
from ..task import Task
from ..tree import is_cache, members
from .context import Context, Finding, finding
from .lint import chatter, fakes, instruction_problems, leaks, secrets

_MIB = 1 << 20
_LOOKED_AT = 8 * _MIB
_LOOKED_INTO = ("/home", "/opt", "/root", "/srv", "/tmp", "/usr/local", "/var/tmp", "/var/www")
_SYSTEM = {"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/logs", "/media", "/mnt"}
_SYSTEM |= {"/proc", "/run", "/sbin", "/sys", "/usr", "/var"}
_LIBRARIES = ("dist-packages", "site-packages", "node_modules", ".git", ".cargo", ".rustup", ".npm", ".cache")
_LS_S = 30.0


def check_offline(context: Context) -> Finding:
    """The solution earns 1 with no network as well."""
    problems = []
    asked = {
        pick: task for pick, task in context.sample.items() if task.config.environment.network_mode != "no-network"
    }
    for pick in asked:
        reward = context.play(Oracle(), pick, network="none").reward
        if reward != 1:
            problems.append(f"{pick}: expected reward 1 with no network, found {reward}")
    return finding(problems, f"reward 1 in {len(asked)} plays" if asked else "the task has no network")


def check_instruction(context: Context) -> Finding:
    """The instruction names every path that the tests read, and holds nothing of the solution."""
    problems = {problem: None for task in context.tasks.values() for problem in instruction_problems(task)}
    return finding(list(problems), "it names what is tested and gives nothing away")


def check_image(context: Context) -> Finding:
    """Nothing of the tests and of the solution lies in the image, no secrets, and all data are what they seem."""
    problems: dict[str, dict[str, None]] = {"fakes": {}, "chatter": {}, "secrets": {}, "leaks": {}}
    count = 0
    for pick, task in context.sample.items():
        with context.open_env(warm_resets=False) as env:
            env.reset(seed=pick.seed, options=dict(pick.options))
            files = _files(env.unwrapped.sandbox, task)  # type: ignore[attr-defined]
        count += len(files)
        found = {"fakes": fakes(files), "chatter": chatter(files), "secrets": secrets(files)}
        for sort, told in {**found, "leaks": leaks(task, files)}.items():
            problems[sort] |= dict.fromkeys(told)
    figures = {"files": count, **{sort: len(told) for sort, told in problems.items()}}
    return finding([one for told in problems.values() for one in told], f"{count} files looked into", figures)


def _files(sandbox: Sandbox, task: Task) -> dict[str, bytes]:
    """What lies where tasks are laid, where agents look first, and where tests and solution would be."""
    top = {f"/{name}" for name in sandbox.exec(["ls", "-A", "/"], timeout_s=_LS_S, user="root").text.splitlines()}
    folders = {*_LOOKED_INTO, *(top - _SYSTEM), *(artifact.source for artifact in task.config.artifacts)} - {"/"}
    files: dict[str, bytes] = {}
    for folder in sorted(folders):
        with contextlib.suppress(TooLarge):  # no data that somebody laid there by hand
            archive = sandbox.fetch([folder], exclude=_LIBRARIES)
            files |= {
                path: content
                for path, info, content in members(archive)
                if info.isreg() and info.size <= _LOOKED_AT and not is_cache(path)
            }
    return files
