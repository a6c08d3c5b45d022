"""Work on many machines: the one module that knows Ray."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, TypeVar

from . import __version__
from .errors import TermigenError

T = TypeVar("T")

_TRIES_AGAIN = 5
_LOOK_UP_S = 0.5
_STOP_GRACE_S = 10.0
_PATIENCE_S = 10.0


class Cluster:
    """Calls functions on the machines of a Ray cluster; for many threads at once, each waits for its own call.

    A call that goes down with its machine is made again on another one, so what is called must bear that. Every machine
    needs this package, in the same version, the engine that is asked for, and what is named by path (tasks of one's
    own, checkpoints) at the same place; variables whose names begin with TERMIGEN_ go along with each call.

    Args:
        address: as ``ray.init`` takes it: "auto", "host:port", or "local" for this machine alone.
        cores: of a machine that a call counts for.

    Raises:
        ModuleNotFoundError: the package's extra ``ray`` is not installed.
        TermigenError: no cluster answers there.
    """

    def __init__(self, address: str, cores: float = 1.0) -> None:
        import ray

        self._ray: Any = ray
        self._cores = cores
        self._closed = False
        self._under_way: set[Any] = set()
        self._changed = threading.Condition()
        alone = {"include_dashboard": False} if address == "local" else {}
        try:
            _look_for(address)
            with _sigterm_kept():
                self._ray.init(address, log_to_driver=False, logging_level="ERROR", **alone)
        except (OSError, ValueError, RuntimeError) as error:
            raise TermigenError(
                f"expected a Ray cluster at {address!r}, found none: {error}; begin one with `ray start --head`"
            ) from None

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Return what a function of this package returns on one of the machines, or raise what it raises.

        Raises:
            TermigenError: its machine is gone and so is every other try, its machine has another version of this
                package, or `close` was called.
        """
        reference = self._begin(function, args)
        try:
            while not self._closed:
                done, _ = self._ray.wait([reference], timeout=_LOOK_UP_S)
                if done:
                    return self._ray.get(reference)  # type: ignore[no-any-return]
            failure: BaseException | str = "it closed"
        except self._ray.exceptions.RayTaskError as error:
            failure = error.cause
        except self._ray.exceptions.RayError as error:
            failure = error
        finally:
            with self._changed:
                self._under_way.discard(reference)
                self._changed.notify_all()
        if self._closed:
            failure = "it closed"
        if isinstance(failure, (str, self._ray.exceptions.RayError)):
            raise TermigenError(f"expected a cluster to carry {function.__name__} out, found {failure}")
        raise failure

    def close(self) -> None:
        """End what is under way, wherever it runs, and leave the cluster. Idempotent."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            left = list(self._under_way)
            for reference in left:
                self._ray.cancel(reference)
            self._changed.wait_for(lambda: not self._under_way)
        if left:
            _, still = self._ray.wait(left, num_returns=len(left), timeout=_STOP_GRACE_S)
            for reference in still:
                self._ray.cancel(reference, force=True)
        self._ray.shutdown()

    def _begin(self, function: Callable[..., T], args: tuple[Any, ...]) -> Any:
        remote = self._ray.remote(_carried_out).options(
            name=function.__name__, num_cpus=self._cores, max_retries=_TRIES_AGAIN, scheduling_strategy="SPREAD"
        )
        with self._changed:
            if self._closed:
                raise TermigenError("expected an open cluster, found it closed")
            ours = {name: value for name, value in os.environ.items() if name.startswith("TERMIGEN_")}
            reference = remote.remote(__version__, ours, function, args)
            self._under_way.add(reference)
            return reference

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _look_for(address: str) -> None:
    """Look whether anybody listens at an address with a port, for which Ray itself would wait for minutes.

    Raises:
        OSError: nobody does.
    """
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_S).close()


@contextlib.contextmanager
def _sigterm_kept() -> Iterator[None]:
    """Keep the handler of SIGTERM, in whose place Ray puts one that ends the process at once."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def _carried_out(version: str, environment: Mapping[str, str], function: Callable[..., T], args: tuple[Any, ...]) -> T:
    """Call a function on a machine of the cluster, with the variables by which this package is told things."""
    os.environ.update(environment)
    if version != __version__:
        raise TermigenError(
            f"{platform.node()}: expected termigen-gym {version}, as where the run was begun, found {__version__}"
        )
    return function(*args)
