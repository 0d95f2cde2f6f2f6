import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.cluster.backends import ClusterBackend
from support.cluster.errors import ClusterError
from support.ordering import longest_first
from support.prometheus.debian import programs
from support.stage import shared_plane
from support.stage.kube import kube_http


def pytest_configure_node(node: Any) -> None:
    shared_plane.start_before(node)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    longest_first(items)


@pytest.fixture(scope="session")
def api(control_plane: ClusterBackend) -> Iterator[httpx.Client]:
    """The API server's plain HTTP: a request takes a tenth of what kubectl takes."""
    with kube_http(control_plane) as http:
        yield http


@pytest.fixture(scope="session")
def debians_prometheus() -> None:
    """Prometheus and promtool can be had here; where not, CI fails."""
    try:
        programs()
    except ClusterError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
