"""Cases of `Sandbox.fetch` and `Sandbox.changes`."""

from __future__ import annotations

import io
import posixpath
import tarfile

from ..errors import SandboxDied, TooLarge
from ..sandbox.base import Change, Engine, Image, Sandbox
from .case import LIMITS, MIB, Cases, equal, expect, output, raises
from .image import SEEDED

cases = Cases()

_ADDED = """
mkdir -p /work/deep/er /work/empty; cd /work; echo text >deep/file; printf %s '#!/bin/sh' >deep/tool
chmod 750 deep/tool; chown 77:88 deep/tool; chmod 1777 empty; ln -s file deep/link; ln -s ../../deep deep/er/up
ln deep/file deep/other; touch -d @1000000000 deep/file; touch 'deep/a b' "deep/$(printf '\377\n')" -- deep/-rf
"""


def _listed(archive: bytes) -> dict[str, tuple[str, str]]:
    """What an archive holds, by name: "file 640 1:2", and content or target."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member in members:
            kind = "file" if member.isfile() else "folder" if member.isdir() else "link"
            content = members.extractfile(member) if member.isfile() or member.islnk() else None
            text = content.read().decode("utf-8", "replace") if content is not None else member.linkname
            kind = "file" if content is not None else kind
            mode = "" if kind == "link" else f" {member.mode:o}"
            found[f"/{member.name}"] = (f"{kind}{mode} {member.uid}:{member.gid}", text)
    return found


def _look(box: Sandbox, folder: str) -> str:
    return output(box, f"cd {folder} && find . -printf '%P %y %m %U:%G %l\\n' | sort; stat -c %Y deep/file", user=0)


@cases.add
def fetch_and_put(engine: Engine, image: Image) -> None:
    """What is fetched from one sandbox and put into another arrives with content, modes, owners, links and times."""
    with engine.start(image, LIMITS) as box, engine.start(image, LIMITS) as other:
        output(box, _ADDED, user=0)
        output(other, "mkdir /work/old; echo old >/work/old/file", user=0)
        other.put(box.fetch(["/work"]), removing=["/work"])
        equal(_look(other, "/work"), _look(box, "/work"))
        equal(output(other, "cat /work/deep/file /work/deep/other /work/deep/er/up/link"), "text\n" * 3)


@cases.in_sandbox
def fetch_lists(box: Sandbox) -> None:
    """Files and folders are named in full; a path that is a link stands for what it leads to, or for nothing."""
    output(
        box, "mkdir /opt/d; echo 1 >/opt/d/f; ln -s d /opt/l; ln -s /opt/d/f /opt/lf; chmod -R u=rwX,go= /opt/d", user=0
    )
    equal(
        _listed(box.fetch(["/opt/d", "/opt/l/", "/opt/lf", "/opt/none", "/opt/d/f/none"])),
        {
            "/opt/d": ("folder 700 0:0", ""),
            "/opt/d/f": ("file 600 0:0", "1\n"),
            "/opt/l": ("folder 700 0:0", ""),
            "/opt/l/f": ("file 600 0:0", "1\n"),
            "/opt/lf": ("file 600 0:0", "1\n"),
        },
    )
    equal(_listed(box.fetch(["/nothing"])), {})


@cases.in_sandbox
def fetch_is_harmless(box: Sandbox) -> None:
    """Of a folder no device, pipe or socket comes along, no link that leads out of it, and no set-uid bit."""
    output(
        box,
        "mkdir -p /opt/d/in /opt/out; cd /opt/d; mkfifo pipe; echo 1 >tool; chmod 6755 tool; ln -s ../out a; "
        "ln -s /opt/out b; ln -s / c; ln -s in/../../out d; ln -s /proc/self/root/opt/d e; ln -s in ok; "
        "ln -s /opt/d/in full; ln -s ../tool in/up; ln -s missing dangling; "
        "perl -MSocket -e 'socket(S,PF_UNIX,SOCK_STREAM,0); bind(S,sockaddr_un(q(sock)))'",
        user=0,
    )
    found = _listed(box.fetch(["/opt/d"]))
    equal(
        sorted(found),
        ["/opt/d", "/opt/d/dangling", "/opt/d/full", "/opt/d/in", "/opt/d/in/up", "/opt/d/ok", "/opt/d/tool"],
    )
    equal(found["/opt/d/tool"][0], "file 755 0:0")


@cases.in_sandbox
def fetch_limits(box: Sandbox) -> None:
    """More than is asked for is TooLarge, also where it is a hole, and what the patterns name does not count."""
    output(
        box, "mkdir /tmp/d; cd /tmp/d; head -c 1000 /dev/zero >a.bin; truncate -s 300M b.bin; mkdir s; cp a.bin s/c.bin"
    )
    equal(
        sorted(_listed(box.fetch(["/tmp/d"], exclude=["b.*"], limit=2000))),
        [f"/tmp/d{n}" for n in ("", "/a.bin", "/s", "/s/c.bin")],
    )
    equal(sorted(_listed(box.fetch(["/tmp/d"], exclude=["*.bin"]))), ["/tmp/d", "/tmp/d/s"])
    equal(sorted(_listed(box.fetch(["/tmp/d"], exclude=["b.bin", "s"]))), ["/tmp/d", "/tmp/d/a.bin"])
    equal(sorted(_listed(box.fetch(["/tmp/d"], exclude=["b.bin", "s/*"]))), ["/tmp/d", "/tmp/d/a.bin", "/tmp/d/s"])
    with raises(TooLarge, "fetching more than the limit"):
        box.fetch(["/tmp/d"], exclude=["b.bin"], limit=1999)
    with raises(TooLarge, "fetching a file of holes"):
        box.fetch(["/tmp/d/b.bin"])


@cases.in_sandbox
def fetch_deep(box: Sandbox) -> None:
    """Folders nested without end, and links in circles, end in a TooLarge and not in a crash."""
    output(
        box,
        'ln -s . /tmp/circle; mkdir /tmp/d; ln -s ../d /tmp/d/again; perl -e \'chdir "/tmp/d"; '
        'for (1..3000) { mkdir "x"; chdir "x" }\'',
    )
    with raises(TooLarge, "fetching 3,000 levels"):
        box.fetch(["/tmp/d"])
    equal(sorted(_listed(box.fetch(["/tmp/circle/circle/seed"]))), ["/tmp/circle/circle/seed"])


@cases.in_sandbox
def fetch_big(box: Sandbox) -> None:
    """40 MiB come out whole."""
    digest = output(box, "head -c 41943040 /dev/urandom >/tmp/big; sha256sum </tmp/big").split()[0]
    box.put(box.fetch(["/tmp/big"]), "/opt")
    equal(output(box, "sha256sum </opt/tmp/big").split()[0], digest)
    expect(len(box.fetch(["/tmp/big"])) >= 40 * MIB, "all of it")


@cases.in_sandbox
def fetch_pristine(box: Sandbox) -> None:
    """What the image has is fetched from it, whatever became of it in the sandbox."""
    before = _listed(box.fetch(["/bin", "/usr/bin/env", "/usr/bin/passwd", "/opt"], pristine=True))
    output(
        box, "rm -r /opt; ln -s /tmp /opt; : >/usr/bin/env; rm /usr/bin/passwd; echo >/root/seed; echo >/new", user=0
    )
    after = box.fetch(["/bin", "/usr/bin/env", "/usr/bin/passwd", "/opt", "/new", "/opt/nothing"], pristine=True)
    equal(_listed(after), before)
    equal((posixpath.join("/", before["/bin"][1]), before["/opt/seed"][1]), ("/usr/bin", "/opt/seed of the image\n"))
    equal(before["/usr/bin/passwd"][0], "file 4755 0:0")
    box.put(after, removing=["/opt"])
    equal(
        output(box, "cat /opt/seed; stat -c %a /usr/bin/passwd /usr/bin/env; env -i echo ran"),
        "/opt/seed of the image\n4755\n755\nran\n",
    )


@cases.add
def fetch_dead(engine: Engine, image: Image) -> None:
    """Of a stopped sandbox nothing is fetched, and nothing is said of its changes."""
    box = engine.start(image, LIMITS)
    box.stop()
    for ask in (lambda: box.fetch(["/opt"]), lambda: box.changes()):
        with raises(SandboxDied, "asking a stopped sandbox"):
            ask()


@cases.add
def no_changes(engine: Engine, image: Image) -> None:
    """A fresh sandbox differs from its image by nothing but what the image's own entrypoint wrote."""
    with engine.start(image, LIMITS, None, ["/logs/agent", "/brand/new"]) as box:
        output(box, "cat /etc/hosts /etc/passwd; ls -lR /opt; touch -a /opt", user=0)
        equal(box.changes(), {"/tmp/entrypoint": Change("added", "file")})


@cases.in_sandbox
def every_change(box: Sandbox) -> None:
    """Added, changed, removed and replaced files, folders and links are told; folders only touched are not."""
    output(
        box,
        "rm /tmp/entrypoint; cd /opt; echo more >>seed; chmod 700 bin; rm bin/entrypoint; mkdir -p new/er; "
        "ln -s /etc/passwd new/link; "
        "mkfifo new/pipe; touch /root/new; rm -r /home/player; mkdir /home/player; echo x >/home/player/x; "
        "rm /mnt/seed; mkdir /mnt/seed; touch /mnt/seed/in; rm -r /var/log; echo file >/var/log; "
        "mv /solution /moved; chmod 600 /root/seed",
        user=0,
    )
    found = box.changes()
    home = {path for path in found if path.startswith("/home/player/")}
    expect({"/home/player/x", "/home/player/seed"} <= home, "what was added to, and what went with, a folder made anew")
    expect(all(found[path] == Change("removed", None) for path in home - {"/home/player/x"}), "the latter as removed")
    equal(
        # Whether a folder stands where the image has a file not every engine can tell; what lies in it, each.
        {path: change for path, change in found.items() if path not in {*home, "/mnt/seed"}},
        {
            "/mnt/seed/in": Change("added", "file"),
            "/moved": Change("added", "folder"),
            "/moved/seed": Change("added", "file"),
            "/opt/bin/entrypoint": Change("removed", None),
            "/opt/new": Change("added", "folder"),
            "/opt/new/er": Change("added", "folder"),
            "/opt/new/link": Change("added", "link", "/etc/passwd"),
            "/opt/new/pipe": Change("added", "other"),
            "/opt/seed": Change("changed", "file"),
            "/root/new": Change("added", "file"),
            "/root/seed": Change("changed", "file"),
            "/solution": Change("removed", None),
            "/var/log": Change("changed", "file"),
        },
    )
    equal(list(found), sorted(found), "order")
    equal(set(box.changes(["/opt/bin", "/root/seed", "/nothing"])), {"/opt/bin/entrypoint", "/root/seed"})


@cases.in_sandbox
def changes_after_restore(box: Sandbox) -> None:
    """What a restored snapshot holds counts as change against the image, what was done after it was taken does not."""
    output(box, "cd /opt; echo more >>seed; mkdir kept; echo >kept/file; echo >gone; rm /mnt/seed", user=0)
    before = box.changes()
    snapshot = box.snapshot()
    output(box, "cd /opt; echo >new; rm gone; rm -r kept; echo back >/mnt/seed; rm /tmp/seed", user=0)
    box.restore(snapshot)
    equal(box.changes(), before)
    output(
        box, "cd /opt; echo more >>seed; rm gone; rm -r kept; echo >kept; echo back >/mnt/seed; rm /root/seed", user=0
    )
    changed = {
        path: change
        for path, change in box.changes().items()
        if path in (*SEEDED, "/opt/gone", "/opt/kept", "/opt/kept/file")
    }
    equal(
        changed,
        {
            "/mnt/seed": Change("changed", "file"),
            "/opt/kept": Change("added", "file"),
            "/opt/seed": Change("changed", "file"),
            "/root/seed": Change("removed", None),
        },
    )


@cases.in_sandbox
def changes_with_strange_names(box: Sandbox) -> None:
    """Names with blanks, ends of lines and letters of all kinds are told, and so are files deep below others."""
    output(
        box,
        'cd /tmp; touch "a b" "$(printf "é✓\\nx")"; '
        """perl -e 'for (1..300) { mkdir "x"; chdir "x" } open F, ">end"'""",
    )
    found = box.changes(["/tmp"])
    expect({"/tmp/a b", "/tmp/é✓\nx", "/tmp" + "/x" * 300 + "/end"} <= set(found), "them all")
