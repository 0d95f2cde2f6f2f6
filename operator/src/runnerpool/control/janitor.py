"""Removes the runner rows of pools that have gone.

A pool takes its rows along, unless the server was down just then, or somebody took the finalizer off by hand. Nobody
looks at them afterwards but us: a row of our cluster whose pool and whose pod are no more is a ghost, whoever made it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from runnerpool.api.ownership import OwnershipMark, parse_mark
from runnerpool.cluster.errors import ClusterError, NotFound, Refused
from runnerpool.peertube.accounts import RunnerAccount
from runnerpool.peertube.errors import PeerTubeError
from runnerpool.planning.jobs import ServerReading
from runnerpool.planning.queue import QueueUnknown

_log = logging.getLogger(__name__)

PERIOD_SECONDS = 20.0
"""Between two rounds: with the calls of one, a ghost goes within a minute."""


class RowKeeper(Protocol):
    """The part of a poller that a round needs."""

    @property
    def reading(self) -> ServerReading | QueueUnknown:
        """The queue as last read, or why it is unknown."""

    async def refresh_rows(self) -> tuple[RunnerAccount, ...]:
        """List the rows now."""

    async def delete_runner(self, row_id: int) -> None:
        """Remove a runner row; one that has gone already is fine."""


class PodsAndPools(Protocol):
    """The part of the cluster that a round needs."""

    async def get_pool(self, namespace: str, name: str) -> dict[str, Any]:
        """The pool as it is now."""

    async def pod_controller(self, namespace: str, name: str) -> str | None:
        """UID of the pool that a pod belongs to; "" if to none, None if there is no such pod."""


class _Marked(NamedTuple):
    row: RunnerAccount
    mark: OwnershipMark


class Janitor:
    """Goes round the servers that some pool still uses: their login is lent by its author for our own rows alone."""

    def __init__(
        self,
        cluster: PodsAndPools,
        servers: Callable[[], Iterable[RowKeeper]],
        *,
        cluster_id: str,
        namespaces: Sequence[str] = (),
    ) -> None:
        """Take what all rounds work with.

        Args:
            cluster: Where pools and pods are.
            servers: The pollers that are in use at the moment.
            cluster_id: What our marks bear.
            namespaces: The only ones that are ours; () means all.
        """
        self._cluster = cluster
        self._servers = servers
        self._cluster_id = cluster_id
        self._namespaces = frozenset(namespaces)

    async def run(self) -> None:
        """Make rounds until cancelled."""
        asked_for = 0.0
        while True:
            await asyncio.sleep(max(PERIOD_SECONDS, asked_for))
            asked_for = await self.make_round()

    async def make_round(self) -> float:
        """One round. What a server or the cluster stands in the way of is done in a later one.

        Returns:
            Seconds that the API server asked to be left alone for, which ended the round; 0 if it did not.
        """
        for server in tuple(self._servers()):
            try:
                await self._tidy(server)
            except (ClusterError, PeerTubeError) as error:
                _log.debug("rows of pools that have gone: %s; trying again", error.message)
                if isinstance(error, ClusterError) and error.retry_after is not None:
                    return error.retry_after
            except Exception:  # noqa: BLE001 -- one server's fault must not keep the others untidy
                _log.exception("rows of pools that have gone could not be looked for by a fault of the operator's own")
        return 0.0

    async def _tidy(self, server: RowKeeper) -> None:
        """Rows first, pools and pods second: whoever is registered while we look has his pod by then."""
        if isinstance(server.reading, QueueUnknown):
            return  # the poller asks it, at intervals that it can bear
        marked = [found for row in await server.refresh_rows() if (found := self._ours(row)) is not None]
        gone: dict[tuple[str, str, str], bool] = {}
        for row, mark in marked:
            pool = (mark.namespace, mark.pool, mark.pool_uid)
            try:
                if pool not in gone:
                    gone[pool] = await self._pool_gone(mark)
                nobodys = gone[pool] and await self._cluster.pod_controller(mark.namespace, mark.pod) is None
            except Refused as error:
                # Of a watched namespace that took our rights along: the rows of the others are still to go.
                _log.debug("%s/%s: runner %s stays: %s", mark.namespace, mark.pool, row.name, error.message)
                continue
            if nobodys:
                await server.delete_runner(row.id)
                _log.info(
                    "%s/%s: runner %s is unregistered: pool and pod have gone (Ghost)",
                    mark.namespace, mark.pool, row.name,
                )  # fmt: skip

    def _ours(self, row: RunnerAccount) -> _Marked | None:
        mark = parse_mark(row.description)
        if mark is None or mark.cluster_id != self._cluster_id or mark.pod != row.name:
            return None
        watched = not self._namespaces or mark.namespace in self._namespaces
        return _Marked(row, mark) if watched else None

    async def _pool_gone(self, mark: OwnershipMark) -> bool:
        """No pool of that name is there, or it is another one. Pools that are there see to their rows themselves."""
        try:
            body = await self._cluster.get_pool(mark.namespace, mark.pool)
        except NotFound:
            return True
        return bool(body["metadata"]["uid"] != mark.pool_uid)
