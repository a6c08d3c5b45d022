"""Runs what the agent wrote as nobody: bounded in time, memory, output and files, and nothing of it lives on.

The agent's files are read as data only: regular files, at their own place, of bounded size.
"""

import ctypes
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

USER = 65534
MOST = 8 * 1024 * 1024  # bytes of a file or of an output
_ASIDE = 65533  # nobody else's: who kills from it can't be killed by what it kills
_MIB = 1024 * 1024
_NO_NEW_PRIVILEGES = 38
_libc = ctypes.CDLL(None)
_seconds_left = 80.0


class Done(NamedTuple):
    """How a program ended: exit code (negative for a signal) and what it printed."""

    code: int
    out: str
    err: str


def folder():
    """Returns a new folder that belongs to nobody."""
    path = Path(tempfile.mkdtemp()).resolve()
    os.chown(path, USER, USER)
    return path


def run(argv, cwd, *, timeout=20, data=b"", memory_mb=1024, env=()):
    """Runs a program as nobody and returns how it ended; whatever it started is killed.

    All runs share 80 seconds, and after one that was too long the others are given up at once.
    """
    global _seconds_left
    values = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(cwd), "LANG": "C.UTF-8", **dict(env)}
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        told.write(data)
        told.seek(0)
        started = time.monotonic()
        process = subprocess.Popen([str(a) for a in argv], cwd=cwd, env=values, stdin=told, stdout=out, stderr=err,
                                   start_new_session=True, preexec_fn=lambda: _become_nobody(memory_mb))
        try:
            code = process.wait(min(timeout, max(_seconds_left, 0.1)))
        except subprocess.TimeoutExpired:
            code, _seconds_left = None, 0.0
        finally:
            kill_all()
            process.wait()
            _seconds_left -= time.monotonic() - started
        assert code is not None, f"{argv[0]} was still running after {timeout} s, or all runs together were too slow"
        return Done(code, _text(out), _text(err))


def _become_nobody(memory_mb):
    Path("/proc/self/oom_score_adj").write_text("1000")
    for limit, most in ((resource.RLIMIT_AS, memory_mb * _MIB), (resource.RLIMIT_FSIZE, 32 * _MIB),
                        (resource.RLIMIT_NPROC, 1024), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (most, most))
    os.umask(0o022)
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def kill_all(user=USER):
    """Kills every process of nobody's, or of another user's, at once: none can fork out of it. It takes no process."""
    os.setresuid(_ASIDE, user, 0)
    try:
        os.kill(-1, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # there is none
    finally:
        os.setresuid(0, 0, 0)


def _text(stream):
    stream.seek(0)
    return stream.read(MOST).decode("utf-8", "replace")


def read(path, limit=MOST):
    """Returns the bytes of a regular file that is really at `path`."""
    assert os.path.realpath(path) == str(path), f"{path} is reached through a link"
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        assert stat.S_ISREG(os.fstat(file.fileno()).st_mode), f"{path} is no regular file"
        data = file.read(limit + 1)
    assert len(data) <= limit, f"{path} is larger than {limit} bytes"
    return data


def copy(source, target, leave_out=lambda name: False):
    """Copies the regular files and folders below `source` to nobody's new folder `target`; links stay links."""
    left = 64 * _MIB
    target.mkdir()
    for parent, folders, files in os.walk(source):
        here = target / os.path.relpath(parent, source)
        for name in [*folders, *files]:
            path = Path(parent, name)
            if leave_out(name):
                continue
            if path.is_symlink():
                (here / name).symlink_to(os.readlink(path))
            elif path.is_dir():
                (here / name).mkdir()
            elif path.is_file():
                content = read(path, left)
                left -= len(content)
                (here / name).write_bytes(content)
                shutil.copymode(path, here / name)
        folders[:] = [name for name in folders if not leave_out(name)]
    for path in [target, *target.rglob("*")]:
        os.chown(path, USER, USER, follow_symlinks=False)


def expose(top):
    """Lets nobody read (and run what may be run) below `top`, whatever the agent's umask was."""
    for parent, folders, files in os.walk(top):
        for path in [Path(parent), *(Path(parent, name) for name in files)]:
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
                path.chmod(stat.S_IMODE(mode) & 0o777 | (0o555 if stat.S_ISDIR(mode) or mode & 0o111 else 0o444))
