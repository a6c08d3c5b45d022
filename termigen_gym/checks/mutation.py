"""Wrong ways made from a right one: mutants of a solution's blocks, and of the files that it leaves.

Pure functions. What they choose is drawn from the text that they alter, so that the same block has the same mutants
whatever else of its task is edited, and a name always means the same mutant of it.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from ..solution import Block, Mistake, Way

_NUMBER = re.compile(r"(?<![\w.$%&\\-])\d+(?:\.\d+)?(?![\w>]|\.\w)")
_STRING = re.compile(r"""(?<!["'\w\\])(["'])((?:(?!\1)[^\n\\]){3,60})\1""")
_WORD = re.compile(r"[A-Za-z]{3,}")
_HEREDOC = re.compile(r"<<-?\s*[\"']?(\w+)")
_NO_NUMBER = re.compile(r"(?:chmod|sleep|timeout)(?: -\S+| [\d.]+[smh]?)* $")
_COMMENT = re.compile(r"\s*(?:#|//|/\*|\*|--)")
_TALK = re.compile(r"\b(?:raise|assert|stderr|perror|usage|die|exit)\b")
_PROGRAM_SUFFIXES = frozenset(
    [
        ".awk",
        ".c",
        ".cc",
        ".cfg",
        ".cfn",
        ".cpp",
        ".css",
        ".f",
        ".f90",
        ".go",
        ".h",
        ".hpp",
        ".html",
        ".in",
        ".java",
        ".js",
        ".lua",
        ".md",
        ".mk",
        ".php",
        ".pl",
        ".pml",
        ".py",
        ".rb",
        ".rs",
        ".sh",
        ".sql",
        ".v",
        ".lp",
        ".conf",
        ".toml",
        ".yaml",
        ".yml",
        ".ini",
    ]
)
_SEQUENCED = (".json", ".html", ".xml")


def of_steps(blocks: Sequence[Block], mistakes: Sequence[Mistake]) -> list[Way]:
    """Return wrong ways through a solution: each step dropped, each mistake made and not taken back.

    A dropped step has the command "". Names: ``drop/STEP``, ``mistake/NUMBER``.
    """
    drops = [Way(f"drop/{step}", "", step) for step in range(1, len(blocks) + 1)]
    return drops + [
        Way(f"mistake/{number}", mistake.perturbation.action, mistake.step)
        for number, mistake in enumerate(mistakes, start=1)
    ]


def of_commands(blocks: Mapping[int, Block]) -> Iterator[Way]:
    """Yield wrong ways through a solution: commands altered, in turn one of each block, until there are no more.

    Names: ``number``, ``string`` or ``line``, ``/STEP/NUMBER``: which of the block's numbers or quoted strings is
    altered, which of its lines is left out.

    Args:
        blocks: of the solution, by step; those that are to be altered.
    """
    streams = [
        stream
        for step, block in blocks.items()
        for stream in (_numbers(block.command, step), _strings(block.command, step), _lines(block.command, step))
    ]
    return (way for row in itertools.zip_longest(*streams) for way in row if way is not None)


def _numbers(command: str, step: int) -> Iterator[Way]:
    """Numbers, off by one or with a digit altered."""
    found = [
        (number, match)
        for number, match in enumerate(_NUMBER.finditer(command), start=1)
        if not _in_comment(command, match.start()) and not _NO_NUMBER.search(command[: match.start()])
    ]
    chance = _chance("number", command)
    for number, match in chance.sample(found, len(found)):
        yield Way(f"number/{step}/{number}", _replaced(command, match, _other_number(match[0], chance)), step)


def _strings(command: str, step: int) -> Iterator[Way]:
    """Quoted strings of one line with a letter altered; not what is only said to people."""
    found = [
        (number, match)
        for number, match in enumerate(_STRING.finditer(command), start=1)
        if _WORD.search(match[2])
        and not _in_comment(command, match.start())
        and not _TALK.search(_line_at(command, match.start()))
    ]
    chance = _chance("string", command)
    for number, match in chance.sample(found, len(found)):
        word = chance.choice(list(_WORD.finditer(match[2])))
        at = match.start(2) + chance.randrange(*word.span())
        yield Way(
            f"string/{step}/{number}", command[:at] + _other_letter(command[at], chance) + command[at + 1 :], step
        )


def _lines(command: str, step: int) -> Iterator[Way]:
    """A line left out, of at least three; the ends of here-documents stay, so that the command stays one."""
    lines = command.split("\n")
    ends = {match[1] for match in _HEREDOC.finditer(command)}
    found = [
        number
        for number, line in enumerate(lines, start=1)
        if line.strip()
        and not _COMMENT.match(line)
        and line not in ends
        and not _HEREDOC.search(line)
        and not line.endswith("\\")
    ]
    if len(lines) < 3:
        return
    for number in _chance("line", command).sample(found, len(found)):
        yield Way(f"line/{step}/{number}", "\n".join([*lines[: number - 1], *lines[number:]]), step)


def of_files(files: Mapping[str, bytes], limit: int) -> dict[str, tuple[str, bytes | None]]:
    """Return wrong end states: by name, the path of the one file that is another, and its content, None for removed.

    Names are what was done and the path: ``removed``, ``emptied``, ``halved``, ``shortened`` (its last line is
    missing), ``digit`` (one is altered), ``reordered`` (two lines have changed places), ``fabricated`` (the same shape,
    other letters and digits), as in ``emptied/app/out.txt``. A program is only removed, emptied or halved.

    Args:
        files: those that a solution made or changed, by absolute path.
        limit: how many at most, shared out evenly over the files.
    """
    streams = [_of_file(path, content) for path, content in sorted(files.items())]
    made = (item for row in itertools.zip_longest(*streams) for item in row if item is not None)
    return {f"{done}{path}": (path, content) for done, path, content in itertools.islice(made, limit)}


def _of_file(path: str, content: bytes) -> Iterator[tuple[str, str, bytes | None]]:
    edits: list[tuple[str, bytes | None]] = [
        ("removed", None),
        ("emptied", b""),
        ("halved", content[: len(content) // 2]),
    ]
    if not is_program(path, content):
        edits = [*_data_edits(path, content), *edits]
    seen = {content}
    for done, edited in edits:
        if edited is None or edited not in seen:
            yield done, path, edited
        if edited is not None:
            seen.add(edited)


def is_program(path: str, content: bytes) -> bool:
    """Return whether a file is one that is run, built or read as configuration rather than data."""
    name = PurePosixPath(path)
    named = name.suffix in _PROGRAM_SUFFIXES or name.name in ("Makefile", "Dockerfile")
    return named or content.startswith((b"#!", b"\x7fELF", b"!<arch>"))


def _data_edits(path: str, content: bytes) -> Iterator[tuple[str, bytes | None]]:
    chance = _chance(path, content.hex())
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = ""
    if not text or "\0" in text:
        return
    head = 0 if path.endswith(_SEQUENCED) else _header(text)
    digits = [match.start() for match in re.finditer(r"\d", text) if match.start() >= head]
    if digits:
        at = chance.choice(digits)
        yield "digit", (text[:at] + _other_digit(text[at], chance) + text[at + 1 :]).encode()
    yield "fabricated", (text[:head] + _fabricated(text[head:], chance)).encode()
    lines = text[head:].splitlines(keepends=True)
    if len(lines) > 1:
        yield "shortened", (text[:head] + "".join(lines[:-1])).encode()
        if not path.endswith(_SEQUENCED):
            lines[-1] = lines[-1].rstrip("\n") + "\n"
            yield "reordered", (text[:head] + "".join([*lines[1:], lines[0]])).encode()


def _header(text: str) -> int:
    """Where the data begin: after the first line where that has no digit and the next one has."""
    first, _, rest = text.partition("\n")
    second = rest.partition("\n")[0]
    return len(first) + 1 if re.search(r"\d", second) and not re.search(r"\d", first) else 0


def _fabricated(text: str, chance: random.Random) -> str:
    """The same shape: digits for digits, letters for letters, but for the names and keywords of JSON."""
    kept = re.compile(r'"[^"\n]*"\s*:|\b(?:true|false|null)\b')
    parts, at = [], 0
    for match in kept.finditer(text):
        parts += [_scrambled(text[at : match.start()], chance), match[0]]
        at = match.end()
    return "".join([*parts, _scrambled(text[at:], chance)])


def _scrambled(text: str, chance: random.Random) -> str:
    return "".join(
        _other_digit(one, chance) if one in string.digits else _other_letter(one, chance) if one.isalpha() else one
        for one in text
    )


def _other_digit(digit: str, chance: random.Random) -> str:
    return chance.choice([one for one in "123456789" if one != digit])


def _other_letter(letter: str, chance: random.Random) -> str:
    letters = string.ascii_uppercase if letter.isupper() else string.ascii_lowercase
    return chance.choice([one for one in letters if one != letter])


def _other_number(number: str, chance: random.Random) -> str:
    if "." in number:
        return number[:-1] + _other_digit(number[-1], chance)
    if len(number) > 1 and chance.random() < 0.4:
        at = chance.randrange(len(number))
        return number[:at] + _other_digit(number[at], chance) + number[at + 1 :]
    value = int(number) + chance.choice([1, -1])
    return str(abs(value)).zfill(len(number)) if number.startswith("0") else str(abs(value))


def _replaced(text: str, match: re.Match[str], by: str) -> str:
    return text[: match.start()] + by + text[match.end() :]


def _line_at(text: str, at: int) -> str:
    return text[text.rfind("\n", 0, at) + 1 :].partition("\n")[0]


def _in_comment(text: str, at: int) -> bool:
    return _COMMENT.match(_line_at(text, at)) is not None


def _chance(*words: str) -> random.Random:
    return random.Random(hashlib.sha256("\0".join(words).encode()).hexdigest())
