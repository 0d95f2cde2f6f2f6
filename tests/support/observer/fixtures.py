"""The observer as a pytest plugin: every test that runs an operator is observed, or it fails."""

from collections.abc import Iterator

import pytest

from support.observer import observer as observing
from support.observer.observer import Observer, observe

# Whoever asks for one of these has an operator.
_OPERATORS = frozenset({"operator", "operator_kubeconfig"})
_LEVELS = ("cluster", "e2e")


@pytest.fixture(autouse=True)
def _observed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a cluster or e2e test with an operator that nobody has observed."""
    before = observing.opened()
    yield
    levels = [level for level in _LEVELS if request.node.get_closest_marker(level)]
    if levels and not _OPERATORS.isdisjoint(request.fixturenames) and observing.opened() == before:
        pytest.fail(
            f"{request.node.name} runs an operator that nobody observes; use `observe` or the fixture `observer`"
        )


@pytest.fixture
def observer(request: pytest.FixtureRequest) -> Iterator[Observer]:
    """An observer of the cluster that the test uses; include namespaces by `watching`."""
    name = "node_cluster" if "node_cluster" in request.fixturenames else "control_plane"
    with observe(request.getfixturevalue(name)) as made:
        yield made
