"""Cases of a sandbox's life and end."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import SandboxDied, SandboxError
from ..sandbox.base import Engine, Image, Sandbox, pack
from ..task import TreeFile
from .case import LIMITS, TIMEOUT_S, Cases, equal, eventually, expect, output, raises, rare_number, running, sh
from .image import UID
from .typed import typed_shell

cases = Cases()


@cases.in_sandbox
def kill_processes(box: Sandbox) -> None:
    """kill_processes ends what runs, as whatever user and in whatever session; the sandbox and its files stay."""
    nap = rare_number()
    for user in (0, UID, "77:77"):
        output(
            box,
            f"echo {nap} >>/tmp/naps; chmod 666 /tmp/naps; trap '' TERM HUP; "
            f"setsid sleep {nap} >/dev/null 2>&1 & sleep {nap} >/dev/null 2>&1 &",
            user=user,
        )
    eventually(lambda: running(box, nap) == 6, "all of them running")
    with typed_shell(box) as shell:
        shell.type(f"trap '' HUP TERM; sleep {nap}")
        eventually(lambda: running(box, nap) == 7, "the shell's command running")
        box.kill_processes()
        equal(running(box, nap), 0)
        shell.await_end()
    equal((box.alive(), box.read("/tmp/naps")), (True, f"{nap}\n".encode() * 3))
    box.kill_processes()
    equal(output(box, "echo alive"), "alive\n")


@cases.in_sandbox
def suicide(box: Sandbox) -> None:
    """Nothing that root inside kills ends the sandbox."""
    sh(box, "kill -9 -1; kill -9 1; kill -TERM 1", user=0)
    sh(
        box,
        "for p in /proc/[0-9]*; do p=${p#/proc/}; [ $p = $$ ] || kill -STOP $p || kill -KILL $p; done; kill -9 $$",
        user=0,
    )
    expect(box.alive(), "the sandbox alive")
    equal(output(box, "echo alive"), "alive\n")


@cases.add
def stoppers(engine: Engine, image: Image) -> None:
    """What stops all that is started inside holds up no other sandbox, and kill_processes ends it."""
    stopper = "while :; do kill -STOP -1; done"
    with engine.start(image, LIMITS) as box, engine.start(image, LIMITS) as other:
        output(box, f"echo begun >/tmp/begun; (sleep 0.2; {stopper}) >/dev/null 2>&1 &", user=0)
        eventually(lambda: sh(box, "sleep 0.1", timeout_s=1).exit_code is None, "a command stopped")
        equal(output(other, "echo untouched"), "untouched\n")
        box.kill_processes()
        equal(output(box, "cat /tmp/begun"), "begun\n")
        with typed_shell(box) as shell:
            shell.type("exit")
            shell.await_end()


@cases.add
def stop(engine: Engine, image: Image) -> None:
    """A stopped sandbox is not alive, can be stopped again, and every verb says that it is gone."""
    box = engine.start(image, LIMITS)
    equal(box.alive(), True)
    shell = box.open_shell(env={})
    box.stop()
    box.stop()
    equal(box.alive(), False)
    verbs: dict[str, Callable[[], object]] = {
        "exec": lambda: box.exec(["true"], timeout_s=TIMEOUT_S),
        "put": lambda: box.put(pack({"tmp/x": TreeFile(b"")})),
        "read": lambda: box.read("/etc/passwd"),
        "open_shell": lambda: box.open_shell(env={}),
        "kill_processes": box.kill_processes,
    }
    for name, verb in verbs.items():
        with raises(SandboxDied, f"{name} on a stopped sandbox"):
            verb()
    shell.close()


@cases.add
def leaving(engine: Engine, image: Image) -> None:
    """A sandbox is stopped when its `with` block is left."""
    with engine.start(image, LIMITS) as box:
        equal(box.alive(), True)
    equal(box.alive(), False)


@cases.in_sandbox
def stopped_meanwhile(box: Sandbox) -> None:
    """A sandbox that goes away while a command runs is an error, not a result."""
    box.exec(["true"], timeout_s=TIMEOUT_S)
    timer = threading.Timer(1, box.stop)
    timer.start()
    try:
        with raises(SandboxError, "the end of the sandbox"):
            box.exec(["sleep", "1000"], timeout_s=TIMEOUT_S)
    finally:
        timer.join()


@cases.add
def sweep_spares_the_living(engine: Engine, image: Image) -> None:
    """A sweep leaves the sandboxes of living owners alone."""
    with engine.start(image, LIMITS) as box:
        engine.sweep()
        equal(box.alive(), True)
