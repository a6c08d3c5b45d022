"""The worlds of event-rollup: what happens where, to whom, and what is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """What the events are about.

    Attributes:
        slug: begins the task's name. story: one or two sentences. root: where the logs lie. noun: of many events.
        subject, kind, zone, value: the fields' names. prefix: of subjects. unit: of the value.
        kinds, zones: that occur. noise: kinds that do not count. range: of values.
        nodes: names of those who write logs, at least four.
    """

    slug: str
    story: str
    root: str
    noun: str
    subject: str
    prefix: str
    kind: str
    kinds: tuple[str, ...]
    noise: tuple[str, ...]
    zone: str
    zones: tuple[str, ...]
    value: str
    unit: str
    range: tuple[int, int]
    nodes: tuple[str, ...]


DOMAINS = (
    Domain(
        "lift-service",
        "The lift company is paid by how fast its cars answer calls. The building controllers log each ride, the "
        "gateways forward it with some delay, and the contract wants figures of one day.",
        "/app/controllers",
        "rides",
        "car",
        "L",
        "ride",
        ("passenger", "freight", "priority"),
        ("selftest", "fire-drill"),
        "building",
        ("annex", "clinic", "tower"),
        "wait_ms",
        "milliseconds",
        (900, 48000),
        ("gate-a", "gate-b", "gate-c", "gate-d"),
    ),
    Domain(
        "bike-share",
        "The bike-sharing operator settles with the city by trips and metres. Docks report returned bikes through "
        "several concentrators, some of them more than once, and the settlement of one day is due.",
        "/app/docks",
        "trips",
        "bike",
        "BK",
        "tariff",
        ("member", "casual", "cargo", "student"),
        ("relocation", "workshop"),
        "district",
        ("harbour", "hill", "market", "station"),
        "metres",
        "metres",
        (180, 9400),
        ("conc-1", "conc-2", "conc-3", "conc-4"),
    ),
    Domain(
        "toll-road",
        "The toll gantries photograph each vehicle and book a charge. Their edge computers forward the bookings when "
        "the line is up, so the evening's figures need some care.",
        "/app/gantries",
        "passages",
        "tag",
        "TG",
        "class",
        ("car", "van", "truck", "coach"),
        ("calibration", "patrol"),
        "section",
        ("bypass", "bridge", "tunnel"),
        "charge_ct",
        "cents",
        (80, 2950),
        ("edge-north", "edge-south", "edge-west", "edge-east"),
    ),
    Domain(
        "parcel-hub",
        "The parcel hub reviews its sorters. Every scan is logged by a scan server with the time that the parcel "
        "spent on the belt; servers take over from each other, which leaves copies.",
        "/app/scans",
        "scans",
        "sorter",
        "SR",
        "service",
        ("express", "economy", "returns"),
        ("empty-tray", "test-label"),
        "hall",
        ("hall-1", "hall-2", "hall-3"),
        "belt_s",
        "seconds",
        (14, 1290),
        ("scan01", "scan02", "scan03", "scan04"),
    ),
    Domain(
        "cold-chain",
        "The vaccine depot must report how often and how long its cold rooms stood open. Door sensors talk to loggers "
        "that buffer while the radio is down.",
        "/app/loggers",
        "openings",
        "door",
        "DR",
        "reason",
        ("intake", "picking", "inspection", "cleaning"),
        ("sensor-check",),
        "store",
        ("deepfreeze", "fridge", "quarantine"),
        "open_s",
        "seconds",
        (4, 870),
        ("logger-a", "logger-b", "logger-c", "logger-d"),
    ),
    Domain(
        "ci-farm",
        "The build farm is about to get new runners, and the platform team wants to know from one day of job events "
        "what kind of work fills the pools. Schedulers log to different collectors.",
        "/app/collectors",
        "jobs",
        "runner",
        "rn",
        "stage",
        ("build", "test", "package", "deploy"),
        ("warmup", "probe"),
        "pool",
        ("arm", "gpu", "linux"),
        "cpu_s",
        "seconds of CPU",
        (3, 5400),
        ("col-1", "col-2", "col-3", "col-4"),
    ),
    Domain(
        "turnstiles",
        "The stadium checks how the gates coped with yesterday's match. Turnstiles log each admission with the time "
        "that the reader needed; stewards' tablets send the same events once more.",
        "/app/gates",
        "admissions",
        "turnstile",
        "TS",
        "ticket",
        ("season", "day", "guest", "family"),
        ("staff", "drill"),
        "stand",
        ("east", "north", "south", "west"),
        "read_ms",
        "milliseconds",
        (110, 7600),
        ("reader-east", "reader-west", "tablets", "backup"),
    ),
    Domain(
        "ev-charging",
        "The charging network bills site owners by delivered energy. Charge points send their meter events through "
        "two generations of back ends, and the day's books have to be closed.",
        "/app/backends",
        "meter events",
        "point",
        "CP",
        "plan",
        ("roaming", "subscriber", "adhoc"),
        ("diagnostics", "firmware"),
        "site",
        ("airport", "mall", "motorway", "parkhouse"),
        "energy_wh",
        "watt-hours",
        (150, 38000),
        ("ocpp16", "ocpp20", "relay", "fallback"),
    ),
    Domain(
        "hospital-calls",
        "The ward management studies nurse calls. Bedside units report each call with the seconds until somebody "
        "came; the relays on the floors repeat what they are not sure to have sent.",
        "/app/relays",
        "calls",
        "bed",
        "B",
        "call",
        ("assist", "pain", "toilet", "infusion"),
        ("line-test",),
        "ward",
        ("geriatrics", "oncology", "surgery"),
        "answer_s",
        "seconds",
        (6, 940),
        ("relay-1", "relay-2", "relay-3", "relay-4"),
    ),
    Domain(
        "crane-quay",
        "The container terminal compares its quay cranes. Each lift is logged with its weight by the crane, the "
        "spreader and the yard system, which do not agree on when they send it.",
        "/app/lifts",
        "lifts",
        "crane",
        "QC",
        "move",
        ("load", "discharge", "restow", "hatch"),
        ("training", "tare"),
        "berth",
        ("b1", "b2", "b3"),
        "weight_kg",
        "kilograms",
        (2100, 30400),
        ("cranes", "spreaders", "yard", "plc"),
    ),
)
