"""The terminal: one interactive bash, driven command by command through pexpect.

A command is sent as one logical line, ``termigen ID; eval $'...'``; bash reads it whole before it runs anything of it,
so that heredocs, loops and unterminated quotes can't leave it waiting, and standard input stays free for the program
that the command runs. Its end is known by a mark with a random nonce that the prompt prints, with the exit code and the
ID: what was typed ahead and ran as commands of its own, or an Enter too many, does not pass for the end of this one.

The nonce is visible to the agent in the shell's variables; nothing that matters, the reward above all, is read from
this stream.
"""

from __future__ import annotations

import os
import re
import secrets
import select
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import pexpect
from pexpect import fdpexpect
from pexpect.spawnbase import SpawnBase

from .errors import SandboxDied, SandboxError, TerminalError
from .sandbox.base import Shell
from .screen import Output, View
from .text import clip, unfinished

State = Literal["prompt", "running", "closed"]
_Found = re.Match[bytes] | Literal["eof"] | None
_T = TypeVar("_T")
Wait = tuple[int, int, float]
"""What is waited for: a descriptor, events of it (as of `select.poll`), and for how many seconds at most."""
Turn = Generator[Wait | None, int, _T]
"""Something that happens bit by bit: it yields what it waits for and is sent the events that came, 0 for none.

Before what may take long without waiting for a descriptor it yields None, so that it can be gone on with in a thread.
"""

_START, _END = b"\x1e", b"\x1f"
_LONGEST_PROMPT = 8192
_CHUNK = 4096
_MOST_AT_ONCE = 1 << 16
_QUIET_S = 0.04
"""Seconds without output after which the engine is asked whether the program waits for input."""
_MOST_QUIET_S = 0.16
"""The same once it has been at work for long: each look costs it some time."""
_OPENING_S = 20.0
_LONGEST_REST = 256
_LATE_READS = 64
"""Reads of what came between two commands; a program that never stops writing may not hold us up."""
# Readline is switched off: it takes two seconds to read a megabyte. The kernel hands lines of up to 4,095 bytes to the
# shell then, so a longer command is continued over lines that end in a backslash.
#
# A mark ends a command: PROMPT_COMMAND prints it to the terminal that is the shell's standard input, wherever its
# output was sent, and leaves no trace under `set -x`. It is the tenth of several prompt commands, which an assignment
# to PROMPT_COMMAND spares (bash before 5.1 knows only the first). Where it is gone all the same, or can't write
# there, PS1 prints the mark, though with a stale exit code after a syntax error in an eval; else PS1 is empty when it
# is shown. Both are set anew all the time, since things like a virtual environment's `activate` change them: PS1 by
# `termigen` before a command, PROMPT_COMMAND too where PS1 is not empty, that is after a prompt that did not print
# the mark as it should. The nonce stands in two pieces here, so that an echo of this is no mark. `termigen` notes the
# ID and keeps `$?`, which the command may ask for; in a `&&` list it ends no shell under `set -e` and springs no ERR
# trap.
#
# `\\eval` is no alias, and an assignment is no function, as `:` is where a fork bomb was typed. Where a command has
# left the terminal echoing or raw (the newline in the mark tells), or readline on, the next line mends that first; a
# standard input sent elsewhere, at whose end the shell would go, comes back with the prompt. Such a line, and one under
# `set -x`, has its standard error sent away. It begins with a redirection of nothing, then: after an unfinished quote
# in an eval, bash 5.2 takes no reserved word, as "{" is, for the first word of a line. This one leaves no trace and
# costs no process, as one of standard input would; a plain line has none, since each costs ten system calls.
_SET_UP = rb"""set +o emacs +o vi; unset HISTFILE; HISTCONTROL=ignorespace PS0= PS1= PS2= \
termigen_i=0 termigen_s=0 termigen_c= termigen_w=; termigen_m=$'\036NONCE' termigen_x=$'[\036\037]'; \
termigen_p=$termigen_m'+:$?:${termigen_i-}:=${termigen_c-}'$'\037\n'; \
termigen_end() { termigen_s=$?; [[ -t 0 ]] || exec <>/dev/tty; \
[[ ${PWD-} == "${termigen_w-}" ]] || { termigen_w=${PWD-}; termigen_c=${termigen_w//$termigen_x/?}; }; \
PS1= PS2=; \
builtin printf "$termigen_m:%s:%s:%s=%s\037\n" "$termigen_s" "${termigen_i-}" "$SHELLOPTS" "${termigen_c-}" >&0 \
 || PS1=$termigen_p; }; \
termigen() { termigen_i=$1; if [[ ! ${PS1-} ]]; then PS1=$termigen_p; \
elif [[ ${PROMPT_COMMAND[*]-} != *termigen_end* ]]; then PROMPT_COMMAND[termigen_n]='{ \termigen_end; } 2>/dev/null'; \
fi; return "$termigen_s"; }; \
(( termigen_n = BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 501 ? 0 : 9 )); \
readonly termigen_m termigen_n termigen_p termigen_x; readonly -f termigen termigen_end; \
bind 'set enable-bracketed-paste off'; history -d -1 || history -c; PS1=$termigen_p; termigen 0"""
_COMMAND = b" \\termigen %d && termigen_e=; \\eval %s\n"
_MENDING = b" 2>&-; { %s\\termigen %d && termigen_e=; } 2>/dev/null; \\eval %s\n"
_ECHO = re.compile(rb" (?:2>&-; \{ )?(?:s[a-z +-]+; )?\\termigen \d+ && .*?(?<!\\)\r?\n", re.DOTALL)
_VERBOSE = re.compile(rb"\{ \\termigen_end; \} 2>/dev/null\r?\n")
_TRACE = re.compile(rb"\A\+ eval (?:'(?:[^']|'\\'')*'|\$'(?:[^'\\]|\\.)*'|[^ '\r\n]*)\r?\n")
_INTERRUPTS = ("\x03", "\x04")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def drive(turn: Turn[_T]) -> _T:
    """Go through a turn to its end, waiting where it waits."""
    poll = select.poll()
    events = None
    while True:
        try:
            wait = turn.send(events)  # type: ignore[arg-type]  # a generator begins with None
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        events = 0
        if wait is not None:
            fd, wanted, timeout_s = wait
            poll.register(fd, wanted)
            ready = poll.poll(timeout_s * 1000)
            events = ready[0][1] if ready else 0


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

    def __init__(
        self, open_shell: Callable[[str | None], Shell], output_limit: int, clear: Callable[[], None] | None = None
    ) -> None:
        """Open the first shell.

        Args:
            open_shell: opens a shell in the directory given (None: the sandbox's working directory).
            output_limit: characters of output kept for each reading.
            clear: kills all that runs in the sandbox, where a shell can't be opened again because of that.

        Raises:
            TerminalError: the shell gave no prompt. SandboxError: it could not be started.
        """
        self._open_shell = open_shell
        self._clear = clear
        self._limit = output_limit
        self._cwd: str | None = None
        self._before: int | None = None
        self._mend = b""
        self._traced = False
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
        return drive(self.turn(text, timeout_s))

    def turn(self, text: str, timeout_s: float) -> Turn[Reading]:
        """Do as `run`, and leave the waiting to the caller."""
        if self.state == "closed":
            raise TerminalError("expected an open shell, found it closed; call reopen() first")
        self.refresh()
        if self._ended is not None and not text:
            return self._reading(self._ended)
        deadline = time.monotonic() + timeout_s
        typing = deadline
        if self.state == "prompt" and text not in _INTERRUPTS:
            typing += _OPENING_S  # half a command would be worse than a late one
            self._id += 1
            if self._mend or self._traced:
                typed = _MENDING % (self._mend, self._id, quote(text))
                self._mend = b""
            else:
                typed = _COMMAND % (self._id, quote(text))
        elif text in _INTERRUPTS or _CONTROL.search(text):
            typed = text.encode("utf-8", "surrogateescape")
        else:
            typed = text.replace("\n", "\r").encode("utf-8", "surrogateescape") + (b"\r" if text else b"")
        self._before = (self._shell.slept() if self.state == "prompt" else self._shell.waiting()) if typed else None
        self.state, self._ended = "running", None
        self._capture.expect(self._id)
        found = yield from self._type(typed, typing)
        return self._reading(found or (yield from self._wait(deadline)))

    def refresh(self) -> State:
        """Take in what came since the last reading; a program may have ended meanwhile, and so the state change."""
        self._capture.expect(self._id)
        for _ in range(_LATE_READS):
            found = self._read()
            if isinstance(found, re.Match) and self.state == "running":
                self._note(found)
                self._ended = found
            if not self._came:
                break
        return self.state

    def reopen(self, cwd: str | None = None) -> None:
        """Open a new shell in `cwd`, else in the last working directory, after the old one went away.

        Raises:
            TerminalError: the shell gave no prompt. SandboxError: it could not be started.
        """
        self.close()
        self._cwd = cwd or self._cwd
        try:
            self._open()
        except SandboxDied:
            raise
        except (SandboxError, TerminalError):
            if self._clear is None:
                raise
            self._clear()
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
        nonce = b"%020d" % secrets.randbelow(10**20)  # digits are the same on a terminal that turns letters (olcuc)
        self._shell = self._open_shell(self._cwd)
        os.set_blocking(self._shell.fileno(), False)
        self._stream = fdpexpect.fdspawn(self._shell.fileno(), use_poll=True, timeout=None)
        self._id = 0
        self._ended = None
        self._mend = b""
        self._traced = False
        self._capture = _Capture(nonce, 4 * self._limit)
        self._view = View()
        deadline = time.monotonic() + _OPENING_S
        set_up = _SET_UP.replace(b"\\\n", b"").replace(b"NONCE", nonce[:9] + b"''" + nonce[9:])
        quiet = b"stty -echo; " if self._shell.echoes else b""
        found = drive(self._type(b" %s%s\n" % (quiet, set_up), deadline)) or drive(self._wait(deadline, ask=False))
        output = self._capture.take()
        if found is None or found == "eof":
            self._shell.close()
            raise TerminalError(f"expected a shell prompt within {_OPENING_S:g} s, found {output.joined()[-400:]!r}")
        self._note(found)

    def _note(self, result: re.Match[bytes]) -> None:
        self.state = "prompt"
        self._cwd = result[5].decode("utf-8", "surrogateescape") or "/"
        options = result[4].split(b":")
        self._traced = b"xtrace" in options
        if not result[1] and not result[6]:
            self._mend = b"stty sane -echo; "
        elif b"emacs" in options or b"vi" in options:
            self._mend = b"set +o emacs +o vi; "

    def _reading(self, found: re.Match[bytes] | Literal["eof"] | None) -> Reading:
        exit_code: int | None = None
        traced, self._traced = self._traced, False
        if found == "eof":
            self.state = "closed"
        elif found is not None:
            self._note(found)
            exit_code = int(found[2])
        self._ended = None
        output = self._capture.take(whole=self.state != "running")
        if echo := _ECHO.match(output.data):
            output = replace(output, data=output.data[echo.end() :])
            self._mend = self._mend or b"stty -echo; "
        if traced:
            output = replace(output, data=_TRACE.sub(b"", output.data, count=1))
        if b"termigen_end" in output.data:  # `set -v` shows it
            output = replace(output, data=_VERBOSE.sub(b"", output.data))
        kept = clip(self._view.show(output, self.state == "running"), self._limit, output.left_out)
        return Reading(kept.text, exit_code, self.state, kept.left_out)

    def _type(self, data: bytes, deadline: float) -> Turn[_Found]:
        """Write `data`, reading meanwhile, since a terminal that nobody reads stops taking input."""
        view, fd = memoryview(data), self._shell.fileno()
        while view:
            try:
                view = view[os.write(fd, view[:_CHUNK]) :]
            except BlockingIOError:
                pass
            except OSError:
                return "eof"
            if not view:
                break
            events = yield fd, select.POLLIN | select.POLLOUT, max(deadline - time.monotonic(), 0)
            if not events:
                return None
            if events & ~select.POLLOUT and (found := self._read()) is not None:
                return found
        return None

    def _wait(self, deadline: float, ask: bool = True) -> Turn[_Found]:
        """Read until the prompt, the end of the shell, the deadline, or a program that waits for somebody to type."""
        seen: int | None = None
        fd, quiet = self._shell.fileno(), _QUIET_S
        while (left := deadline - time.monotonic()) > 0:
            if (yield fd, select.POLLIN, min(left, quiet)):
                found = self._read()
                if found is not None:
                    return found
                seen, quiet = None, _QUIET_S
                continue
            if not ask:
                continue
            if self._shell.stopped():
                return "eof"
            waiting = self._shell.waiting()
            if waiting is not None and waiting != self._before and waiting == seen:
                return None  # it ran since something was typed, and has slept through two looks
            seen = waiting
            quiet = _QUIET_S if waiting is not None else min(2 * quiet, _MOST_QUIET_S)
        return None

    def _read(self) -> _Found:
        """Read what is there; `_came` tells whether anything was."""
        data = bytearray()
        try:
            while len(data) < _MOST_AT_ONCE:
                part = SpawnBase.read_nonblocking(self._stream, _CHUNK)  # fdspawn's own would poll before
                data += part
                if len(part) < _CHUNK // 2:
                    break
        except BlockingIOError:
            pass
        except (pexpect.EOF, ConnectionError):
            if not data:
                self._came = False
                return "eof"
        self._came = bool(data)
        return self._capture.add(bytes(data)) if data else None


class _Capture:
    """A shell's output as it comes: the first and last bytes are kept, the middle is only counted."""

    def __init__(self, nonce: bytes, limit: int) -> None:
        """Keep `limit` bytes of each end; take out the marks with `nonce`."""
        name = rb"[^" + _START + _END + rb"]"
        self._mark = re.compile(_START + nonce + rb"(\+?):(\d+):(\d*):([\w:-]*)=(" + name + rb"*)" + _END + rb"(\r?)\n")
        self._mark_begins = _START + nonce
        self._begun_mark = re.compile(
            _START + nonce + rb"(?:\+?(?::\d*(?::\d*(?::[\w:-]*(?:=" + name + rb"*(?:" + _END + rb"\r?)?)?)?)?)?)?\Z"
        )
        self._limit = limit
        self._wanted = 0
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0

    def expect(self, wanted: int) -> None:
        """Look for the end of the command of this ID."""
        self._wanted = wanted

    def add(self, part: bytes) -> re.Match[bytes] | None:
        """Take in `part`; return the mark of the awaited end. Marks are no output."""
        start = max(len(self._tail) - _LONGEST_PROMPT, 0)
        ending = self._tail.endswith((_END, _END + b"\r"))
        self._tail += part
        ended = None
        if ending or _END in part:
            matches = list(self._mark.finditer(bytes(self._tail[start:])))
            for match in matches:
                if int(match[3] or self._wanted) == self._wanted:
                    ended = match
            for match in reversed(matches):
                del self._tail[start + match.start() : start + match.end()]
        if len(self._tail) > _LONGEST_PROMPT:
            self._shrink()
        return ended

    def _shrink(self) -> None:
        """Move the first bytes to the head, drop those of the middle; a mark that is half here stays findable."""
        room = min(self._limit - len(self._head), len(self._tail) - _LONGEST_PROMPT)
        if room > 0:
            self._head += self._tail[:room]
            del self._tail[:room]
        surplus = len(self._tail) - self._limit - _LONGEST_PROMPT
        if surplus > self._limit:
            begun = unfinished(self._tail[max(surplus - _CHUNK, 0) : surplus])
            if begun:  # an escape sequence goes as a whole, or its rest would be seen
                first, longest = surplus - begun, surplus + _LONGEST_REST
                while surplus < longest and unfinished(self._tail[first:surplus]):
                    surplus += 1
            self._left_out += surplus
            del self._tail[:surplus]

    def take(self, whole: bool = True) -> Output:
        """Return what was kept and forget it; a mark that has only begun is left, and an escape unless `whole`."""
        rest = self._begun(whole)
        if self._left_out:
            begun = unfinished(self._head)
            head = bytes(self._head[: len(self._head) - begun])
            output = Output(head, self._left_out + begun, bytes(self._tail))
        else:
            output = Output(bytes(self._head + self._tail))
        self._head, self._tail, self._left_out = bytearray(), rest, 0
        return output

    def _begun(self, whole: bool) -> bytearray:
        """Cut off, and return, the beginning of a mark or an escape sequence at the end."""
        size = 0 if whole else unfinished(self._tail)
        mark = self._tail.rfind(_START, max(len(self._tail) - _LONGEST_PROMPT, 0))
        begun = bytes(self._tail[mark:]) if mark >= 0 else b""
        if begun and (self._mark_begins.startswith(begun) or self._begun_mark.match(begun)):
            size = max(size, len(self._tail) - mark)
        rest = self._tail[len(self._tail) - size :]
        del self._tail[len(self._tail) - size :]
        return rest


def quote(text: str) -> bytes:
    """Return `text` as bash words ``$'...'`` of printable ASCII, joined over lines that the kernel takes whole."""
    size = _PIECE if text.isascii() else _PIECE // 4
    pieces = (text[start : start + size] for start in range(0, len(text) or 1, size))
    return b"\\\n".join(
        b"$'" + _SPECIAL.sub(_escaped, piece.encode("utf-8", "surrogateescape")) + b"'" for piece in pieces
    )


def _escaped(found: re.Match[bytes]) -> bytes:
    return b"\\n" if found[0] == b"\n" else b"\\%03o" % found[0][0]


_PIECE = 960
"""Characters: 4 bytes for each byte, and a line stays below the 4,095 bytes that a terminal takes."""
_SPECIAL = re.compile(rb"[^ -~]|['\\!]")
