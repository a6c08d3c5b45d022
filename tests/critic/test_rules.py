"""Every rule, for real: a mistake shows itself, its undo leaves nothing, its thought gives nothing away."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from termigen_gym.critic.rules import FOR_ANY, SPECIFIC, Rule
from termigen_gym.critic.rules.command_errors import FIRST_LOOKS, WRONG_OPTIONS
from termigen_gym.critic.rules.hallucinations import DOES, REFUSING, SHOWS
from termigen_gym.critic.shell import looks, only_looks, read, single
from termigen_gym.episode import PERTURBATION_KINDS, Perturbation
from termigen_gym.terminal import Terminal
from tests.actions import COMMANDS, PROJECT
from tests.scratch import HostShell

RULES = (*SPECIFIC, *FOR_ANY)
SEEDS = range(4)
TELL_TALE = re.compile(r"inject|deliberate|intentional|on purpose|mistake|simulat|critic|perturb", re.IGNORECASE)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for name, text in PROJECT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def terminal(project: Path) -> Iterator[Terminal]:
    opened = Terminal(lambda cwd: HostShell(Path(cwd or project)), 10_000)
    yield opened
    opened.close()


def proposals(command: str) -> list[tuple[str, Perturbation]]:
    """What each rule makes of an action under a few seeds."""
    made = []
    for rule in RULES:
        for seed in SEEDS if rule in SPECIFIC else (COMMANDS.index(command),):
            perturbation = rule(command, np.random.default_rng(seed))
            if perturbation is not None:
                made.append((rule.__name__, perturbation))
    return made


def tree(folder: Path) -> str:
    """A digest of every name, mode and content below a folder."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        total.update(f"{path.relative_to(folder)}\0{path.stat().st_mode}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


@pytest.mark.parametrize("command", COMMANDS)
def test_run_diagnosed_and_undone_a_mistake_leaves_nothing(command: str, project: Path, terminal: Terminal) -> None:
    before = tree(project)
    for name, perturbation in proposals(command):
        where = f"{name} on {command!r}: {perturbation.action!r}"
        repair = perturbation.repair
        assert repair is not None, where
        result = terminal.run(perturbation.action, 10)
        assert result.state == "prompt", where
        if perturbation.kind in ("command_error", "hallucination"):
            assert result.exit_code != 0 or "No such file" in result.output, where
            assert result.output.strip(), where
            assert tree(project) == before, where
        shown = terminal.run(repair.diagnosis, 10)
        assert shown.state == "prompt", where
        assert shown.output.strip(), f"{where}: {repair.diagnosis!r} showed nothing"
        for undo in repair.undo:
            assert terminal.run(undo, 10).exit_code == 0, where
        assert tree(project) == before, where
        assert Path(terminal.cwd).resolve() == project.resolve(), where
        assert not [path for path in re.findall(r"/tmp/[\w.-]+", perturbation.action) if Path(path).exists()], where


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_in_a_mistake_says_that_it_is_one(command: str) -> None:
    for name, perturbation in proposals(command):
        assert perturbation.repair is not None
        for text in (perturbation.thought, perturbation.repair.finding, perturbation.action):
            assert not TELL_TALE.search(text), (name, text)
        assert len(perturbation.thought) > 20, name
        assert perturbation.reason == f"rule: {name}"
        assert perturbation.action.strip() != command.strip(), name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_finds_something_in_the_table(rule: Rule) -> None:
    found = [rule(command, np.random.default_rng(seed)) for command in COMMANDS for seed in SEEDS]
    thoughts = {item.thought for item in found if item is not None}
    assert len(thoughts) > 1, "one thought for everything"


@pytest.mark.parametrize("command", COMMANDS)
def test_some_rule_of_every_kind_has_a_mistake_for_any_action(command: str) -> None:
    kinds = {perturbation.kind for _, perturbation in proposals(command)}
    assert kinds == set(PERTURBATION_KINDS)


PLAIN = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
REFUSED = [
    *((program, option, right) for program, pairs in WRONG_OPTIONS.items() for option, right in pairs),
    *((program, option, "") for program in sorted(REFUSING) for option in {**SHOWS, **DOES}),
]


@pytest.mark.parametrize(("program", "option", "right"), REFUSED)
def test_options_that_do_not_exist_are_refused_at_once(program: str, option: str, right: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [program, option], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=PLAIN
    )
    assert run.returncode != 0
    assert "option" in run.stderr
    assert option.partition("=")[0] in run.stderr
    shown = subprocess.run([program, "--help"], capture_output=True, text=True, env=PLAIN)
    assert right in shown.stdout
    assert option.partition("=")[0] + " " not in shown.stdout


@pytest.mark.parametrize(("action", "diagnosis", "right"), FIRST_LOOKS)
def test_looks_around_fail_and_their_diagnosis_shows_why(action: str, diagnosis: str, right: str) -> None:
    assert subprocess.run(action, shell=True, capture_output=True).returncode != 0
    assert subprocess.run(diagnosis, shell=True, capture_output=True, text=True).stdout.strip()
    assert re.search(r"-\w", right)


def test_a_rule_draws_all_its_randomness_from_the_generator() -> None:
    for command in COMMANDS:
        for rule in RULES:
            assert rule(command, np.random.default_rng(5)) == rule(command, np.random.default_rng(5))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("cat a.txt", ["cat a.txt"]),
        ("cat a.txt b.txt | sort", ["cat a.txt b.txt"]),
        ("make 2>&1 | tail -n 3; cat out.log", ["cat out.log"]),
        ("ls -l # all of it", ["ls -l"]),
        ("cd src && cat a.c", []),
        ("cat", []),
        ("cat -", []),
        ("head -n 5", []),
        ("tail -f app.log", []),
        ("tail -n 5 app.log", ["tail -n 5 app.log"]),
        ("sort -o a.txt a.txt", []),
        ("uniq a.txt b.txt", []),
        ("find . -name '*.o' -delete", []),
        ("find . -exec rm {} +", []),
        ("find . -name 'x y'", ["find . -name 'x y'"]),
        ("cat /dev/zero", []),
        ("cat /proc/kmsg", []),
        ("grep -r foo", ["grep -r foo"]),
        ("grep foo", []),
        ("cat a.txt > b.txt", []),
        ("cat $(rm a.txt)", []),
        ("cat `rm a.txt`", []),
        ('cat "$(rm a.txt)"', []),
        ("cat <(rm a.txt)", []),
        ("cat a.txt; for f in b.txt; do cat b.txt; done", ["cat a.txt"]),
        ("cat a.txt\nbash <<EOF\ncat b.txt\nEOF", ["cat a.txt"]),
        ("date -s tomorrow", []),
        ("date 01010101", []),
        ("cat a.txt & cat b.txt", []),
        ("(cat a.txt)", []),
        ("{ cat a.txt; }", []),
        ("f() { cat a.txt; }", []),
        ("A=1 cat a.txt", []),
        ("echo 'a\ncat b.txt\n' | sh", []),
    ],
)
def test_only_calls_that_surely_change_nothing_count_as_looks(command: str, expected: list[str]) -> None:
    assert [call.text for call in looks(command)] == expected
    assert all(only_looks(call) for call in looks(command))


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("make", "make"),
        ("make -C 'my dir' all", "make -C 'my dir' all"),
        ('echo $HOME/x ${A} "b $C" d\\ e', 'echo $HOME/x ${A} "b $C" d\\ e'),
        ("ls \\\n  -l", "ls -l"),
        ("sort a > b", None),
        ("sort a >/dev/null", None),
        ("make | tail", None),
        ("make; make", None),
        ("make\nmake", None),
        ("make &", None),
        ("if true; then make; fi", None),
        ("! make", None),
        ("A=1", None),
        ("'unfinished", None),
        ("make $(nproc)", None),
        ("", None),
    ],
)
def test_a_single_call_is_one_program_with_plain_words(command: str, text: str | None) -> None:
    call = single(command)
    assert (None if call is None else call.text) == text


def test_reading_stops_at_what_is_not_understood() -> None:
    script = read("ls -l; cat a | sort; echo $(date); ls")
    assert [[call.text for call in pipeline] for pipeline in script.pipelines] == [["ls -l"], ["cat a", "sort"]]
    assert not script.whole
