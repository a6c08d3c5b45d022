"""Runs the real logrotate over the real daemon, started by the agent's init script; the daemon itself comes from tests/pristine.

What the agent wrote runs as the service's own user: the init script, and the scripts of the fragment. Root's logrotate
reads the fragment as fragment.py writes it anew.
"""
import grp
import gzip
import io
import os
import pwd
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import fragment
import nobody
from artifacts import read
from run import once

PRISTINE = Path(__file__).resolve().parent / "pristine"
GIVEN = {
    "orderd": Path("/usr/local/sbin/orderd"),
    "orderctl": Path("/usr/local/sbin/orderctl"),
    "orderd.conf": Path("/etc/orderd/orderd.conf"),
    "logrotate.conf": Path("/etc/logrotate.conf"),
}
FRAGMENT, INIT = Path("/etc/logrotate.d/orderd"), Path("/etc/init.d/orderd")
LOGS, RUN = Path("/var/log/orderd"), Path("/run/orderd")
ENV = {"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "LANG": "C.UTF-8"}
LIMIT = 64 * 1024
SERVICE = pwd.getpwnam("orderd")
AS_SERVICE = ["/usr/bin/setpriv", "--reuid=orderd", "--regid=orderd", "--clear-groups", "--no-new-privs", "--bounding-set=-all"]


def attributes(path):
    info = path.stat()
    return pwd.getpwuid(info.st_uid).pw_name, grp.getgrgid(info.st_gid).gr_name, f"{info.st_mode & 0o7777:04o}"


# What the agent left, before the tests put anything in its place.
DELIVERED = {name: path.read_bytes() if path.is_file() and path.stat().st_size < LIMIT else b"" for name, path in GIVEN.items()}
FOUND = sorted(os.listdir("/usr/local/sbin"))
FOLDER = attributes(LOGS) if LOGS.is_dir() else None
OF_THE_LOGS = {attributes(p)[:2] for p in LOGS.glob("*.log")}


patience = 20.0


def run(*argv, data=""):
    """Runs a program; what it prints is read when it has ended, whoever else has the same output open."""
    global patience
    with tempfile.TemporaryFile("w+", errors="replace") as told, tempfile.TemporaryFile("w+", errors="replace") as output:
        told.write(data)
        told.seek(0)
        try:
            done = subprocess.run([str(a) for a in argv], env=ENV, cwd="/", timeout=patience, stdin=told, stdout=output,
                                  stderr=output, start_new_session=True, preexec_fn=bounds, check=False)
        except subprocess.TimeoutExpired:
            patience = 1.0  # who hung once gets no second chance
            raise
        output.seek(0)
        return done.returncode, output.read(1_000_000)


def bounds():
    """What may be used."""
    for limit, most in ((resource.RLIMIT_AS, 1 << 30), (resource.RLIMIT_FSIZE, 32 << 20), (resource.RLIMIT_NPROC, 1024),
                        (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (most, most))


def wait_for(condition, what):
    global patience
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            patience = 1.0
            raise AssertionError(f"waited too long for: {what}")
        time.sleep(0.004)


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
            if b"/usr/local/sbin/orderd" in words[:3] and state != "Z":
                found.append(int(p.name))
    return found


def kill_all():
    """Ends every process of the service's user."""
    nobody.kill_all(SERVICE.pw_uid)
    wait_for(lambda: not daemons(), "the old daemon to end")


def init(action, ok=True):
    code, _ = run(*AS_SERVICE, INIT, action)
    if ok is not None:
        assert (code == 0) == ok, f"{action}: exit {code}"


class Service:
    """The daemon and its logs; remembers what it was told."""

    def __init__(self, tmp):
        self.tmp, self.state, self.scripts, self.pid = tmp, tmp / "state", 0, None
        FRAGMENT.write_text(fragment.rewrite(AS_LEFT, LOGS, self.script))

    def script(self, body):
        """Keeps the body of a script and returns the line that runs it as the service's user."""
        self.scripts += 1
        path = self.tmp / f"script{self.scripts}"
        path.write_text(body)
        path.chmod(0o644)
        return shlex.join([*AS_SERVICE, "/bin/sh", str(path)]) + ' "$@"'

    def fresh(self):
        """Begins with empty logs: the daemon reopens them, or is started where it is not the one of before."""
        for p in LOGS.iterdir():
            shutil.rmtree(p) if p.is_dir() and not p.is_symlink() else p.unlink()
        self.state.unlink(missing_ok=True)
        self.sent = []
        if self.pid is not None and daemons() == [self.pid]:
            os.kill(self.pid, signal.SIGHUP)
        else:
            kill_all()
            init("start")
            wait_for(lambda: len(daemons()) == 1 and Path("/run/orderd/orderd.pid").is_file(), "the daemon to start")
            self.pid, self.taken = daemons()[0], 0
        self.answers()

    def answers(self):
        """Returns once the daemon has answered a connection without an order: it is in its loop."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect("/run/orderd/orderd.sock")
            s.shutdown(socket.SHUT_WR)
            s.recv(1)

    def order(self, texts):
        """Hands in orders as orderctl does, but some at a time."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect("/run/orderd/orderd.sock")
            with s.makefile("rb") as talk:
                for at in range(0, len(texts), 100):
                    s.sendall("".join(text + "\n" for text in texts[at : at + 100]).encode())
                    for _ in texts[at : at + 100]:
                        self.taken += 1
                        assert talk.readline() == b"%d\n" % self.taken, "an order was not taken"
        self.sent += texts

    def fill(self, size, tag):
        """So many bytes more into orders.log, exactly, in few lines, so that audit.log stays small."""
        texts, number = [], self.taken + 1
        while size > 0:
            room = len(f"{number} \n")
            length = size - room if size < 2200 else 1000
            texts.append(f"{tag}-{number} ".ljust(length, "x"))
            size, number = size - room - length, number + 1
        self.order(texts)

    def rotate(self, *options):
        code, said = run("/usr/sbin/logrotate", *options, "-s", self.state, "/etc/logrotate.conf")
        assert code == 0, said
        assert not re.search(r"error|warning", said, re.I), said

    def same_process(self):
        """The daemon handles a pending signal before the next connection, so nothing has to be waited for."""
        self.answers()
        assert daemons() == [self.pid], "the daemon was restarted"


def names():
    return sorted(p.name for p in LOGS.iterdir())


def unpacked(path):
    return gzip.open(io.BytesIO(read(path))).read(4_000_000).decode()


AS_LEFT = read(FRAGMENT, LIMIT).decode() if FRAGMENT.is_file() else "the fragment is missing"
DRY_RUN = run("/usr/sbin/logrotate", "-d", "-s", "/nonexistent", "/etc/logrotate.conf")[1].splitlines()


@once
def running():
    """The daemon with all that was given, and the fragment written anew; both stay."""
    kill_all()
    for name, path in GIVEN.items():
        shutil.copyfile(PRISTINE / name, path)
        path.chmod(0o755 if name in ("orderd", "orderctl") else 0o644)
    shutil.rmtree(RUN, ignore_errors=True)
    Path("/run/orderd.pid").unlink(missing_ok=True)
    RUN.mkdir()
    for p in (RUN, LOGS):
        os.chown(p, SERVICE.pw_uid, SERVICE.pw_gid if p == RUN else grp.getgrnam("adm").gr_gid)
    LOGS.chmod(0o2775)
    FRAGMENT.unlink()
    tmp = Path(tempfile.mkdtemp())
    tmp.chmod(0o711)
    return Service(tmp)


def fresh_service():
    service = running()
    service.fresh()
    return service


def test_logrotate_reports_nothing():
    """Fragment and configuration as they were left: no error, no warning, the fragment is not ignored. (-d runs no script.)"""
    said = [line for line in DRY_RUN if "logrotate in debug mode does nothing" not in line]
    assert not [line for line in said if re.search(r"error|warning|ignoring", line, re.I)]
    assert any("rotating pattern: " in line and str(LOGS) in line for line in said)


def test_given_things_are_left_alone():
    """Last paragraph: the host's logrotate.conf, the service, its configuration and the folder's rights are as they were."""
    for name, content in DELIVERED.items():
        assert content == (PRISTINE / name).read_bytes(), f"{GIVEN[name]} was changed"
    assert FOUND == ["orderctl", "orderd"]
    # The set-gid bit does not come along from the agent's sandbox, nor owners where the way makes everything root's.
    assert FOLDER[2] in ("2775", "0775") and (FOLDER[:2] == ("orderd", "adm") or OF_THE_LOGS == {("root", "root")} == {FOLDER[:2]})
    assert run("/usr/bin/id", "-nG", "orderd")[1].split() == ["orderd"]


def test_small_logs_are_left_alone_however_old():
    """Logs below 64 KiB do not rotate, although the last rotation is years ago, and the run is silent."""
    service = fresh_service()
    service.fill(LIMIT - 1, "small")
    service.state.write_text("logrotate state -- version 2\n"
                             + "".join(f'"/var/log/orderd/{n}" 2020-1-1-0:0:0\n' for n in ("orders.log", "audit.log")))
    service.state.chmod(0o640)
    assert (LOGS / "orders.log").stat().st_size == LIMIT - 1
    service.rotate()
    assert names() == ["audit.log", "orders.log"]


def test_each_log_rotates_by_its_own_size():
    """A log above 64 KiB rotates at the next run, without a record of an earlier rotation; the smaller one stays."""
    service = fresh_service()
    service.fill(LIMIT + 1, "big")
    service.rotate()
    assert names() == ["audit.log", "orders.log", "orders.log.1"]
    service.same_process()
    service.order([f"n{i}" for i in range(1200)])
    assert (LOGS / "audit.log").stat().st_size > LIMIT > (LOGS / "orders.log").stat().st_size
    service.rotate()
    assert names() == ["audit.log", "audit.log.1", "orders.log", "orders.log.1"]
    service.same_process()


def test_rotation_renames_and_daemon_follows():
    """The old file is renamed, the fresh one has the right owner and mode, and the same process writes to it."""
    service = fresh_service()
    service.fill(80_000, "before")
    inode = (LOGS / "orders.log").stat().st_ino
    service.rotate()
    assert (LOGS / "orders.log.1").stat().st_ino == inode
    service.same_process()
    assert attributes(LOGS / "orders.log") == ("orderd", "adm", "0640")
    service.order(["the first one after the rotation"])
    assert read(LOGS / "orders.log").decode().split(" ", 1)[1] == "the first one after the rotation\n"
    assert (LOGS / "orders.log.1").stat().st_ino == inode


def test_generations_names_and_no_lost_order():
    """Both logs: six generations under the asked names, the first plain, the others gzip, with the right rights; all kept
    orders in sequence, none lost. audit.log is filled up by hand, so that it does not take a thousand orders a round."""
    service = fresh_service()
    rounds, each, by_hand = 7, 70, "# " + "x" * 98 + "\n"
    first = service.taken + 1
    for n in range(rounds):
        service.order([f"{n}.{i} ".ljust(1000, "x") for i in range(each)])
        with open(LOGS / "audit.log", "a") as audit:
            audit.write(by_hand * 660)
        service.rotate()
        service.same_process()
        older = ["", ".1"] + [f".{i}.gz" for i in range(2, min(n + 1, 6) + 1)]
        assert names() == sorted(f"{log}.log{end}" for log in ("orders", "audit") for end in older), f"after rotation {n + 1}"
    service.order(["tail"])
    for log in ("orders.log", "audit.log"):
        assert attributes(LOGS / log) == ("orderd", "adm", "0640")
        texts = [unpacked(LOGS / f"{log}.{i}.gz") for i in range(6, 1, -1)]
        texts += [read(LOGS / f"{log}.1").decode(), read(LOGS / log).decode()]
        if log == "audit.log":
            assert [text.count(by_hand) for text in texts] == [660] * 6 + [0]
        lines = [line.split(" ", 1) for line in "".join(texts).replace(by_hand, "").splitlines()]
        kept = range(first + (rounds - 6) * each, first + rounds * each + 1)
        assert [int(number) for number, _ in lines] == list(kept), log
        assert log == "audit.log" or [order for _, order in lines] == service.sent[(rounds - 6) * each :]


def test_missing_and_empty_logs_are_no_problem():
    """An empty log does not rotate even by force; a missing one is no error."""
    service = fresh_service()
    service.rotate("-f")
    assert names() == ["audit.log", "orders.log"]
    (LOGS / "audit.log").unlink()
    service.fill(75_000, "one only")
    service.rotate()
    assert "orders.log.1" in names() and "audit.log.1" not in names()
    (LOGS / "orders.log").unlink()
    (LOGS / "audit.log").unlink(missing_ok=True)
    service.rotate()


def test_init_script_controls_the_daemon():
    """status, reload, stop and start act on the real process."""
    service = fresh_service()
    init("status")
    os.rename(LOGS / "orders.log", LOGS / "kept-aside")
    init("reload")
    service.same_process()
    service.order(["after reload"])
    assert read(LOGS / "orders.log").decode().endswith("after reload\n")
    init("stop")
    wait_for(lambda: not daemons(), "stop to end the daemon")
    init("status", ok=False)
    init("start")
    wait_for(lambda: len(daemons()) == 1, "start to bring the daemon up")
    assert daemons() != [service.pid]
    wait_for(lambda: run(*AS_SERVICE, INIT, "status")[0] == 0, "status to be 0 again")
    init("start", ok=None)
    assert len(daemons()) == 1
