"""``termigen synthesize``: what it refuses, what it leaves, and that an interrupted run goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from termigen_gym.checks.manifest import read_manifest
from termigen_gym.sandbox.base import Engine
from termigen_gym.task import folder_digest
from tests.command import MAIN
from tests.endpoint import Behaviour, Body, Endpoint, closes, cuts, hangs, says, status, waits_for
from tests.machines import machines
from tests.waiting import Process, wait_until

SYNTHESIZE = (*MAIN, "synthesize")


def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SYNTHESIZE, *words], capture_output=True, text=True, check=False, env={**os.environ, **env})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--author", "model"], "expected --model with --author model"),
        (["--model", "x"], "expected --model with --author model, and only there"),
        (["--author", "cassette"], "expected --cassette with --author cassette"),
        (["--evolve", "rpn-make-graph"], "expected --author model or cassette beside it"),
        (["--author", "model", "--model", "x", "--max-dollars", "1"], "expected --price beside it"),
        (["--author", "model", "--model", "x", "--role", "cook=y"], "expected roles of seeds, proposer"),
        (["--author", "model", "--model", "x", "--role", "judge"], "expected ROLE=MODEL, found 'judge'"),
        (["--n", "0"], "greater than or equal to 1"),
    ],
)
def test_what_can_not_be_meant_is_refused(words: list[str], told: str, tmp_path: Path) -> None:
    done = run("--out", str(tmp_path / "out"), *words)
    assert done.returncode == 2
    assert told in " ".join(done.stderr.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_an_endpoint_that_refuses_ends_the_run_with_a_word(tmp_path: Path) -> None:
    with Endpoint([status(401)] * 4) as endpoint:
        words = ["--author", "model", "--model", "x", "--base-url", endpoint.url, "--n", "1", "--in-flight", "1"]
        done = run("--out", str(tmp_path), "--sandbox", "bubblewrap", *words)
    assert done.returncode == 3
    assert "401" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_endpoint_in_trouble_is_asked_again_and_the_run_goes_on_later(tmp_path: Path) -> None:
    words = ["--author", "model", "--model", "x", "--n", "1", "--in-flight", "1", "--timeout-s", "1", "--json"]
    prose = says("I would rather not.")
    trouble = [status(429, headers={"Retry-After": "0"}), status(500), cuts(), prose, hangs(), closes(), prose]
    with Endpoint([*trouble, status(401)]) as endpoint:
        done = run("--out", str(tmp_path), "--sandbox", "bubblewrap", *words, "--base-url", endpoint.url)
        assert len(endpoint.bodies) == len(trouble) + 1
    assert done.returncode == 3
    calls = tmp_path / "calls.jsonl"
    assert len(calls.read_text().splitlines()) == 2
    with Endpoint([prose] * 8) as endpoint:
        done = run("--out", str(tmp_path), "--sandbox", "bubblewrap", *words, "--base-url", endpoint.url)
        asked = len(endpoint.bodies)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["falls"] == {"seeds": 4}
    purposes = [json.loads(line)["purpose"] for line in calls.read_text().splitlines()]
    assert len(set(purposes)) == len(purposes) == 2 + asked


def test_hundreds_are_in_the_making_at_a_time_and_the_endpoint_is_asked_as_often_as_it_may(tmp_path: Path) -> None:
    """Proposers are answered once 64 requests are there at the same time: 100 slots wait for no more than that."""
    together = threading.Barrier(64)
    first = iter(range(64))
    turns = threading.Lock()

    def answer(body: Body) -> Behaviour:
        system, prompt = (message["content"] for message in body["messages"][:2])
        if "You are its seeds." in system:
            wanted = int(re.findall(r"exactly (\d+) phrases", prompt)[0])
            return says(json.dumps({"seeds": [f"seed {number}" for number in range(wanted)]}))
        with turns:
            waits = next(first, None) is not None
        return waits_for(together, "I would rather not.") if waits else says("I would rather not.")

    words = ["--author", "model", "--model", "x", "--n", "100", "--in-flight", "100", "--concurrency", "64", "--json"]
    with Endpoint(answer) as endpoint:
        done = run("--out", str(tmp_path), "--sandbox", "bubblewrap", *words, "--base-url", endpoint.url)
        assert endpoint.most_at_once == 64
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["falls"] == {"proposer": 400}


def begin(*words: str, **env: str) -> Process:
    return Process(
        [*SYNTHESIZE, *words],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, **env},
    )


def wait_for(condition: Callable[[], bool], process: Process) -> None:
    """Return when it holds, of a process that goes on meanwhile."""

    def holds() -> bool:
        assert process.poll() is None
        return condition()

    wait_until(holds, 300)


def test_a_run_that_is_killed_goes_on_and_makes_the_same(one_engine: Engine, tmp_path: Path) -> None:
    """kill -9 in mid-run, then the same command; beside it a run on a cluster of which a machine goes down."""
    words = ["--sandbox", one_engine.name, "--n", "2", "--seed", "3", "--json"]
    cut, whole, drafts = tmp_path / "cut", tmp_path / "whole", tmp_path / "drafts"
    drafts.mkdir()
    journal = cut / "journal.jsonl"
    with begin("--out", str(cut), *words) as process:
        wait_for(lambda: journal.exists() and "examined" in journal.read_text(), process)
        os.killpg(process.pid, signal.SIGKILL)
    done = run("--out", str(cut), *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["admitted"] == 2
    # Where machines write what they examine: here, so that it is seen that both are at work.
    with pytest.MonkeyPatch.context() as patch, machines(0) as cluster:
        patch.setenv("TMPDIR", str(drafts))
        dying, _ = cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)
        with begin("--out", str(whole), *words, "--ray", cluster.address) as process:
            wait_for(lambda: len(list(drafts.glob("termigen-draft-*"))) >= 2, process)
            cluster.remove_node(dying, allow_graceful=False)
            told, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    assert json.loads(told)["admitted"] == 2
    names = sorted(path.name for path in (cut / "tasks").iterdir())
    assert names == sorted(path.name for path in (whole / "tasks").iterdir())
    for id, made in read_manifest(cut / "MANIFEST.jsonl").items():
        folder = cut / "tasks" / id.removeprefix("termigen/").removesuffix("-v0")
        assert made.digest == folder_digest(folder) == folder_digest(whole / "tasks" / folder.name)
    page = (cut / "index.html").read_text()
    assert all(name in page for name in names)
    assert "<svg" in page
    assert json.loads((cut / "funnel.json").read_text())["stages"]["certified"] == 2
