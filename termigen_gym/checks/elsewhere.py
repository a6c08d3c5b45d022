"""The solution under other conditions: what must not matter is made another, and the reward must stay 1."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..agents import Oracle
from ..task import TaskPaths
from .context import Context, Finding, finding
from .evidence import of_episode

_CPUS = "0.5"
_ZONE = '"TGM-13:45"'
"""A time zone that needs no database: for much of a day it is another date there than in UTC."""

_CONDITIONS = "The conditions: half a CPU, another time zone, and the tests in reverse order."

_REVERSED = """\
def pytest_collection_modifyitems(items):
    items.reverse()
"""


def check_elsewhere(context: Context) -> Finding:
    """The solution earns 1 with half a CPU, in another time zone, and with the tests in reverse order.

    The latter where pytest runs them, or our run.py, which heeds the same conftest.py.
    """
    problems, evidence = [], []
    with _copy(context.entry.folder) as folder:
        for pick in context.sample:
            episode = context.play(Oracle(), pick, folder=folder)
            if episode.reward != 1:
                problems.append(f"{pick}: expected reward 1 under other conditions, found {episode.reward}")
                evidence += [_CONDITIONS, of_episode(episode)]
    good = f"reward 1 in {len(context.sample)} plays under other conditions"
    return finding(problems, good, evidence=evidence)


@contextmanager
def _copy(folder: Path) -> Iterator[Path]:
    """Copy a task's folder and change the conditions in it; its image stays the same."""
    with tempfile.TemporaryDirectory(prefix="termigen-elsewhere-") as top:
        copy = shutil.copytree(folder, Path(top) / folder.name)
        paths = TaskPaths(copy)
        text = paths.config.read_text(encoding="utf-8")
        for table, key, value in (
            ("environment", "cpus", _CPUS),
            ("environment.env", "TZ", _ZONE),
            ("verifier.env", "TZ", _ZONE),
        ):
            text = with_value(text, table, key, value)
        paths.config.write_text(text, encoding="utf-8")
        if not (paths.tests / "conftest.py").exists():
            (paths.tests / "conftest.py").write_text(_REVERSED, encoding="utf-8")
        yield copy


def with_value(toml: str, table: str, key: str, value: str) -> str:
    """Return a TOML text in which a key of a table, which may not be there yet, has another value."""
    head = re.search(rf"^\[{re.escape(table)}\][ \t]*(?:#.*)?$", toml, re.MULTILINE)
    if head is None:
        return f"{toml.rstrip()}\n\n[{table}]\n{key} = {value}\n"
    end = re.compile(r"^\[", re.MULTILINE).search(toml, head.end())
    body = toml[head.end() : end.start() if end else len(toml)]
    body = re.sub(rf"^{re.escape(key)}[ \t]*=.*\n?", "", body, flags=re.MULTILINE)
    return f"{toml[: head.end()]}\n{key} = {value}{body}{toml[end.start() :] if end else ''}"
