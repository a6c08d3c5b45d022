"""Which tools a script uses: the commands that it names, wherever they stand, and nothing that is data to them.

This reads more of the shell's grammar than `termigen_gym.critic.shell`, which must be right about what a command does
and therefore stops early; here the names of commands are enough.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..critic.shell import words as words_of
from .taxonomy import Taxonomy, taxonomy

_MAX_DEPTH = 40  # of lists in lists; what is nested deeper is no script of anybody's
# Commands that run the command in their words, with those of their options that take a word of their own.
_RUNNERS = {
    "builtin": "",
    "chroot": "",
    "command": "",
    "env": "-u -C --unset --chdir",
    "exec": "-a",
    "fakeroot": "",
    "flock": "-w -E --timeout",
    "ionice": "-c -n -p",
    "mpirun": "-n -np --host -H --hostfile",
    "nice": "-n",
    "nohup": "",
    "parallel": "-j --jobs -a --colsep -n -N",
    "perf": "-e -o",
    "setsid": "",
    "srun": "-n -N -c -p",
    "stdbuf": "-i -o -e",
    "strace": "-e -o -p -s -u",
    "sudo": "-u -g -h -p -C",
    "taskset": "",
    "time": "-f -o",
    "timeout": "-s -k --signal --kill-after",
    "valgrind": "",
    "watch": "-n --interval",
    "xargs": "-a -d -E -I -L -n -P -s",
}
_OPERANDS = {"chroot": 1, "flock": 1, "perf": 1, "taskset": 1, "timeout": 1}  # words before the command
_SHELLS = words_of("bash sh dash zsh ksh mksh su")
_FIND_RUNS = words_of("-exec -execdir -ok -okdir")
_UNKNOWN = "\0"  # in a word: what only a run would tell

_ASSIGNMENT = re.compile(r"\w+(\[[^]]*\])?\+?=")
_BIN = re.compile(r"((/usr(/local)?)?/s?bin/|/usr/games/)(?=[^/]+$)")
_OPERATOR = re.compile(r"\|\||&&|;;&|;&|;;|\|&|[;|\n]|&(?!>)")
_HEREDOC = re.compile(r"\d*<<(?P<tabs>-?)[ \t]*(?P<quote>[\\'\"]?)(?P<mark>[\w.+-]+)['\"]?(?!<)")
_REDIRECTION = re.compile(r"(\d+|\{\w+\}|&)?(<<<|<>|<&|>&|>>|>\||<(?!\()|>(?!\())[ \t]*")
_FUNCTION = re.compile(r"(?:function[ \t]+(?P<named>[\w.:-]+)(?:[ \t]*\(\))?|(?P<plain>[\w.:-]+)[ \t]*\([ \t]*\))")
_KEYWORD = re.compile(
    r"(if|then|elif|else|fi|while|until|do|done|esac|coproc|!|\{|\}|for|select|case|\[\[)(?=[\s;|&()<>]|\Z)"
)
_ARRAY = re.compile(r"\w+\+?=")
_CHARS = re.compile(r"[^\s'\"\\`$|&;<>()]+")
_PARAMETER = re.compile(r"\$(\w+|[@*#?$!-])")
_PATTERN = re.compile(r"\s*(?!\s*esac\b)\(?[^)]*\)")


def tools_used(script: str, known: Taxonomy | None = None) -> tuple[str, ...]:
    """Return the known tools that a shell script uses, each once, in the order of their first use.

    Counted are commands in pipelines, lists, loops, functions and substitutions, behind ``sudo``, ``xargs``,
    ``find -exec`` and their like, in ``bash -c`` and in here-documents that a shell reads. What else is quoted, written
    to files or read by other interpreters is data, but for ``python3 -m pytest`` and its like.
    """
    known = known or taxonomy()
    tools = (known.tool(name) for name in commands(script))
    return tuple(dict.fromkeys(tool for tool in tools if tool is not None))


def commands(script: str) -> list[str]:
    """Return the names of the commands that a script runs, in order, without the usual folders of programs.

    Functions of its own are left out, and so is what only a run would tell. What can't be read is passed over.
    """
    reader = _Reader(script.replace("\r\n", "\n").replace("\\\n", " "))
    reader.read_list("")
    return [name for name in reader.names if name not in reader.functions]


@dataclass(frozen=True)
class _Document:
    """A here-document whose body is still to come, and the words, so far, of the command that reads it."""

    mark: str
    quoted: bool
    tabs: bool
    reader: list[str]


class _Reader:
    """Goes through a script from left to right."""

    def __init__(self, text: str, depth: int = 0) -> None:
        self.text = text
        self.at = 0
        self.depth = depth
        self.names: list[str] = []
        self.functions: set[str] = set()
        self.documents: list[_Document] = []

    def read_list(self, closing: str) -> None:
        """Read commands up to the closing character, which is consumed, or the end of the text."""
        words: list[str] = []
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            self.at = len(self.text)
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == closing:
                self.at += 1
                break
            if char in " \t":
                self.at += 1
            elif char == "#":
                self._skip_to("\n")
            elif operator := self._match(_OPERATOR):
                self._run(words)
                words = []
                if operator[0] == "\n":
                    self._read_documents()
                elif operator[0].startswith((";;", ";&")):
                    self._match(_PATTERN)
            elif document := self._match(_HEREDOC):
                self.documents.append(
                    _Document(document["mark"], bool(document["quote"]), bool(document["tabs"]), words)
                )
            elif self._match(_REDIRECTION):
                self._read_word()
            elif not words and self._begins():
                continue
            elif char in "()":  # a subshell, or one too many
                self.at += 1
                if char == "(":
                    self.read_list(")")
            else:
                words.append(self._read_word())
        self._run(words)
        self.depth -= 1

    def _begins(self) -> bool:
        """Read what only the beginning of a command can be, if it is there."""
        if self.text.startswith("((", self.at):
            self._skip_balanced("(", ")")
        elif found := self._match(_FUNCTION):
            self.functions.add(found["named"] or found["plain"])
        elif keyword := self._match(_KEYWORD):
            match keyword[1]:
                case "for" | "select":
                    self._read_words_of_loop()
                case "case":
                    self._read_case()
                case "[[":
                    self._read_test()
        else:
            return False
        return True

    def _read_words_of_loop(self) -> None:
        self._match(re.compile(r"[ \t]*"))
        if self.text.startswith("((", self.at):
            self._skip_balanced("(", ")")
        while self.at < len(self.text) and self.text[self.at] not in ";\n":
            self._read_word_or_char()

    def _read_case(self) -> None:
        self._match(re.compile(r"\s*"))
        self._read_word()
        if self._match(re.compile(r"\s*in\b")):
            self._match(_PATTERN)

    def _read_test(self) -> None:
        while self.at < len(self.text) and self._read_word_or_char() != "]]":
            pass

    def _read_word_or_char(self) -> str:
        start = self.at
        word = self._read_word()
        if self.at == start:
            self.at += 1
        return word

    def _read_word(self) -> str:
        """Read one word, and run what is substituted in it."""
        word = ""
        while self.at < len(self.text):
            char = self.text[self.at]
            if plain := self._match(_CHARS):
                word += plain[0]
            elif char == "\\":
                word += self.text[self.at + 1 : self.at + 2]
                self.at += 2
            elif char == "'" or self.text.startswith("$'", self.at):
                self.at += 1 if char == "'" else 2
                start = self.at
                self._skip_to("'")
                word += self.text[start : self.at]
                self.at += 1
            elif char == '"':
                self.at += 1
                word += self._read_quoted('"')
            elif char in "$`" or self.text.startswith(("<(", ">("), self.at):
                word += self._read_substitution()
            elif char == "(" and _ARRAY.fullmatch(word):
                self.at += 1
                self._read_array()
            else:
                break
        return word

    def _read_array(self) -> None:
        while self.at < len(self.text) and self.text[self.at] != ")":
            self._read_word_or_char()
        self.at += 1

    def _read_quoted(self, closing: str) -> str:
        """Read what stands in double quotes, or the body of a here-document, for which `closing` is empty."""
        text = ""
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == closing:
                self.at += 1
                break
            if char == "\\":
                text += self.text[self.at + 1 : self.at + 2]
                self.at += 2
            elif char in "$`":
                text += self._read_substitution()
            else:
                text += char
                self.at += 1
        return text

    def _read_substitution(self) -> str:
        r"""Read what begins with a dollar, a backquote or ``<(``."""
        if self.text[self.at] == "`":
            found = self._match(re.compile(r"`((?:[^`\\]|\\.)*)`?", re.DOTALL))
            self._read_script(found[1].replace("\\`", "`") if found else "")
        elif self.text.startswith("$((", self.at):
            self.at += 1
            self._skip_balanced("(", ")")
        elif self.text.startswith(("$(", "<(", ">("), self.at):
            self.at += 2
            self.read_list(")")
        elif self.text.startswith("${", self.at):
            self.at += 1
            self._skip_balanced("{", "}")
        elif not self._match(_PARAMETER):
            self.at += 1
            return "$"
        return _UNKNOWN

    def _skip_balanced(self, opening: str, closing: str) -> None:
        """Skip to behind the bracket that closes the one here, and run what is substituted in between."""
        depth = 0
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "$" and self.text.startswith("$(", self.at):
                self._read_substitution()
                continue
            depth += (char == opening) - (char == closing)
            self.at += 2 if char == "\\" else 1
            if depth == 0:
                break

    def _read_documents(self) -> None:
        """Read the bodies of the here-documents of the line that has ended."""
        documents, self.documents = self.documents, []
        for document in documents:
            tabs = r"\t*" if document.tabs else ""
            end = re.compile(rf"(?ms)(?P<body>.*?)^{tabs}{re.escape(document.mark)}[ \t]*$").match(self.text, self.at)
            body = end["body"] if end else self.text[self.at :]
            self.at = end.end() if end else len(self.text)
            if _reads_script(document.reader):
                self._read_script(body)
            elif not document.quoted:
                self._inner(body)._read_quoted("")

    def _read_script(self, text: str) -> None:
        self._inner(text).read_list("")

    def _inner(self, text: str) -> _Reader:
        """Return a reader of a text inside of this one; what it finds is found here."""
        inner = _Reader(text, self.depth)
        inner.names, inner.functions = self.names, self.functions
        return inner

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def _skip_to(self, mark: str) -> None:
        end = self.text.find(mark, self.at)
        self.at = len(self.text) if end < 0 else end

    def _run(self, words: Sequence[str]) -> None:
        """Note a command, and what it runs in turn."""
        words = _without_assignments(words)
        if not words or _UNKNOWN in words[0] or not words[0]:
            return
        program, arguments = _program(words), words[1:]
        self.names.append(program)
        if program == "find":
            for at, word in enumerate(arguments):
                if word in _FIND_RUNS:
                    self._run(arguments[at + 1 :])
        elif program in _SHELLS:
            for option, script in pairwise(arguments):
                if re.fullmatch(r"-[a-z]*c", option):
                    self._read_script(script)
                    break
        elif program == "eval":
            self._read_script(" ".join(arguments))
        elif program == "trap" and arguments:
            self._read_script(arguments[0])
        elif program.startswith("python") and arguments[:1] == ["-m"]:
            self._run(arguments[1:2])
        elif program in _RUNNERS and not (program == "command" and arguments[:1] in (["-v"], ["-V"])):
            self._run_rest(program, arguments)

    def _run_rest(self, runner: str, words: Sequence[str]) -> None:
        """Run what stands behind the options and operands of a command that runs another."""
        with_word, at = _RUNNERS[runner].split(), 0
        while at < len(words) and words[at].startswith("-"):
            at += 2 if words[at] in with_word else 1
        rest = _without_assignments(words[at:])[_OPERANDS.get(runner, 0) :]
        if rest and " " in rest[0]:
            self._read_script(rest[0])
        else:
            self._run(rest)


def _without_assignments(words: Sequence[str]) -> list[str]:
    first = next((at for at, word in enumerate(words) if not _ASSIGNMENT.match(word)), len(words))
    return list(words[first:])


def _program(words: Sequence[str]) -> str:
    return _BIN.sub("", words[0]) if words else ""


def _reads_script(words: Sequence[str]) -> bool:
    """Whether a command ends with a shell that has options only, and so reads its script from standard input."""
    operands = [word for word in words if not word.startswith("-")]
    return bool(operands) and _program(operands[-1:]) in _SHELLS
