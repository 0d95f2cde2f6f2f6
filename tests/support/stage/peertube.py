"""A simulated PeerTube in a process of its own, where this machine and its pods reach it under one URL."""

import secrets
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from peers.peertube.client import JSON, SimulatedVideo, SimulationClient
from support.cluster.processes import ProcessIdentity, start, stop
from support.stage import videos
from support.stage.errors import StageError
from support.stage.videos import VideoSpec
from support.stage.waiting import until
from support.tls import PrivateCa

_TESTS = Path(__file__).parents[2]
_START_SECONDS = 20.0
_STOP_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    uuid: str
    spec: VideoSpec


class PeerTube:
    """The server and its administrator.

    Attributes:
        url: its origin, the same for everybody.
        password: the administrator's; made for this server alone, so that it is found wherever it leaks.
        client: signed in.
    """

    def __init__(self, *, url: str, password: str, process: ProcessIdentity, log: Path) -> None:
        self.url = url
        self.password = password
        self.process = process
        self.log = log
        self.client = _signed_in(url, password, process, log)

    def upload(self, specs: Sequence[VideoSpec]) -> list[Upload]:
        """Upload videos, made if need be; each one's jobs are in the queue afterwards."""
        return [Upload(uuid=self.client.upload(videos.make(spec), spec.name), spec=spec) for spec in specs]

    def results(self, uploads: Sequence[Upload]) -> list[tuple[VideoSpec, SimulatedVideo]]:
        """What the server has of uploads."""
        found = {video.uuid: video for video in self.client.videos()}
        return [(upload.spec, found[upload.uuid]) for upload in uploads]

    def open_jobs(self) -> list[JSON]:
        """Jobs that are not at their end."""
        return [job for job in self.client.jobs() if job["state"]["id"] in OPEN_STATES]

    def stop(self) -> None:
        self.client.close()
        stop(self.process, grace_seconds=_STOP_GRACE_SECONDS)


# packages/models, runner-job-state.model.ts: pending, processing, waiting for parent, completing.
PENDING, PROCESSING, COMPLETED, WAITING, COMPLETING = 1, 2, 3, 5, 9
OPEN_STATES = frozenset({PENDING, PROCESSING, WAITING, COMPLETING})


def start_peertube(
    address: str,
    directory: Path,
    *,
    version: str = "8.2",
    authority: PrivateCa | None = None,
    clock_divisor: float = 1.0,
    outlives_starter: bool = False,
) -> PeerTube:
    """Start a server with its watchdog on.

    Args:
        address: where it listens, and its name for all.
        directory: its files, its password and its log; made if need be.
        version: which PeerTube it simulates: 6.3 or 8.2.
        authority: signs its certificate, and it serves HTTPS; None: plain HTTP.
        clock_divisor: its watchdog runs so much faster; 1 is real time.
        outlives_starter: it stands until somebody stops it.

    Raises:
        StageError: it does not answer.
    """
    directory.mkdir(parents=True, exist_ok=True)
    password = f"root-{secrets.token_hex(16)}"
    password_file = directory / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    port = _free_port(address)
    scheme = "http" if authority is None else "https"
    url, log = f"{scheme}://{address}:{port}", directory / "peertube.log"
    # pytest finds `peers` by a setting of its own that a program it starts knows nothing of.
    command = ["env", f"PYTHONPATH={_TESTS}", sys.executable, "-m", "peers.peertube"]
    command += [f"--listen={address}:{port}", f"--public-url={url}"]
    command += [f"--data-dir={directory / 'data'}", f"--password-file={password_file}", f"--peertube={version}"]
    command += [f"--clock-divisor={clock_divisor}"]
    if authority is not None:
        files = authority.files(directory / "tls", [address])
        command += [f"--tls-cert={files.certificate}", f"--tls-key={files.key}"]
    process = start("peertube", command, log=log, outlives_starter=outlives_starter)
    try:
        return PeerTube(url=url, password=password, process=process, log=log)
    except BaseException:
        stop(process, grace_seconds=_STOP_GRACE_SECONDS)
        raise


@contextmanager
def running_peertube(
    address: str,
    directory: Path,
    *,
    version: str = "8.2",
    authority: PrivateCa | None = None,
    clock_divisor: float = 1.0,
) -> Iterator[PeerTube]:
    """A server for as long as the block runs; the arguments are those of `start_peertube`."""
    server = start_peertube(address, directory, version=version, authority=authority, clock_divisor=clock_divisor)
    try:
        yield server
    finally:
        server.stop()


def _signed_in(url: str, password: str, process: ProcessIdentity, log: Path) -> SimulationClient:
    def answering() -> SimulationClient | None:
        if not process.alive:
            raise StageError(f"the simulated PeerTube ended at once; {log} says: {log.read_text().strip()}")
        try:
            return SimulationClient(url, password=password)
        except httpx.TransportError:
            return None

    client = until(answering, f"an answer of the simulated PeerTube on {url}", seconds=_START_SECONDS)
    assert client is not None
    client.login()
    return client


def _free_port(address: str) -> int:
    """A port that nobody listens on; the public URL must be known before the server starts."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            raise StageError(f"nobody can listen on {address}: {error}; does the cluster's node run?") from error
        return int(probe.getsockname()[1])
