"""How retention-sweep is done in a shell: each part by several tools, from the manifest to the swept tree.

Scratch tables lie in /tmp/sweep: manifest.tsv (path, series, taken, status), disk.tsv (path, size) and plan.tsv (path,
action, reason, size, series).
"""

from __future__ import annotations

import json

from ..pieces import fill
from . import code
from .plan import Plan

CATALOG = "/app/catalog"

LISTERS = {"csv": ("awk", "sqlite"), "tsv": ("awk", "python"), "jsonl": ("jq", "python")}
DECIDERS = ("python", "awk", "sqlite")
COUNTERS = ("jq", "python")
REMOVERS = ("xargs", "while", "python")
MOVERS = ("while", "python")
PACKERS = ("xargs", "python")


def manifest(plan: Plan) -> str:
    """Return the path of the manifest."""
    return f"{CATALOG}/manifest.{plan.manifest}"


def ledger(plan: Plan) -> str:
    """Return the path of the ledger."""
    return f"{plan.out}/ledger.{plan.ledger}"


def collect(plan: Plan, tool: str) -> str:
    """Return the command that makes manifest.tsv and disk.tsv."""
    made = fill(code.LISTERS[plan.manifest, tool], path=manifest(plan))
    return f"mkdir -p /tmp/sweep\n{made}\n{fill(code.DISK, root=plan.domain.root)}"


def decide(plan: Plan, tool: str) -> str:
    """Return the command that makes plan.tsv."""
    periods = {"daily": "day", "weekly": "week", "monthly": "taken[:7]"}
    awk_periods = {"daily": "day", "weekly": "int((day + 3) / 7)", "monthly": "substr($3, 1, 7)"}
    columns = {"daily": "day", "weekly": "week", "monthly": "month"}
    made = fill(
        code.DECIDERS[tool],
        today=plan.today.isoformat(),
        catalog=CATALOG,
        pins=_PINS if plan.pins else "pins = set()",
        pins_file=f"{CATALOG}/pins.csv " if plan.pins else "",
        sql_pins=f".import {CATALOG}/pins.csv pins" if plan.pins else "CREATE TABLE pins (series TEXT, month TEXT);",
        newest=plan.newest,
        least=">" if plan.over else ">=",
        passed="" if plan.passed else ' or status != "ok"',
        minimum=plan.minimum,
        weekday="day.weekday()" if plan.monday else "(day.weekday() + 1) % 7",
        rules=", ".join(f'("{rule}", {limit}, {periods[rule]})' for rule, limit in plan.limits.items()) + ",",
        awk_rules="; ".join(f'first("{rule}", {limit}, {awk_periods[rule]})' for rule, limit in plan.limits.items()),
        sql_rules="\n".join(
            fill(_SQL_RULE, rule=rule, limit=limit, period=columns[rule], place=plan.order.index(rule))
            for rule, limit in plan.limits.items()
        ),
        order=json.dumps(list(plan.order)),
        spaced=" ".join(plan.order),
        fates=_fates(plan),
        awk_fates=_awk_fates(plan),
        sql_fates=_sql_fates(plan),
        unknown="quarantine" if plan.quarantine else "ignore",
        **{f"rank_{reason}": _rank(plan, reason) for reason in ("hold", "pin", "minimum")},
    )
    unsorted = "/tmp/sweep/plan.unsorted "
    filtered = "" if plan.quarantine else f"grep -v -P '\\tignore\\t' {unsorted}| "
    return f"{made}\n{fill(code.SORTED, filter=filtered, source='' if filtered else unsorted)}"


def _rank(plan: Plan, reason: str) -> int:
    return plan.order.index(reason) if reason in plan.order else len(plan.order)


def _fates(plan: Plan) -> str:
    lines = []
    if plan.archive:
        lines += ['    if reason == "monthly":', '        return "archive", reason']
    if plan.compress is not None:
        lines += [f'    if age > {plan.compress} and not path.endswith(".gz"):', '        return "compress", reason']
    return "\n".join(lines)


def _awk_fates(plan: Plan) -> str:
    packs = f'if (age > {plan.compress} && $1 !~ /[.]gz$/) action = "compress"' if plan.compress is not None else ""
    if plan.archive:
        return f'if (reason == "monthly") action = "archive"\n        {f"else {packs}" if packs else ""}'
    return packs


def _sql_fates(plan: Plan) -> str:
    parts = ["WHEN reason = 'monthly' THEN 'archive'"] if plan.archive else []
    if plan.compress is not None:
        parts.append(f"WHEN age > {plan.compress} AND path NOT LIKE '%.gz' THEN 'compress'")
    return " ".join(parts)


def record(plan: Plan, tool: str) -> str:
    """Return the command that writes the ledger and the summary."""
    comma = " | tr '\\t' ','" if plan.ledger == "csv" else ""
    return "\n".join(
        [
            f"mkdir -p {plan.out}",
            f"{{ printf 'path\\taction\\treason\\n'; cut -f1-3 /tmp/sweep/plan.tsv; }}{comma} > {ledger(plan)}",
            fill(code.COUNTERS[tool], actions=json.dumps(plan.actions), out=plan.out),
        ]
    )


def remove(plan: Plan, tool: str) -> str:
    """Return the command that deletes what has to go."""
    return f"{fill(code.REMOVERS[tool], root=plan.domain.root)}\nfind {plan.domain.root} -type f | wc -l"


def move(plan: Plan, mover: str, packer: str) -> str:
    """Return the command that moves and packs; "" where nothing is."""
    root = plan.domain.root
    parts = [fill(code.PACKERS[packer], root=root)] if plan.compress is not None else []
    for action, wanted in (("archive", plan.archive), ("quarantine", plan.quarantine)):
        if wanted:
            parts.append(fill(code.MOVERS[mover], action=action, root=root, to=f"/app/{action}"))
    return "\n".join(parts)


_PINS = """
with open("/app/catalog/pins.csv", newline="") as cases:
    pins = {(row["series"], row["month"]) for row in csv.DictReader(cases)}
"""

_SQL_RULE = """
INSERT INTO reasons SELECT path, '@RULE@', @PLACE@ FROM
    (SELECT path, age, row_number() OVER (PARTITION BY series, @PERIOD@ ORDER BY taken DESC, path DESC) AS place
     FROM good)
    WHERE place = 1 AND age <= @LIMIT@;
"""
