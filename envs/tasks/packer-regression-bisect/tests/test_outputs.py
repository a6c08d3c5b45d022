"""The packer is built from what is committed on `main`, packs fresh data made
here, and a strict decoder written after FORMAT.md reads the result. tip/ holds
the sources of v2.1: the measure for sizes, and the faults for the regression
tests to catch. All that comes from the repository runs as nobody."""

import functools
import random
import shutil
import struct
import zlib
from pathlib import Path

import nobody
import pytest

REPO = Path("/app/tlz")
TIP = "1de38e02e23bc99627d8593d56e9b921f4510e55"
TAGS = {
    "v1.4": "edf0f7fbda43514a22578044d9df2dd4bd073144",
    "v2.0": "68c1b86673013ef80b3d8c82787311a4d9b0fbfa",
    "v2.1": TIP,
}
FIRST_BAD = "b29eba964a0f68a9236875426fbcc28391ed17e6"
TIP_SOURCES = Path(__file__).resolve().parent / "tip"
ENV = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"


def call(*args, cwd="/", seconds=30):
    return nobody.run(*args, cwd=cwd, env=ENV, seconds=seconds)


@pytest.fixture(scope="session")
def repo():
    """A copy of the repository without its configuration, hooks and lists of what to overlook."""
    with nobody.folder() as folder:
        copy = nobody.copy(REPO, folder / "tlz")
        with nobody.as_nobody():
            for name in ("hooks", "info"):
                shutil.rmtree(copy / ".git" / name, ignore_errors=True)
        nobody.write(copy / ".git/config", CONFIG)
        yield copy


@pytest.fixture(scope="session")
def git(repo):
    def run(*args):
        done = call("/usr/bin/git", "-C", repo, *args)
        return done.code, done.out.decode(errors="replace").strip()

    return run


@pytest.fixture(scope="session")
def archive(repo):
    """The tree of the branch main, without anything that is not committed, as a tar file."""
    done = call("/usr/bin/git", "-C", repo, "archive", "-o", repo.parent / "main.tar", "refs/heads/main")
    assert done.code == 0, done.text
    return repo.parent / "main.tar"


@pytest.fixture(scope="session")
def export(archive):
    with nobody.folder() as folder:
        assert call("/bin/tar", "-xf", archive, "-C", folder).code == 0
        yield folder


def make(folder, *targets, seconds=30):
    return call("/usr/bin/make", "-C", folder, *targets, seconds=seconds)


@pytest.fixture(scope="session")
def tlz(export):
    done = make(export, "tlz")
    assert done.code == 0, done.text[-2000:]
    with nobody.folder() as folder:
        assert call("/bin/cp", export / "tlz", folder).code == 0
        yield folder / "tlz"


@pytest.fixture(scope="session")
def old():
    """tlz 2.1 as it was released."""
    with nobody.folder() as folder:
        for path in TIP_SOURCES.iterdir():
            nobody.write(folder / path.name, path.read_bytes())
        assert make(folder, "tlz", "CFLAGS=-O0").code == 0
        yield folder / "tlz"


@pytest.fixture(scope="session")
def mixed(archive):
    """The tree of main with the sources of v2.1 in it, made."""
    with nobody.folder() as folder:
        assert call("/bin/tar", "-xf", archive, "-C", folder).code == 0
        for path in TIP_SOURCES.glob("*.[ch]"):
            nobody.write(folder / path.name, path.read_bytes())
        done = make(folder, "tlz")
        assert done.code == 0, f"with the sources of v2.1: {done.text[-2000:]}"
        yield folder


@pytest.fixture
def work():
    with nobody.folder() as folder:
        yield folder


EACH = 'run=$1 what=$2; shift 2; for f; do "$run" $what "$f" || { echo "$f: status $?" >&2; exit 1; }; done'


def each(tlz, what, paths):
    """Calls tlz for one file after the other."""
    done = call("/bin/sh", "-c", EACH, "sh", tlz, what, *paths)
    assert done.code == 0, f"tlz {what}: {done.text[:500]}"


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
        piece = bytes(out[len(out) - dist :])
        out += (piece * ((n + 4) // dist + 1))[: n + 4]
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
            for _ in range(length):
                out.append(out[-dist])
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
    while sum(map(len, out[-1:])) + len(out) * 7 < n:
        out.append(rng.choice(words) + rng.choice("  \n,"))
    return "".join(out).encode()[:n]


def period(seed, p, n):
    block = noise(seed, p)
    return (block * (n // p + 1))[:n]


@functools.cache
def corpus():
    files = {f"tiny{n}": b"abcabcabc"[:n] for n in range(8)}
    for p in (65533, 65534, 65535, 65536, 65537, 131072):
        files[f"period{p}"] = period(p, p, p + 9000)
    for n in range(15, 24):
        files[f"run{n}"] = b"z" * n
    for n in (269, 270, 271, 273, 274, 275, 528, 529, 530):
        files[f"lits{n}"] = noise(n, n)
        files[f"match{n}"] = noise(n, 40) * 1 + noise(1, n) + b"|" + noise(1, n)
    files["text"] = text(1, 90_000)
    files["noise"] = noise(2, 70_000)
    files["zeros"] = bytes(140_000)
    rng = random.Random(3)
    files["echo"] = b"".join(noise(rng.randrange(40), 3000) for _ in range(60))
    table = noise(4, 65536)
    files["tables"] = text(5, 20_000) + table + table[:30_000] + text(5, 12_000)
    return files


def spread(folder, files):
    for name, data in files.items():
        nobody.write(folder / name, data)
    return [folder / name for name in files]


def packed_of(path):
    return nobody.read(path.with_name(path.name + ".tlz"))


def unpacked(packed, about):
    try:
        return decode(packed)
    except (AssertionError, IndexError, struct.error) as e:
        pytest.fail(f"{about}: not a valid file after FORMAT.md: {e}")


# ---- tests --------------------------------------------------------------------


def test_first_bad_commit():
    """/app/first_bad.txt holds the full hash of the commit that brought the regression."""
    assert nobody.read("/app/first_bad.txt", 1000).split() == [FIRST_BAD.encode()]


def test_fix_is_committed_on_top_of_main(git, repo):
    """New commits on main above v2.1, history and tags unchanged, nothing uncommitted, no bisect under way."""
    assert git("symbolic-ref", "HEAD") == (0, "refs/heads/main")
    code, head = git("rev-parse", "refs/heads/main")
    assert code == 0 and head != TIP, "no new commit"
    assert git("merge-base", "--is-ancestor", TIP, "refs/heads/main")[0] == 0, "v2.1 is not below main any more"
    assert {name: git("rev-parse", f"refs/tags/{name}^{{commit}}") for name in TAGS} == {
        name: (0, commit) for name, commit in TAGS.items()
    }
    assert git("diff", "--quiet", TIP, "refs/heads/main")[0] == 1, "the new commits change nothing"
    assert git("status", "--porcelain") == (0, ""), "there are uncommitted files"
    assert not (repo / ".git/BISECT_START").exists(), "the bisection is still under way"


@pytest.mark.parametrize("level", ["-1", "", "-9"])
def test_round_trip_of_single_files(tlz, work, level):
    """Each file packed alone: a decoder after FORMAT.md and tlz itself give the data back."""
    files = corpus()
    paths = spread(work, files)
    each(tlz, f"{level} pack", paths)
    for path in paths:
        assert unpacked(packed_of(path), f"{path.name} {level}") == files[path.name], f"{path.name} {level}: other data"
        path.unlink()
    each(tlz, "unpack", [f"{path}.tlz" for path in paths])
    for path in paths:
        assert nobody.read(path) == files[path.name], f"{path.name} {level}: tlz unpack"


def test_several_files_in_one_call(tlz, work):
    """Files packed together give the same .tlz files as packed alone, in any order and after an error."""
    names = ("text", "tiny5", "echo", "zeros", "period65536", "lits529", "noise")
    files = {name: corpus()[name] for name in names}
    files["again"] = files["text"]
    files["tail"] = files["text"][40_000:]
    paths = spread(work, files)
    each(tlz, "-6 pack", paths)
    alone = {path: packed_of(path) for path in paths}
    rng = random.Random(9)
    for turn in range(4):
        rng.shuffle(paths)
        order = [*paths[:4], *([work / "missing"] if turn == 3 else []), *paths[4:]]
        for path in paths:
            path.with_name(path.name + ".tlz").unlink()
        done = call(tlz, "-6", "pack", *order)
        assert (done.code == 0) == (turn != 3), f"{order}: status {done.code}"
        for path in paths:
            packed = packed_of(path)
            if packed != alone[path]:
                back = unpacked(packed, f"{path.name} packed among others")
                assert back == files[path.name], f"{path.name} packed among others: other data"
                pytest.fail(f"{path.name}: depends on the files before it")


def test_files_stay_as_small(tlz, old, work):
    """The fix costs no size: at most 1% above v2.1 for each kind of data, and far matches are still found."""
    names = ("text", "echo", "zeros", "noise", "period65533", "period65535")
    files = {name: corpus()[name] for name in names}
    files["source"] = b"".join(p.read_bytes() for p in sorted(TIP_SOURCES.iterdir())) * 3
    paths = spread(work, files)
    for level in ("-1", "-5", "-9"):
        each(tlz, f"{level} pack", paths)
        new = {path: len(packed_of(path)) for path in paths}
        each(old, f"{level} pack", paths)
        for path in paths:
            before = len(packed_of(path))
            assert new[path] <= before * 1.01 + 16, f"{path.name} {level}: {new[path]} bytes, v2.1 made {before}"


def test_unpack_reads_what_the_format_allows(tlz, work):
    """Files from other writers, with and without trailer: long lengths, near and far distances."""
    rng = random.Random(17)
    for turn, magic in enumerate((b"TLZ2", b"TLZ1", b"TLZ2", b"TLZ1")):
        sequences = [(noise(turn, 65535), 65535, 400), (b"", 1, 274), (b"ab", 2, 19 + 255 * turn)]
        for _ in range(60):
            literals = rng.randbytes(rng.choice((0, 1, 14, 15, 16, 269, 270, 271)))
            sequences.append((literals, rng.randrange(1, 65536), rng.choice((4, 5, 18, 19, 20, 273, 274, 529, 3000))))
        if turn < 2:
            sequences.append((b"the end", 0, 0))
        blob, want = encode(sequences, magic)
        path = work / f"f{turn}.tlz"
        nobody.write(path, blob)
        done = call(tlz, "unpack", path)
        assert done.code == 0, done.text
        assert nobody.read(path.with_suffix("")) == want


def test_unpack_is_as_strict_as_before(tlz, work):
    """Distance 0, a distance in front of the data, a wrong checksum, cut and extra bytes are refused."""
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
        path = work / f"{name}.tlz"
        nobody.write(path, blob)
        done = call(tlz, "test", path)
        assert (done.code == 0) == (name not in bad), f"tlz test {name}: status {done.code}"


def test_make_check_passes(export):
    """`make check` passes on a clean export of main."""
    done = make(export, "check", seconds=40)
    assert done.code == 0, done.text[-2000:]


def source(far, fresh):
    """match.c of v2.1 with a limit for the distance, and cleared tables where `fresh` holds."""
    text = (TIP_SOURCES / "match.c").read_text()
    text = text.replace("(long)pos - cand <= WINDOW", f"(long)pos - cand {far} WINDOW")
    start = "    long cand = head"
    assert text.count(start) == 1 and far in text
    return text.replace(start, f"    if ({fresh})\n        memset(head, 0, sizeof head);\n{start}")


@pytest.mark.parametrize(
    ("passes", "far", "fresh"),
    [(True, "<", "pos == 0"), (False, "<=", "pos == 0"), (False, "<", "pos == n"), (False, "<=", "pos == n")],
    ids=["another-repair", "distance", "tables", "both"],
)
def test_make_check_catches_the_faults(mixed, passes, far, fresh):
    """With v2.1's sources and either fault or both in them `make check` fails, with neither it passes."""
    with nobody.folder() as folder:
        assert call("/bin/cp", "-a", f"{mixed}/.", folder).code == 0
        for name in ("match.c", "match.o", "tlz"):  # what is made of match.c goes, whatever the Makefile knows of it
            call("/bin/rm", "-f", folder / name)
        nobody.write(folder / "match.c", source(far, fresh))
        # Tests that the faults keep from ending have caught them too.
        done = call("/usr/bin/timeout", "-s", "KILL", "20", "/usr/bin/make", "-C", folder, "check")
    assert (done.code == 0) == passes, f"faults: distance {far} WINDOW, tables cleared at {fresh}: {done.text[-800:]}"
