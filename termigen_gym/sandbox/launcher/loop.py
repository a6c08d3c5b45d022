"""The event loop: requests from the owner, ends of children."""

from __future__ import annotations

import array
import contextlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from . import apart, changes, inside, snapshots
from .forks import IGNORED, child, fork_by_way, identity_userns, read_all, say
from .groups import ControlGroup, control_group_places, remove_left_groups
from .kills import every_process, kill_all, namespace_of
from .network import Slirp
from .system import (
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    KEEPER,
    MS_BIND,
    MS_NODEV,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    NAMESPACES,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_DUMPABLE,
    PR_SET_PDEATHSIG,
    Refused,
    call,
    default_signals,
    mount,
    open_many_files,
    own_capabilities,
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


class Launcher:
    """The event loop: requests from the owner, ends of children."""

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        self._control = control
        self._settings = settings
        self._own_pidns = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._userns = identity_userns() if settings["root"] else None
        self._places = control_group_places(settings["owner"])
        remove_left_groups(self._places.values())
        self._boxes: dict[str, Box] = {}
        self._waiting: dict[int, socket.socket] = {}
        self._dying: list[ControlGroup] = []

    def serve(self) -> None:
        """Answer until the owner is gone, then kill every sandbox."""
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what a killed bubblewrap leaves comes to us to be reaped
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(wake_read, select.POLLIN)
        try:
            self._send(self._control, {"ready": True, "groups": sorted(self._places.values())})
            while True:
                for fd, _ in poll.poll():
                    if fd == wake_read:
                        os.read(wake_read, 4096)
                        self._reap()
                    elif not self._receive():
                        return
        finally:
            self._end()

    def _end(self) -> None:
        for box in self._boxes.values():
            box.close()
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)
        groups = [box.group for box in self._boxes.values() if box.group is not None] + self._dying
        for group in groups:
            for _ in range(100):
                if group.remove():
                    break
                select.select([], [], [], 0.005)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            reply = self._waiting.pop(pid, None)
            if reply is not None:
                code = os.waitstatus_to_exitcode(status)
                self._send(reply, {"exit": code if code >= 0 else 128 - code})
                reply.close()
        self._dying = [group for group in self._dying if not group.remove()]

    def _send(self, to: socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        with contextlib.suppress(OSError):  # the asker may be gone
            to.sendmsg([json.dumps(message).encode()], ancillary)

    def _receive(self) -> bool:
        room = socket.CMSG_LEN(8 * array.array("i").itemsize)
        try:
            data, ancillary, _, _ = self._control.recvmsg(64, room, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            return False
        if not data:
            return False
        fds = array.array("i")
        for _, _, packed in ancillary:
            fds.frombytes(packed[: len(packed) - len(packed) % fds.itemsize])
        reply = socket.socket(fileno=fds[0])
        rest = list(fds[2:])
        try:
            with open(fds[1], "rb") as file:
                request = json.loads(file.read())
            self._handle(request, reply, rest)
        except (Refused, OSError) as error:
            self._refuse(reply, error)
        finally:
            for fd in rest:
                os.close(fd)
            if reply not in self._waiting.values():
                reply.close()
        return True

    def _handle(self, request: dict[str, Any], reply: socket.socket, fds: list[int]) -> None:
        operation = request["op"]
        if operation == "start":
            self._send(reply, self._start(request))
            return
        box = self._boxes.get(request["box"])
        if operation == "stop":
            self._stop(request["box"])
            self._send(reply, {})
            return
        if box is None or not box.running():
            raise Refused("the sandbox is gone", "died")
        if operation == "alive":
            self._send(reply, {})
        elif operation == "exec":
            self._watch(box, lambda: inside.run_exec(request, fds), reply)
        elif operation == "apart":
            self._watch(box, lambda: apart.run_apart(request, fds), reply, limit=lambda: _set_apart(request))
        elif operation == "put":
            self._watch(box, lambda: inside.run_put(request, fds), reply)
        elif operation == "read":
            # Not in the control group: what a program has used up there is no reason that its files can't be read.
            self._watch(box, lambda: inside.run_read(request, fds), reply, grouped=False)
        elif operation == "shell":
            self._hand_out(box, lambda: inside.run_shell(request, reply), reply)
        elif operation == "listen":
            self._hand_out(box, lambda: inside.run_listen(request["port"], reply), reply)
        elif operation == "kill":
            self._kill(box, request["mark"])
            self._send(reply, {})
        elif operation in ("snapshot", "drop", "rewind"):
            self._snapshots(box, request, reply)
        elif operation == "changes":
            self._changes(box, request, reply, fds)
        elif operation == "fetch" and request["pristine"]:
            self._fetch_pristine(request, reply, fds)
        elif operation == "fetch":
            self._watch(box, lambda: inside.run_fetch(request, fds), reply, grouped=False)

    def _watch(
        self,
        box: Box,
        run: Callable[[], None],
        reply: socket.socket,
        grouped: bool = True,
        limit: Callable[[], None] = own_capabilities,
    ) -> None:
        """Let `run` go on inside; what keeps it from beginning, and its end, are said on `reply`."""
        pid = self._enter(box, run, lambda error: self._refuse(reply, error), grouped, limit)
        self._waiting[pid] = reply

    def _snapshots(self, box: Box, request: dict[str, Any], reply: socket.socket) -> None:
        """Let a child handle copies of the sandbox's writable layer; its end is said on `reply`.

        Room for copies is not taken from the control group: the sandbox has none left for it when it is full itself.
        """
        base, number = self._settings["mountpoint"], str(int(request["snapshot"]))
        operation = request["op"]
        if operation == "rewind":
            box.kill()

        def run() -> None:
            if operation == "rewind" and box.group is not None:
                box.group.enter()
            call("setns", box.mounts, CLONE_NEWNS)
            if operation == "snapshot":
                snapshots.take(base, box.life, number, request["room"])
            elif operation == "drop":
                snapshots.drop(base, number)
            else:
                snapshots.put_back(base, box.life, number, box.pidfd)

        self._outside(run, reply)

    def _changes(self, box: Box, request: dict[str, Any], reply: socket.socket, fds: list[int]) -> None:
        """Let a child compare the sandbox's writable layer with the image's."""

        def run() -> None:
            open_many_files()
            tops = [open_tree(f"{request['layers_folder']}/{layer}") for layer in request["layers"]]
            call("setns", box.mounts, CLONE_NEWNS)
            upper = f"{snapshots.layer(self._settings['mountpoint'], box.life)}/upper"
            with open(fds[0], "w", encoding="utf-8", errors="surrogateescape", closefd=False) as out:
                for change in changes.found(upper, changes.Layers(tops), request["below"]):
                    out.write(json.dumps(change) + "\n")

        self._outside(run, reply)

    def _fetch_pristine(self, request: dict[str, Any], reply: socket.socket, fds: list[int]) -> None:
        """Let a child take files out of the image, in a mount namespace of its own."""
        base = self._settings["mountpoint"]

        def run() -> None:
            call("unshare", CLONE_NEWNS)
            mount("none", "/", "", MS_REC | MS_PRIVATE, "")
            os.chdir(request["layers_folder"])
            layers = request["layers"]
            if len(layers) == 1:  # an overlay has at least two
                mount(layers[0], base, "", MS_BIND, "")
            else:
                more = "" if self._settings["root"] else ",userxattr"
                mount("overlay", base, "overlay", MS_RDONLY, f"lowerdir={':'.join(layers)}{more}")
            inside.run_fetch(request, fds, base)

        self._outside(run, reply)

    def _outside(self, run: Callable[[], None], reply: socket.socket) -> None:
        """Let `run` go on in a child beside the sandboxes; its end is said on `reply`."""

        def body() -> None:
            call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            run()

        pid = os.fork()
        if pid == 0:
            child(body, lambda error: self._refuse(reply, error))
        self._waiting[pid] = reply

    def _refuse(self, reply: socket.socket, error: Exception) -> None:
        code = error.code if isinstance(error, Refused) else "failed"
        self._send(reply, {"error": str(error), "code": code})

    def _stop(self, name: str) -> None:
        box = self._boxes.pop(name, None)
        if box is None:
            return
        box.close()
        if box.group is not None and not box.group.remove():
            self._dying.append(box.group)

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make a file tree, start bubblewrap in it, return what went wrong or {}.

        After a rewind the tree is there, and so is the control group.
        """
        before = self._boxes.pop(request["box"], None)
        if before is None and request["again"]:
            raise Refused("the sandbox is gone", "died")
        group = before.group if before is not None else None
        if before is None and self._places:
            group = ControlGroup(self._places, request["box"], request["limits"])
        alive_read, alive_write = os.pipe2(os.O_CLOEXEC)
        info_read, info_write = os.pipe2(os.O_CLOEXEC)
        error_read, error_write = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            child(
                lambda: self._run_bubblewrap(request, before, group, alive_read, info_write, error_write),
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
            box = Box(pid, first, alive_write, group, int(request["limits"]["pids"]), life)
        except (ValueError, KeyError, OSError):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.close(alive_write)  # now whatever came of it ends, and so does what it has to say
            said = ready + read_all(error_read, close=False)
            problem = said.decode("utf-8", "replace").strip()
            if group is not None:
                self._dying.append(group)
            raise Refused(f"bubblewrap did not start: {problem or info!r}") from None
        finally:
            os.close(error_read)
            if before is not None:
                before.close()
        self._boxes[request["box"]] = box
        if request["slirp"]:
            try:
                box.slirp = Slirp(request["slirp"], first, group)
            except BaseException:
                self._stop(request["box"])
                raise
        return {"pid": first}

    def _run_bubblewrap(
        self,
        request: dict[str, Any],
        before: Box | None,
        group: ControlGroup | None,
        alive: int,
        info: int,
        errors: int,
    ) -> None:
        """In the child: overlay in a mount namespace of its own, then bubblewrap in the user namespace."""
        call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if group is not None:
            group.enter()
        base = self._settings["mountpoint"]
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
        more = "xino=on" if self._settings["root"] else "userxattr"
        options = f"lowerdir={':'.join(request['layers'])},upperdir={layer}/upper,workdir={layer}/work,{more}"
        mount("overlay", f"{base}/root", "overlay", 0, options)
        os.chdir("/")
        if before is None:
            furnish(open_tree(f"{base}/root"), request["folders"], request["files"])
        if self._userns is not None:
            call("setns", self._userns, CLONE_NEWUSER)
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
        os.execv(self._settings["bwrap"], ["bwrap", "--args", str(hidden), "--", *KEEPER])

    def _enter(
        self,
        box: Box,
        run: Callable[[], None],
        report: Callable[[Exception], None],
        grouped: bool = True,
        limit: Callable[[], None] = own_capabilities,
    ) -> int:
        """Fork a child inside the sandbox's namespaces and control group; it runs `run` and ends.

        Without `grouped` it may run although the group's limits are used up. `limit` takes from the child, once inside,
        what the sandbox's own programs may not do.
        """

        def body() -> None:
            box.enter(grouped)
            limit()
            run()

        if not self._settings["root"]:
            return fork_by_way(box.pidfd, body, report)
        call("setns", box.pidfd, CLONE_NEWPID)  # says where the next child is born
        try:
            pid = os.fork()
        except OSError:
            call("setns", self._own_pidns, CLONE_NEWPID)
            raise
        if pid == 0:
            child(body, report)
        call("setns", self._own_pidns, CLONE_NEWPID)
        return pid

    def _hand_out(self, box: Box, run: Callable[[], None], reply: socket.socket) -> None:
        """Let `run` go on inside, which sends the owner a descriptor that it makes there; its process is said first.

        Nobody waits for it here: what runs inside may have stopped it before it came to that.
        """
        self._send(reply, {"pid": self._enter(box, run, lambda error: self._refuse(reply, error))})

    def _kill(self, box: Box, mark: int | None) -> None:
        """Kill what carries the mark, or all but process 1; forks are stopped meanwhile, so that no bomb outruns it."""
        if box.group is None:
            kill_all(every_process, box.pid_namespace, box.first, mark)
            return
        box.group.stop_forks(True, box.pids)
        try:
            kill_all(box.group.processes, box.pid_namespace, box.first, mark)
        finally:
            box.group.stop_forks(False, box.pids)


def _is_readable(fd: int, timeout_s: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def _set_apart(request: dict[str, Any]) -> None:
    apart.seclude(request["hidden"])
    apart.keep_apart()


def main() -> None:
    """Read the settings (one packet), then serve."""
    default_signals()  # an owner that ignores SIGCHLD would have no child of ours report its end
    control = socket.socket(fileno=os.dup(0))
    control.set_inheritable(False)
    settings = json.loads(control.recv(65536))
    try:
        launcher = Launcher(control, settings)
    except (OSError, Refused) as error:
        sys.exit(str(error))  # its one line is what the owner shows
    sys.meta_path.clear()
    sys.path.clear()
    launcher.serve()
