"""The one way to the API server: raw JSON over the official client, with a timeout and domain errors.

Raw, because reading 1,000 pods as typed models costs 0.44 s of a core against 0.02 s as JSON, and because patches are
JSON anyway. The client keeps what is worth keeping: kubeconfig and in-cluster login, token renewal, TLS, pooling.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import aiohttp
from kubernetes.aio import client, config

from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import NotLeading, Unavailable, error_from_answer

REQUEST_TIMEOUT_SECONDS = 20.0
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

_FIRST_ERROR_CODE = 400


class KubeRecorder(Protocol):
    """Where calls are counted."""

    def kube_request(self, verb: str, resource: str, code: str, seconds: float) -> None:
        """Count one call. `code` is the HTTP status or `error`."""


async def load_configuration(kubeconfig: str | None) -> client.Configuration:
    """Connection settings: of the given kubeconfig file, else those of the pod's own ServiceAccount.

    Raises:
        kubernetes.aio.config.ConfigException: Neither is there.
    """
    # Proxies in the environment are meant for the way out of the cluster; a kubeconfig can name one (proxy-url).
    configuration = client.Configuration(client_session_kwargs={"trust_env": False})
    if kubeconfig is None:
        config.load_incluster_config(client_configuration=configuration)
    else:
        await config.load_kube_config(config_file=kubeconfig, client_configuration=configuration)
    return configuration


class KubeApi:
    """Calls the API server. Create and close it in the same running loop."""

    def __init__(
        self,
        configuration: client.Configuration,
        recorder: KubeRecorder,
        *,
        request_timeout: float = REQUEST_TIMEOUT_SECONDS,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        """Make no connection yet.

        Args:
            configuration: The way to the API server.
            recorder: Where calls are counted.
            request_timeout: For one call, in seconds.
            may_write: Asked right before each write is sent; False: it is not.
        """
        self._client = client.ApiClient(configuration)
        self._recorder = recorder
        self._request_timeout = request_timeout
        self._may_write = may_write
        self.last_answer = time.monotonic()
        """When the API server last gave any answer, on the monotonic clock: what readiness is judged by."""

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
            code, answer = await self._exchange(verb, path, query or {}, body, content_type)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._recorder.kube_request(verb, resource, "error", time.monotonic() - started)
            message = f"{what}: no answer from the API server ({type(error).__name__})"
            raise Unavailable(Reason.API_SERVER_UNAVAILABLE, message) from error
        self.last_answer = time.monotonic()
        self._recorder.kube_request(verb, resource, str(code), self.last_answer - started)
        if code >= _FIRST_ERROR_CODE:
            raise error_from_answer(code, answer or {}, what)
        if answer is None:
            # Taken for an object it would be one without items: a LIST of no pods.
            message = f"{what}: the answer is no JSON object; see what stands between us and the API server"
            raise Unavailable(Reason.API_SERVER_UNAVAILABLE, message)
        return answer

    async def _exchange(
        self, verb: str, path: str, query: Mapping[str, str], body: object, content_type: str
    ) -> tuple[int, dict[str, Any] | None]:
        serialized = await self._client.param_serialize(
            verb,
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        # As late as can be: a process that was frozen anywhere before this line must not go on as if it had not been.
        if verb != "GET" and not self._may_write():
            message = f"{verb.lower()} {path} was not sent: this replica leads no more"
            raise NotLeading(Reason.NOT_LEADING, message)
        async with asyncio.timeout(self._request_timeout):
            response = await self._client.call_api(*serialized, _request_timeout=self._request_timeout)
            raw = await response.read()
        return int(response.status), _object(raw)


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
