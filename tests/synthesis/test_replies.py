"""Replies as models give them: what can be read is read, and what can't is told in words that help."""

from __future__ import annotations

import json

import pytest

from termigen_gym.llm.replies import ReplyProblem
from termigen_gym.synthesis.draft import MAX_FILE_BYTES
from termigen_gym.synthesis.replies import MAX_REPLY, FilePlan, Judgement, NoFacts, Scores, parse

SCORES = {"environment": 5, "data": 5, "verification": 4, "feedback": "no example"}
FILE = '<file path="solution/solve.sh">\n#!/bin/bash\necho hi\n</file>'
PATHS = {"solution/solve.sh": True}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(SCORES),
        f"```json\n{json.dumps(SCORES, indent=2)}\n```",
        f"Here is what I think.\n\n{json.dumps(SCORES)}\n\nLet me know!",
        f'<think>{{"environment": 1, "data": 1, "verification": 1}}</think>{json.dumps(SCORES)}',
        f'Not {{this}}, but {{"a": 1}} or rather {json.dumps(SCORES)}',
        json.dumps({**SCORES, "confidence": "high"}),
    ],
)
def test_facts_are_found_in_what_surrounds_them(text: str) -> None:
    scores, files = parse(text, Scores, {})
    assert (scores.verification, scores.feedback, files) == (4, "no example", {})
    assert not scores.accepted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("I would give it a five.", "expected one JSON object with the keys 'environment'"),
        ('{"environment": 5, "data": 5', "expected one JSON object"),
        ("[5, 5, 5]", "expected one JSON object"),
        ('{"environment": 5, "data": 5}', "verification: Field required"),
        ('{"environment": 9, "data": 5, "verification": 5}', "environment: Input should be less than or equal to 5"),
        ('{"environment": "high", "data": 5, "verification": 5}', "environment: Input should be a valid integer"),
        ("{" * 100_000, "expected one JSON object"),
        ("x" * (MAX_REPLY + 1), "expected a reply of at most"),
    ],
)
def test_facts_that_do_not_fit_are_told(text: str, told: str) -> None:
    with pytest.raises(ReplyProblem, match=told):
        parse(text, Scores, {})


@pytest.mark.parametrize(
    "text",
    [
        FILE,
        f"Sure! {FILE} Done.",
        FILE.replace('"', "'"),
        '<file path="solution/solve.sh">\n```bash\n#!/bin/bash\necho hi\n```\n</file>',
        '<file path="solution/solve.sh">#!/bin/bash\necho hi</file>',
        f"<think>{FILE.replace('hi', 'no')}</think>{FILE}",
    ],
)
def test_files_are_taken_whole(text: str) -> None:
    assert parse(text, NoFacts, PATHS)[1] == {"solution/solve.sh": "#!/bin/bash\necho hi\n"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("echo hi", 'expected a block <file path="solution/solve.sh">'),
        ('<file path="solution/solve.sh">\necho hi\n', "to be closed by </file>"),
        (FILE + '<file path="../../etc/passwd">x</file>', "expected a path inside the task's folder"),
        (FILE + '<file path="/etc/passwd">x</file>', "expected a path inside the task's folder"),
        (FILE + '<file path="tests/test.sh">x</file>', "expected files 'solution/solve.sh', found 'tests/test.sh'"),
        (FILE.replace("hi", "x" * (MAX_FILE_BYTES + 1)), "expected at most"),
    ],
)
def test_files_that_were_not_asked_for_are_refused(text: str, told: str) -> None:
    with pytest.raises(ReplyProblem, match=told):
        parse(text, NoFacts, PATHS)


def test_facts_and_files_come_together() -> None:
    text = '{"ok": false, "faults": [{"part": "tests", "why": "it checks {nothing}"}]}\n' + FILE
    judgement, files = parse(text, Judgement, PATHS)
    assert judgement.faults[0].why == "it checks {nothing}"
    assert list(files) == ["solution/solve.sh"]


@pytest.mark.parametrize("package", ["jq; rm -rf /", "jq --no-verify", "$(id)", "JQ", ""])
def test_no_package_is_a_piece_of_shell(package: str) -> None:
    plan = {"files": [{"path": "/app/x", "purpose": "data"}], "packages": [package]}
    with pytest.raises(ReplyProblem, match=r"packages\.0"):
        parse(json.dumps(plan), FilePlan, {})
