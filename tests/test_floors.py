"""A module imports only from lower floors; third-party packages stay where they belong (docs/architecture.md)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "termigen_gym"

FLOORS: dict[str, int] = {
    "errors": 0,
    "lines": 0,
    "normal": 0,
    "extras": 0,
    "text": 0,
    "screen": 0,
    "spaces": 0,
    "task": 1,
    "family": 1,
    "catalog": 1,
    "solution": 1,
    "episode": 1,
    "llm": 1,
    "sandbox": 2,
    "index": 2,
    "store": 2,
    "executor": 2,
    "cluster": 2,
    "score": 2,
    "terminal": 3,
    "tree": 3,
    "verifier": 3,
    "registration": 3,
    "comparing": 4,
    "conformance": 4,
    "start": 4,
    "env": 4,
    "vector": 4,
    "critic": 4,
    "wrappers": 4,
    "agents": 5,
    "play": 5,
    "checks": 6,
    "roster": 6,
    "plan": 6,
    "attempts": 6,
    "collect": 6,
    "evaluate": 6,
    "replay": 6,
    "export": 6,
    "doctor": 6,
    "synthesis": 7,
    "demo": 7,
    "cli": 8,
    "__main__": 9,
}
# Floors on which modules may import each other, in this order only: task before family and so on.
ORDER_WITHIN = (
    ("errors", "lines", "text", "screen", "spaces"),
    ("task", "episode", "family", "catalog", "solution"),
    ("index", "store"),
    ("tree", "verifier"),
    ("critic", "start", "env", "vector", "wrappers", "conformance"),
    ("agents", "play"),
    ("roster", "plan", "attempts", "collect", "evaluate"),
    ("checks", "plan", "replay"),
)
CONFINED = {
    "docker": {f"sandbox/{name}.py" for name in ("docker", "container", "container_files", "commits", "daemon")},
    "pexpect": {"terminal.py"},
    "pyte": {"screen.py"},
    "wcwidth": {"screen.py"},
    "gymnasium": {"spaces.py", "env.py", "registration.py", "vector.py", "wrappers.py", "export/minari.py"},
    "pydantic": {
        "cli/casts.py",
        "task.py",
        "solution.py",
        "synthesis/replies.py",
        "llm/replies.py",
        "critic/llm.py",
    },
    "jinja2": {"llm/prompts.py", "synthesis/page.py", "export/card.py"},
    "minari": {"export/minari.py"},
    "pyarrow": {"export/messages.py"},
    "matplotlib": {"synthesis/pictures.py"},
    "tenacity": {"llm/openai.py"},
    "openai": {"llm/openai.py"},
    "ray": {"cluster.py"},
    "torch": {"agents/local.py"},
    "transformers": {"agents/local.py"},
    "trl": set(),
}
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if "_envs" not in path.parts)


def imports(path: str) -> tuple[set[str], set[str]]:
    """Return the package's own modules (by their first name) and the third-party packages that a module imports."""
    own: set[str] = set()
    other: set[str] = set()
    depth = len(Path(path).parts) - 1
    for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            own |= {name.split(".")[1] for name in names if name.startswith("termigen_gym.")}
            other |= {name.split(".")[0] for name in names if not name.startswith("termigen_gym")}
        elif isinstance(node, ast.ImportFrom):
            if node.level == depth + 1:
                own |= {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
            elif node.level == 0 and node.module:
                top, _, rest = node.module.partition(".")
                if top == "termigen_gym":
                    own |= {rest.split(".")[0]} if rest else {alias.name for alias in node.names}
                else:
                    other.add(top)
    return own - {"__version__", "_version"}, other


def owner(path: str) -> str:
    return path.split("/")[0].removesuffix(".py")


def test_every_module_has_a_floor() -> None:
    assert {owner(path) for path in MODULES} - {"__init__"} == set(FLOORS)


@pytest.mark.parametrize("path", [path for path in MODULES if path != "__init__.py"])
def test_imports_go_down(path: str) -> None:
    name = owner(path)
    for target in imports(path)[0] - {name, "__init__"}:
        higher = FLOORS[target] > FLOORS[name]
        level = FLOORS[target] == FLOORS[name]
        ordered = any(target in row and name in row and row.index(target) < row.index(name) for row in ORDER_WITHIN)
        assert not higher, f"{path} imports {target}, which lies on a higher floor"
        assert not level or ordered, f"{path} imports {target}, which lies beside it"


@pytest.mark.parametrize("package", CONFINED)
def test_third_party_packages_stay_confined(package: str) -> None:
    users = {path for path in MODULES if package in imports(path)[1]}
    assert users <= CONFINED[package]
