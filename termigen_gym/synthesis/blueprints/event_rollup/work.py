"""The solution of an event-rollup task with its mistakes, and other ways, right and wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..kit import Other, Slip, Step, pick
from ..pieces import absent_tool, spoken
from . import steps as shell
from .plan import Node, Plan, solve


class Work:
    """The solution of one plan, with the tools drawn for it, and the ways beside it."""

    def __init__(self, rng: np.random.Generator, plan: Plan) -> None:
        """Draw the tools."""
        self._rng, self._plan = rng, plan
        self._readers = {node.name: pick(rng, shell.READERS[node.form]) for node in plan.nodes}
        self._cleaner = pick(rng, shell.TOOLS)
        self._makers = {name: pick(rng, shell.TOOLS) for name in ("windows", *plan.extras)}

    @property
    def tools(self) -> list[str]:
        """The programs that the solution uses."""
        used = {*self._readers.values(), self._cleaner, *self._makers.values(), "awk", "jq"}
        return sorted({"python": "python3", "sqlite": "sqlite3"}.get(tool, tool) for tool in used)

    def steps(self) -> list[Step]:
        """Return the solution."""
        rng, plan, domain = self._rng, self._plan, self._plan.domain
        made = {
            "sessions": f"Sessions next, by {domain.subject} and time; a pause beyond {plan.gap} s begins a new one.",
            "top": f"The ranking by {domain.value}: sums first, then largest first with ties by name.",
            "quantiles": f"Percentiles for each {plan.names[plan.other]}, by nearest rank as asked.",
        }
        first = plan.nodes[0]
        return [
            Step(
                pick(
                    rng,
                    (
                        f"I unpack what is packed into a scratch folder and look at the first lines of each of the "
                        f"{len(plan.nodes)} logs, above all at their times.",
                        "The logs first: which fields stand where, and how does each node write its times?",
                    ),
                ),
                f"{shell.unpack(plan)}\nls -l {domain.root}\n"
                + "\n".join(f"head -n 3 {shell.plain_log(plan, node)}" for node in plan.nodes),
                [self._legend_slip()],
            ),
            Step(
                "All logs become one table of raw fields, with the rank of the log behind: "
                f"{spoken([node.name for node in plan.nodes])}.",
                shell.read(plan, self._readers),
                [
                    absent_tool(rng, shell.plain_log(plan, first), f"a first look at {first.name}"),
                    self._reader_slip(first),
                ],
            ),
            Step(
                "Now the rules in their order, all times in seconds since 1970: take out what does not "
                "count, keep one record of "
                f"each {plan.names['id']}, and part the late ones from the rest. The counts come along.",
                self._clean(plan, self._cleaner),
                [self._zone_slip(), self._copies_slip()],
            ),
            Step(
                f"Windows of {plan.window // 60} minutes for each {plan.names[plan.by]}.",
                f"{shell.windows(plan, self._makers['windows'])}\nhead -n 5 {shell.table(plan, 'windows')}",
                [self._rank_slip(), self._late_slip()],
            ),
            *(
                Step(
                    made[extra],
                    f"{shell.extra(plan, extra, self._makers[extra])}\nhead -n 5 {shell.table(plan, extra)}",
                    [self._extra_slip(extra)],
                )
                for extra in plan.extras
            ),
            Step(
                "The sums must meet: what the windows hold is what was counted, and nothing that was read is lost.",
                "wc -l /tmp/roll/raw.tsv /tmp/roll/events.tsv /tmp/roll/late.tsv\n"
                f"jq -e '.read == .ignored + .duplicates + .late + .counted' {plan.out}/counts.json\n"
                "cut -f2 /tmp/roll/events.tsv | sort | uniq -d | wc -l\n"
                f"jq -c . {plan.out}/counts.json; tail -n 2 {plan.out}/*.{plan.flat}",
                [self._sums_slip()],
            ),
        ]

    def equivalents(self) -> list[Other]:
        """Return the same work by other tools, and results that look otherwise."""
        plan = self._plan
        others = {
            node.name: next(tool for tool in shell.READERS[node.form] if tool != self._readers[node.name])
            for node in plan.nodes
        }
        ways = [Other("other-parsers", shell.read(plan, others), 2)]
        ways += [
            Other(f"clean-with-{tool}", self._clean(plan, tool), 3) for tool in shell.TOOLS if tool != self._cleaner
        ]
        for step, (name, used) in enumerate(self._makers.items(), start=4):
            ways += [
                Other(f"{name}-with-{tool}", self._made(plan, name, tool), step) for tool in shell.TOOLS if tool != used
            ]
        counts = f"{plan.out}/counts.json"
        ways.append(Other("counts-in-another-order", f"jq -S -c . {counts} > /tmp/c && cp /tmp/c {counts}"))
        ways.append(
            Other("scratch-table-kept", f"mkdir -p {plan.out}/work && cp /tmp/roll/events.tsv {plan.out}/work/")
        )
        return ways

    def mutants(self) -> list[Other]:
        """Return misreadings of the rules, of which each leads to another result here."""
        plan = self._plan
        right = solve(plan)
        noise = replace(plan, domain=replace(plan.domain, noise=("none-at-all",)))
        read: list[tuple[str, str, Plan]] = [
            ("offsets-overlooked", "clean", replace(plan, blind=True)),
            ("late-at-the-limit", "clean", replace(plan, late=plan.late - 1)),
            ("other-copy-kept", "clean", replace(plan, keep="last" if plan.keep == "first" else "first")),
            ("noise-counted", "clean", noise),
            ("percentile-rank-rounded", "windows", replace(plan, up=50)),
            ("windows-of-another-length", "windows", replace(plan, window=plan.window * 2)),
            ("parted-by-the-other-field", "windows", replace(plan, by=plan.other)),
            ("clock-of-utc", "windows", replace(plan, shift=0)),
            ("pause-at-the-limit", "sessions", replace(plan, gap=plan.gap - 1)),
            ("short-sessions-listed", "sessions", replace(plan, least=1)),
            ("one-rank-more", "top", replace(plan, top=plan.top + 1)),
            ("quantile-rank-rounded", "quantiles", replace(plan, up=50)),
        ]
        steps = {"clean": 3, **{name: step for step, name in enumerate(self._makers, start=4)}}
        tables = {"clean": "late", "windows": "windows", "sessions": "sessions", "top": "top", "quantiles": "quantiles"}
        ways = []
        for name, part, wrong in read:
            found = solve(wrong)
            if part in steps and (found.counts, found.tables.get(tables[part])) != (
                right.counts,
                right.tables.get(tables[part]),
            ):
                command = self._clean(wrong, "python") if part == "clean" else self._made(wrong, part, "python")
                ways.append(Other(name, command, steps[part]))
        return ways

    def _clean(self, plan: Plan, tool: str) -> str:
        return f"{shell.clean(plan, tool)}\n{shell.count(plan)}"

    def _made(self, plan: Plan, name: str, tool: str) -> str:
        return shell.windows(plan, tool) if name == "windows" else shell.extra(plan, name, tool)

    def _legend_slip(self) -> Slip:
        root = self._plan.domain.root
        return Slip(
            "hallucination",
            "The collectors write a legend with the meaning and the unit of each field; that saves me from guessing.",
            f"cat {root}/FIELDS.md",
            f"ls -A {root}",
            "There are only the logs, no legend. Their fields are told in the request, and the lines "
            "themselves show the rest.",
        )

    def _reader_slip(self, node: Node) -> Slip:
        plan = self._plan
        path, at = shell.plain_log(plan, node), plan.names["at"]
        if node.form == "jsonl":
            return Slip(
                "command_error",
                f"{node.name} first: the times out of the list of events.",
                f"jq -r '.[].{at}' {path} | head -n 5",
                f"head -n 1 {path}",
                "The file is no list: every line is an event, so .[] already yields strings and numbers, "
                "which have no keys.",
            )
        if node.form == "logfmt":
            return Slip(
                "command_error",
                f"grep can cut the times out of {node.name}.",
                f"grep -o '{at}=\\K[^ ]*' {path} | head -n 5",
                f"head -n 1 {path}; grep -o -P '\\b{at}=\\K[^ ]*' {path} | head -n 2",
                "\\K is known to Perl's expressions only, so plain grep found nothing; with -P it does what I meant.",
            )
        delimiter = "," if node.form == "csv" else "|"
        return Slip(
            "command_error",
            f"cut is enough for {node.name}: the separator and the numbers of the fields.",
            f"cut -d'{delimiter}{delimiter}' -f1-3 {path} | head -n 5",
            f"head -n 2 {path}",
            f"cut takes exactly one character as the delimiter; here that is {delimiter!r} alone.",
        )

    def _zone_slip(self) -> Slip:
        plan = self._plan
        node = next(node for node in plan.nodes if node.clock == "offset")
        at = plan.nodes.index(node)
        return Slip(
            "analysis_error",
            "Dates and clock times stand in the first 19 characters of the written times; what follows is decoration.",
            self._clean(replace(plan, blind=True), "python"),
            f"awk -F'\\t' '$8 == {at} {{ print $6, $7 }}' /tmp/roll/raw.tsv | head -n 3; cut -f1 "
            "/tmp/roll/events.tsv | sed -n '1p;$p'",
            f"The times of {node.name} carry an offset from UTC. Cut off, its events lie hours beside those "
            "of the other nodes.",
            ["rm -f /tmp/roll/events.tsv /tmp/roll/late.tsv /tmp/roll/delayed.tsv", f"rm -rf {plan.out}"],
        )

    def _copies_slip(self) -> Slip:
        plan = self._plan
        kept = "earliest" if plan.keep == "first" else "latest"
        wrong = replace(plan, keep="last" if plan.keep == "first" else "first")
        return Slip(
            "requirement_violation",
            "Among copies I take the record that was received "
            + ("last, as the most complete one." if plan.keep == "first" else "first, as the original."),
            self._clean(wrong, "python"),
            "cut -f1 /tmp/roll/raw.tsv | sort | uniq -d | head -n 3 | "
            'while read -r e; do grep -P "^$e\\t" /tmp/roll/raw.tsv | cut -f1,5,7; grep -h -P "\\t$e\\t" '
            "/tmp/roll/events.tsv; done",
            f"Copies differ in {plan.domain.value}, and the request wants the one received {kept}; I kept the other.",
            ["rm -f /tmp/roll/events.tsv /tmp/roll/late.tsv /tmp/roll/delayed.tsv", f"rm -rf {plan.out}"],
        )

    def _rank_slip(self) -> Slip:
        plan = self._plan
        return Slip(
            "analysis_error",
            "A percentile sits at its share of the values; I round the place to the nearest whole number.",
            shell.windows(replace(plan, up=50), "python"),
            "python3 -c 'print([(n, round(0.9 * n), -(-90 * n // 100)) for n in (2, 3, 4, 6, 7)])'",
            "Rounded places and those of the nearest rank, which is always rounded up, differ for many small "
            "groups, and the "
            "groups here are small.",
            [f"rm -f /tmp/roll/windows.tsv {shell.table(plan, 'windows')}"],
        )

    def _late_slip(self) -> Slip:
        plan = self._plan
        return Slip(
            "requirement_violation",
            f"Late {plan.domain.noun} happened all the same, so they belong into their windows.",
            "cat /tmp/roll/events.tsv /tmp/roll/delayed.tsv | LC_ALL=C sort -t$'\\t' -k1,1n > /tmp/roll/both.tsv\n"
            + shell.windows(plan, "python", "both"),
            f"jq .late,.counted {plan.out}/counts.json; wc -l /tmp/roll/both.tsv /tmp/roll/events.tsv",
            "Late events are to be in their own list and in no other table. My windows hold more events than "
            "were counted.",
            [f"rm -f /tmp/roll/both.tsv /tmp/roll/windows.tsv {shell.table(plan, 'windows')}"],
        )

    def _extra_slip(self, extra: str) -> Slip:
        plan, domain = self._plan, self._plan.domain
        to = shell.table(plan, extra)
        undo = [f"rm -f /tmp/roll/{extra}.tsv {to}"]
        if extra == "sessions":
            return Slip(
                "analysis_error",
                f"A session is everything that one {domain.subject} did without pause, single events included.",
                shell.extra(replace(plan, least=1), extra, "python"),
                f"wc -l {to}; cut -f4 /tmp/roll/sessions.tsv | sort -n | uniq -c | head -n 3",
                f"There are sessions of a single event, but only those of at least {plan.least} events were asked for.",
                undo,
            )
        if extra == "top":
            return Slip(
                "analysis_error",
                f"The busiest ones: I rank each {domain.subject} by how often it occurs.",
                "cut -f3 /tmp/roll/events.tsv | sort | uniq -c | sort -rn | awk -v OFS='\\t' "
                f"'NR <= {plan.top} {{ print NR, $2, $1, $1 }}' > /tmp/roll/top.tsv\n{shell.emit(plan, 'top')}",
                f"cat {to}; awk -F'\\t' '{{ t[$3] += $6 }} END {{ for (s in t) print t[s], s }}' "
                "/tmp/roll/events.tsv | "
                "sort -rn | head -n 3",
                f"Rank goes by the sum of {domain.value}, and by that others come first. How often is only a column.",
                undo,
            )
        return Slip(
            "analysis_error",
            "I take the percentiles at the place rounded to the nearest whole number.",
            shell.extra(replace(plan, up=50), extra, "python"),
            f"cat {to}; python3 -c 'print([(n, round(0.95 * n), -(-95 * n // 100)) for n in (21, 33, 47)])'",
            "The place has to be rounded up, always. Rounded to the nearest one, some percentiles are one "
            "value too low.",
            undo,
        )

    def _sums_slip(self) -> Slip:
        plan = self._plan
        return Slip(
            "verification_failure",
            f"All files are in {plan.out}; the rollup is finished.",
            f"ls -l {plan.out}",
            f"jq -c . {plan.out}/counts.json; wc -l /tmp/roll/raw.tsv /tmp/roll/events.tsv",
            "That files exist says nothing of their numbers. Whether read, ignored, duplicate, late and "
            "counted events add up, "
            "I have not compared.",
        )
