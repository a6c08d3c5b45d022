"""What is asked for in a task of `route_plan`, and the request's text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..drawing import listed
from ..kit import bullets, pick, sample
from .case import Case

_FORMS = {"csv": "comma-separated with a header", "tsv": "tab-separated with a header", "jsonl": "a JSON object a line"}


@dataclass(frozen=True)
class Wanted:
    """What is asked for: the folder `out`, the answers' path, columns beyond the id, the mark between a path's parts.

    `losses` and `sent` tell whether those reports are wanted.
    """

    out: str
    answers: str
    columns: tuple[str, ...]
    mark: str
    losses: bool
    sent: bool

    @property
    def form(self) -> str:
        """The answers' format."""
        return self.answers.rsplit(".", 1)[1]


def instruction(rng: np.random.Generator, case: Case, wanted: Wanted) -> str:
    """Return the text of the request."""
    end = pick(
        rng,
        (
            "Please compute the answers once, strictly by what is written here.",
            "Here are the tables and the rules; each question has exactly one right answer.",
            "I need the answers as files, and they will be checked against a second computation.",
        ),
    )
    reports = _reports(case, wanted)
    parts = [
        f"{case.region.story} {end}",
        "The tables:",
        bullets(_tables(case)),
        "The rules:",
        bullets(_rules(case)),
        "The reports, all in byte order where names are sorted:",
        bullets(sample(rng, reports, len(reports))),
        "Leave `/app/data` as it is.",
    ]
    return "\n\n".join(parts)


def _tables(case: Case) -> list[str]:
    region = case.region
    times = "as hours and minutes like 00:00" if case.clock else "in minutes since midnight"
    columns = [listed(case.columns(number)) for number in range(5)]
    forms = [_FORMS[form] for form in case.formats]
    if case.timetable:
        told = [
            f"`{case.path(0)}` ({forms[0]}): the rides, {columns[0]}; `limit` is in {region.load}. Times are {times}.",
            f"`{case.path(1)}` ({forms[1]}): the `ride`s that do not run.",
        ]
    else:
        ways = "can be used both ways"
        if case.one_way:
            ways = "can be used both ways unless its `direction` is `one-way`, which is from `from` to `to`"
        told = [
            f"`{case.path(0)}` ({forms[0]}): one row for each {region.link}, {columns[0]}. It takes `minutes`, "
            f"carries up to `limit` {region.load} and {ways}.",
            f"`{case.path(1)}` ({forms[1]}): when which {region.link} is closed, {columns[1]}; a row holds for both "
            f"directions, whichever way round it is written. Times are {times}.",
        ]
    told.append(
        f"`{case.path(2)}` ({forms[2]}): the queries, {columns[2]}: `load` {region.load} are to go from `from` to "
        "`to`, `ready` at the earliest."
    )
    if case.jobs:
        told += [
            f"`{case.path(3)}` ({_FORMS['csv']}): who can be sent, {columns[3]}: where each is and from when on.",
            f"`{case.path(4)}` ({_FORMS['csv']}): what they are sent for, {columns[4]}.",
        ]
    return told


def _rules(case: Case) -> list[str]:
    region = case.region
    last = "comes first when the lists of its {} are compared name by name in byte order."
    if case.timetable:
        return [
            f"A ride can be taken whole, by a load of at most its `limit`, from the {region.place} at which one is, "
            "if one is there no later than it leaves. One may wait anywhere.",
            f"Changing from one {region.line} to another takes {case.change} minutes; whoever arrives by a ride of a "
            f"{region.line} may take any ride of the same {region.line} that leaves at or after that moment. The "
            "first ride needs no such time.",
            "The best way is the one that arrives first; of several the one with the fewest rides; of those the one "
            "that " + last.format("rides"),
        ]
    toll = "with the lowest sum of tolls" if case.second == "tolls" else f"with the fewest {_many(region.link)}"
    return [
        f"A {region.link} can be used by a load of at most its `limit`. It may not be begun at a minute at or after "
        f"`closes` and before `opens`; whoever has begun it goes through. One may wait at any {region.place}, and one "
        f"leaves as soon as possible: a way's times follow from its {_many(region.place)}.",
        f"The best way is the one that arrives first; of several the one {toll}; of those the one that "
        + last.format(f"{_many(region.place)}, both ends included,"),
    ]


def _many(noun: str) -> str:
    return noun + ("es" if noun.endswith("ch") else "s")


def _reports(case: Case, wanted: Wanted) -> list[str]:
    region = case.region
    parts = "rides" if case.timetable else f"{_many(region.place)} from the first to the last"
    meaning = {
        "arrival": "`arrival`",
        "legs": "`legs` (how many " + ("rides" if case.timetable else "steps from one to the next") + ")",
        "tolls": "`tolls` (their sum)",
        "path": f"`path` (the {parts}, joined by `{wanted.mark}`)",
    }
    columns = ", ".join(["`id`", *(meaning[name] for name in wanted.columns)])
    form = {
        "csv": "comma-separated with these columns as header",
        "tsv": "tab-separated with these columns as header",
        "jsonl": "a JSON object a line with these keys, all values strings",
    }[wanted.form]
    told = [
        f"`{wanted.answers}`: one row for each query, in the order of their table: {columns}; {form}. Where there is "
        "no way, all but `id` are `-`. Times here and below are written as in the tables.",
        f"`{wanted.out}/within.csv`: header `place`, `arrival`; the {_many(region.place)} that a load of "
        f"{case.weight} which is ready at `{case.depot}` at {case.time(case.off)} can reach at {case.time(case.by)} "
        f"or before, with the earliest arrival, without `{case.depot}` itself; sorted by arrival, then by name.",
    ]
    if wanted.losses:
        one = f"{region.line}" if case.timetable else f"{region.link}"
        name = "its name" if case.timetable else "`from` and `to` as in its row, joined by `-`"
        told.append(
            f"`{wanted.out}/losses.csv`: header `name`, `delay`, `lost`; a row for each {one} ({name}), supposing "
            "that it alone is not there: by how many minutes the queries that have a way now arrive later in sum, "
            f"where each that has none any more counts {case.lost}, and how many of these there are. Highest delay "
            "first, then by name."
        )
    if wanted.sent:
        told.append(
            f"`{wanted.out}/sent.json`: each row of `{case.path(4)}` gets somebody of `{case.path(3)}` of its own, "
            "who goes the best way with that load, starting when free, and arrives when free if there already. Of "
            "all assignments in which everybody arrives, the one with the smallest sum of arrival times (in minutes "
            "since midnight), of equal ones the one whose list of names, in the order of the rows, comes first in "
            "byte order, name by name. An object with exactly two keys: `names` and `arrivals`, each an object from "
            "the row's `id` to the name or the time (a string)."
        )
    return told
