"""Runs what the agent wrote, without trusting it: as nobody, in nobody's folders, within bounds of time and output.

Nobody can neither read these tests nor write the reward, and none of its processes outlives the call that began it.
Files that it may have touched are opened as nobody too, so that a link leads nowhere where it could not go itself.
"""

import contextlib
import os
import resource
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

NOBODY = 65534
ENV = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}
OUTPUT_LIMIT = 64 << 20
TREE_LIMIT = 64 << 20
_END = time.monotonic() + 240  # all runs together, below the verifier's own limit
os.setgroups([])


class Done(NamedTuple):
    """How a program ended: its exit code (None: it took too long), and what it printed."""

    returncode: int | None
    stdout: bytes
    stderr: bytes

    @property
    def text(self):
        return (self.stdout + self.stderr).decode(errors="replace")


def run(*argv, cwd="/", stdin=b"", env=ENV, seconds=30):
    """Runs a program as nobody and returns its Done; whatever else it has started is killed then."""
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        source.write(stdin)
        source.seek(0)
        try:
            process = start(*argv, cwd=cwd, env=env, stdin=source, stdout=out, stderr=err)
            code = process.wait(max(min(seconds, _END - time.monotonic()), 0))
        except OSError as error:
            return Done(127, b"", str(error).encode())
        except subprocess.TimeoutExpired:
            code = None
        finally:
            end_all()
        if code is None:
            process.wait()
        return Done(code, *(_head(file) for file in (out, err)))


def start(*argv, **options):
    """Starts a program as nobody; its caller has to call end_all()."""
    return subprocess.Popen(
        [str(arg) for arg in argv],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        start_new_session=True,
        preexec_fn=_limit,
        **options,
    )


def _limit():
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_LIMIT, OUTPUT_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _head(file):
    file.seek(0)
    return file.read(OUTPUT_LIMIT)


def end_all():
    """Kills all processes of nobody in one call, so that none can flee by forking."""
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.setresuid(0, 0, 0)


@contextlib.contextmanager
def as_nobody():
    """Within it, files are opened with nobody's rights."""
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@contextlib.contextmanager
def folder():
    """An empty folder of nobody; removed afterwards."""
    path = Path(tempfile.mkdtemp())
    os.chown(path, NOBODY, NOBODY)
    try:
        yield path
    finally:
        end_all()
        shutil.rmtree(path, ignore_errors=True)


def copy(source, target, leave_out=()):
    """Copies a tree of the agent's for nobody: folders, regular files and links as links, without what is named."""
    assert os.path.realpath(source) == str(source) and os.path.isdir(source), f"{source} is not a folder"
    left = TREE_LIMIT
    for path, folders, names in os.walk(source):
        folders[:] = [name for name in folders if name not in leave_out]
        here = Path(target, os.path.relpath(path, source))
        here.mkdir()
        for name in [*folders, *names]:
            old, new = Path(path, name), here / name
            kind = old.lstat().st_mode
            if stat.S_ISLNK(kind):
                new.symlink_to(os.readlink(old))
            elif stat.S_ISREG(kind) and name not in leave_out:
                data = read(old, left)
                left -= len(data) + 4096
                assert left > 0, f"{source} holds too much"
                new.write_bytes(data)
                new.chmod(0o755 if kind & stat.S_IXUSR else 0o644)
            else:
                continue
            os.lchown(new, NOBODY, NOBODY)
        os.chown(here, NOBODY, NOBODY)
    return Path(target)


def read(path, limit=16 << 20):
    """The content of a regular file of bounded size, not reached through a link."""
    assert os.path.realpath(path) == str(path), f"{path} is a link"
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    with open(handle, "rb") as file:
        assert stat.S_ISREG(os.fstat(handle).st_mode), f"{path} is not a regular file"
        data = file.read(limit + 1)
    assert len(data) <= limit, f"{path} is too large"
    return data


def write(path, data, mode=0o644):
    """Writes a file of nobody's; what was there goes first."""
    with as_nobody():
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        path.chmod(mode)
