"""The template expander of the solution."""

from __future__ import annotations

PROGRAM = """\
#!/usr/bin/env python3
import getopt
import re
import sys

OPEN, CLOSE = "@opening@", "@closing@"
FILTERS = {
@filters@
}


class Bad(Exception):
    # Why a line can't be expanded.
    pass


def pieces(line):
    # Plain texts and what placeholders say, in turn; the first and the last are plain.
    found, plain, at = [], "", 0
    while at < len(line):
        if line.startswith("\\\\" + OPEN, at):
            plain, at = plain + OPEN, at + len("\\\\" + OPEN)
        elif line.startswith(OPEN, at):
            begin = at + len(OPEN)
            end = line.find(CLOSE, begin)
            if end == -1:
                raise Bad("syntax")
            found += [plain, line[begin:end]]
            plain, at = "", end + len(CLOSE)
        else:
            plain, at = plain + line[at], at + 1
    return [*found, plain]


def parsed(inner):
    name, *filters = [part.strip(" ") for part in inner.split("@pipe@")]
    if not re.fullmatch("[a-z]+", name):
        raise Bad("syntax")
    steps = []
    for part in filters:
        word, colon, argument = part.partition(":")
        if bool(colon) != (word == "or"@or_numbered@):
            raise Bad("syntax")
@numbered@
        steps.append((word, argument))
    return name, steps


def expanded(line, values, options):
    parts = pieces(line)
    marks = [parsed(inner) for inner in parts[1::2]]
    out = [parts[0]]
    for (name, steps), inner, plain in zip(marks, parts[1::2], parts[2::2]):
        text = values.get(name)
        if text is None and not any(word == "or" for word, _ in steps):
@keep@
            raise Bad("unknown " + name)
        for word, argument in steps:
            if word == "or":
                text = text or argument
            elif word not in FILTERS:
                raise Bad("filter " + word)
            else:
                text = FILTERS[word](text or "", argument)
        out += [text, plain]
    return "".join(out), bool(marks)


def run(text, values, options):
    status, lines = 0, text.split("\\n")[:-1]
    for @each@:
        try:
            shown, changed = expanded(line, values, options)
        except Bad as why:
            shown, changed, status = f"error: {why}", True, 1
@quiet@
@skip@
        print(@mark@shown)
    return status

"""

READ = """\
        values, flags = {}, set()
        for flag, given in options:
            if flag == "-v":
                with open(given) as file:
                    rows = file.read().splitlines()
            elif flag == "-d":
                rows = [given]
            else:
                flags.add(flag)
                continue
            for row in rows:
                if row.strip() and not row.startswith("#"):
                    name, equals, value = row.partition("=")
                    if not equals or not re.fullmatch("[a-z]+", name):
                        raise ValueError("no NAME=VALUE: " + row)
                    values[name] = value
"""
