"""What a machine holds of ours: taken before and after a fault, the two must be the same."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from termigen_gym.sandbox.base import Engine
from termigen_gym.sandbox.buildah import store_folder
from termigen_gym.sandbox.docker import DockerEngine
from tests.waiting import Process

ROOT = Path(__file__).parent.parent.parent
MARK = "TERMIGEN_TEST_FAMILY"
SETTLED_S = 15.0
"""How long a failure takes: what ends in the background has so long to be gone."""


@dataclass(frozen=True)
class Stock:
    """What is there.

    Attributes:
        containers: ids. processes: number and command. mounts: their mount points. groups: control groups.
        files: in the folder for temporary files, and in the store's list of working containers.
        descriptors: of this process, counted by what they are, without the connections that Docker's client keeps.
        threads: of this process, by name.
    """

    containers: frozenset[str]
    processes: frozenset[str]
    mounts: frozenset[str]
    groups: frozenset[str]
    files: frozenset[str]
    descriptors: Mapping[str, int] = field(default_factory=dict)
    threads: Mapping[str, int] = field(default_factory=dict)

    def difference(self, other: Stock) -> str:
        """Return what one has and the other has not, "" where they are the same."""
        told = []
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            if isinstance(mine, frozenset) and mine != theirs:
                told.append(f"{one.name}: gone {sorted(mine - theirs)}, new {sorted(theirs - mine)}")
            elif mine != theirs:
                changed = {key for key in {*mine, *theirs} if mine.get(key, 0) != theirs.get(key, 0)}
                told.append(f"{one.name}: {[(key, mine.get(key, 0), theirs.get(key, 0)) for key in sorted(changed)]}")
        return "; ".join(told)


class Family:
    """This process and those that a test has started: theirs is what is counted, whatever else the machine does."""

    def __init__(self, engine: Engine, folder: Path, store: Path | None = None, spared: tuple[str, ...] = ()) -> None:
        """Give the family a folder for temporary files below `folder`, and the embedded engine's store it works in.

        Processes whose command has one of `spared` in it are not counted.
        """
        self.engine = engine
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self._store = store
        self._watched = (str(folder), str(store or store_folder()), "/mnt")
        self._token = str(folder)
        self._spared = spared
        self._pids = {os.getpid()}

    def start(self, *argv: str, **env: str) -> Process:
        """Start a Python process of the family: `argv` are the interpreter's arguments."""
        known = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary), MARK: self._token, **env}
        if self._store is not None:
            known["TERMIGEN_STORE"] = str(self._store)
        process = Process(
            [sys.executable, *argv],
            env=known,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that Ctrl-C can be sent to it and its children as a terminal does
        )
        self._pids.add(process.pid)
        return process

    def run(self, *argv: str, **env: str) -> str:
        """Run a Python process of the family to its good end; return what it printed."""
        with self.start(*argv, **env) as process:
            out, err = process.communicate()
        assert process.returncode == 0, out + err
        return out

    def stock(self) -> Stock:
        """Take stock, once nothing changes any more: what was stopped before may still be ending."""
        taken = self._take()
        deadline = time.monotonic() + SETTLED_S
        while time.monotonic() < deadline:
            time.sleep(0.1)
            before, taken = taken, self._take()
            if not before.difference(taken):
                break
        return taken

    def _take(self) -> Stock:
        here = _processes()
        return Stock(
            containers=frozenset(self._containers()),
            processes=frozenset(f"{pid} {here[pid][1]}" for pid in self._members(here)),
            mounts=frozenset(mount for mount in _mounts() if mount.startswith(self._watched)),
            groups=frozenset(self._groups()),
            files=frozenset(str(path.relative_to(self.temporary)) for path in self.temporary.rglob("*"))
            | frozenset(self._working_containers()),
            descriptors=descriptors(sockets=not isinstance(self.engine, DockerEngine)),
            threads=Counter(thread.name for thread in threading.enumerate()),
        )

    def expect(self, before: Stock) -> None:
        """Wait until all is as before; what is not, fails."""
        deadline = time.monotonic() + SETTLED_S
        while told := before.difference(self._take()):
            assert time.monotonic() < deadline, told
            time.sleep(0.05)

    def _containers(self) -> Iterator[str]:
        if not isinstance(self.engine, DockerEngine):
            return
        for container in self.engine.client.containers(all=True, filters={"label": "termigen.owner"}):
            owner = container["Labels"]["termigen.owner"].partition(":")[2]
            if int(owner.partition("-")[0]) in self._pids:
                yield f"{container['Id'][:12]} {container['State']} of {owner}"

    def _members(self, here: Mapping[int, tuple[int, str]]) -> set[int]:
        """Processes with our mark, launchers of this checkout, and what descends from them or from this process."""
        found = {pid for pid in here if _has_mark(pid, self._token)}
        found |= {pid for pid, (_, command) in here.items() if "launcher.loop" in command and str(ROOT) in command}
        found.add(os.getpid())
        while more := {pid for pid, (parent, _) in here.items() if parent in found} - found:
            found |= more
        spared = {pid for pid, (_, command) in here.items() if any(part in command for part in self._spared)}
        return found - spared - {os.getpid()}

    def _groups(self) -> Iterator[str]:
        ours = tuple(f"termigen.{pid}-" for pid in self._pids)
        for pattern in ("termigen.*", "*/termigen.*"):
            yield from (str(box) for box in Path("/sys/fs/cgroup").glob(pattern) if box.name.startswith(ours))
        yield from map(str, Path("/sys/fs/cgroup").glob("*/buildah-buildah*"))

    def _working_containers(self) -> Iterator[str]:
        if self._store is not None:
            for path in (self._store / "storage").glob("*-containers/containers.json"):
                yield from () if path.read_text() in ("", "[]") else (path.read_text(),)


def player(family: Family, engine: str, task: Path, what: str, *rest: str, **env: str) -> Process:
    """Start `tests.chaos.player` and return it when it has begun."""
    process = family.start("-m", "tests.chaos.player", engine, str(task), what, *rest, **env)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == "begun\n", line + process.communicate()[1]
    return process


def tell(process: subprocess.Popen[str], line: str) -> None:
    """Send a line to a process's input."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> str:
    """Return the next line of a process's output."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def _processes() -> dict[int, tuple[int, str]]:
    """Return every process's parent and command by its number; zombies are left out."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError):
            state, parent = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()[:2]
            command = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            if state not in (b"Z", b"X"):
                found[int(name)] = int(parent), command.strip()[:200]
    return found


def _has_mark(pid: int, token: str) -> bool:
    with contextlib.suppress(OSError):
        return f"{MARK}={token}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    return False


def _mounts() -> Iterator[str]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        yield line.split()[4]


def descriptors(*, sockets: bool = True) -> Mapping[str, int]:
    """Return this process's open files, counted by path or kind."""
    kinds: Counter[str] = Counter()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            kinds[os.readlink(f"/proc/self/fd/{name}").partition(":[")[0]] += 1
    if not sockets:
        del kinds["socket"]
    return kinds


def process_running(*words: str) -> int | None:
    """Return the number of a process of this machine whose command line is `words`, None where there is none."""
    return next((pid for pid, (_, command) in _processes().items() if command == " ".join(words)), None)


def parent_of(pid: int) -> tuple[int, str]:
    """Return a process's parent and the parent's command."""
    here = _processes()
    parent = here[pid][0]
    return parent, here[parent][1]


def first_of_namespace(pid: int) -> int:
    """Return process 1 of the pid namespace that a process is in, by its number on this machine."""
    namespace = os.readlink(f"/proc/{pid}/ns/pid")
    for other in _processes():
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{other}/status").read_text()
            if os.readlink(f"/proc/{other}/ns/pid") == namespace and "\t1\n" in status.partition("NSpid:")[2]:
                return other
    raise AssertionError(f"expected a first process beside {pid}, found none")


@contextlib.contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Let this process make its temporary files in `folder`."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def wait_for(look: Any, what: str) -> Any:
    """Return what `look` returns as soon as that is true."""
    deadline = time.monotonic() + SETTLED_S
    while not (found := look()):
        assert time.monotonic() < deadline, f"expected {what}, not so within {SETTLED_S:g} s"
        time.sleep(0.01)
    return found
