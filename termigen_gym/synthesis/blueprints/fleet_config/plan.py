"""What fleet-config draws: a fleet, layers of changes, a policy with exceptions; and what comes out of them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..kit import between, chance, pick, sample
from .domains import DOMAINS, Domain

LAYERS = ("defaults", "role", "site", "host")

_SIZES = {"easy": (6, 5), "medium": (9, 7), "hard": (14, 9)}


@dataclass(frozen=True)
class Change:
    """What a layer does to a key: set, add, remove or unset; `items` is one for what is no list."""

    op: str
    key: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Host:
    """A machine; retired ones are still in the inventory."""

    name: str
    roles: tuple[str, ...]
    site: str
    retired: bool


@dataclass(frozen=True)
class Rule:
    """A rule of the policy; `check`: min, max, oneof, required, forbidden, contains or excludes, `scope`: for whom."""

    id: str
    key: str
    check: str
    argument: str
    scope: str


@dataclass(frozen=True)
class Plan:
    """A fleet and its rules.

    Attributes:
        layers: changes by layer's id: "defaults", "role:NAME", "site:NAME", "host:NAME".
        forms: by layer: conf, ini, json or table. inventory: csv or jsonl.
        order: of `LAYERS`, the later one wins.
        exceptions: host, rule and the last day. today: of the audit.
        labels: whether values may name the machine and its site. form: of the results: json or conf.
        nested: whether dots make levels in JSON. origin: whether the report names the last layer.
        adds, removes, unsets, scoped: False where somebody overlooks what that means, which no task asks for.
        strict: whether an exception is over on its last day, which none asks for either.
    """

    domain: Domain
    difficulty: str
    hosts: tuple[Host, ...]
    layers: Mapping[str, tuple[Change, ...]]
    forms: Mapping[str, str]
    inventory: str
    order: tuple[str, ...]
    rules: tuple[Rule, ...]
    exceptions: tuple[tuple[str, str, str], ...]
    today: str
    labels: bool
    form: str
    nested: bool
    origin: bool
    report: str
    out: str
    adds: bool = True
    removes: bool = True
    unsets: bool = True
    scoped: bool = True
    strict: bool = False

    @property
    def active(self) -> list[Host]:
        """The machines that get a file."""
        return [host for host in self.hosts if not host.retired]

    def chain(self, host: Host) -> list[str]:
        """Return the ids of a machine's layers, the later one wins."""
        own = {
            "defaults": ["defaults"],
            "role": [f"role:{role}" for role in host.roles],
            "site": [f"site:{host.site}"],
            "host": [f"host:{host.name}"],
        }
        return [layer for sort in self.order for layer in own[sort]]


@dataclass(frozen=True)
class Finding:
    """A violation."""

    host: str
    rule: str
    key: str
    value: str
    origin: str
    waived: bool


@dataclass(frozen=True)
class Result:
    """What is effective: by machine, key to items; and what the audit finds, in order."""

    settings: Mapping[str, Mapping[str, tuple[str, ...]]]
    findings: tuple[Finding, ...]


def draw(rng: np.random.Generator, difficulty: str) -> Plan:
    """Return a fleet for a difficulty."""
    count, rules = _SIZES[difficulty]
    domain = pick(rng, DOMAINS)
    roles, sites = sample(rng, domain.roles, 3), sample(rng, domain.sites, 3)
    numbers = sorted(sample(rng, range(1, 60), count))
    hosts = tuple(
        Host(
            f"{domain.prefix}-{number:02}",
            tuple(sample(rng, roles, 2 if difficulty != "easy" and at % 3 == 0 else 1)),
            sites[at % 3],
            difficulty != "easy" and at in (2, 7),
        )
        for at, number in enumerate(numbers)
    )
    labels = difficulty != "easy"
    forms = sample(rng, ("conf", "ini", "json", "table"), 4)
    if forms[0] == "table":
        forms = [*forms[1:], forms[0]]
    today = datetime.date(between(rng, 2022, 2026), between(rng, 1, 12), between(rng, 2, 27))
    plan = Plan(
        domain=domain,
        difficulty=difficulty,
        hosts=hosts,
        layers=_layers(rng, domain, roles, sites, hosts, labels=labels),
        forms=dict(zip(LAYERS, forms, strict=True)),
        inventory=pick(rng, ("csv", "jsonl")),
        order=pick(rng, (LAYERS, ("defaults", "site", "role", "host"))),
        rules=(),
        exceptions=(),
        today=today.isoformat(),
        labels=labels,
        form=pick(rng, ("json", "json", "conf")),
        nested=chance(rng, 50),
        origin=difficulty == "hard" or chance(rng, 50),
        report=pick(rng, ("csv", "tsv")),
        out=pick(rng, ("/app/effective", "/app/out", "/app/resolved", "/app/audit")),
    )
    ruled = replace(plan, rules=_rules(rng, plan, roles, sites, rules))
    return replace(ruled, exceptions=_exceptions(rng, ruled, today))


def _layers(
    rng: np.random.Generator,
    domain: Domain,
    roles: Sequence[str],
    sites: Sequence[str],
    hosts: Sequence[Host],
    *,
    labels: bool,
) -> dict[str, tuple[Change, ...]]:
    scalars = [*domain.numbers, *domain.switches, *domain.words]
    contested, dropped = sample(rng, scalars, 3), sample(rng, scalars, 2)
    defaults = [_set(rng, domain, key) for key in scalars]
    defaults += [Change("set", key, tuple(sample(rng, items, 3))) for key, items in domain.lists.items()]
    if labels:
        defaults.append(Change("set", domain.label, ("{site}/{host}",)))
    layers = {"defaults": tuple(sample(rng, defaults, len(defaults)))}
    for number, role in enumerate(roles):
        # Each role and each site claim the same keys, so that their order matters.
        changes = [_set(rng, domain, key) for key in contested]
        changes += [_list(rng, domain, "add"), _list(rng, domain, pick(rng, ("add", "remove", "set")))]
        changes.append(Change("unset", dropped[number % 2]))
        layers[f"role:{role}"] = _once(changes)
    for number, site in enumerate(sites):
        changes = [_set(rng, domain, key) for key in contested[: 2 + number % 2]]
        changes += [_list(rng, domain, "remove"), _list(rng, domain, "add")]
        if number == 0:
            changes.append(Change("set", domain.spare, ("yes",)))
        if number == 1 and labels:
            changes.append(Change("set", domain.label, (f"{site} {{host}}",)))
        layers[f"site:{site}"] = _once(changes)
    for number, host in enumerate(hosts):
        if number % 2 == 0 or host.retired:
            changes = [_set(rng, domain, pick(rng, scalars)), _list(rng, domain, pick(rng, ("add", "remove", "set")))]
            changes += [Change("unset", domain.spare)] if number % 4 == 0 else [_set(rng, domain, dropped[0])]
            layers[f"host:{host.name}"] = _once(changes)
    return layers


def _once(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Changes, one for each key and way: in JSON no key can be given twice."""
    return tuple({(change.key, change.op in ("add", "remove") and change.op): change for change in changes}.values())


def _set(rng: np.random.Generator, domain: Domain, key: str) -> Change:
    if key in domain.switches:
        return Change("set", key, (pick(rng, ("true", "false")),))
    if key in domain.words:
        return Change("set", key, (pick(rng, domain.words[key]),))
    return Change("set", key, (str(pick(rng, domain.numbers[key])),))


def _list(rng: np.random.Generator, domain: Domain, op: str) -> Change:
    key = pick(rng, list(domain.lists))
    return Change(op, key, tuple(sample(rng, domain.lists[key], between(rng, 1, 2) if op != "set" else 2)))


def _rules(
    rng: np.random.Generator, plan: Plan, roles: Sequence[str], sites: Sequence[str], count: int
) -> tuple[Rule, ...]:
    """Draw rules that some machines break and others keep."""
    domain, settings = plan.domain, solve(plan).settings
    scopes = ["all", f"role={pick(rng, roles)}", f"site={pick(rng, sites)}"]

    def values(key: str) -> list[int]:
        return sorted(int(own[key][0]) for own in settings.values() if key in own)

    drawn = []
    for number, key in enumerate(sample(rng, list(domain.numbers), 3)):
        found = values(key)
        check = ("min", "max")[number % 2]
        drawn.append((key, check, str(found[len(found) // 2] if found else 1), "all" if number else scopes[1]))
    for key in sample(rng, list(domain.words), 2):
        drawn.append((key, "oneof", "|".join(sample(rng, domain.words[key], 2)), pick(rng, scopes)))
    gone = {change.key for layer in plan.layers.values() for change in layer if change.op == "unset"} - {domain.spare}
    drawn += [(key, "required", "", "all") for key in sorted(gone)[:2]]
    first, second = list(domain.lists)
    drawn.append((first, "contains", pick(rng, domain.lists[first]), scopes[2]))
    drawn.append((second, "excludes", pick(rng, domain.lists[second]), "all"))
    forbidden = (domain.spare, "forbidden", "", "all")
    chosen = sample(rng, [*sample(rng, drawn, count - 1), forbidden], count)
    return tuple(Rule(f"R{number * 10:03}", *rule) for number, rule in enumerate(chosen, start=1))


def _exceptions(rng: np.random.Generator, plan: Plan, today: datetime.date) -> tuple[tuple[str, str, str], ...]:
    """Draw exceptions of some violations: over since yesterday, up to today, or longer; and one that nobody needs."""
    found = sample(rng, solve(plan).findings, 5)
    days = (0, -1, 30, -40, 1)
    made = [
        (one.host, one.rule, (today + datetime.timedelta(days=day)).isoformat())
        for one, day in zip(found, days, strict=False)
    ]
    idle = (plan.active[-1].name, plan.rules[-1].id, (today + datetime.timedelta(days=365)).isoformat())
    if idle[:2] not in [one[:2] for one in made]:
        made.append(idle)
    return tuple(sorted(made))


def solve(plan: Plan) -> Result:
    """Return what is right by the plan's rules."""
    settings, findings = {}, []
    until = {(host, rule): day for host, rule, day in plan.exceptions}
    for host in sorted(plan.active, key=lambda host: host.name):
        own, origins = _resolved(plan, host)
        settings[host.name] = own
        for rule in sorted(plan.rules, key=lambda rule: rule.id):
            concerned = rule.scope in ("all", f"site={host.site}", *(f"role={role}" for role in host.roles))
            if (concerned or not plan.scoped) and _broken(rule, own.get(rule.key)):
                value = "|".join(own[rule.key]) if rule.key in own else "-"
                day = until.get((host.name, rule.id), "")
                waived = day > plan.today if plan.strict else day >= plan.today
                origin = origins.get(rule.key, "-")
                findings.append(Finding(host.name, rule.id, rule.key, value, origin, waived))
    return Result(settings, tuple(findings))


def _resolved(plan: Plan, host: Host) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    own: dict[str, tuple[str, ...]] = {}
    origins: dict[str, str] = {}
    for layer in plan.chain(host):
        for change in plan.layers.get(layer, ()):
            have = own.get(change.key, ())
            if change.op == "set" or (change.op == "add" and not plan.adds):
                own[change.key] = change.items
            elif change.op == "add":
                own[change.key] = (*have, *(item for item in change.items if item not in have))
            elif change.op == "remove" and change.key in own and plan.removes:
                own[change.key] = tuple(item for item in have if item not in change.items)
            elif change.op == "unset" and plan.unsets:
                own.pop(change.key, None)
            origins[change.key] = layer
    named = {
        key: tuple(item.replace("{host}", host.name).replace("{site}", host.site) for item in items)
        for key, items in own.items()
    }
    return named, origins


def _broken(rule: Rule, items: tuple[str, ...] | None) -> bool:
    if items is None or rule.check in ("required", "forbidden"):
        return rule.check == ("required" if items is None else "forbidden")
    return {
        "min": lambda: int(items[0]) < int(rule.argument),
        "max": lambda: int(items[0]) > int(rule.argument),
        "oneof": lambda: items[0] not in rule.argument.split("|"),
        "contains": lambda: rule.argument not in items,
        "excludes": lambda: rule.argument in items,
    }[rule.check]()
