"""What a kubelet does with the API server, for the pods of one namespace."""

import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from support.faults.pod_status import Json, Pod

_STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}
_LONGEST_EVENT = 1 << 22
_ANSWER_SECONDS = 20


class Gone(Exception):
    """The object is not there any more, or is another one by now."""


class PodApi:
    """Reads, watches, patches and removes pods as the cluster's administrator."""

    def __init__(self, url: str, context: ssl.SSLContext, namespace: str) -> None:
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._secrets = f"/api/v1/namespaces/{namespace}/secrets"
        self._session = aiohttp.ClientSession(
            url,
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS),
            read_bufsize=_LONGEST_EVENT,
        )

    async def close(self) -> None:
        await self._session.close()

    async def list(self) -> tuple[list[Json], str]:
        """All pods, and the version from which a watch goes on."""
        document = await self._call("GET", self._pods)
        return list(document["items"]), str(document["metadata"]["resourceVersion"])

    async def watch(self, version: str) -> AsyncIterator[tuple[str, Json]]:
        """Events from a version on: kind and pod; ends when the API server ends it."""
        query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "300"}
        unlimited = aiohttp.ClientTimeout(total=None)
        async with self._session.get(self._pods, params=query, timeout=unlimited) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                yield event["type"], event["object"]

    async def set_status(self, pod: Pod, status: Json) -> None:
        """Raises: Gone."""
        # The UID is a precondition: a pod of the same name may be another one.
        body = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status}
        await self._call("PATCH", f"{self._pods}/{pod['metadata']['name']}/status", body=body, headers=_STRATEGIC)

    async def remove(self, pod: Pod) -> None:
        """What a kubelet does when all containers of a deleted pod have ended."""
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        await self._call("DELETE", f"{self._pods}/{pod['metadata']['name']}", body=options)

    async def secret(self, name: str) -> Json:
        """Raises: Gone: there is none."""
        return await self._call("GET", f"{self._secrets}/{name}")

    async def _call(self, method: str, path: str, *, body: Json | None = None, headers: Any = None) -> Json:
        data = None if body is None else json.dumps(body)
        headers = headers or {"Content-Type": "application/json"}
        async with self._session.request(method, path, data=data, headers=headers) as answer:
            if answer.status in {404, 409}:
                raise Gone(path)
            answer.raise_for_status()
            document: Json = await answer.json()
            return document
