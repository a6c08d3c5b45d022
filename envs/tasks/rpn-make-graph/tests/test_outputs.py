"""Builds copies of /app/rpn in many ways, as nobody; the files that were to stay as they are come from tests/pristine."""
import collections
import contextlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import nobody
from artifacts import read
from run import once

PROJECT = Path("/app/rpn")
TESTS = Path(__file__).resolve().parent
PRISTINE = TESTS / "pristine"

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
    return read(path).decode(errors="replace")


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


EACH = """{first}
tool=$1; shift
for words; do "$tool" "$words" 2>&1; echo "exit $?"; done"""


def answers(tree, table, first=":", what=""):
    """The calculator prints what it should for each line of words, or has that exit code; `first` is a command before.

    A failure names the lines and `what`, the case.
    """
    log = tree.with_name("first.log")
    script = EACH.format(first=f"{first} > {log} 2>&1 || {{ cat {log}; exit 1; }}")
    done = run("/bin/sh", "-c", script, "sh", "build/rpn", *table, cwd=tree)
    assert done.returncode == 0, f"{what}{first} failed:\n{done.stdout[-4000:]}"
    parts = re.findall(r"(.*?)exit (\d+)\n", done.stdout, re.DOTALL)
    assert len(parts) == len(table), what + done.stdout[-500:]
    for (expr, want), (text, code) in zip(table.items(), parts):
        got = (text.split(), int(code)) if isinstance(want, str) else int(code)
        assert got == ((want.split(), 0) if isinstance(want, str) else want), f"{what}{expr}: {got}"


TABLE = {
    "20 22 +": "42", "7 2 5 - *": "-21", "1 8 /": "0.125", "6 neg": "-6", "2 sqrt": "1.414213562",
    "3 5 pow": "243", "11 4 max": "11", "4 11 max": "11", "-3 2 min": "-3", "17.5 4 mod": "1.5",
    "5 12 hyp": "13", "1 2 3": "1 2 3", "1e3 2.5e-1 *": "250",
}
SOME = {"11 4 max": "11", "17.5 4 mod": "1.5", "1 8 /": "0.125"}


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


GOALS = ("install", "build/rpn", "build/librpn.a", "all")


class Made:
    """Clean copies, each made with one goal at the same time.

    `install` is made by the tools that the Makefile names; the others by quick-cc, which is gcc by way of tcc, and notes its
    calls. All but `all` have a slow generator, `build/rpn` and `build/librpn.a` a slow archiver too.
    """

    def __init__(self, base):
        self.base, self.quick = base, base / "quick-cc"
        nobody.write(self.quick, (TESTS / "quick-cc").read_bytes(), 0o755)
        for name, wait in (("quick-ar", ""), ("slow-ar", "sleep 0.1\n")):
            nobody.write(base / name, f'#!/bin/sh\necho "ar $*" >> {self.quick}.log\n{wait}exec /usr/bin/ar "$@"\n', 0o755)
        self.tools, slow = (f"CC={self.quick}", f"AR={base}/quick-ar"), (f"CC={self.quick}", f"AR={base}/slow-ar")
        self.trees = {goal: clean_copy(base / f"rpn{i}") for i, goal in enumerate(GOALS)}
        self.before = files(self.trees["all"])
        for goal in GOALS[:3]:
            script = self.trees[goal] / "tools/genops.awk"
            nobody.write(script, 'BEGIN { system("sleep 0.1") }\n' + text_of(script))
        self.installed = base / "installed"
        calls = [(self.trees["install"], "-j8", "install", f"PREFIX={self.installed}"), *((self.trees[goal], "-j8", *slow, goal) for goal in GOALS[1:3])]
        self.done = dict(zip(GOALS, make_all([*calls, (self.trees["all"], *self.tools)])))
        self.log = text_of(f"{self.quick}.log") if (base / "quick-cc.log").exists() else ""
        age(self.trees["all"])
        self.kept = base / "kept"
        self._copy(self.trees["all"], self.kept)

    def tree(self, goal):
        """The tree in which make made that goal."""
        code, text = self.done[goal]
        assert code == 0, f"make {goal} failed:\n{text[-4000:]}"
        return self.trees[goal]

    def again(self):
        """The tree of plain make as it was when that had ended."""
        tree = self.tree("all")
        with nobody.as_nobody():
            shutil.rmtree(tree)
        self._copy(self.kept, tree)
        return tree

    def make(self, *args):
        """The command line of make with the quick tools."""
        return shlex.join(["/usr/bin/make", *self.tools, *args])

    def _copy(self, source, target):
        with nobody.as_nobody():
            shutil.copytree(source, target, symlinks=True)


@once
def made():
    return Made(nobody.new_folder())


def built():
    return made().again()


@contextlib.contextmanager
def installed_alone():
    """The files alone that the Makefile's own tools made and installed; the project that they came from is gone."""
    tree, aside = made().tree("install"), made().base / "aside"
    with nobody.as_nobody():
        tree.rename(aside)
    try:
        yield made().installed
    finally:
        with nobody.as_nobody():
            aside.rename(tree)


def words_of(tree):
    """The words of ops.def."""
    return [line.split()[0] for line in text_of(tree / "ops.def").splitlines() if line.strip() and line[0] != "#"]


def test_clean_build_and_right_results():
    """1, 2: make from a clean tree succeeds, and every word computes what ops.def says."""
    tree = made().tree("install")
    for name in ("build/rpn", "build/librpn.a"):
        assert (tree / name).is_file(), name
    assert read(tree / "build/rpn")[:4] == b"\x7fELF"
    codes = {"1 foo": 2, "1 +": 3, "0 " * 65: 4, "0 " * 64: 0}
    answers(tree, {"--words": " ".join(words_of(tree)), **TABLE, **codes})


def test_make_check_passes():
    """2: make check passes with the original tests, and fails when a result is wrong."""
    tree = built()
    out = make(made().tree("install"), "check")
    assert "0 failed" in out and out.count("ok ") >= 10, out[-800:]
    append(tree / "tests/cases", "5|1 1 +\n")
    assert run("/usr/bin/make", *made().tools, "check", cwd=tree).returncode != 0


def test_parallel_and_single_targets_with_a_slow_generator():
    """1: -j8 and single targets from a clean tree wait for the generated header, the folder and the archive."""
    for goal in GOALS:
        tree = built() if goal == "all" else made().tree(goal)
        answers(tree, SOME, made().make("-j8", "check") if goal == "build/librpn.a" else ":", f"make {goal}: ")


def test_products_stay_under_build_and_clean_removes_them():
    """1: all that is built lies under build/, and make clean removes it."""
    tree, before = built(), made().before
    new = files(tree) - before
    assert new and all(n.startswith("build/") for n in new), sorted(new)
    assert not (before - files(tree))
    make(tree, "clean")
    assert files(tree) == before


def test_second_make_does_nothing():
    """3, 4: a second make runs neither compiler nor archiver; CC and AR are honoured."""
    tree, log = built(), made().log
    assert log.count(" -c ") + log.count(" -c\n") >= 11 and "ar " in log, log
    nobody.write(f"{made().quick}.log", "")
    times = {p: p.stat().st_mtime_ns for p in tree.rglob("*") if p.is_file()}
    make(tree, *made().tools)
    assert text_of(f"{made().quick}.log") == ""
    assert times == {p: p.stat().st_mtime_ns for p in tree.rglob("*") if p.is_file()}


def test_warning_flags_stay():
    """4: each compilation has -Wall -Wextra -Werror and switches nothing off, in flags or in sources."""
    tree = built()
    compiled = [line for line in made().log.splitlines() if re.search(r"\.c\b", line)]
    assert len(compiled) >= 11, compiled
    for line in compiled:
        words = line.split()
        assert {"-Wall", "-Wextra", "-Werror"} <= set(words), line
        assert not [w for w in words if w.startswith("-Wno-") or w in ("-w", "-fpermissive", "-isystem")], line
    for p in [*tree.glob("src/*"), *tree.glob("include/**/*.h"), *tree.glob("build/*.h")]:
        assert "pragma" not in text_of(p).lower().replace("pragma once", ""), p
    # The strictness is real: a new warning stops the build.
    append(tree / "src/lex.c", "\nstatic int unused_here(void) { return 1; }\n")
    assert run("/usr/bin/make", cwd=tree).returncode != 0


def test_new_word_reaches_the_program():
    """3: a change of ops.def, then of the generator, followed by plain make, rebuilds all that depends on it."""
    tree = built()
    append(tree / "ops.def", "cube  1  a * a * a\navg   2  (a + b) / 2\n")
    words = {"--words": " ".join(words_of(tree))}
    answers(tree, {**words, **SOME, "3 cube": "27", "1 2 avg": "1.5"}, made().make())
    age(tree)
    edit(tree / "tools/genops.awk", "return %s;", "return 1000 + (%s);")
    answers(tree, {"3 cube": "1027", "2 2 +": "1004"}, made().make())


def test_header_change_reaches_library_and_program():
    """3: a change of a public header rebuilds library and program alike."""
    tree = built()
    edit(tree / "include/rpn/limits.h", r"(define\s+RPN_STACK_MAX\s+)64", r"\g<1>7")
    right = {"--limits": "program 7 library 7", "1 2 3 4 5 6 7": "1 2 3 4 5 6 7", "1 2 3 4 5 6 7 8": 4}
    answers(tree, right, made().make())


def test_source_change_reaches_the_program():
    """3: a change of one library source is archived and linked into the program, also where that alone is asked for."""
    tree = built()
    edit(tree / "src/stack.c", "return RPN_STACK_MAX;", "return 4711;")
    answers(tree, {"--limits": "program 64 library 4711"}, made().make("build/rpn"))
    age(tree)
    edit(tree / "src/main.c", "%.10g", "<%.3g>")
    answers(tree, {"1 3 /": "<0.333>"}, made().make())


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


USERS = """cc=$1; shift
for n in 0 1 2; do "$cc" user$n.c -o user$n "$@" 2>&1 && ./user$n; done
installed/bin/rpn '5 12 hyp'"""
ORDERS = ("rpn", "limits rpn rpn", "rpn limits limits")


def test_installed_library_serves_other_programs():
    """5, 6: an installed copy is all that a foreign program needs, whatever the order of its includes."""
    with installed_alone() as installed:
        for name in ("bin/rpn", "lib/librpn.a", "lib/pkgconfig/rpn.pc", "include/rpn/rpn.h"):
            assert (installed / name).is_file(), name
        env = {"PKG_CONFIG_LIBDIR": str(installed / "lib/pkgconfig")}
        flags = run("/usr/bin/pkg-config", "--static", "--cflags", "--libs", "rpn", env=env)
        assert flags.returncode == 0, flags.stderr
        folder = installed.parent
        for n, order in enumerate(ORDERS):
            nobody.write(folder / f"user{n}.c", "".join(f"#include <rpn/{h}.h>\n" for h in order.split()) + USER)
        done = run("/bin/sh", "-c", USERS, "sh", made().quick, *flags.stdout.split(), cwd=folder)
        assert done.stdout.split() == ["6", "1"] * 3 + ["13"], f"includes of {ORDERS}: {done.stdout}"


def test_destdir_is_only_a_staging_folder():
    """6: with DESTDIR the files land in the staging folder and rpn.pc speaks of PREFIX alone, also after an earlier make."""
    tree = built()
    stage = tree.parent / "stage"
    make(tree, *made().tools, "install", "PREFIX=/opt/calc-tools", f"DESTDIR={stage}")
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
        assert read(PROJECT / name) == (PRISTINE / name).read_bytes(), name
