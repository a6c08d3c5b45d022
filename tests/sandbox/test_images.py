"""The base image: which Dockerfiles need it, and how it is made."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from termigen_gym.errors import BuildError, EngineMissing, SandboxError
from termigen_gym.sandbox.base import Built, Engine, Image, ImageSource, Limits, Sandbox
from termigen_gym.sandbox.cache import cache_folder, locked
from termigen_gym.sandbox.images import BASE, base_images, bootstrap, ensure_base, needs_base


class Store(Engine):
    """An engine that only keeps images, by name the bytes they came from; a registry may be in its reach."""

    name = "store"

    def __init__(self, registry: Mapping[str, bytes] | None = None) -> None:
        self.images: dict[str, bytes] = {}
        self._registry = registry or {}

    def has_image(self, reference: str) -> bool:
        return reference in self.images

    def import_base(self, tarball: Path, reference: str) -> None:
        self.images[reference] = tarball.read_bytes()

    def probe(self) -> str:
        raise NotImplementedError

    def build(self, source: ImageSource) -> Image:
        if source.reference is None or source.reference not in self._registry:
            raise BuildError(f"{source.reference}: no such host")
        self.images[source.reference.removeprefix("docker.io/library/")] = self._registry[source.reference]
        return Image(source.reference)

    def start(
        self, image: Image, limits: Limits, env: Mapping[str, str] | None = None, folders: Sequence[str] = ()
    ) -> Sandbox:
        raise NotImplementedError

    def built(self) -> tuple[Built, ...]:
        raise NotImplementedError

    def discard(self, image: Built) -> bool:
        raise NotImplementedError

    def sweep(self) -> int:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes first on PATH, and a cache of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def install(folder: Path, script: str) -> None:
    """Put a mmdebstrap of ours there; $suite and $out are its last two arguments."""
    program = folder / "mmdebstrap"
    program.write_text(f'#!/bin/bash\necho run >>{folder}/runs\nsuite="${{@: -2:1}}"; out="${{@: -1}}"\n{script}\n')
    program.chmod(0o755)


def runs(folder: Path) -> int:
    return len((folder / "runs").read_text().splitlines())


@pytest.mark.parametrize(
    ("recipe", "images"),
    [
        ("FROM debian:bookworm-slim\n", ("debian:bookworm-slim",)),
        ("# FROM x\n\nfrom  debian:bookworm-slim\nRUN echo FROM y\n", ("debian:bookworm-slim",)),
        ("FROM --platform=linux/amd64 a AS one\nFROM one AS two\nFROM b:1\nCOPY --from=one / /\n", ("a", "b:1")),
        ("FROM scratch\n", ()),
        ("ARG TAG=3.11\nFROM python:${TAG}\nFROM python:$TAG\n", ("python:3.11",)),
        ('ARG BASE="debian:bookworm-slim"\nFROM $BASE\n', ("debian:bookworm-slim",)),
        ("ARG BASE\nFROM $BASE\n", ()),
        ("FROM a AS Stage\nFROM stage\n", ("a",)),
        ("", ()),
    ],
)
def test_base_images(recipe: str, images: tuple[str, ...]) -> None:
    assert base_images(recipe) == images


@pytest.mark.parametrize(
    ("recipe", "needed"),
    [
        ("FROM debian:bookworm-slim\n", True),
        ("FROM docker.io/library/debian:bookworm-slim AS x\n", True),
        ("FROM python:3\nFROM library/debian:bookworm-slim\n", True),
        ("FROM debian:bookworm\n", False),
        ("FROM example.org/debian:bookworm-slim\n", False),
        ("# FROM debian:bookworm-slim\nFROM scratch\n", False),
    ],
)
def test_needs_base(recipe: str, needed: bool) -> None:
    assert needs_base(recipe) is needed


def test_the_base_is_made_once_for_all_engines(programs: Path) -> None:
    install(programs, 'echo "I: working" >&2; echo "tree of $suite" >"$out"')
    first, second = Store(), Store()
    lines: list[str] = []
    ensure_base(first, lines.append)
    ensure_base(first)
    ensure_base(second)
    assert first.images == second.images == {BASE: b"tree of bookworm\n"}
    assert runs(programs) == 1
    assert "I: working" in lines


def test_the_base_is_pulled_where_a_registry_answers(programs: Path) -> None:
    store = Store({"docker.io/library/debian:bookworm-slim": b"pulled"})
    ensure_base(store)
    assert store.images == {BASE: b"pulled"}
    assert list(cache_folder().glob("*.tar")) == []


def test_engines_that_need_it_at_once_wait_for_one_another(programs: Path) -> None:
    install(programs, 'sleep 0.2; echo tree >"$out"')
    stores = [Store() for _ in range(4)]
    threads = [threading.Thread(target=bootstrap, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.images for store in stores] == [{BASE: b"tree\n"}] * 4
    assert runs(programs) == 1


def test_another_suite_is_another_image(programs: Path) -> None:
    install(programs, 'echo "tree of $suite" >"$out"')
    store = Store()
    bootstrap(store, "debian:trixie-slim")
    assert store.images == {"debian:trixie-slim": b"tree of trixie\n"}


def test_a_failure_shows_the_last_lines_and_leaves_nothing(programs: Path) -> None:
    install(programs, 'echo half >"$out"; seq 100 >&2; echo "E: no network" >&2; exit 25')
    with pytest.raises(SandboxError, match=r"exit code 25(.|\n)*E: no network") as caught:
        bootstrap(Store())
    assert "\n50\n" not in str(caught.value)
    assert list(cache_folder().glob("*.tar")) == []
    install(programs, 'echo whole >"$out"')
    store = Store()
    bootstrap(store)
    assert store.images == {BASE: b"whole\n"}


def test_a_missing_program_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(EngineMissing, match="install mmdebstrap"):
        bootstrap(Store())


@pytest.mark.parametrize("reference", ["ubuntu:24.04", "debian:bookworm", "debian:../x-slim", ""])
def test_only_debian_can_be_made(reference: str) -> None:
    with pytest.raises(SandboxError, match="debian:<suite>-slim"):
        bootstrap(Store(), reference)


def test_the_cache_lies_in_the_home_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home/.cache/termigen"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert cache_folder() == tmp_path / "elsewhere/termigen"
    assert cache_folder().is_dir()


def test_a_lock_is_held_by_one_and_another_name_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    order: list[str] = []

    def second() -> None:
        with locked("one"):
            order.append("second")

    thread = threading.Thread(target=second)
    with locked("one"), locked("two"):
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
