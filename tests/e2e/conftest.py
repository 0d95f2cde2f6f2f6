from collections.abc import Iterator

import pytest

from support.observer.observer import every_observation
from support.observer.whole_run import WholeRun

_LAST = "test_whole_run.py"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is about the whole run comes at its end."""
    items.sort(key=lambda item: item.path.name == _LAST)


@pytest.fixture(autouse=True, scope="session")
def whole_run() -> Iterator[WholeRun]:
    """What all tests of this level observe."""
    made = WholeRun()
    with every_observation(made.take):
        yield made


@pytest.fixture(autouse=True)
def observed(request: pytest.FixtureRequest) -> None:
    """Observe whatever the operator does in any of these tests."""
    if "operator" in request.fixturenames:
        request.getfixturevalue("observer")
