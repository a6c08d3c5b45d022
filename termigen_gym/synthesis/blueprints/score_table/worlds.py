"""The fields of work that `score_table` draws from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bench:
    """A field in which a model is evaluated.

    Attributes:
        name: for the task's folder. story: how the request begins. item: what is classified.
        prefix: of the items' ids. group, group_prefix: what several items share, its column, and how its values begin.
        part, parts: the column by which results are split up, and its values.
        classes: of the task with several. positive, negative: of the one with two.
        files: names without suffix of labels, splits, scores, corrections.
    """

    name: str
    story: str
    item: str
    prefix: str
    group: str
    group_prefix: str
    part: str
    parts: tuple[str, ...]
    classes: tuple[str, ...]
    positive: str
    negative: str
    files: tuple[str, str, str, str]


BENCHES = (
    Bench(
        "bird-calls",
        "Our recorder network is about to trust a new call classifier, and the numbers in its paper look too good.",
        "clip",
        "clip-",
        "recorder",
        "rec",
        "habitat",
        ("bog", "dune", "orchard", "reedbed", "spruce"),
        ("bittern", "corncrake", "curlew", "nightjar", "snipe"),
        "call",
        "noise",
        ("clips", "partition", "scores", "relabelled"),
    ),
    Bench(
        "weld-defects",
        "Before the line inspector is switched over to the camera, its evaluation has to be done properly once.",
        "seam",
        "W",
        "workpiece",
        "wp",
        "station",
        ("alder", "birch", "cedar", "rowan"),
        ("crack", "lackfusion", "porosity", "sound", "undercut"),
        "defect",
        "sound",
        ("seams", "folds", "camera", "second-look"),
    ),
    Bench(
        "leaf-disease",
        "The growers' app names diseases from photographs; the cooperative wants to see honest figures for the season.",
        "photo",
        "ph",
        "tree",
        "T",
        "grower",
        ("amsel", "brook", "castell", "dorn", "elster"),
        ("canker", "healthy", "mildew", "rust", "scab"),
        "sick",
        "healthy",
        ("photos", "assignment", "model-output", "pathologist"),
    ),
    Bench(
        "claims-triage",
        "Claims are pre-sorted by a model since spring, and internal audit asks how good that is on data it has not "
        "seen.",
        "claim",
        "CL-",
        "policy",
        "P",
        "branch",
        ("coast", "highland", "metro", "valley"),
        ("fasttrack", "fraud", "legal", "medical", "standard"),
        "escalate",
        "routine",
        ("claims", "sets", "triage", "adjusted"),
    ),
    Bench(
        "sonar-contacts",
        "The harbour's sonar model flags contacts, and the pilots complain; I want the evaluation redone from raw "
        "tables.",
        "contact",
        "k",
        "sweep",
        "sw",
        "berth",
        ("anchor", "bollard", "capstan", "davit", "fender"),
        ("buoy", "diver", "hull", "kelp", "seal"),
        "object",
        "clutter",
        ("contacts", "split", "detector", "divers"),
    ),
    Bench(
        "ticket-routing",
        "Support wants to let the router assign tickets without a human, so its test results need to be beyond doubt.",
        "ticket",
        "TK",
        "customer",
        "cu",
        "language",
        ("de", "en", "fr", "pl", "pt"),
        ("access", "billing", "delivery", "outage", "refund"),
        "urgent",
        "normal",
        ("tickets", "portions", "router", "overruled"),
    ),
    Bench(
        "retina-screening",
        "The eye clinic pilots a screening model and the ethics board asked for figures that anyone can recompute.",
        "scan",
        "S",
        "patient",
        "pt",
        "camera",
        ("canon", "kowa", "nidek", "topcon"),
        ("amd", "clear", "edema", "glaucoma", "retinopathy"),
        "refer",
        "clear",
        ("scans", "cohorts", "grader-model", "adjudicated"),
    ),
    Bench(
        "wine-faults",
        "The lab's electronic nose calls wine faults. Two wineries dispute its hit rate, so please settle it.",
        "sample",
        "b-",
        "cask",
        "cask",
        "winery",
        ("aigle", "brenner", "costa", "dovecote"),
        ("brett", "clean", "corked", "oxidised", "sulphide"),
        "faulty",
        "clean",
        ("samples", "panels", "nose", "retasted"),
    ),
    Bench(
        "quake-phases",
        "The observatory's picker labels seismic arrivals. I have to report its quality and do not trust the old "
        "script.",
        "arrival",
        "a",
        "event",
        "ev",
        "network",
        ("gr", "iv", "no", "sl"),
        ("blast", "lg", "noise", "pwave", "swave"),
        "quake",
        "noise",
        ("arrivals", "lists", "picker", "analyst"),
    ),
    Bench(
        "loom-stops",
        "At the mill a model predicts why looms stop. Maintenance pays by its calls, so its table must be right.",
        "stop",
        "st",
        "loom",
        "L",
        "shift",
        ("dawn", "late", "night", "weekend"),
        ("weft", "warp", "selvedge", "motor", "knot"),
        "mechanical",
        "operator",
        ("stops", "periods", "predictor", "foreman"),
    ),
)
