"""A small C project with faults of different kinds: in the sources, the Makefile, the linking and the behaviour."""

from __future__ import annotations

import io
import json
import math
import re
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

import numpy as np

from termigen_gym.family import Instance

T = TypeVar("T")
Params = dict[str, str]

TOOLS = (
    "tally",
    "sift",
    "quill",
    "gauge",
    "grist",
    "lathe",
    "ferry",
    "tinder",
    "morsel",
    "plumb",
    "spindle",
    "trellis",
    "kiln",
    "burr",
)
LIBS = ("core", "kit", "base", "parts")


def pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    """One of the items."""
    return items[int(rng.integers(len(items)))]


def sample(rng: np.random.Generator, items: Sequence[T], count: int) -> list[T]:
    """`count` different items in random order."""
    return [items[int(i)] for i in rng.permutation(len(items))[:count]]


def between(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return int(rng.integers(low, high + 1))


@dataclass(frozen=True)
class Case:
    """One run of the tool and what must come out."""

    args: list[str]
    stdin: str
    stdout: str
    code: int = 0


@dataclass(frozen=True)
class Fault:
    """One fault: in `path` the text `good` becomes `bad`.

    Attributes:
        stage: "compile", "link", "visible" (the shipped tests show it) or "subtle" (they do not).
        thought: what one sees and why the repair follows.
        look: a command that shows the place.
        repair: sed's script where the plain exchange of the two texts would not do.
        stdin: an input of the module's command that shows a "visible" or "subtle" fault.
        static: only where the library is an archive (True) or shared (False).
    """

    stage: str
    path: str
    good: str
    bad: str
    thought: str
    look: str = ""
    repair: str = ""
    stdin: str = ""
    static: bool | None = None


@dataclass(frozen=True)
class Module:
    """A command of the tool: its sources with @…@ for parameters, its documentation, its reference and its inputs."""

    names: tuple[str, ...]
    source: str
    readme: str
    draw: Callable[[np.random.Generator], Params]
    reference: Callable[[Params, list[str]], tuple[list[str], int]]
    simple: Callable[[np.random.Generator, Params], list[str]]
    rich: Callable[[np.random.Generator, Params], list[str]]
    faults: Callable[[Params], list[Fault]]


# ---------------------------------------------------------------- numbers, as util.c reads them


def numbers(lines: Sequence[str]) -> tuple[list[int], int]:
    """The numbers of the input, one on each line, and how many lines were bad."""
    values, bad = [], 0
    for line in lines:
        if re.fullmatch(r"[ \t]*[+-]?[0-9]+", line) and -(2**63) <= int(line) < 2**63:
            values.append(int(line))
        elif line:
            bad += 1
    return values, bad


def some_numbers(rng: np.random.Generator, count: int, low: int, high: int) -> list[str]:
    """Lines with random numbers."""
    return [str(between(rng, low, high)) for _ in range(count)]


def text_line(rng: np.random.Generator, length: int, letters: str = "abcdefghijklmnopqrstuvwxyz") -> str:
    """A random word."""
    return "".join(letters[int(i)] for i in rng.integers(len(letters), size=length))


# ---------------------------------------------------------------- runs: run-length coding

RUNS_C = r"""
#include "@LIB@/@N@.h"
#include "@LIB@/util.h"

#include <stdlib.h>
#include <string.h>

#define MAX_RUN @max@

static void encode(const char *text, char *coded)
{
    size_t at = 0;
    for (size_t i = 0; text[i] != '\0';) {
        size_t n = 1;
        while (n < MAX_RUN && text[i + n] == text[i])
            n++;
        at += (size_t)sprintf(coded + at, "%zu%c", n, text[i]);
        i += n;
    }
    coded[at] = '\0';
}

int @N@_run(FILE *in, FILE *out)
{
    char *text;
    while ((text = read_line(in)) != NULL) {
        char *coded = grow(NULL, 2 * strlen(text) + 1, 1);
        encode(text, coded);
        fprintf(out, "%s\n", coded);
        free(coded);
        free(text);
    }
    return 0;
}
"""


def runs_reference(p: Params, lines: list[str]) -> tuple[list[str], int]:
    """Run-length coding with a longest run."""
    limit, out = int(p["max"]), []
    for line in lines:
        row, i = "", 0
        while i < len(line):
            n = 1
            while n < limit and line[i + n : i + n + 1] == line[i]:
                n += 1
            row, i = row + f"{n}{line[i]}", i + n
        out.append(row)
    return out, 0


def runs_simple(rng: np.random.Generator, p: Params) -> list[str]:
    """Lines with short runs."""
    return ["".join(c * between(rng, 1, min(5, int(p["max"]) - 1)) for c in text_line(rng, 6)) + "zz" for _ in range(3)]


def runs_rich(rng: np.random.Generator, p: Params) -> list[str]:
    """Lines with long runs, single characters, and an empty line."""
    limit = int(p["max"])
    return [
        *runs_simple(rng, p),
        "",
        "q" * (limit * 2 + between(rng, 0, 3)),
        text_line(rng, between(rng, 5, 60)),
        "a b  c   d",
    ]


def runs_faults(p: Params) -> list[Fault]:
    """Faults of the module."""
    path = "src/@N@.c"
    return [
        Fault(
            "visible", path, "while (n < MAX_RUN &&", "while (n <= MAX_RUN &&",
            "A run comes out one longer than the README allows: the loop goes on while n is at the limit already.",
            stdin="x" * (int(p["max"]) + 3) + "\n",
        ),
        Fault(
            "subtle", path, "grow(NULL, 2 * strlen(text) + 1, 1)", "grow(NULL, 2 * strlen(text), 1)",
            "Where no two neighbours are alike the code has twice the length of the text, and then its final zero has no room.",
            stdin="abcdefghijklmnopqrstuvwx\n",
        ),
    ]  # fmt: skip


RUNS = Module(
    ("runs", "squeeze", "rle"),
    RUNS_C,
    "run-length coding of each line: every run of one character becomes its length and the character, like `3x2y`. A run longer than @max@ is split "
    "into runs of @max@ and a rest. An empty line stays empty.",
    lambda rng: {"max": str(between(rng, 6, 60))},
    runs_reference,
    runs_simple,
    runs_rich,
    runs_faults,
)

# ---------------------------------------------------------------- crc: a checksum with a generated table

CRC_C = r"""
#include "@LIB@/@N@.h"
#include "@LIB@/util.h"

#include <stdlib.h>

extern const unsigned short @N@_table[256];

int @N@_run(FILE *in, FILE *out)
{
    char *text;
    while ((text = read_line(in)) != NULL) {
        unsigned crc = @init@;
        for (const char *p = text; *p != '\0'; p++)
            crc = ((crc << 8) & 0xffff) ^ @N@_table[(crc >> 8) ^ (unsigned char)*p];
        fprintf(out, "%04x\n", crc);
        free(text);
    }
    return 0;
}
"""

TABLE_C = r"""
/* Writes the table of src/@N@.c. */
#include <stdio.h>

#define POLY @poly@

int main(void)
{
    printf("extern const unsigned short @N@_table[256];\n");
    printf("const unsigned short @N@_table[256] = {\n");
    for (unsigned i = 0; i < 256; i++) {
        unsigned crc = i << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000) != 0 ? (crc << 1) ^ POLY : crc << 1;
        printf("    0x%04x,\n", crc & 0xffff);
    }
    printf("};\n");
    return 0;
}
"""


def crc_line(p: Params, text: str) -> tuple[int, set[int]]:
    """The checksum of a line, and which entries of the table it used."""
    poly, crc, used = int(p["poly"], 16), int(p["init"], 16), set()
    for byte in text.encode():
        index = (crc >> 8) ^ byte
        used.add(index)
        entry = index << 8
        for _ in range(8):
            entry = ((entry << 1) ^ poly) & 0xFFFF if entry & 0x8000 else (entry << 1) & 0xFFFF
        crc = ((crc << 8) & 0xFFFF) ^ entry
    return crc, used


def crc_reference(p: Params, lines: list[str]) -> tuple[list[str], int]:
    """CRC-16 of each line."""
    return [f"{crc_line(p, line)[0]:04x}" for line in lines], 0


def crc_simple(rng: np.random.Generator, p: Params) -> list[str]:
    """Lines that do not use the table's last entry."""
    lines: list[str] = []
    while len(lines) < 3:
        line = text_line(rng, between(rng, 4, 9))
        if 255 not in crc_line(p, line)[1]:
            lines.append(line)
    return lines


def crc_rich(rng: np.random.Generator, p: Params) -> list[str]:
    """Lines of all lengths."""
    return ["", *(text_line(rng, between(rng, 1, 300)) for _ in range(8)), crc_hard_line(p)]


def crc_hard_line(p: Params) -> str:
    """The first number that needs the table's last entry."""
    return next(str(i) for i in range(1_000_000) if 255 in crc_line(p, str(i))[1])


def crc_faults(p: Params) -> list[Fault]:
    """Faults of the module and of its generator."""
    return [
        Fault(
            "visible", "tools/gentable.c", "bit < 8", "bit < 7",
            "All checksums are wrong. The table is generated, so I look into the generator: it goes through seven bits of each byte instead of eight.",
            stdin="123456789\n",
        ),
        Fault(
            "visible", "src/@N@.c", "unsigned crc = @init@;", "unsigned crc = @wrong_init@;",
            "The checksums start from another value than the README gives; even an empty line shows it.",
            stdin="\nabc\n",
        ),
        Fault(
            "subtle", "tools/gentable.c", "i < 256", "i < 255",
            "Most checksums are right and a few are not. The generated table has 255 rows for 256 entries, so the last entry is zero.",
            stdin=crc_hard_line(p) + "\n",
        ),
        Fault(
            "compile", "Makefile", "$(BUILD)/@N@_table.c: $(BUILD)/gentable", "$(BUILD)/@N@_table.c: $(BUILD)/gen-table",
            "make has no rule for build/gen-table: the table's rule asks for a name that no rule makes, the generator is build/gentable.",
            look="grep -n 'gen-*table' Makefile",
        ),
    ]  # fmt: skip


def crc_draw(rng: np.random.Generator) -> Params:
    """Polynomial and start value."""
    poly = between(rng, 0x0801, 0x7FFF) * 2 + 1
    return {"poly": f"0x{poly & 0xFFFF:04x}", "init": f"0x{between(rng, 0x1000, 0xFFFF):04x}", "wrong_init": "0x0000"}


CRC = Module(
    ("crc", "seal", "digest"),
    CRC_C,
    "the 16-bit CRC of each line (without its line end) as four hexadecimal digits: polynomial @poly@, start value @init@, bits most significant first, "
    "nothing reflected, no final exclusive-or.",
    crc_draw,
    crc_reference,
    crc_simple,
    crc_rich,
    crc_faults,
)

# ---------------------------------------------------------------- bins: a histogram

BINS_C = r"""
#include "@LIB@/@N@.h"
#include "@LIB@/util.h"

#include <stdlib.h>

#define WIDTH @width@

static long long bin_of(long long value)
{
    long long bin = value / WIDTH;
    if (value < 0 && value % WIDTH != 0)
        bin--;
    return bin;
}

static int by_value(const void *left, const void *right)
{
    const long long a = *(const long long *)left, b = *(const long long *)right;
    return (a > b) - (a < b);
}

int @N@_run(FILE *in, FILE *out)
{
    struct number_list list;
    read_numbers(in, &list);
    for (size_t i = 0; i < list.count; i++)
        list.items[i] = bin_of(list.items[i]);
    if (list.count > 0)
        qsort(list.items, list.count, sizeof *list.items, by_value);
    for (size_t i = 0, next; i < list.count; i = next) {
        for (next = i; next < list.count && list.items[next] == list.items[i];)
            next++;
        fprintf(out, "%lld %zu\n", list.items[i] * WIDTH, next - i);
    }
    free(list.items);
    return 0;
}
"""


def bins_reference(p: Params, lines: list[str]) -> tuple[list[str], int]:
    """Counts by bin."""
    values, bad = numbers(lines)
    width = int(p["width"])
    bins = [v // width for v in values]
    return [f"{b * width} {bins.count(b)}" for b in sorted(set(bins))], 3 if bad else 0


def bins_faults(p: Params) -> list[Fault]:
    """Faults of the module."""
    path, width = "src/@N@.c", int(p["width"])
    return [
        Fault(
            "visible", path, "return (a > b) - (a < b);", "return (a < b) - (a > b);",
            "The bins come out in falling order: the comparison function has its two sides exchanged.",
            stdin=f"1\n{width + 1}\n{width * 5}\n",
        ),
        Fault(
            "subtle", path, "if (value < 0 && value % WIDTH != 0)", "if (value < 0)",
            "A negative multiple of the width lands one bin too low: only a remainder may move the quotient down.",
            stdin=f"{-width}\n{-3 * width}\n5\n",
        ),
    ]  # fmt: skip


BINS = Module(
    ("bins", "hist", "strata"),
    BINS_C,
    "a histogram of whole numbers, one on each line, with bins of width @width@. The bin with the lower bound b (a multiple of @width@) takes the values from b "
    "to b + @width@ - 1, below zero too. One line `b count` for each bin that is not empty, in rising order.",
    lambda rng: {"width": str(between(rng, 3, 40))},
    bins_reference,
    lambda rng, p: some_numbers(rng, 4, 0, 150),
    lambda rng, p: [*some_numbers(rng, between(rng, 9, 60), -500, 500), str(-int(p["width"]) * 2), "0"],
    bins_faults,
)

# ---------------------------------------------------------------- smooth: a moving average

SMOOTH_C = r"""
#include "@LIB@/@N@.h"
#include "@LIB@/util.h"

#include <stdlib.h>

#define WINDOW ((size_t)@window@)

int @N@_run(FILE *in, FILE *out)
{
    struct number_list list;
    long long *ring = grow(NULL, WINDOW, sizeof *ring);
    long long sum = 0;
    read_numbers(in, &list);
    for (size_t i = 0; i < list.count; i++) {
        size_t have = i < WINDOW ? i + 1 : WINDOW;
        if (i >= WINDOW)
            sum -= ring[i % WINDOW];
        ring[i % WINDOW] = list.items[i];
        sum += list.items[i];
        fprintf(out, "%.@digits@f\n", (double)sum / (double)have);
    }
    free(ring);
    free(list.items);
    return 0;
}
"""


def smooth_reference(p: Params, lines: list[str]) -> tuple[list[str], int]:
    """Moving averages."""
    values, bad = numbers(lines)
    window, out = int(p["window"]), []
    for i in range(len(values)):
        part = values[max(0, i + 1 - window) : i + 1]
        out.append(f"{sum(part) / len(part):.{p['digits']}f}")
    return out, 3 if bad else 0


def smooth_faults(p: Params) -> list[Fault]:
    """Faults of the module."""
    path, more = "src/@N@.c", "".join(f"{n * n}\n" for n in range(3, 3 + 2 * int(p["window"])))
    return [
        Fault(
            "visible", path, "if (i >= WINDOW)", "if (i > WINDOW)",
            "From the moment the window is full the averages are too large: the first value to leave the window is never taken off the sum.",
            stdin=more,
        ),
        Fault(
            "visible", path, "i < WINDOW ? i + 1 : WINDOW", "i < WINDOW ? WINDOW : i + 1",
            "The first averages are divided by the whole window, and later ones by all values so far: the two results of the condition are exchanged.",
            stdin=more,
        ),
        Fault(
            "subtle", path, "grow(NULL, WINDOW, sizeof *ring)", "grow(NULL, WINDOW - 1, sizeof *ring)",
            "The output looks right, but the ring has one place less than the window: the sanitizer sees a write behind its end.",
            stdin=more,
        ),
    ]  # fmt: skip


SMOOTH = Module(
    ("smooth", "mavg", "drift"),
    SMOOTH_C,
    "for each whole number of the input, one on a line, the mean of the last @window@ numbers up to it, with @digits@ decimals; at the start the mean of those there are.",
    lambda rng: {"window": str(between(rng, 3, 9)), "digits": str(between(rng, 1, 4))},
    smooth_reference,
    lambda rng, p: some_numbers(rng, 2, 10, 99),
    lambda rng, p: some_numbers(rng, between(rng, 12, 50), -900, 900),
    smooth_faults,
)

# ---------------------------------------------------------------- recode: numbers in another base

RECODE_C = r"""
#include "@LIB@/@N@.h"
#include "@LIB@/util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "@alphabet@";
#define BASE (sizeof digits - 1)

int @N@_run(FILE *in, FILE *out)
{
    char *text;
    while ((text = read_line(in)) != NULL) {
        char coded[80] = "";
        size_t at = sizeof coded - 1;
        errno = 0;
        unsigned long long value = strtoull(text, NULL, 10);
        if (*text == '\0' || strspn(text, "0123456789") != strlen(text) || errno != 0) {
            bad_lines += *text != '\0';
            free(text);
            continue;
        }
        while (value > 0 || coded[at] == '\0') {
            coded[--at] = digits[value % BASE];
            value /= BASE;
        }
        fprintf(out, "%s\n", coded + at);
        free(text);
    }
    return 0;
}
"""


def recode_reference(p: Params, lines: list[str]) -> tuple[list[str], int]:
    """Numbers in the instance's base and alphabet."""
    out, bad, base = [], 0, len(p["alphabet"])
    for line in lines:
        if re.fullmatch("[0-9]+", line) and int(line) < 2**64:
            value, row = int(line), ""
            while value or not row:
                row, value = p["alphabet"][value % base] + row, value // base
            out.append(row)
        elif line:
            bad += 1
    return out, 3 if bad else 0


def recode_faults(p: Params) -> list[Fault]:
    """Faults of the module."""
    path, base = "src/@N@.c", len(p["alphabet"])
    return [
        Fault(
            "visible", path, "#define BASE (sizeof digits - 1)", "#define BASE (sizeof digits)",
            f"The numbers come out in base {base + 1}: sizeof of a string counts its final zero as well.",
            stdin=f"{base}\n{base * base + 7}\n",
        ),
        Fault(
            "subtle", path, "while (value > 0 || coded[at] == '\\0') {", "while (value > 0) {",
            "Zero comes out as an empty line, where the README wants its digit: the loop must run at least once.",
            stdin="0\n",
        ),
        Fault(
            "subtle", path, "unsigned long long value = strtoull", "unsigned value = (unsigned)strtoull",
            "Large numbers come out wrong: above 32 bits the value is cut off, and the README promises 64 bits.",
            stdin=f"{2**32 + 12345}\n{2**63 + 99}\n",
        ),
    ]  # fmt: skip


def recode_draw(rng: np.random.Generator) -> Params:
    """An alphabet in random order."""
    return {"alphabet": "".join(sample(rng, "abcdefghijkmnpqrstuvwxyz23456789", between(rng, 5, 31)))}


RECODE = Module(
    ("recode", "radix", "label"),
    RECODE_C,
    "each line's whole number (0 to 2^64 - 1) in the base given by the number of its digits, which are, from zero up, `@alphabet@`. Most significant digit first, "
    "no leading zero digits; zero is its one digit.",
    recode_draw,
    recode_reference,
    lambda rng, p: some_numbers(rng, 3, 1, len(p["alphabet"]) - 1),
    lambda rng, p: ["0", *some_numbers(rng, 8, 0, 10**6), *some_numbers(rng, 4, 2**33, 2**62), str(2**64 - 1)],
    recode_faults,
)

# ---------------------------------------------------------------- terms: the most frequent words

TERMS_C = r"""
#include "@LIB@/@N@.h"
#include "@LIB@/util.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TOP @top@

struct term {
    char *text;
    size_t count;
};

static int by_rank(const void *left, const void *right)
{
    const struct term *a = left, *b = right;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return strcmp(a->text, b->text);
}

static size_t add_term(struct term **terms, size_t used, const char *word, size_t length)
{
    for (size_t i = 0; i < used; i++)
        if (strlen((*terms)[i].text) == length && memcmp((*terms)[i].text, word, length) == 0) {
            (*terms)[i].count++;
            return used;
        }
    *terms = grow(*terms, used + 1, sizeof **terms);
    (*terms)[used].text = grow(NULL, length + 1, 1);
    memcpy((*terms)[used].text, word, length);
    (*terms)[used].text[length] = '\0';
    (*terms)[used].count = 1;
    return used + 1;
}

int @N@_run(FILE *in, FILE *out)
{
    struct term *terms = NULL;
    size_t used = 0;
    char *text;
    while ((text = read_line(in)) != NULL) {
        for (char *p = text; *p != '\0';) {
            size_t length = 0;
            while (isalpha((unsigned char)p[length])) {
                p[length] = (char)tolower((unsigned char)p[length]);
                length++;
            }
            if (length > 0)
                used = add_term(&terms, used, p, length);
            p += length + (p[length] != '\0');
        }
        free(text);
    }
    if (used > 0)
        qsort(terms, used, sizeof *terms, by_rank);
    for (size_t i = 0; i < used; i++) {
        if (i < TOP)
            fprintf(out, "%zu %s\n", terms[i].count, terms[i].text);
        free(terms[i].text);
    }
    free(terms);
    return 0;
}
"""


def terms_reference(p: Params, lines: list[str]) -> tuple[list[str], int]:
    """The most frequent words."""
    counts: dict[str, int] = {}
    for word in re.findall("[a-z]+", "\n".join(lines).lower()):
        counts[word] = counts.get(word, 0) + 1
    ranked = sorted(counts.items(), key=lambda x: (-x[1], x[0]))
    return [f"{n} {w}" for w, n in ranked[: int(p["top"])]], 0


def terms_rich(rng: np.random.Generator, p: Params) -> list[str]:
    """Lines of words that often come again, in mixed case, with punctuation."""
    stock = [text_line(rng, between(rng, 1, 9), "abcdeg") for _ in range(30)]
    lines = []
    for _ in range(14):
        words = [pick(rng, stock) for _ in range(9)]
        lines.append(
            pick(rng, (" ", ", ", "--", " 7 ")).join(w.upper() if between(rng, 0, 4) == 0 else w for w in words)
        )
    return lines


def terms_faults(p: Params) -> list[Fault]:
    """Faults of the module."""
    path = "src/@N@.c"
    return [
        Fault(
            "visible", path, "return strcmp(a->text, b->text);", "return strcmp(b->text, a->text);",
            "Words with the same count stand in reverse order of the alphabet: the comparison has its arguments exchanged.",
            stdin="pear fig apple\nfig\n",
        ),
        Fault(
            "visible", path, "return a->count < b->count ? 1 : -1;", "return a->count < b->count ? -1 : 1;",
            "The rarest words come first: the sign of the comparison by count is wrong.",
            stdin="oak elm oak ash oak elm\n",
        ),
        Fault(
            "subtle", path, "grow(NULL, length + 1, 1)", "grow(NULL, length, 1)",
            "The copy of a word has no room for its final zero: the sanitizer reports a write behind the block.",
            stdin="abcdefghijklmnopqrstuvwx\n",
        ),
    ]  # fmt: skip


TERMS = Module(
    ("terms", "words", "vocab"),
    TERMS_C,
    "the @top@ most frequent words of the input, one line `count word` each. A word is a run of the letters A to Z in either case; case does not matter, words are "
    "written in lower case. Most frequent first, words of the same count in order of the alphabet.",
    lambda rng: {"top": str(between(rng, 4, 15))},
    terms_reference,
    lambda rng, p: [" ".join(["alder"] * 3 + ["birch"] * 2 + ["cedar"]), text_line(rng, 0) + "birch alder, alder."],
    terms_rich,
    terms_faults,
)

# ---------------------------------------------------------------- moments: mean and deviation

MOMENTS_C = r"""
#include "@LIB@/@N@.h"
#include "@LIB@/util.h"

#include <math.h>
#include <stdlib.h>

int @N@_run(FILE *in, FILE *out)
{
    struct number_list list;
    long long sum = 0;
    double squares = 0.0;
    read_numbers(in, &list);
    for (size_t i = 0; i < list.count; i++)
        sum += list.items[i];
    if (list.count == 0) {
        fprintf(out, "n=0\n");
        return 0;
    }
    double mean = (double)sum / (double)list.count;
    for (size_t i = 0; i < list.count; i++)
        squares += ((double)list.items[i] - mean) * ((double)list.items[i] - mean);
    fprintf(out, "n=%zu mean=%.@digits@f sd=%.@digits@f\n", list.count, mean, sqrt(squares / (double)list.count));
    free(list.items);
    return 0;
}
"""


def moments_reference(p: Params, lines: list[str]) -> tuple[list[str], int]:
    """Count, mean, population deviation."""
    values, bad = numbers(lines)
    if not values:
        return ["n=0"], 3 if bad else 0
    mean, squares, d = sum(values) / len(values), 0.0, p["digits"]
    for v in values:
        squares += (float(v) - mean) * (float(v) - mean)
    return [f"n={len(values)} mean={mean:.{d}f} sd={math.sqrt(squares / len(values)):.{d}f}"], 3 if bad else 0


def moments_faults(p: Params) -> list[Fault]:
    """Faults of the module."""
    path = "src/@N@.c"
    return [
        Fault(
            "visible", path, "sqrt(squares / (double)list.count)", "sqrt(squares / (double)(list.count - 1))",
            "The deviation is a little too large: it divides by n - 1, which is the sample's deviation, and the README says that of the population.",
            stdin="2\n9\n5\n",
        ),
        Fault(
            "visible", path, "(double)sum / (double)list.count;", "(double)(sum / (long long)list.count);",
            "The mean is always whole: the division is made in whole numbers and only its result becomes a double.",
            stdin="1\n2\n4\n",
        ),
        Fault(
            "subtle", path, "long long sum = 0;", "int sum = 0;",
            "With large numbers the mean is far off: the sum is kept in an int and runs over.",
            stdin="3000000000\n2000000000\n1000000001\n",
        ),
    ]  # fmt: skip


MOMENTS = Module(
    ("moments", "stats", "spread"),
    MOMENTS_C,
    "count, mean and standard deviation (of the population: divided by the count) of whole numbers, one on each line, as `n=3 mean=… sd=…` with @digits@ decimals. "
    "Sums up to 2^62 are exact. Without any number the output is `n=0`.",
    lambda rng: {"digits": str(between(rng, 2, 5))},
    moments_reference,
    lambda rng, p: [v for n in some_numbers(rng, 1, 10, 90) for v in (n, n)],
    lambda rng, p: some_numbers(rng, between(rng, 5, 40), -(10**10), 10**10),
    moments_faults,
)

# ---------------------------------------------------------------- postfix: a calculator

POSTFIX_C = r"""
#include "@LIB@/@N@.h"
#include "@LIB@/util.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH @depth@

static int apply(char op, long long *stack, size_t *used)
{
    long long b = stack[--*used], a = stack[--*used];
    if ((op == '/' || op == '%') && b == 0)
        return 0;
    switch (op) {
    case '+': a += b; break;
    case '-': a -= b; break;
    case '*': a *= b; break;
    case '/': a /= b; break;
    default: a %= b; break;
    }
    stack[(*used)++] = a;
    return 1;
}

static int evaluate(char *text, long long *result)
{
    long long stack[DEPTH], value;
    size_t used = 0;
    for (char *token = strtok(text, " "); token != NULL; token = strtok(NULL, " ")) {
        if (parse_number(token, &value)) {
            if (used == DEPTH)
                return 0;
            stack[used++] = value;
        } else if (strlen(token) != 1 || strchr("+-*/%", *token) == NULL || used < 2 || !apply(*token, stack, &used)) {
            return 0;
        }
    }
    *result = used > 0 ? stack[used - 1] : 0;
    return used == 1;
}

int @N@_run(FILE *in, FILE *out)
{
    char *text;
    while ((text = read_line(in)) != NULL) {
        long long result;
        if (evaluate(text, &result))
            fprintf(out, "%lld\n", result);
        else
            fprintf(out, "error\n");
        free(text);
    }
    return 0;
}
"""


def postfix_value(p: Params, line: str) -> str:
    """The value of one line, or "error"."""
    stack: list[int] = []
    for token in line.split():
        if re.fullmatch(r"[+-]?[0-9]+", token):
            if len(stack) == int(p["depth"]):
                return "error"
            stack.append(int(token))
        elif token in ("+", "-", "*", "/", "%") and len(stack) >= 2:
            b, a = stack.pop(), stack.pop()
            if token in "/%" and b == 0:
                return "error"
            quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1) if b else 0
            stack.append({"+": a + b, "-": a - b, "*": a * b, "/": quotient, "%": a - quotient * b}[token])
        else:
            return "error"
    return str(stack[0]) if len(stack) == 1 else "error"


def postfix_rich(rng: np.random.Generator, p: Params) -> list[str]:
    """Right and wrong terms."""
    lines = ["1 0 /", "7 0 %", "4 5", "", "+", "3 x +", " ".join(["1"] * (int(p["depth"]) + 1))]
    for _ in range(10):
        row = [str(between(rng, -99, 99))]
        for _ in range(between(rng, 1, 5)):
            row += [str(between(rng, 1, 60)), pick(rng, "+-*/%")]
        lines.append(" ".join(row))
    return lines


def postfix_faults(p: Params) -> list[Fault]:
    """Faults of the module."""
    path, depth = "src/@N@.c", int(p["depth"])
    return [
        Fault(
            "visible", path, "long long b = stack[--*used], a = stack[--*used];", "long long a = stack[--*used], b = stack[--*used];",
            "Differences and quotients come out the wrong way round: the first value off the stack is the right operand.",
            stdin="9 4 -\n20 5 /\n",
        ),
        Fault(
            "subtle", path, "if ((op == '/' || op == '%') && b == 0)", "if (op == '/' && b == 0)",
            "A remainder by zero kills the program, where the README wants `error`: only the division is guarded.",
            stdin="7 0 %\n",
        ),
        Fault(
            "subtle", path, "if (used == DEPTH)", "if (used > DEPTH)",
            f"With {depth + 1} numbers the stack is written behind its end before anyone complains: the check comes one too late.",
            stdin=" ".join(["2"] * (depth + 1) + ["+"] * depth) + "\n",
        ),
        Fault(
            "subtle", path, "return used == 1;", "return used >= 1;",
            "A line that leaves several numbers gives the last of them, where the README wants `error`: exactly one may be left.",
            stdin="4 5\n",
        ),
    ]  # fmt: skip


POSTFIX = Module(
    ("postfix", "rpn", "reckon"),
    POSTFIX_C,
    "the value of each line, a term in postfix notation of whole 64-bit numbers and `+ - * / %` parted by blanks. Division goes towards zero, the remainder "
    "has the sign of the left operand. `error` where an operand is missing, a token is unknown, a divisor is zero, more than @depth@ numbers wait, or not exactly one "
    "number is left.",
    lambda rng: {"depth": str(between(rng, 5, 20))},
    lambda p, lines: ([postfix_value(p, line) for line in lines], 0),
    lambda rng, p: [f"{between(rng, 2, 50)} {between(rng, 2, 50)} {op}" for op in "+*"],
    postfix_rich,
    postfix_faults,
)

# ---------------------------------------------------------------- serial: dates as numbers

SERIAL_C = r"""
#include "@LIB@/@N@.h"
#include "@LIB@/util.h"

#include <stdlib.h>
#include <string.h>

static int is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_length(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static long day_number(int year, int month, int day)
{
    long before = year - 1;
    long number = before * 365 + before / 4 - before / 100 + before / 400 + day;
    for (int m = 1; m < month; m++)
        number += month_length(year, m);
    return number;
}

int @N@_run(FILE *in, FILE *out)
{
    char *text;
    while ((text = read_line(in)) != NULL) {
        int year, month, day;
        if (strlen(text) == 10 && strspn(text, "0123456789-") == 10 && sscanf(text, "%4d-%2d-%2d", &year, &month, &day) == 3
            && year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= month_length(year, month))
            fprintf(out, "%ld\n", day_number(year, month, day) - day_number(@epoch_c@));
        else
            fprintf(out, "invalid\n");
        free(text);
    }
    return 0;
}
"""


def serial_reference(p: Params, lines: list[str]) -> tuple[list[str], int]:
    """Days since the instance's first day."""
    out, start = [], date.fromisoformat(p["epoch"]).toordinal()
    for line in lines:
        try:
            parts = re.fullmatch("([0-9]{4})-([0-9]{2})-([0-9]{2})", line)
            out.append(
                "invalid"
                if parts is None
                else str(date(int(parts[1]), int(parts[2]), int(parts[3])).toordinal() - start)
            )
        except ValueError:
            out.append("invalid")
    return out, 0


def serial_faults(p: Params) -> list[Fault]:
    """Faults of the module."""
    path = "src/@N@.c"
    return [
        Fault(
            "visible", path, "{31, 28, 31, 30, 31, 30, 31,", "{31, 28, 31, 30, 31, 31, 31,",
            "Dates from July on are one day off and 31 June is taken for a date: the table gives June 31 days.",
            stdin="2021-06-30\n2021-06-31\n2021-07-01\n",
        ),
        Fault(
            "visible", path, "for (int m = 1; m < month; m++)", "for (int m = 1; m <= month; m++)",
            "Each date is off by the length of its own month: only the months before it may be added.",
            stdin="2023-02-10\n2023-08-10\n",
        ),
        Fault(
            "subtle", path, "(year % 4 == 0 && year % 100 != 0) || year % 400 == 0", "year % 4 == 0",
            "29 February 1900 is taken for a date: the century rule of leap years is missing.",
            stdin="1900-02-29\n2100-03-01\n2000-02-29\n",
        ),
    ]  # fmt: skip


def serial_draw(rng: np.random.Generator) -> Params:
    """The first day."""
    day = date(between(rng, 1950, 2020), between(rng, 1, 12), between(rng, 1, 28))
    return {"epoch": day.isoformat(), "epoch_c": f"{day.year}, {day.month}, {day.day}"}


def some_dates(rng: np.random.Generator, count: int, first: int, last: int) -> list[str]:
    """Random dates."""
    return [
        f"{between(rng, first, last):04d}-{between(rng, 1, 12):02d}-{between(rng, 1, 28):02d}" for _ in range(count)
    ]


SERIAL = Module(
    ("serial", "days", "dayno"),
    SERIAL_C,
    "for each line with a date YYYY-MM-DD the number of days since @epoch@ (which is 0; earlier days are negative), in the Gregorian calendar extended to all years from 1 "
    "to 9999; `invalid` for any other line.",
    serial_draw,
    serial_reference,
    lambda rng, p: [f"{between(rng, 1990, 2030)}-01-{between(rng, 1, 28):02d}" for _ in range(2)],
    lambda rng, p: [
        *some_dates(rng, 12, 1, 9999),
        "1900-02-29",
        "2000-02-29",
        "2023-02-29",
        "2024-06-31",
        "2024-13-01",
        "x",
        "",
        "2024-11-30",
    ],
    serial_faults,
)

# ---------------------------------------------------------------- distinct: lines with their counts

DISTINCT_C = r"""
#include "@LIB@/@N@.h"
#include "@LIB@/util.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS @buckets@u

struct entry {
    char *text;
    size_t count;
    struct entry *next, *later;
};

static struct entry *table[BUCKETS];

static unsigned bucket_of(const char *text)
{
    unsigned hash = @seed@u;
    while (*text != '\0')
        hash = hash * 33u + (unsigned char)*text++;
    return hash % BUCKETS;
}

int @N@_run(FILE *in, FILE *out)
{
    struct entry *first = NULL, **last = &first;
    char *text;
    while ((text = read_line(in)) != NULL) {
        struct entry **slot = &table[bucket_of(text)], *entry = *slot;
        while (entry != NULL && strcmp(entry->text, text) != 0)
            entry = entry->next;
        if (entry != NULL) {
            entry->count++;
            free(text);
            continue;
        }
        entry = grow(NULL, 1, sizeof *entry);
        *entry = (struct entry){text, 1, *slot, NULL};
        *slot = entry;
        *last = entry;
        last = &entry->later;
    }
    while (first != NULL) {
        struct entry *entry = first;
        fprintf(out, "%zu %s\n", entry->count, entry->text);
        first = entry->later;
        free(entry->text);
        free(entry);
    }
    return 0;
}
"""


def distinct_reference(p: Params, lines: list[str]) -> tuple[list[str], int]:
    """Lines with counts in order of first appearance."""
    counts: dict[str, int] = {}
    for line in lines:
        counts[line] = counts.get(line, 0) + 1
    return [f"{n} {line}" for line, n in counts.items()], 0


def distinct_hard_line(p: Params) -> str:
    """A number whose bucket lies behind the table when the modulus is one too large."""
    buckets = int(p["buckets"])
    for i in range(100_000):
        value = int(p["seed"])
        for byte in str(i).encode():
            value = (value * 33 + byte) % 2**32
        if value % (buckets + 1) == buckets:
            return str(i)
    return "0"


def distinct_faults(p: Params) -> list[Fault]:
    """Faults of the module."""
    path = "src/@N@.c"
    return [
        Fault(
            "visible", path, "(struct entry){text, 1, *slot, NULL}", "(struct entry){text, 0, *slot, NULL}",
            "Every count is one too small: a line that is seen for the first time starts at zero.",
            stdin="ash\noak\nash\n",
        ),
        Fault(
            "visible", path, "strcmp(entry->text, text) != 0)", "strcmp(entry->text, text) == 0)",
            "Different lines are counted as one and equal ones are not found: the search stops where it should go on.",
            stdin="oak\nash\noak\noak\nelm\n",
        ),
        Fault(
            "subtle", path, "strcmp(entry->text, text) != 0)", "strncmp(entry->text, text, 6) != 0)",
            "Lines that begin alike can be counted as one: the comparison looks at six characters only.",
            stdin="".join(f"prefix-{n}\n" for n in range(80)),
        ),
        Fault(
            "subtle", path, "return hash % BUCKETS;", "return hash % (BUCKETS + 1u);",
            "The output looks right, but the sanitizer sees a read behind the table: the bucket can be one past the last.",
            stdin=distinct_hard_line(p) + "\n",
        ),
    ]  # fmt: skip


DISTINCT = Module(
    ("distinct", "dedup", "firsts"),
    DISTINCT_C,
    "the different lines of the input in order of first appearance, each with its number of occurrences in front: `count line`. Lines are equal only when all of their "
    "characters are.",
    lambda rng: {"buckets": str(pick(rng, (7, 11, 13, 17, 19))), "seed": str(between(rng, 1000, 90_000))},
    distinct_reference,
    lambda rng, p: ["oak", "elm"],
    lambda rng, p: [pick(rng, ("", "common-root-", "x")) + str(between(rng, 0, 40)) for _ in range(90)],
    distinct_faults,
)

MODULES = (RUNS, CRC, BINS, SMOOTH, RECODE, TERMS, MOMENTS, POSTFIX, SERIAL, DISTINCT)

# ---------------------------------------------------------------- what all projects share

UTIL_H = r"""
#ifndef UTIL_H
#define UTIL_H

#include <stddef.h>
#include <stdio.h>

/* Whole numbers as they were read; the caller frees items. */
struct number_list {
    long long *items;
    size_t count;
    size_t capacity;
};

/* Input lines that should have been numbers and were not. */
extern int bad_lines;

/* A block of count items of the given size, kept from the old block as far as both reach; never NULL. */
void *grow(void *block, size_t count, size_t size);

/* The next line without its line end, to be freed by the caller; NULL at the end of the input. */
char *read_line(FILE *in);

/* Whether the whole text is a number. */
int parse_number(const char *text, long long *value);

/* Reads one number from each line; empty lines are skipped, bad ones counted. */
void read_numbers(FILE *in, struct number_list *list);

#endif
"""

UTIL_C = r"""
#include "@LIB@/util.h"

#include <errno.h>
#include <stdlib.h>

int bad_lines = 0;

void *grow(void *block, size_t count, size_t size)
{
    void *bigger = realloc(block, count * size);
    if (bigger == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(70);
    }
    return bigger;
}

char *read_line(FILE *in)
{
    size_t used = 0, capacity = 32;
    char *text = grow(NULL, capacity, 1);
    int c;
    while ((c = getc(in)) != EOF && c != '\n') {
        if (used + 1 == capacity) {
            capacity *= 2;
            text = grow(text, capacity, 1);
        }
        text[used++] = (char)c;
    }
    if (c == EOF && used == 0) {
        free(text);
        return NULL;
    }
    text[used] = '\0';
    return text;
}

int parse_number(const char *text, long long *value)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

void read_numbers(FILE *in, struct number_list *list)
{
    char *text;
    list->items = NULL;
    list->count = list->capacity = 0;
    while ((text = read_line(in)) != NULL) {
        long long value;
        if (*text != '\0' && parse_number(text, &value)) {
            if (list->count == list->capacity) {
                list->capacity = 2 * list->capacity + 8;
                list->items = grow(list->items, list->capacity, sizeof *list->items);
            }
            list->items[list->count++] = value;
        } else if (*text != '\0') {
            bad_lines++;
        }
        free(text);
    }
}
"""

HEADER = r"""
#ifndef @UPPER@_H
#define @UPPER@_H

#include <stdio.h>

/* The command `@N@`; see README.md. Returns the exit code. */
int @N@_run(FILE *in, FILE *out);

#endif
"""

MAIN_C = r"""
@INCLUDES@

#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    int (*run)(FILE *in, FILE *out);
};

static const struct command commands[] = {
@ROWS@
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            int code = commands[i].run(stdin, stdout);
            if (bad_lines > 0)
                fprintf(stderr, "%s: %d bad lines\n", argv[1], bad_lines);
            return code == 0 && bad_lines > 0 ? 3 : code;
        }
    }
    fprintf(stderr, "usage: @TOOL@ COMMAND < INPUT\n");
    return 2;
}
"""

MAKEFILE = """\
CC = gcc
CFLAGS = -std=c99 -Wall -Wextra -Werror@PIC@
CPPFLAGS = -Iinclude
LDLIBS = -lm
BUILD = build
MODULES = util @MODULES@

ifdef SANITIZE
CFLAGS += -g -fsanitize=address,undefined -fno-sanitize-recover=all
LDFLAGS += -fsanitize=address,undefined
endif

OBJECTS = $(MODULES:%=$(BUILD)/%.o)@TABLE_OBJECT@

all: $(BUILD)/@TOOL@

@LINK@
$(BUILD)/%.o: src/%.c | $(BUILD)
\t$(CC) $(CPPFLAGS) $(CFLAGS) -MD -c -o $@ $<

@TABLE_RULES@$(BUILD):
\tmkdir -p $@

check: all
\ttests/run.sh $(BUILD)/@TOOL@

clean:
\trm -rf $(BUILD)

-include $(wildcard $(BUILD)/*.d)

.PHONY: all check clean
"""

LINK_STATIC = """\
$(BUILD)/@TOOL@: $(BUILD)/main.o $(BUILD)/lib@LIB@.a
\t$(CC) $(LDFLAGS) -o $@ $(BUILD)/main.o -L$(BUILD) -l@LIB@ $(LDLIBS)

$(BUILD)/lib@LIB@.a: $(OBJECTS)
\trm -f $@
\t$(AR) rcs $@ $(OBJECTS)
"""

LINK_SHARED = """\
$(BUILD)/@TOOL@: $(BUILD)/main.o $(BUILD)/lib@LIB@.so
\t$(CC) $(LDFLAGS) -Wl,-rpath,'$$ORIGIN' -o $@ $(BUILD)/main.o -L$(BUILD) -l@LIB@ $(LDLIBS)

$(BUILD)/lib@LIB@.so: $(OBJECTS)
\t$(CC) $(LDFLAGS) -shared -o $@ $(OBJECTS) $(LDLIBS)
"""

TABLE_RULES = """\
$(BUILD)/gentable: tools/gentable.c | $(BUILD)
\t$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $<

$(BUILD)/@N@_table.c: $(BUILD)/gentable
\t$(BUILD)/gentable > $@

$(BUILD)/@N@_table.o: $(BUILD)/@N@_table.c
\t$(CC) $(CFLAGS) -c -o $@ $<

"""

RUN_SH = r"""#!/bin/sh
# Runs each case of tests/cases.txt with the tool that is given as $1.
export ASAN_OPTIONS=detect_leaks=0
here=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
awk -v dir="$tmp" '
    /^@case / { close(part); n++; base = sprintf("%s/%02d", dir, n); print $2 > (base ".cmd"); close(base ".cmd"); part = base ".in"; printf "" > part; next }
    /^@out$/ { close(part); part = base ".out"; printf "" > part; next }
    { print > part }' "$here/cases.txt"
failed=0
for cmd in "$tmp"/*.cmd; do
    base=${cmd%.cmd}
    read -r name < "$cmd"
    "$1" "$name" < "$base.in" > "$base.got" 2> "$base.err"
    if cmp -s "$base.out" "$base.got"; then
        echo "ok   $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name (- expected, + found)"
        diff -u "$base.out" "$base.got" | tail -n +4 | head -n 12
        head -n 3 "$base.err"
    fi
done
echo "$failed failed"
test "$failed" -eq 0
"""


@dataclass(frozen=True)
class Part:
    """A module as this project has it."""

    module: Module
    name: str
    params: Params


@dataclass(frozen=True)
class Project:
    """One project before any fault."""

    tool: str
    lib: str
    version: str
    static: bool
    parts: list[Part]

    @property
    def root(self) -> str:
        """Where the project lies in the image."""
        return f"/app/{self.tool}"

    def fill(self, text: str, part: Part | None = None) -> str:
        """The text with its @…@ filled in."""
        values = {"TOOL": self.tool, "LIB": self.lib}
        if part is not None:
            values |= {"N": part.name, "UPPER": part.name.upper(), **part.params}
        for _ in range(2):
            text = re.sub("@([A-Za-z_]+)@", lambda m: values.get(m[1], m[0]), text)
        return text

    def table_part(self) -> Part | None:
        """The part with a generated table, if there is one."""
        return next((p for p in self.parts if p.module is CRC), None)

    def files(self) -> dict[str, str]:
        """Path below the root to content, without any fault."""
        include = f"include/{self.lib}"
        names = [p.name for p in self.parts]
        files = {
            "README.md": self.readme(),
            "Makefile": self.makefile(),
            f"{include}/util.h": UTIL_H.lstrip("\n"),
            "src/util.c": self.fill(UTIL_C).lstrip("\n"),
            "src/main.c": self.fill(
                MAIN_C.replace(
                    "@INCLUDES@", "\n".join(f'#include "@LIB@/{n}.h"' for n in [*sorted(names), "util"])
                ).replace("@ROWS@", "\n".join(f'    {{"{n}", {n}_run}},' for n in names))
            ).lstrip("\n"),
            "tests/run.sh": RUN_SH,
        }
        for part in self.parts:
            files[f"{include}/{part.name}.h"] = self.fill(HEADER, part).lstrip("\n")
            files[f"src/{part.name}.c"] = self.fill(part.module.source, part).lstrip("\n")
        table = self.table_part()
        if table is not None:
            files["tools/gentable.c"] = self.fill(TABLE_C, table).lstrip("\n")
        return files

    def makefile(self) -> str:
        """The Makefile."""
        table = self.table_part()
        text = MAKEFILE.replace("@PIC@", "" if self.static else " -fPIC")
        text = text.replace("@MODULES@", " ".join(p.name for p in self.parts))
        text = text.replace("@LINK@", LINK_STATIC if self.static else LINK_SHARED)
        text = text.replace("@TABLE_OBJECT@", "" if table is None else f" $(BUILD)/{table.name}_table.o")
        text = text.replace("@TABLE_RULES@", "" if table is None else TABLE_RULES)
        return self.fill(text, table)

    def readme(self) -> str:
        """The documentation."""
        kind = "the archive" if self.static else "the shared library"
        rows = [
            f"# {self.tool} {self.version}",
            "",
            f"`{self.tool} COMMAND < INPUT` reads lines and writes lines. `make` builds `build/{self.tool}` and {kind} `build/lib{self.lib}.{'a' if self.static else 'so'}`, "
            "which holds the code of every command; the tool can be started from any directory. `make check` runs the tests. `make SANITIZE=1` (after `make clean`) builds "
            "with the address and undefined-behaviour sanitizers; such a build must run without a report.",
            "",
            "Exit code: 0; 3 when a line that should be a number is none (it is left out); 2 on wrong usage. The last line of the input may lack its line end.",
            "",
            "The compiler is `$(CC)`, and all of our C sources are compiled with `-Wall -Wextra -Werror`.",
            "",
            "## Commands",
            "",
        ]
        for part in self.parts:
            rows += [f"- `{part.name}`: {self.fill(part.module.readme, part)}"]
        return "\n".join(rows) + "\n"


def make_case(part: Part, stdin: str) -> Case:
    """What the reference says on this input."""
    out, code = part.module.reference(part.params, stdin.removesuffix("\n").split("\n") if stdin else [])
    return Case([part.name], stdin, "".join(line + "\n" for line in out), code)


# ---------------------------------------------------------------- faults of the build


def build_faults(rng: np.random.Generator, project: Project) -> list[Fault]:
    """Faults that keep the project from compiling or linking, in random order."""
    include = f"include/{project.lib}"
    first, second = sample(rng, project.parts, 2)
    victim = pick(rng, project.parts)
    with_string = [p for p in project.parts if "#include <string.h>" in p.module.source]
    faults = [
        Fault(
            "compile", "Makefile", "CPPFLAGS = -Iinclude\n", f"CPPFLAGS = -I{include}\n",
            f"The sources include \"{project.lib}/….h\", but the search path already ends in {project.lib}, so nothing is found. It has to be include.",
            look="grep -n CPPFLAGS Makefile; grep -n '#include \"' src/util.c; find include -name util.h",
        ),
        Fault(
            "compile", f"{include}/{second.name}.h", f"#ifndef {second.name.upper()}_H\n#define {second.name.upper()}_H",
            f"#ifndef {first.name.upper()}_H\n#define {first.name.upper()}_H",
            f"A prototype is unknown to main.c although its header is included: {second.name}.h bears the include guard of {first.name}.h, so the later of the two is skipped.",
            look=f"grep -n 'ifndef\\|define' {include}/*.h",
            repair=f"s|{first.name.upper()}_H|{second.name.upper()}_H|",
        ),
        Fault(
            "compile", f"{include}/{victim.name}.h", f"int {victim.name}_run(FILE *in, FILE *out);", f"int {victim.name}_run(FILE *in);",
            f"The types conflict: the header's prototype of {victim.name}_run lacks the output stream that the definition and the table of commands have.",
            look=f"grep -n '{victim.name}_run' {include}/{victim.name}.h src/{victim.name}.c",
        ),
        Fault(
            "compile", f"{include}/util.h", "    size_t capacity;\n};", "    size_t capacity;\n}",
            "The compiler stumbles right after struct number_list: its closing brace lacks the semicolon.",
            look=f"grep -n -A6 'struct number_list {{' {include}/util.h",
            repair="/size_t capacity;/{n;s|}|};|}",
        ),
        Fault(
            "compile", "Makefile", "\t$(CC) $(CPPFLAGS) $(CFLAGS) -MD", "        $(CC) $(CPPFLAGS) $(CFLAGS) -MD",
            "`missing separator`: the recipe of the object files is indented with blanks, and make wants a tab.",
            look="grep -n -e '-MD' Makefile | cat -A",
            repair="s|^ *\\(.*-MD\\)|\\t\\1|",
        ),
        Fault(
            "compile", "Makefile", "-std=c99", "-std=c89 -pedantic-errors",
            "The sources declare variables in for loops and use long long, which C89 does not have. They are written for C99.",
            look="grep -n 'std=' Makefile; grep -n 'for (size_t' src/main.c",
        ),
        Fault(
            "compile", "src/main.c", "int code = commands[i].run(stdin, stdout);", "int code = commands[i].run(stdin, stdout), lines = 0;",
            "A variable in main.c is never used, and warnings are errors here, as they should be. The variable goes, the flag stays.",
            look="grep -n 'lines' src/main.c",
        ),
        Fault(
            "link", "Makefile", f" {victim.name}\n" if victim is project.parts[-1] else f" {victim.name} ", "\n" if victim is project.parts[-1] else " ",
            f"The linker misses {victim.name}_run. Its source is there but not in the list of modules, so it is never compiled.",
            look=f"grep -n '^MODULES' Makefile; ls src build; nm build/lib{project.lib}.* 2>/dev/null | grep ' T ' || true",
            repair=f"s|^MODULES = .*|MODULES = util {' '.join(p.name for p in project.parts)}|",
        ),
        Fault(
            "link", f"src/{victim.name}.c", f"int {victim.name}_run(FILE *in, FILE *out)", f"int {victim.name}_main(FILE *in, FILE *out)",
            f"The library has {victim.name}_main where the header and main.c have {victim.name}_run: the definition bears another name.",
            look=f"nm build/{victim.name}.o | grep ' T '; grep -n '^int' src/{victim.name}.c include/*/{victim.name}.h",
        ),
        Fault(
            "link", f"{include}/util.h", "extern int bad_lines;", "int bad_lines;",
            "bad_lines is defined many times: without extern the header makes a definition of it in every object that includes it. The one in util.c is enough.",
            look=f"grep -rn 'int bad_lines' {include} src; nm build/*.o | grep bad_lines | sort | uniq -c",
        ),
        Fault(
            "link", "Makefile", f"$(LDFLAGS) -o $@ $(BUILD)/main.o -L$(BUILD) -l{project.lib} $(LDLIBS)", f"$(LDFLAGS) -L$(BUILD) -l{project.lib} $(LDLIBS) -o $@ $(BUILD)/main.o",
            "The symbols are in the archive, yet the linker misses them: it reads the archive before main.o, when nothing is wanted from it yet. Libraries come last.",
            look=f"grep -n '[-]l{project.lib}' Makefile; nm build/lib{project.lib}.a | grep -c ' T '",
            static=True,
        ),
        Fault(
            "link", "Makefile", f"-L$(BUILD) -l{project.lib}", f"-Llib -l{project.lib}",
            "The linker cannot find the library: it looks in lib, and the library is made in build.",
            look=f"grep -n '[-]L' Makefile; ls build/lib{project.lib}.* lib 2>&1 || true",
        ),
        Fault(
            "link", "Makefile", "-Wl,-rpath,'$$ORIGIN'", "-Wl,-rpath,'$ORIGIN'",
            "It links, but does not start, because the library is not found: make ate the single dollar sign, and the run path in the file is RIGIN. It needs two.",
            look=f"readelf -d build/{project.tool} | grep -i 'runpath\\|rpath\\|needed'; grep -n rpath Makefile",
            static=False,
        ),
    ]  # fmt: skip
    if with_string:
        part = pick(rng, with_string)
        faults.append(
            Fault(
                "compile", f"src/{part.name}.c", "#include <stdlib.h>\n#include <string.h>\n", "#include <stdlib.h>\n",
                f"{part.name}.c uses functions on strings without their header, so their declarations are implicit, which is an error here.",
                look=f"grep -n '#include' src/{part.name}.c; grep -n 'str[a-z]*(\\|mem[a-z]*(' src/{part.name}.c",
                repair="s|^#include <stdlib.h>|&\\n#include <string.h>|",
            )
        )  # fmt: skip
    if any(p.module is MOMENTS for p in project.parts):
        faults.append(
            Fault(
                "link", "Makefile", "LDLIBS = -lm\n", "LDLIBS =\n",
                "sqrt is missing at the link: the mathematical library is not named any more.",
                look="grep -n LDLIBS Makefile; grep -ln 'math.h' src/*.c",
                static=True,
            )
        )  # fmt: skip
    table = project.table_part()
    if table is not None:
        faults += [f for f in CRC.faults(table.params) if f.stage == "compile"]
        faults = [fill_fault(project, f, table) for f in faults]
    faults = [f for f in faults if f.static is None or f.static == project.static]
    return sample(rng, faults, len(faults))


def util_faults() -> list[Fault]:
    """Subtle faults of util.c; they show with any command that reads lines."""
    return [
        Fault(
            "subtle", "src/util.c", "if (used + 1 == capacity) {", "if (used == capacity) {",
            "A line of exactly 32 characters has its final zero written behind the block: the buffer must grow one character earlier.",
            stdin="1" * 32 + "\n",
        )
    ]  # fmt: skip


def fill_fault(project: Project, fault: Fault, part: Part) -> Fault:
    """The fault with the names and parameters of its part."""
    texts = {k: project.fill(getattr(fault, k), part) for k in ("path", "good", "bad", "thought", "look", "repair")}
    return Fault(fault.stage, stdin=fault.stdin, static=fault.static, **texts)


@dataclass(frozen=True)
class Placed:
    """A fault in a project, and the part whose command shows it."""

    fault: Fault
    part: Part | None


def apply_faults(files: Mapping[str, str], faults: Sequence[Fault]) -> dict[str, str]:
    """The files with the faults put in.

    Raises:
        ValueError: a place is not there exactly once.
    """
    broken = dict(files)
    for fault in faults:
        if broken[fault.path].count(fault.good) != 1:
            raise ValueError(
                f"{fault.path}: expected {fault.good!r} once, found {broken[fault.path].count(fault.good)}"
            )
        broken[fault.path] = broken[fault.path].replace(fault.good, fault.bad)
    return broken


WANTED = {
    "easy": ("build", "visible"),
    "medium": ("compile", "link", "visible"),
    "hard": ("compile", "link", "visible", "subtle"),
}
SIZES = {"easy": 3, "medium": 4, "hard": 4}  # a command more makes no difference but in how long each build takes


def draw_project(rng: np.random.Generator, difficulty: str) -> Project:
    """A project without faults."""
    tool = pick(rng, TOOLS)
    modules = sample(rng, MODULES, SIZES[difficulty])
    parts = [Part(m, pick(rng, m.names), m.draw(rng)) for m in modules]
    static = difficulty != "hard" or between(rng, 0, 1) == 0
    return Project(
        tool, tool + pick(rng, LIBS), f"{between(rng, 0, 4)}.{between(rng, 0, 19)}.{between(rng, 0, 9)}", static, parts
    )


def choose_faults(rng: np.random.Generator, project: Project, difficulty: str) -> list[Placed]:
    """The faults of the instance, in the order in which they come to light; no two in one place."""
    chosen: list[Placed] = []
    builds = [Placed(f, None) for f in build_faults(rng, project)]
    behaviours = [
        Placed(fill_fault(project, f, p), p)
        for p in project.parts
        for f in p.module.faults(p.params)
        if f.stage in ("visible", "subtle")
    ]
    line_reader = next((p for p in project.parts if p.module in (RUNS, CRC, DISTINCT)), None)
    if line_reader is not None:
        behaviours += [Placed(f, line_reader) for f in util_faults()]
    behaviours = sample(rng, behaviours, len(behaviours))
    for stage in WANTED[difficulty]:
        pool = builds if stage in ("build", "compile", "link") else behaviours
        taken = {c.fault.path for c in chosen if c.fault.path != "Makefile"}
        chosen.append(
            next(
                x
                for x in pool
                if (stage == "build" or x.fault.stage == stage) and x.fault.path not in taken and compatible(chosen, x)
            ),
        )
    return chosen


def compatible(chosen: Sequence[Placed], candidate: Placed) -> bool:
    """Whether the candidate's place in the Makefile is not another fault's line."""
    for other in chosen:
        goods = (other.fault.good, candidate.fault.good)
        if other.fault.path == candidate.fault.path and (goods[0] in goods[1] or goods[1] in goods[0]):
            return False
    return True


# ---------------------------------------------------------------- files of an instance


def cases_text(cases: Sequence[Case]) -> str:
    """tests/cases.txt."""
    return "".join(f"@case {c.args[0]}\n{c.stdin}@out\n{c.stdout}" for c in cases)


def source_tar(project: Project, files: Mapping[str, str]) -> bytes:
    """The tree as an uncompressed tar archive with fixed times."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(files):
            data = files[path].encode()
            info = tarfile.TarInfo(f"{project.tool}-{project.version}/{path}")
            info.size, info.mtime = len(data), 1_600_000_000
            info.mode = 0o755 if data.startswith(b"#!") else 0o644
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def hidden_cases(rng: np.random.Generator, project: Project) -> list[Case]:
    """Fresh inputs for each command, among them those that show each fault that the command could have."""
    cases = []
    for part in project.parts:
        inputs = ["\n".join(part.module.rich(rng, part.params)) + "\n" for _ in range(3)]
        inputs += ["\n".join(part.module.simple(rng, part.params)) + "\n", ""]
        inputs += [f.stdin for f in part.module.faults(part.params) if f.stdin]
        if part.module in (RUNS, CRC, DISTINCT, TERMS):
            inputs += [text_line(rng, n) + "\n" for n in (31, 32, 63, 64, 128)]
        if part.module in (BINS, SMOOTH, MOMENTS, RECODE):
            inputs.append("12\nx7\n\n30\n4 5\n8\n")
        inputs.append(inputs[0].removesuffix("\n"))
        cases += [make_case(part, text) for text in inputs]
    return cases


def instruction(project: Project, difficulty: str) -> str:
    """instruction.md."""
    root, ext = project.root, "a" if project.static else "so"
    text = f"""`{root}` is the source of a small C tool, unpacked from `/app/{project.tool}-{project.version}.tar`. After a careless merge it no longer works: """
    text += {
        "easy": "the build fails, and something in its behaviour is wrong as well.\n",
        "medium": "it does not compile, does not link, and something in its behaviour is wrong as well.\n",
        "hard": "it does not compile, its linking is broken, and its behaviour is wrong in places, not all of which the shipped tests reach.\n",
    }[difficulty]
    text += f"""
Please repair the tree in place:

- `make` in a clean tree builds `build/{project.tool}` and `build/lib{project.lib}.{ext}` without an error, and `make check` passes.
- Every command does what `README.md` says; that file is right. I shall try other inputs than those in `tests/`.
- Sources are still compiled by `$(CC)` (so that `make CC=...` works; tcc is at hand beside gcc) with `-Wall -Wextra -Werror`, and the code of each command stays in the library.
- `README.md` and everything under `tests/` stay as they are, and no command may be dropped or rewritten in another language.
"""
    if difficulty == "hard":
        text += f"- A build with `make SANITIZE=1` gives no report on any input, and `build/{project.tool}` starts from any working directory.\n"
    if difficulty != "easy":
        text += f"""
When all is well, write your changes to `/app/repair.patch`, a unified diff against the tree in the tar file that can be applied with `patch -p1` inside a freshly unpacked
`{project.tool}-{project.version}/`. It must hold every change, and nothing that a build produces.
"""
    text += (
        "\nKeep the changes as small as the faults demand; files may be edited, but do not reorganise the project.\n"
    )
    return text


# ---------------------------------------------------------------- the solution

_WITHOUT_TIMES = r"sed -E 's/^((---|[+]{3}) [^\t]+)\t.*/\1/'"


@dataclass(frozen=True)
class Block:
    """One action of the solution; the name is for mistakes to point at."""

    name: str
    thought: str
    command: str


@dataclass(frozen=True)
class Mistake:
    """One plausible mistake in place of the block of that name."""

    block: str
    kind: str
    thought: str
    command: str
    diagnosis: str
    finding: str
    undo: tuple[str, ...] = field(default=())


def render_solution(blocks: Sequence[Block]) -> str:
    """solve.sh."""
    parts = ["#!/bin/bash\nset -euo pipefail"]
    parts += ["\n".join(f"# {line}" for line in b.thought.split("\n")) + "\n" + b.command.strip("\n") for b in blocks]
    return "\n\n".join(parts) + "\n"


def render_mistakes(mistakes: Sequence[Mistake], blocks: Sequence[Block]) -> str:
    """mistakes.toml; a JSON string is a TOML string too."""
    steps = {b.name: i for i, b in enumerate(blocks, 1)}
    out = []
    for m in mistakes:
        fields = {
            "kind": m.kind,
            "thought": m.thought,
            "command": m.command,
            "diagnosis": m.diagnosis,
            "finding": m.finding,
        }
        rows = ["[[mistake]]", f"step = {steps[m.block]}"]
        rows += [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
        rows.append(f"undo = {json.dumps(list(m.undo))}")
        out.append("\n".join(rows))
    return "\n\n".join(out) + "\n"


def render_variants(equivalents: Mapping[str, str], mutants: Mapping[str, str], harmless: Mapping[str, str]) -> str:
    """variants.toml: names to commands that run after the last block, or to why; a JSON string is a TOML string too."""
    tables = (
        ("equivalents", "name", "command", equivalents),
        ("mutants", "name", "command", mutants),
        ("harmless", "mutant", "why", harmless),
    )
    return "\n".join(
        f"[[{kind}]]\n{key} = {json.dumps(name)}\n{value} = {json.dumps(text)}\n"
        for kind, key, value, rows in tables
        for name, text in rows.items()
    )


def shell_quote(text: str) -> str:
    """The text as one shell word."""
    return "'" + text.replace("'", "'\\''") + "'"


def printf(text: str) -> str:
    """A printf command that writes the text."""
    return "printf '%b' " + shell_quote(text.replace("\\", "\\\\").replace("\n", "\\n"))


def repair_command(fault: Fault) -> str:
    """The sed command that takes the fault out."""
    script = fault.repair
    if not script:
        good, bad = fault.good.rstrip("\n"), fault.bad.rstrip("\n")
        pattern = re.sub(r"([\\.*\[\]^$|])", r"\\\1", bad)
        if fault.bad.endswith("\n"):
            pattern += "$"
        text = re.sub(r"([\\&|])", r"\\\1", good)
        script = f"s|{pattern}|{text}|"
    return f"sed -i {shell_quote(script)} {fault.path}"


def look_command(project: Project, placed: Placed) -> str:
    """A command that shows the fault and its place."""
    fault, part = placed.fault, placed.part
    if part is None:
        return fault.look
    case = make_case(part, fault.stdin)
    number = fault.bad.splitlines()[0].strip()
    rows = [
        f"echo 'as README.md wants it:'; {printf(case.stdout)} | head -n 6",
        f"echo 'as it is:'; {printf(fault.stdin)} | ASAN_OPTIONS=detect_leaks=0 build/{project.tool} {part.name} 2>&1 | head -n 14 || true",
        f"grep -n -F -B4 -A4 -e {shell_quote(number)} {fault.path}",
    ]
    return "\n".join(rows)


def solution_blocks(project: Project, difficulty: str, placed: Sequence[Placed]) -> list[Block]:
    """The solution's actions."""
    root, tool = project.root, project.tool
    stem = f"{tool}-{project.version}"
    # tcc builds in a tenth of the time; it makes no position-independent code.
    quick, hint = (" CC=tcc", ", with tcc, which is quicker,") if project.static else ("", "")
    builds = [p for p in placed if p.part is None]
    visible = next(p for p in placed if p.fault.stage == "visible")
    subtle = [p for p in placed if p.fault.stage == "subtle"]
    blocks = [
        Block(
            "look",
            "First I look at the tree, at what the README promises and at how the Makefile builds it.",
            f"cd {root} && find . -type f | sort && cat README.md Makefile",
        ),
        Block(
            "try",
            "Now I let the build show what is wrong, keeping only the first messages.",
            "make 2>&1 | head -n 25 || true",
        ),
    ]
    for i, p in enumerate(builds):
        last = i == len(builds) - 1
        # tcc does not mind a variable that is defined more than once.
        cc, by = ("", "") if any(other.fault.bad == "int bad_lines;" for other in builds[i + 1 :]) else (quick, hint)
        # A library that is not found at start does not stop make: the tool has to be started to see it.
        after = f"make{cc} 2>&1 | tail -n 12 || true\nbuild/{tool} 2>&1 | head -n 3 || true"
        if last:
            after = f"make{cc} 2>&1 | tail -n 4\nbuild/{tool} 2>&1 | head -n 2 || true\nmake{cc} check 2>&1 | grep -A 14 -e FAIL -e failed || true"
        tail = (
            f"\nThen I build again{by} and run the tests."
            if last
            else f"\nThen I build again{by} to see what comes next."
        )
        blocks.append(Block(f"build{i}", p.fault.thought + tail, f"{p.fault.look}\n{repair_command(p.fault)}\n{after}"))
    cc = quick
    blocks.append(
        Block(
            "behave",
            f"{visible.fault.thought}\nI put that right and let the tests judge.",
            f"{look_command(project, visible)}\n{repair_command(visible.fault)}\nmake{cc} 2>&1 | tail -n 2\nmake{cc} check | tail -n 4",
        )
    )
    # gold links with the sanitizers' libraries in a third of ld's time. tcc's objects don't go with gcc's.
    again = "make clean" if cc else "rm -f build/main.o build/util.o build/{name}.o"
    build = "make SANITIZE=1 CC='gcc -fuse-ld=gold' 2>&1 | tail -n 1"
    whole = "" if cc else " The command's own objects are enough for that."
    for p in subtle:
        assert p.part is not None
        blocks.append(
            Block(
                "subtle",
                f"The tests pass, but they do not reach everything, so I try the edges that the README names with a sanitizer build.{whole}\n{p.fault.thought}",
                f"{again.format(name=p.part.name)} && {build}\n{look_command(project, p)}\n{repair_command(p.fault)}\n{build}\n"
                f"{printf(p.fault.stdin)} | ASAN_OPTIONS=detect_leaks=0 build/{tool} {p.part.name}\nmake check | tail -n 3",
            )
        )
    gcc, word = "", ""
    if cc and not subtle:  # else gcc has compiled everything for the sanitizers
        gcc = "gcc -std=c99 -Wall -Wextra -Werror -Iinclude -fsyntax-only src/*.c && echo 'gcc is content'\n"
        word = " gcc has the last word on the warnings."
    if difficulty == "easy":
        show = visible.part or project.parts[0]
        blocks.append(
            Block(
                "verify",
                "Last I build from nothing, run the tests once more, and try the repaired command by hand; the untouched files must be those of the tar file."
                + word,
                f"make clean && make{cc} 2>&1 | tail -n 2 && make{cc} check | tail -n 3\n{gcc}{printf(visible.fault.stdin)} | build/{tool} {show.name} | head -n 5\n"
                f"mkdir -p /tmp/orig && tar -xf /app/{stem}.tar -C /tmp/orig && diff -rq /tmp/orig/{stem} . || true",
            )
        )
        return blocks
    blocks.append(
        Block(
            "patch",
            "All is well, so the patch can be made: a clean tree against a fresh copy from the tar file, with paths that -p1 can strip. The times of the files do not belong into it.",
            f"make clean && mkdir -p /tmp/orig && tar -xf /app/{stem}.tar -C /tmp/orig\n"
            f"cd /tmp/orig && rm -rf work && cp -a {root} work && (diff -ruN {stem} work || true) | {_WITHOUT_TIMES} > /app/repair.patch\ncat /app/repair.patch && cd {root}",
        )
    )
    runs = (
        "for c in "
        + " ".join(p.name for p in project.parts)
        + f'; do echo 12 | build/{tool} $c > /dev/null || echo "$c fails"; done'
    )
    blocks.append(
        Block(
            "verify",
            "The patch has to prove itself: unpack afresh, apply, build, test; cleaned, the two trees must be the same."
            + word,
            f"rm -rf /tmp/fresh && mkdir /tmp/fresh && tar -xf /app/{stem}.tar -C /tmp/fresh && cd /tmp/fresh/{stem}\n"
            f"patch -p1 < /app/repair.patch && make{cc} 2>&1 | tail -n 1 && make{cc} check | tail -n 3\n{gcc}{runs}\nmake clean && diff -r . {root} && echo 'same as the repaired tree'; cd {root}",
        )
    )
    return blocks


def solution_mistakes(project: Project, difficulty: str, placed: Sequence[Placed]) -> list[Mistake]:
    """Mistakes that people make in such a repair."""
    root, tool = project.root, project.tool
    stem = f"{tool}-{project.version}"
    visible = next(p for p in placed if p.fault.stage == "visible")
    name = (visible.part or project.parts[0]).name
    cc = " CC=tcc" if project.static else ""
    mistakes = [
        Mistake(
            "look",
            "hallucination",
            "A C project of this kind is configured first, so I run its configure script.",
            f"cd {root} && ./configure --prefix=/usr/local",
            f"ls {root}",
            "There is no configure script in the tree, only a Makefile. make alone builds the project.",
        ),
        Mistake(
            "try",
            "command_error",
            "The sources are in src, so I run make there and see what it says.",
            f"make -C {root}/src",
            f"ls {root}/src {root}/Makefile",
            "There is no makefile in src: the only one is in the root of the project, and from there it has to run.",
        ),
        Mistake(
            "try",
            "hallucination",
            "I let CMake build the project with all messages.",
            "cmake -S . -B build && cmake --build build --verbose",
            "command -v cmake || echo 'cmake: not installed'; ls",
            "cmake is neither installed nor used: the project has a plain Makefile.",
        ),
        Mistake(
            "build0",
            "analysis_error",
            "Such errors often come from old objects that no longer fit the sources. I clean the tree and build it from nothing.",
            "make clean; make 2>&1 | tail -n 8",
            f"make 2>&1 | head -n 6; test -x build/{tool} && build/{tool} 2>&1 | head -n 2",
            "The same failure comes from a clean tree, so old objects are not the cause: it is in the sources or in the Makefile itself.",
        ),
        Mistake(
            "build0",
            "requirement_violation",
            "The build is only that strict because of -Werror. Without the flag it should go through.",
            f"sed -i 's/ -Werror//' Makefile && make{cc} 2>&1 | tail -n 6",
            "grep -n '^CFLAGS =' Makefile; grep -n Werror README.md",
            "Now the sources are compiled without -Werror, which README.md and the task demand. The flag stays; what it or the build complains of has to be repaired.",
            ("sed -i 's/ -Wextra/& -Werror/' Makefile", "rm -rf build"),
        ),
        Mistake(
            "behave",
            "verification_failure",
            "The tool builds and links, so the repair is done.",
            f"ls -l build/{tool}",
            "make check 2>&1 | grep -A 10 FAIL",
            f"A binary is there, but the tests fail in `{name}`: building is only half of the task.",
        ),
        Mistake(
            "behave",
            "requirement_violation",
            f"The code of `{name}` looks sound, so the expected output in the tests must be out of date. I take out its cases.",
            f"awk '/^@case /{{ keep = $2 != \"{name}\" }} keep' tests/cases.txt > /tmp/cases.txt && cp /tmp/cases.txt tests/cases.txt && make check | tail -n 3",
            f"mkdir -p /tmp/orig && tar -xf /app/{stem}.tar -C /tmp/orig && diff -q /tmp/orig/{stem}/tests/cases.txt tests/cases.txt; grep -n '`{name}`' README.md | cut -c1-150",
            "The tests pass only because I removed those that fail, and tests/ was to stay as it is. README.md agrees with the removed cases, so the code is wrong.",
            (f"tar -xf /app/{stem}.tar --strip-components=1 {stem}/tests/cases.txt", "rm -rf /tmp/orig /tmp/cases.txt"),
        ),
    ]
    if difficulty == "easy":
        mistakes.append(
            Mistake(
                "verify",
                "verification_failure",
                "make finds nothing left to do, so everything is built and right.",
                "make -q all && echo 'up to date'",
                f"ls -l --time-style=full-iso build/{tool}; make -n check | tail -n 1; grep -c '^@case' tests/cases.txt",
                "make compares times and nothing else. A build from nothing, the tests on it and a comparison with the tar file are still to be made.",
            )
        )
        return mistakes
    mistakes.append(
        Mistake(
            "verify",
            "verification_failure",
            "The patch is written and not empty, and the tree was all right before, so the work is complete.",
            "wc -l /app/repair.patch && grep -c '^@@' /app/repair.patch",
            f"ls -d {root}/build; ls -d /tmp/fresh; tar -tf /app/{stem}.tar | head -n 3",
            "The patch has never been applied: there is no freshly unpacked tree, and after the cleaning not even a build in this one. I try it from the tar file on.",
        )
    )
    mistakes += [
        Mistake(
            "patch",
            "command_error",
            "I make the patch with diff against the tree from the tar file.",
            f"make clean; mkdir -p /tmp/orig && tar -xf /app/{stem}.tar -C /tmp/orig; diff -u /tmp/orig/{stem} {root} > /app/repair.patch; wc -l /app/repair.patch",
            r"head -n 12 /app/repair.patch | sed 's/\t20.*//'; grep -c '^@@' /app/repair.patch",
            "Without -r diff does not go into the directories: changes below src and include would be missing, and the paths are absolute. I make it again recursively.",
            ("rm -f /app/repair.patch",),
        ),
        Mistake(
            "patch",
            "requirement_violation",
            "diff -ruN catches every difference between the two trees, so I run it on the tree as it is now.",
            f"make 2>&1 | tail -n 1; mkdir -p /tmp/orig && tar -xf /app/{stem}.tar -C /tmp/orig && cd /tmp/orig && cp -a {root} work && diff -ruN {stem} work > /app/repair.patch; cd {root}; wc -c /app/repair.patch",
            "grep -a -E '^(diff|Binary files)' /app/repair.patch | head -n 12",
            "The tree still had its build directory, so files that the build produces are in the patch. I clean first and make it again.",
            ("rm -rf /app/repair.patch /tmp/orig/work",),
        ),
    ]
    if difficulty == "hard":
        mistakes.append(
            Mistake(
                "subtle",
                "analysis_error",
                "All tests pass, so the behaviour must be right everywhere; a look at the output of the tests is proof enough.",
                "make check | grep -c '^ok'",
                "grep -c '^@case' tests/cases.txt; grep -c '^- `' README.md",
                "There are only a few cases for each command, and the README names limits and special cases that none of them touches. I have to try those myself.",
            )
        )
    return mistakes


def diff_again(project: Project) -> str:
    """A command that makes the patch anew from the tree as it is."""
    stem = f"{project.tool}-{project.version}"
    return f"make -C {project.root} clean; rm -rf /tmp/again && mkdir /tmp/again && cd /tmp/again && tar -xf /app/{stem}.tar && cp -a {project.root} new && (diff -ruN {stem} new || true) | {_WITHOUT_TIMES} > /app/repair.patch; cd {project.root}"


def other_ways(project: Project, difficulty: str) -> dict[str, str]:
    """What may follow on the solution without making it wrong."""
    ways = {
        "a-clean-tree": f"make -C {project.root} clean",
        "a-built-tree": f"make -C {project.root} clean all CFLAGS+=-g || make -C {project.root}",
        "files-beside": f"cp -a {project.root} /app/work; echo 'see repair.patch' > /app/NOTES; rm -rf /tmp/fresh /tmp/orig",
        "a-comment-more": f"sed -i '1i /* Entry point. */' {project.root}/src/main.c",
    }
    if difficulty != "easy":
        ways["a-comment-more"] += f" && {diff_again(project)}"
        ways["a-patch-with-other-prefixes"] = "sed -i -E 's#^(---|[+]{3}) [^/]+/#\\1 x/#' /app/repair.patch"
        ways["a-patch-without-the-commands"] = "sed -i '/^diff /d' /app/repair.patch"
    return ways


def wrong_ways(project: Project, difficulty: str, damaged: Sequence[str]) -> dict[str, str]:
    """What breaks one demand each, or leaves one file as it was damaged; the patch always fits the tree."""
    root, stem = project.root, f"{project.tool}-{project.version}"
    name, last = project.parts[0].name, project.parts[-1].name
    trees = {
        "the-readme-is-changed": f"echo . >> {root}/README.md",
        "a-shipped-case-is-dropped": f"sed -i '$d' {root}/tests/cases.txt",
        "a-file-more-among-the-tests": f"touch {root}/tests/more.txt",
        "without-werror": f"sed -i 's/ -Werror//' {root}/Makefile",
        "all-warnings-off": f"sed -i 's/-Werror/-Werror -w/' {root}/Makefile",
        "another-compiler": f"sed -i 's/^\\t\\(.*\\)$(CC)/\\t\\1gcc/' {root}/Makefile",
        "a-command-is-dropped": f'sed -i \'s/"{name}"/"no-{name}"/\' {root}/src/main.c',
        "a-source-is-gone": f"rm {root}/src/{name}.c",
        "another-command-is-dropped": f'sed -i \'s/"{last}"/"no-{last}"/\' {root}/src/main.c',
        "another-source-is-empty": f": > {root}/src/{last}.c",
        "the-cases-are-gone": f"rm -r {root}/tests",
        "the-readme-is-gone": f"rm {root}/README.md",
        "the-makefile-is-gone": f"rm {root}/Makefile",
        "a-header-is-gone": f"rm {root}/include/{project.lib}/{name}.h",
        "another-header-is-empty": f": > {root}/include/{project.lib}/{last}.h",
        "a-program-that-does-nothing": f"echo 'int main(void) {{ return 0; }}' > {root}/src/main.c",
    }
    for path in damaged:
        label = re.sub("[^a-z]+", "-", path.lower())
        trees[f"{label}-as-it-was"] = f"tar -xOf /app/{stem}.tar {stem}/{path} > {root}/{path}"
    if difficulty == "easy":
        return trees
    patches = {
        "no-patch": "rm /app/repair.patch",
        "an-empty-patch": ": > /app/repair.patch",
        "a-patch-the-wrong-way-round": f"cd /tmp && rm -rf wrong && mkdir wrong && cd wrong && tar -xf /app/{stem}.tar && make -C {root} clean && (diff -ruN {root} {stem} || true) > /app/repair.patch; cd {root}",
        "a-patch-with-absolute-names": f"cd /tmp && rm -rf wrong && mkdir wrong && cd wrong && tar -xf /app/{stem}.tar && make -C {root} clean && (diff -ruN /tmp/wrong/{stem} {root} || true) > /app/repair.patch; cd {root}",
        "products-in-the-patch": f"cd /tmp && rm -rf wrong && mkdir wrong && cd wrong && tar -xf /app/{stem}.tar && make -C {root} && cp -a {root} new && (diff -ruaN {stem} new || true) > /app/repair.patch; cd {root}",
        "a-change-after-the-patch": f"sed -i '1i /* Entry point. */' {root}/src/main.c",
    }
    return {name: f"{command}; {diff_again(project)}" for name, command in trees.items()} | patches


def harmless_ways(difficulty: str) -> dict[str, str]:
    """What the tests may let through, and why."""
    if difficulty == "easy":
        return {"*/build/*": "the tests build anew from the sources"}
    return {
        "*/app/repair.patch": "it still applies, since patch finds its place by the context, and gives the same tree"
    }


def generate(rng: np.random.Generator, difficulty: str) -> Instance:
    """One damaged project.

    Args:
        rng: the only source of chance.
        difficulty: "easy", "medium" or "hard".

    Returns:
        The tree and its tar file; pristine sources and hidden cases for the tests; the solution and its mistakes.
    """
    project = draw_project(rng, difficulty)
    placed = choose_faults(rng, project, difficulty)
    shown = [make_case(p, "\n".join(p.module.simple(rng, p.params)) + "\n") for p in project.parts]
    visible = next(p for p in placed if p.fault.stage == "visible")
    if visible.part is not None:
        shown.append(make_case(visible.part, visible.fault.stdin))
    whole = project.files() | {"tests/cases.txt": cases_text(shown)}
    broken = apply_faults(whole, [p.fault for p in placed])
    damaged = [path for path in sorted(whole) if broken[path] != whole[path]]
    files: dict[str, bytes | str] = {f"{project.root}/{path}": text for path, text in broken.items()}
    files[f"/app/{project.tool}-{project.version}.tar"] = source_tar(project, broken)
    hidden = [*shown, *hidden_cases(rng, project)]
    facts = {
        "difficulty": difficulty,
        "tool": project.tool,
        "library": f"lib{project.lib}.{'a' if project.static else 'so'}",
        "stem": f"{project.tool}-{project.version}",
        "symbols": [f"{p.name}_run" for p in project.parts],
        "shipped": broken,
        "cases": [{"args": c.args, "stdin": c.stdin, "stdout": c.stdout, "code": c.code} for c in hidden],
    }
    blocks = solution_blocks(project, difficulty, placed)
    return Instance(
        instruction=instruction(project, difficulty),
        files=files,
        tests={"instance.json": json.dumps(facts)},
        solution=render_solution(blocks),
        mistakes=render_mistakes(solution_mistakes(project, difficulty, placed), blocks),
        variants=render_variants(
            other_ways(project, difficulty), wrong_ways(project, difficulty, damaged), harmless_ways(difficulty)
        ),
    )
