"""How fast collecting is, as a ratio to a floor: the same episodes' own programs, with nothing of ours around them.

    python benchmarks/collection.py [--episodes 112] [--rounds 3] [--json]      # the embedded engine; needs root

A round collects episodes (`termigen collect`: the oracle, the rule critic, verdicts reused), and then runs what they
are made of, in as many workers: an overlay on the same image, bubblewrap, and one bash with all commands of the
episode, its mistakes and repairs as well; and where its verdict was not reused, an overlay anew, what the agent left
carried over by tar, and the tests. There is no terminal, no observation and no record. An episode of the floor that
ends with another reward fails the benchmark.

The floor's rate is the machine's own: nothing that really runs these commands is faster. Rounds take turns, so that
other work on the machine slows both sides.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import gymnasium as gym

from termigen_gym.episode import Episode
from termigen_gym.sandbox.base import pack
from termigen_gym.sandbox.bubblewrap import BubblewrapEngine
from termigen_gym.sandbox.buildah import Layers
from termigen_gym.start import SHELL_ENV
from termigen_gym.store import EpisodeStore
from termigen_gym.verifier import ARTIFACTS, TESTS
from termigen_gym.verifier.rewards import LOGS

WORKERS = 3
_EPISODE = r"""
set -e
given=$1 lower=$2 workdir=$3
work=$given/work
mkdir "$work"
mount -t tmpfs tmpfs "$work"
begin() {
    mkdir -p "$work/$1/upper" "$work/$1/work" "$work/$1/root"
    mount -t overlay overlay -o "lowerdir=$lower,upperdir=$work/$1/upper,workdir=$work/$1/work" "$work/$1/root"
    tar -xf "$given/files.tar" -C "$work/$1/root"
}
enter() {
    bwrap --bind "$work/$1/root" / --dev /dev --proc /proc --unshare-pid --unshare-net --unshare-ipc --unshare-uts \
        --die-with-parent --chdir "$workdir" bash "$2" < /dev/null > /dev/null 2>&1 || true
}
begin played
cp "$given/commands.sh" "$work/played/root/"
enter played /commands.sh
[ -e "$given/tests.tar" ] || exit 0
begin tested
for path in $(cat "$given/artifacts.txt"); do
    rm -rf "$work/tested/root/$path"
    [ ! -e "$work/played/root/$path" ] || tar -c -C "$work/played/root" "./$path" | tar -x -C "$work/tested/root"
done
tar -xf "$given/tests.tar" -C "$work/tested/root"
enter tested /tests/test.sh
cat "$work/tested/root/logs/verifier/reward.txt"
"""


@dataclass(frozen=True)
class Took:
    """What one side of a round took: seconds from its first episode to its last, and seconds of the processors."""

    wall_s: float
    cpu_s: float

    @classmethod
    def by(cls, run: Callable[[], object]) -> Took:
        """Run something and return what it took."""
        started, busy = time.monotonic(), busy_s()
        run()
        return cls(time.monotonic() - started, busy_s() - busy)


@dataclass(frozen=True)
class Bare:
    """An episode's programs, ready to run: a folder with its files, the image's layers, and the reward to come."""

    given: Path
    layers: Layers
    workdir: str
    environment: dict[str, str]
    reward: float | None

    def run(self) -> None:
        """Run them.

        Raises:
            RuntimeError: they ended with another reward than the episode.
        """
        argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _EPISODE, "sh"]
        argv += [str(self.given), ":".join(self.layers.names), self.workdir]
        done = subprocess.run(argv, cwd=self.layers.folder, env=self.environment, capture_output=True, text=True)
        if done.returncode != 0 or (self.reward is not None and float(done.stdout) != self.reward):
            raise RuntimeError(
                f"{self.given.name}: expected reward {self.reward}, found {done.stdout!r} and exit code "
                f"{done.returncode}: {done.stderr[-400:]}"
            )


def bare(episode: Episode, engine: BubblewrapEngine, given: Path) -> Bare:
    """Write an episode's programs into a folder."""
    env = gym.make(episode.task_id, sandbox=engine.name, warm_resets=False)
    env.reset(seed=episode.seed, options=dict(episode.options))
    task, image = env.unwrapped.task, env.unwrapped.sandbox.image  # type: ignore[attr-defined]
    env.close()
    given.mkdir()
    commands = [step.executed for step in episode.steps if step.state == "prompt"]
    (given / "commands.sh").write_text("\n".join(commands) + "\n")
    (given / "files.tar").write_bytes(pack(task.files))
    assert episode.verdict is not None
    judged = not episode.verdict["reused"]
    if judged:
        assert task.config.separate
        (given / "artifacts.txt").write_text(
            " ".join(artifact.source for artifact in task.config.artifacts_with(ARTIFACTS))
        )
        tests = {f"{TESTS}/{name}": file for name, file in task.tests().items()}
        (given / "tests.tar").write_bytes(pack(tests, {LOGS: 0o755}))
    environment = {"HOME": "/root", **SHELL_ENV, **image.env}
    reward = episode.verdict["reward"] if judged else None
    return Bare(given, engine._store.layers(image), image.workdir, environment, reward)


def busy_s() -> float:
    """Return the seconds that the machine's processors have worked since it began."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split(None, 8)[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def collected(folder: Path, episodes: int, seed: int) -> Took:
    """Collect into a new folder."""
    termigen = str(Path(sys.executable).parent / "termigen")
    argv = [termigen, "collect", "--out", str(folder), "--episodes", str(episodes), "--seed", str(seed)]
    argv += ["--workers", str(WORKERS), "--sandbox", "bubblewrap", "--reuse-verdicts"]
    return Took.by(lambda: subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))


def floor(folder: Path, scratch: Path, engine: BubblewrapEngine) -> Took:
    """Run what a run's episodes are made of."""
    found = [bare(episode, engine, scratch / episode.id) for episode in EpisodeStore(folder)]
    with ThreadPoolExecutor(WORKERS) as workers:
        return Took.by(lambda: list(workers.map(Bare.run, found)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=112, help="in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    engine = BubblewrapEngine()
    rounds: list[tuple[Took, Took]] = []
    for seed in range(args.rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            ours = collected(folder / "run", args.episodes, seed)
            (folder / "bare").mkdir()
            rounds.append((ours, floor(folder / "run", folder / "bare", engine)))
        print(*rounds[-1], file=sys.stderr)
    engine.close()
    figures = {
        "episodes_per_s": statistics.median(args.episodes / ours.wall_s for ours, _ in rounds),
        "floor_episodes_per_s": statistics.median(args.episodes / bare.wall_s for _, bare in rounds),
        "wall_ratio": statistics.median(ours.wall_s / bare.wall_s for ours, bare in rounds),
        "cpu_ratio": statistics.median(ours.cpu_s / bare.cpu_s for ours, bare in rounds),
        "rounds": [[asdict(side) for side in sides] for sides in rounds],
    }
    if args.json:
        print(json.dumps(figures))
        return
    for key, value in figures.items():
        print(f"{key:20} {json.dumps(value)}")


if __name__ == "__main__":
    main()
