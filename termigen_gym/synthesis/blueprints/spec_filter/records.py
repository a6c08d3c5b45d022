"""Formatters of records: blocks of fields become lines, by options, with errors told at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..kit import between, chance, pick, sample
from ..scribe import fill
from .tool import MAIN, Case, Domain, Flaw, Tool


@dataclass(frozen=True)
class Form:
    """A formatter's specification."""

    colon: str
    comment: str
    twice: str
    fold: bool
    escape: str
    default: list[str]
    names: Sequence[str]
    words: Sequence[str]
    letters: list[str]


@dataclass(frozen=True)
class Block:
    """A record: what it says of each field, or that it is wrong, as it is written."""

    lines: list[str]
    fields: dict[str, str]
    bad: int | None = None


_JOIN = {
    "last": "the last one counts",
    "first": "the first one counts",
    "all": "their values are joined by `+`, in order",
}

_OPTIONS = {
    "m": "`-m TEXT`: is printed for a field that a record does not have; without it nothing is.",
    "k": "`-k FIELD`: records are printed in byte order of that field's value, where a missing one is the empty "
    "text; equal ones stay in the order of the input.",
    "c": "`-c`: the number of records that were printed, a line of its own, comes after the records and before the "
    "errors.",
    "u": "`-u`: of records whose printed lines are the same only the first is printed (and counted).",
}

_PROGRAM = """\
#!/usr/bin/env python3
import getopt
import sys


def records(text):
    # Gives the fields of each block, and the number of its first wrong line if there is one.
    fields, last, bad, begun = {}, None, 0, False
    for number, line in enumerate([*text.split("\\n"), ""], start=1):
        if line.startswith("@comment@"):
            continue
        if not line.strip():
            if begun:
                yield fields, bad
            fields, last, bad, begun = {}, None, 0, False
            continue
        begun = True
        if line[0] in " \\t":
            if last is None:
                bad = bad or number
            elif last:
                fields[last] += " " + line.strip()
            continue
        name, colon, value = line.partition("@colon@")
        name, value = name.strip()@fold@, value.strip()
        last = name
        if not colon or not name:
            last, bad = None, bad or number
@twice@
        else:
            fields[name] = value


def shown(fields, options):
    cells = [fields.get(name, @missing@) for name in options["-f"].split(",")]
    sep = options["-s"]
    return sep.join(cell.replace("\\\\", "\\\\\\\\").replace(sep, "@escape@" + sep) for cell in cells)


def run(text, options):
    options = {"-f": "@default@", "-s": "|", **options}
    good, errors = [], []
    for fields, bad in records(text):
        if bad:
            errors.append(f"error: line {bad}")
        else:
            good.append(fields)
@sort@
    lines = [shown(fields, options) for fields in good]
@unique@
    print("".join(line + "\\n" for line in lines + errors), end="")
    return 1 if errors else 0

"""

_TWICE = {
    "last": "",
    "first": '        elif name in fields:\n            last = ""',
    "all": '        elif name in fields:\n            fields[name] += "+" + value',
}


def make_records(rng: np.random.Generator, domain: Domain, level: int) -> Tool:
    """Return a formatter of records."""
    names = sample(rng, domain.names, 5)
    form = Form(
        colon=pick(rng, (":", "=", "->")),
        comment=pick(rng, ("#", "%", "//")),
        twice=pick(rng, tuple(_JOIN)),
        fold=chance(rng, 50),
        escape=pick(rng, ("\\", "^")),
        default=names[: between(rng, 2, 3)],
        names=names,
        words=domain.words,
        letters=sorted(sample(rng, tuple(_OPTIONS), min(2 + level, 4))),
    )
    count = (8, 12, 18)[level]
    chosen, single = _arguments(rng, form, form.letters), _arguments(rng, form, form.letters[-1:])[2:]
    cases = {
        "plain": _case(rng, form, [], count, wrong=False),
        "errors": _case(rng, form, [], count, wrong=True),
        "options": _case(rng, form, chosen, count, wrong=True),
        "separator": _case(
            rng, form, ["-f", ",".join(names[::-1]), "-s", pick(rng, (";", "a", "::")), *single], count, wrong=False
        ),
    }
    wants = {"m": " TEXT", "k": " FIELD"}
    shown = " ".join(f"[-{letter}{wants.get(letter, '')}]" for letter in form.letters)
    return Tool(
        name=f"{domain.tool}rec",
        sort="records",
        usage=f"[-f FIELDS] [-s SEPARATOR] {shown} [FILE...]",
        about="It turns records, which are blocks of fields, into lines.",
        rules=_rules(form),
        program=_program(form),
        flaws=_flaws(form),
        cases=cases,
        samples={
            "north": _case(rng, form, [], 5, wrong=True),
            "south": _case(rng, form, chosen, 6, wrong=True),
        },
        trial=_trial(form),
    )


def _arguments(rng: np.random.Generator, form: Form, letters: Sequence[str]) -> list[str]:
    found = ["-f", ",".join(sample(rng, form.names, between(rng, 2, 4)))]
    values = {
        "m": ["-m", pick(rng, ("n/a", "none", "?"))],
        "k": ["-k", pick(rng, form.names)],
        "c": ["-c"],
        "u": ["-u"],
    }
    return found + [word for letter in letters for word in values[letter]]


def _block(rng: np.random.Generator, form: Form, *, wrong: bool) -> Block:
    lines: list[str] = []
    fields: dict[str, str] = {}
    names = sample(rng, form.names, between(rng, 2, 5))
    if chance(rng, 35):
        names.append(pick(rng, names))
    bad = between(rng, 0, len(names) - 1) if wrong and chance(rng, 35) else -1
    at_line: int | None = None
    for place, name in enumerate(names):
        if chance(rng, 12):
            lines.append(f"{form.comment} {pick(rng, form.words)} {form.colon} {between(rng, 1, 9)}")
        if place == bad:
            at_line = len(lines)
            broken = pick(rng, (pick(rng, form.words).replace(" ", "_"), f"{form.colon} {pick(rng, form.words)}"))
            lines.append(f"  {broken}" if place == 0 and chance(rng, 50) else broken)
        value = _value(rng, form)
        parts = [value, *(_value(rng, form) for _ in range(between(rng, 1, 2) if chance(rng, 30) else 0))]
        # The name of a field may be written in capitals, and then is another field unless that makes no difference.
        spelt = name.upper() if chance(rng, 25) else name
        space = pick(rng, ("", " ", "  "))
        lines.append(f"{spelt}{pick(rng, ('', ' '))}{form.colon}{space}{parts[0]}{pick(rng, ('', ' '))}")
        lines += [pick(rng, (" ", "\t", "    ")) + part for part in parts[1:]]
        whole, key = " ".join(parts).strip(), spelt.lower() if form.fold else spelt
        if key not in fields or form.twice == "last":
            fields[key] = whole
        elif form.twice == "all":
            fields[key] += "+" + whole
    return Block(lines, fields, at_line)


def _value(rng: np.random.Generator, form: Form) -> str:
    word = pick(rng, form.words)
    return pick(
        rng,
        (
            word,
            str(between(rng, 1, 400)),
            f"{word}|{between(rng, 1, 9)}",
            f"{word}{form.colon}{word}",
            f"a\\b;{word}",
            word,
        ),
    )


def _case(rng: np.random.Generator, form: Form, args: Sequence[str], count: int, *, wrong: bool) -> Case:
    given = {args[at]: args[at + 1] for at in range(len(args) - 1) if args[at] in ("-f", "-s", "-m", "-k")}
    text: list[str] = []
    good: list[dict[str, str]] = []
    errors: list[str] = []
    previous: Block | None = None
    for _ in range(count):
        block = _block(rng, form, wrong=wrong)
        if previous is not None and previous.bad is None and chance(rng, 20):
            block = previous
        text += [pick(rng, ("", "  "))] * (between(rng, 0, 2) if text or wrong else 0)
        if block.bad is None:
            good.append(block.fields)
        else:
            errors.append(f"error: line {len(text) + block.bad + 1}")
        text += [*block.lines, ""]
        previous = block
    if "-k" in given:
        good.sort(key=lambda fields: fields.get(given["-k"], "").encode())
    sep = given.get("-s", "|")
    lines = []
    for fields in good:
        cells = [fields.get(name, given.get("-m", "")) for name in given.get("-f", ",".join(form.default)).split(",")]
        lines.append(sep.join(cell.replace("\\", "\\\\").replace(sep, form.escape + sep) for cell in cells))
    if "-u" in args:
        lines = list(dict.fromkeys(lines))
    if "-c" in args:
        lines.append(str(len(lines)))
    return Case(
        args, "".join(f"{line}\n" for line in text), "".join(f"{line}\n" for line in lines + errors), int(bool(errors))
    )


def _program(form: Form) -> str:
    unique = '    if "-u" in options:\n        lines = list(dict.fromkeys(lines))\n' if "u" in form.letters else ""
    counted = '    if "-c" in options:\n        lines.append(str(len(lines)))\n' if "c" in form.letters else ""
    ordered = (
        '    if "-k" in options:\n        good.sort(key=lambda fields: fields.get(options["-k"], "").encode())\n'
        if "k" in form.letters
        else ""
    )
    letters = "f:s:" + "".join(letter + (":" if letter in "mk" else "") for letter in form.letters)
    text = (
        _PROGRAM.replace("@twice@\n", f"{_TWICE[form.twice]}\n" if _TWICE[form.twice] else "")
        .replace("@sort@\n", ordered)
        .replace("@unique@\n", unique + counted)
    )
    words = fill(
        text,
        colon=form.colon,
        comment=form.comment,
        fold=".lower()" if form.fold else "",
        missing='options.get("-m", "")' if "m" in form.letters else '""',
        escape=form.escape.replace("\\", "\\\\"),
        default=",".join(form.default),
    )
    main = fill(MAIN, letters=letters, more="", given="dict(options)")
    return words + main.replace("file.read()\n\n", "file.read()\n")


def _rules(form: Form) -> list[str]:
    case = (
        "Letter case makes no difference in names of fields in the input: they are taken in lower case."
        if form.fold
        else "Names of fields that differ in letter case are different fields."
    )
    return [
        f"Lines that begin with `{form.comment}` are comments and are passed over wherever they stand. Lines of "
        f"nothing but spaces and tabs separate records; several in a row do as one does.",
        f"A line of a record is `NAME{form.colon}VALUE`, split at the first `{form.colon}`; spaces and tabs around "
        f"name and value do not belong to them. {case} If a field comes twice in a record, {_JOIN[form.twice]}.",
        "A line that begins with a space or a tab goes on with the value of the line before it: one space and the "
        "line's text without the spaces and tabs around it are added to that value, for each such line."
        + (" One that goes on with a value that does not count is passed over too." if form.twice == "first" else ""),
        f"A record is wrong if it has a line without `{form.colon}`, or with an empty name, or one that goes on with "
        f"nothing because "
        "it is the first of its record or comes after a wrong line. Nothing is printed of a wrong record, but after "
        "all others there "
        "is for each, in order, a line `error: line N` with the number of its first wrong line in the whole input.",
        f"`-f FIELDS`: the fields to print, in that order, separated by commas; without it `{','.join(form.default)}`. "
        "`-s SEPARATOR`: what stands between them; without it `|`.",
        f"In the fields that are printed each `\\` is doubled, and then `{form.escape}` put before each occurrence of "
        f"the separator.",
        *(_OPTIONS[letter] for letter in form.letters),
    ]


def _flaws(form: Form) -> tuple[Flaw, Flaw]:
    a, b = form.default[0], form.names[-1]
    return (
        Flaw(
            'line.partition("' + form.colon + '")',
            'line.rpartition("' + form.colon + '")',
            f"Name and value stand on both sides of the `{form.colon}`, so I split the line there.",
            f"A value may hold `{form.colon}` itself: the line was split at the last one, and the name is wrong.",
            f"printf '%s\\n' '{a}{form.colon} x{form.colon}y' '{b}{form.colon} 1'",
        ),
        Flaw(
            "for line in lines + errors",
            "for line in errors + lines",
            "People should see errors first, so I print them above everything else.",
            "The specification has the errors after all records.",
            f"printf '%s\\n' 'wrong' '' '{a}{form.colon} 1'",
        ),
    )


def _trial(form: Form) -> str:
    a, b = form.default[0], form.default[1]
    return "\n".join(
        [
            f"{form.comment} a first try",
            f"{a}{form.colon} one|two",
            f"{b.upper()} {form.colon} x",
            f"{b}{form.colon} y",
            "  goes on",
            "",
            "wrong",
            "",
            f"{a}{form.colon}3{form.colon}4",
        ]
    )
