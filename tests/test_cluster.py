"""Work on a real Ray cluster of two nodes: results, errors, a node that dies, and the end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import termigen_gym.cluster
from termigen_gym.cluster import Cluster
from termigen_gym.errors import TaskError, TermigenError
from tests.machines import machines
from tests.waiting import wait_until

PATIENCE_S = 120.0


def double(number: int) -> int:
    return 2 * number


def fail(number: int) -> int:
    raise TaskError(f"expected none, found {number}")


def stay(folder: str, name: str) -> str:
    """Say on which node it runs and stay there until told to go."""
    import ray

    with Path(folder, name).open("a") as file:
        file.write(f"{ray.get_runtime_context().get_node_id()}\n")
    try:
        while not Path(folder, "go").exists():
            time.sleep(0.05)
    finally:
        Path(folder, f"{name}.ended").touch()
    return name


def begun(folder: Path, names: list[str], tries: int) -> dict[str, list[str]]:
    """Wait until calls have been begun so many times in all, and return where each was."""

    def nodes() -> dict[str, list[str]]:
        return {name: (folder / name).read_text().split() for name in names if (folder / name).exists()}

    wait_until(lambda: sum(map(len, nodes().values())) >= tries, PATIENCE_S)
    return nodes()


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    with machines(2, 2) as made:
        yield made


@pytest.fixture
def cluster(nodes: Any) -> Iterator[Cluster]:
    with Cluster(nodes.address) as made:
        yield made


def test_a_signal_means_what_it_meant(nodes: Any) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Cluster(nodes.address):
        assert signal.getsignal(signal.SIGTERM) == before


def test_calls_return_and_raise_as_here(cluster: Cluster) -> None:
    assert cluster.call(double, 21) == 42
    with pytest.raises(TaskError, match="expected none, found 3"):
        cluster.call(fail, 3)


def test_a_call_whose_node_dies_is_made_on_another(nodes: Any, tmp_path: Path) -> None:
    dying = nodes.add_node(num_cpus=2)
    names = [f"call-{number}" for number in range(4)]  # so that the other nodes have room for those of the dying one
    with Cluster(nodes.address) as cluster:
        results: list[str] = []
        threads = [
            threading.Thread(target=lambda name=name: results.append(cluster.call(stay, str(tmp_path), name)))
            for name in names
        ]
        for thread in threads:
            thread.start()
        there = begun(tmp_path, names, 4)
        hit = [name for name, tried in there.items() if tried == [dying.node_id]]
        assert hit, "the calls are spread over the nodes"
        nodes.remove_node(dying, allow_graceful=False)
        again = begun(tmp_path, names, 4 + len(hit))
        (tmp_path / "go").touch()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert sorted(results) == names
    assert {name for name, tried in again.items() if len(tried) == 2} == set(hit)


def test_a_closed_cluster_lets_go_of_who_waits(nodes: Any, tmp_path: Path) -> None:
    cluster = Cluster(nodes.address)
    found: list[TermigenError] = []

    def wait() -> None:
        try:
            cluster.call(stay, str(tmp_path), "call")
        except TermigenError as error:
            found.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    begun(tmp_path, ["call"], 1)
    cluster.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert len(found) == 1
    assert (tmp_path / "call.ended").exists(), "what is called can clear up"
    assert "expected a cluster to carry stay out, found it closed" in str(found[0])
    with pytest.raises(TermigenError, match="expected an open cluster, found it closed"):
        cluster.call(double, 1)
    cluster.close()


def test_another_version_on_a_machine_is_told(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> None:
    monkeypatch.setattr(termigen_gym.cluster, "__version__", "0.0.1")
    with pytest.raises(TermigenError, match=r"expected termigen-gym 0\.0\.1, as where the run was begun, found"):
        cluster.call(double, 1)


def test_where_no_cluster_is_there_is_a_word() -> None:
    with pytest.raises(TermigenError, match=r"expected a Ray cluster at '127\.0\.0\.1:1', found none"):
        Cluster("127.0.0.1:1")
