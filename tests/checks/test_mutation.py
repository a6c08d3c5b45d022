"""Mutants are wrong in one way each, named for it, and the same every time."""

from __future__ import annotations

import ast
import json
import subprocess

import pytest

from termigen_gym.checks.mutation import is_program, of_commands, of_files, of_steps
from termigen_gym.episode import Perturbation
from termigen_gym.solution import Block, Mistake

BLOCKS = (
    Block("", "ls -l /app\nsed -n 1,20p notes.txt"),
    Block(
        "",
        "cat > /app/sum.py <<'EOF'\n# adds 2 and 3\ntotal = 25\nprint(total + 17, 'units', 1.5)\nEOF\nchmod 755 sum.py",
    ),
    Block("", 'sleep 2; timeout -k 1 5 python3 a.py > out.txt 2>&1; echo "$1" > state.txt'),
)


def altered(*blocks: Block) -> dict[str, str]:
    return {way.name: way.command for way in of_commands(dict(enumerate(blocks, start=1)))}


def test_steps_are_dropped_and_mistakes_are_left() -> None:
    mistake = Mistake(2, Perturbation("command_error", action="rm a.py", thought="", reason="", repair=None))
    ways = of_steps(BLOCKS, [mistake])
    assert [(way.name, way.step, way.command) for way in ways] == [
        ("drop/1", 1, ""),
        ("drop/2", 2, ""),
        ("drop/3", 3, ""),
        ("mistake/1", 2, "rm a.py"),
    ]


def test_each_altered_command_differs_from_its_block_in_one_place() -> None:
    ways = list(of_commands(dict(enumerate(BLOCKS, start=1))))
    assert len({way.name for way in ways}) == len(ways) > 5
    for way in ways:
        assert way.step is not None
        before, after = BLOCKS[way.step - 1].command.split("\n"), way.command.split("\n")
        if way.name.startswith("line/"):
            assert len(after) == len(before) - 1
        else:
            changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
            assert len(changed) == 1, way


def test_what_says_nothing_about_the_result_is_left_alone() -> None:
    commands = altered(*BLOCKS)
    assert all("# adds 2 and 3" in command for name, command in commands.items() if name.split("/")[1] == "2")
    assert all("chmod 755" in command for name, command in commands.items() if name.startswith("number/2"))
    assert all("2>&1" in command and "$1" in command for name, command in commands.items() if name.split("/")[1] == "3")
    assert all(
        "sleep 2; timeout -k 1 5 " in command for name, command in commands.items() if name.startswith("number/3")
    )


def test_altered_commands_are_still_commands_and_come_from_all_blocks_in_turn() -> None:
    ways = list(of_commands(dict(enumerate(BLOCKS, start=1))))
    for way in ways:
        subprocess.run(["bash", "-n", "-c", way.command], check=True)
    assert {way.step for way in ways[:4]} == {1, 2}


def test_mutants_do_not_depend_on_other_blocks() -> None:
    alone = {name.replace("/1/", "/2/"): command for name, command in altered(BLOCKS[1]).items()}
    assert alone.items() <= altered(BLOCKS[0], BLOCKS[1]).items()
    assert altered(*BLOCKS) == altered(*BLOCKS)


CSV = b"name,qty\nant,12\nbee,40\ncow,7\n"
JSON = json.dumps({"total": 59, "names": ["ant", "bee"], "ok": True}, indent=1).encode() + b"\n"
CODE = b"#!/bin/sh\necho 1\n"


@pytest.mark.parametrize(
    ("path", "content", "kinds"),
    [
        ("/app/a.csv", CSV, {"digit", "fabricated", "shortened", "reordered", "removed", "emptied", "halved"}),
        ("/app/a.json", JSON, {"digit", "fabricated", "shortened", "removed", "emptied", "halved"}),
        ("/app/word", b"seal\n", {"fabricated", "removed", "emptied", "halved"}),
        ("/app/tool", CODE, {"removed", "emptied", "halved"}),
        ("/app/x.bin", b"\0\1\2\3", {"removed", "emptied", "halved"}),
    ],
)
def test_a_file_is_edited_as_its_kind_allows(path: str, content: bytes, kinds: set[str]) -> None:
    made = of_files({path: content}, 20)
    assert {name.removesuffix(path) for name in made} == kinds
    contents = [edited for _, edited in made.values()]
    assert len(set(contents)) == len(contents)
    assert content not in contents
    assert all(edited_path == path for edited_path, _ in made.values())


def test_a_fabrication_has_the_shape_of_the_real_one() -> None:
    _, csv = of_files({"/app/a.csv": CSV}, 20)["fabricated/app/a.csv"]
    assert csv is not None
    rows = [line.split(",") for line in csv.decode().splitlines()]
    assert rows[0] == ["name", "qty"]
    assert all(name.isalpha() and qty.isdigit() for name, qty in rows[1:])
    assert [len("".join(row)) for row in rows[1:]] == [5, 5, 4]
    _, document = of_files({"/app/a.json": JSON}, 20)["fabricated/app/a.json"]
    assert document is not None
    found = json.loads(document)
    assert (list(found), found["ok"]) == (["total", "names", "ok"], True)
    assert found["total"] != 59


def test_edits_are_shared_out_over_the_files() -> None:
    made = of_files({"/app/a.csv": CSV, "/app/b.csv": CSV + b"dog,1\n"}, 4)
    assert sorted(path for path, _ in made.values()) == ["/app/a.csv", "/app/a.csv", "/app/b.csv", "/app/b.csv"]


def test_numbers_in_code_stay_numbers() -> None:
    block = Block("", "values = [0, 7, 10, 1.25, 007]")
    for name, command in altered(block).items():
        if name != "number/1/5":
            ast.parse(command.replace("007", "7"))


@pytest.mark.parametrize(
    ("path", "content", "program"),
    [
        ("/a/Makefile", b"all:\n", True),
        ("/a/x.py", b"1", True),
        ("/a/x", b"#!/bin/sh\n", True),
        ("/a/x.csv", b"1", False),
    ],
)
def test_programs_are_told_from_data(path: str, content: bytes, program: bool) -> None:
    assert is_program(path, content) is program
