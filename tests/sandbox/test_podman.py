"""Podman's API socket in the place of Docker's: the contracts of sandboxes and terminals, in processes led there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from termigen_gym.conformance import CASES, TALKS
from tests.daemons import Podman

ROOT = Path(__file__).parent.parent.parent
PROCESSES = 2
SCRIPT = f"""
import faulthandler, json, sys
from termigen_gym import sandbox
from termigen_gym.conformance import CASES, TALKS, run_cases, run_talks
faulthandler.dump_traceback_later(600, exit=True)  # says where it hangs, which the test can't
engine = sandbox.engine("docker")
part = slice(int(sys.argv[1]), None, {PROCESSES})
results = [*run_cases(engine, CASES[part]), *run_talks(engine, TALKS[part])]
print(json.dumps([engine.probe(), len(results), {{r.name: r.detail for r in results if not r.ok}}]))
engine.close()
"""


@pytest.fixture
def podman() -> Iterator[Podman]:
    daemon = Podman(Path(tempfile.mkdtemp(prefix="termigen-podman-")))  # it takes no longer path than 50 characters
    daemon.start()
    yield daemon
    daemon.close()


def test_the_contract(podman: Podman) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKER_HOST": podman.host}
    started = [
        subprocess.Popen([sys.executable, "-c", SCRIPT, str(part)], env=env, text=True, stdout=subprocess.PIPE)
        for part in range(PROCESSES)
    ]
    try:
        results = [json.loads(process.communicate()[0].splitlines()[-1]) for process in started]
    finally:
        for process in started:
            process.kill()
    assert all(podman.host in probe for probe, _, _ in results)
    assert sum(count for _, count, _ in results) == len(CASES) + len(TALKS)
    assert {name: detail for _, _, failed in results for name, detail in failed.items()} == {}
