"""Runs the real logrotate over the real daemon, started by the agent's init script; the daemon itself comes from tests/pristine."""
import gzip
import os
import pwd
import grp
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

PRISTINE = Path(__file__).resolve().parent / "pristine"
GIVEN = {
    "orderd": Path("/usr/local/sbin/orderd"),
    "orderctl": Path("/usr/local/sbin/orderctl"),
    "orderd.conf": Path("/etc/orderd/orderd.conf"),
    "logrotate.conf": Path("/etc/logrotate.conf"),
}
UNCHANGED = {name: path.is_file() and path.read_bytes() == (PRISTINE / name).read_bytes() for name, path in GIVEN.items()}
LOGS = Path("/var/log/orderd")
FOLDER = LOGS.stat() if LOGS.is_dir() else None
ENV = {"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
LIMIT = 64 * 1024


def run(*argv, timeout=30, data=None):
    return subprocess.run([str(a) for a in argv], env=ENV, cwd="/", timeout=timeout, input=data or "",
                          capture_output=True, text=True, errors="replace")


def wait_for(condition, what, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
        time.sleep(0.02)


def daemons():
    """Process ids of running orderds."""
    found = []
    for p in Path("/proc").iterdir():
        if p.name.isdigit():
            try:
                words = (p / "cmdline").read_bytes().split(b"\0")
                state = (p / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if b"/usr/local/sbin/orderd" in words[:2] and state != "Z":
                found.append(int(p.name))
    return found


def kill_all():
    for pid in daemons():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not daemons(), "the old daemon to end")


def init(action, ok=True):
    done = subprocess.run(["/etc/init.d/orderd", action], env=ENV, cwd="/", timeout=30, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if ok is not None:
        assert (done.returncode == 0) == ok, f"{action}: exit {done.returncode}"


class Service:
    """The daemon, started afresh with empty logs; remembers what it was told."""

    def __init__(self, tmp):
        self.state = tmp / "state"
        self.sent = []
        init("start")
        wait_for(lambda: len(daemons()) == 1 and Path("/run/orderd/orderd.pid").is_file(), "the daemon to start")
        self.pid = daemons()[0]
        self.answers()

    def answers(self):
        """Returns once the daemon has answered a connection without an order: it is in its loop."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect("/run/orderd/orderd.sock")
            s.shutdown(socket.SHUT_WR)
            s.recv(1)

    def order(self, texts):
        done = run("/usr/bin/python3", PRISTINE / "orderctl", "-", data="".join(t + "\n" for t in texts))
        assert done.returncode == 0, done.stderr
        self.sent += texts

    def fill(self, kib, tag):
        """About so many KiB into orders.log, few lines, so that audit.log stays small."""
        self.order([f"{tag}-{i} " + "x" * 1000 for i in range(kib)])

    def rotate(self, *options):
        done = run("/usr/sbin/logrotate", *options, "-s", self.state, "/etc/logrotate.conf")
        assert done.returncode == 0, done.stderr
        assert not re.search(r"error|warning", done.stdout + done.stderr, re.I), done.stdout + done.stderr

    def same_process(self):
        """The daemon handles a pending signal before the next connection, so nothing has to be waited for."""
        self.answers()
        assert daemons() == [self.pid], "the daemon was restarted"


def names():
    return sorted(p.name for p in LOGS.iterdir())


@pytest.fixture
def service(tmp_path):
    kill_all()
    for name, path in GIVEN.items():
        if name != "logrotate.conf":
            shutil.copyfile(PRISTINE / name, path)
            path.chmod(0o755 if name != "orderd.conf" else 0o644)
    for p in LOGS.iterdir():
        shutil.rmtree(p) if p.is_dir() and not p.is_symlink() else p.unlink()
    for p in (Path("/run/orderd.pid"), Path("/run/orderd/orderd.pid"), Path("/run/orderd/stats"), Path("/run/orderd/orderd.sock")):
        p.unlink(missing_ok=True)
    yield Service(tmp_path)
    kill_all()


def test_given_things_are_left_alone():
    """Last paragraph: the host's logrotate.conf, the service, its configuration and the folder's rights are as they were."""
    assert all(UNCHANGED.values()), UNCHANGED
    owner, group = pwd.getpwuid(FOLDER.st_uid).pw_name, grp.getgrgid(FOLDER.st_gid).gr_name
    assert (owner, group, oct(FOLDER.st_mode & 0o7777)) == ("orderd", "adm", "0o2775")
    assert run("/usr/bin/id", "-nG", "orderd").stdout.split() == ["orderd"]


def test_small_logs_are_left_alone_however_old(service):
    """Logs below 64 KiB do not rotate, although the last rotation is years ago, and the run is silent."""
    service.fill(58, "small")
    service.state.write_text("logrotate state -- version 2\n"
                             + "".join(f'"/var/log/orderd/{n}" 2020-1-1-0:0:0\n' for n in ("orders.log", "audit.log")))
    service.state.chmod(0o640)
    assert (LOGS / "orders.log").stat().st_size < LIMIT
    service.rotate()
    assert names() == ["audit.log", "orders.log"]


def test_each_log_rotates_by_its_own_size(service):
    """A log above 64 KiB rotates at the next run, without a record of an earlier rotation; the smaller one stays."""
    service.fill(72, "big")
    service.rotate()
    assert names() == ["audit.log", "orders.log", "orders.log.1"]
    service.same_process()
    service.order([f"n{i}" for i in range(1300)])
    assert (LOGS / "audit.log").stat().st_size > LIMIT > (LOGS / "orders.log").stat().st_size
    service.rotate()
    assert names() == ["audit.log", "audit.log.1", "orders.log", "orders.log.1"]
    service.same_process()


def test_rotation_renames_and_daemon_follows(service):
    """The old file is renamed, the fresh one has the right owner and mode, and the same process writes to it."""
    service.fill(80, "before")
    inode = (LOGS / "orders.log").stat().st_ino
    service.rotate()
    assert (LOGS / "orders.log.1").stat().st_ino == inode
    service.same_process()
    fresh = (LOGS / "orders.log").stat()
    assert (pwd.getpwuid(fresh.st_uid).pw_name, grp.getgrgid(fresh.st_gid).gr_name) == ("orderd", "adm")
    assert oct(fresh.st_mode & 0o7777) == "0o640"
    service.order(["the first one after the rotation"])
    assert (LOGS / "orders.log").read_text().split(" ", 1)[1] == "the first one after the rotation\n"
    assert (LOGS / "orders.log.1").stat().st_ino == inode


def test_generations_names_and_no_lost_order(service):
    """Six generations under the asked names, the first plain, the others gzip; all kept orders in sequence, none lost."""
    rounds = 9
    for n in range(rounds):
        service.fill(70, f"round{n}")
        service.rotate()
        service.same_process()
        have = [x for x in names() if x.startswith("orders.log")]
        want = ["orders.log", "orders.log.1"] + [f"orders.log.{i}.gz" for i in range(2, min(n + 1, 6) + 1)]
        assert have == sorted(want), f"after rotation {n + 1}"
    service.order(["tail"])
    text = ""
    for i in range(6, 1, -1):
        text += gzip.decompress((LOGS / f"orders.log.{i}.gz").read_bytes()).decode()
    text += (LOGS / "orders.log.1").read_text() + (LOGS / "orders.log").read_text()
    got = [line.split(" ", 1)[1] for line in text.splitlines()]
    assert got == service.sent[-len(got):] and len(got) == 6 * 70 + 1


def test_audit_log_has_the_same_treatment(service):
    """audit.log rotates with the same names, rights and hand-over as orders.log."""
    for n in range(8):
        service.order([f"{n}.{i}" for i in range(1300)])
        service.rotate()
        service.same_process()
    have = [x for x in names() if x.startswith("audit.log")]
    assert have == sorted(["audit.log", "audit.log.1"] + [f"audit.log.{i}.gz" for i in range(2, 7)])
    fresh = (LOGS / "audit.log").stat()
    assert (pwd.getpwuid(fresh.st_uid).pw_name, grp.getgrgid(fresh.st_gid).gr_name, fresh.st_mode & 0o7777) == ("orderd", "adm", 0o640)
    lines = []
    for i in range(6, 1, -1):
        lines += gzip.decompress((LOGS / f"audit.log.{i}.gz").read_bytes()).decode().splitlines()
    lines += (LOGS / "audit.log.1").read_text().splitlines() + (LOGS / "audit.log").read_text().splitlines()
    numbers = [int(line.split()[0]) for line in lines]
    assert numbers == list(range(8 * 1300 - len(numbers) + 1, 8 * 1300 + 1)) and len(numbers) == 6 * 1300


def test_missing_and_empty_logs_are_no_problem(service):
    """An empty log does not rotate even by force; a missing one is no error."""
    service.rotate("-f")
    assert names() == ["audit.log", "orders.log"]
    (LOGS / "audit.log").unlink()
    service.fill(75, "one only")
    service.rotate()
    assert "orders.log.1" in names() and "audit.log.1" not in names()
    (LOGS / "orders.log").unlink()
    (LOGS / "audit.log").unlink(missing_ok=True)
    service.rotate()


def test_init_script_controls_the_daemon(service):
    """status, reload, stop and start act on the real process."""
    init("status")
    os.rename(LOGS / "orders.log", LOGS / "kept-aside")
    init("reload")
    service.same_process()
    service.order(["after reload"])
    assert (LOGS / "orders.log").read_text().endswith("after reload\n")
    init("stop")
    wait_for(lambda: not daemons(), "stop to end the daemon")
    init("status", ok=False)
    init("start")
    wait_for(lambda: len(daemons()) == 1, "start to bring the daemon up")
    assert daemons() != [service.pid]
    wait_for(lambda: subprocess.run(["/etc/init.d/orderd", "status"], env=ENV, timeout=20, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL).returncode == 0, "status to be 0 again")
    init("start", ok=None)
    assert len(daemons()) == 1
