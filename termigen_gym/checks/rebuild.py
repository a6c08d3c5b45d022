"""Does an image build from nothing? Layers that many images share are built from nothing once, not for each of them."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import SandboxError
from ..sandbox import engine
from ..sandbox.base import DIGEST_DIGITS, Built, Engine, ImageSource
from ..sandbox.cache import locked
from ..sandbox.images import ensure_base, needs_base
from ..task import Task
from .context import Context, Finding
from .shape import BASE_LAYER

_MIB = 1 << 20
_TAKES_FILES = re.compile(r"(?:COPY|ADD|ARG|ONBUILD|RUN\s+--mount)\b", re.IGNORECASE)
_DAYS_BACK = 14


def check_rebuild(context: Context) -> Finding:
    """The image builds from nothing; how long that takes and how large it is. It is removed again.

    Our common layer is built from nothing once a day, and what stands on it is then built on that. Of images that run
    the same commands before they copy anything, one is built from nothing in a process: what the others copy
    afterwards, their ordinary build has shown.
    """
    task = next(iter(context.tasks.values()))
    if task.config.environment.docker_image is not None:
        return Finding(True, "a finished image: nothing is built")
    chosen = engine(context.sandbox)
    recipe = task.paths.dockerfile.read_text(encoding="utf-8")
    if needs_base(recipe):
        ensure_base(chosen)
    with _rebuilt.of(chosen.name, commands_before_files(recipe)) as rebuilt:
        if rebuilt.seconds is not None:
            told = f"{rebuilt.seconds:.1f} s from nothing, as {rebuilt.task}, which runs the same commands"
            return Finding(True, told)
        common = _common_layer(chosen, context.closed) if recipe.startswith(BASE_LAYER) else None
        with _context_on(task, common) as folder:
            started = time.monotonic()
            limit = task.config.environment.build_timeout_sec
            made = _from_nothing(chosen, folder, f"rebuilt\0{task.context_digest}", limit, context.closed)
            seconds = time.monotonic() - started
        chosen.discard(made)
        rebuilt.seconds, rebuilt.task = seconds, task.name
    figures = {"build_s": round(seconds, 1), "size_mib": round(made.size / _MIB, 1)}
    below = "its base" if common is None else "our common layer, which was built from nothing today"
    return Finding(True, f"{seconds:.1f} s from nothing, {made.size / _MIB:.0f} MiB above {below}", figures)


def _from_nothing(chosen: Engine, folder: Path, label: str, limit_s: float, abort: threading.Event) -> Built:
    digest = hashlib.sha256(label.encode()).hexdigest()
    chosen.build(ImageSource(folder, digest, timeout_s=limit_s, fresh=True, abort=abort))
    made = chosen.built_of(digest)
    if made is None:
        raise SandboxError(
            f"image {digest[:DIGEST_DIGITS]}: expected it in the engine's store after its build, found none"
        )
    return made


def _common_layer(chosen: Engine, abort: threading.Event) -> str:
    """Return the name of an image of our common layer that was built from nothing today; older ones are removed."""
    today = datetime.datetime.now(datetime.UTC).date()
    with locked(f"common-layer-{chosen.name}", abort):
        made = chosen.built_of(hashlib.sha256(_label(today).encode()).hexdigest())
        if made is None:
            with tempfile.TemporaryDirectory(prefix="termigen-common-") as folder:
                Path(folder, "Dockerfile").write_text(BASE_LAYER, encoding="utf-8")
                made = _from_nothing(chosen, Path(folder), _label(today), ImageSource.timeout_s, abort)
            for days in range(1, _DAYS_BACK):
                label = _label(today - datetime.timedelta(days=days))
                older = chosen.built_of(hashlib.sha256(label.encode()).hexdigest())
                if older is not None:
                    chosen.discard(older)
        return made.name


def _label(day: datetime.date) -> str:
    return f"common layer\0{day.isoformat()}\0{BASE_LAYER}"


@contextlib.contextmanager
def _context_on(task: Task, common: str | None) -> Iterator[Path]:
    """The task's build context, on the common layer where that is given."""
    if common is None:
        yield task.paths.context
        return
    with tempfile.TemporaryDirectory(prefix="termigen-rebuild-") as top:
        folder = shutil.copytree(task.paths.context, Path(top) / "context", symlinks=True)
        recipe = (folder / "Dockerfile").read_text(encoding="utf-8")
        (folder / "Dockerfile").write_text(f"FROM {common}\n{recipe.removeprefix(BASE_LAYER)}", encoding="utf-8")
        yield folder


def commands_before_files(dockerfile: str) -> str | None:
    """Return the instructions of a Dockerfile up to its last RUN, None where what they do may depend on the context."""
    lines: list[str] = []
    for line in dockerfile.splitlines():
        if lines and lines[-1].endswith("\\"):
            lines[-1] += f"\n{line}"
        elif line.strip() and not line.lstrip().startswith("#"):
            lines.append(line.strip())
    runs = [number for number, line in enumerate(lines) if line.upper().startswith("RUN")]
    before = lines[: runs[-1] + 1] if runs else []
    if not before or any(_TAKES_FILES.match(line) or "<<" in line for line in before):
        return None
    return "\n".join(before)


@dataclass
class _Rebuilt:
    """What is known of some commands: how long they took from nothing, for which task; None: not tried yet."""

    seconds: float | None = None
    task: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


class _AllRebuilt:
    """What was built from nothing in this process, by engine and commands."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], _Rebuilt] = {}

    @contextlib.contextmanager
    def of(self, engine: str, commands: str | None) -> Iterator[_Rebuilt]:
        """Hold what is known of some commands; others that need it wait. None: nothing is kept of these."""
        if commands is None:
            yield _Rebuilt()
            return
        with self._lock:
            rebuilt = self._known.setdefault((engine, commands), _Rebuilt())
        with rebuilt.lock:
            yield rebuilt


_rebuilt = _AllRebuilt()
