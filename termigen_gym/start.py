"""How an episode's sandbox begins: made when it is asked for, or ahead as a spare."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from .sandbox.base import Engine, Image, Limits, Sandbox, Shell, pack
from .sandbox.pool import SPARES
from .task import EnvironmentConfig, TaskConfig, TreeFile
from .terminal import Terminal
from .verifier import plain_values

_LOG_FOLDERS = ("/logs/agent", "/logs/verifier", "/logs/artifacts")
# LC_CTYPE and not LANG: a program reads one file for it, and twelve for a whole locale, which takes a sixth of a small
# program's time. The other eleven say what C says.
SHELL_ENV = {"TERM": "xterm-256color", "LC_CTYPE": "C.UTF-8", "PAGER": "cat", "GIT_PAGER": "cat"}


@dataclass(frozen=True)
class Start:
    """Everything that decides how a sandbox and its terminal begin; two that are equal begin alike.

    Attributes:
        with_terminal: whether a spare has its terminal open. Not where something is still to be done before a shell may
            start: files of an instance to be put, a healthcheck to be waited for.
    """

    engine: Engine
    image: Image = field(compare=False)
    image_id: str
    limits: Limits
    env: tuple[tuple[str, str], ...]
    user: str | int | None
    workdir: str | None
    output_limit: int
    with_terminal: bool

    @classmethod
    def of(
        cls, engine: Engine, image: Image, limits: Limits, config: TaskConfig, output_limit: int, *, bare: bool
    ) -> Start:
        """Return the start of a task's episodes; `bare`: files are put after it."""
        wanted: EnvironmentConfig = config.environment
        return cls(
            engine,
            image,
            image.id,
            limits,
            tuple(sorted(plain_values(wanted.env).items())),
            config.agent.user,
            wanted.workdir,
            output_limit,
            with_terminal=not bare and wanted.healthcheck is None,
        )

    def sandbox(self, files: Mapping[str, TreeFile]) -> Sandbox:
        """Start a sandbox with the log folders and `files` put. The caller stops it.

        Raises:
            SandboxError: it could not be made.
        """
        sandbox = self.engine.start(self.image, self.limits, dict(self.env), _LOG_FOLDERS)
        try:
            if files:
                sandbox.put(pack(files))
        except BaseException:
            sandbox.stop()
            raise
        return sandbox

    def begin(self, files: Mapping[str, TreeFile], warm: bool) -> Started:
        """Take the spare that waits, if one may be taken (`warm`), else make a sandbox; with `files` put in either.

        Raises:
            SandboxError: it could not be made.
        """
        spare: Started | None = SPARES.take(self) if warm else None
        if spare is None:
            since = time.time()
            return Started(self.sandbox(files), None, since)
        try:
            if files:
                spare.sandbox.put(pack(files))
        except BaseException:
            spare.close()
            raise
        return spare

    def terminal(self, sandbox: Sandbox) -> Terminal:
        """Open the agent's terminal. The caller closes it.

        Raises:
            TerminalError: the shell gave no prompt. SandboxError: it could not be started.
        """

        def open_shell(cwd: str | None) -> Shell:
            return sandbox.open_shell(user=self.user, cwd=cwd or self.workdir, env=SHELL_ENV)

        return Terminal(open_shell, self.output_limit, sandbox.kill_processes)

    def spare(self) -> Started:
        """Make what the next episode will need, as far as it can be made before its task's files are known.

        Raises:
            TermigenError: it could not be made.
        """
        since = time.time()
        sandbox = self.sandbox({})
        try:
            return Started(sandbox, self.terminal(sandbox) if self.with_terminal else None, since)
        except BaseException:
            sandbox.stop()
            raise


@dataclass(frozen=True, eq=False)
class Started:
    """A sandbox and its terminal, if it is open yet.

    Attributes:
        since: before it was begun, seconds since the epoch: what is in it and younger is not its image's.
    """

    sandbox: Sandbox
    terminal: Terminal | None
    since: float = 0.0

    def usable(self) -> bool:
        """Return whether both still live."""
        return (self.terminal is None or not self.terminal.gone()) and self.sandbox.alive()

    def close(self) -> None:
        """Stop both. Idempotent."""
        if self.terminal is not None:
            self.terminal.close()
        self.sandbox.stop()
