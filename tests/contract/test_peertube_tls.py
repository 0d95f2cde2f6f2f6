"""The simulated server over TLS, with certificates that are bad or change under its feet."""

import asyncio
import contextlib
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import httpx
import pytest

from peers.peertube.client import SimulationClient
from peers.peertube.server import RunningServer, running
from peers.peertube.simulation import Settings
from peers.peertube.tls import TlsFiles
from support.tls import PrivateCa, ServerFiles

HOST = "127.0.0.1"


@contextlib.asynccontextmanager
async def served(directory: Path, files: ServerFiles) -> AsyncIterator[RunningServer]:
    tls = TlsFiles(certificate=files.certificate, key=files.key)
    async with running(Settings(public_url="", data_directory=directory / "server", tls=tls)) as server:
        yield server


def trusting(ca: PrivateCa) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=ssl.create_default_context(cafile=ca.file), trust_env=False)


async def ping(server: RunningServer, ca: PrivateCa) -> int:
    async with trusting(ca) as client:
        return (await client.get(f"{server.base_url}/api/v1/ping")).status_code


async def test_the_servers_own_ca_is_enough_and_payloads_and_public_url_are_https(tmp_path: Path) -> None:
    ca = PrivateCa(tmp_path)
    async with served(tmp_path, ca.files(tmp_path / "tls", [HOST])) as server:
        assert await ping(server, ca) == 200
        assert server.simulation.settings.public_url == server.base_url
        client = await asyncio.to_thread(SimulationClient, server.base_url)
        await asyncio.to_thread(client.login)
        await asyncio.to_thread(client.enqueue, "vod-web-video-transcoding")
        [job] = await asyncio.to_thread(client.jobs)
        assert job["payload"]["input"]["videoFileUrl"].startswith(f"https://{HOST}:")
        client.close()


@pytest.mark.parametrize(
    ("hosts", "expired", "complaint"),
    [([HOST], True, "certificate has expired"), (["elsewhere.example"], False, "IP address mismatch")],
)
async def test_a_bad_certificate_is_shown_as_it_is(
    tmp_path: Path, hosts: list[str], expired: bool, complaint: str
) -> None:
    ca = PrivateCa(tmp_path)
    async with served(tmp_path, ca.files(tmp_path / "tls", hosts, expired=expired)) as server:
        with pytest.raises(httpx.ConnectError, match=complaint):
            await ping(server, ca)
        with pytest.raises(httpx.ConnectError, match="unable to get local issuer"):
            await ping(server, PrivateCa(tmp_path, "unknown"))


async def test_a_certificate_of_another_ca_is_shown_from_the_reload_on_and_open_connections_end(
    tmp_path: Path,
) -> None:
    old, new = PrivateCa(tmp_path, "old"), PrivateCa(tmp_path, "new")
    files = old.files(tmp_path / "tls", [HOST])
    async with served(tmp_path, files) as server, trusting(old) as client:
        address = f"{server.base_url}/api/v1/ping"
        assert (await client.get(address)).status_code == 200
        new.certify(files, [HOST])
        assert (await client.get(address)).status_code == 200
        admin = await asyncio.to_thread(SimulationClient, server.base_url)
        await asyncio.to_thread(admin.reload_certificate)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get(address)
        assert await ping(server, new) == 200
        admin.close()


async def test_files_that_hold_no_certificate_are_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    ca = PrivateCa(tmp_path)
    files = ca.files(tmp_path / "tls", [HOST])
    async with served(tmp_path, files) as server:
        files.certificate.write_text("no certificate")
        async with trusting(ca) as client:
            answer = await client.post(f"{server.base_url}/simulation/certificate")
        assert (answer.status_code, "cannot be used" in answer.text) == (400, True)
        assert await ping(server, ca) == 200


async def test_a_server_without_tls_has_no_certificate_to_reload() -> None:
    async with running() as server, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.post(f"{server.base_url}/simulation/certificate")).status_code == 400


async def test_the_socket_is_served_over_tls_too(tmp_path: Path) -> None:
    ca = PrivateCa(tmp_path)
    context = ssl.create_default_context(cafile=ca.file)
    async with served(tmp_path, ca.files(tmp_path / "tls", [HOST])) as server, aiohttp.ClientSession() as session:
        url = f"{server.base_url}/socket.io/?EIO=4&transport=websocket"
        async with session.ws_connect(url, ssl=context) as socket:
            assert (await socket.receive_str()).startswith("0{")


def command(tmp_path: Path, *options: str) -> subprocess.Popen[str]:
    places = ["--listen", f"{HOST}:0", "--public-url", f"https://{HOST}", "--data-dir", str(tmp_path / "data")]
    return subprocess.Popen(
        [sys.executable, "-m", "peers.peertube", *places, *options],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_serves_the_chosen_version_over_tls(tmp_path: Path) -> None:
    files = PrivateCa(tmp_path).files(tmp_path / "tls", [HOST])
    tls = ("--tls-cert", str(files.certificate), "--tls-key", str(files.key))
    with command(tmp_path, "--peertube", "6.3", *tls) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Simulated PeerTube 6.3.0 ready on https://")
        with SimulationClient(line.split(" ready on ")[1].split()[0]) as client:
            assert client.set()["version"] == "6.3.0"
        process.terminate()
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        (("--tls-cert", "missing.crt"), 2, "go together"),
        (("--tls-cert", "missing.crt", "--tls-key", "missing.key"), 1, "correct the files"),
    ],
)
def test_the_command_says_what_is_wrong_with_its_certificate(
    tmp_path: Path, options: tuple[str, ...], code: int, complaint: str
) -> None:
    with command(tmp_path, *options) as process:
        _, errors = process.communicate(timeout=20)
        assert process.returncode == code
        assert complaint in errors
