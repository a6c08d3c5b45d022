"""The author that is a cast of models: who is asked what, when it gives up, and a whole run of careless models."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from termigen_gym.checks import AUDIT_CHECKS
from termigen_gym.checks.manifest import read_manifest
from termigen_gym.errors import ModelError, RequestFailed
from termigen_gym.llm import Cassette, ChatModel, Recorder, Reply, Request
from termigen_gym.sandbox.base import Engine
from termigen_gym.synthesis.draft import Draft
from termigen_gym.synthesis.funnel import Funnel
from termigen_gym.synthesis.journal import Ended, RunFolder
from termigen_gym.synthesis.making import Evidence, Fallen, Making
from termigen_gym.synthesis.modelled import EVOLUTIONS, ModelAuthor, Origin
from termigen_gym.synthesis.roles import ROLES
from termigen_gym.synthesis.taxonomy import taxonomy
from termigen_gym.task import Task, folder_digest
from tests.synthesis import careless
from tests.synthesis.careless import PROSE, SCRIPT, Careless, blame, checked, plan, proposal, said, solution, ways

TASK = "late-parcels"
RECORDING = Path(__file__).parent / "run.cassette.jsonl"

# Without an engine: the evidence is scripted


class Cast:
    """A model that plays all roles well, but for replies that it is given; a role's last one is said again and again.

    Attributes:
        requests: all that it was asked.
    """

    name = "cast"

    def __init__(self, **replies: Sequence[str]) -> None:
        seeds = [json.dumps({"seeds": ["one", "two", "three", "four"]})]
        self.replies: dict[str, Sequence[str]] = {"seeds": seeds, **said(TASK, **replies)}
        self.requests: list[Request] = []

    def complete(self, request: Request) -> Reply:
        role, number = request.purpose.split("/")[1:]
        self.requests.append(request)
        replies = self.replies[role]
        return Reply(replies[min(int(number), len(replies)) - 1])

    def roles(self) -> list[str]:
        """Return who was asked, in order."""
        return [request.purpose.split("/")[1] for request in self.requests]

    def prompt(self, which: int = -1) -> str:
        """Return what the user says at first in a request."""
        return str(self.requests[which].messages[1]["content"])


def made_by(model: ChatModel, slot: int = 0, origin: Origin | None = None) -> Making:
    return ModelAuthor(model, taxonomy(), careless.slots, origin).make(careless.slots(slot))


def begun(model: Cast) -> tuple[Making, Draft]:
    """A task up to its first draft; what was asked for that is forgotten."""
    making = made_by(model)
    draft = next(making)
    model.requests.clear()
    return making, draft


def test_a_task_is_written_role_by_role() -> None:
    model = Cast()
    making = made_by(model)
    draft = next(making)
    writers = ["seeds", "proposer", "evaluator", "planner", "constructor", "builder", "tester", "solver", "saboteur"]
    assert model.roles() == writers
    assert model.requests[0].purpose == "seeds-data-processing-0/seeds/1"
    assert model.requests[-1].purpose == "slot-00000/saboteur/1"
    assert draft.text("environment/files/app/parcels.csv") == careless.held(TASK, "files/app/parcels.csv")
    assert {"task.toml", "tests/test.sh", "tests/parcels.json", "solution/mistakes.toml"} <= draft.files.keys()
    assert "tests/nobody.py" not in draft.files
    with pytest.raises(StopIteration):
        making.send(None)
    assert model.roles() == [*writers, "judge"]


def test_tests_that_run_programs_have_what_runs_them() -> None:
    _, draft = begun(Cast(tester=[checked(TASK, "import nobody\n")]))
    assert draft.files["tests/nobody.py"].content


@pytest.mark.parametrize("how", EVOLUTIONS)
def test_a_task_is_made_of_another_one(how: str) -> None:
    _, draft = begun(Cast())
    model = Cast()
    next(made_by(model, origin=Origin(draft, how)))
    assert model.roles()[0] == "proposer"
    assert all(text in model.prompt(0) for text in (EVOLUTIONS[how], draft.text("solution/solve.sh").strip()))


WHO_MENDS = [
    ("load", "TaskError: /tmp/x/environment/Dockerfile: expected one", "builder"),
    ("shape", "solution/solve.sh: expected at least 4 blocks; solution/mistakes.toml: expected all", "solver"),
    ("shape", "solution/mistakes.toml: expected all five kinds", "saboteur"),
    ("shape", "environment/Dockerfile: expected the common first lines", "builder"),
    ("shape", "TaskError: /tmp/x/solution/mistakes.toml: mistake 2: step: expected 1 to 3", "saboteur"),
    ("instruction", "instruction.md: expected /app/x to be named", "proposer"),
    ("build", "BuildError: step 2", "builder"),
    ("rebuild", "BuildError: step 2", "builder"),
    ("offline", "the task: expected reward 1 with no network, found 0", "builder"),
    ("image", "/app/parcels.csv: expected data, found a chat model's words", "constructor"),
    ("image", "/app/parcels.csv.bak: expected no secret, found AKIA", "builder"),
    ("null", "null, the task: expected reward 0, found 1", "tester"),
    ("null", "VerifierTimeout: null, the task: no verdict", "tester"),
    ("echo", "echo, the task: expected reward 0, found 1", "tester"),
    ("oracle", "the task: expected reward 1, found 0", "solver"),
    ("mistakes", "the task: mistakes.toml: mistake 1, step 2: expected reward 1 after its repair", "saboteur"),
    ("elsewhere", "the task: expected reward 1 under other conditions", "tester"),
    ("flakes", "the task: expected the same outcomes", "tester"),
    ("flakes", "TaskError: /tmp/x/solution/variants.toml: mutants 1: step: expected 1 to 3", "saboteur"),
    ("prefixes", "the task: prefix/3: expected less than 1", "tester"),
    ("mutants", "expected a mutation score of at least 0.95\nsed 's/harmless /x/'", "tester"),
    ("mutants", "mutants/a: expected another end state than the solution's, found the same", "saboteur"),
    ("mutants", "the task: expected at least 30 valid mutants, found 12", "saboteur"),
    ("mutants", "harmless a: expected a mutant that the tests accept, found none", "saboteur"),
    ("equivalents", "the task: by-python: expected reward 1, found 0", "tester"),
]


@pytest.mark.parametrize(("check", "text", "role"), WHO_MENDS)
def test_a_no_goes_to_whose_part_it_is(check: str, text: str, role: str) -> None:
    parts = {"tester": "tests", "solver": "solution"}
    good = said(TASK)
    owning = {name: [*good[name], blame(part, "mine", good[name][0])] for name, part in parts.items()}
    model = Cast(**owning)
    making, draft = begun(model)
    assert making.send(Evidence(check, text)) == draft  # the same replies make the same draft
    assert model.roles() == [role]
    assert text in model.prompt()
    assert "Your last version" in model.prompt()


@pytest.mark.parametrize(
    ("part", "role"),
    [
        ("instruction", "proposer"),
        ("environment", "builder"),
        ("tests", "tester"),
        ("solution", "solver"),
        ("variants", "saboteur"),
    ],
)
def test_what_the_judge_finds_goes_to_whose_part_it_is(part: str, role: str) -> None:
    faults = [{"part": part, "why": "it is vague"}, {"part": "tests", "why": "slow"}]
    model = Cast(judge=[json.dumps({"ok": False, "faults": faults}), careless.AGREED])
    making, _ = begun(model)
    making.send(None)
    assert model.roles() == ["judge", role]
    assert "it is vague" in model.prompt()
    with pytest.raises(StopIteration):
        making.send(None)


ANOTHER = solution(TASK, careless.held(TASK, "solve.sh") + "true\n")
OTHER_TESTS = checked(TASK, careless.held(TASK, "outputs.py") + "# anew\n")
OTHER_WAYS = ways(TASK, careless.held(TASK, "variants.toml") + "# anew\n")


@pytest.mark.parametrize(
    ("check", "replies", "asked", "mended"),
    [
        ("oracle", {"solver": [blame("solution", "W1", ANOTHER)]}, ["solver"], "solution/solve.sh"),
        (
            "oracle",
            {"solver": [blame("tests", "W1")], "tester": [blame("tests", "W2", OTHER_TESTS)]},
            ["solver", "tester"],
            "tests/test_outputs.py",
        ),
        (
            "oracle",
            {"solver": [blame("tests", "W1"), ANOTHER], "tester": [blame("solution", "W2")]},
            ["solver", "tester", "solver"],
            "solution/solve.sh",
        ),
        ("oracle", {"solver": [blame("instruction", "W1")]}, ["solver", "proposer"], None),
        ("oracle", {"solver": [blame("environment", "W1")]}, ["solver", "builder"], None),
        (
            "oracle",
            {"solver": [blame("tests", "W1")], "tester": [blame("instruction", "W2")]},
            ["solver", "tester", "proposer"],
            None,
        ),
        ("equivalents", {"tester": [blame("tests", "W1", OTHER_TESTS)]}, ["tester"], "tests/test_outputs.py"),
        (
            "equivalents",
            {"tester": [blame("variants", "W1")], "saboteur": [OTHER_WAYS]},
            ["tester", "saboteur"],
            "solution/variants.toml",
        ),
        (
            "mutants",
            {"tester": [blame("variants", "W1")], "saboteur": [OTHER_WAYS]},
            ["tester", "saboteur"],
            "solution/variants.toml",
        ),
        ("equivalents", {"tester": [blame("instruction", "W1")]}, ["tester", "proposer"], None),
    ],
)
def test_two_parts_that_do_not_agree(
    check: str, replies: Mapping[str, Sequence[str]], asked: Sequence[str], mended: str | None
) -> None:
    good = said(TASK)
    model = Cast(**{role: [*good[role], *more] for role, more in replies.items()})
    making, before = begun(model)
    after = making.send(Evidence(check, "the evidence"))
    assert model.roles() == asked
    assert all("the evidence" in model.prompt(number) for number in range(len(asked)))
    assert all(f"W{number}" in model.prompt(number) for number in range(1, len(asked)))  # each reads the one before
    changed = {path for path in after.files if after.files[path] != before.files[path]}
    assert changed == ({mended} if mended else set())


def test_who_owns_up_mends_in_the_same_reply() -> None:
    good = said(TASK)
    model = Cast(solver=[*good["solver"], blame("solution", "mine"), blame("solution", "mine", ANOTHER)])
    making, _ = begun(model)
    making.send(Evidence("oracle", "no"))
    assert model.roles() == ["solver", "solver"]
    assert 'expected a block <file path="solution/solve.sh">' in str(model.requests[1].messages[-1]["content"])


@pytest.mark.parametrize(
    ("check", "text", "role"),
    [
        ("null", "no", "tester"),
        ("shape", "solution/solve.sh: no", "solver"),
        ("mistakes", "no", "saboteur"),
        ("build", "no", "builder"),
        ("instruction", "no", "proposer"),
        ("image", "/app/parcels.csv: no", "constructor"),
    ],
)
def test_a_role_whose_calls_are_spent_gives_up(check: str, text: str, role: str) -> None:
    model = Cast()
    making = made_by(model)
    next(making)
    while model.roles().count(role) < ROLES[role]:
        making.send(Evidence(check, text))
    with pytest.raises(Fallen, match=f"within {ROLES[role]} calls") as fall:
        making.send(Evidence(check, text))
    assert fall.value.stage == role
    assert model.roles().count(role) == ROLES[role]


def test_a_judge_that_is_never_content_gives_up() -> None:
    never = json.dumps({"ok": False, "faults": [{"part": "tests", "why": "so so"}]})
    making, _ = begun(Cast(judge=[never]))
    for _ in range(ROLES["judge"]):
        making.send(None)
    with pytest.raises(Fallen) as fall:
        making.send(None)
    assert fall.value.stage == "judge"


def test_a_proposal_is_rewritten_with_the_feedback_and_falls_in_the_end() -> None:
    model = Cast(evaluator=[careless.scores(4, "say what is rounded"), careless.scores(3)])
    with pytest.raises(Fallen, match="within 3 rewrites, found at last: the scores are") as fall:
        next(made_by(model))
    assert fall.value.stage == "proposal"
    assert model.roles()[1:] == ["proposer", "evaluator"] * 4
    assert all(words in model.prompt(3) for words in ("say what is rounded", "/app/late.csv", "Late parcels by depot"))
    assert '"verification":3' in model.prompt(5)


def test_files_that_are_too_many_for_a_folder_fall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("termigen_gym.synthesis.draft.MAX_BYTES", 1000)
    with pytest.raises(Fallen, match="bytes in all") as fall:
        next(made_by(Cast()))
    assert fall.value.stage == "draft"


def planned(*files: tuple[str, str]) -> str:
    return json.dumps({"files": [{"path": path, "purpose": "x", "made_by": by} for path, by in files], "packages": []})


USELESS = [
    ("seeds", '{"seeds": ["one for all"]}', "expected 4 seeds, found 1"),
    ("proposer", PROSE, 'expected a block <file path="instruction.md">'),
    ("proposer", '<file path="instruction.md">\nx</file>', "expected one JSON object with the keys 'title'"),
    ("proposer", careless.swapped(proposal(TASK), '"outputs"', '"results"'), "outputs: Field required"),
    ("evaluator", careless.scores()[:20], "expected one JSON object"),
    ("planner", PROSE, "expected one JSON object"),
    ("planner", plan(TASK, path="app/parcels.csv"), "expected an absolute path in the container"),
    ("planner", plan(TASK, path="/app/../tests/x"), "expected a path inside"),
    ("planner", plan(TASK, path="/app/parcels.csv.gz"), "expected made_by script, since a .gz file is no text"),
    ("planner", planned(("/app/a.b", "script"), ("/app/a_b", "script")), "expected paths that differ"),
    ("planner", planned(("/app/a", "text"), ("/app/a/b", "text")), "expected app/a to be a folder"),
    ("constructor", '<file path="../../etc/passwd">\nx</file>', "expected a path inside the task's folder"),
    ("builder", '<file path="environment/other">\nx</file>', "expected files 'environment/Dockerfile'"),
    ("tester", '<file path="tests/test.sh">\nx</file>', "expected files 'tests/test_outputs.py'"),
    ("solver", solution(TASK, "#!/bin/bash\ncd /app\n"), "expected only '#!', comments and 'set …'"),
    ("saboteur", ways(TASK, "[[mutants]\n"), "solution/variants.toml: expected TOML"),
    ("saboteur", ways(TASK, mistakes="[[mistake]]\nstep = 9\n"), "solution/mistakes.toml: mistake 1 kind"),
    ("judge", '{"ok": false, "faults": [{"part": "weather", "why": "x"}]}', "faults.0.part"),
]


@pytest.mark.parametrize(("role", "reply", "told"), USELESS)
def test_what_can_not_be_used_is_told_once(role: str, reply: str, told: str) -> None:
    good = Cast()
    model = Cast(**{role: [reply, *good.replies[role]]})
    making = made_by(model)
    next(making)
    if role == "judge":
        with pytest.raises(StopIteration):
            making.send(None)
    first, second = [request for request in model.requests if f"/{role}/" in request.purpose][:2]
    assert second.messages[:2] == first.messages
    assert second.messages[2]["content"].startswith(reply[:100])
    assert told in second.messages[3]["content"]

    model = Cast(**{role: [reply]})
    making = made_by(model)
    if role == "judge":
        next(making)
    with pytest.raises(Fallen, match="found twice none") as fall:
        making.send(None)
    assert fall.value.stage == role
    assert model.roles().count(role) == 2


def test_where_the_seed_writer_gives_up_its_slots_fall_and_later_ones_do_not() -> None:
    good = json.dumps({"seeds": ["one", "two", "three", "four"]})
    model = Cast(seeds=[PROSE, PROSE, good])
    author = ModelAuthor(model, taxonomy(), careless.slots)
    for index in (1, 13, 37):  # told of together with slot 25
        with pytest.raises(Fallen) as fall:
            next(author.make(careless.slots(index)))
        assert fall.value.stage == "seeds"
    assert model.roles() == ["seeds", "seeds"]
    model.replies["seeds"] = [good]
    next(author.make(careless.slots(49)))
    assert model.requests[2].purpose == "seeds-security-forensics-1/seeds/1"
    assert "one (" not in model.prompt(2)


def test_where_a_model_fails_the_task_can_be_begun_anew() -> None:
    author_asks: list[str] = []

    class Failing(Cast):
        def complete(self, request: Request) -> Reply:
            author_asks.append(request.purpose)
            if len(author_asks) in (1, 5):
                raise ModelError("not now")
            return super().complete(request)

    author = ModelAuthor(Failing(), taxonomy(), careless.slots)
    for _ in range(2):
        with pytest.raises(ModelError):
            next(author.make(careless.slots(0)))
    assert next(author.make(careless.slots(0))) == next(made_by(Cast()))
    assert author_asks[0] == author_asks[1] == "seeds-data-processing-0/seeds/1"
    assert author_asks[5] == "slot-00000/proposer/1"


@pytest.mark.parametrize("role", ["seeds", "proposer", "solver"])
def test_where_one_request_fails_its_task_falls(role: str) -> None:
    class Breaking(Cast):
        def complete(self, request: Request) -> Reply:
            if request.purpose.split("/")[-2] == role:
                raise RequestFailed("not this one")
            return super().complete(request)

    with pytest.raises(Fallen, match=r"^not this one$") as fall:
        next(made_by(Breaking()))
    assert fall.value.stage == role


# The recording


def recorded() -> dict[str, str]:
    calls = [json.loads(line) for line in RECORDING.read_text(encoding="utf-8").splitlines()]
    return {call["purpose"]: call["reply"]["text"] for call in calls}


def test_the_recording_holds_what_the_model_says_today() -> None:
    script = {
        f"{label}/{role}/{number}": text
        for label, roles in SCRIPT.items()
        for role, replies in roles.items()
        for number, text in enumerate(replies, start=1)
    }
    model = Careless()
    assert recorded() == script, "record it anew: see tests/synthesis/careless.py"
    assert all(model.complete(Request(purpose, ())).text == text for purpose, text in script.items())
    assert model.asked == list(script)


# With an engine: the run


class Watched:
    """A model that counts what it is asked, and fails after so many calls."""

    def __init__(self, model: ChatModel, most: int = 1000) -> None:
        self.name = model.name
        self.asked: list[str] = []
        self._model = model
        self._most = most

    def complete(self, request: Request) -> Reply:
        if len(self.asked) >= self._most:
            raise ModelError("the run is killed here")
        self.asked.append(request.purpose)
        return self._model.complete(request)


@dataclass(frozen=True)
class Ran:
    """What a run left."""

    out: Path
    funnel: Funnel
    asked: Sequence[str]
    ended: Mapping[int, Ended]
    left: Sequence[str]

    def events(self, kind: str) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in (self.out / "journal.jsonl").read_text().splitlines()]
        return [row for row in rows if row["event"] == kind]


@pytest.fixture(scope="module")
def ran(one_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """The run from the recording, played on an engine."""
    top = tmp_path_factory.mktemp("run")
    model = Watched(Cassette(RECORDING))
    with pytest.MonkeyPatch.context() as patch, careless.played_lightly():
        for name in ("cwd", "tmp"):
            (top / name).mkdir()
        patch.chdir(top / "cwd")
        patch.setattr(tempfile, "tempdir", str(top / "tmp"))
        folder = RunFolder(top / "out")
        funnel = careless.run(folder, model, one_engine.name)
        folder.close()
        left = [str(path.relative_to(top)) for path in sorted(top.rglob("*")) if top / "out" not in path.parents]
        yield Ran(top / "out", funnel, model.asked, dict(folder.ended), left)


ENDS = {
    0: ("admitted", "", ""),
    1: ("admitted", "", ""),
    2: ("fallen", "proposal", "nobody can tell right from wrong"),
    3: ("admitted", "", ""),
    4: ("fallen", "builder", "within 6 calls"),
    5: ("admitted", "", ""),
    6: ("fallen", "planner", "found twice none: expected one JSON object"),
    7: ("refused", "", "0.97 like late-parcels-"),
    8: ("fallen", "tester", "found twice none"),
    9: ("admitted", "", ""),
    10: ("fallen", "seeds", "seeds: Field required"),
    11: ("admitted", "", ""),
}

NOES = {
    0: ["null"],
    1: ["echo"],
    3: ["shape", "build", "build", "mistakes"],
    4: ["build", "build", "build"],  # what is the same again is not built again
    5: ["shape", "shape", "oracle", "oracle", "oracle"],
    8: ["image", "flakes"],
    9: ["mutants", "mutants", "equivalents"],
    11: ["instruction", "oracle", "elsewhere"],
}
"""Which check said no to the drafts of a slot, in order."""


def test_the_deserving_are_admitted_and_the_others_fall_where_they_should(ran: Ran) -> None:
    ends = {slot: (ended.outcome, ended.stage, ended.why) for slot, ended in ran.ended.items()}
    assert ends.keys() == ENDS.keys()
    for slot, (outcome, stage, why) in ENDS.items():
        assert ends[slot][:2] == (outcome, stage), ends[slot]
        assert why in ends[slot][2]
    assert (ran.funnel.slots, ran.funnel.admitted, ran.funnel.stages["certified"]) == (12, 6, 6)
    assert ran.funnel.falls == {"proposal": 1, "builder": 1, "planner": 1, "refused": 1, "tester": 1, "seeds": 1}


def test_every_way_to_mend_was_taken(ran: Ran) -> None:
    noes: dict[int, list[str]] = defaultdict(list)
    for row in ran.events("examined"):
        noes[row["slot"]] += [name for name, found in row["report"]["checks"].items() if not found["ok"]]
    assert noes == NOES
    assert sorted(ran.asked) == sorted(recorded())


def test_the_admitted_are_tasks_with_certificates_of_what_they_are(ran: Ran) -> None:
    manifest = read_manifest(ran.out / "MANIFEST.jsonl")
    folders = {folder.name: folder for folder in (ran.out / "tasks").iterdir()}
    admitted = [ended for ended in ran.ended.values() if ended.outcome == "admitted"]
    assert folders.keys() == {ended.name for ended in admitted}
    assert {line.digest for line in manifest.values()} == {folder_digest(folder) for folder in folders.values()}
    assert len(manifest) == len(admitted)
    for line in manifest.values():
        told = json.loads(line.to_line())
        assert list(told["certificate"]["checks"]) == list(AUDIT_CHECKS)
        assert all(check["ok"] for check in told["certificate"]["checks"].values())
        assert told["certificate"]["mutation_score"] == 1.0
    for ended in admitted:
        task = Task.load(folders[ended.name])
        assert task.config.metadata.category == careless.slots(ended.slot).category
        assert Draft.of(folders[ended.name]).digest == ended.digest


def test_what_fell_is_kept_with_the_reason(ran: Ran) -> None:
    lost = [ended for ended in ran.ended.values() if ended.outcome != "admitted"]
    for ended in lost:
        folder = ran.out / "fallen" / "-".join(part for part in (f"{ended.slot:05d}", ended.name) if part)
        assert ended.why in (folder / "why.txt").read_text()
    assert len(list((ran.out / "fallen").iterdir())) == len(lost)


def test_nothing_is_written_outside(ran: Ran) -> None:
    assert ran.left == ["cwd", "out", "tmp"]


def everything(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_the_same_run_again_asks_and_plays_nothing(ran: Ran, one_engine: Engine) -> None:
    before = everything(ran.out)
    model = Watched(Careless(), most=0)
    folder = RunFolder(ran.out)
    assert careless.run(folder, model, one_engine.name) == ran.funnel
    folder.close()
    assert everything(ran.out) == before


@pytest.mark.parametrize("most", [3, 17, 50])
def test_a_run_that_is_killed_again_and_again_comes_to_the_same_end(
    ran: Ran, one_engine: Engine, tmp_path: Path, most: int
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    # Draft by draft what the engine found: this is about the models, and nothing needs to be played twice for it.
    (out / "journal.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ran.events("examined")))
    asked: list[str] = []
    kills = 0
    while True:
        folder = RunFolder(out)
        model = Watched(Careless(), most)
        try:
            with Recorder(model, folder.folder / "calls.jsonl") as recorder, careless.played_lightly():
                funnel = careless.run(folder, recorder, one_engine.name)
            break
        except ModelError:
            kills += 1
        finally:
            asked += model.asked
            folder.close()
    assert kills >= len(recorded()) // most - 1
    assert sorted(asked) == sorted(recorded())
    assert funnel == ran.funnel
    assert {name: text for name, text in everything(out).items() if name.startswith("tasks/")} == {
        name: text for name, text in everything(ran.out).items() if name.startswith("tasks/")
    }
    manifests = [read_manifest(folder / "MANIFEST.jsonl") for folder in (out, ran.out)]
    assert manifests[0] == manifests[1]
    assert len(Ran(out, funnel, asked, {}, []).events("examined")) == len(ran.events("examined"))
