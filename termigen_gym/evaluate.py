"""Evaluation: play each task several times and score it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .cluster import Cluster
from .collect import collect
from .episode import Episode
from .plan import OnProgress, Plan
from .score import Score, base_id, score
from .store import EpisodeStore


def evaluate(
    plan: Plan, folder: Path, k: int = 1, on_progress: OnProgress | None = None, cluster: Cluster | None = None
) -> Score:
    """Play what `plan` asks for and `folder` lacks, and score the plan's episodes.

    Two evaluations of one seed play the same instances of the same families, whoever the agent is.

    Args:
        plan: ``len(plan.tasks) * n`` episodes are n attempts at each task; a task with less than k is not in pass@k.
        folder: of the run.
        k: of pass@k.
        on_progress: as in `collect`.
        cluster: as in `collect`.

    Raises:
        TermigenError, KeyboardInterrupt: as `collect`.
    """
    collect(plan, folder, on_progress, cluster)
    return score(_of_the_plan(plan, folder), k)


def _of_the_plan(plan: Plan, folder: Path) -> Iterator[Episode]:
    """The run may have been begun with more episodes."""
    wanted = frozenset(plan.indices)
    return (episode for episode in EpisodeStore(folder) if int(base_id(episode.id)) in wanted)
