"""`ThreadVectorEnv`: many terminals side by side in one process.

A step waits for a sandbox, not for Python, so that threads are enough; nothing is forked and nothing is pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import iterate

from .env import TerminalEnv


class _Ahead(gym.Wrapper[str, str, str, str]):
    """An env whose next `reset` or `step` has been started in a thread; the call itself waits for the result."""

    def __init__(self, env: gym.Env[str, str]) -> None:
        super().__init__(env)
        self.started: list[Future[Any]] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Return what the started reset gave."""
        return self.started.pop(0).result()  # type: ignore[no-any-return]

    def step(self, action: str) -> tuple[str, Any, bool, bool, dict[str, Any]]:
        """Return what the started step gave."""
        return self.started.pop(0).result()  # type: ignore[no-any-return]


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
        self._start(chosen, lambda i: [lambda: self._started[i].env.reset(seed=seeds[i], options=rest)])
        return super().reset(seed=seed, options=options)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step all envs at the same time."""
        given = list(iterate(self.action_space, actions))
        self._start(range(self.num_envs), lambda i: self._calls(i, given[i]))
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

    def _start(self, indices: Sequence[int], calls: Callable[[int], list[Callable[[], Any]]]) -> None:
        """Start the calls of each env, one thread an env, and wait until all have ended, whether well or not."""
        for i in indices:
            self._started[i].started = [Future() for _ in range(2)]
        jobs = [self._pool.submit(_settle, self._started[i].started, calls(i)) for i in indices]
        for job in jobs:
            job.result()

    def _ahead(self, env_fn: Callable[[], gym.Env[str, str]]) -> Callable[[], _Ahead]:
        def make() -> _Ahead:
            self._started.append(_Ahead(env_fn()))
            return self._started[-1]

        return make

    def _calls(self, i: int, action: str) -> list[Callable[[], Any]]:
        env = self._started[i].env
        if self.autoreset_mode == AutoresetMode.NEXT_STEP and self._autoreset_envs[i]:
            return [env.reset]
        if self.autoreset_mode != AutoresetMode.SAME_STEP:
            return [lambda: env.step(action)]
        ended: list[bool] = []

        def step() -> Any:
            result = env.step(action)
            ended.append(result[2] or result[3])
            return result

        return [step, lambda: env.reset() if ended == [True] else None]


def _settle(futures: list[Future[Any]], calls: list[Callable[[], Any]]) -> None:
    """Run the calls in order; each result, or the first exception, goes to its future."""
    for future, call in zip(futures, calls, strict=False):
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  # handed to the thread that waits, which raises it
            future.set_exception(error)
            return


def make_vector(num_envs: int = 1, **kwargs: Any) -> ThreadVectorEnv:
    """Make `num_envs` copies of one environment; the entry point behind ``gym.make_vec``."""
    options = {key: kwargs.pop(key) for key in ("autoreset_mode", "observation_mode", "copy") if key in kwargs}
    return ThreadVectorEnv([lambda: TerminalEnv(**kwargs)] * num_envs, **options)
