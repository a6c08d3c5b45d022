"""What commands show: documents on standard output, progress and talk on standard error."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
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
    with _Bars(console=ERR) as bars:
        yield bars.show


class _Bars(Progress):
    """One bar for each stage, and below them what has come of the last one."""

    def __init__(self, *, console: Console) -> None:
        self._stages: dict[str, TaskID] = {}
        self._account: Mapping[str, str] = {}
        super().__init__(
            TextColumn("{task.description}", table_column=Column(no_wrap=True, min_width=8)),
            BarColumn(bar_width=20),
            MofNCompleteColumn(table_column=Column(no_wrap=True, min_width=9)),
            TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7)),
            TextColumn("{task.fields[note]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=console,
        )

    def show(self, step: Step) -> None:
        """Show how far a stage is."""
        self._account = step.account
        if step.stage not in self._stages:
            self._stages[step.stage] = self.add_task(step.stage, total=step.total, note="")
        self.update(self._stages[step.stage], completed=step.done, total=step.total, note=step.note)

    def get_renderables(self) -> Iterator[RenderableType]:
        """See `Progress.get_renderables`."""
        yield from super().get_renderables()
        if self._account:
            grid = Table.grid(padding=(0, 2))
            for name, words in self._account.items():
                grid.add_row(Text(name, style="dim"), Text(words))
            yield grid


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
            account = "".join(f"; {name} {words}" for name, words in step.account.items())
            sys.stderr.write(f"{step.stage} {step.done}/{step.total} {step.note}{account}\n")
            sys.stderr.flush()
