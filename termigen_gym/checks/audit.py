"""Checks of what surrounds the work: the instruction, the image and how it builds, the network."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..agents import Oracle
from ..errors import SandboxError, TooLarge
from ..sandbox import engine
from ..sandbox.base import DIGEST_DIGITS, ImageSource, Sandbox
from ..sandbox.images import ensure_base, needs_base
from ..task import Task
from .context import Context, Finding, finding
from .lint import chatter, fakes, instruction_problems, leaks, secrets
from .state import members

_MIB = 1 << 20
_LOOKED_AT = 8 * _MIB
_LOOKED_INTO = ("/home", "/opt", "/root", "/srv", "/tmp", "/usr/local", "/var/tmp", "/var/www")
_SYSTEM = {"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/logs", "/media", "/mnt"}
_SYSTEM |= {"/proc", "/run", "/sbin", "/sys", "/usr", "/var"}
_LIBRARIES = ("dist-packages", "site-packages", "node_modules", ".git", ".cargo", ".rustup", ".npm", ".cache")
_LS_S = 30.0
_TAKES_FILES = re.compile(r"(?:COPY|ADD|ARG|ONBUILD|RUN\s+--mount)\b", re.IGNORECASE)


def check_rebuild(context: Context) -> Finding:
    """The image builds from nothing; how long that takes and how large it is. It is removed again.

    Of images that run the same commands before they copy anything, one is built from nothing in a process: what the
    others copy afterwards, their ordinary build has shown.
    """
    task = next(iter(context.tasks.values()))
    if task.config.environment.docker_image is not None:
        return Finding(True, "a finished image: nothing is built")
    chosen = engine(context.sandbox)
    recipe = task.paths.dockerfile.read_text(encoding="utf-8")
    if needs_base(recipe):
        ensure_base(chosen)
    with _rebuilt.of(chosen.name, commands_before_files(recipe)) as rebuilt:
        if rebuilt.seconds is not None:
            told = f"{rebuilt.seconds:.1f} s from nothing, as {rebuilt.task}, which runs the same commands"
            return Finding(True, told)
        digest = hashlib.sha256(f"rebuilt\0{task.context_digest}".encode()).hexdigest()
        limit = task.config.environment.build_timeout_sec
        started = time.monotonic()
        chosen.build(ImageSource(task.paths.context, digest, timeout_s=limit, fresh=True, abort=context.closed))
        seconds = time.monotonic() - started
        made = next((built for built in chosen.built() if built.digest == digest[:DIGEST_DIGITS]), None)
        if made is None:
            raise SandboxError(
                f"image {digest[:DIGEST_DIGITS]}: expected it in the engine's store after its build, found none"
            )
        chosen.discard(made)
        rebuilt.seconds, rebuilt.task = seconds, task.name
    figures = {"build_s": round(seconds, 1), "size_mib": round(made.size / _MIB, 1)}
    return Finding(True, f"{seconds:.1f} s from nothing, {made.size / _MIB:.0f} MiB above its base", figures)


def commands_before_files(dockerfile: str) -> str | None:
    """Return the instructions of a Dockerfile up to its last RUN, None where what they do may depend on the context."""
    lines: list[str] = []
    for line in dockerfile.splitlines():
        if lines and lines[-1].endswith("\\"):
            lines[-1] += f"\n{line}"
        elif line.strip() and not line.lstrip().startswith("#"):
            lines.append(line.strip())
    runs = [number for number, line in enumerate(lines) if line.upper().startswith("RUN")]
    before = lines[: runs[-1] + 1] if runs else []
    if not before or any(_TAKES_FILES.match(line) or "<<" in line for line in before):
        return None
    return "\n".join(before)


@dataclass
class _Rebuilt:
    """What is known of some commands: how long they took from nothing, for which task; None: not tried yet."""

    seconds: float | None = None
    task: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


class _AllRebuilt:
    """What was built from nothing in this process, by engine and commands."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], _Rebuilt] = {}

    @contextlib.contextmanager
    def of(self, engine: str, commands: str | None) -> Iterator[_Rebuilt]:
        """Hold what is known of some commands; others that need it wait. None: nothing is kept of these."""
        if commands is None:
            yield _Rebuilt()
            return
        with self._lock:
            rebuilt = self._known.setdefault((engine, commands), _Rebuilt())
        with rebuilt.lock:
            yield rebuilt


_rebuilt = _AllRebuilt()


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
                path: content for path, info, content in members(archive) if info.isreg() and info.size <= _LOOKED_AT
            }
    return files
