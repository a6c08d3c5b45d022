"""What single engines show of snapshots; the rest is in termigen_gym/conformance/snapshots.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from termigen_gym.conformance.case import output
from termigen_gym.errors import SandboxError
from termigen_gym.sandbox.base import Engine, Image, ImageSource, Limits
from termigen_gym.sandbox.docker import DockerEngine
from termigen_gym.sandbox.images import BASE
from termigen_gym.task import folder_digest

_KILLED = f"""
import os, signal
from termigen_gym.sandbox.base import ImageSource, Limits
from termigen_gym.sandbox.docker import DockerEngine

engine = DockerEngine()
box = engine.start(engine.build(ImageSource(None, "", reference="{BASE}")), Limits())
box.restore(box.snapshot())
kept = box.snapshot()
print(engine._label, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
SMALL = Limits(memory_mb=256, storage_mb=64, pids=64)


@pytest.fixture
def plain(engine: Engine) -> Image:
    return engine.build(ImageSource(None, "", reference=BASE))


# What goes beyond the contract on the embedded engine.


def test_bubblewrap_keeps_holes_names_of_one_file_and_fractions_of_a_second(engine: Engine, plain: Image) -> None:
    if engine.name != "bubblewrap":
        return
    with engine.start(plain, SMALL) as box:
        output(
            box,
            "cd /srv; truncate -s 50G holes; printf end | dd of=holes bs=1 seek=40000000000 conv=notrunc 2>/dev/null; "
            "echo a >one; ln one two; touch -d @1000000000.123456789 one; chmod u+s /bin/true; ln /bin/true true",
        )
        look = "cd /srv; stat -c '%n %s %b %h %y %A' *; tail -c 10000000000 holes | head -c 3; cat one"
        before = output(box, look)
        kept = box.snapshot()
        output(box, "rm /srv/*")
        box.restore(kept)
        assert output(box, look) == before
        assert output(box, "cd /srv; echo b >>one; cat two; chmod u-s true; stat -c %A /bin/true").split() == [
            *("a", "b", "-rwxr-xr-x"),
        ]


def test_bubblewrap_takes_and_removes_a_tree_of_any_depth(engine: Engine, plain: Image) -> None:
    if engine.name != "bubblewrap":
        return
    dig = "chdir '/srv'; for (1..3000) { mkdir 'd' or die $!; chdir 'd' or die $! } open F, '>', 'end' or die $!"
    with engine.start(plain, SMALL) as box:
        empty = box.snapshot()
        output(box, f'perl -e "{dig}"')
        deep = box.snapshot()
        box.restore(empty)
        assert output(box, "ls /srv") == ""
        box.restore(deep)
        assert output(box, "find /srv | wc -l") == "3002\n"
        deep.close()
        box.restore(empty)


def test_bubblewrap_room_of_closed_snapshots_is_free_again(engine: Engine, plain: Image) -> None:
    if engine.name != "bubblewrap":
        return
    with engine.start(plain, SMALL) as box:
        output(box, "head -c 40M /dev/urandom >/srv/big; sha256sum /srv/big >/srv/sum")
        for _ in range(3):
            kept = box.snapshot()
            with pytest.raises(SandboxError, match="No space left on device; close snapshots that are not needed"):
                box.snapshot()
            box.restore(kept)
            assert output(box, "sha256sum -c /srv/sum") == "/srv/big: OK\n"
            kept.close()


# What the Docker engine leaves behind, and what it can't keep.


def images(engine: DockerEngine) -> set[str]:
    return {
        item["Id"] for item in engine.client.images(all=True, filters={"label": f"termigen.engine={engine._label}"})
    }


def test_docker_removes_snapshots_when_they_are_closed_and_the_rest_with_the_sandbox(
    engine: Engine, plain: Image
) -> None:
    if not isinstance(engine, DockerEngine):
        return
    with engine.start(plain, SMALL) as box:
        first, second = box.snapshot(), box.snapshot()
        assert len(images(engine)) == 2
        first.close()
        assert images(engine) == {second.name}
        box.restore(second)
        third = box.snapshot()
        second.close()  # the sandbox runs on it
        assert images(engine) == {second.name, third.name}
        box.restore(third)
        third.close()
        assert images(engine) == {second.name, third.name}
    assert images(engine) == set()


def test_docker_refuses_a_snapshot_of_an_image_with_volumes(engine: Engine, plain: Image, tmp_path: Path) -> None:
    if not isinstance(engine, DockerEngine):
        return
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nVOLUME /data\n")
    image = engine.build(ImageSource(tmp_path, folder_digest(tmp_path)))
    with engine.start(image, SMALL) as box:
        with pytest.raises(SandboxError, match="expected an image without VOLUME, found /data"):
            box.snapshot()
        assert output(box, "echo goes on") == "goes on\n"


@pytest.mark.alone
def test_docker_sweeps_the_snapshots_of_a_killed_owner(engine: Engine, plain: Image) -> None:
    if not isinstance(engine, DockerEngine):
        return
    root = Path(__file__).parent.parent.parent
    killed = subprocess.run([sys.executable, "-c", _KILLED], cwd=root, capture_output=True, text=True, check=False)
    label = f"termigen.engine={killed.stdout.strip()}"
    filters = {"all": True, "filters": {"label": label}}
    assert len(engine.client.images(**filters)) == 2, killed.stderr
    engine.sweep()
    assert engine.client.images(**filters) == engine.client.containers(**filters) == []
