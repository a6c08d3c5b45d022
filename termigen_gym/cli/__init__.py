"""The command line: ``termigen --help``.

Every command module is light; what a command needs is imported when it runs, so that help comes at once and a command
needs only its own extras.

Exit codes: 0 all is well; 1 a check or an evaluation said no; 2 the command line, a task or a run folder is not usable;
3 something of ours failed (engine, model endpoint); 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from .. import errors
from ..extras import EXTRAS
from . import audits, exporting, machine, replays, runs, synthesis, tasks

_LATER_S = 0.05
_INTERRUPTED = 128 + signal.SIGINT
_BAD_INPUT = (errors.TaskError, errors.StoreError, errors.AgentError, errors.ActionError)


class _Group(TyperGroup):
    """Turns our errors into one message and an exit code; anything else is a bug and keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except errors.TermigenError as error:
            print(f"termigen: {error}", file=sys.stderr)
            raise typer.Exit(2 if isinstance(error, _BAD_INPUT) else 3) from None
        except ModuleNotFoundError as error:
            extra = next((name for name, modules in EXTRAS.items() if error.name in modules), None)
            if extra is None:
                raise
            print(
                f"termigen: expected the package {error.name}, found none: pip install 'termigen-gym[{extra}]'",
                file=sys.stderr,
            )
            raise typer.Exit(3) from None


app = typer.Typer(
    cls=_Group,
    help="Verifiable terminal tasks as Gymnasium environments, after TermiGen.",
    epilog="Exit codes: 0 well, 1 a check said no, 2 unusable input, 3 a failure of ours, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list")(tasks.list_tasks)
app.command("show")(tasks.show)
app.command("play")(tasks.play)
app.command("check")(tasks.check)
app.command("audit")(audits.audit)
app.command("synthesize")(synthesis.synthesize)
app.command("collect")(runs.collect)
app.command("replay")(replays.replay)
app.command("export")(exporting.export)
app.command("eval")(runs.evaluate)
app.command("doctor")(machine.doctor)
app.command("demo")(machine.demo)
images = typer.Typer(help="Images that tasks are built on.", no_args_is_help=True, rich_markup_mode=None)
images.command("bootstrap")(machine.bootstrap)
images.command("prune")(machine.prune)
app.add_typer(images, name="images")


@app.callback()
def _main() -> None:
    """Keep the commands below one name."""


def main() -> None:
    """Run the command line. SIGTERM is taken as Ctrl-C: sandboxes are closed and what was played is kept."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as in a shell's background job
        signal.signal(signal.SIGINT, _interrupt)
    try:
        app(prog_name="termigen")
    except (KeyboardInterrupt, SystemExit) as end:  # typer exits by itself, in silence, where it reads the options
        if isinstance(end, SystemExit) and end.code != _INTERRUPTED:
            raise
        print("termigen: interrupted; a run goes on when the same command is given again", file=sys.stderr)
        raise SystemExit(_INTERRUPTED) from None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # what is closed now is closed whole


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt; amid an import, which it could leave locked for other threads, a bit later."""
    at = frame
    while at is not None:
        if at.f_code.co_filename.startswith("<frozen importlib"):
            later = threading.Timer(_LATER_S, os.kill, (os.getpid(), number))
            later.daemon = True
            later.start()
            return
        at = at.f_back
    signal.default_int_handler(number, frame)
