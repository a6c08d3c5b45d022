"""The image that the cases run in."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..sandbox.base import Engine, Image, ImageSource
from ..sandbox.images import BASE, ensure_base
from ..task import folder_digest

UID = 1234
SEEDED = ("/tmp/seed", "/root/seed", "/var/log/seed", "/opt/seed", "/solution/seed", "/home/player/seed", "/mnt/seed")
"""Files that the image has, each with its own path as text."""

_DOCKERFILE = f"""\
FROM {BASE}
RUN useradd --create-home --uid {UID} player
COPY seed/ /
COPY entrypoint.sh /opt/bin/entrypoint
RUN chmod 1777 /tmp && chmod 700 /root && chmod 755 /opt/bin/entrypoint
RUN mkdir -p "/work/a b" && chown player "/work/a b"
ENV GREETING="hello, world" PATH="/opt/bin:$PATH"
WORKDIR "/work/a b"
USER player
ENTRYPOINT ["/opt/bin/entrypoint", "an argument"]
"""
_ENTRYPOINT = """\
#!/bin/sh
printf '%s|' "$(id -u)" "$PWD" "$GREETING" "$1" >/tmp/entrypoint
shift
exec "$@"
"""


def conformance_image(engine: Engine) -> Image:
    """Build the image, or return the one built before.

    Raises:
        SandboxError: it could not be built.
    """
    ensure_base(engine)
    seeds = {f"seed{path}": f"{path} of the image\n" for path in SEEDED}
    with build_context({"Dockerfile": _DOCKERFILE, "entrypoint.sh": _ENTRYPOINT, **seeds}) as source:
        return engine.build(source)


@contextlib.contextmanager
def build_context(files: Mapping[str, str], timeout_s: float = 600.0) -> Iterator[ImageSource]:
    """Lay a build context on disk for the length of a `with` block."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        yield ImageSource(Path(folder), folder_digest(Path(folder)), timeout_s=timeout_s)
