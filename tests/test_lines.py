"""Files of lines: what is torn is told and cut, the kind of error is the user's. Their users' tests do the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from termigen_gym.errors import ModelError, StoreError
from termigen_gym.lines import Lines


@pytest.mark.parametrize(
    ("content", "torn"),
    [(b"", b""), (b"a\n", b""), (b"a\nb", b"b"), (b"b", b"b"), (b"a\n" + b"x" * 200_000, b"x" * 200_000)],
)
def test_what_a_crash_left_is_told_and_cut(content: bytes, torn: bytes, tmp_path: Path) -> None:
    path = tmp_path / "made" / "lines"
    path.parent.mkdir()
    path.write_bytes(content)
    lines = Lines(path)
    assert lines.torn() == torn
    lines.cut()
    assert lines.torn() == b""
    whole = content.removesuffix(torn)
    assert lines.append(b"new\n") == len(whole)
    lines.close()
    assert path.read_bytes() == whole + b"new\n"


def test_errors_are_of_the_kind_that_was_asked_for(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "lines")
    with pytest.raises(ModelError, match="found one at work"):
        Lines(tmp_path / "lines", ModelError)
    lines.close()
    lines.close()
    with pytest.raises(StoreError, match="expected an open file, found it closed"):
        lines.append(b"late\n")
    with pytest.raises(ModelError, match="expected a file to write to"):
        Lines(tmp_path / "lines" / "in a file", ModelError)
