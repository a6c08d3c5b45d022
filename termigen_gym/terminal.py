"""The terminal: one interactive bash, driven command by command through pexpect.

A command is sent as one line, ``termigen ID; eval $'...'``; bash reads a line whole, so that heredocs, loops and
unterminated quotes can't leave it waiting, and standard input stays free for the program that the command runs. Its end
is known by a mark with a random nonce that the prompt prints, with the exit code and the ID: what was typed ahead and
ran as commands of its own, or an Enter too many, does not pass for the end of this one.

The nonce is visible to the agent in ``$PROMPT_COMMAND``; nothing that matters, the reward above all, is read from this
stream.
"""

from __future__ import annotations

import os
import re
import secrets
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pexpect
from pexpect import fdpexpect

from .errors import TerminalError
from .sandbox.base import Shell
from .text import clean, clip

State = Literal["prompt", "running", "closed"]

_START, _END = b"\x1e", b"\x1f"
_LONGEST_PROMPT = 8192
_CHUNK = 4096
_QUIET_S = 0.04
"""Seconds without output after which the engine is asked whether the program waits for input."""
_OPENING_S = 20.0
_LATE_READS = 64
"""Reads of what came between two commands; a program that never stops writing may not hold us up."""
# Two marks end a command. PROMPT_COMMAND prints the result: PS1 is stale after a syntax error in an eval. It goes to
# /dev/tty, wherever the shell's own output was sent, and leaves no trace under `set -x`. PS1, which readline prints
# once it has made the terminal raw, says that a line of any length may be typed: else the kernel would cut it at 4,095
# bytes. It is set anew each time, since things like a virtual environment's `activate` change it. The nonce stands in
# two pieces here, so that an echo of this is no mark. `termigen` notes the ID and keeps `$?`, which the command may
# ask for; not under `set -e`, where it would end the shell.
_SET_UP = (
    b"stty -echo; bind 'set enable-bracketed-paste off' 2>/dev/null; unset HISTFILE; PS0= PS1= PS2= termigen_i=0;"
    b" termigen() { termigen_i=$1; case $- in *e*) return 0; esac; return $termigen_s; };"
    b" termigen_p=$'\\036'NONCE'>'$'\\037';"
    b""" PROMPT_COMMAND='{ termigen_s=$?; printf "\\036NONCE:%s:%s:%s\\037" "$termigen_s" "$termigen_i" "$PWD";"""
    b""" PS1=$termigen_p; } >/dev/tty 2>/dev/null'"""
)
_INTERRUPTS = ("\x03", "\x04")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Reading:
    """What one command or one input brought.

    Attributes:
        output: cleaned and clipped text.
        exit_code: of the command; None while it runs, or where the shell went away.
        state: "prompt": the shell waits for a command; "running": a program has the terminal; "closed": no shell.
        clipped: bytes left out of `output`.
    """

    output: str
    exit_code: int | None
    state: State
    clipped: int


class Terminal:
    """A shell, and what is known of it."""

    def __init__(self, open_shell: Callable[[str | None], Shell], output_limit: int) -> None:
        """Open the first shell.

        Args:
            open_shell: opens a shell in the directory given (None: the sandbox's working directory).
            output_limit: characters of output kept for each reading.

        Raises:
            TerminalError: the shell gave no prompt. SandboxError: it could not be started.
        """
        self._open_shell = open_shell
        self._limit = output_limit
        self._cwd: str | None = None
        self._before: int | None = None
        self._ended: re.Match[bytes] | None = None
        self._came = False
        self.state: State = "closed"
        self._open()

    @property
    def cwd(self) -> str:
        """The shell's working directory when it last showed its prompt."""
        return self._cwd or "/"

    def run(self, text: str, timeout_s: float) -> Reading:
        r"""Run `text` as a command where the shell waits for one, else type it to the program in the foreground.

        To a program, a text with control characters is typed as it is ("\x03" interrupts), any other is followed by
        Enter, and an empty one only waits. When `timeout_s` seconds are spent the reading is what came until then, and
        the state is "running".
        """
        if self.state == "closed":
            raise TerminalError("expected an open shell, found it closed; call reopen() first")
        self.refresh()
        if self._ended is not None and not text:
            return self._reading(self._ended)
        if self.state == "prompt" and text not in _INTERRUPTS:
            self._id += 1
            typed = b"{ termigen %d; } 2>/dev/null; eval " % self._id + quote(text) + b"\r"
        elif text in _INTERRUPTS or _CONTROL.search(text):
            typed = text.encode("utf-8", "surrogateescape")
        else:
            typed = text.replace("\n", "\r").encode("utf-8", "surrogateescape") + (b"\r" if text else b"")
        self.state, self._ended = "running", None
        self._before = self._shell.waiting() if typed else None
        self._capture.expect(self._id)
        deadline = time.monotonic() + timeout_s
        return self._reading(self._type(typed, deadline) or self._wait(deadline))

    def refresh(self) -> None:
        """Take in what came since the last reading; a program may have ended meanwhile, and so the state change."""
        self._capture.expect(self._id)
        for _ in range(_LATE_READS):
            found = self._read(0)
            if isinstance(found, re.Match) and self.state == "running":
                self._note(found)
                self._ended = found
            if not self._came:
                return

    def reopen(self) -> None:
        """Open a new shell in the last working directory after the old one went away.

        Raises:
            TerminalError: the shell gave no prompt. SandboxError: it could not be started.
        """
        self.close()
        self._open()

    def close(self) -> None:
        """Hang up."""
        self._shell.close()
        self.state = "closed"

    def gone(self) -> bool:
        """Return whether the shell has hung up; nothing is read."""
        poll = select.poll()
        poll.register(self._shell.fileno(), select.POLLRDHUP)
        return bool(poll.poll(0))

    def _open(self) -> None:
        self._nonce = secrets.token_hex(8).encode()
        self._mark = re.compile(_START + self._nonce + rb"(?::(\d+):(\d+):([^" + _END + rb"]*)|>)" + _END)
        self._shell = self._open_shell(self._cwd)
        os.set_blocking(self._shell.fileno(), False)
        self._stream = fdpexpect.fdspawn(self._shell.fileno(), use_poll=True, timeout=None)
        set_up = b" " + _SET_UP.replace(b"NONCE", self._nonce[:8] + b"''" + self._nonce[8:]) + b"\r"
        self._id = 0
        self._ended = None
        self._capture = _Capture(self._mark, 4 * self._limit)
        self._capture.expect(self._id)
        deadline = time.monotonic() + _OPENING_S
        found = self._type(set_up, deadline) or self._wait(deadline, ask=False)
        if found is None or found == "eof":
            shown = clean(self._capture.text())[-400:]
            self._shell.close()
            raise TerminalError(f"expected a shell prompt within {_OPENING_S:g} s, found {shown!r}")
        self._note(found)
        self._capture = _Capture(self._mark, 4 * self._limit)

    def _note(self, result: re.Match[bytes]) -> None:
        self.state = "prompt"
        self._cwd = result[3].decode("utf-8", "surrogateescape") or "/"

    def _reading(self, found: re.Match[bytes] | Literal["eof"] | None) -> Reading:
        exit_code: int | None = None
        if found == "eof":
            self.state = "closed"
        elif found is not None:
            self._note(found)
            exit_code = int(found[1])
        capture, self._capture = self._capture, _Capture(self._mark, 4 * self._limit)
        self._ended = None
        kept = clip(clean(capture.text()), self._limit)
        return Reading(kept.text, exit_code, self.state, capture.left_out + kept.left_out)

    def _type(self, data: bytes, deadline: float) -> re.Match[bytes] | Literal["eof"] | None:
        """Write `data`, reading meanwhile, since a terminal that nobody reads stops taking input."""
        view = memoryview(data)
        poll = select.poll()
        poll.register(self._shell.fileno(), select.POLLIN | select.POLLOUT)
        while view:
            events = poll.poll(max(deadline - time.monotonic(), 0) * 1000)
            if not events:
                return None
            if events[0][1] & (select.POLLIN | select.POLLHUP | select.POLLERR):
                found = self._read(0)
                if found is not None:
                    return found
            if events[0][1] & select.POLLOUT:
                try:
                    view = view[os.write(self._shell.fileno(), view[:_CHUNK]) :]
                except BlockingIOError:
                    continue
                except OSError:
                    return "eof"
        return None

    def _wait(self, deadline: float, ask: bool = True) -> re.Match[bytes] | Literal["eof"] | None:
        """Read until the prompt, the end of the shell, the deadline, or a program that waits for somebody to type."""
        seen: int | None = None
        while (left := deadline - time.monotonic()) > 0:
            found = self._read(min(left, _QUIET_S))
            if found is not None:
                return found
            if self._came:
                seen = None
                continue
            if self._capture.result is not None:
                return self._capture.result  # readline's own mark went where the shell's errors go
            if not ask:
                continue
            waiting = self._shell.waiting()
            if waiting is not None and waiting != self._before and waiting == seen:
                return None  # it ran since something was typed, and has slept through two looks
            seen = waiting
        return None

    def _read(self, timeout_s: float) -> re.Match[bytes] | Literal["eof"] | None:
        """Read once; `_came` tells whether anything was there."""
        self._came = False
        try:
            part = self._stream.read_nonblocking(65536, timeout=timeout_s)
        except (pexpect.TIMEOUT, BlockingIOError):
            return None
        except (pexpect.EOF, ConnectionError):
            return "eof"
        self._came = True
        return self._capture.add(part)


class _Capture:
    """Output as it comes: its first and last bytes are kept, the middle is only counted."""

    def __init__(self, mark: re.Pattern[bytes], limit: int) -> None:
        """Keep `limit` bytes of each end; take out what matches `mark`."""
        self._mark = mark
        self._limit = limit
        self._wanted = 0
        self._head = bytearray()
        self._tail = bytearray()
        self.left_out = 0
        self.result: re.Match[bytes] | None = None

    def expect(self, wanted: int) -> None:
        """Look for the result of the command of this ID."""
        if wanted != self._wanted:
            self._wanted, self.result = wanted, None

    def add(self, part: bytes) -> re.Match[bytes] | None:
        """Take in `part`; return the awaited result once the shell is ready again. Marks are no output."""
        start = max(len(self._tail) - _LONGEST_PROMPT, 0)
        self._tail += part
        ready = False
        if _END in part:
            matches = list(self._mark.finditer(bytes(self._tail[start:])))
            for match in matches:
                if match[2] is None:
                    ready = self.result is not None
                elif int(match[2]) == self._wanted:
                    self.result = match
            for match in reversed(matches):
                del self._tail[start + match.start() : start + match.end()]
        self._shrink(0 if ready else _LONGEST_PROMPT)
        return self.result if ready else None

    def _shrink(self, kept_back: int) -> None:
        """Move the first bytes to the head, drop those of the middle; a prompt that is half here stays findable."""
        room = min(self._limit - len(self._head), len(self._tail) - kept_back)
        if room > 0:
            self._head += self._tail[:room]
            del self._tail[:room]
        surplus = len(self._tail) - self._limit - kept_back
        if surplus > (self._limit if kept_back else 0):
            self.left_out += surplus
            del self._tail[:surplus]

    def text(self) -> str:
        """Return what was kept, with a line where something is missing."""
        gap = f"\n[... {self.left_out} bytes left out ...]\n".encode() if self.left_out else b""
        return (bytes(self._head) + gap + bytes(self._tail)).decode("utf-8", "replace")


def quote(text: str) -> bytes:
    """Return `text` as a bash ``$'...'`` word of printable ASCII: no byte of it is a key to readline."""
    out = bytearray(b"$'")
    for byte in text.encode("utf-8", "surrogateescape"):
        if byte in _PLAIN:
            out.append(byte)
        else:
            out += b"\\n" if byte == 10 else b"\\%03o" % byte
    return bytes(out + b"'")


_PLAIN = frozenset(range(32, 127)) - frozenset(b"'\\!")
