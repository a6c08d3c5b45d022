"""A task's rehearsal: its solution again and again, each beginning of it, mutants and equivalents, all judged."""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Callable, Iterator, Sequence

from ..solution import Block, Variants, Way, mistakes_of, solution_of, variants_of
from ..task import Task
from ..tree import KEPT_BYTES, State
from .mutation import of_commands, of_files, of_steps
from .noise import Noise
from .replays import Begin, OpenEnv, Outcome, Take, Waves, always, play_takes

RUNS = 10
"""Plays of the solution whose verdicts must be the same."""

MIN_MUTANTS = 30
"""Valid mutants of a task, where there are as many: commands are altered until there are."""

_EDITED = 24
_AT_A_TIME = 2


class Rehearsal:
    """All plays of one task, by what they are for.

    Attributes:
        runs: of the solution. prefixes: of its first blocks, from none to all but the last.
        mutants, equivalents: of the task's variants, and the mutants that are made automatically.
        cheats: of the task's variants, each alone in place of the solution.

    A prefix or a mutant has a verdict only where what it leaves differs from what the solution leaves by more than what
    differs between runs.
    """

    def __init__(self, task: Task) -> None:
        """Read the task's solution.

        Raises:
            TaskError: there is none, or it or what was written with it is malformed.
        """
        self.blocks: Sequence[Block] = solution_of(task)
        self.variants: Variants = variants_of(task)
        written = [Way(f"mutants/{way.name}", way.command, way.step) for way in self.variants.mutants]
        # Where the verifier sees nothing but the end state, that tells whether a play was resumed well.
        self._judged_when_resumed = _never if task.config.separate else always
        self._ways = [*of_steps(self.blocks, mistakes_of(task)), *written]
        self.runs: Sequence[Outcome] = ()
        self.prefixes: Sequence[Outcome] = ()
        self.mutants: Sequence[Outcome] = ()
        self.equivalents: Sequence[Outcome] = ()
        self.cheats: Sequence[Outcome] = ()

    @property
    def solved(self) -> bool:
        """Whether some run earned 1; without one there is nothing to compare with, and no other way is played."""
        return any(run.reward == 1 for run in self.runs)

    @property
    def excused(self) -> set[str]:
        """The names of what the tests let through and variants.toml calls harmless."""
        let_through = [one.take.name for one in (*self.prefixes, *self.mutants) if one.valid and one.accepted]
        return {name for one in self.variants.harmless for name in fnmatch.filter(let_through, one.mutant)}

    @property
    def counted(self) -> list[Outcome]:
        """The valid mutants: they left something else than the solution, and variants.toml does not excuse them."""
        return [one for one in self.mutants if one.valid and one.take.name not in self.excused]

    def waves(self) -> Waves:
        """Yield what is to be played, and keep what comes of it."""
        commands = [block.command for block in self.blocks]
        # A block may need more of those before it than they left in files; then what alters it begins earlier.
        resuming = [
            Take(f"resume/{start}", start, commands[start:], judged=self._judged_when_resumed, kept=True)
            for start in range(1, len(commands) + 1)
        ]
        runs = [Take(f"run/{number}", 0, commands, kept=True) for number in range(1, RUNS + 1)]
        outcomes = yield [*runs, Take("image", 0, judged=_never, kept=True), *resuming]
        self.runs, image, resumed = outcomes[:RUNS], outcomes[RUNS], outcomes[RUNS + 1 :]
        if not self.solved:
            return
        states = [run.state for run in self.runs if run.reward == 1]
        end = _End(commands, states, image.state, resumed)
        # As few waves as can be, since the last take of a wave is waited for.
        prefixes = [end.prefix(length) for length in range(len(commands))]
        equivalents = [end.way(way, always) for way in self.variants.equivalents]
        cheats = [Take(f"cheats/{way.name}", 0, [way.command]) for way in self.variants.cheats]
        mutants = [*(end.way(way) for way in self._ways), *end.edits()]
        played = iter((yield [*prefixes, *equivalents, *cheats, *mutants]))
        self.prefixes, self.equivalents, self.cheats, self.mutants = (
            list(itertools.islice(played, len(takes))) for takes in (prefixes, equivalents, cheats, mutants)
        )
        dropped = {one.take.name for one in self.mutants if one.valid}
        needed = {step: block for step, block in enumerate(self.blocks, start=1) if f"drop/{step}" in dropped}
        altered = of_commands(needed)
        while len(self.counted) < MIN_MUTANTS:
            missing = MIN_MUTANTS - len(self.counted)
            ways = list(itertools.islice(altered, max(missing, _AT_A_TIME)))
            if not ways:
                return
            outcomes = yield [end.way(way) for way in ways]
            self.mutants = [*self.mutants, *outcomes]


class _End:
    """What the solution's plays left, and the takes that try to leave something else."""

    def __init__(
        self, commands: Sequence[str], states: Sequence[State], image: State, resumed: Sequence[Outcome]
    ) -> None:
        self._commands = commands
        self._final, self._noise, self._image = states[0], Noise.of(states), image
        self._starts = [0, *(one.take.start for one in resumed if one.reward in (1, None) and self._same(one.state))]

    def prefix(self, length: int) -> Take:
        return Take(f"prefix/{length}", length, judged=self._differs)

    def way(self, way: Way, judged: Callable[[State], bool] | None = None) -> Take:
        """A way that takes the place of its block, or comes after the last."""
        count = len(self._commands)
        before, after = (count, count) if way.step is None else (way.step - 1, way.step)
        start = max(start for start in self._starts if start <= before)
        commands = [*self._commands[start:before], way.command, *self._commands[after:]]
        return Take(way.name, start, commands, judged=judged or self._differs)

    def edits(self) -> Iterator[Take]:
        made = {
            path: item.content
            for path, item in self._final.items()
            if item.sort == "file" and item != self._image.get(path) and 0 < item.size <= KEPT_BYTES
            if "/.git/" not in path and not self._noise.covers(path)
        }
        start = self._starts[-1]
        for name, (path, content) in of_files(made, _EDITED).items():
            yield Take(name, start, self._commands[start:], {path: content}, judged=self._differs)

    def _same(self, state: State) -> bool:
        return self._noise.same(state, self._final)

    def _differs(self, state: State) -> bool:
        return not self._same(state)


def _never(state: State) -> bool:
    return False


def rehearse(
    task: Task, begin: Begin, open_env: OpenEnv, stages: int, on_play: Callable[[int, int], None]
) -> Rehearsal:
    """Play a task's rehearsal; the arguments are those of `play_takes`.

    Raises:
        TaskError: as `Rehearsal`. EngineMissing: there is no engine.
    """
    rehearsal = Rehearsal(task)
    play_takes(rehearsal.waves(), open_env, begin, stages, on_play)
    return rehearsal
