"""Talks that do harm; each has a sandbox of its own."""

from __future__ import annotations

from ..sandbox.base import Limits
from .talk import Talk, does, like, outlives

_SMALL = Limits(cpus=1, memory_mb=128, storage_mb=32, pids=64)

TALKS = (
    Talk(
        "broken_ls",
        "A broken /bin/ls is the agent's own matter.",
        (does("printf '#!/bin/sh\\nexit 9\\n' >/bin/ls; ls", "", 9),),
        limits=_SMALL,
    ),
    Talk(
        "no_commands",
        "Without any program the shell works on.",
        (
            does("rm -rf /usr/bin /usr/sbin /bin /sbin", like(".*")),
            does("ls", like("bash: .*\n"), 127),
            does("echo on", "on\n"),
        ),
        limits=_SMALL,
    ),
    Talk(
        "no_tmp",
        "Without /tmp heredocs still work.",
        (does("rm -rf /tmp /var/tmp"), does("cat <<EOF\na\nEOF", "a\n")),
        limits=_SMALL,
    ),
    Talk(
        "read_only",
        "Where nothing can be written the shell works on.",
        (
            does("chmod -R a-w /tmp /root; echo x >/proc/version", like("bash: .*\n"), 1),
            does("cat <<EOF\na\nEOF", "a\n"),
        ),
        limits=_SMALL,
    ),
    Talk(
        "no_passwd",
        "Without /etc/passwd the shell works on.",
        (does("rm -f /etc/passwd /etc/group"), does("whoami", like("whoami: .*\n"), 1)),
        limits=_SMALL,
    ),
    Talk(
        "no_dev_tty",
        "Without /dev/tty the shell works on.",
        (does("rm -f /dev/tty || :", like(".*")), does("echo a", "a\n"), does("(exit 3)", "", 3)),
        limits=_SMALL,
    ),
    Talk(
        "the_clock",
        "A set clock, where it may be set, or a faked one, changes nothing.",
        (
            does("date -s 2001-01-01 2>/dev/null; echo on", like(".*on\n")),
            does("SECONDS=100000; EPOCHSECONDS=0; echo on", "on\n"),
        ),
        limits=_SMALL,
    ),
    Talk(
        "a_fork_bomb",
        "A fork bomb is a matter of the sandbox: the terminal answers until the time limit.",
        (outlives(":(){ :|:& };:", like(".*"), timeout_s=1.0),),
        limits=_SMALL,
    ),
    Talk(
        "memory",
        "A program beyond the cap of memory is killed or fails, and the shell works on.",
        (does("perl -e 'my @x; push @x, \"x\" x 1048576 while 1' || echo failed", like(".*failed\n")),),
        limits=_SMALL,
    ),
    Talk(
        "disk",
        "A file beyond the cap of the disk fails, and the shell works on.",
        (
            does("! head -c 100M /dev/zero >/opt/big", like("head: .*\n|File size limit exceeded.*\n")),
            does("rm /opt/big"),
            does("echo on", "on\n"),
        ),
        limits=_SMALL,
    ),
)
