from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest

from peers.runner.pack import install
from peers.runner.program import Home, new_home
from peers.runner.scene import Scene, scene
from support.cluster.paths import cache_directory
from support.ordering import keep_together, longest_first


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Groups have to be known before xdist looks, and nobody may shuffle afterwards."""
    keep_together(items)
    yield
    longest_first(items)


@pytest.fixture(scope="session")
def program() -> Path:
    """The stand-in runner, installed from its tarball."""
    return install(cache_directory())


@pytest.fixture
def home(program: Path) -> Iterator[Home]:
    """Folders of the test's own for one runner."""
    with new_home(program) as home:
        yield home


@pytest.fixture
async def stage(home: Home) -> AsyncIterator[Scene]:
    """A runner, a simulated server, and a recorder between them."""
    async with scene(home) as playing:
        yield playing
