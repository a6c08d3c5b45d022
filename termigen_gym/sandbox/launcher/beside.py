"""A program that runs one command apart (see `apart`) in a container of this machine, past its daemon."""

from __future__ import annotations

import json
import os
import sys

from .apart import keep_apart, run_apart, seclude
from .system import CLONE_NEWPID, NAMESPACES, PR_SET_DUMPABLE, PR_SET_PDEATHSIG, Refused, call, default_signals


def main() -> None:
    """Take the request and the descriptors by their numbers from the command line; end as the command does."""
    request_fd, archive, output, results = map(int, sys.argv[2:])
    default_signals()
    call("prctl", PR_SET_PDEATHSIG, 9, 0, 0, 0)
    with open(request_fd, "rb") as file:
        request = json.loads(file.read())
    pid = int(request["pid"])
    namespaces = CLONE_NEWPID
    for name, flag in NAMESPACES.items():
        if os.readlink(f"/proc/{pid}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}"):
            namespaces |= flag
    for group in request["groups"]:
        with open(f"{group}/cgroup.procs", "w") as procs:
            procs.write("0")
    call("setns", os.pidfd_open(pid), namespaces)
    sys.meta_path.clear()  # what is imported from now on would be the container's
    sys.path.clear()
    child = os.fork()
    if child == 0:
        try:
            call("prctl", PR_SET_PDEATHSIG, 9, 0, 0, 0)
            call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)
            seclude(request["hidden"])
            keep_apart()
            run_apart(request, [archive, output, results])
        except (OSError, Refused) as error:
            os.write(2, f"{error}\n".encode())
        finally:
            os._exit(125)
    for fd in (archive, output, results):
        os.close(fd)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os._exit(code if code >= 0 else 128 - code)
