"""What children do inside a sandbox, whose file tree hostile code wrote; nothing may be imported there."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import resource
import socket
import termios
from typing import Any

from .archives import Packing, unpack
from .system import Refused, open_slave
from .tree import open_file, open_tree, parts


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
    if not request["clean_env"]:
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


def run_exec(request: dict[str, Any], fds: list[int]) -> None:
    """Run a command without a terminal, its output to `fds[0]`."""
    os.setsid()
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(fds[0], 1)
    os.dup2(fds[0], 2)
    _execute(request["argv"], _become(request))


def run_shell(request: dict[str, Any], channel: socket.socket) -> None:
    """Run a shell on a terminal of the sandbox's own, whose master goes over `channel`."""
    environment = _become(request)
    os.setsid()
    master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
    slave = open_slave(master, *request["size"])
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    if not os.access(request["argv"][0], os.X_OK):
        raise Refused(f"expected {request['argv'][0]} in the image, found none")
    _hand_over(channel, master)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.closerange(3, 1024)
    _execute(request["argv"], environment)


def run_listen(port: int, channel: socket.socket) -> None:
    """Listen on the sandbox's loopback interface; the socket goes over `channel`."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        _hand_over(channel, listener.fileno())


def _hand_over(channel: socket.socket, descriptor: int) -> None:
    channel.sendmsg([b"{}"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))])


def run_put(request: dict[str, Any], fds: list[int]) -> None:
    """Unpack a tar archive. This process sees only the sandbox's tree."""
    with open(fds[0], "rb") as file:
        unpack(open_tree("/"), file, request["to"], request["removing"])


def run_fetch(request: dict[str, Any], fds: list[int], tree: str = "/") -> None:
    """Write a tar archive of files and folders to `fds[0]`."""
    limits = request["exclude"], int(request["limit"]), request["pristine"]
    with open(fds[0], "wb", closefd=False) as out, Packing(out, *limits) as packing:
        top = open_tree(tree)
        for path in request["paths"]:
            packing.tree(top, path)


def run_read(request: dict[str, Any], fds: list[int]) -> None:
    """Write a regular file to `fds[0]`; exit code 3: there is none, 4: it can't be read."""
    try:
        fd = open_file(open_tree("/"), request["path"])
    except OSError:
        os._exit(4)
    if fd is None:
        os._exit(3)
    for part in parts(fd, int(request["limit"])):
        view = memoryview(part)
        while view:
            view = view[os.write(fds[0], view) :]
