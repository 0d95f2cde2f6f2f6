"""From the settings to a block that runs only while this replica leads."""

import asyncio
import threading
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client

from runnerpool import leadership as module
from runnerpool.cluster.login import Login
from runnerpool.control.deadline import ended_when
from runnerpool.health import Health
from runnerpool.leadership import EXIT_LOST, NoLeaseNamespace, end_hard, leadership, lease_namespace
from runnerpool.metrics import Metrics
from runnerpool.settings import Settings
from support.fake_lease import WallClock

ELECTION = Settings(runner_image="r:1", leader_election=True, lease_namespace="system", lease_identity="me")


class LeaseServer:
    """One Lease, and a switch that takes it away from its holder."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.answers = True

    async def answer(self, request: web.Request) -> web.Response:
        if not self.answers:
            return web.json_response({}, status=503)
        if request.method == "GET":
            missing = {"reason": "NotFound"}
            return web.json_response(self.lease or missing, status=200 if self.lease else 404)
        self.put(await request.json())
        return web.json_response(self.lease)

    def put(self, body: dict[str, Any]) -> None:
        self.version += 1
        self.lease = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}

    @property
    def holder(self) -> str:
        return str(self.lease["spec"]["holderIdentity"]) if self.lease else "nobody"


@pytest.fixture
async def served():
    made = LeaseServer()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.answer)
    server = TestServer(application)
    await server.start_server()
    yield made, client.Configuration(host=str(server.make_url("")).rstrip("/"))
    await server.close()


def leads(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("runnerpool_operator_leader")


def led(configuration: client.Configuration, metrics: Metrics, ended: list[str], settings: Settings = ELECTION):
    login = Login(configuration=configuration, kubeconfig=None)
    return leadership(settings, login, metrics=metrics, vitals=Health(), clock=WallClock(), end=ended.append)


async def test_without_an_election_everybody_leads_and_asks_nobody() -> None:
    metrics, ended = Metrics(), []
    async with led(client.Configuration(host="http://127.0.0.1:9"), metrics, ended, Settings(runner_image="r")) as may:
        assert may()
        assert leads(metrics) == 1


async def test_the_block_runs_while_the_lease_is_held_and_gives_it_back(served) -> None:
    server, configuration = served
    metrics, ended = Metrics(), []
    async with led(configuration, metrics, ended) as may_write:
        assert server.holder == "me"
        assert may_write()
        assert leads(metrics) == 1
    assert server.holder == ""
    assert not may_write()
    assert leads(metrics) == 0
    assert ended == []


async def test_it_is_given_back_also_when_the_block_is_cancelled(served) -> None:
    server, configuration = served
    ended: list[str] = []
    entered = asyncio.Event()

    async def operate() -> None:
        async with led(configuration, Metrics(), ended):
            entered.set()
            await asyncio.Event().wait()

    operating = asyncio.create_task(operate())
    await entered.wait()
    operating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await operating
    assert server.holder == ""
    assert ended == []


async def test_renewals_that_end_for_any_reason_end_the_process(served, monkeypatch) -> None:
    _server, configuration = served
    ended: list[str] = []

    async def broken(_: object) -> None:
        raise KeyError("spec")

    monkeypatch.setattr(module.Leader, "keep", broken)
    with pytest.raises(ExceptionGroup):
        async with led(configuration, Metrics(), ended):
            await asyncio.Event().wait()
    assert ended == ["'spec'"]


async def test_identities_that_nobody_gave_differ(served) -> None:
    server, configuration = served
    settings = Settings(runner_image="r:1", leader_election=True, lease_namespace="system")
    holders = set()
    for _ in range(2):
        async with led(configuration, Metrics(), [], settings):
            holders.add(server.holder)
    assert len(holders) == 2


async def test_a_deadline_ends_the_process_though_the_event_loop_hangs() -> None:
    ended: list[tuple[str, str]] = []
    hit = threading.Event()
    overdue = False

    def end(cause: str) -> None:
        ended.append((cause, threading.current_thread().name))
        hit.set()

    with ended_when(lambda: overdue, end):
        overdue = True
        assert hit.wait(5)  # the loop does not turn meanwhile
    assert ended == [("the Lease was not renewed in time", "leader's deadline")]


def test_a_leader_that_is_in_time_is_not_ended() -> None:
    asked = threading.Event()
    ended: list[str] = []

    def overdue() -> bool:
        asked.set()
        return False

    with ended_when(overdue, ended.append):
        assert asked.wait(5)
    assert ended == []


def test_the_end_is_an_exit_without_a_goodbye(monkeypatch, caplog) -> None:
    codes: list[int] = []
    monkeypatch.setattr(module.os, "_exit", codes.append)
    end_hard("the Lease was lost")
    assert codes == [EXIT_LOST]
    assert "the Lease was lost: this process ends at once" in caplog.text


def test_the_lease_lives_where_it_is_told_or_in_the_pods_own_namespace(tmp_path) -> None:
    own = tmp_path / "namespace"
    own.write_text("runnerpool-system\n")
    assert lease_namespace(ELECTION, own) == "system"
    assert lease_namespace(Settings(runner_image="r"), own) == "runnerpool-system"
    with pytest.raises(NoLeaseNamespace, match="give --lease-namespace"):
        lease_namespace(Settings(runner_image="r"), tmp_path / "none")
