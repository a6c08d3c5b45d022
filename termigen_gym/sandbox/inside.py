"""The shell scripts that run inside a container; they need a POSIX shell and, for a clean environment, `env`."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping, Sequence

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
READY = b"termigen: the entrypoint has come to its command"

# Process 1. `read` waits without a child process, and a trapped signal interrupts it. On SIGUSR1 it kills everything
# but itself with one system call, and says so: that needs no free process slot, and no process can be forked meanwhile
# that escapes. It reaps what others leave; in dash only `jobs` does so without waiting.
KILLED = b"termigen: killed"
KEEPER = (
    "/bin/sh",
    "-c",
    f'trap "kill -9 -1; echo {KILLED.decode()}; woken=1" USR1; trap "jobs >/dev/null; woken=1" CHLD; exec 2>/dev/null; '
    'while :; do woken=; read -r line || [ "$woken" ] || sleep 1; done',
)

# Says who it is, waits for the name of its terminal (empty: the one that it is on, which has its size by now), opens it
# and says so there, and becomes bash.
_SHELL = (
    "command -v bash >/dev/null || { echo no bash; exit; }; echo shell $$; read -r line; "
    '[ -z "$line" ] || { exec <>"$line" >&0 2>&0; echo; }; '
    'cd "$0" 2>/dev/null || cd /; unset OLDPWD line; exec bash -i'
)

# Standard error joins standard output here: two streams would reach us in no particular order.
_RUN = 'cd "$0" 2>/dev/null || cd /; unset OLDPWD; ulimit -m {mark} 2>/dev/null; exec "$@" 2>&1'
_RUN_CLEAN = """
cd "$0" 2>/dev/null || cd /
ulimit -m {mark} 2>/dev/null
program=$1; shift
case $program in */*) ;; *)
    path={path}:
    while [ "$path" ]; do
        file=${{path%%:*}}/$program; path=${{path#*:}}
        if [ -f "$file" ] && [ -x "$file" ]; then found=$file; break; fi
        if [ -e "$file" ]; then refused=$file; fi
    done
    program=${{found:-${{refused:-$program}}}}
esac
exec env -i {env} "$program" "$@" 2>&1
"""

# Kills what carries the mark $0 until a pass over the process list finds nothing more that lives.
_KILL_MARKED = """
pass=0
while [ $pass -lt 100 ]; do
    found=
    for process in /proc/[0-9]*; do
        while read -r max resident set soft rest; do
            if [ "$max $resident $set" = "Max resident set" ]; then
                if [ "$soft" = "$0" ]; then
                    read -r state <"$process/stat"
                    case ${state##*) } in Z*) ;; *) kill -9 "${process#/proc/}"; found=1 ;; esac
                fi
                break
            fi
        done 2>/dev/null <"$process/limits"
    done 2>/dev/null
    [ "$found" ] || exit 0
    pass=$((pass + 1))
done
exit 1
"""
_KIB = 1024


def new_mark() -> int:
    """Return a number that marks one command and all that it starts.

    It is set as their limit of resident memory, which Linux has ignored since 2.4.30: whatever they do to their
    session, parent or environment, they keep it. It is in KiB, and so far above any real memory that programs which
    ask for the limit see none.
    """
    least = 1 << 40
    return least + secrets.randbelow(least)


def mark_in_bytes(mark: int) -> int:
    """Return the mark as the kernel shows it; a shell sets it in KiB."""
    return mark * _KIB


def run(argv: Sequence[str], mark: int, cwd: str) -> list[str]:
    """Return the command that runs `argv` marked, in `cwd` or, where that is gone, in "/"."""
    return ["/bin/sh", "-c", _RUN.format(mark=mark), cwd, *argv]


def run_clean(argv: Sequence[str], mark: int, env: Mapping[str, str], path: str, cwd: str) -> list[str]:
    """Return the command that does so with the variables `env` alone; its program is found by `path`."""
    pairs = shlex.join(f"{key}={value}" for key, value in env.items())
    return ["/bin/sh", "-c", _RUN_CLEAN.format(mark=mark, path=shlex.quote(path), env=pairs), cwd, *argv]


def kill_marked(mark: int) -> list[str]:
    """Return the command that kills all that is marked; exit code 1 when they grow faster than it kills."""
    return ["/bin/sh", "-c", _KILL_MARKED, str(mark_in_bytes(mark))]


def hang_up(pid: int) -> list[str]:
    """Return the command that sends SIGHUP to a process."""
    return ["/bin/sh", "-c", 'kill -HUP "$0"', str(pid)]


def shell(cwd: str) -> list[str]:
    """Return the command that becomes an interactive bash in `cwd` once it is sent a line: the name of its terminal.

    Before, it writes a line: "shell" and its process number, or "no bash".
    """
    return ["/bin/sh", "-c", _SHELL, cwd]


def entrypoint(argv: Sequence[str]) -> list[str]:
    """Return the command that runs an ENTRYPOINT with a command of its own, which writes `READY` and stays."""
    return [*argv, "/bin/sh", "-c", f"echo {shlex.quote(READY.decode())}; exec sleep 2147483647"]
