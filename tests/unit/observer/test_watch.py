import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from support.observer.records import Change, Kind, Version
from support.observer.watch import SOURCES, Source, Watch

PODS = SOURCES[0]
SECRETS = next(source for source in SOURCES if source.kind is Kind.SECRET)


def thing(name: str, version: int, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version), **metadata}}


def listed(version: int, *items: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"metadata": {"resourceVersion": str(version)}, "items": list(items)})


class Stream(httpx.AsyncByteStream):
    """Events, then silence for ever or the end."""

    def __init__(self, *events: tuple[str, dict[str, Any]], ends: bool = True) -> None:
        self._events = events
        self._ends = ends

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for kind, body in self._events:
            yield json.dumps({"type": kind, "object": body}).encode() + b"\n"
        if not self._ends:
            await asyncio.Event().wait()


async def heard(source: Source, answers: list[Callable[[httpx.Request], httpx.Response]]) -> list[Version]:
    """What a watch hears of answers in turn, until the last of them has been given."""
    versions: list[Version] = []
    exhausted = asyncio.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        if len(answers) == 1:
            asyncio.get_running_loop().call_later(0.01, exhausted.set)
        return answers.pop(0)(request) if answers else httpx.Response(503)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://api") as http:
        watch = asyncio.create_task(Watch(http, "media", source, versions.append).run())
        await asyncio.wait_for(exhausted.wait(), 10)
        watch.cancel()
    return versions


def told(versions: list[Version]) -> list[tuple[Change, str, int, bool]]:
    return [(version.change, version.name, version.number, version.gap) for version in versions]


def stream(*events: tuple[str, dict[str, Any]], ends: bool = True) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(200, stream=Stream(*events, ends=ends))


async def test_a_watch_hears_what_is_there_and_every_version_after_it() -> None:
    versions = await heard(
        PODS,
        [
            lambda _: listed(5, thing("a", 3)),
            stream(("MODIFIED", thing("a", 6)), ("ADDED", thing("b", 7)), ("DELETED", thing("a", 8)), ends=False),
        ],
    )
    assert told(versions) == [
        (Change.ADDED, "a", 3, False),
        (Change.MODIFIED, "a", 6, False),
        (Change.ADDED, "b", 7, False),
        (Change.DELETED, "a", 8, False),
    ]


async def test_a_stream_that_ends_is_taken_up_where_it_ended() -> None:
    positions: list[str] = []

    def again(request: httpx.Request) -> httpx.Response:
        positions.append(request.url.params["resourceVersion"])
        return httpx.Response(200, stream=Stream(ends=False))

    await heard(PODS, [lambda _: listed(5), stream(("ADDED", thing("a", 6)), ("BOOKMARK", thing("", 9))), again])
    assert positions == ["9"]


@pytest.mark.parametrize("way", ["answer", "event"])
async def test_what_happened_in_a_forgotten_time_is_found_by_a_new_list_and_marked_as_a_gap(way: str) -> None:
    forgotten = stream(("ERROR", {"code": 410})) if way == "event" else lambda _: httpx.Response(410)
    versions = await heard(
        PODS,
        [
            lambda _: listed(5, thing("gone", 3), thing("changed", 4), thing("same", 5)),
            forgotten,
            lambda _: listed(9, thing("changed", 8), thing("same", 5)),
            stream(ends=False),
        ],
    )
    assert told(versions)[3:] == [(Change.DELETED, "gone", 9, True), (Change.MODIFIED, "changed", 8, True)]


async def test_an_api_server_that_is_down_is_asked_again() -> None:
    def refused(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    versions = await heard(PODS, [refused, lambda _: httpx.Response(500), lambda _: listed(5, thing("a", 3))])
    assert told(versions) == [(Change.ADDED, "a", 3, False)]


async def test_of_a_secret_no_value_is_read_or_kept() -> None:
    accepted: list[str] = []

    def secrets(request: httpx.Request) -> httpx.Response:
        accepted.append(request.headers["Accept"])
        return listed(5, thing("a", 3, annotations={"last-applied": "password"}, labels={"x": "y"}))

    (version,) = await heard(SECRETS, [secrets])
    assert accepted == ["application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"]
    assert "password" not in json.dumps(version.body)
    assert version.body["metadata"]["labels"] == {"x": "y"}
