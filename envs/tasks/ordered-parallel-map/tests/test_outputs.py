"""The library is built from the agent's parmap.c and the tests' own header and
runs as nobody in a process of its own, whose callbacks are answered by a
harness that checks the contract of parmap.h. chaos.c makes condition variables
behave as badly as POSIX allows, so that a missing loop or a signal to the wrong
thread shows in every run."""

import os
import random
import subprocess
import time
from pathlib import Path

import nobody
import pytest

APP = Path("/app/parmap")
TESTS = Path(__file__).resolve().parent
GCC = "/usr/bin/gcc"
FLAGS = ("-std=gnu11", "-O2", "-pthread")
WRAPPED = (
    "pthread_mutex_lock pthread_mutex_unlock pthread_cond_wait pthread_cond_timedwait "
    "pthread_cond_clockwait pthread_cond_signal pthread_cond_broadcast pthread_cond_destroy"
).split()


def compile_theirs(folder, out, *args):
    done = nobody.run(GCC, *FLAGS, "-o", out, *args, cwd=folder, env={"TMPDIR": str(folder)})
    assert done.code == 0, f"does not compile:\n{done.text[-3000:]}"
    return folder / out


def compile_ours(folder, name):
    subprocess.run([GCC, *FLAGS, "-O1", "-o", folder / name, TESTS / f"{name}.c"], check=True, timeout=60)
    return folder / name


@pytest.fixture(scope="session")
def build():
    """A folder with the agent's sources beside the tests' own header."""
    with nobody.folder() as folder:
        for name in ("parmap.c", "linesum.c"):
            nobody.write(folder / name, nobody.read(APP / name, 1 << 20))
        for name in ("parmap.h", "wire.h", "stub.c", "chaos.c"):
            nobody.write(folder / name, (TESTS / name).read_bytes())
        yield folder


@pytest.fixture(scope="session")
def harness(build, tmp_path_factory):
    """The command that runs a scenario: the harness, and the program with the library."""
    parts = ["stub.c", "chaos.c", *("-Wl,--wrap=" + name for name in WRAPPED)]
    try:  # with hooks before every load and store, see chaos.c
        compile_theirs(build, "hooked.o", "parmap.c", "-c", "-fsanitize=thread")
        stub = compile_theirs(build, "stub", "hooked.o", *parts)
    except AssertionError:  # something in it that our hooks don't know
        stub = compile_theirs(build, "stub", "parmap.c", *parts)
    return [compile_ours(tmp_path_factory.mktemp("harness"), "harness"), stub]


@pytest.fixture(scope="session")
def linesum(build):
    return compile_theirs(build, "linesum", "linesum.c", "parmap.c")


@pytest.fixture(scope="session")
def refsum(tmp_path_factory):
    return compile_ours(tmp_path_factory.mktemp("refsum"), "refsum")


hanging = False


def hung(args):
    """A hang fails the test, and after one nothing more is run."""
    global hanging
    hanging = True
    pytest.fail(f"hangs: {' '.join(str(arg) for arg in args)}")


def play(harness, scenario, threads, window, items, seed):
    if hanging:
        pytest.fail("not run: a run has hung already")
    args = [str(x) for x in (scenario, threads, window, items, seed)]
    try:
        done = subprocess.run([*harness, *args], capture_output=True, text=True, timeout=12)
    except subprocess.TimeoutExpired:
        hung(args)
    finally:
        nobody.kill_all()
    assert done.returncode == 0, f"{' '.join(args)}: status {done.returncode}: {done.stderr[-400:]}"


def test_every_item_once_and_in_order(harness):
    """Promises 1 and 2: order, one call each, no overlap, at most `window` items open, exact stats."""
    shapes = [(1, 1), (1, 4), (2, 1), (4, 2), (3, 3), (4, 16), (8, 8), (16, 3), (5, 400)]
    for threads, window in shapes:
        for seed in (0, 3, 64, 40503):
            play(harness, "order", threads, window, 60 + seed % 7, seed)
    play(harness, "order", 8, 64, 700, 13)
    for items in (0, 1, 2):
        for seed in (0, 5, 6):
            play(harness, "order", 4, 6, items, seed)


def test_workers_work_at_the_same_time(harness):
    """`nthreads` items meet in work() at a barrier: nothing runs one after the other."""
    for threads, window in ((2, 2), (4, 4), (4, 9), (8, 8), (6, 40)):
        for seed in (0, 21, 22):
            play(harness, "meet", threads, window, threads * 12, seed)


def test_a_slow_item_does_not_stop_those_behind_it(harness):
    """Promise 4: item 0 stays in work() until all items behind it in the window are done."""
    for threads, window in ((2, 2), (2, 16), (4, 5), (4, 30), (3, 101)):
        for seed in (0, 31, 32):
            play(harness, "head", threads, window, window + 20, seed)


def test_blocked_next_and_emit_take_no_worker_and_no_lock(harness):
    """Promise 3: with emit() blocked, and with both emit() and next() blocked, all workers are busy."""
    for threads in (1, 2, 4, 7):
        for seed in (0, 41, 42):
            play(harness, "emit", threads, threads + 1, threads + 30, seed)
            play(harness, "full", threads, threads + 2, threads + 30, seed)
            play(harness, "full", threads, 4 * threads + 8, threads + 30, seed)


def test_finished_items_are_emitted_while_next_is_blocked(harness):
    """Promise 3: next() gives item k only after item k-1 has been emitted (a dialogue over a pipe)."""
    for threads, window in ((1, 1), (1, 5), (4, 4), (8, 2), (4, 64)):
        for seed in (0, 51, 52):
            play(harness, "echo", threads, window, 60, seed)


def test_failure_of_the_first_item_of_the_stream_counts(harness):
    """Promise 5: of several failures the first in the stream wins, all before it are emitted, the rest dropped."""
    for threads, window in ((3, 6), (4, 8), (8, 30)):
        for seed in (0, 61, 62):
            play(harness, "twofail", threads, window, 40, seed)
            play(harness, "busy", threads, window, 40, seed)
    for threads, window in ((1, 1), (2, 5), (4, 4), (8, 3), (8, 40)):
        for seed in (0, 63, 64, 65):
            play(harness, "fails", threads, window, 100, seed)
            play(harness, "latefail", threads, window, 60, seed)


def test_reading_ends_after_a_failure(harness):
    """Promise 5: with an endless stream pm_run() returns after a failure and has read no further than the window."""
    for threads, window in ((1, 1), (2, 7), (4, 4), (8, 32)):
        for seed in (0, 71, 72):
            play(harness, "fails", threads, window, -1, seed)


def test_calls_do_not_know_of_each_other(harness):
    """Promise 6: three threads call pm_run() at once; work() itself calls pm_run()."""
    for seed in (0, 81, 82):
        play(harness, "crowd", 3, 5, 40, seed)
        play(harness, "nest", 4, 6, 40, seed)


def test_threads_end_and_sleep(harness):
    """Promises 7 and 8: no thread is left behind; nobody spins while next() or emit() is blocked."""
    play(harness, "ended", 6, 12, 60, 0)
    play(harness, "ended", 3, 2, 60, 91)
    play(harness, "idle", 4, 8, 20, 0)


def lines_of(seed, count):
    rng = random.Random(seed)
    alphabet = [chr(c) for c in range(0x20, 0x7F)] + ["\t"]
    return ["".join(rng.choice(alphabet) for _ in range(rng.choice((0, 1, 5, 40, 200)))) for _ in range(count)]


def run_linesum(linesum, options, data):
    if hanging:
        pytest.fail("not run: a run has hung already")
    try:
        return nobody.run(linesum, *options, data=data, seconds=12)
    except nobody.TooLong:
        hung(["linesum", *options])


def test_linesum_prints_the_same_for_any_number_of_threads(linesum, refsum):
    """linesum with fresh input: for each -j and -w what a run one line after the other prints."""
    data = ("\n".join(lines_of(20261, 60)) + "\n").encode()
    want = subprocess.run([refsum], input=data, capture_output=True, timeout=20, check=True).stdout
    for options in (["-j1", "-w1"], ["-j2"], ["-j4"], ["-j8", "-w8"], ["-j16", "-w5"], ["-j3", "-w500"]):
        for _ in range(2):
            got = run_linesum(linesum, options, data)
            assert got.code == 0, f"{options}: status {got.code}"
            assert got.out == want, f"{options}: wrong output"


def test_linesum_names_the_first_bad_line(linesum, refsum):
    """A line that is not plain text: everything in front of it is printed, it is named, status 2."""
    lines = [line.encode() for line in lines_of(77, 50)]
    want = subprocess.run(
        [refsum], input=b"\n".join(lines[:21]) + b"\n", capture_output=True, timeout=20, check=True
    ).stdout
    for at in (21, 22, 24, 45):
        lines[at] = b"x\xff" + lines[at]
    data = b"\n".join(lines) + b"\n"
    for options in (["-j1"], ["-j4"], ["-j8", "-w64"]):
        for _ in range(2):
            got = run_linesum(linesum, options, data)
            assert got.code == 2, f"{options}: status {got.code}"
            assert got.out == want, f"{options}: wrong output in front of the bad line"
            assert got.err.decode(errors="replace").strip() == "linesum: line 22: not plain text"


def test_linesum_prints_while_its_input_pauses(linesum, refsum):
    """With -j8 eight lines are answered although the input has not ended, and eight threads are there to do it."""
    data = ("\n".join(lines_of(5, 8)) + "\n").encode()
    want = subprocess.run([refsum], input=data, capture_output=True, timeout=20, check=True).stdout
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with nobody.start(linesum, "-j8", **pipes) as process:
        try:
            process.stdin.write(data)
            process.stdin.flush()
            os.set_blocking(process.stdout.fileno(), False)
            got, end = b"", time.monotonic() + 12
            while len(got) < len(want) and time.monotonic() < end and process.poll() is None:
                got += process.stdout.read(len(want)) or b""
                time.sleep(0.005)
            assert got == want
            assert len(os.listdir(f"/proc/{process.pid}/task")) >= 8, "-j8 starts fewer than eight threads"
        finally:
            nobody.kill_all()


def test_make_check_passes():
    """`make` and `make check` still work in a copy of the agent's folder."""
    with nobody.folder() as folder:
        copy = nobody.copy(APP, folder / "parmap", leave_out=("linesum", "linesum.o", "parmap.o"))
        nobody.write(copy / "parmap.h", (TESTS / "parmap.h").read_bytes())
        nobody.write(copy / "check.sh", nobody.read(copy / "check.sh"), 0o755)
        done = nobody.run("/usr/bin/make", "check", cwd=copy)
        assert done.code == 0, done.text[-3000:]
        assert (copy / "linesum").is_file()


def test_header_is_as_it_was():
    """parmap.h is the contract and stays."""
    assert nobody.read(APP / "parmap.h") == (TESTS / "parmap.h").read_bytes()
