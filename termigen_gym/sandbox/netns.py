"""A socket in another network namespace of this machine."""

from __future__ import annotations

import os
import socket
import threading

from .launcher.system import CLONE_NEWNET, call


def listener_in(pid: int, port: int) -> socket.socket:
    """Return a socket that listens on 127.0.0.1 in the network namespace of a process. The caller closes it.

    Raises:
        OSError: that may not be entered (root may), or the port is taken there.
    """
    made: list[socket.socket | OSError] = []

    def listen(namespace: int) -> None:
        # A namespace is a thread's own; this one ends in it, and a socket stays where it was made.
        try:
            call("setns", namespace, CLONE_NEWNET)
            made.append(socket.create_server(("127.0.0.1", port)))
        except OSError as error:
            made.append(error)

    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        thread = threading.Thread(target=listen, args=(namespace,))
        thread.start()
        thread.join()
    finally:
        os.close(namespace)
    (found,) = made
    if isinstance(found, OSError):
        raise found
    return found
