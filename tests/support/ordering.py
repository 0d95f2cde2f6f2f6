"""In which order tests are handed out to processes that work side by side."""

import pytest


def longest_first(items: list[pytest.Item]) -> None:
    """Those that may take longest first, so that none of them is left to run alone at the end."""
    items.sort(key=patience, reverse=True)


def patience(item: pytest.Item) -> float:
    """How long a test may take, in seconds, if it says so; else 0."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker else 0.0


def keep_together(items: list[pytest.Item]) -> None:
    """Leave the tests of a file to one process if they share what is made once for the file."""
    for item in items:
        if isinstance(item, pytest.Function) and _shares(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def _shares(item: pytest.Function) -> bool:
    fixtures = item.session._fixturemanager  # pytest has no public way to ask for a fixture's scope
    found = (definition for name in item.fixturenames for definition in fixtures.getfixturedefs(name, item) or ())
    return any(definition.scope == "module" for definition in found)
