"""Files in memory, by which descriptors of this process hand content to other processes and back."""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def in_memory(content: bytes = b"") -> Iterator[int]:
    """A descriptor of a file that holds `content` and is to be read from its beginning."""
    fd = os.memfd_create("termigen", os.MFD_CLOEXEC)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
        os.lseek(fd, 0, os.SEEK_SET)
        yield fd
    finally:
        os.close(fd)


def files_read(results: int, paths: Sequence[str]) -> dict[str, bytes | None]:
    """Return what a command that ran apart wrote of files; None for each where it did not come to that."""
    os.lseek(results, 0, os.SEEK_SET)
    with open(results, "rb", closefd=False) as file:
        text = file.read()
    found = json.loads(text) if text else {}
    return {path: base64.b64decode(found[path]) if found.get(path) is not None else None for path in paths}
