"""The worlds of merge-exports: who keeps which records, and what their columns are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """Whose records they are.

    Attributes:
        slug: begins the task's name. story: one or two sentences. root: where the exports lie. noun: of many records.
        key, title, kind, day, amount, person: the columns' names. prefix: of the keys.
        heads, tails: from which titles are made.
        kinds: to other words for the same kind.
        units: of the amount, to how many of the smallest each is.
        sources: names of those who export, at least five.
    """

    slug: str
    story: str
    root: str
    noun: str
    key: str
    prefix: str
    title: str
    heads: tuple[str, ...]
    tails: tuple[str, ...]
    kind: str
    kinds: Mapping[str, tuple[str, ...]]
    day: str
    amount: str
    units: Mapping[str, int]
    person: str
    sources: tuple[str, ...]


DOMAINS = (
    Domain(
        "seed-bank",
        "Our seed bank closes its old registers. Every field station and the cold store kept a list of its "
        "own, and the "
        "new catalogue is to begin with one clean list of all accessions.",
        "/app/intake",
        "accessions",
        "accession",
        "SB",
        "taxon",
        ("Silene uniflora", "Carex limosa", "Papaver alpinum", "Drosera anglica", "Gentiana nivalis", "Salix herbacea"),
        ("Tarn Hill", 'ridge "Two Brothers"', "wet meadow, north side", "scree slope", "lake shore"),
        "storage",
        {"cryo": ("frozen", "ln2"), "dry": ("desiccated",), "field": ("living", "plot")},
        "collected",
        "weight",
        {"mg": 1, "g": 1000, "kg": 1_000_000},
        "collector",
        ("tarnhill", "lowfell", "coldstore", "herbarium", "ridgecamp"),
    ),
    Domain(
        "museum-depot",
        "The museum moves into its new depot. Registrars, restorers and the lending desk each exported the "
        "objects that "
        "they know of; the movers need one list.",
        "/app/handover",
        "objects",
        "inventory_no",
        "MD",
        "label",
        ("Oil lamp", "Loom weight", "Fowling piece", "Ship model", "Reliquary", "Ceremonial mask"),
        ("bronze, cast", 'so-called "Abbot\'s gift"', "painted wood", "fragment, restored", "with case"),
        "climate",
        {"dry": ("low-rh", "metal"), "stable": ("standard",), "cool": ("cold", "photo")},
        "acquired",
        "mass",
        {"g": 1, "kg": 1000},
        "registrar",
        ("registrar", "workshop", "lending", "donations", "photostudio"),
    ),
    Domain(
        "timber-yard",
        "Three yards and the saw mill have been merged into one company. Sales wants a single stock list of the lots, "
        "made from what the yards' systems could export.",
        "/app/yards",
        "lots",
        "lot",
        "TY",
        "assortment",
        ("European larch", "Douglas fir", "Sessile oak", "Black locust", "Silver birch", "Scots pine"),
        ("planed, kiln-dried", 'grade "B/C"', "rough sawn", "boards, wide", "beams"),
        "treatment",
        {"raw": ("untreated", "none"), "oiled": ("oil",), "thermo": ("heat-treated", "tmt")},
        "felled",
        "length",
        {"mm": 1, "cm": 10, "m": 1000},
        "grader",
        ("northyard", "riverside", "sawmill", "export", "auction"),
    ),
    Domain(
        "blood-centre",
        "The regional blood centres now share one stock. Each delivered an export of its conserved units, "
        "and the planning "
        "tool accepts exactly one file.",
        "/app/stock",
        "units",
        "unit_no",
        "BC",
        "product",
        ("Red cells", "Platelets", "Plasma", "Granulocytes", "Cryoprecipitate", "Whole blood"),
        ("leukocyte-depleted", "irradiated, washed", 'protocol "K2"', "pooled", "single donor"),
        "pathway",
        {"routine": ("standard", "normal"), "reserve": ("buffer",), "research": ("study", "trial")},
        "drawn",
        "volume",
        {"ml": 1, "cl": 10, "l": 1000},
        "technician",
        ("harbour", "hillside", "mobile", "university", "eastgate"),
    ),
    Domain(
        "plate-archive",
        "The observatory digitises its glass plates. The dome logs, the card index and two earlier scanning "
        "projects list "
        "the plates in their own ways; the scanner's queue needs them as one list.",
        "/app/plates",
        "plates",
        "plate",
        "PA",
        "target",
        ("Coma cluster", "Barnard's Loop", "M 33", "Comet field", "Pleiades", "Cygnus rift"),
        ("east half", "blue filter, second try", 'guide star "Q"', "overlap field", "calibration"),
        "emulsion",
        {"blue": ("iia-o", "o"), "red": ("iia-f",), "infrared": ("i-n", "ir")},
        "exposed",
        "exposure",
        {"s": 1, "min": 60, "h": 3600},
        "observer",
        ("dome", "cardindex", "scan1998", "scan2011", "schmidt"),
    ),
    Domain(
        "harbour-cargo",
        "A storm took down the harbour's cargo system. What the terminals, customs and the pilots still had "
        "was exported, "
        "and the crane planners wait for one manifest.",
        "/app/manifests",
        "consignments",
        "consignment",
        "HC",
        "goods",
        ("Machine parts", "Coffee, green", "Rolled steel", "Citrus fruit", "Roof tiles", "Paper rolls"),
        ("palletised", "in bags, damaged", 'marked "KEEP DRY"', "hold 3", "on deck"),
        "handling",
        {"plain": ("general", "none"), "reefer": ("cooled", "cold"), "hazard": ("imdg",)},
        "landed",
        "gross",
        {"kg": 1, "t": 1000},
        "checker",
        ("eastquay", "westquay", "customs", "pilots", "railhead"),
    ),
    Domain(
        "apiary-coop",
        "The beekeepers' cooperative pays its members by delivered honey. The collection points keep their books "
        "as they like, and the treasurer needs one ledger of the deliveries.",
        "/app/books",
        "deliveries",
        "delivery",
        "AC",
        "honey",
        ("Lime blossom", "Heather", "Acacia", "Chestnut", "Buckwheat", "Forest"),
        ("first extraction", 'label "Gold"', "creamed, fine", "comb, cut", "late summer"),
        "quality",
        {"select": ("a", "premium"), "standard": ("b",), "baking": ("industrial", "c")},
        "delivered",
        "net",
        {"g": 1, "kg": 1000},
        "keeper",
        ("milltown", "abbey", "southvale", "moorgate", "orchard"),
    ),
    Domain(
        "gauge-service",
        "The hydrological service reviews its staff gauges. Offices sent their surveys of marks in whatever their "
        "software exports; the review board works on one table.",
        "/app/surveys",
        "marks",
        "mark",
        "GS",
        "site",
        ("Old bridge", "Lock gate", "Weir crest", "Ferry landing", "Mill race", "Confluence"),
        ("left bank", "pier 2, upstream", 'bolt "1926"', "tailwater", "intake"),
        "class",
        {"primary": ("main", "1st"), "secondary": ("aux", "2nd"), "flood": ("highwater",)},
        "surveyed",
        "height",
        {"mm": 1, "cm": 10, "m": 1000},
        "surveyor",
        ("upperoffice", "delta", "canals", "university", "contractor"),
    ),
    Domain(
        "film-library",
        "The film library prepares its vault move. Vault staff, the lab and the festival desk hold lists of reels that "
        "overlap and contradict each other; shipping needs one.",
        "/app/reels",
        "reels",
        "reel",
        "FL",
        "title",
        ("The Ferryman", "Salt Road", "Night Tram", "Harvest Waltz", "Paper Lions", "A Winter Census"),
        ("reel 2", "dupe, negative", 'cut "B"', "trailer, silent", "answer print"),
        "stock",
        {"nitrate": ("nitro",), "acetate": ("safety", "ac"), "polyester": ("estar", "pet")},
        "struck",
        "duration",
        {"s": 1, "min": 60, "h": 3600},
        "inspector",
        ("vault", "filmlab", "festival", "archive", "telecine"),
    ),
    Domain(
        "bakery-mills",
        "A bakery chain has bought three mills and wants to know what flour lies where. The mills, the silo "
        "operator and "
        "the purchasing desk exported their batches; costing needs them in one file.",
        "/app/batches",
        "batches",
        "batch",
        "BM",
        "flour",
        ("Rye type 1150", "Spelt 630", "Wheat 550", "Emmer wholegrain", "Durum semolina", "Buckwheat"),
        ("stone-ground", "malted, fine", 'line "Heritage"', "rest of silo 4", "coarse"),
        "certificate",
        {"organic": ("bio", "eco"), "conventional": ("conv", "none"), "transition": ("in-conversion",)},
        "milled",
        "quantity",
        {"kg": 1, "dt": 100, "t": 1000},
        "miller",
        ("watermill", "steelmill", "silos", "purchasing", "laboratory"),
    ),
)
