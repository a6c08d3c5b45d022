"""The archives that `tamper_audit` draws from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..kit import between, pick


@dataclass(frozen=True)
class Trove:
    """An archive and the words that its people use.

    Attributes:
        name: for the task's folder. story: how the request begins. root: the archive's folder.
        folders, stems: of which files are named. suffix: of all files.
        columns: of the records in a file; the first is a key, the last is a number.
        words: values of the columns between.
        acts: what the journal calls it when a file is taken in, replaced by a new version, taken out for good.
        journal: the journal's name without suffix. signers: people who sign.
        stores: names of places that keep copies.
    """

    name: str
    story: str
    root: str
    folders: tuple[str, ...]
    stems: tuple[str, ...]
    suffix: str
    columns: tuple[str, ...]
    words: tuple[str, ...]
    acts: tuple[str, str, str]
    journal: str
    signers: tuple[str, ...]
    stores: tuple[str, ...]

    def record(self, rng: np.random.Generator) -> bytes:
        """Return the content of a file, unlike any other."""
        lines = [",".join(self.columns)]
        serial = between(rng, 10_000, 89_000)
        for row in range(between(rng, 3, 9)):
            middle = [pick(rng, self.words) for _ in self.columns[1:-1]]
            lines.append(",".join([f"{serial + row}", *middle, f"{between(rng, 0, 99_999) / 100:.2f}"]))
        return ("\n".join(lines) + "\n").encode()


TROVES = (
    Trove(
        "seed-bank",
        "Somebody has been at the accession records of our seed bank, and the donors want to know what still holds.",
        "accessions",
        ("barley", "lentil", "sorghum", "millet"),
        ("passport", "viability", "donor", "storage", "regrowth"),
        ".csv",
        ("lot", "site", "state", "germination"),
        ("Alnarp", "Izmir", "Quito", "dry", "chilled", "frozen", "regrown"),
        ("accession", "amend", "withdraw"),
        "seedbook",
        ("okafor", "lindqvist", "moreau", "petrov"),
        ("svalbard", "basement", "partner"),
    ),
    Trove(
        "court-exhibits",
        "Before the hearing I must be able to say which exhibit sheets of the case file are still as they were sealed.",
        "exhibits",
        ("phones", "vehicles", "photographs", "statements"),
        ("sheet", "custody", "extract", "inventory", "transcript"),
        ".txt",
        ("item", "holder", "condition", "weight"),
        ("locker", "bailiff", "lab", "sealed", "opened", "copied"),
        ("seal", "reseal", "discharge"),
        "custody",
        ("hartmann", "ibarra", "osei", "lindgren"),
        ("registry", "vault", "counsel"),
    ),
    Trove(
        "firmware-mirror",
        "Our download mirror for pump controllers was writable for a weekend. I need to know what was put into it.",
        "releases",
        ("valve", "inverter", "gateway", "display"),
        ("registers", "defaults", "curves", "limits", "strings"),
        ".tab",
        ("address", "unit", "access", "value"),
        ("bar", "kelvin", "ro", "rw", "latched", "volatile"),
        ("publish", "hotfix", "recall"),
        "release-log",
        ("anand", "kowalczyk", "brandt", "silva"),
        ("buildhost", "offsite", "escrow"),
    ),
    Trove(
        "choir-archive",
        "The part books of the choir's digital archive no longer agree with the print edition; I suspect the shared "
        "drive.",
        "partbooks",
        ("soprano", "alto", "tenor", "bass"),
        ("motet", "psalm", "carol", "anthem", "litany"),
        ".part",
        ("bar", "note", "length", "tempo"),
        ("do", "re", "mi", "fa", "sol", "minim", "crotchet", "breve"),
        ("engrave", "correct", "retract"),
        "editions",
        ("tallis", "weelkes", "morley", "gibbons"),
        ("conductor", "printshop", "cathedral"),
    ),
    Trove(
        "drug-trial",
        "The monitor found a visit form that nobody remembers signing, so the whole data room of the trial is in "
        "doubt.",
        "visits",
        ("screening", "baseline", "week-04", "followup"),
        ("vitals", "dosing", "labs", "adverse", "consent"),
        ".csv",
        ("subject", "arm", "finding", "measure"),
        ("placebo", "active", "normal", "raised", "withdrawn", "resolved"),
        ("lock", "query", "void"),
        "trail",
        ("nakamura", "fischer", "adeyemi", "rossi"),
        ("sponsor", "site-binder", "cro"),
    ),
    Trove(
        "tide-gauges",
        "Two of our tide gauges disagree with themselves: files of the harbour office's archive were changed after "
        "the fact.",
        "gauges",
        ("northpier", "estuary", "lockgate", "breakwater"),
        ("levels", "surge", "datum", "calibration", "outage"),
        ".dat",
        ("reading", "sensor", "flag", "metres"),
        ("radar", "float", "good", "suspect", "spliced"),
        ("file", "revise", "strike"),
        "harbourlog",
        ("dekker", "maclean", "soares", "bjarnason"),
        ("hydrographer", "portoffice", "tapes"),
    ),
    Trove(
        "ballot-count",
        "A recount is asked for, and the tally sheets on the count server have to be checked against the signed "
        "journal.",
        "tallies",
        ("ward-01", "ward-02", "ward-03", "postal"),
        ("morning", "noon", "evening", "spoilt", "recount"),
        ".tally",
        ("box", "list", "mark", "share"),
        ("heron", "oak", "lantern", "clear", "doubtful"),
        ("declare", "restate", "annul"),
        "protocol",
        ("varga", "oduya", "keane", "sandoval"),
        ("townhall", "courthouse", "observer"),
    ),
    Trove(
        "bridge-inspection",
        "An insurer doubts our bridge inspection records, and with reason: some were edited after they were signed "
        "off.",
        "inspections",
        ("deck", "bearings", "cables", "piers"),
        ("cracks", "torque", "corrosion", "survey", "loading"),
        ".rec",
        ("mark", "span", "grade", "width"),
        ("east", "west", "sound", "worn", "critical"),
        ("sign", "supersede", "cancel"),
        "signoff",
        ("eriksen", "baptiste", "yilmaz", "novak"),
        ("contractor", "ministry", "microfilm"),
    ),
    Trove(
        "museum-loans",
        "A loan of ours came back with papers that do not match, so I want the whole loan archive gone through.",
        "loans",
        ("ceramics", "textiles", "bronzes", "drawings"),
        ("condition", "transport", "insurance", "facility", "agreement"),
        ".txt",
        ("object", "venue", "remark", "cover"),
        ("Leiden", "Kyoto", "Lima", "stable", "chipped", "relined"),
        ("register", "update", "release"),
        "daybook",
        ("vandermeer", "ito", "quispe", "albrecht"),
        ("registrar", "lender", "coldstore"),
    ),
    Trove(
        "dairy-recalls",
        "The food authority asks whether the batch sheets of our dairy are the ones signed at the time. I fear not "
        "all are.",
        "batches",
        ("yoghurt", "kefir", "butter", "quark"),
        ("pasteur", "culture", "filling", "lab", "cooling"),
        ".sheet",
        ("vat", "line", "outcome", "celsius"),
        ("north", "south", "pass", "hold", "rework"),
        ("approve", "reissue", "scrap"),
        "batchbook",
        ("jensen", "delacroix", "mbeki", "horvat"),
        ("qa-share", "plant", "auditor"),
    ),
)
