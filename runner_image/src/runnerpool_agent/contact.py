"""Contact with the server: can this pod reach it at all? It asks what costs the server least, `GET /api/v1/ping`."""

import asyncio
from collections.abc import Callable

import httpx

from runnerpool_agent.trust import tls_context

INTERVAL_SECONDS = 10.0
TIMEOUT_SECONDS = 5.0
MISSES_ALLOWED = 1
"""One lost answer is weather; the second in a row makes the pod unready."""
ANSWERS_NEEDED = 2
"""So many in a row end a loss. After a single one a pod on a half-dead line would be ready again and again, and the
operator, who replaces pods that stay unready, would never see it so for long."""
AGAIN_SECONDS = 2.0
"""Between the questions whose answers end a loss: soon, since jobs wait for it."""


class Contact:
    """The state of contact: `known` after the first answer or miss."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._misses = self._answers = 0
        self._lost_since: float | None = None
        self._ok_since: float | None = None
        self.known = False

    @property
    def ok(self) -> bool:
        """The server answers, not once only."""
        return self._ok_since is not None

    def lost_seconds(self) -> float:
        """For how long nothing has come through; 0 while it does."""
        return 0.0 if self._lost_since is None else self._clock() - self._lost_since

    def ok_seconds(self) -> float:
        """For how long it has been ok; 0 while it is not."""
        return 0.0 if self._ok_since is None else self._clock() - self._ok_since

    def answered(self) -> None:
        """The server answered. The first answer of all is contact: there was no loss before it."""
        self._answers += 1
        if self._ok_since is None and (self._answers >= ANSWERS_NEEDED or not self.known):
            self._ok_since = self._clock()
        self.known, self._misses, self._lost_since = True, 0, None

    def missed(self, asked_at: float) -> None:
        """No answer to what was asked then, or a server error. A first miss at the start is no contact: there was none.

        The loss counts from the question, not from the end of the wait for its answer.
        """
        self._misses, self._answers, self.known = self._misses + 1, 0, True
        if self._misses > MISSES_ALLOWED:
            self._ok_since = None
        if self._lost_since is None:
            self._lost_since = asked_at

    def next_ping_after(self, asked_at: float) -> float:
        """When to ask again: after a miss as soon as that one's time is over, so that a cut shows within 20 s."""
        if self._misses:
            return asked_at + TIMEOUT_SECONDS
        return asked_at + (INTERVAL_SECONDS if self.ok else AGAIN_SECONDS)


def ping_client(url: str, ca: str | None = None) -> httpx.AsyncClient:
    """A client that goes to the server the way the runner does: directly.

    Args:
        url: The server's origin.
        ca: Authorities in PEM to trust besides those of the image's system.
    """
    return httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS, verify=tls_context(ca), trust_env=False)


async def ping(client: httpx.AsyncClient) -> str | None:
    """Ask once. Returns None when the server answered, else why not.

    429 is an answer: behind one address many pods share PeerTube's limit of 50 calls in 10 s.
    """
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            response = await client.get("/api/v1/ping")
    except (httpx.HTTPError, OSError) as error:
        return f"{type(error).__name__} {error}".rstrip()
    if response.is_success or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return None
    return f"HTTP {response.status_code}"
