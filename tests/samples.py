"""Small task folders that tests write for themselves."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import COMMON_LINES

TEST_SH = "grep -qx done /app/out.txt && echo 1 > /logs/verifier/reward.txt || echo 0 > /logs/verifier/reward.txt\n"


def write_task(
    folder: Path,
    *,
    test_sh: str = TEST_SH,
    dockerfile: str = COMMON_LINES + "WORKDIR /app\n",
    toml: str = "[verifier]\ntimeout_sec = 20\n",
    instruction: str = "Write `done` to /app/out.txt.\n",
    files: dict[str, str] | None = None,
) -> Path:
    """Write a task; returns its folder."""
    for name, text in {
        "task.toml": toml,
        "instruction.md": instruction,
        "environment/Dockerfile": dockerfile,
        "tests/test.sh": test_sh,
        **(files or {}),
    }.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return folder
