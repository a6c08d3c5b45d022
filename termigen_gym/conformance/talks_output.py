"""Talks about output: what is seen of it, and how much."""

from __future__ import annotations

from .talk import Talk, awaits, does, like, outlives

_CLIPPED = r"\n\[\.\.\. \d+ bytes left out \.\.\.\]\n"

TALKS = (
    Talk(
        "no_newline",
        "Output without a newline at its end is shown as it is.",
        (does("printf abc", "abc"), does("echo on", "on\n")),
    ),
    Talk("only_newlines", "Empty lines are kept.", (does("echo; echo; echo a; echo", "\n\na\n\n"),)),
    Talk("spaces", "Blanks at the ends of lines are kept.", (does("printf '  a  \\n\\t\\n '", "  a  \n\t\n "),)),
    Talk(
        "standard_error",
        "Standard error is shown with the rest, in order.",
        (does("echo a; echo b >&2; echo c", "a\nb\nc\n"),),
    ),
    Talk(
        "wide_characters",
        "Wide and combining characters are kept.",
        (does("printf '中文e\\u0301 👍🏽\\n'", "中文e\u0301 👍🏽\n"),),
    ),
    Talk(
        "invalid_utf8",
        "Invalid UTF-8 is replaced.",
        (does("printf 'a\\xffb\\xc3\\n\\xe4\\xb8'", "a\ufffdb\ufffd\n\ufffd"),),
    ),
    Talk(
        "latin1", "Latin-1 is replaced character by character.", (does("printf '\\xe9t\\xe9\\n'", "\ufffdt\ufffd\n"),)
    ),
    Talk("nul", "NUL and other control characters are left out.", (does("printf 'a\\0b\\1\\7\\177c\\n'", "abc\n"),)),
    Talk(
        "colours",
        "Colours are left out.",
        (does("printf '\\033[1;31mred\\033[0m \\033[38;5;9mx\\033[m\\n'", "red x\n"),),
    ),
    Talk(
        "titles_and_links",
        "Titles and links leave their text.",
        (does("printf '\\033]0;t\\007\\033]8;;http://x\\033\\\\a\\033]8;;\\033\\\\\\n'", "a\n"),),
    ),
    Talk(
        "unfinished_escape",
        "An escape sequence without end takes nothing of the next command.",
        (
            does("printf 'a\\033['", "a"),
            does("printf 'b\\033]0;t'", "b"),
            does("printf 'c\\033P'", "c"),
            does("echo on", "on\n"),
        ),
    ),
    Talk(
        "charset_left_switched",
        "A character set that is left switched changes nothing later.",
        (does("printf '\\033(0\\016qqq\\n'", "qqq\n"), does("echo qqq", "qqq\n")),
    ),
    Talk(
        "a_progress_bar",
        "A progress bar of carriage returns is its last state.",
        (does("for i in {1..1000}; do printf '\\r%4d/1000' $i; done; echo", "1000/1000\n"),),
    ),
    Talk(
        "a_progress_bar_that_shrinks",
        "A shorter state leaves the rest of a longer one, unless it is erased.",
        (does("printf 'loading\\rdone\\n'", "doneing\n"), does("printf 'loading\\r\\033[Kdone\\n'", "done\n")),
    ),
    Talk("backspaces", "Backspaces overwrite.", (does("printf 'abc\\b\\bX\\n'; printf '|\\b/\\b-\\b \\b'", "aX\n"),)),
    Talk(
        "lines_redrawn",
        "Lines that are redrawn by going up are their last state.",
        (does("printf 'a 1\\nb 1\\n\\033[2A\\ra 2\\033[K\\nb 2\\033[K\\n'", "a 2\nb 2\n"),),
    ),
    Talk(
        "clear",
        "clear leaves nothing but what comes after.",
        (does("printf 'a\\n\\033[H\\033[2J\\033[3Jb\\n'", like("(?:a\n)?b\n")),),
    ),
    Talk(
        "a_long_line_of_output",
        "A line of 100,000 characters is clipped in its middle.",
        (does("printf 'x%.0s' {1..100000}", like(f"x{{4900,5000}}{_CLIPPED}x{{4900,5000}}")),),
    ),
    Talk(
        "much_output",
        "Of much output the first and the last is shown.",
        (does("seq 200000", like(f"1\n2\n3\n.*{_CLIPPED}.*199999\n200000\n")),),
    ),
    Talk(
        "200_megabytes",
        "200 MB of output pass, and are counted.",
        (
            does(
                "head -c 200M /dev/zero | tr '\\0' 'y'; echo end",
                like("y+\n\\[\\.\\.\\. 2097\\d{5} bytes left out \\.\\.\\.\\]\ny+end\n"),
            ),
        ),
    ),
    Talk(
        "yes",
        "yes goes on at the time limit, and C-c ends it.",
        (outlives("yes", like(f"y\ny\n.*{_CLIPPED}.*y\n.*")), awaits("\x03", like(r".*"), 130)),
    ),
    Talk(
        "random_bytes",
        "200,000 random bytes are survived.",
        (does("head -c 200000 /dev/urandom", like("[^\x00-\x08\x0b-\x1f\x7f]*")), does("echo on", "on\n")),
    ),
    Talk(
        "endless_random_bytes",
        "/dev/urandom without end is interrupted.",
        (outlives("cat /dev/urandom", like("[^\x00-\x08\x0b-\x1f\x7f]+")), awaits("\x03", like(".*"), 130)),
    ),
    Talk(
        "output_of_two_programs",
        "What two programs write at the same time is all there.",
        (
            does(
                "(for i in {1..500}; do echo a; done & for i in {1..500}; do echo b; done; wait); echo end",
                like(r"(?=(?:[b\n]*a){500})(?=(?:[a\n]*b){500})[ab\n]+end\n"),
            ),
        ),
    ),
    Talk(
        "our_mark",
        "A program that prints the mark of our prompt ends nothing and is shown nothing of it.",
        (
            does('eval "$PROMPT_COMMAND"'),
            does('printf "$termigen_m:0:1:=/\\037\\n"; echo a; sleep 0.1; (exit 3)', "a\n", 3),
            does('printf "$termigen_m:0:99999:=/\\037\\n"; echo b', "b\n"),
            does('printf "$termigen_m"; echo c', like(".*c\n")),
            does("printf '\\036\\037\\036'; echo d", "d\n"),
            does('declare -f termigen >/dev/null; echo "${PS1@Q}" | wc -l', like("\\d+\n")),
        ),
    ),
    Talk(
        "our_mark_many_times",
        "A mark printed ten thousand times is no end.",
        (does('for i in {1..10000}; do printf "$termigen_m:0:0:=/\\037\\n"; done; echo end', "end\n"),),
    ),
)
