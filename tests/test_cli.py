"""The command line: documents on standard output, talk on standard error, exit codes that scripts can rely on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from termigen_gym import conformance, doctor
from termigen_gym.agents.protocol import assistant_message
from termigen_gym.catalog import Entry
from termigen_gym.checks import AUDIT_CHECKS, Finding, Report, journal
from termigen_gym.checks.journal import Journal
from termigen_gym.cli import app
from termigen_gym.conformance import CASES, TALKS
from termigen_gym.episode import PERTURBATION_KINDS
from termigen_gym.errors import EngineMissing
from termigen_gym.extras import EXTRAS
from termigen_gym.sandbox import NAMES
from termigen_gym.sandbox.base import Engine
from termigen_gym.store import EpisodeStore
from tests import samples
from tests.bash_env import BashEnv, register, write_task
from tests.endpoint import Behaviour, Endpoint, says, status

ROOT = Path(__file__).parent.parent
ADD = "termigen/add-v0"


class Done:
    """What a command left."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Termigen = Callable[..., Done]


@pytest.fixture
def termigen() -> Termigen:
    def run(*args: object) -> Done:
        result = CliRunner().invoke(app, [str(arg) for arg in args])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(autouse=True)
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    write_task(tmp_path / "envs" / "add")
    register(monkeypatch, tmp_path / "envs", "add")
    yield
    assert not BashEnv.open_now


# list and show


def test_list(termigen: Termigen) -> None:
    rows = {row["id"]: row for row in termigen("list", "--json").document}
    assert rows[ADD] == {
        "id": ADD,
        "kind": "task",
        "category": "algorithms-puzzles",
        "difficulty": "easy",
        "tools": ["bash"],
    }
    assert list(rows) == sorted(rows)
    assert ADD in termigen("list").out


def test_the_package_is_the_command_line(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "termigen_gym", "show", "nothing"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("termigen: task 'nothing': expected one of the ")


def test_list_of_a_category(termigen: Termigen) -> None:
    rows = termigen("list", "--category", "algorithms-puzzles", "--json").document
    assert {row["category"] for row in rows} == {"algorithms-puzzles"}
    done = termigen("list", "--category", "cooking")
    assert done.code == 2
    assert "algorithms-puzzles" in done.err


def test_list_leaves_out_what_can_not_be_read(termigen: Termigen, tmp_path: Path) -> None:
    (tmp_path / "envs" / "broken").mkdir()
    done = termigen("list", "--json")
    assert done.code == 0
    assert "termigen/broken-v0" not in [row["id"] for row in done.document]
    assert "broken/task.toml: expected a file, found none" in done.err


@pytest.mark.parametrize("id", ["add", ADD, "termigen_gym:termigen/add-v0", "FOLDER"])
def test_show(termigen: Termigen, tmp_path: Path, id: str) -> None:
    done = termigen("show", id.replace("FOLDER", str(tmp_path / "envs" / "add")), "--json")
    assert done.document["instruction"] == "Write the sum of the file `numbers` into `answer`.\n"
    assert done.document["id"] == ADD
    assert "Write the sum" in termigen("show", "add").out


def test_show_of_a_family_is_of_a_seed(termigen: Termigen) -> None:
    family = next(row["id"] for row in termigen("list", "--json").document if row["kind"] == "family")
    shown = [termigen("show", family, "--seed", seed, "--json").document for seed in (1, 1, 2)]
    assert shown[0] == shown[1]
    assert shown[0]["digest"] != shown[2]["digest"]
    assert termigen("show", family, "--difficulty", "hard", "--json").document["difficulty"] == "hard"


@pytest.mark.parametrize("command", [("show",), ("play", "--agent", "oracle"), ("check",)])
def test_an_unknown_id_gets_the_near_names_and_no_traceback(termigen: Termigen, command: tuple[str, ...]) -> None:
    done = termigen(command[0], "termigen/ad-v0", *command[1:])
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert "did you mean add" in done.err


# play


@pytest.mark.parametrize(("agent", "reward", "steps"), [("oracle", 1.0, 4), ("null", 0.0, 1), ("echo", 0.0, 1)])
def test_play(termigen: Termigen, agent: str, reward: float, steps: int) -> None:
    done = termigen("play", "add", "--agent", agent, "--json")
    assert done.code == 0
    assert done.document == {"id": ADD, "reward": reward, "steps": steps, "ended": "submitted", "error": None}


def test_play_shows_thought_command_output_and_reward(termigen: Termigen) -> None:
    out = termigen("play", ADD, "--agent", "oracle").out
    for text in (
        "Write the sum",
        "# I look around.",
        "$ ls",
        "numbers",
        "$ cat answer",
        "42",
        "reward 1 after 4 steps",
    ):
        assert text in out


def test_play_under_the_critic(termigen: Termigen) -> None:
    done = termigen("play", "add", "--agent", "oracle", "--critic", "rule", "--epsilon", "0.4", "--seed", "1", "--json")
    assert done.document["reward"] == 1.0
    assert done.document["steps"] > 4
    assert any(f"[{kind}]" in done.err for kind in PERTURBATION_KINDS)


def test_play_with_a_persons_input(termigen: Termigen) -> None:
    result = CliRunner().invoke(app, ["play", "add", "--json"], input="echo $((17 + 25)) > answer\nexit\n")
    assert json.loads(result.stdout[result.stdout.index("{") :])["reward"] == 1.0


def test_play_with_a_class_of_ones_own(termigen: Termigen) -> None:
    done = termigen("play", "add", "--agent", "tests.agents_for_tests:Clumsy", "--json")
    assert done.code == 3
    assert done.document["error"] == {"type": "ZeroDivisionError", "message": "division by zero"}
    assert done.document["reward"] is None


@pytest.mark.parametrize(
    ("agent", "text"),
    [
        ("orakel", "did you mean 'oracle'"),
        ("no_such_module:Agent", "No module named 'no_such_module'"),
        ("tests.agents_for_tests:Nobody", "expected a class 'Nobody'"),
        ("pathlib:Path", "found no model, begin, act, usage"),
        ("local", "--checkpoint"),
    ],
)
def test_an_agent_that_can_not_play_is_a_usage_error(termigen: Termigen, agent: str, text: str) -> None:
    done = termigen("play", "add", "--agent", agent)
    assert done.code == 2
    assert text in done.err


# collect, export, eval


def test_collect_then_resume_then_export(termigen: Termigen, tmp_path: Path) -> None:
    run = tmp_path / "run"
    args = ("collect", "--tasks", "add", "--out", run, "--agent", "oracle", "--critic", "rule", "--seed", 2, "--json")
    first = termigen(*args, "--episodes", 3)
    assert first.code == 0
    assert (first.document["episodes"], first.document["solved"], first.document["errors"]) == (3, 3, 0)
    assert set(first.document["injected"]) == set(PERTURBATION_KINDS)
    assert "episodes 3/3" in first.err
    assert termigen(*args, "--episodes", 5).document["played"] == 2
    other = termigen(*args, "--episodes", 5, "--epsilon", 0.5)
    assert other.code == 2
    assert "epsilon was 0.2, now 0.5" in other.err
    out = tmp_path / "data" / "messages.jsonl"
    exported = termigen("export", run, "--format", "messages", "--out", out, "--json")
    assert exported.document["episodes"] == 5
    assert len(out.read_text().splitlines()) == 5


def test_collect_for_people_is_a_table(termigen: Termigen, tmp_path: Path) -> None:
    out = termigen("collect", "--tasks", "add", "--out", tmp_path / "run", "--episodes", 2).out
    assert "mistakes injected" in out
    assert str(tmp_path / "run") in out.replace("\n", "")


def test_collect_with_failures_left_is_ours(termigen: Termigen, tmp_path: Path) -> None:
    run = tmp_path / "run"
    clumsy = ("--agent", "tests.agents_for_tests:Clumsy")
    done = termigen("collect", "--tasks", "add", "--out", run, "--episodes", 2, *clumsy, "--json")
    assert done.code == 3
    assert (done.document["errors"], done.document["solved"]) == (2, 0)
    assert all(episode.ended == "error" for episode in EpisodeStore(run))


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("--tasks", "nothing-*"), "found none"),
        (("--tasks", "ad"), "did you mean add"),
        (("--tasks", ","), "expected names or patterns"),
        (("--epsilon", "1.5"), "--epsilon"),
        (("--episodes", "0"), "--episodes"),
        (("--sandbox", "chroot"), "chroot"),
        (("--critic", "film"), "film"),
        (("--temperature", "0.5"), "--temperature"),
        (("--agent", "chat"), "--model"),
        (("--agent", "null", "--model", "x"), "--model"),
        (("--base-url", "http://127.0.0.1:1/v1"), "--base-url"),
        (("--model", "x", "--api-key-env", "NO_SUCH_KEY"), "expected an environment variable that is set"),
        (("--model", "x", "--option", "memory"), "expected NAME=VALUE, found 'memory'"),
    ],
)
def test_bad_arguments_of_collect(termigen: Termigen, tmp_path: Path, args: tuple[str, ...], text: str) -> None:
    done = termigen("collect", "--out", tmp_path / "run", *args)
    assert done.code == 2
    assert text in done.err
    assert not (tmp_path / "run").exists()


CASTS = """
[[agents]]
name = "oracle"
[[agents]]
name = "null"
[[critics]]
name = "rule"
epsilon = 1.0
[[critics]]
name = "none"
"""


def test_collect_with_agents_and_critics_of_a_file(termigen: Termigen, tmp_path: Path) -> None:
    (tmp_path / "cast.toml").write_text(CASTS)
    words = ("--out", tmp_path / "run", "--tasks", "add", "--episodes", 4, "--cast", tmp_path / "cast.toml")
    assert termigen("collect", *words, "--json").document["episodes"] == 4
    found = [EpisodeStore(tmp_path / "run").get(f"00000{i}") for i in range(4)]
    assert [(one.agent, bool(one.perturbations)) for one in found] == [
        ("oracle", True),
        ("oracle", False),
        ("null", False),  # who has only to hand in
        ("null", False),
    ]
    assert len({one.seed for one in found}) == 1


@pytest.mark.parametrize(
    ("text", "args", "told"),
    [
        ("[[agents]\n", (), "expected TOML"),
        ("", (), "agents: Field required"),
        (CASTS.replace('"null"', "7"), (), "agents.1.name"),
        (CASTS + "speed = 3\n", (), "critics.1.speed: Extra inputs are not permitted"),
        (CASTS.replace("1.0", "7.0"), (), "epsilon"),
        (CASTS, ("--agent", "oracle", "--epsilon", "0.2"), "expected it in place of --agent, --epsilon"),
        (CASTS, ("--max-dollars", "3"), "price"),
    ],
)
def test_a_cast_that_can_not_be_had_is_refused(
    termigen: Termigen, tmp_path: Path, text: str, args: tuple[str, ...], told: str
) -> None:
    (tmp_path / "cast.toml").write_text(text)
    words = ("--out", tmp_path / "run", "--tasks", "add", "--cast", tmp_path / "cast.toml")
    done = termigen("collect", *words, *args)
    assert done.code == 2
    assert told in " ".join(done.err.replace("│", " ").split())
    assert not (tmp_path / "run").exists()


def test_collect_with_a_model_at_an_endpoint(
    termigen: Termigen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_KEY", "sk-secret-5f1d8c3b")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    moves = ["ls", "echo $((17 + 25)) > answer", "exit"]
    run = tmp_path / "run"
    words = ("collect", "--tasks", "add", "--out", run, "--critic", "none", "--workers", 1, "--json", "--agent", "chat")
    asked = ("--model", "tiny", "--temperature", 0.5, "--api-key-env", "MODEL_KEY", "--option", "memory=true")

    def script(body: dict[str, Any]) -> Behaviour:
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        return says(str(assistant_message("So.", moves[turn])["content"]), usage=(100, 10))

    with Endpoint(script) as endpoint:
        done = termigen(*words, *asked, "--option", "price=[1, 2]", "--episodes", 2, "--base-url", endpoint.url)
    assert done.code == 0
    assert (done.document["episodes"], done.document["solved"]) == (2, 2)
    assert endpoint.headers[0]["authorization"] == "Bearer sk-secret-5f1d8c3b"
    assert endpoint.bodies[0]["temperature"] == 0.5
    episode = EpisodeStore(run).get("000000")
    assert (episode.agent, episode.model) == ("chat", "tiny")
    assert episode.usage["dollars"] == pytest.approx(3 * 120e-6)
    kept = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file())
    assert b"tiny" in kept
    assert b"sk-secret" not in kept
    # The same run goes on at another endpoint, which refuses.
    with Endpoint([status(401)]) as endpoint:
        refused = termigen(*words, *asked, "--option", "price=[1, 2]", "--episodes", 9, "--base-url", endpoint.url)
    assert refused.code == 3
    assert len(endpoint.bodies) == 1
    assert "ModelRefused" in refused.err
    assert "is the key in MODEL_KEY right?" in refused.err
    assert "resume with the same folder" in refused.err
    other = termigen(*words, *asked, "--option", "price=[1, 3]", "--episodes", 9)
    assert other.code == 2
    assert "agent_options was" in other.err


@pytest.mark.parametrize("command", ["play", "eval"])
def test_a_model_at_an_endpoint_plays_and_is_scored(
    termigen: Termigen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("MODEL_KEY", "sk-secret")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    words = {"play": ("add",), "eval": ("--tasks", "add", "--out", tmp_path / "run")}[command]
    with Endpoint([says(str(assistant_message("So.", "exit")["content"]))]) as endpoint:
        asked = ("--model", "tiny", "--base-url", endpoint.url, "--api-key-env", "MODEL_KEY", "--temperature", 0.5)
        done = termigen(command, *words, *asked, "--option", "max_tokens=77", "--json")
    assert done.code == 0
    assert done.document.get("reward", done.document.get("mean_reward")) == 0.0
    assert endpoint.headers[0]["authorization"] == "Bearer sk-secret"
    assert {key: endpoint.bodies[0][key] for key in ("model", "temperature", "max_tokens")} == {
        "model": "tiny",
        "temperature": 0.5,
        "max_tokens": 77,
    }


@pytest.mark.parametrize(
    ("option", "text"),
    [("protocol=morse", "expected a protocol of termigen, bashagent"), ("colour=red", "unexpected keyword argument")],
)
def test_an_option_that_the_agent_does_not_take_is_a_usage_error(termigen: Termigen, option: str, text: str) -> None:
    done = termigen("play", "add", "--model", "x", "--option", option)
    assert done.code == 2
    assert text in done.err


def test_export_of_a_damaged_run_names_the_line(termigen: Termigen, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "episodes.jsonl").write_text("{}\n")
    done = termigen("export", tmp_path / "run", "--format", "messages", "--out", tmp_path / "out.jsonl")
    assert done.code == 2
    assert "episodes.jsonl, line 1" in done.err


def test_export_of_tokens_wants_a_tokenizer(termigen: Termigen, tmp_path: Path) -> None:
    done = termigen("export", tmp_path, "--format", "tokens", "--out", tmp_path / "out.jsonl")
    assert done.code == 2
    assert "--tokenizer" in done.err


def test_eval(termigen: Termigen, tmp_path: Path) -> None:
    done = termigen(
        "eval", "--tasks", "add", "--k", 2, "--n", 3, "--out", tmp_path / "run", "--agent", "oracle", "--json"
    )
    assert done.code == 0
    assert done.document["pass_at_k"]["value"] == 1.0
    assert done.document["k"] == 2
    assert done.document["tasks"][0]["n"] == 3
    assert (done.document["errors"], done.document["recovery"]["value"]) == (0, None)
    assert (
        "pass@2 1.000"
        in termigen("eval", "--tasks", "add", "--k", 2, "--n", 3, "--out", tmp_path / "run", "--agent", "oracle").out
    )


def test_eval_without_verdicts_gives_no_figures(termigen: Termigen, tmp_path: Path) -> None:
    clumsy = ("--agent", "tests.agents_for_tests:Clumsy")
    done = termigen("eval", "--tasks", "add", "--out", tmp_path / "run", *clumsy, "--json")
    assert done.code == 3
    assert (done.document["errors"], done.document["pass_at_k"]["value"], done.document["unscored"]) == (1, None, [ADD])


@pytest.mark.parametrize(
    ("args", "text"),
    [(("--k", 3, "--n", 2, "--agent", "oracle"), "at least 3 attempts"), ((), "--agent, --checkpoint or --model")],
)
def test_bad_arguments_of_eval(termigen: Termigen, tmp_path: Path, args: tuple[object, ...], text: str) -> None:
    done = termigen("eval", "--tasks", "add", "--out", tmp_path / "run", *args)
    assert done.code == 2
    assert text in done.err


# check


def test_check_of_a_folder(termigen: Termigen, engine: Engine, tmp_path: Path) -> None:
    folder = samples.write_task(tmp_path / "sample")
    done = termigen("check", folder, "--sandbox", engine.name, "--json")
    assert done.code == 1
    (report,) = done.document
    assert (report["id"], report["ok"]) == (str(folder), False)
    assert report["checks"]["build"]["ok"]
    assert "expected a reference solution" in report["checks"]["oracle"]["detail"]
    assert "NOT" in done.err


def test_an_audit_goes_on_where_it_was_interrupted(
    termigen: Termigen, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a solution an audit is short; the report that an earlier one kept is taken over as it is."""
    monkeypatch.setattr(journal, "cache_folder", lambda: tmp_path)
    bare = "FROM debian:bookworm-slim\nWORKDIR /app\n"
    folders = {name: samples.write_task(tmp_path / name, dockerfile=bare) for name in ("one", "two")}
    names = {str(folder): Entry(name, "task", folder) for name, folder in folders.items()}
    kept = Report(str(folders["one"]), {"load": Finding(True, "kept")})
    Journal(names, engine.name).keep(kept)
    done = termigen("check", *names, "--audit", "--sandbox", engine.name, "--json")
    assert done.code == 1
    one, two = done.document
    assert one == kept.to_dict()
    assert list(two["checks"]) == list(AUDIT_CHECKS)
    assert "build_s" in two["checks"]["rebuild"]["figures"]
    assert "expected a reference solution" in two["checks"]["mutants"]["detail"]
    assert Journal(names, engine.name).kept() == {}


def test_only_an_audit_certifies(termigen: Termigen) -> None:
    done = termigen("check", "add", "--write")
    assert done.code == 2
    assert "expected --audit beside it" in done.err


def test_an_audit_of_a_set_from_outside(termigen: Termigen, engine: Engine, tmp_path: Path) -> None:
    given = "echo 1 > /logs/verifier/reward.txt\n"
    for name in ("one", "two", "three"):
        samples.write_task(tmp_path / "set" / name, test_sh=given if name == "two" else samples.TEST_SH)
    command = ("audit", tmp_path / "set", "--sandbox", engine.name, "--out", tmp_path / "kept.jsonl")
    done = termigen(*command, "--json")
    assert done.code == 1
    assert [report["id"] for report in done.document["reports"]] == ["one", "three", "two"]
    (idle,) = (row for row in done.document["faults"] if (row["check"], row["figure"]) == ("null", "solved"))
    assert (idle["found"], idle["tried"]) == (1, 3)
    again = termigen(*command)
    assert len((tmp_path / "kept.jsonl").read_text().split()) > 3
    assert re.search(r"solved by doing nothing +│ +1 │ +3 │ 33.3% │ 6.1% to 79.2%", again.out)
    one = termigen("audit", tmp_path / "set", "--sample", "1", "--seed", "1", "--sandbox", engine.name)
    assert "1 tasks on " in one.err


@pytest.mark.parametrize("args", [(), ("--all", "add")])
def test_check_wants_ids_or_all(termigen: Termigen, args: tuple[str, ...]) -> None:
    done = termigen("check", *args)
    assert done.code == 2
    assert "--all" in done.err


# doctor and images


def test_doctor(termigen: Termigen, engine: Engine) -> None:
    done = termigen("doctor", "--json")
    assert done.code == 0
    found = done.document
    assert [state["name"] for state in found["engines"]] == list(NAMES)
    state = next(state for state in found["engines"] if state["name"] == engine.name)
    assert (state["ok"], state["base_image"]) == (True, True)
    assert found["auto"] == next(state["name"] for state in found["engines"] if state["ok"])
    assert all(disk["free_gib"] > 0 for disk in found["disks"])
    assert "auto takes" in termigen("doctor").out


def test_doctor_without_an_engine_says_what_to_do(termigen: Termigen, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> Engine:
        raise EngineMissing(f"{name}: install it")

    monkeypatch.setattr(doctor, "engine", none)
    done = termigen("doctor")
    assert done.code == 3
    assert "docker: install it" in done.out
    assert "auto takes: none" in done.out


@pytest.fixture
def few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of each contract."""
    monkeypatch.setattr(conformance, "CASES", tuple(case for case in CASES if case.name in ("no_network", "leaving")))
    monkeypatch.setattr(conformance, "TALKS", TALKS[:2])


@pytest.mark.usefixtures("few_cases")
def test_selfcheck_runs_both_contracts(termigen: Termigen, engine: Engine) -> None:
    done = termigen("doctor", "--selfcheck", "--sandbox", engine.name, "--json")
    assert done.code == 0
    assert list(done.document["selfcheck"]) == [engine.name]
    contracts = done.document["selfcheck"][engine.name]
    assert {name: [result["ok"] for result in results] for name, results in contracts.items()} == {
        "sandbox": [True, True],
        "terminal": [True, True],
    }
    assert f"{engine.name}: terminal 2/2 0 failed" in done.err
    shown = termigen("doctor", "--selfcheck", "--sandbox", engine.name).out
    assert f"{engine.name}: sandbox: 2 of 2 as they should be" in shown


@pytest.mark.usefixtures("few_cases")
def test_selfcheck_says_what_is_not_as_it_should_be(
    termigen: Termigen, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = replace(TALKS[0], turns=(replace(TALKS[0].turns[0], exit_code=1),))
    monkeypatch.setattr(conformance, "TALKS", (wrong, TALKS[1]))
    done = termigen("doctor", "--selfcheck", "--sandbox", engine.name)
    assert done.code == 1
    assert f"{engine.name}: terminal: 1 of 2 as they should be" in done.out
    assert f"NOT {wrong.name}: {wrong.shows} AssertionError: turn 1" in done.out
    done = termigen("doctor", "--selfcheck", "--sandbox", engine.name, "--json")
    assert done.code == 1
    assert "exit code" in done.document["selfcheck"][engine.name]["terminal"][0]["detail"]


def test_bootstrap_of_what_is_there(termigen: Termigen, engine: Engine) -> None:
    done = termigen("images", "bootstrap", "--sandbox", engine.name, "--json")
    assert done.document == {"engine": engine.name, "reference": "debian:bookworm-slim", "made": False}


def test_the_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {extra: {text.split(">")[0].split("=")[0] for text in texts} for extra, texts in project.items()}
    named["export"] = named["export"] - {"pillow"} | {"PIL"}  # the one that is imported under another name
    assert {extra: set(modules) for extra, modules in EXTRAS.items()} == {k: v for k, v in named.items() if k != "all"}


# the whole


def test_help_needs_nothing_heavy() -> None:
    heavy = ("docker", "openai", "pexpect", "pydantic", "rich", "torch", "transformers")
    script = f"import sys, termigen_gym.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_every_command_has_help(termigen: Termigen) -> None:
    for command in (
        "",
        "list",
        "show",
        "play",
        "check",
        "collect",
        "export",
        "eval",
        "doctor",
        "demo",
        "images bootstrap",
        "images prune",
    ):
        done = termigen(*command.split(), "--help")
        assert done.code == 0
        assert "Usage" in done.out


def test_an_extra_that_is_missing_is_named(termigen: Termigen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.delitem(sys.modules, "termigen_gym.agents.local", raising=False)
    done = termigen("play", "add", "--checkpoint", tmp_path)
    assert done.code == 3
    assert "pip install 'termigen-gym[train]'" in done.err
