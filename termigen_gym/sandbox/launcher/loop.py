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
from .box import Box, begin
from .forks import IGNORED, child, fork_by_way, identity_userns
from .groups import ControlGroup, control_group_places, remove_left_groups
from .kills import every_process, kill_all
from .network import Slirp
from .system import (
    CLONE_NEWNS,
    CLONE_NEWPID,
    MS_BIND,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_PDEATHSIG,
    Refused,
    call,
    default_signals,
    mount,
    open_many_files,
    own_capabilities,
)
from .tree import open_tree


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
        """Begin a box's first or next life.

        After a rewind the tree is there, and so is the control group.
        """
        before = self._boxes.pop(request["box"], None)
        if before is None and request["again"]:
            raise Refused("the sandbox is gone", "died")
        group = before.group if before is not None else None
        if before is None and self._places:
            group = ControlGroup(self._places, request["box"], request["limits"])
        try:
            box = begin(request, before, group, self._settings, self._userns)
        except Refused:
            if group is not None:
                self._dying.append(group)
            raise
        self._boxes[request["box"]] = box
        if request["slirp"]:
            try:
                box.slirp = Slirp(request["slirp"], box.first, group)
            except BaseException:
                self._stop(request["box"])
                raise
        return {"pid": box.first}

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
