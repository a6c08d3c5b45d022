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
        probe: the pattern fits nowhere in a text in which this fits nowhere; None where this would be no quicker.
    """

    name: str
    pattern: re.Pattern[str]
    by: str
    probe: re.Pattern[str] | None = None

    def within(self, text: str) -> str:
        """Return `text` with what the rule is for replaced."""
        there = self.probe is None or self.probe.search(text)
        return self.pattern.sub(self.by, text) if there else text


def _rule(name: str, pattern: str, by: str, probe: str = "") -> Rule:
    return Rule(name, re.compile(pattern, re.MULTILINE), by, re.compile(probe) if probe else None)


# A search is several times as quick where a pattern begins with what it takes: `re` then skips what can't be the
# beginning. So what must stand before a match is asked after its first character, `\d(?<=\b\d)` for `\b\d`.
RULES: tuple[Rule, ...] = (
    _rule(
        "date and time",
        rf"[0-9](?<=\b\d)\d{{3}}-\d\d-\d\d(?:[T ]{_CLOCK}(?: ?{_ZONE})?)?(?!\d)",
        "<time>",
        probe=r"-\d\d-\d",
    ),
    _rule(
        "time of a log",
        rf"[0-9](?<=\b\d)\d/{_MONTH}/\d{{4}}:\d\d:\d\d:\d\d(?: [+-]\d{{4}})?",
        "<time>",
        probe=rf"/{_MONTH}/",
    ),
    _rule(
        "date in words",
        rf"\b(?:{_DAY},? +)?(?:\d{{1,2}} {_MONTH} \d{{4}}|{_MONTH} +\d{{1,2}})"
        rf"(?:,? +(?:{_CLOCK}(?: [AP]M)?|\d{{4}}\b))?(?: {_ZONE})?(?: \d{{4}}\b(?: {_ZONE})?)?",
        "<time>",
        probe=rf"{_MONTH} +\d",
    ),
    _rule("time of day", r"[0-9](?<=\b\d)\d?:\d\d:\d\d(?:[.,]\d+)?(?![\d:])", "<time>", probe=r":\d\d:\d"),
    _rule("seconds since 1970", r"1(?<![\w.]1)[6-9]\d{8}(?:\.\d+|\d{3}|\d{6}|\d{9})?(?![\w.])", "<time>"),
    _rule("minutes and seconds", r"[0-9](?<=\b\d)\d*+m\d+(?:\.\d+)?s\b", "<duration>", probe=r"m\d"),
    _rule(
        "duration",
        r"[0-9](?<![\w.]\d)\d*+(?:\.\d++)?(?:e-\d++)? ?(?:seconds?|secs?|s|msecs?|ms|usecs?|us|µs|nsecs?|ns)\b",
        "<duration>",
    ),
    _rule("number of a background job", r"(\[(?<=^\[)\d+\][+-]?) +\d+", r"\1 <pid>"),
    _rule("death in a script", r"(: line \d+: +)\d+ (?=[A-Z])", r"\1<pid> "),
    _rule("process id", r"([Pp](?<=\b[Pp])[Pp]?[Ii][Dd])(\W{1,3})\d+\b", r"\1\2<pid>"),
    _rule("process of a sanitizer", r"==(?<=^==)\d+(?===)", "==<pid>", probe=r"==\d+=="),
    _rule(
        "row of ps aux",
        r"^(\S+) +\d+ +[\d.]+ +[\d.]+ +\d+ +\d+ (\S+ +\S+) +\S+ +\d+:\d\d ",
        r"\1 <pid> \2 ",
        probe=r" \d+ +[\d.]+ +[\d.]+ +\d",
    ),
    _rule(
        "row of ps -ef",
        r"^(\S+) +\d+ +\d+ +\d+ +\S+ (\S+) +(?:<time>|\d\d:\d\d:\d\d) ",
        r"\1 <pid> \2 ",
        probe=r" \d+ +\d+ +\d+ +\S",
    ),
    _rule("address in memory", r"0x(?<=\b0x)[0-9a-f]{6,16}\b", "<address>"),
    _rule("name of mktemp", r"tmp\.(?<=\btmp\.)[A-Za-z0-9]{6,}\b", "<temp>"),
    _rule("name of Python's tempfile", r"tmp(?<=/tmp)[a-z0-9_]{8}\b", "<temp>"),
    _rule("name of a compiler's file", r"cc(?<=/tmp/cc)[A-Za-z0-9]{6}\b", "<temp>", probe="/tmp/cc"),
    _rule("folder of pytest", r"pytest-of-(?<=\bpytest-of-)(\w+)/pytest-\d+", r"pytest-of-\1/<temp>"),
    _rule(
        "port of a client",
        rf"[3-6](?:(?<=[\w\].]:[3-6])\d{{4}}\b(?![:.\d])|(?<=port [3-6])\d{{4}}\b)(?<={_EPHEMERAL})",
        "<port>",
    ),
    _rule(
        "commit of git",
        r"[0-9a-f]{7}(?:(?<=^[0-9a-f]{7})[0-9a-f]{33}$|(?<=^commit [0-9a-f]{7})[0-9a-f]{33}"
        r"|(?<=HEAD is now at [0-9a-f]{7})[0-9a-f]{,5}|(?<= [0-9a-f]{7})[0-9a-f]{,5}(?=\] ))",
        "<commit>",
    ),
    _rule(
        "line of git log",
        r"^(?:(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{7,12}(?= \S)|[0-9a-f]{7,12}(?= \(HEAD))",
        "<commit>",
        probe=r"[0-9a-f]{7} ",
    ),
    _rule("bytes left out", r"(?<=\[\.\.\. )\d+(?= bytes left out \.\.\.\])", "<bytes>", probe=" bytes left out "),
)


def normal(text: str) -> str:
    """Return `text` with what differs from play to play replaced, by each of `RULES` in turn."""
    for rule in RULES:
        text = rule.within(text)
    return text
