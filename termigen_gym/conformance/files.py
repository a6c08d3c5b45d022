"""Cases of `Sandbox.put` and `Sandbox.read`."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from ..errors import SandboxError
from ..sandbox.base import Sandbox, pack
from ..task import TreeFile
from .case import MIB, Cases, equal, expect, output

cases = Cases()


@cases.in_sandbox
def put_and_read(box: Sandbox) -> None:
    """Files arrive with content, executable bit and owner root, and can be read back."""
    files = {"plain": TreeFile(b"text\n"), "tool": TreeFile(b"#!/bin/sh\necho ran\n", executable=True)}
    box.put(pack(files), "/opt")
    for name, item in files.items():
        equal(box.read(f"/opt/{name}"), item.content, name)
    equal(output(box, "stat -c '%a %u:%g' /opt/plain /opt/tool; /opt/tool"), "644 0:0\n755 0:0\nran\n")


@cases.in_sandbox
def put_names(box: Sandbox) -> None:
    """File names may hold spaces, quotes, Unicode and a leading dash, and be long."""
    names = ["a b", "it's", 'say "x"', "été ✓", "-rf", "x" * 200, "deep/" * 30 + "leaf"]
    box.put(pack({name: TreeFile(name.encode()) for name in names}), "/opt/names")
    for name in names:
        equal(box.read(f"/opt/names/{name}"), name.encode(), name)


@cases.in_sandbox
def put_parents(box: Sandbox) -> None:
    """Missing parents are made, open to read for everybody."""
    box.put(pack({"c/d": TreeFile(b"deep")}), "/brand/new dir")
    box.put(pack({"/absolute/e": TreeFile(b"root")}))
    equal(output(box, "cat '/brand/new dir/c/d' /absolute/e"), "deeproot")


@cases.in_sandbox
def put_overwrites(box: Sandbox) -> None:
    """A file takes the place of the one that is there, whoever owns it and whatever its mode."""
    output(box, "echo old >/tmp/file && chmod 400 /tmp/file")
    box.put(pack({"tmp/file": TreeFile(b"new")}))
    equal(output(box, "cat /tmp/file; stat -c %a:%u /tmp/file", user=0), "new644:0\n")


@cases.in_sandbox
def put_keeps(box: Sandbox) -> None:
    """Directories that exist keep owner, mode and what else lies in them."""
    before = output(box, "stat -c %a:%u:%g /tmp /work '/work/a b'")
    output(box, "echo kept >'/work/a b/other'")
    box.put(pack({"tmp/x": TreeFile(b""), "work/a b/x": TreeFile(b"")}))
    box.put(pack({"y": TreeFile(b"")}), "/work/a b")
    equal(output(box, "stat -c %a:%u:%g /tmp /work '/work/a b'"), before)
    equal(output(box, "cat '/work/a b/other'"), "kept\n")


@cases.in_sandbox
def big_file(box: Sandbox) -> None:
    """A file of 8 MiB arrives whole."""
    content = secrets.token_bytes(8 * MIB)
    box.put(pack({"big": TreeFile(content), "empty": TreeFile(b"")}), "/tmp")
    expect(box.read("/tmp/big", limit=16 * MIB) == content, "the 8 MiB that were put")
    equal(box.read("/tmp/empty"), b"")


@cases.in_sandbox
def read_limit(box: Sandbox) -> None:
    """Of a long file the first bytes are read, however long it is."""
    output(box, "echo 0123456789 >/tmp/file; truncate -s 200G /tmp/sparse 2>/dev/null || truncate -s 200M /tmp/sparse")
    equal(box.read("/tmp/file", limit=4), b"0123")
    equal(box.read("/tmp/sparse", limit=10), bytes(10))


@cases.in_sandbox
def read_any_owner(box: Sandbox) -> None:
    """A file is read whatever its mode and whoever the image's user is."""
    output(box, "mkdir -m 700 /root/closed; echo secret >/root/closed/file; chmod 000 /root/closed/file", user=0)
    equal(box.read("/root/closed/file"), b"secret\n")


@cases.in_sandbox
def read_nothing(box: Sandbox) -> None:
    """What is no regular file reads as None, at once."""
    output(
        box,
        "cd /tmp; mkfifo fifo; mkdir folder; ln -s fifo to-fifo; ln -s missing dangling; ln -s loop loop; "
        "ln -s /dev/zero to-device; ln -s folder to-folder",
    )
    for name in (
        *("missing", "fifo", "folder", "to-fifo", "dangling", "loop", "to-device", "to-folder"),
        *("fifo/file", "loop/file", "x" * 300),
    ):
        equal(box.read(f"/tmp/{name}"), None, name)
    for path in ("/", "/dev/zero", "/dev/tty", "/no/such/folder/file"):
        equal(box.read(path), None, path)


@cases.in_sandbox
def read_links(box: Sandbox) -> None:
    """A link is followed inside the sandbox and leads nowhere else."""
    output(box, "cd /tmp; echo inside >file; ln -s file relative; ln -s /tmp/relative absolute; ln -s / root")
    for path in ("relative", "absolute", "root/tmp/file", "../../../../../../tmp/file"):
        equal(box.read(f"/tmp/{path}"), b"inside\n", path)
    with tempfile.NamedTemporaryFile() as outside:
        outside.write(b"outside")
        outside.flush()
        output(box, f"ln -s {outside.name} /tmp/out; ln -s ../../../../../../../../../..{outside.name} /tmp/up")
        for path in ("/tmp/out", "/tmp/up", outside.name, f"/proc/1/root{outside.name}"):
            equal(box.read(path), None, path)


@cases.in_sandbox
def put_links(box: Sandbox) -> None:
    """A link in the way of what is put leads nowhere outside the sandbox."""
    with tempfile.TemporaryDirectory() as outside:
        Path(outside, "file").write_text("untouched")
        output(
            box,
            f"cd /tmp; ln -s {outside}/file file; ln -s {outside} folder; ln -s ../../../../../../../..{outside} up; "
            "ln -s /etc/passwd passwd",
        )
        for name in ("file", "folder/file", "up/file", "passwd"):
            # Whether it lands behind the link or takes its place is the engine's affair, as is a refusal.
            with contextlib.suppress(SandboxError):
                box.put(pack({name: TreeFile(b"hostile")}), "/tmp")
        equal(Path(outside, "file").read_text(), "untouched")
        equal(os.listdir(outside), ["file"])
        expect(
            "hostile" not in Path("/etc/passwd").read_text(encoding="utf-8", errors="replace"), "the host's own file"
        )
    expect(box.alive(), "the sandbox alive")


@cases.in_sandbox
def put_removing(box: Sandbox) -> None:
    """What is to make room is removed first, whatever it is; a link there leads nowhere."""
    output(
        box,
        "mkdir -p /opt/link /opt/kept /opt/full/a/b; echo kept >/opt/kept/file; ln -s /opt/kept /opt/link/old; "
        "echo old >/opt/full/a/b/file; chmod 000 /opt/full/a; echo old >/opt/file; ln -s /opt/kept /opt/to-kept",
        user=0,
    )
    gone = ("/opt/full", "/opt/file", "/opt/link", "/opt/to-kept", "/opt/never-there", "/opt/file/below")
    box.put(pack({"full/new": TreeFile(b"new")}), "/opt", removing=gone)
    equal(output(box, "cd /opt; ls -d full/* file link to-kept kept/* 2>/dev/null || true"), "full/new\nkept/file\n")


@cases.in_sandbox
def put_removing_deep(box: Sandbox) -> None:
    """Folders nested deeper than a path may be long, and the image's own, are removed as well."""
    path = "/".join(["deep"] * 600)
    deeper = f"mkdir -p new/{path} && mv deep new/{path}/ 2>/dev/null; mv new deep"
    output(box, f"cd /tmp; for i in 1 2 3; do {deeper}; done")
    box.put(pack({"new": TreeFile(b"new")}), "/tmp", removing=("/tmp/deep", "/usr/share/doc"))
    equal(output(box, "ls -d /tmp/new /tmp/deep /usr/share/doc 2>/dev/null || true"), "/tmp/new\n")
