"""One kind of object in one namespace, followed through every version, past cut streams and forgotten histories."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from support.observer.apiserver import STREAM_SECONDS
from support.observer.records import Change, Kind, Version

_METADATA_ALONE = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_METADATA_ALONE_WATCH = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_PAUSE_SECONDS = 0.2
_GONE = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a kind is read. `metadata_alone`: the API server leaves everything else out, so that no secret is read."""

    kind: Kind
    path: str
    metadata_alone: bool = False


SOURCES = (
    Source(kind=Kind.POD, path="/api/v1/namespaces/{namespace}/pods"),
    Source(kind=Kind.POOL, path="/apis/runnerpool.dev/v1alpha1/namespaces/{namespace}/transcodingrunnerpools"),
    Source(kind=Kind.SECRET, path="/api/v1/namespaces/{namespace}/secrets", metadata_alone=True),
    Source(kind=Kind.EVENT, path="/api/v1/namespaces/{namespace}/events"),
)


class Forgotten(Exception):
    """The API server no longer knows the versions after the last one heard."""


class Watch:
    """Follows one source; `heard` is called with every version, `listed` is set once the first list is in."""

    def __init__(
        self, http: httpx.AsyncClient, namespace: str, source: Source, heard: Callable[[Version], None]
    ) -> None:
        self._http = http
        self._source = source
        self._path = source.path.format(namespace=namespace)
        self._heard = heard
        self._known: dict[str, Mapping[str, Any]] = {}
        self._position = ""
        self._listing = False
        self._gap = False
        self.listed = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled; whatever the API server does, the next try comes soon."""
        while True:
            try:
                if not self._position:
                    await self._list()
                await self._stream()
            except Forgotten:
                self._position = ""
            except (httpx.HTTPError, ValueError, KeyError):
                await asyncio.sleep(_PAUSE_SECONDS)

    async def caught_up(self) -> None:
        """Take in what the stream has not told yet: one more list, of which only news counts."""
        await self._list()

    async def _list(self) -> None:
        accept = _METADATA_ALONE if self._source.metadata_alone else "application/json"
        answer = await self._http.get(self._path, headers={"Accept": accept}, timeout=10)
        if answer.status_code == httpx.codes.NOT_FOUND:
            await asyncio.sleep(_PAUSE_SECONDS)  # the kind is not installed yet
        answer.raise_for_status()
        document = answer.json()
        self._take_list(document)
        self._position = str(document["metadata"]["resourceVersion"])
        self.listed.set()

    def _take_list(self, document: Mapping[str, Any]) -> None:
        items = {item["metadata"]["uid"]: item for item in document.get("items") or ()}
        end = int(document["metadata"]["resourceVersion"])
        self._listing, self._gap = True, self.listed.is_set()
        for uid in set(self._known) - set(items):
            self._take(Change.DELETED, self._known[uid], number=end)
        for uid, item in items.items():
            known = self._known.get(uid)
            if known is None or known["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]:
                self._take(Change.MODIFIED if known else Change.ADDED, item)
        self._listing, self._gap = False, False

    async def _stream(self) -> None:
        query = {
            "watch": "1",
            "resourceVersion": self._position,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(STREAM_SECONDS),
        }
        accept = _METADATA_ALONE_WATCH if self._source.metadata_alone else "application/json"
        async with self._http.stream("GET", self._path, params=query, headers={"Accept": accept}) as answer:
            if answer.status_code == _GONE:
                raise Forgotten
            answer.raise_for_status()
            async for document in _documents(answer):
                self._take_news(document["type"], document["object"])

    def _take_news(self, kind: str, body: Mapping[str, Any]) -> None:
        if kind == "ERROR":
            raise Forgotten
        self._position = str(body["metadata"]["resourceVersion"])
        if kind != "BOOKMARK":
            self._take(Change(kind), body)

    def _take(self, change: Change, body: Mapping[str, Any], *, number: int | None = None) -> None:
        if self._source.metadata_alone:
            # kubectl keeps what it applied in an annotation, a Secret's values among it.
            body = {"metadata": {name: value for name, value in body["metadata"].items() if name != "annotations"}}
        uid = body["metadata"]["uid"]
        if change is Change.DELETED:
            self._known.pop(uid, None)
        else:
            self._known[uid] = body
        self._heard(
            Version(
                at=time.time(),
                kind=self._source.kind,
                change=change,
                number=number or int(body["metadata"]["resourceVersion"]),
                body=body,
                listed=self._listing,
                gap=self._gap,
            )
        )


async def _documents(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in answer.aiter_lines():
        if line:
            yield json.loads(line)
