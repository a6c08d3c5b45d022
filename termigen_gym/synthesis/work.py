"""One task as models write it: its parts, who writes each, and who mends what when a check says no."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ..checks.lint import MAGIC
from ..checks.shape import BASE_LAYER
from ..errors import TaskError
from ..llm.replies import ReplyProblem
from ..solution import parse_mistakes, parse_solution, parse_variants
from ..task import TreeFile
from ..text import clip
from .blueprints.kit import dockerfile, kit_file, task_toml, tree_file
from .coverage import Slot
from .draft import Draft, check_path
from .making import Evidence, Fallen
from .replies import Blame, FilePlan, Judgement, NoFacts, Part, PlannedFile, Proposal, Scores
from .roles import Talk
from .taxonomy import Category

REWRITES = 3
"""Of a proposal that the evaluator does not accept (arXiv 2602.07274, section 3.1)."""

_INSTRUCTION, _DOCKERFILE, _SOLVE = "instruction.md", "environment/Dockerfile", "solution/solve.sh"
_TESTS, _DATA = "tests/test_outputs.py", "tests/*.json"
_VARIANTS, _MISTAKES = "solution/variants.toml", "solution/mistakes.toml"
_SHOWN = 3000
_UNTESTED = ("expected another end state", "valid mutants, found", "harmless ")
"""What the check of the mutants says where the fault is with the ways that were written down, not with the tests."""
_MALFORMED = "TaskError: "
"""How it begins where a check could not read a file, which is named then."""


class Work:
    """One task in the making.

    Args:
        slot: what it is to be about. category: the slot's. talk: what is said for it.
    """

    def __init__(self, slot: Slot, category: Category, talk: Talk) -> None:
        self._slot = slot
        self._category = category
        self._talk = talk
        self._files: dict[str, str] = {}
        self._proposal: Proposal | None = None
        self._plan: FilePlan | None = None
        self._name = ""

    # Writing

    def propose(self, *, seed: str = "", parent: Draft | None = None, wish: str = "") -> None:
        """Write the specification and the instruction, anew with the evaluator's feedback until it accepts them.

        Raises:
            Fallen: it does not within `REWRITES` rewrites.
        """
        told: dict[str, Any] = {"seed": seed, "category": self._category, "slot": self._slot, "wish": wish}
        told["parent"] = parent and {"instruction": parent.text(_INSTRUCTION), "solution": parent.text(_SOLVE)}
        feedback = last = ""
        for _ in range(1 + REWRITES):
            proposal, files = self._talk.ask(
                "proposer", Proposal, {_INSTRUCTION: True}, **told, feedback=feedback, last=last
            )
            specification = proposal.model_dump_json(indent=1)
            last = f"{specification}\n{files[_INSTRUCTION]}"
            scores, _ = self._talk.ask(
                "evaluator", Scores, {}, seed=seed or wish, proposal=specification, instruction=files[_INSTRUCTION]
            )
            if scores.accepted:
                self._proposal = proposal
                self._files[_INSTRUCTION] = files[_INSTRUCTION]
                self._name = _name(proposal.title, specification)
                return
            feedback = scores.feedback or f"the scores are {scores.model_dump_json(exclude={'feedback'})}"
        raise Fallen("proposal", f"expected it accepted within {REWRITES} rewrites, found at last: {feedback}")

    def write_all(self) -> None:
        """Write everything else, part by part.

        Raises:
            Fallen: a role gives up.
        """
        self._write_plan()
        self._write_dockerfile()
        self._write_tests()
        self._write_solution()
        self._write_variants()

    def draft(self) -> Draft:
        """Return the task as it stands.

        Raises:
            Fallen: its files can't be a folder.
        """
        tools = [tool for tool in self._facts.tools if re.fullmatch(r"[\w.+-]+", tool)]
        texts: dict[str, bytes | str] = {
            **self._files,
            "task.toml": task_toml(
                name=self._name,
                category=self._slot.category,
                difficulty=self._slot.difficulty,
                description=clip(" ".join(self._facts.objective.split()), 200).text,
                keywords=[],
                tools=tools or [self._slot.tool],
            ),
            "tests/test.sh": kit_file("test.sh"),
        }
        if re.search(r"\bnobody\b", self._files[_TESTS]):
            texts |= {f"tests/{name}": kit_file(name) for name in ("nobody.py", "artifacts.py")}
        try:
            return Draft(self._name, {path: tree_file(path, text) for path, text in texts.items()})
        except TaskError as error:
            raise Fallen("draft", str(error)) from None

    # Judging and mending

    def judged(self) -> Evidence | None:
        """Ask the judge about a draft that holds; return what it finds, None where it agrees."""
        judgement, _ = self._talk.ask(
            "judge",
            Judgement,
            {},
            instruction=self._files[_INSTRUCTION],
            tests=self._files[_TESTS],
            solution=self._files[_SOLVE],
            variants=self._files[_VARIANTS],
        )
        if judgement.ok or not judgement.faults:
            return None
        fault = judgement.faults[0]
        return Evidence(f"judge:{fault.part}", fault.why)

    def mend(self, evidence: Evidence) -> None:
        """Have the role at fault mend its part.

        Raises:
            Fallen: a role gives up.
        """
        said = evidence.text.partition("\n")[0]
        check = "load" if said.startswith(_MALFORMED) else evidence.check
        match check:
            case "load" | "shape":
                self._mend_part(self._part_named(evidence.text), evidence)
            case "instruction" | "judge:instruction":
                self._mend_part("instruction", evidence)
            case "build" | "rebuild" | "offline" | "judge:environment":
                self._mend_part("environment", evidence)
            case "image":
                self._mend_image(evidence)
            case "oracle":
                self._settle("solution", "tests", evidence)
            case "mistakes" | "judge:variants":
                self._mend_part("variants", evidence)
            case "equivalents":
                self._settle("tests", "variants", evidence)
            case "mutants" if any(words in said for words in _UNTESTED):
                self._mend_part("variants", evidence)
            case "mutants" | "prefixes":  # what the tests let through may be right: the variants can excuse it
                self._settle("tests", "variants", evidence)
            case "judge:solution":
                self._mend_part("solution", evidence)
            case _:  # null, echo, elsewhere, flakes, judge:tests
                self._mend_part("tests", evidence)

    def _mend_part(self, part: str, evidence: Evidence) -> None:
        match part:
            case "instruction":
                self._rewrite_instruction(evidence)
            case "environment":
                self._write_dockerfile(evidence.text)
            case "solution":
                self._write_solution(evidence.text)
            case "variants":
                self._write_variants(evidence.text)
            case _:
                self._write_tests(evidence.text)

    def _settle(self, first: Part, second: Part, evidence: Evidence) -> None:
        """Two parts do not agree: the first one's author has its say, then the other's; who owns up mends.

        Where both blame the other, the first one mends: execution tells at the next examination whether it was right.
        Where one blames a third part, that one is mended.
        """
        blame = self._asked_for_blame(first, second, evidence, "")
        owner = first
        if blame is not None and blame.at_fault == second:
            owner = second
            blame = self._asked_for_blame(second, first, evidence, blame.why)
        if blame is not None and blame.at_fault != owner:
            told = f"{evidence.text}\nThe author of the {owner} says: {blame.why}"
            self._mend_part(blame.at_fault, Evidence(evidence.check, told))

    def _asked_for_blame(self, part: Part, other: Part, evidence: Evidence, claim: str) -> Blame | None:
        """Ask the author of a part; where it owns up, its new version is taken. None: it mended without a word."""
        if part == "solution":
            return self._write_solution(evidence.text, claim, blame=True)
        if part == "tests":
            return self._write_tests(evidence.text, claim, other, blame=True)
        self._write_variants(f"{evidence.text}\nThe author of the tests says: {claim}" if claim else evidence.text)
        return None

    def _mend_image(self, evidence: Evidence) -> None:
        """A file of the image is not what it should be: whoever wrote it writes it anew."""
        for file in self._planned.files:
            if f"{file.path}: " in evidence.text:
                self._construct(file, evidence.text)
                return
        self._write_dockerfile(evidence.text)

    def _part_named(self, text: str) -> str:
        """The part whose file is named first in what was found."""
        parts = {_SOLVE: "solution", _VARIANTS: "variants", _MISTAKES: "variants", _DOCKERFILE: "environment"}
        places = {text.find(path): part for path, part in {**parts, _INSTRUCTION: "instruction"}.items()}
        found = sorted(place for place in places if place >= 0)
        return places[found[0]] if found else "tests"

    # Roles

    def _write_plan(self) -> None:
        def can_be_made(plan: FilePlan, files: Mapping[str, str]) -> None:
            for file in plan.files:
                _check_file(file)
            _check_places(plan.files)

        self._plan, _ = self._talk.ask(
            "planner",
            FilePlan,
            {},
            also=can_be_made,
            proposal=self._specification,
            instruction=self._files[_INSTRUCTION],
        )
        for file in self._plan.files:
            self._construct(file)

    def _construct(self, file: PlannedFile, evidence: str = "") -> None:
        target = _target(file)
        _, files = self._talk.ask(
            "constructor",
            NoFacts,
            {target: True},
            instruction=self._files[_INSTRUCTION],
            plan=self._planned,
            written=self._environment(),
            file=file,
            target=target,
            evidence=evidence,
            last=self._files.get(target, ""),
        )
        self._files |= files

    def _write_dockerfile(self, evidence: str = "") -> None:
        scripts = [path for path in self._files if path.startswith("environment/make/")]
        context = sorted(path.removeprefix("environment/") for path in self._files if path.startswith("environment/"))
        _, files = self._talk.ask(
            "builder",
            NoFacts,
            {_DOCKERFILE: True, **dict.fromkeys(scripts, False)},
            instruction=self._files[_INSTRUCTION],
            context=[path for path in context if path != "Dockerfile"],
            scripts={path: self._files[path] for path in scripts},
            base=BASE_LAYER,
            suggestion=self._suggestion(scripts),
            evidence=evidence,
            last=self._files.get(_DOCKERFILE, ""),
        )
        self._files |= files

    def _suggestion(self, scripts: list[str]) -> str:
        text = dockerfile(self._planned.packages)
        if all(file.made_by == "script" for file in self._planned.files):
            text = text.replace("COPY files/ /\n", "")
        if scripts:
            names = sorted(PurePosixPath(path).name for path in scripts)
            runs = " && ".join(f"python3 /tmp/make/{name}" for name in names)
            text += f"COPY make/ /tmp/make/\nRUN {runs} && rm -r /tmp/make\n"
        return text

    def _write_tests(
        self, evidence: str = "", claim: str = "", other: str = "solution", *, blame: bool = False
    ) -> Blame | None:
        return self._written(
            "tester",
            "tests",
            {_TESTS: True, _DATA: False},
            blame,
            proposal=self._specification,
            environment=self._environment(),
            evidence=evidence,
            claim=claim,
            other=other,
            last=self._files.get(_TESTS, ""),
        )

    def _write_solution(self, evidence: str = "", claim: str = "", *, blame: bool = False) -> Blame | None:
        return self._written(
            "solver",
            "solution",
            {_SOLVE: True},
            blame,
            also=_check_solution,
            environment=self._environment(),
            slot=self._slot,
            evidence=evidence,
            claim=claim,
            last=self._files.get(_SOLVE, ""),
        )

    def _written(
        self,
        role: str,
        part: str,
        paths: Mapping[str, bool],
        blame: bool,
        also: Callable[[Mapping[str, str]], None] = lambda files: None,
        **told: Any,
    ) -> Blame | None:
        """Have a part written, or, where its author is asked whose fault it is, only where it owns up."""
        told |= {"instruction": self._files[_INSTRUCTION], "blame": blame}
        if not blame:
            _, files = self._talk.ask(role, NoFacts, paths, also=lambda facts, files: also(files), **told)
            self._files |= files
            return None

        def owns_up(said: Blame, files: Mapping[str, str]) -> None:
            missing = next((path for path, needed in paths.items() if needed and path not in files), None)
            if said.at_fault == part and missing is not None:
                raise ReplyProblem(f'expected a block <file path="{missing}">…</file>, found none')
            also(files)

        said, files = self._talk.ask(role, Blame, dict.fromkeys(paths, False), also=owns_up, **told)
        if said.at_fault == part:
            self._files |= files
        return said

    def _write_variants(self, evidence: str = "") -> None:
        blocks = len(parse_solution(self._files[_SOLVE]))

        def can_be_read(facts: NoFacts, files: Mapping[str, str]) -> None:
            try:
                parse_variants(files[_VARIANTS], _VARIANTS, blocks)
                parse_mistakes(files[_MISTAKES], _MISTAKES, blocks)
            except TaskError as error:
                raise ReplyProblem(str(error)) from None

        _, files = self._talk.ask(
            "saboteur",
            NoFacts,
            {_VARIANTS: True, _MISTAKES: True},
            also=can_be_read,
            instruction=self._files[_INSTRUCTION],
            solution=self._files[_SOLVE],
            tests=self._files[_TESTS],
            blocks=blocks,
            evidence=evidence,
            last="\n".join(self._files.get(path, "") for path in (_VARIANTS, _MISTAKES)),
        )
        self._files |= files

    def _rewrite_instruction(self, evidence: Evidence) -> None:
        """The instruction leaves out or gives away something: its author says it better; the specification stays."""
        _, files = self._talk.ask(
            "proposer",
            Proposal,
            {_INSTRUCTION: True},
            seed=self._facts.objective,
            category=self._category,
            slot=self._slot,
            parent=None,
            feedback=evidence.text,
            last=f"{self._specification}\n{self._files[_INSTRUCTION]}",
        )
        self._files |= files

    # What is known

    @property
    def _facts(self) -> Proposal:
        assert self._proposal is not None, "propose comes first"
        return self._proposal

    @property
    def _specification(self) -> str:
        return self._facts.model_dump_json(indent=1)

    @property
    def _planned(self) -> FilePlan:
        assert self._plan is not None, "the plan comes first"
        return self._plan

    def _environment(self) -> dict[str, str]:
        """What others are shown of the files: by the path in the container, or that of the script that makes it."""
        shown = {}
        for file in self._planned.files:
            target = _target(file)
            if target in self._files:
                label = file.path if file.made_by == "text" else f"{file.path}, made by this script"
                shown[label] = clip(self._files[target], _SHOWN).text
        return shown


def _name(title: str, specification: str) -> str:
    """A folder's name: the title's words, and a few digits that keep it apart from others of the same title."""
    words = re.findall(r"[a-z0-9]+", title.lower())
    slug = "-".join(words)[:60].strip("-") or "task"
    return f"{slug}-{hashlib.sha256(json.dumps([title, specification]).encode()).hexdigest()[:4]}"


def _check_solution(files: Mapping[str, str]) -> None:
    if _SOLVE in files:
        try:
            parse_solution(files[_SOLVE], _SOLVE)
        except TaskError as error:
            raise ReplyProblem(str(error)) from None


def _target(file: PlannedFile) -> str:
    """Where in the folder a planned file is written: itself, or the script that makes it."""
    inside = file.path.lstrip("/")
    if file.made_by == "text":
        return f"environment/files/{inside}"
    return f"environment/make/{re.sub('[^A-Za-z0-9]+', '_', inside).strip('_')}.py"


def _check_file(file: PlannedFile) -> None:
    try:
        if not file.path.startswith("/"):
            raise TaskError(f"{file.path!r}: expected an absolute path in the container")
        check_path(file.path[1:])
    except TaskError as error:
        raise ReplyProblem(str(error)) from None
    suffix = PurePosixPath(file.path).suffix.lower()
    if file.made_by == "text" and suffix in MAGIC:
        raise ReplyProblem(f"{file.path}: expected made_by script, since a {suffix} file is no text; found text")


def _check_places(files: Sequence[PlannedFile]) -> None:
    """Where two files are in each other's way, the plan is to be mended, not the task given up at its end."""
    targets = [_target(file) for file in files]
    if len(set(targets)) < len(targets):
        twice = next(target for target in targets if targets.count(target) > 1)
        paths = [file.path for file in files if _target(file) == twice]
        raise ReplyProblem(f"expected paths that differ in their letters and digits, found {', '.join(paths)}")
    try:
        Draft("plan", {file.path[1:]: TreeFile(b"") for file in files})
    except TaskError as error:
        raise ReplyProblem(str(error)) from None
