"""The base image of our tasks: from a registry, or made from the distribution's packages where none can be reached."""

from __future__ import annotations

import os
import re
import shutil
import string
import subprocess
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from ..errors import BuildError, EngineMissing, SandboxError
from .base import DIGEST_DIGITS, Built, Engine, ImageSource
from .cache import cache_folder, locked

BASE = "debian:bookworm-slim"

_FULL = f"docker.io/library/{BASE}"
_PULL_S = 60.0
_ALIASES = (BASE, f"library/{BASE}", f"docker.io/{BASE}", _FULL)
# As in the image that Debian publishes: what apt fetches and computes stays out of the layers.
_APT_CLEAN = """\
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
"""
_OPTIONS = (
    "--variant=minbase",
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    f"""--customize-hook=printf %s '{_APT_CLEAN}' > "$1"/etc/apt/apt.conf.d/docker-clean""",
    '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin',
)
_EDITION = 2
"""Of these options: a tarball that others made is made anew."""
_TAIL = 15


def needs_base(dockerfile: str) -> bool:
    """Return whether a Dockerfile's text builds on the base image."""
    return any(reference in _ALIASES for reference in base_images(dockerfile))


def base_images(dockerfile: str) -> tuple[str, ...]:
    """Return the images that a Dockerfile's FROM lines name; not its own stages, `scratch`, and what can't be told."""
    values: dict[str, str] = {}
    stages: set[str] = {"scratch"}
    found: list[str] = []
    for line in dockerfile.splitlines():
        if match := re.match(r"\s*ARG\s+(\w+)=(\S+)", line, re.IGNORECASE):
            values.setdefault(match[1], match[2].strip("\"'"))
        if match := re.match(r"\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", line, re.IGNORECASE):
            reference = string.Template(match[1]).safe_substitute(values)
            if reference.lower() not in stages and reference not in found and "$" not in reference:
                found.append(reference)
            stages.add((match[2] or "scratch").lower())
    return tuple(found)


def ensure_base(engine: Engine, progress: Callable[[str], None] = lambda line: None) -> None:
    """See to it that the engine has the base image: pull it, or `bootstrap` it where no registry can be reached.

    Raises:
        EngineMissing, SandboxError: as `bootstrap`.
    """
    if engine.has_image(BASE):
        return
    progress(f"{BASE}: pulling")
    try:
        engine.build(ImageSource(None, _FULL, _FULL, _PULL_S))
    except BuildError:
        bootstrap(engine, BASE, progress)


def bootstrap(engine: Engine, reference: str = BASE, progress: Callable[[str], None] = lambda line: None) -> None:
    """Make a Debian base image from Debian's packages with mmdebstrap and give it to an engine.

    The tarball is kept under the user's cache, so that another engine gets it in seconds.

    Args:
        engine: where the image goes.
        reference: "debian:<suite>-slim".
        progress: called with each line that tells how far it is.

    Raises:
        EngineMissing: mmdebstrap is not installed.
        SandboxError: the packages could not be had, or the engine failed.
    """
    match = re.fullmatch(r"debian:([a-z]+)-slim", reference)
    if match is None:
        raise SandboxError(f"bootstrap: expected a base called debian:<suite>-slim, found {reference!r}")
    suite = match[1]
    tarball = cache_folder() / f"debian-{suite}-slim.{_EDITION}.tar"
    with locked(tarball.name):
        if tarball.exists():
            progress(f"{reference}: from {tarball}")
        else:
            _debootstrap(suite, tarball, progress)
        progress(f"{reference}: importing")
        engine.import_base(tarball, reference)


@dataclass(frozen=True)
class Pruned:
    """What `prune` did.

    Attributes:
        removed: the images that are gone, or would be. in_use: those that stay because a sandbox uses them.
        kept: how many stay because a task uses them.
    """

    removed: tuple[Built, ...]
    in_use: tuple[Built, ...]
    kept: int

    @property
    def freed(self) -> int:
        """Bytes that no image needs any more, at least: what several removed ones shared is not counted."""
        return sum(image.size for image in self.removed)


def prune(engine: Engine, keep: Collection[str], dry_run: bool = False) -> Pruned:
    """Remove the images that an engine has built from contexts other than those whose digests are in `keep`.

    Bases, and images that anybody else built, stay. With `dry_run` nothing is removed.

    Raises:
        SandboxError: the engine failed.
    """
    wanted = {digest[:DIGEST_DIGITS] for digest in keep}
    found = engine.built()
    unused = [image for image in found if image.digest not in wanted]
    gone = [image for image in unused if dry_run or engine.discard(image)]
    return Pruned(tuple(gone), tuple(image for image in unused if image not in gone), len(found) - len(unused))


def _debootstrap(suite: str, tarball: Path, progress: Callable[[str], None]) -> None:
    program = shutil.which("mmdebstrap")
    if program is None:
        raise EngineMissing(
            "bootstrap: expected the program mmdebstrap, found none; "
            "install it, e.g. `apt-get install mmdebstrap uidmap`, or pull the base image from a registry"
        )
    unfinished = tarball.with_name(f"{tarball.stem}.{os.getpid()}.tar")
    try:
        lines: list[str] = []
        with subprocess.Popen(
            [program, *_OPTIONS, suite, str(unfinished)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stderr or ():
                lines.append(line.rstrip())
                progress(line.rstrip())
        if process.returncode != 0:
            raise SandboxError(
                f"bootstrap: expected mmdebstrap to make {suite}, found exit code {process.returncode}:\n"
                + "\n".join(lines[-_TAIL:])
            )
        unfinished.replace(tarball)
    finally:
        unfinished.unlink(missing_ok=True)
