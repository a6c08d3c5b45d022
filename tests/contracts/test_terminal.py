"""What the terminal does, case by case, in a real sandbox of every engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from termigen_gym.sandbox.base import Engine, Image, Limits, Sandbox
from termigen_gym.terminal import Reading, Terminal

ENV = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Case:
    """Actions, and what the last one's reading is."""

    name: str
    actions: tuple[str, ...]
    output: str | None  # None: not looked at
    exit_code: int | None = 0
    state: str = "prompt"


BIG = 200_000
CASES = (
    Case("a command", ("echo hi",), "hi\n"),
    Case("no output", ("true",), ""),
    Case("an exit code", ("false",), "", 1),
    Case("not found", ("no-such-program",), "bash: no-such-program: command not found\n", 127),
    Case("the last exit code is kept", ("(exit 7)", "echo $?"), "7\n"),
    Case("the directory is kept", ("cd /var/log", "pwd"), "/var/log\n"),
    Case("variables are kept", ("x=1; export y=2", "echo $x $y"), "1 2\n"),
    Case("functions are kept", ("f() {\n  echo in f $1\n}", "f a"), "in f a\n"),
    Case("a heredoc", ("cat <<'EOF'\na $x `b`\n\n  'c' \\n\nEOF",), "a $x `b`\n\n  'c' \\n\n"),
    Case("a heredoc without its end", ("cat <<EOF\nabc",), None),
    Case("a loop over lines", ("for i in 1 2 3; do\n  echo $i\ndone",), "1\n2\n3\n"),
    Case("an open quote", ("echo 'abc",), None, 2),
    Case("an open parenthesis", ("(echo abc",), None, 2),
    Case("history characters", ("echo 'wow!! !x'",), "wow!! !x\n"),
    Case("tabs", ("printf '%s' 'a\tb'",), "a\tb"),
    Case("no newline at the end", ("printf abc",), "abc"),
    Case("unicode", ("echo 'ü 中文 ✓ e\u0301'",), "ü 中文 ✓ e\u0301\n"),
    Case("invalid utf-8", ("printf 'a\\xffb\\n'",), "a\ufffdb\n"),
    Case("a long line", (f"echo {'x' * BIG} | wc -c",), f"{BIG + 1}\n"),
    Case("colours are taken out", ("printf '\\033[31mred\\033[0m\\n'",), "red\n"),
    Case("a progress bar leaves its last state", ("for i in 1 2 3; do printf '%s%%\\r' $i; done; echo",), "3%\n"),
    Case("input for read", ("read x; echo got $x", "abc"), "got abc\n"),
    Case("read waits", ("read x",), "", None, "running"),
    Case("input for cat", ("cat", "hello"), "hello\n", None, "running"),
    Case("end of input", ("cat", "hello", "\x04"), "", 0),
    Case("interrupting", ("sleep 100", "\x03"), None, 130),
    Case("a REPL over several steps", ("python3 -q", "x = 6 * 7", "print(x)"), "42\n>>> ", None, "running"),
    Case("leaving a REPL", ("python3 -q", "x = 1", "exit()"), None, 0),
    Case("exit in a subshell", ("(exit 3)",), "", 3),
    Case("a nested shell is a program", ("bash --norc", "exit"), None, 0),
    Case("a background job prints later", ("(sleep 0.1; echo late) & wait; echo done",), None, 0),
    Case("pager left by a key", ("LESS= less -X /etc/passwd", "q"), None, 0),
    Case("set -u and set -x", ("set -u", "set -x; true; set +x", "echo ok"), "ok\n"),
    Case("our prompt printed by the agent", ('eval "$PROMPT_COMMAND"', "echo next"), "next\n"),
    Case("a changed PS1", ("PS1='(venv) $ '", "echo a", "echo b"), "b\n"),
    Case("the shell's output sent elsewhere", ("exec > /tmp/out", "echo lost", "exec > /dev/tty", "echo on"), "on\n"),
    Case("set -x leaves no trace of ours", ("set -x", "set +x", "true"), ""),
    Case("an Enter too many", ("less /etc/passwd", "q", "echo after"), "after\n"),
    Case("stdin drained by a command", ("cat > /dev/null < /dev/tty & kill %1; echo on",), None, 0),
    Case("a program that polls something else", ("python3 -c 'import select; select.select([], [], [], 0.5)'",), "", 0),
    Case("an event loop", ("python3 -c 'import asyncio; asyncio.run(asyncio.sleep(0.5))'",), "", 0),
    Case("a key awaited by a poll", ("python3 -c 'import sys, select; select.select([0], [], [])'", "x"), None, 0),
    Case("typed ahead", ("sleep 0.5; echo slept", "echo next; (exit 3)", "echo third; (exit 4)"), None, 4),
    Case("after what was typed ahead", ("sleep 0.5", "echo next; (exit 3)", "true", "echo on"), "on\n"),
    Case("more lines than were read", ("read x", "5\nsleep 0.2; echo A", "echo B", "echo C; (exit 5)"), "C\n", 5),
    Case("a pipeline ends in a pager", ("seq 1 100 | LESS= less -X", "q"), None, 0),
    Case("a pipeline reads keys", ("true | bash -c 'read x </dev/tty; echo got $x'", "abc"), "got abc\n", 0),
    Case("the terminal made sane again", ("stty sane", "true", "pwd"), "/\n"),
    Case("an ERR trap springs once", ("trap 'echo ERR' ERR; false", "true"), ""),
    Case("eval as an alias", ("alias eval='echo no'", "pwd"), "/\n"),
    Case("a full-screen program is its screen", ("top -d 100 -n 2 -p 1", "q"), None, 0),
    Case("standard input sent elsewhere", ("exec < /dev/null", "read x; echo got $x", "abc"), "got abc\n"),
    Case("a raw terminal", ("stty raw", "true", "pwd"), "/\n"),
    Case("readline switched on", ("set -o emacs", "true", "pwd"), "/\n"),
    Case("set -v shows nothing of ours", ("set -v", "pwd"), "pwd\n/\n"),
    Case("a stopped shell", ("kill -STOP $$",), None, None, "closed"),
    Case("a killed shell", ("kill -9 $$",), None, None, "closed"),
    Case("set -e and a failure", ("set -e", "false"), "", None, "closed"),
    Case("exec", ("exec true",), None, None, "closed"),
)


BROKEN = (
    "echo 'a",
    'echo "abc',
    "echo `a",
    "echo $'a",
    "echo ${x",
    "echo ${x[",
    "echo $((1+2)",
    "x=$((1+2); echo $x",
    'echo "$((1+2)"',
    "((",
    "$[1+",
    "[[ x",
    "a[1+=3",
    "echo $(echo 'a)",
    "python3 -c 'print(1)",
    "awk '{print $1}",
    "\\",
    "echo a \\",
    "$(ls",
    "a=(1",
    "for i in",
    "if true; then",
    "f() {",
    "}",
    ")",
    ";;",
    "cat <<EOF",
    "cat <<'EOF'\nabc",
)


@pytest.fixture(scope="module")
def sandbox(engine: Engine, plain_image: Image) -> Iterator[Sandbox]:
    with engine.start(plain_image, Limits()) as started:
        yield started


@pytest.fixture
def terminal(sandbox: Sandbox) -> Iterator[Terminal]:
    opened = Terminal(lambda cwd: sandbox.open_shell(cwd=cwd, env=ENV), 10_000)
    yield opened
    opened.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, terminal: Terminal) -> None:
    reading = None
    for action in case.actions:
        reading = terminal.run(action, 0.3 if action.startswith(("sleep 100", "sleep 0.5")) else 30.0)
    assert reading is not None
    if case.output is not None:
        assert reading.output == case.output
    assert (reading.exit_code, reading.state) == (case.exit_code, case.state)


@pytest.mark.parametrize("command", BROKEN)
def test_after_a_broken_command_the_next_one_runs(command: str, terminal: Terminal) -> None:
    assert terminal.run(command, 30.0).state == "prompt"
    assert terminal.run("echo 'it''s on'", 30.0) == Reading("its on\n", 0, "prompt", 0)


def test_a_full_screen_program_is_shown_as_its_screen_and_leaves_none(terminal: Terminal) -> None:
    shown = terminal.run("top -d 100", 30.0)
    assert shown.state == "running"
    assert shown.output.startswith("top - ")
    assert "PID USER" in shown.output
    assert len(shown.output.splitlines()) <= 24
    assert "\x1b" not in shown.output
    assert terminal.run("q", 30.0).state == "prompt"
    assert terminal.run("echo on", 30.0) == Reading("on\n", 0, "prompt", 0)


def test_a_new_shell_opens_where_the_old_one_was(terminal: Terminal) -> None:
    terminal.run("cd /usr/share", 5)
    assert terminal.run("exec false", 5).state == "closed"
    terminal.reopen()
    assert terminal.run("pwd", 5) == Reading("/usr/share\n", 0, "prompt", 0)


def test_partial_output_comes_at_the_time_limit(terminal: Terminal) -> None:
    first = terminal.run("echo begun; sleep 100", 0.3)
    assert first == Reading("begun\n", None, "running", 0)
    assert terminal.run("\x03", 5).exit_code == 130


def test_long_output_is_clipped_in_the_middle_and_counted(terminal: Terminal) -> None:
    reading = terminal.run("seq 1 200000", 20)
    assert reading.output.startswith("1\n2\n3\n")
    assert reading.output.endswith("199999\n200000\n")
    assert len(reading.output) <= 10_000
    assert reading.clipped > 1_000_000
    assert terminal.run("echo sound", 5).output == "sound\n"


def test_endless_output_can_be_interrupted(terminal: Terminal) -> None:
    assert terminal.run("yes", 0.3).state == "running"
    terminal.run("\x03", 5)
    terminal.run("", 0.2)
    assert terminal.run("echo sound", 5).output.endswith("sound\n")


def test_a_command_that_ends_between_two_steps_is_noticed(terminal: Terminal) -> None:
    assert terminal.run("sleep 1; echo slept; (exit 3)", 0.2).state == "running"
    deadline = time.monotonic() + 20
    while terminal.state == "running":
        assert time.monotonic() < deadline
        terminal.refresh()
    assert terminal.run("", 5) == Reading("slept\n", 3, "prompt", 0)
    assert terminal.run("echo on", 5) == Reading("on\n", 0, "prompt", 0)


def test_the_exit_code_before_is_known_to_the_next_command(terminal: Terminal) -> None:
    terminal.run("(exit 7)", 5)
    assert terminal.run("echo $?", 5).output == "7\n"
    terminal.run("set -e", 5)
    assert terminal.run("echo on", 5).output == "on\n"
