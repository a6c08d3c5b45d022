"""The solution of a retention-sweep task with its mistakes, and other ways, right and wrong."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np

from ..kit import Other, Slip, Step, pick
from ..pieces import absent_tool
from . import steps as shell
from .plan import Plan, solve


class Work:
    """The solution of one plan, with the tools drawn for it, and the ways beside it."""

    def __init__(self, rng: np.random.Generator, plan: Plan) -> None:
        """Draw the tools."""
        self._rng, self._plan = rng, plan
        self._lister = pick(rng, shell.LISTERS[plan.manifest])
        self._decider, self._counter = pick(rng, shell.DECIDERS), pick(rng, shell.COUNTERS)
        self._remover, self._mover, self._packer = (
            pick(rng, tools) for tools in (shell.REMOVERS, shell.MOVERS, shell.PACKERS)
        )

    @property
    def tools(self) -> list[str]:
        """The programs that the solution uses."""
        used = {self._lister, self._decider, self._counter, self._remover, "find", "comm", "sort"} - {"while"}
        used |= {"gzip"} if self._plan.compress is not None else set()
        return sorted({"python": "python3", "sqlite": "sqlite3"}.get(tool, tool) for tool in used)

    def steps(self) -> list[Step]:
        """Return the solution."""
        rng, plan, domain = self._rng, self._plan, self._plan.domain
        moving = shell.move(plan, self._mover, self._packer)
        further = [
            Step(
                "What stays gets its place and its form, now that the rest is gone.",
                f"{moving}\nfind /app/archive /app/quarantine -type f 2> /dev/null | wc -l",
                [self._halfway_slip()],
            )
        ]
        pins = f" {shell.CATALOG}/pins.csv" if plan.pins else ""
        return [
            Step(
                pick(
                    rng,
                    (
                        "Deleting cannot be undone, so I look carefully first: the tree, the manifest, the "
                        f"holds of these {domain.noun}.",
                        f"First an overview of {domain.root} and of the catalogue that says what lies there.",
                    ),
                ),
                f"ls -l {shell.CATALOG}; head -n 4 {shell.manifest(plan)}; cat {shell.CATALOG}/holds.csv{pins}\n"
                f"find {domain.root} -type f | wc -l; du -sb {domain.root}; find {domain.root} -type f | sort "
                "| head -n 8",
                [self._policy_slip()],
            ),
            Step(
                "The manifest as a plain table, and beside it what is really on the disk: they need not agree.",
                shell.collect(plan, self._lister),
                [absent_tool(rng, shell.manifest(plan), "the manifest at a glance"), self._find_slip()],
            ),
            Step(
                "The decision for each file, without touching any: newest first, each rule marks the first "
                "copy that it meets in a "
                "period, and the reason is the first in the order of the policy.",
                shell.decide(plan, self._decider),
                [self._failed_slip(), self._hold_slip()],
            ),
            Step(
                "The records come before the act, while the sizes of what will go can still be seen.",
                f"{shell.record(plan, self._counter)}\nhead -n 5 {shell.ledger(plan)}; jq -c . {plan.out}/summary.json",
            ),
            Step(
                "Now for real: exactly those files go that the plan deletes, each by its name.",
                shell.remove(plan, self._remover),
                [self._rest_slip()],
            ),
            *(further if moving else []),
            Step(
                "Last, the tree against the plan: nothing that was to go may be left, nothing that was to "
                "stay may be missing.",
                f"find {domain.root} -type f -printf '%P\\n' | LC_ALL=C sort > /tmp/sweep/after\n"
                "awk -F'\\t' '$2 == \"delete\" { print $1 }' /tmp/sweep/plan.tsv | LC_ALL=C sort | LC_ALL=C "
                "comm -12 - /tmp/sweep/after\n"
                "awk -F'\\t' '$2 == \"keep\" { print $1 }' /tmp/sweep/plan.tsv | LC_ALL=C sort | LC_ALL=C "
                "comm -23 - /tmp/sweep/after\n"
                f"wc -l < /tmp/sweep/after; jq -c .actions {plan.out}/summary.json",
                [self._space_slip()],
            ),
        ]

    def equivalents(self) -> list[Other]:
        """Return the same work by other tools, and results that look otherwise."""
        plan, root = self._plan, self._plan.domain.root
        lister = next(tool for tool in shell.LISTERS[plan.manifest] if tool != self._lister)
        counter = next(tool for tool in shell.COUNTERS if tool != self._counter)
        ways = [Other(f"list-with-{lister}", shell.collect(plan, lister), 2)]
        ways += [
            Other(f"decide-with-{tool}", shell.decide(plan, tool), 3)
            for tool in shell.DECIDERS
            if tool != self._decider
        ]
        ways.append(Other(f"count-with-{counter}", shell.record(plan, counter), 4))
        ways += [
            Other(f"delete-with-{tool}", shell.remove(plan, tool), 5)
            for tool in shell.REMOVERS
            if tool != self._remover
        ]
        mover, packer = (
            next(tool for tool in tools if tool != used)
            for tools, used in ((shell.MOVERS, self._mover), (shell.PACKERS, self._packer))
        )
        if moved := shell.move(plan, mover, packer):
            ways.append(Other("move-and-pack-otherwise", moved, 6))
        ways.append(Other("empty-folders-removed", f"find {root} -mindepth 1 -type d -empty -delete"))
        if plan.compress is not None:
            ways.append(
                Other(
                    "compressed-as-hard-as-can-be",
                    "awk -F'\\t' '$2 == \"compress\" { print $1 }' /tmp/sweep/plan.tsv | while read -r path; do\n"
                    f'    gzip -d "{root}/$path.gz" && gzip -9 "{root}/$path"\ndone',
                )
            )
        return ways

    def mutants(self) -> list[Other]:
        """Return misreadings of the policy, of which each leads to another result here."""
        plan = self._plan
        right = solve(plan)
        sooner = {rule: limit - 1 for rule, limit in plan.limits.items()}
        read = [
            ("oldest-of-each-period", replace(plan, newest=False)),
            ("failed-copies-count", replace(plan, passed=True)),
            ("weeks-from-sunday", replace(plan, monday=False)),
            ("hold-over-on-its-last-day", replace(plan, over=True)),
            ("holds-overlooked", replace(plan, holds={})),
            ("limits-a-day-too-short", replace(plan, limits=sooner)),
            ("no-minimum", replace(plan, minimum=0)),
            ("reasons-in-another-order", replace(plan, order=plan.order[::-1])),
            ("today-is-tomorrow", replace(plan, today=plan.today + datetime.timedelta(days=1))),
        ]
        ways = []
        for name, wrong in read:
            if solve(wrong) != right:
                command = shell.decide(wrong, "python")
                if not wrong.holds:
                    command = command.replace("/app/catalog/holds.csv", "/dev/null")
                ways.append(Other(name, command, 3))
        root = plan.domain.root
        ways.append(Other("only-on-paper", "true", 5))
        ways.append(Other("tree-swept-clean", f"find {root} -type f -delete"))
        ways.append(
            Other(
                "a-kept-file-spoilt", f'find {root} -type f | sort | head -n 1 | while read -r f; do echo >> "$f"; done'
            )
        )
        return ways

    def _policy_slip(self) -> Slip:
        return Slip(
            "hallucination",
            "The policy is surely kept in machine-readable form next to the manifest; I read it from there.",
            f"cat {shell.CATALOG}/retention.yaml",
            f"ls -A {shell.CATALOG}",
            "The catalogue has no such file. The policy is only in the request, so I have to translate it myself.",
        )

    def _find_slip(self) -> Slip:
        root = self._plan.domain.root
        return Slip(
            "command_error",
            "A list of all files with their sizes, please.",
            f"find -type f -printf '%P %s\\n' {root} | head -n 3",
            f"find {root} -type f -printf '%P %s\\n' | head -n 3",
            "find wants the folder before the tests and complains otherwise; in the right order it prints what I need.",
        )

    def _failed_slip(self) -> Slip:
        return Slip(
            "analysis_error",
            "The newest copy of a day is the newest one that was taken on it, so the status is only looked "
            "at for deleting.",
            shell.decide(replace(self._plan, passed=True), "python"),
            "LC_ALL=C sort /tmp/sweep/manifest.tsv | awk -F'\\t' '$4 != \"ok\" { print $1 }' | "
            'while read -r path; do grep -F "$path" /tmp/sweep/plan.tsv; done | cut -f1-3 | head -n 8',
            "Failed copies are kept now, in place of good ones of the same day or month. Only copies with "
            "the status ok may "
            "count as the newest.",
            ["rm -f /tmp/sweep/plan.tsv /tmp/sweep/plan.unsorted"],
        )

    def _hold_slip(self) -> Slip:
        plan = self._plan
        command = shell.decide(replace(plan, holds={}), "python").replace("/app/catalog/holds.csv", "/dev/null")
        return Slip(
            "requirement_violation",
            "Holds are for lawyers; the policy itself is daily, weekly, monthly, and that is what I implement.",
            command,
            'cut -d, -f1 /app/catalog/holds.csv | sed 1d | while read -r path; do grep -F "$path" '
            "/tmp/sweep/plan.tsv; done | cut -f1-3; "
            "cat /app/catalog/holds.csv",
            "Some copies that are on hold would be deleted or changed. Deleting them could not be undone; a "
            "hold comes first.",
            ["rm -f /tmp/sweep/plan.tsv /tmp/sweep/plan.unsorted"],
        )

    def _rest_slip(self) -> Slip:
        root = self._plan.domain.root
        return Slip(
            "requirement_violation",
            "Whatever the plan does not keep may go, so I delete all the rest. A copy of the tree, just in case.",
            f"cp -a {root} /tmp/sweep/before\n"
            "awk -F'\\t' '$2 ~ /^(keep|compress|archive)$/ { print $1 }' /tmp/sweep/plan.tsv > /tmp/sweep/stay\n"
            f"(cd {root} && find . -type f -printf '%P\\n' | grep -v -x -F -f /tmp/sweep/stay | xargs -r -d "
            "'\\n' rm --)",
            f"diff -rq /tmp/sweep/before {root} | wc -l; grep -c -P '\\tdelete\\t' /tmp/sweep/plan.tsv; "
            "LC_ALL=C comm -13 /tmp/sweep/known /tmp/sweep/there",
            "More files are gone than the plan deletes: those that the manifest does not know were deleted "
            "too, and nobody "
            "asked for that. I take the tree back from the copy.",
            [f"rm -rf {root} && cp -a /tmp/sweep/before {root}", "rm -rf /tmp/sweep/before /tmp/sweep/stay"],
        )

    def _halfway_slip(self) -> Slip:
        plan, root = self._plan, self._plan.domain.root
        moved = "quarantine" if plan.quarantine else "archive"
        return Slip(
            "verification_failure",
            "Only the deleting was urgent; the rest of the plan looks as if it was done along with it.",
            f"find {root} -type f | wc -l",
            f'awk -F\'\\t\' \'$2 != "keep" && $2 != "delete" {{ n[$2]++ }} END '
            f"{{ for (a in n) print a, n[a] }}' /tmp/sweep/plan.tsv; "
            f"ls -d /app/{moved} 2>&1",
            "The plan has more actions than keep and delete, and nothing of them has happened yet.",
        )

    def _space_slip(self) -> Slip:
        plan, root = self._plan, self._plan.domain.root
        return Slip(
            "verification_failure",
            "The tree is smaller than before, so the sweep has worked.",
            f"du -sb {root}",
            f"jq .freed_bytes {plan.out}/summary.json; awk -F'\\t' '{{ n[$2]++ }} END "
            f"{{ for (a in n) print a, n[a] }}' /tmp/sweep/plan.tsv; "
            f"find {root} -type f | wc -l",
            "A smaller tree can also have lost the wrong files. Which ones are left, and whether they are "
            "those of the plan, I "
            "have not compared.",
        )
