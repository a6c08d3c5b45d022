"""What commands show: documents on standard output, progress and talk on standard error."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from ..plan import Progress as Step

_PIPED_WIDTH = 140
OUT = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)
ERR = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _PIPED_WIDTH)
_PLAIN_EVERY_S = 10.0


def print_json(document: Any) -> None:
    """Print the one document of a command."""
    print(json.dumps(document, ensure_ascii=False, indent=2))


def table(*columns: str, rows: Sequence[Sequence[object]] = ()) -> Table:
    """Return a table of plain texts; the first column is not wrapped, those that begin with ">" are right-aligned."""
    made = Table(header_style="bold", show_header=any(columns))
    for number, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if column.startswith(">") else "left"
        made.add_column(column.removeprefix(">"), justify=justify, overflow="fold", no_wrap=number == 0)
    for row in rows:
        made.add_row(*(Text(str(cell)) for cell in row))
    return made


@contextlib.contextmanager
def progress() -> Iterator[Callable[[Step], None]]:
    """Show how far stages are: bars on a terminal, now and then a line elsewhere."""
    if not ERR.is_terminal:
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=ERR) as bars:
        yield _Bars(bars)


class _Bars:
    """One bar for each stage."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def __call__(self, step: Step) -> None:
        if step.stage not in self._tasks:
            self._tasks[step.stage] = self._bars.add_task(step.stage, total=step.total, note="")
        self._bars.update(self._tasks[step.stage], completed=step.done, total=step.total, note=step.note)


class _Lines:
    """A line at the begin and the end of a stage, and every few seconds between."""

    def __init__(self) -> None:
        self._stage = ""
        self._next = 0.0

    def __call__(self, step: Step) -> None:
        now = time.monotonic()
        if step.stage != self._stage or step.done == step.total or now >= self._next:
            self._stage, self._next = step.stage, now + _PLAIN_EVERY_S
            # In one piece: an interrupt must not leave half a line before what it has to say.
            sys.stderr.write(f"{step.stage} {step.done}/{step.total} {step.note}\n")
            sys.stderr.flush()
