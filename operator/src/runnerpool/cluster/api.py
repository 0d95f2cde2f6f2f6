"""The one way to the API server: raw JSON over the official client, with a timeout and domain errors.

Raw, because reading 1,000 pods as typed models costs 0.44 s of a core against 0.02 s as JSON, and because patches are
JSON anyway. The client keeps what is worth keeping: kubeconfig and in-cluster login, token renewal, TLS, pooling.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

import aiohttp
from kubernetes.aio import client

from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import NotLeading, Unavailable, error_from_answer

REQUEST_TIMEOUT_SECONDS = 20.0
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"

_log = logging.getLogger(__name__)

_TOKEN = "BearerToken"  # noqa: S105


class KubeRecorder(Protocol):
    """Where calls are counted."""

    def kube_request(self, verb: str, resource: str, code: str, seconds: float) -> None:
        """Count one call. `code` is the HTTP status or `error`."""


class _Answer(NamedTuple):
    """`body` is the JSON object; None for anything else, such as a proxy's page."""

    code: int
    body: dict[str, Any] | None
    retry_after: str | None

    @property
    def usable(self) -> bool:
        """It is the API server's own, and not what it would say to every call of ours now."""
        refuses_us = self.code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS}
        refuses_all = refuses_us or self.code >= HTTPStatus.INTERNAL_SERVER_ERROR
        return self.body is not None and not refuses_all


async def _nothing_new() -> None:
    """Credentials that stand nowhere are not read again."""


class KubeApi:
    """Calls the API server. Create and close it in the same running loop."""

    def __init__(
        self,
        configuration: client.Configuration,
        recorder: KubeRecorder,
        *,
        request_timeout: float = REQUEST_TIMEOUT_SECONDS,
        may_write: Callable[[], bool] = lambda: True,
        read_again: Callable[[], Awaitable[None]] = _nothing_new,
    ) -> None:
        """Make no connection yet.

        Args:
            configuration: The way to the API server.
            recorder: Where calls are counted.
            request_timeout: For one call, in seconds.
            may_write: Asked right before each write is sent; False: it is not.
            read_again: Called when the API server has refused our token; it may put another one into the configuration.
        """
        self._client = client.ApiClient(configuration)
        self._recorder = recorder
        self._request_timeout = request_timeout
        self._may_write = may_write
        self._read_again = read_again
        self.last_answer = time.monotonic()
        """When the API server last gave a usable answer, on the monotonic clock: what readiness is judged by.

        A refusal of this one call is usable (403, 404, 409); what every call would be told is not: no service (5xx), no
        time for us (429), a token that is not accepted (401), or a page of whatever stands between.
        """

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def call(
        self,
        verb: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """One request; the answer's JSON object.

        Raises:
            ClusterError: Whatever went wrong, as one of its kinds.
        """
        what = f"{verb.lower()} {path}"
        resource = _resource(path)
        started = time.monotonic()
        try:
            answer = await self._logged_in(verb, path, query or {}, body, content_type)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._recorder.kube_request(verb, resource, "error", time.monotonic() - started)
            message = f"{what}: no answer from the API server ({type(error).__name__})"
            raise Unavailable(Reason.API_SERVER_UNAVAILABLE, message) from error
        ended = time.monotonic()
        self._recorder.kube_request(verb, resource, str(answer.code), ended - started)
        if answer.usable:
            self.last_answer = ended
        if answer.code >= HTTPStatus.BAD_REQUEST:
            raise error_from_answer(answer.code, answer.body or {}, what, retry_after=answer.retry_after)
        if answer.body is None:
            # Taken for an object it would be one without items: a LIST of no pods.
            message = f"{what}: the answer is no JSON object; see what stands between us and the API server"
            raise Unavailable(Reason.API_SERVER_UNAVAILABLE, message)
        return answer.body

    async def _logged_in(self, *request: Any) -> _Answer:
        """Ask, and once more with a new token if the file has one that is not refused.

        The client reads a pod's token once a minute, which is too late where the old one has ended at once.
        """
        used = self._token
        answer = await self._exchange(*request)
        if answer.code == HTTPStatus.UNAUTHORIZED:
            await self._renew()
            if self._token != used:
                return await self._exchange(*request)
        return answer

    async def _renew(self) -> None:
        """Read the credentials again. If that fails, whatever it is, the refusal stands."""
        try:
            async with asyncio.timeout(self._request_timeout):
                await self._read_again()
        except Exception as error:  # noqa: BLE001 - a file caught half-written raises whatever its parsers do
            # Their messages may hold what they have read.
            _log.debug("the credentials could not be read again (%s)", type(error).__name__)

    @property
    def _token(self) -> str | None:
        token: str | None = self._client.configuration.api_key.get(_TOKEN)
        return token

    async def _exchange(
        self, verb: str, path: str, query: Mapping[str, str], body: object, content_type: str
    ) -> _Answer:
        serialized = await self._client.param_serialize(
            verb,
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": content_type},
            body=body,
            auth_settings=[_TOKEN],
        )
        # As late as can be: a process that was frozen anywhere before this line must not go on as if it had not been.
        if verb != "GET" and not self._may_write():
            message = f"{verb.lower()} {path} was not sent: this replica leads no more"
            raise NotLeading(Reason.NOT_LEADING, message)
        async with asyncio.timeout(self._request_timeout):
            response = await self._client.call_api(*serialized, _request_timeout=self._request_timeout)
            raw = await response.read()
        return _Answer(int(response.status), _object(raw), response.headers.get("Retry-After"))


def _object(raw: bytes | None) -> dict[str, Any] | None:
    """The JSON object in an answer; None for anything else, such as a proxy's page."""
    try:
        value = json.loads(raw or b"null")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _resource(path: str) -> str:
    """The plural in a path, for the metrics: /api/v1/namespaces/media/pods/x → pods; never a name."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if len(rest) > 2 and rest[0] == "namespaces":  # noqa: PLR2004 -- namespaces, its name, then the resource
        rest = rest[2:]
    return rest[0] if rest else "discovery"
