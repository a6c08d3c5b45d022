"""What a seeded family's generator returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Instance:
    """One instance of a family: what differs from seed to seed.

    Attributes:
        instruction: the text of instruction.md.
        files: absolute path in the image to content; root-owned, mode 0644, or 0755 where the content begins with ``#!``.
        tests: file name under tests/ to content; present in the sandbox at verify time only.
        solution: the text of solution/solve.sh.
        mistakes: the text of solution/mistakes.toml.
    """

    instruction: str
    files: Mapping[str, bytes | str]
    tests: Mapping[str, bytes | str] = field(default_factory=dict)
    solution: str = ""
    mistakes: str = ""
