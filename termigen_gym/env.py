"""`TerminalEnv`: one verifiable terminal task as a Gymnasium environment."""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
from gymnasium.error import ResetNeeded

from .catalog import find
from .errors import ActionError, SandboxError, TaskError, TermigenError
from .family import Family
from .sandbox import engine
from .sandbox.base import Engine, Image, ImageSource, Limits, Sandbox, Snapshot, wait_healthy
from .sandbox.images import ensure_base, needs_base
from .sandbox.pool import SPARES
from .spaces import TerminalText
from .start import Start, Started
from .task import EnvironmentConfig, Task, folder_digest
from .terminal import Reading, Terminal, Turn, drive
from .verifier import Verdict, verify
from .verifier.memory import VERDICTS, Reuse

StepResult = tuple[str, float, bool, bool, dict[str, Any]]

ACTION_LIMIT = 1 << 20
OBSERVATION_LIMIT = 1 << 18
SUBMIT = "exit"
_DEFAULT_MAX_STEPS = 100
_DEFAULT_TIMEOUT_S = 900.0
_TICK_S = 0.01  # a file's time may be a little before the clock's: the kernel's last tick


@dataclass(frozen=True, eq=False)
class EnvSnapshot:
    """An episode as it was after one of its steps, to go on from there again; see `TerminalEnv.snapshot`.

    Attributes:
        tree: the sandbox's files. cwd: the shell's directory.
        reading: what the step brought, whose text is `observation`.
        steps: turns spent. left_s: seconds that were left.
    """

    tree: Snapshot
    cwd: str
    reading: Reading
    observation: str
    steps: int
    left_s: float

    def close(self) -> None:
        """Give its room back. Idempotent; at the latest the next reset does it."""
        self.tree.close()


class _Holder:
    """Wants spare sandboxes beside those that the env itself wants."""


class TerminalEnv(gym.Env[str, str]):
    r"""A container, a bash terminal in it, and a verifier that gives the reward.

    Observation: str, what the terminal shows after the action; after `reset` the instruction, then the prompt.
    Action: str, a command (any number of lines) while the shell waits for one; input while a program is running there
    ("\x03" interrupts, "" only waits). Exactly ``exit`` at the shell's prompt submits: the verifier runs, the reward
    is in [0, 1], the episode is terminated. When the budget of turns or time is spent the verifier runs as well, and
    the episode is truncated. A command that ends the shell is no submission: a new one is opened where the old was.

    `info`, the same keys at reset and every step: instruction (str), task_digest (str), exit_code (int or None), state
    ("prompt" | "running" | "closed"), duration_s (float, seconds), clipped (int, bytes left out of the observation),
    verdict (dict of `Verdict` at the end, else None).

    `snapshot` and `restore` let a search branch an episode: try, look at the reward, go back.

    From its second reset on, an env has its next sandbox started in the background while it is played (`warm_resets`).

    Failures of ours (engine, sandbox, verifier) raise `TermigenError`; the environment must then be reset.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 4}  # noqa: RUF012  # as gymnasium declares it
    action_space: TerminalText

    def __init__(
        self,
        task: str,
        *,
        sandbox: str = "auto",
        max_steps: int | None = None,
        command_timeout_s: float = 30.0,
        output_limit: int = 10_000,
        network: str = "task",
        reward: Literal["verifier", "binary", "fraction"] = "verifier",
        warm_resets: bool = True,
        reuse_verdicts: bool = False,
        render_mode: str | None = None,
    ) -> None:
        """Load a task or family; nothing is built or started yet.

        Args:
            task: its name, or the path of a task folder.
            sandbox: "auto" | "docker" | "bubblewrap".
            max_steps: budget of turns; None for the task's own, else 100.
            command_timeout_s: seconds after which a command is left running and its output so far returned.
            output_limit: characters of output in one observation; more is cut from the middle.
            network: "task": as the task asks; "none": never.
            reward: "verifier": as the tests gave it; "binary": 1 where that is 1, else 0; "fraction": the share of the
                tests that passed, where their output names them. The verdict in `info` has all.
            warm_resets: whether an env that was reset twice keeps one started sandbox ready for its next reset.
            reuse_verdicts: whether a verdict of separate mode may be one on record, given to the very same artifacts
                in an episode of this process; docs/verdicts.md says what "same" is.
            render_mode: None or "ansi".

        Raises:
            TaskError: the folder is malformed. EngineMissing: the engine does not answer.
        """
        if max_steps is not None and max_steps < 1:
            raise ValueError(f"max_steps: expected at least 1, found {max_steps}")
        if command_timeout_s <= 0:
            raise ValueError(f"command_timeout_s: expected more than 0, found {command_timeout_s}")
        if not 100 <= output_limit <= OBSERVATION_LIMIT // 2:
            raise ValueError(f"output_limit: expected 100 to {OBSERVATION_LIMIT // 2}, found {output_limit}")
        if reward not in ("verifier", "binary", "fraction"):
            raise ValueError(f'reward: expected "verifier", "binary" or "fraction", found {reward!r}')
        if network not in ("task", "none"):
            raise ValueError(f'network: expected "task" or "none", found {network!r}')
        self.action_space = TerminalText(ACTION_LIMIT)
        self.observation_space = TerminalText(OBSERVATION_LIMIT)
        self.render_mode = render_mode
        entry = find(task)
        self._source = Family.load(entry.folder) if entry.kind == "family" else Task.load(entry.folder)
        self._engine_name = sandbox
        self._max_steps = max_steps
        self._command_timeout_s = command_timeout_s
        self._output_limit = output_limit
        self._network = network
        self._reward = reward
        self._warm_resets = warm_resets
        self._reuse_verdicts = reuse_verdicts
        self._resets = 0
        self._stopping: list[Future[None]] = []
        self._task: Task | None = None
        self._sandbox: Sandbox | None = None
        self._judging: Start | None = None
        self._judge: Sandbox | None = None
        self._verdicts = _Holder()
        self._terminal: Terminal | None = None
        self._aborted = threading.Event()
        self._shown = ""
        self._snapshots: weakref.WeakSet[EnvSnapshot] = weakref.WeakSet()
        self._over = False
        self.restored = False
        """Whether a snapshot was restored since the last reset: the actions since then are no longer one line."""

    @property
    def task(self) -> Task:
        """The task being played; of a family, the instance that the last reset chose."""
        if self._task is None:
            raise ResetNeeded("expected reset() to have chosen the task, found that it was not called yet")
        return self._task

    @property
    def sandbox(self) -> Sandbox:
        """The running sandbox; for tools beside the agent, whose commands do not pass through the terminal."""
        if self._sandbox is None:
            raise ResetNeeded("expected a running sandbox, found none: call reset() first")
        return self._sandbox

    def prepare(self) -> None:
        """Build the task's image now, which the first reset would do.

        Raises:
            BuildError: it does not build. EngineMissing: the engine does not answer.
        """
        self._aborted.clear()
        chosen = engine(self._engine_name)
        self._image(chosen)
        self._verifier_image(chosen)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Start afresh in a new sandbox.

        Args:
            seed: seeds `np_random`; of a family it picks the instance (None: drawn).
            options: {"difficulty": "easy" | "medium" | "hard"} for a family.

        Raises:
            TermigenError: the sandbox could not be made.
        """
        super().reset(seed=seed)
        self._aborted.clear()
        self._leave()
        started = time.monotonic()
        self._task = self._choose(seed, options or {})
        config, chosen = self._task.config, engine(self._engine_name)
        image = self._image(chosen)
        start = Start.of(
            chosen, image, self._limits(config.environment), config, self._output_limit, bare=bool(self._task.files)
        )
        self._judging = self._start_of_judge(chosen, image)
        # An entrypoint may look at files of the task: then it must not have run long before they came.
        warm = self._warm_resets and not (self._task.files and image.entrypoint)
        try:
            terminal = self._begin(start, warm)
        except BaseException:
            self._stop()
            raise
        self._resets += 1
        if warm and self._resets > 1:
            SPARES.want(self, start, start.spare)
        if warm and self._judging is not None:
            SPARES.want(self._verdicts, self._judging, self._judging.spare)
        self._steps = 0
        self._deadline = time.monotonic() + (config.agent.timeout_sec or _DEFAULT_TIMEOUT_S)
        self._budget = self._max_steps or config.metadata.max_steps or _DEFAULT_MAX_STEPS
        self._over = self.restored = False
        self._shown = f"{self._task.instruction.rstrip()}\n\n{terminal.cwd}# "
        self._reading = Reading("", None, "prompt", 0)
        return self._shown, self._info(self._reading, started, None)

    def step(self, action: str) -> StepResult:
        """Run one action; see the class.

        Raises:
            ActionError: the action is not in the action space; nothing ran.
            TermigenError: our failure; the episode is over without a reward.
        """
        return drive(self.turn(action))

    def turn(self, action: str) -> Turn[StepResult]:
        """Do as `step`, and leave the waiting to the caller, who may have many envs to wait for."""
        if not self.action_space.contains(action):
            raise ActionError(f"action: {self.action_space.why_not(action)}")
        _, terminal = self._playing()
        started = time.monotonic()
        self._steps += 1
        try:
            if action.strip() == SUBMIT and terminal.refresh() == "prompt":
                yield None
                return self._finish(Reading("", None, "closed", 0), started, terminated=True)
            timeout = max(min(self._command_timeout_s, self._deadline - started), 0.05)
            reading = yield from terminal.turn(action, timeout)
            if reading.state == "closed":
                yield None
                reading = self._reopen(reading)
            if self._steps >= self._budget or time.monotonic() >= self._deadline:
                yield None
                return self._finish(reading, started, terminated=False)
        except TermigenError:
            self._stop()
            raise
        self._shown, self._reading = reading.output, reading
        return reading.output, 0.0, False, False, self._info(reading, started, None)

    def _playing(self) -> tuple[Sandbox, Terminal]:
        if self._terminal is None or self._sandbox is None or self._over:
            raise ResetNeeded("expected a running episode, found none: call reset() first")
        return self._sandbox, self._terminal

    def snapshot(self) -> EnvSnapshot:
        """Keep the episode as it is now, for `restore`. It goes with the sandbox: at the next reset or `close`.

        Kept are the sandbox's files, the shell's directory, and what is left of the budget; not the programs that run
        and not the shell's variables, functions and jobs. docs/engines.md says which files an engine leaves out.

        Raises:
            ResetNeeded: there is no running episode. SandboxError: it could not be taken; the episode goes on.
        """
        sandbox, terminal = self._playing()
        left_s = self._deadline - time.monotonic()
        tree = sandbox.snapshot()
        made = EnvSnapshot(tree, terminal.cwd, self._reading, self._shown, self._steps, left_s)
        self._snapshots.add(made)
        return made

    def restore(self, snapshot: EnvSnapshot) -> tuple[str, dict[str, Any]]:
        """Go on from a snapshot of this episode, any number of times, also after the episode's end.

        Everything that runs is killed, the files are put back, and a new shell is opened where the old one was; turns
        and time are as they were, so that every branch has what was left then. `np_random` is left alone, and what
        wraps this environment is not told.

        Returns the observation and `info` of the snapshot's step, with the state "prompt".

        Raises:
            SandboxError: the snapshot is closed or of an earlier episode, and nothing was done; or the engine failed:
            then the environment must be reset, as after a TerminalError.
        """
        if snapshot not in self._snapshots or self._sandbox is None or self._terminal is None:
            raise SandboxError("restore: expected a snapshot of this episode, found one of an earlier or another one")
        if not snapshot.tree.open:
            raise SandboxError("restore: expected an open snapshot, found one that was closed or whose sandbox is gone")
        started = time.monotonic()
        try:
            self._sandbox.restore(snapshot.tree)
            self._terminal.reopen(snapshot.cwd)
        except TermigenError:
            self._stop()
            raise
        self._over, self.restored = False, True
        self._steps, self._deadline = snapshot.steps, time.monotonic() + snapshot.left_s
        self._shown, self._reading = snapshot.observation, replace(snapshot.reading, state="prompt")
        return self._shown, self._info(self._reading, started, None)

    def render(self) -> str | None:
        """Return the last observation in render mode "ansi"."""
        return self._shown if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Stop the sandbox, and the spare one. Idempotent."""
        try:
            self._stop()
        finally:
            SPARES.forget(self)
            SPARES.forget(self._verdicts)

    def abort(self) -> None:
        """From another thread, end the build or the sandbox: the `prepare`, `reset` or `step` under way there raises.

        One that begins only afterwards is not kept from beginning: call this again until the other thread is done.
        """
        self._aborted.set()
        for sandbox in (self._sandbox, self._judge):
            if sandbox is not None:
                sandbox.stop()

    def _finish(self, reading: Reading, started: float, *, terminated: bool) -> StepResult:
        if self._terminal is not None:
            self._terminal.close()
        verdict = verify(self.sandbox, self.task, self._fresh, self._reuse())
        self._over = any(snapshot.tree.open for snapshot in self._snapshots)
        if not self._over:
            self._leave()
        self._shown = reading.output
        info = self._info(reading, started, verdict.to_dict())
        return reading.output, self._rewarded(verdict), terminated, not terminated, info

    def _reuse(self) -> Reuse | None:
        judge = self._judging
        if not self._reuse_verdicts or judge is None or judge.limits.network != "none":
            return None  # what the tests see of a network is not among the artifacts
        begin = (judge.engine.name, judge.image_id, judge.limits, judge.env, judge.user, judge.workdir)
        return Reuse(VERDICTS, f"{self.task.digest} {begin}", self._since)

    def _rewarded(self, verdict: Verdict) -> float:
        if self._reward == "binary":
            return float(verdict.reward == 1)
        return verdict.fraction if self._reward == "fraction" else verdict.reward

    @contextlib.contextmanager
    def _fresh(self) -> Iterator[Sandbox]:
        """A sandbox for tests that run in one of their own."""
        assert self._judging is not None  # made by reset for a task that needs it
        self._judge = self._judging.begin(self.task.files, self._warm_resets).sandbox
        try:
            yield self._judge
        finally:
            self._stop_later(Started(self._judge, None))
            self._judge = None

    def _start_of_judge(self, chosen: Engine, image: Image) -> Start | None:
        """Return how the sandbox of the tests begins; None where they run in the agent's."""
        config = self.task.config
        if not config.separate:
            return None
        wanted = config.verifier.environment or config.environment
        own = self._verifier_image(chosen) or image
        return Start.of(chosen, own, self._limits(wanted), config, self._output_limit, bare=True)

    def _reopen(self, reading: Reading) -> Reading:
        assert self._terminal is not None  # only called from step
        self._terminal.reopen()
        note = f"[the shell ended; a new one was opened in {self._terminal.cwd}]"
        joint = "" if not reading.output or reading.output.endswith("\n") else "\n"
        return Reading(f"{reading.output}{joint}{note}\n", None, self._terminal.state, reading.clipped)

    def _info(self, reading: Reading, started: float, verdict: dict[str, Any] | None) -> dict[str, Any]:
        return {
            "instruction": self.task.instruction,
            "task_digest": self.task.digest,
            "exit_code": reading.exit_code,
            "state": reading.state,
            "duration_s": time.monotonic() - started,
            "clipped": reading.clipped,
            "verdict": verdict,
        }

    def _choose(self, seed: int | None, options: dict[str, Any]) -> Task:
        unknown = set(options) - {"difficulty"}
        if unknown:
            raise ValueError(f"options: expected only 'difficulty', found {sorted(unknown)}")
        if isinstance(self._source, Task):
            task = self._source
        else:
            picked = int(self.np_random.integers(2**31)) if seed is None else seed
            task = self._source.instance(picked, options.get("difficulty", "medium"))
        if len(task.instruction) > OBSERVATION_LIMIT // 2:
            raise TaskError(f"{task.paths.instruction}: expected at most {OBSERVATION_LIMIT // 2} characters")
        return task

    def _limits(self, wanted: EnvironmentConfig) -> Limits:
        limits = Limits(wanted.cpus, wanted.memory_mb, wanted.storage_mb)
        if self._network == "none" or wanted.network_mode == "no-network":
            return limits
        hosts = wanted.allowed_hosts if wanted.network_mode == "allowlist" else ()
        return replace(limits, network=wanted.network_mode, allowed_hosts=hosts)

    def _image(self, chosen: Engine) -> Image:
        """Build the image, or take the one that was built from the same context."""
        config = self._source.config.environment
        return self._built(chosen, self._source.paths.context, self._source.context_digest, config)

    def _verifier_image(self, chosen: Engine) -> Image | None:
        """Build the image that the tests have of their own, if they have one."""
        source = self._source
        if isinstance(source, Family) or not source.has_tests_in_image:
            return None
        config = source.config.verifier.environment or source.config.environment
        return self._built(chosen, source.paths.tests, folder_digest(source.paths.tests), config)

    def _built(self, chosen: Engine, context: Path, digest: str, config: EnvironmentConfig) -> Image:
        if config.docker_image is not None:
            name = config.docker_image
            return chosen.build(ImageSource(None, name, name, config.build_timeout_sec, abort=self._aborted))
        source = ImageSource(context, digest, timeout_s=config.build_timeout_sec, abort=self._aborted)
        if needs_base((context / "Dockerfile").read_text(encoding="utf-8")):
            ensure_base(chosen)
        return chosen.build(source)

    def _begin(self, start: Start, warm: bool) -> Terminal:
        """Take or start a sandbox, bring it to where the agent may begin, return its terminal."""
        started = start.begin(self.task.files, warm)
        self._sandbox, self._terminal = started.sandbox, started.terminal
        self._since = started.since - _TICK_S
        check = self.task.config.environment.healthcheck
        if check is not None:
            wait_healthy(self._sandbox, check)
        if self._terminal is None:
            self._terminal = start.terminal(self._sandbox)
        return self._terminal

    def _leave(self) -> None:
        """Stop the last episode's sandbox; in the background, unless warm resets are off."""
        ending = Started(self._sandbox, self._terminal) if self._sandbox is not None else None
        if ending is None or not self._warm_resets:
            self._stop()
            return
        self._await_stopped()
        self._sandbox = self._terminal = None
        self._snapshots.clear()
        self._stop_later(ending)

    def _stop_later(self, ending: Started) -> None:
        if self._warm_resets:
            self._stopping.append(SPARES.later(ending.close))
        else:
            ending.close()

    def _await_stopped(self) -> None:
        """Wait for what `_stop_later` began."""
        while self._stopping:
            self._stopping.pop().result()

    def _stop(self) -> None:
        if self._terminal is not None:
            self._terminal.close()
            self._terminal = None
        if self._sandbox is not None:
            self._sandbox.stop()
            self._sandbox = None
        self._snapshots.clear()
        self._await_stopped()
