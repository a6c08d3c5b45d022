"""A made-up build of `build_order`: units, profiles, versions, changes, how they are written, and what follows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..drawing import rows_text
from .worlds import Forge

Facts = Mapping[str, Mapping[str, list[str]]]
"""Name to key to values, as the files have it."""

_KINDS = {
    "units": ("cost", "when", "needs", "reads", "makes", "uses"),
    "profiles": ("flags", "goals"),
    "kits": ("versions",),
    "changes": ("profile", "files"),
}


@dataclass(frozen=True)
class Plan:
    """What follows for a profile.

    Attributes:
        order: the units that can be built, in order. level, start: by unit. edges: unit to what comes before it, and
            whether it is rebuilt along with that.
        missing: unit to names of what is not there. cycles: each sorted. conflicts: kits. blocked: units.
        kits: to their versions.
    """

    order: list[str]
    level: dict[str, int]
    start: dict[str, int]
    edges: dict[str, dict[str, bool]]
    missing: dict[str, list[str]]
    cycles: list[list[str]]
    conflicts: list[str]
    blocked: list[str]
    kits: dict[str, int]
    total: int


@dataclass(frozen=True)
class Case:
    """A build.

    Attributes:
        form: json, ini, files or csv. sources: paths below /app/src.
        tie: which of several possible units comes next: name, cost or users.
    """

    forge: Forge
    form: str
    tie: str
    units: Facts
    profiles: Facts
    kits: Facts
    changes: Facts
    sources: tuple[str, ...]

    @property
    def kinds(self) -> list[str]:
        """The kinds of records that there are files of."""
        return [kind for kind in _KINDS if getattr(self, kind)]

    def path(self, kind: str) -> str:
        """Return the file, or the folder, that holds the records of a kind."""
        return f"/app/build/{kind}{'' if self.form == 'files' else '.' + self.form}"

    def files(self) -> dict[str, bytes | str]:
        """Return what is put into the image."""
        found: dict[str, bytes | str] = {f"/app/src/{path}": f"{self.forge.name} {path}\n" for path in self.sources}
        for kind in self.kinds:
            records: Facts = getattr(self, kind)
            if self.form == "files":
                found |= {
                    f"{self.path(kind)}/{name}.{kind[:-1]}": "".join(
                        f"{key}: {' '.join(values)}\n" for key, values in told.items() if values
                    )
                    for name, told in records.items()
                }
            else:
                found[self.path(kind)] = _text(self.form, kind, records)
        return found

    def plan(self, profile: str) -> Plan:
        """Return what follows for a profile."""
        flags, goals = (set(self.profiles[profile][key]) for key in ("flags", "goals"))
        active = {
            name
            for name, told in self.units.items()
            if all((one[1:] not in flags) if one[0] == "!" else one in flags for one in told["when"])
        }
        maker = {file: name for name in sorted(active) for file in self.units[name]["makes"]}
        edges: dict[str, dict[str, bool]] = {}
        missing: dict[str, list[str]] = {}
        todo = sorted(goals & active)
        while todo:
            name = todo.pop()
            if name in edges:
                continue
            edges[name] = {}
            for need in self.units[name]["needs"]:
                other = need.removeprefix("~")
                if other in active:
                    edges[name][other] = edges[name].get(other, False) or need == other
                elif other not in self.units:
                    missing.setdefault(name, []).append(other)
            for file in self.units[name]["reads"]:
                if file in maker:
                    edges[name][maker[file]] = True
                elif file not in self.sources:
                    missing.setdefault(name, []).append(file)
            todo += edges[name]
        return self._resolved(edges, {name: sorted(names) for name, names in sorted(missing.items())})

    def _resolved(self, edges: dict[str, dict[str, bool]], missing: dict[str, list[str]]) -> Plan:
        reach = {name: _reached(edges, name) for name in edges}
        cycles = {
            tuple(sorted(other for other in edges if other in reach[name] and name in reach[other]))
            for name in edges
            if name in reach[name]
        }
        kits, conflicts, torn = self._kits(set(edges))
        broken = set(missing) | torn | {name for cycle in cycles for name in cycle}
        blocked = sorted(name for name in edges if name not in broken and reach[name] & broken)
        order = self._order({name: set(edges[name]) for name in edges if name not in broken and name not in blocked})
        level: dict[str, int] = {}
        start: dict[str, int] = {}
        for name in order:
            level[name] = 1 + max((level[other] for other in edges[name]), default=0)
            start[name] = max((start[other] + self.cost(other) for other in edges[name]), default=0)
        return Plan(
            order,
            level,
            start,
            edges,
            missing,
            sorted(list(cycle) for cycle in cycles),
            conflicts,
            blocked,
            kits,
            max((start[name] + self.cost(name) for name in order), default=0),
        )

    def cost(self, name: str) -> int:
        """Return what a unit costs."""
        return int(self.units[name]["cost"][0])

    def _kits(self, wanted: set[str]) -> tuple[dict[str, int], list[str], set[str]]:
        """Return versions, kits without one, and the units that use these."""
        asked: dict[str, list[tuple[str, str, int]]] = {}
        for name in sorted(wanted):
            for use in self.units[name]["uses"]:
                mark = ">=" if ">=" in use else "<"
                kit, version = use.split(mark)
                asked.setdefault(kit, []).append((name, mark, int(version)))
        kits, conflicts, torn = {}, [], set()
        for kit, uses in sorted(asked.items()):
            fitting = [
                version
                for version in map(int, self.kits[kit]["versions"])
                if all((version >= bound) == (mark == ">=") for _, mark, bound in uses)
            ]
            if fitting:
                kits[kit] = max(fitting)
            else:
                conflicts.append(kit)
                torn |= {name for name, _, _ in uses}
        return kits, conflicts, torn

    def _order(self, before: dict[str, set[str]]) -> list[str]:
        """Return the names so that each comes after what is before it, ties broken by the case's rule."""
        weight = dict.fromkeys(before, 0)
        if self.tie == "cost":
            weight = {name: self.cost(name) for name in before}
        elif self.tie == "users":
            weight = {name: sum(name in others for others in before.values()) for name in before}
        order: list[str] = []
        while len(order) < len(before):
            ready = [name for name in before if name not in order and before[name] <= set(order)]
            order.append(min(ready, key=lambda name: (-weight[name], name)))
        return order

    def rebuilt(self, change: str, loosely: bool = False) -> list[str]:
        """Return the units that a change sets off; `loosely`: also along what only comes before."""
        told = self.changes[change]
        plan = self.plan(told["profile"][0])
        found: list[str] = []
        for name in plan.order:
            touched = set(self.units[name]["reads"]) & set(told["files"])
            if touched or any(other in found and (strict or loosely) for other, strict in plan.edges[name].items()):
                found.append(name)
        return found


def _reached(edges: Mapping[str, Mapping[str, bool]], name: str) -> set[str]:
    found: set[str] = set()
    todo = list(edges[name])
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo += edges[one]
    return found


def _text(form: str, kind: str, records: Facts) -> str:
    if form == "json":
        told = {name: {key: values for key, values in one.items() if values} for name, one in records.items()}
        return json.dumps(told, indent=2) + "\n"
    if form == "csv":
        keys = _KINDS[kind]
        return rows_text(
            [("name", *keys), *((name, *(" ".join(one[key]) for key in keys)) for name, one in records.items())], ","
        )
    return "\n".join(line for name, one in records.items() for line in _section(name, one))


def _section(name: str, told: Mapping[str, list[str]]) -> Iterator[str]:
    yield f"[{name}]"
    yield from (f"{key} = {', '.join(values)}" for key, values in told.items() if values)
    yield ""


def reading(case: Case) -> str:
    """Return a command that turns all records into rows of name, key and value."""
    commands = []
    for kind in case.kinds:
        path, keys = case.path(kind), _KINDS[kind]
        commands.append(
            {
                "json": f"jq -r 'to_entries[] | .key as $name | .value | to_entries[] | .key as $key | .value[] | "
                f"[$name, $key, .] | @tsv' {path} > /tmp/{kind}.tsv",
                "ini": "awk -v OFS='\\t' '/^\\[/ { name = substr($0, 2, length($0) - 2); next } NF { key = $1; "
                'sub(/^[a-z]+ = /, ""); n = split($0, value, ", "); for (i = 1; i <= n; i++) print name, key, '
                "value[i] }' "
                f"{path} > /tmp/{kind}.tsv",
                "files": f"awk -v OFS='\\t' 'FNR == 1 "
                f'{{ name = FILENAME; sub(/.*\\//, "", name); sub(/\\.[a-z]+$/, "", name) '
                f'}} {{ sub(/:$/, "", $1); for (i = 2; i <= NF; i++) print name, $1, $i '
                f"}}' {path}/* > /tmp/{kind}.tsv",
                "csv": f"awk -F, -v OFS='\\t' 'NR == 1 {{ split($0, key); next }} "
                f"{{ for (c = 2; c <= {len(keys) + 1}; c++) {{ "
                f'n = split($c, value, " "); for (i = 1; i <= n; i++) print $1, key[c], value[i] }} }}\' {path} '
                f"> /tmp/{kind}.tsv",
            }[case.form]
        )
    return "\n".join([*commands, "(cd /app/src && find . -type f -printf '%P\\n') | LC_ALL=C sort > /tmp/sources.txt"])
