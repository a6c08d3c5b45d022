"""The checks of a task as it stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..agents import Agent, Echo, Null, Oracle
from ..agents.simple import examples
from ..comparing import differences, recorded
from ..critic import Critic, Proposal, Situation
from ..episode import Episode
from ..solution import Mistake, mistakes_of, solution_of
from ..task import Task
from .context import Context, Finding, Pick, finding
from .evidence import of_episode
from .shape import shape_problems


def check_load(context: Context) -> Finding:
    """The folder can be read; a family makes the same instance each time, and others for other seeds."""
    tasks = context.tasks
    if context.entry.kind == "task":
        return Finding(True, f"digest {next(iter(tasks.values())).digest[:12]}")
    again = context.instances(reversed(tasks))
    problems = [
        f"{pick}: generated twice, found two different instances" for pick, task in tasks.items() if again[pick] != task
    ]
    texts = {(task.instruction, str(task.files), str(task.extra_tests)) for task in tasks.values()}
    if len(texts) < len(tasks):
        problems.append(f"expected {len(tasks)} different instances of {len(tasks)} seeds, found {len(texts)}")
    return finding(problems, f"{len(tasks)} instances")


def check_shape(context: Context) -> Finding:
    """Our own tasks look alike; foreign ones may look as they like."""
    if not context.strict:
        return Finding(True, "not one of ours: nothing is asked of its shape")
    problems = {problem: None for task in context.tasks.values() for problem in shape_problems(context.entry, task)}
    return finding(list(problems), "as all of ours")


def check_build(context: Context) -> Finding:
    """The image builds."""
    started = time.monotonic()
    context.prepare()
    seconds = time.monotonic() - started
    return Finding(True, f"{seconds:.1f} s", {"build_s": round(seconds, 1)})


def check_null(context: Context) -> Finding:
    """Who does nothing earns nothing."""
    return _idlers_earn_nothing(context, lambda task: [Null()])


def check_echo(context: Context) -> Finding:
    """Who copies the instruction's examples into the files that it names earns nothing."""
    return _idlers_earn_nothing(context, lambda task: [Echo(shift) for shift in range(len(examples(task.instruction)))])


def _idlers_earn_nothing(context: Context, idlers: Callable[[Task], Sequence[Agent]]) -> Finding:
    plays = [(pick, agent) for pick, task in context.tasks.items() for agent in idlers(task)]
    problems, evidence = [], []
    rewards: list[float] = []
    for pick, agent in plays:
        episode = context.play(agent, pick)
        reward = episode.reward or 0.0
        rewards.append(reward)
        if reward != 0:
            problems.append(f"{agent.name}, {pick}: expected reward 0, found {reward}")
            evidence.append(of_episode(episode))
    if not plays:
        return Finding(True, "the instruction shows no example")
    figures = {"plays": len(plays), "reward": max(rewards), "solved": sum(reward == 1 for reward in rewards)}
    return finding(problems, f"reward 0 in {len(plays)} plays", figures, evidence)


def check_oracle(context: Context) -> Finding:
    """The solution earns 1, in fresh sandboxes each time; in our own tasks every block ends with exit code 0."""
    return _solution_earns_1(context, [pick for pick in context.tasks for _ in range(_plays(context))])


def check_oracle_once(context: Context) -> Finding:
    """`check_oracle` in one play, of a family's first instance."""
    return _solution_earns_1(context, list(context.tasks)[:1])


def _plays(context: Context) -> int:
    return 2 if context.entry.kind == "task" else 1


def _solution_earns_1(context: Context, plays: Sequence[Pick]) -> Finding:
    problems: list[str] = []
    evidence = []
    for pick in plays:
        before, episode = len(problems), context.play(Oracle(), pick)
        if episode.reward != 1:
            problems.append(f"{pick}: expected reward 1, found {episode.reward}{_failed_tests(episode)}")
        if context.strict:
            problems += [
                f"{pick}: block {step.index + 1}: expected exit code 0, found {step.exit_code} ({step.state})"
                for step in episode.steps[:-1]
                if step.exit_code != 0
            ]
        if len(problems) > before:
            evidence.append(of_episode(episode))
    return finding(problems, f"reward 1 in {len(plays)} plays", evidence=evidence)


def _failed_tests(episode: Episode) -> str:
    tests = (episode.verdict or {}).get("tests", {})
    failed = [name.rpartition("::")[2] for name, outcome in tests.items() if outcome in ("failed", "error")]
    return f", failed: {', '.join(failed)}" if failed else ""


def check_mistakes(context: Context) -> Finding:
    """Every mistake of the list can be made and taken back: the solution still earns 1; each time it shows the same."""
    problems: list[str] = []
    evidence: list[str] = []
    total = 0
    for pick, task in context.tasks.items():
        mistakes = mistakes_of(task)
        total += len(mistakes)
        for together in _apart(mistakes):
            bad, first = _play_mistakes(context, pick, task, together)
            if not bad:
                bad, again = _play_mistakes(context, pick, task, together)
            if not bad:
                problems += _unlike(pick, first, again)
                continue
            for why, episode in (_play_mistakes(context, pick, task, [one]) for one in together):
                if why:
                    problems.append(why)
                    evidence.append(of_episode(episode))
    return finding(problems, f"{total} mistakes were made and taken back", evidence=evidence)


def _unlike(pick: Pick, first: Episode, again: Episode) -> Iterator[str]:
    """Say of the mistakes that were made twice which showed something else: episodes with them would not replay."""
    mistake_of = {
        index: step.perturbation.reason
        for step in first.steps
        if step.perturbation is not None
        for index in range(step.index, (step.recovered_at or step.index) + 1)
    }
    for it in differences(recorded(first), recorded(again)):
        if it.step in mistake_of:
            shown = f"showed {it.expected!r} the first time, {it.found!r} the second"
            yield f"{pick}: {mistake_of[it.step]}: expected it to show the same each time, but step {it.step} {shown}"


def _apart(mistakes: Sequence[Mistake]) -> list[list[Mistake]]:
    """Share mistakes out to as few plays as can be, none with two mistakes at one step."""
    plays: list[list[Mistake]] = []
    for mistake in mistakes:
        free = next((play for play in plays if all(other.step != mistake.step for other in play)), None)
        if free is None:
            plays.append([mistake])
        else:
            free.append(mistake)
    return plays


class _Listed(Critic):
    """A critic that makes each of some listed mistakes once, in place of its block."""

    def __init__(self, task: Task, mistakes: Sequence[Mistake]) -> None:
        blocks = solution_of(task)
        self.left = [(blocks[mistake.step - 1].command, mistake) for mistake in mistakes]

    def propose(self, situation: Situation, rng: np.random.Generator) -> Proposal:
        """Return the mistake that belongs to the action, unless it was made before."""
        due = next((item for item in self.left if item[0] == situation.action), None)
        if due is None:
            return Proposal(None)
        self.left.remove(due)
        return Proposal(due[1].perturbation)


def _play_mistakes(context: Context, pick: Pick, task: Task, mistakes: Sequence[Mistake]) -> tuple[str, Episode]:
    """Return what went wrong, "" for nothing, and the play."""
    critic = _Listed(task, mistakes)
    episode = context.play(Oracle(), pick, critic)
    names = f"{pick}: {', '.join(mistake.perturbation.reason for mistake in mistakes)}"
    why = ""
    if episode.reward != 1:
        why = f"{names}: expected reward 1 after its repair, found {episode.reward}{_failed_tests(episode)}"
    elif critic.left:
        why = f"{names}: expected it to be made, found that its step was never reached"
    return why, episode
