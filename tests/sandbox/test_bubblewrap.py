"""The embedded engine in places that others have made strange."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from termigen_gym import sandbox
from termigen_gym.errors import SandboxError
from termigen_gym.sandbox.base import ImageSource, Limits
from termigen_gym.sandbox.buildah import BuildahStore
from termigen_gym.sandbox.images import BASE, ensure_base
from termigen_gym.task import folder_digest

ROOT = Path(__file__).parent.parent.parent
_ASK = """
from termigen_gym import sandbox
from termigen_gym.errors import EngineMissing
try:
    sandbox.engine("bubblewrap")
except EngineMissing as error:
    print(error)
"""
# The kernel gives a process that was put into another root no user namespaces, as many containers do. The outer
# namespace lets an ordinary user do this as well.
_ELSEWHERE = 'mount --rbind / /mnt && exec chroot /mnt "$@"'


def test_where_namespaces_are_refused_it_says_so_in_one_line() -> None:
    way = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    command = [*way, "sh", "-c", _ELSEWHERE, "sh", sys.executable, "-c", _ASK]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.startswith("bubblewrap engine: expected namespaces and mounts to be allowed here, found: ")
    assert "Operation not permitted; inside a container, run that with --privileged" in done.stdout
    assert len(done.stdout.splitlines()) == 1


_WITH_ALL_IGNORED = """
import ctypes, os, struct, sys
for number in range(1, 65):  # by the system call: the C library refuses 32 and 33, and its posix_spawn ignores them
    ctypes.CDLL(None).syscall({rt_sigaction}, number, struct.pack("QQQQ", 1, 0, 0, 0), None, ctypes.c_size_t(8))
os.execv(sys.executable, [sys.executable, "-c", '''
from termigen_gym import sandbox
from termigen_gym.conformance import CASES, run_cases
engine = sandbox.engine("bubblewrap")
for result in run_cases(engine, [case for case in CASES if case.name == "no_signal_ignored"]):
    print(result.name, result.ok, result.detail)
engine.close()
'''])
"""


def test_what_its_owner_ignores_no_command_inside_does() -> None:
    script = _WITH_ALL_IGNORED.format(rt_sigaction=13 if os.uname().machine == "x86_64" else 134)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("no_signal_ignored True \n", "")


def test_a_container_that_its_killed_build_had_not_described_is_swept(tmp_path: Path) -> None:
    store = BuildahStore(shutil.which("buildah") or "buildah", tmp_path)
    way = ["buildah"] if os.geteuid() == 0 else ["buildah", "unshare", "buildah"]
    way += ["--root", str(tmp_path / "storage"), "--runroot", str(tmp_path / "run"), "--storage-driver", store.driver]
    for step in (["from", "scratch"], ["commit", "--rm", "working-container", "base"], ["from", "localhost/base"]):
        subprocess.run([*way, *step], check=True, capture_output=True)
    (described,) = (tmp_path / "storage").glob("*-containers/*/userdata/buildah.json")
    described.unlink()
    assert store.sweep() == 1
    assert store.sweep() == 0


def test_an_image_on_which_a_build_goes_on_stays(tmp_path: Path) -> None:
    store = BuildahStore(shutil.which("buildah") or "buildah", tmp_path / "store")
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    image = store.build(ImageSource(context, "0" * 64))
    (built,) = store.built()
    way = ["buildah"] if os.geteuid() == 0 else ["buildah", "unshare", "buildah"]
    way += ["--root", str(store.folder / "storage"), "--runroot", str(store.folder / "run")]
    way += ["--storage-driver", store.driver]
    container = subprocess.run([*way, "from", image.id], check=True, capture_output=True, text=True).stdout.strip()
    assert not store.discard(built)
    subprocess.run([*way, "rm", container], check=True, capture_output=True)
    assert store.discard(built)
    assert store.built() == ()


def test_an_image_whose_shell_is_none_holds_up_no_other_sandbox(tmp_path: Path) -> None:
    engine = sandbox.engine("bubblewrap")
    ensure_base(engine)
    (tmp_path / "sh").write_text("#!/bin/bash\necho noise\nsleep 1000\n")
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nCOPY --chmod=755 sh /usr/bin/dash\n")
    image = engine.build(ImageSource(tmp_path, folder_digest(tmp_path)))
    with pytest.raises(SandboxError, match="did not start: 'noise'"):
        engine.start(image, Limits())
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\n")
    with engine.start(engine.build(ImageSource(tmp_path, folder_digest(tmp_path))), Limits()) as box:
        assert box.exec(["echo", "on"], timeout_s=30).text == "on\n"
    engine.close()
