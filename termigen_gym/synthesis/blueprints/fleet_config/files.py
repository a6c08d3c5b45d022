"""The layers of fleet-config as files, and how its instruction describes them and the rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import numpy as np

from ..kit import pick
from ..pieces import delimited, flowing, spoken
from .plan import LAYERS, Change, Plan
from .steps import columns, inventory, layer_file, report

_SIGNS = {"set": "=", "add": "+=", "remove": "-="}


def files(plan: Plan) -> dict[str, bytes]:
    """Return the inventory, the layers, the policy and its exceptions."""
    root = plan.domain.root
    found = {inventory(plan): _inventory(plan)}
    for sort in LAYERS:
        own = {layer: changes for layer, changes in plan.layers.items() if layer.split(":")[0] == sort}
        if plan.forms[sort] == "table":
            rows = [
                [layer.partition(":")[2], change.op, change.key, ";".join(change.items)]
                for layer, changes in own.items()
                for change in changes
            ]
            found[layer_file(plan, f"{sort}:")] = delimited([["target", "op", "key", "value"], *rows])
        else:
            found |= {layer_file(plan, layer): _content(plan, sort, changes) for layer, changes in own.items()}
    rules = [[rule.id, rule.key, rule.check, rule.argument, rule.scope] for rule in plan.rules]
    found[f"{root}/policy.csv"] = delimited([["id", "key", "check", "argument", "applies_to"], *rules])
    found[f"{root}/exceptions.txt"] = "".join(" ".join(one) + "\n" for one in plan.exceptions)
    return {path: text.encode() for path, text in found.items()}


def _inventory(plan: Plan) -> str:
    states = {host.name: "retired" if host.retired else "active" for host in plan.hosts}
    if plan.inventory == "csv":
        rows = [[host.name, "+".join(host.roles), host.site, states[host.name]] for host in plan.hosts]
        return delimited([["host", "roles", "site", "state"], *rows])
    return "".join(
        json.dumps({"host": host.name, "site": host.site, "roles": host.roles, "state": states[host.name]}) + "\n"
        for host in plan.hosts
    )


def _content(plan: Plan, sort: str, changes: Iterable[Change]) -> str:
    form = plan.forms[sort]
    if form == "json":
        return json.dumps(_object(plan, changes), indent=2) + "\n"
    lines, section = [f"# {'fleet defaults' if sort == 'defaults' else f'changes of this {sort}'}"], ""
    for change in changes:
        key = change.key
        if form == "ini":
            above, _, key = change.key.partition(".")
            if above != section:
                lines += ["", f"[{above}]"]
                section = above
        told = f"!{key}" if change.op == "unset" else f"{key} {_SIGNS[change.op]} {', '.join(change.items)}"
        lines.append(told)
    return "\n".join([*lines, ""])


def _object(plan: Plan, changes: Iterable[Change]) -> dict[str, object]:
    found: dict[str, object] = {}
    for change in changes:
        mark = {"add": "+", "remove": "-"}.get(change.op, "")
        value = typed(plan, change.key, change.items) if change.op == "set" else list(change.items)
        found[change.key + mark] = None if change.op == "unset" else value
    return found


def typed(plan: Plan, key: str, items: tuple[str, ...]) -> object:
    """Return a value as JSON has it."""
    if key in plan.domain.lists:
        return list(items)
    value: object = json.loads(items[0]) if items[0].isdigit() or items[0] in ("true", "false") else items[0]
    return value


def expected(plan: Plan, settings: Mapping[str, tuple[str, ...]]) -> object:
    """Return a machine's file as the tests read it: the object, or the keys and values in order."""
    if plan.form == "conf":
        return [[key, ", ".join(items)] for key, items in sorted(settings.items())]
    tree: dict[str, object] = {}
    for key, items in settings.items():
        above, _, last = key.partition(".")
        if plan.nested:
            inner = tree.setdefault(above, {})
            assert isinstance(inner, dict)
            inner[last] = typed(plan, key, items)
        else:
            tree[key] = typed(plan, key, items)
    return tree


def instruction(rng: np.random.Generator, plan: Plan) -> str:
    """Return what is asked for."""
    domain, root = plan.domain, plan.domain.root
    told = {"defaults": "the defaults", "role": "its roles", "site": "its site", "host": "the machine itself"}
    order = spoken([told[sort] for sort in plan.order])
    several = " A machine with several roles takes them in the order of the inventory." if len(plan.hosts) > 6 else ""
    retired = (
        f" Retired {domain.noun} get no file and are not audited." if any(host.retired for host in plan.hosts) else ""
    )
    layers = "\n".join(f"- {_described(plan, sort)}" for sort in LAYERS)
    lead = pick(
        rng,
        (
            f"Everything is in `{root}`, and nothing in there may change. `{inventory(plan)}` lists the "
            f"{domain.noun} with "
            f"their roles, site and state.{retired}",
            f"Please leave `{root}` as it is; it holds all that you need. The {domain.noun} stand in "
            f"`{inventory(plan)}` with "
            f"roles, site and state.{retired}",
        ),
    )
    label = (
        " At the very end, `{host}` and `{site}` within a value are replaced by the machine's name and its site."
        if plan.labels
        else ""
    )
    lists = spoken([f"`{key}`" for key in domain.lists])
    text = f"""\
{domain.story}

{lead}

The layers:

{layers}

They are applied in this order: {order}; what comes later wins.{several} A layer without a file, or without rows,
changes nothing. Within a file, changes are applied from top to bottom:

- *set* replaces the value, that of a list too;
- *add* puts those items that are not in the list yet behind it, in their order (a missing list counts as empty);
- *remove* takes items out of a list and leaves the order of the others (nothing happens where the key is missing);
- *unset* removes the key; a later layer may set it again.

Lists are {lists}, all else are single values.{label}

{_results(rng, plan)}
"""
    return flowing(text)


def _described(plan: Plan, sort: str) -> str:
    root, form = plan.domain.root, plan.forms[sort]
    place = {
        "defaults": f"`{layer_file(plan, 'defaults')}`, for all",
        "role": f"roles: `{root}/roles/ROLE.{form}`",
        "site": f"sites: `{root}/sites/SITE.{form}`",
        "host": f"machines: `{root}/hosts/HOST.{form}`",
    }[sort]
    if form == "table":
        return (
            f"{sort}s: all of them in `{layer_file(plan, f'{sort}:')}` with the columns `target` (which "
            f"{sort}), `op` (set, add, "
            "remove, unset), `key` and `value` (items of lists separated by `;`)"
        )
    if form == "json":
        return (
            f"{place}, a JSON object of keys and values; a key with a `+` behind it adds, one with a `-` removes, null "
            "unsets"
        )
    lines = (
        "`KEY = VALUE` sets, `KEY += ITEMS` adds, `KEY -= ITEMS` removes, `!KEY` unsets; items are separated by commas"
    )
    if form == "ini":
        return f"{place}, an INI file in which `[SECTION]` and `NAME` make the key `SECTION.NAME`; {lines}"
    return f"{place}, lines: {lines}"


def _results(rng: np.random.Generator, plan: Plan) -> str:
    root = plan.domain.root
    names = spoken([f"`{column}`" for column in columns(plan)])
    form = {
        "json": "a JSON object "
        + (
            "in which the dots of the keys make levels (`a.b` is `b` within the object `a`)"
            if plan.nested
            else "with the full keys on one level"
        )
        + "; values of digits only are numbers, `true` and `false` are booleans, lists are arrays, all else is text",
        "conf": "lines `KEY = VALUE`, sorted by key byte by byte, items of lists joined by a comma and a blank; "
        "nothing stands behind the `=` of an empty list",
    }[plan.form]
    origin = (
        " `origin` is the last layer that said anything about the key, with or without effect: `defaults`, "
        "`role:NAME`, "
        "`site:NAME` or `host:NAME`, and `-` where none did."
        if plan.origin
        else ""
    )
    kind = {"csv": "CSV (no quotes needed)", "tsv": "tab-separated"}[plan.report]
    lead = pick(
        rng,
        (
            f"Then hold the effective settings against `{root}/policy.csv`.",
            f"The policy is in `{root}/policy.csv`; check the effective settings by it.",
        ),
    )
    return f"""\
Write for each machine `{plan.out}/hosts/HOST.{plan.form}`: {form}. There must be no other files in `{plan.out}/hosts`.

{lead} Each rule has an id, a key and a check, and applies to `all`, or to machines of one role
(`role=NAME`, one of their roles is enough) or site (`site=NAME`). The checks: `min` and `max` (the number may not be
below or above the argument), `oneof` (the value must be one of those separated by `|`), `contains` and `excludes` (the
list must, or must not, have the item), `required` and `forbidden` (the key must, or must not, be there). Where the key
is missing, only `required` is broken. `{root}/exceptions.txt` has lines of machine, rule and day: up to that day, that
day included, a violation is waived. The day of this audit is {plan.today}.

- `{report(plan)}`: {kind}, header line, columns {names};
  a row for each violation, sorted by host, then rule. `value` is the effective value, items of lists joined by `|`,
  and `-` where the key is missing; `status` is `open` or `waived`.{origin}
- `{plan.out}/summary.json`: an object with `hosts` (how many were audited), `open` (an object from every rule's id to
  its number of open violations, also 0), `waived` (how many in all) and `clean` (the sorted names of those without an
  open one)."""
