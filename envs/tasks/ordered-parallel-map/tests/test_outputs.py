"""The library is built from the agent's parmap.c and the tests' own header and
runs as nobody in a process of its own, whose callbacks are answered by
harness.py, which checks the contract of parmap.h. chaos.c makes condition
variables behave as badly as POSIX allows, so that a missing loop or a signal to
the wrong thread shows in every run."""

import os
import select
import subprocess
import time
from pathlib import Path

import nobody
from artifacts import read
from harness import Hangs, Library, Run, hangs
from run import once

APP = Path("/app/parmap")
TESTS = Path(__file__).resolve().parent
WRAPPED = (
    "pthread_mutex_lock pthread_mutex_unlock pthread_cond_wait pthread_cond_timedwait "
    "pthread_cond_clockwait pthread_cond_signal pthread_cond_broadcast pthread_cond_destroy"
).split()


def compile_theirs(folder, out, *args, compiler="/usr/bin/gcc"):
    flags = ("-std=gnu11", "-pthread", "-o", out)
    done = nobody.run(compiler, *flags, *args, cwd=folder, env={"TMPDIR": str(folder)})
    assert done.code == 0, f"does not compile:\n{done.text[-3000:]}"
    return folder / out


@once
def build():
    """A folder with the agent's sources beside the tests' own header."""
    folder = nobody.new_folder()
    for name in ("parmap.c", "linesum.c"):
        nobody.write(folder / name, read(APP / name, 1 << 20))
    for name in ("parmap.h", "stub.c", "chaos.c"):
        nobody.write(folder / name, (TESTS / name).read_bytes())
    return folder


def link(folder, out, ours, *names):
    """Compiles and links sources of the agent's with hooks before every load and store, see chaos.c."""
    wraps = ("-fuse-ld=gold", *("-Wl,--wrap=" + name for name in WRAPPED))
    for kind, hooks in (("hooked", ("-fsanitize=thread",)), ("plain", ())):  # plain: has something our hooks don't know
        try:
            for name in names:
                if not (folder / f"{name}.{kind}.o").exists():
                    compile_theirs(folder, f"{name}.{kind}.o", f"{name}.c", "-c", *hooks)
            return compile_theirs(folder, out, *(f"{name}.{kind}.o" for name in names), ours, *wraps)
        except AssertionError:
            if not hooks:
                raise


@once
def library():
    """The program with the library, driven by the harness."""
    compile_theirs(build(), "stub.o", "stub.c", "-c", compiler="/usr/bin/tcc")
    return Library(link(build(), "stub", "stub.o", "parmap"))


@once
def linesum():
    """linesum, in which threads give up the processor now and then, so that each sees what the others do meanwhile."""
    compile_theirs(build(), "calm.o", "chaos.c", "-c", "-DSELDOM=200", compiler="/usr/bin/tcc")
    return link(build(), "linesum", "calm.o", "linesum", "parmap")


def only_given():
    """Whether nothing but the two sources can have a part in what make does in the agent's folder."""
    given = {path.name: path.read_bytes() for path in (TESTS / "given").iterdir()}
    others = set(os.listdir(APP)) - {*given, "parmap.c", "parmap.h", "linesum.c", "linesum", "linesum.o", "parmap.o"}
    return not others and all(read(APP / name) == text for name, text in given.items())


def test_every_item_once_and_in_order():
    """Promises 1 and 2: order, one call each, no overlap, at most `window` items open, exact stats."""
    for seed, (threads, window) in enumerate([(1, 4), (2, 1), (4, 2), (3, 3), (16, 5)], start=3):
        library().play(Run(threads, window, 10), seed=seed)
    library().play(Run(4, 4, 8), pick="one", seed=64)
    library().play(Run(8, 8, 24), pick="all", seed=13)
    for threads, window, items, seed in ((8, 400, 60, 40503), (4, 4, 40, 0), (2, 3, 20, 14)):
        library().play(Run(threads, window, items), pick="free", seed=seed)
    for items in (0, 1, 2):
        library().play(Run(4, 6, items), pick="some" if items else "free", seed=5 * items)


def test_workers_work_at_the_same_time():
    """`nthreads` items are in work() before one of them ends; then all end at once, with as many waiting."""
    for seed, (threads, window) in enumerate([(2, 2), (4, 20), (8, 32)]):
        library().play(Run(threads, window, window + threads), hold=("work",), pick="all", seed=seed * 21)


def test_a_slow_item_does_not_stop_those_behind_it():
    """Promise 4: the first item stays in work() until all items behind it in the window are done."""
    for seed, (threads, window) in enumerate([(2, 2), (3, 12)]):
        library().play(Run(threads, window, window + 3), hold=("head",), seed=seed * 31)


def test_blocked_next_and_emit_take_no_worker_and_no_lock():
    """Promise 3: with emit() blocked, and with both emit() and next() blocked, all workers are busy."""
    for seed, threads in enumerate((1, 6)):
        library().play(Run(threads, threads + 1, threads + 4), hold=("emit",), seed=seed * 41)
        library().play(Run(threads, 2 * threads + 1, 2 * threads + 2), hold=("emit", "next"), seed=seed * 42)


def test_finished_items_are_emitted_while_next_is_blocked():
    """Promise 3: next() gives item k only after item k-1 has been emitted (a dialogue over a pipe)."""
    for seed, (threads, window) in enumerate([(1, 1), (4, 4), (8, 2)]):
        library().play(Run(threads, window, 6), hold=("next",), seed=seed * 51)


def test_failure_of_the_first_item_of_the_stream_counts():
    """Promise 5: of several failures the first in the stream wins, all before it are emitted, the rest dropped."""
    for threads, window, seed in ((3, 6, 0), (4, 8, 61)):
        library().play(Run(threads, window, 20, codes={3: 33, 5: 55}, order=(5, 3)), seed=seed)
        library().play(Run(threads, window, 20, codes={3: 33, 5: 55}, order=(3, 5)), seed=seed)
        library().play(Run(threads, window, 20, codes={2: 22}, order=(2, 3)), seed=seed)  # 3 is still in work()
    late = {index: 70 + index for index in range(2, 60)}
    for seed, (threads, window) in enumerate([(1, 1), (4, 3), (8, 20)], start=63):
        library().play(Run(threads, window, 60, codes={21: 5, 7: 4, 10: 3, 9: 2}), seed=seed)
        library().play(Run(threads, window, 60, codes={21: 5, 7: 4, 10: 3, 9: 2}), pick="free", seed=seed)
        library().play(Run(threads, window, 60, codes=late), hold=("head",), seed=seed)


def test_reading_ends_after_a_failure():
    """Promise 5: with an endless stream pm_run() returns after a failure and has read no further than the window; next()
    is not called once the failure is known, whether it was going on at that moment or not."""
    for seed, (threads, window) in enumerate([(1, 1), (2, 7), (8, 4)], start=71):
        library().play(Run(threads, window, None, codes={9: 1, 12: 2}), seed=seed)
        library().play(Run(threads, window, None, codes={6: 1}), pick="free", seed=seed)
        library().play(Run(threads, window, None, codes={4: 9}, order=(4,)), hold=("next",))
        library().play(Run(threads, window, None, codes={4: 9}, order=(4,)), hold=("emit",))


def test_calls_do_not_know_of_each_other():
    """Promise 6: three threads call pm_run() at once; work() itself calls pm_run()."""
    for seed in (0, 81):
        library().play(*(Run(3, 5, 5 + k) for k in range(3)), seed=seed)
    library().play(*(Run(2, 3, 16) for _ in range(3)), pick="free", seed=82)
    library().play(Run(4, 6, 7, nest=(0, 5)), seed=83)


def test_threads_end_and_sleep():
    """Promises 7 and 8: no thread is left behind (the harness looks after every run), `stats` may be NULL, and nobody
    spins or polls while next() and emit() are blocked."""
    library().play(Run(6, 12, 20, stats=False), seed=91)
    naps = library().idle(Run(4, 8, 20), 0.1)
    assert naps <= 1, f"the waiting threads woke up {naps} times in 0.1 s"


def run_linesum(program, options, data):
    assert not hangs, f"not run: {hangs[0]}"
    try:
        return nobody.run(program, *options, data=data, seconds=6)
    except nobody.TooLong:
        raise Hangs(f"hangs: linesum {' '.join(options)}") from None


# What linesum prints for the lines that follow the digests, written by a run with one line after the other.
PRINTED = (TESTS / "printed").read_bytes().splitlines(keepends=True)
LINES = [line[17:] for line in PRINTED]


def test_linesum_prints_the_same_for_any_number_of_threads():
    """For each -j and -w linesum prints what a run one line after the other prints."""
    for options in (["-j2", "-w1"], ["-j8", "-w8"], ["-j16", "-w500"]):
        got = run_linesum(linesum(), options, b"".join(LINES))
        assert got.code == 0, f"{options}: status {got.code}"
        assert got.out == b"".join(PRINTED), f"{options}: wrong output"


def test_linesum_names_the_first_bad_line():
    """A line that is not plain text: everything in front of it is printed, it is named, status 2."""
    lines = list(LINES)
    for at in (12, 13, 15, 24):
        lines[at] = b"x\xff" + lines[at]
    for options in (["-j1"], ["-j8", "-w64"]):
        got = run_linesum(linesum(), options, b"".join(lines))
        assert got.code == 2, f"{options}: status {got.code}"
        assert got.out == b"".join(PRINTED[:12]), f"{options}: wrong output in front of the bad line"
        assert got.err.decode(errors="replace").strip() == "linesum: line 13: not plain text"


def test_linesum_prints_while_its_input_pauses():
    """With -j8 eight lines are answered although the input has not ended, and eight threads are there to do it."""
    want = b"".join(PRINTED[:8])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with nobody.start(linesum(), "-j8", **pipes) as process:
        try:
            process.stdin.write(b"".join(LINES[:8]))
            process.stdin.flush()
            got, end = b"", time.monotonic() + 6
            while len(got) < len(want) and select.select([process.stdout], [], [], max(end - time.monotonic(), 0))[0]:
                more = os.read(process.stdout.fileno(), len(want))
                got += more
                if not more:
                    break
            assert got == want
            assert len(os.listdir(f"/proc/{process.pid}/task")) >= 8, "-j8 starts fewer than eight threads"
        finally:
            nobody.kill_all()


def test_make_check_passes():
    """`make` and `make check` still work in a copy of the agent's folder."""
    assert not hangs, f"not run: {hangs[0]}"
    with nobody.folder() as folder:
        copy = nobody.copy(APP, folder / "parmap", leave_out=("linesum", "linesum.o", "parmap.o"))
        nobody.write(copy / "parmap.h", (TESTS / "parmap.h").read_bytes())
        nobody.write(copy / "check.sh", read(copy / "check.sh"), 0o755)
        tools = ("CC=tcc",) if only_given() else ()  # gcc has taken both sources above
        done = nobody.run("/usr/bin/make", *tools, "check", cwd=copy)
        if tools and done.code != 0:
            nobody.run("/usr/bin/make", "clean", cwd=copy)
            done = nobody.run("/usr/bin/make", "check", cwd=copy)
        assert done.code == 0, done.text[-3000:]
        assert (copy / "linesum").is_file()


def test_header_is_as_it_was():
    """parmap.h is the contract and stays."""
    assert read(APP / "parmap.h") == (TESTS / "parmap.h").read_bytes()
