"""What a user installs: the wheel alone, in a clean virtual environment."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from termigen_gym.sandbox.base import Engine

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_the_tasks_and_the_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "termigen_gym/_envs/tasks/rpn-make-graph/task.toml" in names
    assert "termigen_gym/_envs/families/log-incident/family.py" in names
    assert "termigen_gym/py.typed" in names
    assert "termigen_gym/synthesis/taxonomy.toml" in names
    assert "termigen_gym/export/card.md.j2" in names
    assert any(name.endswith("LICENSE") for name in names)
    assert not any("__pycache__" in name or name.startswith("tests/") for name in names)


def test_an_episode_from_the_wheel_alone(wheel: Path, tmp_path: Path, engine: Engine) -> None:
    """The environment is clean but for the dependencies, which come from this one's site-packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    target = next((tmp_path / "venv/lib").glob("python*/site-packages"))
    zipfile.ZipFile(wheel).extractall(target)
    dependencies = next(path for path in sys.path if path.endswith("site-packages"))
    code = f"""
import sys
sys.path.append({dependencies!r})
import gymnasium as gym, termigen_gym
assert termigen_gym.__file__.startswith({str(target)!r}), termigen_gym.__file__
env = gym.make("termigen/rpn-make-graph-v0", sandbox={engine.name!r})
env.reset(seed=1)
assert env.step("echo on")[0] == "on\\n"
assert env.step("exit")[1] == 0.0
env.close()
"""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "TERMIGEN_ENVS"))}
    done = subprocess.run(
        [str(tmp_path / "venv/bin/python"), "-c", code],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
