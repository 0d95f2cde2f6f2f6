"""The pytest plugin by which tests of one `xdist_group` run in one process.

pytest-xdist 3.8 itself writes the group into `_nodeid`, which pytest 9.2 no longer reads, so that groups are torn apart
without a word. The process that hands tests out knows a group only by the end of a test's id.
"""

from collections.abc import Generator

import pytest
from _pytest.nodeid import coerce_node_id

MARKER = "xdist_group"


@pytest.hookimpl(wrapper=True)
def pytest_collection_finish(session: pytest.Session) -> Generator[None, None, None]:
    """Let ids bear the groups while they are reported, and no longer: results are known by plain ids."""
    plain = {item: item._id for item in session.items} if _by_groups(session.config) else {}
    for item in plain:
        ending = _ending(item)
        if not item.nodeid.endswith(ending):
            item._id = coerce_node_id(f"{item.nodeid}{ending}")
    try:
        yield
    finally:
        for item, known in plain.items():
            item._id = known


def _by_groups(config: pytest.Config) -> bool:
    """This process is handed tests, by groups: pytest-xdist sets the option."""
    return bool(getattr(config.option, "loadgroup", False))


def _ending(item: pytest.Item) -> str:
    names = {str(mark.args[0] if mark.args else mark.kwargs["name"]) for mark in item.iter_markers(MARKER)}
    return f"@{'_'.join(sorted(names))}" if names else ""
