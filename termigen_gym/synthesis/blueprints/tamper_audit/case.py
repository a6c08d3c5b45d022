"""What happened to an archive of `tamper_audit`: its journal, what was done to both, and what is right about it."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from ..drawing import gzipped, rows_text
from ..kit import between, chance, hexes, pick, sample
from .worlds import TROVES, Trove

FIELDS = (
    ("seq", "at", "by", "act", "path", "digest", "prev", "seal"),
    ("no", "when", "signer", "event", "file", "sum", "link", "mac"),
    ("n", "stamp", "who", "op", "item", "hash", "before", "tag"),
)
STATUSES = (
    ("intact", "altered", "swapped", "missing", "added"),
    ("sound", "modified", "exchanged", "absent", "foreign"),
    ("ok", "changed", "crossed", "gone", "stray"),
)
REASONS = (("gap", "link", "seal"), ("numbering", "chain", "signature"), ("order", "predecessor", "tag"))
_DAMAGE = {"easy": (2, 1, 1, 1), "medium": (3, 1, 2, 2), "hard": (4, 2, 3, 3)}
_FILES = {"easy": 10, "medium": 15, "hard": 22}


@dataclass(frozen=True)
class Entry:
    """A line of the journal before it is signed; `digest` is "-" where a file is taken out."""

    at: str
    who: str
    act: str
    path: str
    digest: str


@dataclass
class Case:
    """An archive as it is found.

    Attributes:
        journal_format: jsonl, pipe or csv. manifest_format: sums, bsd, csv or jsonl.
        keyed: "" for seals that are plain digests, "one" for one key, "each" for one of each signer.
        chained_by: "line" or "seal". hex_keys: whether a key is what its hexadecimal text denotes.
        lines: of the journal. broken: (number of the first bad line, 0 to 2 for the reason).
        approved: path to the last entry for it that is trusted. tree: path to what is there.
        copies: store to path to content. packed: the store whose copies are gzip files, or "".
        manifest: path to digest as it stands there.
    """

    trove: Trove
    algorithm: str
    fields: tuple[str, ...]
    statuses: tuple[str, ...]
    reasons: tuple[str, ...]
    separator: str
    journal_format: str
    manifest_format: str
    keyed: str
    hex_keys: bool
    chained_by: str
    keys: dict[str, str]
    lines: list[str] = field(default_factory=list)
    broken: tuple[int, int] = (0, 0)
    approved: dict[str, Entry] = field(default_factory=dict)
    tree: dict[str, bytes] = field(default_factory=dict)
    copies: dict[str, dict[str, bytes]] = field(default_factory=dict)
    packed: str = ""
    manifest: dict[str, str] = field(default_factory=dict)

    def digest(self, content: bytes) -> str:
        """Return a content's digest as journal and manifest have it."""
        return hashlib.new(self.algorithm, content).hexdigest()

    def status(self, path: str) -> tuple[int, str, bytes | None]:
        """Return the number of a path's status, where its right content lies, and that content, None for nowhere."""
        here, entry = self.tree.get(path), self.approved.get(path)
        if entry is None:
            return 4, "-", None
        if here is not None and self.digest(here) == entry.digest:
            return 0, "-", here
        for other, theirs in self.approved.items():
            crossed = here is not None and other != path and self.digest(here) == theirs.digest
            if crossed and other in self.tree and self.digest(self.tree[other]) == entry.digest:
                return 2, "tree", self.tree[other]
        number = 3 if here is None else 1
        for store, held in self.copies.items():
            if path in held and self.digest(held[path]) == entry.digest:
                return number, store, held[path]
        return number, "none", None

    def manifest_text(self, sums: dict[str, str]) -> str:
        """Return a manifest in the case's format, in the order of `sums`."""
        if self.manifest_format == "sums":
            return "".join(f"{digest}  {path}\n" for path, digest in sums.items())
        if self.manifest_format == "bsd":
            return "".join(f"{self.algorithm.upper()} ({path}) = {digest}\n" for path, digest in sums.items())
        if self.manifest_format == "csv":
            return rows_text([("path", "digest"), *sums.items()], ",")
        return "".join(json.dumps({"path": path, "digest": digest}) + "\n" for path, digest in sums.items())

    def files(self) -> dict[str, bytes | str]:
        """Return what is put into the image."""
        root = f"/app/{self.trove.root}"
        found: dict[str, bytes | str] = {f"{root}/{path}": content for path, content in self.tree.items()}
        found[self.journal_path] = "".join(f"{line}\n" for line in self.lines)
        found[self.manifest_path] = self.manifest_text(self.manifest)
        found |= {f"/app/keys/{name}.key": f"{key}\n" for name, key in self.keys.items()}
        for store, held in self.copies.items():
            for path, content in held.items():
                packed = store == self.packed
                found[f"/app/copies/{store}/{path}{'.gz' * packed}"] = gzipped(content) if packed else content
        return found

    @property
    def journal_path(self) -> str:
        """The journal's path."""
        suffix = {"jsonl": "jsonl", "pipe": "log", "csv": "csv"}[self.journal_format]
        return f"/app/{self.trove.journal}.{suffix}"

    @property
    def manifest_path(self) -> str:
        """The manifest's path."""
        suffix = {"sums": f".{self.algorithm}", "bsd": "", "csv": ".csv", "jsonl": ".jsonl"}[self.manifest_format]
        return f"/app/MANIFEST{suffix}"


def draw_case(rng: np.random.Generator, difficulty: str) -> Case:
    """Return an archive with a history, damaged."""
    trove = pick(rng, TROVES)
    keyed = {"easy": "", "medium": "one", "hard": "each"}[difficulty]
    names = {"": [], "one": [trove.journal], "each": list(trove.signers)}[keyed]
    case = Case(
        trove=trove,
        algorithm=pick(rng, ("sha256", "sha1", "md5")),
        fields=pick(rng, FIELDS),
        statuses=pick(rng, STATUSES),
        reasons=pick(rng, REASONS),
        separator=pick(rng, ("|", ";", ":", "/")),
        journal_format=pick(rng, ("jsonl", "pipe", "csv")),
        manifest_format=pick(rng, ("sums", "bsd", "csv", "jsonl")),
        keyed=keyed,
        hex_keys=chance(rng, 50),
        chained_by=pick(rng, ("line", "seal")),
        keys={name: hexes(rng, 40) for name in names},
    )
    _History(rng, case, difficulty).make()
    return case


class _History:
    """Makes a journal, breaks it, and damages what it tells of."""

    def __init__(self, rng: np.random.Generator, case: Case, difficulty: str) -> None:
        self.rng, self.case, self.difficulty = rng, case, difficulty
        self.versions: dict[str, list[bytes]] = {}

    def make(self) -> None:
        """Fill the case."""
        entries = self._entries()
        at = len(entries) * between(self.rng, 68, 80) // 100
        self._break(entries, at)
        self._tree(entries[:at], entries[at:])
        self._copies()
        self._manifest()

    def _entries(self) -> list[Entry]:
        rng, trove = self.rng, self.case.trove
        names = [f"{folder}/{stem}" for folder in trove.folders for stem in trove.stems]
        paths = [
            f"{name}-{between(rng, 2, 98):02d}{trove.suffix}"
            for name in sample(rng, names * 2, _FILES[self.difficulty])
        ]
        paths = list(dict.fromkeys(paths))
        queue = [(path, 0) for path in paths]
        queue += [(path, 1) for path in sample(rng, paths, len(paths) * 2 // 3)]
        retired = sample(rng, paths, 1 + (self.difficulty == "hard"))
        queue += [(path, 2) for path in retired]
        order = [queue[int(index)] for index in rng.permutation(len(queue))]
        # Whatever was drawn first happens in the order in which it can: taken in, replaced, taken out.
        turns = {path: iter(sorted(turn for other, turn in queue if other == path)) for path in paths}
        entries = []
        clock = datetime(2026, between(rng, 1, 9), between(rng, 1, 28), between(rng, 5, 9), tzinfo=UTC)
        for path, _ in order:
            turn = next(turns[path])
            clock += timedelta(seconds=between(rng, 40, 90_000))
            digest = "-"
            if turn < 2:
                self.versions.setdefault(path, []).append(trove.record(rng))
                digest = self.case.digest(self.versions[path][-1])
            act, who = trove.acts[turn], pick(rng, trove.signers)
            entries.append(Entry(clock.strftime("%Y-%m-%dT%H:%M:%SZ"), who, act, path, digest))
        return entries

    def _break(self, entries: list[Entry], at: int) -> None:
        """Write the journal's lines; the one at `at` is the first that does not hold."""
        case, rng = self.case, self.rng
        for number, entry in enumerate(entries, start=1):
            case.lines.append(self._line(number, entry, case.lines))
        ways = ["edit", "cut", "renumber"] + ["forge"] * bool(case.keyed)
        way = pick(rng, ways)
        if way == "edit":
            changed = case.lines[at].replace(entries[at].at[:10], f"2025-{entries[at].at[5:10]}")
            case.lines[at] = changed
        elif way == "forge":
            victim = entries[at - 1].path
            forged = Entry(entries[at].at, entries[at].who, case.trove.acts[1], victim, case.digest(b"forged\n"))
            own = {name: hexes(rng, 40) for name in case.keys}
            case.lines.insert(at, self._line(at + 1, forged, case.lines[:at], own))
        elif way == "cut":
            del case.lines[at]
        else:
            later = entries[at + 1 :]
            kept = case.lines[:at]
            old = [self._split(line)[6] for line in case.lines[at + 1 :]]
            for number, (entry, link) in enumerate(zip(later, old, strict=True), start=at + 1):
                kept.append(self._line(number, entry, kept, link=link))
            case.lines = kept
        case.broken = (at + 1, {"edit": 2, "forge": 2, "cut": 0, "renumber": 1}[way])
        for entry in entries[:at]:
            if entry.act == case.trove.acts[2]:
                del case.approved[entry.path]
            else:
                case.approved[entry.path] = entry

    def _line(
        self, number: int, entry: Entry, before: list[str], keys: dict[str, str] | None = None, link: str = ""
    ) -> str:
        case = self.case
        if not link:
            link = "0" * 64
            if before and case.chained_by == "line":
                link = hashlib.sha256(before[-1].encode()).hexdigest()
            elif before:
                link = self._split(before[-1])[7]
        values = [str(number), entry.at, entry.who, entry.act, entry.path, entry.digest, link]
        message = case.separator.join(values).encode()
        if case.keyed:
            text = (keys or case.keys)[entry.who if case.keyed == "each" else case.trove.journal]
            secret = bytes.fromhex(text) if case.hex_keys else text.encode()
            values.append(hmac.new(secret, message, hashlib.sha256).hexdigest())
        else:
            values.append(hashlib.sha256(message).hexdigest())
        if case.journal_format == "jsonl":
            return json.dumps({**dict(zip(case.fields, values, strict=True)), case.fields[0]: number})
        return (" | " if case.journal_format == "pipe" else ",").join(values)

    def _split(self, line: str) -> list[str]:
        if self.case.journal_format == "jsonl":
            return [str(value) for value in json.loads(line).values()]
        return line.split(" | " if self.case.journal_format == "pipe" else ",")

    def _tree(self, trusted: list[Entry], later: list[Entry]) -> None:
        """Lay the files out as they should be, then as they are."""
        case, rng = self.case, self.rng
        contents = {case.digest(one): one for versions in self.versions.values() for one in versions}
        case.tree = {path: contents[entry.digest] for path, entry in case.approved.items()}
        for entry in later:
            if entry.digest != "-" and chance(rng, 70):
                case.tree[entry.path] = contents[entry.digest]
        clean = [path for path in sorted(case.approved) if case.status(path)[0] == 0]
        clean = [clean[int(index)] for index in rng.permutation(len(clean))]
        altered, pairs, missing, added = _DAMAGE[self.difficulty]
        for _ in range(pairs if len(clean) > 4 else 0):
            one, other = clean.pop(), clean.pop()
            case.tree[one], case.tree[other] = case.tree[other], case.tree[one]
        for _ in range(min(altered, len(clean) - 3)):
            path = clean.pop()
            case.tree[path] = self._edited(case.tree[path])
        for _ in range(min(missing, len(clean) - 3)):
            del case.tree[clean.pop()]
        for _ in range(added):
            folder, stem = pick(rng, case.trove.folders), pick(rng, case.trove.stems)
            path = f"{folder}/{stem}-{between(rng, 100, 900)}{case.trove.suffix}"
            case.tree[path] = case.trove.record(rng)
        if self.difficulty == "hard" and len(clean) > 3:
            # What holds a copy of another file that is whole itself is altered, not swapped.
            case.tree[clean.pop()] = case.tree[clean[0]]
        for entry in trusted:
            if entry.path not in case.approved and chance(rng, 60):
                case.tree[entry.path] = self.versions[entry.path][0]
        case.tree = dict(sorted(case.tree.items()))

    def _edited(self, content: bytes) -> bytes:
        """Return a content with a digit changed, a line left out or a line written twice."""
        lines = content.decode().splitlines()
        row = between(self.rng, 1, len(lines) - 1)
        way = pick(self.rng, ("digit", "digit", "cut", "twice"))
        if way == "digit":
            last = int(lines[row][-1])
            lines[row] = f"{lines[row][:-1]}{(last + between(self.rng, 1, 9)) % 10}"
        elif way == "cut":
            del lines[row]
        else:
            lines.insert(row, lines[row])
        return ("\n".join(lines) + "\n").encode()

    def _copies(self) -> None:
        case, rng = self.case, self.rng
        contents = {case.digest(one): one for versions in self.versions.values() for one in versions}
        stores = sample(rng, case.trove.stores, 3 if self.difficulty == "hard" else 2)
        case.copies = {store: {} for store in stores}
        case.packed = "" if self.difficulty == "easy" else pick(rng, stores)
        for path, entry in sorted(case.approved.items()):
            for store in stores:
                lot = between(rng, 1, 100)
                if lot <= 58:
                    case.copies[store][path] = contents[entry.digest]
                elif lot <= 70:
                    case.copies[store][path] = self._edited(contents[entry.digest])
                elif lot <= 82:
                    case.copies[store][path] = case.tree.get(path, self.versions[path][0])
        broken = [path for path in sorted(case.approved) if case.status(path)[0] in (1, 3)]
        lost = sample(rng, broken, 0 if self.difficulty == "easy" else between(rng, 1, 2))
        for path in broken:
            last = stores[-1]
            if path in lost:
                case.copies[last][path] = self._edited(contents[case.approved[path].digest])
                for store in stores[:-1]:
                    case.copies[store].pop(path, None)
            elif case.status(path)[1] == "none":
                case.copies[last][path] = contents[case.approved[path].digest]

    def _manifest(self) -> None:
        """Write the manifest that ought to be, then to please who changed the files."""
        case, rng = self.case, self.rng
        sums = {path: entry.digest for path, entry in case.approved.items()}
        for path, content in case.tree.items():
            status = case.status(path)[0]
            if (status == 1 and chance(rng, 60)) or (status == 4 and chance(rng, 50)):
                sums[path] = case.digest(content)
        good = [path for path in sorted(sums) if path in case.approved and case.status(path)[0] == 0]
        if len(good) > 1:
            sums[good[0]] = case.digest(b"rewritten\n")
            del sums[good[-1]]
        order = [sorted(sums)[int(index)] for index in rng.permutation(len(sums))]
        case.manifest = {path: sums[path] for path in order}
