"""The solution of a merge-exports task with its mistakes, and other ways, right and wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..kit import Other, Slip, Step, pick
from ..pieces import absent_tool, fill, spoken
from . import steps as shell
from .plan import Plan, Source, solve


class Work:
    """The solution of one plan, with the tools drawn for it, and the ways beside it."""

    def __init__(self, rng: np.random.Generator, plan: Plan) -> None:
        self._rng, self._plan = rng, plan
        half = (len(plan.sources) + 1) // 2
        self._groups = (plan.sources[:half], plan.sources[half:])
        self._converters = {source.name: pick(rng, shell.CONVERTERS[source.form]) for source in plan.sources}
        self._cleaner, self._chooser = pick(rng, shell.CLEANERS), pick(rng, shell.CHOOSERS)
        self._writer, self._counter = pick(rng, shell.WRITERS[plan.form]), pick(rng, shell.COUNTERS)

    @property
    def tools(self) -> list[str]:
        """The programs that the solution uses."""
        used = {*self._converters.values(), self._cleaner, self._chooser, self._writer, self._counter, "sort", "jq"}
        return sorted({"python": "python3", "sqlite": "sqlite3"}.get(tool, tool) for tool in used)

    def steps(self) -> list[Step]:
        """Return the solution."""
        rng, plan, domain = self._rng, self._plan, self._plan.domain
        one, two = ([source.name for source in group] for group in self._groups)
        checks = f"jq -e '[.sources[] | .read == .rejected + .superseded + .kept] | all' {plan.out}/summary.json"
        return [
            Step(
                pick(
                    rng,
                    (
                        "First I want to see what each export really looks like, so I unpack what is packed "
                        "and look at the beginnings.",
                        f"Before I parse anything I look at the {len(plan.sources)} exports themselves, unpacked.",
                    ),
                ),
                f"{shell.unpack(plan)}\n{self._look()}",
                [self._schema_slip()],
            ),
            Step(
                "I bring every export into one shape, tab-separated raw fields in a fixed order, and clean "
                f"later. {spoken(one)} first.",
                self._convert(0),
                [
                    absent_tool(rng, shell.plain_file(plan, self._groups[0][0]), f"i look into {one[0]}"),
                    *self._format_slips(0),
                ],
            ),
            Step(
                f"Now {spoken(two)}, into the same eight columns.",
                self._convert(1),
                self._format_slips(1),
            ),
            Step(
                pick(
                    rng,
                    (
                        f"Cleaning in one place: keys, {domain.kind}, dates, and amounts as whole thousandths "
                        "so that rounding is exact. The first fault in the stated order is the reason.",
                        "One pass decides for each record whether it is good or why it is bad; amounts stay "
                        "integers until they are written.",
                    ),
                ),
                shell.clean(plan, self._cleaner) + "\ncut -f3 /tmp/merge/bad.tsv | sort | uniq -c",
                [self._month_slip(), self._unit_slip()],
            ),
            Step(
                f"Of each {domain.key} one good record stays, and I put the winners into the order of the "
                "result at once.",
                shell.choose(plan, self._chooser),
                [self._unique_slip()],
            ),
            Step(
                "What is left is writing: the merged list, the rejects, and the counts.",
                self._write(),
                [self._beside_slip()],
            ),
            Step(
                "Every record that was read must be rejected, superseded or kept, and no key may come twice.",
                f"{checks}\ncut -f1 /tmp/merge/final.tsv | sort | uniq -d | wc -l\n"
                f"head -n 3 {plan.merged} {plan.rejected}\njq -c . {plan.out}/summary.json",
                [self._lines_slip()],
            ),
        ]

    def equivalents(self) -> list[Other]:
        """Return the same work by other tools, and results that look otherwise."""
        plan = self._plan
        others = {
            source.name: next(tool for tool in shell.CONVERTERS[source.form] if tool != self._converters[source.name])
            for source in plan.sources
        }
        ways = [Other(f"other-parsers-{number + 1}", self._convert(number, others), number + 2) for number in range(2)]
        ways += [
            Other(f"clean-with-{tool}", shell.clean(plan, tool), 4) for tool in shell.CLEANERS if tool != self._cleaner
        ]
        ways += [
            Other(f"choose-with-{tool}", shell.choose(plan, tool), 5)
            for tool in shell.CHOOSERS
            if tool != self._chooser
        ]
        writer = next(tool for tool in shell.WRITERS[plan.form] if tool != self._writer)
        counter = next(tool for tool in shell.COUNTERS if tool != self._counter)
        ways.append(Other(f"write-with-{writer}-and-{counter}", self._write(writer, counter), 6))
        summary = f"{plan.out}/summary.json"
        ways.append(Other("summary-with-sorted-keys", f"jq -S --indent 4 . {summary} > /tmp/s && cp /tmp/s {summary}"))
        ways.append(
            Other("scratch-tables-kept", f"mkdir -p {plan.out}/work && cp /tmp/merge/final.tsv {plan.out}/work/")
        )
        return ways

    def mutants(self) -> list[Other]:
        """Return misreadings of the rules, of which each leads to another result here."""
        plan = self._plan
        right = solve(plan)
        read = [
            ("month-first", 4, self._month_first()),
            ("units-not-converted", 4, self._one_unit()),
            ("amounts-cut-off", 4, replace(plan, rounding="down")),
            ("reasons-from-the-back", 4, replace(plan, reasons=plan.reasons[::-1])),
            ("tie-to-the-last-export", 5, replace(plan, tie=-1)),
            ("lowest-revision-wins", 5, replace(plan, lowest=True)),
            ("sorted-by-another-column", 5, replace(plan, order="day" if plan.order == "key" else "key")),
            ("rejects-in-another-order", 6, replace(plan, rejects_by="file" if plan.rejects_by == "name" else "name")),
        ]
        ways = []
        for name, step, wrong in read:
            if solve(wrong) != right:
                made = {4: shell.clean(wrong, "python"), 5: shell.choose(wrong, "sort"), 6: self._write(plan=wrong)}
                ways.append(Other(name, made[step], step))
        ways.append(
            Other("bad-records-dropped-silently", f"head -n 1 {plan.rejected} > /tmp/r && cp /tmp/r {plan.rejected}")
        )
        return ways

    def _look(self) -> str:
        lines = [f"ls -l {self._plan.domain.root}"]
        for source in self._plan.sources:
            path = shell.plain_file(self._plan, source)
            lines.append(
                f"sqlite3 -readonly {path} .schema 'SELECT * FROM records LIMIT 3'"
                if source.form == "sqlite"
                else f"head -n {9 if source.form == 'blocks' else 3} {path}"
            )
        return "\n".join(lines)

    def _convert(self, group: int, tools: dict[str, str] | None = None) -> str:
        chosen = self._converters if tools is None else tools
        made = [shell.convert(self._plan, source, chosen[source.name]) for source in self._groups[group]]
        names = " ".join(f"/tmp/merge/{source.name}.tsv" for source in self._groups[group])
        return "\n".join([*made, f"wc -l {names}"])

    def _write(self, writer: str = "", counter: str = "", plan: Plan | None = None) -> str:
        plan = plan or self._plan
        parts = [shell.write(plan, writer or self._writer), shell.write_rejects(plan)]
        return "\n".join([*parts, shell.count(plan, counter or self._counter)])

    def _month_first(self) -> Plan:
        plan = self._plan
        misread = [replace(source, dates="mdy") if source.dates == "dmy" else source for source in plan.sources]
        return replace(plan, sources=tuple(misread))

    def _one_unit(self) -> Plan:
        plan = self._plan
        each = plan.domain.units[plan.unit]
        return replace(plan, domain=replace(plan.domain, units=dict.fromkeys(plan.domain.units, each)))

    def _schema_slip(self) -> Slip:
        root, key = self._plan.domain.root, self._plan.domain.key
        return Slip(
            "hallucination",
            f"Exports like these come with a schema file; it tells me the columns and which is the {key}.",
            f"cat {root}/schema.json",
            f"ls -A {root}",
            "There is no schema beside the exports. What I know of them is in the request and in the files themselves.",
        )

    def _format_slips(self, group: int) -> list[Slip]:
        return [slip for source in self._groups[group] for slip in self._slips_of(source, group)]

    def _slips_of(self, source: Source, group: int) -> list[Slip]:
        plan = self._plan
        path, tsv = shell.plain_file(plan, source), f"/tmp/merge/{source.name}.tsv"
        undo = [f"rm -f {' '.join(f'/tmp/merge/{one.name}.tsv' for one in self._groups[group])}"]
        if source.form == "csv":
            naive = fill(
                "awk -F'@D@' -v OFS='\\t' 'NR > 1 { print @FIELDS@ }' @PATH@ > @TSV@",
                d=source.delimiter,
                fields=shell.naive_fields(source),
                path=path,
                tsv=tsv,
            )
            rest = [
                shell.convert(plan, one, self._converters[one.name]) for one in self._groups[group] if one != source
            ]
            return [
                Slip(
                    "analysis_error",
                    f"{source.name} is plain CSV; awk with the separator {source.delimiter!r} gives me its fields.",
                    "\n".join([naive, *rest]),
                    f"grep -n '\"' {path} | head -n 4; grep -c '\"' {tsv}",
                    "Some fields of the export are quoted, since they hold a quote or the separator. Split "
                    "blindly, they "
                    "come out in pieces or with the quotes left in: this file needs a CSV reader.",
                    undo,
                )
            ]
        if source.form == "jsonl":
            return [
                Slip(
                    "command_error",
                    f"{source.name} is JSON; I go through the list of records.",
                    f"jq -r '.[] | .{source.names['key']}' {path} | head",
                    f"head -n 2 {path} | cut -c 1-120",
                    "There is no list: each line is an object of its own, so .[] walks through the values of "
                    "a record and "
                    "jq finds no key in a string. The filter has to begin at the object.",
                )
            ]
        if source.form == "sqlite":
            return [
                Slip(
                    "command_error",
                    f"sqlite3 can write {source.name} tab-separated by itself.",
                    f"sqlite3 -readonly -tsv {path} 'SELECT * FROM records' > {tsv}",
                    "sqlite3 -help 2>&1 | grep -i -E -e '-(tabs|csv|separator)'",
                    "There is no option -tsv; the mode is called tabs. The file that the redirection made is empty.",
                    [f"rm -f {tsv}"],
                )
            ]
        if source.form == "blocks":
            return [
                Slip(
                    "command_error",
                    f"awk's paragraph mode reads the blocks of {source.name}; I print the first line of each.",
                    f"awk -v RS='' -F'\\n' '{{ split($1, a, \": \"; print a[2] }}' {path}",
                    f"awk -v RS='' -F'\\n' 'NR < 3 {{ print NF \" lines, the first is \" $1 }}' {path}",
                    "A bracket of split was not closed, which awk calls a syntax error. Paragraph mode itself works.",
                )
            ]
        return []

    def _month_slip(self) -> Slip:
        source = next(source for source in self._plan.sources if source.dates == "dmy")
        return Slip(
            "analysis_error",
            f"The dates with slashes in {source.name} are MM/DD/YYYY; the rest of the cleaning is clear.",
            shell.clean(self._month_first(), "python"),
            f"awk '$3 == \"bad-date\" {{ n[$1]++ }} END {{ for (s in n) print s, n[s] }}' FS='\\t' /tmp/merge/bad.tsv; "
            f"grep -o '[0-9][0-9]/[0-9][0-9]/[0-9]*' /tmp/merge/{source.name}.tsv | cut -d/ -f1 | sort -n | tail -n 1",
            f"{source.name} suddenly has many bad dates, and its first number goes beyond 12: the day comes "
            "first, as the "
            "request says.",
            ["rm -f /tmp/merge/good.tsv /tmp/merge/bad.tsv"],
        )

    def _unit_slip(self) -> Slip:
        plan = self._plan
        column = plan.column("amount")
        return Slip(
            "analysis_error",
            f"The result has one column {column}, so the numbers go through as they are and only get rounded.",
            shell.clean(self._one_unit(), "python"),
            "cut -f6 /tmp/merge/[a-z]*.tsv 2> /dev/null | sort | uniq -c | sort -rn | head; "
            "cut -f5 /tmp/merge/good.tsv | sort -n | sed -n '1p;$p'",
            f"The exports use {len(plan.domain.units)} units side by side. Without conversion, equal amounts differ by "
            "the factor between them, so the numbers mean nothing.",
            ["rm -f /tmp/merge/good.tsv /tmp/merge/bad.tsv"],
        )

    def _unique_slip(self) -> Slip:
        key = self._plan.domain.key
        rule = {
            "revision": "the highest revision is to win",
            "updated": "the latest update is to win",
            "priority": "the export ranked first is to win, with its last record",
        }[self._plan.rule]
        return Slip(
            "requirement_violation",
            f"One line for each {key}: sort -u on the first column does that.",
            "LC_ALL=C sort -u -t$'\\t' -k1,1 /tmp/merge/good.tsv > /tmp/merge/final.tsv; wc -l < /tmp/merge/final.tsv",
            "cut -f1 /tmp/merge/good.tsv | sort | uniq -d | head -n 3 | "
            'while read -r k; do grep "^$k" /tmp/merge/good.tsv /tmp/merge/final.tsv | cut -f1,7,8; done',
            f"sort -u keeps whichever line it meets first, but {rule}. The number of keys is right, the "
            "records are not.",
            ["rm -f /tmp/merge/final.tsv"],
        )

    def _beside_slip(self) -> Slip:
        plan = self._plan
        return Slip(
            "requirement_violation",
            "The bad records belong to their exports, so I file them there.",
            f"mkdir -p {plan.domain.root}/rejected && cp /tmp/merge/bad.tsv {plan.domain.root}/rejected/rejects.tsv",
            f"ls -R {plan.domain.root}; ls {plan.rejected}",
            "The exports were to stay as they are, and now there is a folder among them, while "
            f"{plan.rejected} is missing.",
            [f"rm -rf {plan.domain.root}/rejected"],
        )

    def _lines_slip(self) -> Slip:
        plan = self._plan
        return Slip(
            "verification_failure",
            f"{plan.merged} is there and has a plausible size, so all is well.",
            f"ls -l {plan.out} && wc -l {plan.merged}",
            f"jq -c '.sources[]' {plan.out}/summary.json; wc -l /tmp/merge/good.tsv /tmp/merge/bad.tsv "
            "/tmp/merge/final.tsv",
            "A size proves nothing. Only these counts can: whether what was read equals rejected, superseded and kept, "
            "export by export, and that I have not compared yet.",
        )
