"""Cases of `Sandbox.exec`."""

from __future__ import annotations

from ..errors import SandboxError
from ..sandbox.base import OUTPUT_LIMIT, ExecResult, Sandbox
from .case import MIB, TIMEOUT_S, Cases, equal, eventually, expect, output, raises, rare_number, running, sh
from .image import UID

cases = Cases()


@cases.in_sandbox
def exit_codes(box: Sandbox) -> None:
    """A command's exit code comes back as it is."""
    for code in (0, 1, 3, 125, 255):
        equal(sh(box, f"exit {code}").exit_code, code)


@cases.in_sandbox
def signals(box: Sandbox) -> None:
    """A command ended by signal N has exit code 128 + N."""
    for name, number in (("HUP", 1), ("KILL", 9), ("SEGV", 11), ("TERM", 15)):
        equal(sh(box, f"kill -{name} $$; sleep 10").exit_code, 128 + number, name)


@cases.in_sandbox
def missing_program(box: Sandbox) -> None:
    """A program that does not exist is a result with exit code 127."""
    for program in ("no-such-program", "/no/such/program", "/etc/passwd/program"):
        equal(box.exec([program], timeout_s=TIMEOUT_S).exit_code, 127, program)


@cases.in_sandbox
def refused_program(box: Sandbox) -> None:
    """A program that may not be run is a result with exit code 126."""
    for program in ("/etc/passwd", "/etc"):
        equal(box.exec([program], timeout_s=TIMEOUT_S).exit_code, 126, program)


@cases.in_sandbox
def empty_input(box: Sandbox) -> None:
    """Standard input is at its end."""
    equal(box.exec(["cat"], timeout_s=TIMEOUT_S), ExecResult(0, b""))
    equal(output(box, "read line; echo $?"), "1\n")


@cases.in_sandbox
def no_terminal(box: Sandbox) -> None:
    """A command has no terminal."""
    equal(output(box, "for fd in 0 1 2; do [ -t $fd ] && echo $fd; done; true"), "")
    expect(sh(box, "true </dev/tty").exit_code != 0, "/dev/tty not to open")


@cases.in_sandbox
def interleaving(box: Sandbox) -> None:
    """Standard output and standard error come in the order in which they were written."""
    script = "i=0; while [ $i -lt 200 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done"
    equal(output(box, script), "".join(f"out {i}\nerr {i}\n" for i in range(200)))


@cases.in_sandbox
def bounded_output(box: Sandbox) -> None:
    """Of a long output the first OUTPUT_LIMIT bytes are kept, and the command still runs to its end."""
    size = OUTPUT_LIMIT + 3 * MIB
    result = sh(box, f"head -c {size} /dev/zero; echo end >/tmp/end")
    equal((result.exit_code, len(result.output), result.truncated), (0, OUTPUT_LIMIT, True))
    equal(box.read("/tmp/end"), b"end\n")


@cases.in_sandbox
def full_output(box: Sandbox) -> None:
    """An output of exactly OUTPUT_LIMIT bytes is whole."""
    result = sh(box, f"head -c {OUTPUT_LIMIT} /dev/zero")
    equal((result.exit_code, len(result.output), result.truncated), (0, OUTPUT_LIMIT, False))


@cases.in_sandbox
def any_bytes(box: Sandbox) -> None:
    """Output is bytes: NUL, carriage returns and invalid UTF-8 come back, and `text` replaces what is no text."""
    result = sh(box, r"printf 'a\000b\r\n\377\376\303\251'")
    equal(result.output, b"a\x00b\r\n\xff\xfe\xc3\xa9")
    equal(result.text, "a\x00b\r\n��é")


@cases.in_sandbox
def time_limit(box: Sandbox) -> None:
    """When the time is spent the command ends, has no exit code, and what it wrote is kept."""
    result = sh(box, "echo before; sleep 1000; echo after", timeout_s=1)
    equal((result.exit_code, result.timed_out, result.output), (None, True, b"before\n"))


@cases.in_sandbox
def time_limit_on_silence(box: Sandbox) -> None:
    """A command that closed its output is waited for, and the time limit holds for it."""
    equal(sh(box, "exec >/dev/null 2>&1; sleep 0.3; exit 5").exit_code, 5)
    equal(sh(box, "exec >/dev/null 2>&1; sleep 1000", timeout_s=1).exit_code, None)


@cases.in_sandbox
def time_limit_kills_all(box: Sandbox) -> None:
    """The time limit kills all that the command started: other sessions, orphans, whatever ignores signals."""
    nap = rare_number()
    script = f"""
        trap '' TERM HUP INT
        sleep {nap} &
        setsid sleep {nap} &
        (setsid sh -c 'sleep {nap} & sleep {nap} & wait' &)
        (env -i setsid sleep {nap} >/dev/null 2>&1 &)
        sleep {nap}"""
    equal(sh(box, script, timeout_s=2).exit_code, None)
    eventually(lambda: running(box, nap) == 0, "nothing of the command left")


@cases.in_sandbox
def time_limit_spares_others(box: Sandbox) -> None:
    """The time limit of one command leaves what others started alone."""
    nap = rare_number()
    output(box, f"setsid sleep {nap} >/dev/null 2>&1 &")
    eventually(lambda: running(box, nap) == 1, "the other's command running")
    equal(sh(box, "sleep 1000", timeout_s=1).exit_code, None)
    equal(running(box, nap), 1)


@cases.in_sandbox
def background_survives(box: Sandbox) -> None:
    """What a finished command left in the background runs on."""
    nap = rare_number()
    output(box, f"sleep {nap} >/dev/null 2>&1 & setsid sleep {nap} >/dev/null 2>&1 &")
    eventually(lambda: running(box, nap) == 2, "both running")


@cases.in_sandbox
def users(box: Sandbox) -> None:
    """A command runs as the image's USER, or as the name, uid or uid:gid asked for."""
    for user, expected in (
        (None, f"{UID}:{UID}"),
        ("root", "0:0"),
        (0, "0:0"),
        ("player", f"{UID}:{UID}"),
        (UID, f"{UID}:{UID}"),
        (str(UID), f"{UID}:{UID}"),
        ("4321:8765", "4321:8765"),
        ("player:0", f"{UID}:0"),
    ):
        equal(output(box, "echo $(id -u):$(id -g)", user=user), f"{expected}\n", f"user {user!r}")


@cases.in_sandbox
def unknown_user(box: Sandbox) -> None:
    """A user that the image lacks is an error, not a result."""
    with raises(SandboxError, "an unknown user"):
        box.exec(["true"], timeout_s=TIMEOUT_S, user="nobody-of-that-name")


@cases.in_sandbox
def directories(box: Sandbox) -> None:
    """A command runs in the image's WORKDIR, in "/" where that is gone, or in the directory asked for."""
    equal(box.exec(["pwd"], timeout_s=TIMEOUT_S).text, "/work/a b\n")
    equal(box.exec(["pwd"], timeout_s=TIMEOUT_S, cwd="/var/log").text, "/var/log\n")
    output(box, "rm -r /work", user=0)
    equal(box.exec(["pwd"], timeout_s=TIMEOUT_S).text, "/\n")
    equal(box.exec(["pwd"], timeout_s=TIMEOUT_S, clean_env=True).text, "/\n")


@cases.in_sandbox
def environment(box: Sandbox) -> None:
    """A command has the image's ENV, and what is added to it wins."""
    result = box.exec(["env"], timeout_s=TIMEOUT_S, env={"ADDED": "a 'b' \"c\" $d", "GREETING": "bye"})
    lines = set(result.text.splitlines())
    for line in ("ADDED=a 'b' \"c\" $d", "GREETING=bye"):
        expect(line in lines, f"{line} in the environment")
    expect(any(line.startswith("PATH=/opt/bin:") for line in lines), "the image's PATH in the environment")
    equal(output(box, 'echo "$GREETING"'), "hello, world\n")


@cases.in_sandbox
def clean_environment(box: Sandbox) -> None:
    """With clean_env a command has the variables asked for and no other; its program is still found."""
    env = {"ONE": "1\n2", "TWO WORDS": "$x 'y'", "EMPTY": ""}
    result = box.exec(["env", "-0"], timeout_s=TIMEOUT_S, env=env, clean_env=True)
    equal(sorted(result.text.split("\0")), sorted(["", *(f"{key}={value}" for key, value in env.items())]))
    equal(box.exec(["env"], timeout_s=TIMEOUT_S, clean_env=True), ExecResult(0, b""))
    for program, code in (("no-such-program", 127), ("/etc/passwd", 126)):
        equal(box.exec([program], timeout_s=TIMEOUT_S, clean_env=True).exit_code, code, program)


@cases.in_sandbox
def arguments(box: Sandbox) -> None:
    """Arguments arrive as they are; no shell reads them."""
    argv = ["a b", "", "'", '"', "$HOME `id` $(id)", "line\nline", "\\", "*", "; exit 3", "-n", "é✓", "x" * 100_000]
    result = box.exec(["printf", r"%s\0", *argv], timeout_s=TIMEOUT_S)
    equal(result.text.split("\0"), [*argv, ""])


@cases.in_sandbox
def many_commands(box: Sandbox) -> None:
    """Commands leave nothing behind that would disturb the next."""
    for number in range(20):
        equal(box.exec(["echo", str(number)], timeout_s=TIMEOUT_S), ExecResult(0, f"{number}\n".encode()))
    equal(output(box, "grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null || true"), "", "zombies")


@cases.in_sandbox
def privileges(box: Sandbox) -> None:
    """Root inside can do what root of a container can: give files away, become another user, use set-uid programs."""
    output(box, "touch /tmp/file && chown player /tmp/file && chmod 4755 /tmp/file", user=0)
    equal(output(box, "su player -c 'id -u'", user=0), f"{UID}\n")
    equal(output(box, "grep NoNewPrivs /proc/self/status").split(), ["NoNewPrivs:", "0"])


@cases.in_sandbox
def no_signal_ignored(box: Sandbox) -> None:
    """A command begins with no signal ignored or blocked, whatever our own process does with its own."""
    found = output(box, "grep -E 'Sig(Blk|Ign)' /proc/self/status").split()
    equal(found[1::2], ["0" * 16] * 2, "signals blocked and ignored")
