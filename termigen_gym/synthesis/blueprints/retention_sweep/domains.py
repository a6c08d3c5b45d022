"""The worlds of retention-sweep: what is copied, how the copies are named, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """A collection of copies.

    Attributes:
        slug: begins the task's name. story: one or two sentences. root: of the tree. noun: of many copies.
        series: what is copied, at least five. name: of a copy, a form of `datetime.strftime`, with SERIES in it.
        lines: words that the copies' lines begin with. odd: names of files that no manifest knows.
    """

    slug: str
    story: str
    root: str
    noun: str
    series: tuple[str, ...]
    name: str
    lines: tuple[str, ...]
    odd: tuple[str, ...]


DOMAINS = (
    Domain(
        "dump-vault",
        "The vault for our database dumps is nearly full, since nobody has ever deleted anything in it. The "
        "retention policy "
        "has been approved; please apply it to the tree for real.",
        "/app/vault",
        "dumps",
        ("orders", "ledger", "crm", "stock", "mailer"),
        "SERIES-%Y%m%dT%H%M.sql",
        ("INSERT INTO batch VALUES", "COPY audit FROM", "SELECT setval"),
        ("orders-old copy.sql", "restore-test.sql", "tmp.sql.part"),
    ),
    Domain(
        "seismo-archive",
        "The seismological station keeps the records of its channels in one tree, and the disk is to be "
        "shared with a new "
        "instrument. Thin out the tree by the network's retention rules.",
        "/app/seismo",
        "records",
        ("bhz", "bhn", "bhe", "hhz", "lhz"),
        "%Y/SERIES.%Y.%j.%H%M.mseed.txt",
        ("sample", "gain", "clock drift"),
        ("field notes.txt", "calib.tmp", "bhz.partial"),
    ),
    Domain(
        "snapshot-pool",
        "The hypervisors' snapshot pool was filled by a cron job that did not know when to stop. Here is the "
        "policy that the "
        "owners of the machines agreed on; the pool should look accordingly.",
        "/app/pool",
        "snapshots",
        ("web01", "web02", "db01", "build", "gitlab"),
        "SERIES/auto-%Y-%m-%d_%H.%M.snap",
        ("block", "extent", "parent"),
        ("manual before upgrade.snap", "lost+found.img", "auto-broken.snap"),
    ),
    Domain(
        "camera-store",
        "The parking company has to thin out the recordings of its garages, for data protection and for "
        "space, and some must "
        "stay because of accidents. Apply the rules to the store.",
        "/app/recordings",
        "recordings",
        ("gate", "ramp", "deck1", "deck2", "paydesk"),
        "SERIES_%Y%m%d_%H%M%S.rec",
        ("frame", "motion", "plate hash"),
        ("export for police.rec", "test.rec", "ramp_unknown.rec"),
    ),
    Domain(
        "model-runs",
        "The weather service's post-processing leaves one file for each model run. The file system is full, "
        "and the forecasters "
        "have written down which runs they really need.",
        "/app/runs",
        "runs",
        ("icon", "gfs", "wave", "ensemble", "nowcast"),
        "SERIES/%Y-%m/run%d%H%M.grib.txt",
        ("field t2m", "field wind", "field rain"),
        ("scratch run.txt", "verify.tmp", "icon-backup.txt"),
    ),
    Domain(
        "world-saves",
        "Our game servers save their worlds around the clock. Support wants old states to stay within reach, "
        "but not all of "
        "them; this is the policy, and the save tree has to follow it.",
        "/app/saves",
        "saves",
        ("haven", "skyreach", "mires", "ember", "drift"),
        "SERIES.world/%Y%m%d-%H%M.sav",
        ("chunk", "entity", "inventory"),
        ("gm copy.sav", "crash.sav", "haven.world.lock"),
    ),
    Domain(
        "mail-journals",
        "The mail gateway writes a journal for each domain and run. Compliance has sent new retention rules "
        "together with "
        "the running cases; please bring the journals in line with them.",
        "/app/journals",
        "journals",
        ("sales", "legal", "support", "noreply", "board"),
        "%Y/%m/SERIES-%d.%H%M.jrn",
        ("accepted from", "relayed to", "deferred"),
        ("legal draft.jrn", "replay.tmp", "sales-fixed.jrn"),
    ),
    Domain(
        "artifact-shelf",
        "The build server's shelf of artifacts has outgrown its volume. Release management decided what may "
        "go; the cleaning "
        "itself is still to be done, and it must be traceable.",
        "/app/shelf",
        "artifacts",
        ("api", "web", "agent", "cli", "docs"),
        "SERIES/build-%y%m%d.%H%M.pkg",
        ("object", "symbol", "asset"),
        ("hotfix by hand.pkg", "nightly.tmp", "api-latest.pkg"),
    ),
    Domain(
        "scan-library",
        "The radiology practice keeps exports of its devices in one tree. The retention rules of the chamber "
        "leave little room, "
        "and some patients' cases are pending; clean up the tree by them.",
        "/app/exports",
        "exports",
        ("mr1", "ct2", "xray", "sono", "dexa"),
        "SERIES-export-%Y.%m.%d-%H%M.dcm.txt",
        ("series uid", "slice", "dose"),
        ("second opinion.txt", "ct2-test.tmp", "unsorted.txt"),
    ),
)
