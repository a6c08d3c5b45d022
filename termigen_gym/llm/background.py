"""An event loop in a thread of its own, so that a call from any thread can be given up at its time limit.

A blocking read can't: a server that sends a byte now and then keeps it waiting for ever.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from ..errors import ModelError

T = TypeVar("T")

_GRACE_S = 5.0


class Background:
    """Runs coroutines for threads that wait for them. Whoever makes one calls `close`.

    Args:
        at_end: awaited in the loop when all coroutines have ended, before it closes.
    """

    def __init__(self, at_end: Callable[[], Awaitable[None]]) -> None:
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, args=(at_end,), name="chat-model", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns or raise what it raises.

        Raises:
            ModelError: `close` was called, before or meanwhile.
        """
        with self._lock:
            if self._closed:
                work.close()
                raise ModelError("expected a model that is open, found it closed")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise ModelError("expected a reply, found the model closed while it was waited for") from None
        finally:
            future.cancel()  # the waiting itself may have been interrupted

    def close(self) -> None:
        """Give up what runs and end the thread. Idempotent."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._loop.call_soon_threadsafe(self._stop.set)
        # The garbage collector may call this from the very thread that is to end.
        if threading.current_thread() is not self._thread:
            self._thread.join(_GRACE_S)

    def _serve(self, at_end: Callable[[], Awaitable[None]]) -> None:
        try:
            self._loop.run_until_complete(self._until_stopped(at_end))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    async def _until_stopped(self, at_end: Callable[[], Awaitable[None]]) -> None:
        await self._stop.wait()
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await at_end()
