import ssl
from pathlib import Path

import pytest
import trustme

from runnerpool_agent.contact import ping, ping_client
from runnerpool_agent.trust import TrustFiles, tls_context
from support import certificates
from support.bad_server import answers, bad_server

CA = trustme.CA()
PEM = CA.cert_pem.bytes().decode()
SYSTEM = trustme.CA().cert_pem.bytes()


@pytest.fixture
def files(tmp_path: Path) -> TrustFiles:
    system = tmp_path / "system.pem"
    system.write_bytes(SYSTEM)
    return TrustFiles(folder=tmp_path / "trust", system=system)


def test_certificates_are_always_verified() -> None:
    for ca in (None, PEM):
        context = tls_context(ca)
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


def test_authorities_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="certificates in PEM"):
        tls_context("-----BEGIN CERTIFICATE-----")


@pytest.mark.parametrize(("ca", "failure"), [(PEM, None), (None, "ConnectError")])
async def test_contact_with_a_server_of_a_private_authority_needs_that_authority(
    ca: str | None, failure: str | None
) -> None:
    tls = certificates.of(CA.issue_cert("localhost")).server_context()
    async with (
        bad_server(answers("200 OK", b"pong"), tls=tls) as server,
        ping_client(f"https://localhost:{server.port}", ca) as client,
    ):
        told = await ping(client)
    assert told is None if failure is None else failure in (told or "")


def test_programs_that_take_one_file_instead_of_the_systems_get_both(files: TrustFiles) -> None:
    files.write(PEM)
    environment = files.environment()
    assert Path(environment["NODE_EXTRA_CA_CERTS"]).read_text(encoding="utf-8") == PEM
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(environment["SSL_CERT_FILE"])
    assert len(context.get_ca_certs()) == 2


def test_where_the_system_has_no_such_file_none_takes_its_place(tmp_path: Path) -> None:
    files = TrustFiles(folder=tmp_path, system=None)
    files.write(PEM)
    assert files.environment() == {"NODE_EXTRA_CA_CERTS": str(files.extra)}
    assert not files.everything.exists()


def test_the_file_that_the_pods_author_names_counts_as_the_systems(
    files: TrustFiles, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert files.system is not None
    monkeypatch.setenv("SSL_CERT_FILE", str(files.system))
    assert TrustFiles.below(tmp_path).system == files.system


def test_a_system_whose_file_python_does_not_know_is_looked_for_where_debian_has_it(
    files: TrustFiles, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unknown = ssl.get_default_verify_paths()._replace(cafile=None)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: unknown)
    monkeypatch.setattr("runnerpool_agent.trust._SYSTEM", files.system)
    assert TrustFiles.below(tmp_path).system == files.system
    monkeypatch.setattr("runnerpool_agent.trust._SYSTEM", tmp_path / "absent")
    assert TrustFiles.below(tmp_path).system is None
