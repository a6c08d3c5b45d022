"""The Docker daemon is stopped, or dies, in mid-episode: that episode is an error, the next one after it runs."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from termigen_gym.sandbox import engine as engine_named
from termigen_gym.store import EpisodeStore
from tests.chaos.stock import Family, hear, player, process_running, tell, wait_for
from tests.daemons import Dockerd

BASE = (
    "from termigen_gym import sandbox; from termigen_gym.sandbox.images import *; ensure_base(sandbox.engine('docker'))"
)


@pytest.fixture
def dockerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dockerd]:
    made = Dockerd(tmp_path_factory.mktemp("dockerd"))
    made.start()
    yield made
    made.close()


@pytest.mark.docker
def test_the_daemon_goes_and_comes_back(dockerd: Dockerd, task: Path, tmp_path: Path) -> None:
    family = Family(engine_named("docker"), tmp_path, spared=("dockerd --host", "containerd --config"))
    family.run("-c", BASE, DOCKER_HOST=dockerd.host)
    before = family.stock()
    run = tmp_path / "run"
    with player(family, "docker", task, "answer", str(run), DOCKER_HOST=dockerd.host) as process:
        for how in (signal.SIGTERM, signal.SIGKILL):
            lose_an_episode(process, dockerd, how)
        tell(process, "reset")
        assert hear(process).endswith("/app#")
        tell(process, "echo done > /app/out.txt")
        assert hear(process) == ""
        tell(process, "exit")
        assert hear(process) == ""
        assert of_ours(dockerd) == []
        assert process.communicate()[1] == ""
    episodes = list(EpisodeStore(run))
    assert [episode.ended for episode in episodes] == ["error", "error"] * 2 + ["submitted"]
    assert [len(episode.steps) for episode in episodes[:4]] == [1, 0, 2, 0]
    assert all(episode.steps[0].action == "echo kept" for episode in episodes[:4:2])
    assert episodes[-1].solved
    family.expect(before)


def lose_an_episode(process: subprocess.Popen[str], dockerd: Dockerd, how: signal.Signals) -> None:
    """Let the daemon go in the middle of a command, and come back after a reset that fails.

    One that is killed leaves its containers running: the command goes on, and what is lost is the verdict.
    """
    nap = str(10**6 + secrets.randbelow(10**8))
    tell(process, "reset")
    assert hear(process).endswith("/app#")
    tell(process, "echo kept")
    assert hear(process) == "kept"
    tell(process, f"sleep {nap}")
    running = wait_for(lambda: process_running("sleep", nap), "the command running")
    dockerd.stop(how)
    if how is signal.SIGTERM:
        wait_for(lambda: not process_running("sleep", nap), "the command gone")
    else:
        os.kill(running, signal.SIGKILL)
        assert hear(process) == "Killed"
        tell(process, "exit")
    assert hear(process).startswith(("SandboxDied: ", "SandboxError: ", "TerminalError: "))
    tell(process, "reset")
    assert hear(process).startswith("SandboxDied: ")
    dockerd.start()


def of_ours(dockerd: Dockerd) -> list[str]:
    client = docker.APIClient(base_url=dockerd.host, version="auto")
    found = [item["Id"] for item in client.containers(all=True, filters={"label": "termigen.owner"})]
    client.close()
    return found
