"""Examining drafts on the machines of a Ray cluster."""

from __future__ import annotations

import contextlib

from ..checks import Report
from ..cluster import Cluster
from ..sandbox import engine
from .draft import Draft
from .examine import Examiner


class ClusterExaminer:
    """Examines drafts wherever a cluster has a core to spare; one whose machine goes down is examined on another.

    Args:
        cluster: closed with it. sandbox: the engine, which each machine needs.
    """

    def __init__(self, cluster: Cluster, sandbox: str) -> None:
        self._cluster = cluster
        self.engine = cluster.call(_engine_name, sandbox)

    def examine(self, draft: Draft) -> Report:
        """See `Examines.examine`."""
        return self._cluster.call(_examine, self.engine, draft)

    def close(self) -> None:
        """See `Examines.close`."""
        self._cluster.close()


def _engine_name(sandbox: str) -> str:
    return engine(sandbox).name


def _examine(sandbox: str, draft: Draft) -> Report:
    with contextlib.closing(Examiner(sandbox, 1)) as examiner:
        return examiner.examine(draft)
