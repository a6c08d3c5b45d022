"""`ThreadVectorEnv`: many terminals side by side in one process.

A step waits for a sandbox, not for Python, so that one process is enough; nothing is forked and nothing is pickled. The
terminals of a step are waited for in one loop, which costs a third of what handing each step to a thread does; all that
takes longer (resets, verdicts, the steps of wrapped envs) has a thread.
"""

from __future__ import annotations

import math
import select
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import iterate

from .env import TerminalEnv
from .terminal import Turn, drive


class _Ahead(gym.Wrapper[str, str, str, str]):
    """An env whose next `reset` or `step` has been gone through already; the call itself takes what came of it."""

    def __init__(self, env: gym.Env[str, str]) -> None:
        super().__init__(env)
        self.outcomes: list[tuple[Any, BaseException | None]] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Return what the reset gave."""
        return self._take()  # type: ignore[no-any-return]

    def step(self, action: str) -> tuple[str, Any, bool, bool, dict[str, Any]]:
        """Return what the step gave."""
        return self._take()  # type: ignore[no-any-return]

    def _take(self) -> Any:
        result, error = self.outcomes.pop(0)
        if error is not None:
            raise error
        return result


class ThreadVectorEnv(SyncVectorEnv):
    """`gymnasium.vector.SyncVectorEnv` whose envs work at the same time, each in a thread.

    Same spaces, autoreset modes and results. When one env raises, the others' results of that step are dropped.
    """

    def __init__(self, env_fns: Sequence[Callable[[], gym.Env[str, str]]], **kwargs: Any) -> None:
        """Make the envs; `kwargs` are SyncVectorEnv's."""
        self._started: list[_Ahead] = []
        super().__init__([self._ahead(env_fn) for env_fn in env_fns], **kwargs)
        self._pool = ThreadPoolExecutor(self.num_envs, thread_name_prefix="termigen-env")

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset all envs, or those of ``options["reset_mask"]``, at the same time."""
        seeds = [seed + i for i in range(self.num_envs)] if isinstance(seed, int) else seed or [None] * self.num_envs
        mask = (options or {}).get("reset_mask", np.ones(self.num_envs, dtype=np.bool_))
        rest = {key: value for key, value in (options or {}).items() if key != "reset_mask"} or None
        chosen = [i for i in range(self.num_envs) if mask[i]]
        _Loop(self._pool).run([self._beginning(i, seeds[i], rest) for i in chosen])
        return super().reset(seed=seed, options=options)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step all envs at the same time."""
        given = list(iterate(self.action_space, actions))
        _Loop(self._pool).run([self._turn(i, action) for i, action in enumerate(given)])
        return super().step(actions)

    def close_extras(self, **kwargs: Any) -> None:
        """Close the envs at the same time, then the threads."""
        self._pool.shutdown(wait=True)
        with ThreadPoolExecutor(self.num_envs) as closing:
            list(closing.map(lambda env: env.close(), self.envs))

    def _add_info(self, vector_infos: dict[str, Any], env_info: dict[str, Any], env_num: int) -> dict[str, Any]:
        """Collect infos in arrays of objects.

        Gymnasium's own method takes an array's type from the first env's value, and fails where that is a number or a
        dict and another env's is None, as exit codes and verdicts are.
        """
        for key, value in env_info.items():
            if key not in vector_infos:
                vector_infos[key] = np.full(self.num_envs, None, dtype=object)
                vector_infos[f"_{key}"] = np.zeros(self.num_envs, dtype=np.bool_)
            vector_infos[key][env_num] = value
            vector_infos[f"_{key}"][env_num] = True
        return vector_infos

    def _ahead(self, env_fn: Callable[[], gym.Env[str, str]]) -> Callable[[], _Ahead]:
        def make() -> _Ahead:
            self._started.append(_Ahead(env_fn()))
            return self._started[-1]

        return make

    def _beginning(self, i: int, seed: int | None, options: dict[str, Any] | None) -> Turn[None]:
        """Reset one env."""
        outcomes = self._started[i].outcomes = []
        yield None
        try:
            outcomes.append((self._started[i].env.reset(seed=seed, options=options), None))
        except BaseException as error:  # noqa: BLE001  # raised by whoever takes the outcome
            outcomes.append((None, error))

    def _turn(self, i: int, action: str) -> Turn[None]:
        """Step one env, or do what its autoreset mode has it do instead or besides."""
        env = self._started[i].env
        outcomes = self._started[i].outcomes = []
        result: Any
        try:
            if self.autoreset_mode == AutoresetMode.NEXT_STEP and self._autoreset_envs[i]:
                yield None
                result = env.reset()
            elif isinstance(env, TerminalEnv):
                result = yield from env.turn(action)
            else:
                yield None
                result = env.step(action)
            outcomes.append((result, None))
            if self.autoreset_mode == AutoresetMode.SAME_STEP and (result[2] or result[3]):
                yield None
                outcomes.append((env.reset(), None))
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001  # raised by whoever takes the outcome
            outcomes.append((None, error))


_EACH_S = 50e-6
"""What a shell needs for a small command; times the shells at work, so long can the first results wait for others."""


class _Loop:
    """Goes through many turns at once: waits for all their descriptors, and hands on to threads what takes long."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._poll = select.poll()
        self._waiting: dict[int, tuple[Turn[None], float]] = {}
        self._first = math.inf
        self._jobs: list[Future[None]] = []

    def run(self, turns: Sequence[Turn[None]]) -> None:
        """Return when all have come to their ends, whether well or not."""
        try:
            for turn in turns:
                self._go_on(turn, None)
            while self._waiting:
                ready = self._poll.poll(max(self._first - time.monotonic(), 0) * 1000)
                if 2 * len(ready) < len(self._waiting) - 1:  # to look after each alone would take the shells' processor
                    time.sleep(_EACH_S * (len(self._waiting) - len(ready)))
                    ready = self._poll.poll(0)
                for fd, events in ready:
                    self._go_on(self._leave(fd), events)
                self._wake()
            for job in self._jobs:
                job.result()
        finally:
            for turn, _ in self._waiting.values():
                turn.close()

    def _go_on(self, turn: Turn[None], events: int | None) -> None:
        try:
            wait = turn.send(events)  # type: ignore[arg-type]  # a generator begins with None
        except StopIteration:
            return
        if wait is None:
            self._jobs.append(self._pool.submit(drive, turn))
            return
        fd, wanted, timeout_s = wait
        deadline = time.monotonic() + timeout_s
        self._first = min(self._first, deadline)
        self._waiting[fd] = turn, deadline
        self._poll.register(fd, wanted)

    def _leave(self, fd: int) -> Turn[None]:
        self._poll.unregister(fd)
        return self._waiting.pop(fd)[0]

    def _wake(self) -> None:
        """Go on with those that have waited as long as they wanted to."""
        now = time.monotonic()
        if now < self._first:
            return
        late = [fd for fd, (_, deadline) in self._waiting.items() if deadline <= now]
        self._first = min((deadline for _, deadline in self._waiting.values() if deadline > now), default=math.inf)
        for fd in late:
            self._go_on(self._leave(fd), 0)


def make_vector(num_envs: int = 1, **kwargs: Any) -> ThreadVectorEnv:
    """Make `num_envs` copies of one environment; the entry point behind ``gym.make_vec``."""
    options = {key: kwargs.pop(key) for key in ("autoreset_mode", "observation_mode", "copy") if key in kwargs}
    return ThreadVectorEnv([lambda: TerminalEnv(**kwargs)] * num_envs, **options)
