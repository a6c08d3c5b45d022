"""The launcher: a small single-threaded process that makes namespaces and enters them.

`BubblewrapEngine` runs one launcher per Python process: ``python -I -S launcher.py`` with a Unix socket as standard
input (as an ordinary user inside ``buildah unshare``, so that the launcher is root of a user namespace of its own).
It holds every sandbox as a child: when the socket closes because the owner is gone, even by kill -9, it ends, the
kernel kills the sandboxes with it, and their mounts go with their namespaces. Nothing lies on the host that could be
left behind except empty control groups, which the next sweep removes.

It stands alone (no import from this package) and, once started, can import nothing more: its children enter file trees
that hostile code wrote.

A request is one packet: descriptors [reply socket, request as JSON in a memfd, others the operation names]. Replies
are JSON packets on the reply socket. Operations: start, alive, shell, exec, put, read, kill,
kill_tree, stop.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import errno
import fcntl
import io
import json
import os
import posixpath
import resource
import select
import signal
import socket
import stat
import struct
import sys
import tarfile
import termios
from collections.abc import Callable
from typing import Any

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x00020000, 0x02000000, 0x04000000
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x08000000, 0x10000000, 0x20000000, 0x40000000
NAMESPACES = {
    "user": CLONE_NEWUSER,
    "mnt": CLONE_NEWNS,
    "net": CLONE_NEWNET,
    "ipc": CLONE_NEWIPC,
    "uts": CLONE_NEWUTS,
    "cgroup": CLONE_NEWCGROUP,
}
MS_NODEV, MS_REC, MS_PRIVATE = 4, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER = 1, 4, 24, 36
TIOCSPTLCK, TIOCGPTPEER = 0x40045431, 0x5441

# What a root user inside keeps, as Docker gives it, without NET_RAW, MKNOD and AUDIT_WRITE: CHOWN, DAC_OVERRIDE, FOWNER,
# FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, SYS_CHROOT, SETFCAP.
KEPT_CAPABILITIES = (0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 31)
LAST_CAPABILITY = 63
KEEP_ALIVE_PID = 2
"""Inside the sandbox 1 is bubblewrap's reaper and 2 the process whose end ends the sandbox."""

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *args: Any) -> None:
    """Call a libc function that returns -1 on error."""
    if getattr(_libc, name)(*args) == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _mount(source: str, target: str, kind: str, flags: int, options: str) -> None:
    _call("mount", source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())


def _own_capabilities() -> None:
    """Reduce this process, for good, to `KEPT_CAPABILITIES`."""
    for capability in range(LAST_CAPABILITY + 1):
        if capability not in KEPT_CAPABILITIES:
            _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # EINVAL above the kernel's last one
    kept = sum(1 << capability for capability in KEPT_CAPABILITIES)
    header = struct.pack("Ii", 0x20080522, 0)
    low, high = kept & 0xFFFFFFFF, kept >> 32
    _call("capset", header, struct.pack("6I", low, low, 0, high, high, 0))


class Refused(Exception):
    """A request that cannot be carried out; `code` says which error of the package it becomes."""

    def __init__(self, text: str, code: str = "failed") -> None:
        super().__init__(text)
        self.code = code


class ControlGroup:
    """CPU, memory and process limits of one sandbox, on control groups of version 1 or 2, where they may be written."""

    def __init__(self, roots: dict[str, str], name: str, limits: dict[str, Any]) -> None:
        self._folders = {kind: f"{root}/{name}" for kind, root in roots.items()}
        self._v2 = "" in roots
        for folder in set(self._folders.values()):
            os.makedirs(folder, exist_ok=True)
        memory = int(limits["memory_bytes"])
        if self._v2:
            self._write("", "memory.max", memory)
            self._write("", "memory.swap.max", 0)
            self._write("", "pids.max", limits["pids"])
            self._write("", "cpu.max", f"{int(limits['cpus'] * 100_000)} 100000")
            self._write("", "memory.oom.group", 0)
        else:
            self._write("memory", "memory.limit_in_bytes", memory)
            self._write("memory", "memory.memsw.limit_in_bytes", memory)
            self._write("pids", "pids.max", limits["pids"])
            self._write("cpu", "cpu.cfs_period_us", 100_000)
            self._write("cpu", "cpu.cfs_quota_us", int(limits["cpus"] * 100_000))

    def _write(self, kind: str, name: str, value: object) -> None:
        folder = self._folders.get(kind)
        if folder is not None:
            with contextlib.suppress(FileNotFoundError, PermissionError), open(f"{folder}/{name}", "w") as file:
                file.write(str(value))

    def enter(self) -> None:
        """Put this process in."""
        for folder in set(self._folders.values()):
            with open(f"{folder}/cgroup.procs", "w") as file:
                file.write("0")

    def stop_forks(self, stopped: bool, pids: int) -> None:
        """Let nothing be forked inside while processes are being killed."""
        self._write("" if self._v2 else "pids", "pids.max", 1 if stopped else pids)

    def remove(self) -> bool:
        """Remove the empty group; False while processes are still in it."""
        done = True
        for folder in set(self._folders.values()):
            try:
                os.rmdir(folder)
            except FileNotFoundError:
                continue
            except OSError:
                done = False
        return done


def control_group_roots(owner: str) -> dict[str, str]:
    """Return the folders in which this process may make groups, by controller ("" for version 2); {} where it may not."""
    base = "/sys/fs/cgroup"
    try:
        if os.path.exists(f"{base}/cgroup.controllers"):
            return {"": _version_2_root(base, owner)}
        roots = {}
        for kind in ("memory", "pids", "cpu"):
            if os.path.ismount(f"{base}/{kind}") or os.path.islink(f"{base}/{kind}"):
                roots[kind] = f"{base}/{kind}/termigen/{owner}"
                os.makedirs(roots[kind], exist_ok=True)
    except OSError:
        return {}
    return roots


def _version_2_root(base: str, owner: str) -> str:
    """Make a group below our own one and hand it the controllers.

    A group that holds processes can't hand controllers on, except the topmost: tried there first (root outside a
    container), then in a group of our own that we leave for a child of it.
    """
    with open("/proc/self/cgroup") as file:
        own = next(line.split("::", 1)[1].strip() for line in file if line.startswith("0::"))
    wanted = "+cpu +memory +pids"
    for parent in (base, f"{base}{own}".rstrip("/")):
        folder = f"{parent}/termigen"
        try:
            with contextlib.suppress(OSError), open(f"{parent}/cgroup.subtree_control", "w") as file:
                file.write(wanted)
            os.makedirs(folder, exist_ok=True)
            with open(f"{folder}/cgroup.subtree_control", "w") as file:
                file.write(wanted)
            os.makedirs(f"{folder}/{owner}", exist_ok=True)
            with open(f"{folder}/{owner}/cgroup.subtree_control", "w") as file:
                file.write(wanted)
        except OSError:
            continue
        return f"{folder}/{owner}"
    raise OSError(errno.EACCES, "no control group may be made here")


class Box:
    """One sandbox as the launcher holds it."""

    def __init__(self, monitor: int, first: int, keep_alive: int, group: ControlGroup | None, pids: int) -> None:
        self.monitor = monitor
        self.first = first
        self.pidfd = os.pidfd_open(first)
        self.keep_alive = keep_alive
        self.group = group
        self.pids = pids
        # Entering a namespace that is already ours is refused where its owner is another user namespace.
        self.namespaces = 0
        for name, flag in NAMESPACES.items():
            if os.readlink(f"/proc/{first}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}"):
                self.namespaces |= flag

    def close(self) -> None:
        """Kill it; its namespaces, and so its mounts, go with the last process."""
        for pid in (self.first, self.monitor):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for fd in (self.keep_alive, self.pidfd):
            with contextlib.suppress(OSError):
                os.close(fd)


class Launcher:
    """The event loop: requests from the owner, ends of children."""

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        self._control = control
        self._settings = settings
        self._own_pidns = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._userns = _identity_userns() if settings["root"] else None
        self._roots = control_group_roots(settings["owner"])
        self._boxes: dict[str, Box] = {}
        self._waiting: dict[int, socket.socket] = {}
        self._dying: list[ControlGroup] = []

    def serve(self) -> None:
        """Answer until the owner is gone, then kill every sandbox."""
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for name in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(name, signal.SIG_IGN)  # a terminal's Ctrl-C is the owner's affair; its end is ours
        _call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what a killed bubblewrap leaves comes to us to be reaped
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(wake_read, select.POLLIN)
        try:
            self._send(self._control, {"ready": True, "groups": sorted(self._roots.values())})
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
        for root in self._roots.values():
            with contextlib.suppress(OSError):
                os.rmdir(root)

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
        except Refused as error:
            self._send(reply, {"error": str(error), "code": error.code})
        except OSError as error:
            self._send(reply, {"error": str(error), "code": "failed"})
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
        if box is None or not _running(box):
            raise Refused("the sandbox is gone", "died")
        if operation == "alive":
            self._send(reply, {})
        elif operation == "exec":
            self._watch(self._enter(box, lambda: _run_exec(request, fds), errors=fds[0]), reply)
        elif operation == "put":
            self._watch(self._enter(box, lambda: _run_put(request, fds), errors=fds[1]), reply)
        elif operation == "read":
            self._watch(self._enter(box, lambda: _run_read(request, fds)), reply)
        elif operation == "shell":
            self._shell(box, request, reply)
        elif operation == "kill":
            self._kill(box, reply)
        elif operation == "kill_tree":
            _kill_tree(request["pid"])
            self._send(reply, {})

    def _watch(self, pid: int, reply: socket.socket) -> None:
        self._waiting[pid] = reply
        self._send(reply, {"pid": pid})

    def _stop(self, name: str) -> None:
        box = self._boxes.pop(name, None)
        if box is None:
            return
        box.close()
        if box.group is not None and not box.group.remove():
            self._dying.append(box.group)

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make a file tree, start bubblewrap in it, return what went wrong or {}."""
        group = ControlGroup(self._roots, request["box"], request["limits"]) if self._roots else None
        alive_read, alive_write = os.pipe2(os.O_CLOEXEC)
        info_read, info_write = os.pipe2(os.O_CLOEXEC)
        error_read, error_write = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            _child(lambda: self._run_bubblewrap(request, group, alive_read, info_write, error_write), error_write)
        for fd in (alive_read, info_write, error_write):
            os.close(fd)
        info = _read_all(info_read)
        try:
            first = int(json.loads(info)["child-pid"])
            # The mounts are finished when bubblewrap has executed the keep-alive command, which says so.
            ready = os.read(error_read, 4096)
            if ready != b"ready\n":
                raise ValueError
            box = Box(pid, first, alive_write, group, int(request["limits"]["pids"]))
        except (ValueError, KeyError, OSError):
            problem = _read_all(error_read, close=False).decode("utf-8", "replace").strip()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.close(alive_write)
            if group is not None:
                self._dying.append(group)
            raise Refused(f"bubblewrap did not start: {problem or info!r}") from None
        finally:
            os.close(error_read)
        self._boxes[request["box"]] = box
        return {"pid": first}

    def _run_bubblewrap(
        self, request: dict[str, Any], group: ControlGroup | None, alive: int, info: int, errors: int
    ) -> None:
        """In the child: overlay in a mount namespace of its own, then bubblewrap in the user namespace."""
        _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if group is not None:
            group.enter()
        _call("unshare", CLONE_NEWNS)
        _mount("none", "/", "", MS_REC | MS_PRIVATE, "")
        base = self._settings["mountpoint"]
        _mount("tmpfs", base, "tmpfs", MS_NODEV, f"size={request['limits']['storage_bytes']},mode=755,nr_inodes=1m")
        for name in ("upper", "work", "root"):
            os.mkdir(f"{base}/{name}", 0o755)
        os.chdir(request["layers_folder"])  # short relative layer names: mount's options end at one page
        options = f"lowerdir={':'.join(request['layers'])},upperdir={base}/upper,workdir={base}/work"
        _mount("overlay", f"{base}/root", "overlay", 0, options + ("" if self._settings["root"] else ",userxattr"))
        os.chdir("/")
        if self._userns is not None:
            _call("setns", self._userns, CLONE_NEWUSER)
            os.setgroups([])
        os.dup2(alive, 0)
        os.dup2(errors, 1)
        os.dup2(errors, 2)
        os.set_inheritable(info, True)
        network = [] if request["limits"]["network"] == "public" else ["--unshare-net"]
        argv = ["--bind", f"{base}/root", "/", "--dev", "/dev", "--proc", "/proc"]
        argv += ["--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu"]
        argv += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", *network]
        argv += ["--hostname", "termigen", "--die-with-parent", "--info-fd", str(info), "--clearenv", "--chdir", "/"]
        # Given by descriptor, so that `ps` inside shows none of it.
        hidden = os.memfd_create("args", 0)
        os.write(hidden, "\0".join(argv).encode() + b"\0")
        os.lseek(hidden, 0, os.SEEK_SET)
        keep_alive = ["/bin/sh", "-c", "echo ready; exec >&- 2>&-; read -r _"]
        os.execv(self._settings["bwrap"], ["bwrap", "--args", str(hidden), "--", *keep_alive])

    def _enter(self, box: Box, run: Callable[[], None], grouped: bool = True, errors: int = 2) -> int:
        """Fork a child inside the sandbox's namespaces and control group; it runs `run` and ends.

        Without `grouped` it may run although the group's limits are used up.
        """
        body = lambda: _inside(box, box.group if grouped else None, run)  # noqa: E731
        if not self._settings["root"]:
            return _fork_by_way(box.pidfd, body, errors)
        _call("setns", box.pidfd, CLONE_NEWPID)  # says where the next child is born
        try:
            pid = os.fork()
        except OSError:
            _call("setns", self._own_pidns, CLONE_NEWPID)
            raise
        if pid == 0:
            _child(body, errors)
        _call("setns", self._own_pidns, CLONE_NEWPID)
        return pid

    def _shell(self, box: Box, request: dict[str, Any], reply: socket.socket) -> None:
        """Open a terminal of the sandbox's own devpts, send its master to the owner, run the shell on it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = self._enter(box, lambda: _run_shell(request, theirs))
        theirs.close()
        with ours:
            data, ancillary, _, _ = ours.recvmsg(4096, socket.CMSG_LEN(4), socket.MSG_CMSG_CLOEXEC)
        if not ancillary:
            raise Refused(data.decode("utf-8", "replace") or "the shell did not start")
        master = struct.unpack("i", ancillary[0][2][:4])[0]
        self._send(reply, {"pid": pid}, (master,))
        os.close(master)

    def _kill(self, box: Box, reply: socket.socket) -> None:
        """Kill all processes but the first two; forks are stopped meanwhile, so that no bomb outruns it."""
        if box.group is not None:
            box.group.stop_forks(True, box.pids)
        try:
            pid = self._enter(box, _run_kill, grouped=False)
            os.waitpid(pid, 0)
        finally:
            if box.group is not None:
                box.group.stop_forks(False, box.pids)
        self._send(reply, {})


def _identity_userns() -> int:
    """Make a user namespace in which the ids 0 to 65535 are themselves, and return a descriptor of it.

    The sandbox's root is then not the host's: its capabilities reach nothing that belongs to the first namespace.
    """
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        _call("unshare", CLONE_NEWUSER)
        os.write(write_end, b"1")
        signal.pause()
    os.close(write_end)
    os.read(read_end, 1)
    os.close(read_end)
    for name in ("uid_map", "gid_map"):
        with open(f"/proc/{pid}/{name}", "w") as file:
            file.write("0 0 65536")
    fd = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return fd


def _fork_by_way(pidfd: int, run: Callable[[], None], errors: int) -> int:
    """Fork a child into another pid namespace by way of one that ends at once.

    An ordinary user's launcher could enter that namespace, but not come back to its own, which the host's root owns. The
    child comes to the launcher because that is a subreaper.
    """
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    way = os.fork()
    if way == 0:
        try:
            _call("setns", pidfd, CLONE_NEWPID)
            pid = os.fork()
            if pid == 0:
                _child(run, errors)
            os.write(write_end, str(pid).encode())
        except OSError as error:
            os.write(write_end, str(error).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    answer = _read_all(read_end).decode()
    os.waitpid(way, 0)
    if not answer.isdigit():
        raise Refused(answer)
    return int(answer)


def _child(run: Callable[[], None], errors: int) -> None:
    """Run the body of a forked child; nothing of the launcher's loop may go on in it."""
    code = 126
    try:
        signal.set_wakeup_fd(-1)
        for name in (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
            signal.signal(name, signal.SIG_DFL)
        run()
        code = 0
    except (OSError, ValueError, KeyError, Refused, tarfile.TarError) as error:
        with contextlib.suppress(OSError):
            os.write(errors, f"{error}\n".encode())
    finally:
        os._exit(code)


def _read_all(fd: int, close: bool = True) -> bytes:
    parts = []
    while part := os.read(fd, 65536):
        parts.append(part)
    if close:
        os.close(fd)
    return b"".join(parts)


def _running(box: Box) -> bool:
    poll = select.poll()
    poll.register(box.pidfd, select.POLLIN)
    return not poll.poll(0)


def _kill_tree(pid: int) -> None:
    """Kill a child of ours and all that descends from it, whatever session it moved to; stopped first, so none escapes."""
    seen: set[int] = set()
    grown = True
    while grown:
        tree = _descendants(pid)
        grown = bool(tree - seen)
        for one in tree - seen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGSTOP)
        seen |= tree
    for one in seen:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def _descendants(pid: int) -> set[int]:
    found, queue = {pid}, [pid]
    while queue:
        one = queue.pop()
        try:
            for thread in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{thread}/children") as file:
                    new = {int(word) for word in file.read().split()} - found
                found |= new
                queue += new
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


# What follows runs in children, inside the sandbox.


def _inside(box: Box, group: ControlGroup | None, run: Callable[[], None]) -> None:
    _call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)  # the sandbox's root may not look into this process
    if group is not None:
        group.enter()
    _call("setns", box.pidfd, box.namespaces)
    _own_capabilities()
    run()


def _account(user: str) -> tuple[int, int, list[int], str]:
    """Resolve "", "name", "uid" or "name:group" by the sandbox's own /etc/passwd and /etc/group."""
    name, _, group = user.partition(":")
    name = name or "0"
    home = "/root" if name == "0" else "/"
    uid = gid = int(name) if name.isdigit() else -1
    if name.isdigit() and name != "0":
        gid = 0
    for row in _rows("/etc/passwd"):
        if len(row) >= 6 and (row[0] == name or row[2] == name):
            uid, gid, home, name = int(row[2]), int(row[3]), row[5], row[0]
            break
    groups = [gid]
    for row in _rows("/etc/group"):
        if len(row) >= 4 and group and (row[0] == group or row[2] == group):
            gid = int(row[2])
        elif len(row) >= 4 and not group and name in row[3].split(","):
            groups.append(int(row[2]))
    if group.isdigit():
        gid = int(group)
    if uid < 0:
        raise Refused(f"expected a user of the image, found no {user!r} in its /etc/passwd")
    return uid, gid, groups if not group else [gid], home


def _rows(path: str) -> list[list[str]]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n").split(":") for line in file]
    except OSError:
        return []


def _become(request: dict[str, Any]) -> dict[str, str]:
    """Take on the user, directory and limits of a request; return the environment."""
    uid, gid, groups, home = _account(request["user"])
    for kind, value in request["rlimits"].items():
        number = getattr(resource, kind)
        hard = resource.getrlimit(number)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (value, value))
    environment = dict(request["env"])
    environment.setdefault("HOME", home)
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    os.umask(0o022)
    try:
        os.chdir(request["cwd"])
    except OSError:
        if not request["cwd_or_root"]:
            raise
        os.chdir("/")
    return environment


def _execute(argv: list[str], environment: dict[str, str]) -> None:
    """Execute `argv` by the environment's PATH; end with 127 or 126 as a shell would."""
    path = environment.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    names = [argv[0]] if "/" in argv[0] else [f"{folder or '.'}/{argv[0]}" for folder in path.split(":")]
    code, why = 127, "not found"
    for name in names:
        try:
            os.execve(name, argv, environment)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            code, why = 126, error.strerror or str(error)
    with contextlib.suppress(OSError):
        os.write(2, f"{argv[0]}: {why}\n".encode("utf-8", "surrogateescape"))
    os._exit(code)


def _run_exec(request: dict[str, Any], fds: list[int]) -> None:
    os.setsid()
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(fds[0], 1)
    os.dup2(fds[0], 2)
    _execute(request["argv"], _become(request))


def _run_shell(request: dict[str, Any], channel: socket.socket) -> None:
    try:
        environment = _become(request)
        os.setsid()
        master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
        fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 0))
        slave = fcntl.ioctl(master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        if not os.access(request["argv"][0], os.X_OK):
            raise Refused(f"expected {request['argv'][0]} in the image, found none")
        channel.sendmsg([b"ok"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [master]))])
    except (OSError, Refused) as error:
        channel.send(str(error).encode())
        os._exit(126)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.closerange(3, 1024)
    _execute(request["argv"], environment)


def _run_put(request: dict[str, Any], fds: list[int]) -> None:
    """Unpack a tar archive. This process sees only the sandbox's tree: no name or link in it leads out."""
    os.umask(0)
    for folder in request["folders"]:
        os.makedirs(folder, mode=0o755, exist_ok=True)
    with open(fds[0], "rb") as file, tarfile.open(fileobj=io.BytesIO(file.read())) as archive:
        for member in archive:
            target = posixpath.join(request["to"], member.name.lstrip("/"))
            os.makedirs(posixpath.dirname(target), mode=0o755, exist_ok=True)
            if member.isdir():
                os.makedirs(target, mode=0o755, exist_ok=True)
                os.chmod(target, member.mode & 0o7777)
            elif member.isfile():
                content = archive.extractfile(member)
                assert content is not None  # a regular file has content
                _write_file(target, content.read(), member.mode & 0o7777)
            else:
                raise Refused(f"{member.name}: expected a file or a directory in the archive")


def _write_file(target: str, content: bytes, mode: int) -> None:
    """Replace `target` (a link is replaced, not followed)."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target)
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    view = memoryview(content)
    try:
        while view:
            view = view[os.write(fd, view) :]
    finally:
        os.close(fd)


def _run_read(request: dict[str, Any], fds: list[int]) -> None:
    try:
        fd = os.open(request["path"], os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        os._exit(3)
    except OSError as error:
        os._exit(3 if error.errno in (errno.ENXIO, errno.ELOOP, errno.ENODEV) else 4)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os._exit(3)
    left = int(request["limit"])
    while left > 0 and (part := os.read(fd, min(left, 65536))):
        left -= len(part)
        view = memoryview(part)
        while view:
            view = view[os.write(fds[0], view) :]


def _run_kill() -> None:
    """Stop, then kill, every process inside but the reaper, the keep-alive one and this one, until none is left."""
    spared = {1, KEEP_ALIVE_PID, os.getpid()}
    for kind in (signal.SIGSTOP, signal.SIGKILL, signal.SIGKILL):
        for _ in range(50):
            pids = {int(name) for name in os.listdir("/proc") if name.isdigit()} - spared
            fresh = {pid for pid in pids if not _is_zombie(pid)}
            for pid in fresh:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, kind)
            if not fresh or kind == signal.SIGSTOP:
                break
            select.select([], [], [], 0.001)


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()[0] in (b"Z", b"X")
    except OSError:
        return True


def main() -> None:
    """Read the settings (one packet), then serve."""
    control = socket.socket(fileno=os.dup(0))
    control.set_inheritable(False)
    settings = json.loads(control.recv(65536))
    launcher = Launcher(control, settings)
    sys.meta_path.clear()
    sys.path.clear()
    launcher.serve()


if __name__ == "__main__":
    main()
