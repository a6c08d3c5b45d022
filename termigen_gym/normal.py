"""What differs from one play of the same commands to the next and says nothing: times, process ids, addresses, names.

`RULES` is all there is of it. A rule hides more than it must: two plays that differ in nothing but a date are held to
be the same, whatever the date is of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?:{'|'.join(_MONTHS)})"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?"
_ZONE = r"(?:Z|UTC|GMT|[+-]\d\d:?\d\d)"
_EPHEMERAL = r"(?:3[3-9]\d{3}|32[89]\d\d|327[7-9]\d|3276[89]|[45]\d{4}|6[0-4]\d{3}|65[0-5]\d\d)"


@dataclass(frozen=True)
class Rule:
    """What is put in place of what.

    Attributes:
        name: for people. pattern: what is looked for. by: what replaces it, as in `re.sub`.
        signs: the pattern fits nowhere in a text that has none of these; () where nothing so simple can be said.
    """

    name: str
    pattern: re.Pattern[str]
    by: str
    signs: tuple[str, ...] = ()


def _rule(name: str, pattern: str, by: str, *signs: str) -> Rule:
    return Rule(name, re.compile(pattern, re.MULTILINE), by, signs)


RULES: tuple[Rule, ...] = (
    _rule("date and time", rf"\b\d{{4}}-\d\d-\d\d(?:[T ]{_CLOCK}(?: ?{_ZONE})?)?(?!\d)", "<time>"),
    _rule("time of a log", rf"\b\d\d/{_MONTH}/\d{{4}}:\d\d:\d\d:\d\d(?: [+-]\d{{4}})?", "<time>", *_MONTHS),
    _rule(
        "date in words",
        rf"\b(?:{_DAY},? +)?(?:\d{{1,2}} {_MONTH} \d{{4}}|{_MONTH} +\d{{1,2}})"
        rf"(?:,? +(?:{_CLOCK}(?: [AP]M)?|\d{{4}}\b))?(?: {_ZONE})?(?: \d{{4}}\b(?: {_ZONE})?)?",
        "<time>",
        *_MONTHS,
    ),
    _rule("time of day", r"\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?(?![\d:])", "<time>"),
    _rule("seconds since 1970", r"(?<![\w.])1[6-9]\d{8}(?:\.\d+|\d{3}|\d{6}|\d{9})?(?![\w.])", "<time>"),
    _rule("minutes and seconds", r"\b\d+m\d+(?:\.\d+)?s\b", "<duration>"),
    _rule(
        "duration",
        r"(?<![\w.])\d+(?:\.\d+)?(?:e-\d+)? ?(?:seconds?|secs?|s|msecs?|ms|usecs?|us|µs|nsecs?|ns)\b",
        "<duration>",
    ),
    _rule("number of a background job", r"^(\[\d+\][+-]?) +\d+", r"\1 <pid>"),
    _rule("death in a script", r"(: line \d+: +)\d+ (?=[A-Z])", r"\1<pid> ", ": line "),
    _rule("process id", r"(?i)\b(p?pid)(\W{1,3})\d+\b", r"\1\2<pid>"),
    _rule("row of ps aux", r"^(\S+) +\d+ +[\d.]+ +[\d.]+ +\d+ +\d+ (\S+ +\S+) +\S+ +\d+:\d\d ", r"\1 <pid> \2 "),
    _rule("row of ps -ef", r"^(\S+) +\d+ +\d+ +\d+ +\S+ (\S+) +(?:<time>|\d\d:\d\d:\d\d) ", r"\1 <pid> \2 "),
    _rule("address in memory", r"\b0x[0-9a-f]{6,16}\b", "<address>", "0x"),
    _rule("name of mktemp", r"\btmp\.[A-Za-z0-9]{6,}\b", "<temp>", "tmp."),
    _rule("name of Python's tempfile", r"(?<=/)tmp[a-z0-9_]{8}\b", "<temp>", "/tmp"),
    _rule("name of a compiler's file", r"(?<=/tmp/)cc[A-Za-z0-9]{6}\b", "<temp>", "/tmp/cc"),
    _rule("folder of pytest", r"\bpytest-of-(\w+)/pytest-\d+", r"pytest-of-\1/<temp>", "pytest-of-"),
    _rule("port of a client", rf"(?<=[\w\].]:){_EPHEMERAL}\b(?![:.\d])|(?<=port ){_EPHEMERAL}\b", "<port>"),
    _rule(
        "commit of git",
        r"^[0-9a-f]{40}$|(?<=^commit )[0-9a-f]{40}|(?<=HEAD is now at )[0-9a-f]{7,12}|(?<= )[0-9a-f]{7,12}(?=\] )",
        "<commit>",
    ),
    _rule(
        "line of git log",
        r"^(?:(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{7,12}(?= \S)|[0-9a-f]{7,12}(?= \(HEAD))",
        "<commit>",
    ),
    _rule("bytes left out", r"(?<=\[\.\.\. )\d+(?= bytes left out \.\.\.\])", "<bytes>", " bytes left out "),
)


def normal(text: str) -> str:
    """Return `text` with what differs from play to play replaced, by each of `RULES` in turn."""
    for rule in RULES:
        if not rule.signs or any(sign in text for sign in rule.signs):
            text = rule.pattern.sub(rule.by, text)
    return text
