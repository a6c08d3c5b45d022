"""``python -m termigen_gym``: the command line, where its program is not on the path."""

from __future__ import annotations

from .cli import main

main()
