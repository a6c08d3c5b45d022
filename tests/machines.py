"""A real Ray cluster whose machines are all this one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

HEAD: dict[str, Any] = {"include_dashboard": False}


@contextlib.contextmanager
def machines(*cores: int) -> Iterator[Any]:
    """A cluster (``ray.cluster_utils.Cluster``) of a head and further machines, with so many cores each."""
    from ray.cluster_utils import Cluster

    head, *others = cores
    made: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": head, **HEAD})
    try:
        for count in others:
            made.add_node(num_cpus=count)
        yield made
    finally:
        made.shutdown()
