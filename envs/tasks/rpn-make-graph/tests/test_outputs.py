"""Builds copies of /app/rpn in many ways, as nobody; the files that were to stay as they are come from tests/pristine."""
import collections
import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import nobody
import pytest

PROJECT = Path("/app/rpn")
PRISTINE = Path(__file__).resolve().parent / "pristine"

Result = collections.namedtuple("Result", "returncode stdout stderr")


def run(*argv, cwd="/", timeout=30, env=()):
    done = nobody.run(*argv, cwd=cwd, env=env, seconds=timeout)
    return Result(done.code, *(text.decode(errors="replace") for text in done[1:]))


def make(tree, *args, timeout=30):
    done = run("/usr/bin/make", *args, cwd=tree, timeout=timeout)
    assert done.returncode == 0, f"make {' '.join(map(str, args))} failed:\n{done.stdout[-1500:]}\n{done.stderr[-2500:]}"
    return done.stdout + done.stderr


def make_all(calls, timeout=60):
    """Runs make in several trees at the same time, each call a tree and arguments; returns exit codes and outputs."""
    logs, running = [tempfile.TemporaryFile() for _ in calls], []
    try:
        for log, (tree, *args) in zip(logs, calls):
            pipes = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            running.append(nobody.start("/usr/bin/make", *args, cwd=tree, **pipes))
        end = time.monotonic() + timeout
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(end - time.monotonic(), 0))
    finally:
        nobody.kill_all()
    codes = [process.wait() for process in running]
    for log in logs:
        log.seek(0)
    return [(code, log.read(4 << 20).decode(errors="replace")) for code, log in zip(codes, logs)]


def text_of(path):
    return nobody.read(path).decode(errors="replace")


def append(path, text):
    nobody.write(path, text_of(path) + text)


def edit(path, old, new):
    """Replaces a pattern, which has to be there."""
    text, count = re.subn(old, new, text_of(path))
    assert count, f"{path.name}: {old} is not in it"
    nobody.write(path, text)


def restore(tree):
    """Puts ops.def, the generator and tests/ back as they were."""
    with nobody.as_nobody():
        for name in ("tests", "tools"):
            shutil.rmtree(tree / name, ignore_errors=True)
    for name in files(PRISTINE):
        nobody.write(tree / name, (PRISTINE / name).read_bytes())


def files(tree):
    return {str(p.relative_to(tree)) for p in tree.rglob("*") if not p.is_dir()}


def age(tree):
    """Moves all times back alike, so that a later edit is newer than anything built."""
    with nobody.as_nobody():
        for p in [*tree.rglob("*"), tree]:
            s = p.lstat()
            os.utime(p, ns=(s.st_atime_ns - 10**11, s.st_mtime_ns - 10**11), follow_symlinks=False)


def calc(tree, *words):
    return run(tree / "build/rpn", *words, timeout=10)


def answers(tree, table):
    for expr, want in table.items():
        got = calc(tree, expr)
        assert (got.returncode, got.stdout.split()) == (0, want.split()), f"{expr}: {got.stdout!r} {got.stderr!r}"


TABLE = {
    "20 22 +": "42", "7 2 5 - *": "-21", "1 8 /": "0.125", "6 neg": "-6", "2 sqrt": "1.414213562",
    "3 5 pow": "243", "11 4 max": "11", "4 11 max": "11", "-3 2 min": "-3", "17.5 4 mod": "1.5",
    "5 12 hyp": "13", "1 2 3": "1 2 3", "1e3 2.5e-1 *": "250",
}


def clean_copy(copy):
    """A copy without anything built and without binary files."""
    nobody.copy(PROJECT, copy, leave_out=("build", ".git"))
    with nobody.as_nobody():
        for p in list(copy.rglob("*")):
            if p.is_symlink() or p.suffix in (".o", ".a", ".d", ".so"):
                p.unlink()
            elif p.is_file() and p.read_bytes()[:4] == b"\x7fELF":
                p.unlink()
    restore(copy)
    return copy


class Built:
    """A copy of the project in which plain make ran; `again` puts it back into that state, at the same place."""

    def __init__(self, folder):
        self.tree, self._kept = clean_copy(folder / "rpn"), folder / "kept"
        self.before = files(self.tree)
        make(self.tree)
        age(self.tree)
        self._copy(self.tree, self._kept)

    def again(self):
        with nobody.as_nobody():
            shutil.rmtree(self.tree)
        self._copy(self._kept, self.tree)
        return self.tree

    def _copy(self, source, target):
        assert run("/bin/cp", "-a", source, target).returncode == 0


@pytest.fixture(scope="module")
def once():
    with nobody.folder() as folder:
        yield Built(folder)


@pytest.fixture
def built(once):
    return once.again()


GOALS = ("build/rpn", "build/librpn.a", "check")


@pytest.fixture(scope="module")
def from_clean():
    """Clean copies, each made with one goal at the same time: three with a slow generator and archiver, one installed."""
    with nobody.folder() as base:
        slow_ar = base / "slow-ar"
        nobody.write(slow_ar, '#!/bin/sh\nsleep 0.3\nexec /usr/bin/ar "$@"\n', 0o755)
        calls = {goal: (clean_copy(base / f"rpn{i}"), "-j8", f"AR={slow_ar}", goal) for i, goal in enumerate(GOALS)}
        for tree, *_ in calls.values():
            script = tree / "tools/genops.awk"
            nobody.write(script, 'BEGIN { system("sleep 0.3") }\n' + text_of(script))
        calls["install"] = (clean_copy(base / "rpn"), "install", f"PREFIX={base}/inst")
        yield base, {goal: (tree, *done) for (goal, (tree, *_)), done in zip(calls.items(), make_all(calls.values()))}


def made(from_clean, goal):
    """The tree in which make made that goal."""
    tree, code, text = from_clean[1][goal]
    assert code == 0, f"make {goal} failed:\n{text[-4000:]}"
    return tree


@pytest.fixture(scope="module")
def installed(from_clean):
    """The installed files alone; the project that they came from is gone."""
    with nobody.as_nobody():
        shutil.rmtree(made(from_clean, "install"))
    return from_clean[0] / "inst"


def wrappers(folder):
    """A compiler and an archiver that note their arguments."""
    log = folder / "tools.log"
    for name in ("cc", "ar"):
        real = "/usr/bin/gcc" if name == "cc" else "/usr/bin/ar"
        nobody.write(folder / name, f'#!/bin/sh\necho "{name} $*" >> {log}\nexec {real} "$@"\n', 0o755)
    nobody.write(log, "")
    return log


@pytest.fixture(scope="module")
def logged():
    """A copy made with a compiler and an archiver of ours, what make has to be told of them, and their log."""
    with nobody.folder() as folder:
        tree, log = clean_copy(folder / "rpn"), wrappers(folder)
        tools = (f"CC={folder}/cc", f"AR={folder}/ar")
        make(tree, *tools)
        yield tree, tools, log, text_of(log)


def test_clean_build_and_right_results(built):
    """1, 2: make from a clean tree succeeds, and every word computes what ops.def says."""
    tree = built
    for name in ("build/rpn", "build/librpn.a"):
        assert (tree / name).is_file(), name
    assert nobody.read(tree / "build/rpn")[:4] == b"\x7fELF"
    words = [line.split()[0] for line in text_of(tree / "ops.def").splitlines() if line.strip() and line[0] != "#"]
    assert calc(tree, "--words").stdout.split() == words
    answers(tree, TABLE)
    assert [calc(tree, e).returncode for e in ("1 foo", "1 +", "0 " * 65, "0 " * 64)] == [2, 3, 4, 0]


def test_make_check_passes(built):
    """2: make check passes with the original tests, and fails when a result is wrong."""
    out = make(built, "check")
    assert "0 failed" in out and out.count("ok ") >= 10, out[-800:]
    append(built / "tests/cases", "5|1 1 +\n")
    assert run("/usr/bin/make", "check", cwd=built).returncode != 0


@pytest.mark.parametrize("goal", GOALS)
def test_parallel_and_single_targets_with_a_slow_generator(from_clean, goal):
    """1: -j8 and single targets from a clean tree wait for the generated header, the folder and the archive."""
    tree = made(from_clean, goal)
    if goal == "build/librpn.a":
        make(tree, "-j8", "build/rpn")
    answers(tree, TABLE)


def test_products_stay_under_build_and_clean_removes_them(once, built):
    """1: all that is built lies under build/, and make clean removes it."""
    new = files(built) - once.before
    assert new and all(n.startswith("build/") for n in new), sorted(new)
    assert not (once.before - files(built))
    make(built, "clean")
    assert files(built) == once.before


def test_second_make_does_nothing(logged):
    """3, 4: a second make runs neither compiler nor archiver; CC and AR are honoured."""
    tree, tools, log, text = logged
    assert text.count(" -c ") + text.count(" -c\n") >= 5 and "ar " in text, text
    nobody.write(log, "")
    times = {p: p.stat().st_mtime_ns for p in tree.rglob("*") if p.is_file()}
    make(tree, *tools)
    assert text_of(log) == ""
    assert times == {p: p.stat().st_mtime_ns for p in tree.rglob("*") if p.is_file()}


def test_warning_flags_stay(logged, built):
    """4: each compilation has -Wall -Wextra -Werror and switches nothing off, in flags or in sources."""
    tree, _, _, text = logged
    compiled = [line for line in text.splitlines() if re.search(r"\.c\b", line)]
    assert len(compiled) >= 5, compiled
    for line in compiled:
        words = line.split()
        assert {"-Wall", "-Wextra", "-Werror"} <= set(words), line
        assert not [w for w in words if w.startswith("-Wno-") or w in ("-w", "-fpermissive", "-isystem")], line
    for p in [*tree.glob("src/*"), *tree.glob("include/**/*.h"), *tree.glob("build/*.h")]:
        assert "pragma" not in text_of(p).lower().replace("pragma once", ""), p
    # The strictness is real: a new warning stops the build.
    append(built / "src/lex.c", "\nstatic int unused_here(void) { return 1; }\n")
    assert run("/usr/bin/make", cwd=built).returncode != 0


def test_new_word_reaches_the_program(built):
    """3: a change of ops.def, then of the generator, followed by plain make, rebuilds all that depends on it."""
    answers(built, TABLE)
    append(built / "ops.def", "cube  1  a * a * a\navg   2  (a + b) / 2\n")
    make(built)
    assert calc(built, "--words").stdout.split()[-2:] == ["cube", "avg"]
    answers(built, {**TABLE, "3 cube": "27", "1 2 avg": "1.5"})
    age(built)
    edit(built / "tools/genops.awk", "return %s;", "return 1000 + (%s);")
    make(built)
    answers(built, {"3 cube": "1027", "2 2 +": "1004"})


def test_header_change_reaches_library_and_program(built):
    """3: a change of a public header rebuilds library and program alike."""
    header = built / "include/rpn/limits.h"
    edit(header, r"(define\s+RPN_STACK_MAX\s+)64", r"\g<1>7")
    make(built)
    assert calc(built, "--limits").stdout.split() == ["program", "7", "library", "7"]
    assert calc(built, "1 2 3 4 5 6 7").returncode == 0
    assert calc(built, "1 2 3 4 5 6 7 8").returncode == 4
    age(built)
    edit(header, r"(define\s+RPN_STACK_MAX\s+)7", r"\g<1>70")
    make(built, "build/rpn")
    assert calc(built, "--limits").stdout.split() == ["program", "70", "library", "70"]


def test_library_source_change_reaches_program(built):
    """3: a change of one library source is archived and linked into the program."""
    edit(built / "src/stack.c", "return RPN_STACK_MAX;", "return 4711;")
    make(built)
    assert calc(built, "--limits").stdout.split() == ["program", "64", "library", "4711"]
    age(built)
    edit(built / "src/main.c", "%.10g", "<%.3g>")
    make(built)
    assert calc(built, "1 3 /").stdout.split() == ["<0.333>"]


USER = """
#include <stdio.h>
int main(void)
{
    struct rpn_stack s = { 0 };
    double v = 0;
    if (rpn_line(&s, "2 10 pow 24 - 7 mod") != RPN_OK || rpn_pop(&s, &v) != RPN_OK)
        return 1;
    printf("%g %d\\n", v, RPN_STACK_MAX == rpn_depth_max());
    return 0;
}
"""


@pytest.mark.parametrize("order", ["rpn", "limits rpn rpn", "rpn limits limits"])
def test_installed_library_serves_other_programs(installed, order):
    """5, 6: an installed copy is all that a foreign program needs, whatever the order of its includes."""
    where = installed
    for name in ("bin/rpn", "lib/librpn.a", "lib/pkgconfig/rpn.pc", "include/rpn/rpn.h"):
        assert (where / name).is_file(), name
    folder = where.parent
    nobody.write(folder / "user.c", "".join(f"#include <rpn/{h}.h>\n" for h in order.split()) + USER)
    env = {"PKG_CONFIG_LIBDIR": str(where / "lib/pkgconfig")}
    flags = run("/usr/bin/pkg-config", "--static", "--cflags", "--libs", "rpn", env=env)
    assert flags.returncode == 0, flags.stderr
    done = run("/usr/bin/gcc", "user.c", "-o", "user", *flags.stdout.split(), cwd=folder)
    assert done.returncode == 0, done.stderr
    assert run(folder / "user").stdout.split() == ["6", "1"]
    assert run(where / "bin/rpn", "5 12 hyp").stdout.split() == ["13"]


def test_destdir_is_only_a_staging_folder(built):
    """6: with DESTDIR the files land in the staging folder and rpn.pc speaks of PREFIX alone, also after an earlier make."""
    stage = built.parent / "stage"
    make(built, "install", "PREFIX=/opt/calc-tools", f"DESTDIR={stage}")
    assert not Path("/opt/calc-tools").exists()
    root = stage / "opt/calc-tools"
    for name in ("bin/rpn", "lib/librpn.a", "lib/pkgconfig/rpn.pc", "include/rpn/rpn.h"):
        assert (root / name).is_file(), name
    pc = text_of(root / "lib/pkgconfig/rpn.pc")
    assert str(stage) not in pc and "@" not in pc
    got = run("/usr/bin/pkg-config", "--variable=prefix", "rpn", env={"PKG_CONFIG_LIBDIR": str(root / "lib/pkgconfig")})
    assert got.stdout.strip() == "/opt/calc-tools"


def test_given_files_are_unchanged():
    """3: ops.def, the generator and tests/ are as they were."""
    for name in sorted(files(PRISTINE)):
        assert nobody.read(PROJECT / name) == (PRISTINE / name).read_bytes(), name
