"""How merge-exports is done in a shell: each part by several tools, from the exports to the summary.

Scratch tables lie in /tmp/merge: SOURCE.tsv (the raw fields of `merge_exports_plan.RAW`), good.tsv, bad.tsv and
final.tsv (key, title, kind, day, amount, person, source, rev, rank, line).
"""

from __future__ import annotations

import json

from ..pieces import fill
from . import code
from .plan import DATES, RAW, Plan, Source, fixed_widths

SCRATCH = "/tmp/merge"
FINAL = ("key", "title", "kind", "day", "amount", "person", "source")

CONVERTERS = {
    "csv": ("python", "sqlite"),
    "jsonl": ("jq", "python"),
    "fixed": ("awk", "python"),
    "blocks": ("awk", "python"),
    "sqlite": ("sqlite", "python"),
}
CLEANERS = ("python", "awk")
CHOOSERS = ("sort", "sqlite", "python")
WRITERS = {"csv": ("python", "sqlite"), "tsv": ("awk", "python"), "json": ("jq", "python"), "jsonl": ("jq", "python")}
COUNTERS = ("python", "sqlite")


def file_of(plan: Plan, source: Source) -> str:
    """Return the path of an export."""
    suffix = {"fixed": "dat", "blocks": "txt", "sqlite": "sqlite"}.get(source.form, source.form)
    if source.pack == "gz":
        suffix = f"{suffix}.gz"
    return f"{plan.domain.root}/{source.name}.{source.pack if source.pack in ('tar', 'zip') else suffix}"


def plain_file(plan: Plan, source: Source) -> str:
    """Return the path where an export lies unpacked."""
    return f"{SCRATCH}/{source.name}.{source.form}" if source.pack else file_of(plan, source)


def unpack(plan: Plan) -> str:
    """Return the commands that unpack what is packed."""
    tools = {"gz": "zcat", "tar": "tar -xOf", "zip": "unzip -p"}
    lines = [f"mkdir -p {SCRATCH}"]
    for source in plan.sources:
        if source.pack:
            lines.append(f"{tools[source.pack]} {file_of(plan, source)} > {plain_file(plan, source)}")
    return "\n".join(lines)


def convert(plan: Plan, source: Source, tool: str) -> str:
    """Return the command that makes SOURCE.tsv of an unpacked export."""
    places = fixed_widths(plan, source) if source.form == "fixed" else dict.fromkeys(source.fields, (1, 1))
    own = {field: _field(source, field) for field in RAW}
    values = {
        "path": plain_file(plan, source),
        "to": f"{SCRATCH}/{source.name}.tsv",
        "delimiter": source.delimiter,
        "python": ", ".join(f'row["{name}"]' if has else f'"{name}"' for name, has in own.values()),
        "sql": ", ".join(f'"{name}"' if has else f"'{name}'" for name, has in own.values()),
        "jq": ", ".join(f".{name}" if has else f'"{name}"' for name, has in own.values()),
        "awk": ", ".join(f'row["{name}"]' if has else f'"{name}"' for name, has in own.values()),
        "slices": ", ".join(
            f"line[{places[field][0] - 1}:{places[field][1]}].strip()" if has else f'"{name}"'
            for field, (name, has) in own.items()
        ),
        "substr": ", ".join(
            f"cut({places[field][0]}, {places[field][1] - places[field][0] + 1})" if has else f'"{name}"'
            for field, (name, has) in own.items()
        ),
    }
    return fill(code.CONVERTERS[source.form, tool], **values)


def _field(source: Source, field: str) -> tuple[str, bool]:
    """The name of a column, and True; or what stands in its place, and False."""
    if field in source.fields:
        return source.names[field], True
    return (source.unit if field == "unit" else ""), False


def naive_fields(source: Source) -> str:
    """Return awk's names of the raw fields of a CSV file, as if a separator were always one."""
    return ", ".join(
        f"${source.fields.index(field) + 1}" if field in source.fields else f'"{_field(source, field)[0]}"'
        for field in RAW
    )


def clean(plan: Plan, tool: str) -> str:
    """Return the command that parts good records from bad ones, and writes the amounts of the good ones anew."""
    domain = plan.domain
    kinds = list(domain.kinds)
    places = {"decimals": plan.decimals, "digits": plan.decimals + 1}
    half = 1000 * domain.units[plan.unit] if plan.rounding == "half-up" else 0
    return fill(
        code.CLEANERS[tool],
        sources=json.dumps([source.name for source in plan.sources]),
        names=" ".join(source.name for source in plan.sources),
        formats=json.dumps({source.name: DATES[source.dates][0] for source in plan.sources}),
        units=json.dumps(dict(domain.units)),
        awk_formats="; ".join(f'form["{source.name}"] = "{source.dates}"' for source in plan.sources),
        awk_units="; ".join(f'factor["{unit}"] = {factor}' for unit, factor in domain.units.items()),
        awk_kinds=" ".join(f'known["{kind}"] = "{kind}";' for kind in kinds).rstrip(";"),
        kinds=json.dumps(kinds),
        prefix=domain.prefix,
        scale=10**plan.decimals,
        half=half,
        twice=2000 * domain.units[plan.unit],
        point=fill(code.POINT["python"], **places) if plan.decimals else "\n    return whole",
        awk_point=fill(code.POINT["awk"], **places) if plan.decimals else "    return whole",
        aliases=fill(code.ALIASES["python"], root=domain.root) if plan.aliases else "",
        awk_aliases=fill(code.ALIASES["awk"], root=domain.root) if plan.aliases else "",
        order=json.dumps(list(plan.reasons)),
        chain="\n".join(
            f'    {"else " if at else ""}if ({fill(code.AWK_FAULTS[name], prefix=domain.prefix)}) why = "{name}"'
            for at, name in enumerate(plan.reasons)
        ),
    )


def choose(plan: Plan, tool: str) -> str:
    """Return the command that keeps the winner of each key, in the order of the result."""
    rank = "n" if plan.tie > 0 else "nr"
    keys = {
        "revision": f"-k8,8n{'' if plan.lowest else 'r'} -k9,9{rank} -k10,10nr",
        "updated": f"-k8,8r -k9,9{rank} -k10,10nr",
        "priority": f"-k9,9{rank} -k10,10nr",
    }
    descending = "DESC" if plan.tie < 0 else "ASC"
    sql = {
        "revision": f"CAST(rev AS INTEGER) {'ASC' if plan.lowest else 'DESC'}, CAST(rank AS INTEGER) {descending}",
        "updated": f"rev DESC, CAST(rank AS INTEGER) {descending}",
        "priority": f"CAST(rank AS INTEGER) {descending}",
    }
    minus = "" if plan.tie > 0 else "-"
    python = {
        "revision": f"({'' if plan.lowest else '-'}int(r[7]), {minus}int(r[8]), -int(r[9]))",
        "updated": f"([-ord(c) for c in r[7]], {minus}int(r[8]), -int(r[9]))",
        "priority": f"({minus}int(r[8]), -int(r[9]))",
    }
    orders = {
        "key": ("-k1,1", "key", "r[0]"),
        "day": ("-k4,4 -k1,1", "day, key", "(r[3], r[0])"),
        "amount": ("-k3,3 -k5,5nr -k1,1", "kind, CAST(amount AS REAL) DESC, key", "(r[2], -float(r[4]), r[0])"),
    }
    final = orders[plan.order]
    return fill(
        code.CHOOSERS[tool],
        winners=keys[plan.rule],
        final=final[0],
        sql_winners=sql[plan.rule],
        sql_final=final[1],
        python_winners=python[plan.rule],
        python_final=final[2],
    )


def write(plan: Plan, tool: str) -> str:
    """Return the command that writes the result from final.tsv."""
    places = [FINAL.index(field) for field in plan.columns]
    names = [plan.column(field) for field in plan.columns]
    numeric = [field == "amount" for field in plan.columns]
    made = [
        f'"{name}": (.[{place}] | tonumber)' if number else f'"{name}": .[{place}]'
        for name, place, number in zip(names, places, numeric, strict=True)
    ]
    pairs = [
        f'"{name}": float(row[{place}])' if number else f'"{name}": row[{place}]'
        for name, place, number in zip(names, places, numeric, strict=True)
    ]
    return fill(
        code.WRITERS[plan.form, tool],
        out=plan.out,
        to=plan.merged,
        header=json.dumps(names),
        tabs="\\t".join(names),
        places=", ".join(f"row[{place}]" for place in places),
        awk=", ".join(f"${place + 1}" for place in places),
        sql=", ".join(f'{field} AS "{name}"' for field, name in zip(plan.columns, names, strict=True)),
        object=", ".join(made),
        pairs=", ".join(pairs),
        dump="json.dump(rows, out, ensure_ascii=False, indent=1)"
        if plan.form == "json"
        else 'out.writelines(json.dumps(row, ensure_ascii=False) + "\\n" for row in rows)',
    )


def write_rejects(plan: Plan) -> str:
    """Return the command that writes the list of bad records."""
    order = " | LC_ALL=C sort -t$'\\t' -k1,1 -k2,2 -k3,3" if plan.rejects_by == "name" else ""
    comma = " | tr '\\t' ','" if plan.rejects == "csv" else ""
    return (
        f"{{ printf 'source\\t{plan.domain.key}\\treason\\n'; cat {SCRATCH}/bad.tsv{order}; }}{comma} > {plan.rejected}"
    )


def count(plan: Plan, tool: str) -> str:
    """Return the command that writes the summary."""
    return fill(
        code.COUNTERS[tool],
        sources=json.dumps([source.name for source in plan.sources]),
        names=" ".join(source.name for source in plan.sources),
        out=plan.out,
        totals=code.TOTALS[tool] if plan.totals else "",
    )
