"""Talks that change the shell or its terminal under our feet."""

from __future__ import annotations

from .case import LIMITS
from .talk import Talk, closes, does, like, runs

_OWN = LIMITS

TALKS = (
    Talk(
        "exec_bash",
        "exec bash gives a shell that is a program, and its end closes the shell.",
        (
            runs("PS1='new> ' exec bash --norc", "new> "),
            runs("echo hi", like(r"\n?hi\nnew> ")),
            closes("exit", like("\n?exit\n")),
        ),
    ),
    Talk("exec_a_program", "exec of a program closes the shell with its output.", (closes("exec echo bye", "bye\n"),)),
    Talk(
        "exec_not_found",
        "exec of nothing leaves an interactive shell.",
        (does("exec /no/such", like("bash: .*No such file or directory\n"), 126 + 1), does("echo on", "on\n")),
    ),
    Talk(
        "output_to_a_file",
        "exec >file sends output away and the terminal works on.",
        (does("exec >/tmp/out"), does("echo lost"), does("exec >/dev/tty"), does("cat /tmp/out", "lost\n")),
    ),
    Talk(
        "errors_to_a_file",
        "exec 2>file sends errors away.",
        (
            does("exec 2>/tmp/err"),
            does("no-such", "", 127),
            does("exec 2>&1"),
            does("cat /tmp/err", like("bash: .*no-such: command not found\n")),
        ),
    ),
    Talk(
        "input_from_a_file",
        "exec <file ends nothing.",
        (does("exec </etc/hostname"), does("echo on", "on\n"), runs("read x; echo $x"), does("abc", "abc\n")),
    ),
    Talk("input_from_nothing", "exec </dev/null ends nothing.", (does("exec </dev/null"), does("echo on", "on\n"))),
    Talk(
        "closed_output",
        "A closed standard output is an error of the command alone.",
        (
            does("exec >&-"),
            does("echo lost", "bash: echo: write error: Bad file descriptor\n", 1),
            does("exec >/dev/tty"),
        ),
    ),
    Talk(
        "closed_errors",
        "A closed standard error hides errors alone.",
        (does("exec 2>&-"), does("no-such", "", 127), does("exec 2>/dev/tty")),
    ),
    Talk(
        "closed_input",
        "A closed standard input comes back.",
        (does("exec <&-"), does("echo on", "on\n"), runs("read x; echo $x"), does("abc", "abc\n")),
    ),
    Talk(
        "all_closed",
        "Everything closed at once: the next command works once it is open again.",
        (does("exec <&- >&- 2>&-"), does("echo lost", "", 1), does("exec >/dev/tty 2>&1")),
    ),
    Talk(
        "high_descriptors",
        "All other descriptors closed: the shell works on.",
        (does('for fd in {3..254}; do eval "exec $fd>&-"; done'), does("exec 255>&-"), does("echo on", "on\n")),
    ),
    Talk(
        "stty_echo",
        "stty echo shows nothing of ours.",
        (does("stty echo"), does("echo a", "a\n"), does("echo b", "b\n")),
    ),
    Talk(
        "stty_raw", "A raw terminal is mended.", (does("stty raw"), does("true"), does("printf 'a\\nb\\n'", "a\nb\n"))
    ),
    Talk("stty_sane", "stty sane shows nothing of ours.", (does("stty sane"), does("true"), does("pwd", "/\n"))),
    Talk(
        "stty_noise",
        "A terminal without echo, signals or line mode is mended or harmless.",
        (
            does("stty -echo -isig"),
            does("echo a", "a\n"),
            does("stty -icanon min 1"),
            does("echo b", "b\n"),
            does("stty sane"),
            does("echo c", "c\n"),
        ),
    ),
    Talk(
        "stty_onlcr",
        "Line ends without carriage returns are lines.",
        (does("stty -onlcr; printf 'a\\nb\\n'", like("a\nb\n")), does("stty onlcr"), does("echo c", "c\n")),
    ),
    Talk(
        "stty_upper",
        "A terminal that turns letters is turned back.",
        (does("stty olcuc; echo abc", "ABC\n"), does("stty -olcuc", like(".*")), does("echo abc", "abc\n")),
    ),
    Talk(
        "stty_tostop",
        "stty tostop stops background output only.",
        (does("stty tostop"), does("echo on", "on\n"), does("stty -tostop")),
    ),
    Talk(
        "stty_keys",
        "Other keys for C-c: they count.",
        (does("stty intr ^X"), does("echo on", "on\n"), does("stty intr ^C")),
    ),
    Talk(
        "stty_size",
        "The terminal is 80 x 24, and may be told otherwise.",
        (does("stty size", "24 80\n"), does("stty rows 50 cols 200; stty size", "50 200\n")),
    ),
    Talk(
        "reset_of_the_terminal",
        "A reset sequence is harmless.",
        (does("printf '\\033c'; stty sane"), does("echo on", like("on\n"))),
    ),
    Talk(
        "ps1",
        "A changed PS1 shows nothing.",
        (does("PS1='(venv) \\u@\\h $ '"), does("echo a", "a\n"), does("echo b", "b\n")),
    ),
    Talk(
        "ps1_that_fails",
        "A PS1 that runs commands and fails is survived.",
        (does("PS1='$(no-such; exit 3)`'"), does("echo a", "a\n"), does("unset PS1 PS2 PS4"), does("echo b", "b\n")),
    ),
    Talk(
        "ps2_and_ps0",
        "Changed PS2, PS0 and PS4 show nothing but what they print.",
        (
            does("PS2='more> '; PS4='++ '"),
            does("for i in 1 2; do\necho $i\ndone", "1\n2\n"),
            does("PS0='run '"),
            does("echo a", like("(?:run )*a\n")),
            does("PS0=", like("(?:run )*")),
        ),
    ),
    Talk(
        "prompt_command",
        "A changed, appended or removed PROMPT_COMMAND is survived.",
        (
            does("PROMPT_COMMAND='echo pc'", like("(?:pc\n)*")),
            does("echo a", like("a\n(?:pc\n)*")),
            does("PROMPT_COMMAND=false"),
            does("echo b", "b\n"),
            does("unset PROMPT_COMMAND"),
            does("echo c", "c\n"),
            does("(exit 4)", "", 4),
            does("PROMPT_COMMAND='x=$?; :'"),
            does("echo d; false", "d\n", 1),
        ),
    ),
    Talk(
        "prompt_command_that_exits",
        "A PROMPT_COMMAND that ends the shell closes it.",
        (closes("PROMPT_COMMAND=exit", like("(?:exit\n)*")),),
    ),
    Talk(
        "readonly_prompts",
        "Read-only prompts are survived.",
        (does("readonly PS1 PS2"), does("echo a", like(".*a\n")), does("echo b", like(".*b\n"))),
    ),
    Talk("set_e", "set -e: the first failure closes the shell.", (does("set -e"), does("true"), closes("false"))),
    Talk(
        "set_e_off",
        "set -e and set +e again.",
        (does("set -e; echo a", "a\n"), does("false || echo b", "b\n"), does("set +e"), does("false", "", 1)),
    ),
    Talk(
        "set_u",
        "set -u: an unset variable is an error of the command alone.",
        (does("set -u"), does("echo $no_such", like("bash: no_such: unbound variable\n"), 1), does("echo on", "on\n")),
    ),
    Talk(
        "set_x",
        "set -x traces the command, and nothing of ours.",
        (
            does("set -x"),
            does("echo hi", "++ echo hi\nhi\n"),
            does("echo 'a\nb'", "++ echo 'a\nb'\na\nb\n"),
            does("set +x", "++ set +x\n"),
            does("true"),
        ),
    ),
    Talk(
        "set_v",
        "set -v shows the command, and nothing of ours.",
        (does("set -v"), does("pwd", "pwd\n/\n"), does("set +v", "set +v\n")),
    ),
    Talk("set_n", "set -n does nothing in an interactive shell.", (does("set -n"), does("echo on", "on\n"))),
    Talk(
        "set_k_t",
        "Strange options: noclobber, noglob, pipefail, posix, errtrace.",
        (
            does("set -o noclobber -o noglob -o pipefail -E -T"),
            does("echo *", "*\n"),
            does("false | true", "", 1),
            does("set -o posix"),
            does("echo on", "on\n"),
            does("set +o posix"),
        ),
    ),
    Talk(
        "set_f_a",
        "allexport, keyword and physical change nothing of ours.",
        (does("set -a -k -P -h"), does("echo a", "a\n"), does("echo b c=1", "b\n"), does("set +k")),
    ),
    Talk(
        "set_m",
        "Job control off and on.",
        (does("set +m"), does("echo a", "a\n"), does("sleep 0.05 & wait", like(".*")), does("set -m")),
    ),
    Talk("set_t", "set -t ends the shell after one command, at the latest the next.", (closes("set -t"),)),
    Talk(
        "shopt",
        "shopt of all kinds is survived.",
        (
            does(
                "shopt -s extglob globstar nullglob failglob extdebug "
                " xpg_echo lastpipe autocd cdspell checkjobs no_empty_cmd_completion expand_aliases",
                like(".*"),
            ),
            does("echo on", "on\n"),
            does("echo no-such-*", like(".*no match.*\n"), 1),
            does("echo on", "on\n"),
        ),
    ),
    Talk(
        "nocasematch",
        "shopt -s nocasematch and a changed IFS change nothing of ours.",
        (does("shopt -s nocasematch; IFS=:1"), does("pwd", "/\n"), does("(exit 11)", "", 11), does("unset IFS")),
    ),
    Talk(
        "readline",
        "Readline switched on is switched off again.",
        (does("set -o emacs"), does("true"), does("pwd", "/\n"), does("set -o vi"), does("true"), does("pwd", "/\n")),
    ),
    Talk("ignoreeof", "IGNOREEOF and TMOUT change nothing.", (does("IGNOREEOF=100 TMOUT=0"), does("echo on", "on\n"))),
    Talk(
        "aliases_of_builtins",
        "Aliases and functions called like builtins do no harm.",
        (
            does("alias eval='echo no' printf='echo no' set='echo no' true='echo no'"),
            does("pwd", "/\n"),
            does("unalias -a"),
            does(
                'cd() { builtin cd "$@"; }; :() { echo no; }; true() { echo no; }; '
                "printf() { echo no; }; [() { echo no; }"
            ),
            does("pwd", "/\n"),
            does("(exit 3)", "", 3),
        ),
    ),
    Talk(
        "our_functions_removed",
        "Our functions and variables removed or read-only: the next command works.",
        (
            does(
                "unset -f termigen termigen_end", like("bash: unset: termigen: cannot unset: readonly function\n.*"), 1
            ),
            does("termigen() { :; }", like("bash: .*readonly function\n"), 1),
        ),
    ),
    Talk(
        "our_variables_removed",
        "Our variables removed: the terminal goes on, or opens anew.",
        (
            does("unset ${!termigen_*}", like("bash: .*readonly variable\n"), 1),
            does("echo a", "a\n"),
            does("unset -v termigen_i termigen_s termigen_c termigen_e"),
            does("echo b", "b\n"),
            does("set -u; unset termigen_i termigen_s termigen_c PWD"),
            does("echo c", "c\n"),
        ),
    ),
    Talk(
        "our_aliases",
        "An alias called like our function.",
        (does("alias termigen='echo no' termigen_end='echo no'"), does("echo a", "a\n")),
    ),
    Talk(
        "path",
        "A changed PATH is the commands' own matter.",
        (
            does("PATH=/nowhere"),
            does("ls", "bash: ls: command not found\n", 127),
            does("echo on", "on\n"),
            does("PATH=/usr/bin:/bin; ls -d /", "/\n"),
        ),
    ),
    Talk(
        "environment",
        "An emptied environment is survived.",
        (does("unset HOME TERM LANG PATH PWD OLDPWD SHELL USER BASH_ENV"), does("echo on", "on\n")),
    ),
    Talk(
        "locale",
        "Another locale changes nothing.",
        (
            does("export LC_ALL=C"),
            does("echo 'ü'", "ü\n"),
            does("LC_ALL=tr_TR.UTF-8", like(".*")),
            does("echo 'ü'", "ü\n"),
        ),
    ),
    Talk(
        "ulimit",
        "Limits of the shell's own are survived.",
        (does("ulimit -n 10; ulimit -f 0; ulimit -c 0"), does("echo on", "on\n")),
    ),
    Talk("umask", "umask lasts.", (does("umask 077"), does("umask", "0077\n"))),
    Talk(
        "a_deep_directory",
        "300 directories deep.",
        (
            does("cd /tmp; d=$(printf 'dddddddddd/%.0s' {1..300}); mkdir -p $d; cd $d; pwd | wc -c", "3305\n"),
            does("echo on", "on\n"),
            does("cd /; rm -rf /tmp/dddddddddd"),
        ),
    ),
    Talk(
        "a_removed_directory",
        "The working directory removed.",
        (does("mkdir /tmp/gone; cd /tmp/gone; rmdir /tmp/gone"), does("pwd", "/tmp/gone\n"), does("ls"), does("cd /")),
    ),
    Talk(
        "a_strange_directory",
        "A directory with newlines, colons and escapes in its name.",
        (
            does('d=$\'/tmp/a:b\\nc\\033[31m\\037 \\036é\\xff\'; mkdir -p "$d"; cd "$d"'),
            does("echo on", "on\n"),
            does('[ "$PWD" = "$d" ]'),
            does("cd /"),
        ),
    ),
    Talk(
        "a_login_shell",
        "su-like shells: bash -l is a program.",
        (runs("PS1='$ ' bash --noprofile --norc", "$ "), does("exit", like("\n?exit\n"))),
    ),
    Talk(
        "script",
        "script(1) is a program with a terminal of its own.",
        (does("script -qec 'echo in script' /dev/null", "in script\n"),),
    ),
    Talk(
        "venv",
        "What a virtual environment's activate does to the prompt.",
        (
            does('_OLD="${PS1:-}"; PS1="(venv) ${PS1:-}"; export PS1; hash -r 2>/dev/null'),
            does("echo a", "a\n"),
            does("PS1=$_OLD"),
            does("echo b", "b\n"),
        ),
    ),
    Talk(
        "recursion",
        "A function that calls itself for ever ends the shell or itself.",
        (
            does(
                "FUNCNEST=500; f() { f; }; f", like("bash: f: maximum function nesting level exceeded \\(500\\)\n"), 1
            ),
            does("unset FUNCNEST"),
        ),
    ),
    Talk(
        "source",
        "A script that is sourced and returns.",
        (does("printf 'echo in; return 3; echo no\\n' >/tmp/s.sh; . /tmp/s.sh", "in\n", 3),),
    ),
    Talk(
        "a_sourced_exit",
        "A script that is sourced and exits closes the shell.",
        (does("echo 'exit 4' >/tmp/e.sh"), closes(". /tmp/e.sh")),
    ),
)
