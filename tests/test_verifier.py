"""The verdict: what the tests may leave, where they run, and what of the agent's they meet."""

from __future__ import annotations

from pathlib import Path

import pytest

from termigen_gym import errors
from termigen_gym.errors import TaskError, VerifierError
from termigen_gym.task import Task
from tests.conftest import COMMON_LINES, Make
from tests.samples import write_task

REWARDS = (
    ("echo 0.25 > /logs/verifier/reward.txt", 0.25),
    ("echo '{\"reward\": 0.5}' > /logs/verifier/reward.json", 0.5),
    ("echo '{\"score\": 1}' > /logs/verifier/reward.json", 1.0),
    ("echo 1 > /logs/verifier/reward.json; echo 0 > /logs/verifier/reward.txt", 1.0),
    ("echo 1 > /logs/verifier/reward.txt; exit 137", 1.0),
)
FAILURES = (
    ("true", "RewardMissing", "expected /logs/verifier/reward.txt or reward.json"),
    ("exit 3", "RewardMissing", "exit code 3"),
    ("mkdir /logs/verifier/reward.txt", "RewardMissing", "found neither"),
    (": > /logs/verifier/reward.txt", "RewardEmpty", "found an empty file"),
    ("echo > /logs/verifier/reward.json; echo 1 > /logs/verifier/reward.txt", "RewardEmpty", "reward.json"),
    ("echo pass > /logs/verifier/reward.txt", "RewardMalformed", "found 'pass'"),
    ('echo \'{"a": 1, "b": 1}\' > /logs/verifier/reward.json', "RewardMalformed", "expected a number"),
    ("echo '{\"reward\": true}' > /logs/verifier/reward.json", "RewardMalformed", "true"),
    ("head -c 100000 /dev/zero | tr '\\0' 1 > /logs/verifier/reward.txt", "RewardMalformed", "found '111"),
    ("printf '%05000d' 1 > /logs/verifier/reward.txt", "RewardMalformed", "found '000"),
    ("head -c 4000 /dev/zero | tr '\\0' '[' > /logs/verifier/reward.json", "RewardMalformed", "found"),
    ("echo 2 > /logs/verifier/reward.txt", "RewardOutOfRange", "found 2.0"),
    ("echo -0.5 > /logs/verifier/reward.txt", "RewardOutOfRange", "found -0.5"),
    ("echo nan > /logs/verifier/reward.txt", "RewardOutOfRange", "found nan"),
    ("kill -9 $$", "VerifierCrashed", "exit code 137"),
    ("exec /no/such/program", "VerifierCrashed", "exit code 127"),
    ("sleep 60", "VerifierTimeout", "expected the tests to end within 1 s"),
)


@pytest.mark.parametrize(("script", "reward"), REWARDS, ids=[script for script, _ in REWARDS])
def test_rewards(make: Make, tmp_path: Path, script: str, reward: float) -> None:
    env = make(write_task(tmp_path / "t", test_sh=script + "\n"))
    env.reset(seed=1)
    assert env.step("exit")[1] == reward


@pytest.mark.parametrize(("script", "kind", "said"), FAILURES, ids=[script for script, _, _ in FAILURES])
def test_each_failure_of_the_verifier_is_an_error_of_its_own(
    make: Make, tmp_path: Path, script: str, kind: str, said: str
) -> None:
    limit = 1 if "sleep" in script else 20
    env = make(write_task(tmp_path / "t", test_sh=script + "\n", toml=f"[verifier]\ntimeout_sec = {limit}\n"))
    env.reset(seed=1)
    with pytest.raises(VerifierError, match=said) as raised:
        env.step("exit")
    assert type(raised.value) is getattr(errors, kind)
    env.reset(seed=1)
    assert env.step("echo on")[0] == "on\n"


PYTEST = """cat > /tests/test_it.py << 'EOF'
import pathlib
import pytest

@pytest.mark.parametrize("number", range(4))
def test_it(number):
    assert str(number) in pathlib.Path("/app/out.txt").read_text()
EOF
python3 -m pytest -q -rA -p no:cacheprovider /tests/test_it.py
echo $((!$?)) > /logs/verifier/reward.txt
"""


@pytest.mark.parametrize(
    ("kind", "half", "whole"), [("verifier", 0.0, 1.0), ("binary", 0.0, 1.0), ("fraction", 0.5, 1.0)]
)
def test_the_reward_is_what_the_env_was_made_for(
    make: Make, tmp_path: Path, kind: str, half: float, whole: float
) -> None:
    env = make(write_task(tmp_path / "t", test_sh=PYTEST), reward=kind)
    for text, reward in (("01", half), ("0123", whole)):
        env.reset(seed=1)
        env.step(f"echo {text} > /app/out.txt")
        _, found, _, _, info = env.step("exit")
        assert (found, info["verdict"]["reward"]) == (reward, float(text == "0123"))
        passed = [name for name, outcome in info["verdict"]["tests"].items() if outcome == "passed"]
        assert (len(passed), len(info["verdict"]["tests"])) == (len(text), 4)


def test_what_tested_programs_print_counts_for_no_test(make: Make, tmp_path: Path) -> None:
    printed = "\n".join([*(f"PASSED /tests/test_it.py::test_{n}" for n in range(9)), "FAILED x"])
    program = PYTEST.replace("    assert", f"    print({printed!r})\n    assert")
    env = make(write_task(tmp_path / "t", test_sh=program), reward="fraction")
    env.reset(seed=1)
    env.step("echo 01 > /app/out.txt")
    _, reward, _, _, info = env.step("exit")
    assert (reward, len(info["verdict"]["tests"])) == (0.5, 4)


@pytest.mark.parametrize(("kind", "reward"), [("verifier", 0.5), ("binary", 0.0), ("fraction", 0.5)])
def test_a_reward_between_is_kept_or_not(make: Make, tmp_path: Path, kind: str, reward: float) -> None:
    env = make(write_task(tmp_path / "t", test_sh="echo 0.5 > /logs/verifier/reward.txt\n"), reward=kind)
    env.reset(seed=1)
    assert env.step("exit")[1] == reward


def test_the_verifier_takes_its_own_environment_and_ignores_what_was_prepared(make: Make, tmp_path: Path) -> None:
    script = 'test "$LEVEL" = high && test ! -e /tests/planted && echo 1 > /logs/verifier/reward.txt\n'
    toml = '[verifier]\ntimeout_sec = 20\n[verifier.env]\nLEVEL = "${NEVER_SET_HERE:-high}"\n'
    env = make(write_task(tmp_path / "t", test_sh=script, toml=toml))
    env.reset(seed=1)
    env.step("mkdir -p /tests; touch /tests/planted; echo 0.5 > /logs/verifier/reward.txt; LEVEL=low")
    _, reward, _, _, info = env.step("exit")
    assert (reward, info["verdict"]["tampered"]) == (1.0, ["/logs/verifier/reward.txt", "/tests/planted"])


def test_an_agents_early_reward_is_gone_before_the_tests_run(make: Make, tmp_path: Path) -> None:
    env = make(write_task(tmp_path / "t", test_sh="true\n"))
    env.reset(seed=1)
    env.step("echo 1 > /logs/verifier/reward.txt")
    with pytest.raises(VerifierError):
        env.step("exit")


@pytest.mark.parametrize(("survive", "reward"), [("true", 1.0), ("false", 0.0)])
def test_whether_processes_survive_is_the_tasks_affair(make: Make, tmp_path: Path, survive: str, reward: float) -> None:
    script = "pgrep -f 'sleep 4321' > /dev/null; echo $((!$?)) > /logs/verifier/reward.txt\n"
    toml = f"[metadata]\nprocesses_survive = {survive}\n"
    env = make(write_task(tmp_path / "t", test_sh=script, toml=toml))
    env.reset(seed=1)
    env.step("setsid nohup sleep 4321 > /dev/null 2>&1 & disown")
    assert env.step("exit")[1] == reward


SEPARATE = '[verifier]\ntimeout_sec = 20\nenvironment_mode = "separate"\n'


def test_in_separate_mode_nothing_comes_along_but_the_artifacts(make: Make, tmp_path: Path) -> None:
    """And they come whole: an image's file that the agent removed is missing, what it excluded is the image's."""
    script = """\
set -u
ls /app /out > /logs/verifier/seen
for fact in '! -e /elsewhere' '! -e /app/gone' '-f /app/kept' '! -e /app/skip.log' '-f /app/sub/run' \
    '-x /app/sub/run' '! -e /app/leads-out' '! -e /out/single.log' '-f /out/single' '-w /'; do
  test $fact || { echo "not $fact"; echo 0 > /logs/verifier/reward.txt; exit; }
done
pgrep sleep && exit
test "$(cat /app/kept)" = image && test "$(stat -c %u:%a /app/sub/run)" = 1000:755 || exit
echo 1 > /logs/verifier/reward.txt
"""
    dockerfile = COMMON_LINES + "WORKDIR /app\nRUN echo image > kept; echo image > gone; echo image > old.log\n"
    toml = f'artifacts = [{{ source = "/app", exclude = ["*.log"] }}, "/out/single", "/none"]\n{SEPARATE}'
    env = make(write_task(tmp_path / "t", test_sh=script, dockerfile=dockerfile, toml=toml))
    env.reset(seed=1)
    env.step("echo > /elsewhere; rm gone; echo > skip.log; mkdir sub /out; echo > sub/run; chmod 6755 sub/run")
    env.step("chown 1000:7 sub/run; ln -s /tests/test.sh leads-out; echo > /out/single; echo > /out/single.log")
    env.step("printf '#!/bin/sh\\n' > /usr/bin/stat; setsid nohup sleep 4321 > /dev/null 2>&1 & disown")
    _, reward, _, _, info = env.step("exit")
    assert (reward, info["verdict"]["tampered"]) == (1.0, []), info["verdict"]["output"]


def test_in_separate_mode_hooks_collect_what_only_lives_where_the_agent_was(make: Make, tmp_path: Path) -> None:
    toml = f'{SEPARATE}[[verifier.collect]]\ncommand = "pgrep -c sleep > /logs/artifacts/running"\n'
    script = "cp /logs/artifacts/running /logs/verifier/reward.txt\n"
    env = make(write_task(tmp_path / "t", test_sh=script, toml=toml))
    env.reset(seed=1)
    env.step("setsid nohup sleep 4321 > /dev/null 2>&1 & disown")
    assert env.step("exit")[1] == 1.0


@pytest.mark.parametrize("artifact", ["/app/out.txt", "/app"])
def test_too_large_an_artifact_is_none(make: Make, tmp_path: Path, artifact: str) -> None:
    env = make(write_task(tmp_path / "t", toml=f'artifacts = ["{artifact}"]\n{SEPARATE}'))
    env.reset(seed=1)
    env.step("echo done > out.txt; truncate -s 300M out.txt")
    assert env.step("exit")[1] == 0.0


@pytest.mark.parametrize("toml", [SEPARATE, ""])
def test_names_that_are_no_text_are_hashed_like_others(make: Make, tmp_path: Path, toml: str) -> None:
    env = make(write_task(tmp_path / "t", toml=f'artifacts = ["/app"]\n{toml}'))
    env.reset(seed=1)
    env.step("echo done > out.txt; ln -s $'to-\\xff' link; echo a > $'name-\\xff'")
    _, reward, _, _, info = env.step("exit")
    assert (reward, len(info["verdict"]["tree"])) == (1.0, 64)


def test_what_comes_beside_too_large_an_artifact_is_delivered(make: Make, tmp_path: Path) -> None:
    env = make(write_task(tmp_path / "t", toml=f'artifacts = ["/opt", "/app"]\n{SEPARATE}'))
    env.reset(seed=1)
    env.step("echo done > out.txt; truncate -s 300M /opt/large")
    assert env.step("exit")[1] == 1.0


@pytest.mark.parametrize("toml", [SEPARATE, "[metadata]\nprocesses_survive = false\n", ""])
def test_who_removes_the_working_directory_earns_what_the_tests_say(make: Make, tmp_path: Path, toml: str) -> None:
    env = make(write_task(tmp_path / "t", toml=f'artifacts = ["/app"]\n{toml}'))
    env.reset(seed=1)
    env.step("rm -rf /app")
    assert env.step("exit")[1] == 0.0


def test_a_verifier_may_have_an_image_of_its_own(make: Make, tmp_path: Path) -> None:
    """Then its tests lie in that image, and are not put."""
    recipe = COMMON_LINES + "RUN mkdir /judge && echo done > /judge/expected\nCOPY test.sh /tests/test.sh\n"
    script = (
        "cmp /judge/expected /app/out.txt && [ ! -e /tests/Dockerfile ]; echo $((!$?)) > /logs/verifier/reward.txt\n"
    )
    toml = 'artifacts = ["/app/out.txt"]\n[verifier]\ntimeout_sec = 20\n[verifier.environment]\nmemory_mb = 512\n'
    env = make(write_task(tmp_path / "t", test_sh=script, toml=toml, files={"tests/Dockerfile": recipe}))
    for command, reward in (("true", 0.0), ("echo done > out.txt; mkdir /judge; cp out.txt /judge/expected", 1.0)):
        env.reset(seed=1)
        env.step(command)
        assert env.step("exit")[1] == reward


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('artifacts = ["app"]\n', "expected an absolute path"),
        ('artifacts = ["/"]\n', "expected an absolute path below /"),
        ('artifacts = ["/app/../etc"]\n', "without"),
        ('artifacts = [{ source = "/x", service = "db" }]\n', "service"),
        ('[verifier]\nenvironment_mode = "shared"\n[verifier.environment]\ncpus = 1\n', "found both"),
    ],
)
def test_what_can_not_be_honoured_is_refused(tmp_path: Path, toml: str, said: str) -> None:
    with pytest.raises(TaskError, match=said):
        Task.load(write_task(tmp_path / "t", toml=toml))
