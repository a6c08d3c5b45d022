"""Replaying: what an episode says that ran is run again in a fresh sandbox, and must show and earn the same.

An episode's `executed` actions are played without an agent and without a critic. Compared are, after each, the
terminal's state, the exit code, what it showed (`termigen_gym.normal` has what may differ) and the reward, and at the
end what was left in files.

How long something takes is no difference. Where a command outlived its time limit and the agent waited for it, what it
showed in all is compared, in however many turns it came; and a replay waits up to `WAITS` turns longer than the record.

What is not as on record is replayed once more. Where the two replays differ from one another as well, the commands
themselves don't do the same twice (a race, a number drawn), and the episode is "unsteady"; anything else "differs".
"""

from .many import RunReplays, TaskReplays, replay_run
from .one import WAITS, Replay, open_env, replay

__all__ = [
    "WAITS",
    "Replay",
    "RunReplays",
    "TaskReplays",
    "open_env",
    "replay",
    "replay_run",
]
