"""Fixtures of the tests on a real node. Node and operator are one for all xdist workers; a file is one worker's."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from support.cluster import requirements
from support.cluster.errors import ClusterError
from support.cluster.fixtures import SHARED_NODE, told_of_shared_node
from support.observer.observer import every_observation
from support.observer.whole_run import WholeRun
from support.stage import shared_node
from support.stage.errors import StageError
from support.stage.turns import turn

_LAST = "test_whole_run.py"
_TURN = pytest.StashKey[ExitStack]()


def pytest_configure_node(node: Any) -> None:
    """Start everything in the process that hands tests out: it outlives every worker, as the cluster must."""
    if node.config.option.collectonly or requirements.unmet(node=True):
        return
    try:
        node.workerinput[SHARED_NODE] = asdict(shared_node.start_for(node.config))
    except (ClusterError, StageError) as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """A file is one worker's; those that may take longest come first, and those that must be alone come last.

    At the very end comes what is about the whole run.
    """
    for item in items:
        item.add_marker(pytest.mark.xdist_group("alone" if _alone(item) else item.path.stem))
    yield
    items.sort(key=lambda item: (_alone(item), item.path.name == _LAST, -_patience(item), item.path))


def _alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


def _patience(item: pytest.Item) -> float:
    """Of its file, so that a test with a timeout of its own stays among the others."""
    marks = getattr(item.getparent(pytest.Module), "own_markers", ())
    return max((float(mark.args[0]) for mark in marks if mark.name == "timeout"), default=0.0)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Wait for the file's turn, and have it until the file's fixtures are gone; no timeout counts while it waits."""
    shared = told_of_shared_node(item.config)
    if shared and _TURN not in item.config.stash:
        stack = item.config.stash[_TURN] = ExitStack()
        stack.enter_context(turn(Path(shared["turns"]), alone=_alone(item)))
    try:
        return (yield)
    finally:
        if shared and (nextitem is None or nextitem.path != item.path or _alone(nextitem) != _alone(item)):
            item.config.stash[_TURN].close()
            del item.config.stash[_TURN]


@pytest.fixture(autouse=True, scope="session")
def whole_run(pytestconfig: pytest.Config) -> Iterator[WholeRun]:
    """What all tests of this level observe, in all processes."""
    shared = told_of_shared_node(pytestconfig)
    made = WholeRun(Path(shared["observed"]) if shared else None)
    with every_observation(made.take):
        yield made


@pytest.fixture(autouse=True)
def observed(request: pytest.FixtureRequest) -> None:
    """Observe whatever the operator does in any of these tests."""
    if "operator" in request.fixturenames:
        request.getfixturevalue("observer")
