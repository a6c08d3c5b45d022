"""What roles reply: facts as a JSON object, files in ``<file path="…">`` blocks; read leniently, checked strictly.

What is wrong with a reply is told in words that a model can act on.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StringConstraints

from ..errors import TaskError
from ..llm.replies import Facts, FactsT, ReplyProblem, read_facts, without_thoughts
from .draft import MAX_FILE_BYTES, check_path

MAX_REPLY = 4 << 20
"""Characters of a reply that is read at all."""

_FILE = re.compile(r"<file\s+path\s*=\s*[\"']([^\"'\n]*)[\"']\s*>[ \t]*\n?(.*?)</file>", re.DOTALL)
_UNCLOSED = re.compile(r"<file\s+path\s*=")
_FENCE = re.compile(r"\A\s*```[\w+.-]*[ \t]*\n(.*?)\n?```\s*\Z", re.DOTALL)
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Score = Annotated[int, Field(ge=1, le=5)]
Part: TypeAlias = Literal["solution", "tests", "instruction", "environment", "variants"]
"""What a role may find at fault."""


class Seeds(Facts):
    """The seed writer's: one phrase for each slot that it was told of."""

    seeds: list[Annotated[_Text, StringConstraints(max_length=300)]]


class Proposal(Facts):
    """The proposer's: what the task is to be."""

    title: Annotated[_Text, StringConstraints(max_length=80)]
    objective: _Text
    inputs: list[_Text] = Field(min_length=1)
    outputs: list[_Text] = Field(min_length=1)
    success_criteria: list[_Text] = Field(min_length=1)
    tools: list[_Text] = Field(min_length=1)


class Scores(Facts):
    """The evaluator's: each from 1 to 5 (arXiv 2602.07274, section 3.1)."""

    environment: _Score
    data: _Score
    verification: _Score
    feedback: str = ""

    @property
    def accepted(self) -> bool:
        """Whether each is above 4."""
        return min(self.environment, self.data, self.verification) > 4


class PlannedFile(Facts):
    """One file of the environment."""

    path: _Text
    purpose: _Text
    made_by: Literal["text", "script"] = "text"


class FilePlan(Facts):
    """The file planner's: what lies in the container before the agent starts."""

    files: list[PlannedFile] = Field(min_length=1, max_length=60)
    packages: list[Annotated[_Text, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]*$")]] = Field(max_length=40)


class Blame(Facts):
    """Whose fault it is that two parts do not agree, in one role's eyes."""

    at_fault: Part
    why: _Text


class Fault(Facts):
    """One of the judge's."""

    part: Part
    why: _Text


class Judgement(Facts):
    """The judge's: whether instruction and tests agree and nothing is given away."""

    ok: bool
    faults: list[Fault] = Field(default_factory=list)


class NoFacts(Facts):
    """Of a role that only writes files."""


def parse(text: str, facts: type[FactsT], paths: Mapping[str, bool]) -> tuple[FactsT, dict[str, str]]:
    """Read a reply.

    Args:
        text: the reply.
        facts: the type of its JSON object; `NoFacts` where none is wanted.
        paths: of the files that may be in it, to whether they must be; those that need not may be patterns (*).

    Returns:
        The object, and the files by their paths.

    Raises:
        ReplyProblem: it is too long, has no such object, other files, or one of them is too large.
    """
    if len(text) > MAX_REPLY:
        raise ReplyProblem(f"expected a reply of at most {MAX_REPLY} characters, found {len(text)}")
    text = without_thoughts(text)
    files = {}
    for path, content in _FILE.findall(text):
        path = path.strip()
        try:
            check_path(path)
        except TaskError as error:
            raise ReplyProblem(str(error)) from None
        if not any(fnmatch.fnmatchcase(path, pattern) for pattern in paths):
            raise ReplyProblem(f"expected files {_listed(paths)}, found {path!r}")
        if len(content.encode()) > MAX_FILE_BYTES:
            raise ReplyProblem(f"{path}: expected at most {MAX_FILE_BYTES} bytes, found {len(content.encode())}")
        files[path] = _unfenced(content)
    rest = _FILE.sub("", text)
    if _UNCLOSED.search(rest):
        raise ReplyProblem("expected every <file path=…> to be closed by </file>, found one that is not")
    for path, needed in paths.items():
        if needed and path not in files:
            raise ReplyProblem(f'expected a block <file path="{path}">…</file>, found none')
    return facts() if facts is NoFacts else read_facts(rest, facts), files


def _unfenced(content: str) -> str:
    """A file's text without a Markdown fence around it, with one line end at its end."""
    fenced = _FENCE.match(content)
    inner = fenced[1] if fenced else content
    return inner.strip("\n") + "\n" if inner.strip() else ""


def _listed(names: Any) -> str:
    return ", ".join(repr(name) for name in names) or "none"
