"""An incident in the logs of several services: find the failing host, who was hit, and bring the logs under rotation."""

from __future__ import annotations

import hashlib
import heapq
import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple, TypeVar

import numpy as np

from termigen_gym.family import Instance

T = TypeVar("T")

# ---------------------------------------------------------------- what an instance is drawn from

PLATFORMS = (
    "harbour",
    "meridian",
    "orchard",
    "lattice",
    "quayside",
    "foundry",
    "causeway",
    "beacon",
    "viaduct",
    "granary",
)
EDGES = ("edge", "front", "ingress", "proxy")
GATEWAYS = ("api", "gateway", "bff", "router")
SERVICES = (
    "cart", "pricing", "payments", "ledger", "stock", "rates", "tax", "search", "catalog", "profile", "vouchers", "shipping",
    "geo", "fraud", "invoice", "loyalty", "media", "wallet", "quota", "tokens", "basket", "returns", "slots", "tariff",
)  # fmt: skip
VERBS = (
    "checkout",
    "quote",
    "refund",
    "reserve",
    "renew",
    "transfer",
    "confirm",
    "estimate",
    "settle",
    "redeem",
    "allocate",
    "dispatch",
)
ID_KEYS = ("rid", "req", "request_id", "cid")
TRACE_KEYS = ("trace", "tid", "flow")
CUSTOMER_KEYS = ("customer", "user", "account")
FORMATS = ("logfmt", "json", "text")
CAUSES = {
    "disk-full": (
        "write /var/lib/{svc}/wal/{n}: No space left on device",
        "append to /srv/{svc}/spool/{n}.dat: No space left on device",
    ),
    "read-only-fs": (
        "open /var/lib/{svc}/spool/{n}: Read-only file system",
        "rename /srv/{svc}/{n}.tmp: Read-only file system",
    ),
    "fd-limit": ("socket: Too many open files", "open /etc/{svc}/{n}.conf: Too many open files"),
    "out-of-memory": ("mmap of {n} kB: Cannot allocate memory", "fork: Cannot allocate memory (worker {n})"),
    "pool-exhausted": (
        "no free database connection after 2000 ms (in use 32, idle 0, waiting {n})",
        "connection pool {svc}-main: 0 of 24 free, {n} waiting, giving up",
    ),
    "cert-expired": (
        "TLS handshake with {svc}-db: certificate has expired",
        "x509: certificate of {svc}-db expired, session {n} refused",
    ),
    "dns-failure": (
        "lookup {svc}-db: Temporary failure in name resolution",
        "getaddrinfo({svc}-db, {n}): Temporary failure in name resolution",
    ),
    "conn-refused": (
        "connect to 10.7.3.{n}:5432: Connection refused",
        "dial tcp {svc}-db:{n}: connect: Connection refused",
    ),
}
PATTERNS = {
    "disk-full": "No space left on device",
    "read-only-fs": "Read-only file system",
    "fd-limit": "Too many open files",
    "out-of-memory": "Cannot allocate memory",
    "pool-exhausted": "no free database connection|connection pool",
    "cert-expired": "certificate",
    "dns-failure": "Temporary failure in name resolution",
    "conn-refused": "Connection refused",
}


@dataclass(frozen=True)
class Scale:
    """How large an instance is, and what makes it difficult."""

    requests: int
    minutes: int
    services: int
    hosts: tuple[int, int]
    routes: int
    depth: tuple[int, int]
    incidents: int
    orders: bool  # clients and services retry, requests carry an order
    hard: bool  # trace ids below the gateway, rotated parts, a wrong clock


SCALES = {
    "easy": Scale(280, 45, 3, (2, 3), 3, (1, 2), 1, False, False),
    "medium": Scale(480, 90, 5, (2, 3), 4, (2, 4), 1, True, False),
    "hard": Scale(640, 120, 5, (2, 3), 5, (2, 4), 2, True, True),
}


@dataclass(frozen=True)
class Incident:
    """One faulty host: what is wrong with it, and when."""

    host: str
    service: str
    cause: str
    message: str
    start: int
    end: int


@dataclass(frozen=True)
class Site:
    """The platform: services, hosts, routes, how each service writes its log."""

    platform: str
    edge: str
    gateway: str
    hosts: dict[str, list[str]]
    formats: dict[str, str]
    routes: dict[str, list[str]]
    id_key: str
    trace_key: str
    customer_key: str
    epoch_json: bool
    origin: datetime
    incidents: list[Incident]
    decoy: str
    decoy_message: str
    skewed: str
    skew: int


@dataclass
class Request:
    """One request as it went: ids, hosts by hop, the edge's answer, and why it failed."""

    rid: str
    trace: str
    customer: str
    order: str
    route: str
    start: int
    chain: list[str] = field(default_factory=list)
    status: int = 200
    logged: int = 0
    incident: int = -1


class Row(NamedTuple):
    """One log line before it is rendered; time in ms since the origin."""

    time: int
    level: str
    id: str
    message: str
    pairs: tuple[tuple[str, str | int], ...] = ()


def pick(rng: Random, items: Sequence[T]) -> T:
    """One of the items."""
    return items[int(rng.random() * len(items))]


def sample(rng: Random, items: Sequence[T], count: int) -> list[T]:
    """`count` different items in random order."""
    return rng.sample(items, count)


def between(rng: Random, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return low + int(rng.random() * (high + 1 - low))


def chance(rng: Random, percent: int) -> bool:
    """True in so many of a hundred cases."""
    return rng.random() * 100 < percent


def hexes(rng: Random, digits: int) -> str:
    """A random hexadecimal number."""
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


# ---------------------------------------------------------------- the platform and its traffic


def draw_site(rng: Random, scale: Scale) -> Site:
    """A platform with its faults."""
    edge, gateway = pick(rng, EDGES), pick(rng, GATEWAYS)
    services = sample(rng, SERVICES, scale.services)
    hosts = {}
    for name in (edge, gateway, *services):
        count = 2 if name in (edge, gateway) else between(rng, *scale.hosts)
        marks = sample(rng, [a + b for a in "abcdefghkmnp" for b in "123456789"], count)
        hosts[name] = sorted(f"{name}-{m}" for m in marks)
    routes: dict[str, list[str]] = {}
    for verb in sample(rng, VERBS, scale.routes):
        routes[f"/v{between(rng, 1, 3)}/{verb}"] = sample(
            rng, services, min(between(rng, *scale.depth), scale.services)
        )
    used = sorted({s for chain in routes.values() for s in chain})
    faulty = sample(rng, used, scale.incidents)
    causes = sample(rng, sorted(CAUSES), scale.incidents + 1)
    span = scale.minutes * 60_000
    incidents = []
    for i, service in enumerate(faulty):
        start = between(rng, span * (22 if scale.hard else 35) // 100, span * (38 if scale.hard else 50) // 100)
        end = start + span * between(rng, 28, 36) // 100
        incidents.append(
            Incident(pick(rng, hosts[service]), service, causes[i], pick(rng, CAUSES[causes[i]]), start, end)
        )
    bad = {i.host for i in incidents}
    calm = [h for s in used for h in hosts[s] if h not in bad and (scale.hard or s not in faulty)]
    origin = datetime(
        between(rng, 2018, 2027),
        between(rng, 1, 12),
        between(rng, 1, 28),
        between(rng, 1, 20),
        between(rng, 0, 59),
        tzinfo=UTC,
    )
    return Site(
        platform=pick(rng, PLATFORMS),
        edge=edge,
        gateway=gateway,
        hosts=hosts,
        formats={s: pick(rng, FORMATS) for s in (gateway, *services)},
        routes=routes,
        id_key=pick(rng, ID_KEYS),
        trace_key=pick(rng, TRACE_KEYS),
        customer_key=pick(rng, CUSTOMER_KEYS),
        epoch_json=scale.hard and chance(rng, 50),
        origin=origin,
        incidents=incidents,
        decoy=pick(rng, calm or [h for s in used for h in hosts[s] if h not in bad]),
        decoy_message=pick(rng, CAUSES[causes[-1]]),
        skewed=pick(rng, [h for s in used for h in hosts[s]]) if scale.hard else "",
        skew=pick(rng, (-1, 1)) * between(rng, 45, 600) if scale.hard else 0,
    )


@dataclass
class Traffic:
    """All requests and all log rows by host."""

    requests: list[Request]
    rows: dict[str, list[Row]]


class Simulation:
    """Sends requests through a site and collects what each host logs."""

    def __init__(self, rng: Random, site: Site, scale: Scale) -> None:
        self.rng, self.site, self.scale = rng, site, scale
        self.rows: dict[str, list[Row]] = {h: [] for group in site.hosts.values() for h in group}
        self.used_ids: set[str] = set()

    def fresh_id(self, digits: int) -> str:
        """An id that no request has had."""
        while (value := hexes(self.rng, digits)) in self.used_ids:
            pass
        self.used_ids.add(value)
        return value

    def run(self) -> Traffic:
        """All requests, with the clients' second attempts, in order of their start."""
        rng, span = self.rng, self.scale.minutes * 60_000
        customers = [f"C{n}" for n in rng.sample(range(10_000, 99_999), self.scale.requests // 3)]
        routes = list(self.site.routes)
        queue: list[tuple[int, int, str, str, str]] = []
        for i, start in enumerate(sorted(rng.randrange(span) for _ in range(self.scale.requests))):
            queue.append((start, i, pick(rng, customers), f"O-{between(rng, 100, 999)}{i:04d}", pick(rng, routes)))
        heapq.heapify(queue)
        done, serial = [], self.scale.requests
        while queue:
            start, _, customer, order, route = heapq.heappop(queue)
            request = Request(self.fresh_id(10), self.fresh_id(16), customer, order, route, start)
            self.serve(request)
            done.append(request)
            again = start + between(rng, 3_000, 25_000)
            if self.scale.orders and request.status >= 500 and chance(rng, 60) and again < span:
                serial += 1
                heapq.heappush(queue, (again, serial, customer, order, route))
        self.background()
        return Traffic(done, self.rows)

    def serve(self, request: Request) -> None:
        """Let one request pass through its services, deepest first in the logs, as calls return."""
        rng, site = self.rng, self.site
        services = [site.edge, site.gateway, *site.routes[request.route]]
        chain = [pick(rng, site.hosts[s]) for s in services]
        if chance(rng, 4):
            self.answer(
                request, chain[:2], services, 1, pick(rng, (404, 409, 422)), "request refused: validation", "warn"
            )
            return
        rescued = False  # a request that was saved once ends well, so that its story stays clear
        for depth in range(2, len(chain)):
            number = -1 if rescued else self.hit(chain[depth], request.start)
            if number >= 0 and self.scale.orders and chance(rng, 25):
                self.try_elsewhere(request, chain, services, depth, number)
                rescued = True
            elif number >= 0:
                request.incident = number
                self.log(
                    chain[depth],
                    request,
                    self.call_time(request, depth),
                    "error",
                    self.fill(self.site.incidents[number].message, services[depth]),
                )
                self.answer(request, chain[: depth + 1], services, depth, 503, "request failed", "error")
                return
        depth = between(rng, 2, len(chain) - 1)
        if not rescued and chance(rng, 2) and chain[depth] not in {i.host for i in site.incidents}:
            self.log(
                chain[depth],
                request,
                self.call_time(request, depth),
                "error",
                f"deadline of {between(rng, 8, 30) * 100} ms exceeded",
            )
            self.answer(request, chain[: depth + 1], services, depth, 504, "request failed", "error")
            return
        if site.decoy in chain and chance(rng, 75):
            depth = chain.index(site.decoy)
            for attempt in range(1, between(rng, 3, 4)):  # seldom fewer lines than a faulty host, as `fair` wants it
                text = f"attempt {attempt} of 3: {self.fill(site.decoy_message, services[depth])}"
                self.log(site.decoy, request, self.call_time(request, depth) + attempt * 3, "error", text)
        self.answer(request, chain, services, len(chain) - 1, 200, "done", "info")

    def hit(self, host: str, time: int) -> int:
        """The number of the incident that this call runs into, or -1."""
        for number, incident in enumerate(self.site.incidents):
            if incident.host == host and incident.start <= time < incident.end and chance(self.rng, 88):
                return number
        return -1

    def try_elsewhere(self, request: Request, chain: list[str], services: list[str], depth: int, number: int) -> None:
        """The faulty host fails, the caller asks another host of the same service, and all is well."""
        site, service = self.site, services[depth]
        time = self.call_time(request, depth)
        self.log(chain[depth], request, time, "error", self.fill(site.incidents[number].message, service))
        self.log(
            chain[depth],
            request,
            time + 1,
            "error",
            "request failed",
            (("status", 503), ("ms", between(self.rng, 2, 9))),
        )
        self.log(chain[depth - 1], request, time + 4, "warn", f"{service} answered 503, asking another instance")
        chain[depth] = pick(self.rng, [h for h in site.hosts[service] if h != chain[depth]])

    def call_time(self, request: Request, depth: int) -> int:
        """When a call reaches the hop, in ms since the origin."""
        return request.start + depth * 4

    def fill(self, message: str, service: str) -> str:
        """A fault message with its particulars."""
        return message.format(svc=service, n=between(self.rng, 11, 250))

    def log(
        self,
        host: str,
        request: Request,
        time: int,
        level: str,
        message: str,
        pairs: tuple[tuple[str, str | int], ...] = (),
    ) -> None:
        """One line in the host's log."""
        self.rows[host].append(Row(time, level, request.trace if self.scale.hard else request.rid, message, pairs))

    def answer(
        self, request: Request, chain: list[str], services: list[str], depth: int, status: int, message: str, level: str
    ) -> None:
        """The answer travels from the deepest hop back to the edge; each hop logs it."""
        rng, site = self.rng, self.site
        elapsed, time = between(rng, 3, 60), self.call_time(request, depth) + 30
        request.chain = chain
        for hop in range(depth, 0, -1):
            pairs: list[tuple[str, str | int]] = []
            text, shown = (message, level), status
            if hop < depth:
                pairs.append(("upstream", services[hop + 1] if self.scale.orders else chain[hop + 1]))
                if status >= 500:
                    text, shown = (f"{services[hop + 1]} answered {status}", "error"), 502
            if hop == 1:
                extra = [(site.id_key, request.rid)] if self.scale.hard else []
                extra += [(site.customer_key, request.customer)] if self.scale.hard else []
                extra += [("order", request.order)] if self.scale.orders else []
                pairs = [*extra, ("route", request.route), *pairs]
            pairs += [("status", shown), ("ms", elapsed)]
            time += between(rng, 1, 6)
            self.log(chain[hop], request, time, text[1], text[0], tuple(pairs))
            elapsed += between(rng, 2, 25)
        request.status = {503: 502, 504: 504}.get(status, status)
        request.logged = (time + between(rng, 1, 9)) // 1000 * 1000
        who = "-" if self.scale.hard else request.customer
        stamp = (site.origin + timedelta(milliseconds=request.logged)).strftime("%d/%b/%Y:%H:%M:%S +0000")
        size = between(rng, 120, 4_000) if request.status < 400 else between(rng, 90, 190)
        line = (
            f'10.{between(rng, 0, 9)}.{between(rng, 0, 255)}.{between(rng, 1, 254)} - {who} [{stamp}] "POST {request.route} HTTP/1.1" '
            f"{request.status} {size} rt={elapsed / 1000:.3f} {site.id_key}={request.rid}"
        )
        self.rows[chain[0]].append(Row(request.logged, "", "", line))

    def background(self) -> None:
        """Lines that belong to no request."""
        rng = self.rng
        for service, hosts in self.site.hosts.items():
            if service == self.site.edge:
                continue
            for host in hosts:
                time = between(rng, 0, 120_000)
                while time < self.scale.minutes * 60_000:
                    text, level = pick(
                        rng,
                        (
                            ("health check ok", "info"),
                            (f"gc pause {between(rng, 2, 40)} ms", "info"),
                            (f"slow query, {between(rng, 300, 900)} ms", "warn"),
                        ),
                    )
                    self.rows[host].append(Row(time, level, "-", text))
                    time += between(rng, 120_000, 420_000)


def failed_by(traffic: Traffic, number: int) -> list[Request]:
    """The requests that the edge answered with 5xx because of the incident, in the edge's order."""
    return sorted(
        (r for r in traffic.requests if r.incident == number and r.status >= 500), key=lambda r: (r.logged, r.rid)
    )


def customers_of(traffic: Traffic, number: int, orders: bool) -> list[str]:
    """Who was hit: with orders only those with an order that never went through."""
    through = {r.order for r in traffic.requests if r.status < 400}
    return sorted({r.customer for r in failed_by(traffic, number) if not orders or r.order not in through})


def fair(site: Site, scale: Scale, traffic: Traffic) -> bool:
    """Whether the instance has one clear answer and its traps are there."""
    errors = {
        h: sum(r.level == "error" and " answered " not in r.message for r in rows) for h, rows in traffic.rows.items()
    }
    retried = sum("attempt" in r.message for r in traffic.rows[site.decoy])
    other = [r for r in traffic.requests if r.status >= 500 and r.incident < 0]
    ok = len(other) >= 3 and all(traffic.rows.values()) and errors[site.decoy] == max(errors.values()) < 2 * retried
    for number, incident in enumerate(site.incidents):
        failed = failed_by(traffic, number)
        ok = ok and len(failed) >= 8 and failed[0].logged < failed[1].logged
        ok = ok and errors[site.decoy] > errors[incident.host] and len(failed) > len(other)
        if ok and scale.orders:
            hit = {r.customer for r in failed}
            ok = 2 <= len(customers_of(traffic, number, True)) < len(hit)
    if ok and scale.hard:
        ok = sum(bool(r.pairs) for r in traffic.rows[site.skewed]) >= 30
    return ok


def draw(rng: Random, scale: Scale) -> tuple[Site, Traffic]:
    """A site and its traffic, drawn until the instance is fair."""
    while True:
        site = draw_site(rng, scale)
        traffic = Simulation(rng, site, scale).run()
        if fair(site, scale, traffic):
            return site, traffic


# ---------------------------------------------------------------- files of an instance


as_json = json.JSONEncoder(separators=(",", ":")).encode


def render(site: Site, host: str, row: Row) -> str:
    """A line in the format of the host's service."""
    service = host.rsplit("-", 1)[0]
    if service == site.edge:
        return row.message
    moment = site.origin + timedelta(milliseconds=row.time, seconds=site.skew if host == site.skewed else 0)
    stamp = moment.isoformat(timespec="milliseconds").removesuffix("+00:00")  # strftime takes several times as long
    style = site.formats[service]
    main = site.trace_key if site.skewed else site.id_key
    if style == "logfmt":
        pairs = "".join([f"{k}={v} " for k, v in row.pairs])
        return f'ts={stamp}Z level={row.level} host={host} {main}={row.id} {pairs}msg="{row.message}"'
    if style == "json":
        ts = round(moment.timestamp(), 3) if site.epoch_json else f"{stamp}Z"
        return as_json(
            {"ts": ts, "level": row.level, "host": host, main: row.id, **dict(row.pairs), "msg": row.message}
        )
    tail = "".join([f" {k}={v}" for k, v in row.pairs])
    stamp = stamp.replace("T", " ").replace(".", ",")
    return f"{stamp} {row.level.upper():<5} [{row.id}] {row.message}{' |' if tail else ''}{tail}"


def stored_gzip(data: bytes) -> bytes:
    """A gzip file without compression: the same bytes with every version of zlib."""
    out = [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"]
    chunks = [data[i : i + 65_535] for i in range(0, len(data), 65_535)] or [b""]
    for i, chunk in enumerate(chunks):
        out.append(struct.pack("<BHH", i == len(chunks) - 1, len(chunk), len(chunk) ^ 0xFFFF) + chunk)
    out.append(struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF))
    return b"".join(out)


def log_files(site: Site, scale: Scale, traffic: Traffic) -> dict[str, bytes]:
    """Path to content; in the largest scale each log has a rotated first part."""
    files = {}
    cut = scale.minutes * 60_000 * 45 // 100
    for host, rows in traffic.rows.items():
        rows = sorted(rows, key=lambda r: r.time)
        path = f"/var/log/{site.platform}/{host.rsplit('-', 1)[0]}/{host}.log"
        lines = [(r.time, (render(site, host, r) + "\n").encode()) for r in rows]
        if scale.hard:
            files[f"{path}.1.gz"] = stored_gzip(b"".join(x for t, x in lines if t < cut))
            files[path] = b"".join(x for t, x in lines if t >= cut)
        else:
            files[path] = b"".join(x for _, x in lines)
    return files


@dataclass(frozen=True)
class Rotation:
    """The rotation that is asked for."""

    limit: int  # KiB
    keep: int
    delay: bool
    mode: str


def draw_rotation(rng: Random, sizes: Sequence[int]) -> Rotation:
    """A policy whose size limit lies in the widest gap between the middle sizes of the logs."""
    ordered = sorted(sizes)
    middle = range(len(ordered) // 4, len(ordered) - 2)
    at = max(middle, key=lambda i: (ordered[i + 1] / ordered[i], -i))
    limit = max(1, round((ordered[at] * ordered[at + 1]) ** 0.5 / 1024))
    return Rotation(limit, between(rng, 3, 6), chance(rng, 50), pick(rng, ("0640", "0600", "0660")))


def limit_is_clear(rotation: Rotation, sizes: Sequence[int]) -> bool:
    """No log is within three per cent of the limit, and the limit parts the logs."""
    limit = rotation.limit * 1024
    return all(abs(s - limit) * 100 > 3 * limit for s in sizes) and min(sizes) < limit < max(sizes)


def hosts_words(site: Site) -> str:
    """The causes as the instruction lists them."""
    return ", ".join(f"`{c}`" for c in CAUSES)


def rotation_words(site: Site, rotation: Rotation) -> str:
    """The rotation as the instruction asks for it."""
    delay = (
        "the newest rotated file stays plain until the next rotation, older ones are gzipped"
        if rotation.delay
        else "rotated files are gzipped at once"
    )
    return (
        f"`/etc/logrotate.d/{site.platform}`, a logrotate configuration for `/var/log/{site.platform}/*/*.log`: rotate a log only once it is larger than "
        f"{rotation.limit} KiB whatever its age, never an empty one; numbered files, {rotation.keep} kept; {delay}; "
        f"the new empty log has mode {rotation.mode}, owner root, group adm; a missing log is no error. Then apply it once, without forcing."
    )


def instruction(site: Site, difficulty: str, rotation: Rotation) -> str:
    """instruction.md."""
    where, p = f"`/var/log/{site.platform}/<service>/<host>.log`", site.platform
    causes = hosts_words(site)
    if difficulty == "easy":
        return f"""Part of our customers got 5xx answers from `{site.edge}` today. The logs of all services are {where}; a request keeps its id
(`{site.id_key}`) on its way. One host caused most of the failures. A few have other causes, and some logged errors did no harm.

Please write

1. `/app/failed.csv`: header `request,customer`, one line for each request that the edge answered with 5xx because of that host, any order.
2. `/app/report.json`: an object with `host`; `cause`, one of {causes};
   `chain`, the hosts through which the first of these requests (by the edge's time) went, from the edge to the faulty host;
   `failed_requests`, their number; `customers`, the ids of all customers hit, sorted, each once. Its shape:
   `{{"host": "x-a1", "cause": "disk-full", "chain": ["e-a1", "x-a1"], "failed_requests": 0, "customers": ["C00001"]}}`

Then put the faulty host's log aside: `/var/log/{p}/archive/<host>.log.gz` is to hold it byte for byte, gzipped, and an empty
`<host>.log` takes its place. All other logs stay as they are.
"""
    if difficulty == "medium":
        return f"""Part of our customers got 5xx answers from `{site.edge}` today. The logs of all services are {where}; a request keeps its id
(`{site.id_key}`) on its way. One host caused most of the failures; some have other causes. Services ask another instance at times, and clients
send an order again under a new id, so not every error did harm.

Please write

1. `/app/failed.csv`: header `request,customer,order`, one line for each request that the edge answered with 5xx because of that host, any order.
2. `/app/report.json`: an object with `host`; `cause`, one of {causes};
   `chain`, the hosts through which the first of these requests (by the edge's time) went, from the edge to the faulty host; `routes`, sorted;
   `failed_requests`, their number; `customers`, sorted: who had such a failure with an order that never got an answer below 400. Its shape:
   `{{"host": "x-a1", "cause": "disk-full", "chain": ["e-a1", "x-a1"], "routes": ["/v0/x"], "failed_requests": 0, "customers": ["C00001"]}}`
3. {rotation_words(site, rotation)}

Change no log by other means.
"""
    return f"""Part of our customers got 5xx answers from `{site.edge}` today. Logs are {where}, older lines in `<host>.log.1.gz`. Two hosts, each with its
own fault, caused most failures; others have other causes. Services may ask another instance, and clients send an order again under a new id.
One host's clock is wrong.

Write

1. `/app/failed.csv`: header `request,customer,order,host`, a line for each request (the edge's id, `{site.id_key}`) that the edge answered with 5xx because of
   one of the two hosts (`host`), any order.
2. `/app/report.json`, of the shape
   `{{"incidents": [{{"host": "x-a1", "cause": "disk-full", "chain": ["e-a1", "x-a1"], "routes": ["/v0/x"], "failed_requests": 0, "customers": ["C00001"]}}], "clock": {{"host": "x-a1", "offset_s": 0}}}}`.
   `cause` is one of {causes}; `chain`: the hosts through which
   the incident's first such request (by edge time) went, edge to faulty host; `customers`: who had such a failure with an order that never got an answer
   below 400; lists sorted (but `chain`). `clock`: the host with the wrong clock, by how many seconds it is ahead (negative: behind).
3. {rotation_words(site, rotation)}

Change no log by other means.
"""


def configuration(site: Site) -> str:
    """Where logrotate's configuration is to be written."""
    return f"/etc/logrotate.d/{site.platform}"


def truth(site: Site, scale: Scale, traffic: Traffic, files: dict[str, bytes], rotation: Rotation) -> dict[str, object]:
    """What the tests compare with."""
    incidents = []
    for number, incident in enumerate(site.incidents):
        failed = failed_by(traffic, number)
        incidents.append(
            {
                "host": incident.host,
                "cause": incident.cause,
                "chain": failed[0].chain,
                "routes": sorted({r.route for r in failed}),
                "requests": [[r.rid, r.customer, r.order] for r in failed],
                "customers": customers_of(traffic, number, scale.orders),
            }
        )
    plain = {}
    for path, data in files.items():
        content = data if not path.endswith(".gz") else b"".join(unstore(data))
        plain[path] = [len(content), hashlib.sha256(content).hexdigest()]
    return {
        "difficulty": "hard" if scale.hard else "medium" if scale.orders else "easy",
        "platform": site.platform,
        "configuration": configuration(site) if scale.orders else None,
        "incidents": incidents,
        "clock": {"host": site.skewed, "offset_s": site.skew},
        "logs": plain,
        "rotation": {
            "limit": rotation.limit * 1024,
            "keep": rotation.keep,
            "delay": rotation.delay,
            "mode": rotation.mode,
        },
    }


def unstore(data: bytes) -> list[bytes]:
    """The blocks of what stored_gzip wrote."""
    out, at, last = [], 10, 0
    while not last:
        last, size, _ = struct.unpack_from("<BHH", data, at)
        out.append(data[at + 5 : at + 5 + size])
        at += 5 + size
    return out


# ---------------------------------------------------------------- the solution


@dataclass(frozen=True)
class Block:
    """One action of the solution; the name is for mistakes to point at."""

    name: str
    thought: str
    command: str


@dataclass(frozen=True)
class Mistake:
    """One plausible mistake in place of the block of that name."""

    block: str
    kind: str
    thought: str
    command: str
    diagnosis: str
    finding: str
    undo: tuple[str, ...] = ()


@dataclass(frozen=True)
class Variant:
    """Another way: right (an equivalent) or wrong (a mutant); in place of the block of that name, "" for after the last."""

    name: str
    block: str
    command: str


def render_solution(blocks: Sequence[Block]) -> str:
    """solve.sh."""
    parts = ["#!/bin/bash\nset -euo pipefail"]
    parts += ["\n".join(f"# {line}" for line in b.thought.split("\n")) + "\n" + b.command.strip("\n") for b in blocks]
    return "\n\n".join(parts) + "\n"


def render_mistakes(mistakes: Sequence[Mistake], blocks: Sequence[Block]) -> str:
    """mistakes.toml; a JSON string is a TOML string too."""
    steps = {b.name: i for i, b in enumerate(blocks, 1)}
    out = []
    for m in mistakes:
        fields = {
            "kind": m.kind,
            "thought": m.thought,
            "command": m.command,
            "diagnosis": m.diagnosis,
            "finding": m.finding,
        }
        rows = ["[[mistake]]", f"step = {steps[m.block]}"]
        rows += [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
        rows.append(f"undo = {json.dumps(list(m.undo))}")
        out.append("\n".join(rows))
    return "\n\n".join(out) + "\n"


def render_variants(equivalents: Sequence[Variant], mutants: Sequence[Variant], blocks: Sequence[Block]) -> str:
    """variants.toml; a JSON string is a TOML string too."""
    steps = {b.name: i for i, b in enumerate(blocks, 1)}
    out = []
    for kind, variants in (("equivalents", equivalents), ("mutants", mutants)):
        for v in variants:
            rows = [f"[[{kind}]]", f"name = {json.dumps(v.name)}"]
            rows += [f"step = {steps[v.block]}"] if v.block else []
            out.append("\n".join([*rows, f"command = {json.dumps(v.command)}"]))
    return "\n\n".join(out) + "\n"


CALL = ("status", "ms", "upstream")
AWK_GET = 'function g(k) { return match($0, "[ |]" k "=[^ ]+") ? substr($0, RSTART + length(k) + 2, RLENGTH - length(k) - 2) : "-" }'


def reader(site: Site, style: str, services: Sequence[str], more: Sequence[str], hard: bool) -> str:
    """A command that turns the lines of services of one style into TSV, with the keys of `more` after the others.

    The columns are host, time, id, level, status, ms, upstream, message.
    """
    main = site.trace_key if site.skewed else site.id_key
    files = " ".join(f"{service}/*.log" for service in services)
    older = " ".join(f"{service}/*.log.1.gz" for service in services)
    unpack = f"gzip -cdf {older} {files} | " if hard else ""
    from_files = "" if hard else f" {files}"
    if style == "json":
        time = "(.ts | floor | todate)[0:19]" if site.epoch_json else ".ts[0:19]"
        rest, end = (", ".join(f'(.{k} // "-" | tostring)' for k in keys) for keys in (CALL, ("msg", *more)))
        return f"{unpack}jq -r '[.host, {time}, .{main}, .level, {rest}, {end}] | @tsv'{from_files}"
    rest, end = ("".join(f' "\\t" g("{k}")' for k in keys) for keys in (CALL, more))
    if style == "logfmt":
        return (
            f'{unpack}awk \'{AWK_GET} {{ m = $0; sub(/.*msg="/, "", m); sub(/"$/, "", m); '
            f'print g("host") "\\t" substr($1, 4, 19) "\\t" g("{main}") "\\t" g("level"){rest} "\\t" m{end} }}\'{from_files}'
        )
    # The text has no host in its lines: the name of the file is it.
    program = (
        f'm = $0; sub(/^[^]]*\\] /, "", m); '
        f'print h "\\t" $1 "T" substr($2, 1, 8) "\\t" substr($4, 2, length($4) - 2) "\\t" tolower($3){rest} "\\t" m{end}'
    )
    if hard:
        return (
            f'for f in {files}; do h=${{f#*/}}; gzip -cdf "$f.1.gz" "$f" | '
            f"awk -v h=\"${{h%.log}}\" '{AWK_GET} {{ {program} }}'; done"
        )
    return f"awk '{AWK_GET} FNR == 1 {{ h = FILENAME; gsub(/.*\\/|\\.log$/, \"\", h) }} {{ {program} }}' {files}"


def at_gateway(site: Site, hard: bool) -> list[str]:
    """What only the gateway knows of a request."""
    return [site.id_key, site.customer_key, "order"] if hard else ["order"]


def normalise(site: Site, hard: bool) -> str:
    """Commands that bring the logs of all services behind the edge into /tmp/incident/events.tsv."""
    rows = []
    for style in FORMATS:
        if services := [service for service, its in site.formats.items() if its == style]:
            more = at_gateway(site, hard) if site.gateway in services else []
            rows.append(reader(site, style, services, more, hard))
    return "\n".join(["{", *rows, "} > /tmp/incident/events.tsv"])


def edge_command(site: Site, hard: bool) -> str:
    """Commands that bring the edge's log into /tmp/incident/edge.tsv: time, id, customer, route, status, host."""
    program = (
        't = substr($4, 2); mon = (index("JanFebMarAprMayJunJulAugSepOctNovDec", substr(t, 4, 3)) + 2) / 3; '
        'printf "%s-%02d-%sT%s\\t%s\\t%s\\t%s\\t%s\\t%s\\n", substr(t, 8, 4), mon, substr(t, 1, 2), substr(t, 13, 8), '
        f"substr($12, {len(site.id_key) + 2}), $3, $7, $9, h"
    )
    if hard:
        rows = (
            f'for f in {site.edge}/*.log; do h=${{f#*/}}; gzip -cdf "$f.1.gz" "$f" | '
            f"awk -v h=\"${{h%.log}}\" '{{ {program} }}'; done | sort > /tmp/incident/edge.tsv\n"
        )
    else:
        rows = (
            f"awk 'FNR == 1 {{ h = FILENAME; gsub(/.*\\/|\\.log$/, \"\", h) }} {{ {program} }}' "
            f"{site.edge}/*.log | sort > /tmp/incident/edge.tsv\n"
        )
    return (
        f"mkdir -p /tmp/incident && cd /var/log/{site.platform}\n{rows}"
        "awk -F'\\t' '{ n[$4 \" \" $5]++ } END { for (k in n) print n[k], k }' /tmp/incident/edge.tsv | sort -k2\n"
        "echo '5xx by ten minutes:'; awk -F'\\t' '$5 >= 500 { print substr($1, 12, 4) \"0\" }' /tmp/incident/edge.tsv | sort | uniq -c"
    )


def gateway_command(hard: bool) -> str:
    """A command for /tmp/incident/gateway.tsv: edge id, id below, customer, order."""
    order, columns = ("$11", '$9 "\\t" $3 "\\t" $10 "\\t" $11') if hard else ("$9", '$3 "\\t" $3 "\\t-\\t" $9')
    wanted = f'{order} != "" && {order} != "-"'
    return f"awk -F'\\t' '{wanted} {{ print {columns} }}' /tmp/incident/events.tsv > /tmp/incident/gateway.tsv"


def culprit_command(site: Site, hard: bool) -> str:
    """Commands that show which host's own errors lie behind the failed requests, beside all errors by host."""
    ids = "awk -F'\\t' '$5 >= 500 { print $2 }' /tmp/incident/edge.tsv | sort > /tmp/incident/bad"
    if hard:
        ids = (
            "awk -F'\\t' 'NR == FNR { bad[$2] = $5 >= 500; next } bad[$1] { print $2 }' /tmp/incident/edge.tsv /tmp/incident/gateway.tsv"
            " | sort > /tmp/incident/bad"
        )
    return (
        ids
        + "\necho 'all error lines by host:'; awk -F'\\t' '$4 == \"error\" { print $1 }' /tmp/incident/events.tsv | sort | uniq -c | sort -rn | head -n 6\n"
        "echo 'own errors of hosts in failed requests:'\n"
        'awk -F\'\\t\' \'NR == FNR { bad[$1] = 1; next } bad[$3] && $4 == "error" && $5 == "-" { gsub(/[0-9]+/, "N", $8); print $1 ": " $8 }\' '
        "/tmp/incident/bad /tmp/incident/events.tsv | sort | uniq -c | sort -rn | head -n 12"
    )


def failed_command(site: Site, scale: Scale) -> str:
    """Commands that write /app/failed.csv."""
    hosts = " ".join(i.host for i in site.incidents)
    pattern = "|".join(f"{PATTERNS[i.cause]}" for i in site.incidents)
    hit = (
        f'awk -F\'\\t\' -v hosts=\' {hosts} \' \'index(hosts, " " $1 " ") && $4 == "error" && $8 ~ /{pattern}/ {{ print $3 "\\t" $1 }}\' '
        "/tmp/incident/events.tsv | sort -u > /tmp/incident/hit"
    )
    if not scale.orders:
        body = "awk -F'\\t' 'NR == FNR { hit[$1] = 1; next } $5 >= 500 && hit[$2] { print $2 \",\" $3 }' /tmp/incident/hit /tmp/incident/edge.tsv"
        header = "request,customer"
    elif not scale.hard:
        body = (
            "awk -F'\\t' 'FILENAME ~ /hit$/ { hit[$1] = 1; next } FILENAME ~ /gateway/ { order[$1] = $4; next } "
            '$5 >= 500 && hit[$2] { print $2 "," $3 "," order[$2] }\' /tmp/incident/hit /tmp/incident/gateway.tsv /tmp/incident/edge.tsv'
        )
        header = "request,customer,order"
    else:
        body = (
            "awk -F'\\t' 'FILENAME ~ /hit$/ { hit[$1] = $2; next } FILENAME ~ /gateway/ { below[$1] = $2; who[$1] = $3; order[$1] = $4; next } "
            '$5 >= 500 && below[$2] in hit { print $2 "," who[$2] "," order[$2] "," hit[below[$2]] }\' '
            "/tmp/incident/hit /tmp/incident/gateway.tsv /tmp/incident/edge.tsv"
        )
        header = "request,customer,order,host"
    return f"{hit}\n{{ echo {header}; {body}; }} > /app/failed.csv\nwc -l /app/failed.csv; head -n 4 /app/failed.csv; wc -l /tmp/incident/hit"


def chain_command(scale: Scale, incident: Incident, name: str) -> str:
    """Commands that set a variable to the hosts of the incident's first failed request, a line each."""
    only = f' && $4 == "{incident.host}"' if scale.hard else ""
    rows = [
        f"first=$(awk -F, 'NR == FNR {{ if (FNR > 1{only}) f[$1] = 1; next }} {{ split($0, x, \"\\t\") }} x[2] in f {{ print x[2]; nextfile }}' /app/failed.csv /tmp/incident/edge.tsv)"
    ]
    below = "$first"
    if scale.hard:
        rows.append("below=$(awk -F'\\t' -v r=\"$first\" '$1 == r { print $2 }' /tmp/incident/gateway.tsv)")
        below = "$below"
    rows.append(
        f"{name}=$({{ awk -F'\\t' -v r=\"$first\" '$2 == r {{ print \"999999 \" $6 }}' /tmp/incident/edge.tsv; "
        f'awk -F\'\\t\' -v r="{below}" \'$3 == r && $6 != "-" {{ print $6 " " $1 }}\' /tmp/incident/events.tsv; }} | sort -rn | cut -d" " -f2)'
    )
    return "\n".join(rows)


def report_command(site: Site, scale: Scale) -> str:
    """Commands that write /app/report.json."""
    rows = []
    if scale.orders:
        rows.append(
            "awk -F'\\t' 'NR == FNR { if ($5 < 400) ok[$2] = 1; next } ok[$1] { print $4 }' /tmp/incident/edge.tsv /tmp/incident/gateway.tsv | sort -u > /tmp/incident/through"
        )
    options, reports = [], []
    for i, incident in enumerate(site.incidents, 1):
        mine = f"awk -F, '$4 == \"{incident.host}\"' /app/failed.csv" if scale.hard else "tail -n +2 /app/failed.csv"
        rows += [f"{mine} > /tmp/incident/mine", chain_command(scale, incident, f"chain{i}")]
        lists = {"chain": f"chain{i}"}
        if scale.orders:
            rows += [
                f"routes{i}=$(awk 'NR == FNR {{ split($0, x, \",\"); f[x[1]] = 1; next }} $2 in f {{ print $4 }}' /tmp/incident/mine /tmp/incident/edge.tsv | sort -u)",
                f"who{i}=$(awk -F, 'NR == FNR {{ ok[$1] = 1; next }} ok[$3] != 1 {{ print $2 }}' /tmp/incident/through /tmp/incident/mine | sort -u)",
            ]
            lists["routes"] = f"routes{i}"
        else:
            rows.append(f"who{i}=$(cut -d, -f2 /tmp/incident/mine | sort -u)")
        lists["customers"] = f"who{i}"
        rows.append(f"n{i}=$(wc -l < /tmp/incident/mine)")
        options += [f'--argjson n{i} "$n{i}"', *(f'--arg {name} "${name}"' for name in lists.values())]
        fields = [f'host: "{incident.host}"', f'cause: "{incident.cause}"', f"failed_requests: $n{i}"]
        fields += [f'{key}: (${name} / "\\n")' for key, name in lists.items()]
        reports.append("{" + ", ".join(fields) + "}")
    report = reports[0]
    if scale.hard:
        options.append('--argjson clock "$(cat /tmp/incident/clock.json)"')
        report = "{incidents: [" + ", ".join(reports) + "], clock: $clock}"
    rows.append(f"jq -n {' '.join(options)} \\\n  '{report}' > /app/report.json\ncat /app/report.json")
    return "\n".join(rows)


def clock_command() -> str:
    """Commands that compare each host's time with the edge's, request by request."""
    return (
        'awk -F\'\\t\' \'FILENAME ~ /edge/ { t[$2] = $1; next } FILENAME ~ /gateway/ { e[$2] = t[$1]; next } $6 != "-" && $3 in e { print $1 "\\t" $2 "\\t" e[$3] }\' '
        "/tmp/incident/edge.tsv /tmp/incident/gateway.tsv /tmp/incident/events.tsv > /tmp/incident/pairs\n"
        "paste <(cut -f1 /tmp/incident/pairs) <(cut -f2 /tmp/incident/pairs | date -u -f - +%s) <(cut -f3 /tmp/incident/pairs | date -u -f - +%s) |\n"
        "  awk '{ s[$1] += $2 - $3; n[$1]++ } END { for (h in s) printf \"%s %.1f %d\\n\", h, s[h] / n[h], n[h] }' | sort -k2 -n > /tmp/incident/clocks\n"
        "cat /tmp/incident/clocks\n"
        'awk \'$2 > 20 || $2 < -20 { printf "{\\"host\\": \\"%s\\", \\"offset_s\\": %.0f}\\n", $1, $2 }\' /tmp/incident/clocks | tee /tmp/incident/clock.json'
    )


def rotation_config(site: Site, rotation: Rotation) -> str:
    """The logrotate configuration."""
    delay = "    delaycompress\n" if rotation.delay else ""
    return (
        f"/var/log/{site.platform}/*/*.log {{\n    size {rotation.limit}k\n    rotate {rotation.keep}\n    compress\n{delay}    missingok\n    notifempty\n"
        f"    create {rotation.mode} root adm\n}}"
    )


def solution_blocks(site: Site, scale: Scale, traffic: Traffic, rotation: Rotation) -> list[Block]:
    """The solution's actions."""
    base, main = f"/var/log/{site.platform}", site.incidents[0]
    look_at = " ".join(f"{s}/{site.hosts[s][0]}.log" for s in site.hosts)
    blocks = [
        Block(
            "look",
            "First I want to see which services and hosts there are, how large the logs are, and how each service writes.\n"
            "Before anything else I keep a copy of the logs, so that nothing can get lost. Files dated 1970 would upset gzip later: if there are any, they get today's date.",
            f"find {base} -type f ! -newermt 1980-01-01 -exec touch {{}} +\ncp -a {base} /root/logs-before && cd {base} && find . -type f -printf '%s %p\\n' | sort -k2\nhead -qn 2 {look_at}",
        ),
        Block(
            "edge",
            "The edge knows what the customers saw. I turn its log into a table and count answers by route and by time.",
            edge_command(site, scale.hard),
        ),
    ]
    ident = "id=$(awk -F'\\t' '$5 >= 500 { n++; if (n == 3) { print $2; nextfile } }' /tmp/incident/edge.tsv)"
    follow = f'{ident}\ngrep -rF --include="*.log" "$id" . | sort'
    if scale.hard:
        follow = (
            f'{ident}\nline=$(gzip -cdf {site.gateway}/*.log.1.gz {site.gateway}/*.log | grep -F "$id") && echo "$line"\n'
            f'below=$(echo "$line" | grep -oE "[0-9a-f]{{16}}" | head -n 1)\n'
            'for f in */*.log; do gzip -cdf "$f.1.gz" "$f" | grep -F -H --label="$f" "$below"; done || true'
        )
    thought = "I follow one failed request through all logs, to learn how far a call goes and what a failure looks like on its way."
    if scale.hard:
        thought += "\nBelow the gateway another id is used, so I take it from the gateway's line."
    blocks.append(Block("follow", thought, follow))
    events = normalise(site, scale.hard)
    if scale.orders:
        events += "\n" + gateway_command(scale.hard)
    blocks.append(
        Block(
            "culprit",
            "Services write in different formats, so I bring them all into one table. Then I can ask which host's own errors\n"
            "stand in the failed requests, and not just who writes the most errors.",
            events + "\n" + culprit_command(site, scale.hard),
        )
    )
    both = " and ".join(f"{i.host} ({i.cause})" for i in site.incidents)
    blocks.append(
        Block(
            "failed",
            f"The failed requests lead to {both}; the noise of other hosts was retried and did no harm.\nI write the list of the requests that failed there and that the edge answered with 5xx.",
            failed_command(site, scale),
        )
    )
    if scale.hard:
        blocks.append(
            Block(
                "clock",
                "For the wrong clock I compare, request by request, each host's time with the edge's: only one host may be far off.",
                clock_command(),
            )
        )
    blocks.append(
        Block(
            "report",
            "Now the report: the chain of the first failed request comes from the time spent in each hop, the longest outermost."
            + ("\nOrders that went through later do not count as harm." if scale.orders else ""),
            report_command(site, scale),
        )
    )
    if not scale.orders:
        log = f"{main.service}/{main.host}.log"
        blocks += [
            Block(
                "archive",
                f"The log of {main.host} goes to the archive; I empty it only after the compressed copy has been compared with it.",
                f"cd {base} && mkdir -p archive && gzip -c {log} > archive/{main.host}.log.gz\nzcat archive/{main.host}.log.gz | cmp - {log} && : > {log}\nls -l {log} archive",
            ),
            Block(
                "check",
                "Last check: the archive against my copy, the other logs untouched, and numbers that agree with each other.",
                f"zcat archive/{main.host}.log.gz | cmp - /root/logs-before/{log} && echo 'archive is complete'\n"
                f"diff -rq /root/logs-before {base} || true\n"
                "tail -n +2 /app/failed.csv | cut -d, -f1 | sort -u | wc -l; grep failed_requests /app/report.json\n"
                "awk -F'\\t' '$5 >= 500' /tmp/incident/edge.tsv | wc -l",
            ),
        ]
        return blocks
    conf = configuration(site)
    apply = Block(
        "apply",
        "The dry run names the logs I expect, so I apply it once, without force, and look at what has become of the directory.",
        f"logrotate {conf}\nfind {base} -type f -printf '%m %u:%g %s %p\\n' | sort -k4",
    )
    config = Block(
        "config",
        f"Now the rotation. `size` rotates by size alone, whatever the age. I write the configuration and let logrotate explain it in a dry run.\n{rotation.limit} KiB is {rotation.limit}k for logrotate.",
        f"cat > {conf} <<'CONF'\n{rotation_config(site, rotation)}\nCONF\nlogrotate -d {conf} 2>&1 | grep -E 'considering|needs? rotating|error' | paste - - | tail -n 40",
    )
    compare = 'cmp "$f.1" /root/logs-before/"$f"' if rotation.delay else 'zcat "$f.1.gz" | cmp - /root/logs-before/"$f"'
    check = Block(
        "check",
        "What differs from my copy may only be the logs that were rotated, and those have to be whole. Then the report's numbers against the list.",
        f"cd {base} && diff -rq /root/logs-before . || true\n"
        f'for f in */*.log; do [ -s "$f" ] || {{ {compare} && echo "$f rotated whole"; }}; done\n'
        + (
            "tail -n +2 /app/failed.csv | cut -d, -f4 | sort | uniq -c; grep -E 'failed_requests|host|offset' /app/report.json"
            if scale.hard
            else "tail -n +2 /app/failed.csv | wc -l; grep failed_requests /app/report.json"
        ),
    )
    return (
        [*blocks, config, apply, check]
        if not scale.hard
        else [*blocks[:1], *merge(blocks[1:3]), *blocks[3:], config, apply, check]
    )


def merge(blocks: Sequence[Block]) -> list[Block]:
    """Two looks in one action, to keep the longest solution short."""
    first, second = blocks
    return [
        Block(
            first.name,
            first.thought + "\nThen I follow one failed request; below the gateway it goes by another id.",
            first.command + "\n" + second.command,
        )
    ]


def solution_mistakes(site: Site, scale: Scale, rotation: Rotation) -> list[Mistake]:
    """Mistakes that people make in such an investigation."""
    base, main = f"/var/log/{site.platform}", site.incidents[0]
    errors = f"zcat -f {site.decoy.rsplit('-', 1)[0]}/{site.decoy}.log* | grep -ci error"
    shape = '{"host": $h, "cause": "unknown", "chain": [], "failed_requests": 0, "customers": []}'
    mistakes = [
        Mistake(
            "look",
            "hallucination",
            "lnav merges the logs of all services into one timeline, so I begin with it.",
            f"lnav -n {base}",
            f"command -v lnav || echo 'lnav: not installed'; ls {base}",
            "There is no lnav on this machine. The logs are plain text files, so grep, awk and jq will have to do.",
        ),
        Mistake(
            "edge",
            "command_error",
            "I count the answers of the edge by status; the status is the eighth field of an access log line.",
            f"cd {base} && cat {site.edge}/*.log | awk '{{ print $8 }}' | sort | uniq -c",
            f"head -n 1 {base}/{site.edge}/{site.hosts[site.edge][0]}.log | tr ' ' '\\n' | cat -n | sed -n '6,10p'",
            "The eighth field is the protocol; the status is the ninth. I count again with the right field.",
        ),
        Mistake(
            "edge",
            "hallucination",
            "The services run under systemd, so the journal has the errors of all of them in one place.",
            f"journalctl --no-pager -p err -u {site.gateway} | tail -n 20",
            f"command -v journalctl || echo 'journalctl: not installed'; ls {base}/{site.edge}",
            f"There is no journal here. The edge's own files under {base} are what I have to read.",
        ),
        Mistake(
            "culprit",
            "analysis_error",
            "The host that logs the most errors of its own must be the faulty one. I count the error lines by file and take the first.",
            f'cd {base} && for f in */*.log*; do echo "$(zcat -f "$f" | grep -i error | grep -vc answered) $f"; done | sort -rn | head -n 5',
            f"cd {base} && {errors}; zcat -f {site.decoy.rsplit('-', 1)[0]}/{site.decoy}.log* | grep -i error | grep -c 'attempt'; "
            f"zcat -f {site.decoy.rsplit('-', 1)[0]}/{site.decoy}.log* | grep -i 'attempt' | head -n 2",
            f"Most of the errors of {site.decoy} are first attempts that were made again, and their requests ended well. "
            "What counts is whose errors stand in the requests that failed at the edge.",
        ),
        Mistake(
            "failed",
            "analysis_error",
            "All 5xx answers of the edge belong to this incident, so the list of failed requests is simply all of them.",
            "{ echo request,customer; awk -F'\\t' '$5 >= 500 { print $2 \",\" $3 }' /tmp/incident/edge.tsv; } > /app/failed.csv; wc -l /app/failed.csv",
            "awk -F'\\t' 'NR == FNR { bad[$1] = 1; next } bad[$3] && $4 == \"error\" && $8 ~ /deadline/ { print $1, $8 }' /tmp/incident/bad /tmp/incident/events.tsv",
            "Some of these requests failed elsewhere because a deadline passed. They belong to no faulty host and must not be in the list.",
            ("rm -f /app/failed.csv",),
        ),
        Mistake(
            "report",
            "verification_failure",
            "The host and the cause are known, the rest of the report is a formality. I write it down and go on.",
            f"jq -n --arg h {main.host} '{shape}' > /app/report.json; ls -l /app/report.json",
            "cat /app/report.json; tail -n +2 /app/failed.csv | wc -l",
            "The report has an empty chain, no customers, and says 0 failed requests where the list has many. Nothing of it has been worked out yet.",
            ("rm -f /app/report.json",),
        ),
    ]
    if not scale.orders:
        log = f"{main.service}/{main.host}.log"
        mistakes += [
            Mistake(
                "archive",
                "requirement_violation",
                "gzip on the log is all it takes: it compresses the file and takes the original away.",
                f"cd {base} && gzip {log} && ls -l {main.service}",
                f"ls -l {base}/{log} {base}/archive 2>&1",
                "Now the log itself is gone where an empty one was asked for, and there is no archive directory with the compressed file. I unpack it and do it as described.",
                (f"gunzip {base}/{log}.gz",),
            ),
            Mistake(
                "archive",
                "command_error",
                f"I compress the log of {main.host} straight into the archive directory.",
                f"cd {base} && gzip -c {log} > archive/{main.host}.log.gz",
                f"ls -ld {base}/archive; ls -l {base}/{log}",
                "The directory archive does not exist yet, so nothing was written. The log itself is still whole.",
            ),
            Mistake(
                "check",
                "verification_failure",
                "The archive file is there and the log is empty, so everything is in place.",
                f"ls -l {base}/archive",
                f"zcat {base}/archive/{main.host}.log.gz | wc -l; wc -l < /root/logs-before/{log}; wc -l < /app/failed.csv",
                "The name of a file does not show what is in it. The line counts agree; a comparison byte for byte and of the numbers is still to be made.",
            ),
        ]
        return mistakes
    conf = configuration(site)
    mistakes += [
        Mistake(
            "config",
            "requirement_violation",
            "Logs are rotated daily as everywhere, and when they are too large. I write the configuration that way.",
            f"cat > {conf} <<'CONF'\n{base}/*/*.log {{\n    daily\n    maxsize {rotation.limit}k\n    rotate {rotation.keep}\n    compress\n}}\nCONF\ncat {conf}",
            f"logrotate -d {conf} 2>&1 | grep -E 'after|rotating pattern'; ls /var/lib/logrotate",
            "The pattern is rotated after 1 day or when it is too large, but the age must play no role. There is also no mode for the new file, and nothing on missing and empty logs.",
            (f"rm -f {conf}",),
        ),
        Mistake(
            "config",
            "command_error",
            "I write the configuration and let logrotate check it.",
            f"cat > {conf} <<'CONF'\n{base}/*/*.log {{\n    size {rotation.limit} KiB\n    keep {rotation.keep}\n    compress\n}}\nCONF\nlogrotate -d {conf} 2>&1 | head -n 8",
            f"logrotate -d {conf} 2>&1 | grep -i error",
            f"logrotate does not know `keep`, and a size is written like {rotation.limit}k, without a blank. The number of files is set with `rotate`.",
            (f"rm -f {conf}",),
        ),
        Mistake(
            "apply",
            "requirement_violation",
            "To be sure that all logs are rotated now, I run logrotate with -f.",
            f"logrotate -f {conf}; find {base} -type f -printf '%s %p\\n' | sort -k2",
            f"cd /root/logs-before && find . -name '*.log' -size -{rotation.limit}k -printf '%s %p\\n' | sort -k2 | head; cd {base} && ls */*.1* | wc -l",
            "With force every log was rotated, the small ones too, and the task says without forcing. I put the logs back as they were from my copy.",
            (f"rm -rf {base} && cp -a /root/logs-before {base}", f"cd {base}", "rm -f /var/lib/logrotate/status"),
        ),
        Mistake(
            "apply",
            "verification_failure",
            "I apply the configuration and read its report of what was rotated.",
            f"logrotate -d {conf} 2>&1 | grep -c 'log needs rotating'",
            f"diff -rq /root/logs-before {base} && echo 'no difference to the copy'",
            "-d only explains what would be done: the logs are exactly as before. The real run is still to be made.",
        ),
    ]
    return mistakes


def edit(change: str) -> str:
    """A command that changes the report, `r`, and its incidents, `i`."""
    return (
        "python3 - <<'PY'\nimport json\nr = json.load(open('/app/report.json'))\ni = r.get('incidents', [r])\n"
        f"{change}\njson.dump(r, open('/app/report.json', 'w'))\nPY"
    )


def other_ways(site: Site, scale: Scale, rotation: Rotation) -> list[Variant]:
    """Ways that are as right as the solution."""
    base, main, conf = f"/var/log/{site.platform}", site.incidents[0], configuration(site)
    log = f"{main.service}/{main.host}.log"
    ways = [
        Variant(
            "keys-sorted-and-indented", "", "jq -S --indent 4 . /app/report.json > /tmp/r && cp /tmp/r /app/report.json"
        ),
        Variant("a-key-more", "", edit("r['found_by'] = 'night shift'")),
        Variant(
            "list-from-the-back-with-crlf",
            "",
            "{ head -n 1 /app/failed.csv; tail -n +2 /app/failed.csv | sort -r; } | sed 's/$/\\r/' > /tmp/f && cp /tmp/f /app/failed.csv",
        ),
        Variant("all-fields-quoted", "", "sed -i -e 's/,/\",\"/g' -e 's/.*/\"&\"/' /app/failed.csv"),
        Variant("tables-kept-beside-the-report", "", "mkdir /app/work && cp /tmp/incident/* /app/work/"),
    ]
    if not scale.orders:
        archive = f"archive/{main.host}.log.gz"
        ways.append(
            Variant(
                "best-compression-and-truncate",
                "archive",
                f"cd {base} && mkdir -p archive && gzip -9 < {log} > {archive} && truncate -s 0 {log}",
            )
        )
        return ways
    delay = "\tdelaycompress\n" if rotation.delay else ""
    ways.append(
        Variant(
            "configuration-in-another-order-and-bytes",
            "config",
            f'printf \'# logs of the platform\\nnodateext\\n\\n"{base}/*/*.log"\\n{{\\n\\tcreate {rotation.mode} root adm\\n\\tmissingok\\n\\tnotifempty\\n'
            f"\\tcompress\\n{delay}\\trotate {rotation.keep}\\n\\tweekly\\n\\tsize={rotation.limit * 1024}\\n}}\\n' > {conf}",
        )
    )
    return ways


def wrong_ways(site: Site, scale: Scale, rotation: Rotation) -> list[Variant]:
    """Ways that leave out or break one thing that was asked for."""
    base, main, conf = f"/var/log/{site.platform}", site.incidents[0], configuration(site)
    log = f"{main.service}/{main.host}.log"
    cause = next(c for c in sorted(CAUSES) if c != main.cause)
    ways = [
        Variant("noisy-host-blamed", "", edit(f"i[0]['host'] = '{site.decoy}'")),
        Variant("another-cause", "", edit(f"i[0]['cause'] = '{cause}'")),
        Variant("chain-from-the-faulty-host", "", edit("i[0]['chain'].reverse()")),
        Variant("chain-without-the-gateway", "", edit("del i[0]['chain'][1]")),
        Variant("one-request-too-many", "", edit("i[0]['failed_requests'] += 1")),
        Variant("numbers-as-text", "", edit("i[0]['failed_requests'] = str(i[0]['failed_requests'])")),
        Variant("customer-overlooked", "", edit("i[0]['customers'].pop()")),
        Variant("customers-not-sorted", "", edit("i[0]['customers'].reverse()")),
        Variant("customers-counted-twice", "", edit("i[0]['customers'].append(i[0]['customers'][-1])")),
        Variant("last-request-lost", "", "sed -i '$d' /app/failed.csv"),
        Variant("requests-twice", "", "sed -i '2p' /app/failed.csv"),
        Variant("header-left-out", "", "sed -i 1d /app/failed.csv"),
        Variant(
            "columns-exchanged",
            "",
            "awk -F, -v OFS=, '{ t = $1; $1 = $2; $2 = t } 1' /app/failed.csv > /tmp/f && cp /tmp/f /app/failed.csv",
        ),
        Variant(
            "every-5xx-listed",
            "",
            "awk -F'\\t' '$5 >= 500 { print $2 }' /tmp/incident/edge.tsv | grep -vFf <(cut -d, -f1 /app/failed.csv) | head -n 1 | sed 's/$/,C00001,O-1,x/' >> /app/failed.csv",
        ),
    ]
    if not scale.orders:
        archive = f"archive/{main.host}.log.gz"
        return [
            *ways,
            Variant(
                "log-removed-instead-of-emptied",
                "archive",
                f"cd {base} && mkdir -p archive && gzip {log} && mv {log}.gz {archive}",
            ),
            Variant("log-not-emptied", "archive", f"cd {base} && mkdir -p archive && gzip -c {log} > {archive}"),
            Variant(
                "emptied-before-it-was-packed",
                "archive",
                f"cd {base} && mkdir -p archive && : > {log} && gzip -c {log} > {archive}",
            ),
            Variant(
                "packed-without-its-last-line",
                "archive",
                f"cd {base} && mkdir -p archive && sed '$d' {log} | gzip -c > {archive} && : > {log}",
            ),
            Variant(
                "archived-but-not-packed",
                "archive",
                f"cd {base} && mkdir -p archive && cp {log} {archive} && : > {log}",
            ),
            Variant("other-logs-put-aside-too", "", f"cd {base} && for f in {main.service}/*.log; do : > $f; done"),
        ]
    config = rotation_config(site, rotation)

    def configured(name: str, old: str, new: str) -> Variant:
        return Variant(name, "config", f"cat > {conf} <<'CONF'\n{config.replace(old, new)}\nCONF")

    more = [
        *ways,
        Variant("routes-not-sorted", "", edit("i[0]['routes'] = ['/z'] + i[0]['routes']")),
        Variant("forced", "apply", f"logrotate -f {conf}"),
        Variant("tried-but-not-applied", "apply", f"logrotate -d {conf} 2> /dev/null"),
        Variant(
            "logs-rotated-by-hand",
            "apply",
            f"cd {base} && for f in */*.log; do [ -s $f ] && mv $f $f.1 && : > $f; done",
        ),
        configured("by-age-too", f"    size {rotation.limit}k\n", f"    daily\n    maxsize {rotation.limit}k\n"),
        configured("kilobytes-of-a-thousand", f"size {rotation.limit}k", f"size {rotation.limit}000"),
        configured("one-file-too-few", f"rotate {rotation.keep}", f"rotate {rotation.keep - 1}"),
        configured("one-file-too-many", f"rotate {rotation.keep}", f"rotate {rotation.keep + 1}"),
        configured("not-compressed", "    compress\n", ""),
        configured(
            "compressed-at-another-time",
            "    missingok\n",
            "    missingok\n    nodelaycompress\n" if rotation.delay else "    missingok\n    delaycompress\n",
        ),
        configured("missing-log-is-an-error", "    missingok\n", "    nomissingok\n"),
        configured("another-mode", f"create {rotation.mode}", "create 0604"),
        configured("another-group", "root adm", "root root"),
        configured("dated-names", "    missingok\n", "    missingok\n    dateext\n"),
    ]
    if scale.hard:
        more += [
            Variant("one-incident-only", "", edit("del i[1]")),
            Variant("incidents-mixed-up", "", edit("i[0]['cause'], i[1]['cause'] = i[1]['cause'], i[0]['cause']")),
            Variant("clock-with-the-other-sign", "", edit("r['clock']['offset_s'] *= -1")),
            Variant("clock-of-another-host", "", edit("r['clock']['host'] = i[0]['chain'][0]")),
        ]
    return more


def generate(rng: np.random.Generator, difficulty: str) -> Instance:
    """One incident.

    Args:
        rng: the only source of chance.
        difficulty: "easy", "medium" or "hard".

    Returns:
        The logs; the truth for the tests; the solution and its mistakes.
    """
    scale = SCALES[difficulty]
    dice = Random(rng.bytes(16))  # numpy's needs ten times as long for a single number
    while True:
        site, traffic = draw(dice, scale)
        files = log_files(site, scale, traffic)
        sizes = [len(data) for path, data in files.items() if path.endswith(".log")]
        rotation = draw_rotation(dice, sizes)
        if limit_is_clear(rotation, sizes):
            break
    blocks = solution_blocks(site, scale, traffic, rotation)
    return Instance(
        instruction=instruction(site, difficulty, rotation),
        files=dict(files),
        tests={"instance.json": json.dumps(truth(site, scale, traffic, files, rotation))},
        solution=render_solution(blocks),
        mistakes=render_mistakes(solution_mistakes(site, scale, rotation), blocks),
        variants=render_variants(other_ways(site, scale, rotation), wrong_ways(site, scale, rotation), blocks),
    )
