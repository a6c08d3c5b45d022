"""Cases of what a sandbox can't reach."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import tempfile
from pathlib import Path

from ..sandbox.base import Engine, Image, Sandbox
from .case import LIMITS, TIMEOUT_S, Cases, equal, expect, output, rare_number, running, sh

cases = Cases()


@cases.in_sandbox
def no_network(box: Sandbox) -> None:
    """There is the loopback interface, it works, and no way out."""
    equal(output(box, "tail -n +3 /proc/net/dev | cut -d: -f1; tail -n +2 /proc/net/route").split(), ["lo"])
    output(box, "perl -MIO::Socket::INET -e '" + _LOOPBACK + "'")
    script = 'exit(!IO::Socket::INET->new(PeerAddr => "192.0.2.1", PeerPort => 80, Timeout => 20))'
    expect(sh(box, f"perl -MIO::Socket::INET -e '{script}'").exit_code != 0, "no connection to the world")


_LOOPBACK = """
my $server = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die "listen: $@";
my $client = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $server->sockport) or die "connect: $@";
"""


@cases.add
def no_host_environment(engine: Engine, image: Image) -> None:
    """No variable of the host's environment reaches a sandbox."""
    secret = secrets.token_hex(8)
    os.environ["TERMIGEN_CONFORMANCE"] = secret
    try:
        with engine.start(image, LIMITS) as box:
            expect(secret not in box.exec(["env"], timeout_s=TIMEOUT_S).text, "no host variable in a command")
            found = sh(box, f"grep -la {secret} /proc/[0-9]*/environ 2>/dev/null", user=0)
            equal(found.text, "", "processes inside with a host variable")
    finally:
        del os.environ["TERMIGEN_CONFORMANCE"]


@cases.in_sandbox
def no_host_name(box: Sandbox) -> None:
    """The host's name is not told, and the sandbox knows its own."""
    name = output(box, "cat /proc/sys/kernel/hostname").strip()
    expect(name != socket.gethostname(), "another name than the host's")
    equal(output(box, "cat /etc/hostname").strip(), name)
    expect(name in output(box, "cat /etc/hosts").split(), "the name in /etc/hosts")


@cases.in_sandbox
def no_host_files(box: Sandbox) -> None:
    """No folder of the host is there."""
    for path in (tempfile.gettempdir(), str(Path.home())):
        with tempfile.NamedTemporaryFile(dir=path) as file:
            name = Path(file.name).name
            equal(output(box, f"find / -xdev -name {name} 2>/dev/null || true", user=0), "")
            expect(sh(box, f"test -e {file.name}", user=0).exit_code != 0, f"no {file.name} inside")


@cases.in_sandbox
def no_host_processes(box: Sandbox) -> None:
    """No process of the host is seen."""
    nap = rare_number()
    with subprocess.Popen(["sleep", nap]) as process:
        try:
            equal(running(box, nap), 0)
        finally:
            process.kill()


@cases.in_sandbox
def confinement(box: Sandbox) -> None:
    """Root inside can't mount, make devices or namespaces, or reach the kernel's settings."""
    for script in (
        "mount -t tmpfs none /mnt",
        "mknod /tmp/disk b 8 0",
        "unshare --net true",
        "test -w /proc/sys/kernel/core_pattern",
        "test -w /proc/sysrq-trigger",
        "test -r /proc/kcore && head -c 1 /proc/kcore",
    ):
        expect(sh(box, script, user=0).exit_code != 0, f"{script!r} to fail as root")
