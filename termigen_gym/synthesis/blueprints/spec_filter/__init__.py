"""A small command-line program to be written to a specification; hidden inputs show whether it keeps to it."""

from __future__ import annotations

import json
import shlex

import numpy as np

from ....episode import PerturbationKind
from ...draft import Draft
from ..kit import COMMON, Blueprint, Other, Slip, Step, assemble, chance, hexes, numbered, pick
from ..scribe import fill, heredoc
from .calc import make_calc
from .records import make_records
from .template import make_template
from .tool import DOMAINS, Case, Domain, Flaw, Tool

_MAKERS = (make_calc, make_records, make_template)


def _compose(rng: np.random.Generator, difficulty: str) -> Draft:
    domain = pick(rng, DOMAINS)
    level = {"easy": 0, "medium": 1, "hard": 2}[difficulty]
    tool = pick(rng, _MAKERS)(rng, domain, level)
    path = f"/app/{pick(rng, ('bin', 'tools', 'scripts'))}/{tool.name}"
    drafted = chance(rng, 50)
    cases = {name: _asdict(case) for name, case in (*tool.cases.items(), *tool.samples.items())}
    files: dict[str, bytes | str] = {f"/app/samples/{name}.txt": case.stdin for name, case in tool.samples.items()}
    for name, case in tool.samples.items():
        files[f"/app/samples/{name}.args"] = "".join(f"{word}\n" for word in case.args)
    if drafted:
        files[f"/app/draft/{tool.name}"] = _draft(tool)
    return assemble(
        name=f"{domain.slug}-{tool.name}-{hexes(rng, 4)}",
        category="software-development",
        difficulty=difficulty,
        description=f"Write {tool.name}, a command-line filter, to its specification",
        keywords=["command-line", "parser", "filter", "specification", tool.sort],
        tools=["python3", "diff", "xargs", "chmod"],
        instruction=_instruction(rng, domain, tool, path, drafted=drafted),
        files=files,
        tests=_tests(tool, path),
        test_data={"cases.json": json.dumps(cases, indent=0, sort_keys=True) + "\n"},
        steps=_steps(tool, path, drafted=drafted),
        equivalents=_equivalents(tool, path),
        mutants=[Other("program-not-executable", f"chmod 644 {path}")],
        packages=COMMON,
        runs_programs=True,
    )


def _asdict(case: Case) -> dict[str, object]:
    return {"args": list(case.args), "stdin": case.stdin, "out": case.out, "code": case.code, "files": dict(case.files)}


def _draft(tool: Tool) -> str:
    """What somebody left half done: it has both flaws, and does not check its arguments."""
    text = tool.program
    for flaw in tool.flaws:
        text = text.replace(flaw.old, flaw.new)
    head, _, tail = text.partition("def main():\n")
    return f"{head}# TODO options, exit status, and go through the specification again\ndef main():\n{tail}".replace(
        "        return 2\n", "        return 0\n"
    )


def _instruction(rng: np.random.Generator, domain: Domain, tool: Tool, path: str, *, drafted: bool) -> str:
    please = pick(
        rng,
        (
            f"Please write `{path}`, which follows the specification below to the letter.",
            f"The program is called `{tool.name}` and belongs at `{path}`; its specification is below.",
            f"We need `{path}` as it is specified here. Its output is read by other programs, so every byte counts.",
        ),
    )
    left = (
        f" A colleague's unfinished attempt is `/app/draft/{tool.name}`; it has faults, and you need not keep any of "
        f"it."
        if drafted
        else ""
    )
    general = [
        "Without a FILE it reads standard input; otherwise the files, as one text in the given order, each of which "
        "ends with a newline. All is UTF-8, and each line that is printed ends with a newline.",
        "Options come before files. An option that there is not or that lacks its value, a file that can't be read"
        + (
            ", or a definition that is not `NAME=VALUE` with a name of the letters a to z"
            if tool.sort == "template"
            else ""
        )
        + ": then nothing is printed on standard output, something on standard error, and the exit status is 2.",
        "Otherwise the exit status is 1 if there was any error, and 0 if there was none.",
    ]
    return "\n\n".join(
        [
            f"{domain.story} {please}{left}",
            f"## {tool.name} {tool.usage}",
            tool.about + " It is an executable file, in any language that this machine has, and works for any user "
            "and from any current directory.",
            numbered([*tool.rules, *general]),
            "## Samples",
            "Run it on the samples, too: "
            + " and ".join(f"`/app/samples/{name}.txt`" for name in tool.samples)
            + " on standard input, with the arguments in the file of the same name with `.args` (one a line, maybe "
            "none). Leave what it prints on standard output in "
            + " and ".join(f"`/app/out/{name}.txt`" for name in tool.samples)
            + ". We will run it on other input.",
        ]
    )


def _tests(tool: Tool, path: str) -> str:
    cases = "\n\n".join(
        f'''def test_{name}():
    """{_WHAT.get(name, "The program on input that nobody has seen.")}"""
    check("{name}")
'''
        for name in tool.cases
        if name != "errors"
    )
    samples = "\n".join(
        f'    assert read("/app/out/{name}.txt").decode() == CASES["{name}"]["out"]' for name in tool.samples
    )
    return f'''\
"""Runs the program as nobody on hidden input, and compares what it left of the samples."""
import json
import os

import nobody
from artifacts import read

PROGRAM = "{path}"
HERE = os.path.dirname(os.path.abspath(__file__))
with open(f"{{HERE}}/cases.json", encoding="utf-8") as file:
    CASES = json.load(file)


def check(name):
    """Runs a case and compares output and exit status; nothing else is asked of it."""
    case = CASES[name]
    with nobody.folder() as here:
        for path, content in case["files"].items():
            nobody.write(here / path, content)
        done = nobody.run(PROGRAM, *case["args"], cwd=here, data=case["stdin"].encode(), seconds=10)
    assert done.out.decode() == case["out"], done.text
    assert done.code == case["code"]


{cases}

def test_errors_and_files_in_order():
    """Errors stand where they belong and are told by the exit status; files are read one after the other."""
    case = CASES["errors"]
    rows = case["stdin"].splitlines(keepends=True)
    with nobody.folder() as here:
        nobody.write(here / "b.txt", "".join(rows[:3]))
        nobody.write(here / "a.txt", "".join(rows[3:]))
        done = nobody.run(PROGRAM, *case["args"], "b.txt", "a.txt", cwd=here, seconds=10)
    assert (done.out.decode(), done.code) == (case["out"], case["code"])


def test_what_cannot_be_done():
    """An unknown option and a missing file: status 2, and nothing on standard output."""
    for args in (["-Z"], ["no-such-file.txt"]):
        done = nobody.run(PROGRAM, *args, data=CASES["plain"]["stdin"].encode(), seconds=10)
        assert (done.code, done.out) == (2, b"") and done.err, args


def test_samples():
    """What the program prints of the samples lies in /app/out."""
{samples}
'''


_WHAT = {
    "plain": "Input without errors and without options.",
    "options": "All options together.",
    "one_option": "One option by itself.",
    "separator": "Other fields and another separator.",
    "later_wins": "What comes later on the command line counts.",
}


_SAMPLES = """\
mkdir -p /app/out
for name in @names@; do
  xargs -d '\\n' -a /app/samples/$name.args @path@ < /app/samples/$name.txt > /app/out/$name.txt || true
done"""


def _steps(tool: Tool, path: str, *, drafted: bool) -> list[Step]:
    folder = path.rpartition("/")[0]
    names = " ".join(tool.samples)
    first = next(iter(tool.samples))
    run = fill(_SAMPLES, names=names, path=path)
    write = f"mkdir -p {folder}\n{heredoc(path, tool.program, 'PROGRAM')}\nchmod 755 {path}"
    given = " ".join(shlex.quote(word) for word in tool.cases["errors"].args)
    trial = f"cat > /tmp/trial.txt <<'EOF'\n{tool.trial}\nEOF\n{path} {given} /tmp/trial.txt || echo status $?"
    look = "head -n 12 /app/samples/*.txt; head /app/samples/*.args"
    if drafted:
        look += f"; cat /app/draft/{tool.name}"
    return [
        Step(
            "First the samples, to see what real input looks like"
            + (", and the attempt that is there." if drafted else "; the specification I have read."),
            look,
        ),
        Step(
            "I write it anew, in Python, one function for each part of the specification. What can't be read has to "
            "be noticed before anything is printed.",
            write,
            (
                _slip("analysis_error", tool.flaws[0], write, path),
                _slip("requirement_violation", tool.flaws[1], write, path),
            ),
        ),
        Step(
            "A first try with a line for each rule that is easily got wrong; I compare with what the specification "
            "says by eye.",
            trial,
            (
                Slip(
                    "hallucination",
                    "Such filters have a self-test; I let it tell me whether all is well.",
                    f"{path} --selftest /app/samples/{first}.txt",
                    f"{path} --selftest; echo status $?",
                    "I never wrote a self-test: it is an unknown option, and the program says so with status 2.",
                ),
            ),
        ),
        Step(
            "Exit status and standard output where nothing can be done: an unknown option, a missing file.",
            f'for bad in -Z /tmp/missing.txt; do {path} $bad > /tmp/said.txt 2> /tmp/why.txt || echo "$bad: status '
            f'$?"; '
            "wc -c < /tmp/said.txt; cat /tmp/why.txt; done",
        ),
        Step(
            "Now the samples with their arguments. The status is 1 where there are errors in them, which is as it "
            "should be.",
            f"{run}\nwc -l /app/out/*.txt; head -n 5 /app/out/{first}.txt",
            (
                Slip(
                    "command_error",
                    "The program is finished, so I run it on both samples by its name.",
                    run.replace(path, tool.name),
                    f"command -v {tool.name}; wc -c /app/out/*.txt",
                    f"{folder} is not on the search path: the command was not found and the results are empty.",
                    ["rm -r /app/out"],
                ),
                Slip(
                    "verification_failure",
                    f"I run it on {first}; it prints something, so the other sample will be fine as well.",
                    f"mkdir -p /app/out && {{ {path} < /app/samples/{first}.txt > /app/out/{first}.txt || true; }} "
                    f"&& test -s /app/out/{first}.txt && echo good",
                    "ls /app/out /app/samples; cat /app/samples/*.args",
                    "Only one of the two results is there, and the arguments that belong to the samples were not "
                    "looked at.",
                    ["rm -r /app/out"],
                ),
            ),
        ),
    ]


def _slip(kind: PerturbationKind, flaw: Flaw, write: str, path: str) -> Slip:
    """The program written with a flaw."""
    wrong = write.replace(flaw.old, flaw.new)
    return Slip(kind, flaw.thought, wrong, f"{flaw.shown_by} | {path}", flaw.finding, [f"rm {path}"])


def _equivalents(tool: Tool, path: str) -> list[Other]:
    return [
        Other(
            "wrapper-in-shell-around-the-program",
            f"mkdir -p /app/lib && mv {path} /app/lib/{tool.name}.py && chmod 644 /app/lib/{tool.name}.py\n"
            f"printf '#!/bin/sh\\nexec python3 /app/lib/{tool.name}.py \"$@\"\\n' > {path} && chmod 755 {path}",
        ),
        Other("comments-in-the-program", f"sed -i '2i # {tool.name}: see the specification' {path}"),
        Other(
            "notes-and-tests-beside-it", f"cp /tmp/trial.txt /app/trial.txt && cp {path} /app/out/copy-of-{tool.name}"
        ),
    ]


BLUEPRINT = Blueprint("spec-filter", "software-development", _compose)
"""Filters to be written."""
