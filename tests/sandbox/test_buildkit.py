"""What a build says of itself."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from termigen_gym.sandbox.buildkit import BuildLog


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def vertex(digest: str, name: str, error: str = "") -> bytes:
    times = field(5, field(1, 1_700_000_000) + field(2, 5))
    failed = field(7, error.encode()) if error else b""
    return field(1, field(1, digest.encode()) + field(3, name.encode()) + field(4, 1) + times + failed)


def log(digest: str, text: str) -> bytes:
    return field(3, field(1, digest.encode()) + field(3, 1) + field(4, text.encode()))


def trace(*parts: bytes) -> dict[str, Any]:
    return {"id": "moby.buildkit.trace", "aux": base64.b64encode(b"".join(parts)).decode()}


def test_the_step_that_failed_is_told_with_its_last_lines() -> None:
    build = BuildLog()
    build.feed(trace(vertex("a", "[internal] load metadata"), vertex("b", "[1/3] RUN good")))
    build.feed(trace(log("b", "fine\n"), vertex("c", "[2/3] RUN bad"), vertex("d", "[x 1/1] RUN other")))
    for number in range(0, 100, 2):
        build.feed(trace(log("c", f"line {number}\nline {number + 1}\n")))
    build.feed(trace(vertex("d", "[x 1/1] RUN other", "context canceled")))
    build.feed(trace(vertex("c", "[2/3] RUN bad", "exit code: 9")))
    build.feed({"errorDetail": {"message": "it failed"}, "error": "it failed"})
    assert build.error == "it failed"
    lines = build.failure().splitlines()
    assert lines[0] == "step [2/3] RUN bad: it failed"
    assert lines[1:] == [f"line {number}" for number in range(70, 100)]


def test_a_build_that_goes_well_has_no_error() -> None:
    build = BuildLog()
    build.feed(trace(vertex("a", "[1/1] RUN good"), log("a", "fine\n")))
    build.feed({"id": "moby.image.id", "aux": {"ID": "sha256:1"}})
    build.feed({"stream": "Successfully tagged x\n"})
    assert build.error == ""


def test_an_error_before_any_step_is_the_dockerfile_s() -> None:
    build = BuildLog()
    build.feed(trace(vertex("a", "[internal] load remote build context")))
    build.feed({"error": "unknown instruction: NONSENSE"})
    assert build.failure() == "the reading of the Dockerfile: unknown instruction: NONSENSE"


def test_plain_text_is_understood() -> None:
    build = BuildLog()
    for text in ("STEP 1/2: FROM x\n", "STEP 2/2: RUN bad\n", "out\n", "of luck\n"):
        build.feed({"stream": text})
    build.feed({"error": "exit status 1"})
    assert build.failure() == "step STEP 2/2: RUN bad: exit status 1\nout\nof luck"


IN_PIECES = "could not resolve\nhost"


@pytest.mark.parametrize(
    "messages",
    [
        [trace(vertex("a", "[1/1] RUN bad")), *(trace(log("a", piece)) for piece in IN_PIECES)],
        [
            {"stream": "Step 1/1 : RUN bad"},
            {"stream": "\n"},
            *({"stream": f"\x1b[91m{piece}\x1b[0m"} for piece in IN_PIECES),
        ],
    ],
    ids=["buildkit", "old"],
)
def test_what_comes_in_pieces_is_joined(messages: list[dict[str, Any]]) -> None:
    build = BuildLog()
    for message in messages:
        build.feed(message)
    build.feed({"error": "exit code: 6"})
    assert build.failure().split(": exit code: 6")[1] == "\ncould not resolve\nhost"


def test_an_endless_line_is_bounded() -> None:
    build = BuildLog()
    build.feed({"stream": "STEP 1/1: RUN bad\n"})
    for _ in range(100):
        build.feed({"stream": "x" * 1000})
    assert len(build.failure()) < 5000
