"""A sandbox as the launcher holds it, and how one begins: a file tree of its own, bubblewrap in it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
from typing import Any

from . import snapshots
from .forks import child, read_all, say
from .groups import ControlGroup
from .kills import namespace_of
from .network import Slirp
from .system import (
    CLONE_NEWNS,
    CLONE_NEWUSER,
    KEEPER,
    MS_NODEV,
    MS_PRIVATE,
    MS_REC,
    NAMESPACES,
    PR_SET_DUMPABLE,
    PR_SET_PDEATHSIG,
    Refused,
    call,
    mount,
)
from .tree import furnish, open_tree

_READY_S = 20.0  # /bin/sh is the image's, and may be anything


class Box:
    """One sandbox as the launcher holds it, in one of its lives: a restored snapshot begins the next."""

    def __init__(
        self, monitor: int, first: int, keep_alive: int, group: ControlGroup | None, pids: int, life: int
    ) -> None:
        self.monitor = monitor
        self.slirp: Slirp | None = None
        self.first = first
        self.pidfd = os.pidfd_open(first)
        self.mounts = os.open(f"/proc/{monitor}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        self.keep_alive = keep_alive
        self.group = group
        self.pids = pids
        self.life = life
        self.pid_namespace = namespace_of(first)
        # Entering a namespace that is already ours is refused where its owner is another user namespace.
        self.namespaces = 0
        for name, flag in NAMESPACES.items():
            if os.readlink(f"/proc/{first}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}"):
                self.namespaces |= flag

    def kill(self) -> None:
        """Kill it; its mounts stay."""
        for pid in (self.first, self.monitor):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        slirp, self.slirp = self.slirp, None
        if slirp is not None:
            slirp.close()

    def close(self) -> None:
        """Kill it; its namespaces, and so its mounts, go with the last process."""
        self.kill()
        for fd in (self.keep_alive, self.pidfd, self.mounts):
            with contextlib.suppress(OSError):
                os.close(fd)

    def running(self) -> bool:
        """Return whether its first process lives."""
        return not _is_readable(self.pidfd, 0)

    def enter(self, grouped: bool) -> None:
        """Put this forked process in, still with all capabilities.

        Without `grouped` it stays out of the control group, and so runs although its limits are used up.
        """
        call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)  # the sandbox's root may not look into this process
        if grouped and self.group is not None:
            self.group.enter()
        call("setns", self.pidfd, self.namespaces)


def begin(
    request: dict[str, Any],
    before: Box | None,
    group: ControlGroup | None,
    settings: dict[str, Any],
    userns: int | None,
) -> Box:
    """Make a file tree and start bubblewrap in it; after a rewind the tree is there.

    Args:
        request: what is asked for.
        before: its last life, which ends here.
        group: caps it.
        settings: the launcher's.
        userns: the user namespace that it is to have; None for one that bubblewrap makes.

    Raises:
        Refused: bubblewrap did not start.
    """
    alive_read, alive_write = os.pipe2(os.O_CLOEXEC)
    info_read, info_write = os.pipe2(os.O_CLOEXEC)
    error_read, error_write = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        child(
            lambda: _run_bubblewrap(request, before, group, settings, userns, (alive_read, info_write, error_write)),
            lambda error: say(error_write, str(error)),
        )
    for fd in (alive_read, info_write, error_write):
        os.close(fd)
    info, ready = read_all(info_read), b""
    try:
        first = int(json.loads(info)["child-pid"])
        # The mounts are finished when bubblewrap has executed the keep-alive command, which says so.
        if _is_readable(error_read, _READY_S):
            ready = os.read(error_read, 4096)
        if ready != b"ready\n":
            raise ValueError
        life = 1 if before is None else before.life + 1
        return Box(pid, first, alive_write, group, int(request["limits"]["pids"]), life)
    except (ValueError, KeyError, OSError):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.close(alive_write)  # now whatever came of it ends, and so does what it has to say
        said = ready + read_all(error_read, close=False)
        problem = said.decode("utf-8", "replace").strip()
        raise Refused(f"bubblewrap did not start: {problem or info!r}") from None
    finally:
        os.close(error_read)
        if before is not None:
            before.close()


def _run_bubblewrap(
    request: dict[str, Any],
    before: Box | None,
    group: ControlGroup | None,
    settings: dict[str, Any],
    userns: int | None,
    ends: tuple[int, int, int],
) -> None:
    """In the child: overlay in a mount namespace of its own, then bubblewrap in the user namespace."""
    alive, info, errors = ends
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if group is not None:
        group.enter()
    base = settings["mountpoint"]
    if before is None:
        call("unshare", CLONE_NEWNS)
        mount("none", "/", "", MS_REC | MS_PRIVATE, "")
        size = f"size={request['limits']['storage_bytes']},mode=755,nr_inodes={snapshots.INODES}"
        mount("tmpfs", base, "tmpfs", MS_NODEV, size)
        layer = snapshots.layer(base, 1)
        for name in (f"{base}/root", layer, f"{layer}/upper", f"{layer}/work"):
            os.mkdir(name, 0o755)
    else:
        call("setns", before.mounts, CLONE_NEWNS)
        layer = snapshots.layer(base, before.life + 1)
    os.chdir(request["layers_folder"])  # short relative layer names: mount's options end at one page
    # With xino a file keeps its number when it is written to, though the image is on another file system than the
    # writable layer. Without, `ln` of an image's file makes another file, and git refuses to clone. Not for a user.
    more = "xino=on" if settings["root"] else "userxattr"
    options = f"lowerdir={':'.join(request['layers'])},upperdir={layer}/upper,workdir={layer}/work,{more}"
    mount("overlay", f"{base}/root", "overlay", 0, options)
    os.chdir("/")
    if before is None:
        furnish(open_tree(f"{base}/root"), request["folders"], request["files"])
    if userns is not None:
        call("setns", userns, CLONE_NEWUSER)
        os.setgroups([])
    os.dup2(alive, 0)
    os.dup2(errors, 1)
    os.dup2(errors, 2)
    os.set_inheritable(info, True)
    argv = ["--bind", f"{base}/root", "/", "--dev", "/dev", "--chmod", "1777", "/dev/shm", "--proc", "/proc"]
    argv += ["--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu"]
    argv += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--unshare-net"]
    argv += ["--hostname", "termigen", "--die-with-parent", "--info-fd", str(info), "--clearenv", "--chdir", "/"]
    # Root inside has the host's root's number, and the kernel's settings ask for no more than that.
    argv += ["--ro-bind", "/proc/sys", "/proc/sys", "--ro-bind-try", "/proc/sysrq-trigger", "/proc/sysrq-trigger"]
    argv += ["--as-pid-1"]
    # Given by descriptor, so that `ps` inside shows none of it.
    hidden = os.memfd_create("args", 0)
    os.write(hidden, "\0".join(argv).encode() + b"\0")
    os.lseek(hidden, 0, os.SEEK_SET)
    os.execv(settings["bwrap"], ["bwrap", "--args", str(hidden), "--", *KEEPER])


def _is_readable(fd: int, timeout_s: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))
