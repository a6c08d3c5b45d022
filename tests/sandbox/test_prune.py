"""`termigen images prune`: in stores of the test's own, since it removes what the tasks known here do not use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ENGINES
from tests.daemons import Dockerd
from tests.samples import write_task
from tests.waiting import Process

ROOT = Path(__file__).parent.parent.parent
SCRIPT = """
import faulthandler, sys
from pathlib import Path
from termigen_gym import sandbox
from termigen_gym.env import TerminalEnv
faulthandler.dump_traceback_later(600, exit=True)  # says where it hangs, which the test can't
for folder in sys.argv[2:]:
    env = TerminalEnv(folder, sandbox=sys.argv[1])
    env.prepare()
env.reset()
print("in use", flush=True)
sys.stdin.read()
print(env.step("cat /" + Path(folder).name)[0], end="")
env.close()
"""
CLI = "from termigen_gym.cli import main; main()"


@pytest.fixture(params=ENGINES)
def own_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Variables that lead an engine to a store of its own."""
    folder = tmp_path_factory.mktemp("store")
    name = {"TERMIGEN_TEST_ENGINE": request.param, "PYTHONPATH": str(ROOT)}
    if request.param == "bubblewrap":
        yield {**name, "TERMIGEN_STORE": str(folder)}
        shutil.rmtree(folder)  # which pytest would keep for a while
        return
    daemon = Dockerd(folder)
    daemon.start()
    yield {**name, "DOCKER_HOST": daemon.host}
    daemon.close()


def prune(env: dict[str, str], *options: str) -> Any:
    argv = [sys.executable, "-c", CLI, "images", "prune", "--sandbox", env["TERMIGEN_TEST_ENGINE"], *options]
    return subprocess.run(argv, env={**os.environ, **env}, capture_output=True, text=True, check=True).stdout


def test_prune(own_store: dict[str, str], tmp_path: Path) -> None:
    folders = []
    for name in ("known", "unknown", "used"):
        recipe = f"FROM debian:bookworm-slim\nCOPY {name} /\n"
        files = {f"environment/{name}": name * 1000}
        folders.append(str(write_task(tmp_path / name, dockerfile=recipe, files=files)))
    known = tmp_path / "envs" / "known"
    known.parent.mkdir()
    known.symlink_to(folders[0])
    env = {**own_store, "TERMIGEN_ENVS": str(known.parent)}
    argv = [sys.executable, "-c", SCRIPT, env["TERMIGEN_TEST_ENGINE"], *folders]
    with Process(argv, env={**os.environ, **env}, stdin=subprocess.PIPE) as player:
        assert player.stdout is not None
        assert player.stdout.readline() == "in use\n"
        planned = json.loads(prune(env, "--dry-run", "--json"))
        assert (len(planned["removed"]), planned["kept"], planned["dry_run"]) == (2, 1, True)
        done = json.loads(prune(env, "--json"))
        assert (len(done["removed"]), len(done["in_use"]), done["kept"]) == (1, 1, 1)
        assert done["removed"][0] in planned["removed"]
        assert done["in_use"][0] in planned["removed"]
        assert done["freed_bytes"] == done["removed"][0]["size"] >= 7000
        assert player.communicate("")[0].startswith("usedused")
    told = prune(env)
    assert "1 removed" in told
    assert "1 kept for tasks" in told
    assert json.loads(prune(env, "--json"))["removed"] == []
    base = "import sys; from termigen_gym import sandbox; print(sandbox.engine(sys.argv[1]).has_image(sys.argv[2]))"
    argv = [sys.executable, "-c", base, env["TERMIGEN_TEST_ENGINE"], "debian:bookworm-slim"]
    assert (
        subprocess.run(argv, env={**os.environ, **env}, capture_output=True, text=True, check=True).stdout == "True\n"
    )
