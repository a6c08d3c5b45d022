"""Builds the agent's tree in a copy, and the shipped tree with the agent's patch, and tries both on hidden inputs, as nobody."""

import collections
import json
from pathlib import Path

import nobody
from artifacts import read
from run import asked, once

FACTS = json.loads(Path("/tests/instance.json").read_text())
ROOT = Path("/app") / FACTS["tool"]
PATCH = ROOT.with_name("repair.patch")  # of medium and hard
LEVEL = FACTS["difficulty"]
ENV = {"ASAN_OPTIONS": "detect_leaks=0"}
FIXED = [path for path in FACTS["shipped"] if path == "README.md" or path.startswith("tests/")]
SOURCES = sorted(path for path in FACTS["shipped"] if path.startswith("src/") and path.endswith(".c"))


Result = collections.namedtuple("Result", "returncode stdout stderr")


def run(command, folder, seconds=30, env=ENV):
    """A command's result; never raises on its exit code. Memory has no limit but the sandbox's: sanitizers reserve more than there is."""
    done = nobody.run(*command, cwd=folder, env=env, seconds=seconds, memory_mb=None)
    return Result(done.code, *(text.decode(errors="replace") for text in done[1:]))


def text_of(path):
    """A file's text, or None where there is no file."""
    return read(path).decode(errors="replace") if path.is_file() else None


def write(folder, path):
    """Writes a file as it was shipped."""
    text = FACTS["shipped"][path]
    nobody.write(folder / path, text, 0o755 if text.startswith("#!") else 0o644)


def copy_clean(target):
    """A copy of the agent's tree without anything built, with README.md and tests/ as shipped."""
    nobody.copy(ROOT, target, leave_out=("build",))
    with nobody.as_nobody():
        for path in list(target.rglob("*")):
            if path.suffix in (".o", ".a", ".so", ".d") and not path.is_dir():
                path.unlink()
    for path in FIXED:
        write(target, path)
    return target


def make(folder, *arguments):
    """make, which must succeed."""
    result = run(["make", *arguments], folder)
    assert result.returncode == 0, f"make {' '.join(arguments)} failed:\n{(result.stdout + result.stderr)[-2500:]}"
    return result


def make_again(work, folder, *arguments):
    """make for a tree that was built before, as quick as can be; where that fails, as anybody would.

    A gcc that is not named by its path does not optimise. gold links with a sanitizer in a third of ld's time, and a
    tool that brings the sanitizer along starts sooner.
    """
    quick = "-O0 -g0 -fuse-ld=gold -static-libasan -static-libubsan"
    nobody.write(work / "bin/gcc", f'#!/bin/sh\nexec /usr/bin/gcc "$@" {quick}\n', 0o755)
    path = {"PATH": f"{work}/bin:{nobody.ENV['PATH']}"}
    if run(["make", *arguments], folder, env={**ENV, **path}).returncode != 0:
        make(folder, "clean")
        make(folder, *arguments)


def sources_of(folder):
    """All files of a tree in which nothing was built: name to content and whether it may be run."""
    paths = [path for path in folder.rglob("*") if not path.is_dir()]
    return {str(path.relative_to(folder)): (read(path), path.stat().st_mode & 0o111) for path in paths}


EACH = """
tool=$1; shift
for number; do
    read -r command < $number.command
    "$tool" "$command" < $number.in > $number.out 2> $number.err
    echo $? > $number.code
done
"""


def check_cases(tool):
    """Every hidden case gives the right output and exit code; the tool is started from another directory."""
    wrong = []
    with nobody.folder() as folder:
        for number, case in enumerate(FACTS["cases"]):
            assert len(case["args"]) == 1
            nobody.write(folder / f"{number}.command", case["args"][0] + "\n")
            nobody.write(folder / f"{number}.in", case["stdin"])
        run(["/bin/sh", "-c", EACH, "sh", tool, *range(len(FACTS["cases"]))], folder, 30)
        for number, case in enumerate(FACTS["cases"]):
            out, err, code = (text_of(folder / f"{number}.{what}") for what in ("out", "err", "code"))
            if (out, code) != (case["stdout"], f"{case['code']}\n"):
                wrong.append((case["args"], case["stdin"][:200], code, (out or "")[:200], case["stdout"][:200], (err or "")[-300:]))
    assert not wrong, f"{len(wrong)} of {len(FACTS['cases'])} cases are wrong, the first: {wrong[0]}"


@once
def built():
    """The agent's tree, built from clean sources with a compiler that logs its calls; the log; the sources."""
    base = nobody.new_folder()
    folder, log, compiler = copy_clean(base / "tree"), base / "log", base / "logging-cc"
    sources = sources_of(folder)
    nobody.write(compiler, f'#!/bin/sh\necho "$*" >> {log}\nexec /usr/bin/gcc "$@"\n', 0o755)
    make(folder, f"CC={compiler}")
    return folder, text_of(log).splitlines(), sources


def test_readme_and_tests_are_unchanged():
    """README.md and the files below tests/ are as they were shipped."""
    for path in FIXED:
        assert text_of(ROOT / path) == FACTS["shipped"][path], path
    assert sorted(p.name for p in (ROOT / "tests").iterdir()) == ["cases.txt", "run.sh"]


def test_builds_from_clean_sources():
    """make builds the tool and the library from clean sources with the plain Makefile."""
    folder = built()[0]
    for name in (FACTS["tool"], FACTS["library"]):
        assert (folder / "build" / name).is_file(), f"build/{name} was not built"
    assert read(folder / "build" / FACTS["tool"])[:4] == b"\x7fELF"


def test_sources_are_compiled_with_the_flags():
    """Each shipped source is compiled by $(CC) with -Wall -Wextra -Werror, and nothing turns them off again."""
    log = built()[1]
    for source in SOURCES:
        calls = [line.split() for line in log if any(word.endswith(source) for word in line.split())]
        assert calls, f"{source} was not compiled by $(CC)"
        for call in calls:
            assert {"-Wall", "-Wextra", "-Werror"} <= set(call), f"{source}: {' '.join(call)}"
            assert not {"-w", "-Wno-error", "-Wno-all", "-Wno-extra"} & set(call)
            assert not any(
                word.startswith(("-Wno-error", "-Wno-implicit", "-fpermissive", "-fcommon")) for word in call
            )


def test_library_holds_every_command():
    """The library defines the function of each command."""
    folder = built()[0]
    dynamic = ["-D"] if FACTS["library"].endswith(".so") else []
    listed = run(["nm", *dynamic, f"build/{FACTS['library']}"], folder).stdout
    defined = {line.split()[-1] for line in listed.splitlines() if " T " in line}
    assert set(FACTS["symbols"]) <= defined, set(FACTS["symbols"]) - defined


def test_shipped_tests_pass():
    """make check passes with the tests as shipped."""
    make(built()[0], "check")


def test_commands_do_what_the_readme_says():
    """Every command gives the documented output on hidden inputs, started from another directory."""
    check_cases(built()[0] / "build" / FACTS["tool"])


def test_wrong_usage_is_refused():
    """No command, an unknown one, or too many arguments: exit code 2 and no output."""
    tool, work = built()[0] / "build" / FACTS["tool"], nobody.new_folder()
    for arguments in ([], ["no-such-command"], [FACTS["cases"][0]["args"][0], "extra"]):
        result = run([tool, *arguments], work)
        assert (result.returncode, result.stdout) == (2, "")


@asked(LEVEL == "hard")
def test_sanitizers_report_nothing():
    """A build with SANITIZE=1 gives the same right output without a report."""
    work = nobody.new_folder()
    folder = copy_clean(work / "tree")
    make_again(work, folder, "SANITIZE=1")
    symbols = run(["nm", f"build/{FACTS['tool']}"], folder).stdout
    assert "__asan_init" in symbols, "the build has no address sanitizer"
    check_cases(folder / "build" / FACTS["tool"])


@asked(LEVEL != "easy")
def test_patch_repairs_a_fresh_tree():
    """repair.patch applies to the shipped tree with -p1, holds every change and nothing else, and the result builds and works."""
    sources, work = built()[2], nobody.new_folder()
    assert PATCH.is_file(), f"{PATCH} is missing"
    folder = work / FACTS["stem"]
    for path in FACTS["shipped"]:
        write(folder, path)
    nobody.write(work / "repair.patch", read(PATCH))
    result = run(["patch", "-p1", "--batch", "--forward", "-i", work / "repair.patch"], folder)
    assert result.returncode == 0, result.stdout + result.stderr
    for path in FIXED:
        assert text_of(folder / path) == FACTS["shipped"][path], f"the patch changes {path}"
    assert not (folder / "build").exists(), "the patch holds what a build produces"
    for path in FACTS["shipped"]:
        assert text_of(folder / path) == text_of(ROOT / path) is not None, (
            f"{path}: the patch gives another text than the tree has"
        )
    if sources_of(folder) != sources:  # else the tests above have tried the very same tree
        make_again(work, folder)
        check_cases(folder / "build" / FACTS["tool"])


def test_tree_was_not_emptied():
    """Every shipped file is still there."""
    for path in FACTS["shipped"]:
        assert text_of(ROOT / path) is not None, path
