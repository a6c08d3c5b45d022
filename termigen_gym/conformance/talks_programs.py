"""Talks with programs that read the keyboard."""

from __future__ import annotations

from .talk import Talk, awaits, does, like, outlives, runs

_UP, _DOWN = "\x1b[A", "\x1b[B"

TALKS = (
    Talk("read", "The shell's read waits for a line.", (runs("read x; echo got $x"), does("abc", "got abc\n"))),
    Talk(
        "read_with_a_prompt",
        "A prompt without newline is shown while its program waits.",
        (runs("read -p 'Go on? [y/N] ' x; echo $x", "Go on? [y/N] "), does("y", "y\n")),
    ),
    Talk("read_a_key", "A single key needs no Enter.", (runs('read -rsn1 k; echo "<$k>"'), does("q", like(".*<q>\n")))),
    Talk(
        "read_an_arrow",
        "An arrow key is typed as its escape sequence.",
        (runs("read -rsn3 k; printf '%q\\n' \"$k\""), does(_UP, like(r".*\$'\\E\[A'\n"))),
    ),
    Talk("read_times_out", "A read with a time limit ends by itself.", (awaits("read -t 1 x; echo $?", "142\n"),)),
    Talk(
        "empty_line",
        "\\r is Enter alone, an empty action only waits.",
        (runs('read x; echo "<$x>"'), outlives(""), does("\r", "<>\n")),
    ),
    Talk(
        "several_lines",
        "Several lines are typed one after the other.",
        (runs("read a; read b; echo $b $a"), does("1\n2", "2 1\n")),
    ),
    Talk(
        "cat",
        "cat echoes each line until the end of input.",
        (runs("cat"), runs("hello", "hello\n"), runs("ü中", "ü中\n"), does("\x04")),
    ),
    Talk(
        "end_of_input_in_a_line",
        "C-d in a line hands it on without its end.",
        (runs("cat"), runs("abc\x04", "abc"), does("\x04")),
    ),
    Talk(
        "a_long_line_to_cat",
        "A program in line mode gets 4,095 bytes of a line.",
        (runs("cat >/tmp/line"), runs("x" * 4000), does("\x04"), does("wc -c </tmp/line", "4001\n")),
    ),
    Talk(
        "input_is_not_echoed",
        "What is typed is not echoed, as what is typed at the prompt is not.",
        (runs("cat >/dev/null"), runs("abc"), does("\x03", like(r"\^?C?\n?"), 130)),
    ),
    Talk(
        "a_drained_input",
        "A program that drains standard input takes nothing of the next command.",
        (
            runs("cat >/dev/null"),
            does("\x04"),
            does("echo on", "on\n"),
            does("(cat >/dev/null) </dev/null; echo on", "on\n"),
            does("for i in 1 2 3; do perl -e '1 while <STDIN>' </dev/null; echo $i; done", "1\n2\n3\n"),
        ),
    ),
    Talk(
        "a_drainer_in_a_script",
        "Lines after a program that drains standard input, as ssh and apt-get do, still run.",
        (
            runs("perl -e '1 while sysread STDIN, $x, 100; print qq(drained\\n)'\necho after"),
            does("\x04", "drained\nafter\n"),
        ),
    ),
    Talk(
        "a_drainer_that_polls",
        "A drainer that polls standard input while it works is let work.",
        (awaits("perl -e 'my $r=\"\"; vec($r,0,1)=1; select($r,undef,undef,0.3); print qq(done\\n)'", "done\n"),),
    ),
    Talk(
        "a_password",
        "A password prompt that switches the echo off takes its line.",
        (
            runs("read -rsp 'Password: ' p; echo; echo ${#p}", "Password: "),
            does("secret", "\n6\n"),
        ),
    ),
    Talk(
        "a_password_from_the_terminal",
        "A password is read from /dev/tty though standard input is a pipe.",
        (
            runs(
                'echo data | sh -c \'exec 3<>/dev/tty; stty -echo <&3; printf "[sudo] password for root: " >&3; '
                "read p <&3; stty echo <&3; cat; echo $p'",
                "[sudo] password for root: ",
            ),
            does("secret", like("\n?data\nsecret\n")),
        ),
    ),
    Talk(
        "select_menu",
        "A menu of bash waits for a choice.",
        (runs("select x in a b; do echo $x; break; done", "1) a\n2) b\n#? "), does("2", "b\n")),
    ),
    Talk(
        "typed_ahead",
        "What is typed while a program is at work and reads nothing runs as commands afterwards.",
        (
            outlives("sleep 1.5; echo slept"),
            does("echo next", like("slept\n(?:next\n)?")),
            does("echo third; (exit 4)", like("(?:next\n)?third\n"), 4),
        ),
    ),
    Talk(
        "a_pipeline_reads",
        "A pipeline whose last program reads the terminal waits.",
        (runs("true | bash -c 'read x </dev/tty; echo got $x'"), does("abc", "got abc\n")),
    ),
    Talk("interrupting", "C-c interrupts.", (outlives("sleep 100"), does("\x03", like(r"(?:\^C)?\n?"), 130))),
    Talk("quitting", "C-\\ quits.", (outlives("sleep 100"), does("\x1c", like(r"(?:\^\\)?Quit.*\n"), 131))),
    Talk(
        "interrupting_a_loop",
        "C-c ends a loop of commands.",
        (outlives("while :; do sleep 0.05; done"), does("\x03", like(r"(?:\^C)?\n?"), 130)),
    ),
    Talk(
        "interrupt_at_the_prompt",
        "C-c and C-d at the prompt do nothing.",
        (
            does("\x03", like(r"(?:\^C)?\n?"), 130),
            does("echo on", "on\n"),
        ),
    ),
    Talk(
        "a_nested_shell",
        "A nested shell is a program, with its own prompt.",
        (
            runs("PS1='nested> ' bash --norc", "nested> "),
            runs("echo $((6*7))", like(r"\n?42\nnested> ")),
            does("exit 3", like("\n?exit\n"), 3),
        ),
    ),
    Talk(
        "sh_reads_commands",
        "sh reads commands from the terminal.",
        (runs("PS1='% ' sh", "% "), runs("echo hi", "hi\n% "), does("exit")),
    ),
    Talk(
        "python_repl",
        "The Python REPL is driven over several steps.",
        (
            runs("python3 -q", ">>> "),
            runs("x = 6 * 7", like(r"(?:x = 6 \* 7\n)?>>> ")),
            runs("print(x)", like(r"(?:print\(x\)\n)?42\n>>> ")),
            runs("def f():\n  return 'ü'\n", like(r".*\.\.\. .*")),
            runs("", ""),
            runs("1/0", like(".*ZeroDivisionError: division by zero\n>>> ")),
            does("exit()", like(r"(?:exit\(\)\n)?")),
        ),
        programs=True,
    ),
    Talk(
        "python_input",
        "Python's input() waits with its prompt.",
        (runs("python3 -c 'print(input(\"Name: \")[::-1])'", "Name: "), does("abc", "cba\n")),
        programs=True,
    ),
    Talk(
        "python_getpass",
        "Python's getpass waits, and echoes nothing.",
        (runs("python3 -c 'import getpass; print(len(getpass.getpass()))'", "Password: "), does("secret", "\n6\n")),
        programs=True,
    ),
    Talk(
        "python_interrupted",
        "C-c is a KeyboardInterrupt.",
        (
            outlives("python3 -c 'while True: pass'", timeout_s=0.5),
            does("\x03", like(r".*KeyboardInterrupt\n\n?"), 130),
        ),
        programs=True,
    ),
    Talk(
        "sqlite",
        "The SQLite shell is driven over several steps.",
        (
            runs("sqlite3", like(".*sqlite> ")),
            runs("create table t(x);", like(".*sqlite> ")),
            runs("insert into t values (41), (1);", like(".*sqlite> ")),
            runs("select sum(x) from t;", like(".*42\nsqlite> ")),
            does(".quit", like(".*")),
        ),
        programs=True,
    ),
    Talk(
        "gdb",
        "gdb is driven over several steps.",
        (
            runs("gdb -q -nx", like(".*\\(gdb\\) ")),
            runs("print 6 * 7", like(".*\\$1 = 42\n\\(gdb\\) ")),
            does("quit", like(".*")),
        ),
        programs=True,
    ),
    Talk(
        "less",
        "less shows a screen, moves by keys and leaves nothing.",
        (
            runs("seq 100 | less", like("1\n2\n.*23\n:\n")),
            runs("\x1b[6~", like("24\n25\n.*46\n:\n")),
            runs("G\x0c", like(".*100\n.*END.*")),
            does("q"),
        ),
        programs=True,
    ),
    Talk(
        "vim",
        "vim is entered, types text, saves and is left.",
        (
            does("rm -f /tmp/v.txt"),
            runs("vim -u NONE -N /tmp/v.txt", like('\n~\n.*"/tmp/v.txt".*')),
            runs("ihello ü\x1b", like("hello ü\n~\n.*")),
            awaits(":wq", like(".*")),
            does("cat /tmp/v.txt", "hello ü\n"),
        ),
        programs=True,
    ),
    Talk(
        "vim_left_open",
        "vim is left without saving.",
        (
            runs("vim -u NONE -N /etc/passwd", like("root:.*")),
            runs("dd\x0c", like(".*")),
            awaits(":q!", like(".*")),
            does("head -c 5 /etc/passwd", "root:"),
        ),
        programs=True,
    ),
    Talk(
        "top",
        "top shows one screen and goes with q.",
        (runs("top -d 100", like("top - .*PID USER.*")), does("q", like(".*"))),
        programs=True,
    ),
    Talk(
        "nano",
        "nano is entered, types text, saves and is left by keys.",
        (
            does("rm -f /tmp/n.txt"),
            runs("nano -I /tmp/n.txt", like(".*GNU nano.*")),
            runs("hi there\x0c", like(".*hi there.*")),
            runs("\x0f", like(".*File Name to Write: /tmp/n.txt.*")),
            runs("\r", like(".*Wrote 1 line.*")),
            does("\x18", ""),
            does("cat /tmp/n.txt", "hi there\n"),
        ),
        programs=True,
    ),
    Talk(
        "a_killed_full_screen_program",
        "After a full-screen program was killed the next command is text.",
        (
            runs("vim -u NONE -N", like("\n~\n.*")),
            awaits(":!kill -9 $PPID", like(".*Killed.*"), 137),
            does("echo on", "on\n"),
        ),
        programs=True,
    ),
    Talk(
        "watch",
        "A program that redraws its screen is its last screen.",
        (outlives("watch -n 0.1 -t 'echo now'", "now\n"), does("\x03", "", 0)),
        programs=True,
    ),
    Talk(
        "an_event_loop",
        "A program that sleeps in an event loop, not at the keyboard, is let work.",
        (
            does("python3 -c 'import asyncio; asyncio.run(asyncio.sleep(0.3))'"),
            does("python3 -c 'import select; select.select([], [], [], 0.3)'"),
        ),
        programs=True,
    ),
    Talk(
        "a_key_awaited_by_a_poll",
        "A program that polls the keyboard without a limit waits.",
        (runs("python3 -c 'import select; select.select([0], [], []); print(input())'"), does("x", "x\n")),
        programs=True,
    ),
    Talk(
        "an_enter_too_many",
        "An Enter after the key that ends a program is no command.",
        (runs("less /etc/passwd", like("root:.*")), does("q"), does("echo after", "after\n")),
        programs=True,
    ),
    Talk(
        "a_pager_that_scrolls",
        "A pager that leaves its text on the screen is text once it is left.",
        (
            runs("seq 100 | LESS= less -X", like("1\n2\n.*23\n:")),
            does("q", like(".*")),
            does("less -FX /etc/hostname", like(".+\n")),
        ),
        programs=True,
    ),
    Talk(
        "top_that_ends",
        "A full-screen program that ends by itself leaves its text.",
        (does("top -b -n 1 | head -1", like("top - .*\n")),),
        programs=True,
    ),
    Talk(
        "more_lines_than_are_read",
        "Lines that a program does not read run as commands afterwards.",
        (
            runs("read x; echo got $x"),
            does("5\necho A", like("got 5\n(?:A\n)?")),
            does("echo B; (exit 5)", like("(?:A\n)?B\n"), 5),
        ),
    ),
)
