import asyncio
import time
from contextlib import AsyncExitStack, suppress
from http import HTTPStatus

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client

from runnerpool.cluster.api import KubeApi
from runnerpool.cluster.errors import ClusterError, NotLeading, Unavailable
from runnerpool.cluster.login import load_login


class Recorder:
    def kube_request(self, verb, resource, code, seconds):
        pass


LONG_AGO = 0.0


@pytest.fixture
async def ask():
    """What a GET makes of an answer. `ask.fresh`: the last one has counted as a usable one."""
    servers = []

    async def ask(status, body, **headers):
        async def answer(_):
            return web.Response(status=status, body=body, headers=headers)

        application = web.Application()
        application.router.add_get("/api/v1/namespaces/media/pods", answer)
        server = TestServer(application)
        await server.start_server()
        servers.append(server)
        api = KubeApi(client.Configuration(host=str(server.make_url("")).rstrip("/")), Recorder())
        api.last_answer = LONG_AGO
        try:
            return await api.call("GET", "/api/v1/namespaces/media/pods")
        finally:
            ask.fresh = api.last_answer > LONG_AGO
            await api.close()

    yield ask
    for server in servers:
        await server.close()


async def test_an_object_is_an_answer(ask):
    assert await ask(HTTPStatus.OK, b'{"items": []}') == {"items": []}


@pytest.mark.parametrize("body", [b"<html></html>", b'{"items": [{"meta', b"[]", b""])
async def test_what_is_no_object_is_not_taken_for_an_empty_list(ask, body):
    with pytest.raises(Unavailable, match="no JSON object"):
        await ask(HTTPStatus.OK, body)


async def test_an_error_needs_no_object(ask):
    with pytest.raises(Unavailable, match="answered 502"):
        await ask(HTTPStatus.BAD_GATEWAY, b"<html></html>")


@pytest.mark.parametrize("status", [HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE])
async def test_the_time_that_the_api_server_asks_for_is_passed_on(ask, status):
    with pytest.raises(Unavailable) as told:
        await ask(status, b"{}", **{"Retry-After": "5"})
    assert told.value.retry_after == 5


@pytest.mark.parametrize("status", [200, 403, 404, 409, 410, 422])
async def test_an_answer_to_this_one_call_is_a_sign_of_life_whatever_it_says(ask, status):
    with suppress(ClusterError):
        await ask(status, b"{}")
    assert ask.fresh


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b"{}"),
        (429, b"{}"),
        (500, b"{}"),
        (503, b"{}"),
        (200, b"<html></html>"),
        (404, b"<html></html>"),
    ],
)
async def test_an_answer_that_every_call_would_get_now_is_no_sign_of_life(ask, status, body):
    with pytest.raises(ClusterError):
        await ask(status, body)
    assert not ask.fresh


@pytest.fixture
async def asked():
    """An API server that takes everything, and what it was asked."""
    seen = []

    async def answer(request):
        seen.append(request.method)
        return web.json_response({})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    server = TestServer(application)
    await server.start_server()
    yield seen, client.Configuration(host=str(server.make_url("")).rstrip("/"))
    await server.close()


@pytest.mark.parametrize("verb", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_replica_that_leads_no_more_sends_no_write(asked, verb):
    seen, configuration = asked
    api = KubeApi(configuration, Recorder(), may_write=lambda: False)

    with pytest.raises(NotLeading, match="leads no more"):
        await api.call(verb, "/api/v1/namespaces/media/pods", body={})
    await api.call("GET", "/api/v1/namespaces/media/pods")
    await api.close()

    assert seen == ["GET"]
    await api.close()


async def test_a_replica_that_leads_writes(asked):
    seen, configuration = asked
    api = KubeApi(configuration, Recorder(), may_write=lambda: True)
    await api.call("POST", "/api/v1/namespaces/media/pods", body={})
    assert seen == ["POST"]
    await api.close()


@pytest.fixture
async def silent():
    """Makes an API server that takes calls, says so much, and then nothing more."""
    async with AsyncExitStack() as stack:

        async def start(words):
            async def accept(_, writer):
                writer.write(words)
                stack.callback(writer.close)

            server = await asyncio.start_server(accept, "127.0.0.1", 0)
            stack.callback(server.close)
            return client.Configuration(host="http://127.0.0.1:{1}".format(*server.sockets[0].getsockname()))

        yield start


@pytest.mark.parametrize("words", [b"", b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"items"'], ids=["none", "some"])
@pytest.mark.parametrize("verb", ["GET", "PATCH"])
async def test_an_api_server_that_takes_a_call_and_does_not_answer_it_ends_it_in_time(silent, words, verb):
    api = KubeApi(await silent(words), Recorder(), request_timeout=0.2)
    began = time.monotonic()

    async with asyncio.timeout(10):
        with pytest.raises(Unavailable, match=r"no answer from the API server \(TimeoutError\)"):
            await api.call(verb, "/api/v1/namespaces/media/pods")

    assert 0.2 <= time.monotonic() - began < 5
    await api.close()


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: me}}]
users: [{name: me, user: {token: secret}}]
clusters: [{name: here, cluster: {server: "%s"}}]
"""


async def test_a_proxy_that_the_environment_names_is_not_asked(asked, tmp_path, monkeypatch):
    seen, there = asked
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG % there.host)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    api = KubeApi((await load_login(str(path))).configuration, Recorder())
    await api.call("GET", "/api/v1/namespaces/media/pods")
    await api.close()

    assert seen == ["GET"]


@pytest.fixture
async def rotated():
    """An API server that knows the token `new` alone, and what it was told."""
    seen = []

    async def answer(request):
        seen.append(request.headers.get("Authorization"))
        known = seen[-1] == "Bearer new"
        return web.json_response({}, status=HTTPStatus.OK if known else HTTPStatus.UNAUTHORIZED)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    server = TestServer(application)
    await server.start_server()
    configuration = client.Configuration(host=str(server.make_url("")).rstrip("/"))
    configuration.api_key["BearerToken"] = "Bearer old"
    yield seen, configuration
    await server.close()


async def test_a_token_that_is_refused_is_read_again_and_the_call_made_once_more(rotated):
    seen, configuration = rotated

    async def read():
        configuration.api_key["BearerToken"] = "Bearer new"

    api = KubeApi(configuration, Recorder(), read_again=read)
    assert await api.call("GET", "/api/v1/namespaces/media/pods") == {}
    assert seen == ["Bearer old", "Bearer new"]
    await api.close()


async def _same():
    """The file has not changed."""


async def _gone():
    raise FileNotFoundError


async def _half_written():
    raise TypeError("'NoneType' object does not support item assignment")


@pytest.mark.parametrize("read", [_same, _gone, _half_written])
async def test_a_token_that_stays_refused_is_not_tried_twice(rotated, read):
    seen, configuration = rotated
    api = KubeApi(configuration, Recorder(), read_again=read)
    with pytest.raises(Unavailable, match="does not accept our token"):
        await api.call("GET", "/api/v1/namespaces/media/pods")
    assert seen == ["Bearer old"]
    await api.close()
