"""What may differ between two plays, rule by rule, and what may not."""

from __future__ import annotations

import pytest

from termigen_gym.normal import RULES, normal

ALIKE = [
    ("date and time", "2026-11-27T13:03:19.123Z up", "2026-11-28T01:44:02.5Z up", "<time> up"),
    ("date and time", "2026-11-27 13:03:19,004 WARN", "2026-01-02 03:04:05,678 WARN", "<time> WARN"),
    ("date and time", "log-2026-11-27.gz", "log-2027-01-01.gz", "log-<time>.gz"),
    ("time of a log", "[27/Nov/2026:13:03:19 +0000]", "[01/Jan/2027:00:00:00 +0000]", "[<time>]"),
    ("date in words", "Fri Nov 27 13:03:19 UTC 2026", "Sat Nov 28 01:00:00 UTC 2026", "<time>"),
    ("date in words", "Fri, 27 Nov 2026 13:03:19 GMT", "Sat, 28 Nov 2026 01:00:00 GMT", "<time>"),
    ("date in words", "root 12 Nov 27 13:03 a", "root 12 Jan  2  2025 a", "root 12 <time> a"),
    (
        "date in words",
        "Date:   Fri Nov 27 13:03:19 2026 +0000",
        "Date:   Sun Jan 3 1:00:00 2027 +0000",
        "Date:   <time>",
    ),
    ("time of day", "13:03:19 ok", "01:44:02.51 ok", "<time> ok"),
    ("seconds since 1970", "at 1795784599", "at 1795784601.25", "at <time>"),
    ("seconds since 1970", "at 1795784599123", "at 1795784601004", "at <time>"),
    ("minutes and seconds", "real\t0m0.003s", "real\t1m12.4s", "real\t<duration>"),
    ("duration", "4 passed in 0.02s", "4 passed in 1.37s", "4 passed in <duration>"),
    ("duration", "took 12 ms", "took 9.5 ms", "took <duration>"),
    ("number of a background job", "[1] 4242", "[1] 17", "[1] <pid>"),
    (
        "death in a script",
        "bash: line 3: 4242 Killed  sleep 9",
        "bash: line 3: 17 Killed  sleep 9",
        "bash: line 3: <pid> Killed  sleep 9",
    ),
    ("process id", "pid=4242 up", "pid=17 up", "pid=<pid> up"),
    ("process id", "Main PID: 4242", "Main PID: 17", "Main PID: <pid>"),
    ("process of a sanitizer", "==144==ERROR: Addr", "==9==ERROR: Addr", "==<pid>==ERROR: Addr"),
    (
        "row of ps aux",
        "root        12  0.0  0.1   4332  3420 pts/0    S    13:03   0:00 sleep 9",
        "root         9  1.5  0.2   4332  3300 pts/0    S    Nov27   0:01 sleep 9",
        "root <pid> pts/0    S sleep 9",
    ),
    (
        "row of ps -ef",
        "root        12       1  0 13:03 pts/0    00:00:00 sleep 9",
        "root        19       2  3 01:44 pts/0    00:00:02 sleep 9",
        "root <pid> pts/0 sleep 9",
    ),
    ("address in memory", "<f at 0x7f1c2a3b4c5d>", "<f at 0x7ffe00112233>", "<f at <address>>"),
    ("name of mktemp", "/tmp/tmp.Ab3xY9zQ1k/a", "/tmp/tmp.0000aaaaBB/a", "/tmp/<temp>/a"),
    ("name of Python's tempfile", "/tmp/tmpab3_x9zq/a", "/tmp/tmp00000000/a", "/tmp/<temp>/a"),
    ("name of a compiler's file", "/tmp/ccAb3xY9.o: error", "/tmp/cc000000.o: error", "/tmp/<temp>.o: error"),
    ("folder of pytest", "/tmp/pytest-of-root/pytest-0/a", "/tmp/pytest-of-root/pytest-12/a", None),
    ("port of a client", "peer 127.0.0.1:43210", "peer 127.0.0.1:60999", "peer 127.0.0.1:<port>"),
    ("port of a client", "from port 43210", "from port 32768", "from port <port>"),
    ("line of git log", "10c9388 (HEAD -> main) fix", "ab2c8c5 (HEAD -> main) fix", "<commit> (HEAD -> main) fix"),
    ("line of git log", "10c9388 fix", "ab2c8c5 fix", "<commit> fix"),
    ("commit of git", "[main 10c9388] fix", "[main ab2c8c5] fix", "[main <commit>] fix"),
    ("commit of git", f"commit {'a1' * 20}", f"commit {'0f' * 20}", "commit <commit>"),
    ("commit of git", "a1" * 20, "0f" * 20, "<commit>"),
    ("commit of git", "HEAD is now at 10c9388 fix", "HEAD is now at ab2c8c5 fix", "HEAD is now at <commit> fix"),
    (
        "bytes left out",
        "[... 812 bytes left out ...]",
        "[... 7 bytes left out ...]",
        "[... <bytes> bytes left out ...]",
    ),
]


@pytest.mark.parametrize(("name", "one", "other", "both"), ALIKE)
def test_what_says_nothing_is_the_same(name: str, one: str, other: str, both: str | None) -> None:
    assert name in {rule.name for rule in RULES}
    assert normal(one) == normal(other)
    assert normal(one) != one
    if both is not None:
        assert normal(one) == both


def test_each_rule_is_needed_by_one_of_these_cases() -> None:
    assert [rule.name for rule in RULES if rule.name not in {case[0] for case in ALIKE}] == []
    for rule in RULES:
        assert any(rule.pattern.search(one) for name, one, _, _ in ALIKE if name == rule.name), rule.name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("17", "25"),
        ("exit code 0", "exit code 1"),
        ("main.c:12:34: error", "main.c:12:35: error"),
        ("version 1.2.3", "version 1.2.4"),
        ("listening on 0.0.0.0:8080", "listening on 0.0.0.0:8081"),
        ("AUC 0.981", "AUC 0.9797"),
        ("drwxr-xr-x 2 root root", "drwxr-x--- 2 root root"),
        ("total 1795784599x", "total 1795784600x"),
        ("e9017a2b2a121376ee47b2520b7f55e5  -", "dd36d9559c8264f4f65bcbd42ac1b86e  -"),
        ("flags 0x1f", "flags 0x2f"),
        ("12345678901 bytes", "12345678902 bytes"),
        ("defaced by", "effaced by"),
        ("pidgin 2", "pidgin 3"),
    ],
)
def test_what_says_something_is_not(one: str, other: str) -> None:
    assert normal(one) != normal(other)


def test_it_is_normal_already() -> None:
    assert all(normal(normal(one)) == normal(one) for _, one, _, _ in ALIKE)
