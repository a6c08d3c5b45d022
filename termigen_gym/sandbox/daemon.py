"""The Docker daemon, or Podman's socket that speaks the same API: how it is reached, and its failures made ours."""

from __future__ import annotations

import contextlib
import os
import socket
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import docker
import requests
import urllib3

from ..errors import EngineMissing, SandboxDied, SandboxError

API_TIMEOUT_S = 120.0
_CONNECTIONS = 128
_FAILURES = (
    docker.errors.DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    tarfile.TarError,
    OSError,
)


@dataclass(frozen=True)
class Dialect:
    """Where the daemons that speak the API differ.

    Attributes:
        process_columns: what makes `top` list process numbers.
        keeps_pids: whether an ended command still has the process number it had, and one that never started none.
    """

    process_columns: str
    keeps_pids: bool


_DOCKER = Dialect(process_columns="-eo pid", keeps_pids=True)
_PODMAN = Dialect(process_columns="pid", keeps_pids=False)


@dataclass(frozen=True)
class Link:
    """How a daemon's containers are reached.

    Attributes:
        owed: containers that could not be removed because the daemon is gone; the next start removes them.
        nearby: whether to reach past the daemon where that can be done (nearby.py).
    """

    client: docker.APIClient
    dialect: Dialect
    owed: set[str]
    nearby: bool


def dialect(client: docker.APIClient) -> Dialect:
    """Return how this daemon speaks."""
    components = client.version().get("Components") or ()
    return _PODMAN if any(item["Name"] == "Podman Engine" for item in components) else _DOCKER


def address() -> str:
    """Return where the daemon is: $DOCKER_HOST, else the usual socket."""
    return os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


def connect(version: str = "auto") -> docker.APIClient:
    """Return a client of the daemon, for any number of threads. Whoever asked closes it.

    Args:
        version: of the API; "auto" asks the daemon.

    Raises:
        EngineMissing: no daemon answers; says what to do.
    """
    if address().startswith("ssh://"):
        raise EngineMissing(
            f"docker engine: expected a unix:// or tcp:// address in DOCKER_HOST, found {address()}; "
            "forward the daemon's socket (ssh -L) and name that"
        )
    try:
        _knock()
        settings = docker.utils.kwargs_from_env()
        return docker.APIClient(version=version, timeout=API_TIMEOUT_S, max_pool_size=_CONNECTIONS, **settings)
    except _FAILURES as error:
        raise EngineMissing(
            f"docker engine: expected a daemon at {address()}, found: {error}; start it and see that this user may "
            "reach its socket, set DOCKER_HOST, or use the bubblewrap engine"
        ) from None


def _knock() -> None:
    """Raise OSError where a Unix socket takes no connection; the SDK would leave its own attempt open."""
    kind, _, path = address().partition("://")
    if kind == "unix":
        with socket.socket(socket.AF_UNIX) as tried:
            tried.connect(path)


@contextlib.contextmanager
def daemon(what: str) -> Iterator[None]:
    """Turn every failure of the daemon into one of ours; `what` was being done, or to which sandbox.

    Raises:
        SandboxDied: what was asked for does not exist (any more), or the daemon is gone.
        SandboxError: anything else.
    """
    try:
        yield
    except docker.errors.APIError as error:
        stopped = error.status_code == requests.codes.conflict and "is not running" in str(error.explanation)
        kind = SandboxDied if stopped or error.status_code == requests.codes.not_found else SandboxError
        raise kind(f"{what}: the Docker daemon says: {error.explanation}") from None
    except (requests.ConnectionError, ConnectionError) as error:
        raise SandboxDied(f"{what}: expected the Docker daemon to answer, found it gone: {error}") from None
    except _FAILURES as error:
        raise SandboxError(f"{what}: expected the Docker daemon to answer, found: {error}") from None


def started(client: docker.APIClient, owed: set[str], create: Callable[[], str], tries: int = 2) -> str:
    """Return a container that runs, of those that `create` creates: where one can't be started, another is tried.

    A busy daemon fails now and then at what it does well a moment later: Docker 20.10 was seen to start one of some
    ten thousand containers in an empty root. What can't be removed since the daemon is gone goes to `owed`.

    Raises:
        docker.errors.APIError: the last can't be started either, or `create` failed.
    """
    container = create()
    try:
        client.start(container)
    except BaseException as error:
        try:
            remove(client, container)
        except SandboxDied:
            owed.add(container)
        if tries == 1 or not isinstance(error, docker.errors.APIError):
            raise
        return started(client, owed, create, tries - 1)
    return container


def restart(client: docker.APIClient, container: str, tries: int = 2) -> None:
    """Kill a container and start it again with its files; as in `started`, a start that fails is tried once more.

    Raises:
        docker.errors.APIError: it can't be started.
    """
    try:
        client.restart(container, timeout=0)
    except docker.errors.APIError:
        if tries == 1:
            raise
        restart(client, container, tries - 1)


def remove(client: docker.APIClient, container: str) -> bool:
    """Kill and remove a container; False where that was done or under way already.

    Raises:
        SandboxDied: the daemon is gone, and the container may be there yet. SandboxError: the daemon failed.
    """
    try:
        with daemon(f"remove sandbox {container[:12]}"), contextlib.suppress(docker.errors.NotFound):
            client.remove_container(container, force=True, v=True)
            return True
    except SandboxError as error:
        if "already in progress" in str(error):
            return False
        raise
    return False
