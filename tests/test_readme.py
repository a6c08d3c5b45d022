"""Every command and every Python block in README.md runs as it stands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from termigen_gym.sandbox.base import Engine
from tests import samples

ROOT = Path(__file__).parent.parent
TEXTS = {
    path: (ROOT / path).read_text()
    for path in (
        "README.md",
        "benchmarks/README.md",
        "docs/agents.md",
        "docs/audit.md",
        "docs/collection.md",
        "docs/synthesis.md",
    )
}
BLOCKS = [match for text in TEXTS.values() for match in re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)]
PYTHON = [code for kind, code in BLOCKS if kind == "python"]
COMMANDS = [
    re.split(r"\s+# ", line[2:])[0].strip()
    for kind, text in BLOCKS
    if kind == "console"
    for line in text.splitlines()
    if line.startswith("$ ")
]
# These need a GPU, a model's weights or many minutes: their arguments are parsed, and that is all that can be tried
# everywhere.
PARSED_ONLY = ("Qwen/", "UCSB-SURFI/", "--checkpoint", "--api-key-env", "--n 20")
SETTING = re.compile(r"[A-Z_]+=")


def run(argv: list[str], cwd: Path, **env: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    known = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **env}
    done = subprocess.run(argv, cwd=cwd, env=known, capture_output=True, text=True, check=False, stdin=subprocess.PIPE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_texts_have_commands() -> None:
    assert len(PYTHON) >= 2
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_python_blocks_run(code: str, engine: Engine, tmp_path: Path) -> None:
    code = re.sub(r'(-v0")', rf"\1, sandbox={engine.name!r}", code)
    run([sys.executable, "-W", "error::UserWarning", "-c", code], tmp_path)


def test_the_figures_in_the_comments_are_right(tmp_path: Path) -> None:
    shown = run([sys.executable, "-c", PYTHON[0]], tmp_path)
    assert " 2 prompt\n" in shown
    assert "\n0.0 {" in shown


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_targets_exist(command: str) -> None:
    run([*shlex.split(command), "--dry-run"], ROOT)


def runnable() -> list[str]:
    ours = [c for c in COMMANDS if "termigen" in [word for word in shlex.split(c) if not SETTING.match(word)][:1]]
    return [c for c in ours if not any(part in c for part in PARSED_ONLY)]


def test_termigen_commands_run_in_order(tmp_path: Path) -> None:
    for kind, text in BLOCKS:
        if kind == "toml" and (name := re.match(r"# (\w+\.toml)\n", text)):
            (tmp_path / name[1]).write_text(text)
    samples.write_task(tmp_path / "their-tasks" / "one")
    for command in runnable():
        words = shlex.split(command)
        settings = dict(word.split("=", 1) for word in words if SETTING.match(word))
        words = words[len(settings) :]
        if words[1] == "play" and "--agent" not in words:
            continue
        run([sys.executable, "-c", "from termigen_gym.cli import main; main()", *words[1:]], tmp_path, **settings)
    assert (tmp_path / "runs/first.messages.jsonl").stat().st_size > 1000


@pytest.mark.parametrize("command", [c for c in COMMANDS if any(part in c for part in PARSED_ONLY)])
def test_the_other_commands_name_options_that_exist(command: str, tmp_path: Path) -> None:
    words = shlex.split(command)
    start = [sys.executable, "-m", "training.sft"]
    if words[0] == "termigen":
        start = [sys.executable, "-c", "from termigen_gym.cli import main; main()", words[1]]
    offered = run([*start, "--help"], tmp_path, COLUMNS="200")
    for word in words:
        if word.startswith("--"):
            assert re.search(rf"{word}\b", offered), f"{command}: {word} is not offered"


def test_every_command_is_covered() -> None:
    covered = [*runnable(), *(c for c in COMMANDS if c.startswith("make ") or any(p in c for p in PARSED_ONLY))]
    others = [c for c in COMMANDS if c not in covered]
    bench = ".venv/bin/python benchmarks"
    assert others == [
        f"{bench}/latency.py --json",
        f"{bench}/latency.py --peer harbor --harbor benchmarks/harbor_container.sh",
        f"{bench}/collection.py",
    ]
