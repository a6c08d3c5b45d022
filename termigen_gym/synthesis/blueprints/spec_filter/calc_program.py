"""The calculators of the solution."""

from __future__ import annotations

INFIX = """
TOKEN = re.compile(r"\\s*(?:(@number@)(?![\\w])|([a-z]+)|([-+*/%^(),]))")


def tokens(text):
    found, at, text = [], 0, text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise Bad("syntax")
        found.append(match[match.lastindex])
        at = match.end()
    return found + ["$"]


class Parser:
    # Expressions become nested tuples; what comes first here binds least.
    def __init__(self, text):
        self.left = tokens(text)

    def take(self, *words):
        if self.left[0] in words:
            return self.left.pop(0)

    def need(self, word):
        if not self.take(word):
            raise Bad("syntax")

    def whole(self):
        tree = self.sum()
        self.need("$")
        return tree

    def sum(self):
        tree = self.product()
        while word := self.take("+", "-"):
            tree = (word, tree, self.product())
        return tree

    def product(self):
        tree = self.signed()
        while word := self.take("*", "/", "%"):
            tree = (word, tree, self.signed())
        return tree

    def signed(self):
        if self.take("-"):
            return ("~", self.signed())
        tree = self.atom()
        if self.take("^"):
            tree = ("^", tree, self.signed())
        return tree

    def atom(self):
        word = self.left.pop(0)
        if word == "(":
            tree = self.sum()
            self.need(")")
            return tree
        if word in FUNCTIONS and self.take("("):
            first = self.sum()
            self.need(",")
            second = self.sum()
            self.need(")")
            return (word, first, second)
        if word in FUNCTIONS or not word[0].isalnum():
            raise Bad("syntax")
        return word


def parse(text):
    return Parser(text).whole()
"""

POSTFIX = """
def parse(text):
    # An expression becomes nested tuples.
    stack = []
    for word in text.split():
        count = 1 if word == "~" else 2 if word in OPERATORS or word in FUNCTIONS else 0
        if len(stack) < count:
            raise Bad("syntax")
        if count:
            stack[-count:] = [(word, *stack[-count:])]
        elif re.fullmatch(r"@number@|[a-z]+", word):
            stack.append(word)
        else:
            raise Bad("syntax")
    if len(stack) != 1:
        raise Bad("syntax")
    return stack[0]
"""

PROGRAM = """\
#!/usr/bin/env python3
import getopt
import math
import re
import sys

FUNCTIONS = {@functions@}
OPERATORS = "+-*/%^"


class Bad(Exception):
    # What is wrong with a line.
    pass

@parser@

def divided(a, b):
    if b == 0:
        raise Bad("division by zero")
    return @divide@


def power(a, b):
    if not 0 <= b <= 20:
        raise Bad("exponent")
    return a**b


def value(tree, names):
    if isinstance(tree, str):
        if tree[0].isdigit():
            return @number@
        if tree not in names:
            raise Bad("unknown " + tree)
        return names[tree]
    word, *parts = tree[0], *(value(part, names) for part in tree[1:])
    if word in FUNCTIONS:
        return FUNCTIONS[word](*parts)
    return {
        "~": lambda a: -a,
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": divided,
        "%": lambda a, b: a - b * divided(a, b),
        "^": power,
    }[word](*parts)


def run(text, options):
    names, total, status = {}, 0, 0
    form = "{:x}" if "-x" in options else "{}"
    for number, line in enumerate(text.split("\\n"), start=1):
        line = line.partition("@comment@")[0].strip()
        if not line:
            continue
        mark = f"{number}: " if "-n" in options else ""
        name, assigned, right = line.partition("@assign@")
        try:
            if assigned and (name.strip() in FUNCTIONS or not re.fullmatch("[a-z]+", name.strip())):
                raise Bad("syntax")
            result = value(parse(right if assigned else line), names)
        except Bad as why:
            print(f"{mark}error: {why}")
            status = 1
            continue
        if not assigned:
            total += result
            print(mark + form.format(result))
        else:
            names[name.strip()] = result
            if "-a" in options:
                print(f"{mark}{name.strip()} @assign@ {form.format(result)}")
    if "-t" in options:
        print("total:", form.format(total))
    return status

"""

CODE = {"max": '"max": max', "min": '"min": min', "gcd": '"gcd": math.gcd'}
