from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec

import termigen_gym
from termigen_gym import catalog
from termigen_gym.errors import TaskError
from termigen_gym.registration import task_name


def run_python(code: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_task_and_family_has_an_id() -> None:
    ids = termigen_gym.task_ids()
    assert len(ids) >= 14
    assert {gym.spec(id).kwargs["task"] for id in ids} == set(catalog.entries())


@pytest.mark.parametrize("id", ["termigen/x-v0", "x-v0", "x", "termigen/x", "termigen_gym:termigen/x-v0"])
def test_a_name_is_found_in_an_id(id: str) -> None:
    assert task_name(id) == "x"


def test_an_id_of_another_namespace_is_refused() -> None:
    with pytest.raises(TaskError, match="ALE"):
        task_name("ALE/Pong-v5")


def test_an_unknown_id_gets_gymnasiums_error_with_the_near_names() -> None:
    known = termigen_gym.task_ids()[0]
    with pytest.raises(gym.error.NameNotFound, match=known.split("/")[1].removesuffix("-v0")):
        gym.make(known.replace("-v0", "x-v0"))
    with pytest.raises(gym.error.VersionNotFound):
        gym.make(known.replace("-v0", "-v9"))


def test_the_module_prefix_registers_by_itself() -> None:
    id = termigen_gym.task_ids()[0]
    assert run_python(f"import gymnasium as gym; print(gym.make('termigen_gym:{id}').spec.id)").strip() == id


def test_importing_is_light() -> None:
    heavy = run_python(
        "import gymnasium, sys; before = set(sys.modules); import termigen_gym; "
        "print([m for m in ('docker', 'pydantic', 'openai', 'torch', 'transformers', 'rich', 'typer', 'pexpect')"
        " if m in set(sys.modules) - before])"
    )
    assert heavy.strip() == "[]"


def test_folders_of_termigen_envs_are_added_and_cost_no_reading(tmp_path: Path) -> None:
    for i in range(3_567):
        (tmp_path / "many" / f"task_{i}_hard").mkdir(parents=True)
    (tmp_path / "more" / "own.task-1").mkdir(parents=True)
    path = os.pathsep.join([str(tmp_path / "many"), str(tmp_path / "more"), str(tmp_path / "absent")])
    out = run_python("import termigen_gym; print(len(termigen_gym.task_ids()))", TERMIGEN_ENVS=path)
    assert int(out) == len(termigen_gym.task_ids()) + 3_568


def test_a_spec_goes_through_json() -> None:
    id = termigen_gym.task_ids()[0]
    spec = gym.spec(id)
    assert EnvSpec.from_json(spec.to_json()) == spec
    assert json.loads(spec.to_json())["kwargs"]["task"]


def test_an_unknown_task_names_the_near_ones() -> None:
    name = next(iter(catalog.entries()))
    with pytest.raises(TaskError, match=f"did you mean .*{name}"):
        catalog.find(name + "x")
