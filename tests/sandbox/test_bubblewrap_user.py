"""The embedded engine as an ordinary user: the contract's cases and an episode, in a process of that user."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from termigen_gym.sandbox.base import Engine
from tests.samples import write_task

ROOT = Path(__file__).parent.parent.parent
USER = "termigen-test"

_PLAY = """
import faulthandler, json, os, sys
from termigen_gym import sandbox
from termigen_gym.env import TerminalEnv
from termigen_gym.conformance import run_cases, run_talks
faulthandler.dump_traceback_later(600, exit=True)  # says where it hangs, which the test can't

engine = sandbox.engine("bubblewrap")
env = TerminalEnv(sys.argv[1], sandbox="bubblewrap")
env.reset(seed=1)
shown = env.step("id -u; echo done > /app/out.txt; chown nobody /app/out.txt; stat -c %U /app/out.txt")[0]
reward = env.step("exit")[1]
env.close()
failed = {result.name: result.detail for result in (*run_cases(engine), *run_talks(engine)) if not result.ok}
engine.close()
print(json.dumps({"uid": os.geteuid(), "probe": engine.probe(), "shown": shown, "reward": reward, "failed": failed}))
engine.close()
"""


@pytest.fixture
def user(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An ordinary user with subordinate ids: the one who runs this, or as root one that is made for it."""
    if os.geteuid() != 0:
        yield pwd.getpwuid(os.geteuid()).pw_name, tmp_path
        return
    if USER not in {entry.pw_name for entry in pwd.getpwall()}:
        subprocess.run(["useradd", "--create-home", USER], check=True)
    yield USER, Path(pwd.getpwnam(USER).pw_dir)


def test_an_ordinary_user_plays(engine: Engine, user: tuple[str, Path]) -> None:
    if engine.name != "bubblewrap":
        return  # whoever may use a daemon is no ordinary user to it
    name, home = user
    work = home / "termigen-check"
    shutil.rmtree(work, ignore_errors=True)
    site = next(path for path in sys.path if path.endswith("site-packages"))
    write_task(work / "sample")
    # What the user may read: copies, since a checkout of root's need not be open to others.
    for folder in ("termigen_gym", "tests"):
        shutil.copytree(ROOT / folder, work / "code" / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "envs", work / "code" / "envs")
    packages = shutil.copytree(site, work / "site", ignore=_heavy) if os.geteuid() == 0 else site
    (work / "play.py").write_text(_PLAY)
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", name, str(work)], check=True)
    environment = {
        "PYTHONPATH": f"{work}/code:{packages}",
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
    }
    done = subprocess.run(
        [_python(), str(work / "play.py"), str(work / "sample")],
        user=name if os.geteuid() == 0 else None,
        group=name if os.geteuid() == 0 else None,
        extra_groups=[] if os.geteuid() == 0 else None,
        env=environment,
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["uid"] != 0
    assert "ordinary user" in found["probe"]
    assert (found["shown"], found["reward"]) == ("0\nnobody\n", 1.0)
    assert found["failed"] == {}
    shutil.rmtree(work)


def _heavy(folder: str, names: list[str]) -> set[str]:
    """Leave out what only training needs: gigabytes."""
    left_out = (
        "torch",
        "nvidia",
        "triton",
        "transformers",
        "trl",
        "datasets",
        "pyarrow",
        "pandas",
        "sympy",
        "ray",
        "scipy",
    )
    return {name for name in names if name.startswith(left_out) or name == "__pycache__"}


def _python() -> str:
    """An interpreter of this version that anybody may run."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return next(str(path) for path in (Path("/usr/bin") / version, Path(sys.executable).resolve()) if path.exists())
