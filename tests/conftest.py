import asyncio

import pytest

pytest_plugins = [
    "support.grouping",
    "support.cluster.fixtures",
    "support.stage.fixtures",
    "support.observer.fixtures",
    "support.reliability.plugin",
    "support.soak.plugin",
]


def pytest_configure(config: pytest.Config) -> None:
    """Give the main thread an event loop that somebody closes.

    pytest-asyncio asks for the current one in order to restore it; where there is none, Python makes one that nobody
    closes, and its warning fails whatever test runs when it is collected.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    config.add_cleanup(loop.close)
