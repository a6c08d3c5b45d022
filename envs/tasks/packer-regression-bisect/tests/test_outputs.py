"""The packer is built from what is committed on `main`, packs fresh data made
here, and a strict decoder written after FORMAT.md reads the result. tip/ holds
the sources of v2.1: the faults for the regression tests to catch. All that
comes from the repository runs as nobody."""

import random
import shutil
import struct
import zlib
from pathlib import Path

import nobody
from artifacts import read
from run import once

REPO = Path("/app/tlz")
TREE = "232eaf0aba4f3ccdd0bec3c5e5a489525409d388"  # of v2.1
TIP = "25522c3583244345106343ca9ed6d75ff45fea84"
TAGS = {
    "v1.4": "520c6025b957f6af909f72703eab01a0ce26cd5d",
    "v2.0": "ddaafc33b1355c1f62e90aaae08fc8a4b90e322c",
    "v2.1": TIP,
}
FIRST_BAD = "df22dd3735257ccc292406dd5346ea6540b2c345"
TIP_SOURCES = Path(__file__).resolve().parent / "tip"
ENV = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"


def call(*args, cwd="/", data=b"", seconds=30):
    return nobody.run(*args, cwd=cwd, data=data, env=ENV, seconds=seconds)


@once
def repo():
    """A copy of the repository without its configuration, hooks and lists of what to overlook."""
    copy = nobody.copy(REPO, nobody.new_folder() / "tlz")
    with nobody.as_nobody():
        for name in ("hooks", "info"):
            shutil.rmtree(copy / ".git" / name, ignore_errors=True)
    nobody.write(copy / ".git/config", CONFIG)
    return copy


# What git says of the copy, each answer in a file: its refs, whether v2.1 is below main, what is not committed; and the
# tree of main, without anything that is not committed. Nothing of the agent's runs here.
ASK = """
git -C tlz for-each-ref --format='%(refname) %(objectname) %(*objectname) %(tree) %(HEAD)' > refs || exit 1
git -C tlz merge-base --is-ancestor $1 refs/heads/main; echo $? > below
git -C tlz status --porcelain > status; echo $? >> status
git -C tlz archive -o ../main.tar refs/heads/main
"""


@once
def answers():
    """The folder of git's answers."""
    done = call("/bin/sh", "-c", ASK, "sh", TIP, cwd=repo().parent)
    assert done.code == 0, done.text
    return repo().parent


@once
def export():
    """The tree of main, made."""
    archive, folder = answers() / "main.tar", nobody.new_folder()
    done = call("/bin/sh", "-c", 'tar -xf "$1" && exec make tlz', "sh", archive, cwd=folder)
    assert done.code == 0, done.text[-2000:]
    return folder


@once
def tlz():
    folder = nobody.new_folder()
    nobody.write(folder / "tlz", read(export() / "tlz"), mode=0o755)
    return folder / "tlz"


@once
def mixed():
    """The tree of main with the sources of v2.1 in it, made."""
    archive, folder, sources = answers() / "main.tar", nobody.new_folder(), nobody.new_folder()
    for path in TIP_SOURCES.glob("*.[ch]"):
        nobody.write(sources / path.name, path.read_bytes())
    done = call("/bin/sh", "-c", 'tar -xf "$1" && cp "$2"/* . && exec make tlz', "sh", archive, sources, cwd=folder)
    assert done.code == 0, f"with the sources of v2.1: {done.text[-2000:]}"
    return folder


EACH = """
run=$1; shift
while [ $# -gt 0 ]; do
    "$run" $1 pack "$2" || { echo "$1 $2: status $?" >&2; exit 1; }
    shift 2
done
"""


def pack_each(options):
    """Calls tlz for one file after the other; `options` has each path's."""
    args = [arg for path, option in options.items() for arg in (option, path)]
    done = call("/bin/sh", "-c", EACH, "sh", tlz(), *args)
    assert done.code == 0, f"tlz pack: {done.text[:500]}"


# ---- the format, after FORMAT.md -------------------------------------------


def decode(blob):
    assert blob[:4] == b"TLZ2", f"magic {blob[:4]!r}"
    size, at, end, out = struct.unpack_from("<I", blob, 4)[0], 8, len(blob) - 4, bytearray()

    def length(n, at):
        if n == 15:
            while blob[at] == 255:
                n, at = n + 255, at + 1
            n, at = n + blob[at], at + 1
        assert at <= end, "length bytes run over the end"
        return n, at

    while len(out) < size:
        token = blob[at]
        literals, at = length(token >> 4, at + 1)
        assert at + literals <= end, "literals run over the end"
        out += blob[at : at + literals]
        at += literals
        if len(out) >= size:
            break
        dist = struct.unpack_from("<H", blob, at)[0]
        assert 0 < dist <= len(out), f"distance {dist} at {len(out)} bytes"
        n, at = length(token & 15, at + 2)
        start, n = len(out) - dist, n + 4
        piece = bytes(out[start : start + n])
        out += piece if n <= dist else (piece * (n // dist + 1))[:n]
    assert len(out) == size and at == end, "sequences and size do not agree"
    assert struct.unpack_from("<I", blob, end)[0] == zlib.adler32(bytes(out)), "wrong checksum"
    return bytes(out)


def length_bytes(n):
    return b"\xff" * (n // 255) + bytes([n % 255])


def encode(sequences, magic=b"TLZ2"):
    """[(literals, distance, length)] to a file and what it unpacks to."""
    out, body = bytearray(), b""
    for literals, dist, length in sequences:
        low = min(length - 4, 15) if length else 0
        body += bytes([min(len(literals), 15) << 4 | low])
        if len(literals) >= 15:
            body += length_bytes(len(literals) - 15)
        body += literals
        out += literals
        if length:
            body += struct.pack("<H", dist)
            if length - 4 >= 15:
                body += length_bytes(length - 19)
            out += (out[-dist:] * (length // dist + 1))[:length]
    blob = magic + struct.pack("<I", len(out)) + body
    if magic == b"TLZ2":
        blob += struct.pack("<I", zlib.adler32(bytes(out)))
    return blob, bytes(out)


# ---- data ---------------------------------------------------------------------


def noise(seed, n):
    return random.Random(seed).randbytes(n)


def text(seed, n):
    rng = random.Random(seed)
    words = ["".join(rng.choice("etaoinshrdlu") for _ in range(rng.randrange(2, 9))) for _ in range(300)]
    out = []
    while len(out) * 4 < n:
        out += (rng.choice(words), rng.choice("  \n,"))
    return "".join(out).encode()[:n]


def period(p):
    """Noise that comes again after p bytes, with nothing in between."""
    return noise(p, 6000) + bytes(p - 6000) + noise(p, 6000)


def corpus():
    files = {f"tiny{n}": b"abcabcabc"[:n] for n in (0, 1, 3, 4, 5, 7)}
    for p in (65533, 65534, 65535, 65536, 65537, 131072):
        files[f"period{p}"] = period(p)
    for n in (15, 18, 19, 20, 23):
        files[f"run{n}"] = b"z" * n
    # Lengths around those at which a length byte more is needed: as the last sequence, and many in a file.
    lengths = (14, 15, 18, 19, 269, 270, 271, 273, 274, 275, 528, 529, 530)
    files["lits270"] = noise(270, 270)
    files["match274"] = noise(274, 40) + noise(1, 274) + b"|" + noise(1, 274)
    files["lengths"] = noise(1, 600) + b"".join(noise(n, n) + noise(1, m) for n in lengths for m in lengths)
    files["text"] = text(1, 20_000)
    files["source"] = b"".join(p.read_bytes() for p in sorted(TIP_SOURCES.iterdir())) * 3
    files["noise"] = noise(2, 70_000)
    files["zeros"] = bytes(140_000)
    rng = random.Random(3)
    files["echo"] = b"".join(noise(rng.randrange(30), 3000) for _ in range(28))
    table = noise(4, 65536)
    files["tables"] = text(5, 5_000) + table + table[:20_000] + text(5, 3_000)
    return files


FILES = corpus()
# Each file has one of the nine levels, or these; 5 where none is given.
LEVELS = {"period65535": ("-1", "-9"), "period65536": ("-1", "-9"), "lengths": ("-1", "", "-9"), "text": ("-1", "-9"), "source": ("", "-9")}
# What v2.1 makes of what its faults do no harm.
SIZES = {
    "period65533-7": 6301,
    "period65534-8": 6301,
    "period65535-1": 6301,
    "period65535-9": 6301,
    "lengths-1": 5244,
    "lengths": 5165,
    "lengths-9": 5165,
    "text-1": 8403,
    "text-9": 8254,
    "source": 4209,
    "source-9": 4178,
    "noise-5": 70288,
    "zeros-6": 565,
    "echo-7": 48382,
}


def spread(folder, names):
    for name in names:
        nobody.write(folder / name, FILES[name])
    return [folder / name for name in names]


def packed_of(path):
    return read(path.with_name(path.name + ".tlz"))


def unpacked(packed, about):
    try:
        return decode(packed)
    except (AssertionError, IndexError, struct.error) as e:
        raise AssertionError(f"{about}: not a valid file after FORMAT.md: {e}") from e


@once
def packed_alone():
    """{path: what it held} of files of which each was packed alone, next to its .tlz."""
    folder, options = nobody.new_folder(), {}
    for turn, name in enumerate(FILES):
        for level in LEVELS.get(name, [f"-{turn % 9 + 1}"]):
            nobody.write(folder / f"{name}{level}", FILES[name])
            options[folder / f"{name}{level}"] = level
    pack_each(options)
    return {path: FILES[path.name.removesuffix(level)] for path, level in options.items()}


# ---- tests --------------------------------------------------------------------


def test_first_bad_commit():
    """/app/first_bad.txt holds the full hash of the commit that brought the regression."""
    assert read("/app/first_bad.txt", 1000).split() == [FIRST_BAD.encode()]


def test_fix_is_committed_on_top_of_main():
    """New commits on main above v2.1, history and tags unchanged, nothing uncommitted, no bisect under way."""
    refs = {name: rest for name, *rest in (line.split(" ") for line in read(answers() / "refs").decode().splitlines())}
    commit, _, tree, is_head = refs["refs/heads/main"]
    assert is_head == "*", "not on main"
    assert commit != TIP, "no new commit"
    tagged = {name: refs[f"refs/tags/{name}"] for name in TAGS}
    assert {name: inner or outer for name, (outer, inner, *_) in tagged.items()} == TAGS
    assert tree != TREE, "the new commits change nothing"
    assert read(answers() / "below") == b"0\n", "v2.1 is not below main any more"
    assert read(answers() / "status") == b"0\n", "there are uncommitted files"
    assert not (repo() / ".git/BISECT_START").exists(), "the bisection is still under way"


def test_round_trip_of_single_files():
    """Each file packed alone: a decoder after FORMAT.md and tlz itself give the data back."""
    for path, data in packed_alone().items():
        assert unpacked(packed_of(path), path.name) == data, f"{path.name}: other data"
        path.unlink()
    done = call(tlz(), "unpack", *(f"{path}.tlz" for path in packed_alone()))
    assert done.code == 0, f"tlz unpack: {done.text[:500]}"
    for path, data in packed_alone().items():
        assert read(path) == data, f"{path.name}: tlz unpack"


def test_files_stay_as_small():
    """The fix costs no size: at most 1% above v2.1 for each kind of data, and far matches are still found."""
    new = {path.name: len(packed_of(path)) for path in packed_alone()}
    for name, before in SIZES.items():
        assert new[name] <= before * 1.01 + 16, f"{name}: {new[name]} bytes, v2.1 made {before}"


def test_several_files_in_one_call():
    """Files packed together give the same .tlz files as packed alone, in either order and after an error."""
    with nobody.folder() as work:
        names = ["text", "tiny5", "period65536", "lits270", "echo", "source"]
        paths = spread(work, names)
        nobody.write(work / "tail", FILES["text"][6_000:])
        paths.append(work / "tail")
        pack_each(dict.fromkeys(paths, "-6"))
        alone = {path: packed_of(path) for path in paths}
        backwards = paths[::-1]
        for order in (paths, [*backwards[:4], work / "missing", *backwards[4:]]):
            for path in paths:
                path.with_name(path.name + ".tlz").unlink()
            done = call(tlz(), "-6", "pack", *order)
            assert (done.code == 0) == (order is paths), f"{order}: status {done.code}"
            for path in paths:
                packed = packed_of(path)
                if packed != alone[path]:
                    back = unpacked(packed, f"{path.name} packed among others")
                    assert back == read(path), f"{path.name} packed among others: other data"
                    raise AssertionError(f"{path.name}: depends on the files before it")


def test_unpack_reads_what_the_format_allows():
    """Files from other writers, with and without trailer: long lengths, near and far distances."""
    with nobody.folder() as work:
        rng = random.Random(17)
        wanted = {}
        for turn, magic in enumerate((b"TLZ2", b"TLZ1", b"TLZ2", b"TLZ1")):
            sequences = [(noise(turn, 65535), 65535, 400), (b"", 1, 274), (b"ab", 2, 19 + 255 * turn)]
            for _ in range(60):
                literals = rng.randbytes(rng.choice((0, 1, 14, 15, 16, 269, 270, 271)))
                dist, length = rng.randrange(1, 65536), rng.choice((4, 5, 18, 19, 20, 273, 274, 529, 3000))
                sequences.append((literals, dist, length))
            if turn < 2:
                sequences.append((b"the end", 0, 0))
            blob, wanted[work / f"f{turn}"] = encode(sequences, magic)
            nobody.write(work / f"f{turn}.tlz", blob)
        done = call(tlz(), "unpack", *(f"{path}.tlz" for path in wanted))
        assert done.code == 0, done.text
        for path, want in wanted.items():
            assert read(path) == want


def test_unpack_is_as_strict_as_before():
    """Distance 0, a distance in front of the data, a wrong checksum, cut and extra bytes are refused."""
    with nobody.folder() as work:
        good, _ = encode([(b"hello hello", 6, 30), (b"!", 0, 0)])
        far, _ = encode([(b"0123456789", 3, 8)])
        bad = {
            "sum": good[:-1] + bytes([good[-1] ^ 1]),
            "cut": good[:-6] + good[-4:],
            "extra": good[:-4] + b"x" + good[-4:],
            "zero": far.replace(b"9\x03\x00", b"9\x00\x00"),
            "front": far.replace(b"9\x03\x00", b"9\x0b\x00"),
            "magic": b"TLZ9" + good[4:],
        }
        assert far not in bad.values()
        for name, blob in {"good": good, "far": far, **bad}.items():
            nobody.write(work / f"{name}.tlz", blob)
        done = call(tlz(), "test", work / "good.tlz", work / "far.tlz")
        assert done.code == 0, done.text
        script = 'run=$1 n=0; shift; for f; do "$run" test "$f" > /dev/null 2>&1 || n=$((n + 1)); done; exit $n'
        done = call("/bin/sh", "-c", script, "sh", tlz(), *(work / f"{name}.tlz" for name in bad))
        assert done.code == len(bad), f"tlz test refuses {done.code} of {sorted(bad)}"


def test_make_check_passes():
    """`make check` passes on a clean export of main."""
    done = call("/usr/bin/make", "check", cwd=export(), seconds=40)
    assert done.code == 0, done.text[-2000:]


def source(far, fresh):
    """match.c of v2.1 with a limit for the distance, and cleared tables where `fresh` holds."""
    text = (TIP_SOURCES / "match.c").read_text()
    text = text.replace("(long)pos - cand <= WINDOW", f"(long)pos - cand {far} WINDOW")
    start = "    long cand = head"
    assert text.count(start) == 1 and far in text
    return text.replace(start, f"    if ({fresh})\n        memset(head, 0, sizeof head);\n{start}")


# What is made of match.c goes, whatever the Makefile knows of it. Tests that the faults keep from ending have caught them too.
CHECK = 'cp -a "$1/." . && rm -f match.c match.o tlz && cat > match.c || exit 99; exec timeout -s KILL 20 make check'


def test_make_check_catches_the_faults():
    """With v2.1's sources and either fault or both in them `make check` fails, with neither it passes."""
    cases = {
        "another repair": (True, "<", "pos == 0"),
        "distance": (False, "<=", "pos == 0"),
        "tables": (False, "<", "pos == n"),
        "both": (False, "<=", "pos == n"),
    }
    for case, (passes, far, fresh) in cases.items():
        with nobody.folder() as folder:
            done = call("/bin/sh", "-c", CHECK, "sh", mixed(), cwd=folder, data=source(far, fresh).encode())
        said = f"{case}: distance {far} WINDOW, tables cleared at {fresh}: {done.text[-800:]}"
        assert done.code != 99, said
        assert (done.code == 0) == passes, said
