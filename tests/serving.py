"""A real model server: ``transformers serve`` with a checkpoint of ours."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.waiting import wait_until

START_S = 120.0


@contextlib.contextmanager
def served(checkpoint: Path, folder: Path) -> Iterator[str]:
    """Serve a checkpoint, under its path as the model's name; the base URL.

    `folder` is empty: the server's home and its log go there.
    """
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    (folder / "hub").mkdir()
    log = folder / "serve.log"
    command = [Path(sys.executable).with_name("transformers"), "serve", checkpoint, "--port", port]
    options = ["--host", "127.0.0.1", "--device", "cpu", "--dtype", "float32", "--default-seed", "0"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in [*command, *options]],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "HF_HOME": str(folder), "HF_HUB_CACHE": str(folder / "hub"), "HF_HUB_OFFLINE": "1"},
        )

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
                return bool(reply.status == 200)
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    try:
        wait_until(answers, START_S)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(60)
