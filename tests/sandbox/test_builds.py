"""One build for one context, whoever else wants it at the same time; and its end when it is aborted."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from termigen_gym.errors import BuildError
from termigen_gym.sandbox.base import DIGEST_DIGITS, Engine, ImageSource
from termigen_gym.task import folder_digest

ROOT = Path(__file__).parent.parent.parent
BUILD = """
import sys
from pathlib import Path
from termigen_gym import sandbox
from termigen_gym.sandbox.base import ImageSource
print("begun", flush=True)
print(sandbox.engine(sys.argv[1]).build(ImageSource(Path(sys.argv[2]), sys.argv[3])).id)
"""


def context(folder: Path, step: str) -> ImageSource:
    (folder / "Dockerfile").write_text(f"FROM debian:bookworm-slim\nRUN echo {secrets.token_hex(8)}; {step}\n")
    return ImageSource(folder, folder_digest(folder))


def test_processes_that_want_one_image_build_it_once(engine: Engine, tmp_path: Path) -> None:
    source = context(tmp_path, "sleep 2; date +%s%N > /stamp")
    argv = [sys.executable, "-c", BUILD, engine.name, str(tmp_path), source.digest]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = [subprocess.Popen(argv, env=env, text=True, stdout=subprocess.PIPE) for _ in range(2)]
    built = {process.communicate()[0].split()[-1] for process in started}
    assert built == {engine.build(source).id}
    (image,) = [image for image in engine.built() if image.digest == source.digest[:DIGEST_DIGITS]]
    assert engine.discard(image)


@pytest.mark.parametrize("waiting", [False, True], ids=["the one that builds", "one that waits for another's"])
def test_a_build_ends_when_it_is_aborted(waiting: bool, engine: Engine, tmp_path: Path) -> None:
    source = context(tmp_path, "sleep 1000; true")
    first, second = threading.Event(), threading.Event()
    told: list[str] = []

    def build(abort: threading.Event) -> None:
        with pytest.raises(BuildError) as caught:
            engine.build(ImageSource(source.context, source.digest, abort=abort))
        told.append(str(caught.value))

    threads = [threading.Thread(target=build, args=(abort,)) for abort in (first, second)]
    threads[0].start()
    if waiting:
        threads[1].start()
        second.set()
        threads[1].join()
        assert threads[0].is_alive()
    first.set()
    threads[0].join()
    assert all("abort" in text for text in told)
    assert len(told) == 1 + waiting
