"""The solution of a fleet-config task with its mistakes, and other ways, right and wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..kit import Other, Slip, Step, pick
from ..pieces import absent_tool
from . import steps as shell
from .plan import LAYERS, Plan, solve

_HALVES = (("defaults", "role"), ("site", "host"))


class Work:
    """The solution of one plan, with the tools drawn for it, and the ways beside it."""

    def __init__(self, rng: np.random.Generator, plan: Plan) -> None:
        """Draw the tools."""
        self._rng, self._plan = rng, plan
        self._readers = {sort: pick(rng, shell.READERS[plan.forms[sort]]) for sort in LAYERS}
        self._lister = pick(rng, shell.INVENTORIES[plan.inventory])
        self._merger, self._auditor = pick(rng, shell.MERGERS), pick(rng, shell.AUDITORS)
        self._writer, self._counter = pick(rng, shell.WRITERS[plan.form]), pick(rng, shell.COUNTERS)

    @property
    def tools(self) -> list[str]:
        """The programs that the solution uses."""
        used = {*self._readers.values(), self._lister, self._merger, self._auditor, self._writer, self._counter, "jq"}
        return sorted({"python": "python3"}.get(tool, tool) for tool in used)

    def steps(self) -> list[Step]:
        """Return the solution."""
        rng, plan, domain = self._rng, self._plan, self._plan.domain
        return [
            Step(
                pick(
                    rng,
                    (
                        f"I look at what is in {domain.root}: one file of each layer, the inventory, the policy.",
                        "Four layers in different formats: before I write a line I want to see one of each, "
                        "and the policy.",
                    ),
                ),
                shell.folders(plan),
                [self._manual_slip()],
            ),
            Step(
                "All layers become lists of the same four fields: layer, operation, key, items. The defaults "
                "and the roles first.",
                self._read(0),
                [
                    absent_tool(rng, shell.layer_file(plan, "defaults"), "the defaults as plain JSON"),
                    self._reader_slip(),
                ],
            ),
            Step(
                "The same for sites and machines, and the inventory with those that are in service.",
                self._read(1),
                [self._sections_slip()],
            ),
            Step(
                f"Now I apply the changes of each of the {domain.noun} in their order, "
                f"{' < '.join(plan.order)}, and keep in mind "
                "which layer spoke last.",
                shell.merge(plan, self._merger),
                [self._lists_slip(), self._order_slip()],
            ),
            Step(
                f"One file for each of the {domain.noun}, from the keys that are set.",
                shell.write(plan, self._writer),
                [self._place_slip()],
            ),
            Step(
                "The audit: rules with their scope, exceptions up to and including their day, then the summary.",
                f"{shell.audit(plan, self._auditor)}\n{shell.count(plan, self._counter)}\nhead -n 4 "
                f"{shell.report(plan)}",
                [self._day_slip(), self._scope_slip()],
            ),
            Step(
                "I compare the numbers with each other and look at one machine closely.",
                "jq -e --argjson rows \"$(grep -c '' /tmp/fleet/audit.tsv)\" '.waived + (.open | add) == $rows' "
                f"{plan.out}/summary.json\n"
                f"wc -l < /tmp/fleet/hosts.tsv; ls {plan.out}/hosts | wc -l\n"
                f"cut -f6 /tmp/fleet/audit.tsv | sort | uniq -c; jq -c . {plan.out}/summary.json\n"
                f"cat {plan.out}/hosts/{plan.active[0].name}.{plan.form}",
                [self._listing_slip()],
            ),
        ]

    def equivalents(self) -> list[Other]:
        """Return the same work by other tools, and results that look otherwise."""
        plan = self._plan
        readers = {
            sort: next(tool for tool in shell.READERS[plan.forms[sort]] if tool != used)
            for sort, used in self._readers.items()
        }
        lister = next(tool for tool in shell.INVENTORIES[plan.inventory] if tool != self._lister)
        merger = next(tool for tool in shell.MERGERS if tool != self._merger)
        writer = next(tool for tool in shell.WRITERS[plan.form] if tool != self._writer)
        auditor = next(tool for tool in shell.AUDITORS if tool != self._auditor)
        counter = next(tool for tool in shell.COUNTERS if tool != self._counter)
        summary = f"{plan.out}/summary.json"
        return [
            Other("other-parsers-of-defaults-and-roles", self._read(0, readers), 2),
            Other("other-parsers-of-sites-and-machines", self._read(1, readers, lister), 3),
            Other(f"merge-with-{merger}", shell.merge(plan, merger), 4),
            Other(f"write-with-{writer}", shell.write(plan, writer), 5),
            Other(f"audit-with-{auditor}", f"{shell.audit(plan, auditor)}\n{shell.count(plan, counter)}", 6),
            Other("summary-with-sorted-keys", f"jq -S -c . {summary} > /tmp/s && cp /tmp/s {summary}"),
            Other("work-kept-beside", f"mkdir -p {plan.out}/work && cp /tmp/fleet/effective.tsv {plan.out}/work/"),
        ]

    def mutants(self) -> list[Other]:
        """Return misreadings of the rules, of which each leads to another result here."""
        plan = self._plan
        right = solve(plan)
        read = [
            ("layers-in-another-order", 4, self._swapped()),
            ("additions-replace-lists", 4, replace(plan, adds=False)),
            ("removals-overlooked", 4, replace(plan, removes=False)),
            ("deletions-overlooked", 4, replace(plan, unsets=False)),
            ("exception-over-on-its-last-day", 6, replace(plan, strict=True)),
            ("exceptions-for-ever", 6, replace(plan, today="1999-12-31")),
            ("rules-for-everybody", 6, replace(plan, scoped=False)),
        ]
        ways = []
        for name, step, wrong in read:
            found = solve(wrong)
            if step == 4 and found.settings != right.settings:
                ways.append(Other(name, shell.merge(wrong, "python"), 4))
            elif step == 6 and found.findings != right.findings:
                ways.append(Other(name, f"{shell.audit(wrong, 'python')}\n{shell.count(wrong, self._counter)}", 6))
        if len(plan.active) < len(plan.hosts):
            everybody = shell.read_inventory(plan, "python").replace('!= "retired"', "is not None")
            ways.append(Other("retired-ones-too", f"{self._layers(1)}\n{everybody}", 3))
        return ways

    def _layers(self, half: int, readers: dict[str, str] | None = None) -> str:
        chosen = readers or self._readers
        return "\n".join(shell.read_layer(self._plan, sort, chosen[sort]) for sort in _HALVES[half])

    def _read(self, half: int, readers: dict[str, str] | None = None, lister: str = "") -> str:
        made = self._layers(half, readers)
        if half == 0:
            return f"{made}\nwc -l /tmp/fleet/defaults.tsv /tmp/fleet/role.tsv; head -n 4 /tmp/fleet/role.tsv"
        return f"{made}\n{shell.read_inventory(self._plan, lister or self._lister)}"

    def _swapped(self) -> Plan:
        first, second, third, last = self._plan.order
        return replace(self._plan, order=(first, third, second, last))

    def _manual_slip(self) -> Slip:
        root = self._plan.domain.root
        return Slip(
            "hallucination",
            "A set of layers like this has a schema with the type of each key; with it I need not guess what "
            "is a list.",
            f"cat {root}/schema/keys.json",
            f"find {root} -maxdepth 1 | sort",
            "There is no schema. Which keys are lists is said in the request, and types follow from the values.",
        )

    def _reader_slip(self) -> Slip:
        plan = self._plan
        sort = next(sort for sort in LAYERS if plan.forms[sort] == "json")
        path = shell.layer_file(plan, next(layer for layer in plan.layers if layer.split(":")[0] == sort))
        return Slip(
            "command_error",
            f"jq can list the operations in {path.rpartition('/')[2]}, key by key.",
            f"jq -r 'to_entries[] | [.key, .value] | @tsv' {path}",
            f"jq -c 'to_entries[] | [.key, (.value | type)]' {path} | head -n 6",
            "Some values are arrays, and @tsv takes only plain ones; jq stopped with an error. Arrays have "
            "to be joined first.",
        )

    def _sections_slip(self) -> Slip:
        plan = self._plan
        sort = next(sort for sort in LAYERS if plan.forms[sort] == "ini")
        files = shell.layer_file(plan, f"{sort}:*")
        half = next(number for number, sorts in enumerate(_HALVES) if sort in sorts)
        table = f"/tmp/fleet/{sort}.tsv"
        layer = "defaults" if sort == "defaults" else f'{sort}:$(basename "$file" .ini)'
        naive = (
            f"for file in {files}; do\n    sed -n 's/^\\([^#!=]*\\) = \\(.*\\)/\\1\\t\\2/p' \"$file\" | sed "
            f'"s/^/{layer}\\tset\\t/"\n'
            f"done > {table}"
        )
        # Made after the first half was read, the mistake may spoil a table of it, which then has to be made again.
        again = [self._layers(0)] if half == 0 else [f"rm -f {table}"]
        return Slip(
            "analysis_error",
            f"The files of {sort if sort == 'defaults' else f'the {sort}s'} are lines with an equals sign; "
            "sed cuts them in two.",
            naive,
            f"cat {files} | head -n 8; head -n 4 {table}",
            "The sections are lost, so no key is right, and lines with +=, -= or an exclamation mark are not "
            "understood. "
            "An INI file has to be read with its sections in mind.",
            again,
        )

    def _lists_slip(self) -> Slip:
        plan = self._plan
        key = next(iter(plan.domain.lists))
        return Slip(
            "requirement_violation",
            "The most specific layer wins, key by key: whatever a later layer has for a key takes the place "
            "of the old value.",
            shell.merge(replace(plan, adds=False), "python"),
            "grep -h -P '\\tadd\\t' /tmp/fleet/role.tsv /tmp/fleet/site.tsv | head -n 4; grep -P "
            f"'\\t{key}\\t' /tmp/fleet/effective.tsv | head -n 4",
            "Additions have replaced the lists instead of growing them. Only set replaces; add puts items "
            "behind those that "
            "are there.",
            ["rm -f /tmp/fleet/effective.tsv"],
        )

    def _order_slip(self) -> Slip:
        plan = self._plan
        return Slip(
            "analysis_error",
            f"Layers go from general to special: {' < '.join(self._swapped().order)}.",
            shell.merge(self._swapped(), "python"),
            "cut -f3 /tmp/fleet/role.tsv | sort -u > /tmp/fleet/claimed; "
            "cut -f3 /tmp/fleet/site.tsv | sort -u | join - /tmp/fleet/claimed | head; cut -f5 "
            "/tmp/fleet/effective.tsv | sort | uniq -c",
            "Roles and sites claim the same keys, so their order matters, and the request has it as "
            f"{' < '.join(plan.order)}.",
            ["rm -f /tmp/fleet/effective.tsv /tmp/fleet/claimed"],
        )

    def _place_slip(self) -> Slip:
        plan, root = self._plan, self._plan.domain.root
        return Slip(
            "requirement_violation",
            "The resolved files belong next to the layers that they come from.",
            f'mkdir -p {root}/resolved && cut -f1 /tmp/fleet/hosts.tsv | while read -r host; do grep "^$host" '
            f"/tmp/fleet/effective.tsv > {root}/resolved/$host.{plan.form}; done; ls {root}",
            f"ls -d {root}/resolved {plan.out}/hosts 2>&1",
            f"{root} was to stay as it is, and the files are wanted in {plan.out}/hosts.",
            [f"rm -rf {root}/resolved"],
        )

    def _day_slip(self) -> Slip:
        plan = self._plan
        return Slip(
            "analysis_error",
            f"An exception with the day {plan.today} is over today.",
            f"{shell.audit(replace(plan, strict=True), 'python')}\n{shell.count(plan, self._counter)}",
            f"grep {plan.today} {plan.domain.root}/exceptions.txt; grep -c waived {shell.report(plan)}",
            "The day itself is included, so an exception that ends today still holds.",
            [f"rm -f {shell.report(plan)} {plan.out}/summary.json /tmp/fleet/audit.tsv /tmp/fleet/rules.tsv"],
        )

    def _scope_slip(self) -> Slip:
        plan = self._plan
        return Slip(
            "analysis_error",
            f"Every rule is checked on all of the {plan.domain.noun}.",
            f"{shell.audit(replace(plan, scoped=False), 'python')}\n{shell.count(plan, self._counter)}",
            f"cut -d, -f1,5 {plan.domain.root}/policy.csv | grep =; cut -f1,2 /tmp/fleet/audit.tsv | head; "
            "cut -f1-3 /tmp/fleet/hosts.tsv",
            "Some rules apply to one role or one site only, and I find them broken by machines that they do "
            "not concern.",
            [f"rm -f {shell.report(plan)} {plan.out}/summary.json /tmp/fleet/audit.tsv /tmp/fleet/rules.tsv"],
        )

    def _listing_slip(self) -> Slip:
        plan = self._plan
        return Slip(
            "verification_failure",
            f"There are files in {plan.out}/hosts and a report, so the job is complete.",
            f"ls {plan.out} {plan.out}/hosts",
            f"wc -l < /tmp/fleet/hosts.tsv; ls {plan.out}/hosts | wc -l; cut -f6 /tmp/fleet/audit.tsv | sort | uniq -c",
            "I have only seen names. Whether there is a file for each machine in service, and whether the "
            "report and the "
            "summary agree, had to be counted.",
        )
