"""Talks about what is typed: whatever it is, it is read whole, and the next command works."""

from __future__ import annotations

from .talk import Talk, closes, does, like

_WIDE = "x" * 100_000
_MEGABYTE = "".join(f"{number:015}\n" for number in range(1 << 16))
_UNFINISHED = like("bash: .*unexpected (?:end of file|EOF|token).*")

TALKS = (
    Talk("a_command", "A command shows its output.", (does("echo hi", "hi\n"),)),
    Talk("no_output", "A command without output shows nothing.", (does("true"),)),
    Talk("nothing", "An empty action and a blank one do nothing.", (does(""), does("   "), does("\n\n"))),
    Talk("exit_codes", "An exit code is told, and kept for $?.", (does("(exit 7)", "", 7), does("echo $?", "7\n"))),
    Talk("exit_code_255", "An exit code is that of the last command.", (does("true\n(exit 255)", "", 255),)),
    Talk(
        "not_found",
        "A command that is not there gives 127.",
        (does("no-such-program", "bash: no-such-program: command not found\n", 127),),
    ),
    Talk(
        "not_executable",
        "A file that may not be run, and a directory, give 126.",
        (
            does("/etc/passwd", "bash: /etc/passwd: Permission denied\n", 126),
            does("/tmp", "bash: /tmp: Is a directory\n", 126),
        ),
    ),
    Talk(
        "died_of_a_signal",
        "A command that a signal ended gives 128 and the signal's number.",
        (does("sh -c 'kill -9 $$'", "Killed\n", 137), does("sh -c 'kill -TERM $$'", "Terminated\n", 143)),
    ),
    Talk("a_directory_is_kept", "cd lasts.", (does("cd /var/log"), does("pwd", "/var/log\n"))),
    Talk("variables_are_kept", "Variables last.", (does("x=1; export y=2"), does("echo $x $(echo $y)", "1 2\n"))),
    Talk(
        "arguments_are_kept", "Positional parameters last.", (does("set -- a 'b c'"), does('echo "$# $2"', "2 b c\n"))
    ),
    Talk(
        "aliases_are_kept", "An alias is known to the next command.", (does("alias ll='echo al'"), does("ll", "al\n"))
    ),
    Talk(
        "a_function_of_many_lines",
        "A function is defined over several lines and called later.",
        (does('f() {\n  local x=$1\n\n  echo "in f $x"\n  return 3\n}'), does("f a", "in f a\n", 3)),
    ),
    Talk(
        "loops_of_many_lines",
        "Loops and conditions go over lines.",
        (
            does("for i in 1 2; do\n  for j in a b\n  do\n    echo $i$j\n  done\ndone", "1a\n1b\n2a\n2b\n"),
            does("i=0\nwhile (( i < 3 ))\ndo\n  (( i++ )) || :\ndone\nif [[ $i == 3 ]]\nthen\n  echo $i\nfi", "3\n"),
            does("case abc in\n  b*) echo no;;\n  a*)\n    echo yes\n    ;;\nesac", "yes\n"),
        ),
    ),
    Talk(
        "several_commands",
        "Each line is a command; the last one's exit code counts.",
        (does("echo a\nfalse", "a\n", 1),),
    ),
    Talk("continued_lines", "A backslash continues a line.", (does("echo a \\\n  b", "a b\n"),)),
    Talk("comments", "A comment is no command.", (does("# no"), does("echo a # no", "a\n"), does("echo a#b", "a#b\n"))),
    Talk("line_ends_of_windows", "CR LF ends lines that print.", (does("echo a\r\necho b\r", "a\nb\n"),)),
    Talk("tabs", "Tabs are no completion.", (does("printf '%s' 'a\tb\t\t'", "a\tb\t\t"),)),
    Talk(
        "a_heredoc",
        "A heredoc comes as it is.",
        (does("cat <<'EOF'\na $x `b`\n\n  'c' \\n \"\n\tEO\nEOF", "a $x `b`\n\n  'c' \\n \"\n\tEO\n"),),
    ),
    Talk(
        "heredocs_expand",
        "A heredoc without quotes expands; <<- takes tabs off; two may stand on one line.",
        (
            does("x=1; cat <<EOF\n$x $(echo 2) \\$x\nEOF", "1 2 $x\n"),
            does("cat <<-EOF\n\ta\n\t\tb\n\tEOF", "a\nb\n"),
            does("paste - /dev/fd/3 <<A 3<<B\n1\nA\n2\nB", "1\t2\n"),
            does("cat <<EOF | tr a b && echo on\naaa\nEOF", "bbb\non\n"),
        ),
    ),
    Talk(
        "a_heredoc_without_its_end",
        "A heredoc without its end ends with the action.",
        (does("cat <<EOF\nabc", like("bash: .*here-document.*\\(wanted `EOF'\\)\nabc\n?")),),
    ),
    Talk(
        "a_heredoc_of_a_megabyte",
        "A heredoc of a megabyte arrives byte for byte.",
        (
            does(f"cat >/tmp/heredoc <<'EOF'\n{_MEGABYTE}EOF"),
            does("wc -c </tmp/heredoc; tail -1 /tmp/heredoc; rm /tmp/heredoc", "1048576\n000000000065535\n"),
        ),
    ),
    Talk(
        "here_strings",
        "A here-string is standard input.",
        (does("cat <<<'a $x'", "a $x\n"), does("read -r a b <<<'1 2 3'; echo $b", "2 3\n")),
    ),
    Talk("a_long_line", "A line of 100,000 characters is typed whole.", (does(f"echo {_WIDE} | wc -c", "100001\n"),)),
    Talk(
        "a_long_line_of_wide_characters",
        "A line of 100,000 wide characters is typed whole.",
        (does(f"echo '{'中' * 100_000}' | wc -m", "100001\n"),),
    ),
    Talk(
        "many_lines",
        "10,000 commands in one action run in order.",
        (does("\n".join("(( n++ ))" for _ in range(10_000)) + "\necho $n", "10000\n"),),
    ),
    Talk(
        "open_quotes",
        "A quote without end is an error, and the next command works.",
        (
            *(
                turn
                for text in ("echo 'abc", 'echo "abc', "echo $'a", "echo `a", "python3 -c 'print(1)", "awk '{print $1}")
                for turn in (does(text, _UNFINISHED, 2), does("echo 'it''s on'", "its on\n"))
            ),
        ),
    ),
    Talk(
        "open_parentheses",
        "A parenthesis or brace without end is an error, and the next command works.",
        (
            *(
                turn
                for text in ("(echo abc", "$(ls", "echo $(echo 'a)", "a=(1", "f() {", "echo ${x", "echo ${x[", "{ ls")
                for turn in (
                    does(text, like("bash: .*\n"), 1 if text in ("$(ls", "a=(1") else 2),
                    does("{ echo on; }", "on\n"),
                )
            ),
        ),
    ),
    Talk(
        "open_arithmetic",
        "Arithmetic without end is an error, and the next command works.",
        (
            *(
                turn
                for text in ("echo $((1+2)", "x=$((1+2); echo $x", "((", "$[1+", "[[ x", 'echo "$((1+2)"')
                for turn in (does(text, like("bash: .*\n"), 2), does("{ echo on; }", "on\n"))
            ),
        ),
    ),
    Talk(
        "open_compounds",
        "A compound command without end, or an end without its begin, is an error, and the next command works.",
        (
            *(
                turn
                for text in (
                    "if true; then",
                    "for i in",
                    "while :; do",
                    "case x in",
                    "}",
                    ")",
                    ";;",
                    "done",
                    "fi",
                    "|",
                    "&&",
                )
                for turn in (does(text, like("bash: .*\n"), 2), does("if :; then echo on; fi", "on\n"))
            ),
        ),
    ),
    Talk(
        "a_backslash_at_the_end",
        "A backslash at the end stands for itself.",
        (does("echo a \\", "a \\\n"), does("echo on", "on\n"), does("\\", like(".*"), 127), does("echo on", "on\n")),
    ),
    Talk(
        "history_characters",
        "Exclamation marks are no history, quoted or not, not even after set -H.",
        (
            does("echo 'wow!! !x' \"!!\" !$ hi!", "wow!! !x !! !$ hi!\n"),
            does("set -H; echo !!", "!!\n"),
            does('echo "!!" !-1', "!! !-1\n"),
            does("^a^b", "bash: ^a^b: command not found\n", 127),
        ),
    ),
    Talk(
        "history_is_empty",
        "The shell keeps no history.",
        (does("echo a", "a\n"), does("history"), does("echo on", "on\n")),
    ),
    Talk(
        "process_substitution",
        "Process substitution and coprocesses work.",
        (
            does("diff <(echo a) <(echo b)", "1c1\n< a\n---\n> b\n", 1),
            does(
                "coproc cat; echo hi >&${COPROC[1]}; read x <&${COPROC[0]}; kill %1; wait; echo $x",
                like("(?:\\[1\\].*)?hi\n.*"),
            ),
        ),
    ),
    Talk(
        "descriptors_are_kept",
        "A descriptor opened in one command is there in the next.",
        (does("exec 5>/tmp/five"), does("echo five >&5"), does("exec 5>&-; cat /tmp/five", "five\n")),
    ),
    Talk(
        "unicode_commands",
        "Names and texts of any script are typed.",
        (does("ñandú() { echo 'ü 中文 ✓ e\u0301 👩‍👩‍👧 \u200f'; }; ñandú", "ü 中文 ✓ e\u0301 👩‍👩‍👧 \u200f\n"),),
    ),
    Talk(
        "invalid_bytes_are_typed",
        "Bytes that are no UTF-8 are typed as they are.",
        (does("printf '\udcff\udcc3' | od -An -tx1", " ff c3\n"),),
    ),
    Talk(
        "control_characters_in_a_command",
        "Control characters in a command are no keys.",
        (does("printf '%s' 'a\x03\x04\x1a\x1c\x16\x15\x12\x13b' | wc -c", "10\n"),),
    ),
    Talk(
        "builtins_out_of_place",
        "return, break, continue and local at the prompt are errors or nothing, and the next command works.",
        (
            does("return 5", like("bash: return: .*\n"), 2),
            does("break", like("bash: break: only meaningful in a .*\n")),
            does("local x", "bash: local: can only be used in a function\n", 1),
            does("logout", "bash: logout: not login shell: use `exit'\n", 1),
        ),
    ),
    Talk(
        "time_is_told",
        "The time keyword tells times.",
        (does("time true", like("\nreal\t0m.*s\nuser\t.*\nsys\t.*s\n")),),
    ),
    Talk(
        "exit_in_a_subshell",
        "exit in a subshell, a substitution or a pipeline leaves the shell open.",
        (
            does("(exit 3)", "", 3),
            does("echo $(exit 4)$?", "4\n"),
            does("true | exit 5", "", 5),
            does("bash -c 'exit 6'", "", 6),
        ),
    ),
    Talk("exit", "exit with a code closes the shell.", (closes("exit 3", "exit\n"),)),
    Talk(
        "eval_exit",
        "An exit inside a function or an eval closes the shell.",
        (closes("f() { exit 3; }; eval f", "exit\n"),),
    ),
)
