"""Line calculators: expressions in one of two notations, with names, and errors that are part of the output."""

from __future__ import annotations

import numpy as np

from ..kit import chance, pick, sample
from ..scribe import fill
from .calc_lines import LIMIT, Calc, draw_case
from .calc_program import CODE, INFIX, POSTFIX, PROGRAM
from .tool import MAIN, Domain, Flaw, Tool

_OPTIONS = {
    "n": "`-n`: each line of output begins with the number of its input line, a colon and a space.",
    "x": "`-x`: results are printed in hexadecimal, lower case, without prefix; a negative one has its minus before "
    "it.",
    "a": "`-a`: an assignment prints its name, a space, `{assign}`, a space and the value.",
    "t": "`-t`: at the end `total: ` and the sum of the results of the lines that are no assignments and no errors.",
}


def make_calc(rng: np.random.Generator, domain: Domain, level: int) -> Tool:
    """Return a calculator."""
    calc = Calc(
        infix=chance(rng, 60),
        comment=pick(rng, ("#", ";")),
        assign=pick(rng, ("=", ":=")),
        floors=chance(rng, 50),
        functions=sorted(sample(rng, ("max", "min", "gcd"), min(1 + level, 2))),
        grouped=chance(rng, 50),
        letters=sorted(sample(rng, tuple(_OPTIONS), min(2 + level, 4))),
        names=domain.names,
    )
    program = _program(calc)
    flags = [f"-{letter}" for letter in calc.letters]
    count = (24, 40, 60)[level]
    cases = {
        "plain": draw_case(rng, calc, [], count, wrong=False),
        "errors": draw_case(rng, calc, [], count, wrong=True),
        "options": draw_case(rng, calc, flags, count, wrong=True),
        "one_option": draw_case(rng, calc, flags[:1], count // 2, wrong=False),
    }
    return Tool(
        name=f"{domain.tool}calc",
        sort="calc",
        usage="".join(f"[{flag}] " for flag in flags) + "[FILE...]",
        about="It is a calculator: each line of its input is computed and its result printed.",
        rules=_rules(calc),
        program=program,
        flaws=_flaws(calc, program),
        cases=cases,
        samples={
            "morning": draw_case(rng, calc, [], 14, wrong=True),
            "evening": draw_case(rng, calc, flags, 12, wrong=True),
        },
        trial=_trial(calc),
    )


def _program(calc: Calc) -> str:
    number = r"\d{1,3}(?:_\d{3})+|\d+" if calc.grouped else r"0x[0-9a-f]+|\d+"
    divide = "a // b" if calc.floors else "int(a / b)"
    words = fill(
        PROGRAM,
        functions=", ".join(CODE[name] for name in calc.functions),
        parser=fill(INFIX if calc.infix else POSTFIX, number=number),
        divide=divide,
        number="int(tree)" if calc.grouped else 'int(tree, 16 if tree.startswith("0x") else 10)',
        comment=calc.comment,
        assign=calc.assign,
    )
    if "gcd" not in calc.functions:
        words = words.replace("import math\n", "")
    if calc.infix:
        words = words.replace('OPERATORS = "+-*/%^"\n', "")
    else:
        words = words.replace('OPERATORS = "+-*/%^"', 'OPERATORS = ("+", "-", "*", "/", "%", "^")')
    for letter, code in (
        ("x", ('"{:x}" if "-x" in options else "{}"', '"{}"')),
        ("n", ('f"{number}: " if "-n" in options else ""', '""')),
    ):
        if letter not in calc.letters:
            words = words.replace(*code)
    if "n" not in calc.letters:
        words = words.replace(
            'for number, line in enumerate(text.split("\\n"), start=1):', 'for line in text.split("\\n"):'
        )
        words = (
            words.replace('        mark = ""\n', "").replace('f"{mark}error', 'f"error').replace("mark + form", "form")
        )
        words = words.replace('f"{mark}{name', 'f"{name')
    if "t" not in calc.letters:
        words = words.replace('    if "-t" in options:\n        print("total:", form.format(total))\n', "")
        words = words.replace("            total += result\n", "").replace(
            "names, total, status = {}, 0, 0", "names, status = {}, 0"
        )
    if "a" not in calc.letters:
        start = words.index('            if "-a" in options:\n')
        words = words[:start] + words[words.index("\n", words.index("print(f", start)) + 1 :]
    main = fill(MAIN, letters="".join(calc.letters), more="", given="dict(options)")
    return words + main.replace("file.read()\n\n", "file.read()\n")


def _rules(calc: Calc) -> list[str]:
    digits = (
        ("`1_234_567` is a number too: groups of three digits")
        if calc.grouped
        else "`0x1f` is a number too: hexadecimal, lower case"
    )
    round_to = "down, to the next lower whole number" if calc.floors else "towards zero"
    names = " and ".join(f"`{name}`" for name in calc.functions)
    if calc.infix:
        form = (
            f"An expression is in the usual notation: `+`, `-`, `*`, `/`, `%`, `^`, parentheses, and the functions "
            f"{names} of two "
            "arguments with a comma between them. `^` binds most and from the right, then the sign `-` (so that `-2 "
            "^ 2` is "
            "negative; an exponent may have a sign), then `*`, `/`, `%`, then `+` and `-`, these two levels from the "
            "left. Spaces may be anywhere between these."
        )
    else:
        form = (
            f"An expression is in postfix notation, words separated by spaces: operands first, then `+`, `-`, `*`, "
            f"`/`, `%`, `^`, "
            f"{names} (two operands each) or `~` (the negative of one). Exactly one value has to be left at the end."
        )
    return [
        f"A `{calc.comment}` and what follows it on its line is a comment. Lines with nothing else but spaces are "
        f"skipped.",
        f"A line `NAME {calc.assign} EXPRESSION` gives a name a value and prints nothing; any other line is an "
        f"expression and prints its value. A name is one or more of the letters a to z"
        ", but not the word of a function.",
        form,
        f"Numbers are whole and not negative; {digits}. (No value, intermediate ones included, will be above {LIMIT} "
        f"or below -{LIMIT}.)",
        f"`/` rounds {round_to}; `a % b` is `a - b * (a / b)` with that division. An exponent must be from 0 to 20."
        + (" `gcd` is never negative; of 0 and 0 it is 0." if "gcd" in calc.functions else ""),
        "A line that is not of this form prints `error: syntax`. Otherwise operands are evaluated before their "
        "operator, from left "
        "to right, and the first thing that goes wrong is printed: `error: unknown NAME` for a name without a value, "
        "`error: division by zero` (for `%` too), or `error: exponent`. A line with an error changes no name.",
        *(_OPTIONS[letter].format(assign=calc.assign) for letter in calc.letters),
    ]


def _flaws(calc: Calc, program: str) -> tuple[Flaw, Flaw]:
    right, wrong = ("return a // b", "return int(a / b)")[:: 1 if calc.floors else -1]
    shown = "printf '%s\\n' '-7 / 2' '-7 % 2'" if calc.infix else "printf '%s\\n' '7 ~ 2 /' '7 ~ 2 %'"
    assert right in program
    return (
        Flaw(
            right,
            wrong,
            "Division of whole numbers rounds as the language does it, so I use its operator and go on.",
            "With a negative operand the quotient is rounded to the other side than the specification says.",
            shown,
        ),
        Flaw(
            '            print(f"{mark}error: {why}")\n',
            '            print(f"{mark}error: {why}", file=sys.stderr)\n',
            "Errors belong to standard error, so that is where they go.",
            "The errors are not in the output; by the specification they are printed in place of the result.",
            "printf '%s\\n' 'nothing' '1 $'",
        ),
    )


def _trial(calc: Calc) -> str:
    if calc.infix:
        return (
            f"a {calc.assign} 7\n-2 ^ 2 + a\n-a / 2\na % (0 - 4)\n{calc.functions[0]}(a, 9) {calc.comment} note\nb "
            f"+ 1\n2 +"
        )
    return f"a {calc.assign} 7\n2 2 ^ ~ a +\na ~ 2 /\na 4 ~ %\na 9 {calc.functions[0]} {calc.comment} note\nb 1 +\n2 +"
