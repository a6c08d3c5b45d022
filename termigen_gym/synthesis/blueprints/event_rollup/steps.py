"""How event-rollup is done in a shell: each part by several tools, from the logs to the tables.

Scratch tables lie in /tmp/roll: raw.tsv (`event_rollup_plan.RAW` and the node's rank), events.tsv and late.tsv (at, id,
subject, kind, zone, value, got; times in seconds), and a table of rows for each result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..pieces import fill
from . import code
from .plan import RAW, Node, Plan

SCRATCH = "/tmp/roll"

READERS = {
    "jsonl": ("jq", "python"),
    "csv": ("awk", "python", "sqlite"),
    "logfmt": ("awk", "python"),
    "pipe": ("awk", "python"),
}
TOOLS = ("python", "awk", "sqlite")

_FIELDS = {"subject": 3, "kind": 4, "zone": 5}


def log_of(plan: Plan, node: Node) -> str:
    """Return the path of a node's log."""
    suffix = {"jsonl": "jsonl", "csv": "csv", "logfmt": "log", "pipe": "txt"}[node.form]
    return f"{plan.domain.root}/{node.name}.{suffix}{'.gz' if node.packed else ''}"


def plain_log(plan: Plan, node: Node) -> str:
    """Return the path where a log lies unpacked."""
    return f"{SCRATCH}/{node.name}.{node.form}" if node.packed else log_of(plan, node)


def table(plan: Plan, name: str) -> str:
    """Return the path of a table of the results."""
    return f"{plan.out}/{name}.{plan.form if name == 'windows' else plan.flat}"


def columns(plan: Plan, name: str) -> list[str]:
    """Return the columns of a table of the results."""
    domain = plan.domain
    return {
        "windows": ["window", plan.names[plan.by], *(_measure(plan, measure) for measure in plan.measures)],
        "late": [plan.names["id"], domain.subject, plan.names["at"], "delay_s"],
        "sessions": [domain.subject, "start", "end", "events", f"total_{domain.value}"],
        "top": ["rank", domain.subject, f"total_{domain.value}", "events"],
        "quantiles": [plan.names[plan.other], "events", *(f"p{percent}" for percent in plan.percentiles)],
    }[name]


def _measure(plan: Plan, measure: str) -> str:
    """What a measure is called in the result."""
    if measure == "events":
        return measure
    return f"{plan.domain.subject}s" if measure == "subjects" else f"{measure}_{plan.domain.value}"


def unpack(plan: Plan) -> str:
    """Return the commands that unpack what is packed."""
    lines = [f"mkdir -p {SCRATCH}"]
    return "\n".join(
        lines + [f"zcat {log_of(plan, node)} > {plain_log(plan, node)}" for node in plan.nodes if node.packed]
    )


def read(plan: Plan, tools: Mapping[str, str]) -> str:
    """Return the commands that make raw.tsv of the logs; `tools`: by node."""
    parts = []
    for rank, node in enumerate(plan.nodes):
        names = [plan.names[field] for field in RAW]
        places = [node.fields.index(field) + 1 for field in RAW]
        delimiter = {"csv": ",", "pipe": "|"}.get(node.form, "")
        parts.append(
            fill(
                code.READERS[node.form, tools[node.name]],
                path=plain_log(plan, node),
                to=f"{SCRATCH}/{node.name}.tsv",
                rank=rank,
                delimiter=delimiter,
                awk_delimiter="[|]" if delimiter == "|" else delimiter,
                first=2 if node.form == "csv" else 1,
                jq=", ".join(f".{name}" for name in names),
                keys=", ".join(f'row["{name}"]' for name in names),
                sql=", ".join(f'"{name}"' for name in names),
                dollars=", ".join(f"${place}" for place in places),
                places=", ".join(f"row[{place - 1}]" for place in places),
            )
        )
    tables = " ".join(f"{SCRATCH}/{node.name}.tsv" for node in plan.nodes)
    return "\n".join([*parts, f"cat {tables} > {SCRATCH}/raw.tsv", f"wc -l {tables}"])


def clean(plan: Plan, tool: str) -> str:
    """Return the command that takes out noise, copies and what is late."""
    noise = plan.domain.noise
    return fill(
        code.CLEANERS[tool],
        noise=", ".join(f'"{kind}"' for kind in noise),
        sql_noise=", ".join(f"'{kind}'" for kind in noise),
        pattern="|".join(noise),
        late=plan.late,
        first="" if plan.keep == "first" else "-",
        sort="-k7,7n" if plan.keep == "first" else "-k7,7nr",
        direction="ASC" if plan.keep == "first" else "DESC",
        text='text[:19] + "+00:00"' if plan.blind else "text",
    )


def count(plan: Plan) -> str:
    """Return the command that writes the counts and the table of late events."""
    rows = fill(code.LATE, plus=_term(plan.shift), mark=plan.mark)
    return "\n".join(
        [
            f"mkdir -p {plan.out}",
            rows,
            emit(plan, "late"),
            fill(code.COUNTS, pattern="|".join(plan.domain.noise), out=plan.out),
        ]
    )


def windows(plan: Plan, tool: str, events: str = "events") -> str:
    """Return the command that writes the windows; `events`: the name of the table that they are made of."""
    return _made(plan, "windows", tool, events)


def extra(plan: Plan, name: str, tool: str) -> str:
    """Return the command that writes one of the other tables."""
    return _made(plan, name, tool, "events")


def _made(plan: Plan, name: str, tool: str, events: str) -> str:
    measures = [_code(plan, tool, measure) for measure in plan.measures]
    ranks = [_code(plan, tool, f"p{percent}") for percent in plan.percentiles]
    made = fill(
        code.TABLES[name, tool],
        events=events,
        window=plan.window,
        plus=_term(plan.shift),
        minus=_term(-plan.shift),
        mark=plan.mark,
        by=_FIELDS[plan.by],
        by_index=_FIELDS[plan.by] - 1,
        by_name=plan.by,
        other=_FIELDS[plan.other],
        other_index=_FIELDS[plan.other] - 1,
        other_name=plan.other,
        measures=", ".join(measures),
        ranks=", ".join(ranks),
        gap=plan.gap,
        least=plan.least,
        top=plan.top,
        up=plan.up,
    )
    return f"{made}\n{emit(plan, name)}"


def _term(number: int) -> str:
    """A number as it is added in a program, "" for 0."""
    return f" {'-' if number < 0 else '+'} {abs(number)}" if number else ""


def _code(plan: Plan, tool: str, measure: str) -> str:
    """A measure in the words of a tool."""
    if measure.startswith("p"):
        return fill(code.PERCENTILE[tool], percent=measure[1:], up=plan.up)
    return code.MEASURES[tool][measure]


def emit(plan: Plan, name: str) -> str:
    """Return the command that makes a table of the results of its rows."""
    names, form = columns(plan, name), plan.form if name == "windows" else plan.flat
    rows, to = f"{SCRATCH}/{name}.tsv", table(plan, name)
    if form in ("csv", "tsv"):
        comma = "tr '\\t' ','" if form == "csv" else "cat"
        return f"{{ printf '{_joined(names)}\\n'; cat {rows}; }} | {comma} > {to}"
    pairs = ", ".join(
        f'"{column}": (.[{place}] | tonumber)' if place > 1 else f'"{column}": .[{place}]'
        for place, column in enumerate(names)
    )
    if form == "jsonl":
        return f"jq -R -c 'split(\"\\t\") | {{{pairs}}}' {rows} > {to}"
    return f"jq -R -n '[inputs | split(\"\\t\") | {{{pairs}}}]' {rows} > {to}"


def _joined(names: Sequence[str]) -> str:
    return "\\t".join(names)
