"""How strong a task's tests are: what they reject, what they accept, and whether they say the same each time."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Sequence

from .context import Context, Finding, Pick, finding
from .evidence import of_outcomes
from .rehearsal import MIN_MUTANTS, Rehearsal
from .replays import Outcome

MIN_SCORE = 0.95
"""The part of its valid mutants that the tests of a sound task reject."""


def check_flakes(context: Context) -> Finding:
    """The solution's verdict is the same in every run: reward 1, and the same outcome of each test."""

    def judge(pick: Pick, rehearsal: Rehearsal) -> Iterator[str]:
        for run in rehearsal.runs:
            if run.reward != 1:
                yield f"{pick}: {run.take.name}: expected reward 1, found {_told(run)}"
        tests = {str(sorted(run.verdict["tests"].items())) for run in rehearsal.runs if run.verdict is not None}
        if len(tests) > 1:
            yield f"{pick}: expected the same outcomes of the tests in every run, found {len(tests)} different ones"

    problems = _each(context, judge)
    runs = [run for pick in context.sample for run in context.rehearsal(pick).runs]
    failed = _where(context, lambda rehearsal: [run for run in rehearsal.runs if run.reward != 1])
    figures = {"runs": len(runs), "flaky": sum(run.reward != 1 for run in runs)}
    return finding(problems, f"reward 1 in {len(runs)} runs", figures, failed)


def check_prefixes(context: Context) -> Finding:
    """As long as the first steps of the solution have not done all of its work, they earn less than 1."""

    def judge(pick: Pick, rehearsal: Rehearsal) -> Iterator[str]:
        yield from _unsolved(pick, rehearsal)
        for outcome in accepted(rehearsal):
            yield f"{pick}: {outcome.take.name}: expected less than 1, found {_told(outcome)}"

    def accepted(rehearsal: Rehearsal) -> list[Outcome]:
        valid = [one for one in rehearsal.prefixes if one.valid and one.accepted]
        return [one for one in valid if one.take.name not in rehearsal.excused]

    problems = _each(context, judge)
    prefixes = [one for pick in context.sample for one in context.rehearsal(pick).prefixes if one.valid]
    figures = {"prefixes": len(prefixes)}
    return finding(problems, f"{len(prefixes)} beginnings earn less than 1", figures, _where(context, accepted))


def check_mutants(context: Context) -> Finding:
    """The tests reject wrong ways: of the mutants that leave something else than the solution, `MIN_SCORE` at least."""
    problems, through, valid, made = [], [], 0, 0
    for pick in context.sample:
        rehearsal = context.rehearsal(pick)
        counted = rehearsal.counted
        through += [f"{pick}: {one.take.name}: {_told(one)}" for one in counted if one.accepted]
        valid += len(counted)
        made += len(rehearsal.mutants)
        problems += [*_unsolved(pick, rehearsal), *(f"{pick}: {problem}" for problem in _written(rehearsal))]
        if context.strict and rehearsal.solved and len(counted) < MIN_MUTANTS:
            problems.append(f"{pick}: expected at least {MIN_MUTANTS} valid mutants, found {len(counted)}")
    score = (valid - len(through)) / valid if valid else 0.0
    if score < MIN_SCORE:
        problems.append(f"expected a mutation score of at least {MIN_SCORE}, found {score:.3f}")
    said = [*problems, f"{valid - len(through)} of {valid} valid mutants were rejected"]
    figures = {"mutants": made, "valid": valid, "score": round(score, 4)}
    accepted = _where(
        context, lambda rehearsal: [one for one in (*rehearsal.cheats, *rehearsal.counted) if one.accepted]
    )
    detail = "; ".join([*said, *(f"accepted: {one}" for one in through)])
    return Finding(not problems, detail, figures, evidence="\n".join(accepted))


def check_equivalents(context: Context) -> Finding:
    """Other correct ways earn 1 as well."""

    def judge(pick: Pick, rehearsal: Rehearsal) -> Iterator[str]:
        yield from _unsolved(pick, rehearsal)
        for outcome in rehearsal.equivalents:
            if outcome.reward != 1:
                yield f"{pick}: {outcome.take.name}: expected reward 1, found {_told(outcome)}"
        if context.strict and not rehearsal.variants.equivalents:
            yield f"{pick}: solution/variants.toml: expected at least one of [[equivalents]], found none"

    problems = _each(context, judge)
    ways = [one for pick in context.sample for one in context.rehearsal(pick).equivalents]
    failed = _where(context, lambda rehearsal: [way for way in rehearsal.equivalents if way.reward != 1])
    return finding(problems, f"{len(ways)} other ways earn 1", {"equivalents": len(ways)}, failed)


def _each(context: Context, judge: Callable[[Pick, Rehearsal], Iterable[str]]) -> list[str]:
    return [problem for pick in context.sample for problem in judge(pick, context.rehearsal(pick))]


def _where(context: Context, chosen: Callable[[Rehearsal], Sequence[Outcome]]) -> list[str]:
    """What is to be seen of some plays."""
    rehearsals = [context.rehearsal(pick) for pick in context.sample]
    return [told for one in rehearsals if (told := of_outcomes(chosen(one), one.blocks))]


def _unsolved(pick: Pick, rehearsal: Rehearsal) -> Iterator[str]:
    if not rehearsal.solved:
        yield f"{pick}: expected the solution to earn 1, found that no run did"


def _written(rehearsal: Rehearsal) -> Iterator[str]:
    """What is wrong with variants.toml: mutants that change nothing, ways that pass or do not though it says so."""
    for outcome in rehearsal.mutants:
        name = outcome.take.name
        if name.startswith("mutants/") and not outcome.valid:
            yield f"{name}: expected another end state than the solution's, found the same"
        elif name.startswith("mutants/") and outcome.accepted:
            yield f"{name}: expected less than 1, found {_told(outcome)}"
    for outcome in rehearsal.cheats:
        if outcome.accepted:
            yield f"{outcome.take.name}: expected less than 1, found {_told(outcome)}"
    for one in rehearsal.variants.harmless if rehearsal.solved else ():
        if not fnmatch.filter(rehearsal.excused, one.mutant):
            yield f"harmless {one.mutant}: expected a mutant that the tests accept, found none of that name"


def _told(outcome: Outcome) -> str:
    return (outcome.error and f"no verdict: {outcome.error}") or f"{outcome.reward:g}"
