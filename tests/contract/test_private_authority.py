"""A server whose certificate a private authority signed: for operator, agent, Node and FFmpeg, over real TLS."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from peers.peertube.client import SimulationClient
from peers.peertube.server import RunningServer, running
from peers.peertube.simulation import DEFAULT_PASSWORD, Settings
from peers.peertube.tls import TlsFiles
from runnerpool.api.reasons import Reason
from runnerpool.control.pace import Pace
from runnerpool.control.poller import ServerPoller
from runnerpool.control.pollers import Pollers
from runnerpool.control.ports import PoolKey
from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.connect import Connector
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.endpoint import Endpoint
from runnerpool.peertube.reading import Want
from runnerpool.peertube.trust import CaBundle
from runnerpool.planning.jobs import ServerReading
from runnerpool.planning.queue import QueueUnknown
from support import certificates
from support.agent.pod import Pod, agent_config, running_pod
from support.bad_server import answers, bad_server
from support.tls import PrivateCa, ServerFiles

pytestmark = pytest.mark.timeout(300)

HOST = "127.0.0.1"
WEB_VIDEO = "vod-web-video-transcoding"
POOL = PoolKey("media", "vod")
Reading = ServerReading | QueueUnknown


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(kw_only=True)
class Place:
    """A server, its certificate's files, the authority that signed it, and the next one."""

    server: RunningServer
    files: ServerFiles
    old: PrivateCa
    new: PrivateCa

    @asynccontextmanager
    async def administrator(self) -> AsyncIterator[SimulationClient]:
        """It blocks: call it in a thread, as the server lives in this event loop."""
        admin = await asyncio.to_thread(SimulationClient, self.server.base_url)
        with admin:
            await asyncio.to_thread(admin.login)
            yield admin

    async def show_certificate_of(self, authority: PrivateCa) -> None:
        authority.certify(self.files, [HOST])
        async with self.administrator() as admin:
            await asyncio.to_thread(admin.reload_certificate)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    old, new = PrivateCa(tmp_path, "old"), PrivateCa(tmp_path, "new")
    files = old.files(tmp_path / "tls", [HOST])
    tls = TlsFiles(certificate=files.certificate, key=files.key)
    async with running(Settings(public_url="", data_directory=tmp_path / "server", tls=tls)) as server:
        yield Place(server=server, files=files, old=old, new=new)


class Following:
    """One pool's poller, taken anew for each pass, as the operator does."""

    def __init__(self, place: Place) -> None:
        pace = Pace(period=0.2, full_read=1.0, longest_pause=0.5)
        self.pollers = Pollers(Connector(), clock=SystemClock(), pace=pace)
        self._address = ServerAddress.parse(place.server.base_url)
        self._changed = asyncio.Event()

    def pass_with(self, bundle: str | None) -> ServerPoller:
        login = Credentials(origin=self._address.public, username="root", password=SecretStr(DEFAULT_PASSWORD))
        trusted = CaBundle.parse(bundle) if bundle else None
        endpoint = Endpoint(address=self._address, credentials=login, ca_bundle=trusted)
        return self.pollers.acquire(POOL, endpoint, self._changed.set, Want())

    async def wait(self, poller: ServerPoller, met: Callable[[Reading], bool]) -> Reading:
        async with asyncio.timeout(30):
            while not met(poller.reading):
                self._changed.clear()
                await self._changed.wait()
        return poller.reading


def known(reading: Reading) -> bool:
    return isinstance(reading, ServerReading)


def distrusted(reading: Reading) -> bool:
    return isinstance(reading, QueueUnknown) and reading.reason is Reason.TLS_ERROR


@pytest.fixture
async def following(place: Place) -> AsyncIterator[Following]:
    following = Following(place)
    yield following
    await following.pollers.close()


async def test_the_operator_reads_a_server_that_its_bundle_vouches_for_and_no_other(
    place: Place, following: Following
) -> None:
    told = await following.wait(following.pass_with(None), distrusted)
    assert isinstance(told, QueueUnknown)
    assert "spec.server.caBundleRef" in told.message
    await following.wait(following.pass_with(place.new.pem), distrusted)
    assert not place.server.simulation.journal.login_attempts

    await following.wait(following.pass_with(place.old.pem), known)


async def test_a_rotated_authority_is_told_and_the_new_bundle_heals_at_once(place: Place, following: Following) -> None:
    poller = following.pass_with(place.old.pem)
    await following.wait(poller, known)
    await place.show_certificate_of(place.new)
    await following.wait(poller, distrusted)

    healed = following.pass_with(place.new.pem)

    assert healed is not poller
    await following.wait(healed, known)


async def test_with_both_authorities_in_the_bundle_a_rotation_is_not_noticed(
    place: Place, following: Following
) -> None:
    poller = following.pass_with(place.old.pem + place.new.pem)
    await following.wait(poller, known)
    await place.show_certificate_of(place.new)
    async with place.administrator() as admin:
        await asyncio.to_thread(admin.enqueue, WEB_VIDEO)

    later = await following.wait(
        poller, lambda reading: not isinstance(reading, ServerReading) or reading.pending != ()
    )

    assert known(later)


@asynccontextmanager
async def pod_of(place: Place, program: Path, ca: str | None) -> AsyncIterator[Pod]:
    """A pod that the operator has registered and told this authority, and a job for it."""
    async with place.administrator() as admin:
        token = await asyncio.to_thread(admin.register, "vod-1a2b3-7", "for tests")
        await asyncio.to_thread(partial(admin.enqueue, WEB_VIDEO, file=True))
    config = agent_config(runner={"name": "vod-1a2b3-7", "token": token, "description": "for tests"})
    config["server"] = {"url": place.server.base_url, "ca": ca}
    async with running_pod(config, [str(program)]) as pod:
        yield pod


async def test_agent_and_runner_trust_what_the_operator_hands_over_and_work(place: Place, program: Path) -> None:
    async with pod_of(place, program, place.old.pem) as pod, place.administrator() as admin:
        async with asyncio.timeout(150):
            while (await state_of_the_job(admin)) != "Completed":  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.2)
        await pod.wait_ready()
        pod.order("scale-down")
        assert await pod.exit_code() == 0


async def state_of_the_job(admin: SimulationClient) -> str:
    [job] = await asyncio.to_thread(admin.jobs)
    return str(job["state"]["label"])


async def test_without_the_authority_neither_agent_nor_runner_comes_through(place: Place, program: Path) -> None:
    async with pod_of(place, program, None) as pod:
        await pod.wait_for_line("CERTIFICATE_VERIFY_FAILED")
        await pod.wait_for_line("Cannot connect to")
        assert (await pod.get("readyz")).status_code == 503


async def ffmpeg(*options: str, url: str, environment: dict[str, str]) -> int:
    process = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-v", "error", *options, "-i", url, "-f", "null", "-"),
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(60):
        return await process.wait()


async def test_this_ffmpeg_takes_any_certificate_unless_told_otherwise(tmp_path: Path) -> None:
    """What `runnerpool_agent.trust` says of it: if this fails, FFmpeg's default has changed, and pages must be too."""
    authority = PrivateCa(tmp_path)
    files = authority.files(tmp_path / "tls", ["localhost"])
    tls = TlsFiles(certificate=files.certificate, key=files.key).context()
    async with bad_server(answers("404 Not Found", b""), tls=tls) as server:
        url = f"https://localhost:{server.port}/video.mp4"
        await ffmpeg(url=url, environment={})
        assert len(server.requests) == 1
        await ffmpeg("-tls_verify", "1", url=url, environment={})
        assert len(server.requests) == 1
        await ffmpeg("-tls_verify", "1", "-ca_file", str(authority.file), url=url, environment={})
        assert len(server.requests) == 2


async def test_node_takes_a_certificate_that_vouches_for_itself_by_the_same_file(tmp_path: Path) -> None:
    """As the operator does: what it accepts, the runner has to."""
    itself = certificates.self_signed("localhost")
    bundle = tmp_path / "extra.pem"
    bundle.write_bytes(itself.chain[0])
    fetch = "require('https').get(process.argv[1], answer => process.exit(answer.statusCode === 200 ? 0 : 2))"
    async with bad_server(answers("200 OK", b"pong"), tls=itself.server_context()) as server:
        process = await asyncio.create_subprocess_exec(
            *("node", "--eval", fetch, f"https://localhost:{server.port}/"),
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "NODE_EXTRA_CA_CERTS": str(bundle)},
        )
        async with asyncio.timeout(60):
            assert await process.wait() == 0
