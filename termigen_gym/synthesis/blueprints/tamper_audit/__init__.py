"""An archive whose files, manifest and journal were tampered with: what still holds, and what can be restored."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from ...draft import Draft
from ..drawing import expected_file, fill, tests_text
from ..kit import COMMON, Blueprint, Other, assemble, chance, hexes, pick, sample
from .case import Case, draw_case
from .slips import other_ways, wrong_ways
from .steps import solution
from .text import Wanted, instruction

_EXTRAS = ("signer", "since", "bytes")


def compose(rng: np.random.Generator, difficulty: str) -> Draft:
    """Return a task about an archive that was tampered with."""
    case = draw_case(rng, difficulty)
    wanted = _wanted(rng, case, difficulty)
    trove = case.trove
    findings, verdict = _findings(case, wanted), _verdict(case)
    description = f"Find out what of {trove.root} still is as the signed journal says, and restore the rest."
    return assemble(
        name=f"{trove.name}-{pick(rng, ('audit', 'tamper', 'integrity', 'custody'))}-{hexes(rng, 4)}",
        category="security-forensics",
        difficulty=difficulty,
        description=description,
        keywords=("integrity", "hash-chain", "forensics", trove.name),
        tools=("awk", "comm", "find", "jq", "python3", "sha256sum", "sqlite3"),
        instruction=instruction(rng, case, wanted),
        files=case.files(),
        tests=_tests(case, wanted),
        test_data=expected_file(_want(case, wanted, findings, verdict)),
        steps=solution(rng, case, wanted),
        equivalents=[Other(name, command) for name, command in other_ways(wanted)],
        mutants=[Other(name, command, step) for name, command, step in wrong_ways(case, wanted)],
        packages=COMMON,
    )


def _wanted(rng: np.random.Generator, case: Case, difficulty: str) -> Wanted:
    folder = pick(rng, ("/app/audit", "/app/findings", "/app/report", "/app/review"))
    in_place = difficulty != "easy" and chance(rng, 50)
    form = pick(rng, ("csv", "tsv", "jsonl"))
    extras = sample(rng, _EXTRAS, {"easy": 0, "medium": 1, "hard": 2}[difficulty])
    name = pick(rng, ("findings", "files", "paths", "differences"))
    renewed = chance(rng, {"easy": 30, "medium": 60, "hard": 100}[difficulty])
    return Wanted(
        folder=folder,
        target=f"/app/{case.trove.root}" if in_place else pick(rng, ("/app/restored", "/app/clean", "/app/rebuilt")),
        aside=pick(rng, ("/app/quarantine", "/app/set-aside")) if in_place else "",
        table=f"{folder}/{name}.{form}",
        form=form,
        columns=tuple(extras),
        all_paths=chance(rng, 50),
        renewed=f"{folder}/MANIFEST.new" if renewed else "",
    )


def _findings(case: Case, wanted: Wanted) -> list[list[str]]:
    rows = []
    for path in sorted({*case.tree, *case.manifest, *case.approved}):
        if path not in case.tree and path not in case.approved:
            continue
        number, source, _ = case.status(path)
        if number == 0 and not wanted.all_paths:
            continue
        entry = case.approved.get(path)
        told = {
            "path": path,
            "status": case.statuses[number],
            "source": source,
            "signer": entry.who if entry else "-",
            "since": entry.at if entry else "-",
            "bytes": str(len(case.tree[path])) if path in case.tree else "-",
        }
        rows.append([told[name] for name in wanted.header])
    return rows


def _verdict(case: Case) -> dict[str, object]:
    numbers = [case.status(path)[0] for path in {*case.tree, *case.approved}]
    sums = {path: entry.digest for path, entry in case.approved.items()}
    return {
        "entries": len(case.lines),
        "trusted": case.broken[0] - 1,
        "broken_line": case.broken[0],
        "reason": case.reasons[case.broken[1]],
        "counts": {status: numbers.count(number) for number, status in enumerate(case.statuses)},
        "manifest": sorted(path for path in {*sums, *case.manifest} if sums.get(path) != case.manifest.get(path)),
    }


def _want(case: Case, wanted: Wanted, findings: list[list[str]], verdict: dict[str, object]) -> dict[str, object]:
    right = {path: case.status(path)[2] for path in sorted(case.approved)}
    aside = {}
    if wanted.aside:
        aside = {path: content for path, content in case.tree.items() if right.get(path) is None}
    inputs = {
        path: content.encode() if isinstance(content, str) else content
        for path, content in case.files().items()
        if not wanted.aside or not path.startswith(f"{wanted.target}/")
    }
    sums = {path: entry.digest for path, entry in sorted(case.approved.items())}
    renewed = case.manifest_text(sums).splitlines()
    return {
        "findings": findings,
        "verdict": verdict,
        "target": {path: _sha256(content) for path, content in right.items() if content is not None},
        "aside": {path: _sha256(content) for path, content in aside.items()},
        "inputs": {path: _sha256(content) for path, content in inputs.items()},
        "renewed": [json.loads(line) for line in renewed] if case.manifest_format == "jsonl" else renewed,
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _tests(case: Case, wanted: Wanted) -> str:
    constants = {
        "HEADER": json.dumps(wanted.header),
        "TABLE": f'"{wanted.table}"',
        "VERDICT": f'"{wanted.folder}/verdict.json"',
        "TARGET": f'"{wanted.target}"',
    }
    body = _TEST_TABLES[wanted.form] + _TEST_REST
    if wanted.aside:
        constants["ASIDE"] = f'"{wanted.aside}"'
        body += _TEST_ASIDE
    if wanted.renewed:
        constants["RENEWED"] = f'"{wanted.renewed}"'
        read = "lines(RENEWED)"
        if case.manifest_format == "jsonl":
            read = "[json.loads(line) for line in lines(RENEWED)]"
        body += fill(_TEST_RENEWED, read=read)
    return tests_text("Compares reports and restored files with what the rules give.", constants, body, ("hashlib",))


_TEST_TABLES = {
    form: f'''
def test_findings():
    """One row for each path that is to have one, in order."""
    assert [line.split("{mark}") for line in lines(TABLE)] == [HEADER, *WANT["findings"]]
'''
    for form, mark in (("csv", ","), ("tsv", "\\t"))
} | {
    "jsonl": '''
def test_findings():
    """One object for each path that is to have one, in order."""
    assert [json.loads(line) for line in lines(TABLE)] == [dict(zip(HEADER, row)) for row in WANT["findings"]]
'''
}
_TEST_REST = '''

def sums(folder):
    """Returns the SHA-256 of each file below a folder, by relative path."""
    return {os.path.relpath(path, folder): hashlib.sha256(read(path)).hexdigest() for path in below(folder)}


def test_verdict():
    """Where the journal breaks and why, the counts, and what is wrong with the manifest."""
    assert json.loads(read(VERDICT)) == WANT["verdict"]


def test_right_files():
    """The right files, all of them and nothing else, byte for byte."""
    assert sums(TARGET) == WANT["target"]


def test_evidence_is_as_it_was():
    """What was not to be touched has the content that it was given."""
    for path, digest in WANT["inputs"].items():
        assert hashlib.sha256(read(path)).hexdigest() == digest, path
'''
_TEST_ASIDE = '''

def test_set_aside():
    """What can't stay is kept elsewhere, as it was found."""
    assert sums(ASIDE) == WANT["aside"]
'''
_TEST_RENEWED = '''

def test_new_manifest():
    """A line for each approved path, in the format of the old manifest."""
    assert @read@ == WANT["renewed"]
'''


BLUEPRINT = Blueprint("tamper-audit", "security-forensics", compose)
