"""Compares the findings with the instance's truth and tries the log rotation.

Nothing that the agent wrote is run: its logrotate configuration is tried as fragment.py writes it anew, without scripts.
"""

import csv
import grp
import gzip
import hashlib
import io
import json
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import fragment
from artifacts import MOST, read
from run import asked

FACTS = json.loads(Path("/tests/instance.json").read_text())
LEVEL = FACTS["difficulty"]
BASE = Path("/var/log") / FACTS["platform"]
CONF = FACTS["configuration"]  # None where no rotation is asked for
ROTATION = FACTS["rotation"]
rotated_only = asked(LEVEL != "easy")


def report():
    """The agent's report."""
    value = json.loads(read("/app/report.json").decode())
    assert isinstance(value, dict)
    return value


def incidents():
    """Pairs (the report's incident, the true one)."""
    found = report()
    found = found["incidents"] if LEVEL == "hard" else [found]
    by_host = {x["host"]: x for x in found}
    assert len(found) == len(by_host) == len(FACTS["incidents"]), "number of incidents"
    assert set(by_host) == {x["host"] for x in FACTS["incidents"]}, "faulty hosts"
    return [(by_host[x["host"]], x) for x in FACTS["incidents"]]


def content(path):
    """A file's content, unpacked when it is gzipped."""
    data = read(path)
    return gzip.open(io.BytesIO(data)).read(MOST) if str(path).endswith(".gz") else data


def same(path, pristine):
    """Whether the file holds what the log of that path held."""
    size, digest = FACTS["logs"][pristine]
    data = content(path)
    return len(data) == size and hashlib.sha256(data).hexdigest() == digest


def is_empty(path):
    """Whether the path is a file without content."""
    return read(path) == b""


def attributes(path):
    """Mode, owner and group of a file."""
    info = os.stat(path)
    return f"{info.st_mode & 0o7777:04o}", pwd.getpwuid(info.st_uid).pw_name, grp.getgrgid(info.st_gid).gr_name


def test_host_and_cause():
    """The report names the faulty host or hosts, and the right cause of each."""
    for found, true in incidents():
        assert found["cause"] == true["cause"]


def test_chain_of_first_failed_request():
    """`chain` lists the hosts of the first failed request from the edge to the faulty host."""
    for found, true in incidents():
        assert found["chain"] == true["chain"]


def test_number_of_failed_requests():
    """`failed_requests` is the number of requests that failed because of the host."""
    for found, true in incidents():
        assert found["failed_requests"] == len(true["requests"]) and not isinstance(found["failed_requests"], str)


def test_customers():
    """`customers` lists exactly the customers that were hit, sorted."""
    for found, true in incidents():
        assert found["customers"] == true["customers"]


@asked(LEVEL != "easy")
def test_routes():
    """`routes` lists exactly the routes on which requests failed, sorted."""
    for found, true in incidents():
        assert found["routes"] == true["routes"]


@asked(LEVEL == "hard")
def test_clock():
    """`clock` names the host with the wrong clock and its offset within two seconds."""
    found, true = report()["clock"], FACTS["clock"]
    assert found["host"] == true["host"]
    assert abs(float(found["offset_s"]) - true["offset_s"]) <= 2


def test_failed_requests_listed():
    """failed.csv has exactly the failed requests, each once, with customer (and order and host where asked for)."""
    text = read("/app/failed.csv").decode("utf-8-sig")
    rows = [
        [c.strip() for c in row]
        for row in csv.reader(text.splitlines())
        if any(c.strip() for c in row)
    ]
    columns = {"easy": 2, "medium": 3, "hard": 4}[LEVEL]
    assert rows and rows[0] == ["request", "customer", "order", "host"][:columns]
    wanted = [[*request, true["host"]][:columns] for true in FACTS["incidents"] for request in true["requests"]]
    assert sorted(rows[1:]) == sorted(wanted)


@asked(LEVEL == "easy")
def test_log_is_archived_and_emptied():
    """The faulty host's log is in the archive byte for byte, and an empty log is in its place."""
    host = FACTS["incidents"][0]["host"]
    log = BASE / host.rsplit("-", 1)[0] / f"{host}.log"
    archive = BASE / "archive" / f"{host}.log.gz"
    assert same(archive, str(log))
    assert is_empty(log)


def test_other_logs_are_untouched():
    """Logs that were not to be put aside or rotated are as they were."""
    hosts = {x["host"] for x in FACTS["incidents"]} if LEVEL == "easy" else set()
    for path, (size, _) in FACTS["logs"].items():
        if not path.endswith(".log"):
            continue
        aside = Path(path).stem in hosts if LEVEL == "easy" else size > ROTATION["limit"]
        if not aside:
            assert same(path, path), f"{path} was changed"
            older = path + ".1.gz"
            if older in FACTS["logs"]:
                assert same(older, older), f"{older} was changed"
            else:
                assert not any(Path(x).exists() for x in (older, path + ".1")), f"{path} was rotated"


@rotated_only
def test_rotation_was_applied_once():
    """Each log above the limit was rotated once; older parts moved on; the new log is empty with the right mode."""
    newest = ".1" if ROTATION["delay"] else ".1.gz"
    for path, (size, _) in FACTS["logs"].items():
        if path.endswith(".log") and size > ROTATION["limit"]:
            assert is_empty(path), f"{path} is not empty"
            assert attributes(path)[:2] == (ROTATION["mode"], "root"), path
            assert same(path + newest, path), f"{path}{newest}"
            if path + ".1.gz" in FACTS["logs"]:
                assert same(path + ".2.gz", path + ".1.gz"), f"{path}.2.gz"
            else:
                assert not Path(path + ".2.gz").exists() and not Path(path + ".2").exists()


class Trial:
    """An empty tree of logs elsewhere, and the agent's configuration for it. All logs were last rotated long ago."""

    def __init__(self, logs):
        base = Path(tempfile.mkdtemp())
        self.folder = base / "logs" / "svc"
        self.folder.mkdir(parents=True)
        self.state, self.conf = base / "state", base / "conf"
        self.state.write_text("logrotate state -- version 2\n" + "".join(f'"{self.folder / n}" 2015-1-1-1:0:0\n' for n in logs))
        text = fragment.rewrite(read(CONF).decode(), BASE, lambda body: "true")
        self.conf.write_text(text.replace(str(BASE), str(self.folder.parent)))

    def rotate(self):
        """One run of logrotate."""
        command = ["/usr/sbin/logrotate", "-s", str(self.state), str(self.conf)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, check=False)
        assert result.returncode == 0, result.stderr


@rotated_only
def test_configuration_keeps_the_right_number():
    """On a fresh tree the configuration rotates by size, compresses, keeps the right number, creates the new log with the right mode."""
    trial, keep = Trial(["big.log"]), ROTATION["keep"]
    log, rounds = trial.folder / "big.log", ROTATION["keep"] + 2
    for i in range(rounds):
        log.write_bytes(f"round {i:03d}\n".encode().ljust(ROTATION["limit"] + 1, b"."))
        trial.rotate()
        assert is_empty(log), f"round {i}: not rotated"
        assert attributes(log) == (ROTATION["mode"], "root", "adm")
    for k in range(1, keep + 1):
        plain = k == 1 and ROTATION["delay"]
        part = trial.folder / f"big.log.{k}{'' if plain else '.gz'}"
        assert part.is_file(), f"{part.name} is missing"
        assert content(part).startswith(f"round {rounds - k:03d}\n".encode()), f"{part.name} holds another round"
    assert len(list(trial.folder.iterdir())) == keep + 1, sorted(p.name for p in trial.folder.iterdir())


@rotated_only
def test_configuration_leaves_small_and_empty_logs():
    """Logs below the limit are not rotated however old they are; empty ones never; a missing log is no error."""
    trial = Trial(["small.log", "empty.log"])
    small, empty = trial.folder / "small.log", trial.folder / "empty.log"
    small.write_bytes(b"x" * (ROTATION["limit"] - 1))
    empty.write_bytes(b"")
    trial.rotate()
    assert sorted(p.name for p in trial.folder.iterdir()) == ["empty.log", "small.log"]
    assert small.stat().st_size == ROTATION["limit"] - 1
    shutil.rmtree(trial.folder)
    trial.rotate()
