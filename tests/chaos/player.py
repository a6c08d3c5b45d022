"""Does one thing until it is killed, and says "begun" before: tests.chaos.player ENGINE TASK WHAT [RUN [EPISODES]]."""

from __future__ import annotations

import sys
from pathlib import Path

from termigen_gym import sandbox
from termigen_gym.collect import collect
from termigen_gym.env import TerminalEnv
from termigen_gym.errors import TermigenError
from termigen_gym.plan import Plan
from termigen_gym.registration import register_all
from termigen_gym.store import EpisodeStore
from termigen_gym.wrappers import RecordEpisodes


def main(engine: str, task: str, what: str, run: str = "", episodes: str = "1000") -> None:
    sandbox.engine(engine)
    # Who is asked has one sandbox at a time, so that there is none when an episode has ended.
    env = TerminalEnv(task, sandbox=engine, command_timeout_s=1000, warm_resets=what != "answer")
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
        plan = Plan(tasks=("termigen/word-v0",), episodes=int(episodes), sandbox=engine, seed=3)
        collect(plan, Path(run), lambda progress: begun() if progress.stage == "episodes" else None)
    elif what == "answer":
        env.reset()
        begun()
        answer(RecordEpisodes(env, EpisodeStore(Path(run))))


def answer(env: RecordEpisodes) -> None:
    """Do what each line of the input says, "reset" or an action; print the observation or the error in one line."""
    for line in sys.stdin:
        try:
            shown = env.reset()[0] if line == "reset\n" else env.step(line.strip())[0]
        except TermigenError as error:
            shown = f"{type(error).__name__}: {error}"
        print(" ".join(shown.split()), flush=True)
    env.close()


def begun() -> None:
    print("begun", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
