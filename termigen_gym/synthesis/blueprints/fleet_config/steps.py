"""How fleet-config is done in a shell: each part by several tools, from the layers to the audit.

Scratch tables lie in /tmp/fleet: LAYER.tsv (layer's id, op, key, items joined by ``|``), hosts.tsv (host, site, roles
joined by ``+``), effective.tsv (host, key, "set" or "gone", items, last layer), rules.tsv and audit.tsv (host, rule,
key, value, last layer, status).
"""

from __future__ import annotations

import json

from ..pieces import fill
from . import code
from .plan import LAYERS, Plan

SCRATCH = "/tmp/fleet"

READERS = {
    "conf": ("awk", "python"),
    "ini": ("awk", "python"),
    "json": ("jq", "python"),
    "table": ("awk", "python"),
}
INVENTORIES = {"csv": ("awk", "python"), "jsonl": ("jq", "python")}
MERGERS = ("awk", "python")
WRITERS = {"json": ("jq", "python"), "conf": ("awk", "python")}
AUDITORS = ("awk", "python")
COUNTERS = ("jq", "python")


def layer_file(plan: Plan, layer: str) -> str:
    """Return the path of the file that holds a layer; `layer`: its id."""
    sort, _, name = layer.partition(":")
    form, root = plan.forms[sort], plan.domain.root
    if sort == "defaults":
        return f"{root}/defaults.{form}"
    return f"{root}/{sort}s.csv" if form == "table" else f"{root}/{sort}s/{name}.{form}"


def inventory(plan: Plan) -> str:
    """Return the path of the list of machines."""
    return f"{plan.domain.root}/inventory.{plan.inventory}"


def report(plan: Plan) -> str:
    """Return the path of the list of violations."""
    return f"{plan.out}/violations.{plan.report}"


def columns(plan: Plan) -> list[str]:
    """Return the columns of the list of violations."""
    return ["host", "rule", "key", "value", *(["origin"] if plan.origin else []), "status"]


def read_layer(plan: Plan, sort: str, tool: str) -> str:
    """Return the command that makes a layer's table; `sort`: of `LAYERS`."""
    form = plan.forms[sort]
    files = layer_file(plan, f"{sort}:*")
    suffix = "" if sort == "defaults" else f':$(basename "$file" .{form})'
    return fill(
        code.READERS[form, tool],
        files=files,
        sort=sort,
        layer=f"{sort}{suffix}",
        name='sort if sort == "defaults" else f"{sort}:{pathlib.Path(path).stem}"',
        to=f"{SCRATCH}/{sort}.tsv",
    )


def read_inventory(plan: Plan, tool: str) -> str:
    """Return the command that makes hosts.tsv."""
    made = fill(code.INVENTORIES[plan.inventory, tool], path=inventory(plan))
    return f"{made}\nwc -l {SCRATCH}/hosts.tsv"


def merge(plan: Plan, tool: str) -> str:
    """Return the command that makes effective.tsv."""
    awk = {
        "defaults": 'apply("defaults")',
        "role": 'count = split($3, roles, "[+]"); for (i = 1; i <= count; i++) apply("role:" roles[i])',
        "site": 'apply("site:" site)',
        "host": 'apply("host:" host)',
    }
    python = {
        "defaults": '"defaults"',
        "role": '*(f"role:{role}" for role in roles.split("+"))',
        "site": 'f"site:{site}"',
        "host": 'f"host:{host}"',
    }
    return fill(
        code.MERGERS[tool],
        awk_chain="\n".join(f"    {awk[sort]}" for sort in plan.order),
        chain=", ".join(python[sort] for sort in plan.order),
        add="have + [item for item in items if item not in have]" if plan.adds else "items",
        remove="[item for item in have if item not in items]" if plan.removes else "have",
        unset="own.pop(key, None)" if plan.unsets else "pass",
    )


def write(plan: Plan, tool: str) -> str:
    """Return the command that writes the file of each machine."""
    return fill(
        code.WRITERS[plan.form, tool],
        out=plan.out,
        lists=json.dumps(sorted(plan.domain.lists)),
        path='($k | split("."))' if plan.nested else "[$k]",
        parts='key.split(".")' if plan.nested else "[key]",
    )


def audit(plan: Plan, tool: str) -> str:
    """Return the command that makes audit.tsv and the list of violations."""
    names = columns(plan)
    keep = "1-6" if plan.origin else "1-4,6"
    comma = " | tr '\\t' ','" if plan.report == "csv" else ""
    made = fill(
        code.AUDITORS[tool],
        root=plan.domain.root,
        today=plan.today,
        least=">" if plan.strict else ">=",
        scope="if scoped(scope, site, roles):" if plan.scoped else "if True:",
    )
    header = "\\t".join(names)
    return f"{made}\n{{ printf '{header}\\n'; cut -f{keep} {SCRATCH}/audit.tsv; }}{comma} > {report(plan)}"


def count(plan: Plan, tool: str) -> str:
    """Return the command that writes the summary."""
    return fill(code.COUNTERS[tool], out=plan.out)


def folders(plan: Plan) -> str:
    """Return the command that lists what there is."""
    root = plan.domain.root
    firsts = [inventory(plan)]
    firsts += [layer_file(plan, next(layer for layer in plan.layers if layer.split(":")[0] == sort)) for sort in LAYERS]
    shown = "\n".join(f"head -n 8 {path}" for path in firsts)
    return f"mkdir -p {SCRATCH}\nfind {root} -type f | sort\n{shown}\ncat {root}/policy.csv {root}/exceptions.txt"
