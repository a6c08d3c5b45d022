"""What an examination says of a draft, and what it says nothing on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from termigen_gym.checks import Finding
from termigen_gym.checks.context import Context
from termigen_gym.errors import BuildError, TermigenError, TooLarge, VerifierTimeout
from termigen_gym.synthesis import examine
from termigen_gym.synthesis.draft import Draft
from termigen_gym.synthesis.examine import EXAMINATION, Examiner, evidence_of
from termigen_gym.synthesis.making import Evidence
from termigen_gym.task import TreeFile

DRAFT = Draft("some-task", {"environment/Dockerfile": TreeFile(b"FROM scratch\n")})


Check = Callable[[Context], Finding]


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> Callable[[Check], Examiner]:
    """An examiner whose one check is given."""
    monkeypatch.setattr(examine, "engine", lambda name: SimpleNamespace(name=name, built_of=lambda digest: None))

    def make(check: Check) -> Examiner:
        monkeypatch.setattr(examine, "EXAMINATION", {"null": check})
        return Examiner("none", 1)

    return make


def failing(error: TermigenError) -> Check:
    def check(context: Context) -> Finding:
        raise error

    return check


@pytest.mark.parametrize("error", [VerifierTimeout("no end"), TooLarge("2 GiB"), BuildError("step 2")])
def test_what_a_draft_brings_about_speaks_against_it(
    examined: Callable[[Check], Examiner], error: TermigenError
) -> None:
    found = evidence_of(examined(failing(error)).examine(DRAFT))
    assert found == Evidence("null", f"{type(error).__name__}: {error}")


def test_what_fails_of_ours_says_nothing(examined: Callable[[Check], Examiner]) -> None:
    with pytest.raises(TermigenError, match="expected every check to be carried out, found null: TermigenError: disk"):
        examined(failing(TermigenError("disk"))).examine(DRAFT)


def test_what_is_cut_short_says_nothing(examined: Callable[[Check], Examiner]) -> None:
    def check(context: Context) -> Finding:
        thread = threading.Thread(target=examiner.close)
        thread.start()
        thread.join()
        assert context.closed.is_set()
        return Finding(False, "run/1: expected reward 1, found no verdict")

    examiner = examined(check)
    with pytest.raises(TermigenError, match="found it closed meanwhile"):
        examiner.examine(DRAFT)
    with pytest.raises(TermigenError, match="found it closed"):
        examiner.examine(DRAFT)


def test_an_image_is_looked_into_before_anything_is_played() -> None:
    names = list(EXAMINATION)
    assert names[: names.index("null")] == ["load", "shape", "instruction", "build", "image"]
