"""Is a task sound? It builds, no idler passes it, its solution does, and every mistake on its list can be taken back.

An audit asks more: how strong its tests are, whether they say the same each time, whether right ways other than the
solution's pass, what lies in the image. What passes an audit gets a certificate (`termigen_gym.checks.manifest`).
A survey asks of a set from outside what can be asked without solutions, and counts.

A `Check` is a function over a `Context`; `CHECKS` and `AUDIT_CHECKS` list them in the order in which they run. A check
says no in its finding; so does one that could not be carried out because something of ours failed on the way. A missing
engine is no finding: it is raised.
"""

from .certify import audit_tasks
from .context import Check, Context, Finding, Pick, Report
from .running import AUDIT_CHECKS, CHECKS, QUICK_CHECKS, check_task, check_tasks
from .survey import SURVEY_CHECKS, survey_tasks

__all__ = [
    "AUDIT_CHECKS",
    "CHECKS",
    "QUICK_CHECKS",
    "SURVEY_CHECKS",
    "Check",
    "Context",
    "Finding",
    "Pick",
    "Report",
    "audit_tasks",
    "check_task",
    "check_tasks",
    "survey_tasks",
]
