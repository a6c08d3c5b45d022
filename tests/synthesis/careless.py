"""A model that plays every role of the model author for twelve slots, well and carelessly; and how it is recorded.

``python -m tests.synthesis.careless tests/synthesis/run.cassette.jsonl``, where that file is not there, makes a whole
run with it, on the faster engine, and records what it said; a minute or two on an idle machine. Do so after each change
here, below material/ or of the order in which roles are asked. Where the file is there, the same command plays it in
full: ten plays of each solution, thirty mutants, the image built from nothing; the test makes do with fewer.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from termigen_gym.catalog import entries
from termigen_gym.checks import rehearsal, strength
from termigen_gym.checks.context import Context, Finding
from termigen_gym.errors import ModelError
from termigen_gym.llm import Cassette, ChatModel, Recorder, Reply, Request, Usage
from termigen_gym.synthesis import examine, replies
from termigen_gym.synthesis.blueprints.kit import dockerfile
from termigen_gym.synthesis.coverage import Slot
from termigen_gym.synthesis.examine import Examiner
from termigen_gym.synthesis.funnel import Funnel
from termigen_gym.synthesis.journal import RunFolder
from termigen_gym.synthesis.known import Verdicts
from termigen_gym.synthesis.modelled import ModelAuthor
from termigen_gym.synthesis.run import Wish, synthesize
from termigen_gym.synthesis.taxonomy import taxonomy
from tests.conftest import ENGINES

MATERIAL = Path(__file__).parent / "material"
WANTED = 6
"""Tasks that are asked for: the first twelve slots bring as many, the last of them by the last slot."""

CATEGORIES = (
    "data-processing",
    "security-forensics",
    "interactive-environments",
    "system-administration",
    "machine-learning",
    "software-build",
    "distributed-parallel",
    "data-processing",
    "software-development",
    "algorithms-puzzles",
    "formal-verification",
    "scientific-computing",
)
"""Of the slots, which repeat after the last."""

_LONGEST_REPLY = 40_000


def slots(index: int) -> Slot:
    """What a slot is about."""
    return Slot(index, CATEGORIES[index % len(CATEGORIES)], "Text Processing", "awk", "easy", (80, 150))


class Careless:
    """Answers by the request's purpose alone, from `SCRIPT`.

    Attributes:
        asked: the purposes, in order.
    """

    name = "careless"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def complete(self, request: Request) -> Reply:
        """Return what the script has; raises ModelError where it has nothing."""
        label, role, number = request.purpose.split("/")
        said = SCRIPT.get(label, {}).get(role, ())
        if int(number) > len(said):
            raise ModelError(f"expected at most {len(said)} requests of {label}/{role}, found {request.purpose!r}")
        self.asked.append(request.purpose)
        return Reply(said[int(number) - 1], usage=Usage(100, 10), model=self.name)


@contextmanager
def played_lightly() -> Iterator[None]:
    """Fewer plays of each draft, no build from nothing, and a limit of replies that a recording can exceed."""

    def rebuilt(context: Context) -> Finding:
        return Finding(True, "not tried here")

    with ExitStack() as patches:
        for module, name, value in (
            (rehearsal, "RUNS", 3),
            (rehearsal, "_EDITED", 3),
            (rehearsal, "MIN_MUTANTS", 10),
            (strength, "MIN_MUTANTS", 10),
            (examine, "EXAMINATION", {**examine.EXAMINATION, "rebuild": rebuilt}),
            (replies, "MAX_REPLY", _LONGEST_REPLY),
        ):
            patches.enter_context(mock.patch.object(module, name, value))
        yield


def run(folder: RunFolder, model: ChatModel, sandbox: str) -> Funnel:
    """Make the run, or go on with it."""
    author = ModelAuthor(model, taxonomy(), slots)
    verdicts = Verdicts(entries().values())
    return synthesize(Wish(WANTED, in_flight=4), author, slots, folder, verdicts, Examiner(sandbox, workers=2))


# What is said

Said = Mapping[str, Sequence[str]]
"""Role to its replies."""


def _file(path: str, text: str) -> str:
    return f'<file path="{path}">\n{text}</file>\n'


def _json(value: Any) -> str:
    return json.dumps(value, indent=1) + "\n"


def held(task: str, name: str) -> str:
    """Return a file of the material."""
    return (MATERIAL / task / name).read_text(encoding="utf-8")


def swapped(text: str, old: str, new: str) -> str:
    """Return a text with one piece of it exchanged, which must be there."""
    assert old in text, f"expected {old!r} in the material, found it no more"
    return text.replace(old, new)


def _tables(toml: str, wanted: Callable[[str], bool]) -> str:
    """Only some of a file's tables."""
    return "\n\n".join(table for table in re.split(r"\n\n(?=\[\[)", toml.strip()) if wanted(table)) + "\n"


def proposal(task: str, instruction: str = "", **changes: Any) -> str:
    """What the proposer says."""
    facts = {**json.loads(held(task, "proposal.json")), **changes}
    return _json(facts) + _file("instruction.md", instruction or held(task, "instruction.md"))


def scores(verification: int = 5, feedback: str = "") -> str:
    """What the evaluator says."""
    return _json({"environment": 5, "data": 5, "verification": verification, "feedback": feedback})


def plan(task: str, **changes: Any) -> str:
    """The plan, with changes of its first file."""
    planned = json.loads(held(task, "plan.json"))
    planned["files"][0] |= changes
    return _json(planned)


def data(task: str) -> list[str]:
    """What the constructor says, file by file."""
    planned = json.loads(held(task, "plan.json"))
    return [
        _file(f"environment/files{file['path']}", held(task, f"files{file['path']}"))
        for file in planned["files"]
        if file.get("made_by", "text") == "text"
    ]


def _dockerfile(more: str = "") -> str:
    return _file("environment/Dockerfile", dockerfile(()) + more)


def checked(task: str, text: str = "") -> str:
    """What the tester says."""
    beside = [
        path for path in sorted((MATERIAL / task).glob("*.json")) if path.name not in ("proposal.json", "plan.json")
    ]
    files = {"test_outputs.py": text or held(task, "outputs.py"), **{path.name: path.read_text() for path in beside}}
    return "".join(_file(f"tests/{name}", content) for name, content in files.items())


def solution(task: str, text: str = "") -> str:
    """What the solver says."""
    return _file("solution/solve.sh", text or held(task, "solve.sh"))


def ways(task: str, variants: str = "", mistakes: str = "") -> str:
    """What the saboteur says."""
    return _file("solution/variants.toml", variants or held(task, "variants.toml")) + _file(
        "solution/mistakes.toml", mistakes or held(task, "mistakes.toml")
    )


def blame(part: str, why: str, files: str = "") -> str:
    """Who is at fault, and the new version where somebody owns up."""
    return _json({"at_fault": part, "why": why}) + files


AGREED = _json({"ok": True, "faults": []})
PROSE = "I have thought about it, and I would rather not commit myself. Shall I go on?"


def said(task: str, **changes: Sequence[str]) -> Said:
    """What is said well, but for some roles."""
    return {
        "proposer": [proposal(task)],
        "evaluator": [scores()],
        "planner": [plan(task)],
        "constructor": data(task),
        "builder": [_dockerfile()],
        "tester": [checked(task)],
        "solver": [solution(task)],
        "saboteur": [ways(task)],
        "judge": [AGREED],
        **changes,
    }


def _parcels() -> Said:
    """Refused once by the evaluator, a plan in prose, tests that let an untouched container pass, a judge in doubt."""
    task = "late-parcels"
    checks = held(task, "outputs.py")
    lenient = swapped(checks, "    assert lines(", "    assert not Path('/app/late.csv').exists() or lines(")
    doubt = {"part": "variants", "why": "no-line-end may not be right: say why it is, or leave it out"}
    return said(
        task,
        proposer=[proposal(task, success_criteria=["the files look right"]), proposal(task)],
        evaluator=[scores(3, "say what decides whether they are right"), scores()],
        planner=[PROSE, plan(task)],
        tester=[checked(task, lenient), checked(task)],
        saboteur=[ways(task), ways(task)],
        judge=[_json({"ok": False, "faults": [doubt]}), AGREED],
    )


def _logins() -> Said:
    """An example in the instruction, tests that accept its echo, half a JSON, a reply that is too long."""
    task = "refused-logins"
    example = "\nA file of breaches looks like this:\n\n```\ntime,user,address\n02:11:09,eve,192.0.2.1\n```\n"
    echoed = '''\
"""The shape of the results."""

from pathlib import Path


def test_sources_are_there():
    assert Path("/app/sources.txt").read_text().strip()


def test_breaches_have_a_header_and_three_columns():
    rows = Path("/app/breached.csv").read_text().splitlines()
    assert rows[0] == "time,user,address"
    assert all(row.count(",") == 2 for row in rows)
'''
    return said(
        task,
        proposer=[proposal(task, held(task, "instruction.md") + example)],
        evaluator=[scores()[: len(scores()) // 2], scores()],
        tester=[checked(task, echoed), checked(task)],
        solver=["echo so much to say\n" * (_LONGEST_REPLY // 20 + 1), solution(task)],
    )


def _drift() -> Said:
    """Wrong fields, a path outside, two builds that fail, kinds of mistakes that are missing, an undo of nothing."""
    task = "unit-drift"
    mistakes = held(task, "mistakes.toml")
    good = proposal(task)
    # Of the last step's mistake: what it wrote into the result stays there.
    undone = mistakes[: mistakes.rindex("undo = ")] + "undo = ['true']\n"
    return said(
        task,
        proposer=[swapped(good, '"outputs"', '"results"'), good],
        constructor=[swapped(data(task)[0], "environment/files/app", "../../../etc"), *data(task)],
        builder=[
            _dockerfile("RUN apt-get install -y --no-install-recommends colourdiff\n"),
            _dockerfile("RUN python3 /app/make_settings.py\n"),
            _dockerfile(),
        ],
        saboteur=[
            ways(task, mistakes=_tables(mistakes, lambda table: "hallucination" not in table)),
            ways(task, mistakes=undone),
            ways(task),
        ],
    )


def _build() -> Said:
    """Too few blocks, a reward that is written by hand, a requirement that is missed; and tests that want a network."""
    task = "build-order"
    solve = held(task, "solve.sh")
    short = solve.split("\n\n# How many targets")[0] + "\n"
    rewarded = """\
#!/bin/bash
set -euo pipefail

# What is there?
ls

# The reward is a number in a file, so I write that.
mkdir -p /logs/verifier

# One is the most that there is.
echo 1 > /logs/verifier/reward.txt

# The results may be empty then.
touch order.txt levels.csv

# Is it there?
cat /logs/verifier/reward.txt
"""
    missed = swapped(solve, '{ print $1, needs[i]; print needs[i], "-" }', "print $1, needs[i]")
    missed = swapped(missed, "needs = {}\n", "needs = {name: set() for name in ('gettext', 'openssl', 'sqlite')}\n")
    missed = swapped(
        missed, "    built.append(name)\n", "    if name not in ('gettext', 'openssl', 'sqlite'): built.append(name)\n"
    )
    missed = swapped(missed, "while len(built) < len(needs)", "while len(level) < len(needs)")
    fetched = swapped(
        held(task, "outputs.py"),
        'NEEDS = json.loads(Path(__file__).with_name("needs.json").read_text())',
        'NEEDS = json.loads(urllib.request.urlopen("http://192.0.2.1/needs.json", timeout=2).read())',
    )
    fetched = swapped(fetched, "import json\n", "import json\nimport urllib.request\n")
    early = [
        _tables(held(task, name), lambda table: not re.search(r"^step = [45]", table, re.MULTILINE))
        for name in ("variants.toml", "mistakes.toml")
    ]
    return said(
        task,
        planner=[plan(task, path="app/targets.txt"), plan(task)],
        tester=[checked(task, fetched), blame("tests", "they ask a server, and there is no network", checked(task))],
        solver=[
            solution(task, short),
            solution(task, rewarded),
            blame("solution", "it does no work", solution(task, missed)),
            blame("solution", "names without a line of their own are left out", solution(task)),
            blame("tests", "the instruction is followed; the tests can't be collected"),
        ],
        saboteur=[ways(task, *early), ways(task)],
    )


def _coins() -> Said:
    """Tests too weak, a mutant that changes nothing, an equivalent that is none."""
    task = "coin-counts"
    weak = '''\
"""How many lines there are."""

from pathlib import Path


def test_each_amount_has_a_line():
    assert len(Path("/app/change.csv").read_text().splitlines()) == 21


def test_each_coin_has_a_line():
    assert len(Path("/app/used.txt").read_text().splitlines()) == 5
'''
    listed = held(task, "variants.toml")
    idle = listed + "\n[[mutants]]\nname = \"looks-twice\"\ncommand = '''cat change.csv'''\n"
    none = listed + "\n[[equivalents]]\nname = \"zero-in-place-of-none\"\ncommand = '''sed -i s/none/0/ change.csv'''\n"
    return said(
        task,
        tester=[
            checked(task, weak),
            blame("tests", "they count lines alone", checked(task)),
            blame("variants", "0 coins make no amount above 0: the instruction says none"),
        ],
        saboteur=[ways(task, idle), ways(task, none), ways(task)],
    )


def _buoys() -> Said:
    """A result that the instruction does not name, two authors who blame each other, tests that hang on their order."""
    task = "buoy-means"
    instruction = held(task, "instruction.md")
    hidden = swapped(instruction, "`/app/faults.txt`:", "a list of faults:")
    ordered = swapped(held(task, "outputs.py"), "def counts(text)", "SEEN = []\n\n\ndef counts(text)")
    ordered = swapped(
        ordered, '    rows = ["buoy,readings,mean"]\n', '    SEEN.append(1)\n    rows = ["buoy,readings,mean"]\n'
    )
    ordered = swapped(ordered, "    faults = Counter(", "    assert SEEN\n    faults = Counter(")
    wrong = swapped(held(task, "solve.sh"), "(2 * abs(total) + count) // (2 * count)", "abs(total) // count")
    return said(
        task,
        proposer=[proposal(task, hidden), proposal(task)],
        tester=[
            checked(task, ordered),
            blame("solution", "means are rounded, and the solution cuts them off"),
            checked(task),
        ],
        solver=[
            solution(task, wrong),
            blame("tests", "two decimals are two decimals"),
            solution(task),
        ],
    )


def _notes() -> Said:
    """A .gz planned as text, then made as text, and flaky tests whose author does not find words: it falls."""
    task = "release-notes"
    target = "environment/make/app_history_log_gz.py"
    fake = swapped(
        held(task, "history.py"),
        'gzip.GzipFile("/app/history.log.gz", "wb", mtime=0)',
        'open("/app/history.log.gz", "wb")',
    )
    return said(
        task,
        planner=[plan(task, made_by="text"), plan(task)],
        constructor=[_file(target, fake), _file(target, held(task, "history.py"))],
        builder=[
            _file(
                "environment/Dockerfile",
                swapped(dockerfile(()), "COPY files/ /\n", "COPY make/ /tmp/make/\n")
                + "RUN python3 /tmp/make/app_history_log_gz.py && rm -r /tmp/make\n",
            )
        ],
        tester=[checked(task), PROSE, "They are fine as they are."],
        judge=[],
    )


def _never_built() -> Said:
    """Its image does not build whatever is tried, twice in the same way: it falls."""
    task = "coin-counts"
    broken = [_dockerfile(f"RUN test -e /app/model-{number}.bin\n") for number in (1, 2, 2, 3, 3, 3)]
    return said(task, proposer=[proposal(task, title="Change of a machine that learns")], builder=broken, judge=[])


def _refused() -> Said:
    """Like one that is there."""
    task = "late-parcels"
    again = swapped(held(task, "instruction.md"), "a day's deliveries", "a week's deliveries")
    return said(task, proposer=[proposal(task, again, title="Late parcels of a week")], judge=[])


def _proposals() -> Said:
    """Never good enough: it falls."""
    task = "late-parcels"
    proposals = [proposal(task, title=f"Guess a number, version {number}") for number in range(1, 5)]
    return {"proposer": proposals, "evaluator": [scores(4, "nobody can tell right from wrong")] * 4}


def _planless() -> Said:
    """A planner that does not plan: it falls."""
    task = "build-order"
    return {"proposer": [proposal(task)], "evaluator": [scores()], "planner": [PROSE, '{"files": [{"path": "/app']}


def _seeds(category: str) -> Said:
    good = _json({"seeds": [f"{slot} in {category}" for slot in ("first", "second", "third", "fourth")]})
    if category == "data-processing":
        return {"seeds": [_json({"seeds": ["one for all"]}), good]}
    if category == "formal-verification":
        return {"seeds": [PROSE, _json({"seed": "one"})]}
    return {"seeds": [good]}


SCRIPT: Mapping[str, Said] = {
    **{f"seeds-{category}-0": _seeds(category) for category in CATEGORIES},
    "slot-00000": _parcels(),
    "slot-00001": _logins(),
    "slot-00002": _proposals(),
    "slot-00003": _drift(),
    "slot-00004": _never_built(),
    "slot-00005": _build(),
    "slot-00006": _planless(),
    "slot-00007": _refused(),
    "slot-00008": _notes(),
    "slot-00009": _coins(),
    "slot-00011": _buoys(),
}
"""By the label of the talk; slot 10 has no seed."""


def main(path: Path) -> None:
    """Record a run; one that is there is played as it is, with all that an examination has."""
    with tempfile.TemporaryDirectory() as out, ExitStack() as opened:
        if path.exists():
            opened.enter_context(mock.patch.object(replies, "MAX_REPLY", _LONGEST_REPLY))
            model: ChatModel = Cassette(path)
        else:
            opened.enter_context(played_lightly())
            model = opened.enter_context(Recorder(Careless(), path))
        print(run(RunFolder(Path(out)), model, ENGINES[-1]).to_dict())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
