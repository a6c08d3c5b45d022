"""The packer is built from what is committed on `main`, packs fresh data made
here, and a strict decoder written after FORMAT.md reads the result. tip/ holds
the sources of v2.1: the measure for sizes, and the faults for the regression
tests to catch."""

import random
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

REPO = Path("/app/tlz")
TIP = "1de38e02e23bc99627d8593d56e9b921f4510e55"
FIRST_BAD = "b29eba964a0f68a9236875426fbcc28391ed17e6"
TIP_SOURCES = Path(__file__).resolve().parent / "tip"
ENV = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
}


def call(*args, cwd=None, timeout=60):
    try:
        return subprocess.run([str(a) for a in args], cwd=cwd, env=ENV, capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        pytest.fail(f"takes longer than {timeout} s: {' '.join(str(a) for a in args)[:300]}")


def git(*args):
    done = call("/usr/bin/git", "-C", REPO, *args)
    return done.returncode, done.stdout.decode(errors="replace").strip()


def export(folder):
    """The tree of the branch main, without anything that is not committed."""
    folder.mkdir()
    tar = folder.with_suffix(".tar")
    done = call("/usr/bin/git", "-C", REPO, "archive", "-o", tar, "refs/heads/main")
    assert done.returncode == 0, done.stderr.decode()
    assert call("/bin/tar", "-xf", tar, "-C", folder).returncode == 0
    return folder


def make(folder, *targets, timeout=60):
    return call("/usr/bin/make", "-C", folder, *targets, timeout=timeout)


@pytest.fixture(scope="session")
def tlz(tmp_path_factory):
    folder = export(tmp_path_factory.mktemp("agent") / "tlz")
    done = make(folder, "tlz")
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return folder / "tlz"


@pytest.fixture(scope="session")
def old(tmp_path_factory):
    """tlz 2.1 as it was released."""
    folder = tmp_path_factory.mktemp("old") / "tlz"
    shutil.copytree(TIP_SOURCES, folder)
    assert make(folder, "tlz").returncode == 0
    return folder / "tlz"


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


def corpus():
    files = {f"tiny{n}": b"abcabcabc"[:n] for n in range(8)}
    for p in (65533, 65534, 65535, 65536, 65537, 131072):
        files[f"period{p}"] = period(p, p, p + 30000)
    for n in range(15, 24):
        files[f"run{n}"] = b"z" * n
    for n in (269, 270, 271, 273, 274, 275, 528, 529, 530):
        files[f"lits{n}"] = noise(n, n)
        files[f"match{n}"] = noise(n, 40) * 1 + noise(1, n) + b"|" + noise(1, n)
    files["text"] = text(1, 150_000)
    files["noise"] = noise(2, 100_000)
    files["zeros"] = bytes(200_000)
    rng = random.Random(3)
    files["echo"] = b"".join(noise(rng.randrange(60), 3000) for _ in range(90))
    table = noise(4, 65536)
    files["tables"] = text(5, 30_000) + table + table[:30_000] + text(5, 12_000)
    return files


def spread(folder, files):
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


# ---- tests --------------------------------------------------------------------


def test_first_bad_commit():
    """/app/first_bad.txt holds the full hash of the commit that brought the regression."""
    assert Path("/app/first_bad.txt").read_text().split()[:1] == [FIRST_BAD]


def test_fix_is_committed_on_top_of_main():
    """New commits on main above v2.1, history unchanged, nothing uncommitted, no bisect under way."""
    assert git("symbolic-ref", "HEAD") == (0, "refs/heads/main")
    code, head = git("rev-parse", "refs/heads/main")
    assert code == 0 and head != TIP, "no new commit"
    assert git("merge-base", "--is-ancestor", TIP, "refs/heads/main")[0] == 0, "v2.1 is not below main any more"
    assert git("rev-parse", "v2.1^{commit}") == (0, TIP)
    assert git("diff", "--quiet", TIP, "refs/heads/main")[0] == 1, "the new commits change nothing"
    assert git("status", "--porcelain") == (0, ""), "there are uncommitted files"
    assert not (REPO / ".git/BISECT_START").exists(), "the bisection is still under way"


@pytest.mark.parametrize("level", ["-1", "", "-9"])
def test_round_trip_of_single_files(tlz, tmp_path, level):
    """Each file packed alone: a decoder after FORMAT.md and tlz itself give the data back."""
    files = corpus()
    folder = spread(tmp_path / "in", files)
    for name, data in files.items():
        done = call(tlz, *([level] if level else []), "pack", folder / name)
        assert done.returncode == 0, f"{name}: {done.stderr.decode()}"
        packed = (folder / f"{name}.tlz").read_bytes()
        try:
            back = decode(packed)
        except (AssertionError, IndexError, struct.error) as e:
            pytest.fail(f"{name} {level}: not a valid file after FORMAT.md: {e}")
        assert back == data, f"{name} {level}: other data"
        (folder / name).unlink()
        done = call(tlz, "unpack", folder / f"{name}.tlz")
        assert done.returncode == 0 and (folder / name).read_bytes() == data, f"{name} {level}: tlz unpack"


def test_several_files_in_one_call(tlz, tmp_path):
    """Files packed together give the same .tlz files as packed alone, in any order and after an error."""
    files = {k: v for k, v in corpus().items() if k in ("text", "tiny5", "echo", "zeros", "period65536", "lits529", "noise")}
    files["again"] = files["text"]
    files["tail"] = files["text"][70_000:]
    alone = spread(tmp_path / "alone", files)
    for name in files:
        assert call(tlz, "-6", "pack", alone / name).returncode == 0
    rng = random.Random(9)
    for turn in range(4):
        folder = spread(tmp_path / f"turn{turn}", files)
        names = sorted(files)
        rng.shuffle(names)
        order = [folder / name for name in names]
        if turn == 3:
            order.insert(4, folder / "missing")
        done = call(tlz, "-6", "pack", *order)
        assert (done.returncode == 0) == (turn != 3), f"{names}: status {done.returncode}"
        for name, data in files.items():
            packed = (folder / f"{name}.tlz").read_bytes()
            try:
                back = decode(packed)
            except (AssertionError, IndexError, struct.error) as e:
                pytest.fail(f"{name} packed among {names}: {e}")
            assert back == data, f"{name} packed among {names}: other data"
            assert packed == (alone / f"{name}.tlz").read_bytes(), f"{name}: depends on the files before it"


def test_files_stay_as_small(tlz, old, tmp_path):
    """The fix costs no size: at most 1% above v2.1 for each kind of data, and far matches are still found."""
    files = {k: v for k, v in corpus().items() if k in ("text", "echo", "zeros", "noise", "period65533", "period65535")}
    files["source"] = b"".join(p.read_bytes() for p in sorted(TIP_SOURCES.iterdir())) * 3
    new_in, old_in = spread(tmp_path / "new", files), spread(tmp_path / "old", files)
    for level in ("-1", "-5", "-9"):
        for name in files:
            call(tlz, level, "pack", new_in / name)
            call(old, level, "pack", old_in / name)
            a, b = (new_in / f"{name}.tlz").stat().st_size, (old_in / f"{name}.tlz").stat().st_size
            assert a <= b * 1.01 + 16, f"{name} {level}: {a} bytes, v2.1 made {b}"


def test_unpack_reads_what_the_format_allows(tlz, tmp_path):
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
        path = tmp_path / f"f{turn}.tlz"
        path.write_bytes(blob)
        done = call(tlz, "unpack", path)
        assert done.returncode == 0, done.stderr.decode()
        assert path.with_suffix("").read_bytes() == want


def test_unpack_is_as_strict_as_before(tlz, tmp_path):
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
        path = tmp_path / f"{name}.tlz"
        path.write_bytes(blob)
        done = call(tlz, "test", path)
        assert (done.returncode == 0) == (name not in bad), f"tlz test {name}: status {done.returncode}"


def test_make_check_passes(tmp_path):
    """`make check` passes on a clean export of main."""
    folder = export(tmp_path / "tlz")
    done = make(folder, "check")
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")[-2000:]


@pytest.mark.parametrize("left", ["both", "window", "reset"])
def test_make_check_catches_the_faults(tmp_path, left):
    """With the sources of v2.1, and with either fault alone put back, `make check` fails."""
    folder = export(tmp_path / "tlz")
    for path in TIP_SOURCES.glob("*.[ch]"):
        shutil.copy(path, folder / path.name)
    source = (folder / "match.c").read_text()
    if left == "reset":  # the distance is right, the tables are never cleared
        source = source.replace("(long)pos - cand <= WINDOW", "(long)pos - cand < WINDOW")
    if left == "window":  # cleared at the first position of each file
        source = source.replace("    long cand = head", "    if (pos == 0)\n        memset(head, 0, sizeof head);\n    long cand = head")
    (folder / "match.c").write_text(source)
    assert (source == (TIP_SOURCES / "match.c").read_text()) == (left == "both")
    make(folder, "clean")
    try:
        done = subprocess.run(["/usr/bin/make", "check"], cwd=folder, env=ENV, capture_output=True, timeout=40)
    except subprocess.TimeoutExpired:
        return
    assert done.returncode != 0, f"`make check` passes although a fault is in ({left})"
