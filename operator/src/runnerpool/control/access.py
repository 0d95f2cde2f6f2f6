"""A pool's way to its server: the Secret that it names, and the shared poller that the Secret's login opens."""

from collections.abc import Callable

from runnerpool.api.pool import Pool
from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import NotFound
from runnerpool.control.ports import Clock, Cluster, Links, PoolKey, ServerLink
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.errors import BadCredentials
from runnerpool.peertube.reading import Want
from runnerpool.planning.queue import QueueUnknown


class Access:
    """Keeps one pool subscribed to the right poller while its Secret, or its URL, changes."""

    def __init__(self, key: PoolKey, *, cluster: Cluster, links: Links, clock: Clock, wake: Callable[[], None]) -> None:
        self._key = key
        self._cluster = cluster
        self._links = links
        self._clock = clock
        self._wake = wake
        self._barred: QueueUnknown | None = None

    async def open(self, pool: Pool) -> ServerLink | QueueUnknown:
        """The pool's link; or, while its Secret is no good, why the queue stays unknown.

        Raises:
            ClusterError: The API server would not say; the present link stays.
        """
        try:
            credentials = await self._credentials(pool)
        except BadCredentials as error:
            self._links.release(self._key)
            self._barred = self._same_or_new(error)
            return self._barred
        self._barred = None
        return self._links.acquire(self._key, pool.spec.server, credentials, self._wake, _want(pool))

    def close(self) -> None:
        """Unsubscribe; the last pool of a server ends its poller."""
        self._links.release(self._key)

    async def _credentials(self, pool: Pool) -> Credentials:
        name = pool.spec.server.credentials_ref.name
        try:
            values = await self._cluster.read_secret(pool.namespace, name)
        except NotFound as error:
            message = (
                f"Secret {pool.namespace}/{name} does not exist; create it with the keys url, username and password"
            )
            raise BadCredentials(Reason.SECRET_NOT_FOUND, message) from error
        return Credentials.from_secret(values, server_url=pool.spec.server.url)

    def _same_or_new(self, error: BadCredentials) -> QueueUnknown:
        before = self._barred
        since = before.since if before is not None and before.reason is error.reason else self._clock.now()
        return QueueUnknown(reason=error.reason, message=error.message, since=since)


def _want(pool: Pool) -> Want:
    """No more of the queue than the pool could use at its largest."""
    slots = pool.spec.scaling.max_replicas * pool.spec.runner.concurrency
    return Want(types=frozenset(pool.spec.job_types), size=slots)
