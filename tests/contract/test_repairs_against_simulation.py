"""The operator's repairs against the simulated server, over real HTTP: what they do to jobs, and what is refused."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from peers.peertube.plain import Order, enqueue
from peers.peertube.profile import PEERTUBE_6_3, PEERTUBE_8_2, STORYBOARD, STUDIO, WEB_VIDEO, ServerProfile
from peers.peertube.records import Job, JobState, Runner
from peers.peertube.server import RunningServer, running
from peers.peertube.simulation import DEFAULT_PASSWORD, Settings
from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.client import PeerTubeClient
from runnerpool.peertube.connect import Connector
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.endpoint import Endpoint
from runnerpool.peertube.errors import RepairRefused
from runnerpool.peertube.reading import read_server
from runnerpool.planning.repair_steps import TranscodingKind
from runnerpool.planning.stuck import Owners, StuckCause, stuck_jobs

ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(params=[PEERTUBE_6_3, PEERTUBE_8_2], ids=["6.3", "8.2"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RunningServer]:
    profile: ServerProfile = request.param
    async with running(Settings(public_url="", data_directory=tmp_path, profile=profile)) as server:
        yield server


@pytest.fixture
async def client(server: RunningServer) -> AsyncIterator[PeerTubeClient]:
    values = {"url": server.base_url, "username": "root", "password": DEFAULT_PASSWORD}
    login = Credentials.from_secret(
        {key: SecretStr(value) for key, value in values.items()}, server_url=server.base_url
    )
    client = Connector()(Endpoint(address=ServerAddress.parse(server.base_url, None), credentials=login))
    yield client
    await client.aclose()


async def put(server: RunningServer, kind: str = WEB_VIDEO, **order: object) -> Job:
    _, (job,) = await enqueue(server.simulation, Order.parse({"type": kind, **order}))
    return job


def runner(server: RunningServer, name: str) -> Runner:
    registry = server.simulation.runners
    token = registry.tokens[0].value
    return registry.register(registration_token=token, name=name, description=None, version=None, ip="127.0.0.1")


async def stuck(server: RunningServer, client: PeerTubeClient, kind: str) -> dict[str, StuckCause]:
    """What the operator makes of the server's queue, with no pod of its own."""
    reading = await read_server(client, now=lambda: datetime.now(UTC))
    rows = frozenset(row.name for row in await client.list_runners())
    found = stuck_jobs(
        reading,
        {kind},
        version=(await client.server_facts()).version,
        owners=Owners(rows=rows, ours=frozenset(), pods=frozenset()),
        stuck_after=timedelta(hours=1),
        now=datetime.now(UTC),
    )
    return {one.job.uuid: one.cause for one in found}


async def test_a_job_is_cancelled_in_every_state_that_allows_it(server: RunningServer, client: PeerTubeClient) -> None:
    pending, taken = await put(server), await put(server)
    child = await put(server, parent=taken.uuid)
    server.simulation.queue.accept(taken, runner(server, "r"))

    assert await client.cancel_job(pending.uuid)
    assert await client.cancel_job(taken.uuid)

    assert (pending.state, taken.state, child.state) == (
        JobState.CANCELLED,
        JobState.CANCELLED,
        JobState.PARENT_CANCELLED,
    )
    assert not await client.cancel_job(taken.uuid)
    assert not await client.cancel_job(ABSENT)


async def test_a_job_that_a_restart_left_completing_can_only_be_deleted(
    server: RunningServer, client: PeerTubeClient
) -> None:
    job, holder = await put(server), runner(server, "r")
    child = await put(server, parent=job.uuid)
    server.simulation.queue.accept(job, holder)
    server.simulation.completer.seconds = 600
    files = {"payload[videoFile]": ("a.mp4", b"x")}
    form = {"runnerToken": holder.token, "jobToken": job.token or ""}
    async with httpx.AsyncClient(base_url=server.base_url, trust_env=False) as runner_side:
        path = f"/api/v1/runners/jobs/{job.uuid}/success"
        upload = asyncio.create_task(runner_side.post(path, data=form, files=files))
        while job.state is not JobState.COMPLETING:  # noqa: ASYNC110 -- the simulation tells nobody
            await asyncio.sleep(0.01)
        await server.simulation.restart()
        with pytest.raises(httpx.TransportError):
            await upload
    assert (job.state, child.state) == (JobState.COMPLETING, JobState.WAITING_FOR_PARENT_JOB)
    server.simulation.queue.age(job, 3700)

    assert await stuck(server, client, WEB_VIDEO) == {job.uuid: StuckCause.COMPLETING_FOREVER}
    assert not await client.cancel_job(job.uuid)
    assert await client.delete_job(job.uuid)
    await client.transcode_video(job.video_uuid, TranscodingKind.WEB_VIDEO)

    assert not await client.delete_job(job.uuid)
    (anew,) = server.simulation.queue
    assert (anew.type, anew.state, anew.video_uuid) == (WEB_VIDEO, JobState.PENDING, job.video_uuid)


async def test_a_transcoding_is_asked_for_by_force_even_while_another_is_under_way(
    server: RunningServer, client: PeerTubeClient
) -> None:
    job = await put(server)

    await client.transcode_video(job.video_uuid, TranscodingKind.HLS)

    assert [one.type for one in server.simulation.queue] == [WEB_VIDEO, "vod-hls-transcoding"]


async def test_an_upload_is_transcoded_anew_in_all_its_resolutions(
    server: RunningServer, client: PeerTubeClient
) -> None:
    job = await put(server, file=True)

    await client.transcode_video(job.video_uuid, TranscodingKind.HLS)

    anew = [one.payload["output"]["resolution"] for one in server.simulation.queue if one.uuid != job.uuid]
    assert anew == [240, 144]


async def test_a_video_that_has_gone_is_refused(client: PeerTubeClient) -> None:
    with pytest.raises(RepairRefused):
        await client.transcode_video(ABSENT, TranscodingKind.HLS)


async def test_a_job_whose_runners_row_is_deleted_is_in_work_by_nobody(
    server: RunningServer, client: PeerTubeClient
) -> None:
    job, holder = await put(server), runner(server, "r")
    server.simulation.queue.accept(job, holder)
    await client.delete_runner(holder.id)
    server.simulation.queue.age(job, 301)

    assert await stuck(server, client, WEB_VIDEO) == {job.uuid: StuckCause.PROCESSING_WITHOUT_RUNNER}


@pytest.mark.parametrize("kind", [STUDIO, STORYBOARD])
async def test_what_the_watchdog_sweeps_past_is_what_is_told_as_orphaned(
    server: RunningServer, client: PeerTubeClient, kind: str
) -> None:
    if kind not in server.simulation.profile.job_types:
        pytest.skip("this version has no storyboard jobs")
    job, holder = await put(server, kind), runner(server, "r")
    server.simulation.queue.accept(job, holder)
    await client.delete_runner(holder.id)
    server.simulation.queue.age(job, 301)

    told = await stuck(server, client, kind)
    server.simulation.watchdog.sweep()

    watched = kind in server.simulation.profile.stalled_seconds
    assert (job.state is JobState.PENDING) is watched
    orphaned = StuckCause.ORPHANED_STUDIO if kind == STUDIO else StuckCause.ORPHANED_STORYBOARD
    assert told == {job.uuid: StuckCause.PROCESSING_WITHOUT_RUNNER if watched else orphaned}


async def test_start_failures_and_video_are_read(server: RunningServer, client: PeerTubeClient) -> None:
    job = await put(server)
    server.simulation.queue.accept(job, runner(server, "r"))
    server.simulation.queue.report_error(job, "no")
    server.simulation.queue.accept(job, runner(server, "s"))

    (seen,) = (await read_server(client, now=lambda: datetime.now(UTC))).active

    assert (seen.failures, seen.video) == (1, job.video_uuid)
    assert seen.started is not None
    assert job.started_at is not None
    assert abs(seen.started - job.started_at) < timedelta(seconds=1)
