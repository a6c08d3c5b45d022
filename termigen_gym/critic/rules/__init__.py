"""Rules that turn an action into a mistake, one module for each kind.

A rule is a function of the action and of randomness. It says nothing where it does not apply, and it is only here when
its undo is sure whatever the action was: what it runs fails before it does anything, or only looks, or makes a file
of a name that nobody else has. Those that apply to any action stand in `FOR_ANY`.
"""

from . import analysis_errors, command_errors, hallucinations, requirement_violations, verification_failures
from .base import Rule

_MODULES = (analysis_errors, command_errors, hallucinations, requirement_violations, verification_failures)

SPECIFIC: tuple[Rule, ...] = tuple(rule for module in _MODULES for rule in module.SPECIFIC)
"""Rules that look at what the action does."""

FOR_ANY: tuple[Rule, ...] = tuple(rule for module in _MODULES for rule in module.FOR_ANY)
"""Rules that have a mistake for any action; every kind has one."""

__all__ = ["FOR_ANY", "SPECIFIC", "Rule"]
