from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

import termigen_gym
from termigen_gym.env import ACTION_LIMIT, TerminalEnv
from termigen_gym.errors import ActionError, BuildError, EngineMissing, SandboxDied, SandboxError
from termigen_gym.sandbox.base import Engine
from tests.conftest import Make
from tests.samples import write_task
from tests.waiting import Process, wait_until

INFO_KEYS = {"instruction", "task_digest", "exit_code", "state", "duration_s", "clipped", "verdict"}


@pytest.fixture
def task(tmp_path: Path) -> Path:
    return write_task(tmp_path / "sample")


@pytest.mark.parametrize("id", termigen_gym.task_ids())
def test_check_env_on_every_registered_env(id: str, engine: Engine) -> None:
    with contextlib.closing(gym.make(id, sandbox=engine.name, command_timeout_s=2.0)) as env:
        check_env(env.unwrapped, skip_render_check=True)


def test_an_episode(make: Make, task: Path) -> None:
    env = make(task)
    observation, info = env.reset(seed=1)
    assert observation == "Write `done` to /app/out.txt.\n\n/app# "
    assert info["instruction"] == "Write `done` to /app/out.txt.\n"
    assert info.keys() == INFO_KEYS
    observation, reward, terminated, truncated, info = env.step("echo done > out.txt; ls")
    assert (observation, reward, terminated, truncated) == ("out.txt\n", 0.0, False, False)
    assert (info["exit_code"], info["state"], info["verdict"]) == (0, "prompt", None)
    observation, reward, terminated, truncated, info = env.step("exit")
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert info.keys() == INFO_KEYS
    assert info["verdict"]["reward"] == 1.0


def test_nothing_done_earns_nothing_and_the_next_episode_starts_afresh(make: Make, task: Path) -> None:
    env = make(task)
    env.reset(seed=1)
    env.step("echo done > out.txt")
    env.reset(seed=1)
    assert env.step("ls -A")[0] == ""
    assert env.step("exit")[1:4] == (0.0, True, False)


def test_exit_is_input_while_a_program_runs(make: Make, task: Path) -> None:
    env = make(task)
    env.reset(seed=1)
    assert env.step("bash --norc")[4]["state"] == "running"
    _, _, terminated, _, info = env.step("exit")
    assert (terminated, info["state"]) == (False, "prompt")
    assert env.step("exit")[2]


def test_a_command_that_ends_the_shell_is_no_submission(make: Make, task: Path) -> None:
    env = make(task)
    env.reset(seed=1)
    env.step("cd /usr; x=1")
    observation, _, terminated, _, info = env.step("kill -9 $$")
    assert "[the shell ended; a new one was opened in /usr]" in observation
    assert (terminated, info["exit_code"], info["state"]) == (False, None, "prompt")
    assert env.step('echo "$x,$PWD"')[0] == ",/usr\n"
    assert env.step("exit 0")[0].startswith("exit\n[the shell ended")


def test_what_stops_every_process_costs_the_agent_no_more_than_its_processes(make: Make, task: Path) -> None:
    env = make(task, command_timeout_s=2.0)
    env.reset()
    env.step("(sleep 0.2; while :; do kill -STOP -1; done) >/dev/null 2>&1 &")
    shown = ""
    while "the shell ended" not in shown:  # it is stopped, at the latest while this waits
        shown, _, terminated, truncated, _ = env.step("sleep 1")
        assert (terminated, truncated) == (False, False)
    shown = ""
    while shown != "42\n":
        shown, _, terminated, truncated, _ = env.step("echo $((6 * 7))")
        assert (terminated, truncated) == (False, False)
    assert env.step("echo done > /app/out.txt")[4]["state"] == "prompt"
    assert env.step("exit")[1] == 1.0


def test_the_turn_budget_is_verified_and_truncates(make: Make, task: Path) -> None:
    env = make(task, max_steps=2)
    env.reset(seed=1)
    assert env.step("echo done > out.txt")[3] is False
    observation, reward, terminated, truncated, info = env.step("ls")
    assert (observation, reward, terminated, truncated) == ("out.txt\n", 1.0, False, True)
    assert info["verdict"]["reward"] == 1.0
    with pytest.raises(ResetNeeded):
        env.step("ls")


def test_the_time_budget_ends_a_command(make: Make, tmp_path: Path) -> None:
    env = make(write_task(tmp_path / "short", toml="[agent]\ntimeout_sec = 0.5\n"))
    env.reset(seed=1)
    _, reward, terminated, truncated, info = env.step("sleep 60")
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info["duration_s"] < 20


def test_a_slow_command_runs_on(make: Make, task: Path) -> None:
    env = make(task, command_timeout_s=0.3)
    env.reset(seed=1)
    observation, _, _, _, info = env.step("echo begun; sleep 100")
    assert (observation, info["state"], info["exit_code"]) == ("begun\n", "running", None)
    assert env.step("\x03")[4]["exit_code"] == 130


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (7, "expected a str, found int"),
        (None, "expected a str, found NoneType"),
        ("a\0b", "expected no NUL character, found one at index 1"),
        ("x" * (ACTION_LIMIT + 1), f"at most {ACTION_LIMIT} characters, found {ACTION_LIMIT + 1}"),
    ],
)
def test_an_action_outside_the_space_is_refused_and_the_episode_goes_on(
    make: Make, task: Path, action: Any, said: str
) -> None:
    env = make(task)
    env.reset(seed=1)
    assert not env.action_space.contains(action)
    with pytest.raises(ActionError, match=said):
        env.step(action)
    assert env.step("echo on")[0] == "on\n"


def test_a_step_needs_a_reset(make: Make, task: Path) -> None:
    env = make(task)
    with pytest.raises(ResetNeeded):
        env.step("ls")
    with pytest.raises(ResetNeeded):
        _ = env.task


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"max_steps": 0}, "max_steps: expected at least 1, found 0"),
        ({"command_timeout_s": 0}, "command_timeout_s"),
        ({"output_limit": 5}, "output_limit"),
        ({"network": "some"}, "network"),
    ],
)
def test_arguments_are_checked(task: Path, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TerminalEnv(str(task), **arguments)


def test_an_unknown_engine_is_explained(task: Path) -> None:
    env = TerminalEnv(str(task), sandbox="vm")
    with pytest.raises(EngineMissing, match="'docker', 'bubblewrap'"):
        env.reset()


def test_unknown_options_are_refused(make: Make, task: Path) -> None:
    with pytest.raises(ValueError, match="difficulty"):
        make(task).reset(options={"level": 3})


def test_a_failing_build_shows_the_step_and_its_last_lines(make: Make, tmp_path: Path) -> None:
    text = "FROM debian:bookworm-slim\nRUN echo first\nRUN echo before; no-such-tool --x\n"
    env = make(write_task(tmp_path / "broken", dockerfile=text))
    with pytest.raises(BuildError, match=r"(?s)no-such-tool --x.*no-such-tool: not found"):
        env.reset()


def test_the_image_is_honoured(make: Make, tmp_path: Path) -> None:
    text = """\
FROM debian:bookworm-slim
RUN useradd -m ann && mkdir -p /solution /opt/in && echo a > /tmp/kept && echo b > /solution/kept && echo c > /root/kept
ENV COLOUR=blue PATH=/opt/bin:/usr/local/bin:/usr/bin:/bin
WORKDIR /opt/in
RUN chown ann /opt/in
USER ann
"""
    toml = '[environment]\nenv = { SHADE = "dark" }\n[verifier]\nuser = "root"\n'
    env = make(
        write_task(
            tmp_path / "t",
            dockerfile=text,
            toml=toml,
            test_sh="id -un > /logs/verifier/who; echo 1 > /logs/verifier/reward.txt\n",
        )
    )
    observation, _ = env.reset(seed=1)
    assert observation.endswith("\n/opt/in# ")
    assert env.step("id -un; pwd; echo $COLOUR $SHADE $PATH; cat /tmp/kept /solution/kept; touch mine; echo $HOME")[
        0
    ] == ("ann\n/opt/in\nblue dark /opt/bin:/usr/local/bin:/usr/bin:/bin\na\nb\n/home/ann\n")
    assert env.step("exit")[1] == 1.0


def test_agent_user_and_workdir_of_the_task_go_before_the_image(make: Make, tmp_path: Path) -> None:
    toml = '[agent]\nuser = "nobody"\n[environment]\nworkdir = "/var"\n'
    env = make(write_task(tmp_path / "t", toml=toml))
    observation, _ = env.reset(seed=1)
    assert observation.endswith("\n/var# ")
    assert env.step("id -un")[0] == "nobody\n"


def test_the_healthcheck_is_waited_for(make: Make, tmp_path: Path) -> None:
    text = (
        'FROM debian:bookworm-slim\nENTRYPOINT ["/bin/sh", "-c", "sleep 0.3; touch /tmp/ready; exec \\"$@\\"", "--"]\n'
    )
    check = '[environment.healthcheck]\ncommand = "test -e /tmp/ready"\ninterval_sec = 0.05\nretries = {}\n'
    env = make(write_task(tmp_path / "t", dockerfile=text, toml=check.format(200)))
    env.reset(seed=1)
    assert env.step("ls /tmp")[0] == "ready\n"
    never = check.format(2).replace("/tmp/ready", "/tmp/never")
    with pytest.raises(SandboxError, match="healthcheck"):
        make(write_task(tmp_path / "u", dockerfile=text, toml=never)).reset()


def test_a_dead_sandbox_is_an_error_and_the_next_episode_runs(make: Make, task: Path) -> None:
    env = make(task)
    env.reset(seed=1)
    env.sandbox.stop()
    with pytest.raises(SandboxDied):
        step_on(env)
    env.reset(seed=1)
    assert env.step("echo on")[0] == "on\n"


def test_a_full_disk_inside_is_seen_by_the_agent_only(make: Make, tmp_path: Path, engine: Engine) -> None:
    env = make(write_task(tmp_path / "t", toml="[environment]\nstorage_mb = 16\n"))
    env.reset(seed=1)
    observation, _, _, _, info = env.step("head -c 64M /dev/zero > big; echo $?; rm -f big; echo on")
    assert observation.endswith("\non\n")
    assert not observation.endswith("\n0\non\n")
    assert info["state"] == "prompt"


def test_render_shows_the_last_observation(make: Make, task: Path) -> None:
    env = make(task, render_mode="ansi")
    env.reset(seed=1)
    env.step("echo seen")
    assert env.render() == "seen\n"


def test_a_spec_round_trip_rebuilds_the_env(engine: Engine) -> None:
    first = gym.make("termigen/rpn-make-graph-v0", sandbox=engine.name, max_steps=7)
    again = gym.make(EnvSpec.from_json(first.spec.to_json()))  # type: ignore[union-attr]
    assert again.spec == first.spec
    assert again.reset(seed=1)[0] == first.reset(seed=1)[0]
    first.close()
    again.close()


@pytest.mark.alone
def test_a_killed_owner_leaves_nothing_behind(engine: Engine, task: Path) -> None:
    """After kill -9 of the process that plays, its sandbox goes at once (bubblewrap) or by the next sweep (docker)."""
    code = (
        "import sys; from termigen_gym.env import TerminalEnv\n"
        f"env = TerminalEnv({str(task)!r}, sandbox={engine.name!r}); env.reset(seed=1)\n"
        "env.step('nohup sleep 98765 > /dev/null 2>&1 &'); print('playing', flush=True); sys.stdin.read()\n"
    )
    with Process([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "playing\n"
        wait_until(lambda: running("sleep 98765") == 1)
        process.kill()
        process.communicate()
    engine.sweep()
    wait_until(lambda: running("sleep 98765") == 0)
    wait_until(lambda: engine.sweep() == 0)  # a control group goes after its last process


def step_on(env: TerminalEnv) -> None:
    """Steps until something happens: what runs inside ends a moment after the sandbox was told to."""
    for _ in range(100_000):
        env.step("echo x")


def running(command: str) -> int:
    count = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                count += (folder / "cmdline").read_bytes().replace(b"\0", b" ").strip() == command.encode()
            except OSError:
                continue
    return count


def test_a_second_name_for_a_file_of_the_image_is_the_same_file(make: Make, task: Path) -> None:
    """Git refuses to clone a repository of the image where it is another one."""
    env = make(task)
    env.reset(seed=1)
    shown = env.step("ln /etc/passwd /etc/second && [ /etc/passwd -ef /etc/second ] && stat -c %h /etc/passwd")[0]
    assert shown == "2\n"
    assert env.step("echo more >> /etc/second; tail -n 1 /etc/passwd")[0] == "more\n"
