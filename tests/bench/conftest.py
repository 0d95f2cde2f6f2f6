"""Benchmarks share a control plane, which starts when nothing else runs. Side by side, they mostly wait."""

from typing import Any

import pytest

from support.ordering import longest_first
from support.stage import shared_plane


def pytest_configure_node(node: Any) -> None:
    shared_plane.start_before(node)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    longest_first(items)
