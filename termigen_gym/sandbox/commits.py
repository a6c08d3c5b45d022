"""Snapshots of containers: images that the daemon commits, each of which goes with its container or its owner.

A commit inherits its container's labels, and by these it is found.
"""

from __future__ import annotations

import contextlib
import uuid
from typing import Any

import docker
import requests

from ..errors import SandboxError
from .daemon import daemon

_NAMES = "termigen-snapshot"
_GONE = ("64-byte hexadecimal", "unrecognized image ID")
"""How Podman says that there is no such image, and Docker that another request removed it meanwhile."""


def commit(client: docker.APIClient, container: str, room: int) -> str:
    """Make an image of a container's file tree, which stands still meanwhile, and return the image's id.

    Raises:
        SandboxError: the files that were written have more than `room` bytes, holes included, which the daemon writes
        out; or the container has volumes, which it leaves out of an image.
        docker.errors.APIError: the daemon failed.
    """
    described = client._result(client._get(client._url("/containers/{0}/json", container), params={"size": 1}), True)
    size = described["SizeRw"]
    if size > room:
        raise SandboxError(
            f"sandbox {container[:12]}: snapshot: expected at most {room} bytes in the files that were written, "
            f"found {size}"
        )
    volumes = [mount["Destination"] for mount in described["Mounts"] if mount["Type"] == "volume"]
    if volumes:
        raise SandboxError(
            f"sandbox {container[:12]}: snapshot: expected an image without VOLUME, found {', '.join(volumes)}, which "
            "the daemon does not keep; take the VOLUME line out of the image, or use the bubblewrap engine"
        )
    # It bears a name, so that the end of a later one, made from it, does not take it for litter.
    return str(client.commit(container, _NAMES, uuid.uuid4().hex)["Id"])


def discard(client: docker.APIClient, commits: set[str]) -> None:
    """Remove of `commits` what can be removed now, from them and from the daemon.

    One that a container, or a later commit, is made from stays.
    """
    while commits:
        # A copy: a sandbox that is stopped by another thread may be making one.
        removed = {name for name in tuple(commits) if _removed(client, name)}
        commits -= removed
        if not removed:
            return


def _removed(client: docker.APIClient, name: str) -> bool:
    try:
        with contextlib.suppress(docker.errors.NotFound):
            client.remove_image(name)
    except docker.errors.APIError as error:
        if any(words in str(error.explanation) for words in _GONE):
            return True
        if error.status_code != requests.codes.conflict:
            raise
        return False
    return True


def found(client: docker.APIClient, label: str) -> list[dict[str, Any]]:
    """Return the commits with a label, as the daemon describes them."""
    with daemon("list snapshots"):
        images: list[dict[str, Any]] = client.images(all=True, filters={"label": label})
    return images
