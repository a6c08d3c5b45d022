"""The workshops whose builds `build_order` draws from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Forge:
    """A place where something is built by a tool of its own.

    Attributes:
        name: for the task's folder. story: how the request begins. unit: what is built, one of many.
        units: their names. flags: what a profile may switch on. profiles: names of variants.
        kits: things of which there are several versions. source, product: suffixes of files. minutes: the unit of cost.
    """

    name: str
    story: str
    unit: str
    units: tuple[str, ...]
    flags: tuple[str, ...]
    profiles: tuple[str, ...]
    kits: tuple[str, ...]
    source: str
    product: str
    minutes: str


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FORGES = (
    Forge(
        "pump-firmware",
        "The build tool of our pump controllers was written by someone who left, and nobody can say any more what it "
        "does.",
        "module",
        _words(
            "adc bootrom canbus curves display eeprom fault flowcalc hmi ioexp keypad logger modbus motor panel "
            "pidloop rtc selftest sensors updater"
        ),
        ("metric", "redundant", "telemetry", "explosive-zone", "legacy-bus"),
        ("dairy", "mining", "marine", "service"),
        ("crosscc", "linkset", "rtoskit"),
        ".c",
        ".h",
        "seconds",
    ),
    Forge(
        "atlas-press",
        "We print atlases, and the pages are made by a chain of scripts that now takes all night. I want a plan of it.",
        "sheet",
        _words(
            "bathymetry borders capitals climate coastline contours currents geology glaciers grid hillshade index "
            "labels legend parks railways rivers roads soils timezones"
        ),
        ("colour", "large-print", "schools", "polar", "pocket"),
        ("hardcover", "classroom", "wallmap", "travel"),
        ("projection", "typeset", "palette"),
        ".shp",
        ".layer",
        "minutes",
    ),
    Forge(
        "weather-model",
        "Our weather model's preprocessing is due to move to another machine, and its order of jobs exists in one "
        "head only.",
        "job",
        _words(
            "albedo aerosol boundary cloudmask ensemble fluxes gridding humidity ingest landuse lightning nesting "
            "orography ozone postproc radar seaice snowpack soundings verify"
        ),
        ("satellite", "nested", "chemistry", "ocean", "hindcast"),
        ("nowcast", "regional", "global", "archive"),
        ("gribtools", "meshlib", "solver"),
        ".cfg",
        ".nc",
        "minutes",
    ),
    Forge(
        "game-assets",
        "The asset bake of our game fails on some platforms and rebuilds too much on all. Please work out what it "
        "should do.",
        "bundle",
        _words(
            "ambience animset biomes cinematics cloth creatures decals dialogue foliage fonts hud lightmaps music "
            "navmesh particles shaders skybox terrain vehicles voices"
        ),
        ("hdr", "streaming", "uncensored", "low-memory", "subtitles"),
        ("console", "handheld", "desktop", "arcade"),
        ("texpack", "meshopt", "audiocodec"),
        ".raw",
        ".pak",
        "seconds",
    ),
    Forge(
        "ground-station",
        "The ground segment of our small satellite is assembled from parts that depend on each other in ways nobody "
        "drew up.",
        "component",
        _words(
            "antenna archive attitude beacon commands decoder ephemeris framer gateway housekeeping imaging keys "
            "linkbudget orbit payload planner pointing telemetry tracking uplink"
        ),
        ("encrypted", "dual-band", "simulator", "long-pass", "debug-frames"),
        ("launch", "routine", "rehearsal", "safe-mode"),
        ("ccsds", "dsplib", "timelib"),
        ".xml",
        ".tbl",
        "seconds",
    ),
    Forge(
        "audio-guide",
        "The museum's audio guide is generated from texts and recordings, and each change seems to rebuild everything.",
        "track",
        _words(
            "atrium bronzes cellar ceramics courtyard donors egypt etchings garden glass icons jewels library maps "
            "masks portraits silver textiles tower welcome"
        ),
        ("children", "sign-video", "night-tour", "bilingual", "short"),
        ("family", "evening", "highlights", "scholars"),
        ("voicebank", "mixer", "subtitler"),
        ".txt",
        ".cue",
        "minutes",
    ),
    Forge(
        "scan-pipeline",
        "Radiology's image pipeline is to be certified, for which I need its exact order and what a change sets off.",
        "stage",
        _words(
            "anonymise atlasfit biasfield contrast deface denoise dose export fusion landmarks lesions masking "
            "motion perfusion registration report resample segment thickness volumes"
        ),
        ("paediatric", "research", "contrast-agent", "low-dose", "multi-site"),
        ("clinic", "trial", "emergency", "teaching"),
        ("dicomkit", "fftlib", "templates"),
        ".json",
        ".nii",
        "seconds",
    ),
    Forge(
        "knit-patterns",
        "Our knitting machines get programs that a home-grown generator puts together; I must document how it orders "
        "them.",
        "panel",
        _words(
            "backyoke border cables collar cuffs elbow frontyoke gusset hem intarsia jacquard lacing neckline pocket "
            "raglan ribbing seams sleeves thumb waistband"
        ),
        ("merino", "double-bed", "reversible", "toddler", "reflective"),
        ("winter", "uniform", "sample", "export"),
        ("yarnset", "needlebed", "gauge"),
        ".knt",
        ".prg",
        "minutes",
    ),
    Forge(
        "language-course",
        "The exercises of our language course come out of a generator with a build file that has grown for ten years.",
        "lesson",
        _words(
            "adverbs articles cases colours commands dates family food greetings idioms letters market numbers "
            "passive plurals prefixes questions tenses travel weather"
        ),
        ("audio", "formal", "romanised", "exam", "offline"),
        ("beginner", "business", "refresher", "tourist"),
        ("corpus", "tagger", "speech"),
        ".src",
        ".lex",
        "minutes",
    ),
)
