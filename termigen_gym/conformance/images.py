"""Cases of `Engine.build`, and of the image as a sandbox shows it."""

from __future__ import annotations

import dataclasses
import secrets

from ..errors import BuildError, SandboxError
from ..sandbox.base import Engine, Image, Sandbox
from ..sandbox.images import BASE
from .case import LIMITS, TIMEOUT_S, Cases, equal, eventually, expect, output, raises, rare_number, running
from .image import SEEDED, UID, build_context
from .typed import typed_shell

cases = Cases()


@cases.add
def declared(engine: Engine, image: Image) -> None:
    """The image says its WORKDIR, ENV, USER and ENTRYPOINT."""
    equal(image.workdir, "/work/a b")
    equal(image.user, "player")
    equal(image.entrypoint, ("/opt/bin/entrypoint", "an argument"))
    equal(image.env.get("GREETING"), "hello, world")
    expect(image.env.get("PATH", "").startswith("/opt/bin:"), "the image's PATH")


@cases.in_sandbox
def entrypoint(box: Sandbox) -> None:
    """The ENTRYPOINT has run, as USER, in WORKDIR and with ENV, before the sandbox is handed out."""
    equal(box.read("/tmp/entrypoint"), f"{UID}|/work/a b|hello, world|an argument|".encode())


@cases.add
def failing_entrypoint(engine: Engine, image: Image) -> None:
    """An ENTRYPOINT that fails is an error that shows what it said, and leaves no sandbox."""
    recipe = f'FROM {BASE}\nENTRYPOINT ["/bin/sh", "-c", "echo out of luck; exit 7"]\n'
    with build_context({"Dockerfile": recipe}) as source:
        built = engine.build(source)
    with raises(SandboxError, "an entrypoint that fails") as found, engine.start(built, LIMITS) as box:
        box.exec(["true"], timeout_s=TIMEOUT_S)
    expect("out of luck" in str(found[0]), f"the entrypoint's output in {str(found[0])!r}")


@cases.in_sandbox
def untouched_tree(box: Sandbox) -> None:
    """What the image has in /tmp, /root, /var/log, /opt, /solution, /home and /mnt is there."""
    for path in SEEDED:
        equal(box.read(path), f"{path} of the image\n".encode())
    equal(output(box, "ls -A /tmp /solution", user=0).split(), ["/solution:", "seed", "/tmp:", "entrypoint", "seed"])
    equal(output(box, "stat -c %a /tmp"), "1777\n")


@cases.in_sandbox
def usual_devices(box: Sandbox) -> None:
    """The usual devices and file systems are there."""
    output(
        box,
        "for d in null zero full random urandom tty ptmx fd/0 stdin stdout stderr; do [ -e /dev/$d ] || exit 1; done",
    )
    output(
        box,
        "echo x >/dev/null && head -c 8 /dev/urandom >/dev/shm/file && [ -r /proc/self/status ]",
    )


@cases.add
def started_environment(engine: Engine, image: Image) -> None:
    """Variables given at the start are there for every command and shell, over the image's."""
    with engine.start(image, LIMITS, env={"GIVEN": "a b", "GREETING": "hi"}) as box:
        equal(output(box, 'echo "$GIVEN|$GREETING"'), "a b|hi\n")
        with typed_shell(box) as shell:
            shell.type('echo "[$GIVEN|$GREETING]"')
            shell.await_output("[a b|hi]")


@cases.add
def fresh(engine: Engine, image: Image) -> None:
    """Every sandbox begins as the image, whatever went on in another."""
    with engine.start(image, LIMITS) as first:
        output(first, "echo changed >/opt/seed; rm -rf /var/log/seed; echo new >/etc/new", user=0)
    with engine.start(image, LIMITS) as second:
        equal(second.read("/opt/seed"), b"/opt/seed of the image\n")
        equal(second.read("/var/log/seed"), b"/var/log/seed of the image\n")
        equal(second.read("/etc/new"), None)


@cases.add
def apart(engine: Engine, image: Image) -> None:
    """Two sandboxes at once see neither files nor processes of each other."""
    nap = rare_number()
    with engine.start(image, LIMITS) as one, engine.start(image, LIMITS) as other:
        output(one, f"echo here >/tmp/mine; sleep {nap} >/dev/null 2>&1 &")
        equal((one.read("/tmp/mine"), other.read("/tmp/mine")), (b"here\n", None))
        eventually(lambda: running(one, nap) == 1, "the command running")
        equal(running(other, nap), 0)
        other.kill_processes()
        equal(running(one, nap), 1)


@cases.add
def built_once(engine: Engine, image: Image) -> None:
    """The same context is built once; its second build is the same image, unless a fresh one is asked for."""
    with build_context({"Dockerfile": f"FROM {BASE}\nRUN date +%s%N >/stamp\n"}) as source:
        first, second = engine.build(source), engine.build(source)
        third = engine.build(dataclasses.replace(source, fresh=True))
    equal(first, second)
    expect(third.id != first.id, "another image from a fresh build")


@cases.add
def broken_build(engine: Engine, image: Image) -> None:
    """A build that fails is a BuildError with the step and its last lines."""
    recipe = f"FROM {BASE}\nRUN echo fine\nRUN for i in $(seq 100); do echo line $i; done; exit 9\n"
    with build_context({"Dockerfile": recipe}) as source, raises(BuildError, "a failing step") as found:
        engine.build(source)
    expect("exit 9" in str(found[0]), f"the step in {str(found[0])!r}")
    expect("line 100" in str(found[0]), f"its last lines in {str(found[0])!r}")
    expect("line 5\n" not in str(found[0]), "no more than its last lines")


@cases.add
def impossible_builds(engine: Engine, image: Image) -> None:
    """A Dockerfile that can't be read, a base that can't be had and a lacking file are BuildErrors."""
    for recipe in (
        "FROM\nNONSENSE x\n",
        f"FROM localhost/no-such-image-{rare_number()}\n",
        f"FROM {BASE}\nCOPY lacking /\n",
    ):
        with build_context({"Dockerfile": recipe}) as source, raises(BuildError, repr(recipe)):
            engine.build(source)


@cases.add
def late_build(engine: Engine, image: Image) -> None:
    """A build that takes too long is a BuildError, and can be had later."""
    recipe = f"FROM {BASE}\nRUN echo {secrets.token_hex(8)}; sleep 1000\n"
    with build_context({"Dockerfile": recipe}, timeout_s=3) as source, raises(BuildError, "a build out of time"):
        engine.build(source)
