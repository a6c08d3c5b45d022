"""Lines for calculators: expressions as trees, as text in either notation, and what they are worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import gcd

import numpy as np

from ..kit import between, chance, pick
from ..scribe import shuffled
from .tool import Case

LIMIT = 10**9
"""No value is further from 0."""

_RANK = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "neg": 3, "^": 4}
_FUNCTIONS: dict[str, Callable[[int, int], int]] = {"max": max, "min": min, "gcd": gcd}


@dataclass(frozen=True)
class Node:
    """A number, a name, or an operation on others."""

    word: str
    parts: tuple[Node, ...] = ()


class Wrong(Exception):
    """What the program has to say about a line."""


@dataclass
class Calc:
    """A calculator's specification."""

    infix: bool
    comment: str
    assign: str
    floors: bool
    functions: list[str]
    grouped: bool
    letters: list[str]
    names: Sequence[str]
    values: dict[str, int] = field(default_factory=dict)

    def value(self, node: Node) -> int:
        """What an expression is worth; operands come before their operator, from left to right."""
        parts = [self.value(part) for part in node.parts]
        match node.word, parts:
            case "neg", [a]:
                result = -a
            case "+", [a, b]:
                result = a + b
            case "-", [a, b]:
                result = a - b
            case "*", [a, b]:
                result = a * b
            case (("/" | "%"), [_, 0]):
                raise Wrong("division by zero")
            case "/", [a, b]:
                result = a // b if self.floors else int(a / b)
            case "%", [a, b]:
                result = a - b * (a // b if self.floors else int(a / b))
            case "^", [a, b]:
                if not 0 <= b <= 20:
                    raise Wrong("exponent")
                result = a**b
            case word, []:
                if word[0].isalpha():
                    if word not in self.values:
                        raise Wrong(f"unknown {word}")
                    return self.values[word]
                return int(word, 0)
            case word, [a, b]:
                result = _FUNCTIONS[word](a, b)
            case _:
                raise AssertionError(node)
        if abs(result) > LIMIT:
            raise OverflowError
        return result

    def text(self, node: Node, rng: np.random.Generator) -> str:
        """An expression as somebody writes it."""
        if not node.parts:
            return self._number(node.word, rng)
        if not self.infix:
            words = [self.text(part, rng) for part in node.parts]
            return " ".join([*words, "~" if node.word == "neg" else node.word])
        space = "" if chance(rng, 40) else " "
        if node.word in _FUNCTIONS:
            return f"{node.word}({f',{space}'.join(self.text(part, rng) for part in node.parts)})"
        rank = _RANK[node.word]
        if node.word == "neg":
            return "-" + self._part(node.parts[0], rng, rank)
        left = self._part(node.parts[0], rng, rank + (node.word == "^"))
        right = self._part(node.parts[1], rng, _RANK["neg"] if node.word == "^" else rank + 1)
        return f"{left}{space}{node.word}{space}{right}"

    def _part(self, node: Node, rng: np.random.Generator, rank: int) -> str:
        inner = self.text(node, rng)
        return f"({inner})" if node.parts and _RANK.get(node.word, 9) < rank else inner

    def _number(self, word: str, rng: np.random.Generator) -> str:
        if word[0].isalpha() or len(word) < 4 or chance(rng, 60):
            return word
        return f"{word[:-3]}_{word[-3:]}" if self.grouped else hex(int(word))

    def draw(self, rng: np.random.Generator, depth: int) -> Node:
        """Draw an expression."""
        if depth == 0 or chance(rng, 15):
            return Node(pick(rng, list(self.values)) if self.values and chance(rng, 30) else self._leaf(rng))
        word = pick(rng, ("+", "-", "*", "/", "%", "+", "-", "*", "neg", "^", *self.functions))
        if word == "neg":
            return Node(word, (self.draw(rng, depth - 1),))
        if word == "^":
            return Node(word, (self.draw(rng, depth - 1), Node(str(between(rng, 0, 3)))))
        return Node(word, (self.draw(rng, depth - 1), self.draw(rng, depth - 1)))

    def _leaf(self, rng: np.random.Generator) -> str:
        return str(pick(rng, (between(rng, 0, 9), between(rng, 2, 60), between(rng, 1000, 9999))))


def _wrong_lines(calc: Calc) -> list[str]:
    """Lines that are no expressions."""
    if calc.infix:
        return [
            "(2 + 3",
            "2 +",
            "4 5",
            "* 3",
            "7 $ 2",
            f"{calc.functions[0]}(3)",
            "()",
            "12ab",
            "1 + (2 * 3))",
            f"{calc.functions[0]} {calc.assign} 3",
        ]
    return [
        "1 +",
        "4 5",
        "* 3",
        "7 2 $",
        "1 2 3 +",
        "~",
        "12ab",
        f"8 {calc.functions[0]}",
        "( 1 )",
        f"{calc.functions[0]} {calc.assign} 3",
    ]


def _lines(rng: np.random.Generator, calc: Calc, count: int, *, wrong: bool) -> list[tuple[str, str, int | None, str]]:
    """Lines: text, name assigned to or "", value or None, what is wrong."""
    calc.values.clear()
    lines: list[tuple[str, str, int | None, str]] = []
    bad = iter(shuffled(rng, _wrong_lines(calc)))
    while len(lines) < count:
        name = pick(rng, calc.names) if chance(rng, 35) or len(lines) < 2 else ""
        node = calc.draw(rng, between(rng, 1, 4))
        if wrong and chance(rng, 12):
            node = Node(pick(rng, ("/", "%")), (node, Node("0")))
        elif wrong and chance(rng, 10):
            node = Node("+", (Node("nowhere"), node))
        elif wrong and chance(rng, 8):
            node = Node("^", (Node("2"), Node("neg", (Node(str(between(rng, 1, 3))),))))
        text = calc.text(node, rng)
        value: int | None = None  # of a line that is no error
        error = ""
        if wrong and chance(rng, 22):
            text, error = next(bad, "1 1"), "syntax"
        else:
            try:
                value = calc.value(node)
            except OverflowError:
                continue
            except Wrong as why:
                if not wrong:
                    continue
                error = str(why)
        if name and value is not None:
            calc.values[name] = value
        line = f"{name} {calc.assign} {text}" if name else text
        lines.append(
            (line + (f"  {calc.comment} {pick(rng, calc.names)}" if chance(rng, 12) else ""), name, value, error)
        )
    if wrong:
        lines += [(text, "", value, error) for text, value, error in _edges(calc)]
        lines += [(text, "", None, "syntax") for text in _wrong_lines(calc)]
    return lines


def _edges(calc: Calc) -> list[tuple[str, int | None, str]]:
    """Lines at the edge of a rule: text, value, what is wrong."""
    plus, power = ("{} + {}", "{} ^ {}") if calc.infix else ("{} {} +", "{} {} ^")
    if calc.grouped:
        right, wrong = (plus.format("123_456", "12_345_678"), 12469134), ("1234_567", "_123", "1_00")
    else:
        right, wrong = (plus.format("0xff", "0x10"), 271), ("0x", "0xfg", "0x1F")
    return [
        (power.format(1, 20), 1, ""),
        (power.format(1, 21), None, "exponent"),
        (power.format(5, 0), 1, ""),
        (plus.format("007", 1), 8, ""),
        (*right, ""),
        *((text, None, "syntax") for text in wrong),
    ]


def draw_case(rng: np.random.Generator, calc: Calc, args: Sequence[str], count: int, *, wrong: bool) -> Case:
    """A run: lines of all sorts, blank ones and comments between them, and what has to be printed."""
    text, out, total, failed, number = "", [], 0, False, 0
    form = "{:x}" if "-x" in args else "{}"
    for line, name, value, error in _lines(rng, calc, count, wrong=wrong):
        if chance(rng, 12):
            text, number = text + pick(rng, ("\n", f"{calc.comment} {pick(rng, calc.names)}\n", "   \n")), number + 1
        text, number = f"{text}{line}\n", number + 1
        mark = f"{number}: " if "-n" in args else ""
        if error:
            out.append(f"{mark}error: {error}")
            failed = True
        elif value is not None and (not name or "-a" in args):
            out.append(mark + (f"{name} {calc.assign} " if name else "") + form.format(value))
            total += 0 if name else value
    if "-t" in args:
        out.append(f"total: {form.format(total)}")
    return Case(args, text, "".join(row + "\n" for row in out), int(failed))
