"""Talks about jobs, signals and what goes on in the background."""

from __future__ import annotations

from .case import LIMITS
from .talk import Talk, awaits, closes, does, like, outlives, runs

_JOB = r"\[1\] \d+\n"
_OWN = LIMITS
# Jobs wait for their word at a pipe, so that nothing hangs on who is quicker.
_PIPE = does("rm -f /tmp/pipe; mkfifo /tmp/pipe")
# Bash tells of a job's end after the next program; where it ends before a `wait` begins, not at all.
_GONE = "while kill -0 %1 2>&-; do :; done; /bin/true"

TALKS = (
    Talk(
        "a_background_job",
        "A background job tells its number, and its end later.",
        (
            _PIPE,
            does("cat /tmp/pipe &", like(_JOB)),
            does(f">/tmp/pipe; {_GONE}", like(r"\[1\]\+  Done +cat /tmp/pipe\n")),
        ),
    ),
    Talk(
        "a_job_prints_later",
        "What a background job prints later is shown with a later reading.",
        (
            _PIPE,
            does("(read -r x </tmp/pipe; sleep 0.2; echo late) &", like(_JOB)),
            awaits("echo on; echo >/tmp/pipe", like(r"on\nlate\n(?:\[1\].*)?")),
            does("wait", like(".*")),
        ),
    ),
    Talk(
        "a_job_prints_in_between",
        "What a background job prints between two commands ends none of them.",
        (
            _PIPE,
            does(
                "(read -r x </tmp/pipe; for i in 1 2 3 4; do echo tick; sleep 0.02; done) & "
                f"echo >/tmp/pipe; {_GONE}; echo on",
                like(rf"{_JOB}(?:tick\n){{4}}\[1\].*\non\n"),
            ),
        ),
    ),
    Talk("wait", "wait gives the job's exit code.", (does("(exit 7) & wait $!", like(rf"{_JOB}(?:\[1\].*\n)?"), 7),)),
    Talk(
        "jobs",
        "jobs lists, kill %1 ends.",
        (
            does("sleep 1000 &", like(_JOB)),
            does("jobs", "[1]+  Running                 sleep 1000 &\n"),
            does(f"kill %1; {_GONE}", like(r"\[1\]\+  Terminated +sleep 1000\n")),
        ),
    ),
    Talk(
        "a_job_reads",
        "A background job that reads the terminal is stopped, not fed.",
        (
            does("cat &", like(_JOB + ".*")),
            does("echo on; sleep 0.1", like(r".*on\n\n?(?:\[1\]\+  Stopped +cat\n)?")),
            does("kill -9 %1; disown", like(".*")),
        ),
    ),
    Talk(
        "nohup",
        "nohup, disown and setsid leave programs that do not hold the terminal.",
        (
            does("nohup sleep 1000 >/dev/null 2>&1 &", like(_JOB)),
            does("disown; jobs"),
            does("setsid sleep 1000 >/dev/null 2>&1"),
            does("(sleep 1000 &) ; echo on", "on\n"),
        ),
        limits=_OWN,
    ),
    Talk(
        "a_daemon_that_keeps_the_terminal",
        "A daemon that keeps the terminal open holds no command up.",
        (
            _PIPE,
            does("(setsid sh -c 'read -r x </tmp/pipe; echo from afar; sleep 1000' &)"),
            awaits("echo on; echo >/tmp/pipe", "on\nfrom afar\n"),
        ),
        limits=_OWN,
    ),
    Talk(
        "stopping",
        "C-z stops the program, fg goes on with it.",
        (
            runs("cat"),
            runs("a", "a\n"),
            does("\x1a", like(r"(?:\^Z)?\n?\[1\]\+  Stopped +cat\n"), 148),
            does("jobs", "[1]+  Stopped                 cat\n"),
            runs("fg", "cat\n"),
            runs("b", "b\n"),
            does("\x04"),
        ),
    ),
    Talk(
        "stopping_a_loop",
        "A stopped program is sent to the background and waited for.",
        (
            _PIPE,
            outlives("cat /tmp/pipe"),
            does("\x1a", like(r".*Stopped.*\n"), 148),
            does("bg", like(r"\[1\]\+ cat /tmp/pipe &\n")),
            does(f">/tmp/pipe; {_GONE}", like(".*Done.*\n")),
        ),
    ),
    Talk(
        "trap_int",
        "A program that ignores C-c goes on, and C-\\ or a kill ends it.",
        (
            outlives("perl -e '$SIG{INT} = q(IGNORE); sleep 1000'"),
            outlives("\x03"),
            does("\x1c", like(r".*Quit.*\n"), 131),
        ),
    ),
    Talk(
        "trap_int_in_the_shell",
        "A trap on INT springs, and the next command works.",
        (
            does("trap 'echo caught' INT"),
            outlives("sleep 100"),
            does("\x03", "\n", 130),
            does("kill -INT $$", "caught\n"),
            does("trap - INT"),
        ),
    ),
    Talk(
        "the_shell_ignores_int",
        "A shell that ignores C-c works on.",
        (does("trap '' INT"), outlives("sleep 0.7"), awaits("\x03", like(r"(?:\^C)?"), 0)),
    ),
    Talk(
        "exit_trap",
        "A trap on EXIT springs when the shell goes.",
        (does("trap 'echo bye' EXIT"), closes("exit", "exit\nbye\n")),
    ),
    Talk(
        "err_trap",
        "A trap on ERR springs, and not for what we do.",
        (does("trap 'echo ERR' ERR"), does("true"), does("false", like("(?:ERR\n)+"), 1), does("true")),
    ),
    Talk(
        "debug_trap",
        "A DEBUG trap is survived.",
        (does("trap ': $((n++))' DEBUG"), does("echo on", "on\n"), does("trap - DEBUG")),
    ),
    Talk(
        "signals_to_the_shell",
        "TERM, QUIT and INT sent to the shell end nothing.",
        (does("kill -TERM $$; kill -QUIT $$; echo on", "on\n"), does("kill -INT $$", like("\n?"), 130)),
    ),
    Talk("hang_up", "HUP closes the shell.", (closes("kill -HUP $$", like("(?:Hangup|exit)?\n?")),)),
    Talk("kill_the_shell", "kill -9 $$ closes the shell.", (closes("echo on; kill -9 $$", "on\n"),)),
    Talk(
        "kill_the_shell_later",
        "A shell that a background job kills is closed.",
        (
            _PIPE,
            does("(read -r x </tmp/pipe; sleep 0.3; kill -9 $$) &", like(_JOB)),
            awaits("echo >/tmp/pipe; sleep 5", "", None, "closed"),
        ),
    ),
    Talk(
        "a_job_outlives_the_shell",
        "A shell that has ended is closed though a job of it still holds the terminal.",
        (does("(trap '' HUP; exec sleep 1000) &", like(_JOB)), closes("exit", "exit\n")),
        limits=_OWN,
    ),
    Talk("stop_the_shell", "A shell that is stopped is closed.", (closes("kill -STOP $$"),)),
    Talk("kill_all", "kill -9 -1 of a program closes the shell.", (closes("sh -c 'kill -9 -1'"),), limits=_OWN),
    Talk(
        "children_are_killed",
        "C-c kills the whole pipeline inside the sandbox.",
        (
            outlives("sleep 4242 | sleep 4242 | sleep 4242"),
            does("\x03", like(r"(?:\^C)?\n?"), 130),
            does("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -o 'sleep 424[2]' | wc -l", "0\n"),
        ),
    ),
    Talk(
        "partial_output",
        "Output comes at the time limit, the rest later.",
        (outlives("echo begun; sleep 1.5; echo ended", "begun\n"), awaits("", "ended\n")),
    ),
)
