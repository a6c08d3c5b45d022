"""Cases of `Limits`."""

from __future__ import annotations

from ..sandbox.base import Engine, Image, Limits
from .case import MIB, TIMEOUT_S, Cases, equal, expect, output, running, sh

cases = Cases()


@cases.add
def memory_limit(engine: Engine, image: Image) -> None:
    """A program that takes more memory than there is gets killed or refused; the sandbox lives."""
    limits = Limits(memory_mb=128, storage_mb=64, pids=64)
    with engine.start(image, limits) as box:
        hog = "my @all; push @all, chr(65) x 1048576 for 1..1024; print scalar @all"
        result = box.exec(["perl", "-e", hog], timeout_s=TIMEOUT_S)
        expect(result.exit_code not in (0, None), f"the hog ended, not {result.exit_code!r} {result.text!r}")
        equal(output(box, "echo alive"), "alive\n")


@cases.add
def memory_limit_of_all(engine: Engine, image: Image) -> None:
    """Programs that together take more memory than there is get killed or refused, where the engine caps their sum."""
    if _caps_each_process_only(engine):
        return
    with engine.start(image, Limits(memory_mb=128, storage_mb=64, pids=64)) as box:
        hog = "my @all; push @all, chr(65) x 1048576 for 1..90; sleep 1000"
        script = "for i in 1 2 3 4; do perl -e '" + hog + "' >/dev/null 2>&1 & done; wait -n; echo $?"
        result = box.exec(["bash", "-c", script], timeout_s=TIMEOUT_S)
        expect(result.text.strip() not in ("", "0"), f"one of the hogs to be ended, not {result!r}")
        box.kill_processes()
        equal(output(box, "echo alive"), "alive\n")


@cases.add
def cpu_limit(engine: Engine, image: Image) -> None:
    """Busy loops get no more than their share of a processor, where the engine caps it."""
    if _caps_each_process_only(engine):
        return
    with engine.start(image, Limits(cpus=0.25, memory_mb=256, storage_mb=64, pids=64)) as box:
        # Processor time over the time that went by: other work on the machine can only make it less.
        script = (
            "use Time::HiRes 'time'; my $begun = time; my @pids; for (1..4) { my $pid = fork; "
            "if (!$pid) { 1 while time < $begun + 3; exit } push @pids, $pid } waitpid($_, 0) for @pids; "
            "my (undef, undef, $user, $system) = times; printf '%.3f', ($user + $system) / (time - $begun)"
        )
        share = float(box.exec(["perl", "-e", script], timeout_s=TIMEOUT_S).text)
        expect(0 < share <= 0.25 * 1.4, f"at most 0.25 of a processor, not {share}")


def _caps_each_process_only(engine: Engine) -> bool:
    """Whether the engine says that it has no control groups here (see docs/engines.md)."""
    return "limits per process only" in engine.probe()


@cases.add
def process_limit(engine: Engine, image: Image) -> None:
    """There can't be more processes than the limit."""
    limits = Limits(memory_mb=256, storage_mb=64, pids=40)
    with engine.start(image, limits) as box:
        script = (
            "my $n = 0; while (defined(my $p = fork)) { if (!$p) { sleep 1000; exit } last if ++$n > 200 } print $n"
        )
        result = box.exec(["perl", "-e", script], timeout_s=10)
        count = int(result.text or "-1")
        expect(10 < count <= limits.pids, f"at most {limits.pids} processes and not many fewer, not {count}")
        box.kill_processes()
        equal(output(box, "echo alive"), "alive\n")


@cases.add
def fork_bomb(engine: Engine, image: Image) -> None:
    """After a fork bomb kill_processes gives a sandbox back that works."""
    limits = Limits(memory_mb=256, storage_mb=64, pids=100)
    with engine.start(image, limits) as box:
        sh(box, "setsid perl -e 'fork while 1' >/dev/null 2>&1 & sleep 0.5", user=0, timeout_s=5)
        box.kill_processes()
        equal(output(box, "echo alive; pgrep -c perl 2>/dev/null || true"), "alive\n")
        equal(running(box, "fork while 1"), 0)


@cases.add
def fork_bomb_time_limit(engine: Engine, image: Image) -> None:
    """A fork bomb that outlives its time limit is dead afterwards."""
    limits = Limits(memory_mb=256, storage_mb=64, pids=100)
    with engine.start(image, limits) as box:
        equal(box.exec(["perl", "-e", "fork while 1"], timeout_s=1, user=0).exit_code, None)
        equal(running(box, "fork while 1"), 0)


@cases.add
def disk_limit(engine: Engine, image: Image) -> None:
    """A file can't grow beyond the disk; the sandbox lives and works again when the file is gone."""
    with engine.start(image, Limits(memory_mb=256, storage_mb=32, pids=64)) as box:
        expect(sh(box, "head -c 80M /dev/zero >/opt/big", user=0).exit_code != 0, "the write to fail")
        size = int(output(box, "stat -c %s /opt/big", user=0))
        expect(size <= 32 * MIB, f"at most 32 MiB written, not {size}")
        output(box, "rm /opt/big; echo small >/opt/small", user=0)
        equal(box.read("/opt/small"), b"small\n")
