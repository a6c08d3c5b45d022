"""Cases of `Sandbox.exec_apart`; an engine that can't do it says so, and they show nothing."""

from __future__ import annotations

from ..sandbox.base import ExecResult, Sandbox, pack
from ..task import TreeFile
from .case import TIMEOUT_S, Cases, equal, expect, output
from .image import UID

cases = Cases()

_HIDDEN = ("/tests", "/logs/verifier")
_REWARD = "/logs/verifier/reward.txt"
Apart = tuple[ExecResult, dict[str, bytes | None]]


def _run(box: Sandbox, script: str, *, user: str | int | None = 0, timeout_s: float = TIMEOUT_S) -> Apart | None:
    archive = pack({"/tests/test.sh": TreeFile(script.encode())}, {"/logs/verifier": 0o777})
    argv = ["bash", "/tests/test.sh"]
    return box.exec_apart(
        argv, archive, hidden=_HIDDEN, read=(_REWARD, "/none"), timeout_s=timeout_s, user=user, env={"EXTRA": "set"}
    )


@cases.in_sandbox
def apart_has_its_own(box: Sandbox) -> None:
    """It sees the tree live, in place of the hidden folders what it was given, and what it leaves there is read."""
    output(
        box, "mkdir -p /tests /logs/verifier /logs/agent; echo planted | tee /tests/x /logs/verifier/reward.txt", user=0
    )
    output(box, "echo seen >/logs/agent/log; echo top >/top; ln -s /opt /link", user=0)
    done = _run(
        box,
        "ls /tests /logs/verifier; cat /logs/agent/log /top /link/seed; id -u; pwd; echo $GREETING $EXTRA; "
        "echo 1 >/opt/made; "
        f"echo mine >{_REWARD}; exit 7",
    )
    if done is None:
        return
    result, found = done
    said = "/logs/verifier:\n\n/tests:\ntest.sh\nseen\ntop\n/opt/seed of the image\n0\n/work/a b\nhello, world set\n"
    equal((result.exit_code, result.text), (7, said))
    equal(found, {_REWARD: b"mine\n", "/none": None})
    equal(
        output(box, "cat /opt/made /tests/x /logs/verifier/reward.txt; ls /tests", user=0), "1\nplanted\nplanted\nx\n"
    )


@cases.in_sandbox
def apart_from_root(box: Sandbox) -> None:
    """Root beside it can neither see nor change its files, trace it, nor take its folders from under it."""
    attacks = (
        "for p in /proc/[0-9]*; do "
        "for f in root/tests/secret cwd/secret environ mem exe root/logs/verifier/reward.txt; do "
        "cat $p/$f; echo 9 >$p/$f; ls $p/cwd/ $p/fd/; done; done >/tmp/stolen 2>/dev/null; "
        "rm -rf /tests /logs; mkdir -p /logs/verifier; ln -s /opt /tests; echo 9 >/logs/verifier/reward.txt"
    )
    output(box, f"(while :; do {attacks}; done) >/dev/null 2>&1 & sleep 0.3", user=0)
    done = _run(
        box,
        "cd /tests; echo SECRET >secret; export WORD=SECRET; echo 1 >/logs/verifier/reward.txt; sleep 2; "
        "ls /tests; cat /tests/secret /logs/verifier/reward.txt",
    )
    if done is None:
        return
    result, found = done
    equal((result.exit_code, result.text, found[_REWARD]), (0, "secret\ntest.sh\nSECRET\n1\n", b"1\n"))
    expect("SECRET" not in output(box, "cat /tmp/stolen", user=0), "nothing of it to be seen")


@cases.in_sandbox
def apart_from_links(box: Sandbox) -> None:
    """Links that others put where its folders will be lead nowhere."""
    output(box, "rm -rf /logs; mkdir /trap; ln -s /trap /logs; ln -s /trap /tests", user=0)
    done = _run(box, f"echo 1 >{_REWARD}; echo /tests/* /trap/*")
    if done is not None:
        equal((done[0].text, done[1][_REWARD]), ("/tests/test.sh /trap/*\n", b"1\n"))
        equal(output(box, "ls /trap"), "")


@cases.in_sandbox
def apart_beside_the_living(box: Sandbox) -> None:
    """It meets the programs that run inside: by network, by files that they write, and by their numbers."""
    live = "perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => q(127.0.0.1:8123)); "
    live += "open F, q(>), q(/tmp/pid); print F $$; close F; "
    live += "while (my $c = $s->accept) { print $c qq(served\\n); close $c }'"
    output(box, f"{live} >/dev/null 2>&1 & until [ -s /tmp/pid ]; do :; done", user=0)
    done = _run(
        box,
        "kill -0 $(cat /tmp/pid); echo $?; exec 3<>/dev/tcp/127.0.0.1/8123; cat <&3; ls -l /proc/$(cat /tmp/pid)/exe",
    )
    if done is not None:
        equal(done[0].text.splitlines()[:2], ["0", "served"])
        expect("perl" in done[0].text.splitlines()[-1], "the other program to be looked at")


@cases.in_sandbox
def apart_ends(box: Sandbox) -> None:
    """What outlives its time is killed with all that it started; a signal is 128 and its number."""
    done = _run(box, f"echo 1 >{_REWARD}; sleep 4321 & echo begun; sleep 4321", timeout_s=1.0)
    if done is None:
        return
    equal((done[0].exit_code, done[0].text), (None, "begun\n"))
    found = output(box, "grep -l '432[1]' /proc/[0-9]*/cmdline 2>/dev/null || true")
    equal(found, "", "what it had started")
    killed = _run(box, "kill -9 $$")
    expect(killed is not None and killed[0].exit_code == 137, "exit code 137")


@cases.in_sandbox
def apart_is_confined(box: Sandbox) -> None:
    """It may do no more than any program inside: neither mount, nor make devices, nor take more memory."""
    script = "mount -t tmpfs none /mnt && echo mounted; mknod /opt/sda b 8 0 && echo made; "
    done = _run(box, script + "perl -e '$x = q(x) x 700e6; print length $x'; echo end")
    if done is not None:
        lines = done[0].text.splitlines()
        equal(lines[-1], "end")
        expect(not {"mounted", "made", "700000000end"} & set(lines), f"neither of them, not {lines}")


@cases.in_sandbox
def apart_as_a_user(box: Sandbox) -> None:
    """It runs as the user that is asked for, whose folder for results is its own."""
    done = _run(box, f"id -u; echo 0.5 >{_REWARD}", user="player")
    if done is not None:
        equal((done[0].text, done[1][_REWARD]), (f"{UID}\n", b"0.5\n"))
