"""What is read of a trial of Harbor's, and the task that both sides play."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from benchmarks.harbor_peer import TASK, Trial, find_harbor, play_cold
from termigen_gym.sandbox.base import Engine
from termigen_gym.solution import solution_of
from termigen_gym.task import Task

# What Harbor 0.26.0 wrote of a trial of this task, without its config.
RESULT: dict[str, Any] = {
    "task_name": "harbor_task",
    "trial_name": "t2",
    "agent_info": {"name": "oracle", "version": "1.0.0", "model_info": None},
    "verifier_result": {"rewards": {"reward": 1.0}},
    "exception_info": None,
    "started_at": "2026-11-26T18:15:45.053873Z",
    "finished_at": "2026-11-26T18:15:59.764364Z",
    "environment_setup": {"started_at": "2026-11-26T18:15:45.096334Z", "finished_at": "2026-11-26T18:15:46.637338Z"},
    "agent_setup": {"started_at": "2026-11-26T18:15:46.637409Z", "finished_at": "2026-11-26T18:15:46.637477Z"},
    "agent_execution": {"started_at": "2026-11-26T18:15:46.637559Z", "finished_at": "2026-11-26T18:15:47.663535Z"},
    "verifier": {"started_at": "2026-11-26T18:15:48.441742Z", "finished_at": "2026-11-26T18:15:49.241754Z"},
}


def test_a_trial_is_timed_by_what_harbor_wrote() -> None:
    trial = Trial.of(RESULT)
    assert trial.whole == pytest.approx(14_710.491)
    assert trial.until_verdict == pytest.approx(4_187.881)
    assert trial.phases == {
        "environment_setup": pytest.approx(1_541.004),
        "agent_setup": pytest.approx(0.068),
        "agent_execution": pytest.approx(1_025.976),
        "verifier": pytest.approx(800.012),
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verifier_result": {"rewards": {"reward": 0.0}}}, "found reward 0.0 and exception None"),
        ({"verifier_result": None, "verifier": None}, "found reward None and exception None"),
        ({"exception_info": {"exception_type": "RuntimeError"}}, "found reward 1.0 and exception .*RuntimeError"),
    ],
)
def test_the_time_of_a_trial_that_failed_does_not_count(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^t2: expected a trial of Harbor's that earns 1, {said}"):
        Trial.of({**RESULT, **change})


def test_where_harbor_is_not_installed_a_word_says_how_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert find_harbor("no-such-harbor --flag") is None
    said = capsys.readouterr().err
    assert re.fullmatch(r"harbor: expected a program 'no-such-harbor', found none; .*harbor_container\.sh\n", said)
    assert find_harbor(f"{sys.executable} -m 'a b'") == [sys.executable, "-m", "a b"]


def test_the_task_has_five_steps_and_is_solved_by_them(engine: Engine) -> None:
    assert len(solution_of(Task.load(TASK))) == 5
    assert play_cold(engine.name) > 0
