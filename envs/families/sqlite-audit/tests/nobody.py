"""Runs what the agent wrote as nobody, who can neither read these tests nor write the reward.

Each run is bounded in time, memory, processes, files and output, and nothing that it has started outlives it.
"""

import collections
import contextlib
import ctypes
import fnmatch
import os
import resource
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from artifacts import MIB, MOST, read

USER = 65534
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}
_TREE = 64 * MIB  # of a tree that is copied, where every entry counts as 4 KiB more
_ASIDE = 65533  # nobody else's: who kills from it can't be killed by what it kills
_NO_NEW_PRIVILEGES = 38
_libc = ctypes.CDLL(None)
_seconds_left = 100.0


class Done(collections.namedtuple("Done", "code out err")):
    """How a program ended: exit code (negative for a signal), and what it printed, as bytes."""

    @property
    def text(self):
        """All that it printed, for people."""
        return (self.out + self.err).decode(errors="replace")


class TooLong(AssertionError):
    """A program was still running when its time was over."""


def run(*argv, cwd="/", data=b"", env=(), seconds=30, memory_mb=4096):
    """Runs a program and returns how it ended; whatever else it started is killed. `env` is added to ENV.

    Raises TooLong after `seconds`, and always once all runs together have taken 100 s or one has taken too long: a
    verdict in time is worth more than the other findings about a program that hangs.
    """
    global _seconds_left
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        told.write(data)
        told.seek(0)
        begun, code = time.monotonic(), None
        process = start(*argv, cwd=cwd, env=env, memory_mb=memory_mb, stdin=told, stdout=out, stderr=err)
        waiting = threading.Thread(target=process.wait)  # at once, where wait(timeout) looks every 50 ms
        waiting.start()
        try:
            waiting.join(max(min(seconds, _seconds_left), 0))
            code = process.returncode
        finally:
            kill_all()
            waiting.join()
        _seconds_left = 0.0 if code is None else _seconds_left - (time.monotonic() - begun)
        if code is None:
            raise TooLong(f"{argv[0]} took longer than {seconds} s, or all programs together too long")
        return Done(code, *(_head(file) for file in (out, err)))


def start(*argv, env=(), memory_mb=4096, **options):
    """Starts a program as nobody and returns its Popen; who calls this calls kill_all() too."""
    return subprocess.Popen(
        [str(arg) for arg in argv],
        env={**ENV, **dict(env)},
        start_new_session=True,
        preexec_fn=lambda: _become_nobody(memory_mb),
        **options,
    )


def _become_nobody(memory_mb):
    Path("/proc/self/oom_score_adj").write_text("1000")  # where memory runs out, it goes first
    memory = resource.RLIM_INFINITY if memory_mb is None else memory_mb * MIB  # None: what a sanitizer reserves is no use
    for limit, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 64 * MIB),
        (resource.RLIMIT_NPROC, 1024),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    os.umask(0o022)
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def _head(file):
    file.seek(0)
    return file.read(MOST)


def kill_all(user=USER):
    """Kills every process of nobody's, or of another user's, in one call: none can fork out of it. It takes no process."""
    os.setresuid(_ASIDE, user, 0)
    try:
        os.kill(-1, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # there is none
    finally:
        os.setresuid(0, 0, 0)


@contextlib.contextmanager
def as_nobody():
    """Within it files are opened with nobody's rights, so that a link leads nowhere where nobody could not go."""
    os.setgroups([])
    os.setegid(USER)
    os.seteuid(USER)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def new_folder():
    """Returns a new folder of nobody's, which stays."""
    path = Path(tempfile.mkdtemp()).resolve()
    os.chown(path, USER, USER)
    return path


@contextlib.contextmanager
def folder():
    """A new folder of nobody's; removed afterwards."""
    path = new_folder()
    try:
        yield path
    finally:
        kill_all()
        shutil.rmtree(path, ignore_errors=True)


def write(path, data, mode=0o644):
    """Writes a file as nobody, with the folders above it; what was there goes first."""
    path = Path(path)
    with as_nobody():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        path.chmod(mode)


def copy(source, target, leave_out=()):
    """Copies a tree of the agent's to a new folder of nobody's and returns that: folders, regular files, links as links.

    Names that match a pattern of `leave_out` stay behind, and what is none of the three.
    """
    assert os.path.realpath(source) == str(source) and os.path.isdir(source), f"{source} is no folder"
    source, target, left = Path(source), Path(target), _TREE
    target.mkdir()
    os.chown(target, USER, USER)
    for parent, folders, files in os.walk(source):
        folders[:] = [name for name in folders if not _matches(name, leave_out)]
        for name in [*folders, *(name for name in files if not _matches(name, leave_out))]:
            old = Path(parent, name)
            new, mode = target / old.relative_to(source), old.lstat().st_mode
            left -= 4096
            assert left > 0, f"{source} holds too much"
            if stat.S_ISLNK(mode):
                new.symlink_to(os.readlink(old))
            elif stat.S_ISDIR(mode):
                new.mkdir()
            elif stat.S_ISREG(mode):
                data = read(old, left)
                left -= len(data)
                new.write_bytes(data)
                new.chmod(0o755 if mode & 0o111 else 0o644)
            else:
                continue
            os.chown(new, USER, USER, follow_symlinks=False)
    return target


def _matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def expose(top):
    """Lets nobody read (and run what may be run) below `top`, whatever the agent's umask was."""
    for parent, folders, files in os.walk(top):
        for path in [Path(parent), *(Path(parent, name) for name in files)]:
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
                path.chmod(stat.S_IMODE(mode) & 0o777 | (0o555 if stat.S_ISDIR(mode) or mode & 0o111 else 0o444))
