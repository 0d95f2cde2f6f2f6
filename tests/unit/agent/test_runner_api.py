import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from runnerpool_agent.runner_api import RunnerApi

Answer = Callable[[httpx.Request], httpx.Response]


@asynccontextmanager
async def api(answer: Answer) -> AsyncIterator[tuple[RunnerApi, list[httpx.Request]]]:
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer(request)

    async with httpx.AsyncClient(base_url="http://x", transport=httpx.MockTransport(handle)) as client:
        yield RunnerApi(client, "ptrt-1", ["hls"]), asked


@pytest.mark.parametrize(
    ("answer", "offers"),
    [
        (httpx.Response(200, json={"availableJobs": [{"uuid": "a", "type": "hls"}]}), True),
        (httpx.Response(200, json={"availableJobs": []}), False),
        (httpx.Response(200, json={"availableJobs": [{"uuid": "a", "type": "live"}, None]}), False),
        (httpx.Response(200, json=[]), None),
        (httpx.Response(200, text="a proxy's page"), None),
        (httpx.Response(429), None),
    ],
)
async def test_the_server_has_a_job_for_the_runner_only_if_it_is_of_its_types(
    answer: httpx.Response, offers: bool | None
) -> None:
    async with api(lambda _: answer) as (asking, asked):
        assert await asking.offers_job() is offers
    (request,) = asked
    assert request.url == "http://x/api/v1/runners/jobs/request"
    assert json.loads(request.content) == {"runnerToken": "ptrt-1", "jobTypes": ["hls"]}


@pytest.mark.parametrize(
    ("status", "ours"), [(204, True), (404, False), (400, False), (403, False), (500, None), (429, None)]
)
async def test_a_report_tells_whose_the_job_is(status: int, ours: bool | None) -> None:
    async with api(lambda _: httpx.Response(status)) as (asking, asked):
        assert await asking.still_ours("a", "ptrjt-1", 41.7) is ours
    (request,) = asked
    assert request.url == "http://x/api/v1/runners/jobs/a/update"
    assert request.headers["Content-Type"].startswith("multipart/form-data")
    for part in (b'name="jobToken"\r\n\r\nptrjt-1', b'name="runnerToken"\r\n\r\nptrt-1', b'name="progress"\r\n\r\n42'):
        assert part in request.content


async def test_a_report_without_known_progress_names_none() -> None:
    async with api(lambda _: httpx.Response(204)) as (asking, asked):
        await asking.still_ours("a", "ptrjt-1", None)
    assert b"progress" not in asked[0].content


@pytest.mark.parametrize(("status", "taken"), [(204, True), (404, False), (500, False)])
async def test_a_job_is_handed_back_with_a_reason(status: int, taken: bool) -> None:
    async with api(lambda _: httpx.Response(status)) as (asking, asked):
        assert await asking.hand_back("a", "ptrjt-1", "died") is taken
    body = {"runnerToken": "ptrt-1", "jobToken": "ptrjt-1", "reason": "died"}
    assert (asked[0].url.path, json.loads(asked[0].content)) == ("/api/v1/runners/jobs/a/abort", body)


async def test_a_server_that_is_not_reached_says_nothing() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    async with api(refuse) as (asking, _):
        assert await asking.offers_job() is None
        assert await asking.still_ours("a", "ptrjt-1", None) is None
        assert not await asking.hand_back("a", "ptrjt-1", "died")
