"""Cases of `Sandbox.open_shell`."""

from __future__ import annotations

import re

from ..errors import SandboxError
from ..sandbox.base import Engine, Image, Sandbox
from ..sandbox.images import BASE
from .case import LIMITS, Cases, equal, eventually, expect, output, raises, rare_number, running
from .image import UID, build_context
from .typed import typed_shell

cases = Cases()


@cases.in_sandbox
def shell_runs_a_line(box: Sandbox) -> None:
    """A shell is an interactive bash on a terminal of 80 x 24, as the image's user in its WORKDIR with its ENV."""
    with typed_shell(box) as shell:
        shell.type('echo "[$(id -u)|$PWD|$GREETING|$(stty size)|$(tty)|${BASH_VERSION:+bash}|${-//[^i]/}|$OLDPWD]"')
        shell.await_output(f"[{UID}|/work/a b|hello, world|24 80|/dev/pts/")
        shell.await_output("|bash|i|]")


@cases.in_sandbox
def shell_options(box: Sandbox) -> None:
    """A shell takes a user, a directory and variables; a directory that is gone becomes /."""
    with typed_shell(box, user="root", cwd="/var/log", env={"ADDED": "x y"}) as shell:
        shell.type('echo "[$(id -u)|$PWD|$ADDED]"')
        shell.await_output("[0|/var/log|x y]")
    with typed_shell(box, cwd="/gone") as shell:
        shell.type('echo "[$PWD]"')
        shell.await_output("[/]")


@cases.in_sandbox
def shell_keys(box: Sandbox) -> None:
    """Keys work: C-c interrupts the foreground program, C-d ends the input."""
    nap = rare_number()
    with typed_shell(box) as shell:
        shell.type(f"sleep {nap}")
        eventually(lambda: running(box, nap) == 1, "the command running")
        shell.interrupt()
        shell.type('echo "[$?]"')
        shell.await_output("[130]")
        shell.type("cat -u; echo '[after'" + "' cat]'")
        eventually(lambda: running(box, "-u") == 1, "cat running")
        shell.write(b"typed\n\x04")
        shell.await_output("[after cat]")


@cases.in_sandbox
def shell_ends(box: Sandbox) -> None:
    """When the shell exits its stream ends; the sandbox stays."""
    with typed_shell(box) as shell:
        shell.type("exit")
        shell.await_end()
    expect(box.alive(), "the sandbox alive")


@cases.in_sandbox
def shell_hangs_up(box: Sandbox) -> None:
    """Closing a shell ends it and its foreground job; what it left in a session of its own stays."""
    nap, server = rare_number(), rare_number()
    with typed_shell(box) as shell:
        shell.type(f"setsid sleep {server} >/dev/null 2>&1 & sleep {nap}")
        eventually(lambda: running(box, nap) + running(box, server) == 2, "both commands running")
    eventually(lambda: running(box, nap) == 0, "the foreground job gone")
    eventually(lambda: "bash\n" not in output(box, "cat /proc/[0-9]*/comm", user=0), "the shell gone")
    equal(running(box, server), 1)


@cases.in_sandbox
def shell_input(box: Sandbox) -> None:
    """A program that reads the terminal is seen to wait, where the engine can tell; one that does not read is not."""
    nap = rare_number()
    with typed_shell(box) as shell:
        # Right after it has opened, the shell itself sleeps in a read: where that is not seen, nothing will be.
        tells = shell.shell.waiting() is not None
        shell.type("cat -u")
        eventually(lambda: running(box, "-u") == 1, "cat running")
        shell.write(b"typed\n")
        shell.await_output("typed\r\ntyped")
        eventually(lambda: tells is False or shell.shell.waiting() is not None, "a wait for input")
        shell.interrupt()
        shell.type(f"sleep {nap}")
        eventually(lambda: running(box, nap) == 1, "the command running")
        expect(shell.shell.waiting() is None, "no wait for input")


@cases.in_sandbox
def shell_big_output(box: Sandbox) -> None:
    """A shell's output comes whole and in order, however much it is."""
    with typed_shell(box) as shell:
        shell.type("for i in $(seq 60000); do echo row $i; done; echo '[do''ne]'")
        text = shell.await_output("[done]")
    rows = re.findall(r"row (\d+)\r\n", text)
    expect(rows == [str(i) for i in range(1, 60_001)], f"60000 rows in order, not {len(rows)}")


@cases.in_sandbox
def two_shells(box: Sandbox) -> None:
    """Two shells of one sandbox have terminals of their own and the same files and processes."""
    with typed_shell(box) as one, typed_shell(box) as other:
        one.type("echo from one >/tmp/shared; echo '[wri''tten]'")
        one.await_output("[written]")
        other.type('echo "[$(cat /tmp/shared)]"')
        other.await_output("[from one]")


@cases.add
def no_bash(engine: Engine, image: Image) -> None:
    """A shell where the image has no bash is an error that says so."""
    with build_context({"Dockerfile": f"FROM {BASE}\nRUN rm -f /bin/bash /usr/bin/bash\n"}) as source:
        built = engine.build(source)
    with engine.start(built, LIMITS) as box:
        with raises(SandboxError, "a shell without bash") as found:
            box.open_shell(env={})
        expect("bash" in str(found[0]), f"bash named in {str(found[0])!r}")
        equal(output(box, "echo alive"), "alive\n")
