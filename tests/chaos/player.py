"""Does one thing until it is killed: python -m tests.chaos.player ENGINE TASK WHAT [RUN]. Says "begun" before it does."""

from __future__ import annotations

import sys
from pathlib import Path

from termigen_gym import sandbox
from termigen_gym.collect import collect
from termigen_gym.env import TerminalEnv
from termigen_gym.plan import Plan
from termigen_gym.registration import register_all


def main(engine: str, task: str, what: str, run: str = "") -> None:
    sandbox.engine(engine)
    env = TerminalEnv(task, sandbox=engine, command_timeout_s=1000)
    if what == "step":
        env.reset()
        begun()
        env.step("sleep 1000")
    elif what == "reset":
        begun()
        while True:
            env.reset()
    elif what == "verify":
        env.reset()
        begun()
        env.step("exit")
    elif what == "build":
        begun()
        env.prepare()
    elif what == "collect":
        register_all()
        plan = Plan(tasks=("termigen/word-v0",), episodes=1000, sandbox=engine, seed=3)
        collect(plan, Path(run), lambda progress: begun() if progress.stage == "episodes" else None)
    elif what == "answer":
        env.reset()
        begun()
        for line in sys.stdin:
            print(env.step(line.strip())[0], flush=True)
        env.close()


def begun() -> None:
    print("begun", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
