"""What replicated stores are of, how conflicts in them are settled, and what may be asked of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """What is stored.

    Attributes:
        slug: for names. things: what the store is of. story: how it came to this. prefix: of keys. values: words.
        columns: the names of key, value, clock, time of writing, writer, deletion. replicas: their names.
    """

    slug: str
    things: str
    story: str
    prefix: str
    values: tuple[str, ...]
    columns: tuple[str, str, str, str, str, str]
    replicas: tuple[str, ...]


DOMAINS = (
    Domain(
        "cart", "shopping carts", "Our shopping carts were split by a cut fibre between the sites over the weekend.",
        "cart", ("open", "checkout", "paid", "packed", "held"),
        ("cart", "state", "vclock", "written", "site", "removed"),
        ("ams", "fra", "lis", "mad", "osl", "waw"),
    ),
    Domain(
        "ward", "bed assignments", "The bed board of the hospital ran on islands while the core switch was replaced.",
        "bed", ("free", "cleaning", "occupied", "reserved", "blocked"),
        ("bed", "status", "clock", "stamp", "desk", "withdrawn"),
        ("icu", "maternity", "north", "south", "surgery", "triage"),
    ),
    Domain(
        "flag", "feature flags", "Feature flags are kept in every region, and replication was paused for an upgrade "
        "and forgotten.",
        "flag", ("on", "off", "canary", "staff", "beta"),
        ("flag", "setting", "vector", "changed_at", "region", "retired"),
        ("apac", "brazil", "east", "nordic", "west", "zurich"),
    ),
    Domain(
        "meter", "meter configurations", "The concentrators of the metering network lost each other in the storm and "
        "were written to on their own.",
        "meter", ("hourly", "quarter", "daily", "paused", "test"),
        ("meter", "profile", "causality", "set_at", "station", "decommissioned"),
        ("alder", "birch", "cedar", "hazel", "larch", "rowan"),
    ),
    Domain(
        "seat", "seat holds", "Box offices kept selling while the link to the theatre's central store was down.",
        "seat", ("hold", "sold", "comp", "returned", "press"),
        ("seat", "hold", "versions", "booked_at", "office", "released"),
        ("balcony", "dock", "foyer", "kiosk", "online", "phone"),
    ),
    Domain(
        "berth", "berth allocations", "The port's terminals planned berths on their own after the message bus lost "
        "its disk.",
        "berth", ("alongside", "anchored", "expected", "cleared", "pilot"),
        ("berth", "plan", "history", "entered", "terminal", "cancelled"),
        ("basin", "cruise", "ferry", "grain", "ore", "tanker"),
    ),
    Domain(
        "sample", "sample locations", "The freezers' inventories of the sample bank drifted apart during the move to "
        "the new building.",
        "vial", ("rack", "drawer", "shipped", "thawed", "quarantine"),
        ("vial", "place", "revisions", "scanned", "lab", "discarded"),
        ("annex", "basement", "clinic", "genomics", "loft", "virology"),
    ),
    Domain(
        "route", "forwarding entries", "Half of the route reflectors were restored from yesterday's snapshots and "
        "took updates before they had synced.",
        "net", ("primary", "backup", "drain", "blackhole", "transit"),
        ("route", "action", "vv", "updated", "reflector", "withdrawn"),
        ("rr-a", "rr-b", "rr-c", "rr-d", "rr-e", "rr-f"),
    ),
    Domain(
        "parcel", "parcel states", "Depots scan parcels into local stores, and the nightly sync has failed since "
        "Tuesday.",
        "pcl", ("accepted", "sorted", "loaded", "delivered", "refused"),
        ("parcel", "scan", "counters", "scanned_at", "depot", "voided"),
        ("bergen", "delft", "ghent", "kassel", "lyon", "turin"),
    ),
    Domain(
        "crop", "field notes", "Tablets on the trial fields sync through three gateways that did not see each other "
        "for a week.",
        "plot", ("sown", "sprayed", "harvested", "fallow", "sampled"),
        ("plot", "note", "edits", "noted_at", "gateway", "struck"),
        ("barn", "hill", "mill", "orchard", "silo", "weir"),
    ),
)  # fmt: skip
"""Worlds of their own."""

RANKS: Mapping[str, str] = {
    "latest": "the one with the greatest `{written}`; of several the one whose `{value}` is first in byte order",
    "sum": "the one whose counters add up to most; of several the one whose `{value}` is first in byte order",
    "site": "the one whose `{site}` stands first in `/app/order.txt`; of several the one with the greatest "
    "`{written}`, of several still the one whose `{value}` is first in byte order",
}
"""How one of several live concurrent versions is chosen."""

SUMMARY: Mapping[str, str] = {
    "live": "how many {key}s are live in the result",
    "gone": "how many {key}s some dump has a record of and are not live in the result",
    "conflicts": "how many {key}s are in conflict",
    "puts": "an object from each replica to the number of its `put` lines",
    "drops": "an object from each replica to the number of its `drop` lines",
    "clean": "how many of the {key}s that the dumps have stand in no repair list",
    "busiest": "the replica whose repair list has the most lines; of several the first in byte order",
    "everywhere": "how many {key}s are live in the result and have at least one record in every dump, deletions "
    "included",
}
"""What may be asked of the whole."""
