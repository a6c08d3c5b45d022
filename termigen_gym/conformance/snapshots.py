"""Cases of `Sandbox.snapshot` and `Sandbox.restore`."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

from ..errors import SandboxDied, SandboxError
from ..sandbox.base import Engine, Image, Limits, Sandbox
from . import world
from .case import LIMITS, TIMEOUT_S, Cases, equal, eventually, expect, output, raises, rare_number, running, sh
from .image import SEEDED, UID
from .typed import typed_shell

cases = Cases()

_PLACES = "/opt /root /var/log /tmp /home/player /mnt /usr/share/doc"
# That much of a time every engine keeps.
_WHOLE_SECONDS = f"find {_PLACES} -exec touch -h -d @1000000000 {{}} +"
_TANGLE = f"""
set -e
cd /opt
echo one >one; ln one two; mkdir -p far/away; ln one far/away/three; echo run >tool; chmod 4751 tool; chown 77:88 tool
ln -s one link; ln -s /no/where dangling; ln -s far folder-link; mkfifo pipe; chown -h 5:6 link; chown {UID} far
mkdir -m 1777 sticky; mkdir -m 2750 inherits; touch inherits/empty; head -c 300000 /dev/urandom >big
perl -e 'for ("a\\nb", "\\xff\\xfe", " ", "-rf", "\\x27\\x22", "\\x24(id)", "n" x 255) {{
    open my $f, ">", $_ or die $!; print $f $_ }}'
perl -e 'chdir "/opt/far"; for (1..200) {{ mkdir "deep" or die $!; chdir "deep" or die $! }} open F, ">end" or die'
rm /mnt/seed; rm -r /usr/share/doc/*; rm /root/seed; mkdir -p /root/seed/now/a/folder
rm -r /var/log; mkdir /var/log; echo new >/var/log/new; rm -r /home/player; echo file >/home/player
echo more >>/tmp/seed; chmod 600 /tmp/seed; chown 9:9 /tmp/seed
{_WHOLE_SECONDS}
"""
_HAVOC = """
set -e
cd /opt
echo changed >>two; rm -r far; echo file >far; rm link; mkdir link; echo x >link/x; chmod 700 tool; chown 0 tool
ln -sf elsewhere dangling; rm pipe; touch pipe; rm -r sticky inherits; mv big small; rm -- *b; echo >added
mkdir -p /usr/share/doc/new; echo back >/mnt/seed; rm -r /root/seed; echo file >/root/seed; rm -r /var/log
ln -s /opt /var/log; rm /home/player; mkdir /home/player; rm /tmp/seed; mkdir /tmp/seed; touch /
"""


def _tree(box: Sandbox) -> str:
    """What there is to see of the tree: names, kinds, modes, owners, times, links, content."""
    facts = output(
        box,
        f"find {_PLACES} -type d -printf '%p %y %m %U:%G %T@\\n' -o -printf '%p %y %m %U:%G %T@ %n %l\\n' | sort; "
        f"find {_PLACES} -type f -exec sha256sum {{}} + | sort; find /opt -samefile /opt/one | sort",
        user=0,
    )
    expect("/opt/bin/entrypoint" in facts, "the image's files in the listing")
    return facts


@cases.in_sandbox
def snapshot_of_everything(box: Sandbox) -> None:
    """What was changed, added, deleted or replaced comes back exactly: content, kind, links, modes, owners, times."""
    output(box, f"touch /opt/one; {_WHOLE_SECONDS}", user=0)
    fresh, untouched = box.snapshot(), _tree(box)
    output(box, _TANGLE, user=0)
    tangled = _tree(box)
    expect(tangled != untouched, "the tangle to be seen")
    kept = box.snapshot()
    equal(_tree(box), tangled, "the tree after its snapshot")
    everything = "rm -rf /opt/* /usr/share /var/log"
    for harm, snapshot, expected in (
        (_HAVOC, kept, tangled),
        (everything, fresh, untouched),
        (everything, kept, tangled),
    ):
        output(box, harm, user=0)
        box.restore(snapshot)
        equal(_tree(box), expected, "the tree after a restore")


@cases.in_sandbox
def snapshot_of_hard_links(box: Sandbox) -> None:
    """Names of one file are names of one file again."""
    output(box, "cd /opt; echo a >one; ln one two; ln -s x soft; ln soft same", user=0)
    snapshot = box.snapshot()
    output(box, "cd /opt; rm one soft; echo b >one", user=0)
    box.restore(snapshot)
    equal(
        output(box, "cd /opt; cat two; stat -c %h one soft; cat /opt/bin/entrypoint | wc -l", user=0).split(),
        ["a", "2", "2", "4"],
    )


@cases.in_sandbox
def many_restores(box: Sandbox) -> None:
    """Snapshots are restored in any order, often, and after others were taken or closed."""
    snapshots = {}
    for name in "abc":
        output(box, f"echo {name} >>/tmp/log; rm -f /opt/seed", user=0)
        snapshots[name] = box.snapshot()
    for name, expected in (("b", "ab"), ("b", "ab"), ("a", "a"), ("c", "abc"), ("a", "a")):
        box.restore(snapshots[name])
        equal(box.read("/tmp/log"), "".join(f"{letter}\n" for letter in expected).encode(), f"after {name}")
        equal(box.read("/opt/seed"), None)
        output(box, "echo stray >>/tmp/log; echo seed >/opt/seed", user=0)
    box.restore(snapshots["a"])
    snapshots["a"].close()
    output(box, "echo branch >>/tmp/log", user=0)
    branch = box.snapshot()
    box.restore(snapshots["c"])
    snapshots["c"].close()
    snapshots["c"].close()
    equal(box.read("/tmp/log"), b"a\nb\nc\n")
    box.restore(branch)
    equal(box.read("/tmp/log"), b"a\nbranch\n")


@cases.in_sandbox
def restored_sandbox(box: Sandbox) -> None:
    """After a restore the sandbox is as it was started: users, variables, shells, nothing of the host."""
    snapshot = box.snapshot()
    box.restore(snapshot)
    equal(
        output(box, 'echo "$GREETING"; pwd; id -u; cat /proc/sys/kernel/hostname'),
        f"hello, world\n/work/a b\n{UID}\ntermigen\n",
    )
    for path in SEEDED:
        equal(box.read(path), f"{path} of the image\n".encode())
    with typed_shell(box) as shell:
        shell.type("echo $((6 * 7))")
        shell.await_output("42")
    for look in (world.no_network, world.no_host_name, world.no_host_files, world.no_host_processes, world.confinement):
        look(box)


@cases.in_sandbox
def restore_ends_programs(box: Sandbox) -> None:
    """What ran before a restore is dead, whoever started it and whatever it ignores, and shells are at their end."""
    nap = rare_number()
    for user in (0, UID):
        output(
            box, f"trap '' TERM HUP INT; setsid sleep {nap} >/dev/null 2>&1 & sleep {nap} >/dev/null 2>&1 &", user=user
        )
    with typed_shell(box) as shell:
        shell.type(f"trap '' HUP TERM; sleep {nap}")
        eventually(lambda: running(box, nap) == 5, "the shell's command running")
        snapshot = box.snapshot()
        equal(running(box, nap), 5)
        box.restore(snapshot)
        equal(running(box, nap), 0)
        shell.await_end()
    equal(output(box, "echo alive"), "alive\n")


@cases.add
def restore_keeps_limits(engine: Engine, image: Image) -> None:
    """The limits hold after a restore."""
    with engine.start(image, Limits(memory_mb=128, storage_mb=32, pids=40)) as box:
        box.restore(box.snapshot())
        box.restore(box.snapshot())
        expect(sh(box, "head -c 80M /dev/zero >/opt/big", user=0).exit_code != 0, "the write to fail")
        output(box, "rm /opt/big", user=0)
        forks = "my $n = 0; while (defined(my $p = fork)) { if (!$p) { sleep 1000; exit } last if ++$n > 200 } print $n"
        count = int(box.exec(["perl", "-e", forks], timeout_s=10).text or "-1")
        expect(10 < count <= 40, f"at most 40 processes and not many fewer, not {count}")
        box.kill_processes()
        hog = "my @all; push @all, chr(65) x 1048576 for 1..1024; print scalar @all"
        expect(box.exec(["perl", "-e", hog], timeout_s=TIMEOUT_S).exit_code not in (0, None), "the hog ended")
        equal(output(box, "echo alive"), "alive\n")


@cases.add
def snapshot_without_room(engine: Engine, image: Image) -> None:
    """A snapshot that there is no room for is an error; the sandbox goes on, and what was kept can be restored."""
    with engine.start(image, Limits(memory_mb=256, storage_mb=32, pids=64)) as box:
        first = box.snapshot()
        output(box, "for i in 1 2 3; do head -c 9M /dev/zero >/opt/$i; done; truncate -s 30M /opt/4", user=0)
        with raises(SandboxError, "57 MiB where 32 are allowed"):
            for _ in range(3):
                box.snapshot()
        equal(output(box, "echo goes on >/opt/1; cat /opt/1", user=0), "goes on\n")
        box.restore(first)
        equal(output(box, "ls /opt"), "bin\nseed\n")
        box.snapshot()


@cases.add
def snapshots_of_others(engine: Engine, image: Image) -> None:
    """A closed snapshot, one of another sandbox and one of a stopped sandbox are refused; the sandbox goes on."""
    with engine.start(image, LIMITS) as box:
        closed, kept = box.snapshot(), box.snapshot()
        expect(kept.open, "a snapshot to be open")
        closed.close()
        output(box, "echo mine >/tmp/mine")
        with raises(SandboxError, "a closed snapshot"):
            box.restore(closed)
        with engine.start(image, LIMITS) as other, raises(SandboxError, "another's snapshot"):
            other.restore(kept)
        equal(box.read("/tmp/mine"), b"mine\n")
        equal((closed.open, kept.open), (False, True))
    equal(kept.open, False)
    kept.close()
    for verb in (box.snapshot, lambda: box.restore(kept)):
        with raises(SandboxDied, "a stopped sandbox"):
            verb()


@cases.in_sandbox
def snapshot_of_a_moving_tree(box: Sandbox) -> None:
    """Programs that swap folders and links all the time neither spoil a snapshot nor have it follow them outside."""
    secret = secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as outside:
        Path(outside, "secret").write_text(secret)
        script = (
            "chdir '/opt'; for (my $i = 0; 1; $i++) { mkdir 'd'; open my $f, '>', 'd/secret'; rename 'd', 'x'; "
            f"symlink '{outside}', 'd'; unlink 'd'; symlink '{outside}/secret', 'f'; unlink 'f'; "
            "open $f, '>', 'f'; unlink 'f'; mkdir 'f'; rmdir 'f'; rename 'x', 'd'; unlink 'd/secret'; rmdir 'd' }"
        )
        output(box, f'echo still >/opt/still; ln -s {outside} /opt/out; perl -e "{script}" >/dev/null 2>&1 &', user=0)
        snapshots = [box.snapshot() for _ in range(5)]
        for snapshot in snapshots:
            box.restore(snapshot)
            equal(output(box, "cat /opt/still; readlink /opt/out"), f"still\n{outside}\n")
            equal(sh(box, f"grep -rlF {secret} /opt /tmp", user=0).text, "", "files with what lies outside")
        equal(Path(outside, "secret").read_text(), secret)
