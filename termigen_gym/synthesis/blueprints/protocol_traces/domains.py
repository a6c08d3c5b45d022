"""What protocols are of: their states and events."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """What the protocol is of.

    Attributes:
        slug: for names. story: who needs it. session: what a session is called. run: what a run is called.
        path: states in their usual order, the last one final. events: those that lead from each to the next.
        sides: states off the path, with the event that leads there and the one that leads back.
        abort: the event that gives up and the final state that it leads to. tick: an event that stays in its state.
        again: an event that leads back. stuck: an event that leads to a state without a way out, and that state.
        ghosts: states that the specification names and no session can reach.
    """

    slug: str
    story: str
    session: str
    run: str
    path: tuple[str, ...]
    events: tuple[str, ...]
    sides: tuple[tuple[str, str, str], tuple[str, str, str]]
    abort: tuple[str, str]
    tick: str
    again: str
    stuck: tuple[str, str]
    ghosts: tuple[str, str]


DOMAINS = (
    Domain(
        "charger", "The charging stations of a car park write what they do, and drivers complain of sessions that "
        "hang.",
        "session", "station",
        ("available", "plugged", "authorized", "charging", "finishing", "billed", "released"),
        ("plug", "authorize", "start", "stop", "invoice", "unplug"),
        (("paused", "pause", "resume"), ("offline", "link_lost", "link_back")),
        ("fault", "faulted"), "meter", "reauthorize", ("lock_jam", "locked"), ("bootstrap", "firmware"),
    ),
    Domain(
        "pairing", "A headset loses its pairing in the field, and the firmware team gave us its specification and "
        "captures.",
        "peer", "capture",
        ("idle", "found", "offered", "paired", "bonded", "streaming", "closed"),
        ("discover", "offer", "confirm", "bond", "open", "close"),
        (("asleep", "sleep", "wake"), ("retrying", "nak", "resend")),
        ("reset", "failed"), "beacon", "rescan", ("glitch", "wedged"), ("legacy", "factory"),
    ),
    Domain(
        "payment", "The acquirer audits how our payment service moves through its states, so we check the journals "
        "first.",
        "payment", "shard",
        ("created", "checked", "authorized", "captured", "cleared", "settled", "archived"),
        ("check", "authorize", "capture", "clear", "settle", "archive"),
        (("held", "hold", "unhold"), ("disputed", "dispute", "resolve")),
        ("void", "voided"), "note", "reprice", ("chargeback", "frozen"), ("imported", "migrated"),
    ),
    Domain(
        "locker", "Parcel lockers report their doors, and some parcels went missing between two events.",
        "parcel", "locker",
        ("announced", "assigned", "stowed", "notified", "opened", "emptied", "done"),
        ("assign", "stow", "notify", "enter_code", "take_out", "shut"),
        (("jammed", "jam", "unjam"), ("dark", "power_loss", "power_back")),
        ("recall", "recalled"), "ping", "reassign", ("break_in", "sealed"), ("trial", "stocktake"),
    ),
    Domain(
        "drone", "The survey drones log their mission computers, and the safety board wants every flight checked.",
        "flight", "drone",
        ("parked", "armed", "airborne", "surveying", "returning", "landed", "stowed"),
        ("arm", "take_off", "begin_survey", "return", "land", "disarm"),
        (("hovering", "hover", "proceed"), ("lost", "signal_lost", "signal_back")),
        ("abort", "grounded"), "telemetry", "replan", ("ditch", "drifting"), ("simulated", "calibrating"),
    ),
    Domain(
        "analyser", "The blood analysers of two laboratories are being certified, and their run journals are the "
        "evidence.",
        "rack", "analyser",
        ("queued", "scanned", "spun", "aliquoted", "measured", "validated", "reported"),
        ("scan", "spin", "aliquot", "measure", "validate", "report"),
        (("waiting", "wait", "go_on"), ("cooling", "overheat", "cooled")),
        ("reject", "rejected"), "probe", "rerun", ("clog", "clogged"), ("demo", "service"),
    ),
    Domain(
        "lease", "Our address server and its clients disagree about leases; we have its specification and what it "
        "logged.",
        "client", "relay",
        ("init", "selecting", "requesting", "bound", "renewing", "rebound", "expired"),
        ("discover", "request", "ack", "renew", "reack", "expire"),
        (("rebinding", "rebind", "rebound_ok"), ("probing", "arp_probe", "arp_clear")),
        ("release", "freed"), "refresh", "rediscover", ("decline", "abandoned"), ("static", "reserved"),
    ),
    Domain(
        "ferry", "Harbour control wants to know which dockings of the ferries went by the book this week.",
        "docking", "berth",
        ("approaching", "cleared", "aligned", "moored", "unloading", "loaded", "departed"),
        ("clear", "align", "moor", "lower_ramp", "load", "depart"),
        (("drifting", "drift", "regain"), ("holding", "hold_off", "call_in")),
        ("divert", "diverted"), "report", "realign", ("line_parted", "adrift"), ("drydock", "survey"),
    ),
    Domain(
        "print", "A print shop's job server loses jobs; the vendor says that the journals conform, and we doubt it.",
        "job", "printer",
        ("submitted", "ripped", "plated", "inked", "printed", "bound", "shipped"),
        ("rip", "plate", "ink", "print", "bind", "ship"),
        (("proofing", "proof", "approve"), ("starved", "paper_out", "paper_in")),
        ("cancel", "cancelled"), "tally", "replate", ("web_break", "torn"), ("template", "draft"),
    ),
)  # fmt: skip
"""Protocols of their own."""
