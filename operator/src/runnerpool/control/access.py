"""A pool's way to its server: the Secrets that it names, and the shared poller that they open."""

import hashlib
from collections.abc import Callable

from runnerpool.api.pool import Pool
from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import NotFound
from runnerpool.control.ports import Clock, Cluster, Links, PoolKey, ServerLink
from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.endpoint import Endpoint
from runnerpool.peertube.errors import BadCaBundle, BadCredentials, BadSecret
from runnerpool.peertube.reading import Want
from runnerpool.peertube.trust import CaBundle
from runnerpool.planning.jobs import ServerReading
from runnerpool.planning.queue import QueueUnknown


class Access:
    """Keeps one pool subscribed to the right poller while its Secrets, or its URL, change.

    A Secret that goes, or goes bad, ends the poller at once: its owner has taken the login back, and the operator keeps
    no copy. What was known of the queue stays, so that who is busy is still told; nothing is made or removed by it.

    Attributes:
        ca_bundle: What the pool's pods are to trust besides the public authorities; None if it names nothing.
        ca_bundle_known: False while the pool names a bundle that cannot be read: whether pods are out of date cannot
            be told then, and new ones could not reach the server.
    """

    def __init__(self, key: PoolKey, *, cluster: Cluster, links: Links, clock: Clock, wake: Callable[[], None]) -> None:
        self._key = key
        self._cluster = cluster
        self._links = links
        self._clock = clock
        self._wake = wake
        self._link: ServerLink | None = None
        self._last_known: ServerReading | None = None
        self._unknown: QueueUnknown | None = None
        # The digest of what was parsed last, as private keys may stand in it too, and what came of it.
        self._last_parsed: tuple[bytes, CaBundle] | None = None
        self.ca_bundle: CaBundle | None = None
        self.ca_bundle_known = False

    async def open(self, pool: Pool) -> ServerLink | QueueUnknown:
        """The pool's link; or, while one of its Secrets is no good, why the queue stays unknown.

        Raises:
            ClusterError: The API server would not say; the present link stays.
        """
        self._remember()
        try:
            await self._read_ca_bundle(pool)
            endpoint = await self._endpoint(pool)
        except BadSecret as error:
            self._links.release(self._key)
            self._link, self._unknown = None, self._still_unknown(error)
            return self._unknown
        self._link = self._links.acquire(self._key, endpoint, self._wake, _want(pool), self._last_known)
        return self._link

    def close(self) -> None:
        """Unsubscribe; the last pool of a server ends its poller."""
        self._links.release(self._key)

    def _remember(self) -> None:
        if self._link is None:
            return
        reading = self._link.reading
        self._unknown = reading if isinstance(reading, QueueUnknown) else None
        self._last_known = self._link.last_known or self._last_known

    async def _endpoint(self, pool: Pool) -> Endpoint:
        server, name = pool.spec.server, pool.spec.server.credentials_ref.name
        try:
            values = await self._cluster.read_secret(pool.namespace, name)
        except NotFound as error:
            message = (
                f"Secret {pool.namespace}/{name} does not exist; create it with the keys url, username and password"
            )
            raise BadCredentials(Reason.SECRET_NOT_FOUND, message) from error
        try:
            credentials = Credentials.from_secret(values, server_url=server.url, internal_url=server.internal_url)
        except BadCredentials as error:
            raise BadCredentials(error.reason, f"Secret {pool.namespace}/{name} {error.message}") from None
        address = ServerAddress.parse(server.url, server.internal_url)
        return Endpoint(address=address, credentials=credentials, ca_bundle=self.ca_bundle)

    async def _read_ca_bundle(self, pool: Pool) -> None:
        reference = pool.spec.server.ca_bundle_ref
        self.ca_bundle, self.ca_bundle_known = None, False
        if reference is not None:
            where = f"Secret {pool.namespace}/{reference.name}, key {reference.key}"
            try:
                values = await self._cluster.read_secret(pool.namespace, reference.name)
            except NotFound:
                values = {}
            if reference.key not in values:
                message = f"the CA bundle does not exist: put certificates in PEM into {where}"
                raise BadCaBundle(Reason.CA_BUNDLE_NOT_FOUND, message)
            try:
                self.ca_bundle = self._parsed(values[reference.key].get_secret_value())
            except BadCaBundle as error:
                raise BadCaBundle(error.reason, f"{where}: {error.message}") from None
        self.ca_bundle_known = True

    def _parsed(self, text: str) -> CaBundle:
        """The bundle; the same text is not parsed again in each pass, as every certificate takes a TLS context."""
        digest = hashlib.sha256(text.encode()).digest()
        if self._last_parsed is None or self._last_parsed[0] != digest:
            self._last_parsed = (digest, CaBundle.parse(text))
        return self._last_parsed[1]

    def _still_unknown(self, error: BadSecret) -> QueueUnknown:
        """A Secret that goes when the server has long been out of reach is one more cause, and no new beginning."""
        since = self._unknown.since if self._unknown is not None else self._clock.now()
        held = self._last_known.held if self._last_known else {}
        return QueueUnknown(reason=error.reason, message=error.message, since=since, held=held)


def _want(pool: Pool) -> Want:
    """No more of the queue than the pool could use at its largest."""
    slots = pool.spec.scaling.max_replicas * pool.spec.runner.concurrency
    return Want(types=frozenset(pool.spec.job_types), size=slots)
