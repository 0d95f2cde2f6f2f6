"""Asks the API server for a sign of life while nobody else does: without pools, a leader has nothing to ask."""

import asyncio
import logging
import time
from collections.abc import Callable

from runnerpool.cluster.api import KubeApi
from runnerpool.cluster.errors import ClusterError

_log = logging.getLogger(__name__)

QUIET_SECONDS = 15.0
"""Longer than the rest between two passes: where there is a pool, nothing is asked besides."""
RETRY_SECONDS = 5.0
"""After a call that came to nothing; a cure is noticed so soon, whatever the back-off of passes."""
_SOON_SECONDS = 0.1
_PATH = "/version"
"""Any account may read it, by the rights that every cluster comes with. Who may not gets an answer, too."""


async def keep_fresh(api: KubeApi, monotonic: Callable[[], float] = time.monotonic) -> None:
    """Ask whenever the last usable answer is too old, until cancelled."""
    rest = QUIET_SECONDS
    while True:
        await asyncio.sleep(rest)
        left = api.last_answer + QUIET_SECONDS - monotonic()
        rest = left if left > _SOON_SECONDS else await _ask(api)


async def _ask(api: KubeApi) -> float:
    """Seconds until it may be asked again."""
    try:
        await api.call("GET", _PATH)
    except ClusterError as error:
        return max(RETRY_SECONDS, error.retry_after or 0.0)
    except Exception as error:  # noqa: BLE001 - credentials caught half-written raise whatever their parsers do
        _log.debug("the API server could not be asked for a sign of life (%s)", type(error).__name__)
    return RETRY_SECONDS
