"""Template expanders: placeholders with filters, values from options and files, and lines that can't be expanded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..kit import between, chance, pick, sample
from ..scribe import fill
from .template_program import PROGRAM, READ
from .tool import MAIN, Case, Domain, Flaw, Tool


@dataclass(frozen=True)
class Style:
    """An expander's specification."""

    opening: str
    closing: str
    pipe: str
    filters: list[str]
    pad: str
    letters: list[str]
    names: Sequence[str]
    words: Sequence[str]


_FILTERS = {
    "upper": ("`upper`: letters a to z become capitals", '"upper": lambda text, _: text.upper()'),
    "lower": ("`lower`: letters A to Z become small", '"lower": lambda text, _: text.lower()'),
    "rev": ("`rev`: the characters in reverse order", '"rev": lambda text, _: text[::-1]'),
    "len": ("`len`: the number of characters", '"len": lambda text, _: str(len(text))'),
    "pad": (
        "`pad:N`: `{pad}` is put behind until there are N characters",
        '"pad": lambda text, count: text.ljust(int(count), "{pad}")',
    ),
    "cut": ("`cut:N`: the first N characters", '"cut": lambda text, count: text[: int(count)]'),
    "words": ("`words`: the number of words, which spaces separate", '"words": lambda text, _: str(len(text.split()))'),
}

_OPTIONS = {
    "n": "`-n`: each line that is printed begins with the number of its input line, a tab after it.",
    "q": "`-q`: lines that can't be expanded are not printed at all; the exit status is 1 all the same.",
    "k": "`-k`: a name without a value, none of whose filters is `or`, is no error; its placeholder stays as written.",
    "s": "`-s`: lines without any placeholder are not printed.",
}


_NUMBERED = """\
        if word in {} and not re.fullmatch("[0-9]+", argument):
            raise Bad("syntax")"""


def make_template(rng: np.random.Generator, domain: Domain, level: int) -> Tool:
    """Return a template expander."""
    opening, closing = pick(rng, (("{{", "}}"), ("<%", "%>"), ("[[", "]]"), ("${", "}"), ("<<", ">>")))
    style = Style(
        opening=opening,
        closing=closing,
        pipe=pick(rng, ("|", "!")),
        filters=sorted(sample(rng, tuple(_FILTERS), 3 + level)),
        pad=pick(rng, (".", "_", "*")),
        letters=sorted(sample(rng, tuple(_OPTIONS), min(1 + level, 3))),
        names=domain.names,
        words=domain.words,
    )
    count = (14, 24, 36)[level]
    values = {
        name: pick(rng, domain.words) if chance(rng, 70) else str(between(rng, 3, 990)) for name in domain.names[:4]
    }
    values[domain.names[3]] = ""
    flags = [f"-{letter}" for letter in style.letters]
    given = [word for name, value in values.items() for word in ("-d", f"{name}={value}")]
    later = {name: f"{value}x" for name, value in values.items()}
    held = {"values.txt": "# values\n\n" + "".join(f"{name}={value}\n" for name, value in later.items())}
    last = flags[-1:]
    cases = {
        "plain": _case(rng, style, values, given, [], count, wrong=False),
        "errors": _case(rng, style, values, given, [], count, wrong=True),
        "options": _case(rng, style, values, ["-v", "values.txt", *given], flags, count, wrong=True, files=held),
        "later_wins": _case(rng, style, later, [*given, "-v", "values.txt"], last, count // 2, wrong=False, files=held),
    }
    return Tool(
        name=f"{domain.tool}fill",
        sort="template",
        usage=f"[-d NAME=VALUE]... [-v VALUES]... {' '.join(f'[{flag}]' for flag in flags)} [FILE...]",
        about="It prints its input line by line with placeholders replaced by values.",
        rules=_rules(style),
        program=_program(style),
        flaws=_flaws(style),
        cases=cases,
        samples={
            "letter": _case(rng, style, values, given, [], 8, wrong=True),
            "notice": _case(rng, style, values, given, flags, 8, wrong=True),
        },
        trial=_trial(style),
    )


def _mark(
    rng: np.random.Generator, style: Style, values: Mapping[str, str], error: str
) -> tuple[str, str | None, bool]:
    """A placeholder, what it becomes (None: it can't), and whether its name has no value and it is kept with -k."""
    name = pick(rng, tuple(values))
    missing = error == "unknown"
    text: str | None = values[name]
    steps: list[str] = []
    if missing:
        name = pick(rng, style.names[4:])
    elif chance(rng, 30):
        other = pick(rng, style.words)
        if chance(rng, 50):
            name, text = pick(rng, style.names[4:]), ""
        steps.append(f"or:{other}")
        text = text or other
    for word in [pick(rng, style.filters) for _ in range(between(rng, 0, 2))]:
        count = pick(rng, (*range(1, 10), 10, 20))
        steps.append(f"{word}:{count}" if word in ("pad", "cut") else word)
        text = _filtered(word, text or "", count, style.pad)
    if error == "filter":
        steps.append("shout")
    space = pick(rng, ("", " "))
    inner = f"{space}{style.pipe}{space}".join([name, *steps])
    if error == "syntax":
        odd = (inner.upper(), "", f"{name} {name}", f"{name}{style.pipe}or")
        inner = pick(rng, (*odd, *_misused(style, name)))
    return f"{style.opening}{space}{inner}{space}{style.closing}", None if error else text, missing


def _misused(style: Style, name: str) -> list[str]:
    """What placeholders say that give a filter what it does not take, or not what it takes."""
    return [
        f"{name}{style.pipe}{word}{given}"
        for word in style.filters
        for given in (("", ":x", ":", ":4x") if word in ("pad", "cut") else (":4",))
    ]


def _filtered(word: str, text: str, count: int, pad: str) -> str:
    match word:
        case "upper":
            return text.upper()
        case "lower":
            return text.lower()
        case "rev":
            return "".join(reversed(text))
        case "len":
            return str(len(text))
        case "pad":
            return text + pad * max(count - len(text), 0)
        case "cut":
            return text[:count]
        case _:
            return str(len(text.split()))


def _case(
    rng: np.random.Generator,
    style: Style,
    values: Mapping[str, str],
    given: Sequence[str],
    flags: Sequence[str],
    count: int,
    *,
    wrong: bool,
    files: Mapping[str, str] | None = None,
) -> Case:
    text, out, failed = "", "", False
    for number in range(1, count + 1):
        line, shown, why, marks = "", "", "", between(rng, 0, 3)
        error = pick(rng, ("unknown", "filter", "syntax", "open")) if wrong and chance(rng, 35) else ""
        at = between(rng, 0, max(marks - 1, 0))
        for place in range(max(marks, 1 if error else 0)):
            word = pick(rng, style.words)
            here = error if place == at else ""
            if here == "open":
                line, why = f"{line}{word} ", "syntax"
                continue
            mark, becomes, missing = _mark(rng, style, values, here)
            line += f"{word} {mark}"
            if missing and "-k" in flags:
                becomes = mark
            elif here:
                why = {"unknown": f"unknown {_name(mark, style)}", "filter": "filter shout", "syntax": "syntax"}[here]
            shown += f"{word} {becomes}"
        if chance(rng, 20):
            line, shown = f"{line} \\{style.opening}{style.names[0]}", f"{shown} {style.opening}{style.names[0]}"
        if error == "open":
            line += f" {style.opening}{style.names[0]}"
        elif chance(rng, 40) or not marks:
            line, shown = f"{line}, {style.closing[0]}", f"{shown}, {style.closing[0]}"
        text += f"{line}\n"
        failed |= bool(why)
        if (why and "-q" in flags) or (not why and not marks and not error and "-s" in flags):
            continue
        out += (f"{number}\t" if "-n" in flags else "") + (f"error: {why}" if why else shown) + "\n"
    if wrong and not flags:
        for mark in _misused(style, style.names[0]):
            text, out = f"{text}{style.opening}{mark}{style.closing}\n", f"{out}error: syntax\n"
    args = [*given, *flags] if wrong else [*flags, *given]
    return Case(args, text, out, int(failed or (wrong and not flags)), files or {})


def _name(mark: str, style: Style) -> str:
    inner = mark.removeprefix(style.opening).removesuffix(style.closing)
    return inner.split(style.pipe)[0].strip()


def _program(style: Style) -> str:
    numbered = sorted({"pad", "cut"} & set(style.filters))
    names = json.dumps(numbered)
    parts = {
        "keep": '            if "-k" in options:\n                out += [OPEN + inner + CLOSE, plain]\n             '
        "   continue\n",
        "quiet": '            if "-q" in options:\n                continue\n',
        "skip": '        if "-s" in options and not changed:\n            continue\n',
    }
    text = PROGRAM
    for letter, place in (("k", "keep"), ("q", "quiet"), ("s", "skip")):
        text = text.replace(f"@{place}@\n", parts[place] if letter in style.letters else "")
    if "s" not in style.letters:
        text = text.replace('return "".join(out), bool(marks)', 'return "".join(out)')
        text = text.replace("shown, changed = expanded", "shown = expanded").replace(
            'shown, changed, status = f"error: {why}", True, 1', 'shown, status = f"error: {why}", 1'
        )
    if "k" not in style.letters:
        text = text.replace("(line, values, options)", "(line, values)")
        text = text.replace(
            "steps), inner, plain in zip(marks, parts[1::2], parts", "steps), plain in zip(marks, parts"
        )
    if not numbered:
        text = text.replace("@numbered@\n", "")
    words = fill(
        text,
        opening=style.opening,
        closing=style.closing,
        pipe=style.pipe,
        filters="\n".join(f"    {_FILTERS[word][1].replace('{pad}', style.pad)}," for word in style.filters),
        numbered=_NUMBERED.format(names),
        or_numbered=f" or word in {names}" if numbered else "",
        each="number, line in enumerate(lines, start=1)" if "n" in style.letters else "line in lines",
        mark='(f"{number}\\t" if "-n" in options else "") + ' if "n" in style.letters else "",
    )
    letters = "d:v:" + "".join(style.letters)
    return words + fill(MAIN, letters=letters, more=READ.rstrip("\n"), given="values, flags")


def _rules(style: Style) -> list[str]:
    opening, closing, pipe = style.opening, style.closing, style.pipe
    filters = "; ".join(_FILTERS[word][0].format(pad=style.pad) for word in style.filters)
    return [
        f"A placeholder is `{opening}`, a name, any number of filters with a `{pipe}` before each, and `{closing}`, "
        f"the first one "
        "after it. Names and the words of filters are one or more of the letters a to z; spaces around each of them "
        "do not count.",
        f"`\\{opening}` is no placeholder but prints `{opening}`. Everything else is printed as it is.",
        "`-d NAME=VALUE` gives a name a value; `-v VALUES` reads a file with such a line for each, in which blank "
        "lines and those "
        "that begin with `#` are passed over. The value is everything after the first `=`, as it stands. What comes "
        "later on the command line replaces what came before, whichever of the two it is.",
        f"Filters are applied from left to right. `or:TEXT`: TEXT, if what it is given is empty or the name has no "
        f"value (TEXT has "
        f"no `{pipe}` and no `{closing}` in it); {filters}. N is one or more digits. Other filters have no `:`.",
        f"A line can't be expanded if a placeholder in it is not of this form or has no `{closing}`: then `error: "
        f"syntax` is printed "
        "in its place. (A word that is no filter's is of this form if it has no `:`.) Otherwise placeholders are "
        "looked at from left "
        "to right, and the first that fails decides: `error: unknown NAME` for a name that has no value, unless one "
        "of its filters is `or`; after that `error: filter WORD` for its first filter that there is not.",
        *(_OPTIONS[letter] for letter in style.letters),
    ]


def _flaws(style: Style) -> tuple[Flaw, Flaw]:
    name, other = style.names[0], style.names[1]
    mark = f"{style.opening}{name}{style.pipe}or:none{style.closing}"
    return (
        Flaw(
            "text = text or argument",
            'text = "" if text is None else text',
            "A name without a value counts as empty, and `or` is only there so that it is no error.",
            "The text after `or:` is meant to be printed where the value is empty or missing.",
            f"printf '%s\\n' 'a {mark}'",
        ),
        Flaw(
            '            shown, changed, status = f"error: {why}", True, 1\n'
            if "s" in style.letters
            else '            shown, status = f"error: {why}", 1\n',
            "            print(why, file=sys.stderr)\n            status = 1\n            continue\n",
            "What can't be expanded is a matter for standard error; the line is left out.",
            "The specification wants the error printed in place of the line.",
            f"printf '%s\\n' 'b {style.opening}{other}{style.closing}'",
        ),
    )


def _trial(style: Style) -> str:
    a, b = style.opening, style.closing
    one, two = style.names[0], style.names[1]
    word = next(name for name in style.filters)
    return "\n".join(
        [
            f"plain and \\{a}{one}",
            f"{a} {one} {style.pipe} or:none {b}!",
            f"{a}{two}{b}",
            f"{a}{one}{style.pipe}or:x{style.pipe}{word}{':4' if word in ('pad', 'cut') else ''}{b}",
            f"{a}{one}",
        ]
    )
