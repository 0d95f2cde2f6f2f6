"""A pool's way to its server: the Secret that it names, and the shared poller that the Secret's login opens."""

from collections.abc import Callable

from pydantic import SecretStr

from runnerpool.api.pool import Pool
from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import ClusterError, NotFound
from runnerpool.control.ports import Clock, Cluster, Links, PoolKey, ServerLink
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.errors import PeerTubeError
from runnerpool.planning.queue import QueueUnknown

_KEYS = ("url", "username", "password")


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
        except (ClusterError, PeerTubeError) as error:
            if isinstance(error, ClusterError) and not isinstance(error, NotFound | BadSecret):
                raise
            self._links.release(self._key)
            self._barred = self._same_or_new(error.reason, error.message)
            return self._barred
        self._barred = None
        return self._links.acquire(self._key, pool.spec.server, credentials, self._wake)

    def close(self) -> None:
        """Unsubscribe; the last pool of a server ends its poller."""
        self._links.release(self._key)

    async def _credentials(self, pool: Pool) -> Credentials:
        name = pool.spec.server.credentials_ref.name
        try:
            values = await self._cluster.read_secret(pool.namespace, name)
        except NotFound as error:
            message = f"Secret {pool.namespace}/{name} does not exist; create it with the keys {', '.join(_KEYS)}"
            raise BadSecret(Reason.SECRET_NOT_FOUND, message) from error
        for key in _KEYS:
            if not values.get(key, SecretStr("")).get_secret_value():
                message = f"Secret {pool.namespace}/{name} has no key {key}, or it is empty; add it"
                raise BadSecret(Reason.SECRET_KEY_MISSING, message)
        return Credentials.from_secret(values, server_url=pool.spec.server.url)

    def _same_or_new(self, reason: Reason, message: str) -> QueueUnknown:
        before = self._barred
        since = before.since if before is not None and before.reason is reason else self._clock.now()
        return QueueUnknown(reason=reason, message=message, since=since)


class BadSecret(ClusterError):
    """The Secret is not there or lacks a key: a person must act, so it is told as the state of the queue."""
