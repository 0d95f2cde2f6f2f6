import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from typer.testing import CliRunner

from runnerpool import cli, uninstall
from runnerpool.uninstall import PoolLeft, Verdict, check_uninstall, judge

POOLS = "/apis/runnerpool.dev/v1alpha1/transcodingrunnerpools"
POOLS_OF_MEDIA = "/apis/runnerpool.dev/v1alpha1/namespaces/media/transcodingrunnerpools"


def listing(*pools: str, following: str | None = None) -> web.Response:
    items = [dict(zip(("namespace", "name"), pool.split("/"), strict=True)) for pool in pools]
    metadata = {"continue": following} if following else {}
    return web.json_response({"items": [{"metadata": item} for item in items], "metadata": metadata})


def refusal(code: int, message: str = "") -> web.Response:
    return web.json_response({"kind": "Status", "message": message}, status=code)


@asynccontextmanager
async def api_server(answer: Callable[[web.Request], web.Response], directory: Path) -> AsyncIterator[str]:
    """An API server of one answer; yields the kubeconfig that leads to it."""

    async def handle(request: web.Request) -> web.Response:
        return answer(request)

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server = f"http://127.0.0.1:{runner.addresses[0][1]}"
        named = {"clusters": {"cluster": {"server": server}}, "users": {"user": {}}}
        document = {kind: [{"name": "here", **body}] for kind, body in named.items()}
        document["contexts"] = [{"name": "here", "context": {"cluster": "here", "user": "here"}}]
        path = directory / "kubeconfig"
        path.write_text(json.dumps(document | {"current-context": "here"}))
        yield str(path)
    finally:
        await runner.cleanup()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(uninstall, "_PAUSES_SECONDS", (0.0, 0.0))


async def test_without_pools_the_release_may_go(tmp_path):
    async with api_server(lambda _: listing(), tmp_path) as kubeconfig:
        verdict = await check_uninstall(kubeconfig, ())

    assert verdict.allowed


async def test_pools_of_every_page_and_namespace_are_counted(tmp_path):
    asked = []

    def answer(request):
        asked.append(request.path)
        if request.path == POOLS_OF_MEDIA and "continue" not in request.query:
            return listing("media/vod", following="next")
        return listing("media/live") if request.path == POOLS_OF_MEDIA else listing("staging/vod")

    async with api_server(answer, tmp_path) as kubeconfig:
        verdict = await check_uninstall(kubeconfig, ("media", "staging"))

    assert not verdict.allowed
    assert "3 TranscodingRunnerPools are left: media/live, media/vod, staging/vod." in verdict.message
    assert asked == [POOLS_OF_MEDIA, POOLS_OF_MEDIA, POOLS_OF_MEDIA.replace("media", "staging")]


async def test_without_namespaces_the_whole_cluster_is_looked_at(tmp_path):
    async with api_server(
        lambda request: listing("media/vod") if request.path == POOLS else refusal(500), tmp_path
    ) as kubeconfig:
        verdict = await check_uninstall(kubeconfig, ())

    assert "1 TranscodingRunnerPool is left: media/vod." in verdict.message


async def test_where_the_resource_has_gone_no_pool_can_be_left(tmp_path):
    async with api_server(lambda _: refusal(404), tmp_path) as kubeconfig:
        assert (await check_uninstall(kubeconfig, ())).allowed


async def test_a_missing_right_is_told_and_not_taken_for_an_empty_cluster(tmp_path):
    denial = refusal(403, 'User "x" cannot list resource "transcodingrunnerpools"')
    async with api_server(lambda _: denial, tmp_path) as kubeconfig:
        verdict = await check_uninstall(kubeconfig, ("media",))

    assert not verdict.allowed
    assert "cannot list resource" in verdict.message
    assert "(Forbidden)" in verdict.message
    assert "--no-hooks" in verdict.message


async def test_an_api_server_that_is_away_for_a_moment_is_asked_again(tmp_path):
    answers = [refusal(503), refusal(429), listing()]
    async with api_server(lambda _: answers.pop(0), tmp_path) as kubeconfig:
        assert (await check_uninstall(kubeconfig, ())).allowed


async def test_an_api_server_that_stays_away_is_told(tmp_path):
    async with api_server(lambda _: refusal(503), tmp_path) as kubeconfig:
        verdict = await check_uninstall(kubeconfig, ())

    assert not verdict.allowed
    assert "answered 503 (ApiServerUnavailable)" in verdict.message


async def test_without_a_way_to_the_api_server_the_release_may_not_go(tmp_path):
    verdict = await check_uninstall(str(tmp_path / "none"), ())

    assert not verdict.allowed
    assert "give --kubeconfig" in verdict.message


def test_a_refusal_tells_both_ways_on_and_what_abandoning_means():
    message = judge([PoolLeft(namespace="media", name="vod")]).message

    assert "kubectl delete transcodingrunnerpools --all --namespace media" in message
    assert "helm uninstall --no-hooks" in message
    assert "uninstall.abandonPools=true" in message
    escape = '{"metadata":{"finalizers":null}}'
    assert f"kubectl patch transcodingrunnerpools vod --namespace media --type=merge --patch '{escape}'" in message
    assert "helm rollback RELEASE REVISION" in message


def test_many_pools_are_counted_and_the_first_few_named():
    message = judge([PoolLeft(namespace=f"n{number}", name="vod") for number in range(8)]).message

    assert "8 TranscodingRunnerPools are left: n0/vod, n1/vod, n2/vod, n3/vod, n4/vod and 3 more." in message
    assert message.count("kubectl delete") == 5
    assert "in the other namespaces" in message


@pytest.mark.parametrize(("allowed", "code"), [(True, 0), (False, 1)])
def test_the_verdict_is_printed_and_becomes_the_exit_code(monkeypatch, allowed, code):
    asked = []

    async def look(kubeconfig, namespaces):
        asked.append((kubeconfig, namespaces))
        return Verdict(allowed=allowed, message="said")

    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(cli, "look_for_pools", look)

    done = CliRunner().invoke(cli.app, ["check-uninstall", "--namespace=a", "--namespace=b"])

    assert (done.exit_code, done.output) == (code, "said\n")
    assert asked == [(None, ("a", "b"))]
