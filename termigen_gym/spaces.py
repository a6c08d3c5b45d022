"""`TerminalText`, the one observation and action space."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces

_PRINTABLE = "".join(chr(code) for code in range(32, 127))
_SAMPLE_LENGTH = 120


class TerminalText(spaces.Text):
    """Text of 0 to `max_length` characters, any of Unicode except NUL.

    ``gymnasium.spaces.Text`` accepts only the characters of a fixed charset, and terminals print anything; here the
    charset serves to sample from, and samples are short. Spaces of one `max_length` are equal, so that different tasks
    vectorise together.
    """

    def __init__(self, max_length: int, *, seed: Any = None) -> None:
        super().__init__(max_length=max_length, min_length=0, charset=_PRINTABLE, seed=seed)

    def contains(self, x: Any) -> bool:
        """Return whether `x` is a str of at most `max_length` characters without NUL."""
        return isinstance(x, str) and len(x) <= self.max_length and "\x00" not in x

    def why_not(self, x: Any) -> str:
        """Return what keeps `x` out of this space, for an error message."""
        if not isinstance(x, str):
            return f"expected a str, found {type(x).__name__}"
        if len(x) > self.max_length:
            return f"expected at most {self.max_length} characters, found {len(x)}"
        return f"expected no NUL character, found one at index {x.find(chr(0))}"

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """Return a random printable text, short unless the mask names a length."""
        if mask is None and probability is None:
            length = int(self.np_random.integers(0, min(self.max_length, _SAMPLE_LENGTH) + 1))
            mask = (length, None)
        return super().sample(mask=mask, probability=probability)

    def __repr__(self) -> str:
        return f"TerminalText(max_length={self.max_length})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TerminalText) and other.max_length == self.max_length
