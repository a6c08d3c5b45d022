"""Daemons of the tests' own, which may be stopped, killed and emptied: nothing of anybody else is in them."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import docker
import requests

from termigen_gym.sandbox.launcher.system import default_signals

START_S = 60.0
END_S = 60.0

# Podman sets limits of open files and processes that a root without CAP_SYS_RESOURCE may not set: an OCI runtime that
# first lowers them to what is allowed here.
_CLAMPED = """\
#!/usr/bin/python3
import json, os, resource, sys

for option, name in (("--bundle", "config.json"), ("-b", "config.json"), ("--process", ""), ("-p", "")):
    if option in sys.argv:
        path = os.path.join(sys.argv[sys.argv.index(option) + 1], name).rstrip("/")
        with open(path) as file:
            config = json.load(file)
        for limit in config.get("process", config).get("rlimits") or ():
            most = resource.getrlimit(getattr(resource, limit["type"]))[1]
            if most != resource.RLIM_INFINITY:
                limit.update({kind: min(limit[kind], most) for kind in ("soft", "hard")})
        with open(path, "w") as file:
            json.dump(config, file)
os.execv(RUNTIME, [RUNTIME, *sys.argv[1:]])
"""


class Daemon(ABC):
    """A daemon that speaks Docker's API on a socket of its own, all its files below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "socket"
        self.host = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Return what starts it."""

    def environment(self) -> Mapping[str, str]:
        """Return variables over this process's own."""
        return {}

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **self.environment()},
                start_new_session=True,
                preexec_fn=default_signals,  # what a container runs ignores what its daemon was begun with
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            log_text = (self.folder / "log").read_text(errors="replace")[-2000:]
            assert self._process.poll() is None, log_text
            assert time.monotonic() < deadline, log_text
            time.sleep(0.05)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as tried:  # the SDK leaves an attempt that fails open
            if tried.connect_ex(str(self.socket)) != 0:
                return False
        with contextlib.closing(docker.APIClient(base_url=self.host, version="1.40")) as client:
            try:
                return bool(client.ping())
            except (docker.errors.DockerException, requests.RequestException):
                return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it by a signal and wait for its end; after `END_S` it is killed, and an error. Idempotent."""
        if self._process is not None:
            process, self._process = self._process, None
            process.send_signal(number)
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise

    def close(self) -> None:
        """Stop it, and remove its folder, what it has mounted there and what still runs of it.

        Podman has a process stay for 5 minutes after each command's end, and lets run what an aborted build has begun.
        """
        self.stop()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                mounts = (process / "mountinfo").read_text().splitlines()
                root = next((line for line in mounts if line.split()[4] == "/"), "")
                if f"{self.folder}/" in (process / "cmdline").read_text(errors="replace") + root:
                    os.kill(int(process.name), signal.SIGKILL)
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for mount in reversed([mount for mount in mounts if mount.startswith(f"{self.folder}/")]):
            subprocess.run(["umount", mount], check=True)
        shutil.rmtree(self.folder)


class Dockerd(Daemon):
    """A Docker daemon without networks, in a network namespace of its own: in the host's it would remove docker0."""

    def command(self) -> list[str]:
        """See `Daemon.command`."""
        folders = [f"--{name}={self.folder / name}" for name in ("data-root", "exec-root", "pidfile")]
        networks = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
        apart = [_program("unshare"), "--net", "--"]
        return [*apart, _program("dockerd"), f"--host={self.host}", *folders, *networks]

    def start(self) -> None:
        """See `Daemon.start`. A daemon that was killed leaves its containerd's number, which keeps a new one away."""
        pid_file = self.folder / "exec-root" / "containerd" / "containerd.pid"
        if pid_file.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid_file.read_text()), signal.SIGKILL)
            pid_file.unlink()
        super().start()


class Podman(Daemon):
    """Podman's service."""

    def command(self) -> list[str]:
        """See `Daemon.command`."""
        clamped = self.folder / "clamped"
        runtime = json.dumps(next(path for name in ("crun", "runc") if (path := shutil.which(name))))
        clamped.write_text(_CLAMPED.replace("RUNTIME", runtime))
        clamped.chmod(0o755)
        (self.folder / "containers.conf").write_text(
            '[containers]\ndefault_ulimits = []\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
            + ('runtime = "clamped"\n' if _is_limited() else "")
            + f'[engine.runtimes]\nclamped = ["{clamped}"]\n'
        )
        folders = [f"--{name}={self.folder / name}" for name in ("root", "runroot")]
        return [_program("podman"), *folders, "system", "service", "--time=0", self.host]

    def environment(self) -> Mapping[str, str]:
        """See `Daemon.environment`."""
        return {"CONTAINERS_CONF": str(self.folder / "containers.conf")}


def _is_limited() -> bool:
    """Whether even root may not raise its limits here."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 1 << 20


def _program(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert path is not None, f"expected the program {name}, found none: .ci/run installs it"
    return path
