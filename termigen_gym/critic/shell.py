"""Just enough of the shell's grammar to say which parts of an action are plain calls that only look.

What is not understood (redirections, substitutions, loops, functions …) ends the reading: rules then have less to work
on, and are never wrong about what a command does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(
    r"""
      (?P<space>(?:[ \t]|\\\n)+ | \#[^\n]*)
    | (?P<end>\n | ; (?!;) | && | \|\|)
    | (?P<pipe>\| (?![|&]))
    | (?P<quiet>(?:2>&1 | 2?>[ ]?/dev/null) (?=[\s;|&]|$))
    | (?P<word>(?:
          [^\s'"\\`$|&;<>(){}!\#]
        | [{}!\#] (?<=[^\s;|&][{}!\#])                      # inside a word these are letters
        | ' [^']* '
        | " (?:[^"\\`$] | \\. | \$(?=["\s]) | \$\w+ | \$\{\w+\})* "
        | \\[^\n]
        | \$\w+ | \$\{\w+\} | \$(?=[\s;|&]|$)
      )+)
    """,
    re.VERBOSE,
)


def words(text: str) -> frozenset[str]:
    """Return the set of the words in `text`."""
    return frozenset(text.split())


_KEYWORDS = words("if then elif else fi for while until do done case esac select function time coproc [[ ]]")
_ASSIGNMENT = re.compile(r"\w+\+?=")
_SHELL_STATE = words(
    "cd pushd popd export set unset source . alias trap exec eval read shopt ulimit umask declare local env sudo"
)
_EVERYDAY = words(
    "awk bash cat chmod chown cmp comm cp cut date df diff du echo egrep env fgrep file find grep head hexdump id join "
    "kill ln ls mkdir mktemp mv nl od paste perl printf ps pwd python python3 readlink rm rmdir sed seq sh sleep sort "
    "stat strings tac tail tee test touch tr tree true type uniq wait wc which whoami xargs xxd yes"
)


@dataclass(frozen=True)
class Call:
    """A program and its words, as written: quotes and all, without redirections."""

    words: tuple[str, ...]

    @property
    def program(self) -> str:
        """The first word."""
        return self.words[0]

    @property
    def text(self) -> str:
        """The call as one line."""
        return " ".join(self.words)

    @property
    def options(self) -> tuple[str, ...]:
        """The words that start with a dash."""
        return tuple(word for word in self.words[1:] if word.startswith("-") and word != "-")

    @property
    def operands(self) -> tuple[str, ...]:
        """The other words after the program."""
        return tuple(word for word in self.words[1:] if not word.startswith("-") or word == "-")

    def without(self, word: str) -> Call:
        """Return the call with the first such argument left out."""
        at = self.words.index(word, 1)
        return Call(self.words[:at] + self.words[at + 1 :])

    def replaced(self, word: str, new: str) -> Call:
        """Return the call with the last such argument replaced."""
        at = len(self.words) - 1 - self.words[::-1].index(word)
        return Call((*self.words[:at], new, *self.words[at + 1 :]))

    def inserted(self, *words: str) -> Call:
        """Return the call with `words` put right after the program."""
        return Call((self.program, *words, *self.words[1:]))


@dataclass(frozen=True)
class Script:
    """An action as far as it is understood.

    Attributes:
        pipelines: the calls, in order, by pipeline.
        whole: everything is understood, and nothing is redirected (to /dev/null neither).
    """

    pipelines: tuple[tuple[Call, ...], ...]
    whole: bool


@lru_cache(16)  # each rule reads the same command
def read(command: str) -> Script:
    """Read an action up to what is not understood."""
    pipelines: list[tuple[Call, ...]] = []
    pipeline: list[Call] = []
    argv: list[str] = []
    redirected = False
    at = 0
    text = command.strip() + "\n"
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or not _fits(match, argv):
            return Script(tuple(pipelines), whole=False)
        at = match.end()
        if match["word"]:
            argv.append(match["word"])
        elif match["quiet"]:
            redirected = True
        elif match["end"] or match["pipe"]:
            if argv:
                pipeline.append(Call(tuple(argv)))
                argv = []
            if match["end"] and pipeline:
                pipelines.append(tuple(pipeline))
                pipeline = []
    return Script(tuple(pipelines), whole=not redirected)


def _fits(match: re.Match[str], argv: list[str]) -> bool:
    """Whether a token may stand where it does."""
    if match["pipe"]:
        return bool(argv)
    word = match["word"]
    return word is None or bool(argv) or (word not in _KEYWORDS and not _ASSIGNMENT.match(word))


def single(command: str) -> Call | None:
    """Return the action's only call: no pipe, no redirection, nothing else on the line; or None."""
    script = read(command)
    if script.whole and len(script.pipelines) == 1 and len(script.pipelines[0]) == 1:
        return script.pipelines[0][0]
    return None


def looks(command: str) -> list[Call]:
    """Return the calls in an action that change nothing, end by themselves, and mean the same when run alone first."""
    found = []
    for pipeline in read(command).pipelines:
        if any(call.program in _SHELL_STATE for call in pipeline):
            break
        if only_looks(pipeline[0]):
            found.append(pipeline[0])
    return found


def calls(command: str) -> list[Call]:
    """Return every call that was understood."""
    return [call for pipeline in read(command).pipelines for call in pipeline]


# Programs that change nothing, by how many operands keep them from reading the keyboard.
_OPERANDS_NEEDED = {
    **dict.fromkeys(words("ls find du df ps id uname date pwd whoami hostname tree free uptime"), 0),
    **dict.fromkeys(
        words("cat head tail wc file stat sort uniq nl tac rev od hexdump strings which type column cut"), 1
    ),
    **dict.fromkeys(words("nm readelf objdump readlink realpath basename dirname"), 1),
    **dict.fromkeys(words("cksum sum md5sum sha1sum sha224sum sha256sum sha512sum"), 1),
    **dict.fromkeys(words("grep egrep fgrep jq diff cmp comm"), 2),
}
_WRITES = {
    "find": re.compile(r"-(delete|exec|execdir|ok|okdir|fls|fprint.*)"),
    "sort": re.compile(r"-\w*o.*|--o.*"),
    "date": re.compile(r"-\w*s.*|--s.*|\d+"),
    "hostname": re.compile(r".*"),
    "tree": re.compile(r"-o.*"),
    "file": re.compile(r"-\w*C\w*|--c.*"),
}
_ENDLESS = re.compile(r"-\w*[fF]\w*|--f.*")
_DEVICES = re.compile(r"/(dev|proc|sys)(/.*)?")


def only_looks(call: Call) -> bool:
    """Return whether a call changes nothing and ends by itself."""
    needed = _OPERANDS_NEEDED.get(call.program)
    arguments = call.words[1:]
    if needed is None or "-" in arguments or any(_DEVICES.fullmatch(word) for word in arguments):
        return False
    writes = _WRITES.get(call.program)
    if writes is not None and any(writes.fullmatch(word) for word in arguments):
        return False
    if call.program == "tail" and any(_ENDLESS.fullmatch(word) for word in call.options):
        return False
    if call.program == "uniq" and len(call.operands) > 1:
        return False
    if recursion(call) is not None:
        return len(call.operands) > 0
    return needed == 0 or (len(call.operands) >= needed and path_in(call) is not None)


def recursion(call: Call) -> str | None:
    """Return the option that makes a grep go into folders, or None."""
    if call.program not in ("grep", "egrep", "fgrep"):
        return None
    return next((word for word in call.options if re.fullmatch(r"-[A-Za-z]*[rR][A-Za-z]*|--recursive", word)), None)


_SUFFIX = re.compile(
    r"(?i)[\w+-][\w.+-]*\."
    r"(c|h|cc|cpp|hpp|py|sh|bash|awk|txt|csv|tsv|json|jsonl|toml|ya?ml|conf|cfg|ini|env|md|rst|log|sql|xml|html?|js|ts"
    r"|go|rs|java|rb|pl|php|lua|r|m|v|vhd|lp|smt2|cnf|pddl|dat|data|db|sqlite3?|mk|tex|bib|patch|diff|out|err|in|bin"
    r"|so|o|a|elf|pcap|tar|t?gz|zip|xz|bz2|pem|crt|key|service|lock|proto|def|list|lst|map|spec|fasta|fa|png|pgm|ppm)"
)
_NAMED_FILE = re.compile(r"(Makefile|Dockerfile|README|LICENSE|CMakeLists\.txt|GNUmakefile)")
_TREE = re.compile(r"/?(?:[\w.+-]+/)*[\w.+-]+/?")
_SUBSTITUTION = re.compile(r"[sy]/")


def is_path(word: str) -> bool:
    """Return whether a word can hardly be anything but the plain path of a file or folder."""
    if not _TREE.fullmatch(word) or word.startswith("-") or _DEVICES.fullmatch(word) or _SUBSTITUTION.match(word):
        return False
    name = word.rstrip("/").rsplit("/", 1)[-1]
    named = bool(_SUFFIX.fullmatch(name) or _NAMED_FILE.fullmatch(name))
    return named or ("/" in word and re.search(r"[A-Za-z]", name) is not None)


def path_in(call: Call) -> str | None:
    """Return the last operand that is a path, or None."""
    return next((word for word in reversed(call.operands) if is_path(word)), None)


def paths_in(command: str) -> list[str]:
    """Return the paths that the understood part of an action names, without repeats."""
    return list(dict.fromkeys(word for call in calls(command) for word in call.operands if is_path(word)))


def main_program(command: str) -> str:
    """Return the name of the program that an action is about, for people to read."""
    plain = _programs(command)
    return next((name for name in plain if name not in _SHELL_STATE), plain[0] if plain else "bash")


def tool_in(command: str) -> str | None:
    """Return the first program in an action that is more than an everyday utility, or None."""
    return next((name for name in _programs(command) if name not in _SHELL_STATE | _EVERYDAY), None)


def _programs(command: str) -> list[str]:
    names = [call.program.rsplit("/", 1)[-1] for call in calls(command)]
    leading = re.match(r"\s*(?:\w+=\S*\s+)*([\w./+-]+)", command)
    if leading is not None:
        names.append(leading[1].rsplit("/", 1)[-1])
    return [name for name in names if re.fullmatch(r"[A-Za-z][\w+-]*", name) and name not in _KEYWORDS]
