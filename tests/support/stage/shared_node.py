"""One node and one operator for all processes of a test run, started by the one that outlives the others."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.cluster.choice import cluster_with_node
from support.cluster.preparation import prepare
from support.cluster.standing import standing
from support.stage import images
from support.stage.operator import Operator

_SHARED = pytest.StashKey["SharedNode"]()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedNode:
    """What a process needs to know that is to use it.

    Attributes:
        name: of the cluster.
        turns: file whose lock says who may use the cluster beside others (module `turns`).
        observed: directory in which each process leaves for the others what it has observed.
    """

    name: str
    turns: str
    observed: str


def start_for(config: pytest.Config) -> SharedNode:
    """The run's node with the operator on it; it is taken down when the run ends.

    Raises:
        ClusterError: it cannot be built or started.
    """
    found = config.stash.get(_SHARED, None)
    if found is not None:
        return found
    prepare(node=True)
    built = images.build(images.stand_in())
    cluster = cluster_with_node()
    until_the_end = ExitStack()
    config.add_cleanup(until_the_end.close)
    until_the_end.enter_context(standing(cluster))
    for image in built:
        cluster.load(image)
    directory = Path(tempfile.mkdtemp(prefix="runnerpool-e2e-"))
    operator = Operator(cluster, directory)
    operator.install(built.operator.reference, built.runner.reference)
    operator.stop_following()
    if not cluster.disposable:
        until_the_end.callback(operator.remove)
    shared = config.stash[_SHARED] = SharedNode(
        name=cluster.name, turns=str(directory / "turns"), observed=str(directory)
    )
    return shared
