"""The worlds of fleet-config: fleets of machines, their roles and sites, and what can be set on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """A fleet.

    Attributes:
        slug: begins the task's name. story: one or two sentences. root: where the layers lie. noun: of many machines.
        prefix: of the machines' names. roles, sites: at least four and three.
        numbers: key to the values that occur. switches: keys that are true or false. words: key to its choices.
        lists: key to the items that occur, at least six. label: a key whose value names the machine and its site.
        spare: a key that should be nowhere.
    """

    slug: str
    story: str
    root: str
    noun: str
    prefix: str
    roles: tuple[str, ...]
    sites: tuple[str, ...]
    numbers: Mapping[str, tuple[int, ...]]
    switches: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]
    lists: Mapping[str, tuple[str, ...]]
    label: str
    spare: str


DOMAINS = (
    Domain(
        "cdn-edges",
        "Our CDN nodes are still configured by hand from layered files. Before the new agent is rolled out we need the "
        "effective configuration of each node, and an audit of it.",
        "/app/cdn",
        "nodes",
        "edge",
        ("cache", "origin", "video", "dns"),
        ("fra", "ams", "waw", "mil"),
        {"cache.max_gb": (120, 200, 400, 800), "tls.session_s": (300, 600, 3600), "net.backlog": (512, 1024, 4096)},
        ("http.quic", "http.gzip", "net.ipv6"),
        {"log.level": ("warn", "info", "debug"), "tls.floor": ("1.0", "1.2", "1.3")},
        {
            "dns.resolvers": ("10.0.0.53", "10.1.0.53", "10.2.0.53", "9.9.9.9", "1.1.1.1", "8.8.8.8"),
            "http.methods": ("GET", "HEAD", "POST", "PUT", "PURGE", "OPTIONS"),
        },
        "log.tag",
        "debug.dump_dir",
    ),
    Domain(
        "till-fleet",
        "The supermarkets' tills get their settings from four layers that grew over the years. Finance wants "
        "to see what "
        "every till really runs with, and where that breaks the card scheme's rules.",
        "/app/tills",
        "tills",
        "till",
        ("checkout", "selfscan", "kiosk", "office"),
        ("north", "mall", "airport", "depot"),
        {"card.limit": (50, 100, 250, 500), "idle.lock_s": (60, 120, 300, 900), "receipt.copies": (0, 1, 2)},
        ("card.contactless", "receipt.email", "scan.weight_check"),
        {"card.protocol": ("p2pe", "opi", "zvt"), "display.theme": ("plain", "large", "dark")},
        {
            "pay.methods": ("cash", "debit", "credit", "voucher", "app", "giftcard"),
            "peripherals.allowed": ("scanner", "scale", "printer", "drawer", "camera", "pinpad"),
        },
        "receipt.footer",
        "service.backdoor_pin",
    ),
    Domain(
        "bus-displays",
        "The departure displays of the transit authority are updated from a layered set of files. The vendor's new "
        "firmware takes one file for each display; some displays also ignore the accessibility rules.",
        "/app/displays",
        "displays",
        "disp",
        ("stop", "station", "onboard", "depot"),
        ("east", "west", "centre"),
        {"panel.brightness": (40, 60, 80, 100), "poll.seconds": (10, 20, 30, 60), "text.size": (14, 18, 22, 28)},
        ("audio.enabled", "panel.night_mode", "net.fallback"),
        {"text.font": ("sans", "mono", "narrow"), "net.link": ("lte", "fibre", "wifi")},
        {
            "lines.shown": ("12", "14x", "31", "40", "n7", "n9"),
            "text.languages": ("de", "en", "fr", "pl", "tr", "it"),
        },
        "panel.caption",
        "test.pattern",
    ),
    Domain(
        "render-farm",
        "The animation studio's render nodes read four layers of settings at boot. The queue manager should check them "
        "centrally, so I want one resolved file for each node, and what breaks our rules.",
        "/app/farm",
        "render nodes",
        "rn",
        ("cpu", "gpu", "sim", "comp"),
        ("attic", "basement", "colo"),
        {"job.slots": (1, 2, 4, 8), "scratch.gb": (100, 250, 500, 1000), "job.timeout_min": (60, 180, 720)},
        ("gpu.persist", "scratch.wipe", "job.preempt"),
        {"queue.class": ("day", "night", "urgent"), "fs.cache": ("none", "ssd", "ram")},
        {
            "license.pools": ("arnold", "houdini", "nuke", "maya", "redshift", "karma"),
            "mounts.extra": ("textures", "caches", "plates", "dailies", "tools", "archive"),
        },
        "queue.label",
        "debug.core_dir",
    ),
    Domain(
        "weather-posts",
        "The weather service resolves the settings of its automatic stations on paper, layer by layer. The "
        "inspection next "
        "week needs one file for each station and the list of deviations.",
        "/app/stations",
        "stations",
        "ws",
        ("synop", "road", "alpine", "buoy"),
        ("coast", "plain", "highland"),
        {
            "sample.seconds": (1, 5, 10, 60),
            "uplink.minutes": (5, 10, 30, 60),
            "battery.cutoff_mv": (11400, 11800, 12100),
        },
        ("heater.enabled", "uplink.compress", "camera.enabled"),
        {"uplink.mode": ("gprs", "sat", "radio"), "mast.height": ("2m", "5m", "10m")},
        {
            "sensors.active": ("temp", "wind", "rain", "hum", "press", "snow"),
            "uplink.targets": ("hub-a", "hub-b", "hub-c", "backup", "research", "airport"),
        },
        "uplink.title",
        "factory.reset_code",
    ),
    Domain(
        "ward-kiosks",
        "The hospital's check-in kiosks inherit their settings from the group, the ward type and the building. Data "
        "protection asks what each kiosk really does, and which ones need a visit.",
        "/app/kiosks",
        "kiosks",
        "kiosk",
        ("checkin", "wayfinding", "lab", "payment"),
        ("main", "children", "rehab"),
        {"session.idle_s": (20, 45, 90, 180), "print.max_pages": (1, 3, 10), "retain.days": (0, 7, 30, 90)},
        ("camera.enabled", "card.reader", "sound.enabled"),
        {"auth.mode": ("card", "pin", "none"), "screen.layout": ("tall", "wide", "compact")},
        {
            "text.languages": ("en", "es", "ar", "uk", "vi", "pt"),
            "forms.offered": ("consent", "history", "allergy", "billing", "survey", "visit"),
        },
        "screen.caption",
        "remote.master_key",
    ),
    Domain(
        "stream-encoders",
        "The radio network's encoders are set up from layered files which every studio edits. Distribution wants the "
        "resolved set-up of each encoder and a list of what violates the contract with the carriers.",
        "/app/encoders",
        "encoders",
        "enc",
        ("talk", "music", "news", "backup"),
        ("capital", "lakeside", "valley"),
        {"audio.bitrate": (64, 96, 128, 256), "buffer.ms": (200, 500, 1500), "silence.alarm_s": (5, 15, 30)},
        ("audio.limiter", "meta.rds", "link.bonding"),
        {"audio.codec": ("aac", "opus", "mp3"), "link.primary": ("fibre", "isdn", "sat")},
        {
            "link.targets": ("cdn-a", "cdn-b", "dab", "fm", "archive", "monitor"),
            "meta.fields": ("title", "artist", "show", "host", "url", "isrc"),
        },
        "meta.station",
        "debug.tone",
    ),
    Domain(
        "game-shards",
        "The game's shards start from layered settings that nobody can follow any more. Operations wants the resolved "
        "settings of each shard in one place and an audit against the season's rules.",
        "/app/shards",
        "shards",
        "shard",
        ("arena", "world", "lobby", "trade"),
        ("eu", "us", "asia"),
        {"players.max": (64, 128, 500, 2000), "tick.hz": (10, 20, 30, 60), "save.minutes": (1, 5, 15)},
        ("chat.voice", "pvp.enabled", "bots.fill"),
        {"region.match": ("strict", "near", "any"), "chat.filter": ("off", "soft", "hard")},
        {
            "mods.enabled": ("maps", "skins", "quests", "pets", "duels", "guilds"),
            "chat.admins": ("mira", "tobi", "jun", "alva", "oskar", "rhea"),
        },
        "shard.motd",
        "cheats.console",
    ),
    Domain(
        "lab-sequencers",
        "The genome centre's sequencers take their run defaults from layers of files. The accreditation asks for the "
        "effective settings of each instrument and for all deviations from the protocol.",
        "/app/instruments",
        "instruments",
        "seq",
        ("short", "long", "single", "qc"),
        ("floor1", "floor2", "annex"),
        {"run.cycles": (75, 150, 300), "quality.floor": (20, 25, 30, 35), "keep.days": (14, 30, 90)},
        ("run.autostart", "upload.enabled", "wash.auto"),
        {"basecall.model": ("fast", "hac", "sup"), "upload.format": ("fastq", "bam", "pod5")},
        {
            "index.sets": ("udi-a", "udi-b", "udi-c", "nano", "custom", "dual"),
            "notify.groups": ("lab", "it", "quality", "night", "pi", "vendor"),
        },
        "run.prefix",
        "service.override",
    ),
)
