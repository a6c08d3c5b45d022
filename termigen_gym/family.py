"""Seeded families: folders whose generator makes a task of its own for every seed and difficulty."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from .errors import TaskError
from .task import Task, TaskConfig, TaskPaths, TreeFile, folder_digest, load_config, read_tree

DIFFICULTIES = ("easy", "medium", "hard")


@dataclass(frozen=True)
class Instance:
    """One instance of a family: what differs from seed to seed.

    Attributes:
        instruction: the text of instruction.md.
        files: absolute path in the image to content; root-owned, mode 0644, or 0755 where it begins with ``#!``.
        tests: file name under tests/ to content; present in the sandbox at verify time only.
        solution: the text of solution/solve.sh.
        mistakes: the text of solution/mistakes.toml. variants: the text of solution/variants.toml.
    """

    instruction: str
    files: Mapping[str, bytes | str]
    tests: Mapping[str, bytes | str] = field(default_factory=dict)
    solution: str = ""
    mistakes: str = ""
    variants: str = ""


Generate = Callable[[np.random.Generator, str], Instance]


@dataclass(frozen=True)
class Family:
    """A family's folder (see `TaskPaths`) and its generator.

    Its environment/Dockerfile is the same for all instances and ends with ``COPY files/ /``; an instance's files are
    put into the running sandbox instead, which comes to the same and needs no build.
    """

    name: str
    paths: TaskPaths
    config: TaskConfig
    digest: str
    generate: Generate

    @classmethod
    def load(cls, folder: Path) -> Family:
        """Read a family's folder and import its generator.

        Raises:
            TaskError: a file is missing or malformed, or the generator does not import.
        """
        paths = TaskPaths(folder)
        config = load_config(paths)
        digest = folder_digest(folder)
        return cls(folder.name, paths, config, digest, _import_generator(paths.generator, digest))

    @cached_property
    def context_digest(self) -> str:
        """The digest of the build context, which all instances share."""
        return folder_digest(self.paths.context)

    def instance(self, seed: int, difficulty: str = "medium") -> Task:
        """Return the task of a seed; the same on every machine.

        Raises:
            TaskError: an unknown difficulty, or the generator failed.
        """
        if difficulty not in DIFFICULTIES:
            raise TaskError(f"{self.name}: difficulty: expected one of {DIFFICULTIES}, found {difficulty!r}")
        made = self.generate(np.random.default_rng([seed, DIFFICULTIES.index(difficulty)]), difficulty)
        metadata = self.config.metadata.model_copy(update={"difficulty": difficulty})
        return Task(
            name=self.name,
            paths=self.paths,
            config=self.config.model_copy(update={"metadata": metadata}),
            instruction=made.instruction,
            digest=hashlib.sha256(f"{self.digest}\0{seed}\0{difficulty}".encode()).hexdigest(),
            files=_tree(made.files),
            extra_tests=_tree(made.tests),
            solution=made.solution or None,
            mistakes=made.mistakes or None,
            variants=made.variants or None,
        )


def materialise(task: Task, folder: Path) -> None:
    """Write a family's instance as an ordinary task folder, as Harbor takes it.

    Raises:
        TaskError: `folder` exists already.
    """
    if folder.exists():
        raise TaskError(f"{folder}: expected no such folder yet, found one")
    paths = TaskPaths(folder)
    tree = {f"environment/{name}": item for name, item in read_tree(task.paths.context).items()}
    tree |= {f"environment/files/{path.lstrip('/')}": item for path, item in task.files.items()}
    tree |= {f"tests/{name}": item for name, item in task.tests().items()}
    tree["task.toml"] = TreeFile(task.paths.config.read_bytes())
    texts = (
        (paths.instruction, task.instruction),
        (paths.solve, task.solution),
        (paths.mistakes, task.mistakes),
        (paths.variants, task.variants),
    )
    tree |= {path.relative_to(folder).as_posix(): TreeFile(text.encode()) for path, text in texts if text is not None}
    for name, item in tree.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(item.content)
        target.chmod(0o755 if item.executable else 0o644)


def _tree(files: Mapping[str, bytes | str]) -> dict[str, TreeFile]:
    contents = {path: item.encode() if isinstance(item, str) else item for path, item in files.items()}
    return {path: TreeFile(content, content.startswith(b"#!")) for path, content in contents.items()}


@lru_cache(maxsize=64)
def _import_generator(path: Path, digest: str) -> Generate:
    """Import family.py by its path, under a name of its own; once, for as long as its folder's digest is the same."""
    name = f"termigen_family_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise TaskError(f"{path}: expected the family's generator, found no such file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
        generate: Generate = module.generate
    except (SyntaxError, ImportError, AttributeError, NameError, TypeError, ValueError) as error:
        del sys.modules[name]
        raise TaskError(f"{path}: expected a module with generate(rng, difficulty), found: {error}") from error
    return generate
