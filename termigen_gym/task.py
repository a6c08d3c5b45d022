"""Tasks: Harbor folders, read, checked and summed up (FORMATS: Harbor task, schema 1.4).

`TaskPaths` draws the folder and is the only place where a file name of it is written.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from .errors import TaskError


@dataclass(frozen=True)
class TaskPaths:
    """Where things lie in a task folder.

    <task>/
      task.toml                config
      instruction.md           instruction
      environment/             context
        Dockerfile             dockerfile
      tests/                   tests
        test.sh                test_script
        Dockerfile             tests_dockerfile
      solution/                solution
        solve.sh               solve
        mistakes.toml          mistakes     (ours; Harbor ignores it)
        variants.toml          variants     (ours; Harbor ignores it)
      family.py                generator    (families only; then there is no instruction.md and no solution/)
    """

    folder: Path

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.folder / "task.toml"

    @property
    def instruction(self) -> Path:
        """What the agent is asked."""
        return self.folder / "instruction.md"

    @property
    def context(self) -> Path:
        """The build context."""
        return self.folder / "environment"

    @property
    def contexts(self) -> tuple[Path, ...]:
        """All folders that images are built from: the context, and the tests where they have an image of their own."""
        known = (self.context, self.tests) if self.tests_dockerfile.is_file() else (self.context,)
        return tuple(folder for folder in known if folder.is_dir())

    @property
    def dockerfile(self) -> Path:
        """The image's recipe."""
        return self.context / "Dockerfile"

    @property
    def tests(self) -> Path:
        """The verifier's files."""
        return self.folder / "tests"

    @property
    def test_script(self) -> Path:
        """The verifier's entry."""
        return self.tests / "test.sh"

    @property
    def tests_dockerfile(self) -> Path:
        """The recipe of an image of the verifier's own, which few tasks have."""
        return self.tests / "Dockerfile"

    @property
    def solve(self) -> Path:
        """The reference solution."""
        return self.folder / "solution" / "solve.sh"

    @property
    def mistakes(self) -> Path:
        """Mistakes that people of the field make on this task."""
        return self.folder / "solution" / "mistakes.toml"

    @property
    def variants(self) -> Path:
        """Other ways, right and wrong, on which the tests are tried."""
        return self.folder / "solution" / "variants.toml"

    @property
    def generator(self) -> Path:
        """A family's generator."""
        return self.folder / "family.py"


class _Table(BaseModel):
    """A table of task.toml: unknown keys are ignored, as Harbor does."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Healthcheck(_Table):
    """``[environment.healthcheck]``: ready when `command` exits 0."""

    command: str
    interval_sec: float = 5.0
    timeout_sec: float = 30.0
    start_period_sec: float = 0.0
    start_interval_sec: float = 5.0
    retries: int = 3


class EnvironmentConfig(_Table):
    """``[environment]``."""

    build_timeout_sec: float = 600.0
    docker_image: str | None = None
    os: Literal["linux"] = "linux"
    cpus: float = Field(default=1.0, gt=0)
    memory_mb: int = Field(default=2048, gt=0)
    storage_mb: int = Field(default=10240, gt=0)
    network_mode: Literal["public", "no-network", "allowlist"] = "no-network"
    allowed_hosts: tuple[str, ...] = ()
    env: dict[str, str] = {}
    workdir: str | None = None
    healthcheck: Healthcheck | None = None

    @model_validator(mode="before")
    @classmethod
    def _older(cls, data: Any) -> Any:
        """Read what older schemas wrote: memory = "2G", storage = "10G", allow_internet, nulls for defaults."""
        if not isinstance(data, dict):
            return data
        values = {key: value for key, value in data.items() if value is not None}
        for old, new in (("memory", "memory_mb"), ("storage", "storage_mb")):
            if old in values and new not in values:
                values[new] = _megabytes(values[old])
        if values.get("allow_internet") is True:
            values.setdefault("network_mode", "public")
        return values


class Artifact(_Table):
    """One of ``artifacts``: a file or folder that comes into the verifier's sandbox; a bare string is its `source`.

    `exclude` are shell patterns of what of a folder does not. Where Harbor keeps it on the host (`destination`) plays
    no part here.
    """

    source: str
    exclude: tuple[str, ...] = ()
    service: Literal["main"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: Any) -> Any:
        return {"source": data} if isinstance(data, str) else data

    @field_validator("source")
    @classmethod
    def _absolute(cls, source: str) -> str:
        path = posixpath.normpath(source)
        if not source.startswith("/") or path in ("/", "//") or ".." in source.split("/"):
            raise ValueError("expected an absolute path below / and without '..'")
        return path


class CollectHook(_Table):
    """One of ``[[verifier.collect]]``: a command run in the agent's sandbox before its artifacts are taken out."""

    command: str
    timeout_sec: float = Field(default=60.0, gt=0)
    user: str | int | None = None
    service: Literal["main"] = "main"


class VerifierConfig(_Table):
    """``[verifier]``."""

    timeout_sec: float = Field(default=600.0, gt=0)
    env: dict[str, str] = {}
    user: str | int | None = None
    environment_mode: Literal["shared", "separate"] | None = None
    environment: EnvironmentConfig | None = None
    collect: tuple[CollectHook, ...] = ()

    @model_validator(mode="after")
    def _agree(self) -> VerifierConfig:
        if self.environment_mode == "shared" and self.environment is not None:
            raise ValueError('expected no [verifier.environment] with environment_mode = "shared", found both')
        return self


class AgentConfig(_Table):
    """``[agent]``."""

    timeout_sec: float | None = Field(default=None, gt=0)
    user: str | int | None = None


class SolutionConfig(_Table):
    """``[solution]``."""

    env: dict[str, str] = {}


class Metadata(BaseModel):
    """``[metadata]``: free-form in Harbor; these are the keys that we read."""

    model_config = ConfigDict(extra="allow", frozen=True)

    category: str = "uncategorised"
    difficulty: str = "unknown"
    tools: tuple[str, ...] = ()
    processes_survive: bool | None = None
    max_steps: int | None = Field(default=None, gt=0)


class TaskConfig(_Table):
    """task.toml."""

    artifacts: tuple[Artifact, ...] = ()
    metadata: Metadata = Metadata()
    agent: AgentConfig = AgentConfig()
    verifier: VerifierConfig = VerifierConfig()
    environment: EnvironmentConfig = EnvironmentConfig()
    solution: SolutionConfig = SolutionConfig()
    steps: tuple[dict[str, Any], ...] = ()

    @property
    def separate(self) -> bool:
        """Whether the tests run in a sandbox of their own."""
        mode = self.verifier.environment_mode
        return mode == "separate" or (mode is None and self.verifier.environment is not None)

    def artifacts_with(self, conventional: str) -> tuple[Artifact, ...]:
        """Return the artifacts, before them the folder where agents publish by convention unless it is one of them."""
        if any(artifact.source == conventional for artifact in self.artifacts):
            return self.artifacts
        return (Artifact(source=conventional), *self.artifacts)


def _megabytes(text: Any) -> Any:
    """Turn "2G" or "512M" into megabytes; anything else is left for the validator to refuse."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", str(text).strip(), re.IGNORECASE)
    if match is None:
        return text
    scale = {"K": 1 / 1024, "": 1 / 1024**2, "M": 1, "G": 1024, "T": 1024**2}[match[2].upper()]
    return max(round(float(match[1]) * scale), 1)


@dataclass(frozen=True)
class TreeFile:
    """A file to be put into a sandbox."""

    content: bytes
    executable: bool = False


@dataclass(frozen=True)
class Task:
    """One task, ready to be played.

    Attributes:
        name: the folder's name; for a family instance the family's.
        paths: the folder. config: its task.toml. instruction: what the agent is asked.
        digest: sha256 of all that defines the task; two tasks of one digest are the same task.
        files: absolute path to file, put into the sandbox before the agent starts (family instances).
        extra_tests: name under tests/ to file, beside those of the folder (family instances).
        solution, mistakes, variants: the text of solve.sh, of mistakes.toml, of variants.toml, or None.
    """

    name: str
    paths: TaskPaths
    config: TaskConfig
    instruction: str
    digest: str
    files: Mapping[str, TreeFile] = field(default_factory=dict)
    extra_tests: Mapping[str, TreeFile] = field(default_factory=dict)
    solution: str | None = None
    mistakes: str | None = None
    variants: str | None = None

    @classmethod
    def load(cls, folder: Path) -> Task:
        """Read a task folder.

        Raises:
            TaskError: a file is missing or malformed; names the file, the field, what was expected and found.
        """
        paths = TaskPaths(folder)
        config = load_config(paths)
        instruction = _read(paths.instruction)
        if not instruction.strip():
            raise TaskError(f"{paths.instruction}: expected the instruction's text, found an empty file")
        if not paths.test_script.is_file() and not _comes_with_image(config):
            raise TaskError(f"{paths.test_script}: expected the verifier's script, found no such file")
        return cls(
            name=folder.name,
            paths=paths,
            config=config,
            instruction=instruction,
            digest=folder_digest(folder),
            solution=_read_if_there(paths.solve),
            mistakes=_read_if_there(paths.mistakes),
            variants=_read_if_there(paths.variants),
        )

    @cached_property
    def context_digest(self) -> str:
        """The digest of the build context: tasks of one context share one image."""
        return folder_digest(self.paths.context)

    @property
    def has_tests_in_image(self) -> bool:
        """Whether the verifier has an image of its own, which brings the tests along (Harbor's rule)."""
        return _comes_with_image(self.config) or (self.config.separate and self.paths.tests_dockerfile.is_file())

    def tests(self) -> dict[str, TreeFile]:
        """Return the verifier's files by their names under tests/."""
        return {**read_tree(self.paths.tests), **self.extra_tests}


def _comes_with_image(config: TaskConfig) -> bool:
    environment = config.verifier.environment
    return config.separate and environment is not None and environment.docker_image is not None


def load_config(paths: TaskPaths) -> TaskConfig:
    """Read task.toml and check that the environment can be built.

    Raises:
        TaskError: as `Task.load`.
    """
    if not paths.folder.is_dir():
        raise TaskError(f"{paths.folder}: expected a task folder, found no such folder")
    try:
        config = TaskConfig.model_validate(tomllib.loads(_read(paths.config)))
    except tomllib.TOMLDecodeError as error:
        raise TaskError(f"{paths.config}: expected TOML, found a syntax error: {error}") from None
    except ValidationError as error:
        raise TaskError("\n".join(_field_errors(paths.config, error))) from None
    if config.steps:
        raise TaskError(f"{paths.config}: [[steps]]: expected a task of one step, found {len(config.steps)} steps")
    if config.environment.docker_image is None and not paths.dockerfile.is_file():
        raise TaskError(
            f"{paths.dockerfile}: expected a Dockerfile (or docker_image in [environment] of task.toml), found neither"
        )
    return config


def _field_errors(path: Path, error: ValidationError) -> list[str]:
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        lines.append(f"{path}: {where}: {item['msg']} (found {item['input']!r})")
    return lines


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TaskError(f"{path}: expected a file, found none") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"{path}: expected readable UTF-8 text, found: {error}") from None


def _read_if_there(path: Path) -> str | None:
    return _read(path) if path.is_file() else None


def _files(folder: Path) -> list[Path]:
    """All regular files below `folder`, sorted by path; caches that tools leave behind are not part of a task."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".pytest_cache" not in path.parts
    )


def read_tree(folder: Path) -> dict[str, TreeFile]:
    """Return every file below `folder` by its relative path."""
    return {
        path.relative_to(folder).as_posix(): TreeFile(path.read_bytes(), bool(path.stat().st_mode & stat.S_IXUSR))
        for path in _files(folder)
    }


def folder_digest(folder: Path) -> str:
    """Return the sha256 of every file's relative path, executable bit and content below `folder`."""
    total = hashlib.sha256()
    for name, item in read_tree(folder).items():
        total.update(f"{name}\0{int(item.executable)}\0{len(item.content)}\0".encode())
        total.update(item.content)
    return total.hexdigest()
